//! What is around a flash in /sys and /proc.

use super::{
    bench::{BASE, Bench},
    flash::{BLOCK, Behaviour, nand, nor},
};
use crate::{Plugged, mtd::uapi::ioctl::MEMSETBADBLOCK, surroundings::Content};

/// What the attribute says, or the line of a file.
fn shows(bench: &Bench, path: &str) -> String {
    let shown = bench.chip.surroundings();
    let entry = shown.entries().iter().find(|entry| entry.path == path).unwrap_or_else(|| panic!("no {path}"));
    match &entry.content {
        Content::Attribute(show) => String::from_utf8(show().unwrap()).unwrap(),
        Content::Line { header, line } => format!("{header}{line}"),
        other => panic!("{path}: {other:?}"),
    }
}

#[test]
fn attributes_are_those_that_libmtd_reads() {
    let directory = "/sys/devices/platform/outlive.0/mtd/mtd0";
    let of_nand = [
        ("type", "nand"),
        ("flags", "0x400"),
        ("size", "32768"),
        ("erasesize", "4096"),
        ("writesize", "512"),
        ("subpagesize", "512"),
        ("oobsize", "16"),
        ("oobavail", "8"),
        ("numeraseregions", "0"),
        ("name", "test flash"),
        ("ecc_strength", "4"),
        ("ecc_step_size", "512"),
        ("bitflip_threshold", "3"),
        ("corrected_bits", "0"),
        ("ecc_failures", "0"),
        ("bad_blocks", "1"),
        ("bbt_blocks", "0"),
        ("dev", "90:0"),
    ];
    let bench = Bench::new(nand());
    for (attribute, value) in of_nand {
        assert_eq!(shows(&bench, &format!("{directory}/{attribute}")), format!("{value}\n"), "{attribute}");
    }
    let bench = Bench::new(nor());
    for (attribute, value) in [("type", "nor"), ("flags", "0xc00"), ("writesize", "1"), ("bad_blocks", "0")] {
        assert_eq!(shows(&bench, &format!("{directory}/{attribute}")), format!("{value}\n"), "{attribute}");
    }
    let paths: Vec<_> = bench.chip.surroundings().entries().iter().map(|entry| entry.path.clone()).collect();
    for path in ["/sys/class/mtd/mtd0", "/sys/class/mtd/mtd0ro", "/sys/dev/char/90:0", "/sys/dev/char/90:1"] {
        assert!(paths.iter().any(|it| it == path), "{path}");
    }
    assert!(!paths.contains(&format!("{directory}/offset")), "only a partition has one");
    assert!(!paths.contains(&format!("{directory}ro/type")), "the read-only one has no attributes of a flash");
}

#[test]
fn counters_say_what_has_been_counted() {
    let bench = Bench::new(nand());
    let directory = "/sys/devices/platform/outlive.0/mtd/mtd0";
    bench.flash.behave(Behaviour::Flips(7, 1, 2));
    bench.read(0, 1).unwrap();
    bench.flash.behave(Behaviour::Prompt);
    bench.ioctl_with(MEMSETBADBLOCK, &i64::from(BLOCK).to_ne_bytes()).unwrap();
    for (attribute, value) in [("corrected_bits", "7\n"), ("ecc_failures", "2\n"), ("bad_blocks", "2\n")] {
        assert_eq!(shows(&bench, &format!("{directory}/{attribute}")), value);
    }
    assert!(bench.ioctl(0, BASE).is_err());
}

#[test]
fn a_flash_has_its_line_in_proc_mtd() {
    let wanted = "dev:    size   erasesize  name\nmtd0: 00008000 00001000 \"test flash\"\n";
    assert_eq!(shows(&Bench::new(nor()), "/proc/mtd"), wanted);
}
