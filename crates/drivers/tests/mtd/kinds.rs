//! What each kind of flash does, command by command.

use crate::bench::{Bench, NONE, erase, fails, noise, program, program_spare};
use outlive_classes::mtd::{Command, Done, Fault, Mode, Region};

const K: u64 = 1024;

fn lock(at: u64, length: u64, lock: bool) -> Command {
    Command::Lock { at, length, lock }
}

#[test]
fn nor_clears_bits_and_sets_them_by_the_block() {
    let bench = Bench::new("nor,size=64KiB,erase=4KiB");
    assert_eq!(bench.read(0, 64 * 1024), vec![0xff; 64 * 1024]);
    assert_eq!(bench.run(program(4090, &[0xf0; 10])), Ok(Done::Nothing));
    assert_eq!(bench.run(program(4094, &[0x3c, 0x3c])), Ok(Done::Nothing));
    assert_eq!(bench.read(4089, 12), [&[0xff][..], &[0xf0; 4], &[0x30; 2], &[0xf0; 4], &[0xff]].concat());
    assert_eq!(bench.run(erase(4 * K, 4 * K)), Ok(Done::Nothing));
    assert_eq!(bench.read(4094, 4), [0x30, 0x30, 0xff, 0xff], "the other block is as it was");
    assert_eq!(bench.run(program(100, &[])), Ok(Done::Nothing));
    assert_eq!((bench.bad_blocks(), bench.run(Command::IsBad { at: 0 })), (Ok(Done::Count(0)), Ok(Done::Is(false))));
    assert_eq!(bench.run(Command::MarkBad { at: 0 }), Err(Fault::Unsupported.into()));
    assert_eq!(
        bench.run(program_spare(0, &[], 0, &[1], Mode::Place)),
        Err(Fault::Io.into()),
        "nor has nothing to spare"
    );
}

#[test]
fn ram_is_written_as_it_is() {
    let bench = Bench::new("ram,size=64KiB,erase=4KiB");
    bench.run(program(10, &[1, 2, 3])).unwrap();
    bench.run(program(11, &[0xff])).unwrap();
    assert_eq!(bench.read(9, 5), [0xff, 1, 0xff, 3, 0xff]);
    bench.run(erase(0, 64 * K)).unwrap();
    assert_eq!(bench.read(9, 5), [0xff; 5]);
    assert_eq!(bench.run(lock(0, 4 * K, true)), Err(Fault::Unsupported.into()));
    assert_eq!(bench.run(Command::IsLocked { at: 0, length: 4 * K }), Err(Fault::Unsupported.into()));
}

#[test]
fn what_is_locked_stays_as_it_is() {
    let bench = Bench::new("nor,size=64KiB,erase=4KiB");
    bench.run(lock(8 * K, 8 * K, true)).unwrap();
    let is_locked = |at, length| bench.run(Command::IsLocked { at, length });
    assert_eq!(is_locked(8 * K, 8 * K), Ok(Done::Is(true)));
    assert_eq!(is_locked(4 * K, 8 * K), Ok(Done::Is(false)), "not all of it");
    assert_eq!(bench.run(program(8 * K - 2, &[0; 4])), fails(Fault::Locked, 8 * K - 2));
    assert_eq!(bench.run(erase(0, 16 * K)), fails(Fault::Locked, 0));
    assert_eq!(bench.read(8 * K - 2, 4), [0xff; 4], "nothing is done, also not before it");
    bench.run(lock(8 * K, 4 * K, false)).unwrap();
    assert_eq!(bench.run(program(8 * K, &[0; 4])), Ok(Done::Nothing));
    assert_eq!(bench.run(program(12 * K, &[0; 4])), fails(Fault::Locked, 12 * K));
    assert_eq!(bench.replug().run(program(12 * K, &[0; 4])), Ok(Done::Nothing), "locks go with the power");
}

