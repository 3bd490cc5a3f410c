//! The exploration: a run for each point, several side by side.

use crate::{
    Failure, Judge, Name, NoSuchPoint, Plain, PlainError, PlainRun, Point, Points, Report, Runner, RunnerError,
    UsedLimits, operations, verdict,
};
use outlive_host::{
    front::run::Road,
    lab::LabConfig,
    trial::{Check, Limits, Observed, Pull, Replug, Trial},
};
use std::{
    sync::{Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};

/// How much longer than without a pull a program may take, unless its user says otherwise.
const GRACE: Duration = Duration::from_secs(5);
/// How many operations after the pull are always allowed, unless the user says otherwise.
const MIN_OPERATIONS: u64 = 1000;
/// How much output after the pull is allowed, in bytes, unless the user says otherwise.
const OUTPUT: u64 = 1 << 20;
/// How often a program is run for one point, if it does not come to the operation that is to be pulled.
const TRIES: usize = 4;

/// What to explore, and how.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// The program and its arguments.
    pub command: Vec<String>,
    /// The devices, fresh for each run.
    pub lab: LabConfig,
    /// Which way the program's calls take.
    pub road: Road,
    /// The time that a run may take; by default 5 s more than the run without a pull.
    pub timeout: Option<Duration>,
    /// Operations after the pull; by default four times those of the run without a pull, and at least 1000.
    pub max_operations: Option<u64>,
    /// Bytes of output after the pull; by default 1 MiB.
    pub max_output: Option<u64>,
    /// An exit code that counts as having said that something is wrong.
    pub expect_exit: Option<i32>,
    /// When the device that was pulled comes back; by default it stays away until the program has ended.
    pub replug: Option<Replug>,
    /// A line for `sh -c` that judges the state after each run, with exit code 0 if it is good. It may take as long as a run
    /// if `timeout` says that, else 5 s more than without a pull.
    pub check: Option<String>,
}

/// Hears how far an exploration has come.
pub trait Watch: Sync {
    /// A point is done.
    fn done(&self, point: &Point);
}

/// A program whose run without a pull is known, ready to be pulled at.
pub struct Explorer<'a> {
    runner: &'a dyn Runner,
    request: Request,
    plain: Plain,
    judge: Judge,
}

impl Request {
    /// A run without a pull, without limits, which nobody judges.
    pub(crate) fn trial(&self) -> Trial {
        let Request { command, lab, road, .. } = self;
        let (command, lab, road) = (command.clone(), lab.clone(), *road);
        Trial { command, lab, road, pull: None, replug: None, check: None, limits: Limits::default() }
    }

    /// What judges a run, if anything does, with a limit of its own.
    pub(crate) fn check(&self, limit: Duration) -> Option<Check> {
        self.check.clone().map(|command| Check { command, time: Some(limit) })
    }
}

impl<'a> Explorer<'a> {
    /// Runs the program without a pull. Where the lab names no contract, [`LabConfig::contract_to_explore`] does.
    ///
    /// # Errors
    /// [`PlainError`] if that fails.
    pub fn prepare(runner: &'a dyn Runner, mut request: Request) -> Result<Self, PlainError> {
        request.lab.contract = Some(request.lab.contract_to_explore());
        let plain = Plain::find(runner, &request)?;
        let limits = Limits {
            time: Some(request.timeout.unwrap_or(plain.wall + GRACE)),
            operations: Some(request.max_operations.unwrap_or(plain.count.saturating_mul(4).max(MIN_OPERATIONS))),
            output: Some(request.max_output.unwrap_or(OUTPUT)),
        };
        let judge = Judge { limits, expect_exit: request.expect_exit };
        Ok(Explorer { runner, request, plain, judge })
    }

    /// What the program does without a pull.
    pub fn plain(&self) -> &Plain {
        &self.plain
    }

    /// The numbers to pull at, in the order in which they are explored: those of `points` as given, or all, one of each
    /// distinct operation first.
    ///
    /// # Errors
    /// [`NoSuchPoint`] if the program has fewer operations.
    pub fn plan(&self, points: Option<&Points>) -> Result<Vec<u64>, NoSuchPoint> {
        match points {
            Some(points) => points.within(self.plain.names.len() as u64),
            None => Ok(operations::distinct_first(&self.plain.names)),
        }
    }

