//! Flashes: mtd-utils and other programs on them, alive and gone, as a whole and by their parts.

use crate::stage::{Live, PATIENCE, Run, Who, client, everybody, outlive};
use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

const ROADS: [&str; 3] = ["fuse", "trap", "plain"];
const NOR: &str = "mtd:nor,num=0,size=1MiB,erase=64KiB";
const NAND: &str = "mtd:nand,num=0,size=4MiB,bad=3+17";
const RAM: &str = "mtd:ram,num=0,size=1MiB,erase=64KiB";
/// Each erase block takes so long that a program can be caught in the middle.
const SLOW: &str = "mtd:nor,num=0,size=1MiB,erase=64KiB,tbers=100ms";

/// Devices on a road, for somebody.
fn on(road: &str, who: Who, devices: &[&str]) -> Run {
    // Of the road that the other tests take this time, its client knows from the stage.
    let run = Run::with(devices).by(who).without("OUTLIVE_CLIENT_PLAIN").env("OUTLIVE_ROAD", road);
    match road {
        "plain" => run.env("OUTLIVE_CLIENT_PLAIN", "1"),
        "fuse" => run.env("OUTLIVE_CLIENT_FUSE", "1"),
        _ => run,
    }
}

fn shell(road: &str, who: Who, device: &str, script: &str) -> String {
    on(road, who, &[device]).expect(0, ["sh", "-ec", script])
}

/// A folder that everybody may use.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o777)).unwrap();
    folder
}

/// A file with `size` bytes that do not repeat.
fn image(folder: &Path, size: usize) -> PathBuf {
    let path = folder.join("image");
    fs::write(&path, bytes(size)).unwrap();
    path
}

fn bytes(size: usize) -> Vec<u8> {
    (0..size as u32).map(|at| (at.wrapping_mul(2_654_435_761) >> 24) as u8).collect()
}

/// Every check of the client must hold, on each road, for everybody.
fn checks(device: &str, word: &str) {
    for who in everybody() {
        for (road, linked) in ROADS.into_iter().zip(["shared", "static", "shared"]) {
            let program = client("mtd", linked);
            let text = on(road, who, &[device]).expect(0, [program.to_str().unwrap(), word]);
            assert!(text.contains(" ok, 0 failed") && !text.contains("FAIL"), "{road} {who:?}: {text}");
        }
    }
}

#[test]
fn a_position_is_the_open_files() {
    checks(RAM, "position");
}

/// In pieces that are whole pages, wherever the client's memory begins.
#[test]
fn large_transfers_arrive_whole() {
    checks("mtd:ram,num=0,size=8MiB", "large");
}

#[test]
fn what_a_flash_does_not_do_is_refused() {
    checks(NOR, "refused");
}

#[test]
fn bad_pointers_and_lengths_break_nothing() {
    checks(NOR, "hostile");
    checks(NAND, "hostile");
}

/// A page of NAND is written as a whole: a transfer that were cut in its middle would be refused.
#[test]
fn a_large_write_to_nand_is_cut_at_pages() {
    let program = "
import os
fd = os.open('/dev/mtd0', os.O_RDWR)
data = bytes(range(256)) * 12288
assert os.write(fd, data) == len(data)
assert os.pread(fd, len(data), 0) == data
print(os.lseek(fd, 0, os.SEEK_CUR))
";
    for road in ROADS {
        let text = on(road, Who::User, &["mtd:nand,num=0,size=4MiB"]).expect(0, ["python3", "-c", program]);
        assert_eq!(text, "3145728\n", "{road}");
    }
}

