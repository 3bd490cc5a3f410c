//! What is around a device: listings of /dev, and what /sys has of it.

use crate::stage::{EEPROM, Run, client, everybody};
use std::sync::{Mutex, MutexGuard, PoisonError};

const DEVICE: &str = "/sys/devices/platform/outlive.0/i2c-7/i2c-dev/i2c-7";

/// The machine's own /dev, as tests list it and one of them adds to it: one at a time.
fn machines_own() -> MutexGuard<'static, ()> {
    static ONE: Mutex<()> = Mutex::new(());
    ONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What a shell's commands print.
fn said(script: &str) -> Vec<String> {
    let mut all: Vec<_> =
        everybody().into_iter().map(|who| Run::with(&[EEPROM]).by(who).expect(0, ["sh", "-c", script])).collect();
    assert_eq!(all[0], all[1], "root and an ordinary user see the same");
    all.remove(0).lines().map(str::to_owned).collect()
}

fn failures(printed: &str) -> Vec<&str> {
    printed.lines().filter(|line| line.starts_with("FAIL")).collect()
}

#[test]
fn listings_have_the_machines_entries_and_ours() {
    let _listed = machines_own();
    let lines = said(
        "ls -l /dev/null /dev/i2c-7 | cut -c1-10; ls /dev | grep -cx -e null -e i2c-7; echo /dev/i2c*; \
                      ls /sys/class | grep -cx -e i2c-dev -e net; ls /sys/dev/char | grep -cx 89:7; ls /sys/bus/i2c/devices/",
    );
    assert_eq!(lines, ["crw-------", "crw-rw-rw-", "2", "/dev/i2c-7", "2", "1", "i2c-7"]);
}

/// The layout that i2c-dev and i2c-stub of Linux 6.1 have, but for the platform device above the adapter.
#[test]
fn sysfs_looks_as_that_of_an_adapter() {
    let lines = said(
        "cd /; ls -lR /sys/class/i2c-dev/ | sed 's/ [A-Z][a-z][a-z] .*:[0-9][0-9] / /'; \
                      readlink -f /sys/class/i2c-dev/i2c-7 /sys/dev/char/89:7 /sys/bus/i2c/devices/i2c-7; \
                      cd /tmp; cat /sys/class/i2c-dev/i2c-7/name /sys/class/i2c-dev/i2c-7/dev \
                      /sys/class/i2c-dev/i2c-7/uevent /sys/bus/i2c/devices/i2c-7/uevent \
                      /sys/devices/platform/outlive.0/i2c-7/state /sys/devices/platform/outlive.0/uevent; \
                      readlink /sys/class/i2c-dev/i2c-7/device /sys/class/i2c-dev/i2c-7/device/subsystem; \
                      stat -c '%A %u %s' /sys/class/i2c-dev/i2c-7/ /sys/class/i2c-dev/i2c-7/name; \
                      stat -f -c %T /sys/class/i2c-dev/; \
                      ls -d /sys/devices/platform/outlive.0/.. && test -d /sys/class/i2c-dev/../net && echo out",
    );
    let expected = [
        "/sys/class/i2c-dev/:",
        "total 0",
        "lrwxrwxrwx 1 root root 0 i2c-7 -> ../../devices/platform/outlive.0/i2c-7/i2c-dev/i2c-7",
        DEVICE,
        DEVICE,
        "/sys/devices/platform/outlive.0/i2c-7",
        "Outlive I2C adapter",
        "89:7",
        "MAJOR=89",
        "MINOR=7",
        "DEVNAME=i2c-7",
        "running",
        "MODALIAS=platform:outlive",
        "../../../i2c-7",
        "../../../../bus/i2c",
        "drwxr-xr-x 0 0",
        "-r--r--r-- 0 4096",
        "sysfs",
        "/sys/devices/platform/outlive.0/..",
        "out",
    ];
    assert_eq!(lines, expected);
}

#[test]
fn i2cdetect_lists_the_bus() {
    let lines = said("i2cdetect -l");
    assert_eq!(lines, ["i2c-7\ti2c       \tOutlive I2C adapter             \tI2C adapter"]);
}

#[test]
fn find_follows_links_and_comes_to_an_end() {
    let lines = said("find -L /sys/class/i2c-dev -maxdepth 3 2>/dev/null | sort");
    let below = [
        "",
        "/dev",
        "/device",
        "/device/i2c-dev",
        "/device/name",
        "/device/state",
        "/device/subsystem",
        "/device/uevent",
        "/name",
        "/uevent",
    ];
    let expected: Vec<_> = below.iter().map(|name| format!("/sys/class/i2c-dev/i2c-7{name}")).collect();
    assert_eq!(lines[0], "/sys/class/i2c-dev");
    assert_eq!(lines[1..], expected);
}

