//! A client whose memory has to be asked for piece by piece gets the answers that any other gets.

use super::{
    client::{Arena, BASE, Bench, Heard, SIZE, msg, rdwr_data},
    random::{begin, call, memory},
};
use crate::{
    Answer, Call, Errno, Fault, Memory,
    i2c::uapi::{Msg, RdwrData, flag, ioctl},
};
use proptest::{collection::vec, prelude::*};
use std::sync::{Arc, Mutex};

/// What has come of a client's memory, and what is missing.
struct Pieces {
    arena: Arc<Arena>,
    known: Mutex<Vec<(u64, Vec<u8>)>>,
    missing: Mutex<Vec<(u64, usize)>>,
}

impl Pieces {
    fn of(bench: &Bench) -> Self {
        Pieces { arena: bench.arena.clone(), known: Mutex::default(), missing: Mutex::default() }
    }

    /// Brings what is missing. `false` if nothing is.
    fn fetch(&self) -> Result<bool, Fault> {
        let missing = std::mem::take(&mut *self.missing.lock().unwrap());
        for (address, size) in &missing {
            let mut bytes = vec![0; *size];
            self.arena.read(*address, &mut bytes)?;
            self.known.lock().unwrap().push((*address, bytes));
        }
        Ok(!missing.is_empty())
    }
}

impl Memory for Pieces {
    fn read(&self, address: u64, into: &mut [u8]) -> Result<(), Fault> {
        let known = self.known.lock().unwrap();
        let Some((_, bytes)) = known.iter().find(|(base, bytes)| *base == address && bytes.len() == into.len()) else {
            self.missing.lock().unwrap().push((address, into.len()));
            return Err(Fault);
        };
        into.copy_from_slice(bytes);
        Ok(())
    }

    fn write(&self, address: u64, from: &[u8]) -> Result<(), Fault> {
        self.arena.write(address, from)
    }

    fn expect(&self, ranges: &[(u64, usize)]) {
        let known = self.known.lock().unwrap();
        let is_known = |range: &&(u64, usize)| known.iter().any(|(base, bytes)| (*base, bytes.len()) == **range);
        self.missing.lock().unwrap().extend(ranges.iter().filter(|range| !is_known(range)));
    }
}

/// The answer of a call whose client is asked for each piece, and how often it was asked.
fn ask(bench: &Bench, call: &Call) -> (Result<Answer, Errno>, usize) {
    let pieces = Pieces::of(bench);
    for rounds in 0.. {
        bench.file.gather(call, &pieces);
        match pieces.fetch() {
            // The kernel says so itself, and does not come back.
            Err(Fault) => return (Err(Errno::FAULT), rounds),
            Ok(true) => assert!(rounds < 100, "it misses the same again and again"),
            Ok(false) => {
                let heard = Heard::default();
                bench.file.call(call.clone(), Arc::new(pieces), heard.ticket(None));
                return (heard.once().expect("one arrival and one answer").1, rounds);
            }
        }
    }
    unreachable!()
}

proptest! {
    #[test]
    fn the_answer_is_the_same(memory in memory(), calls in vec(call(), 1..20)) {
        let (whole, asked) = (Bench::new(), Bench::new());
        whole.arena.put(BASE, &memory);
        asked.arena.put(BASE, &memory);
        for call in calls {
            // Random messages may overlap; what was fetched twice for one is another's.
            let expected = begin(&whole, call.clone()).1.once().expect("one arrival and one answer").1;
            prop_assert_eq!(ask(&asked, &call).0, expected, "{:?}", call);
            prop_assert_eq!(asked.arena.get(BASE, SIZE), whole.arena.get(BASE, SIZE));
        }
    }
}

/// The messages of a transfer are asked for together, up to one that may be wrong by its content.
#[test]
fn many_messages_take_few_rounds() {
    // The length that this chip says of its block is too long: it has been asked, then.
    let odd = flag::I2C_M_RD | flag::I2C_M_RECV_LEN;
    for (odd, rounds, expected) in [(0, 3, Ok(Answer::Value(20))), (odd, 4, Err(Errno::PROTO))] {
        let bench = Bench::new();
        let messages: Vec<u8> = (0..20_u64)
            .flat_map(|n| {
                let flags = if n == 10 { odd } else { 0 };
                msg(&Msg { addr: 0x50, flags, len: 40, buf: BASE + 0x1000 + 64 * n })
            })
            .collect();
        bench.arena.put(BASE, &rdwr_data(RdwrData { msgs: BASE + 64, nmsgs: 20 }));
        bench.arena.put(BASE + 64, &messages);
        bench.arena.put(BASE + 0x1000 + 640, &[1]);
        let call = Call::Ioctl { command: ioctl::I2C_RDWR, argument: BASE };
        let (answer, asked) = ask(&bench, &call);
        assert_eq!((answer, asked), (expected, rounds));
    }
}

/// To say what it would read a call does nothing.
#[test]
fn gathering_changes_nothing() {
    let bench = Bench::new();
    let pieces = Pieces::of(&bench);
    for command in [ioctl::I2C_SLAVE, ioctl::I2C_TENBIT, ioctl::I2C_PEC, ioctl::I2C_RETRIES, ioctl::I2C_TIMEOUT] {
        bench.file.gather(&Call::Ioctl { command, argument: 0x50 }, &pieces);
    }
    bench.file.gather(&Call::Write { data: vec![0, 1] }, &pieces);
    assert!(!pieces.fetch().unwrap());
    let (what, _) = bench.call(Call::Read { size: 1 });
    assert!(what.contains("0x00"), "no address has been set: {what}");
}
