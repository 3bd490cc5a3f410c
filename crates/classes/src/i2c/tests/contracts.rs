//! What a zombie says under each contract.

use super::{
    chip::{ADDRESS, Behaviour},
    client::{BASE, Bench, WILD, smbus_data},
};
use crate::{
    Answer, Call, Contract, Errno, Fate, LinuxSays, Plugged, PollBits,
    i2c::{
        uapi::{SmbusData, func, ioctl::*},
        zombie::{ZOMBIE, linux_says, poll},
    },
};
use outlive::{Policy, Reason};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

const DATA: u64 = BASE + 0x100;

/// Every column of the table.
const WAYS: [(Contract, Reason); 4] = [
    (Contract::Strict, Reason::Pulled),
    (Contract::Quiet, Reason::Pulled),
    (Contract::Linux, Reason::Pulled),
    (Contract::Linux, Reason::Orderly),
];

/// One call of each row, and what it says of a live bus.
fn calls(bench: &Bench) -> [(Call, Result<Answer, Errno>); 4] {
    let ioctl = |command, argument| Call::Ioctl { command, argument };
    bench.arena.put(BASE, &smbus_data(SmbusData { read_write: 1, command: 7, size: 2, data: DATA }));
    [
        (ioctl(I2C_SMBUS, BASE), Ok(Answer::Value(0))),
        (ioctl(I2C_SLAVE, ADDRESS.into()), Ok(Answer::Value(0))),
        (ioctl(I2C_FUNCS, DATA), Ok(Answer::Value(0))),
        (ioctl(0x1234, 0), Err(Errno::NOTTY)),
    ]
}

/// I15, I16 where the contract is strict; what the table says in any case.
#[test]
fn each_row_is_kept() {
    for (contract, reason) in WAYS {
        let bench = Bench::under(contract, Behaviour::Prompt);
        bench.ioctl(I2C_SLAVE, ADDRESS.into()).unwrap();
        for (call, alive) in calls(&bench) {
            assert_eq!(bench.call(call).1, alive, "the bus lives");
        }
        bench.remove(reason);
        let attempts = bench.chip.attempts();
        for (terms, (call, alive)) in ZOMBIE.iter().zip(calls(&bench)) {
            let expected = match terms.under(contract, reason) {
                Fate::Fails(errno) => Err(errno),
                Fate::Kept | Fate::Zero | Fate::StandIn => alive,
            };
            assert_eq!(bench.call(call).1, expected, "{contract}, {reason}: {}", terms.calls);
        }
        assert_eq!(bench.file.poll(), poll(contract));
        assert_eq!(bench.chip.attempts(), attempts, "{contract}: the driver was reached");
        assert!(bench.bus.status().gone.is_some(), "the query tells the truth under {contract} (I31)");
        assert_eq!(
            bench.bus.open(crate::OpenFlags { access: crate::Access::Read, nonblock: false }).err(),
            Some(Errno::NODEV)
        );
    }
}

/// What a client set or asked for is what the file keeps, also when it is nonsense.
#[test]
fn what_the_file_keeps_is_checked_as_ever() {
    let all = u64::from(func::I2C_FUNC_I2C | func::I2C_FUNC_SMBUS_EMUL_ALL);
    for ((contract, reason), functionality) in WAYS.into_iter().skip(1).zip([all, 0, all]) {
        let bench = Bench::under(contract, Behaviour::Prompt);
        bench.arena.put(DATA, &[0xee; 8]);
        bench.remove(reason);
        assert_eq!(bench.ioctl(I2C_FUNCS, WILD), Err(Errno::FAULT));
        assert_eq!(bench.ioctl(I2C_SLAVE, 0x80), Err(Errno::INVAL));
        assert_eq!(bench.ioctl(I2C_FUNCS, DATA), Ok(0));
        assert_eq!(bench.arena.get(DATA, 8), functionality.to_ne_bytes(), "{contract}, {reason}");
    }
}

