//! Vertical blankings and events.

use super::bench::{Bench, Client, events, period};
use crate::{
    Call, Contract, Errno, PollBits,
    drm::{
        kms::crtc_id,
        uapi::{
            ioctl,
            layout::{GetSequence, QueueSequence, Vblanked, WaitVblank},
            vblank,
        },
    },
};
use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

fn wait(client: &Client, kind: u32, sequence: u32) -> Result<(u32, u32), Errno> {
    let asked = WaitVblank { kind, sequence, signal: 31 };
    client.ask(ioctl::WAIT_VBLANK, &asked).map(|reply| (reply.kind, reply.sequence))
}

#[test]
fn the_count_goes_on_by_the_clock() {
    let (bench, _) = Bench::lit(Contract::Quiet);
    assert_eq!(wait(&bench.client, vblank::RELATIVE, 0), Ok((0, 1)));
    bench.clock.pass(3 * period());
    assert_eq!(wait(&bench.client, vblank::RELATIVE, 0), Ok((0, 4)));
    assert_eq!(wait(&bench.client, 0, 2), Ok((0, 4)), "that was before");
    let reply = bench.client.ask(ioctl::WAIT_VBLANK, &Vblanked { kind: vblank::RELATIVE, ..Vblanked::default() });
    let time = Duration::from_secs(1000) + 4 * period();
    let reply = reply.unwrap();
    assert_eq!((reply.seconds, reply.microseconds), (1000, i64::from(time.subsec_micros())));
}

#[test]
fn a_wait_sleeps_until_the_count_is_there() {
    let (bench, _) = Bench::lit(Contract::Quiet);
    let asked = WaitVblank { kind: vblank::RELATIVE, sequence: 2, signal: 0 };
    let (heard, _) = bench.client.begin_ask(ioctl::WAIT_VBLANK, &asked);
    bench.frame();
    assert!(heard.is_waiting());
    bench.frame();
    assert!(heard.answer().is_ok());
    let reply = &bench.client.get::<Vblanked>(crate::client::BASE, 1)[0];
    assert_eq!((reply.kind, reply.sequence), (0, 3));
}

/// After 3 s it is in vain, on a card that is there and on one that has gone.
#[test]
fn a_wait_has_an_end() {
    let (bench, _) = Bench::lit(Contract::Quiet);
    let asked = WaitVblank { kind: vblank::RELATIVE, sequence: 1000, signal: 0 };
    for gone in [false, true] {
        if gone {
            bench.pull();
        }
        let (heard, _) = bench.client.begin_ask(ioctl::WAIT_VBLANK, &asked);
        bench.clock.pass(Duration::from_millis(2999));
        assert!(heard.is_waiting(), "gone: {gone}");
        bench.clock.pass(Duration::from_millis(1));
        assert_eq!(heard.answer(), Err(Errno::BUSY), "gone: {gone}");
    }
}

/// `drm_wait_vblank_ioctl`, in its order.
#[test]
fn waits_are_checked() {
    let (bench, _) = Bench::lit(Contract::Quiet);
    for kind in [vblank::SIGNAL, vblank::FLIP, 0x40, vblank::SECONDARY, 2 << 1, 31 << 1] {
        assert_eq!(wait(&bench.client, kind | vblank::RELATIVE, 0), Err(Errno::INVAL), "{kind:#x}");
    }
    assert_eq!(wait(&bench.client, vblank::RELATIVE, 0).map(|(_, count)| count), Ok(1));
    let dark = Bench::new();
    assert_eq!(wait(&dark.client, vblank::RELATIVE, 0), Err(Errno::INVAL), "it is off");
}

#[test]
fn an_event_comes_at_its_count() {
    let (bench, _) = Bench::lit(Contract::Quiet);
    assert_eq!(wait(&bench.client, vblank::RELATIVE | vblank::EVENT, 2), Ok((vblank::EVENT, 3)));
    bench.frame();
    assert_eq!(bench.client.read(), Err(Errno::AGAIN));
    bench.frame();
    assert_eq!(bench.client.read(), Ok(vec![(1, 31, 3)]));
    assert_eq!(wait(&bench.client, vblank::EVENT, 1), Ok((vblank::EVENT, 3)));
    assert_eq!(bench.client.read(), Ok(vec![(1, 31, 3)]), "it was long ago");
}

/// A busy machine tells of it late: nobody misses one for that.
#[test]
fn events_that_come_late_say_when_they_were() {
    let (bench, _) = Bench::lit(Contract::Quiet);
    for target in [4, 2, 3] {
        wait(&bench.client, vblank::EVENT, target).unwrap();
    }
    bench.clock.pass(2 * period());
    bench.frame();
    assert_eq!(bench.client.read(), Ok(vec![(1, 31, 2), (1, 31, 3), (1, 31, 4)]));
}

#[test]
fn who_has_missed_it_can_have_the_next() {
    let (bench, _) = Bench::lit(Contract::Quiet);
    bench.clock.pass(5 * period());
    let kind = vblank::EVENT | vblank::NEXTONMISS;
    assert_eq!(wait(&bench.client, kind, 2), Ok((vblank::EVENT, 7)));
    assert_eq!(bench.client.read(), Err(Errno::AGAIN));
    bench.frame();
    assert_eq!(bench.client.read(), Ok(vec![(1, 31, 7)]));
    assert_eq!(wait(&bench.client, kind, 9), Ok((kind, 9)), "that one is to come");
}

