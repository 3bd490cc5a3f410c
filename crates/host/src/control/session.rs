//! One connection of a client, as the lab serves it.

use super::{
    line::{self, Line},
    protocol::{LONGEST_REQUEST, Removal, Reply, Request},
    server::{Shared, Turn},
};
use crate::lab::{Lab, Lookup, OperationReport, PlugError, UnplugError};
use outlive::{REMOVAL_BUDGET, Reason};
use rustix::net::{RecvFlags, recv};
use std::{
    io::{self, BufRead, BufReader},
    os::unix::net::UnixStream,
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
    let reply = match request {
        Request::List { names } => list(lab, &names),
        Request::Unplug { names, orderly, deadline } => {
            let reason = if orderly { Reason::Orderly } else { Reason::Pulled };
            match deadline.map_or(Ok(REMOVAL_BUDGET), Duration::try_from_secs_f64) {
                Ok(deadline) => Reply::Removals(unplug(shared, stream, &names, reason, deadline)),
                Err(error) => Reply::Error(format!("the deadline is not a time in seconds: {error}")),
            }
        }
        Request::Plug { device } => plugged(lab.plug(&device)),
        Request::Replug { name } => plugged(lab.plug_name(&name)),
        Request::Events { names } => return events(shared, stream, &names),
    };
    send(stream, &reply)
}

fn list(lab: &Lab, names: &[String]) -> Reply {
    let wanted = bare(names);
    for name in &wanted {
        if matches!(lab.find(&format!("/dev/{name}")), Lookup::NotOurs) {
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

/// Marks all, then waits for each: one that is stuck delays no other's mark.
fn unplug(shared: &Shared, stream: &UnixStream, names: &[String], reason: Reason, limit: Duration) -> Vec<Removal> {
    let lab = &shared.lab;
    let begun: Vec<_> = names.iter().map(|name| (Instant::now(), lab.unplug(name, reason, Duration::ZERO))).collect();
    let mut removals = Vec::new();
    for (name, (begin, mut result)) in names.iter().zip(begun) {
        while let Err(UnplugError::Busy { .. }) = &result {
            let left = limit.saturating_sub(begin.elapsed());
            // A client that has gone waits for nothing any more, and a lab that ends does not wait for its clients.
            if left.is_zero() || shared.is_stopping() || has_hung_up(stream) {
                break;
            }
            result = lab.unplug(name, reason, left.min(LOOK));
        }
        let seconds = begin.elapsed().as_secs_f64();
        removals.push(match result {
            Ok(gone) => Removal::Gone {
                name: gone.name,
                generation: gone.generation.0,
                seconds,
                handles: gone.handles,
                already: gone.already,
            },
            Err(UnplugError::Busy { name, generation, busy, .. }) => Removal::Busy {
                name,
                generation: generation.0,
                seconds,
                culprits: busy.culprits.iter().map(OperationReport::from).collect(),
                message: busy.message,
            },
            Err(error) => Removal::Unknown { name: name.clone(), message: error.to_string() },
        });
    }
    removals
}

fn events(shared: &Shared, stream: &UnixStream, names: &[String]) -> io::Result<()> {
    let wanted = bare(names);
    let watcher = shared.lab.events().watch();
    send(stream, &Reply::Watching)?;
    while !shared.is_stopping() && !has_hung_up(stream) {
        let event = watcher.next(LOOK);
        let lost = watcher.take_lost();
        if lost > 0 {
            send(stream, &Reply::Lost(lost))?;
        }
        if let Some(event) = event.filter(|event| wanted.is_empty() || wanted.contains(&event.name.as_str())) {
            send(stream, &Reply::Event(event.into()))?;
        }
    }
    Err(io::ErrorKind::ConnectionAborted.into())
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
