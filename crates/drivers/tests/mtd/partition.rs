//! Parts of a flash, each a flash of its own.

use crate::bench::{Bench, build, erase, noise, program};
use outlive_classes::mtd::{Command, Done, Flash};
use outlive_drivers::mtd::{Extent, ExtentError, SharedFlash};
use std::sync::Arc;

const K: u64 = 1024;

fn shared(spec: &str) -> SharedFlash {
    SharedFlash::new(build(spec, &Arc::default()).unwrap())
}

fn extent(offset: u64, size: u64) -> Extent {
    Extent { name: "part".to_owned(), offset, size, read_only: false }
}

fn plug(flash: Box<dyn Flash>) -> Bench {
    Bench::plug(Arc::default(), flash)
}

#[test]
fn a_part_is_its_own_range_of_the_whole() {
    let flash = shared("nor,size=64KiB,erase=4KiB");
    let (whole, part) = (plug(flash.whole()), plug(flash.part(extent(8 * K, 12 * K)).unwrap()));
    whole.run(program(8 * K + 5, b"five")).unwrap();
    assert_eq!(part.read(5, 4), b"five");
    part.run(program(12 * K - 3, b"end")).unwrap();
    assert_eq!(whole.read(20 * K - 3, 3), b"end");
    let before = noise(1, 100);
    whole.run(program(8 * K - 100, &before)).unwrap();
    part.run(erase(0, 12 * K)).unwrap();
    assert_eq!((part.read(5, 4), whole.read(8 * K - 100, 100)), (vec![0xff; 4], before));
}

#[test]
fn a_part_counts_its_own_bad_blocks() {
    let flash = shared("nand,size=4MiB,bad=0+3+17");
    let (whole, part) = (plug(flash.whole()), plug(flash.part(extent(2 * 128 * K, 4 * 128 * K)).unwrap()));
    assert_eq!((whole.bad_blocks(), part.bad_blocks()), (Ok(Done::Count(3)), Ok(Done::Count(1))));
    assert_eq!(part.run(Command::IsBad { at: 128 * K }), Ok(Done::Is(true)));
    part.run(Command::MarkBad { at: 0 }).unwrap();
    assert_eq!((whole.bad_blocks(), part.bad_blocks()), (Ok(Done::Count(4)), Ok(Done::Count(2))));
}

#[test]
fn what_a_part_is_made_of_is_what_its_flash_is() {
    let flash = shared("nand,size=4MiB,ecc=4");
    let part = flash.part(Extent { read_only: true, ..extent(128 * K, 256 * K) }).unwrap();
    let (whole, own) = (flash.geometry(), part.geometry());
    assert_eq!(
        (own.size, own.writable, part.offset(), part.name()),
        (256 * K, false, Some(128 * K), "part".to_owned())
    );
    assert_eq!(outlive_classes::mtd::Geometry { size: whole.size, writable: true, ..own }, whole);
    assert_eq!(flash.whole().offset(), None);
}

#[test]
fn a_part_of_a_part_is_a_part() {
    let flash = shared("nor,size=64KiB,erase=4KiB");
    let part = SharedFlash::new(flash.part(extent(8 * K, 16 * K)).unwrap());
    let inner = plug(part.part(extent(4 * K, 4 * K)).unwrap());
    inner.run(program(1, b"x")).unwrap();
    assert_eq!(plug(flash.whole()).read(12 * K + 1, 1), b"x");
}

#[test]
fn a_stand_in_of_a_part_is_a_part_of_a_copy() {
    let flash = shared("nor,size=64KiB,erase=4KiB");
    let (whole, part) = (plug(flash.whole()), plug(flash.part(extent(8 * K, 4 * K)).unwrap()));
    part.run(program(0, b"old")).unwrap();
    let copy = part.stand_in();
    part.run(erase(0, 4 * K)).unwrap();
    copy.run(program(100, b"new")).unwrap();
    assert_eq!((copy.read(0, 3), copy.read(100, 3)), (b"old".to_vec(), b"new".to_vec()));
    assert_eq!(whole.read(8 * K + 100, 3), [0xff; 3]);
}

#[test]
fn what_is_no_part_is_refused() {
    let flash = shared("nor,size=64KiB,erase=4KiB");
    for (offset, size, wanted) in [
        (0, 0, ExtentError::Empty),
        (0, 68 * K, ExtentError::TooLong { size: 64 * K }),
        (64 * K, 4 * K, ExtentError::TooLong { size: 64 * K }),
        (u64::MAX, 4 * K, ExtentError::TooLong { size: 64 * K }),
        (1, 4 * K, ExtentError::Uneven { erase_size: 4096 }),
        (0, 5 * K, ExtentError::Uneven { erase_size: 4096 }),
    ] {
        assert_eq!(flash.part(extent(offset, size)).err(), Some(wanted), "{size} at {offset}");
    }
}
