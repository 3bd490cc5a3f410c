//! The test's end of a server's line.

use crate::on_front::{Socket, line::say};
use outlive::Cause;
use outlive_conformance::{Badge, FarEnd, Held};
use std::{
    collections::BTreeMap,
    fs,
    io::{BufRead, BufReader},
    net::Shutdown,
    os::unix::net::{UnixListener, UnixStream},
    path::PathBuf,
    process,
    sync::{
        Arc, Condvar, LazyLock, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    thread,
    time::Duration,
};

/// Only what hangs takes longer.
const PATIENCE: Duration = Duration::from_secs(8);

/// Where servers connect to.
static PATH: LazyLock<PathBuf> = LazyLock::new(listen);
/// Of all devices, by their places.
static PLACES: Mutex<BTreeMap<u64, Arc<Away>>> = Mutex::new(BTreeMap::new());

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn listen() -> PathBuf {
    let path = std::env::temp_dir().join(format!("outlive-far-{}", process::id()));
    let listener = UnixListener::bind(&path).expect("a path of our own");
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            thread::spawn(move || answer(stream));
        }
    });
    path
}

/// Takes the path away; at the end of all.
pub(crate) fn leave() {
    let _ = fs::remove_file(&*PATH);
}

/// Hears a server until it ends.
fn answer(stream: UnixStream) {
    let mut lines = BufReader::new(stream.try_clone().expect("a copy")).lines().map_while(Result::ok);
    let place = lines.next().and_then(|line| line.strip_prefix("place ")?.parse().ok()).expect("a place");
    // One that is scrapped already hears nothing of its server.
    let Some(away) = lock(&PLACES).get(&place).cloned() else { return };
    let line = Arc::new(Line { stream, calls: Mutex::default() });
    // It goes with the process.
    let badge = away.begins(&line);
    for said in lines {
        match said.split_once(' ') {
            None => {
                away.far().teardown();
                say(&line.stream, "torn");
            }
            Some(("called", number)) => {
                let call = Box::new(There { line: line.clone(), number: number.parse().expect("a number") });
                let far = away.far();
                // A driver is called by many threads at a time.
                thread::spawn(move || far.take(call));
            }
            Some((_, number)) => line.cancelled(number.parse().expect("a number")),
        }
    }
    let _ = line.stream.shutdown(Shutdown::Both);
    drop(badge);
    away.ended();
}

/// The far end of a driver that is in a server.
pub(crate) struct Away {
    place: u64,
    ends: Mutex<Ends>,
    changed: Condvar,
}

struct Ends {
    far: Arc<FarEnd>,
    /// For the first server, which is the driver that it stands for.
    badge: Option<Badge>,
    /// The line of the server that there is.
    line: Option<Arc<Line>>,
}

impl Away {
    pub(crate) fn new(far: &Arc<FarEnd>, badge: Badge) -> Arc<Self> {
        static LAST: AtomicU64 = AtomicU64::new(0);
        let place = LAST.fetch_add(1, Relaxed);
        let ends = Mutex::new(Ends { far: far.clone(), badge: Some(badge), line: None });
        let away = Arc::new(Away { place, ends, changed: Condvar::new() });
        lock(&PLACES).insert(place, away.clone());
        away
    }

    pub(crate) fn path(&self) -> String {
        PATH.clone().into_os_string().into_string().expect("UTF-8")
    }

    pub(crate) fn place(&self) -> u64 {
        self.place
    }

    fn far(&self) -> Arc<FarEnd> {
        lock(&self.ends).far.clone()
    }

    fn begins(&self, line: &Arc<Line>) -> Option<Badge> {
        let mut ends = lock(&self.ends);
        ends.line = Some(line.clone());
        let badge = ends.badge.take();
        drop(ends);
        self.changed.notify_all();
        badge
    }

    /// Waits until its server has been heard of.
    pub(crate) fn wait_for_server(&self) {
        self.wait_while(|ends| ends.line.is_none(), "a server that said hello to its host did not connect");
    }

    fn wait_while(&self, condition: impl Fn(&Ends) -> bool, complaint: &str) {
        let waited = self.changed.wait_timeout_while(lock(&self.ends), PATIENCE, |ends| condition(ends));
        assert!(!waited.unwrap_or_else(PoisonError::into_inner).1.timed_out(), "{complaint}");
    }

    fn ended(&self) {
        lock(&self.ends).line = None;
        self.changed.notify_all();
    }
}

impl Socket for Away {
    fn connect(&self, far: &Arc<FarEnd>) {
        lock(&self.ends).far = far.clone();
    }

    fn notice(&self) {
        if let Some(line) = &lock(&self.ends).line {
            say(&line.stream, "notice");
        }
    }

    fn scrapped(&self) {
        lock(&PLACES).remove(&self.place);
        self.wait_while(|ends| ends.line.is_some(), "a server whose device nobody wants any more does not end");
    }
}

/// A server's line.
struct Line {
    stream: UnixStream,
    calls: Mutex<BTreeMap<u64, Told>>,
}

/// What is known of a call that is cancelled, or that wants to hear of it.
enum Told {
    Wants(Box<dyn FnOnce(Cause) + Send>),
    Cancelled,
}

impl Line {
    fn cancelled(&self, number: u64) {
        let wants = lock(&self.calls).insert(number, Told::Cancelled);
        if let Some(Told::Wants(hook)) = wants {
            // Why, the server knows.
            hook(Cause::Interrupted);
        }
    }
}

/// A call in the hands of a driver in a server.
struct There {
    line: Arc<Line>,
    number: u64,
}

impl There {
    fn end(&self, verb: &str) {
        lock(&self.line.calls).remove(&self.number);
        say(&self.line.stream, format_args!("{verb} {}", self.number));
    }
}

impl Held for There {
    fn finish(self: Box<Self>) {
        self.end("finish");
    }

    fn fail(self: Box<Self>) {
        self.end("fail");
    }

    fn let_go(self: Box<Self>, _: Cause) {
        self.end("let-go");
    }

    fn on_cancel(&self, hook: Box<dyn FnOnce(Cause) + Send>) {
        let mut calls = lock(&self.line.calls);
        if let Some(Told::Cancelled) = calls.get(&self.number) {
            drop(calls);
            return hook(Cause::Interrupted);
        }
        calls.insert(self.number, Told::Wants(hook));
    }
}
