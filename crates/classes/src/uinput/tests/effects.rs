//! Force feedback: whoever uploads an effect waits for the program.

use super::bench::{Bench, LONG, Program, setup};
use crate::{
    Answer, Call, Errno, Plugged,
    client::{BASE, Heard},
    input::uapi::{EFFECT_SIZE, ev, ff, ioctl as evdev},
    uinput::uapi::{ERASE_SIZE, EV_UINPUT, FF_ERASE, FF_UPLOAD, UPLOAD_SIZE, ioctl},
};
use outlive::{Policy, Reason};

const SFF: u32 = evdev::SFF | (EFFECT_SIZE as u32) << 16;

fn rumbling(kinds: &[u16]) -> Bench {
    let bench = Bench::new();
    let program = &bench.program;
    program.ioctl(ioctl::SET_EVBIT, ev::FF.into()).unwrap();
    kinds.iter().for_each(|kind| assert_eq!(program.ioctl(ioctl::SET_FFBIT, (*kind).into()), Ok(0)));
    program.say(ioctl::DEV_SETUP, &setup("rumbles", 20)).unwrap();
    program.ioctl(ioctl::DEV_CREATE, 0).unwrap();
    bench
}

/// A client begins to upload an effect.
fn upload(client: &Program, kind: u16, number: i16) -> Heard {
    let mut effect = [0; EFFECT_SIZE];
    effect[..2].copy_from_slice(&kind.to_ne_bytes());
    effect[2..4].copy_from_slice(&number.to_ne_bytes());
    effect[16..18].copy_from_slice(&(if kind == ff::PERIODIC { ff::CUSTOM } else { 0x1234 }).to_ne_bytes());
    client.arena.put(BASE, &effect);
    client.begin(Call::Ioctl { command: SFF, argument: BASE }).0
}

fn id(number: u32, result: i32, size: usize) -> Vec<u8> {
    let mut bytes = vec![0xee; size];
    bytes[..4].copy_from_slice(&number.to_ne_bytes());
    bytes[4..8].copy_from_slice(&result.to_ne_bytes());
    bytes
}

#[test]
fn an_effect_waits_for_the_program() {
    let bench = rumbling(&[ff::RUMBLE]);
    let (program, client) = (&bench.program, bench.client(0));
    let heard = upload(&client, ff::RUMBLE, -1);
    assert!(heard.is_waiting());
    assert_eq!(program.read(), Ok(vec![(EV_UINPUT, FF_UPLOAD, 0)]));
    assert_eq!(program.say(ioctl::BEGIN_FF_ERASE, &id(0, 0, ERASE_SIZE)), Err(Errno::INVAL), "it is no erasure");
    assert_eq!(program.say(ioctl::BEGIN_FF_UPLOAD, &id(1, 0, UPLOAD_SIZE)), Err(Errno::INVAL));
    assert_eq!(program.say(ioctl::BEGIN_FF_UPLOAD, &id(0, 9, UPLOAD_SIZE)), Ok(0));
    let bytes = program.arena.get(BASE, UPLOAD_SIZE);
    assert_eq!((&bytes[..8], &bytes[8..12], &bytes[24..26]), (&[0; 8][..], &[0x50, 0, 0, 0][..], &[0x34, 0x12][..]));
    assert_eq!(bytes[8 + EFFECT_SIZE..], [0; EFFECT_SIZE], "it replaces nothing");
    assert_eq!(program.say(ioctl::END_FF_UPLOAD, &id(0, 0, UPLOAD_SIZE)), Ok(0));
    assert_eq!((heard.answer(), client.arena.get(BASE + 2, 2)), (Ok(Answer::Value(0)), vec![0, 0]));
    assert_eq!(program.say(ioctl::END_FF_UPLOAD, &id(0, 0, UPLOAD_SIZE)), Err(Errno::INVAL), "it is done");
    // What replaces it.
    let heard = upload(&client, ff::RUMBLE, 0);
    assert_eq!(program.read(), Ok(vec![(EV_UINPUT, FF_UPLOAD, 0)]));
    program.say(ioctl::BEGIN_FF_UPLOAD, &id(0, 0, UPLOAD_SIZE)).unwrap();
    assert_eq!(program.arena.get(BASE + 8 + EFFECT_SIZE as u64, 2), [0x50, 0]);
    program.say(ioctl::END_FF_UPLOAD, &id(0, -12, UPLOAD_SIZE)).unwrap();
    assert_eq!(heard.answer(), Err(Errno::NOMEM));
    client.write(&[(ev::FF, 0, 3)]).unwrap();
    assert_eq!(program.read(), Ok(vec![(ev::FF, 0, 3)]));
    let (erased, _) = client.begin(Call::Ioctl { command: evdev::RMFF, argument: 0 });
    assert_eq!(program.read(), Ok(vec![(ev::FF, 0, 0), (EV_UINPUT, FF_ERASE, 0)]));
    program.say(ioctl::BEGIN_FF_ERASE, &id(0, 1, ERASE_SIZE)).unwrap();
    assert_eq!(program.arena.get(BASE, ERASE_SIZE), [0; ERASE_SIZE]);
    program.say(ioctl::END_FF_ERASE, &id(0, 0, ERASE_SIZE)).unwrap();
    assert_eq!(erased.answer(), Ok(Answer::Value(0)));
}

