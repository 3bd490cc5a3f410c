//! Several clients of one device: queues, masks, clocks, grab and revoke.

use super::bench::{A, B, Bench, Client, SYNC, events, key};
use crate::{
    Answer, Call, Errno, PollBits,
    client::{BASE, WILD},
    input::{
        Clock, ClockId, Description, Value,
        client::Found,
        hub::Hub,
        uapi::{ev, ioctl},
    },
};
use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

const DROPPED: (u16, u16, i32) = (ev::SYN, 3, 0);

/// A hundred keystrokes.
fn type_much(bench: &Bench) {
    for _ in 0..100 {
        bench.send(&[key(A, 1), SYNC]);
        bench.send(&[key(A, 0), SYNC]);
    }
}

#[test]
fn who_lags_misses_events_and_nobody_else_does() {
    let bench = Bench::new();
    let lazy = bench.open();
    for round in 0..60 {
        bench.send(&[key(A, 1), SYNC]);
        bench.send(&[key(A, 0), SYNC]);
        assert_eq!(bench.client.read(), Ok(vec![key(A, 1), SYNC, key(A, 0), SYNC]), "{round}");
    }
    // Its queue has room for 256 events, less one: a packet may have 27.
    let all = events(lazy.call(Call::Read { size: 1 << 16 })).unwrap();
    assert_eq!((all[0], all.len()), (key(A, 1), 240));
    type_much(&bench);
    let read = lazy.read().unwrap();
    assert_eq!(read[0], DROPPED);
    // A ring of 256 that is full keeps the newest event, the 256th, and says so before it; then come the others.
    assert_eq!((read.len(), read[read.len() - 1]), (400 - 255 + 1, SYNC));
}

fn mask(client: &Client, command: u32, kind: u32, size: u32, at: u64) -> Result<i32, Errno> {
    client.arena.put(BASE, &kind.to_ne_bytes());
    client.arena.put(BASE + 4, &size.to_ne_bytes());
    client.arena.put(BASE + 8, &at.to_ne_bytes());
    client.ioctl(command, BASE)
}

#[test]
fn masks_are_each_clients_own() {
    let bench = Bench::new();
    let (client, other) = (&bench.client, bench.open());
    const AT: u64 = BASE + 0x100;
    let keys = u32::from(ev::KEY);
    client.arena.put(AT, &[0; 96]);
    client.arena.put(AT + 3, &[1 << 6]);
    assert_eq!(mask(client, ioctl::SMASK, keys, 96, AT), Ok(0));
    bench.send(&[key(A, 1), key(B, 1), SYNC]);
    bench.send(&[key(B, 0), SYNC]);
    assert_eq!(client.read(), Ok(vec![key(A, 1), SYNC]));
    assert_eq!(other.read(), Ok(vec![key(A, 1), key(B, 1), SYNC, key(B, 0), SYNC]));
    client.arena.put(AT, &[7; 128]);
    assert_eq!(mask(client, ioctl::GMASK, keys, 100, AT), Ok(0));
    assert_eq!(client.arena.get(AT, 5), [0, 0, 0, 1 << 6, 0]);
    assert_eq!(client.arena.get(AT + 96, 5), [0, 0, 0, 0, 7], "zeroes, up to the length");
    assert_eq!(mask(&other, ioctl::GMASK, u32::from(ev::REL), 4, AT), Ok(0));
    assert_eq!(other.arena.get(AT, 5), [0xff, 0xff, 0xff, 0xff, 0]);
    assert_eq!(mask(&other, ioctl::GMASK, 0x1234, 4, AT), Ok(0));
    assert_eq!(other.arena.get(AT, 4), [0; 4], "of a type that there is not");
    client.arena.put(AT, &[0xff; 8]);
    assert_eq!(mask(client, ioctl::SMASK, u32::from(ev::MSC), 8, AT), Ok(0));
    client.arena.put(AT, &[0; 8]);
    assert_eq!(mask(client, ioctl::GMASK, u32::from(ev::MSC), 8, AT), Ok(0));
    assert_eq!(client.arena.get(AT, 8), [0xff; 8], "also of codes that there are not");
    for (kind, size, at, want) in [
        (keys, 7, AT, Err(Errno::INVAL)),
        (keys, 8, WILD, Err(Errno::FAULT)),
        (keys, 7, WILD, Err(Errno::INVAL)),
        (u32::from(ev::REP), 7, WILD, Ok(0)),
        (0x1234, 8, WILD, Ok(0)),
    ] {
        assert_eq!(mask(client, ioctl::SMASK, kind, size, at), want, "{kind} {size} {at:#x}");
    }
    assert_eq!(client.ioctl(ioctl::SMASK, WILD), Err(Errno::FAULT));
}