#[test]
fn udev_finds_the_device() {
    let lines = said(
        "udevadm info --query=all --name=/dev/i2c-7 | grep -e ^P -e ^N -e SUBSYSTEM; \
                      udevadm info -e | grep -c \"^P: /devices/platform/outlive.0/i2c-7/i2c-dev/i2c-7$\"",
    );
    let path = DEVICE.strip_prefix("/sys").unwrap();
    assert_eq!(lines, [&format!("P: {path}"), "N: i2c-7", "E: SUBSYSTEM=i2c-dev", "1"]);
}

#[test]
fn python_finds_the_device() {
    let script = "import glob, os, pyudev\n\
                  context = pyudev.Context()\n\
                  for device in context.list_devices(subsystem='i2c-dev'):\n\
                  \x20   print(device.sys_path, device.device_node, device.attributes.asstring('name'), device.parent.subsystem)\n\
                  print(pyudev.Devices.from_device_file(context, '/dev/i2c-7').sys_path)\n\
                  print(pyudev.Devices.from_device_number(context, 'char', os.makedev(89, 7)).sys_path)\n\
                  print(glob.glob('/dev/i2c-7*'), glob.glob('/sys/class/*/i2c-7/name'))\n\
                  print([(entry.name, entry.is_symlink(), entry.is_dir(), entry.inode() == os.lstat(entry.path).st_ino)\n\
                  \x20      for entry in os.scandir('/sys/class/i2c-dev')])\n\
                  print([entry.inode() == entry.stat().st_ino for entry in os.scandir('/dev') if entry.name == 'i2c-7'])\n\
                  print(os.path.realpath('/sys/class/i2c-dev/i2c-7/device/subsystem'))";
    for who in everybody() {
        let said = Run::with(&[EEPROM]).by(who).expect(0, ["/usr/bin/python3", "-c", script]);
        let expected = format!(
            "{DEVICE} /dev/i2c-7 Outlive I2C adapter i2c\n{DEVICE}\n{DEVICE}\n\
             ['/dev/i2c-7'] ['/sys/class/i2c-dev/i2c-7/name']\n[('i2c-7', True, True, True)]\n[True]\n/sys/bus/i2c\n"
        );
        assert_eq!(said, expected, "{who:?}");
    }
}

/// A chip that is claimed is a client that a driver has; others are none.
#[test]
fn only_claimed_chips_are_clients() {
    let devices = [EEPROM, "i2c:lm75@0x48,bus=7,claimed=true"];
    let script = "ls /sys/bus/i2c/devices; cat /sys/bus/i2c/devices/7-0048/name; \
                  readlink -f /sys/bus/i2c/devices/7-0048/driver; ls /sys/bus/i2c/drivers/lm75/; \
                  cat /sys/bus/i2c/devices/7-0048/uevent";
    let said = Run::with(&devices).expect(0, ["sh", "-c", script]);
    assert_eq!(said, "7-0048\ni2c-7\nlm75\n/sys/bus/i2c/drivers/lm75\n7-0048\nDRIVER=lm75\nMODALIAS=i2c:lm75\n");
}

#[test]
fn listings_are_right_from_every_position_with_every_buffer() {
    let _listed = machines_own();
    let tree = client("tree", "static");
    let directories =
        [("/dev", "i2c-7"), ("/sys/class", "i2c-dev"), ("/sys/class/i2c-dev", "i2c-7"), ("/sys/dev/char", "89:7")];
    for who in everybody() {
        for (directory, name) in directories {
            let words = [tree.to_str().unwrap(), "listing", directory, name];
            let said = Run::with(&[EEPROM]).by(who).expect(0, words);
            assert_eq!(failures(&said), [""; 0], "{who:?} {directory}");
        }
    }
}

#[test]
fn hostile_paths_and_thousands_of_opens_are_answered() {
    let tree = client("tree", "static");
    for who in everybody() {
        let words = [tree.to_str().unwrap(), "hostile", "/sys/class/i2c-dev/i2c-7"];
        let said = Run::with(&[EEPROM]).by(who).expect(0, words);
        assert_eq!(failures(&said), [""; 0], "{who:?}");
    }
}

