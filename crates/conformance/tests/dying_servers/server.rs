//! The server: our own end of the protocol, around a driver that answers in any order, and dies when it is to.

use super::{
    chance::Chance,
    echo::{answer_to, hardware},
};
use outlive_host::driving::Driving;
use rustix::process::{Signal, getpid, kill_process};
use std::{
    io::{BufRead, BufReader, Write},
    os::unix::net::UnixStream,
    path::Path,
    process::ExitCode,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::SeqCst},
        mpsc,
    },
    thread,
    time::Duration,
};

/// A call in the driver's hands.
pub(crate) struct Job {
    /// What it was told.
    pub(crate) token: u64,
    /// Answers it, with the first word of the answer.
    pub(crate) finish: Box<dyn FnOnce(u64) + Send>,
}

/// What a server does wrong, so that it can be seen to be found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Plant {
    /// Nothing.
    None,
    /// It answers two calls each with what belongs to the other.
    Swaps,
    /// It carries one out twice.
    CarriesOutTwice,
    /// It answers one that it has not carried out.
    Invents,
}

impl Plant {
    pub(crate) const ALL: [Plant; 4] = [Plant::None, Plant::Swaps, Plant::CarriesOutTwice, Plant::Invents];

    /// In words.
    pub(crate) fn says(self) -> &'static str {
        match self {
            Plant::None => "does nothing wrong",
            Plant::Swaps => "answers two calls each with what belongs to the other",
            Plant::CarriesOutTwice => "carries a call out twice",
            Plant::Invents => "answers a call that it has not carried out",
        }
    }
}

/// When the server dies, and what it writes down.
pub(crate) struct Fate {
    /// How many frames are left.
    frames: AtomicU64,
    /// Where it is written down what was carried out. What is written there stays, whoever dies.
    journal: UnixStream,
    jobs: mpsc::Sender<Job>,
    plant: Plant,
}

impl Fate {
    /// A frame has come or gone.
    fn frame(&self) {
        if self.frames.fetch_sub(1, SeqCst) == 1 {
            die();
        }
    }

    /// The driver is called.
    pub(crate) fn called(&self, job: Job) {
        self.frame();
        let times = match self.plant {
            Plant::CarriesOutTwice if job.token % 16 == 7 => 2,
            Plant::Invents if job.token % 16 == 7 => 0,
            _ => 1,
        };
        for _ in 0..times {
            let _ = (&self.journal).write_all(format!("{}\n", job.token).as_bytes());
        }
        let _ = self.jobs.send(job);
    }
}

fn die() -> ! {
    let _ = kill_process(getpid(), Signal::KILL);
    unreachable!("nobody survives SIGKILL")
}

/// Serves a device of `class` until it is told to die by the test that listens at `path`. `run` is of which run.
pub(crate) fn serve(class: &str, path: &Path, run: &str) -> ExitCode {
    let journal = UnixStream::connect(path).expect("the test listens");
    writeln!(&journal, "{run}").expect("it hears");
    let mut line = String::new();
    BufReader::new(&journal).read_line(&mut line).expect("it answers");
    let mut numbers = line.split_whitespace().map(|number| number.parse::<u64>().expect("a number"));
    let mut next = || numbers.next().expect("seed, frames, plant");
    let (chance, frames, plant) = (Chance::new(next()), next(), Plant::ALL[next() as usize]);
    if frames == 0 {
        die();
    }
    let (jobs, to_do) = mpsc::channel();
    let fate = Arc::new(Fate { frames: AtomicU64::new(frames), journal, jobs, plant });
    let driving = Driving::of(hardware(class, fate.clone())).expect("a driver that can be served");
    thread::spawn(move || work(&to_do, chance, &fate));
    driving.serve_descriptor(3).map_or_else(|why| panic!("{why}"), |_| ExitCode::SUCCESS)
}

/// Answers what there is, in any order.
fn work(to_do: &mpsc::Receiver<Job>, mut chance: Chance, fate: &Fate) {
    let mut pending = Vec::new();
    while let Ok(job) = to_do.recv() {
        pending.push(job);
        while !pending.is_empty() {
            thread::sleep(Duration::from_micros(chance.below(300)));
            pending.extend(to_do.try_iter());
            let job = pending.swap_remove(chance.below(pending.len() as u64) as usize);
            match pending.pop_if(|_| fate.plant == Plant::Swaps) {
                Some(other) => {
                    let answers = [answer_to(other.token), answer_to(job.token)];
                    (job.finish)(answers[0]);
                    (other.finish)(answers[1]);
                }
                None => (job.finish)(answer_to(job.token)),
            }
            fate.frame();
        }
    }
}
