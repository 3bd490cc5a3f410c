//! EEPROMs, from their data sheets' words.

use crate::bench::{Bench, Part};
use outlive_classes::{Answer, Call, Errno, i2c::uapi::ioctl::*};
use proptest::prelude::*;
use std::time::Duration;

#[test]
fn an_erased_one_reads_as_ff_and_keeps_what_is_written() {
    let bench = Bench::new(&["24c02@0x50"]);
    assert_eq!(bench.read(0x50, &[0], 256), Ok(vec![0xff; 256]));
    bench.write(0x50, &[3, 0xab, 0xcd]).unwrap();
    assert_eq!(bench.read(0x50, &[2], 4), Ok(vec![0xff, 0xab, 0xcd, 0xff]));
    assert_eq!(bench.write(0x51, &[3]), Err(Errno::NXIO));
    let bench = bench.replug();
    assert_eq!(bench.read(0x50, &[3], 2), Ok(vec![0xab, 0xcd]), "it is the same chip after a replug");
}

#[test]
fn sizes_pages_and_addresses_of_the_family() {
    // Model, size, page, bytes of address, bus addresses.
    let family = [
        ("24c01", 128, 8, 1, 1),
        ("24c02", 256, 8, 1, 1),
        ("24c04", 512, 16, 1, 2),
        ("24c08", 1024, 16, 1, 4),
        ("24c16", 2048, 16, 1, 8),
        ("24c32", 4096, 32, 2, 1),
        ("24c64", 8192, 32, 2, 1),
        ("24c128", 16384, 64, 2, 1),
        ("24c256", 32768, 64, 2, 1),
        ("24c512", 65536, 128, 2, 1),
    ];
    for (model, size, page, address_bytes, addresses) in family {
        let bench = Bench::new(&[&format!("{model}@0x50")]);
        let (last, pointer) = pointer(size - 1, address_bytes);
        bench.write(last, &[&pointer[..], &[0xa1]].concat()).unwrap();
        assert_eq!(bench.read(last, &pointer, 2), Ok(vec![0xa1, 0xff]), "{model}: the end leads to the beginning");
        assert_eq!(last, 0x50 + addresses - 1, "{model}");
        assert_eq!(bench.write(last + 1, &[]), Err(Errno::NXIO), "{model}: no more addresses");

        // One byte more than a page: the first is overwritten, within the page.
        let data: Vec<u8> = (0..=page as u8).collect();
        bench.write(0x50, &[&vec![0; address_bytes], &data[..]].concat()).unwrap();
        let expected = [&[page as u8], &data[1..page], &[0xff]].concat();
        assert_eq!(bench.read(0x50, &vec![0; address_bytes], page + 1), Ok(expected), "{model}");
    }
}

/// The bus address and the bytes that point at `offset`.
fn pointer(offset: usize, address_bytes: usize) -> (u16, Vec<u8>) {
    match address_bytes {
        1 => (0x50 + (offset >> 8) as u16, vec![offset as u8]),
        _ => (0x50, (offset as u16).to_be_bytes().to_vec()),
    }
}

#[test]
fn a_page_write_wraps_inside_its_page() {
    let bench = Bench::new(&["24c02@0x50"]);
    bench.write(0x50, &[0x06, 1, 2, 3, 4]).unwrap();
    assert_eq!(bench.read(0x50, &[0], 10), Ok(vec![3, 4, 0xff, 0xff, 0xff, 0xff, 1, 2, 0xff, 0xff]));
}

#[test]
fn reads_go_on_where_the_last_access_ended() {
    let bench = Bench::new(&["24c02@0x50"]);
    bench.select(0x50);
    bench.write(0x50, &[0, 10, 11, 12, 13]).unwrap();
    let read = |size| bench.begin(Call::Read { size }).1.one();
    assert_eq!(bench.begin(Call::Write { data: vec![1] }).1.one(), Ok(Answer::Value(1)));
    assert_eq!(read(2), Ok(Answer::Data(vec![11, 12])));
    assert_eq!(read(1), Ok(Answer::Data(vec![13])));
    bench.write(0x50, &[0xff]).unwrap();
    assert_eq!(read(2), Ok(Answer::Data(vec![0xff, 10])), "from the end on to the beginning");
    assert_eq!(bench.smbus(true, 0, 1, &[]).unwrap()[0], 11, "an SMBus receive byte is a read like any other");
}

