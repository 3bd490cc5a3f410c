//! Pages with their spare bytes: `MEMREADOOB`, `MEMWRITEOOB`, `MEMREAD`, `MEMWRITE`.

use super::{
    bench::{BASE, Bench, DATA, READ_ONLY, SPARES, WILD, oob, oob64, read_request, request},
    flash::{Behaviour, Memory, PAGE, SIZE, SPARE, nand, nor},
};
use crate::{
    Contract, Errno,
    mtd::{Command, Fault, Geometry, Mode, Region, uapi::ioctl::*},
};

const WORK: u64 = PAGE as u64;

#[test]
fn spare_bytes_are_read_from_a_page_and_those_after_it() {
    let bench = Bench::new(nand());
    bench.flash.put_spare(1, &[1, 2, 3, 4]);
    bench.flash.put_spare(2, &[5]);
    for (start, length, bytes) in [
        (PAGE, 4, vec![1, 2, 3, 4]),
        (PAGE + 1, 3, vec![2, 3, 4]),
        (PAGE, 17, [&[1, 2, 3, 4][..], &[0xff; 12], &[5]].concat()),
    ] {
        assert_eq!(bench.ioctl_with(MEMREADOOB, &oob(start, length, DATA)), Ok(0), "{start:#x} {length}");
        assert_eq!((bench.word(BASE), bench.arena.get(DATA, length as usize)), (length, bytes.clone()));
        assert_eq!(bench.ioctl_with(MEMREADOOB64, &oob64(start.into(), length, DATA)), Ok(0));
        assert_eq!((bench.word(BASE + 12), bench.arena.get(DATA, length as usize)), (length, bytes));
    }
}

/// In the order of `mtdchar_readoob`; where the number of bytes is told in spite of an error, it is 0.
#[test]
fn reading_spare_bytes_fails_as_in_linux() {
    let bench = Bench::new(nand());
    let whole = (SIZE / WORK) as u32 * SPARE;
    for (start, length, answer, told) in [
        (0, 4097, Err(Errno::INVAL), false),
        (1, SPARE, Err(Errno::INVAL), false),
        (1, SPARE - 1, Ok(0), true),
        (u64::from(SPARE), 1, Err(Errno::INVAL), false),
        (u64::from(SPARE) + 1, 1, Err(Errno::INVAL), true),
        (SIZE, 1, Err(Errno::INVAL), true),
        (SIZE + WORK, 0, Err(Errno::INVAL), true),
        (u64::MAX - 511, 1, Err(Errno::INVAL), true),
        (SIZE - WORK, SPARE + 1, Err(Errno::INVAL), true),
        (0, whole, Ok(0), true),
        (0, whole + 1, Err(Errno::INVAL), true),
        (0, 0, Ok(0), true),
    ] {
        let bytes = oob64(start, length, DATA);
        assert_eq!(bench.ioctl_with(MEMREADOOB64, &bytes), answer, "{start:#x} {length}");
        let wanted = if !told || answer.is_ok() { length } else { 0 };
        assert_eq!(bench.word(BASE + 12), wanted, "{start:#x} {length}");
    }
    assert_eq!(bench.ioctl(MEMREADOOB, WILD), Err(Errno::FAULT));
    assert_eq!(bench.ioctl_with(MEMREADOOB, &oob(0, 1, WILD)), Err(Errno::FAULT));
    assert_eq!(bench.word(BASE), 1, "the number is told before the bytes are");
    bench.arena.put(READ_ONLY, &oob(0, 1, DATA));
    assert_eq!(bench.ioctl(MEMREADOOB, READ_ONLY), Err(Errno::FAULT));
    bench.flash.behave(Behaviour::Fail(Fault::TimedOut));
    assert_eq!(bench.ioctl_with(MEMREADOOB, &oob(0, 1, DATA)), Err(Errno::TIMEDOUT));
    assert_eq!(bench.word(BASE), 0);
    bench.flash.behave(Behaviour::Flips(1, 1, 1));
    assert_eq!(bench.ioctl_with(MEMREADOOB, &oob(0, 1, DATA)), Ok(0), "wrong or not");
    let nor = Bench::new(nor());
    assert_eq!(nor.ioctl_with(MEMREADOOB, &oob(0, 1, DATA)), Err(Errno::INVAL));
    assert_eq!(nor.ioctl_with(MEMREADOOB, &oob(0, 0, DATA)), Err(Errno::OPNOTSUPP));
}

