//! What the tests stand on: the clients, built once, and `outlive run` around them, as root and as an ordinary user.

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    os::unix::{fs::PermissionsExt, process::CommandExt},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    sync::{
        OnceLock,
        atomic::{AtomicU32, Ordering},
        mpsc,
    },
    time::{Duration, Instant},
};

/// An EEPROM of 256 bytes on bus 7: what most clients want.
pub(crate) const EEPROM: &str = "i2c:24c02@0x50,bus=7";
/// Long enough for anything here on a slow and busy machine: only a hang takes longer.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);
/// An ordinary user: Debian's `nobody`.
pub(crate) const NOBODY: u32 = 65534;

/// Whether ioctls are trapped: on the road that the tests take unless `OUTLIVE_ROAD` says otherwise.
pub(crate) fn is_trapped() -> bool {
    std::env::var("OUTLIVE_ROAD").map_or(true, |road| ["auto", "trap"].contains(&road.as_str()))
}

/// Whether there is no FUSE: on the road `plain`.
pub(crate) fn is_plain() -> bool {
    std::env::var("OUTLIVE_ROAD").is_ok_and(|road| road == "plain")
}

/// Whether a test is for the other roads; says why. What it shows is in docs/roads.md among the differences.
pub(crate) fn not_on_plain(why: &str) -> bool {
    if is_plain() {
        println!("not for the road `plain`: {why}");
    }
    is_plain()
}

/// Who runs something.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Who {
    Root,
    User,
}

/// Both, as the tests are run by root. An ordinary user cannot show what root sees.
pub(crate) fn everybody() -> [Who; 2] {
    assert!(rustix::process::geteuid().is_root(), "run the tests as root: what root sees must be shown, too");
    [Who::Root, Who::User]
}

/// The folder with the programs, which every user may enter.
fn folder() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("front");
        fs::create_dir_all(&folder).unwrap();
        let folder = folder.canonicalize().unwrap();
        for place in folder.ancestors() {
            let mode = fs::metadata(place).unwrap().permissions().mode();
            assert!(
                mode & 0o1 != 0,
                "{} is closed to ordinary users: chmod o+x it, or build elsewhere",
                place.display()
            );
        }
        // A file of its own: that of the run before may be busy, with who has not quite ended.
        let _ = fs::remove_file(folder.join("outlive"));
        fs::copy(env!("CARGO_BIN_EXE_outlive"), folder.join("outlive")).unwrap();
        folder
    })
}

/// The binary.
pub(crate) fn outlive() -> PathBuf {
    folder().join("outlive")
}

/// The program that these tests are, which is a client as well.
pub(crate) fn these_tests() -> PathBuf {
    static COPY: OnceLock<PathBuf> = OnceLock::new();
    COPY.get_or_init(|| {
        let copy = folder().join("front");
        fs::copy(std::env::current_exe().unwrap(), &copy).unwrap();
        copy
    })
    .clone()
}

/// The root of the repository.
pub(crate) fn source(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/clients").join(path).canonicalize().unwrap()
}

/// A client in C, built once a kind: with shared libraries, or static.
pub(crate) fn client(name: &str, linked: &str) -> PathBuf {
    client_with(name, linked, &[])
}

/// As [`client`], with `libraries`.
pub(crate) fn client_with(name: &str, linked: &str, libraries: &[&str]) -> PathBuf {
    static BUILDING: std::sync::Mutex<()> = std::sync::Mutex::new(());
    let _one_at_a_time = BUILDING.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let program = folder().join(format!("{name}-{linked}"));
    static BUILT: std::sync::Mutex<Vec<PathBuf>> = std::sync::Mutex::new(Vec::new());
    let mut built = BUILT.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    if !built.contains(&program) {
        let mut gcc = Command::new("gcc");
        gcc.args(["-O1", "-Wall", "-pthread"]).args((linked == "static").then_some("-static"));
        gcc.arg("-o").arg(&program).arg(source(&format!("{name}.c"))).args(libraries);
        let output = gcc.output().expect("gcc (Debian's package gcc)");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        built.push(program.clone());
    }
    program
}

/// A client in Go, static and without the C library.
pub(crate) fn go_client(name: &str) -> PathBuf {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT
        .get_or_init(|| {
            let program = folder().join(name);
            let mut go = Command::new("go");
            go.args(["build", "-o"]).arg(&program).arg(source(&format!("{name}.go")));
            go.env("CGO_ENABLED", "0").env("GO111MODULE", "off").env("GOCACHE", folder().join("go"));
            let output = go.output().expect("go (Debian's package golang-go)");
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            program
        })
        .clone()
}

