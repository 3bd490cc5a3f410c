//! Transfers that take their time, and what becomes of them.

use super::{
    chip::{ADDRESS, Behaviour},
    client::{BASE, Bench, Heard},
};
use crate::{
    Access, Answer, Call, Errno, Hardware, OpenFlags, Plugged,
    i2c::{
        Bus,
        uapi::{func, ioctl::*},
    },
};
use outlive::{Numbers, Policy, Reason};
use std::{
    sync::{Arc, mpsc},
    time::{Duration, Instant},
};

const READ: Call = Call::Read { size: 2 };
const AT_ONCE: Duration = Duration::from_millis(500);

fn addressed(behaviour: Behaviour) -> Bench {
    let bench = Bench::with(behaviour);
    bench.ioctl(I2C_SLAVE, u64::from(ADDRESS)).unwrap();
    bench
}

#[test]
fn a_parked_transfer_is_answered_later_from_another_thread() {
    let bench = addressed(Behaviour::Park);
    let (number, heard) = bench.begin(READ);
    assert!(number.is_some() && heard.is_waiting());
    assert_eq!(bench.bus.inside().len(), 1);
    assert_eq!(bench.bus.inside()[0].kind, "read");
    let chip = bench.chip.clone();
    std::thread::spawn(move || chip.release()).join().unwrap();
    assert_eq!(heard.answer(), Ok(Answer::Data(vec![0, 1])));
    assert!(bench.bus.inside().is_empty());
}

#[test]
fn a_pull_answers_what_is_parked_once_and_the_fence_follows_at_once() {
    let bench = addressed(Behaviour::Park);
    let parked: Vec<_> = (0..3).map(|_| bench.begin(READ).1).collect();
    let began = Instant::now();
    let hardware = bench.bus.unplug(Reason::Pulled, Policy::Detach, Duration::from_secs(10)).unwrap();
    assert!(began.elapsed() < AT_ONCE, "{:?}", began.elapsed());
    assert!(matches!(hardware, Some(Hardware::I2c(_))));
    for heard in parked {
        assert_eq!(heard.once().unwrap().1, Err(Errno::NODEV));
    }
    assert_eq!(bench.chip.parked(), 0, "the driver let go");
}

#[test]
fn a_driver_that_does_not_let_go_is_named_and_its_late_answer_is_discarded() {
    let bench = addressed(Behaviour::Deaf);
    let heard = bench.begin(READ).1;
    let busy = bench.bus.unplug(Reason::Pulled, Policy::Detach, Duration::from_millis(10)).unwrap_err();
    assert_eq!(heard.once().unwrap().1, Err(Errno::NODEV), "the client does not wait for it");
    assert_eq!((busy.culprits.len(), busy.culprits[0].kind, busy.culprits[0].handle), (1, "read", bench.file.id()));
    assert!(busy.to_string().contains("read"), "{busy}");
    bench.chip.release();
    assert!(bench.bus.unplug(Reason::Pulled, Policy::Detach, Duration::from_secs(10)).unwrap().is_some(), "waiting on");
    assert_eq!(heard.once().unwrap().1, Err(Errno::NODEV));
}

#[test]
fn a_killed_client_is_answered_and_the_device_lives() {
    let bench = addressed(Behaviour::Park);
    let (number, heard) = bench.begin(READ);
    bench.file.cancel(number.unwrap());
    assert_eq!(heard.once().unwrap().1, Err(Errno::INTR));
    assert_eq!(bench.chip.parked(), 0);
    bench.file.cancel(number.unwrap());
    bench.file.cancel(u64::MAX);
    bench.chip.behave(Behaviour::Prompt);
    assert_eq!(bench.call(READ).1, Ok(Answer::Data(vec![0, 1])));
}

#[test]
fn one_file_cannot_cancel_for_another() {
    let bench = addressed(Behaviour::Park);
    let (number, heard) = bench.begin(READ);
    let other = bench.bus.open(OpenFlags { access: Access::ReadWrite, nonblock: false }).unwrap();
    other.cancel(number.unwrap());
    assert!(heard.is_waiting());
    bench.chip.release();
    assert!(heard.answer().is_ok());
}

#[test]
fn a_driver_that_forgets_or_panics_or_answers_nonsense_fails_that_call_only() {
    for behaviour in [Behaviour::Forget, Behaviour::Panic, Behaviour::TooLong, Behaviour::TooFew] {
        let bench = addressed(behaviour);
        assert_eq!(bench.begin(READ).1.answer(), Err(Errno::IO), "{behaviour:?}");
        bench.chip.behave(Behaviour::Prompt);
        assert!(bench.call(READ).1.is_ok(), "{behaviour:?}");
        bench.pull();
    }
}

