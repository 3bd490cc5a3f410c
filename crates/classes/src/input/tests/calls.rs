//! What calls say while the device is there.

use super::bench::{A, B, Bench, Client, OWN_SYNC, SYNC, events, everything, key, written};
use crate::{
    Answer, Call, Contract, Errno, PollBits,
    client::{BASE, READ_ONLY, WILD},
    input::{
        Description,
        uapi::{abs, ev, ioctl},
    },
};

const fn long(command: u32, size: u32) -> u32 {
    command | size << 16
}

#[test]
fn whole_events_are_read_and_written() {
    let bench = Bench::new();
    let client = &bench.client;
    assert_eq!(client.read(), Err(Errno::AGAIN));
    assert_eq!(client.call(Call::Read { size: 23 }), Err(Errno::INVAL));
    assert_eq!(client.call(Call::Read { size: 0 }), Err(Errno::AGAIN));
    bench.send(&[key(A, 1), key(B, 1), SYNC]);
    assert_eq!(client.call(Call::Read { size: 0 }), Ok(Answer::Data(Vec::new())));
    assert_eq!(events(client.call(Call::Read { size: 47 })), Ok(vec![key(A, 1)]));
    assert_eq!(client.read(), Ok(vec![key(B, 1), SYNC]));
    assert_eq!(client.call(Call::Write { data: vec![0; 23] }), Err(Errno::INVAL));
    assert_eq!(client.call(Call::Write { data: Vec::new() }), Ok(Answer::Value(0)));
    let mut data = written(&[(ev::LED, 0, 1), SYNC]);
    data.push(7);
    assert_eq!(client.call(Call::Write { data }), Ok(Answer::Value(48)));
    assert_eq!(client.read(), Ok(vec![(ev::LED, 0, 1), SYNC]));
    assert_eq!(bench.told(), ["opened", "0x11 0 1"]);
    assert_eq!(client.write(&[SYNC; 200]), Ok(Answer::Value(4080)), "evdev takes no more at once");
    assert_eq!(client.call(Call::ReadAt { at: 0, size: 48 }), Err(Errno::SPIPE));
}

/// As the kernel allows: any event that the device has, to everybody, itself among them.
#[test]
fn what_a_client_writes_comes_back_to_all() {
    let bench = Bench::new();
    let other = bench.open();
    assert_eq!(bench.client.write(&[key(A, 1), (ev::REL, 7, 1), (ev::SW, 0, 1), SYNC]), Ok(Answer::Value(96)));
    for client in [&bench.client, &other] {
        assert_eq!(client.read(), Ok(vec![key(A, 1), (ev::SW, 0, 1), SYNC]));
    }
    let set = (ev::REP, 0, 500);
    assert_eq!(other.write(&[set, (ev::SND, 2, 1), (ev::MSC, 4, 9), (ev::FF, 0, -1)]), Ok(Answer::Value(96)));
    assert_eq!(bench.told(), ["opened", "0x14 0 500", "0x12 2 1", "0x4 4 9"]);
}

#[test]
fn sleepers_wake_in_the_order_in_which_they_came() {
    let bench = Bench::new();
    bench.client.file.set_nonblock(false);
    let first = bench.client.begin(Call::Read { size: 24 }).0;
    let (second, number) = bench.client.begin(Call::Read { size: 24 });
    let third = bench.client.begin_read();
    bench.client.file.cancel(number.unwrap());
    assert_eq!(events(second.answer()), Err(Errno::INTR));
    bench.send(&[key(A, 1)]);
    assert!(first.is_waiting(), "the packet has not ended");
    bench.send(&[SYNC]);
    assert_eq!(events(first.answer()), Ok(vec![key(A, 1)]));
    assert_eq!(events(third.answer()), Ok(vec![SYNC]));
}

#[test]
fn poll_says_what_read_would() {
    let bench = Bench::new();
    let idle = PollBits::OUT | PollBits::WRNORM;
    assert_eq!(bench.client.file.poll(), idle);
    let woken = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let counter = woken.clone();
    let wake = move || _ = counter.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
    let watch = bench.client.file.on_news(std::sync::Arc::new(wake));
    bench.send(&[key(A, 1), SYNC]);
    assert_eq!(bench.client.file.poll(), idle | PollBits::IN | PollBits::RDNORM);
    assert_eq!(woken.load(std::sync::atomic::Ordering::SeqCst), 1);
    drop(watch);
    bench.send(&[key(A, 0), SYNC]);
    assert_eq!(woken.load(std::sync::atomic::Ordering::SeqCst), 1);
}

fn check(client: &Client, command: u32, size: usize, want: Result<(i32, &[u8]), Errno>) {
    let got = client.ask(command, size);
    assert_eq!(got.as_ref().map(|(value, bytes)| (*value, &bytes[..])).map_err(|e| *e), want, "{command:#x}");
}