#[test]
fn block_select_bits_are_the_high_bits_of_the_address() {
    let bench = Bench::new(&["24c16@0x50"]);
    for block in 0..8_u16 {
        bench.write(0x50 + block, &[0x10, block as u8]).unwrap();
    }
    for block in 0..8_u16 {
        assert_eq!(bench.read(0x50 + block, &[0x10], 1), Ok(vec![block as u8]));
    }
    assert_eq!(bench.read(0x50, &[0xff], 0x12).unwrap()[0x11], 1, "reading goes on into the next block");
}

#[test]
fn only_a_stop_begins_a_write() {
    let bench = Bench::new(&["24c02@0x50", "24c02@0x51"]);
    let write = |data: &[u8]| Part::Write(0, data.to_vec());
    assert_eq!(bench.rdwr(0x50, &[write(&[0, 1, 2]), write(&[0]), Part::Read(0, 1)]), Ok(vec![vec![0xff]]));
    assert_eq!(bench.read(0x50, &[0], 2), Ok(vec![0xff, 0xff]));
}

#[test]
fn during_a_write_cycle_it_does_not_answer() {
    let bench = Bench::new(&["24c02@0x50,twr=5ms"]);
    bench.write(0x50, &[0, 1]).unwrap();
    assert_eq!(bench.write(0x50, &[]), Err(Errno::NXIO));
    assert_eq!(bench.read(0x50, &[0], 1), Err(Errno::NXIO));
    bench.time.pass(Duration::from_millis(4));
    assert_eq!(bench.write(0x50, &[]), Err(Errno::NXIO));
    bench.time.pass(Duration::from_millis(1));
    assert_eq!(bench.read(0x50, &[0], 1), Ok(vec![1]));
    assert_eq!(bench.write(0x50, &[0]), Ok(()), "an address alone begins no cycle");
    assert_eq!(bench.write(0x50, &[]), Ok(()));
}

#[test]
fn a_protected_one_refuses_data() {
    let bench = Bench::new(&["24c02@0x50,wp=true"]);
    assert_eq!(bench.write(0x50, &[0]), Ok(()));
    assert_eq!(bench.write(0x50, &[0, 1]), Err(Errno::REMOTEIO));
    assert_eq!(bench.read(0x50, &[0], 1), Ok(vec![0xff]));
}

#[test]
fn a_claimed_one_is_busy_unless_forced() {
    let bench = Bench::new(&["24c04@0x50,claimed=true", "24c02@0x54"]);
    for address in [0x50, 0x51] {
        assert_eq!(bench.ioctl(I2C_SLAVE, address), Err(Errno::BUSY));
        assert_eq!(bench.ioctl(I2C_SLAVE_FORCE, address), Ok(Answer::Value(0)));
    }
    assert_eq!(bench.ioctl(I2C_SLAVE, 0x54), Ok(Answer::Value(0)));
}

mod files {
    use super::*;
    use crate::bench::chip;
    use outlive_drivers::i2c::Bus;
    use std::{fs, sync::Arc};

    fn spec(path: &std::path::Path) -> String {
        format!("24c02@0x50,file={}", path.display())
    }

    fn refusal(path: &std::path::Path) -> String {
        Bus::new(&[chip(&spec(path))], Arc::new(crate::bench::Time::default())).unwrap_err().to_string()
    }

