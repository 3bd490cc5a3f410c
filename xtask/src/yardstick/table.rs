//! The differences that there may be: the table of docs/yardstick.md, which readers and the comparison share.

use anyhow::{Result, ensure};

/// The first cell of the tables' headings.
const HEADING: &str = "row";

/// One line of the table. In each cell `*` stands for any text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) row: String,
    pub(super) linux: String,
    pub(super) ours: String,
    /// Empty for all.
    roads: Vec<String>,
    why: String,
}

impl Line {
    /// Whether it is about this row on this road.
    pub(super) fn is_about(&self, row: &str, road: &str) -> bool {
        matches(&self.row, row) && self.is_on(road)
    }

    /// Whether it is about this road.
    pub(super) fn is_on(&self, road: &str) -> bool {
        self.roads.is_empty() || self.roads.iter().any(|known| known == road)
    }
}

/// The lines of all tables of `page` whose columns are row, Linux, ours, road and why.
///
/// # Errors
/// If a line has other columns, or no reason.
pub(super) fn parse(page: &str) -> Result<Vec<Line>> {
    let mut lines = Vec::new();
    let mut inside = false;
    for text in page.lines() {
        let Some(cells) = cells(text) else {
            inside = false;
            continue;
        };
        if cells.first().is_some_and(|first| first == HEADING) {
            inside = true;
        } else if inside && !text.starts_with("|---") {
            lines.push(line(text, &cells)?);
        }
    }
    Ok(lines)
}

/// The cells of a line of a table, or `None` of another line.
pub(super) fn cells(text: &str) -> Option<Vec<String>> {
    let inner = text.strip_prefix('|')?.strip_suffix('|')?;
    Some(inner.split('|').map(|cell| cell.trim().trim_matches('`').to_owned()).collect())
}

fn line(text: &str, cells: &[String]) -> Result<Line> {
    let [row, linux, ours, road, why] = cells else { anyhow::bail!("{text:?} does not have five columns") };
    ensure!(!why.is_empty(), "{text:?} says no reason");
    let roads = if road == "all" { Vec::new() } else { road.split(", ").map(str::to_owned).collect() };
    Ok(Line { row: row.clone(), linux: linux.clone(), ours: ours.clone(), roads, why: why.clone() })
}

/// Whether `text` is as `pattern` has it, in which `*` stands for any text.
pub(super) fn matches(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    let mut last = None;
    for part in parts {
        if let Some(before) = last.replace(part) {
            let Some(at) = rest.find(before) else { return false };
            rest = &rest[at + before.len()..];
        }
    }
    last.map_or(rest.is_empty(), |last| rest.ends_with(last))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_any_text() {
        for (pattern, text) in [("a", "a"), ("*", ""), ("a*", "abc"), ("*c", "abc"), ("a*c*e", "abcde"), ("a*", "a")] {
            assert!(matches(pattern, text), "{pattern} {text}");
        }
        for (pattern, text) in [("a", "ab"), ("a*c", "ab"), ("*b", "abc"), ("a*c*e", "acd"), ("aa*a", "aa")] {
            assert!(!matches(pattern, text), "{pattern} {text}");
        }
    }

    #[test]
    fn tables_with_the_heading_are_read_and_others_are_not() {
        let page = "text\n| row | Linux | ours | road | why |\n|---|---|---|---|---|\n| `a *` | ENODEV | ENXIO | fuse, trap | b |\n\
                    \n| what | x |\n|---|---|\n| a | b |\n";
        let lines = parse(page).unwrap();
        assert_eq!(lines.len(), 1);
        assert!(lines[0].is_about("a b", "fuse") && !lines[0].is_about("a b", "plain"));
        assert!(parse("| row | Linux | ours | road | why |\n|---|\n| a | b | c | all |  |\n").is_err(), "no reason");
    }

    #[test]
    fn the_page_itself_is_read() {
        assert!(parse(include_str!("../../../docs/yardstick.md")).unwrap().len() > 10);
    }
}
