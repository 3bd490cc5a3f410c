//! Events both ways, and how what was made goes.

use super::bench::{Bench, LONG, Program, said, written};
use crate::{Answer, Call, Contract, Errno, Plugged, PollBits, client::BASE, input::uapi::ev, uinput::uapi::ioctl};
use outlive::{Policy, REMOVAL_BUDGET, Reason};
use std::time::Duration;

const KEY: (u16, u16, i32) = (ev::KEY, 30, 1);
const LED: (u16, u16, i32) = (ev::LED, 1, 1);
const SYNC: (u16, u16, i32) = (0, 0, 0);

fn made() -> Bench {
    let bench = Bench::new();
    bench.program.make().unwrap();
    bench
}

#[test]
fn events_go_both_ways() {
    let bench = made();
    let (program, client) = (&bench.program, bench.client(0));
    assert_eq!(program.write(&[KEY, SYNC]), Ok(Answer::Value(48)));
    assert_eq!(client.read(), Ok(vec![KEY, SYNC]));
    assert_eq!(program.read(), Err(Errno::AGAIN));
    assert_eq!(program.file.poll(), PollBits(0x104));
    assert_eq!(client.write(&[LED, SYNC]), Ok(Answer::Value(48)));
    assert_eq!(program.file.poll(), PollBits(0x145));
    assert_eq!(program.read(), Ok(vec![LED]));
    // What a program lights it hears of itself.
    program.write(&[(ev::LED, 1, 0)]).unwrap();
    let Ok(Answer::Data(bytes)) = program.call(Call::Read { size: 30 }) else { panic!("an event") };
    assert_eq!(bytes[..16], [7i64.to_ne_bytes(), 9i64.to_ne_bytes()].concat());
    assert_eq!(said(Ok(Answer::Data(bytes))), Ok(vec![(ev::LED, 1, 0)]));
}

/// `input_set_timestamp`: a program may say when something was, by CLOCK_MONOTONIC, which the bench has as 7.000009 s.
#[test]
fn times_of_the_last_seconds_are_heeded() {
    let bench = made();
    let client = bench.client(0);
    let at = |seconds: i64, micros: i64, value: (u16, u16, i32)| {
        let mut event = written(&[value]);
        event[..8].copy_from_slice(&seconds.to_ne_bytes());
        event[8..16].copy_from_slice(&micros.to_ne_bytes());
        event
    };
    let read = || {
        let Ok(Answer::Data(data)) = client.call(Call::Read { size: 4096 }) else { panic!("events") };
        let word = |at: usize| i64::from_ne_bytes(data[at..at + 8].try_into().unwrap());
        (word(0), word(8), word(data.len() - 24))
    };
    let write = |data: Vec<u8>| {
        assert_eq!(bench.program.call(Call::Write { data: data.clone() }), Ok(Answer::Value(data.len() as i32)))
    };
    for (key, (seconds, micros), wanted) in [
        (1, (3, 500), (3, 500, 3)),
        (0, (7, 9), (7, 9, 7)),
        (1, (7, 10), (7, 9, 7)),
        (0, (0, 0), (7, 9, 7)),
        (1, (-1, 0), (7, 9, 7)),
        (0, (i64::MAX, i64::MAX), (7, 9, 7)),
    ] {
        write([at(seconds, micros, (ev::KEY, 30, key)), at(0, 0, SYNC)].concat());
        assert_eq!(read(), wanted, "{seconds} {micros}");
    }
    // It is of the packet, however many writes that takes.
    write(at(2, 1, KEY));
    write(at(0, 0, SYNC));
    assert_eq!(read(), (2, 1, 2));
    bench.program.write(&[(ev::KEY, 30, 0), SYNC]).unwrap();
    assert_eq!(read(), (7, 9, 7));
}

#[test]
fn sizes_are_of_whole_events() {
    let bench = made();
    let write = |data: &[u8]| bench.program.call(Call::Write { data: data.to_vec() });
    let both = written(&[KEY, SYNC]);
    assert_eq!(write(&both[..23]), Err(Errno::INVAL));
    assert_eq!((write(&[]), write(&both[..47])), (Ok(Answer::Value(0)), Ok(Answer::Value(24))));
    let read = |size| said(bench.program.call(Call::Read { size }));
    assert_eq!(
        (read(0), read(1), read(23), read(24)),
        (Err(Errno::AGAIN), Err(Errno::INVAL), Err(Errno::INVAL), Err(Errno::AGAIN))
    );
    assert_eq!(bench.open().read(), Err(Errno::NODEV), "nothing has been made");
    bench.program.file.set_nonblock(false);
    assert_eq!(read(0), Ok(vec![]));
}