/// The stand-in keeps what the device last was, and what is written to it goes nowhere else.
#[test]
fn a_stand_in_answers_for_the_chip() {
    let bench = Bench::under(Contract::Linux, Behaviour::Prompt);
    bench.ioctl(I2C_SLAVE, ADDRESS.into()).unwrap();
    bench.call(Call::Write { data: vec![3, 0xaa] }).1.unwrap();
    bench.call(Call::Write { data: vec![3] }).1.unwrap();
    bench.remove(Reason::Orderly);
    assert_eq!(bench.call(Call::Read { size: 1 }).1, Ok(Answer::Data(vec![0xaa])));
    assert_eq!(bench.call(Call::Write { data: vec![3, 0xbb] }).1, Ok(Answer::Value(2)));
    bench.call(Call::Write { data: vec![3] }).1.unwrap();
    assert_eq!(bench.call(Call::Read { size: 1 }).1, Ok(Answer::Data(vec![0xbb])));
    assert_eq!(bench.chip.get(3, 1), [0xaa], "the hardware is as it was");
}

/// A transfer in flight is cancelled at the mark, as far as the driver is concerned; its client hears what Linux would
/// have said, once, and as it comes in between.
#[test]
fn a_transfer_in_flight_comes_to_its_end() {
    for ((contract, reason), end) in WAYS.into_iter().zip([
        Err(Errno::NODEV),
        Err(Errno::NXIO),
        Err(Errno::IO),
        // The driver, deaf and late, has read two bytes before the stand-in is made.
        Ok(Answer::Data(vec![2, 3])),
    ]) {
        let bench = Bench::under(contract, Behaviour::Deaf);
        bench.ioctl(I2C_SLAVE, ADDRESS.into()).unwrap();
        let inside = bench.begin(Call::Read { size: 2 }).1;
        drop(bench.bus.unplug(reason, Policy::Detach, Duration::ZERO).unwrap_err());
        let between = bench.begin(Call::Read { size: 2 }).1;
        if end.is_ok() {
            assert!(inside.is_waiting() && between.is_waiting(), "there is no stand-in before the fence");
        }
        bench.chip.release();
        // The first reason stays.
        bench.pull();
        assert_eq!(inside.answer(), end, "{contract}, {reason}");
        // They come in their order, and the pointer of the stand-in moves on.
        assert_eq!(between.answer(), end.map(|_| Answer::Data(vec![4, 5])), "{contract}, {reason}");
    }
}

/// Linux wakes no poller of a bus; the others do.
#[test]
fn poll_wakes_as_the_contract_has_it() {
    for (contract, wakes) in [(Contract::Strict, true), (Contract::Quiet, true), (Contract::Linux, false)] {
        let bench = Bench::under(contract, Behaviour::Prompt);
        let woken = Arc::new(AtomicBool::new(false));
        let told = woken.clone();
        let _watch = bench.file.on_gone(Box::new(move |_| told.store(true, Ordering::SeqCst)));
        bench.pull();
        assert_eq!(woken.load(Ordering::SeqCst), wakes, "{contract}");
        assert_eq!(bench.file.poll() == PollBits::ZOMBIE, wakes);
    }
}

/// An adapter that has no stand-in to give.
#[test]
fn without_a_stand_in_transfers_fail() {
    let bench = Bench::under(Contract::Linux, Behaviour::Prompt);
    bench.chip.set_functionality(func::I2C_FUNC_I2C | func::I2C_FUNC_10BIT_ADDR);
    bench.remove(Reason::Orderly);
    assert_eq!(bench.call(Call::Read { size: 1 }).1, Err(Errno::IO));
}

/// The table that users read is the one that the code reads.
#[test]
fn the_table_in_the_docs_is_this_one() {
    let page = include_str!("../../../../../docs/contracts.md");
    for terms in ZOMBIE {
        let cells = WAYS.map(|(contract, reason)| terms.under(contract, reason).to_string());
        let row = format!("| {} | {} |", terms.calls, cells.join(" | "));
        assert!(page.contains(&row), "docs/contracts.md lacks the row\n{row}");
    }
    let polls = WAYS.map(|(contract, _)| format!("{:?}", poll(contract)).replace('|', ", "));
    let row = format!("| poll | {} |", polls.join(" | "));
    assert!(page.contains(&row), "docs/contracts.md lacks the row\n{row}");
}

/// Why `outlive explore` takes the linux contract for i2c by itself. Who only polls learns nothing.
#[test]
fn under_linux_it_can_be_noticed() {
    assert_eq!(linux_says(), LinuxSays { measured: true, noticeable: true });
    assert_eq!(poll(Contract::Linux), PollBits::ALWAYS_READY);
}
