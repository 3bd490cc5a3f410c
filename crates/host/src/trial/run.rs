//! Carries out a trial.

use super::{Observed, Stopped, Trial, look, record::Recorder};
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
    fs::File,
    io::Read,
    os::fd::OwnedFd,
    sync::{Arc, mpsc},
    thread::JoinHandle,
    time::{Duration, Instant},
};

/// How often it is looked at in that time.
const BURN_LOOKS: u32 = 20;
/// How long a tree is watched at its time limit to tell whether it burns or sleeps.
const BURN_WINDOW: Duration = Duration::from_millis(200);
/// A tree that uses more of one processor than this, in percent, burns.
const BURN_SHARE: u64 = 25;

/// Why a trial could not be carried out.
#[derive(Debug, thiserror::Error)]
pub enum TrialError {
    /// The lab cannot be.
    #[error(transparent)]
    Lab(#[from] LabError),
    /// The program could not be started.
    #[error(transparent)]
    Start(#[from] StartError),
    /// A system call failed that should not.
    #[error("{0}: {1}")]
    System(&'static str, rustix::io::Errno),
}

/// Runs the program under watch, until its whole tree has ended or a limit is passed.
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
    let recorder = Arc::new(Recorder::new(Arc::downgrade(&lab), trial.pull, trial.limits));
    let _ = lab.observe(recorder.clone());
    let nothing = open("/dev/null", OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())
        .map_err(|errno| TrialError::System("opening /dev/null", errno))?;
    let (output, output_end) = pipe()?;
    let (errors, errors_end) = pipe()?;
    let watcher = recorder.clone();
    let command = Command {
        words: trial.command.iter().map(Into::into).collect(),
        environment: vec![("OUTLIVE_LAB".into(), lab.name().into())],
        standard: [Some(nothing), Some(output_end), Some(errors_end)],
    };
    let begin = Instant::now();
    let running = run::start_watched(&lab, command, Some(Arc::new(move |tid| watcher.saw(tid))))?;
    recorder.stop_by(running.stopper()?);
    let readers = [read(1, output, &recorder), read(2, errors, &recorder)];
    let (ended, end_heard) = mpsc::channel::<()>();
    let alarm = trial.limits.time.map(|limit| alarm(begin + limit, running.root() as u32, &recorder, end_heard));
    let end = running.wait();
    drop(ended);
    let wall = begin.elapsed();
    for thread in readers.into_iter().chain(alarm) {
        let _ = thread.join();
    }
    let mut observed = recorder.finish(end);
    observed.wall = wall;
    Ok(observed)
}

fn pipe() -> Result<(OwnedFd, OwnedFd), TrialError> {
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
            recorder.found_doing(look::threads(root));
            recorder.stop(Stopped::Time { burning });
        }
    })
}

/// Watches a tree until `deadline`, and says whether it burns processor time: by the time that it got, or on a busy
/// machine by how often a thread of it was found wanting to run. `None` if it ends meanwhile.
fn burns(root: u32, deadline: Instant, wait: &impl Fn(Instant) -> bool) -> Option<bool> {
    let (before, begin) = (look::ticks(root), Instant::now());
    let mut running = 0;
    for look in 1..=BURN_LOOKS {
        // At a deadline that has passed, a whole window all the same.
        if !wait(deadline.max(begin + BURN_WINDOW) - BURN_WINDOW / BURN_LOOKS * (BURN_LOOKS - look)) {
            return None;
        }
        running += u32::from(look::threads(root).iter().any(|thread| thread.state == 'R'));
    }
    let used = look::ticks(root).saturating_sub(before);
    // A tick is 10 ms: in hundredths of the time that passed.
    let share = used * 1000 / (begin.elapsed().as_millis() as u64).max(1);
    Some(share > BURN_SHARE || running * 2 >= BURN_LOOKS)
}
