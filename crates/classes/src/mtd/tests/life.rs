//! Commands that take their time, and what becomes of them.

use super::{
    bench::{BASE, Bench, DATA, Heard, flags, range},
    flash::{BLOCK, Behaviour, Memory, nand, nor},
};
use crate::{
    Access, Answer, Call, Completion, Contract, Errno, Hardware, Plugged,
    mtd::{Chip, uapi::ioctl::*},
};
use outlive::{Numbers, Policy, Reason, State};
use std::{
    sync::{Arc, mpsc},
    time::{Duration, Instant},
};

const READ: Call = Call::ReadAt { at: 0, size: 2 };
const AT_ONCE: Duration = Duration::from_millis(500);

fn behaving(behaviour: Behaviour) -> Bench {
    let bench = Bench::new(nor());
    bench.flash.behave(behaviour);
    bench
}

fn erase(bench: &Bench) -> (Option<u64>, Heard) {
    bench.arena.put(BASE, &range(0, BLOCK));
    bench.begin(Call::Ioctl { command: MEMERASE, argument: BASE })
}

#[test]
fn a_long_erase_is_answered_later_from_another_thread() {
    let bench = behaving(Behaviour::Park);
    bench.flash.put(0, &[0]);
    let (number, heard) = erase(&bench);
    assert!(number.is_some() && heard.is_waiting());
    assert_eq!((bench.chip.inside().len(), bench.chip.inside()[0].kind), (1, "erase"));
    let flash = bench.flash.clone();
    std::thread::spawn(move || flash.release()).join().unwrap();
    assert_eq!(heard.answer(), Ok(Answer::Value(0)));
    assert_eq!(bench.flash.get(0, 1), [0xff]);
    assert!(bench.chip.inside().is_empty());
}

#[test]
fn a_pull_answers_what_is_parked_once_and_the_fence_follows_at_once() {
    let bench = behaving(Behaviour::Park);
    bench.flash.put(0, &[0]);
    let parked: Vec<_> = (0..3).map(|_| erase(&bench).1).collect();
    let began = Instant::now();
    let hardware = bench.chip.unplug(Reason::Pulled, Policy::Detach, Duration::from_secs(10)).unwrap();
    assert!(began.elapsed() < AT_ONCE, "{:?}", began.elapsed());
    assert!(matches!(hardware, Some(Hardware::Mtd(_))));
    for heard in parked {
        assert_eq!(heard.once().unwrap().1, Err(Errno::NODEV));
    }
    assert_eq!(bench.flash.parked(), 0, "the driver let go");
    assert_eq!(bench.flash.get(0, 1), [0], "what it had not finished stays as it was");
}

#[test]
fn a_driver_that_does_not_let_go_is_named_and_its_late_answer_is_discarded() {
    let bench = behaving(Behaviour::Deaf);
    let heard = erase(&bench).1;
    let busy = bench.chip.unplug(Reason::Pulled, Policy::Detach, Duration::from_millis(10)).unwrap_err();
    assert_eq!(heard.once().unwrap().1, Err(Errno::NODEV), "the client does not wait for it");
    assert_eq!((busy.culprits.len(), busy.culprits[0].kind, busy.culprits[0].handle), (1, "erase", bench.file.id()));
    bench.flash.release();
    assert!(
        bench.chip.unplug(Reason::Pulled, Policy::Detach, Duration::from_secs(10)).unwrap().is_some(),
        "waiting on"
    );
    assert_eq!(heard.once().unwrap().1, Err(Errno::NODEV));
}

#[test]
fn a_killed_client_is_answered_and_the_device_lives() {
    let bench = behaving(Behaviour::Park);
    let (number, heard) = erase(&bench);
    let other = bench.chip.open(flags(Access::ReadWrite)).unwrap();
    other.cancel(number.unwrap());
    assert!(heard.is_waiting(), "one file cannot cancel for another");
    bench.file.cancel(number.unwrap());
    assert_eq!(heard.once().unwrap().1, Err(Errno::INTR));
    assert_eq!(bench.flash.parked(), 0);
    bench.file.cancel(number.unwrap());
    bench.flash.behave(Behaviour::Prompt);
    assert_eq!(bench.call(READ).1, Ok(Answer::Data(vec![0xff; 2])));
}

#[test]
fn a_driver_that_forgets_or_panics_or_answers_nonsense_fails_that_call_only() {
    for behaviour in [Behaviour::Forget, Behaviour::Panic, Behaviour::Wrong] {
        let bench = behaving(behaviour);
        assert_eq!(bench.begin(READ).1.answer(), Err(Errno::IO), "{behaviour:?}");
        assert_eq!(erase(&bench).1.answer(), Err(Errno::IO), "{behaviour:?}");
        bench.flash.behave(Behaviour::Prompt);
        assert!(bench.call(READ).1.is_ok(), "{behaviour:?}");
        bench.pull();
    }
}

