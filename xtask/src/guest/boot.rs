//! A guest from its boot to the end of its command.

use super::{Kind, channel::Channel, qemu, script::Script, uml};
use crate::workspace;
use anyhow::{Context, Result, anyhow, bail, ensure};
use std::{
    fs,
    io::Read,
    path::{Path, PathBuf},
    process::{self, Child, ChildStdout, Command, Stdio},
    sync::{
        atomic::{AtomicU32, Ordering},
        mpsc::{self, Receiver, RecvTimeoutError},
    },
    thread,
    time::{Duration, Instant, SystemTime},
};

/// A guest that has not been booted yet.
#[derive(Clone)]
pub(crate) struct Guest {
    kind: Kind,
    modules: Vec<String>,
    options: Vec<String>,
    limit: Duration,
    core: Option<usize>,
}

/// How the command in a guest ended.
pub(crate) struct Ended {
    /// Its exit status.
    pub(crate) status: u8,
    /// The version of the guest's kernel.
    pub(crate) kernel: String,
    scratch: Scratch,
}

/// What a kind of guest adds: how it is started, and what its first program has to know.
pub(super) struct Machine {
    pub(super) program: PathBuf,
    pub(super) arguments: Vec<String>,
    pub(super) modules_in: &'static str,
    pub(super) channel: &'static str,
    pub(super) mount_results: String,
    /// By when its first program has to be up.
    pub(super) boot_limit: Duration,
}

/// The files of one run, gone when it has ended.
pub(super) struct Scratch(PathBuf);

impl Guest {
    /// One without modules, whose command may run for five minutes.
    pub(crate) fn new(kind: Kind) -> Guest {
        Guest { kind, modules: Vec::new(), options: Vec::new(), limit: Duration::from_secs(300), core: None }
    }

    /// Has it load modules: each a name with parameters.
    pub(crate) fn modules<M: AsRef<str>>(mut self, modules: &[M]) -> Guest {
        self.modules.extend(modules.iter().map(|module| module.as_ref().to_owned()));
        self
    }

    /// Adds options to the command line of linux.uml or qemu.
    pub(crate) fn options<'a>(mut self, options: impl IntoIterator<Item = &'a str>) -> Guest {
        self.options.extend(options.into_iter().map(str::to_owned));
        self
    }

    /// Stops the command when it has run for so long: a failure.
    pub(crate) fn limit(mut self, limit: Duration) -> Guest {
        self.limit = limit;
        self
    }

    /// Keeps it on this core of the machine's: user-mode Linux is faster and much steadier so.
    pub(crate) fn on_core(mut self, core: usize) -> Guest {
        self.core = Some(core);
        self
    }

    /// Boots it, runs `command` as root in the root of the repository, and gives `sink` its output as it comes.
    ///
    /// # Errors
    /// If the guest does not boot, ends by itself, or the command takes too long: with the end of its console.
    pub(crate) fn run(&self, command: &[&str], sink: &mut dyn FnMut(&[u8])) -> Result<Ended> {
        ensure!(!self.modules.iter().any(|module| module.contains('\n')), "a module's name has no newlines");
        let scratch = Scratch::new()?;
        let mut machine = match self.kind {
            Kind::Uml => uml::machine(&scratch)?,
            Kind::Qemu => qemu::machine(&scratch)?,
        };
        machine.arguments.extend(self.options.iter().cloned());
        let mark = mark();
        let script = Script {
            modules_in: machine.modules_in,
            modules: &self.modules,
            channel: machine.channel,
            mount_results: &machine.mount_results,
            mark: &mark,
            command,
        };
        scratch.write_program("init", &script.text())?;
        let mut channel = Channel::new(&mark);
        let watched = self.watch(&machine, &scratch, &mut channel, sink);
        watched.map_err(|error| anyhow!("{error:#}. {}", scratch.console()))?;
        let (Some(status), Some(kernel)) = (channel.status(), channel.kernel()) else {
            bail!("the guest ended before its command. {}", scratch.console());
        };
        Ok(Ended { status, kernel: kernel.to_owned(), scratch })
    }

    /// Until the command has ended, or the guest has.
    fn watch(
        &self,
        machine: &Machine,
        scratch: &Scratch,
        channel: &mut Channel,
        sink: &mut dyn FnMut(&[u8]),
    ) -> Result<()> {
        let running = Running::start(machine, scratch, machine.boot_limit + self.limit, self.core)?;
        let mut deadline = Instant::now() + machine.boot_limit;
        loop {
            match running.output.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(bytes) => {
                    let was_up = channel.kernel().is_some();
                    channel.take(&bytes, sink)?;
                    if !was_up && channel.kernel().is_some() {
                        deadline = Instant::now() + self.limit;
                    }
                    if channel.status().is_some() {
                        return Ok(());
                    }
                }
                Err(RecvTimeoutError::Disconnected) => return Ok(()),
                Err(RecvTimeoutError::Timeout) if channel.kernel().is_none() => {
                    bail!("the guest did not boot within {} s", machine.boot_limit.as_secs())
                }
                Err(RecvTimeoutError::Timeout) => bail!("the command did not end within {} s", self.limit.as_secs()),
            }
        }
    }
}

