//! One JSON object a line. The fields are told in `outlive trace --help`; times are in seconds.

use super::Subject;
use outlive_explore::errno;
use outlive_host::{
    lab::DeviceChange,
    trace::{self, Event, Payload, Record, Tally},
    trial::{Answered, End},
};
use serde::Serialize;
use std::{
    collections::BTreeMap,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// What a line may be; its fields in the order in which they are printed.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
enum Line<'a> {
    Start { time: f64, unix_time: f64, lab: &'a str, devices: &'a [String], command: &'a [String] },
    Operation(Operation<'a>),
    Begun(Operation<'a>),
    Close { time: f64, device: &'a str, handle: u64 },
    Poll { time: f64, device: &'a str, handle: u64, pid: u32, comm: &'a str, events: Vec<&'a str>, waits: bool },
    Device { time: f64, device: &'a str, generation: u64, change: &'a str, reason: Option<String> },
    Lost { time: f64, lines: u64 },
    End { time: f64, exit: Option<i32>, signal: Option<i32> },
    Summary { time: f64, operations: Vec<Kind<'a>> },
}

#[derive(Serialize)]
struct Operation<'a> {
    time: f64,
    number: u64,
    device: &'a str,
    pid: u32,
    comm: &'a str,
    handle: Option<u64>,
    call: &'a str,
    what: &'a str,
    sent: Option<Data>,
    brought: Option<Data>,
    value: Option<i64>,
    errno: Option<String>,
    duration: f64,
    cut: bool,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Data {
    Number(u64),
    Pieces(Vec<Piece>),
}

#[derive(Serialize)]
struct Piece {
    bytes: usize,
    hex: String,
}

#[derive(Serialize)]
struct Kind<'a> {
    operation: &'a str,
    calls: u64,
    errors: u64,
    seconds: f64,
    longest: f64,
}

pub(super) fn start(subject: &Subject, now: SystemTime) -> String {
    let unix_time = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
    let Subject { lab, devices, command } = subject;
    line(&Line::Start { time: 0.0, unix_time, lab, devices, command })
}

pub(super) fn record(record: &Record, limit: usize) -> String {
    let (time, device) = (record.at.as_secs_f64(), record.device.as_str());
    line(&match &record.event {
        Event::Operation(told) => Line::Operation(operation(record, told, limit)),
        Event::Begun(told) => Line::Begun(operation(record, told, limit)),
        Event::Closed { handle } => Line::Close { time, device, handle: *handle },
        Event::Polled { handle, caller, bits, waits } => Line::Poll {
            time,
            device,
            handle: *handle,
            pid: caller.pid,
            comm: &caller.comm,
            events: bits.names(),
            waits: *waits,
        },
        Event::Changed { generation, change } => {
            let (change, reason) = match change {
                DeviceChange::Plugged => ("plugged", None),
                DeviceChange::Unplugged(reason) => ("unplugged", Some(reason.to_string())),
                DeviceChange::State(state) => (state.name(), None),
                DeviceChange::Connector(change) => {
                    (change.status(), Some(format!("connector {}", change.connector + 1)))
                }
            };
            Line::Device { time, device, generation: *generation, change, reason }
        }
    })
}

pub(super) fn lost(at: Duration, lines: u64) -> String {
    line(&Line::Lost { time: at.as_secs_f64(), lines })
}

pub(super) fn end(at: Duration, end: End) -> String {
    let (exit, signal) = match end {
        End::Exit(code) => (Some(code), None),
        End::Signal(number) => (None, Some(number)),
    };
    line(&Line::End { time: at.as_secs_f64(), exit, signal })
}

pub(super) fn summary(at: Duration, tallies: &BTreeMap<String, Tally>) -> String {
    let operations = tallies.iter().map(|(operation, tally)| Kind {
        operation,
        calls: tally.calls,
        errors: tally.errors,
        seconds: tally.time.as_secs_f64(),
        longest: tally.longest.as_secs_f64(),
    });
    line(&Line::Summary { time: at.as_secs_f64(), operations: operations.collect() })
}

fn operation<'a>(record: &'a Record, told: &'a trace::Operation, limit: usize) -> Operation<'a> {
    let (value, errno) = match told.answer {
        Some(Answered::Ok(value)) => (Some(value), None),
        Some(Answered::Errno(number)) => (None, Some(errno::name(number))),
        None => (None, None),
    };
    Operation {
        time: record.at.as_secs_f64(),
        number: told.number,
        device: &record.device,
        pid: told.caller.pid,
        comm: &told.caller.comm,
        handle: told.handle,
        call: told.call,
        what: &told.what,
        sent: told.sent.as_ref().map(|payload| data(payload, limit)),
        brought: told.brought.as_ref().map(|payload| data(payload, limit)),
        value,
        errno,
        duration: told.took.as_secs_f64(),
        cut: told.cut,
    }
}

/// At most `limit` bytes of each piece.
fn data(payload: &Payload, limit: usize) -> Data {
    let piece = |piece: &Vec<u8>| Piece {
        bytes: piece.len(),
        hex: piece.iter().take(limit).map(|byte| format!("{byte:02x}")).collect(),
    };
    match payload {
        Payload::Number { value, .. } => Data::Number(*value),
        Payload::Pieces(pieces) => Data::Pieces(pieces.iter().map(piece).collect()),
    }
}

fn line(line: &Line<'_>) -> String {
    // It has neither maps, whose keys might not be strings, nor anything else that JSON has no words for.
    serde_json::to_string(line).expect("a line can be put into JSON") + "\n"
}

#[cfg(test)]
mod tests {
    use super::{Payload, data};

    #[test]
    fn data_is_cut_and_its_length_is_not() {
        let json = |payload| serde_json::to_string(&data(&payload, 2)).unwrap();
        let pieces = Payload::Pieces(vec![vec![0, 0x2a, 3], vec![]]);
        assert_eq!(json(pieces), r#"[{"bytes":3,"hex":"002a"},{"bytes":0,"hex":""}]"#);
        assert_eq!(json(Payload::Number { value: 42, bytes: 1 }), "42");
    }
}