#[test]
fn a_device_says_what_it_is() {
    let bench = Bench::new();
    let client = &bench.client;
    check(client, ioctl::GVERSION, 4, Ok((0, &[1, 0, 1, 0])));
    check(client, ioctl::GID, 8, Ok((0, &[3, 0, 9, 0x12, 7, 0, 0, 1])));
    check(client, long(ioctl::GNAME, 99), 11, Ok((11, b"Everything\0")));
    check(client, long(ioctl::GNAME, 4), 4, Ok((4, b"Ever")));
    check(client, long(ioctl::GPHYS, 99), 5, Ok((5, b"here\0")));
    check(client, long(ioctl::GUNIQ, 99), 0, Err(Errno::NOENT));
    check(client, long(ioctl::GPROP, 2), 2, Ok((2, &[0, 0])));
    check(client, ioctl::GREP, 8, Ok((0, &[250, 0, 0, 0, 33, 0, 0, 0])));
    check(client, ioctl::GEFFECTS, 4, Ok((0, &[2, 0, 0, 0])));
    let types = 1 | 1 << 1 | 1 << 2 | 1 << 3 | 1 << 4 | 1 << 5 | 1 << 17 | 1 << 18 | 1 << 20 | 1 << 21;
    check(client, long(ioctl::GBIT, 4), 4, Ok((4, &u32::to_ne_bytes(types))));
    check(
        client,
        long(ioctl::GBIT + 1, 99),
        96,
        Ok((96, &{
            let mut keys = [0; 96];
            (keys[3], keys[6]) = (1 << 6, 1);
            keys
        })),
    );
    check(client, long(ioctl::GBIT + u32::from(ev::REP), 8), 0, Err(Errno::INVAL));
    let axis: Vec<u8> = [0, -5, 5, 0, 0, 9].iter().flat_map(|it: &i32| it.to_ne_bytes()).collect();
    check(client, long(ioctl::GABS, 24), 24, Ok((0, &axis)));
    check(client, long(ioctl::GABS, 8), 8, Ok((0, &axis[..8])));
    // An axis that it does not have is all zeroes.
    check(client, long(ioctl::GABS + 7, 24), 24, Ok((0, &[0; 24])));
    for nonsense in [0x5401, 0x8004_4502, 0x0000_4501, 0x8018_4602, 0x4004_45a1] {
        assert_eq!(client.ioctl(nonsense, BASE), Err(Errno::INVAL), "{nonsense:#x}");
    }
    assert_eq!(client.ioctl(ioctl::GVERSION, WILD), Err(Errno::FAULT));
}

#[test]
fn what_a_device_does_not_have_cannot_be_asked_for() {
    let bench = Bench::with(Contract::Strict, Description { name: "Plain".into(), ..Description::default() });
    let client = &bench.client;
    for (command, errno) in [
        (ioctl::GREP, Errno::NOSYS),
        (ioctl::SREP, Errno::NOSYS),
        (long(ioctl::GABS, 24), Errno::INVAL),
        (long(ioctl::SABS, 24), Errno::INVAL),
        (long(ioctl::SFF, 48), Errno::NOSYS),
        (long(ioctl::SFF, 47), Errno::FAULT),
        (ioctl::RMFF, Errno::NOSYS),
        (long(ioctl::GPHYS, 8), Errno::NOENT),
        (long(ioctl::GMTSLOTS, 8), Errno::INVAL),
        (ioctl::GKEYCODE, Errno::INVAL),
        (ioctl::SKEYCODE, Errno::INVAL),
        (ioctl::GKEYCODE_V2, Errno::INVAL),
        (ioctl::SKEYCODE_V2, Errno::INVAL),
    ] {
        assert_eq!(client.ioctl(command, BASE), Err(errno), "{command:#x}");
    }
    for (command, errno) in [(ioctl::SREP, Errno::NOSYS), (long(ioctl::SABS, 24), Errno::INVAL)] {
        assert_eq!(client.ioctl(command, WILD), Err(errno), "{command:#x}: that first");
    }
    for command in [ioctl::GKEYCODE, ioctl::SKEYCODE_V2, long(ioctl::GMTSLOTS, 8), long(ioctl::SFF, 48)] {
        assert_eq!(client.ioctl(command, WILD), Err(Errno::FAULT), "{command:#x}");
    }
    check(client, ioctl::GEFFECTS, 4, Ok((0, &[0; 4])));
    check(client, long(ioctl::GBIT + 1, 2), 2, Ok((2, &[0; 2])));
}

