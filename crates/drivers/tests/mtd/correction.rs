//! Error correction: what is corrected, what is noticed, and what is told of it.

use crate::bench::{Bench, NONE, noise, program, program_spare};
use outlive_classes::mtd::{Done, Found, Mode, Region};

fn told(bench: &Bench, at: u64, length: usize, mode: Mode) -> (u32, u32, u32) {
    let Found { corrected, worst, failed, .. } = bench.find(at, length, NONE, mode).unwrap();
    (corrected, worst, failed)
}

#[test]
fn weak_cells_come_out_wrong_and_are_corrected() {
    for (spec, bits) in [
        ("nand,size=1MiB,flips=3*1", 1),
        ("nand,size=1MiB,ecc=4,flips=3*4", 4),
        ("nand,size=1MiB,page=512,flips=3*1", 1),
    ] {
        let bench = Bench::new(spec);
        let page = if spec.contains("512") { 512 } else { 2048 };
        let data = noise(5, 2 * page);
        let at = 3 * page as u64;
        assert_eq!(told(&bench, at, page, Mode::Place), (0, 0, 0), "erased, nothing is wrong");
        for _ in 0..2 {
            bench.run(program(at, &data)).unwrap();
            assert_eq!(
                (bench.read(at, 2 * page), told(&bench, at, 2 * page, Mode::Place)),
                (data.clone(), (bits, bits, 0)),
                "{spec}"
            );
        }
        let raw = bench.find(at, 2 * page, NONE, Mode::Raw).unwrap();
        let wrong: u32 = raw.data.iter().zip(&data).map(|(is, should)| (is ^ should).count_ones()).sum();
        assert_eq!((wrong, raw.corrected, raw.failed), (bits, 0, 0), "{spec}");
        assert_eq!(
            told(&bench, at + page as u64 - 1, 1, Mode::Place),
            if page == 512 && bits > 1 { (bits, bits, 0) } else { (0, 0, 0) },
            "{spec}: the last step is well"
        );
    }
}

#[test]
fn too_many_are_noticed() {
    for spec in ["nand,size=1MiB,flips=3*2", "nand,size=1MiB,ecc=4,flips=3*5"] {
        let bench = Bench::new(spec);
        let data = noise(6, 4096);
        bench.run(program(3 * 2048, &data)).unwrap();
        let found = bench.find(3 * 2048, 4096, NONE, Mode::Auto).unwrap();
        assert_eq!((found.corrected, found.failed), (0, 1), "{spec}");
        assert_ne!(found.data, data, "{spec}");
        assert_eq!(found.data[512..], data[512..], "the rest is as it was, {spec}");
    }
}

/// Reading a part of a page looks at the steps that it touches; with spare bytes, at all of them.
#[test]
fn what_is_not_read_is_not_looked_at() {
    let bench = Bench::new("nand,size=1MiB,flips=0*1");
    bench.run(program(0, &noise(1, 2048))).unwrap();
    assert_eq!(told(&bench, 256, 1792, Mode::Place), (0, 0, 0));
    assert_eq!(told(&bench, 255, 2, Mode::Place), (1, 1, 0));
    let both = bench.find(0, 2048, Region { offset: 0, length: 1 }, Mode::Auto).unwrap();
    assert_eq!((both.corrected, both.worst), (1, 1));
    let spare = bench.find(0, 0, Region { offset: 0, length: 1 }, Mode::Auto).unwrap();
    assert_eq!(spare.corrected, 0);
}

#[test]
fn a_code_written_by_hand_is_held_against_the_data() {
    let bench = Bench::new("nand,size=1MiB");
    let data = noise(7, 2048);
    bench.run(program(0, &data)).unwrap();
    let spare = bench.spare(0, 64);
    let mut wrong = spare.clone();
    wrong[40..43].iter_mut().for_each(|byte| *byte ^= 0x3c);
    bench.run(program_spare(2048, &data, 0, &spare, Mode::Raw)).unwrap();
    bench.run(program_spare(4096, &data, 0, &wrong, Mode::Raw)).unwrap();
    assert_eq!(told(&bench, 2048, 2048, Mode::Place), (0, 0, 0), "the right code, as nandwrite --noecc --oob puts it");
    assert_eq!(told(&bench, 4096, 2048, Mode::Place), (0, 0, 1));
    bench.run(program_spare(6144, &data, 0, &[], Mode::Raw)).unwrap();
    assert!(told(&bench, 6144, 2048, Mode::Place).2 > 0, "no code at all");
    assert_eq!(bench.run(program_spare(8192, &data, 0, &wrong, Mode::Place)), Ok(Done::Nothing));
    assert_eq!(bench.spare(8192, 64)[40..], spare[40..], "with main bytes, the code is reckoned");
}

#[test]
fn weak_cells_by_rate_are_the_same_ones_in_every_run() {
    let raw = |seed: u32| {
        let bench = Bench::new(&format!("nand,size=4MiB,flips=1/20:{seed}"));
        let data = noise(8, 1 << 20);
        bench.run(program(0, &data)).unwrap();
        let (found, steps) = (bench.find(0, 1 << 20, NONE, Mode::Place).unwrap(), (1 << 20) / 256);
        assert_eq!((found.data == data, found.worst, found.failed), (true, 1, 0));
        assert!((steps / 40..steps / 10).contains(&found.corrected), "{}", found.corrected);
        bench.find(0, 1 << 20, NONE, Mode::Raw).unwrap().data
    };
    assert!(raw(1) == raw(1));
    assert!(raw(1) != raw(2));
}

/// Measured: nandsim of Linux 6.1 (Debian, amd64), the same bytes written with pwrite(2), and MEMREADOOB. Chips: id_bytes
/// 0x20,0xaa,0x00,0x15, also with bch=4 and bch=8, and 0x20,0x33.
#[test]
fn the_spare_bytes_are_those_of_nandsim() {
    let hamming = "5a65a7a966679956ab300f33aa5a57030c03cf3f339566a7";
    let bch4 = "879c9b847dd8ef190dac5c365a7f08c5ae22de45cf7a91b9566c36ef";
    let bch8 =
        "a2a4e1addbbd46472a7d572bdbf53dda911f4c2d62404a9864c28b160e712b9b7f304f2a220dd49f42152193ba6b3d3d0a22866a";
    let small = "5a65a7a9ffff6667ffffffffffffffff";
    for (spec, page, spare) in [
        ("nand,size=1MiB", 2048, format!("{}{hamming}", "ff".repeat(40))),
        ("nand,size=1MiB,ecc=4", 2048, format!("{}{bch4}", "ff".repeat(36))),
        ("nand,size=1MiB,ecc=8", 2048, format!("{}{bch8}", "ff".repeat(12))),
        ("nand,size=1MiB,page=512", 512, small.to_owned()),
    ] {
        let bench = Bench::new(spec);
        bench.run(program(0, &noise(12345, page))).unwrap();
        let is: String = bench.spare(0, spare.len() as u32 / 2).iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(is, spare, "{spec}");
    }
}