#[test]
fn mtdinfo_tells_all() {
    for who in everybody() {
        for road in ROADS {
            let devices = ["mtd:nor,num=0,parts=256KiB(boot)+-(rest)ro", "mtd:nand,num=4,size=4MiB"];
            let text = on(road, who, &devices).expect(0, ["mtdinfo", "-a"]);
            for wanted in [
                "Present MTD devices:            mtd0, mtd1, mtd2, mtd4",
                "Sysfs interface supported:      yes",
                "Amount of eraseblocks:          128 (8388608 bytes, 8.0 MiB)",
                "Name:                           boot",
                "Character device major/minor:   90:8",
                "Minimum input/output unit size: 2048 bytes",
                "OOB size:                       64 bytes",
            ] {
                assert!(text.contains(wanted), "{road}: {text}");
            }
            assert_eq!(text.matches("Device is writable:             false").count(), 1, "{text}");
        }
    }
}

#[test]
fn nor_is_erased_written_locked_and_copied() {
    let (folder, script) = (
        folder(),
        "
        flash_erase -q /dev/mtd0 0 0
        flashcp -v \"$IMAGE\" /dev/mtd0
        cmp -n 300000 \"$IMAGE\" /dev/mtd0
        mtd_debug info /dev/mtd0
        mtd_debug read /dev/mtd0 4096 1000 \"$OUT\"
        dd if=\"$IMAGE\" bs=1 skip=4096 count=1000 status=none | cmp - \"$OUT\"
        mtd_debug erase /dev/mtd0 65536 65536
        mtd_debug write /dev/mtd0 65536 100 \"$IMAGE\"
        dd if=/dev/mtd0 bs=64k skip=1 count=1 status=none | head -c 100 | cmp -n 100 - \"$IMAGE\"
        printf twelve | dd of=/dev/mtd0 bs=1 seek=70000 conv=notrunc status=none
        dd if=/dev/mtd0 bs=1 skip=70000 count=6 status=none; echo
        flash_lock /dev/mtd0 0 1
        mtd_debug erase /dev/mtd0 0 65536 2>&1 | grep -q 'Read-only file system' && echo locked
        flash_unlock /dev/mtd0 0 1
        flash_erase -q /dev/mtd0 0 1
        test $(head -c 65536 /dev/mtd0 | tr -d '\\377' | wc -c) = 0
        ls /dev/mtd0 /dev/mtd0ro
    ",
    );
    let image = image(folder.path(), 300_000);
    for who in everybody() {
        for road in ROADS {
            let out = folder.path().join(format!("out-{road}-{who:?}"));
            let run = on(road, who, &[NOR]).env("IMAGE", image.to_str().unwrap()).env("OUT", out.to_str().unwrap());
            let text = run.expect(0, ["sh", "-ec", script]);
            for wanted in ["Verifying data: 292k/292k (100%)", "mtd.type = MTD_NORFLASH", "\ntwelve\n", "\nlocked\n"] {
                assert!(text.contains(wanted), "{road} {who:?}: {text}");
            }
        }
    }
}

#[test]
fn nand_is_written_dumped_and_tested() {
    let (folder, script) = (
        folder(),
        "
        nandtest /dev/mtd0 | tail -1
        flash_erase -q /dev/mtd0 0 0
        nandwrite -q -p /dev/mtd0 \"$IMAGE\"
        nanddump -q --bb=skipbad -l 1000000 -f \"$OUT\" /dev/mtd0
        cmp -n 500000 \"$IMAGE\" \"$OUT\"
        nanddump -q -o -l 2048 -s 0x20000 -f \"$OUT\" /dev/mtd0
        wc -c < \"$OUT\"
        flash_erase -q /dev/mtd0 0x20000 1
        nandwrite -q -o -s 0x20000 /dev/mtd0 \"$OUT\"
    ",
    );
    let image = image(folder.path(), 500_000);
    for who in everybody() {
        for road in ROADS {
            let out = folder.path().join(format!("out-{road}-{who:?}"));
            let run = on(road, who, &[NAND]).env("IMAGE", image.to_str().unwrap()).env("OUT", out.to_str().unwrap());
            let text = run.expect(0, ["sh", "-ec", script]);
            assert!(text.contains("2112\n"), "{road} {who:?}: {text}");
        }
    }
}