#[test]
fn spare_bytes_are_written_to_one_page() {
    let bench = Bench::new(nand());
    bench.arena.put(DATA, &(0..64).collect::<Vec<u8>>());
    for (start, length, answer, told) in [
        (WORK, SPARE, Ok(0), true),
        (WORK + 4, 2, Ok(0), true),
        (WORK + 4, SPARE - 3, Err(Errno::INVAL), false),
        (WORK, SPARE + 1, Err(Errno::INVAL), true),
        (SIZE, 1, Err(Errno::INVAL), true),
        (0, 4097, Err(Errno::INVAL), false),
        (0, 0, Ok(0), true),
    ] {
        assert_eq!(bench.ioctl_with(MEMWRITEOOB64, &oob64(start, length, DATA)), answer, "{start:#x} {length}");
        let wanted = if !told || answer.is_ok() { length } else { 0 };
        assert_eq!(bench.word(BASE + 12), wanted, "{start:#x} {length}");
    }
    let wanted: Vec<u8> = (0..4).chain([0, 1]).chain(6..16).collect();
    assert_eq!(bench.flash.spare(1), wanted);
    assert_eq!(bench.ioctl_with(MEMWRITEOOB, &oob(0, 1, DATA)), Ok(0));
    assert_eq!(bench.word(BASE + 4), 1);
    assert_eq!(bench.ioctl_with(MEMWRITEOOB, &oob(0, 1, WILD)), Err(Errno::FAULT));
    assert_eq!(bench.ioctl(MEMWRITEOOB, WILD), Err(Errno::FAULT));
    bench.flash.behave(Behaviour::Fail(Fault::Io));
    assert_eq!(bench.ioctl_with(MEMWRITEOOB, &oob(0, 1, DATA)), Err(Errno::IO));
    assert_eq!(bench.word(BASE + 4), 0);
    let nor = Bench::new(nor());
    assert_eq!(nor.ioctl_with(MEMWRITEOOB, &oob(0, 4097, DATA)), Err(Errno::INVAL));
    assert_eq!(nor.ioctl_with(MEMWRITEOOB, &oob(1, 1, WILD)), Err(Errno::OPNOTSUPP));
}

#[test]
fn a_file_in_raw_mode_reads_spare_bytes_raw() {
    let bench = Bench::new(nand());
    bench.ioctl(MTDFILEMODE, 3).unwrap();
    bench.ioctl_with(MEMREADOOB, &oob(0, 1, DATA)).unwrap();
    let spare = Region { offset: 0, length: 1 };
    assert_eq!(bench.flash.take_commands(), [Command::Read { at: 0, length: 0, spare, mode: Mode::Raw }]);
}

#[test]
fn pages_are_written_with_their_spare_bytes() {
    let bench = Bench::new(nand());
    let data: Vec<u8> = (0..2 * PAGE).map(|it| it as u8).collect();
    bench.arena.put(DATA, &data);
    bench.arena.put(SPARES, &(100..200).collect::<Vec<u8>>());
    assert_eq!(bench.ioctl_with(MEMWRITE, &request(WORK, 2 * WORK, 32, DATA, SPARES, 0)), Ok(0));
    assert_eq!(bench.flash.get(WORK, 1024), data);
    assert_eq!((bench.flash.spare(1), bench.flash.spare(2)), ((100..116).collect(), (116..132).collect()));
    // In auto mode eight of a page are free; what is over is not written.
    assert_eq!(bench.ioctl_with(MEMWRITE, &request(0, WORK, 50, DATA, SPARES, 1)), Ok(0));
    let free = [&[0xff, 0xff, 100, 101, 102][..], &[0xff; 6], &[103, 104, 105, 106, 107]].concat();
    assert_eq!(bench.flash.spare(0), free);
    assert_eq!(bench.ioctl_with(MEMWRITE, &request(3 * WORK, 0, 2, 0, SPARES, 2)), Ok(0));
    assert_eq!(bench.flash.spare(3)[..3], [100, 101, 0xff]);
}

