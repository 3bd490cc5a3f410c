//! One connection of a client, as the lab serves it.

use super::{
    line::{self, Line},
    protocol::{LONGEST_REQUEST, Removal, Reply, Request},
    server::{Shared, Turn},
};
use crate::lab::{Deeds, Killed, Lab, OperationReport, PlugError, Seen, UnplugError, Unplugged};
use outlive::{Policy, REMOVAL_BUDGET, Reason, State, UnknownPolicy};
use outlive_drivers::input::Played;
use rustix::net::{RecvFlags, recv};
use std::{
    io::{self, BufRead, BufReader, Write},
    os::unix::net::UnixStream,
    path::Path,
    sync::mpsc,
    time::{Duration, Instant},
};

/// How often somebody who waits looks whether its client, or its lab, has gone.
const LOOK: Duration = Duration::from_millis(50);

/// Answers requests until the client hangs up, or we do.
pub(super) fn serve(shared: &Shared, stream: &UnixStream, turn: &Turn) {
    let mut reader = BufReader::new(stream);
    while serve_one(shared, stream, &mut reader, turn).is_ok() {}
    // The server keeps the descriptor until it next looks; the client shall know now.
    let _ = stream.shutdown(std::net::Shutdown::Both);
}

/// An error means that the connection is of no more use.
fn serve_one(shared: &Shared, stream: &UnixStream, reader: &mut impl BufRead, turn: &Turn) -> io::Result<()> {
    let request = match line::read(reader, LONGEST_REQUEST)? {
        Line::Whole(line) => parse(&line),
        Line::TooLong => Err(Reply::Error(format!("a request has at most {LONGEST_REQUEST} bytes"))),
        Line::End => return Err(io::ErrorKind::UnexpectedEof.into()),
    };
    if !turn.begin() {
        return Err(io::ErrorKind::ConnectionAborted.into());
    }
    match request {
        Ok(request) => answer(shared, stream, request)?,
        // What comes after nonsense is nonsense.
        Err(reply) => send(stream, &reply).and(Err(io::ErrorKind::InvalidData.into()))?,
    }
    turn.end();
    Ok(())
}

fn parse(line: &[u8]) -> Result<Request, Reply> {
    serde_json::from_slice(line).map_err(|error| Reply::Error(format!("not a request: {error}")))
}

fn send(mut stream: &UnixStream, reply: &Reply) -> io::Result<()> {
    line::write(&mut stream, reply)
}

fn answer(shared: &Shared, stream: &UnixStream, request: Request) -> io::Result<()> {
    let lab = &shared.lab;
    let reply = match request.with_names_of(lab) {
        Request::List { names } => list(lab, &names),
        Request::Unplug { names, orderly, prepare, policy, deadline } => {
            match Plan::new(orderly, prepare, policy.as_deref(), deadline) {
                Ok(plan) => Reply::Removals(removals(shared, stream, &names, plan)),
                Err(why) => Reply::Error(why),
            }
        }
        Request::Set { name, state } => set(lab, &name, &state),
        Request::Reset { name, deadline } => reset(lab, &name, deadline),
        Request::Plug { device } => plugged(lab.plug(&device)),
        Request::Replug { name } if lab.is_connector(&name) => match lab.connect(&name, true) {
            Ok(_) => Reply::Plugged { name },
            Err(error) => Reply::Error(error.to_string()),
        },
        Request::Replug { name } => plugged(lab.plug_name(&name)),
        Request::Screenshot { name, connector } => return screenshot(lab, stream, &name, connector.as_deref()),
        Request::Input { name, words, file } => input(shared, stream, &name, words.as_deref(), file.as_deref()),
        Request::Events { names } => return events(shared, stream, &names),
    };
    send(stream, &reply)
}

fn list(lab: &Lab, names: &[String]) -> Reply {
    let wanted = bare(names);
    for name in &wanted {
        if !lab.is_known(name) {
            return Reply::Error(UnplugError::Unknown { name: (*name).to_owned(), known: lab.names() }.to_string());
        }
    }
    let mut devices = lab.list();
    devices.retain(|device| wanted.is_empty() || wanted.contains(&device.name.as_str()));
    Reply::Devices(devices)
}

fn plugged(result: Result<String, PlugError>) -> Reply {
    match result {
        Ok(name) => Reply::Plugged { name },
        Err(error) => Reply::Error(error.to_string()),
    }
}

/// The states that can be asked for.
const STATES: [State; 4] = [State::Running, State::Quiesced, State::Blocked, State::Offline];

fn set(lab: &Lab, name: &str, wanted: &str) -> Reply {
    let Some(state) = STATES.into_iter().find(|state| state.name() == wanted) else {
        let known = STATES.map(State::name).join(", ");
        return Reply::Error(format!("a device cannot be set to `{wanted}`; there are {known}"));
    };
    match lab.set_state(name, state) {
        Ok(()) => Reply::Set { name: crate::lab::bare(name).to_owned(), state: state.name().to_owned() },
        Err(error) => Reply::Error(format!("{}: {error}", crate::lab::bare(name))),
    }
}

