//! Random calls with random memory: none panics, each arrives and is answered exactly once, alive, across the pull,
//! and as a zombie.

use super::{
    chip::Behaviour,
    client::{Arena, BASE, Bench, Heard, READ_ONLY, SIZE, WILD},
};
use crate::{Call, Errno, Plugged};
use outlive::{Policy, Reason};
use proptest::{collection::vec, prelude::*};
use std::{sync::Arc, time::Duration};

/// Addresses that are worth trying.
fn address() -> impl Strategy<Value = u64> {
    prop_oneof![
        6 => (0..64_u64).prop_map(|step| BASE + 8 * step),
        1 => BASE..BASE + SIZE as u64,
        1 => Just(READ_ONLY - 4),
        1 => Just(0),
        1 => Just(WILD),
        1 => any::<u64>(),
    ]
}

pub(super) fn call() -> impl Strategy<Value = Call> {
    let ioctl = prop_oneof![9 => 0x0700..0x0722_u32, 1 => any::<u32>()];
    let argument = prop_oneof![3 => address(), 1 => 0..0x100_u64, 1 => any::<u64>()];
    prop_oneof![
        6 => (prop_oneof![Just(0x0707), Just(0x0720)], address()).prop_map(|(command, argument)| Call::Ioctl { command, argument }),
        3 => (ioctl, argument).prop_map(|(command, argument)| Call::Ioctl { command, argument }),
        1 => prop_oneof![0..100_usize, any::<usize>()].prop_map(|size| Call::Read { size }),
        1 => vec(any::<u8>(), 0..64).prop_map(|data| Call::Write { data }),
    ]
}

/// Memory in which random pointers lead to something that is nearly a structure.
pub(super) fn memory() -> impl Strategy<Value = Vec<u8>> {
    let word = prop_oneof![
        4 => address().prop_map(u64::to_ne_bytes),
        2 => (0..5_u64).prop_map(u64::to_ne_bytes),
        // A message: address, flags, length.
        3 => (prop_oneof![Just(0x50_u16), any::<u16>()], any::<u16>(), 0..40_u16)
            .prop_map(|(address, flags, len)| [address, flags, len, 0].map(u16::to_ne_bytes).concat().try_into().unwrap()),
        // A transaction: direction, command, type.
        3 => (0..3_u8, any::<u8>(), 0..10_u32)
            .prop_map(|(direction, command, size)| [&[direction, command, 0, 0][..], &size.to_ne_bytes()].concat().try_into().unwrap()),
        1 => any::<[u8; 8]>(),
    ];
    vec(word, 80).prop_map(|words| words.concat())
}

fn behaviour() -> impl Strategy<Value = Behaviour> {
    prop_oneof![
        4 => Just(Behaviour::Prompt),
        2 => Just(Behaviour::Park),
        1 => Just(Behaviour::Forget),
        1 => (0..3_u32).prop_map(Behaviour::Lose),
        1 => Just(Behaviour::TooLong),
        1 => Just(Behaviour::TooFew),
    ]
}

pub(super) fn begin(bench: &Bench, call: Call) -> (Option<u64>, Heard) {
    let heard = Heard::default();
    let arena: Arc<Arena> = bench.arena.clone();
    let number = bench.file.call(call, arena, heard.ticket(None));
    (number, heard)
}

proptest! {
    #[test]
    fn every_call_is_answered_exactly_once(
        memory in memory(),
        calls in vec((call(), behaviour(), any::<bool>()), 1..40),
        pull_at in 0..60_usize,
    ) {
        let bench = Bench::new();
        bench.arena.put(BASE, &memory);
        let mut heard = Vec::new();
        for (i, (call, behaviour, cancel)) in calls.into_iter().enumerate() {
            if i == pull_at {
                bench.bus.unplug(Reason::Pulled, Policy::Detach, Duration::from_secs(10)).expect("nobody stays inside");
            }
            bench.chip.behave(behaviour);
            let (number, call) = begin(&bench, call);
            if let (true, Some(number)) = (cancel, number) {
                bench.file.cancel(number);
            }
            if i >= pull_at {
                prop_assert_eq!(call.once().map(|(_, answer)| answer), Ok(Err(Errno::NODEV)));
            }
            heard.push(call);
        }
        bench.pull();
        for call in heard {
            prop_assert!(call.once().is_ok(), "{:?}", call);
        }
        prop_assert!(bench.bus.inside().is_empty());
        prop_assert_eq!(bench.chip.parked(), 0);
    }
}