/// In the order of `mtdchar_write_ioctl`, and of what it calls.
#[test]
fn writing_pages_fails_as_in_linux() {
    let bench = Bench::new(nand());
    for (request, answer) in [
        (request(0, WORK, 0, 0, 0, 9), Ok(0)),
        (request(0, 0, 5, DATA, SPARES, 9), Ok(0)),
        (request(SIZE, 1, 0, DATA, 0, 9), Err(Errno::INVAL)),
        (request(u64::MAX, 1, 0, DATA, 0, 0), Err(Errno::INVAL)),
        (request(1, u64::MAX, 0, DATA, 0, 0), Err(Errno::INVAL)),
        (request(1, WORK, 0, WILD, 0, 9), Err(Errno::FAULT)),
        (request(0, WORK, 1, DATA, WILD, 9), Err(Errno::FAULT)),
        (request(0, WORK, 0, DATA, 0, 3), Err(Errno::OPNOTSUPP)),
        (request(1, WORK, 0, DATA, 0, 0), Err(Errno::INVAL)),
        (request(0, WORK - 1, 0, DATA, 0, 0), Err(Errno::INVAL)),
        (request(0, 0, u64::from(SPARE) + 1, 0, SPARES, 0), Err(Errno::INVAL)),
        (request(0, 0, 9, 0, SPARES, 1), Err(Errno::INVAL)),
        // Of a length 32 bits count.
        (request(0, (1 << 32) | WORK, 0, DATA, 0, 0), Ok(0)),
    ] {
        assert_eq!(bench.ioctl_with(MEMWRITE, &request), answer, "{request:?}");
    }
    assert_eq!(bench.ioctl(MEMWRITE, WILD), Err(Errno::FAULT));
    assert_eq!(Bench::new(nor()).ioctl_with(MEMWRITE, &request(u64::MAX, 1, 0, WILD, 0, 9)), Err(Errno::OPNOTSUPP));
}

/// The fields that a `MEMREAD` writes back: start, len, ooblen, and what was wrong.
fn written_back(bench: &Bench) -> ([u64; 3], [u32; 3]) {
    let word = |at| u64::from_ne_bytes(bench.arena.get(BASE + at, 8).try_into().unwrap());
    ([0, 8, 16].map(word), [48, 52, 56].map(|at| bench.word(BASE + at)))
}

#[test]
fn pages_are_read_with_their_spare_bytes() {
    let bench = Bench::new(nand());
    bench.flash.put(0, &(0..=255).cycle().take(1024).collect::<Vec<u8>>());
    bench.flash.put_spare(0, &(0..16).collect::<Vec<u8>>());
    bench.flash.put_spare(1, &(16..32).collect::<Vec<u8>>());
    assert_eq!(bench.ioctl_with(MEMREAD, &read_request(0, 2 * WORK, 32, DATA, SPARES, 0)), Ok(0));
    assert_eq!(bench.arena.get(DATA, 1024), bench.flash.get(0, 1024));
    assert_eq!(bench.arena.get(SPARES, 32), (0..32).collect::<Vec<u8>>());
    assert_eq!(written_back(&bench), ([1024, 1024, 32], [0; 3]));
    // From the middle of a page, with the spare bytes of both, and not more than there are.
    assert_eq!(bench.ioctl_with(MEMREAD, &read_request(500, 20, 99, DATA, SPARES, 1)), Ok(0));
    assert_eq!(bench.arena.get(DATA, 20), bench.flash.get(500, 20));
    let free = [2, 3, 4, 11, 12, 13, 14, 15];
    assert_eq!(bench.arena.get(SPARES, 16), [free, free.map(|it| it + 16)].concat());
    assert_eq!(written_back(&bench), ([520, 20, 16], [0; 3]));
    // Spare bytes alone, of as many pages as it takes.
    assert_eq!(bench.ioctl_with(MEMREAD, &read_request(0, 7, 20, 0, SPARES, 2)), Ok(0));
    assert_eq!(bench.arena.get(SPARES, 20), (0..20).collect::<Vec<u8>>());
    assert_eq!(written_back(&bench), ([0, 7, 20], [0; 3]));
}

