//! What each call answers, what it does, and which fault comes first.

use super::{
    bench::{BASE, Bench, DATA, READ_ONLY, WILD, flags, range, range64},
    flash::{BAD, BLOCK, Behaviour, Memory, PAGE, SIZE, nand, nor, ram},
};
use crate::{
    Access, Answer, Call, Contract, Errno, Plugged,
    mtd::{Chip, Command, Fault, Geometry, Mode, uapi::ioctl::*},
};

use outlive::Numbers;

#[test]
fn info_says_what_it_is() {
    let words =
        |info: &[u8]| -> Vec<u32> { info[..24].as_chunks().0.iter().map(|word| u32::from_ne_bytes(*word)).collect() };
    for (geometry, wanted) in [
        (nor(), [3, 0xc00, SIZE as u32, BLOCK, 1, 0]),
        (ram(), [1, 0x1c00, SIZE as u32, BLOCK, 1, 0]),
        (nand(), [4, 0x400, SIZE as u32, BLOCK, PAGE, 16]),
        (Geometry { locked_at_power_up: true, ..nor() }, [3, 0x2c00, SIZE as u32, BLOCK, 1, 0]),
    ] {
        let bench = Bench::new(geometry);
        bench.arena.put(BASE, &[0xad; 33]);
        assert_eq!(bench.ioctl(MEMGETINFO, BASE), Ok(0));
        let info = bench.arena.get(BASE, 33);
        assert_eq!(words(&info), wanted);
        assert_eq!(info[24..], [0, 0, 0, 0, 0, 0, 0, 0, 0xad]);
    }
    let bench = Bench::new(nor());
    assert_eq!(bench.ioctl(MEMGETINFO, WILD), Err(Errno::FAULT));
    assert_eq!(bench.ioctl(MEMGETINFO, READ_ONLY - 31), Err(Errno::FAULT));
}

#[test]
fn reads_are_cut_at_the_end() {
    let bench = Bench::new(nor());
    bench.flash.put(SIZE - 2, &[1, 2]);
    for (at, size, data) in
        [(SIZE - 2, 2, vec![1, 2]), (SIZE - 2, 3, vec![1, 2]), (SIZE - 1, usize::MAX, vec![2]), (SIZE, 1, vec![])]
    {
        assert_eq!(bench.read(at, size), Ok(data), "{at:#x} {size}");
    }
    assert_eq!(bench.read(u64::MAX, 1), Ok(vec![]));
    assert_eq!(bench.read(0, 0), Ok(vec![]));
    assert_eq!(bench.open(Access::Write).read(0, 1), Err(Errno::BADF));
    let nand = Bench::new(nand());
    assert_eq!(nand.read(u64::from(PAGE) - 1, 2), Ok(vec![0xff; 2]), "of NAND any byte");
}

#[test]
fn writes_are_cut_at_the_end_beyond_which_there_is_no_room() {
    let bench = Bench::new(nor());
    for (at, data, answer) in [
        (5, vec![1, 2, 3], Ok(3)),
        (SIZE - 1, vec![7, 8], Ok(1)),
        (SIZE, vec![1], Err(Errno::NOSPC)),
        (SIZE, vec![], Err(Errno::NOSPC)),
        (u64::MAX, vec![1], Err(Errno::NOSPC)),
        (0, vec![], Ok(0)),
    ] {
        assert_eq!(bench.write(at, &data), answer, "{at:#x} {data:?}");
    }
    assert_eq!((bench.flash.get(5, 3), bench.flash.get(SIZE - 1, 1)), (vec![1, 2, 3], vec![7]));
    assert_eq!(bench.open(Access::Read).write(0, &[1]), Err(Errno::BADF));
}

/// `nand_do_write_ops`: only whole pages.
#[test]
fn nand_is_written_by_pages() {
    let bench = Bench::new(nand());
    let page = vec![5; PAGE as usize];
    for (at, length, answer) in [
        (0, PAGE, Ok(PAGE as i32)),
        (1, PAGE, Err(Errno::INVAL)),
        (0, PAGE - 1, Err(Errno::INVAL)),
        (SIZE - u64::from(PAGE), PAGE, Ok(PAGE as i32)),
    ] {
        assert_eq!(bench.write(at, &page[..length as usize]), answer, "{at:#x} {length}");
    }
    // What is over is cut off before anybody looks at it.
    assert_eq!(bench.write(SIZE - u64::from(PAGE), &vec![5; PAGE as usize + 1]), Ok(PAGE as i32));
}

