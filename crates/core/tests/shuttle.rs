//! Random models of what is too large for loom: each run is a random program, of several users, drivers and removers,
//! in a random order of its threads, by shuttle. Run by
//! `RUSTFLAGS="--cfg shuttle" cargo test -p outlive --release --test shuttle`.
//!
//! Memory is in one order here, and guards are counted: slots, fences and orderings are loom's business. As there, each
//! model must pass as it is, must fail in the expected way with the bugs planted that it is there to find, and waits
//! without a limit or with one that has passed.
#![cfg(shuttle)]

#[path = "shuttle/calls.rs"]
mod calls;
#[path = "shuttle/life.rs"]
mod life;
#[path = "shuttle/managed.rs"]
mod managed;
mod planted;
#[path = "shuttle/requests.rs"]
mod requests;
#[path = "shuttle/streams.rs"]
mod streams;
#[path = "shuttle/tree.rs"]
mod tree;

use outlive::{
    Busy, Device, Gone, Policy, Reason, Refused, Unplug,
    mutants::{Mutant, plant},
};
use shuttle::{
    Config, MaxSteps, Runner,
    rand::{Rng, thread_rng},
    scheduler::{PctScheduler, RandomScheduler, Scheduler},
    thread::{self, JoinHandle},
};
// std's, of which shuttle knows nothing: what the models write down is no part of what they model.
use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

const NO_LIMIT: Duration = Duration::MAX;

/// How many runs a model has by either scheduler, unless `OUTLIVE_RANDOM_RUNS` says otherwise. The seed is the same each
/// time, unless `SHUTTLE_RANDOM_SEED` says otherwise.
const RUNS: usize = 10_000;
const SEED: u64 = 34;

/// Runs `scenario` many times: with any thread next at any point, and then with few switches, at random points, away from
/// the thread that is ahead of the others (PCT), which finds what needs a thread to stay behind for long.
fn explore(scenario: fn()) {
    let runs = std::env::var("OUTLIVE_RANDOM_RUNS").map_or(RUNS, |runs| runs.parse().expect("a number of runs"));
    run(RandomScheduler::new_from_seed(SEED, runs), scenario);
    run(PctScheduler::new_from_seed(SEED, 4, runs), scenario);
}

fn run(scheduler: impl Scheduler + 'static, scenario: fn()) {
    let mut config = Config::new();
    config.stack_size = 0x40000;
    // Of orderings, which are loom's.
    config.silence_warnings = true;
    config.max_steps = MaxSteps::FailAfter(100_000);
    Runner::new(scheduler, config).run(scenario);
}

/// A number below `count`.
fn pick(count: usize) -> usize {
    thread_rng().gen_range(0..count)
}

/// Starts `count` threads.
fn crew<T: Send + 'static>(count: usize, work: impl Fn() -> T + Send + Sync + 'static) -> Vec<JoinHandle<T>> {
    let work = Arc::new(work);
    let start = |_| {
        let work = work.clone();
        thread::spawn(move || work())
    };
    (0..count).map(start).collect()
}

fn join<T>(crew: Vec<JoinHandle<T>>) -> Vec<T> {
    crew.into_iter().map(|member| member.join().unwrap()).collect()
}

/// The driver's code, which notices when it is called after the fence (I7, I8).
#[derive(Clone, Default)]
struct Driver(Arc<Books>);

#[derive(Default)]
struct Books {
    fenced: AtomicBool,
    calls: AtomicUsize,
    drops: AtomicUsize,
}

impl Driver {
    /// It runs for a while.
    fn call(&self) {
        self.check();
        thread::yield_now();
        self.check();
        self.0.calls.fetch_add(1, SeqCst);
    }

    fn check(&self) {
        assert!(!self.is_fenced(), "the driver runs after the fence");
    }

    fn is_fenced(&self) -> bool {
        self.0.fenced.load(SeqCst)
    }

    /// From here on it must not be called.
    fn fence(&self) {
        self.0.fenced.store(true, SeqCst);
    }

    /// How often its hardware has been dropped.
    fn drops(&self) -> usize {
        self.0.drops.load(SeqCst)
    }
}

/// The hardware.
struct Chip(Driver);

impl Drop for Chip {
    fn drop(&mut self) {
        self.0.fence();
        self.0.0.drops.fetch_add(1, SeqCst);
    }
}

type Dev = Device<(), Chip>;

fn device() -> (Arc<Dev>, Driver) {
    let driver = Driver::default();
    (Arc::new(Device::new((), Chip(driver.clone()))), driver)
}

/// What has been heard, and how often. Its lock is std's, so what it holds is cloned without a step of a model's.
#[derive(Clone)]
struct Ledger<T>(Arc<Mutex<Vec<T>>>);

impl<T: Clone> Ledger<T> {
    fn new() -> Self {
        Ledger(Arc::new(Mutex::new(Vec::new())))
    }

    fn note(&self, what: T) {
        self.0.lock().unwrap().push(what);
    }

    fn all(&self) -> Vec<T> {
        self.0.lock().unwrap().clone()
    }
}