#[test]
fn reading_pages_tells_what_was_wrong() {
    let bench = Bench::new(nand());
    for (behaviour, answer, statistics) in [
        (Behaviour::Flips(3, 2, 0), Err(Errno::UCLEAN), [0, 3, 2]),
        (Behaviour::Flips(3, 2, 1), Err(Errno::BADMSG), [1, 3, 2]),
        (Behaviour::Flips(0, 0, 2), Err(Errno::BADMSG), [2, 0, 0]),
    ] {
        bench.flash.behave(behaviour);
        bench.arena.put(DATA, &[0; 4]);
        assert_eq!(bench.ioctl_with(MEMREAD, &read_request(0, 4, 0, DATA, 0, 0)), answer);
        assert_eq!(written_back(&bench), ([4, 4, 0], statistics));
        assert_eq!(bench.arena.get(DATA, 4), [0xff; 4], "the data is there all the same");
    }
}

/// In the order of `mtdchar_read_ioctl`: whatever comes after the request has been read is written back to it.
#[test]
fn reading_pages_fails_as_in_linux() {
    let bench = Bench::new(nand());
    let most = (SIZE / WORK) * u64::from(SPARE);
    for (request, answer) in [
        (read_request(SIZE, 1, 0, DATA, 0, 0), Err(Errno::INVAL)),
        (read_request(u64::MAX, 1, 0, DATA, 0, 0), Err(Errno::INVAL)),
        (read_request(0, u64::MAX, 0, DATA, 0, 0), Err(Errno::INVAL)),
        (read_request(0, 1, 0, DATA, 0, 7), Err(Errno::OPNOTSUPP)),
        (read_request(0, 0, most + 1, 0, SPARES, 0), Err(Errno::INVAL)),
        (read_request(SIZE - WORK, WORK, u64::from(SPARE) + 1, DATA, SPARES, 0), Err(Errno::INVAL)),
        (read_request(0, 1, 0, WILD, 0, 0), Err(Errno::FAULT)),
        (read_request(0, 1, 1, DATA, WILD, 0), Err(Errno::FAULT)),
    ] {
        assert_eq!(bench.ioctl_with(MEMREAD, &request), answer, "{request:?}");
        let (lengths, statistics) = written_back(&bench);
        assert_eq!(statistics, [0; 3], "{request:?}");
        assert_eq!(lengths[1] & 0xffff_ffff, 0, "nothing was read: {request:?}");
    }
    bench.flash.behave(Behaviour::Fail(Fault::Io));
    assert_eq!(bench.ioctl_with(MEMREAD, &read_request(0, 1, 5, DATA, SPARES, 0)), Err(Errno::IO));
    assert_eq!(written_back(&bench), ([0; 3], [0; 3]));
    assert_eq!(bench.ioctl_with(MEMREAD, &read_request(0, 0, 5, DATA, SPARES, 0)), Ok(0), "nothing to do");
    assert_eq!(bench.ioctl(MEMREAD, WILD), Err(Errno::FAULT));
    bench.arena.put(READ_ONLY, &read_request(0, 0, 0, 0, 0, 0));
    assert_eq!(bench.ioctl(MEMREAD, READ_ONLY), Err(Errno::FAULT));
    assert_eq!(Bench::new(nor()).ioctl_with(MEMREAD, &read_request(0, 1, 0, DATA, 0, 0)), Err(Errno::OPNOTSUPP));
}

/// What one request may have is bounded, whatever the flash has.
#[test]
fn a_request_for_more_than_there_is_memory_for_is_refused_without_any() {
    let geometry = Geometry { size: 1 << 32, erase_size: 1 << 20, write_size: 1 << 16, ..nand() };
    let bench = Bench::with(Contract::Strict, Memory::with(geometry, 0));
    assert_eq!(bench.ioctl_with(MEMWRITE, &request(0, 1 << 31, 0, DATA, 0, 0)), Err(Errno::NOMEM));
    assert_eq!(bench.ioctl_with(MEMREAD, &read_request(0, 1 << 31, 0, DATA, 0, 0)), Err(Errno::NOMEM));
    assert_eq!(bench.flash.take_commands(), []);
}