#[test]
fn a_call_without_a_position_is_none_of_ours() {
    let bench = Bench::new(nor());
    assert_eq!(bench.call(Call::Read { size: 1 }).1, Err(Errno::INVAL));
    assert_eq!(bench.call(Call::Write { data: vec![1] }).1, Err(Errno::INVAL));
    assert_eq!(bench.flash.take_commands(), []);
    assert_eq!(bench.file.size(), SIZE);
}

/// A reader of NAND gets its data, however wrong that is, and hears of it by the statistics.
#[test]
fn what_was_wrong_is_counted_and_read_all_the_same() {
    let bench = Bench::new(nand());
    bench.flash.behave(Behaviour::Flips(2, 1, 0));
    assert_eq!(bench.read(0, 1), Ok(vec![0xff]));
    bench.flash.behave(Behaviour::Flips(0, 0, 1));
    assert_eq!(bench.read(0, 1), Ok(vec![0xff]));
    assert_eq!(bench.ioctl(ECCGETSTATS, DATA), Ok(0));
    assert_eq!([0, 4, 8, 12].map(|at| bench.word(DATA + at)), [2, 1, 1, 0], "corrected, failed, bad, reserved");
    assert_eq!(bench.ioctl(ECCGETSTATS, WILD), Err(Errno::FAULT));
}

#[test]
fn erasing_takes_whole_blocks_that_are_there() {
    let block = u64::from(BLOCK);
    for geometry in [nor(), ram(), nand()] {
        let bench = Bench::new(geometry);
        bench.flash.put(0, &[0; 3 * BLOCK as usize]);
        for (at, length, answer) in [
            (block, block, Ok(0)),
            (0, 0, Ok(0)),
            (1, 0, Ok(0)),
            (1, block, Err(Errno::INVAL)),
            (0, block + 1, Err(Errno::INVAL)),
            (SIZE, 0, Err(Errno::INVAL)),
            (SIZE, block, Err(Errno::INVAL)),
            (SIZE - block, 2 * block, Err(Errno::INVAL)),
            (SIZE - block, block, Ok(0)),
        ] {
            assert_eq!(bench.ioctl_with(MEMERASE, &range(at as u32, length as u32)), answer, "{at:#x} {length:#x}");
            assert_eq!(bench.ioctl_with(MEMERASE64, &range64(at, length)), answer, "{at:#x} {length:#x}");
        }
        assert_eq!(bench.ioctl_with(MEMERASE64, &range64(u64::MAX, u64::MAX)), Err(Errno::INVAL));
        assert_eq!(bench.ioctl_with(MEMERASE64, &range64(0, u64::MAX)), Err(Errno::INVAL));
        assert_eq!((bench.flash.get(block - 1, 2), bench.flash.get(2 * block - 1, 2)), (vec![0, 0xff], vec![0xff, 0]));
        for command in [MEMERASE, MEMERASE64] {
            assert_eq!(bench.ioctl(command, WILD), Err(Errno::FAULT));
            assert_eq!(bench.ioctl(command, 0), Err(Errno::FAULT));
        }
    }
    let bench = Bench::new(nand());
    assert_eq!(bench.ioctl_with(MEMERASE, &range(BAD as u32, BLOCK)), Err(Errno::IO), "a bad block");
}

#[test]
fn the_errors_of_a_flash_are_those_of_its_table() {
    let bench = Bench::new(nor());
    for (fault, errno) in [
        (Fault::Locked, Errno::ROFS),
        (Fault::Bad, Errno::IO),
        (Fault::Io, Errno::IO),
        (Fault::TimedOut, Errno::TIMEDOUT),
        (Fault::Unsupported, Errno::OPNOTSUPP),
        (Fault::Gone, Errno::NODEV),
    ] {
        bench.flash.behave(Behaviour::Fail(fault));
        assert_eq!(bench.read(0, 1), Err(errno));
        assert_eq!(bench.write(0, &[1]), Err(errno));
        assert_eq!(bench.ioctl_with(MEMERASE, &range(0, BLOCK)), Err(errno));
    }
}

