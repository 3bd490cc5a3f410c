//! Random calls with random memory: none panics, each arrives and is answered exactly once, alive, across the pull, and as
//! a zombie; and the flash is never asked for what it was promised not to be.

use super::{
    bench::{BASE, Bench, DATA, Heard, READ_ONLY, SPARES, WILD},
    flash::{Behaviour, nand, nor, ram},
};
use crate::{
    Call, Errno, Plugged,
    mtd::{Fault, uapi::ioctl},
};
use outlive::{Policy, Reason};
use proptest::{collection::vec, prelude::*, sample::select};
use std::time::Duration;

const COMMANDS: [u32; 27] = [
    ioctl::MEMGETINFO,
    ioctl::MEMERASE,
    ioctl::MEMWRITEOOB,
    ioctl::MEMREADOOB,
    ioctl::MEMLOCK,
    ioctl::MEMUNLOCK,
    ioctl::MEMGETREGIONCOUNT,
    ioctl::MEMGETREGIONINFO,
    ioctl::MEMGETOOBSEL,
    ioctl::MEMGETBADBLOCK,
    ioctl::MEMSETBADBLOCK,
    ioctl::OTPSELECT,
    ioctl::OTPGETREGIONCOUNT,
    ioctl::OTPGETREGIONINFO,
    ioctl::OTPLOCK,
    ioctl::ECCGETLAYOUT,
    ioctl::ECCGETSTATS,
    ioctl::MTDFILEMODE,
    ioctl::MEMERASE64,
    ioctl::MEMWRITEOOB64,
    ioctl::MEMREADOOB64,
    ioctl::MEMISLOCKED,
    ioctl::MEMWRITE,
    ioctl::OTPERASE,
    ioctl::MEMREAD,
    ioctl::BLKPG,
    ioctl::BLKRRPART,
];

/// Addresses that are worth trying.
fn address() -> impl Strategy<Value = u64> {
    prop_oneof![
        6 => (0..64_u64).prop_map(|step| BASE + 8 * step),
        2 => select(vec![DATA, SPARES, READ_ONLY - 4, 0, WILD]),
        1 => any::<u64>(),
    ]
}

/// Positions and lengths that are worth trying: whole pages and blocks, and nearly so.
fn length() -> impl Strategy<Value = u64> {
    prop_oneof![
        4 => (0..10_u64).prop_map(|blocks| 4096 * blocks),
        3 => (0..70_u64).prop_map(|pages| 512 * pages),
        2 => 0..40_u64,
        1 => (0..70_u64).prop_map(|pages| (512 * pages).wrapping_sub(1)),
        1 => any::<u64>(),
    ]
}

fn call() -> impl Strategy<Value = Call> {
    let command = prop_oneof![19 => select(COMMANDS.to_vec()), 1 => any::<u32>()];
    let argument = prop_oneof![6 => address(), 1 => 0..5_u64];
    let size = prop_oneof![3 => length(), 1 => 0..100_u64];
    prop_oneof![
        8 => (command, argument).prop_map(|(command, argument)| Call::Ioctl { command, argument }),
        2 => (length(), size).prop_map(|(at, size)| Call::ReadAt { at, size: size as usize }),
        2 => (length(), 0..3000_usize).prop_map(|(at, size)| Call::WriteAt { at, data: vec![7; size] }),
        1 => (0..4_usize).prop_map(|pages| Call::WriteAt { at: 512, data: vec![7; 512 * pages] }),
    ]
}

/// Memory in which random pointers lead to something that is nearly a structure.
fn memory() -> impl Strategy<Value = Vec<u8>> {
    let word = prop_oneof![
        3 => address().prop_map(u64::to_ne_bytes),
        4 => length().prop_map(u64::to_ne_bytes),
        3 => (length(), length())
            .prop_map(|(start, length)| [start as u32, length as u32].map(u32::to_ne_bytes).concat().try_into().unwrap()),
        2 => (0..4_u64).prop_map(u64::to_ne_bytes),
        1 => any::<[u8; 8]>(),
    ];
    vec(word, 80).prop_map(|words| words.concat())
}

fn behaviour() -> impl Strategy<Value = Behaviour> {
    prop_oneof![
        4 => Just(Behaviour::Prompt),
        2 => Just(Behaviour::Park),
        1 => Just(Behaviour::Forget),
        1 => Just(Behaviour::Wrong),
        1 => Just(Behaviour::Fail(Fault::TimedOut)),
        1 => (0..3_u32, 0..3_u32).prop_map(|(corrected, failed)| Behaviour::Flips(corrected, corrected, failed)),
    ]
}

proptest! {
    #[test]
    fn every_call_is_answered_exactly_once(
        memory in memory(),
        geometry in select(vec![nor(), nand(), nand(), ram()]),
        calls in vec((call(), behaviour(), any::<bool>()), 1..40),
        pull_at in 0..60_usize,
    ) {
        let bench = Bench::new(geometry);
        bench.arena.put(BASE, &memory);
        let mut heard = Vec::new();
        for (i, (call, behaviour, cancel)) in calls.into_iter().enumerate() {
            if i == pull_at {
                bench.chip.unplug(Reason::Pulled, Policy::Detach, Duration::from_secs(10)).expect("nobody stays inside");
            }
            bench.flash.behave(behaviour);
            // Pointers that lead to the same place twice are the client's right; so no look for double fetches here.
            let call_heard = Heard::default();
            let number = bench.file.call(call, bench.arena.clone(), call_heard.ticket(None));
            if let (true, Some(number)) = (cancel, number) {
                bench.file.cancel(number);
            }
            if i >= pull_at {
                prop_assert_eq!(call_heard.once().map(|(_, answer)| answer), Ok(Err(Errno::NODEV)));
            }
            heard.push(call_heard);
        }
        bench.pull();
        for call in heard {
            prop_assert!(call.once().is_ok(), "{:?}", call);
        }
        prop_assert!(bench.chip.inside().is_empty());
        prop_assert_eq!(bench.flash.parked(), 0);
        prop_assert_eq!(bench.flash.breaches(), []);
    }

    /// What a front gathers is what the call reads, and nothing happens meanwhile.
    #[test]
    fn gathering_reads_what_the_call_reads(memory in memory(), geometry in select(vec![nor(), nand()]), call in call()) {
        let bench = Bench::new(geometry);
        bench.arena.put(BASE, &memory);
        bench.file.gather(&call, &*bench.arena);
        prop_assert_eq!(bench.flash.take_commands(), []);
        let gathered = bench.arena.take_fetched();
        if matches!(call, Call::Ioctl { .. }) {
            bench.file.call(call, bench.arena.clone(), Heard::default().ticket(None));
            prop_assert_eq!(bench.arena.take_fetched(), gathered);
        }
    }
}