#[test]
fn who_sleeps_in_a_read_is_woken_by_an_event_and_by_the_end() {
    let bench = made();
    let (program, client) = (&bench.program, bench.client(0));
    program.file.set_nonblock(false);
    let (first, _) = program.begin(Call::Read { size: 24 });
    let (second, _) = program.begin(Call::Read { size: 24 });
    assert!(first.is_waiting() && second.is_waiting());
    client.write(&[LED]).unwrap();
    assert_eq!(said(first.answer()), Ok(vec![LED]));
    assert!(second.is_waiting());
    assert_eq!(program.ioctl(ioctl::DEV_DESTROY, 0), Ok(0));
    assert_eq!(second.answer(), Err(Errno::NODEV));
    assert_eq!(client.call(Call::Read { size: 24 }), Err(Errno::NODEV));
    assert_eq!(*bench.board.removed.lock().unwrap(), [(0, REMOVAL_BUDGET)]);
}

#[test]
fn a_close_is_a_surprise_removal() {
    let bench = Bench::new();
    let program = bench.open();
    program.make().unwrap();
    let client = bench.client(0);
    program.write(&[KEY, SYNC]).unwrap();
    drop(program);
    assert_eq!(client.read(), Ok(vec![KEY, SYNC, (ev::KEY, 30, 0), (0, 0, 1)]), "I18");
    assert_eq!((client.read(), client.file.gone().unwrap().reason), (Err(Errno::NODEV), Reason::Pulled));
    assert_eq!((bench.board.count(), bench.board.removed.lock().unwrap().clone()), (0, vec![(0, Duration::ZERO)]));
}

/// By somebody else, who may plug it in again.
#[test]
fn what_was_made_may_be_pulled() {
    let bench = made();
    let program = &bench.program;
    let device = bench.board.device(0);
    program.file.set_nonblock(false);
    let (read, _) = program.begin(Call::Read { size: 24 });
    let hardware = device.unplug(Reason::Pulled, Policy::Detach, LONG).unwrap();
    assert_eq!(read.answer(), Err(Errno::NODEV));
    assert_eq!((program.write(&[KEY, SYNC]), program.read()), (Err(Errno::NODEV), Err(Errno::NODEV)));
    assert_eq!(program.file.poll(), PollBits(0x104), "uinput itself is there");
    let Some(crate::Hardware::Input(driver)) = hardware else { panic!("an input device") };
    let again = outlive::Numbers::new().claim(9).unwrap();
    let again = crate::input::InputDevice::plug_under(Contract::Strict, again, driver, bench.board.clock.clone());
    let client = Program::of(&again);
    program.write(&[KEY, SYNC]).unwrap();
    assert_eq!(client.read(), Ok(vec![KEY, SYNC]));
    let Ok(Some(crate::Hardware::Input(driver))) = again.unplug(Reason::Pulled, Policy::Detach, LONG) else {
        panic!("an input device")
    };
    assert_eq!(program.ioctl(ioctl::DEV_DESTROY, 0), Ok(0));
    let dead = outlive::Numbers::new().claim(9).unwrap();
    let dead = crate::input::InputDevice::plug_under(Contract::Strict, dead, driver, bench.board.clock.clone());
    assert!(dead.gone().is_some(), "nobody drives it any more");
}

#[test]
fn a_zombie_says_what_its_contract_has_it_say() {
    let gone = Err(Errno::NODEV);
    for (contract, write, version) in
        [(Contract::Strict, gone, gone), (Contract::Quiet, Ok(24), Ok(0)), (Contract::Linux, gone, gone)]
    {
        let bench = Bench::under(contract);
        let program = &bench.program;
        program.file.set_nonblock(false);
        program.make().unwrap();
        let (read, _) = program.begin(Call::Read { size: 24 });
        bench.uinput.unplug(Reason::Pulled, Policy::Detach, LONG).unwrap();
        assert_eq!(read.answer(), Err(Errno::NODEV), "{contract}");
        let wrote = program.write(&[KEY]).map(|answer| if answer == Answer::Value(24) { 24 } else { -1 });
        assert_eq!((wrote, program.read()), (write, Err(Errno::NODEV)), "{contract}");
        assert_eq!(program.ioctl(ioctl::GET_VERSION, BASE), version, "{contract}");
        assert_eq!(program.ioctl(ioctl::DEV_DESTROY, 0), Ok(0), "{contract}");
        assert_eq!((program.make(), program.file.poll()), (gone, PollBits::ZOMBIE), "{contract}");
        assert!(bench.board.removed.lock().unwrap().is_empty(), "behind the fence nothing is asked");
    }
}
