//! Commands that take their time, one after the other.

use crate::bench::{Bench, erase, fails, noise, program};
use outlive::{Cause, Outcome};
use outlive_classes::mtd::{Command, Done, Fault, Found, Mode, Region};

const K: u64 = 1024;

fn read(at: u64, length: usize) -> Command {
    Command::Read { at, length, spare: Region { offset: 0, length: 0 }, mode: Mode::Raw }
}

#[test]
fn a_command_takes_as_long_as_its_units() {
    let nand = "nand,size=1MiB,tr=25us,tprog=200us,tbers=2ms,bad=2";
    let nor = "nor,size=64KiB,erase=4KiB,tr=1us,tprog=10us,tbers=500us";
    let spare = program_of_spare();
    let cases = [
        (nand, read(0, 2048), 25),
        (nand, read(2047, 2), 50),
        (nand, Command::Read { at: 0, length: 0, spare: Region { offset: 60, length: 5 }, mode: Mode::Raw }, 50),
        (nand, program(0, &[0; 3 * 2048]), 600),
        (nand, spare, 400),
        (nand, erase(0, 256 * K), 4000),
        (nand, Command::MarkBad { at: 0 }, 2200),
        (nor, read(0, 4096), 1),
        (nor, program(60, &[0; 8]), 20),
        (nor, erase(0, 12 * K), 1500),
    ];
    for (spec, command, microseconds) in cases {
        let bench = Bench::new(spec);
        let ends = bench.begin(command.clone()).1;
        bench.pass(microseconds - 1);
        assert!(ends.is_waiting(), "{command:?}");
        bench.pass(1);
        assert!(ends.done().is_ok(), "{command:?}");
        assert_eq!(bench.time.waiting(), 0);
    }
}

fn program_of_spare() -> Command {
    crate::bench::program_spare(0, &[], 60, &[0; 5], Mode::Raw)
}

#[test]
fn what_changes_nothing_takes_no_time() {
    let bench = Bench::new("nor,size=64KiB,erase=4KiB,tprog=10us,tbers=1ms");
    for command in [
        Command::Lock { at: 0, length: 4 * K, lock: true },
        Command::IsLocked { at: 0, length: 4 * K },
        Command::BadBlocks { at: 0, length: 64 * K },
        read(0, 100),
        program(0, &[]),
    ] {
        assert!(bench.run(command.clone()).is_ok() || command == program(0, &[]), "{command:?}");
    }
    assert_eq!(bench.run(erase(0, 8 * K)), fails(Fault::Locked, 0), "what cannot be begun is refused at once");
    assert_eq!(bench.time.waiting(), 0);
}

#[test]
fn one_command_after_the_other() {
    let bench = Bench::new("nor,size=64KiB,erase=4KiB,tprog=10us,tbers=1ms");
    let ends: Vec<_> = [program(0, &[0x0f; 4]), erase(0, 4 * K), program(0, &[0xf0; 2]), read(0, 4), read(4 * K, 1)]
        .into_iter()
        .map(|command| bench.begin(command).1)
        .collect();
    let waiting = || ends.iter().filter(|ends| ends.is_waiting()).count();
    assert_eq!((waiting(), bench.time.waiting()), (5, 1));
    bench.pass(10);
    assert_eq!(waiting(), 4);
    bench.pass(1000);
    assert_eq!(waiting(), 3, "reading takes no time, and waits all the same");
    bench.pass(10);
    assert_eq!(waiting(), 0);
    let data = |data: &[u8]| Ok(Done::Read(Found { data: data.to_vec(), ..Found::default() }));
    assert_eq!((ends[3].done(), ends[4].done()), (data(&[0xf0, 0xf0, 0xff, 0xff]), data(&[0xff])));
}

#[test]
fn an_erase_that_meets_a_bad_block_ends_there() {
    let bench = Bench::new("nand,size=1MiB,tbers=2ms,bad=2");
    let ends = bench.begin(erase(0, 512 * K)).1;
    bench.pass(4000);
    assert_eq!(ends.done(), fails(Fault::Bad, 256 * K));
}