/// The content is what the file has, and stays there.
#[test]
fn a_file_keeps_what_is_written() {
    let folder = folder();
    let file = folder.path().join("nor.bin");
    for (who, road) in everybody().into_iter().zip(["trap", "plain"]) {
        let _ = fs::remove_file(&file);
        let device = format!("{NOR},file={}", file.display());
        shell(road, who, &device, "printf hello | dd of=/dev/mtd0 bs=1 seek=70000 conv=notrunc status=none");
        assert_eq!(&fs::read(&file).unwrap()[70000..70005], b"hello");
        assert_eq!(fs::metadata(&file).unwrap().len(), 1 << 20);
        assert_eq!(shell(road, who, &device, "dd if=/dev/mtd0 bs=5 skip=14000 count=1 status=none"), "hello");
    }
}

/// I1, I2, I15, I16, I19, I25: everything says ENODEV, from the first call after the pull on.
#[test]
fn a_flash_that_has_gone_says_so_whatever_it_is_asked() {
    for who in everybody() {
        for road in ROADS {
            let program = client("mtd", "static");
            let mut live = on(road, who, &[NOR]).start([program.to_str().unwrap(), "pulled"]);
            live.line("ready");
            let (code, text) = live.command(&["unplug", "mtd0"]);
            assert!(code == 0 && text.contains("1 handle left"), "{text}");
            live.end_of_input();
            let lines = live.rest();
            assert_eq!(live.exit_code(), 0, "{road} {who:?}: {lines:?}");
        }
    }
}

/// flashcp in the middle of an erase that would take 1.6 s: it hears of the removal at once, and exits non-zero.
#[test]
fn flashcp_hears_of_a_removal_in_the_middle_of_an_erase() {
    let folder = folder();
    let image = image(folder.path(), 1 << 20);
    for who in everybody() {
        for road in ROADS {
            let words = ["-c", "echo ready; flashcp -v \"$0\" /dev/mtd0 2>&1; echo exit $?", image.to_str().unwrap()];
            let mut live = on(road, who, &[SLOW]).start(["sh"].iter().chain(&words));
            live.line("ready");
            live.until_inside(1);
            let begin = Instant::now();
            let (code, text) = live.command(&["unplug", "mtd0"]);
            assert_eq!(code, 0, "{text}");
            let lines = live.rest();
            assert!(begin.elapsed() < Duration::from_secs(1), "{:?}", begin.elapsed());
            let text = lines.join("\n");
            assert!(text.contains("No such device") && !text.contains("exit 0"), "{road} {who:?}: {text}");
            assert_eq!(live.exit_code(), 0);
        }
    }
}

/// A client reads, its flash is reset again and again, and it always finds the next one.
#[test]
fn a_card_is_reset_from_under_its_users() {
    let folder = folder();
    let lab = folder.path().join("lab.toml");
    let text = "[[device]]\nclass = \"gpu\"\nname = \"gpu0\"\n\
        flash = [ { model = \"nor\", parts = \"256KiB(vbios)+-(data)\", file = \"vbios.bin\" } ]\n";
    fs::write(&lab, text).unwrap();
    for who in everybody() {
        for road in ROADS {
            let _ = fs::remove_file(folder.path().join("vbios.bin"));
            let program = client("mtd", "static");
            let live = on(road, who, &[]).lab(&lab).start([program.to_str().unwrap(), "loop"]);
            for round in 0..5 {
                live.line("open");
                let (code, text) = live.command(&["reset", "gpu0"]);
                assert_eq!((code, text.as_str()), (0, "gpu0: reset; back: mtd0\n"), "round {round}");
                assert_eq!(live.line("gone"), "gone ENODEV");
            }
            let (_, text) = live.command(&["ls"]);
            let lines: Vec<_> = text.lines().map(|line| line.split_whitespace().take(3).collect::<Vec<_>>()).collect();
            let wanted = [["gpu0", "gpu", "1"], ["mtd0", "mtd", "6"], ["mtd1", "mtd", "6"], ["mtd2", "mtd", "6"]];
            assert_eq!(lines[1..], wanted, "{text}");
            assert!(text.contains("\n  mtd0 ") && text.contains("\n    mtd1 "), "set in below each other: {text}");
            let (code, text) = live.command(&["unplug", "gpu0"]);
            assert_eq!(code, 0, "{text}");
            assert_eq!(live.line("gone"), "gone ENODEV");
            let (code, _) = live.command(&["plug", "gpu0"]);
            assert_eq!(code, 0);
            live.line("open");
        }
    }
}

