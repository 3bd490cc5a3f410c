//! What a zombie says under each contract.

use super::{
    bench::{BASE, Bench, DATA, SPARES, WILD, flags, range, read_request, request},
    flash::{BLOCK, Behaviour, PAGE, nand, nor},
};
use crate::{
    Access, Answer, Call, Contract, Errno, Fate, LinuxSays, Plugged, PollBits,
    mtd::{
        uapi::ioctl::*,
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

/// One call of each row, and what it says of a live flash. (`BLKPG` is refused where nobody plugs partitions.)
fn calls(bench: &Bench) -> [(Call, Result<Answer, Errno>); 4] {
    let ioctl = |command, argument| Call::Ioctl { command, argument };
    bench.arena.put(BASE, &[&1_i32.to_ne_bytes()[..], &[0; 12], &(DATA + 64).to_ne_bytes()].concat());
    bench.arena.put(DATA + 64, &[0; 152]);
    [
        (Call::ReadAt { at: 0, size: 2 }, Ok(Answer::Data(vec![1, 2]))),
        (ioctl(MEMGETINFO, DATA), Ok(Answer::Value(0))),
        (ioctl(BLKPG, BASE), Err(Errno::OPNOTSUPP)),
        (ioctl(0x1234, 0), Err(Errno::NOTTY)),
    ]
}

/// I15, I16 where the contract is strict; what the table says in any case.
#[test]
fn each_row_is_kept() {
    for contract in Contract::ALL {
        let bench = Bench::under(contract, nor());
        bench.flash.put(0, &[1, 2]);
        for (call, alive) in calls(&bench) {
            assert_eq!(bench.call(call).1, alive, "the flash lives");
        }
        bench.pull();
        bench.flash.take_commands();
        for (terms, (call, alive)) in ZOMBIE.iter().zip(calls(&bench)) {
            let expected = match terms.under(contract, Reason::Pulled) {
                Fate::Fails(errno) => Err(errno),
                Fate::Kept | Fate::Zero | Fate::StandIn => alive,
            };
            assert_eq!(bench.call(call).1, expected, "{contract}: {}", terms.calls);
        }
        assert_eq!(bench.file.poll(), poll(contract));
        assert_eq!(bench.flash.take_commands(), [], "{contract}: the driver was reached");
        assert!(bench.chip.status().gone.is_some(), "the query tells the truth under {contract} (I31)");
        assert_eq!(bench.chip.open(flags(Access::Read)).err(), Some(Errno::NODEV));
    }
}

/// Also what could be said without the flash: the end of it, nothing to do, no room (I16).
#[test]
fn a_strict_zombie_never_succeeds() {
    let bench = Bench::new(nand());
    bench.pull();
    let at_end = bench.file.size();
    assert_eq!((bench.read(at_end, 1), bench.read(0, 0)), (Err(Errno::NODEV), Err(Errno::NODEV)));
    assert_eq!((bench.write(at_end, &[1]), bench.write(0, &[])), (Err(Errno::NODEV), Err(Errno::NODEV)));
    for command in [MEMERASE, MEMGETREGIONCOUNT, MEMGETREGIONINFO, ECCGETLAYOUT, OTPSELECT, MEMREAD, BLKRRPART, 7] {
        for argument in [BASE, WILD] {
            assert_eq!(bench.ioctl(command, argument), Err(Errno::NODEV), "{command:#x}");
        }
    }
    assert_eq!(bench.ioctl(MTDFILEMODE, 0), Err(Errno::NODEV));
}

/// What a client set or asked for is what the file keeps, also when it is nonsense.
#[test]
fn what_the_file_keeps_is_checked_as_ever() {
    for contract in [Contract::Quiet, Contract::Linux] {
        let bench = Bench::under(contract, nand());
        bench.flash.behave(Behaviour::Flips(5, 1, 2));
        bench.read(0, 1).unwrap();
        bench.pull();
        assert_eq!(bench.ioctl(MEMGETINFO, WILD), Err(Errno::FAULT));
        assert_eq!(bench.ioctl(MTDFILEMODE, 9), Err(Errno::INVAL));
        assert_eq!(bench.ioctl(ECCGETSTATS, DATA), Ok(0));
        assert_eq!((bench.word(DATA), bench.word(DATA + 4), bench.word(DATA + 8)), (5, 2, 1));
    }
}

/// The stand-in keeps what the flash last was, and what is written to it goes nowhere else.
#[test]
fn a_stand_in_answers_for_the_flash() {
    let bench = Bench::under(Contract::Linux, nand());
    let page = vec![3; PAGE as usize];
    bench.write(0, &page).unwrap();
    bench.pull();
    assert_eq!(bench.read(0, 1), Ok(vec![3]));
    assert_eq!(bench.write(512, &page), Ok(512));
    assert_eq!(bench.ioctl_with(MEMERASE, &range(0, BLOCK)), Ok(0));
    assert_eq!(bench.read(0, 1), Ok(vec![0xff]));
    assert_eq!(bench.ioctl_with(MEMWRITE, &request(0, 512, 1, DATA, SPARES, 0)), Ok(0));
    assert_eq!(bench.ioctl_with(MEMREAD, &read_request(0, 512, 1, DATA, SPARES, 0)), Ok(0));
    assert_eq!(bench.ioctl_with(MEMGETBADBLOCK, &i64::from(3 * BLOCK).to_ne_bytes()), Ok(1));
    assert_eq!(bench.flash.get(0, 1024), [page, vec![0xff; 512]].concat(), "the hardware is as it was");
}

/// A command in flight is cancelled at the mark, as far as the driver is concerned; its client hears what Linux would have
/// said, once, and as it comes in between.
#[test]
fn a_command_in_flight_comes_to_its_end() {
    for (contract, end) in [
        (Contract::Strict, Err(Errno::NODEV)),
        (Contract::Quiet, Err(Errno::IO)),
        (Contract::Linux, Ok(Answer::Value(0))),
    ] {
        let bench = Bench::under(contract, nor());
        bench.flash.behave(Behaviour::Deaf);
        bench.arena.put(BASE, &range(0, BLOCK));
        let erase = Call::Ioctl { command: MEMERASE, argument: BASE };
        let inside = bench.begin(erase.clone()).1;
        drop(bench.chip.unplug(Reason::Pulled, Policy::Detach, Duration::ZERO).unwrap_err());
        let between = bench.begin(erase).1;
        if contract == Contract::Linux {
            assert!(inside.is_waiting() && between.is_waiting(), "there is no stand-in before the fence");
        }
        bench.flash.release();
        bench.pull();
        assert_eq!(inside.answer(), end, "{contract}");
        assert_eq!(between.answer(), end, "{contract}");
    }
}

/// Linux wakes no poller of a flash; the others do.
#[test]
fn poll_wakes_as_the_contract_has_it() {
    for (contract, wakes) in [(Contract::Strict, true), (Contract::Quiet, true), (Contract::Linux, false)] {
        let bench = Bench::under(contract, nor());
        assert_eq!(bench.file.poll(), PollBits::ALWAYS_READY);
        let woken = Arc::new(AtomicBool::new(false));
        let told = woken.clone();
        let _watch = bench.file.on_gone(Box::new(move |_| told.store(true, Ordering::SeqCst)));
        bench.pull();
        assert_eq!(woken.load(Ordering::SeqCst), wakes, "{contract}");
        assert_eq!(bench.file.poll() == PollBits::ZOMBIE, wakes);
    }
}

#[test]
fn without_a_stand_in_commands_fail() {
    let bench = Bench::under(Contract::Linux, nor());
    bench.flash.refuse_copies();
    bench.pull();
    assert_eq!(bench.read(0, 1), Err(Errno::IO));
    assert_eq!(bench.ioctl(MEMGETINFO, BASE), Ok(0));
}

/// The table that users read is the one that the code reads.
#[test]
fn the_table_in_the_docs_is_this_one() {
    let page = include_str!("../../../../../docs/contracts.md");
    let section = page.split("\n## ").find(|section| section.starts_with("mtd\n")).expect("a section `## mtd`");
    for terms in ZOMBIE {
        let cells = Contract::ALL.map(|contract| terms.under(contract, Reason::Pulled).to_string());
        assert_eq!(terms.linux, terms.linux_orderly, "the table has one column for both");
        let row = format!("| {} | {} |", terms.calls, cells.join(" | "));
        assert!(section.contains(&row), "docs/contracts.md lacks the row\n{row}");
    }
    let polls = Contract::ALL.map(|contract| format!("{:?}", poll(contract)).replace('|', ", "));
    let row = format!("| poll | {} |", polls.join(" | "));
    assert!(section.contains(&row), "docs/contracts.md lacks the row\n{row}");
}

/// Why `outlive explore` takes the strict contract for mtd: what Linux says of flashes that have gone has been measured, and
/// nothing of it differs from what live ones say. Only `BLKPG` fails in the table, as it does of any partition.
#[test]
fn what_linux_says_has_been_measured_and_is_not_noticeable() {
    assert_eq!(linux_says(), LinuxSays { measured: true, noticeable: false });
    let fails = ZOMBIE.iter().filter(|terms| matches!(terms.linux, Fate::Fails(_)));
    assert_eq!(
        fails.map(|terms| (terms.calls, terms.linux)).collect::<Vec<_>>(),
        [("BLKPG", Fate::Fails(Errno::INVAL))]
    );
}
