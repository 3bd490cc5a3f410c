//! What a zombie says under each contract.

use super::bench::{Bench, READ_WRITE, count};
use crate::{
    Answer, Call, Contract, Errno, Fate, LinuxSays, PAGE_SIZE, Plugged, PollBits,
    uio::zombie::{ZOMBIE, linux_says, poll},
};
use outlive::Reason;
use std::sync::atomic::Ordering::SeqCst;

/// One call of each row, as it ends.
fn ends(bench: &Bench) -> [Result<(), Errno>; 4] {
    [
        bench.read().answer().map(drop),
        bench.control(1).map(drop),
        bench.map(0, PAGE_SIZE).map(drop),
        bench.call(Call::Ioctl { command: 0x1234, argument: 0 }).map(drop),
    ]
}

/// I15, I16 where the contract is strict; what the table says in any case.
#[test]
fn each_row_is_kept() {
    for contract in Contract::ALL {
        let bench = Bench::under(contract);
        bench.notes.line().raise();
        assert_eq!(ends(&bench), [Ok(()), Ok(()), Ok(()), Err(Errno::NOTTY)], "the board lives");
        bench.pull();
        let calls = bench.notes.calls.load(SeqCst);
        for (terms, end) in ZOMBIE.iter().zip(ends(&bench)) {
            let expected = match terms.under(contract, Reason::Pulled) {
                Fate::Fails(errno) => errno,
                Fate::Kept | Fate::Zero | Fate::StandIn => Errno::NOTTY,
            };
            assert_eq!(end, Err(expected), "{contract}: {}", terms.calls);
        }
        let short = if contract == Contract::Strict { Errno::NODEV } else { Errno::INVAL };
        assert_eq!(bench.call(Call::Read { size: 3 }), Err(short));
        assert_eq!(bench.file.poll(), poll(contract));
        assert_eq!(bench.notes.calls.load(SeqCst), calls, "{contract}: the driver was reached");
        assert_eq!(bench.board.open(READ_WRITE).err(), Some(Errno::NODEV));
    }
}

/// I18: a count that came before the mark is read after it, once; Linux forgets it.
#[test]
fn a_count_that_had_come_is_delivered() {
    for contract in Contract::ALL {
        let bench = Bench::under(contract);
        let line = bench.notes.line();
        line.raise();
        line.raise();
        bench.pull();
        line.raise();
        let gone = Err(if contract == Contract::Strict { Errno::NODEV } else { Errno::IO });
        if contract != Contract::Linux {
            assert!(bench.file.poll().contains(PollBits::IN | PollBits::ZOMBIE));
            assert_eq!(bench.read().answer(), count(2), "{contract}: what comes after the mark is nothing");
        }
        assert_eq!(bench.read().answer(), gone, "{contract}");
        assert_eq!(bench.file.poll(), poll(contract));
    }
}

/// I2, I17: who sleeps hears once, and not of the next interrupt.
#[test]
fn sleepers_hear_what_the_contract_says() {
    for (contract, end) in
        [(Contract::Strict, Errno::NODEV), (Contract::Quiet, Errno::IO), (Contract::Linux, Errno::IO)]
    {
        let bench = Bench::under(contract);
        let reads = [bench.read(), bench.read()];
        let line = bench.notes.line();
        bench.pull();
        line.raise();
        for read in reads {
            assert_eq!(read.answer(), Err(end) as Result<Answer, _>, "{contract}");
        }
    }
}

/// The table that users read is the one that the code reads.
#[test]
fn the_table_in_the_docs_is_this_one() {
    let page = include_str!("../../../../../docs/contracts.md");
    for terms in ZOMBIE {
        let cells = Contract::ALL.map(|contract| terms.under(contract, Reason::Pulled).to_string());
        assert_eq!(terms.linux, terms.linux_orderly, "the table has one column for both");
        let row = format!("| {} | {} |", terms.calls, cells.join(" | "));
        assert!(page.contains(&row), "docs/contracts.md lacks the row\n{row}");
    }
    let polls = Contract::ALL.map(|contract| format!("{:?}", poll(contract)).replace('|', ", "));
    let row = format!("| poll, when there is no count to read | {} |", polls.join(" | "));
    assert!(page.contains(&row), "docs/contracts.md lacks the row\n{row}");
}

/// Why `outlive explore` takes the linux contract for uio by itself.
#[test]
fn under_linux_it_can_be_noticed() {
    assert_eq!(linux_says(), LinuxSays { measured: true, noticeable: true });
}
