//! What a terminal shows beyond plain text.

use crate::Verdict;
use std::borrow::Cow;

/// Colours, or none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Paint {
    /// Whether to colour: only for a terminal.
    pub on: bool,
}

impl Paint {
    /// `text` in the colour of `verdict`: green for those that are right, yellow and red for the others.
    pub fn verdict(self, verdict: Verdict, text: &str) -> String {
        let code = match verdict {
            Verdict::Unaffected | Verdict::Clean | Verdict::Recovered => "32",
            Verdict::Silent | Verdict::Flood => "33",
            Verdict::Spin | Verdict::Hang => "31",
            Verdict::Crash | Verdict::Corrupt => "1;31",
        };
        self.sgr(code, text)
    }

    /// What matters less.
    pub fn dim(self, text: &str) -> String {
        self.sgr("2", text)
    }

    /// A heading.
    pub fn bold(self, text: &str) -> String {
        self.sgr("1", text)
    }

    fn sgr(self, code: &str, text: &str) -> String {
        if self.on { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }
}

/// What a program wrote, without what would make our user's terminal do anything but show it.
pub(crate) fn printable(text: &str) -> Cow<'_, str> {
    if !text.contains(|c: char| c.is_control() && c != '\t') {
        return Cow::Borrowed(text);
    }
    let show = |c: char| if c.is_control() && c != '\t' { c.escape_default().to_string() } else { c.to_string() };
    Cow::Owned(text.chars().map(show).collect())
}
