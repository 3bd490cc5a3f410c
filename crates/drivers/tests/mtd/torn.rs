//! What is left in a flash that goes in the middle of a command.

use crate::bench::{Bench, Time, build, erase, noise, program, with_file};
use outlive_classes::mtd::{Command, Mode};
use proptest::prelude::*;
use std::sync::Arc;

/// A flash, its block, and what it programs at once.
const FLASHES: [(&str, usize, usize); 4] = [
    ("nor,size=32KiB,erase=4KiB", 4096, 64),
    ("ram,size=32KiB,erase=4KiB", 4096, 64),
    ("nand,size=64KiB,page=512,erase=4KiB", 4096, 512),
    ("nand,size=64KiB,page=2048,erase=4KiB,ecc=4", 4096, 2048),
];
const TIMES: &str = "tprog=10us,tbers=100us";

/// All main bytes, as they are.
fn cells(bench: &Bench) -> Vec<u8> {
    let length = if bench.run(Command::IsBad { at: 60 << 10 }).is_ok() { 64 << 10 } else { 32 << 10 };
    bench.find(0, length, crate::bench::NONE, Mode::Raw).unwrap().data
}

/// Begins `command`, pulls after some microseconds, and plugs in again.
fn pulled_in(bench: Bench, command: Command, after: u64) -> Bench {
    let ends = bench.begin(command).1;
    bench.pass(after);
    assert!(ends.is_waiting());
    bench.replug()
}

/// A flash with something in it.
fn filled(spec: &str, seed: u32) -> Bench {
    let bench = Bench::new(spec);
    let data = noise(seed, 16384);
    let ends = bench.begin(program(0, &data)).1;
    bench.time.pass(std::time::Duration::from_secs(1));
    ends.done().unwrap();
    bench
}

fn is_between(is: u8, old: u8, new: u8) -> bool {
    (is ^ old) & !(old ^ new) == 0
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_torn_program(which in 0..FLASHES.len(), seed in 0..u32::MAX, units in 1..8_u64, micros in 0..80_u64, after_erase: bool) {
        let (spec, _, unit) = FLASHES[which];
        let micros = micros % (10 * units);
        let bench = filled(&format!("{spec},{TIMES},torn=random:{seed}"), seed);
        let at = if after_erase { 16384 } else { 0 };
        let old = cells(&bench);
        let data = noise(seed ^ 1, units as usize * unit);
        let command = program(at as u64, &data);
        let is = cells(&pulled_in(bench, command, micros));
        let whole = (micros / 10) as usize * unit;
        let mut new = old.clone();
        for (i, byte) in data.iter().enumerate() {
            new[at + i] = if spec.starts_with("ram") { *byte } else { old[at + i] & byte };
        }
        prop_assert_eq!(&is[..at], &old[..at]);
        prop_assert_eq!(&is[at..at + whole], &new[at..at + whole], "the units before are whole");
        let torn = at + whole..at + whole + unit;
        prop_assert!(torn.clone().all(|i| is_between(is[i], old[i], new[i])));
        prop_assert!(is[torn.clone()] != old[torn.clone()] && is[torn.clone()] != new[torn.clone()], "it is torn");
        prop_assert_eq!(&is[torn.end..], &old[torn.end..], "the units behind are untouched");
    }

    #[test]
    fn a_torn_erase(which in 0..FLASHES.len(), seed in 0..u32::MAX, blocks in 1..4_u64, micros in 0..300_u64) {
        let (spec, block, _) = FLASHES[which];
        let micros = micros % (100 * blocks);
        let bench = filled(&format!("{spec},{TIMES},torn=random:{seed}"), seed);
        let old = cells(&bench);
        let is = cells(&pulled_in(bench, erase(0, blocks * block as u64), micros));
        let whole = (micros / 100) as usize * block;
        prop_assert!(is[..whole].iter().all(|byte| *byte == 0xff));
        let torn = whole..whole + block;
        prop_assert!(torn.clone().all(|i| is_between(is[i], old[i], 0xff)));
        prop_assert!(is[torn.clone()] != old[torn.clone()] && is[torn.clone()].iter().any(|byte| *byte != 0xff));
        prop_assert_eq!(&is[torn.end..], &old[torn.end..]);
    }
}