#[test]
fn one_that_is_locked_at_power_up_is_so_each_time() {
    let bench = Bench::new("nor,size=64KiB,erase=4KiB,locked=true");
    let all = Command::IsLocked { at: 0, length: 64 * K };
    assert_eq!(bench.run(all.clone()), Ok(Done::Is(true)));
    bench.run(lock(0, 64 * K, false)).unwrap();
    bench.run(program(0, &[7])).unwrap();
    let bench = bench.replug();
    assert_eq!((bench.run(all), bench.read(0, 1)), (Ok(Done::Is(true)), vec![7]));
}

#[test]
fn nand_pages_and_their_spare_bytes() {
    let bench = Bench::new("nand,size=1MiB");
    let data = noise(1, 4096);
    bench.run(program_spare(2048, &data, 0, &[1, 2, 3], Mode::Auto)).unwrap();
    assert_eq!(bench.read(2048, 4096), data);
    assert_eq!(bench.read(3000, 2000), data[952..2952], "from and to anywhere");
    assert_eq!(bench.spare(2048, 5), [0xff, 0xff, 1, 2, 3], "behind the marker");
    let auto = bench.find(2048, 2048, Region { offset: 1, length: 2 }, Mode::Auto).unwrap();
    assert_eq!((auto.data, auto.spare), (data[..2048].to_vec(), vec![2, 3]));
    let spare = noise(2, 100);
    bench.run(program_spare(8192, &[], 60, &spare[..68], Mode::Place)).unwrap();
    let found = bench.find(8192, 0, Region { offset: 60, length: 68 }, Mode::Place).unwrap();
    assert_eq!(
        (found.spare, found.data.len()),
        (spare[..68].to_vec(), 0),
        "four of the first page, then those of the next"
    );
    assert_eq!(bench.spare(10240, 64), spare[4..68]);
    assert_eq!(bench.find(8192, 0, Region { offset: 60, length: 4 }, Mode::Raw).unwrap().spare, spare[..4]);
    let more = bench.find(2048, 2048, Region { offset: 0, length: 70 }, Mode::Raw).unwrap();
    assert_eq!((more.data.len(), more.spare.len()), (2048, 70), "spare bytes of more pages than main ones");
}

#[test]
fn programming_a_page_again_clears_more_of_its_bits() {
    let bench = Bench::new("nand,size=1MiB,ecc=0");
    bench.run(program(0, &[0xf0; 2048])).unwrap();
    bench.run(program(0, &[0x3c; 2048])).unwrap();
    assert_eq!(bench.read(0, 2048), [0x30; 2048]);
    bench.run(erase(0, 128 * K)).unwrap();
    assert_eq!(bench.read(0, 2048), [0xff; 2048]);
}

#[test]
fn bad_blocks() {
    let bench = Bench::new("nand,size=1MiB,bad=1+6");
    let bad = |bench: &Bench| {
        (0..8).filter(|n| bench.run(Command::IsBad { at: n * 128 * K }) == Ok(Done::Is(true))).collect::<Vec<_>>()
    };
    assert_eq!((bad(&bench), bench.bad_blocks()), (vec![1, 6], Ok(Done::Count(2))));
    assert_eq!(bench.spare(128 * K, 2), [0, 0xff]);
    bench.run(program(0, &[0; 2048])).unwrap();
    assert_eq!(bench.run(erase(0, 384 * K)), fails(Fault::Bad, 128 * K));
    assert_eq!(bench.read(0, 2048), [0xff; 2048], "what is before it is erased");
    bench.run(program(3 * 128 * K, &[0; 2048])).unwrap();
    assert_eq!(bench.run(Command::MarkBad { at: 3 * 128 * K }), Ok(Done::Nothing));
    assert_eq!(bench.run(Command::MarkBad { at: 3 * 128 * K }), Ok(Done::Nothing));
    assert_eq!(bench.spare(3 * 128 * K, 2), [0, 0xff]);
    assert_eq!(bench.find(3 * 128 * K, 8, NONE, Mode::Raw).unwrap().data, [0xff; 8], "erased first, as Linux does");
    // A marker that is put there by hand is found when it is looked for again.
    bench.run(program_spare(4 * 128 * K, &[], 0, &[0], Mode::Raw)).unwrap();
    assert_eq!(bad(&bench), [1, 3, 6]);
    let bench = bench.replug();
    assert_eq!((bad(&bench), bad(&bench.stand_in())), (vec![1, 3, 4, 6], vec![1, 3, 4, 6]));
    assert_eq!(bench.run(Command::IsLocked { at: 0, length: 128 * K }), Err(Fault::Unsupported.into()));
}

