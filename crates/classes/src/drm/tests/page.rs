//! docs/drm.md quotes code, and names tests: both are there.

use std::collections::BTreeMap;

const PAGE: &str = include_str!("../../../../../docs/drm.md");
const POINTS: &str = include_str!("points.rs");
const LIFE: &str = include_str!("life.rs");

/// The files that it quotes.
fn sources() -> BTreeMap<&'static str, &'static str> {
    BTreeMap::from([
        ("mod.rs", include_str!("../mod.rs")),
        ("buffer.rs", include_str!("../buffer.rs")),
        ("hub.rs", include_str!("../hub.rs")),
    ])
}

/// The first line of a quotation that `source` does not have after those before it.
fn missing<'a>(quotation: &'a str, source: &str) -> Option<&'a str> {
    let mut lines = source.lines();
    quotation.lines().find(|quoted| !lines.any(|line| line == *quoted))
}

#[test]
fn what_the_page_quotes_is_there() {
    let quotations: Vec<_> = PAGE.split("```rust\n// crates/classes/src/drm/").skip(1).collect();
    assert_eq!(quotations.len(), PAGE.matches("```rust").count(), "each says of which file it is");
    assert!(quotations.len() >= 6);
    for quotation in quotations {
        let (file, rest) = quotation.split_once('\n').unwrap();
        let (code, _) = rest.split_once("```").unwrap();
        assert_eq!(missing(code, sources()[file]), None, "{file} lacks this line, or has it elsewhere");
    }
}

#[test]
fn a_line_that_is_not_there_is_found() {
    let source = "fn one() {\n    two();\n}\n";
    assert_eq!(missing("fn one() {\n}\n", source), None);
    assert_eq!(missing("fn one() {\n    three();\n", source), Some("    three();"));
    assert_eq!(missing("}\nfn one() {\n", source), Some("fn one() {"), "in another order");
}

#[test]
fn each_of_the_thirteen_points_has_its_tests() {
    let tests = |source: &'static str| -> Vec<&'static str> {
        let after = source.split("#[test]\nfn ").skip(1);
        after.map(|test| test.split('(').next().unwrap()).collect()
    };
    for number in 1..=13 {
        let row = PAGE.lines().find(|line| line.starts_with(&format!("| {number} |"))).expect("a row");
        let of_it: Vec<_> =
            tests(POINTS).into_iter().filter(|test| test.starts_with(&format!("point_{number}_"))).collect();
        assert!(!of_it.is_empty(), "point {number} has no test");
        of_it.iter().for_each(|test| assert!(row.contains(&format!("`{test}`")), "point {number}: {test}"));
        assert_eq!(row.matches("`point_").count(), of_it.len(), "point {number} names a test that is not there");
    }
    let others = ["clean_up_works", "the_driver_is_given_back_without_anything_of_its_clients"];
    for test in others {
        assert!(PAGE.contains(&format!("`{test}`")) && [tests(POINTS), tests(LIFE)].concat().contains(&test), "{test}");
    }
}
