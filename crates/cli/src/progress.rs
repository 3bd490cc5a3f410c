//! How far an exploration has come, on a terminal.

use crate::terminal;
use indicatif::{ProgressBar, ProgressStyle};
use outlive_explore::{Point, Verdict, Watch};
use std::{
    io::{IsTerminal, Write},
    sync::{Mutex, PoisonError},
    time::Duration,
};

/// A bar on standard error; none if that is no terminal. With -v each point besides.
pub(crate) struct Progress {
    bar: ProgressBar,
    worst: Mutex<Option<Verdict>>,
}

impl Progress {
    /// Begins with the run without a pull, whose length nobody knows.
    pub(crate) fn begin() -> Self {
        let shown = terminal::verbosity() >= 0 && std::io::stderr().is_terminal();
        let bar = if shown { ProgressBar::new_spinner() } else { ProgressBar::hidden() };
        bar.set_message("the run without a pull");
        bar.enable_steady_tick(Duration::from_millis(100));
        Progress { bar, worst: Mutex::new(None) }
    }

    /// Goes on with `points` runs.
    pub(crate) fn points(&self, points: usize) {
        let style = ProgressStyle::with_template("{bar:30} {pos}/{len} points, {eta} left  {msg}");
        self.bar.set_style(style.expect("the template is well-formed"));
        self.bar.set_length(points as u64);
        self.bar.set_message("");
    }

    /// Takes the bar away.
    pub(crate) fn end(&self) {
        self.bar.finish_and_clear();
    }
}

impl Watch for Progress {
    fn done(&self, point: &Point) {
        if terminal::verbosity() > 0 {
            let line = format_args!("point {}: {}  {}", point.at, point.verdict, point.operation());
            // There is nobody left to tell if this fails.
            self.bar.suspend(|| drop(writeln!(std::io::stderr(), "{line}")));
        }
        self.bar.inc(1);
        let mut worst = self.worst.lock().unwrap_or_else(PoisonError::into_inner);
        if worst.is_none_or(|worst| point.verdict > worst) {
            *worst = Some(point.verdict);
            self.bar.set_message(format!("worst: {} at {}", point.verdict, point.at));
        }
    }
}
