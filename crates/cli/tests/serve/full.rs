//! No room: in /dev for names, on a disk for what a chip holds.

use crate::stage::{Client, Serve, bus, eeprom, node, outlive, output, tool};
use rustix::{
    fs::{CWD, FileType, Mode, makedev, mknodat, statvfs},
    mount::{MountFlags, UnmountFlags, mount, unmount},
};
use std::{
    collections::BTreeSet,
    fs,
    io::Write,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

/// A file system of its own, until it is dropped.
struct Tmpfs(PathBuf);

impl Tmpfs {
    fn at(path: &Path, options: &str) -> Tmpfs {
        let options = std::ffi::CString::new(options).unwrap();
        mount("outlive-test", path, "tmpfs", MountFlags::empty(), options.as_c_str()).unwrap();
        Tmpfs(path.to_owned())
    }

    /// Instead of /dev, with what the programs of a test need from there.
    fn instead_of_dev() -> Tmpfs {
        let number = |name: &str| fs::metadata(Path::new("/dev").join(name)).unwrap().rdev();
        let needed = ["cuse", "null", "zero", "urandom"].map(|name| (name, number(name)));
        let tmpfs = Tmpfs::at(Path::new("/dev"), "size=256k,nr_inodes=64,mode=755");
        for (name, number) in needed {
            let number = makedev(rustix::fs::major(number), rustix::fs::minor(number));
            mknodat(CWD, tmpfs.0.join(name), FileType::CharacterDevice, Mode::RUSR | Mode::WUSR, number).unwrap();
        }
        tmpfs
    }

    /// How many more names it has room for.
    fn names_left(&self) -> u64 {
        statvfs(&self.0).unwrap().f_ffree
    }

    /// Has room for `names` more names from now on, and no more.
    fn leave(&self, names: u64) {
        let path = |i: u64| self.0.join(format!("filler-{i}"));
        for i in 0.. {
            if self.names_left() <= names {
                break;
            }
            if !path(i).exists() {
                fs::write(path(i), "").unwrap();
            }
        }
        for i in 0.. {
            if self.names_left() >= names {
                break;
            }
            let _ = fs::remove_file(path(i));
        }
    }

    /// Fills it up to the last page.
    fn fill(&self) {
        let mut filler = fs::File::create(self.0.join("filler")).unwrap();
        while filler.write(&[1; 4096]).is_ok() {}
    }

    fn empty(&self) {
        fs::remove_file(self.0.join("filler")).unwrap();
    }
}

impl Drop for Tmpfs {
    fn drop(&mut self) {
        let _ = unmount(&self.0, UnmountFlags::DETACH);
    }
}

fn listed(folder: &str) -> BTreeSet<PathBuf> {
    fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect()
}

/// That it is refused with 1 and these words.
fn refused(output: &std::process::Output, words: &[&str]) {
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    words.iter().for_each(|word| assert!(said.contains(word), "no `{word}` in: {said}"));
}

/// A folder, a node and a link: whichever it is that there is no room for.
#[test]
#[ignore = "needs root and /dev/cuse: cargo xtask guest"]
fn a_dev_without_room_is_told_and_nothing_is_left_in_it() {
    let (first, second) = (bus(), bus());
    let dev = Tmpfs::instead_of_dev();
    let words = ["No space left on device", "/dev", "make room", "df -i /dev"];
    for names in 0..3 {
        dev.leave(names);
        let before = listed("/dev");
        let output = output(&mut outlive(&["serve", "--device", &eeprom(first)]));
        refused(&output, &[&words[..], &[&format!("i2c-{first}:")]].concat());
        assert_eq!((listed("/dev"), dev.names_left()), (before, names));
        assert_eq!(listed("/sys/class/cuse"), BTreeSet::new());
    }
    dev.leave(3);
    let serve = Serve::with(&[eeprom(first)]);
    let served = (listed("/dev/outlive"), listed("/sys/class/cuse"));
    assert_eq!((served.0.len(), served.1.len()), (1, 1));
    // What is there already stays as it is.
    for names in 0..2 {
        dev.leave(names);
        refused(&serve.control(&["plug", &eeprom(second)]), &words);
        assert_eq!(dev.names_left(), names);
        crate::stage::until("the kernel lets it go", || listed("/sys/class/cuse") == served.1);
        assert_eq!(listed("/dev/outlive"), served.0);
        assert!(fs::symlink_metadata(node(second)).is_err());
        assert_eq!(tool(&format!("i2cget -y {first} 0x50 0")), "0xff\n");
    }
    dev.leave(2);
    assert!(serve.control(&["plug", &eeprom(second)]).status.success());
    assert_eq!(tool(&format!("i2cget -y {second} 0x50 0")), "0xff\n");
    // Its next life takes the place of the last one.
    serve.unplug(first);
    serve.plug(first);
    assert_eq!(tool(&format!("i2cget -y {first} 0x50 0")), "0xff\n");
    serve.stop();
    assert_eq!(dev.names_left(), 5);
    drop(dev);
    assert_eq!(listed("/dev/outlive"), BTreeSet::new());
}

/// What a dead lab left is taken away also where nothing can be added.
#[test]
#[ignore = "needs root and /dev/cuse: cargo xtask guest"]
fn what_a_dead_lab_left_makes_room() {
    let bus = bus();
    let dev = Tmpfs::instead_of_dev();
    dev.leave(3);
    let mut serve = Serve::with(&[eeprom(bus)]);
    serve.child.kill().unwrap();
    serve.child.wait().unwrap();
    assert_eq!(dev.names_left(), 0);
    let again = Serve::with(&[eeprom(bus)]);
    assert_eq!(tool(&format!("i2cget -y {bus} 0x50 0")), "0xff\n");
    again.stop();
    assert_eq!(dev.names_left(), 3);
}

#[test]
#[ignore = "needs root and /dev/cuse: cargo xtask guest"]
fn a_chip_on_a_full_disk_keeps_what_it_holds() {
    let (held, sparse) = (bus(), bus());
    let folder = tempfile::tempdir().unwrap();
    let disk = Tmpfs::at(folder.path(), "size=32k");
    let path = |name: &str| disk.0.join(name);
    let spec = |bus: u32, name: &str| format!("{},file={}", eeprom(bus), path(name).display());
    fs::write(path("held"), [7; 256]).unwrap();
    fs::File::create(path("sparse")).unwrap().set_len(256).unwrap();
    disk.fill();
    let serve = Serve::with(&[spec(held, "held"), spec(sparse, "sparse")]);
    let script = "
fd = os.open(path, os.O_RDWR)
fcntl.ioctl(fd, I2C_SLAVE, 0x50)
def at(where, *data): return call(os.write, fd, bytes([where, *data]))
while True:
    say(at(16, 90, 91), at(16), list(os.read(fd, 3)))
    wait()
";
    // It has its place on the disk.
    Client::start(held, script).says("3 1 [90, 91, 7]");
    let mut client = Client::start(sparse, script);
    client.says("ENOSPC 1 [0, 0, 0]");
    assert_eq!(fs::read(path("sparse")).unwrap(), [0; 256]);
    disk.empty();
    client.go_on();
    client.says("3 1 [90, 91, 0]");
    drop(client);
    serve.stop();
    let expected = |other: u8| [&[other; 16][..], &[90, 91], &[other; 238]].concat();
    assert_eq!(fs::read(path("sparse")).unwrap(), expected(0));
    assert_eq!(fs::read(path("held")).unwrap(), expected(7));
}

/// Half a file would be refused at the next start.
#[test]
#[ignore = "needs root and /dev/cuse: cargo xtask guest"]
fn a_file_that_finds_no_room_is_not_left_half_made() {
    let bus = bus();
    let folder = tempfile::tempdir().unwrap();
    let disk = Tmpfs::at(folder.path(), "size=128k");
    let path = |name: &str| disk.0.join(name);
    let spec = |name: &str| format!("i2c:24c512@0x50,bus={bus},file={}", path(name).display());
    fs::write(path("empty"), "").unwrap();
    fs::write(path("reserve"), [1; 8192]).unwrap();
    disk.fill();
    fs::remove_file(path("reserve")).unwrap();
    for name in ["empty", "new"] {
        let output = output(&mut outlive(&["serve", "--device", &spec(name)]));
        refused(&output, &["No space left on device", "make room", name]);
        assert!(fs::symlink_metadata(node(bus)).is_err());
    }
    assert_eq!(fs::metadata(path("empty")).unwrap().len(), 0);
    assert!(!path("new").exists());
    disk.empty();
    for name in ["empty", "new"] {
        let serve = Serve::with(&[spec(name)]);
        let half = fs::read(path(name)).unwrap();
        assert!(half.len() == 65536 && half.iter().all(|byte| *byte == 0xff), "{}", half.len());
        serve.stop();
        fs::remove_file(path(name)).unwrap();
    }
}
