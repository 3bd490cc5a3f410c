//! What the tests stand on: `outlive serve`, and clients in Python that are told when to go on.

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, ExitStatus, Output, Stdio},
    sync::{
        atomic::{AtomicU32, Ordering},
        mpsc,
    },
    thread,
    time::{Duration, Instant},
};

/// Long enough for anything here on a slow and busy machine: only a hang takes longer.
pub(crate) const PATIENCE: Duration = Duration::from_secs(40);

/// What every client begins with: `say` and `wait` are how it talks to its test, `call` gives a result or the errno's name.
const PRELUDE: &str = "
import errno, fcntl, os, select, signal, struct, sys, threading, time, ctypes
I2C_SLAVE, I2C_FUNCS, I2C_RDWR, I2C_SMBUS = 0x0703, 0x0705, 0x0707, 0x0720
def say(*words): print(*words, flush=True)
def wait(): return sys.stdin.readline().strip()
def call(what, *arguments):
    try: return what(*arguments)
    except OSError as error: return errno.errorcode[error.errno]
def polled(fd, events=select.POLLIN | select.POLLOUT, limit=0):
    poller = select.poll(); poller.register(fd, events)
    return [mask for _, mask in poller.poll(limit)]
";

/// A number of a bus that no other test has.
pub(crate) fn bus() -> u32 {
    static LAST: AtomicU32 = AtomicU32::new(20);
    LAST.fetch_add(1, Ordering::Relaxed)
}

/// The path of a bus.
pub(crate) fn node(bus: u32) -> PathBuf {
    PathBuf::from(format!("/dev/i2c-{bus}"))
}

/// An EEPROM of 256 bytes.
pub(crate) fn eeprom(bus: u32) -> String {
    format!("i2c:24c02@0x50,bus={bus}")
}

/// A thermometer that takes a minute for each transfer.
pub(crate) fn slow(bus: u32) -> String {
    format!("i2c:lm75@0x48,bus={bus},slow=60s")
}

fn check_machine() {
    assert!(rustix::process::geteuid().is_root(), "run these tests as root, in a guest: they change /dev");
    assert!(
        Path::new("/dev/cuse").exists(),
        "there is no /dev/cuse here: run these tests in a guest (cargo xtask guest)"
    );
}

/// The binary, about to be called with these arguments.
pub(crate) fn outlive(arguments: &[&str]) -> Command {
    check_machine();
    let mut command = Command::new(env!("CARGO_BIN_EXE_outlive"));
    command.args(arguments).stdin(Stdio::null()).env_remove("OUTLIVE_LAB");
    command
}

/// Runs a program to its end.
pub(crate) fn output(command: &mut Command) -> Output {
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program");
    let (tell, told) = mpsc::channel();
    let pid = child.id();
    thread::spawn(move || tell.send(child.wait_with_output()));
    match told.recv_timeout(PATIENCE) {
        Ok(output) => output.unwrap(),
        Err(_) => panic!("{command:?} (process {pid}) does not end"),
    }
}

/// What a program prints that succeeds.
pub(crate) fn printed(command: &mut Command) -> String {
    let output = output(command);
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {:?}\n{error}", output.status);
    String::from_utf8(output.stdout).unwrap()
}

/// What one of the i2c-tools prints.
pub(crate) fn tool(line: &str) -> String {
    let mut words = line.split_whitespace();
    printed(Command::new(words.next().unwrap()).args(words))
}

/// Ends as soon as `done` holds.
pub(crate) fn until(what: &str, mut done: impl FnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !done() {
        assert!(Instant::now() < end, "never: {what}");
        thread::sleep(Duration::from_millis(5));
    }
}

/// `outlive serve`, running.
pub(crate) struct Serve {
    pub(crate) child: Child,
    pub(crate) name: String,
    stderr: BufReader<std::process::ChildStderr>,
}

impl Serve {
    /// With these devices, which are there when this returns.
    pub(crate) fn with(devices: &[String]) -> Serve {
        let mut arguments = vec!["serve"];
        devices.iter().for_each(|device| arguments.extend(["--device", device]));
        Serve::start(&arguments)
    }

    /// With these arguments.
    pub(crate) fn start(arguments: &[&str]) -> Serve {
        Serve::start_by(&mut outlive(arguments))
    }

