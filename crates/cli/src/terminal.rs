//! What is printed, and how: colour, JSON, and how much.

use clap::ValueEnum;
use serde::Serialize;
use std::{
    fmt::Display,
    io::{self, IsTerminal, Write},
    process::ExitCode,
    sync::OnceLock,
};

/// When to use colour.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, ValueEnum)]
pub(crate) enum Color {
    // On a terminal, unless NO_COLOR is set or TERM is dumb.
    #[default]
    Auto,
    Always,
    Never,
}

/// What the global options say.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Settings {
    pub(crate) color: Color,
    /// Below zero for -q, above for each -v.
    pub(crate) verbosity: i16,
    pub(crate) json: bool,
}

static SETTINGS: OnceLock<Settings> = OnceLock::new();

/// Keeps the settings for the rest of the process. Once, before anything is printed.
pub(crate) fn set(settings: Settings) {
    SETTINGS.get_or_init(|| settings);
}

fn settings() -> Settings {
    SETTINGS.get().copied().unwrap_or_default()
}

/// Whether `--json` was given.
pub(crate) fn json() -> bool {
    settings().json
}

/// Below zero with `-q`, above zero with `-v`, by how often.
pub(crate) fn verbosity() -> i16 {
    settings().verbosity
}

/// Where something is printed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Stream {
    Out,
    Err,
}

/// Whether what is printed there has colour.
pub(crate) fn has_color(stream: Stream) -> bool {
    match settings().color {
        Color::Always => true,
        Color::Never => false,
        Color::Auto => {
            let terminal = match stream {
                Stream::Out => io::stdout().is_terminal(),
                Stream::Err => io::stderr().is_terminal(),
            };
            // https://no-color.org: set and not empty.
            let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
            terminal && !refused && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
        }
    }
}

/// What a piece of text is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Style {
    Heading,
    Good,
    Warning,
    Bad,
}

/// `text` in the colour of `style`, if there is colour.
pub(crate) fn paint(stream: Stream, style: Style, text: &str) -> String {
    if !has_color(stream) {
        return text.to_owned();
    }
    let code = match style {
        Style::Heading => "1",
        Style::Good => "32",
        Style::Warning => "33",
        Style::Bad => "1;31",
    };
    format!("\x1b[{code}m{text}\x1b[0m")
}

/// Prints a line on standard output. Ends the process quietly if nobody reads it any more, as `outlive ls | head` does.
pub(crate) fn line(text: impl Display) {
    let mut out = io::stdout().lock();
    if let Err(error) = writeln!(out, "{text}").and_then(|()| out.flush()) {
        if error.kind() != io::ErrorKind::BrokenPipe {
            complain(format_args!("standard output: {error}"));
        }
        std::process::exit(1);
    }
}

/// Prints a value as one line of JSON.
pub(crate) fn line_json(value: &impl Serialize) {
    match serde_json::to_string(value) {
        Ok(text) => line(text),
        Err(error) => complain(format_args!("not JSON: {error}")),
    }
}

/// Says on standard error what went wrong.
pub(crate) fn complain(what: impl Display) {
    let name = paint(Stream::Err, Style::Bad, "outlive:");
    // There is nobody left to tell if this fails.
    let _ = writeln!(io::stderr().lock(), "{name} {what}");
}

/// Says on standard error how things are, unless `-q` was given.
pub(crate) fn note(what: impl Display) {
    if verbosity() >= 0 {
        // There is nobody left to tell if this fails.
        let _ = writeln!(io::stderr().lock(), "outlive: {what}");
    }
}

/// Says on standard error why the command failed, and gives its exit status.
pub(crate) fn fail(error: &anyhow::Error) -> ExitCode {
    complain(format_args!("{error:#}"));
    ExitCode::FAILURE
}

/// A length of time as people read it: `1.2 ms`.
pub(crate) fn time(seconds: f64) -> String {
    const UNITS: [(f64, &str); 5] = [(3600.0, "h"), (60.0, "min"), (1.0, "s"), (1e-3, "ms"), (1e-6, "us")];
    let (size, unit) = UNITS.into_iter().find(|(size, _)| seconds >= *size).unwrap_or((1e-6, "us"));
    let number = seconds / size;
    if number < 9.95 { format!("{number:.1} {unit}") } else { format!("{number:.0} {unit}") }
}

/// Lines of cells in columns, the last of which is not filled up.
pub(crate) fn columns(rows: &[Vec<String>]) -> Vec<String> {
    let count = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column| rows.iter().filter_map(|row| row.get(column)).map(|cell: &String| cell.chars().count()).max();
    let widths: Vec<usize> = (0..count).map(|column| width(column).unwrap_or(0)).collect();
    let row = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    rows.iter().map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times() {
        let cases = [
            (0.0, "0.0 us"),
            (0.000_000_4, "0.4 us"),
            (0.001_23, "1.2 ms"),
            (0.09, "90 ms"),
            (1.0, "1.0 s"),
            (59.0, "59 s"),
            (90.0, "1.5 min"),
            (7200.0, "2.0 h"),
        ];
        for (seconds, text) in cases {
            assert_eq!(time(seconds), text, "{seconds}");
        }
    }

    #[test]
    fn cells_stand_under_each_other() {
        let rows = [["a", "bcd", "e"], ["fgh", "i", "j"]].map(|row| row.map(str::to_owned).to_vec());
        assert_eq!(columns(&rows), ["a    bcd  e", "fgh  i    j"]);
    }
}