    #[test]
    fn what_was_acknowledged_is_in_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("eeprom.bin");
        let bench = Bench::new(&[&spec(&path)]);
        assert_eq!(fs::read(&path).unwrap(), [0xff; 256], "made, and erased");
        bench.write(0x50, &[6, 1, 2, 3]).unwrap();
        let kept = fs::read(&path).unwrap();
        assert_eq!((kept[0], &kept[1..6], &kept[6..9]), (3, &[0xff; 5][..], &[1, 2, 0xff][..]));
        drop(bench);
        let bench = Bench::new(&[&spec(&path)]);
        assert_eq!(bench.read(0x50, &[6], 2), Ok(vec![1, 2]));
    }

    #[test]
    fn a_write_that_cannot_be_kept_fails_and_changes_nothing() {
        use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, memfd_create};
        use std::os::fd::AsRawFd;
        // A file that refuses to be written from some moment on, as one on a full disk does.
        let file = fs::File::from(memfd_create("eeprom", MemfdFlags::ALLOW_SEALING).unwrap());
        file.set_len(256).unwrap();
        let bench = Bench::new(&[&spec(format!("/proc/self/fd/{}", file.as_raw_fd()).as_ref())]);
        bench.write(0x50, &[0, 1]).unwrap();
        fcntl_add_seals(&file, SealFlags::WRITE).unwrap();
        assert_eq!(bench.write(0x50, &[0, 2]), Err(Errno::IO));
        assert_eq!(bench.read(0x50, &[0], 1), Ok(vec![1]), "what was refused is not there");
    }

    #[test]
    fn a_file_that_does_not_fit_is_refused_and_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("eeprom.bin");
        for size in [1, 255, 257, 65536] {
            fs::write(&path, vec![7; size]).unwrap();
            let refusal = refusal(&path);
            assert!(refusal.contains("a 24c02 holds 256") && refusal.contains("give a file"), "{refusal}");
            assert_eq!(fs::read(&path).unwrap(), vec![7; size]);
        }
        fs::write(&path, []).unwrap();
        Bench::new(&[&spec(&path)]);
        assert_eq!(fs::read(&path).unwrap(), [0xff; 256], "an empty one becomes an erased chip");
    }

    #[test]
    fn what_is_no_file_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        assert!(refusal(folder.path()).contains("not a plain file"));
        assert!(refusal("/dev/zero".as_ref()).contains("not a plain file"));
        assert!(refusal(&folder.path().join("none/eeprom.bin")).contains("folder does not exist"));
    }

    #[test]
    fn a_protected_chip_only_reads_its_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("eeprom.bin");
        fs::write(&path, [7; 256]).unwrap();
        fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o444)).unwrap();
        let bench = Bench::new(&[&format!("{},wp=true", spec(&path))]);
        assert_eq!(bench.read(0x50, &[0], 1), Ok(vec![7]));
    }
}

proptest! {
    #[test]
    fn smbus_and_plain_transfers_see_the_same_chip(
        operations in prop::collection::vec((any::<u8>(), 0..6_u8, prop::collection::vec(any::<u8>(), 1..33)), 1..30)
    ) {
        let (smbus, plain) = (Bench::new(&["24c02@0x50"]), Bench::new(&["24c02@0x50"]));
        smbus.select(0x50);
        for (register, operation, data) in operations {
            let block = [&[data.len() as u8][..], &data].concat();
            let read = |size| plain.read(0x50, &[register], size).unwrap();
            let write = |bytes: &[u8]| plain.write(0x50, &[&[register], bytes].concat()).unwrap();
            match operation {
                0 => {
                    smbus.smbus(false, register, 2, &data[..1]).unwrap();
                    write(&data[..1]);
                }
                1 => {
                    let word = u16::from_le_bytes([data[0], register]);
                    smbus.smbus(false, register, 3, &word.to_ne_bytes()).unwrap();
                    write(&word.to_le_bytes());
                }
                2 => {
                    smbus.smbus(false, register, 8, &block).unwrap();
                    write(&data);
                }
                3 => prop_assert_eq!(smbus.smbus(true, register, 2, &[]).unwrap()[..1].to_vec(), read(1)),
                4 => {
                    let union = smbus.smbus(true, register, 3, &[]).unwrap();
                    prop_assert_eq!(u16::from_ne_bytes([union[0], union[1]]).to_le_bytes().to_vec(), read(2));
                }
                _ => {
                    let union = smbus.smbus(true, register, 8, &block[..1]).unwrap();
                    prop_assert_eq!(union[1..=data.len()].to_vec(), read(data.len()));
                }
            }
        }
        prop_assert_eq!(smbus.read(0x50, &[0], 256), plain.read(0x50, &[0], 256));
    }
}