/// `mtdpart` adds and deletes partitions; a number is free when the last user of what had it is gone.
#[test]
fn partitions_come_and_go_by_ioctl() {
    let script = "
        mtdpart add /dev/mtd0 one 0 131072
        mtdpart add /dev/mtd0 two 131072 65536
        cat /proc/mtd
        printf x > /dev/mtd2
        dd if=/dev/mtd0 bs=1 skip=131072 count=1 status=none; echo
        exec 5< /dev/mtd1
        mtdpart del /dev/mtd0 1
        ls /dev/mtd1 2>/dev/null || echo no mtd1
        head -c 1 <&5 2>&1 >/dev/null || true
        mtdpart add /dev/mtd0 three 0 65536
        exec 5<&-
        mtdpart add /dev/mtd0 four 0 65536
        cat /proc/mtd
        mtdpart del /dev/mtd0 0 2>/dev/null || echo no part
        mtdpart add /dev/mtd0 five 2097152 65536 2>/dev/null || echo beyond
    ";
    for road in ROADS {
        let text = shell(road, Who::Root, NOR, script);
        for wanted in [
            "mtd1: 00020000 00010000 \"one\"\nmtd2: 00010000 00010000 \"two\"\nx\nno mtd1\n",
            "No such device",
            "mtd1: 00010000 00010000 \"four\"\nmtd2: 00010000 00010000 \"two\"\nmtd3: 00010000 00010000 \"three\"\n",
            "no part\nbeyond\n",
        ] {
            assert!(text.contains(wanted), "{road}: {text}");
        }
    }
}

/// The devices' names, each where udev and programs look for it.
#[test]
fn both_nodes_are_everywhere() {
    let script = "
        ls /dev | grep '^mtd' | tr '\\n' ' '
        cat /sys/class/mtd/mtd0/dev /sys/class/mtd/mtd0ro/dev /sys/dev/char/90:1/uevent
        stat -c '%n %F %t:%T %a' /dev/mtd0 /dev/mtd0ro
        outlive unplug mtd0 >/dev/null
        ls /dev | grep -c '^mtd' || true
        ls /sys/dev/char/90:1 /dev/mtd0ro 2>&1 | grep -c 'No such file'
    ";
    let path = format!("{}:{}", outlive().parent().unwrap().display(), std::env::var("PATH").unwrap());
    for who in everybody() {
        for road in ROADS {
            let text = on(road, who, &[RAM]).env("PATH", &path).expect(0, ["sh", "-ec", script]);
            let wanted = "mtd0 mtd0ro 90:0\n90:1\nMAJOR=90\nMINOR=1\nDEVNAME=mtd0ro\n\
                /dev/mtd0 character special file 5a:0 600\n/dev/mtd0ro character special file 5a:1 600\n0\n2\n";
            assert_eq!(text, wanted, "{road} {who:?}");
        }
    }
}

/// What has gone is told of by both of its names.
#[test]
fn an_observer_hears_of_the_device_whichever_node_was_opened() {
    let mut live = Run::with(&[RAM]).start(["sh", "-c", "exec 5< /dev/mtd0ro; echo ready; read line || true"]);
    live.line("ready");
    live.until_ls_says("1 handle idle");
    let report = live.report();
    assert_eq!((report["name"].as_str(), report["handles"].as_u64()), (Some("mtd0"), Some(1)));
    live.end_of_input();
    live.exit_code();
}

fn refused(run: Run, wanted: &str) {
    let text = run.expect(125, ["true"]);
    assert!(text.contains(wanted), "{text}");
}