/// Seconds as a client sends them.
fn time(what: &str, seconds: f64) -> Result<Duration, String> {
    Duration::try_from_secs_f64(seconds).map_err(|error| format!("the {what} is not a time in seconds: {error}"))
}

fn reset(lab: &Lab, name: &str, deadline: Option<f64>) -> Reply {
    let limit = match deadline.map_or(Ok(REMOVAL_BUDGET), |seconds| time("deadline", seconds)) {
        Ok(limit) => limit,
        Err(why) => return Reply::Error(why),
    };
    match lab.reset(name, limit) {
        Ok(reset) => {
            let stuck = reset.stuck.iter().map(ToString::to_string);
            let failed = stuck.chain(reset.failed.iter().map(ToString::to_string)).collect();
            Reply::Reset { name: reset.name, back: reset.back, failed }
        }
        Err(error) => Reply::Error(error.to_string()),
    }
}

/// Waits until it has been done, as long as the client does.
fn input(shared: &Shared, stream: &UnixStream, name: &str, words: Option<&str>, file: Option<&str>) -> Reply {
    let deeds = match (words, file.map(Path::new)) {
        (Some(words), None) => Deeds::Words(words),
        (None, Some(file)) if file.is_absolute() => Deeds::File(file),
        (None, Some(file)) => return Reply::Error(format!("the path {} is not absolute", file.display())),
        (None, None) | (Some(_), Some(_)) => return Reply::Error("say `words`, or a `file`".to_owned()),
    };
    let (tell, told) = mpsc::channel();
    let playing = match shared.lab.play(name, deeds, move |played| _ = tell.send(played)) {
        Ok(playing) => playing,
        Err(why) => return Reply::Error(why.to_string()),
    };
    let name = crate::lab::bare(name).to_owned();
    loop {
        match told.recv_timeout(LOOK) {
            Ok(Played::Whole) => return Reply::Input { name },
            Ok(Played::Gone) => return Reply::Error(format!("{name} went before it had done all of it")),
            Err(mpsc::RecvTimeoutError::Timeout) if !shared.is_stopping() && !has_hung_up(stream) => {}
            Ok(Played::Stopped) | Err(_) => {
                playing.stop();
                return Reply::Error("the lab ends".to_owned());
            }
        }
    }
}

/// The line that says what it is, and the pixels.
fn screenshot(lab: &Lab, mut stream: &UnixStream, name: &str, connector: Option<&str>) -> io::Result<()> {
    match lab.screen(name, connector) {
        Ok(Seen { connector, picture }) => {
            send(stream, &Reply::Screenshot { connector, width: picture.width, height: picture.height })?;
            stream.write_all(&picture.pixels)
        }
        Err(error) => send(stream, &Reply::Error(error.to_string())),
    }
}

/// How devices are to be removed.
#[derive(Clone, Copy)]
struct Plan {
    reason: Reason,
    prepare: Option<Duration>,
    policy: Option<Policy>,
    limit: Duration,
}

impl Plan {
    fn new(orderly: bool, prepare: Option<f64>, policy: Option<&str>, deadline: Option<f64>) -> Result<Plan, String> {
        let prepare = prepare.map(|seconds| time("time to prepare", seconds)).transpose()?;
        let limit = deadline.map_or(Ok(REMOVAL_BUDGET), |seconds| time("deadline", seconds))?;
        let policy = policy.map(str::parse).transpose().map_err(|error: UnknownPolicy| error.to_string())?;
        // What was asked to leave is not pulled.
        let reason = if orderly || prepare.is_some() { Reason::Orderly } else { Reason::Pulled };
        Ok(Plan { reason, prepare, policy, limit })
    }
}

/// Asks the users of all to leave, and waits for them for up to `limit` in all.
fn prepare(shared: &Shared, stream: &UnixStream, names: &[String], limit: Duration) {
    let end = Instant::now().checked_add(limit);
    let mut left: Vec<&String> = names.iter().collect();
    let mut look = Duration::ZERO;
    loop {
        // One that cannot be closed is not waited for: it is gone, or unknown, and its removal says so.
        left.retain(|name| matches!(shared.lab.prepare(name, look), Ok(false)));
        let over = end.is_some_and(|end| Instant::now() >= end);
        if left.is_empty() || over || shared.is_stopping() || has_hung_up(stream) {
            return;
        }
        look = end.map_or(LOOK, |end| end.saturating_duration_since(Instant::now()).min(LOOK));
    }
}