/// Waits for the fence, in any way there is, and puts it up for the driver to see. The hardware, if this is who gets it;
/// or nothing, if it does not wait.
fn wait_somehow(unplug: Unplug<(), Chip>, driver: &Driver) -> Option<Chip> {
    let hardware = match pick(5) {
        0 => return None,
        1 => shuttle::future::block_on(unplug.into_future()),
        2 => match until(unplug.wait(Duration::ZERO)) {
            Ok(hardware) => hardware,
            Err(busy) => shuttle::future::block_on(busy.into_future()),
        },
        _ => unplug.wait(NO_LIMIT).unwrap(),
    };
    driver.fence();
    hardware
}

/// Waits again, a few times, always with no time left.
fn until(mut waited: Result<Option<Chip>, Busy<(), Chip>>) -> Result<Option<Chip>, Busy<(), Chip>> {
    for _ in 0..3 {
        let Err(busy) = waited else { break };
        assert!(format!("{busy}").contains("not there yet"));
        thread::yield_now();
        waited = busy.wait(Duration::ZERO);
    }
    waited
}

/// Removes it by any policy, and waits in any way, or not.
fn remove_somehow(device: &Dev, driver: &Driver) -> Option<Chip> {
    let reason = [Reason::Pulled, Reason::Orderly][pick(2)];
    let unplug = device.unplug_with(reason, Policy::ALL[pick(3)]);
    assert!(device.gone().is_some());
    wait_somehow(unplug, driver)
}

fn is_gone(refused: &Refused) -> bool {
    refused.gone().is_some()
}

fn never_two(gone: &[Gone]) {
    assert!(gone.len() <= 1, "told {} times", gone.len());
}

macro_rules! passes {
    ($($room:ident: $($model:ident)*;)*) => {
        mod passes {
            $($(
                #[test]
                fn $model() {
                    super::explore(super::$room::$model);
                }
            )*)*
        }
    };
}

passes! {
    life: guards_and_operations hooks_and_steps opens batches;
    calls: states_and_calls readers_of_the_state;
    requests: answers_and_cancels parked_requests;
    streams: readers_and_tellers;
    managed: lists probes;
    tree: trees hostages drivers;
}

/// The planted bugs that these models must find, by which one, and what it says then. (Those of orderings, slots and
/// fences are loom's to find.)
const FINDERS: &[(Mutant, fn(), &str)] = &[
    (Mutant::CheckBeforeCount, life::guards_and_operations, "after the fence"),
    (Mutant::EnterIgnoresMark, life::guards_and_operations, "after the fence"),
    (Mutant::DrainDoesNotWait, life::guards_and_operations, "after the fence"),
    (Mutant::BookLeavesAtMark, life::guards_and_operations, "after the fence"),
    (Mutant::BeginIgnoresMark, life::guards_and_operations, "after the fence"),
    (Mutant::ExitDoesNotWake, life::guards_and_operations, "deadlock"),
    (Mutant::WakeWithoutLock, life::guards_and_operations, "deadlock"),
    (Mutant::SleepOnOldLook, life::hooks_and_steps, "deadlock"),
    (Mutant::HeirForgotten, life::guards_and_operations, "dropped once"),
    (Mutant::SecondUnplugActs, life::hooks_and_steps, "once and in order"),
    (Mutant::SecondUnplugDoesNotWait, life::hooks_and_steps, "once and in order"),
    (Mutant::WokenBeforeHooks, life::hooks_and_steps, "once and in order"),
    (Mutant::WatchLost, life::hooks_and_steps, "told"),
    (Mutant::OpenOutsideGate, life::opens, "born after the fence"),
    (Mutant::ClaimUnlocked, life::opens, "two owners"),
    (Mutant::AdmittedInTwoSteps, calls::readers_of_the_state, "refused though it could wait"),
    (Mutant::CancelOutsideGate, requests::answers_and_cancels, "after the fence"),
    (Mutant::LateCancelLost, requests::answers_and_cancels, "deadlock"),
    (Mutant::CancelledIsForgotten, requests::answers_and_cancels, "Forgotten"),
    (Mutant::LeavesWithItsHooks, requests::answers_and_cancels, "after the fence"),
    (Mutant::ResumedAfterMark, requests::parked_requests, "after the fence"),
    (Mutant::EventAfterEnd, streams::readers_and_tellers, "the last"),
    (Mutant::ReleasedInOrder, managed::lists, "in reverse"),
    (Mutant::ReleasedAtMark, managed::lists, "before the fence"),
    (Mutant::EarlyNotAwaited, managed::lists, "after the fence"),
    (Mutant::AddedTooLate, managed::lists, "lost"),
    (Mutant::ChildOfTheDead, tree::trees, "outlived its parent"),
    (Mutant::BoundWhileWithdrawn, tree::drivers, "the registry holds the driver"),
    (Mutant::OthersNotAwaited, tree::trees, "without the fence"),
    (Mutant::GoneForgotten, tree::drivers, "after the fence"),
];

#[test]
fn every_planted_bug_is_found() {
    planted::find_each(FINDERS.iter().map(|(mutant, _, expected)| (*mutant, *expected)));
}

#[test]
#[ignore = "started by every_planted_bug_is_found"]
fn planted_bug() {
    let planted = planted::bug();
    let found = FINDERS.iter().find(|(mutant, ..)| *mutant == planted);
    let (mutant, model, _) = found.expect("one of these models looks for it");
    plant(Some(*mutant));
    explore(*model);
}
