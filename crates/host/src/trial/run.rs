//! Carries out a trial.

use super::{
    Observed, Stopped, Thread, Trial, check,
    look::{self, Awake},
    record::Recorder,
    replug::ReturnError,
};
use crate::{
    front::run::{self, Command, StartError},
    lab::{Lab, LabError},
};
use rustix::{
    fs::{Mode, OFlags, open},
    pipe::{PipeFlags, pipe_with},
    process::{Resource, Rlimit, getrlimit, setrlimit},
};
use std::{
    collections::BTreeMap,
    fs::File,
    io::Read,
    os::fd::OwnedFd,
    sync::{Arc, mpsc},
    thread::JoinHandle,
    time::{Duration, Instant},
};

/// How long a tree is watched at its time limit to tell whether it burns or sleeps.
const BURN_WINDOW: Duration = Duration::from_millis(200);
/// So many of these at most, for a thread that gets hardly anything.
const MOST_WINDOWS: u32 = 5;
/// A tree that uses more of one processor than this, in percent, burns.
const BURN_SHARE: u32 = 25;
/// A thread that has run for less in that time has not shown that it burns.
const BURN_LEAST: Duration = Duration::from_millis(10);

/// How often a tree that sleeps is looked at, at most, to see all of its threads asleep, and how long between.
const SLEEP_LOOKS: u32 = 20;
const SLEEP_PAUSE: Duration = Duration::from_millis(2);