#[test]
fn sequences_are_told_and_queued() {
    let (bench, _) = Bench::lit(Contract::Quiet);
    let get = GetSequence { crtc: crtc_id(0), ..GetSequence::default() };
    let found = bench.client.ask(ioctl::CRTC_GET_SEQUENCE, &get).unwrap();
    assert_eq!((found.active, found.sequence), (1, 1));
    assert_eq!(found.nanoseconds, (Duration::from_secs(1000) + period()).as_nanos() as i64);
    let queue = |flags, sequence| QueueSequence { crtc: crtc_id(0), flags, sequence, user_data: 9 };
    assert_eq!(bench.client.ask(ioctl::CRTC_QUEUE_SEQUENCE, &queue(1, 1)).unwrap().sequence, 2);
    assert_eq!(bench.client.ask(ioctl::CRTC_QUEUE_SEQUENCE, &queue(2, 1)).unwrap().sequence, 2);
    bench.frame();
    assert_eq!(bench.client.read(), Ok(vec![(3, 9, 2); 2]));
    assert_eq!(bench.client.tell(ioctl::CRTC_QUEUE_SEQUENCE, &queue(4, 1)), Err(Errno::INVAL));
    let none = QueueSequence { crtc: 0, ..queue(0, 1) };
    assert_eq!(bench.client.tell(ioctl::CRTC_QUEUE_SEQUENCE, &none), Err(Errno::NOENT));
    let dark = QueueSequence { crtc: crtc_id(1), ..queue(0, 1) };
    assert_eq!(bench.client.tell(ioctl::CRTC_QUEUE_SEQUENCE, &dark), Err(Errno::INVAL));
    assert_eq!(bench.client.tell(ioctl::CRTC_GET_SEQUENCE, &GetSequence::default()), Err(Errno::NOENT));
}

/// `drm_crtc_vblank_off`
#[test]
fn who_waits_for_a_screen_that_is_turned_off_is_told_at_once() {
    let (bench, _) = Bench::lit(Contract::Quiet);
    wait(&bench.client, vblank::RELATIVE | vblank::EVENT, 50).unwrap();
    let sleeper = bench.open(false);
    let asked = WaitVblank { kind: vblank::RELATIVE, sequence: 50, signal: 0 };
    let (heard, _) = sleeper.begin_ask(ioctl::WAIT_VBLANK, &asked);
    let off = crate::drm::uapi::layout::Crtc { crtc: crtc_id(0), ..Default::default() };
    bench.client.tell(ioctl::MODE_SETCRTC, &off).unwrap();
    assert!(heard.answer().is_ok());
    assert_eq!(bench.client.read(), Ok(vec![(1, 31, 1)]));
}

#[test]
fn reads_are_of_whole_events() {
    let (bench, _) = Bench::lit(Contract::Quiet);
    for _ in 0..3 {
        wait(&bench.client, vblank::EVENT, 0).unwrap();
    }
    let read = |size| events(bench.client.call(Call::Read { size })).map(|events| events.len());
    assert_eq!(read(31), Ok(0));
    assert_eq!(read(70), Ok(2));
    assert_eq!(read(4096), Ok(1));
    assert_eq!(read(4096), Err(Errno::AGAIN));
}

#[test]
fn a_read_waits_for_an_event_and_can_be_given_up() {
    let (bench, fb) = Bench::lit(Contract::Quiet);
    bench.client.file.set_nonblock(false);
    let (heard, number) = bench.client.begin_read();
    bench.client.file.cancel(number.expect("it is inside"));
    assert_eq!(heard.answer(), Err(Errno::INTR));
    let (heard, _) = bench.client.begin_read();
    bench.client.flip(0, fb, 3).unwrap();
    assert!(heard.is_waiting());
    bench.frame();
    assert_eq!(events(heard.answer()), Ok(vec![(2, 3, 2)]));
}

#[test]
fn pollers_are_woken_by_each_event_until_they_leave() {
    let (bench, _) = Bench::lit(Contract::Quiet);
    let woken = Arc::new(AtomicUsize::new(0));
    let count = woken.clone();
    let watch = bench.client.file.on_news(Arc::new(move || _ = count.fetch_add(1, SeqCst)));
    assert_eq!(bench.client.file.poll(), PollBits::default(), "it can never be written to");
    wait(&bench.client, vblank::EVENT, 0).unwrap();
    assert_eq!((woken.load(SeqCst), bench.client.file.poll()), (1, PollBits(0x41)));
    drop(watch);
    wait(&bench.client, vblank::EVENT, 0).unwrap();
    assert_eq!(woken.load(SeqCst), 1);
}

#[test]
fn events_are_those_of_the_file_that_asked() {
    let (bench, fb) = Bench::lit(Contract::Quiet);
    let other = bench.open(true);
    bench.client.flip(0, fb, 1).unwrap();
    wait(&other, vblank::RELATIVE | vblank::EVENT, 1).unwrap();
    bench.frame();
    assert_eq!(other.read(), Ok(vec![(1, 31, 2)]));
    assert_eq!(bench.client.read(), Ok(vec![(2, 1, 2)]));
    let third = bench.open(true);
    wait(&third, vblank::RELATIVE | vblank::EVENT, 1).unwrap();
    drop(third);
    bench.frame();
    assert_eq!(other.read(), Err(Errno::AGAIN));
}