/// Pulls cables, and removes devices.
fn removals(shared: &Shared, stream: &UnixStream, names: &[String], plan: Plan) -> Vec<Removal> {
    let cable = |name: &String| {
        let is_one = shared.lab.is_connector(name);
        is_one.then(|| match shared.lab.connect(name, false) {
            Ok(already) => Removal::Disconnected { name: name.clone(), already },
            Err(error) => Removal::Unknown { name: name.clone(), message: error.to_string() },
        })
    };
    let cables: Vec<_> = names.iter().map(cable).collect();
    let devices = names.iter().zip(&cables).filter(|(_, cable)| cable.is_none());
    let devices: Vec<_> = devices.map(|(name, _)| name.clone()).collect();
    let mut gone = unplug(shared, stream, &devices, plan).into_iter();
    cables.into_iter().filter_map(|cable| cable.or_else(|| gone.next())).collect()
}

/// Marks all, then waits for each: one that is stuck delays no other's mark.
fn unplug(shared: &Shared, stream: &UnixStream, names: &[String], plan: Plan) -> Vec<Removal> {
    let lab = &shared.lab;
    if let Some(limit) = plan.prepare {
        prepare(shared, stream, names, limit);
    }
    let begin = |name: &String| {
        let policy = plan.policy.unwrap_or_else(|| lab.policy_of(name));
        (policy, Instant::now(), lab.unplug(name, plan.reason, policy, Duration::ZERO))
    };
    let begun: Vec<_> = names.iter().map(begin).collect();
    let mut removals = Vec::new();
    for (name, (policy, begin, mut result)) in names.iter().zip(begun) {
        let first = killed(&result);
        // Who is to be killed has been.
        let policy = if policy == Policy::Kill { Policy::Detach } else { policy };
        while let Err(UnplugError::Busy { .. }) = &result {
            let left = plan.limit.saturating_sub(begin.elapsed());
            // A client that has gone waits for nothing any more, and a lab that ends does not wait for its clients.
            if left.is_zero() || shared.is_stopping() || has_hung_up(stream) {
                break;
            }
            result = lab.unplug(name, plan.reason, policy, left.min(LOOK));
        }
        if policy == Policy::Drain && result.is_err() {
            // What has not come to its end by now is cancelled.
            result = lab.unplug(name, plan.reason, Policy::Detach, LOOK);
        }
        removals.push(removal(name, begin.elapsed(), first, result));
    }
    removals
}

fn killed(result: &Result<Unplugged, UnplugError>) -> Vec<Killed> {
    match result {
        Ok(Unplugged { killed, .. }) | Err(UnplugError::Busy { killed, .. }) => killed.clone(),
        Err(_) => Vec::new(),
    }
}

fn removal(name: &str, took: Duration, killed: Vec<Killed>, result: Result<Unplugged, UnplugError>) -> Removal {
    let seconds = took.as_secs_f64();
    match result {
        Ok(gone) => Removal::Gone {
            name: gone.name,
            generation: gone.generation.0,
            seconds,
            handles: gone.handles,
            already: gone.already,
            killed,
        },
        Err(UnplugError::Busy { name, generation, busy, .. }) => Removal::Busy {
            name,
            generation: generation.0,
            seconds,
            culprits: busy.culprits.iter().map(OperationReport::from).collect(),
            message: busy.message,
            killed,
        },
        Err(error) => Removal::Unknown { name: name.to_owned(), message: error.to_string() },
    }
}

fn events(shared: &Shared, stream: &UnixStream, names: &[String]) -> io::Result<()> {
    let wanted = bare(names);
    let is_wanted = |name: &str| wanted.is_empty() || wanted.iter().any(|wanted| crate::lab::is_part_of(name, wanted));
    let watcher = shared.lab.events().watch();
    send(stream, &Reply::Watching)?;
    while !shared.is_stopping() && !has_hung_up(stream) {
        let event = watcher.next(LOOK);
        let lost = watcher.take_lost();
        if lost > 0 {
            send(stream, &Reply::Lost(lost))?;
        }
        if let Some(event) = event.filter(|event| is_wanted(&event.name)) {
            send(stream, &Reply::Event(event.into()))?;
        }
    }
    Err(io::ErrorKind::ConnectionAborted.into())
}

impl Request {
    /// The same with the names of devices by which the lab knows them.
    fn with_names_of(mut self, lab: &Lab) -> Self {
        let names = match &mut self {
            Request::List { names } | Request::Unplug { names, .. } | Request::Events { names } => &mut names[..],
            Request::Set { name, .. }
            | Request::Reset { name, .. }
            | Request::Replug { name }
            | Request::Input { name, .. }
            | Request::Screenshot { name, .. } => std::slice::from_mut(name),
            Request::Plug { .. } => &mut [],
        };
        names.iter_mut().for_each(|name| *name = lab.name_meant(name));
        self
    }
}

/// Names of devices, which may be given as the paths of their nodes.
fn bare(names: &[String]) -> Vec<&str> {
    names.iter().map(|name| crate::lab::bare(name)).collect()
}

/// Whether the other side has closed. What it has sent stays to be read.
fn has_hung_up(stream: &UnixStream) -> bool {
    let mut byte = [0; 1];
    matches!(recv(stream, &mut byte[..], RecvFlags::PEEK | RecvFlags::DONTWAIT), Ok((_, 0)))
}