#[test]
fn clocks_are_each_clients_own() {
    let bench = Bench::new();
    let clients = [(0u32, 1_000_000u64, &bench.client), (1, 1000, &bench.open()), (7, 2000, &bench.open())];
    for (clock, _, client) in &clients {
        client.arena.put(BASE, &clock.to_ne_bytes());
        assert_eq!(client.ioctl(ioctl::SCLOCKID, BASE), Ok(0));
    }
    bench.clock.pass(1500);
    bench.send(&[key(A, 1), SYNC]);
    for (_, epoch, client) in &clients {
        let Ok(Answer::Data(data)) = client.call(Call::Read { size: 24 }) else { panic!("an event") };
        assert_eq!(data[..16], [(epoch + 1).to_ne_bytes(), 500_000u64.to_ne_bytes()].concat());
    }
    // What had come has times of the other clock.
    let client = &bench.client;
    client.arena.put(BASE, &1u32.to_ne_bytes());
    assert_eq!(client.ioctl(ioctl::SCLOCKID, BASE), Ok(0));
    assert_eq!(client.read(), Err(Errno::AGAIN));
    bench.send(&[key(A, 0), SYNC]);
    assert_eq!(client.read(), Ok(vec![DROPPED, key(A, 0), SYNC]));
    client.arena.put(BASE, &2u32.to_ne_bytes());
    assert_eq!(client.ioctl(ioctl::SCLOCKID, BASE), Err(Errno::INVAL));
}

#[test]
fn who_grabs_it_is_the_only_one_to_hear() {
    let bench = Bench::new();
    let (client, other) = (&bench.client, bench.open());
    assert_eq!(other.ioctl(ioctl::GRAB, 0), Err(Errno::INVAL));
    assert_eq!(client.ioctl(ioctl::GRAB, 1), Ok(0));
    assert_eq!(client.ioctl(ioctl::GRAB, 1), Err(Errno::BUSY));
    assert_eq!(other.ioctl(ioctl::GRAB, WILD), Err(Errno::BUSY));
    assert_eq!(other.ioctl(ioctl::GRAB, 0), Err(Errno::INVAL));
    bench.send(&[key(A, 1), SYNC]);
    // All clients are one handler to the kernel: what others write gets through, to the one.
    assert_eq!(other.write(&[key(B, 1), SYNC]), Ok(Answer::Value(48)));
    assert_eq!(client.read(), Ok(vec![key(A, 1), SYNC, key(B, 1), SYNC]));
    assert_eq!(other.read(), Err(Errno::AGAIN));
    drop(bench.client);
    assert_eq!(other.ioctl(ioctl::GRAB, 1), Ok(0), "a close lets go");
    assert_eq!(other.ioctl(ioctl::GRAB, 0), Ok(0));
}

#[test]
fn access_is_revoked_for_one_client() {
    let bench = Bench::new();
    let (client, other) = (&bench.client, bench.open());
    assert_eq!(client.ioctl(ioctl::REVOKE, 1), Err(Errno::INVAL));
    assert_eq!(client.ioctl(ioctl::GRAB, 1), Ok(0));
    bench.send(&[key(A, 1), SYNC]);
    client.file.set_nonblock(false);
    assert_eq!(client.read(), Ok(vec![key(A, 1), SYNC]));
    let sleeper = client.begin_read();
    assert_eq!(client.ioctl(ioctl::REVOKE, 0), Ok(0));
    assert_eq!(events(sleeper.answer()), Err(Errno::NODEV));
    assert_eq!(client.read(), Err(Errno::NODEV));
    assert_eq!(client.write(&[key(A, 0), SYNC]), Err(Errno::NODEV));
    for command in [ioctl::GVERSION, ioctl::GRAB, ioctl::REVOKE, 0x5401] {
        assert_eq!(client.ioctl(command, 0), Err(Errno::NODEV), "{command:#x}");
    }
    assert_eq!(client.call(Call::Read { size: 23 }), Err(Errno::INVAL), "evdev looks at the length first");
    assert_eq!(client.file.poll(), PollBits::ZOMBIE);
    assert_eq!(client.file.gone(), None);
    bench.send(&[key(A, 0), SYNC]);
    assert_eq!(other.read(), Ok(vec![key(A, 0), SYNC]), "its grab is gone");
    assert_eq!(client.file.poll(), PollBits::ZOMBIE);
}

/// A clock that goes on with each question.
#[derive(Debug, Default)]
struct Running(AtomicU64);

impl Clock for Running {
    fn time(&self, _: ClockId) -> Duration {
        Duration::from_secs(10) + Duration::from_nanos(self.0.fetch_add(700, Relaxed))
    }

    fn after(&self, _: Duration, _: Box<dyn FnOnce() + Send>) {}
}

#[test]
fn a_time_that_a_maker_gives_is_told_as_it_is() {
    let description = Arc::new(Description::default().with(ev::KEY, [30]).registered());
    let hub = Hub::new(description, Arc::new(Running::default()));
    let client = hub.attach();
    hub.set_clock(client, ClockId::Monotonic);
    hub.events(&[Value::new(ev::KEY, 30, 1), Value::SYNC], Some(Duration::new(9, 5000)));
    let Found::Data(data) = hub.read(client, 24) else { panic!("an event") };
    assert_eq!(data[..16], [9i64.to_ne_bytes(), 5i64.to_ne_bytes()].concat());
}
