//! The tables of README.md and docs/linux.md: which statements are kept, by us and by Linux' own subsystems.
#![allow(dead_code, reason = "each test reads its part")]

use std::{collections::BTreeMap, fs, path::Path};

/// A table whose lines are each about one statement.
pub(crate) struct Table {
    /// The headings of all columns.
    pub(crate) columns: Vec<String>,
    /// The cells of each line by their headings, by the number of the statement.
    pub(crate) lines: BTreeMap<u8, BTreeMap<String, String>>,
}

/// The table of `page`, a path from the repository's root, that has a column `law`.
pub(crate) fn read(page: &str) -> Table {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(page);
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let cells = |line: &str| -> Option<Vec<String>> {
        let inner = line.strip_prefix('|')?.strip_suffix('|')?;
        Some(inner.split('|').map(|cell| cell.trim().to_owned()).collect())
    };
    let mut rows = text.lines().map(cells).skip_while(|cells| {
        let law = |cells: &Vec<String>| cells.iter().any(|cell| cell == "law");
        !cells.as_ref().is_some_and(law)
    });
    let columns = rows.next().flatten().unwrap_or_else(|| panic!("{page} has no table with a column `law`"));
    let mut lines = BTreeMap::new();
    for cells in rows.skip(1).map_while(|cells| cells) {
        assert_eq!(cells.len(), columns.len(), "{page}: a line has as many cells as there are columns: {cells:?}");
        let line: BTreeMap<String, String> = columns.iter().cloned().zip(cells).collect();
        let number = line["law"].strip_prefix('I').and_then(|number| number.parse().ok());
        let number = number.unwrap_or_else(|| panic!("{page}: {:?} is no statement", line["law"]));
        assert!(lines.insert(number, line).is_none(), "{page}: I{number} comes twice");
    }
    assert!(lines.len() >= 12, "{page}: only {} lines", lines.len());
    Table { columns, lines }
}

/// Checks that the README claims in `column` what the suite checks of a subject of class `class`, and no more. A cell is
/// "yes", "-" for nobody, or the names of the only classes that it applies to.
pub(crate) fn check_claims(column: &str, class: &str, excuse: impl Fn(u8) -> Option<&'static str>) {
    for (number, line) in read("README.md").lines {
        let claimed = line[column] == "yes" || line[column].split(", ").any(|one| one == class);
        let checked = excuse(number).is_none();
        assert_eq!(
            claimed,
            checked,
            "README.md, I{number}, {column}: {:?}, for {class}: {:?}",
            line[column],
            excuse(number)
        );
    }
}
