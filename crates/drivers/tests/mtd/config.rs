//! What a lab can say about a flash, and everything that can be wrong with it.

use crate::bench::{Time, build, config};
use outlive_classes::mtd::{Geometry, Kind, Region};
use outlive_drivers::mtd::known_models;
use std::sync::Arc;

fn geometry(spec: &str) -> Geometry {
    build(spec, &Arc::new(Time::default())).unwrap().geometry()
}

fn regions(list: &[(u32, u32)]) -> Vec<Region> {
    list.iter().map(|(offset, length)| Region { offset: *offset, length: *length }).collect()
}

#[test]
fn what_is_said_is_what_it_is_made_of() {
    let nor = geometry("nor,size=1MiB,erase=4KiB,locked=yes");
    assert_eq!((nor.kind, nor.size, nor.erase_size, nor.write_size), (Kind::Nor, 1 << 20, 4096, 1));
    assert!(nor.lockable && nor.locked_at_power_up && !nor.bad_blocks && nor.free.is_empty());
    let ram = geometry("ram");
    assert_eq!((ram.kind, ram.size, ram.erase_size), (Kind::Ram, 4 << 20, 128 << 10));
    assert!(!ram.lockable);
    let nand = geometry("nand");
    assert_eq!((nand.kind, nand.size, nand.erase_size), (Kind::Nand, 128 << 20, 128 << 10));
    assert_eq!((nand.write_size, nand.buffer_size, nand.spare_size), (2048, 2048, 64));
    assert_eq!((nand.ecc_step, nand.ecc_strength, nand.bitflip_threshold), (256, 1, 1));
    assert!(nand.bad_blocks && !nand.lockable);
}

#[test]
fn the_code_has_the_places_that_linux_gives_it() {
    let layout = |spec| {
        let Geometry { free, ecc, .. } = geometry(spec);
        (free, ecc)
    };
    let is = |free: &[(u32, u32)], ecc: &[(u32, u32)]| (regions(free), regions(ecc));
    assert_eq!(layout("nand"), is(&[(2, 38), (64, 0)], &[(40, 24)]));
    assert_eq!(layout("nand,page=2048,oob=128"), is(&[(2, 78), (104, 24)], &[(80, 24)]));
    assert_eq!(layout("nand,page=4096"), is(&[(2, 78), (128, 0)], &[(80, 48)]));
    assert_eq!(layout("nand,page=512"), is(&[(8, 8)], &[(0, 4), (6, 2)]));
    assert_eq!(layout("nand,ecc=4"), is(&[(2, 34)], &[(36, 28)]));
    assert_eq!(layout("nand,ecc=8"), is(&[(2, 10)], &[(12, 52)]));
    assert_eq!(layout("nand,ecc=0"), is(&[(2, 62)], &[]));
    let strong = geometry("nand,ecc=8");
    assert_eq!((strong.ecc_step, strong.ecc_strength, strong.bitflip_threshold), (512, 8, 6));
    let none = geometry("nand,ecc=0");
    assert_eq!((none.ecc_step, none.ecc_strength, none.bitflip_threshold), (0, 0, 0));
}

#[test]
fn names() {
    let name = |spec| build(spec, &Arc::new(Time::default())).unwrap().name();
    assert_eq!((name("nor"), name("nand,name=boot loader")), ("nor".to_owned(), "boot loader".to_owned()));
}

#[test]
fn every_known_model_can_be_had_and_case_does_not_matter() {
    for model in known_models() {
        for name in [model.to_owned(), model.to_uppercase()] {
            build(&format!("{name},tr=1us,tprog=1us,tbers=1ms,torn=random:0x7,name=x"), &Arc::new(Time::default()))
                .unwrap();
        }
    }
    build("nand,size=1GiB,page=16384,ecc=9,bad=0+1023,flips=0*3+65535*1", &Arc::new(Time::default())).unwrap();
    build("nor,size=1KiB,erase=1KiB", &Arc::new(Time::default())).unwrap();
    build("ram,size=100KiB,erase=5KiB", &Arc::new(Time::default())).expect("only pages need powers of two");
}