    /// Pulls at operation `at`.
    ///
    /// Operations are numbered afresh in each run, so the pull is at the operation that has the name which `at` has in
    /// the run without a pull. If a run does not come to it and yet has an operation `at`, this program names its
    /// operations otherwise each time, or does not always come to this one: it is run again, and in the end pulled by
    /// number.
    ///
    /// # Errors
    /// [`RunnerError`] if the run could not be carried out.
    ///
    /// # Panics
    /// If `at` is not in [`Explorer::plan`].
    pub fn pull(&self, at: u64) -> Result<(Point, Observed), RunnerError> {
        let wanted = &self.plain.names[usize::try_from(at - 1).expect("a point of the plan")];
        for _ in 1..TRIES {
            let seen = self.run(Pull::Named(wanted.clone()))?;
            if seen.pulled || seen.operation_count < at {
                return Ok((self.judged(at, wanted, &seen), seen));
            }
        }
        let seen = self.run(Pull::At(at))?;
        let actual = verdict::pulled(&seen).map(|operation| {
            let names = operations::names(&seen.operations);
            names[usize::try_from(operation.number - 1).expect("it is one of those that were kept")].clone()
        });
        let mut point = self.judged(at, actual.as_ref().unwrap_or(wanted), &seen);
        point.instead_of = actual.filter(|name| name != wanted).map(|_| wanted.clone());
        Ok((point, seen))
    }

    fn run(&self, pull: Pull) -> Result<Observed, RunnerError> {
        let Request { timeout, replug, .. } = self.request;
        let check = self.request.check(timeout.unwrap_or(self.plain.check_wall + GRACE));
        let limits = self.judge.limits;
        self.runner.run(&Trial { pull: Some(pull), replug, check, limits, ..self.request.trial() })
    }

    fn judged(&self, at: u64, name: &Name, seen: &Observed) -> Point {
        Point::new(at, name.clone(), seen, &self.judge)
    }

    /// Pulls at each of `points`, up to `jobs` side by side. After `budget` no further run begins (the first one always
    /// does). A run that cannot be carried out ends the exploration; what was found by then is kept.
    pub fn explore(&self, points: &[u64], jobs: usize, budget: Option<Duration>, watch: &dyn Watch) -> Report {
        let work = Mutex::new(Work { next: points.iter(), found: Vec::new(), failure: None });
        let begun = Instant::now();
        let deadline = budget.and_then(|budget| begun.checked_add(budget));
        let worker = || {
            while let Some(at) = Work::take(&work, deadline) {
                let outcome = self.pull(at);
                if let Ok((point, _)) = &outcome {
                    watch.done(point);
                }
                Work::put(&work, at, outcome.map(|(point, _)| point));
            }
        };
        thread::scope(|scope| {
            for _ in 1..jobs.min(points.len()) {
                scope.spawn(worker);
            }
            worker();
        });
        let Work { mut found, failure, .. } = work.into_inner().unwrap_or_else(PoisonError::into_inner);
        found.sort_by_key(|point| point.at);
        let left = points.len() - found.len();
        Report {
            failure,
            left: left as u64,
            budget_ms: budget.map(millis),
            wall_ms: millis(begun.elapsed()),
            ..self.report(found)
        }
    }

    /// A report of these points alone.
    pub fn report(&self, points: Vec<Point>) -> Report {
        let limits = self.judge.limits;
        let contract = self.request.lab.contract_to_explore();
        Report {
            command: self.request.command.clone(),
            contract: contract.name().to_owned(),
            concealed: self.request.lab.conceals(contract),
            plain: PlainRun {
                operations: self.plain.count,
                wall_ms: millis(self.plain.wall),
                deterministic: self.plain.deterministic,
            },
            limits: UsedLimits {
                time_ms: limits.time.map(millis),
                operations: limits.operations,
                output: limits.output,
                expect_exit: self.judge.expect_exit,
            },
            wall_ms: points.iter().map(|point| point.wall_ms).sum(),
            replug: self.request.replug,
            check: self.request.check.clone(),
            points,
            left: 0,
            budget_ms: None,
            failure: None,
        }
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// What the workers share.
struct Work<'a> {
    next: std::slice::Iter<'a, u64>,
    found: Vec<Point>,
    failure: Option<Failure>,
}

impl Work<'_> {
    fn take(work: &Mutex<Self>, deadline: Option<Instant>) -> Option<u64> {
        let mut work = work.lock().unwrap_or_else(PoisonError::into_inner);
        let first = work.next.len() > 0 && work.found.is_empty();
        let late = deadline.is_some_and(|deadline| Instant::now() >= deadline);
        if work.failure.is_some() || (late && !first) { None } else { work.next.next().copied() }
    }

    fn put(work: &Mutex<Self>, at: u64, outcome: Result<Point, RunnerError>) {
        let mut work = work.lock().unwrap_or_else(PoisonError::into_inner);
        match outcome {
            Ok(point) => work.found.push(point),
            Err(error) => {
                work.failure.get_or_insert(Failure { at, message: error.to_string() });
            }
        }
    }
}
