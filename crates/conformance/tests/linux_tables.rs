//! README.md's short table of what Linux keeps is that of docs/linux.md; both speak of statements of the law.

mod tables;

use outlive_conformance::LAW;
use tables::read;

/// The subsystems, as columns.
const LINUX: [&str; 7] = ["i2c-dev", "evdev", "mtd", "tpm", "drm", "sg", "uio"];

/// "no, it waits (m)" in short: "no (m)".
fn short(cell: &str) -> Option<String> {
    if cell == "-" {
        return Some(cell.to_owned());
    }
    let (word, why) = cell.split_once([',', ':'])?;
    let mark = ["(m)", "(r)"].into_iter().find(|mark| why.ends_with(mark))?;
    ["yes", "no"].contains(&word).then(|| format!("{word} {mark}"))
}

#[test]
fn the_readme_is_the_short_form_of_the_page() {
    let (readme, page) = (read("README.md"), read("docs/linux.md"));
    assert!(readme.lines.keys().eq(page.lines.keys()), "the same statements");
    for (number, line) in &page.lines {
        assert!(LAW.iter().any(|statement| statement.number == *number), "I{number}");
        for column in LINUX {
            let cell = &line[column];
            let cell =
                short(cell).unwrap_or_else(|| panic!("I{number}, {column}: {cell:?} says no yes or no, or no mark"));
            assert_eq!(readme.lines[number][column], cell, "I{number}, {column}");
        }
    }
}

#[test]
fn a_cell_says_yes_or_no_and_how_that_is_known() {
    assert_eq!(short("no, it waits (m)").as_deref(), Some("no (m)"));
    assert_eq!(short("yes: uevent (r)").as_deref(), Some("yes (r)"));
    for wrong in ["no, it waits", "perhaps, it waits (m)", "yes", ""] {
        assert_eq!(short(wrong), None, "{wrong:?}");
    }
}
