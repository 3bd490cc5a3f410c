//! i2c, mtd and tpm with their drivers in servers that die by SIGKILL, after a number of frames that `OUTLIVE_SEED` decides,
//! again and again, while five clients call without rest and the device is plugged in again as its next life. What has to
//! hold:
//!
//! - every call ends, in time, with its own answer or with the error that says that the device has gone, and from then on
//!   with that;
//! - no client gets what belongs to another;
//! - what was answered has been carried out once, and nothing has been carried out twice: no call is handed to the next
//!   server, and no program is told twice;
//! - each removal finishes within its budget, and the next life works;
//! - in the end nothing is left: no process, no handle, no descriptor, no memory.
//!
//! Each check has to find a server that does what must not be, too. The seed decides where servers die; what the clients are
//! doing then, the machine.

#[path = "dying_servers/books.rs"]
mod books;
#[path = "dying_servers/chance.rs"]
mod chance;
#[path = "dying_servers/desk.rs"]
mod desk;
#[path = "dying_servers/echo.rs"]
mod echo;
mod on_front;
#[path = "dying_servers/run.rs"]
mod run;
#[path = "dying_servers/server.rs"]
mod server;

use desk::Desk;
use libtest_mimic::{Arguments, Failed, Trial};
use on_front::agent::Agent;
use outlive_host::lab::{Lab, LabConfig};
use run::Run;
use server::Plant;
use std::{
    env, fs,
    path::Path,
    process::ExitCode,
    sync::{Arc, Mutex, PoisonError, atomic::AtomicBool},
    thread,
    time::{Duration, Instant},
};

/// The first word of a server's command.
const SERVER: &str = "--server";
/// How much more memory there may be in the end than when nothing had happened yet, in KiB: buffers of threads, and what an
/// allocator keeps.
const MEMORY: u64 = 24 << 10;

fn main() -> ExitCode {
    let words: Vec<String> = env::args().skip(1).collect();
    match &words[..] {
        [word, class, path, run] if word == SERVER => server::serve(class, Path::new(path), run),
        _ => check(),
    }
}

fn check() -> ExitCode {
    let mut arguments = Arguments::from_args();
    let lab = Lab::start(&LabConfig::default()).expect("an empty lab");
    let agent = Agent::start_on_run(&lab);
    let desk = Arc::new(Desk::open());
    println!("OUTLIVE_SEED={}", chance::seed());
    // All at once: most of the time they wait.
    arguments.test_threads.get_or_insert(12);
    let before = Arc::new(Mutex::new(None));
    let mut trials = Vec::new();
    for class in ["i2c", "mtd", "tpm"] {
        for plant in Plant::ALL {
            let (lab, agent, desk, before) = (lab.clone(), agent.clone(), desk.clone(), before.clone());
            let title = match plant {
                Plant::None => format!("{class} in a server that dies"),
                bug => format!("{class} in a server that dies: is found if it {}", bug.says()),
            };
            trials.push(Trial::test(title, move || {
                before.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert_with(Belongings::now);
                one(&lab, &agent, &desk, class, plant)
            }));
        }
    }
    let conclusion = libtest_mimic::run(&arguments, trials);
    let before = before.lock().unwrap_or_else(PoisonError::into_inner).take();
    let left = before.map_or(Ok(()), |before| before.are_all(&desk.path()));
    agent.end();
    desk.close();
    match left {
        Ok(()) => conclusion.exit_code(),
        Err(what) => {
            println!("left behind: {what}");
            ExitCode::FAILURE
        }
    }
}

fn one(lab: &Lab, agent: &Agent, desk: &Desk, class: &'static str, plant: Plant) -> Result<(), Failed> {
    let run = Run { lab, agent, class, plant, books: Arc::default(), done: AtomicBool::new(false) };
    match (run.run(desk), plant) {
        (Ok((answered, lost)), Plant::None) if answered > 0 && lost > 0 => {
            println!("{class}: {answered} calls were answered, {lost} lost");
            Ok(())
        }
        (Ok((answered, lost)), Plant::None) => Err(format!("{answered} answered, {lost} lost: it saw nothing").into()),
        (Err(breach), Plant::None) => Err(breach.into()),
        (Err(breach), _) => {
            println!("{class}, found: {breach}");
            Ok(())
        }
        (Ok(_), bug) => Err(format!("planted, and not found: a server that {}", bug.says()).into()),
    }
}

/// What this process has.
struct Belongings {
    descriptors: usize,
    /// Of memory, in KiB.
    memory: u64,
}

impl Belongings {
    fn now() -> Self {
        let descriptors = fs::read_dir("/proc/self/fd").expect("proc(5)").count();
        let status = fs::read_to_string("/proc/self/status").expect("proc(5)");
        let memory = status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB"));
        Belongings { descriptors, memory: memory.and_then(|text| text.parse().ok()).expect("VmRSS") }
    }

    /// Whether there is nothing more in the end, and no process that has `path` among its words.
    fn are_all(&self, path: &str) -> Result<(), String> {
        // What hears servers (epoll, eventfd), and a moment for what is on its way.
        let most = self.descriptors + 4;
        let deadline = Instant::now() + Duration::from_secs(5);
        while (Self::now().descriptors > most || !servers(path).is_empty()) && Instant::now() < deadline {
            thread::sleep(Duration::from_millis(10));
        }
        let (now, servers) = (Self::now(), servers(path));
        println!("descriptors: {} before, {} now", self.descriptors, now.descriptors);
        println!("memory: {} KiB before, {} KiB now", self.memory, now.memory);
        match () {
            () if !servers.is_empty() => Err(format!("the processes {servers:?}")),
            () if now.descriptors > most => Err("descriptors".into()),
            () if now.memory > self.memory + MEMORY => Err("memory".into()),
            () => Ok(()),
        }
    }
}

/// The processes that have `path` among their words.
fn servers(path: &str) -> Vec<String> {
    let processes = fs::read_dir("/proc").expect("proc(5)").filter_map(Result::ok);
    let named = processes.map(|entry| entry.file_name().to_string_lossy().into_owned());
    let has = |pid: &String| {
        let words = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        words.split(|byte| *byte == 0).any(|word| word == path.as_bytes())
    };
    named.filter(|name| name.bytes().all(|byte| byte.is_ascii_digit())).filter(has).collect()
}
