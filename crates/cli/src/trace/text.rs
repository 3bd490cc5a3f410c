//! One line for each record, after the manner of strace(1).

use outlive_explore::{errno, signal};
use outlive_host::{
    lab::DeviceChange,
    trace::{Caller, Event, Operation, Payload, Record},
    trial::{Answered, End},
};
use std::{fmt::Write, io, time::Duration};

pub(super) fn record(record: &Record, limit: usize) -> String {
    let at = seconds(record.at);
    let device = format!("/dev/{}", record.device);
    match &record.event {
        Event::Operation(operation) => {
            // One that was told before is told again when it ends.
            let at = if operation.resumed { seconds(record.at + operation.took) } else { at };
            format!("{at} {} {device} {}\n", who(&operation.caller), whole(operation, limit))
        }
        Event::Begun(operation) => {
            format!("{at} {} {device} {} <unfinished ...>\n", who(&operation.caller), asked(operation, limit))
        }
        Event::Closed { handle } => format!("{at} {device} handle {handle} close\n"),
        Event::Polled { handle, caller, bits, waits } => {
            let waits = if *waits { " (waits)" } else { "" };
            format!("{at} {} {device} handle {handle} poll = {bits:?}{waits}\n", who(caller))
        }
        Event::Changed { generation, change } => {
            format!("{at} {device} --- generation {generation} {} ---\n", changed(*change))
        }
    }
}

pub(super) fn lost(at: Duration, count: u64) -> String {
    format!("{} --- {count} {} lost: they came faster than they were read ---\n", seconds(at), lines(count))
}

pub(super) fn end(at: Duration, end: End) -> String {
    let how = match end {
        End::Exit(code) => format!("exited with {code}"),
        End::Signal(number) => format!("killed by {}", signal::name(number)),
    };
    format!("{} +++ {how} +++\n", seconds(at))
}

fn seconds(at: Duration) -> String {
    format!("{:.6}", at.as_secs_f64())
}

fn lines(count: u64) -> &'static str {
    if count == 1 { "line" } else { "lines" }
}

/// A thread may give itself any name, so what is not to be printed is escaped.
fn who(caller: &Caller) -> String {
    let comm: String = caller.comm.chars().flat_map(printable).collect();
    format!("pid {} ({comm})", caller.pid)
}

fn printable(c: char) -> impl Iterator<Item = char> {
    let (escaped, plain) = if c.is_control() { (Some(c.escape_default()), None) } else { (None, Some(c)) };
    escaped.into_iter().flatten().chain(plain)
}

/// What was asked: on which open file, the call, and the data that went with it.
fn asked(operation: &Operation, limit: usize) -> String {
    let Operation { call, what, .. } = operation;
    let mut text = String::new();
    if let (Some(handle), true) = (operation.handle, *call != "open") {
        let _ = write!(text, "handle {handle} ");
    }
    text.push_str(call);
    // The class's words for a read are `read 2 from 0x50`; those for an ioctl are its name.
    let rest = what.strip_prefix(call).unwrap_or(what).trim_start();
    if !rest.is_empty() {
        let _ = write!(text, " {rest}");
    }
    if let Some(sent) = &operation.sent {
        let value = if let Payload::Number { .. } = sent { "value " } else { "" };
        let _ = write!(text, " {value}{}", sent.shown(limit));
    }
    text
}

/// What was asked, and what came of it.
fn whole(operation: &Operation, limit: usize) -> String {
    let asked = match (operation.resumed, operation.handle) {
        (false, _) => asked(operation, limit),
        (true, Some(handle)) => format!("handle {handle} <... {} resumed>", operation.call),
        (true, None) => format!("<... {} resumed>", operation.call),
    };
    let took = seconds(operation.took);
    let cut = if operation.cut { " cut by the removal" } else { "" };
    format!("{asked} = {} <{took}>{cut}", answer(operation, limit))
}

fn answer(operation: &Operation, limit: usize) -> String {
    match (operation.answer, &operation.brought) {
        (None, _) => "?".to_owned(),
        (Some(Answered::Errno(number)), _) => format!("-1 {} ({})", errno::name(number), meaning(number)),
        (Some(Answered::Ok(_)), None) if operation.call == "open" => {
            operation.handle.map_or_else(|| "0".to_owned(), |handle| format!("handle {handle}"))
        }
        (Some(Answered::Ok(value)), None) => value.to_string(),
        // A number says more than the 0 that the call returns.
        (Some(Answered::Ok(_)), Some(number @ Payload::Number { .. })) => number.shown(limit).to_string(),
        (Some(Answered::Ok(value)), Some(pieces)) => format!("{value} {}", pieces.shown(limit)),
    }
}

/// What strerror(3) says.
fn meaning(number: i32) -> String {
    let text = io::Error::from_raw_os_error(number).to_string();
    text.split(" (os error").next().unwrap_or_default().to_owned()
}

fn changed(change: DeviceChange) -> String {
    match change {
        DeviceChange::Plugged => "plugged".to_owned(),
        DeviceChange::Unplugged(reason) => format!("unplugged: {reason}"),
        DeviceChange::State(state) => format!("set {state}"),
        DeviceChange::Connector(change) => format!("connector {} {}", change.connector + 1, change.status()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn operation(call: &'static str, what: &str, answer: Option<Answered>) -> Operation {
        Operation {
            number: 1,
            caller: Caller { pid: 5, comm: "a\tb".to_owned() },
            handle: Some(3),
            call,
            what: what.to_owned(),
            sent: None,
            brought: None,
            answer,
            took: Duration::from_micros(12),
            cut: false,
            resumed: false,
        }
    }

    fn check(event: Event, line: &str) {
        let whole = record(&Record { at: Duration::from_micros(1_234_567), device: "i2c-7".to_owned(), event }, 32);
        assert_eq!(whole, format!("{line}\n"));
    }

    #[test]
    fn what_was_told_before_is_resumed_and_what_never_ends_is_a_question() {
        let slow = Operation { took: Duration::from_secs(2), ..operation("ioctl", "I2C_FUNCS", Some(Answered::Ok(0))) };
        let begun = Operation { answer: None, ..slow.clone() };
        check(
            Event::Begun(begun.clone()),
            "1.234567 pid 5 (a\\tb) /dev/i2c-7 handle 3 ioctl I2C_FUNCS <unfinished ...>",
        );
        check(
            Event::Operation(Operation { resumed: true, ..slow }),
            "3.234567 pid 5 (a\\tb) /dev/i2c-7 handle 3 <... ioctl resumed> = 0 <2.000000>",
        );
        check(Event::Operation(begun), "1.234567 pid 5 (a\\tb) /dev/i2c-7 handle 3 ioctl I2C_FUNCS = ? <2.000000>");
    }

    #[test]
    fn an_open_has_no_handle_before_it_makes_one() {
        check(
            Event::Operation(operation("open", "", Some(Answered::Ok(0)))),
            "1.234567 pid 5 (a\\tb) /dev/i2c-7 open = handle 3 <0.000012>",
        );
        let none = Operation { handle: None, ..operation("open", "", Some(Answered::Errno(2))) };
        check(
            Event::Operation(none),
            "1.234567 pid 5 (a\\tb) /dev/i2c-7 open = -1 ENOENT (No such file or directory) <0.000012>",
        );
    }

    #[test]
    fn what_was_lost_is_counted() {
        let text = lost(Duration::ZERO, 1) + &lost(Duration::from_secs(1), 20);
        assert_eq!(
            text,
            "0.000000 --- 1 line lost: they came faster than they were read ---\n\
             1.000000 --- 20 lines lost: they came faster than they were read ---\n"
        );
    }
}
