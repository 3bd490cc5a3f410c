//! What `outlive trace` prints, and where.

mod json;
mod summary;
mod text;

use outlive_host::{
    trace::{Record, Tally, Tracer},
    trial::End,
};
use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, Write},
    path::PathBuf,
    sync::Arc,
    thread::JoinHandle,
    time::{Duration, SystemTime},
};

/// Where a trace goes.
pub(crate) enum Output {
    /// Standard error.
    Errors,
    /// A file, with its name for people.
    File(File, PathBuf),
}

impl Output {
    fn write(&mut self, text: &str) -> io::Result<()> {
        match self {
            Output::Errors => io::stderr().write_all(text.as_bytes()),
            Output::File(file, _) => file.write_all(text.as_bytes()),
        }
    }

    /// What it is, for people.
    pub(crate) fn name(&self) -> String {
        match self {
            Output::Errors => "standard error".to_owned(),
            Output::File(_, path) => path.display().to_string(),
        }
    }
}

/// In which form.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Form {
    /// JSON Lines instead of text.
    pub(crate) json: bool,
    /// How many bytes of each piece of data are shown.
    pub(crate) limit: usize,
}

/// What a trace is of.
pub(crate) struct Subject {
    pub(crate) lab: String,
    pub(crate) devices: Vec<String>,
    pub(crate) command: Vec<String>,
}

/// Prints what a tracer sees, on a thread of its own.
pub(crate) struct Printer {
    tracer: Arc<Tracer>,
    thread: JoinHandle<(Output, io::Result<()>)>,
    form: Form,
}

impl Printer {
    /// Starts; the process must not fork any more.
    pub(crate) fn start(tracer: &Arc<Tracer>, output: Output, form: Form, subject: Subject) -> io::Result<Printer> {
        let source = tracer.clone();
        let print = move || print(&source, output, form, &subject);
        let thread = std::thread::Builder::new().name("trace".to_owned()).spawn(print)?;
        Ok(Printer { tracer: tracer.clone(), thread, form })
    }

    /// Prints what is left, how CMD ended, and the summary if there is to be one. Gives the output, and whether all of
    /// the trace is in it.
    pub(crate) fn finish(self, end: Option<End>, summary: bool) -> (Output, io::Result<()>) {
        self.tracer.finish();
        // It has not panicked: what could, is in the tests.
        let (mut output, printed) = self.thread.join().expect("the printer prints");
        let mut rest = || {
            let end = end.map_or_else(String::new, |end| self.form.end(self.tracer.elapsed(), end));
            let summary =
                if summary { self.form.summary(self.tracer.elapsed(), &self.tracer.tallies()) } else { String::new() };
            output.write(&(end + &summary))
        };
        let printed = printed.and_then(|()| rest());
        (output, printed)
    }
}

/// Prints until there is nothing more, or it cannot be printed: then the rest is dropped.
fn print(tracer: &Tracer, mut output: Output, form: Form, subject: &Subject) -> (Output, io::Result<()>) {
    let mut printed = output.write(&form.start(subject, SystemTime::now()));
    while let Some(batch) = tracer.next() {
        if printed.is_err() {
            continue;
        }
        let mut text: String = batch.records.iter().map(|record| form.record(record)).collect();
        if batch.lost > 0 {
            text.push_str(&form.lost(tracer.elapsed(), batch.lost));
        }
        printed = output.write(&text);
    }
    (output, printed)
}

/// Each gives whole lines.
impl Form {
    fn start(self, subject: &Subject, now: SystemTime) -> String {
        if self.json { json::start(subject, now) } else { String::new() }
    }

    fn record(self, record: &Record) -> String {
        if self.json { json::record(record, self.limit) } else { text::record(record, self.limit) }
    }

    fn lost(self, at: Duration, count: u64) -> String {
        if self.json { json::lost(at, count) } else { text::lost(at, count) }
    }

    fn end(self, at: Duration, end: End) -> String {
        if self.json { json::end(at, end) } else { text::end(at, end) }
    }

    fn summary(self, at: Duration, tallies: &BTreeMap<String, Tally>) -> String {
        if self.json { json::summary(at, tallies) } else { summary::table(tallies) }
    }
}