/// `outlive run`, about to be called.
pub(crate) struct Run {
    command: Command,
    name: String,
    who: Who,
}

impl Run {
    /// With these devices.
    pub(crate) fn with(devices: &[&str]) -> Run {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("test-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let mut command = Command::new(outlive());
        command.args(["run", "--name", &name]).stdin(Stdio::null());
        for device in devices {
            command.args(["--device", device]);
        }
        // By this the processes of a run are found, whatever becomes of them.
        command.env("OUTLIVE_TEST", &name).env_remove("OUTLIVE_LAB");
        if is_plain() {
            command.env("OUTLIVE_CLIENT_PLAIN", "1");
        }
        Run { command, name, who: Who::Root }
    }

    pub(crate) fn by(mut self, who: Who) -> Run {
        self.who = who;
        become_user(&mut self.command, who);
        self
    }

    /// With the devices of a lab file.
    pub(crate) fn lab(mut self, file: &Path) -> Run {
        self.command.arg("--lab").arg(file);
        self
    }

    pub(crate) fn contract(mut self, name: &str) -> Run {
        self.command.args(["--contract", name]);
        self
    }

    pub(crate) fn env(mut self, key: &str, value: &str) -> Run {
        self.command.env(key, value);
        self
    }

    pub(crate) fn without(mut self, key: &str) -> Run {
        self.command.env_remove(key);
        self
    }

    /// Runs a program to its end.
    pub(crate) fn output<A: AsRef<std::ffi::OsStr>>(mut self, words: impl IntoIterator<Item = A>) -> Output {
        self.command.arg("--").args(words).stdout(Stdio::piped()).stderr(Stdio::piped());
        let child = self.command.spawn().expect("outlive");
        finish(child)
    }

    /// Runs a program, expects it to exit with `code`, and gives what it printed.
    pub(crate) fn expect<A: AsRef<std::ffi::OsStr>>(self, code: i32, words: impl IntoIterator<Item = A>) -> String {
        let output = self.output(words);
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert_eq!(output.status.code(), Some(code), "it printed:\n{out}{err}");
        out.into_owned() + &err
    }

    /// Starts a program and leaves it running.
    pub(crate) fn start<A: AsRef<std::ffi::OsStr>>(mut self, words: impl IntoIterator<Item = A>) -> Live {
        self.command.arg("--").args(words).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = self.command.spawn().expect("outlive");
        let (line, lines) = mpsc::channel();
        let output = BufReader::new(child.stdout.take().unwrap());
        std::thread::spawn(move || {
            for read in output.lines().map_while(Result::ok) {
                let _ = line.send(read);
            }
        });
        Live { child, lines, name: self.name, who: self.who }
    }
}

fn become_user(command: &mut Command, who: Who) {
    if who == Who::User {
        command.uid(NOBODY).gid(NOBODY);
    }
}

/// Waits for a child, which must not hang, and collects what it writes.
fn finish(child: Child) -> Output {
    let pid = child.id();
    let (done, waited) = mpsc::channel::<()>();
    let watchdog = std::thread::spawn(move || {
        if waited.recv_timeout(PATIENCE) == Err(mpsc::RecvTimeoutError::Timeout) {
            eprintln!("process {pid} hangs; it is killed");
            kill(pid, "KILL");
        }
    });
    let output = child.wait_with_output().unwrap();
    drop(done);
    watchdog.join().unwrap();
    output
}

/// A run that goes on.
pub(crate) struct Live {
    pub(crate) child: Child,
    lines: mpsc::Receiver<String>,
    pub(crate) name: String,
    who: Who,
}

impl Live {
    /// The next line that starts with `start`; those before it are passed over.
    pub(crate) fn line(&self, start: &str) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let line = self.lines.recv_timeout(left).unwrap_or_else(|_| panic!("no line '{start}…' came"));
            if line.starts_with(start) {
                return line;
            }
        }
    }

    /// Everything that it still writes.
    pub(crate) fn rest(&self) -> Vec<String> {
        self.lines.iter().collect()
    }

    /// Writes to its standard input.
    pub(crate) fn say(&mut self, text: &str) {
        self.child.stdin.as_mut().unwrap().write_all(text.as_bytes()).unwrap();
    }

    /// It has nothing more to read.
    pub(crate) fn end_of_input(&mut self) {
        self.child.stdin = None;
    }

    /// As [`Live::command`], meanwhile.
    pub(crate) fn in_background(&self, words: &[&str]) -> std::thread::JoinHandle<(i32, String)> {
        let mut command = Command::new(outlive());
        command.args(words).args(["--in", &self.name]).env_remove("OUTLIVE_LAB");
        become_user(&mut command, self.who);
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        std::thread::spawn(move || {
            let output = finish(child);
            let text = [output.stdout, output.stderr].concat();
            (output.status.code().unwrap(), String::from_utf8_lossy(&text).into_owned())
        })
    }

    /// Another `outlive` command on its lab: its exit code and what it printed.
    pub(crate) fn command(&self, words: &[&str]) -> (i32, String) {
        self.in_background(words).join().unwrap()
    }

    /// Waits until `ls --handles` says `text`.
    pub(crate) fn until_ls_says(&self, text: &str) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let (_, said) = self.command(&["ls", "--handles"]);
            if said.contains(text) {
                return;
            }
            assert!(Instant::now() < deadline, "no '{text}' in:\n{said}");
        }
    }

    /// What `ls --json` says of the one device.
    pub(crate) fn report(&self) -> serde_json::Value {
        let (_, text) = self.command(&["ls", "--handles", "--json"]);
        serde_json::from_str::<serde_json::Value>(&text).unwrap()[0].clone()
    }

    /// Waits until so many operations are inside.
    pub(crate) fn until_inside(&self, count: u64) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let report = self.report();
            if report["inside"] == count {
                return;
            }
            assert!(Instant::now() < deadline, "not {count} inside: {report}");
        }
    }

    /// When it is ready and `inside` operations are under way: pulls `i2c-7`, tells it so, and expects it to have found
    /// everything as it should be. Gives what it noted.
    pub(crate) fn pulled(mut self, inside: u64) -> Vec<String> {
        self.line("ready");
        self.until_inside(inside);
        let (code, text) = self.command(&["unplug", "i2c-7"]);
        assert_eq!(code, 0, "{text}");
        self.end_of_input();
        let lines = self.rest();
        assert_eq!(self.exit_code(), 0, "{lines:#?}");
        lines
    }

    /// Its exit code, once it ends: 128+N for a signal, as a shell says it.
    pub(crate) fn exit_code(&mut self) -> i32 {
        use std::os::unix::process::ExitStatusExt;
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code().or(status.signal().map(|signal| 128 + signal)).unwrap();
            }
            assert!(Instant::now() < deadline, "the run hangs");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// The processes of the run: their numbers and names.
    pub(crate) fn processes(&self) -> Vec<(u32, String)> {
        let mark = format!("OUTLIVE_TEST={}", self.name);
        let pids = fs::read_dir("/proc").unwrap().filter_map(|e| e.ok()?.file_name().to_str()?.parse::<u32>().ok());
        let ours = pids.filter(|pid| {
            let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
            environment.split(|byte| *byte == 0).any(|entry| entry == mark.as_bytes())
        });
        let named = ours.map(|pid| (pid, fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default()));
        named.map(|(pid, name)| (pid, name.trim().to_owned())).collect()
    }

    /// The one process of that name.
    pub(crate) fn process(&self, name: &str) -> u32 {
        // Names are cut at 15 bytes.
        let name = &name[..name.len().min(15)];
        let all = self.processes();
        let found: Vec<_> = all.iter().filter(|(_, comm)| comm == name).collect();
        assert_eq!(found.len(), 1, "{name} in {all:?}");
        found[0].0
    }

    /// Waits until nothing of the run is left: no process, no socket, no mount.
    pub(crate) fn expect_nothing_left(&self) {
        let deadline = Instant::now() + PATIENCE;
        while !self.processes().is_empty() {
            assert!(Instant::now() < deadline, "left behind: {:?}", self.processes());
            std::thread::sleep(Duration::from_millis(5));
        }
        let sockets = fs::read_to_string("/proc/net/unix").unwrap();
        assert!(!sockets.contains(&self.name), "a socket is left behind");
        expect_no_mounts();
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// No mount of ours stays to be seen. Others that mount just now are seen for a moment (fusermount3 mounts before it lets
/// us detach).
pub(crate) fn expect_no_mounts() {
    let ours = || -> Vec<String> {
        let mounts = fs::read_to_string("/proc/self/mounts").unwrap();
        mounts.lines().filter(|mount| mount.starts_with("outlive ")).map(str::to_owned).collect()
    };
    let (mut seen, deadline) = (ours(), Instant::now() + PATIENCE);
    while !seen.is_empty() {
        assert!(Instant::now() < deadline, "mounts are left behind: {seen:?}");
        std::thread::sleep(Duration::from_millis(5));
        let now = ours();
        seen.retain(|mount| now.contains(mount));
    }
}

/// Sends a signal by name.
pub(crate) fn kill(pid: u32, signal: &str) {
    let status = Command::new("kill").args([format!("-{signal}"), pid.to_string()]).status().unwrap();
    assert!(status.success(), "kill -{signal} {pid}");
}