#[test]
fn the_device_may_be_unplugged_as_a_call_arrives() {
    for (call, what) in [(READ, "read 2 from 0x50"), (Call::Ioctl { command: 0, argument: 0 }, "ioctl 0x0 (unknown)")] {
        let bench = addressed(Behaviour::Prompt);
        let bus = bench.bus.clone();
        let pull = move || drop(bus.unplug(Reason::Pulled, Policy::Detach, Duration::from_secs(10)).unwrap());
        let (_, heard) = bench.begin_with(call, Some(Box::new(pull)));
        assert_eq!(heard.once().unwrap(), (what.to_owned(), Err(Errno::NODEV)));
        assert_eq!(bench.chip.attempts(), 0, "the driver has not seen it");
    }
}

/// A completion that unplugs the device as it hears the answer.
struct Unplugger {
    bus: Arc<Bus>,
    done: mpsc::Sender<(Result<Answer, Errno>, bool)>,
}

impl crate::Completion for Unplugger {
    fn arrived(&mut self, _: &dyn std::fmt::Display) {}

    fn complete(self: Box<Self>, answer: Result<Answer, Errno>) {
        let fenced = self.bus.unplug(Reason::Pulled, Policy::Detach, Duration::from_secs(5)).is_ok();
        self.done.send((answer, fenced)).unwrap();
    }
}

#[test]
fn the_device_may_be_unplugged_as_a_call_is_answered() {
    let calls = [
        READ,
        Call::Write { data: vec![0] },
        Call::Ioctl { command: I2C_FUNCS, argument: BASE },
        Call::Ioctl { command: I2C_SLAVE, argument: 1 },
        Call::Ioctl { command: 0, argument: 0 },
    ];
    for call in calls {
        let bench = addressed(Behaviour::Prompt);
        let (done, heard) = mpsc::channel();
        let unplugger = Unplugger { bus: bench.bus.clone(), done };
        bench.file.call(call.clone(), bench.arena.clone(), Box::new(unplugger));
        let (answer, fenced) = heard.try_recv().unwrap();
        assert!(fenced, "{call:?} was inside when it was answered");
        assert_ne!(answer, Err(Errno::NODEV), "{call:?}");
    }
}

#[test]
fn lost_arbitration_is_tried_again_as_often_as_the_client_says() {
    for (retries, lost, answer, attempts) in
        [(0, 1, Err(Errno::AGAIN), 1), (1, 1, Ok(()), 2), (2, 3, Err(Errno::AGAIN), 3), (5000, 4000, Ok(()), 4001)]
    {
        let bench = addressed(Behaviour::Lose(lost));
        bench.ioctl(I2C_RETRIES, retries).unwrap();
        bench.ioctl(I2C_TIMEOUT, 6000).unwrap();
        assert_eq!(bench.call(READ).1.map(drop), answer, "{retries} retries, lost {lost} times");
        assert_eq!(bench.chip.attempts(), attempts);
        assert!(bench.bus.inside().is_empty());
    }
    let bench = addressed(Behaviour::Lose(u32::MAX));
    bench.ioctl(I2C_RETRIES, i32::MAX as u64).unwrap();
    bench.ioctl(I2C_TIMEOUT, 2).unwrap();
    let began = Instant::now();
    assert_eq!(bench.call(READ).1, Err(Errno::AGAIN), "until the timeout");
    assert!(began.elapsed() >= Duration::from_millis(20) && bench.chip.attempts() > 1);
}