/// Files that are not what they should be are refused, and stay as they are.
#[test]
fn a_file_that_does_not_fit_is_refused_and_not_touched() {
    let folder = folder();
    let path = folder.path().join("short.bin");
    for size in [1, 12345, (1 << 20) - 1, (1 << 20) + 1] {
        fs::write(&path, bytes(size)).unwrap();
        let device = format!("{NOR},file={}", path.display());
        refused(Run::with(&[&device]), path.to_str().unwrap());
        assert_eq!(fs::read(&path).unwrap(), bytes(size), "{size}");
    }
    let past_the_end = format!("{NOR},file={},parts=2MiB(all)", path.display());
    fs::write(&path, bytes(1 << 20)).unwrap();
    refused(Run::with(&[&past_the_end]), "it ends beyond the flash");
    assert_eq!(fs::read(&path).unwrap(), bytes(1 << 20));
    refused(Run::with(&["mtd:nor,size=100KiB"]), "whole number of erase blocks");
}

#[test]
fn an_image_that_is_too_large_is_refused_by_flashcp() {
    let folder = folder();
    let image = image(folder.path(), (1 << 20) + 1);
    let text = Run::with(&[NOR]).expect(1, ["flashcp", image.to_str().unwrap(), "/dev/mtd0"]);
    assert!(text.contains("won't fit"), "{text}");
}

/// Of two labs on one file the second is told.
#[test]
fn a_file_has_one_writer() {
    let folder = folder();
    let path = folder.path().join("nor.bin");
    let device = format!("{NOR},file={}", path.display());
    let mut live = Run::with(&[&device]).start(["sh", "-c", "printf x > /dev/mtd0; echo ready; read line || true"]);
    live.line("ready");
    refused(Run::with(&[&device]), path.to_str().unwrap());
    refused(Run::with(&[&device, &device.replace("num=0", "num=1")]), path.to_str().unwrap());
    assert_eq!(fs::read(&path).unwrap()[0], b'x');
    live.end_of_input();
    assert_eq!(live.exit_code(), 0);
    Run::with(&[&device]).expect(0, ["true"]);
}

/// A class that needs a position cannot be served to the whole machine: a file of CUSE has none.
#[test]
fn serve_says_that_it_cannot_have_a_position() {
    let output = std::process::Command::new(outlive()).args(["serve", "--device", NOR]).output().unwrap();
    let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(!output.status.success() && text.contains("position"), "{:?}: {text}", output.status);
}

/// Everything of it that users hold goes with its last handle, and nothing else holds the number.
#[test]
fn zombies_of_partitions_hold_their_numbers() {
    let device = "mtd:nor,num=0,parts=64KiB(boot)+-(rest)";
    let mut live = Run::with(&[device]).start([
        "sh",
        "-c",
        "exec 5< /dev/mtd1; echo ready; read line || true; exec 5<&-; echo closed; read line || true",
    ]);
    live.line("ready");
    assert_eq!(live.command(&["unplug", "mtd0"]).0, 0);
    let (_, text) = live.command(&["ls"]);
    assert!(text.contains("mtd1") && text.contains("1 held") && !text.contains("mtd2"), "{text}");
    let (code, text) = live.command(&["plug", "mtd:ram,num=1"]);
    assert!(code == 1 && text.contains("EBUSY"), "{text}");
    assert_eq!(live.command(&["plug", "mtd0"]), (0, "mtd0: plugged in\n".to_owned()));
    until(&live, |text| text.contains("\n  mtd1  mtd    2"));
    live.say("\n");
    live.line("closed");
    until(&live, |text| !text.contains("gone"));
    live.end_of_input();
    assert_eq!(live.exit_code(), 0);
}

fn until(live: &Live, says: impl Fn(&str) -> bool) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let (_, text) = live.command(&["ls"]);
        if says(&text) {
            return;
        }
        assert!(Instant::now() < deadline, "{text}");
    }
}