#[test]
fn small_pages_have_their_marker_elsewhere() {
    let bench = Bench::new("nand,size=1MiB,page=512,bad=2");
    assert_eq!(
        (bench.spare(32 * K, 8), bench.bad_blocks()),
        (vec![0xff, 0xff, 0xff, 0xff, 0xff, 0, 0xff, 0xff], Ok(Done::Count(1)))
    );
    bench.run(program(0, &noise(3, 512))).unwrap();
    assert_eq!(bench.find(0, 512, NONE, Mode::Place).unwrap().data, noise(3, 512));
    assert_eq!(bench.spare(0, 6)[4..], [0xff, 0xff]);
}

/// A class keeps to the geometry; one that does not must not reach the cells, or bring the flash down.
#[test]
fn what_is_not_there_cannot_be_had() {
    let bench = Bench::new("nand,size=1MiB");
    let read = |at, length, spare, mode| Command::Read { at, length, spare, mode };
    let spare = |offset, length| Region { offset, length };
    for command in [
        read(1 << 20, 1, NONE, Mode::Place),
        read(u64::MAX, 2, NONE, Mode::Place),
        read(0, usize::MAX, NONE, Mode::Place),
        read(1, 0, spare(0, 1), Mode::Place),
        read(0, 0, spare(64, 1), Mode::Place),
        read(0, 0, spare(38, 1), Mode::Auto),
        read((1 << 20) - 2048, 0, spare(0, 65), Mode::Raw),
        program(1, &[0; 2048]),
        program(0, &[0; 2047]),
        program((1 << 20) - 2048, &[0; 4096]),
        erase(0, 1),
        erase(1, 128 * K),
        erase(0, 2 << 20),
        Command::IsBad { at: 1 << 20 },
        Command::MarkBad { at: 5 },
    ] {
        assert_eq!(bench.run(command.clone()), Err(Fault::Io.into()), "{command:?}");
    }
    assert_eq!(bench.run(read(0, 0, NONE, Mode::Auto)), Ok(Done::Read(Default::default())));
}

/// A gigabyte costs what is programmed of it.
#[test]
fn what_is_erased_takes_no_memory() {
    let resident = || {
        let status = std::fs::read_to_string("/proc/self/statm").unwrap();
        status.split(' ').nth(1).unwrap().parse::<u64>().unwrap() * 4096
    };
    let before = resident();
    let bench = Bench::new("nand,size=1GiB");
    bench.run(program(512 << 20, &noise(1, 2048))).unwrap();
    bench.run(erase(0, 1 << 28)).unwrap();
    assert_eq!(bench.stand_in().read(512 << 20, 2048), noise(1, 2048));
    let grown = resident().saturating_sub(before);
    assert!(grown < 200 << 20, "{grown} bytes for one page");
}

#[test]
fn a_stand_in_goes_its_own_way() {
    let bench = Bench::new("nor,size=64KiB,erase=4KiB");
    bench.run(program(0, &[7])).unwrap();
    bench.run(lock(4 * K, 4 * K, true)).unwrap();
    let flash = bench.stand_in();
    assert_eq!(flash.read(0, 2), [7, 0xff]);
    flash.run(program(0, &[0, 0])).unwrap();
    assert_eq!((bench.read(0, 2), flash.read(0, 2)), (vec![7, 0xff], vec![0, 0]));
    bench.run(erase(0, 4 * K)).unwrap();
    assert_eq!((bench.read(0, 2), flash.read(0, 2)), (vec![0xff, 0xff], vec![0, 0]));
}