/// A guest that runs. Dropped, it ends.
struct Running {
    child: Child,
    output: Receiver<Vec<u8>>,
}

impl Running {
    /// Under `setpriv`, so that it ends when we do, and `timeout`, in case that we hang.
    fn start(machine: &Machine, scratch: &Scratch, limit: Duration, core: Option<usize>) -> Result<Running> {
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "TERM", "timeout", "--kill-after=1"]).arg((limit.as_secs() + 5).to_string());
        if let Some(core) = core {
            command.args(["taskset", "--cpu-list", &core.to_string()]);
        }
        command.arg(&machine.program).args(&machine.arguments).current_dir(&scratch.0);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(fs::File::create(scratch.path("stderr"))?);
        let mut child = command.spawn().context("cannot run setpriv (Debian's package util-linux)")?;
        let stdout = child.stdout.take().expect("stdout is a pipe");
        let (sender, output) = mpsc::channel();
        thread::spawn(move || forward(stdout, &sender));
        Ok(Running { child, output })
    }
}

fn forward(mut from: ChildStdout, to: &mpsc::Sender<Vec<u8>>) {
    let mut buffer = vec![0; 1 << 16];
    while let Ok(read @ 1..) = from.read(&mut buffer) {
        if to.send(buffer[..read].to_vec()).is_err() {
            return;
        }
    }
}

impl Drop for Running {
    /// There is nothing in a guest that would have to be shut down: what it wrote for us is synced.
    fn drop(&mut self) {
        // `timeout` passes it on, and makes it SIGKILL after a second. Not to the group: linux.uml has one of its own, and
        // ends its helpers when it is told to end.
        Command::new("kill").args(["-TERM", "--", &self.child.id().to_string()]).stderr(Stdio::null()).status().ok();
        self.child.wait().ok();
    }
}

impl Scratch {
    fn new() -> Result<Scratch> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let all = workspace::target().join("guest");
        sweep(&all);
        let folder = all.join(format!("{}-{number}", process::id()));
        fs::create_dir_all(folder.join("results")).with_context(|| format!("cannot make {}", folder.display()))?;
        let folder = folder.canonicalize()?;
        Ok(Scratch(folder))
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    pub(super) fn write_program(&self, name: &str, text: &str) -> Result<()> {
        use std::os::unix::fs::PermissionsExt;
        let path = self.path(name);
        fs::write(&path, text)?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755))?;
        Ok(())
    }

    /// The end of what the guest's kernel and its program said.
    fn console(&self) -> String {
        let mut said = String::from("The end of its console:\n");
        for name in ["console", "stderr"] {
            let text = fs::read(self.path(name)).unwrap_or_default();
            let text = String::from_utf8_lossy(&text);
            let lines: Vec<&str> = text.lines().collect();
            for line in &lines[lines.len().saturating_sub(40)..] {
                said.push_str(&format!("  {name}: {}\n", line.trim_end()));
            }
        }
        said
    }
}

impl Ended {
    /// Where the files are that it left in /run/results. They go with this.
    pub(crate) fn results(&self) -> PathBuf {
        self.scratch.path("results")
    }

    /// Puts them where they stay, until the next run that does so.
    pub(super) fn keep_results(&self) -> Result<PathBuf> {
        let kept = workspace::target().join("guest/results");
        remove(&kept)?;
        fs::rename(self.results(), &kept).context("cannot keep the results")?;
        Ok(kept)
    }
}

/// Removes what is left of runs that were killed.
fn sweep(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name().into_string().unwrap_or_default();
        let Some((process, _)) = name.split_once('-') else { continue };
        if process.parse::<u32>().is_ok() && !Path::new("/proc").join(process).exists() {
            remove(&entry.path()).ok();
        }
    }
}

fn remove(folder: &Path) -> Result<()> {
    match folder.exists() {
        true => fs::remove_dir_all(folder).with_context(|| format!("cannot remove {}", folder.display())),
        false => Ok(()),
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        remove(&self.0).ok();
    }
}

/// Something that no output has by accident.
fn mark() -> String {
    let time = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
    format!("outlive-guest-{:x}-{:x}", process::id(), time.as_nanos())
}