#[test]
fn what_is_told_as_a_whole_leaves_the_queue() {
    let bench = Bench::new();
    let client = &bench.client;
    bench.send(&[key(A, 1), (ev::SW, 0, 1), (ev::SND, 2, 1), SYNC]);
    check(client, long(ioctl::GKEY, 4), 4, Ok((4, &[0, 0, 0, 1 << 6])));
    assert_eq!(client.read(), Ok(vec![(ev::SW, 0, 1), (ev::SND, 2, 1), SYNC]));
    check(client, long(ioctl::GSW, 1), 1, Ok((1, &[1])));
    check(client, long(ioctl::GSND, 1), 1, Ok((1, &[4])));
    check(client, long(ioctl::GLED, 99), 8, Ok((8, &[0; 8])));
    // Who cannot be told has missed something.
    bench.send(&[key(A, 0), SYNC]);
    assert_eq!(client.ioctl(long(ioctl::GKEY, 4), READ_ONLY), Err(Errno::FAULT));
    bench.send(&[key(B, 1), SYNC]);
    assert_eq!(client.read(), Ok(vec![SYNC, (ev::SYN, 3, 0), key(B, 1), SYNC]));
}

#[test]
fn axes_and_contacts() {
    let bench = Bench::new();
    let client = &bench.client;
    let axis: Vec<u8> = [1, -9, 9, 2, 3, 4].iter().flat_map(|it: &i32| it.to_ne_bytes()).collect();
    client.arena.put(BASE, &axis);
    assert_eq!(client.ioctl(long(ioctl::SABS, 24), BASE), Ok(0));
    check(client, long(ioctl::GABS, 24), 24, Ok((0, &axis)));
    client.arena.put(BASE, &axis);
    assert_eq!(client.ioctl(long(ioctl::SABS, 20), BASE), Ok(0));
    let without = [&axis[..20], &[0; 4]].concat();
    check(client, long(ioctl::GABS, 24), 24, Ok((0, &without)));
    assert_eq!(client.ioctl(long(ioctl::SABS + u32::from(abs::MT_SLOT), 24), BASE), Err(Errno::INVAL));
    assert_eq!(client.ioctl(long(ioctl::SABS + u32::from(abs::MT_SLOT), 24), WILD), Err(Errno::FAULT), "that first");
    let at = |code, value| (ev::ABS, code, value);
    bench.send(&[at(abs::MT_SLOT, 2), at(abs::MT_TRACKING_ID, 7), at(abs::MT_POSITION_X, 50), SYNC]);
    let slots = |code: u16, size: u32| {
        client.arena.put(BASE, &u32::from(code).to_ne_bytes());
        let said = client.ioctl(long(ioctl::GMTSLOTS, size), BASE);
        let words = client.arena.get(BASE + 4, 16);
        said.map(|value| (value, words.chunks(4).map(|it| i32::from_ne_bytes(it.try_into().unwrap())).collect()))
    };
    assert_eq!(slots(abs::MT_TRACKING_ID, 20), Ok((0, vec![-1, -1, 7, -1])));
    assert_eq!(slots(abs::MT_POSITION_X, 16), Ok((0, vec![0, 0, 50, -1])), "room for three");
    assert_eq!(slots(abs::MT_POSITION_X, 3), Ok((0, vec![0, 0, 50, -1])), "room for none");
    assert_eq!(slots(abs::MT_SLOT, 20), Err::<(i32, Vec<i32>), _>(Errno::INVAL));
}

#[test]
fn keys_are_repeated_in_the_labs_time() {
    let bench = Bench::new();
    let client = &bench.client;
    bench.send(&[key(A, 1), SYNC]);
    assert_eq!(client.read(), Ok(vec![key(A, 1), SYNC]));
    bench.clock.pass(249);
    assert_eq!(client.read(), Err(Errno::AGAIN));
    bench.clock.pass(1 + 33 + 33);
    assert_eq!(client.read(), Ok([key(A, 2), OWN_SYNC].repeat(3)));
    bench.send(&[key(A, 0), SYNC]);
    assert_eq!(client.read(), Ok(vec![key(A, 0), SYNC]));
    bench.clock.pass(1000);
    assert_eq!(client.read(), Err(Errno::AGAIN));
    client.arena.put(BASE, &[[10u8, 0, 0, 0], [5, 0, 0, 0]].concat());
    assert_eq!(client.ioctl(ioctl::SREP, BASE), Ok(0));
    assert_eq!(bench.told(), ["opened", "0x14 0 10", "0x14 1 5"]);
    check(client, ioctl::GREP, 8, Ok((0, &[10, 0, 0, 0, 5, 0, 0, 0])));
    bench.send(&[key(B, 1), SYNC]);
    bench.clock.pass(12);
    assert_eq!(client.read(), Ok(vec![(ev::REP, 0, 10), (ev::REP, 1, 5), key(B, 1), SYNC, key(B, 2), OWN_SYNC]));
}

#[test]
fn a_device_without_repeat_leaves_it_to_its_users() {
    let mut description = everything();
    description.types.set(ev::REP, false);
    let bench = Bench::with(Contract::Strict, description);
    bench.send(&[key(A, 1), SYNC]);
    bench.clock.pass(10_000);
    assert_eq!(bench.client.read(), Ok(vec![key(A, 1), SYNC]));
}
