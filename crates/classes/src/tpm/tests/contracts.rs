//! What a zombie says under each contract.

use super::bench::{Behaviour, Bench, READ_WRITE, data, get_random, random};
use crate::{
    Answer, Call, Contract, Errno, Fate, LinuxSays, Plugged, PollBits,
    tpm::zombie::{READ, READ_ACCEPTED, UNDER_WAY, WRITE, WRITE_NONBLOCK, ZOMBIE, linux_says, poll},
};
use outlive::Reason;

const WRITTEN: Result<Answer, Errno> = Ok(Answer::Value(12));

fn says(terms: &crate::Terms, contract: Contract, alive: Result<Answer, Errno>) -> Result<Answer, Errno> {
    match terms.under(contract, Reason::Pulled) {
        Fate::Fails(errno) => Err(errno),
        Fate::Kept | Fate::Zero | Fate::StandIn => alive,
    }
}

/// I15, I16 where the contract is strict; what the table says in any case.
#[test]
fn each_row_is_kept() {
    for contract in Contract::ALL {
        let bench = Bench::under(contract);
        bench.pull();
        let says = |terms, alive| says(terms, contract, alive);
        let command = get_random(8);
        assert_eq!(bench.write(&command), says(&WRITE, WRITTEN), "{contract}");
        assert_eq!(bench.read(9), says(&READ, data(b"")), "{contract}");
        bench.file.set_nonblock(true);
        assert_eq!(bench.write(&command), says(&WRITE_NONBLOCK, WRITTEN), "{contract}");
        let accepted = WRITE_NONBLOCK.under(contract, Reason::Pulled) == Fate::Kept;
        assert_eq!(bench.file.poll(), poll(contract, accepted && contract == Contract::Linux), "{contract}");
        assert_eq!(bench.read(9), says(&READ_ACCEPTED, data(b"")), "{contract}");
        assert_eq!(bench.read(9), says(&READ, data(b"")), "{contract}");
        let kept = |errno| if contract == Contract::Strict { Err(Errno::NODEV) } else { Err(errno) };
        assert_eq!(bench.begin(Call::Ioctl { command: 1, argument: 0 }).answer(), kept(Errno::NOTTY));
        assert_eq!(bench.write(&command[..9]), kept(Errno::INVAL));
        assert_eq!(bench.write(&[0; 4097]), kept(Errno::TOOBIG));
        assert_eq!(bench.commands(), 0, "{contract}: the TPM was reached");
        assert_eq!(bench.chip.open(READ_WRITE).err(), Some(Errno::NODEV));
    }
}

/// I18: also in pieces, and IN is there as long as they are.
#[test]
fn a_response_that_had_come_is_delivered() {
    for contract in Contract::ALL {
        let bench = Bench::under(contract);
        assert_eq!(bench.write(&get_random(8)), WRITTEN);
        assert_eq!(bench.read(7), data(&random(8)[..7]));
        bench.pull();
        assert_eq!(bench.file.poll(), poll(contract, true));
        assert!(bench.file.poll().contains(PollBits::IN));
        assert_eq!(bench.read(99), data(&random(8)[7..]), "{contract}");
        assert_eq!(bench.file.poll(), poll(contract, false));
        assert_eq!(bench.read(99), says(&READ, contract, data(b"")));
    }
}

/// I17: a command that was under way ends once, and says what the contract says: to who waits for it, else to the next read.
#[test]
fn a_command_under_way_is_cancelled() {
    for contract in Contract::ALL {
        for nonblock in [false, true] {
            let bench = Bench::under(contract);
            bench.notes.behave(Behaviour::Hold);
            bench.file.set_nonblock(nonblock);
            let write = bench.begin_write(&get_random(8));
            bench.pull();
            bench.notes.release();
            let cancelled = says(&UNDER_WAY, contract, WRITTEN);
            if nonblock {
                assert_eq!((write.answer(), bench.read(9)), (WRITTEN, cancelled), "{contract}");
            } else {
                assert_eq!(write.answer(), cancelled, "{contract}");
            }
            assert_eq!(bench.read(9), says(&READ, contract, data(b"")), "{contract}, {nonblock}");
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
    for (something, calls) in [(true, "poll, when there is something to read"), (false, "poll, when there is nothing")]
    {
        let polls = Contract::ALL.map(|contract| format!("{:?}", poll(contract, something)).replace('|', ", "));
        let row = format!("| {calls} | {} |", polls.join(" | "));
        assert!(page.contains(&row), "docs/contracts.md lacks the row\n{row}");
    }
}

/// Why `outlive explore` takes the linux contract for tpm by itself.
#[test]
fn under_linux_it_can_be_noticed() {
    assert_eq!(linux_says(), LinuxSays { measured: true, noticeable: true });
}
