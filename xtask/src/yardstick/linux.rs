//! What Linux' subsystems were seen to keep of the removal law, beside what docs/linux.md says of it.

use super::{answers::Answers, table::cells};
use anyhow::{Context, Result};
use std::collections::BTreeMap;

/// The mark of a cell that was measured.
const MEASURED: &str = " (m)";

/// The measured cells of the table of `page` that has a column `law`: "evdev I15" and what its cell says.
///
/// # Errors
/// If there is no such table.
pub(super) fn measured(page: &str) -> Result<BTreeMap<String, String>> {
    let mut lines = page.lines().skip_while(|line| !line.starts_with("| law |"));
    let columns = lines.next().and_then(cells).context("there is no table with a column `law`")?;
    let mut found = BTreeMap::new();
    for line in lines.map_while(cells) {
        for (column, cell) in columns.iter().zip(&line) {
            if let Some(said) = cell.strip_suffix(MEASURED) {
                found.insert(format!("{column} {}", line[0]), said.to_owned());
            }
        }
    }
    Ok(found)
}

/// How what a guest saw differs from what the page says, each a finding.
pub(super) fn findings(said: &BTreeMap<String, String>, seen: &Answers) -> Vec<String> {
    let wrong = seen.rows.iter().filter_map(|(row, answer)| match said.get(row) {
        Some(said) if said == answer => None,
        Some(said) => Some(format!("{row}: docs/linux.md says {said:?}, and this was seen: {answer:?}")),
        None => Some(format!("{row}: this was seen, and is no measured cell of docs/linux.md: {answer:?}")),
    });
    let unseen = said.keys().filter(|row| !seen.rows.contains_key(*row));
    wrong.chain(unseen.map(|row| format!("{row}: docs/linux.md calls it measured, and it was not"))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "| a | b |\n\n| law | what | mtd | sg |\n|---|---|---|---|\n| I1 | x | no, 0 (m) | yes: y (r) |\n| I2 | x | - | no, z (m) |\n\n| I3 | x | no (m) |\n";

    #[test]
    fn every_kind_of_fault_is_found() {
        let said = measured(PAGE).unwrap();
        assert!(said.keys().eq(["mtd I1", "sg I2"]));
        let of = |rows: &str| findings(&said, &Answers::parse(rows).unwrap()).len();
        assert_eq!(of("mtd I1\tno, 0\nsg I2\tno, z\n"), 0);
        assert_eq!(of("mtd I1\tno, 1\nsg I2\tno, z\n"), 1);
        assert_eq!(of("sg I2\tno, z\n"), 1);
        assert_eq!(of("mtd I1\tno, 0\nsg I2\tno, z\nsg I1\tyes\n"), 1);
        assert!(measured("| a | b |\n").is_err());
    }

    #[test]
    fn the_page_itself_is_read() {
        assert!(measured(include_str!("../../../docs/linux.md")).unwrap().len() > 30);
    }
}