#[test]
fn nobody_waits_for_a_program_that_has_gone() {
    for how in ["destroy", "close", "pull", "uinput"] {
        let bench = rumbling(&[ff::RUMBLE]);
        let client = bench.client(0);
        let heard = upload(&client, ff::RUMBLE, -1);
        let Bench { program, board, uinput } = bench;
        match how {
            "destroy" => assert_eq!(program.ioctl(ioctl::DEV_DESTROY, 0), Ok(0)),
            "close" => drop(program),
            "pull" => drop(board.device(0).unplug(Reason::Pulled, Policy::Detach, LONG).unwrap()),
            // Here whoever has the ports takes away what hangs on it, which the bench does not.
            _ => {
                drop(uinput.unplug(Reason::Pulled, Policy::Detach, LONG).unwrap());
                assert!(heard.is_waiting());
                drop(board.device(0).unplug(Reason::Pulled, Policy::Detach, LONG).unwrap());
            }
        }
        assert_eq!(heard.answer(), Err(Errno::NODEV), "{how}");
    }
}

#[test]
fn a_program_that_does_not_answer_has_half_a_minute() {
    let bench = rumbling(&[ff::RUMBLE]);
    let client = bench.client(0);
    let heard = upload(&client, ff::RUMBLE, -1);
    bench.board.clock.pass();
    assert_eq!(heard.answer(), Err(Errno::TIMEDOUT));
    bench.program.read().unwrap();
    assert_eq!(bench.program.say(ioctl::END_FF_UPLOAD, &id(0, 0, UPLOAD_SIZE)), Err(Errno::INVAL), "too late");
}

#[test]
fn a_client_that_is_killed_is_not_waited_for() {
    let bench = rumbling(&[ff::RUMBLE]);
    let (program, client) = (&bench.program, bench.client(0));
    client.arena.put(BASE, &[0x50, 0, 0xff, 0xff]);
    let (heard, number) = client.begin(Call::Ioctl { command: SFF, argument: BASE });
    client.file.cancel(number.expect("it is inside"));
    assert_eq!(heard.answer(), Err(Errno::INTR));
    program.read().unwrap();
    assert_eq!(program.say(ioctl::BEGIN_FF_UPLOAD, &id(0, 0, UPLOAD_SIZE)), Err(Errno::INVAL));
}

#[test]
fn sixteen_wait_at_once_and_others_behind_them() {
    let bench = rumbling(&[ff::RUMBLE]);
    let (program, client) = (&bench.program, bench.client(0));
    let all: Vec<Heard> = (0..18).map(|_| upload(&client, ff::RUMBLE, -1)).collect();
    let told = program.read().unwrap();
    assert_eq!(told, (0..16).map(|number| (EV_UINPUT, FF_UPLOAD, number)).collect::<Vec<_>>());
    program.say(ioctl::END_FF_UPLOAD, &id(5, 0, UPLOAD_SIZE)).unwrap();
    assert_eq!(all[5].answer(), Ok(Answer::Value(0)));
    assert_eq!(program.read(), Ok(vec![(EV_UINPUT, FF_UPLOAD, 5)]));
    program.ioctl(ioctl::DEV_DESTROY, 0).unwrap();
    let rest = all.iter().enumerate().filter(|(number, _)| *number != 5);
    rest.for_each(|(number, heard)| assert_eq!(heard.answer(), Err(Errno::NODEV), "{number}"));
}

#[test]
fn samples_cannot_be_handed_on() {
    let bench = rumbling(&[ff::PERIODIC, ff::CUSTOM]);
    assert_eq!(upload(&bench.client(0), ff::PERIODIC, -1).answer(), Err(Errno::INVAL));
    assert_eq!(bench.program.read(), Err(Errno::AGAIN));
}