/// The first thing that mtdchar asks: may it be written.
#[test]
fn what_changes_a_flash_needs_a_file_for_writing() {
    let dangerous = [
        MEMERASE,
        MEMERASE64,
        MEMLOCK,
        MEMUNLOCK,
        MEMSETBADBLOCK,
        MEMWRITEOOB,
        MEMWRITEOOB64,
        MEMWRITE,
        OTPLOCK,
        OTPERASE,
    ];
    for geometry in [nor(), nand()] {
        let bench = Bench::new(geometry).open(Access::Read);
        for command in dangerous {
            assert_eq!(bench.ioctl(command, WILD), Err(Errno::PERM), "{command:#x}");
        }
        assert_eq!(bench.ioctl(MEMGETINFO, BASE), Ok(0));
        assert_eq!(bench.flash.take_commands(), []);
    }
    let bench = Bench::new(nor());
    for command in dangerous {
        assert_ne!(bench.open(Access::Write).ioctl(command, WILD), Err(Errno::PERM), "{command:#x}");
    }
}

#[test]
fn a_flash_that_cannot_be_written_opens_for_reading_only() {
    let flash = Memory::new(Geometry { writable: false, ..nor() });
    let number = Numbers::new().claim(0).unwrap();
    let chip = Chip::plug_under(Contract::Strict, number, Box::new(flash.clone()), None);
    let bench = Bench::of(chip.into(), flash, Access::Read);
    assert_eq!(bench.read(0, 1), Ok(vec![0xff]));
    for access in [Access::Write, Access::ReadWrite] {
        assert_eq!(bench.chip.open(flags(access)).err(), Some(Errno::ACCESS));
    }
}

#[test]
fn blocks_go_bad_for_good() {
    let bench = Bench::new(nand());
    let at = |at: i64| at.to_ne_bytes();
    for (offset, answer) in [
        (0, Ok(0)),
        (BAD as i64, Ok(1)),
        (BAD as i64 + 1, Ok(1)),
        (SIZE as i64 - 1, Ok(0)),
        (SIZE as i64, Err(Errno::INVAL)),
        (-1, Err(Errno::INVAL)),
    ] {
        assert_eq!(bench.ioctl_with(MEMGETBADBLOCK, &at(offset)), answer, "{offset:#x}");
    }
    assert_eq!(bench.ioctl_with(MEMSETBADBLOCK, &at(SIZE as i64)), Err(Errno::INVAL));
    assert_eq!(bench.ioctl_with(MEMSETBADBLOCK, &at(i64::from(BLOCK) + 5)), Ok(0));
    assert_eq!(bench.ioctl_with(MEMGETBADBLOCK, &at(i64::from(BLOCK))), Ok(1));
    for _ in 0..2 {
        assert_eq!(bench.ioctl_with(MEMSETBADBLOCK, &at(i64::from(BLOCK))), Ok(0), "once more");
        bench.ioctl(ECCGETSTATS, DATA).unwrap();
        assert_eq!(bench.word(DATA + 8), 2);
    }
    let nor = Bench::new(nor());
    assert_eq!(nor.ioctl_with(MEMGETBADBLOCK, &at(0)), Ok(0));
    assert_eq!(nor.ioctl_with(MEMGETBADBLOCK, &at(-1)), Err(Errno::INVAL));
    assert_eq!(nor.ioctl_with(MEMSETBADBLOCK, &at(-1)), Err(Errno::OPNOTSUPP));
    assert_eq!(nor.ioctl(MEMGETBADBLOCK, WILD), Err(Errno::FAULT));
    assert_eq!(nor.ioctl(MEMSETBADBLOCK, WILD), Err(Errno::FAULT));
}

