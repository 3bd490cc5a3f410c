//! What a zombie says under each contract.

use super::bench::{ARRAY, Bench, flags};
use crate::{
    Call, Contract, Errno, Fate, LinuxSays, Plugged, PollBits, Terms,
    drm::{
        kms::crtc_id,
        uapi::{
            ioctl,
            layout::{CardResources, Prime, WaitVblank},
            vblank,
        },
        zombie::{self, ZOMBIE, linux_says, poll},
    },
};
use outlive::{Policy, Reason};

/// One call of each row that is no read, as it ends.
fn ends(bench: &Bench, fb: u32, handle: u32) -> [(&'static Terms, Result<(), Errno>); 6] {
    let client = &bench.client;
    [
        (&zombie::SHOW, client.flip(0, fb, 0)),
        (&zombie::CLEAN_UP, client.number(ioctl::MODE_DESTROY_DUMB, handle)),
        (&zombie::TAKE, client.tell(ioctl::PRIME_FD_TO_HANDLE, &Prime { fd: 3, ..Prime::default() })),
        (&zombie::OTHER, client.tell(ioctl::MODE_GETRESOURCES, &CardResources::default())),
        (&zombie::OTHER, client.call(Call::Ioctl { command: 0xc004_6440, argument: 0 }).map(drop)),
        (&zombie::INVALID, client.call(Call::Write { data: vec![0] }).map(drop)),
    ]
}

/// I15, I16 where the contract is strict; what the table says in any case.
#[test]
fn each_row_is_kept() {
    for contract in Contract::ALL {
        let (bench, fb) = Bench::lit(contract);
        let handle = bench.client.dumb(8, 8);
        bench.pull();
        let calls = bench.calls();
        let kept = [Ok(()), Ok(()), Err(Errno::OPNOTSUPP), Ok(()), Err(Errno::INVAL), Err(Errno::INVAL)];
        for ((terms, end), kept) in ends(&bench, fb, handle).into_iter().zip(kept) {
            let expected = match terms.under(contract, Reason::Pulled) {
                Fate::Fails(errno) => Err(errno),
                Fate::Kept | Fate::Zero | Fate::StandIn => kept,
            };
            assert_eq!(end, expected, "{contract}: {}", terms.calls);
        }
        assert_eq!(bench.calls(), calls, "{contract}: the driver was reached");
        assert_eq!(bench.card.open(flags(true)).err(), Some(Errno::NODEV));
    }
}

#[test]
fn who_lost_the_driver_is_not_connected() {
    let (bench, fb) = Bench::lit(Contract::Strict);
    bench.card.unplug(Reason::DriverLost, Policy::Detach, super::bench::LONG).unwrap();
    assert_eq!(bench.client.flip(0, fb, 0), Err(Errno::NOTCONN));
    assert_eq!(bench.client.read(), Err(Errno::NOTCONN));
}

/// I18: what had come is read first, under each contract.
#[test]
fn events_that_had_come_are_read_first() {
    for contract in Contract::ALL {
        let (bench, _) = Bench::lit(contract);
        let asked = WaitVblank { kind: vblank::EVENT, sequence: 0, signal: 4 };
        bench.client.tell(ioctl::WAIT_VBLANK, &asked).unwrap();
        bench.pull();
        assert_eq!(bench.client.file.poll(), poll(contract, true));
        assert_eq!(bench.client.read(), Ok(vec![(1, 4, 1)]), "{contract}");
        let nothing = if contract == Contract::Linux { Errno::AGAIN } else { Errno::NODEV };
        assert_eq!(bench.client.read(), Err(nothing), "{contract}");
        assert_eq!(bench.client.file.poll(), poll(contract, false));
    }
}

/// Strict: what was promised and has not happened is not said to have (I16).
#[test]
fn under_strict_a_flip_that_was_not_shown_is_not_told() {
    let (bench, fb) = Bench::lit(Contract::Strict);
    bench.client.file.set_nonblock(false);
    bench.client.flip(0, fb, 1).unwrap();
    let (heard, _) = bench.client.begin_read();
    bench.pull();
    assert_eq!(heard.answer(), Err(Errno::NODEV));
    bench.clock.pass(super::bench::LONG);
    assert_eq!(bench.client.file.poll(), PollBits::ZOMBIE);
}

/// As its drivers turn the CRTCs off: what waits for one is told, and a read that has nothing sleeps on (measured).
#[test]
fn under_linux_a_reader_sleeps_on_and_a_poller_is_not_told() {
    let (bench, fb) = Bench::lit(Contract::Linux);
    bench.client.file.set_nonblock(false);
    bench.client.flip(0, fb, 1).unwrap();
    let other = bench.open(false);
    let (heard, number) = other.begin_read();
    bench.pull();
    assert_eq!(bench.client.read(), Ok(vec![(2, 1, 1)]));
    assert!(heard.is_waiting());
    assert_eq!((other.file.poll(), bench.client.file.poll()), (PollBits::default(), PollBits::default()));
    other.file.cancel(number.unwrap());
    assert_eq!(heard.answer(), Err(Errno::INTR));
    let (heard, number) = other.begin_read();
    assert!(heard.is_waiting());
    other.file.cancel(number.unwrap());
    assert_eq!(heard.answer(), Err(Errno::INTR));
}

#[test]
fn a_sleeping_wait_ends_as_the_contract_has_it() {
    for (contract, end) in [(Contract::Strict, Some(Errno::NODEV)), (Contract::Quiet, None), (Contract::Linux, None)] {
        let (bench, _) = Bench::lit(contract);
        let asked = WaitVblank { kind: vblank::RELATIVE, sequence: 3, signal: 0 };
        let (heard, _) = bench.client.begin_ask(ioctl::WAIT_VBLANK, &asked);
        bench.pull();
        assert_eq!(heard.is_waiting(), contract == Contract::Quiet);
        bench.clock.pass(4 * super::bench::period());
        assert_eq!(heard.answer().err(), end, "{contract}");
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
    for (what, something) in [("when there are events", true), ("when there are none", false)] {
        let polls = Contract::ALL.map(|contract| format!("{:?}", poll(contract, something)).replace('|', ", "));
        let row = format!("| poll of a card, {what} | {} |", polls.join(" | "));
        assert!(page.contains(&row), "docs/contracts.md lacks the row\n{row}");
    }
}

#[test]
fn under_linux_it_can_be_noticed() {
    assert_eq!(linux_says(), LinuxSays { measured: false, noticeable: true });
    assert!(ARRAY > 0 && crtc_id(0) > 0);
}
