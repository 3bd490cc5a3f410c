//! Programs that are functions, run without a process.

use outlive_explore::{Explorer, Point, Report, Request, Runner, RunnerError, Watch};
use outlive_host::trial::{Answered, Chunk, End, Observed, Operation, Pull, Stopped, Trial};
use std::{
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

pub(crate) const ENODEV: i32 = 19;

/// What a program does once an operation has failed.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Then {
    /// Does the rest of its operations, and exits.
    GoOn(i32),
    /// Exits at once.
    Exit(i32),
    /// Repeats the operation without end.
    Retry,
}

/// A program: in run number `run` (from 0) it wants to do the operations that `script` says, as (call, what).
pub(crate) struct Program {
    pub(crate) script: fn(run: usize) -> Vec<(&'static str, String)>,
    pub(crate) then: Then,
    pub(crate) runs: AtomicUsize,
    pub(crate) trials: Mutex<Vec<Trial>>,
    /// In which run the runner fails.
    pub(crate) breaks_at: Option<usize>,
}

impl Program {
    pub(crate) fn new(script: fn(usize) -> Vec<(&'static str, String)>, then: Then) -> Self {
        Program { script, then, runs: AtomicUsize::new(0), trials: Mutex::default(), breaks_at: None }
    }

    /// Explores all of it with one worker.
    pub(crate) fn explore(&self) -> Report {
        let explorer = self.prepare();
        let plan = explorer.plan(None).unwrap();
        explorer.explore(&plan, 1, None, &Nobody)
    }

    pub(crate) fn prepare(&self) -> Explorer<'_> {
        Explorer::prepare(self, Request { command: vec!["program".into()], ..Request::default() }).unwrap()
    }

    /// Where each run was to be pulled, in the order of the runs: `b 2` is the second b, `#3` number 3.
    pub(crate) fn pulls(&self) -> Vec<String> {
        let text = |trial: &Trial| match &trial.pull {
            None => "-".to_owned(),
            Some(Pull::At(number)) => format!("#{number}"),
            Some(Pull::Named(name)) => format!("{} {}", name.what, name.occurrence),
        };
        self.trials.lock().unwrap().iter().map(text).collect()
    }
}

impl Runner for Program {
    fn run(&self, trial: &Trial) -> Result<Observed, RunnerError> {
        let run = self.runs.fetch_add(1, Ordering::Relaxed);
        self.trials.lock().unwrap().push(trial.clone());
        if self.breaks_at == Some(run) {
            return Err(RunnerError::Ours("no more processes".into()));
        }
        Ok(perform(&(self.script)(run), self.then, trial))
    }
}

fn perform(script: &[(&'static str, String)], then: Then, trial: &Trial) -> Observed {
    let mut seen = Observed { wall: Duration::from_millis(10), ..Observed::default() };
    let at = number_of(script, trial.pull.as_ref()).unwrap_or(u64::MAX);
    for (number, (call, what)) in (1..).zip(script) {
        let after_pull = number >= at;
        seen.pulled |= after_pull;
        seen.operations.push(operation(number, call, what, after_pull));
        match then {
            Then::GoOn(_) => {}
            Then::Exit(_) if after_pull => break,
            Then::Retry if after_pull => {
                let limit = trial.limits.operations.expect("an explored program has a limit");
                seen.operations.extend((1..=limit).map(|more| operation(number + more, call, what, true)));
                seen.stopped = Some(Stopped::Operations);
                break;
            }
            _ => {}
        }
    }
    seen.operation_count = seen.operations.len() as u64;
    seen.output.push(Chunk { stream: 1, text: "working\n".into(), after_operation: 0 });
    seen.end = match then {
        Then::GoOn(code) | Then::Exit(code) if seen.pulled => End::Exit(code),
        Then::Retry if seen.pulled => End::Signal(9),
        _ => End::Exit(0),
    };
    seen
}

/// The number of the operation that a pull is for, if the program comes to it.
fn number_of(script: &[(&'static str, String)], pull: Option<&Pull>) -> Option<u64> {
    match pull? {
        Pull::At(number) => Some(*number),
        Pull::Named(name) => {
            let fits = |(_, (call, what)): &(u64, &(&'static str, String))| name.fits("i2c-7", call, what);
            (1..).zip(script).filter(fits).map(|(number, _)| number).nth(name.occurrence as usize - 1)
        }
    }
}

pub(crate) fn operation(number: u64, call: &str, what: &str, after_pull: bool) -> Operation {
    Operation {
        number,
        device: "i2c-7".into(),
        pid: 42,
        comm: "program".into(),
        call: call.into(),
        what: what.into(),
        after_pull,
        answer: Some(if after_pull { Answered::Errno(ENODEV) } else { Answered::Ok(0) }),
        hollow: false,
        gone: after_pull,
    }
}

/// What i2cdump does on a byte-wide chip, in short.
pub(crate) fn dump(_run: usize) -> Vec<(&'static str, String)> {
    let mut script = vec![("open", String::new()), ("ioctl", "I2C_SLAVE 0x50".to_owned())];
    script.extend((0..16).map(|reg| ("ioctl", format!("I2C_SMBUS read_byte_data 0x50 reg {reg:#04x}"))));
    script
}

/// Watches nothing.
pub(crate) struct Nobody;

impl Watch for Nobody {
    fn done(&self, _point: &Point) {}
}