#[test]
fn blocks_are_locked_and_unlocked() {
    let bench = Bench::new(nor());
    assert_eq!(bench.ioctl_with(MEMLOCK, &range(BLOCK, BLOCK)), Ok(0));
    assert_eq!(bench.write(u64::from(BLOCK), &[1]), Err(Errno::ROFS));
    for (at, length, locked) in [(0, BLOCK, 0), (BLOCK, BLOCK, 1), (0, 2 * BLOCK, 0), (BLOCK, 0, 0)] {
        assert_eq!(bench.ioctl_with(MEMISLOCKED, &range(at, length)), Ok(locked), "{at:#x} {length:#x}");
    }
    assert_eq!(bench.ioctl_with(MEMUNLOCK, &range(0, SIZE as u32)), Ok(0));
    assert_eq!(bench.write(u64::from(BLOCK), &[1]), Ok(1));
    for command in [MEMLOCK, MEMUNLOCK, MEMISLOCKED] {
        assert_eq!(bench.ioctl_with(command, &range(1, BLOCK)), Err(Errno::INVAL));
        assert_eq!(bench.ioctl_with(command, &range(0, SIZE as u32 + BLOCK)), Err(Errno::INVAL));
        assert_eq!(bench.ioctl_with(command, &range(SIZE as u32, 0)), Err(Errno::INVAL));
        assert_eq!(bench.ioctl(command, WILD), Err(Errno::FAULT));
        let other = Bench::new(ram());
        assert_eq!(other.ioctl_with(command, &range(SIZE as u32, 0)), Err(Errno::OPNOTSUPP));
        assert_eq!(other.ioctl(command, WILD), Err(Errno::FAULT));
    }
}

/// What drives NAND knows locks until a chip is asked: a range is looked at first. It does not know how to ask for them.
#[test]
fn nand_has_no_locks_where_it_could_have_some() {
    let bench = Bench::new(nand());
    for command in [MEMLOCK, MEMUNLOCK] {
        assert_eq!(bench.ioctl_with(command, &range(0, BLOCK)), Err(Errno::OPNOTSUPP));
        assert_eq!(bench.ioctl_with(command, &range(1, 1)), Err(Errno::OPNOTSUPP));
        assert_eq!(bench.ioctl_with(command, &range(1, 0)), Ok(0));
        assert_eq!(bench.ioctl_with(command, &range(SIZE as u32, 0)), Err(Errno::INVAL));
    }
    assert_eq!(bench.ioctl_with(MEMISLOCKED, &range(SIZE as u32, 0)), Err(Errno::OPNOTSUPP));
    assert_eq!(bench.flash.take_commands(), []);
}

/// `add_mtd_device`
#[test]
fn what_is_locked_at_power_up_is_unlocked_as_it_comes() {
    let bench = Bench::new(Geometry { locked_at_power_up: true, ..nor() });
    assert_eq!(bench.write(0, &[1]), Ok(1));
}

#[test]
fn there_are_no_regions() {
    let bench = Bench::new(nor());
    bench.arena.put(DATA, &[0xad; 4]);
    assert_eq!((bench.ioctl(MEMGETREGIONCOUNT, DATA), bench.word(DATA)), (Ok(0), 0));
    assert_eq!(bench.ioctl(MEMGETREGIONCOUNT, WILD), Err(Errno::FAULT));
    assert_eq!(bench.ioctl_with(MEMGETREGIONINFO, &[0; 16]), Err(Errno::INVAL));
    assert_eq!(bench.ioctl(MEMGETREGIONINFO, WILD), Err(Errno::FAULT));
    assert_eq!(bench.ioctl(MEMGETREGIONINFO, u64::MAX), Err(Errno::FAULT));
}