    /// By a command that comes to that.
    pub(crate) fn start_by(command: &mut Command) -> Serve {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("serve-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        command.args(["--name", &name]).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut stderr = BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        stderr.read_line(&mut line).unwrap();
        if !line.contains("serving lab") {
            let _ = child.kill();
            let _ = stderr.read_to_string(&mut line);
            panic!("it does not begin: {line}");
        }
        Serve { child, name, stderr }
    }

    /// What it prints once it is there: its nodes.
    pub(crate) fn nodes(&mut self, count: usize) -> Vec<String> {
        let stdout = BufReader::new(self.child.stdout.as_mut().unwrap());
        stdout.lines().take(count).map(Result::unwrap).collect()
    }

    /// A command on its lab.
    pub(crate) fn control(&self, arguments: &[&str]) -> Output {
        output(outlive(arguments).args(["--in", &self.name]))
    }

    /// Waits until a call is inside one of its devices.
    pub(crate) fn is_entered(&self) {
        until("a call is inside", || {
            let listed = self.control(&["ls", "--json"]).stdout;
            let listed: serde_json::Value = serde_json::from_slice(&listed).unwrap();
            listed.as_array().unwrap().iter().any(|it| it["inside"].as_u64().is_some_and(|inside| inside > 0))
        });
    }

    /// Unplugs the bus and says how long that took.
    pub(crate) fn unplug(&self, bus: u32) -> Duration {
        let begin = Instant::now();
        let output = self.control(&["unplug", &format!("i2c-{bus}")]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        begin.elapsed()
    }

    /// Plugs the bus in again.
    pub(crate) fn plug(&self, bus: u32) {
        let output = self.control(&["plug", &format!("i2c-{bus}")]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    pub(crate) fn signal(&self, signal: rustix::process::Signal) {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, signal).unwrap();
    }

    /// Waits for its end; gives that, and what else it has said on standard error.
    pub(crate) fn wait(&mut self) -> (ExitStatus, String) {
        let mut status = None;
        until("it ends", || {
            status = self.child.try_wait().unwrap();
            status.is_some()
        });
        let mut said = String::new();
        let _ = self.stderr.read_to_string(&mut said);
        (status.unwrap(), said)
    }

    /// Ends it in good order.
    pub(crate) fn stop(mut self) {
        self.signal(rustix::process::Signal::TERM);
        let (status, said) = self.wait();
        assert!(status.success(), "{status:?}: {said}");
    }
}

impl Drop for Serve {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A client in Python.
pub(crate) struct Client {
    pub(crate) child: Child,
    stdin: ChildStdin,
    lines: mpsc::Receiver<String>,
}

impl Client {
    /// `script` finds the path of the bus in `path`.
    pub(crate) fn start(bus: u32, script: &str) -> Client {
        let program = format!("{PRELUDE}\npath = {:?}\n{script}", node(bus).to_str().unwrap());
        let mut command = Command::new("/usr/bin/python3");
        command.args(["-c", &program]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("python3");
        let (tell, lines) = mpsc::channel();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        thread::spawn(move || stdout.lines().map_while(Result::ok).try_for_each(|line| tell.send(line)));
        Client { stdin: child.stdin.take().unwrap(), child, lines }
    }

    /// The next line that it says.
    pub(crate) fn line(&self) -> String {
        self.lines.recv_timeout(PATIENCE).expect("the client says something")
    }

    /// Checks what it says next.
    pub(crate) fn says(&self, expected: &str) {
        assert_eq!(self.line(), expected);
    }

    /// Lets it go on.
    pub(crate) fn go_on(&mut self) {
        writeln!(self.stdin).unwrap();
    }

    /// Waits until it has so many threads, and all of them sleep.
    pub(crate) fn sleeps(&self, threads: usize) {
        let tasks = format!("/proc/{}/task", self.child.id());
        until(&format!("{threads} threads sleep"), || {
            let stats = fs::read_dir(&tasks).into_iter().flatten().flatten();
            let stats: Vec<_> = stats.filter_map(|task| fs::read_to_string(task.path().join("stat")).ok()).collect();
            // The state comes after the name, which is in brackets: proc(5).
            let sleeps = |stat: &String| stat.rsplit(") ").next().is_some_and(|it| it.starts_with(['S', 'D']));
            stats.len() == threads && stats.iter().all(sleeps)
        });
    }

    /// Waits for its end, which must be a good one.
    pub(crate) fn ends(mut self) {
        drop(std::mem::replace(&mut self.lines, mpsc::channel().1));
        let mut status = None;
        until("the client ends", || {
            status = self.child.try_wait().unwrap();
            status.is_some()
        });
        assert!(status.unwrap().success(), "{status:?}");
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