/// Why a trial could not be carried out.
#[derive(Debug, thiserror::Error)]
pub enum TrialError {
    /// The lab cannot be.
    #[error(transparent)]
    Lab(#[from] LabError),
    /// The program could not be started.
    #[error(transparent)]
    Start(#[from] StartError),
    /// The check could not be run, since a device did not come back.
    #[error(transparent)]
    Return(#[from] ReturnError),
    /// A system call failed that should not.
    #[error("{0}: {1}")]
    System(&'static str, rustix::io::Errno),
}

/// Runs the program under watch, until its whole tree has ended or a limit is passed; then the check, if there is one.
///
/// This process must have no other threads yet: best it has nothing else to do at all.
///
/// # Errors
/// [`TrialError`]; what the program itself does is no error.
pub fn run(trial: &Trial) -> Result<Observed, TrialError> {
    // A program that crashes at every point shall not fill the disk.
    let none = Rlimit { current: Some(0), maximum: getrlimit(Resource::Core).maximum };
    setrlimit(Resource::Core, none).map_err(|errno| TrialError::System("setrlimit", errno))?;
    let lab = Lab::start(&trial.lab)?;
    let recorder = Arc::new(Recorder::new(Arc::downgrade(&lab), trial));
    let _ = lab.observe(recorder.clone());
    let nothing = open("/dev/null", OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())
        .map_err(|errno| TrialError::System("opening /dev/null", errno))?;
    let (output, output_end) = pipe()?;
    let (errors, errors_end) = pipe()?;
    let watcher = recorder.clone();
    let command = Command {
        words: trial.command.iter().map(Into::into).collect(),
        environment: vec![("OUTLIVE_LAB".into(), lab.name().into())],
        road: trial.road,
        standard: [Some(nothing), Some(output_end), Some(errors_end)],
    };
    let begin = Instant::now();
    let (check, second) = trial.check.as_ref().map(|check| check::Waiting::new(check, &lab)).transpose()?.unzip();
    let mut running = run::start_watched(&lab, command, Some(Arc::new(move |tid| watcher.saw(tid))), second)?;
    recorder.stop_by(running.stopper()?);
    let readers = [read(1, output, &recorder), read(2, errors, &recorder)];
    let (ended, end_heard) = mpsc::channel::<()>();
    let alarm = trial.limits.time.map(|limit| alarm(begin + limit, running.root() as u32, &recorder, end_heard));
    let (end, left) = match check {
        Some(check) => (running.wait_for_first(), Some((check, running))),
        None => (running.wait(), None),
    };
    drop(ended);
    let wall = begin.elapsed();
    for thread in readers.into_iter().chain(alarm) {
        let _ = thread.join();
    }
    let mut observed = recorder.finish(end);
    observed.wall = wall;
    observed.check = left.map(|(check, running)| check.carry_out(running, &lab)).transpose()?;
    Ok(observed)
}

pub(super) fn pipe() -> Result<(OwnedFd, OwnedFd), TrialError> {
    pipe_with(PipeFlags::CLOEXEC).map_err(|errno| TrialError::System("pipe", errno))
}

fn read(stream: u8, pipe: OwnedFd, recorder: &Arc<Recorder>) -> JoinHandle<()> {
    let recorder = recorder.clone();
    std::thread::spawn(move || {
        let mut pipe = File::from(pipe);
        let mut room = vec![0; 64 * 1024];
        while let Ok(n @ 1..) = pipe.read(&mut room) {
            recorder.output(stream, &room[..n]);
        }
    })
}

/// Stops the program at `deadline`, after a look at what it is doing. `ended` hangs up when it has ended by itself.
fn alarm(deadline: Instant, root: u32, recorder: &Arc<Recorder>, ended: mpsc::Receiver<()>) -> JoinHandle<()> {
    let recorder = recorder.clone();
    std::thread::spawn(move || {
        let early = deadline.checked_sub(BURN_WINDOW).unwrap_or(deadline);
        let wait = |until: Instant| {
            let left = until.saturating_duration_since(Instant::now());
            ended.recv_timeout(left) == Err(mpsc::RecvTimeoutError::Timeout)
        };
        if !wait(early) {
            return;
        }
        let burning = burns(root, deadline, &wait);
        if let Some(burning) = burning {
            recorder.found_doing(if burning { look::threads(root) } else { asleep(root) });
            recorder.stop(Stopped::Time { burning });
        }
    })
}

/// What the threads of a tree that sleeps are doing: each as it was found asleep, even if it wakes now and then.
fn asleep(root: u32) -> Vec<Thread> {
    let mut found: BTreeMap<u32, Thread> = BTreeMap::new();
    for _ in 0..SLEEP_LOOKS {
        for thread in look::threads(root) {
            // Who has been found asleep stays so.
            if found.get(&thread.tid).is_none_or(|known| known.state == 'R') {
                found.insert(thread.tid, thread);
            }
        }
        if found.values().all(|thread| thread.state != 'R') {
            break;
        }
        std::thread::sleep(SLEEP_PAUSE);
    }
    found.into_values().collect()
}

/// Watches a tree until `deadline`, and says whether it burns processor time: all of it together by what it got, or one
/// thread by how little it slept. `None` if it ends meanwhile. On a machine that is so busy that a thread got hardly anything,
/// it is watched for longer.
fn burns(root: u32, deadline: Instant, wait: &impl Fn(Instant) -> bool) -> Option<bool> {
    let (ticks, awake, begin) = (look::ticks(root), look::awake(root), Instant::now());
    for window in 1..=MOST_WINDOWS {
        // At a deadline that has passed, a whole window all the same.
        if !wait(deadline.max(begin + BURN_WINDOW * window)) {
            return None;
        }
        let took = begin.elapsed();
        // A tick is 10 ms.
        let used = Duration::from_millis(10 * look::ticks(root).saturating_sub(ticks));
        let thread = |(tid, after): (u32, Awake)| awake.get(&tid).map(|before| seen(*before, after, took));
        let threads: Vec<_> = look::awake(root).into_iter().filter_map(thread).collect();
        if used * 100 > took * BURN_SHARE || threads.contains(&Seen::Burning) {
            return Some(true);
        }
        if !threads.contains(&Seen::Starved) {
            break;
        }
    }
    Some(false)
}

/// What a thread did for a while.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Seen {
    Burning,
    /// It slept for most of the time that it could have run.
    Sleeping,
    /// It waited for its turn all the time, and got so little that it has shown nothing.
    Starved,
}

/// Whether a thread ran for most of the time that others left it: on a busy machine one that burns gets little, and one
/// that sleeps a little and then waits for its turn looks busy.
fn seen(before: Awake, after: Awake, took: Duration) -> Seen {
    let ran = after.running.saturating_sub(before.running);
    let waited = after.waiting.saturating_sub(before.waiting);
    match ran * 100 > took.saturating_sub(waited) * BURN_SHARE {
        true if ran >= BURN_LEAST => Seen::Burning,
        _ if ran < BURN_LEAST && waited * 100 > took * BURN_SHARE => Seen::Starved,
        _ => Seen::Sleeping,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of 200 ms a thread ran for so many, and waited for its turn for so many.
    fn check(ran: u64, waited: u64, expected: Seen) {
        let awake = |ran, waited| Awake { running: Duration::from_millis(ran), waiting: Duration::from_millis(waited) };
        let seen = seen(awake(1000, 500), awake(1000 + ran, 500 + waited), Duration::from_millis(200));
        assert_eq!(seen, expected, "{ran} ms of running and {waited} ms of waiting");
    }

    #[test]
    fn a_thread_burns_if_it_hardly_sleeps() {
        check(200, 0, Seen::Burning);
        check(40, 160, Seen::Burning);
        check(10, 190, Seen::Burning);
        check(60, 0, Seen::Burning);
        check(40, 0, Seen::Sleeping);
        check(10, 150, Seen::Sleeping);
        check(8, 40, Seen::Sleeping);
        // It is watched for longer.
        check(5, 195, Seen::Starved);
        check(0, 200, Seen::Starved);
        check(8, 100, Seen::Starved);
    }
}
