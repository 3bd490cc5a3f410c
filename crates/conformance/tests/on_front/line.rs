//! The line from a driver that is in a server to its far end, which is in the test. In lines of text:
//!
//! ```text
//! called N | cancelled N | teardown          from the driver; the first says whose it is: place N
//! finish N | fail N | let-go N | notice | torn   to it
//! ```

use outlive::Cause;
use outlive_conformance::Held;
use std::{
    collections::BTreeMap,
    fmt::Display,
    io::{BufRead, BufReader, Write},
    os::unix::net::UnixStream,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc},
};

/// The driver's end.
pub(crate) struct Line {
    stream: UnixStream,
    state: Mutex<State>,
    torn: (mpsc::Sender<()>, Mutex<mpsc::Receiver<()>>),
}

#[derive(Default)]
struct State {
    last: u64,
    held: BTreeMap<u64, Box<dyn Held>>,
    /// Why those were cancelled that were.
    causes: BTreeMap<u64, Cause>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Writes a line. Nobody may be there any more to read it.
pub(crate) fn say(mut stream: &UnixStream, what: impl Display) {
    let _ = stream.write_all(format!("{what}\n").as_bytes());
}

impl Line {
    /// To the test that listens at `path`, of the device in that place.
    pub(crate) fn new(path: &Path, place: &str) -> Arc<Self> {
        let stream = UnixStream::connect(path).expect("the test listens");
        say(&stream, format_args!("place {place}"));
        let (tell, told) = mpsc::channel();
        Arc::new(Line { stream, state: Mutex::default(), torn: (tell, Mutex::new(told)) })
    }

    /// The driver is called with `call`.
    pub(crate) fn take(self: &Arc<Self>, call: Box<dyn Held>) {
        let number = {
            let mut state = lock(&self.state);
            state.last += 1;
            state.last
        };
        let line = Arc::downgrade(self);
        call.on_cancel(Box::new(move |cause| {
            if let Some(line) = line.upgrade() {
                lock(&line.state).causes.insert(number, cause);
                say(&line.stream, format_args!("cancelled {number}"));
            }
        }));
        lock(&self.state).held.insert(number, call);
        say(&self.stream, format_args!("called {number}"));
    }

    /// Its last word, which has been heard when this returns.
    pub(crate) fn teardown(&self) {
        say(&self.stream, "teardown");
        let _ = lock(&self.torn.1).recv();
    }

    /// Does what the far end says, until the test is not there any more. `notice`: the hardware has gone.
    pub(crate) fn obey(&self, notice: impl Fn()) {
        for said in BufReader::new(&self.stream).lines().map_while(Result::ok) {
            match said.split_once(' ') {
                None if said == "notice" => notice(),
                None => drop(self.torn.0.send(())),
                Some((verb, number)) => self.end(verb, number.parse().expect("a number")),
            }
        }
        // Nobody is there to say it.
        let _ = self.torn.0.send(());
    }

    fn end(&self, verb: &str, number: u64) {
        let mut state = lock(&self.state);
        let (call, cause) = (state.held.remove(&number), state.causes.remove(&number));
        drop(state);
        match (verb, call, cause) {
            ("finish", Some(call), _) => call.finish(),
            ("fail", Some(call), _) => call.fail(),
            ("let-go", Some(call), Some(cause)) => call.let_go(cause),
            _ => panic!("{verb} {number}: there is no such call"),
        }
    }
}
