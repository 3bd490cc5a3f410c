//! The program that is the users: `tests/clients/agent.c`, which says what its lines mean.

use outlive::Reason;
use outlive_conformance::{Answer, Said, Standing};
use outlive_host::{
    front::run::{self, Command, Running},
    lab::{DeviceReport, Lab, State},
};
use std::{
    collections::BTreeMap,
    fmt,
    fs::File,
    io::{BufRead, BufReader, Write, pipe},
    os::fd::OwnedFd,
    path::{Path, PathBuf},
    process::{Child, Stdio},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
        mpsc,
    },
    thread,
    time::Duration,
};

/// Only what hangs takes longer.
const PATIENCE: Duration = Duration::from_secs(20);

type Waiting = Arc<Mutex<BTreeMap<u64, mpsc::Sender<String>>>>;

/// The agent.
pub(crate) struct Agent {
    input: Mutex<Option<File>>,
    waiting: Waiting,
    next: AtomicU64,
    program: Mutex<Option<Program>>,
    /// Where there is no file to be asked how devices are.
    lab: Option<Arc<Lab>>,
}

/// It, running.
enum Program {
    OnRun(Running),
    Beside(Child),
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn built(folder: &Path) -> PathBuf {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/clients/agent.c");
    let program = folder.join("agent");
    let mut gcc = std::process::Command::new("gcc");
    gcc.args(["-O1", "-Wall", "-pthread", "-o"]).arg(&program).arg(source);
    assert!(gcc.status().expect("gcc (Debian's package gcc)").success());
    program
}

impl Agent {
    /// Starts it as the program of a tree. There must be no other thread yet.
    pub(crate) fn start_on_run(lab: &Arc<Lab>) -> Arc<Self> {
        let ((input_end, input), (output, output_end)) = (pipe().expect("a pipe"), pipe().expect("a pipe"));
        let standard = [Some(OwnedFd::from(input_end)), Some(OwnedFd::from(output_end)), None];
        let program = built(Path::new(env!("CARGO_TARGET_TMPDIR")));
        let command = Command { words: vec![program.into()], standard, ..Command::default() };
        let running = run::start(lab, command).unwrap_or_else(|error| panic!("{error}"));
        Self::new(Program::OnRun(running), OwnedFd::from(input), OwnedFd::from(output), None)
    }

    /// Starts it as any process of this machine.
    pub(crate) fn start_beside(lab: &Arc<Lab>) -> Arc<Self> {
        // The build's own folder cannot be written in a guest.
        let folder = std::env::temp_dir();
        let mut command = std::process::Command::new(built(&folder));
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("the agent");
        let (input, output) = (child.stdin.take().expect("piped"), child.stdout.take().expect("piped"));
        Self::new(Program::Beside(child), OwnedFd::from(input), OwnedFd::from(output), Some(lab.clone()))
    }

    fn new(program: Program, input: OwnedFd, output: OwnedFd, lab: Option<Arc<Lab>>) -> Arc<Self> {
        let waiting = Waiting::default();
        let told = waiting.clone();
        thread::spawn(move || {
            for line in BufReader::new(File::from(output)).lines().map_while(Result::ok) {
                let (id, said) = line.split_once(' ').expect("ID and what was said");
                if let Some(tell) = lock(&told).remove(&id.parse().expect("a number")) {
                    let _ = tell.send(said.to_owned());
                }
            }
        });
        Arc::new(Agent {
            input: Mutex::new(Some(File::from(input))),
            waiting,
            next: AtomicU64::new(1),
            program: Mutex::new(Some(program)),
            lab,
        })
    }

    /// Tells it to do something.
    pub(crate) fn ask(&self, words: fmt::Arguments<'_>) -> Asked {
        let (id, (tell, said)) = (self.next.fetch_add(1, Relaxed), mpsc::channel());
        lock(&self.waiting).insert(id, tell);
        let line = format!("{id} {words}\n");
        lock(&self.input).as_mut().expect("it has not ended").write_all(line.as_bytes()).expect("the agent lives");
        Asked { id, said }
    }

    /// What the program learns of a life of a device, from the file that `OUTLIVE_STATUS` names; where there is none, what
    /// `outlive ls` says.
    pub(crate) fn standing(&self, name: &str, generation: u64) -> Standing {
        let asked = || {
            let asked = self.ask(format_args!("standing 0"));
            let said = asked.said.recv_timeout(PATIENCE).expect("an answer");
            let text = said.strip_prefix("ok ").unwrap_or_else(|| panic!("{said}"));
            serde_json::from_str(text).expect("JSON")
        };
        let devices: Vec<DeviceReport> = self.lab.as_ref().map_or_else(asked, |lab| lab.list());
        let life = devices.into_iter().find(|device| device.name == name && device.generation == generation);
        let life = life.expect("a life that has a handle");
        let State::Gone { reason, seconds, .. } = life.state else {
            return Standing { gone: None, since: None, lives_elsewhere: life.lives_elsewhere };
        };
        let reasons = [Reason::Pulled, Reason::Orderly, Reason::Abandoned, Reason::Reset, Reason::DriverLost];
        let reason = reasons.into_iter().find(|known| known.to_string() == reason);
        let since = Duration::from_secs_f64(seconds);
        Standing { gone: reason, since: Some(since), lives_elsewhere: life.lives_elsewhere }
    }

    /// Ends it, and waits until nothing of its tree is left.
    pub(crate) fn end(&self) {
        drop(lock(&self.input).take());
        match lock(&self.program).take() {
            Some(Program::OnRun(running)) => _ = running.wait(),
            Some(Program::Beside(mut child)) => _ = child.wait(),
            None => {}
        }
    }
}

/// Something that it has been told to do.
pub(crate) struct Asked {
    id: u64,
    said: mpsc::Receiver<String>,
}

impl Asked {
    /// What it is worth.
    pub(crate) fn number(self) -> Result<u64, Said> {
        let said = self.said.recv_timeout(PATIENCE).unwrap_or_else(|_| panic!("the agent does not answer"));
        match said.strip_prefix("ok ") {
            Some(number) => Ok(number.parse().expect("a number")),
            None => Err(Said::failed(said)),
        }
    }

    /// What it says, when it says it.
    pub(crate) fn said(self) -> Answer {
        let (tell, answers) = mpsc::channel();
        let name = self.id;
        thread::spawn(move || {
            for said in self.said {
                let said = if said.starts_with("ok ") { Said::Done } else { Said::failed(said) };
                let _ = tell.send(said);
            }
        });
        Answer::new(answers, name)
    }
}
