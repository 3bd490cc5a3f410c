//! The sections of a long help: what stands after its options.
//!
//! A line at the margin that ends with a colon is a heading if an indented one follows, or if it is short. Text at the
//! margin is filled, with an empty line between paragraphs; what is indented stays as it is.

/// A heading is no longer than this, in bytes, unless an indented line follows.
const SHORT: usize = 24;

/// A part of a help.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Section<'a> {
    /// Without its colon; empty for what comes before the first.
    pub(super) heading: &'a str,
    pub(super) parts: Vec<Part<'a>>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Part<'a> {
    Paragraph(String),
    /// Without the indent that all lines share.
    Lines(Vec<&'a str>),
}

/// Takes a help apart. Sections with nothing in them are left out.
pub(super) fn sections(text: &str) -> Vec<Section<'_>> {
    let lines: Vec<&str> = text.lines().collect();
    let mut sections = vec![Section { heading: "", parts: Vec::new() }];
    let mut blocks: Vec<&str> = Vec::new();
    for (index, line) in lines.iter().enumerate() {
        let next = lines.get(index + 1).copied().unwrap_or_default();
        let is_heading = next.starts_with(' ') || (!next.is_empty() && line.len() <= SHORT);
        match line.strip_suffix(':') {
            Some(heading) if is_heading && !line.starts_with(' ') => {
                finish(&mut sections, &mut blocks);
                sections.push(Section { heading, parts: Vec::new() });
            }
            _ => blocks.push(line),
        }
    }
    finish(&mut sections, &mut blocks);
    sections.retain(|section| !section.parts.is_empty());
    sections
}

/// Gives the latest section the lines that were collected for it.
fn finish<'a>(sections: &mut [Section<'a>], lines: &mut Vec<&'a str>) {
    let lines = std::mem::take(lines);
    let kind = |line: &str| (line.is_empty(), line.starts_with(' '));
    let parts = lines.chunk_by(|a, b| kind(a) == kind(b)).filter(|block| !block[0].is_empty()).map(part);
    if let Some(section) = sections.last_mut() {
        section.parts.extend(parts);
    }
}

fn part<'a>(lines: &[&'a str]) -> Part<'a> {
    let indent = lines.iter().map(|line| line.len() - line.trim_start().len()).min().unwrap_or(0);
    if indent == 0 {
        Part::Paragraph(lines.join(" "))
    } else {
        Part::Lines(lines.iter().map(|line| &line[indent..]).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::{Part, Section, sections};

    #[test]
    fn a_help_is_taken_apart() {
        let help = "Some words\nmore: of it\n\nand another\n\nNotes:\nText.\n\nExamples:\n  one\n    two\n\nExit status:\n  0  well\nText.\n";
        let text = |text: &str| Part::Paragraph(text.to_owned());
        let expected = [
            Section { heading: "", parts: vec![text("Some words more: of it"), text("and another")] },
            Section { heading: "Notes", parts: vec![text("Text.")] },
            Section { heading: "Examples", parts: vec![Part::Lines(vec!["one", "  two"])] },
            Section { heading: "Exit status", parts: vec![Part::Lines(vec!["0  well"]), text("Text.")] },
        ];
        assert_eq!(sections(help), expected);
        assert!(sections("").is_empty());
    }
}