#[test]
fn a_transfer_with_retries_is_cancelled_and_pulled_like_any_other() {
    let parked = || {
        let bench = addressed(Behaviour::Park);
        bench.ioctl(I2C_RETRIES, 3).unwrap();
        let (number, heard) = bench.begin(READ);
        assert!(heard.is_waiting());
        (bench, number.unwrap(), heard)
    };
    let (bench, number, heard) = parked();
    bench.file.cancel(number);
    assert_eq!(heard.once().unwrap().1, Err(Errno::INTR));
    assert_eq!((bench.chip.parked(), bench.bus.inside().len()), (0, 0));

    let (bench, _, heard) = parked();
    bench.pull();
    assert_eq!(heard.once().unwrap().1, Err(Errno::NODEV));

    let (bench, _, heard) = parked();
    bench.chip.release();
    assert_eq!(heard.once().unwrap().1, Ok(Answer::Data(vec![0, 1])));

    // One that loses for ever keeps its thread busy until the device goes.
    let bench = addressed(Behaviour::Lose(u32::MAX));
    bench.ioctl(I2C_RETRIES, i32::MAX as u64).unwrap();
    bench.ioctl(I2C_TIMEOUT, i32::MAX as u64 / 10).unwrap();
    let heard = Heard::default();
    std::thread::scope(|scope| {
        scope.spawn(|| bench.file.call(READ, bench.arena.clone(), heard.ticket(None)));
        while bench.chip.attempts() < 10 {
            std::thread::yield_now();
        }
        bench.pull();
    });
    assert_eq!(heard.once().unwrap().1, Err(Errno::NODEV));
}

#[test]
fn only_an_orderly_removal_has_a_last_word() {
    for (reason, teardowns) in [(Reason::Orderly, 1), (Reason::Pulled, 0)] {
        let bench = addressed(Behaviour::Prompt);
        assert!(bench.bus.unplug(reason, Policy::Detach, Duration::from_secs(1)).unwrap().is_some());
        assert_eq!(bench.chip.teardowns(), teardowns);
        assert!(bench.bus.unplug(Reason::Orderly, Policy::Detach, Duration::from_secs(1)).unwrap().is_none());
        assert_eq!(bench.chip.teardowns(), teardowns, "once");
    }
    // What was pulled cannot be spoken to by a later orderly removal either.
    let bench = addressed(Behaviour::Deaf);
    bench.begin(READ);
    bench.bus.unplug(Reason::Pulled, Policy::Detach, Duration::ZERO).unwrap_err();
    bench.chip.release();
    assert!(bench.bus.unplug(Reason::Orderly, Policy::Detach, Duration::from_secs(1)).unwrap().is_some());
    assert_eq!(bench.chip.teardowns(), 0);
}

#[test]
fn the_next_generation_has_the_same_node_and_is_another_device() {
    let numbers = Numbers::new();
    let chip = super::chip::Chip::new(Behaviour::Prompt);
    let first = Bus::plug(numbers.claim(7).unwrap(), Box::new(chip));
    let flags = OpenFlags { access: Access::ReadWrite, nonblock: false };
    let zombie = first.open(flags).unwrap();
    let Some(Hardware::I2c(adapter)) = first.unplug(Reason::Pulled, Policy::Detach, Duration::from_secs(1)).unwrap()
    else {
        panic!("nobody else unplugged it")
    };
    assert_eq!(first.open(flags).err(), Some(Errno::NODEV));
    drop(first);
    assert!(numbers.claim(7).is_err(), "a zombie holds the number (I27)");

    let second = Bus::plug(numbers.claim_again(7), adapter);
    assert_eq!((second.generation().0, second.node().path().as_str()), (2, "/dev/i2c-7"));
    assert_eq!((second.node().major, second.node().minor), (89, 7));
    assert!(second.open(flags).is_ok());
    assert!(zombie.gone().is_some(), "an old handle stays dead (I26)");
    drop(second);
    assert!(numbers.claim(7).is_err());
    drop(zombie);
    assert!(numbers.claim(7).is_ok());
}

#[test]
fn watchers_are_woken_at_the_mark() {
    let bench = Bench::new();
    let (told, heard) = mpsc::channel();
    let (late, names) = (told.clone(), told.clone());
    let _watch = bench.file.on_gone(Box::new(move |_| told.send("gone").unwrap()));
    bench.bus.on_names(Box::new(move |_| names.send("names").unwrap()));
    drop(bench.file.on_gone(Box::new(|_| panic!("taken back"))));
    bench.pull();
    assert_eq!(heard.try_iter().collect::<Vec<_>>(), ["names", "gone"]);
    let _watch = bench.file.on_gone(Box::new(move |_| late.send("at once").unwrap()));
    assert_eq!(heard.try_iter().collect::<Vec<_>>(), ["at once"]);
}

#[test]
fn functionality_is_that_of_the_adapter_there_is() {
    let bench = Bench::new();
    bench.chip.set_functionality(func::I2C_FUNC_I2C);
    bench.ioctl(I2C_FUNCS, BASE).unwrap();
    assert_eq!(bench.arena.get(BASE, 8), 1_u64.to_ne_bytes());
}