/// A client gives up: the unit in progress is finished, the flash is busy until then, and what waits goes on.
#[test]
fn an_interrupted_command_finishes_its_unit() {
    let bench = Bench::new("nand,size=1MiB,tprog=200us,ecc=0");
    let data = noise(1, 4 * 2048);
    let (number, ends) = bench.begin(program(0, &data));
    let next = bench.begin(program(16384, &[0; 2048])).1;
    bench.pass(300);
    bench.cancel(number);
    assert_eq!(ends.one(), Outcome::Cancelled(Cause::Interrupted));
    bench.pass(299);
    assert!(next.is_waiting(), "100 us for the rest of the second page, 200 for its own");
    bench.pass(1);
    assert_eq!(next.done(), Ok(Done::Nothing));
    assert_eq!(bench.read(0, 4 * 2048), [&data[..4096], &[0xff; 4096]].concat());
    assert_eq!(bench.read(16384, 2048), [0; 2048]);
}

#[test]
fn one_that_waits_leaves_nothing_behind_when_it_is_interrupted() {
    let bench = Bench::new("nor,size=64KiB,erase=4KiB,tprog=10us");
    let first = bench.begin(program(0, &[1; 64])).1;
    let (number, second) = bench.begin(program(64, &[2; 64]));
    bench.cancel(number);
    assert_eq!(second.one(), Outcome::Cancelled(Cause::Interrupted));
    bench.pass(10);
    assert_eq!((first.done(), bench.read(0, 128)), (Ok(Done::Nothing), [[1; 64], [0xff; 64]].concat()));
    // And so does one that is to begin when the flash is free again.
    let (number, _) = bench.begin(program(128, &[3; 128]));
    bench.cancel(number);
    let (number, waiting) = bench.begin(program(256, &[4; 64]));
    bench.pass(9);
    bench.cancel(number);
    assert_eq!(waiting.one(), Outcome::Cancelled(Cause::Interrupted));
    bench.pass(100);
    assert_eq!(bench.read(128, 192), [[3; 64], [0xff; 64], [0xff; 64]].concat());
    assert_eq!(bench.time.waiting(), 0);
}

#[test]
fn a_bad_mark_that_is_interrupted_is_made() {
    let bench = Bench::new("nand,size=1MiB,tbers=2ms");
    let (number, _) = bench.begin(Command::MarkBad { at: 0 });
    bench.pass(1);
    bench.cancel(number);
    let is_bad = bench.begin(Command::IsBad { at: 0 }).1;
    assert!(is_bad.is_waiting());
    bench.pass(1999);
    assert_eq!(is_bad.done(), Ok(Done::Is(true)));
}

/// I8, I12, I17: at the mark all are let go, and time changes nothing any more.
#[test]
fn at_the_mark_everything_is_let_go() {
    let bench = Bench::new("nor,size=64KiB,erase=4KiB,tprog=10us,tbers=1ms");
    bench.bad_blocks().unwrap();
    let ends: Vec<_> = [program(0, &[0; 256]), program(1024, &[0; 64]), erase(0, 4 * K), read(0, 1)]
        .into_iter()
        .map(|command| bench.begin(command).1)
        .collect();
    bench.pass(20);
    let (time, flash) = bench.pull();
    for end in &ends {
        assert!(matches!(end.one(), Outcome::Cancelled(Cause::Gone(_))), "{end:?}");
    }
    time.pass(std::time::Duration::from_secs(1));
    let bench = Bench::plug(time, flash);
    let expected = [&[0; 128][..], &[0xff; 4096 - 128]].concat();
    assert_eq!(
        bench.read(0, 4096),
        expected,
        "two units are whole, the third has not happened, the others had not begun"
    );
    let ends = bench.begin(program(2048, &[5; 64])).1;
    bench.pass(10);
    assert_eq!(ends.done(), Ok(Done::Nothing), "the next life is not kept waiting by the former");
}