#[test]
fn without_tearing_the_unit_in_progress_has_not_happened() {
    for (spec, block, unit) in FLASHES {
        let bench = filled(&format!("{spec},{TIMES}"), 3);
        let old = cells(&bench);
        let bench = pulled_in(bench, program(16384, &vec![0; 3 * unit]), 19);
        let is = cells(&bench);
        assert_eq!(is[16384..16384 + unit], vec![0; unit], "{spec}");
        assert_eq!((&is[..16384], &is[16384 + unit..]), (&old[..16384], &old[16384 + unit..]), "{spec}");
        let is = cells(&pulled_in(bench, erase(0, 2 * block as u64), 199));
        assert_eq!((&is[..block], &is[block..16384]), (&vec![0xff; block][..], &old[block..16384]), "{spec}");
    }
}

#[test]
fn the_same_seed_tears_the_same_and_each_time_otherwise() {
    let twice = |seed: u32| {
        let mut bench = filled(&format!("nor,size=32KiB,erase=4KiB,{TIMES},torn=random:{seed}"), 4);
        let mut found = Vec::new();
        for block in 0..2 {
            bench = pulled_in(bench, program(16384 + block * 4096, &[0; 64]), 5);
            found.push(bench.read(16384 + block * 4096, 64));
        }
        found
    };
    let first = twice(1);
    assert_eq!(first, twice(1));
    assert_ne!(first, twice(2));
    assert_ne!(first[0], first[1]);
}

/// The pages of a torn program are found out by their codes.
#[test]
fn a_torn_page_does_not_pass_for_a_good_one() {
    let bench = Bench::new(&format!("nand,size=1MiB,{TIMES},torn=random:9"));
    let data = noise(1, 3 * 2048);
    let bench = pulled_in(bench, program(0, &data), 15);
    let find = |at| bench.find(at, 2048, crate::bench::NONE, Mode::Place).unwrap();
    assert_eq!((find(0).data, find(0).failed), (data[..2048].to_vec(), 0));
    assert!(find(2048).failed > 0);
    assert_eq!((find(4096).data, find(4096).failed), (vec![0xff; 2048], 0));
}

#[test]
fn what_is_torn_is_so_in_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("nor.bin");
    let spec = with_file(&format!("nor,size=32KiB,erase=4KiB,{TIMES},torn=random:3"), &path);
    let bench = pulled_in(Bench::new(&spec), program(0, &[0; 256]), 25);
    let is = bench.read(0, 256);
    assert_eq!((&is[..128], &is[192..]), (&[0; 128][..], &[0xff; 64][..]));
    assert!(is[128..192].iter().any(|byte| *byte != 0) && is[128..192].iter().any(|byte| *byte != 0xff));
    drop(bench);
    assert_eq!(std::fs::read(&path).unwrap()[..256], is);
    let flash = build(&spec, &Arc::new(Time::default())).unwrap();
    let bench = Bench::plug(Arc::new(Time::default()), flash);
    assert_eq!(bench.read(0, 256), is);
}

/// Power that goes just as a command has been taken tears its first unit, and an instantaneous one cannot be torn.
#[test]
fn the_first_moment_counts() {
    let bench =
        pulled_in(Bench::new(&format!("nor,size=32KiB,erase=4KiB,{TIMES},torn=random:3")), program(0, &[0; 64]), 0);
    assert_ne!(bench.read(0, 64), [0xff; 64]);
    let bench = Bench::new("nor,size=32KiB,erase=4KiB,torn=random:3");
    bench.run(program(0, &[0; 64])).unwrap();
    assert_eq!(bench.replug().read(0, 64), [0; 64]);
}
