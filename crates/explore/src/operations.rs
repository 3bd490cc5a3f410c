//! The operations of a run by name, and how many are told in a few words.

use outlive_host::trial::{Name, Operation};
use std::collections::{HashMap, HashSet};

/// How a named operation is shown.
pub(crate) fn shown(name: &Name) -> String {
    text(&name.call, &name.what)
}

/// How an operation is shown. The class's names of ioctls speak for themselves.
pub(crate) fn text(call: &str, what: &str) -> String {
    if what.is_empty() {
        call.to_owned()
    } else if call == "ioctl" || what.split(' ').next() == Some(call) {
        what.to_owned()
    } else {
        format!("{call} {what}")
    }
}

/// The names of all operations of a run, in order.
pub(crate) fn names(operations: &[Operation]) -> Vec<Name> {
    let mut seen: HashMap<(&str, &str, &str), u64> = HashMap::new();
    let name = |operation: &Operation| Name {
        device: operation.device.clone(),
        call: operation.call.clone(),
        what: operation.what.clone(),
        occurrence: 0,
    };
    let counted = operations.iter().map(|operation| {
        let times = seen.entry((&operation.device, &operation.call, &operation.what)).or_default();
        *times += 1;
        Name { occurrence: *times, ..name(operation) }
    });
    counted.collect()
}

/// The order in which points are explored: one of each distinct operation first, then the rest, each by number.
pub(crate) fn distinct_first(names: &[Name]) -> Vec<u64> {
    let mut seen = HashSet::new();
    let (mut first, mut rest) = (Vec::new(), Vec::new());
    for (number, name) in (1..).zip(names) {
        let fresh = seen.insert((&name.device, &name.call, &name.what));
        if fresh { first.push(number) } else { rest.push(number) }
    }
    first.append(&mut rest);
    first
}

/// Tells a list of operations in a few lines: those that differ in their numbers only share a line, as in
/// `I2C_SMBUS read_byte_data 0x50 reg 0x00 … reg 0xff`.
pub(crate) fn summary<'a>(operations: impl Iterator<Item = &'a Name>) -> Vec<String> {
    /// More kinds than this are counted, not shown.
    const LINES: usize = 4;
    let mut kinds: Vec<(String, Vec<String>)> = Vec::new();
    for name in operations {
        let text = shown(name);
        let shape = shape(&text);
        match kinds.iter_mut().find(|(known, _)| *known == shape) {
            Some((_, texts)) => texts.push(text),
            None => kinds.push((shape, vec![text])),
        }
    }
    let shown = if kinds.len() > LINES { LINES - 1 } else { kinds.len() };
    let mut lines: Vec<String> = kinds[..shown].iter().map(|(_, texts)| range(texts)).collect();
    if shown < kinds.len() {
        lines.push(format!("… and {} other kinds", kinds.len() - shown));
    }
    lines
}

fn is_number(token: &str) -> bool {
    token.starts_with(|c: char| c.is_ascii_digit())
}

fn shape(text: &str) -> String {
    let tokens: Vec<&str> = text.split(' ').map(|token| if is_number(token) { "#" } else { token }).collect();
    tokens.join(" ")
}

/// `texts` of one shape in one line.
fn range(texts: &[String]) -> String {
    let (first, last) = (&texts[0], &texts[texts.len() - 1]);
    if texts.iter().all(|text| text == first) {
        return if texts.len() == 1 { first.clone() } else { format!("{first} (×{})", texts.len()) };
    }
    let tokens: Vec<&str> = last.split(' ').collect();
    let differs = first.split(' ').zip(&tokens).position(|(a, b)| a != *b);
    match differs {
        // The word before a number says what the number is.
        Some(at) if at > 1 && !is_number(tokens[at - 1]) => format!("{first} … {}", tokens[at - 1..].join(" ")),
        Some(at) => format!("{first} … {}", tokens[at..].join(" ")),
        None => format!("{first} … and {} like it", texts.len() - 1),
    }
}