/// `get_oobinfo` and `shrink_ecclayout`
#[test]
fn layouts_show_where_spare_bytes_go() {
    let bench = Bench::new(nand());
    let words = |count: u64| -> Vec<u32> { (0..count).map(|at| bench.word(DATA + 4 * at)).collect() };
    let free = [[2, 3], [11, 5], [0; 2], [0; 2], [0; 2], [0; 2], [0; 2], [0; 2]].concat();
    assert_eq!(bench.ioctl(MEMGETOOBSEL, DATA), Ok(0));
    let positions: Vec<u32> = (5..11).chain([0; 58]).collect();
    assert_eq!(words(50), [&[2, 6][..], &free, &positions[..32]].concat());
    assert_eq!(bench.ioctl(ECCGETLAYOUT, DATA), Ok(0));
    assert_eq!(words(82), [&[6][..], &positions, &[8], &free].concat());
    for command in [MEMGETOOBSEL, ECCGETLAYOUT] {
        assert_eq!(bench.ioctl(command, WILD), Err(Errno::FAULT));
        assert_eq!(Bench::new(nor()).ioctl(command, WILD), Err(Errno::OPNOTSUPP));
    }
    let region = |offset, length| crate::mtd::Region { offset, length };
    let geometry = Geometry { spare_size: 128, ecc: vec![region(0, 40), region(60, 30)], ..nand() };
    let large = Bench::new(geometry);
    assert_eq!(large.ioctl(MEMGETOOBSEL, DATA), Err(Errno::INVAL), "more positions than there is room for");
    assert_eq!(large.ioctl(ECCGETLAYOUT, DATA), Ok(0));
    assert_eq!((large.word(DATA), large.word(DATA + 4 * 41), large.word(DATA + 4 * 64)), (64, 60, 83));
}

#[test]
fn the_mode_of_a_file_is_its_own() {
    let bench = Bench::new(nand());
    let other = bench.open(Access::ReadWrite);
    let modes = |bench: &Bench| -> Vec<Mode> {
        bench.read(0, 1).unwrap();
        bench.write(0, &[0; PAGE as usize]).unwrap();
        let of = |command| match command {
            Command::Read { mode, .. } | Command::Program { mode, .. } => mode,
            other => panic!("{other:?}"),
        };
        bench.flash.take_commands().into_iter().map(of).collect()
    };
    assert_eq!(bench.ioctl(MTDFILEMODE, 3), Ok(0));
    assert_eq!(modes(&bench), [Mode::Raw; 2]);
    assert_eq!(modes(&other), [Mode::Place; 2]);
    for (mode, answer) in [(1, Err(Errno::OPNOTSUPP)), (2, Err(Errno::OPNOTSUPP)), (4, Err(Errno::INVAL)), (0, Ok(0))] {
        bench.ioctl(MTDFILEMODE, 3).unwrap();
        assert_eq!(bench.ioctl(MTDFILEMODE, mode), answer);
        assert_eq!(modes(&bench), [Mode::Place; 2], "what is refused leaves the normal mode, as Linux does");
    }
    assert_eq!(bench.ioctl(MTDFILEMODE, (1 << 32) | 3), Err(Errno::INVAL));
    assert_eq!(Bench::new(nor()).ioctl(MTDFILEMODE, 3), Err(Errno::OPNOTSUPP), "there is nothing to leave out");
}

#[test]
fn there_is_no_memory_that_is_programmed_once() {
    let bench = Bench::new(nand());
    let select = |mode: i32| bench.ioctl_with(OTPSELECT, &mode.to_ne_bytes());
    assert_eq!((select(0), select(1), select(2)), (Ok(0), Err(Errno::OPNOTSUPP), Err(Errno::OPNOTSUPP)));
    assert_eq!((select(3), select(-1)), (Err(Errno::INVAL), Err(Errno::INVAL)));
    assert_eq!(bench.ioctl(OTPSELECT, WILD), Err(Errno::FAULT));
    for command in [OTPGETREGIONCOUNT, OTPGETREGIONINFO, OTPLOCK, OTPERASE] {
        assert_eq!(bench.ioctl(command, WILD), Err(Errno::INVAL));
    }
}

#[test]
fn other_ioctls_are_none_of_ours() {
    let bench = Bench::new(nor());
    assert_eq!(bench.ioctl(BLKRRPART, WILD), Ok(0));
    for command in [0, 0x4d09, 0x8020_4d00, 0x0001_4d13, 0xffff_ffff] {
        assert_eq!(bench.ioctl(command, 0), Err(Errno::NOTTY), "{command:#x}");
    }
    assert_eq!(bench.call(Call::Ioctl { command: MEMGETINFO, argument: BASE }).1, Ok(Answer::Value(0)));
}
