//! Flashes that keep their content in a file.

use crate::bench::{Bench, Time, build, erase, fails, noise, program, program_spare, with_file};
use outlive_classes::mtd::{Command, Done, Fault, Mode, Region};
use std::{fs, path::Path, sync::Arc};

const NOR: &str = "nor,size=64KiB,erase=4KiB";
const NAND: &str = "nand,size=256KiB";

fn refusal(spec: &str, path: &Path) -> String {
    let error = build(&with_file(spec, path), &Arc::new(Time::default())).unwrap_err();
    assert_eq!(error.key(), "file");
    error.to_string()
}

#[test]
fn what_was_acknowledged_is_in_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("nor.bin");
    let spec = with_file(NOR, &path);
    let bench = Bench::new(&spec);
    assert_eq!(fs::read(&path).unwrap(), vec![0xff; 64 << 10], "made, and erased");
    bench.run(program(5, &[1, 2, 3])).unwrap();
    assert_eq!(fs::read(&path).unwrap()[4..9], [0xff, 1, 2, 3, 0xff]);
    bench.run(erase(0, 4096)).unwrap();
    assert_eq!(fs::read(&path).unwrap()[4..9], [0xff; 5]);
    bench.run(program(4096, &[7])).unwrap();
    drop(bench);
    assert_eq!(Bench::new(&spec).read(4095, 3), [0xff, 7, 0xff]);
}

#[test]
fn the_image_of_nand_is_page_and_spare_bytes_in_turn() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("nand.bin");
    let spec = format!("{},bad=1", with_file(NAND, &path));
    let bench = Bench::new(&spec);
    let data = noise(1, 4096);
    bench.run(program_spare(2048, &data, 0, &[5; 10], Mode::Auto)).unwrap();
    let image = fs::read(&path).unwrap();
    assert_eq!((image.len(), &image[2112..4160], &image[4224..6272]), (128 * 2112, &data[..2048], &data[2048..]));
    assert_eq!(image[4160..4173], [&[0xff; 2][..], &[5; 10], &[0xff]].concat());
    assert_eq!(image[4160..4224], bench.spare(2048, 64));
    assert_eq!(image[64 * 2112 + 2048..][..2], [0, 0xff], "the bad block's marker");
    bench.run(Command::MarkBad { at: 0 }).unwrap();
    drop(bench);
    let bench = Bench::new(&with_file(NAND, &path));
    assert_eq!(bench.bad_blocks(), Ok(Done::Count(2)), "markers are among the spare bytes, and stay");
}

#[test]
fn a_prepared_image_is_read_and_an_empty_one_filled() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("flash.bin");
    fs::write(&path, noise(3, 64 << 10)).unwrap();
    assert_eq!(Bench::new(&with_file(NOR, &path)).read(0, 64 << 10), noise(3, 64 << 10));
    fs::write(&path, []).unwrap();
    drop(Bench::new(&with_file(NAND, &path)));
    assert_eq!(fs::read(&path).unwrap(), vec![0xff; 128 * 2112]);
}

#[test]
fn a_file_that_does_not_fit_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("flash.bin");
    for (spec, holds) in [(NOR, 65536), (NAND, 128 * 2112)] {
        for size in [1, holds - 1, holds + 1, 2 * holds] {
            fs::write(&path, noise(1, size)).unwrap();
            let refusal = refusal(spec, &path);
            let expected = format!("has {size} bytes, but this flash holds {holds}; give a file of that size");
            assert!(refusal.contains(&expected), "{refusal}");
            assert_eq!(fs::read(&path).unwrap(), noise(1, size));
        }
    }
}

#[test]
fn what_is_no_file_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    assert!(refusal(NOR, folder.path()).contains("not a plain file"));
    assert!(refusal(NOR, "/dev/zero".as_ref()).contains("not a plain file"));
    assert!(refusal(NOR, &folder.path().join("none/nor.bin")).contains("folder does not exist"));
}

#[test]
fn nothing_is_made_for_a_flash_that_cannot_be() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("flash.bin");
    for spec in ["nor,size=3", "nor,torn=x", "nand,ecc=99", "nand,bad=5000", "nand,flips=x"] {
        build(&with_file(spec, &path), &Arc::new(Time::default())).unwrap_err();
        assert!(!path.exists(), "{spec}");
    }
}