/// Spec, the key at fault, and the whole message.
#[test]
fn errors_say_what_to_do() {
    let whole = "a flash is a whole number of erase blocks, here of 65536 bytes each";
    let held = "a flash has from one erase block to 1GiB, since it is held in memory";
    let weak =
        "is not weak cells; write pages and how many each has, such as 17*1+40*3, or 1/STEPS:SEED, such as 1/1000:7";
    let torn = "is not a way to be torn; write none, or random: and a seed, such as random:7";
    let hamming = "hamming has a place for pages of 512 bytes with oob=16, of 2048 with oob=64 or 128, and of 4096 with \
                   oob=128; give a number of bits, such as 4";
    let cases = [
        ("flash", "model", "there is no flash chip \"flash\"; known flash chips: nand, nor, ram".to_owned()),
        ("ram,locked=true", "locked", "ram has no key \"locked\"; its keys: erase, file, name, size, tbers, torn, tprog, tr".to_owned()),
        ("nor,page=2048", "page", "nor has no key \"page\"; its keys: erase, file, locked, name, size, tbers, torn, tprog, tr".to_owned()),
        ("nor,size=0", "size", format!("key \"size\": {held}")),
        ("nand,size=2GiB", "size", format!("key \"size\": {held}")),
        ("nor,size=100KiB", "size", format!("key \"size\": {whole}: 65536, for example")),
        ("nor,size=1KiB", "size", format!("key \"size\": {whole}: 65536, for example")),
        ("nor,erase=0", "erase", "key \"erase\": an erase block has from 1KiB to 1GiB".to_owned()),
        ("nand,size=3MiB", "size", "key \"size\": a NAND flash has a power of two of bytes, such as 128MiB".to_owned()),
        ("nand,erase=96KiB", "erase", "key \"erase\": an erase block is pages, here of 2048 bytes each, a power of two of them: 131072, for example".to_owned()),
        ("nand,erase=1KiB", "erase", "key \"erase\": an erase block is pages, here of 2048 bytes each, a power of two of them: 131072, for example".to_owned()),
        ("nand,page=1000", "page", "key \"page\": a page has 512, 2048, 4096, 8192 or 16384 bytes".to_owned()),
        ("nand,oob=1024", "oob", "key \"oob\": an even number of bytes to spare, from 16 to 512 of a page of 2048".to_owned()),
        ("nand,page=512,oob=64", "oob", "key \"oob\": a page of 512 bytes has 16 bytes to spare".to_owned()),
        ("nand,page=8192", "ecc", format!("key \"ecc\": {hamming}")),
        ("nand,page=512,ecc=4", "ecc", "key \"ecc\": hamming or 0 of pages of 512 bytes".to_owned()),
        ("nand,ecc=10", "ecc", "key \"ecc\": up to 9 bits: more of them do not fit into 64 bytes to spare".to_owned()),
        ("nand,oob=512,ecc=40", "ecc", "key \"ecc\": up to 39 bits: more of them do not fit into 512 bytes to spare".to_owned()),
        ("nand,ecc=strong", "ecc", "key \"ecc\": \"strong\" is not an error correction; write hamming, or how many bits of 512 bytes it corrects, such as 4".to_owned()),
        ("nand,bad=3+1024", "bad", "key \"bad\": the blocks of this flash are numbered from 0 to 1023".to_owned()),
        ("nand,bad=3;4", "bad", "key \"bad\": \"3;4\" is not a list of block numbers; write them with + between them, such as 3+17".to_owned()),
        ("nand,flips=65536*1", "flips", "key \"flips\": the pages of this flash are numbered from 0 to 65535".to_owned()),
        ("nand,flips=1*2049", "flips", "key \"flips\": a step of this flash has 2048 bits that can be weak".to_owned()),
        ("nand,flips=some", "flips", format!("key \"flips\": \"some\" {weak}")),
        ("nand,flips=1/0:1", "flips", format!("key \"flips\": \"1/0:1\" {weak}")),
        ("nor,torn=yes", "torn", format!("key \"torn\": \"yes\" {torn}")),
        ("nor,torn=random:", "torn", format!("key \"torn\": \"random:\" {torn}")),
        ("nor,tbers=2h", "tbers", "key \"tbers\": from 0 to 1h".to_owned()),
        ("nor,tprog=5", "tprog", "key \"tprog\": \"5\" is not a duration; write a number and ns, us, ms, s, min or h, such as 5ms".to_owned()),
        ("nor,name=", "name", "key \"name\": from 1 to 64 printable ASCII characters, and no quotation mark".to_owned()),
        ("nor,name=a\"b", "name", "key \"name\": from 1 to 64 printable ASCII characters, and no quotation mark".to_owned()),
    ];
    for (spec, key, message) in cases {
        let error = config(spec).build(Arc::new(Time::default())).unwrap_err();
        assert_eq!((error.key(), error.to_string()), (key, message), "{spec}");
    }
}
