//! What a zombie says under each contract.

use super::bench::{A, Bench, SYNC, key};
use crate::{
    Answer, Call, Contract, Errno, Fate, LinuxSays, Plugged, Terms,
    client::BASE,
    input::{
        uapi::{EFFECT_SIZE, ff, ioctl},
        zombie::{ERASE, IOCTL, READ, READ_NOTHING, SHORT, WRITE, ZOMBIE, linux_says, poll},
    },
};
use outlive::Reason;

fn says<T>(terms: &Terms, contract: Contract, alive: Result<T, Errno>) -> Result<T, Errno> {
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
        let client = &bench.client;
        let rumble = || {
            client.arena.put(BASE, &[0; EFFECT_SIZE]);
            client.arena.put(BASE, &[ff::RUMBLE as u8, 0, 0xff, 0xff]);
            client.ioctl(ioctl::SFF | 48 << 16, BASE)
        };
        assert_eq!(rumble(), Ok(0));
        bench.send(&[key(A, 1), key(A, 0), SYNC]);
        bench.told();
        bench.pull();
        let is_there = client.file.poll() == poll(true);
        assert!(is_there, "{contract}: also where it is not given");
        let nothing = says(&READ_NOTHING, contract, Ok(Answer::Data(Vec::new())));
        assert_eq!(client.call(Call::Read { size: 0 }), nothing, "{contract}");
        let events = Ok(vec![key(A, 1), key(A, 0), SYNC]);
        assert_eq!(client.read(), says(&READ, contract, events), "{contract}");
        let left = contract == Contract::Linux;
        assert_eq!(client.file.poll(), poll(left), "{contract}");
        assert_eq!(client.read(), says(&READ_NOTHING, contract, Ok(Vec::new())), "{contract}");
        assert_eq!(client.write(&[key(A, 1), SYNC]), says(&WRITE, contract, Ok(Answer::Value(48))), "{contract}");
        assert_eq!(client.call(Call::Read { size: 23 }), says(&SHORT, contract, Err(Errno::INVAL)), "{contract}");
        assert_eq!(client.call(Call::Write { data: vec![0; 23] }), says(&SHORT, contract, Err(Errno::INVAL)));
        for (command, alive) in [
            (ioctl::GVERSION, Ok(0)),
            (ioctl::GNAME | 4 << 16, Ok(4)),
            (ioctl::GKEY | 4 << 16, Ok(4)),
            (ioctl::GREP, Ok(0)),
            (ioctl::SREP, Ok(0)),
            (ioctl::GRAB, Ok(0)),
            (ioctl::GMASK, Ok(0)),
            (ioctl::GABS | 24 << 16, Ok(0)),
            (0x5401, Err(Errno::INVAL)),
        ] {
            client.arena.put(BASE, &[0; 32]);
            let said = client.ioctl(command, BASE);
            assert_eq!(said, says(&IOCTL, contract, alive), "{contract} {command:#x}");
        }
        assert_eq!(rumble(), says(&IOCTL, contract, Ok(0)));
        assert_eq!(client.ioctl(ioctl::RMFF, 0), says(&ERASE, contract, Ok(0)), "{contract}");
        assert_eq!(client.ioctl(ioctl::RMFF, 0), says(&IOCTL, contract, Err(Errno::INVAL)), "{contract}");
        assert_eq!(bench.told(), ["unplugged"], "{contract}: the device was reached");
        let opened = bench.device.open(super::bench::flags(true)).err();
        assert_eq!(opened, Some(Errno::NODEV));
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
    for (something, calls) in [(true, "poll, when there are events"), (false, "poll, when there are none")] {
        let bits = format!("{:?}", poll(something)).replace('|', ", ");
        let row = format!("| {calls} | {} |", [&*bits; 3].join(" | "));
        assert!(page.contains(&row), "docs/contracts.md lacks the row\n{row}");
    }
}

/// Why `outlive explore` takes the linux contract for input by itself.
#[test]
fn under_linux_it_can_be_noticed() {
    assert_eq!(linux_says(), LinuxSays { measured: true, noticeable: true });
}