#[test]
fn a_file_has_one_flash_at_a_time() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("nor.bin");
    let spec = with_file(NOR, &path);
    let bench = Bench::new(&spec);
    bench.run(program(0, &[1])).unwrap();
    let refusal = refusal(NOR, &path);
    assert!(refusal.contains("in use by another flash") && refusal.contains("unplug that one"), "{refusal}");
    let stand_in = bench.stand_in();
    let bench = bench.replug();
    assert_eq!(bench.read(0, 1), [1], "a replug keeps its file");
    drop(bench);
    let bench = Bench::new(&spec);
    stand_in.run(program(0, &[0])).unwrap();
    assert_eq!((bench.read(0, 1), stand_in.read(0, 1)), (vec![1], vec![0]), "a stand-in has no file");
}

/// Runs `then` with a file that refuses to be written from when the closure it is given is called on, as one on a full disk
/// does.
fn with_a_file_that_fills_up(size: usize, then: impl FnOnce(&Path, &dyn Fn())) {
    use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, memfd_create};
    use std::os::fd::AsRawFd;
    let file = fs::File::from(memfd_create("flash", MemfdFlags::ALLOW_SEALING).unwrap());
    std::io::Write::write_all(&mut &file, &vec![0xff; size]).unwrap();
    let path = format!("/proc/self/fd/{}", file.as_raw_fd());
    then(path.as_ref(), &|| fcntl_add_seals(&file, SealFlags::WRITE).unwrap());
}

#[test]
fn what_cannot_be_kept_fails_and_changes_nothing() {
    with_a_file_that_fills_up(64 << 10, |path, fill_up| {
        let bench = Bench::new(&with_file(NOR, path));
        bench.run(program(0, &[7])).unwrap();
        fill_up();
        assert_eq!(bench.run(program(130, &[0; 100])), fails(Fault::Io, 130));
        assert_eq!(bench.run(erase(0, 8192)), fails(Fault::Io, 0));
        assert_eq!(bench.read(0, 256), [&[7][..], &[0xff; 255]].concat());
    });
    with_a_file_that_fills_up(128 * 2112, |path, fill_up| {
        let bench = Bench::new(&with_file(NAND, path));
        fill_up();
        assert_eq!(bench.run(program(2048, &[0; 4096])), fails(Fault::Io, 2048));
        assert_eq!(bench.run(erase(128 << 10, 128 << 10)), fails(Fault::Io, 128 << 10));
        assert_eq!(bench.run(Command::MarkBad { at: 0 }), fails(Fault::Io, 0));
        assert_eq!(bench.run(Command::IsBad { at: 0 }), Ok(Done::Is(false)), "what is not on record is not so");
        let found = bench.find(0, 256 << 10, Region { offset: 0, length: 64 }, Mode::Place).unwrap();
        assert_eq!((found.data, found.failed), (vec![0xff; 256 << 10], 0));
    });
}

/// A file that somebody cuts off under the flash.
#[test]
fn what_cannot_be_read_fails() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("nor.bin");
    let bench = Bench::new(&with_file(NOR, &path));
    fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(100).unwrap();
    let read =
        |at, length| bench.run(Command::Read { at, length, spare: Region { offset: 0, length: 0 }, mode: Mode::Raw });
    assert_eq!(read(4096, 1), fails(Fault::Io, 4096));
    assert!(read(0, 100).is_ok());
    assert_eq!(bench.run(program(4096, &[0])), fails(Fault::Io, 4096));
    // What comes before the unit that fails is done, although all are tried at once first.
    assert_eq!(bench.run(program(0, &[0; 256])), fails(Fault::Io, 64));
    assert_eq!(bench.read(0, 100), [&[0; 64][..], &[0xff; 36]].concat());
}

/// A disk that is full as the image is to be made: a limit on the size of files, under which this test runs itself again.
#[test]
fn an_image_that_cannot_be_made_leaves_an_empty_file() {
    const PATH: &str = "OUTLIVE_TEST_IMAGE";
    if let Ok(path) = std::env::var(PATH) {
        let refusal = refusal(NOR, path.as_ref());
        assert!(refusal.contains("cannot be filled with 65536 erased bytes"), "{refusal}");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("nor.bin");
    let status = std::process::Command::new("sh")
        .args([
            "-c",
            "trap '' XFSZ; ulimit -f 16; exec \"$0\" --exact files::an_image_that_cannot_be_made_leaves_an_empty_file",
        ])
        .arg(std::env::current_exe().unwrap())
        .env(PATH, &path)
        .stdout(std::process::Stdio::null())
        .status()
        .unwrap();
    assert!(status.success());
    assert_eq!(fs::metadata(&path).unwrap().len(), 0);
    drop(Bench::new(&with_file(NOR, &path)));
    assert_eq!(fs::metadata(&path).unwrap().len(), 64 << 10, "and is good when there is room");
}