/// I1, I2, I8, I15, I19 and I26 for an attribute: removal waits for no reader, sleepers wake, and what is dead stays dead.
#[test]
fn an_open_attribute_outlives_its_device() {
    let tree = client("tree", "static");
    for who in everybody() {
        let path = "/sys/class/i2c-dev/i2c-7/name";
        let mut live = Run::with(&[EEPROM]).by(who).start([tree.to_str().unwrap(), "attribute", path]);
        assert_eq!(live.line("note it says"), "note it says Outlive I2C adapter");
        live.line("ready");
        let (code, text) = live.command(&["unplug", "i2c-7"]);
        assert_eq!(code, 0, "{text}");
        live.line("gone");
        assert_eq!(live.command(&["plug", "i2c-7"]).0, 0);
        live.say("\n");
        let rest = live.rest().join("\n");
        assert_eq!((live.exit_code(), failures(&rest)), (0, vec![]), "{who:?}");
    }
}

/// The names go at the mark and come back with the next life; a directory that was open stays dead (I21, I26).
#[test]
fn entries_come_and_go_with_the_device() {
    let script = "import os, sys\n\
                  d = os.open('/sys/class/i2c-dev/i2c-7', os.O_RDONLY)\n\
                  p = os.open('/sys/class/i2c-dev', os.O_RDONLY)\n\
                  def look():\n\
                  \x20   print('saw', 'i2c-7' in os.listdir('/dev'), os.listdir('/sys/class/i2c-dev'), os.listdir(p), len(os.listdir(d)),\n\
                  \x20         os.path.lexists('/sys/dev/char/89:7'), flush=True)\n\
                  for _ in range(3):\n\
                  \x20   look()\n\
                  \x20   sys.stdin.readline()\n\
                  try: os.stat('name', dir_fd=d)\n\
                  except OSError as e: print('dead', e.errno)";
    for who in everybody() {
        let mut live = Run::with(&[EEPROM]).by(who).start(["/usr/bin/python3", "-c", script]);
        let there = "saw True ['i2c-7'] ['i2c-7'] 5 True";
        assert_eq!(live.line("saw"), there);
        assert_eq!(live.command(&["unplug", "i2c-7"]).0, 0);
        live.say("\n");
        assert_eq!(live.line("saw"), "saw False [] [] 0 False", "{who:?}");
        assert_eq!(live.command(&["plug", "i2c-7"]).0, 0);
        live.say("\n");
        assert_eq!(live.line("saw"), there.replace(" 5 ", " 0 "), "{who:?}");
        live.say("\n");
        assert_eq!(live.line("dead"), "dead 2");
        assert_eq!(live.exit_code(), 0);
    }
}

#[test]
fn one_can_work_in_a_directory_of_ours() {
    let lines = said(
        "cd /sys/class/i2c-dev && ls && cd i2c-7 && pwd -P && cat name ../../name && readlink /proc/self/cwd && \
                      cd -P ../../.. && pwd -P && cd -P .. && pwd -P && cd /dev && cd ../sys/bus/i2c && ls && \
                      ! cd devices/i2c-7/name 2>/dev/null && ! cd /dev/i2c-7 2>/dev/null && pwd -P; \
                      cd /; find /sys/class/i2c-dev/i2c-7/ -name dev -execdir cat {} +",
    );
    let expected = [
        "i2c-7",
        DEVICE,
        "Outlive I2C adapter",
        "Outlive I2C adapter",
        DEVICE,
        "/sys/devices/platform/outlive.0",
        "/sys/devices/platform",
        "devices",
        "drivers",
        "/sys/bus/i2c",
        "89:7",
    ];
    assert_eq!(lines, expected);
}

/// Where the machine has an entry of the same name, ours is what is meant, also when it has gone (I26).
#[test]
fn ours_stands_in_front_of_the_machines() {
    let _listed = machines_own();
    struct Node(&'static str);
    impl Drop for Node {
        fn drop(&mut self) {
            let _ = std::fs::remove_file(self.0);
        }
    }
    let node = Node("/dev/i2c-97531");
    std::fs::write(node.0, "the machine's").unwrap();
    let script = "for i in 1 2; do ls -l /dev | grep -c '^c.* i2c-97531$'; ls -l /dev | grep -c '^-.* i2c-97531$'; \
                  cat /dev/i2c-97531 2>/dev/null | head -c 20; echo looked; read x; done";
    let mut live = Run::with(&["i2c:24c02@0x50,bus=97531"]).start(["sh", "-c", script]);
    assert_eq!([live.line("1"), live.line("0"), live.line("looked")], ["1", "0", "looked"]);
    assert_eq!(live.command(&["unplug", "i2c-97531"]).0, 0);
    live.say("\n");
    assert_eq!([live.line("0"), live.line("0"), live.line("looked")], ["0", "0", "looked"]);
    live.say("\n");
    live.exit_code();
}
