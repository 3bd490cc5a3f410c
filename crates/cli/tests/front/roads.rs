//! The three roads beside each other: what is the same on all, and what the documentation says of them.

use crate::stage::{EEPROM, Run, everybody};

const ROADS: [&str; 3] = ["fuse", "trap", "plain"];

/// Opens twice, and says which numbers it got and what each road must carry.
const PROGRAM: &str = "
import errno, fcntl, os
first, second = os.open('/dev/i2c-7', os.O_RDWR), os.open('/dev/i2c-7', os.O_RDWR)
print(first, second)
fcntl.ioctl(first, 0x0703, 0x50)
os.write(first, bytes([1, 42]))
os.write(first, bytes([1]))
low = os.dup2(first, 9)
print(os.read(first, 1)[0], fcntl.ioctl(low, 0x0703, 0x50), os.readlink(f'/proc/self/fd/{second}'))
os.close(first)
third = os.open('/dev/i2c-7', os.O_RDONLY)
print(third, fcntl.ioctl(low, 0x0703, 0x50))
os.close(low)
try: fcntl.ioctl(first if third != first else low, 0x0703, 0x50)
except OSError as error: print(errno.errorcode[error.errno])
";

#[test]
fn each_road_carries_the_same() {
    for who in everybody() {
        for road in ROADS {
            let numbers = if road == "trap" { ("512 513", "512") } else { ("3 4", "3") };
            let text = Run::with(&[EEPROM]).by(who).env("OUTLIVE_ROAD", road).expect(0, ["python3", "-c", PROGRAM]);
            let expected = format!("{}\n42 0 /dev/i2c-7\n{} 0\nEBADF\n", numbers.0, numbers.1);
            assert_eq!(text, expected, "{road}, {who:?}");
        }
    }
}

/// A low limit leaves no room for high numbers: `auto` does without, `trap` says why it cannot be.
#[test]
fn a_low_limit_leaves_no_high_numbers() {
    let outlive = crate::stage::outlive();
    let run = |road: &str| {
        let script = "ulimit -n 64; exec \"$0\" run --road $1 --device i2c:24c02@0x50,bus=7 -- i2cget -y 7 0x50 1";
        let mut command = std::process::Command::new("sh");
        let output = command.args(["-c", script]).arg(&outlive).arg(road).env_remove("OUTLIVE_ROAD").output().unwrap();
        (output.status.code(), String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned())
    };
    assert_eq!(run("auto"), (Some(0), "0xff\n".to_owned()));
    let (code, text) = run("trap");
    assert!(code == Some(125) && text.contains("128 open files"), "{text}");
}

/// Where nothing can be mounted, `auto` takes the road that needs no mount, and says so.
#[test]
fn without_fuse_auto_takes_the_plain_road() {
    let outlive = crate::stage::outlive();
    // In a namespace of its own /dev/fuse is hidden; nobody else sees that.
    let script =
        "mount --bind /dev/null /dev/fuse && exec \"$0\" run --device i2c:24c02@0x50,bus=7 -- i2cget -y 7 0x50 1";
    let mut command = std::process::Command::new("unshare");
    let output =
        command.args(["-m", "sh", "-c", script]).arg(&outlive).env_remove("OUTLIVE_ROAD").output().expect("unshare");
    let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert_eq!(output.status.code(), Some(0), "{text}");
    assert!(text.contains("0xff") && text.contains("plain"), "{text}");
}

/// Trapped calls find their file by what /proc says of its descriptor: that it has no name any more. An ordinary user's
/// mount once kept the names, and all went by FUSE.
#[test]
fn descriptors_have_no_name_whoever_runs_the_lab() {
    for who in everybody() {
        let script = "exec 5<> /dev/i2c-7; echo ready; read line || true";
        let mut live = Run::with(&[EEPROM]).by(who).env("OUTLIVE_ROAD", "trap").start(["sh", "-c", script]);
        live.line("ready");
        let link = std::fs::read_link(format!("/proc/{}/fd/5", live.process("sh"))).unwrap();
        assert!(link.to_str().unwrap().ends_with(" (deleted)"), "{who:?}: {}", link.display());
        live.end_of_input();
        assert_eq!(live.exit_code(), 0);
    }
}
