//! Random calls: none panics, each arrives and is answered exactly once, alive, across the pull, and as a zombie; and the TPM
//! is only given what it was promised.

use super::bench::{Behaviour, Bench, get_random, random};
use crate::{
    Call, Contract, Plugged,
    tpm::{Error, uapi},
};
use outlive::{Policy, Reason};
use proptest::{collection::vec, prelude::*, sample::select};
use std::time::Duration;

fn call() -> impl Strategy<Value = Call> {
    let command = (0..20_u8, 0..20_usize).prop_map(|(says, size)| {
        let mut command = get_random(8);
        command[5] = says;
        command.resize(size, 0);
        command
    });
    prop_oneof![
        6 => Just(Call::Write { data: get_random(8) }),
        3 => command.prop_map(|data| Call::Write { data }),
        1 => vec(any::<u8>(), 0..16).prop_map(|data| Call::Write { data }),
        1 => (4090..4100_usize).prop_map(|size| Call::Write { data: vec![0; size] }),
        6 => select(vec![0, 1, 7, 4096, usize::MAX]).prop_map(|size| Call::Read { size }),
        1 => any::<(u32, u64)>().prop_map(|(command, argument)| Call::Ioctl { command, argument }),
        1 => any::<u64>().prop_map(|at| Call::ReadAt { at, size: 9 }),
    ]
}

fn behaviour() -> impl Strategy<Value = Behaviour> {
    prop_oneof![
        4 => Just(Behaviour::Prompt),
        3 => Just(Behaviour::Hold),
        1 => Just(Behaviour::Says(Err(Error::TimedOut))),
        1 => vec(any::<u8>(), 0..20).prop_map(|answer| Behaviour::Says(Ok(answer))),
        1 => Just(Behaviour::Says(Ok(random(8)))),
    ]
}

#[derive(Clone, Debug)]
struct Step {
    call: Call,
    behaviour: Behaviour,
    nonblock: bool,
    cancel: bool,
    release: bool,
}

fn step() -> impl Strategy<Value = Step> {
    let flags = (any::<bool>(), prop::bool::weighted(0.3), any::<bool>());
    (call(), behaviour(), flags).prop_map(|(call, behaviour, (nonblock, cancel, release))| Step {
        call,
        behaviour,
        nonblock,
        cancel,
        release,
    })
}

proptest! {
    #[test]
    fn every_call_is_answered_exactly_once(
        contract in select(Contract::ALL.to_vec()),
        steps in vec(step(), 1..60),
        pull_at in 0..80_usize,
    ) {
        let bench = Bench::under(contract);
        let mut said = Vec::new();
        for (index, step) in steps.into_iter().enumerate() {
            if index == pull_at {
                let pulled = bench.chip.unplug(Reason::Pulled, Policy::Detach, Duration::from_secs(10));
                prop_assert!(pulled.is_ok(), "nobody stays inside");
            }
            bench.notes.behave(step.behaviour);
            bench.file.set_nonblock(step.nonblock);
            let commands = bench.commands();
            let call = bench.begin(step.call);
            if let (true, Some(number)) = (step.cancel, call.number) {
                bench.file.cancel(number);
            }
            if step.release {
                bench.notes.release();
            }
            if index >= pull_at {
                prop_assert!(call.heard.once().is_ok(), "{:?}", call.heard);
                prop_assert_eq!(bench.commands(), commands);
            }
            said.push(call);
        }
        let pulled = bench.chip.unplug(Reason::Pulled, Policy::Detach, Duration::from_secs(10));
        prop_assert!(pulled.is_ok(), "nobody stays inside");
        for call in said {
            prop_assert!(call.heard.once().is_ok(), "{:?}", call.heard);
        }
        prop_assert!(bench.chip.inside().is_empty() && !bench.notes.is_holding());
        for command in &*bench.notes.commands.lock().unwrap() {
            prop_assert!((1..=uapi::BUFFER_SIZE).contains(&command.len()));
            prop_assert!(uapi::length(command).is_none_or(|length| length as usize == command.len()));
        }
    }
}
