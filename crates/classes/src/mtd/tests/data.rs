//! What calls are named, and the data that goes over with them: what `trace` shows.

use super::{
    bench::{BASE, Bench, DATA, Data, SPARES, WILD, oob, oob64, range, range64, read_request, request},
    flash::{BLOCK, PAGE, nand},
};
use crate::{
    Call, Payload,
    mtd::uapi::ioctl::{self, *},
};

fn partition(start: i64, length: i64, number: i32, name: &[u8]) -> Vec<u8> {
    let mut bytes = [start.to_ne_bytes(), length.to_ne_bytes()].concat();
    bytes.extend(number.to_ne_bytes());
    bytes.extend(name);
    bytes.resize(152, 0);
    bytes
}

fn blkpg(op: i32) -> Vec<u8> {
    [&op.to_ne_bytes()[..], &[0; 12], &DATA.to_ne_bytes()].concat()
}

#[test]
fn calls_are_named_as_their_class_names_them() {
    let bench = Bench::new(nand());
    let named = |command, structure: &[u8]| {
        bench.arena.put(DATA, &partition(0x1000, 0x2000, 5, b"boot"));
        bench.arena.put(BASE, structure);
        bench.call(Call::Ioctl { command, argument: BASE }).0
    };
    let block = BLOCK.into();
    for (command, structure, name) in [
        (MEMERASE, range(0, 0x10000), "MEMERASE 0x0 len 0x10000"),
        (MEMERASE64, range64(1 << 32, 0x10000), "MEMERASE64 0x100000000 len 0x10000"),
        (MEMLOCK, range(BLOCK, BLOCK), "MEMLOCK 0x1000 len 0x1000"),
        (MEMUNLOCK, range(BLOCK, BLOCK), "MEMUNLOCK 0x1000 len 0x1000"),
        (MEMISLOCKED, range(BLOCK, BLOCK), "MEMISLOCKED 0x1000 len 0x1000"),
        (MEMGETBADBLOCK, range64(block, 0), "MEMGETBADBLOCK 0x1000"),
        (MEMSETBADBLOCK, range64(block, 0), "MEMSETBADBLOCK 0x1000"),
        (MEMREADOOB, oob(512, 16, 0), "MEMREADOOB 0x200 len 16"),
        (MEMREADOOB64, oob64(512, 16, 0), "MEMREADOOB64 0x200 len 16"),
        (MEMWRITEOOB, oob(512, 16, 0), "MEMWRITEOOB 0x200 len 16"),
        (MEMWRITEOOB64, oob64(512, 16, 0), "MEMWRITEOOB64 0x200 len 16"),
        (MEMREAD, read_request(0x800, 512, 0, DATA, 0, 0), "MEMREAD 0x800 len 512"),
        (MEMREAD, read_request(0x800, 512, 16, DATA, SPARES, 1), "MEMREAD 0x800 len 512 oob 16 auto"),
        (MEMWRITE, request(0x800, 0, 16, 0, SPARES, 2), "MEMWRITE 0x800 oob 16 raw"),
        (MEMWRITE, request(0x800, 1, 0, DATA, 0, 9), "MEMWRITE 0x800 len 1 mode 9 (unknown)"),
        (BLKPG, blkpg(1), "BLKPG add \"boot\" 0x1000 len 0x2000"),
        (BLKPG, blkpg(2), "BLKPG delete 5"),
        (BLKPG, blkpg(7), "BLKPG 7"),
        (MEMGETINFO, vec![], "MEMGETINFO"),
        (ECCGETSTATS, vec![], "ECCGETSTATS"),
        (OTPSELECT, vec![1, 0, 0, 0], "OTPSELECT 1"),
        (0x1234, vec![], "ioctl 0x1234 (unknown)"),
    ] {
        assert_eq!(named(command, &structure), name);
    }
    let name = |call| bench.call(call).0;
    assert_eq!(name(Call::ReadAt { at: 0x2000, size: 4096 }), "read 4096 at 0x2000");
    assert_eq!(name(Call::WriteAt { at: 0x200, data: vec![0; 3] }), "write 3 at 0x200");
    assert_eq!(name(Call::Read { size: 1 }), "read without a position");
    assert_eq!(name(Call::Ioctl { command: MTDFILEMODE, argument: 3 }), "MTDFILEMODE 3");
    assert_eq!(name(Call::Ioctl { command: MEMERASE, argument: WILD }), "MEMERASE with unreadable memory");
    let reader = bench.open(crate::Access::Read);
    assert_eq!(reader.call(Call::Ioctl { command: MEMERASE, argument: WILD }).0, "MEMERASE");
}

#[test]
fn data_goes_along() {
    let bench = Bench::new(nand());
    bench.arena.put(DATA, &[7; PAGE as usize]);
    bench.arena.put(SPARES, &[8; 2]);
    let data = |call| bench.begin(call).1.data();
    let ioctl = |command, structure: &[u8]| {
        bench.arena.put(BASE, structure);
        data(Call::Ioctl { command, argument: BASE })
    };
    let pieces = |pieces: &[&[u8]]| Some(Payload::Pieces(pieces.iter().map(|piece| piece.to_vec()).collect()));
    let page = [7; PAGE as usize];
    let sent = |sent| Data { sent, brought: None };
    let brought = |brought| Data { sent: None, brought };
    assert_eq!(data(Call::WriteAt { at: 0, data: page.to_vec() }), sent(pieces(&[&page])));
    assert_eq!(data(Call::ReadAt { at: 0, size: 3 }), Data::default(), "the answer is what was read");
    let written = request(0, PAGE.into(), 2, DATA, SPARES, 0);
    assert_eq!(ioctl(MEMWRITE, &written), sent(pieces(&[&page, &[8, 8]])));
    assert_eq!(ioctl(MEMWRITEOOB, &oob(0, 2, SPARES)), sent(pieces(&[&[8, 8]])));
    assert_eq!(ioctl(MEMREADOOB, &oob(0, 3, DATA)), brought(pieces(&[&[8, 8, 0xff]])));
    let read = read_request(510, 4, 1, DATA, SPARES, 0);
    assert_eq!(ioctl(MEMREAD, &read), brought(pieces(&[&[7, 7, 0xff, 0xff], &[8]])));
    assert_eq!(ioctl(MEMERASE, &range(0, BLOCK)), Data::default());
    assert_eq!(ioctl(MEMWRITE, &request(0, 1, 0, DATA, 0, 0)), Data::default(), "nothing of what is refused");
    assert!(ioctl(ioctl::ECCGETSTATS, &[]).brought.is_some());
}