#[test]
fn the_device_may_be_unplugged_as_a_call_arrives() {
    for (call, what) in [(READ, "read 2 at 0x0"), (Call::Ioctl { command: 0, argument: 0 }, "ioctl 0x0 (unknown)")] {
        let bench = behaving(Behaviour::Prompt);
        let chip = bench.chip.clone();
        let pull = move || drop(chip.unplug(Reason::Pulled, Policy::Detach, Duration::from_secs(10)).unwrap());
        let (_, heard) = bench.begin_with(call, Some(Box::new(pull)));
        assert_eq!(heard.once().unwrap(), (what.to_owned(), Err(Errno::NODEV)));
        assert_eq!(bench.flash.take_commands(), [], "the driver has not seen it");
    }
}

/// A completion that unplugs the device as it hears the answer.
struct Unplugger {
    chip: Arc<Chip>,
    done: mpsc::Sender<(Result<Answer, Errno>, bool)>,
}

impl Completion for Unplugger {
    fn arrived(&mut self, _: &dyn std::fmt::Display) {}

    fn complete(self: Box<Self>, answer: Result<Answer, Errno>) {
        let fenced = self.chip.unplug(Reason::Pulled, Policy::Detach, Duration::from_secs(5)).is_ok();
        self.done.send((answer, fenced)).unwrap();
    }
}

#[test]
fn the_device_may_be_unplugged_as_a_call_is_answered() {
    let calls = [
        READ,
        Call::ReadAt { at: u64::MAX, size: 1 },
        Call::WriteAt { at: 0, data: vec![0; 512] },
        Call::Ioctl { command: MEMGETINFO, argument: DATA },
        Call::Ioctl { command: ECCGETSTATS, argument: DATA },
        Call::Ioctl { command: MTDFILEMODE, argument: 0 },
        Call::Ioctl { command: MEMERASE, argument: BASE },
        Call::Ioctl { command: MEMSETBADBLOCK, argument: BASE },
        Call::Ioctl { command: 0, argument: 0 },
    ];
    for call in calls {
        let bench = Bench::new(nand());
        bench.arena.put(BASE, &range(0, BLOCK));
        let (done, heard) = mpsc::channel();
        let unplugger = Unplugger { chip: bench.chip.clone(), done };
        bench.file.call(call.clone(), bench.arena.clone(), Box::new(unplugger));
        let (answer, fenced) = heard.try_recv().unwrap();
        assert!(fenced, "{call:?} was inside when it was answered");
        assert_ne!(answer, Err(Errno::NODEV), "{call:?}");
    }
}

#[test]
fn only_an_orderly_removal_has_a_last_word() {
    for (reason, teardowns) in [(Reason::Orderly, 1), (Reason::Pulled, 0)] {
        let bench = behaving(Behaviour::Prompt);
        assert!(bench.chip.unplug(reason, Policy::Detach, Duration::from_secs(1)).unwrap().is_some());
        assert_eq!(bench.flash.teardowns(), teardowns);
    }
}

/// I34: what the flash notices is what its users hear.
#[test]
fn hardware_that_goes_by_itself_is_noticed() {
    let bench = behaving(Behaviour::Park);
    let heard = erase(&bench).1;
    bench.flash.vanish();
    assert_eq!(heard.once().unwrap().1, Err(Errno::NODEV));
    assert!(bench.file.gone().is_some());
}

#[test]
fn calls_wait_while_the_device_is_blocked() {
    let bench = behaving(Behaviour::Prompt);
    bench.chip.set_state(State::Blocked).unwrap();
    let (number, parked) = erase(&bench);
    assert!(number.is_some() && parked.is_waiting());
    assert_eq!(bench.ioctl(MEMGETINFO, DATA), Ok(0), "what needs no flash does not wait");
    bench.chip.set_state(State::Running).unwrap();
    assert_eq!(parked.answer(), Ok(Answer::Value(0)));
    bench.chip.set_state(State::Blocked).unwrap();
    let parked = erase(&bench).1;
    bench.pull();
    assert_eq!(parked.once().unwrap().1, Err(Errno::NODEV), "I5");
}

#[test]
fn the_next_generation_has_the_same_node_and_is_another_device() {
    let numbers = Numbers::new();
    let flash = Memory::new(nor());
    let first = Chip::plug_under(Contract::Strict, numbers.claim(7).unwrap(), Box::new(flash), None);
    let zombie = first.open(flags(Access::ReadWrite)).unwrap();
    let Some(Hardware::Mtd(flash)) = first.unplug(Reason::Pulled, Policy::Detach, Duration::from_secs(1)).unwrap()
    else {
        panic!("nobody else unplugged it")
    };
    drop(first);
    assert!(numbers.claim(7).is_err(), "a zombie holds the number (I27)");
    let second = Chip::plug_under(Contract::Strict, numbers.claim_again(7), flash, None);
    assert_eq!((second.generation().0, second.node().path().as_str()), (2, "/dev/mtd7"));
    assert_eq!((second.node().major, second.node().minor, second.class()), (90, 14, "mtd"));
    assert!(second.open(flags(Access::ReadWrite)).is_ok());
    assert!(zombie.gone().is_some(), "an old handle stays dead (I26)");
    drop((second, zombie));
    assert!(numbers.claim(7).is_ok());
}
