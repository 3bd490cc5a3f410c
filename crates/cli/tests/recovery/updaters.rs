//! The two updaters of examples/updaters, and flashcp, at all points.

use crate::stage::{OUTLIVE, PYTHON, points, verdicts};
use serde_json::Value;
use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};
use tempfile::TempDir;

/// What they write to.
struct Storage {
    /// As in a SPEC, without its file.
    device: &'static str,
    /// As the updaters are told.
    path: &'static str,
    /// Bytes of an image: more than one block.
    image: u32,
}

const EEPROM: Storage = Storage { device: "i2c:24c256@0x50,bus=7", path: "/dev/i2c-7:0x50", image: 300 };
const NOR: Storage =
    Storage { device: "mtd:nor,num=0,size=64KiB,erase=4KiB,torn=random:7", path: "/dev/mtd0", image: 6000 };
const NAND: Storage = Storage {
    device: "mtd:nand,num=0,size=256KiB,erase=16KiB,page=512,torn=random:7",
    path: "/dev/mtd0",
    image: 20_000,
};

/// Both, each on a storage that has an image already.
struct Updaters {
    storage: Storage,
    folder: TempDir,
}

impl Updaters {
    fn on(storage: Storage) -> Self {
        let folder = tempfile::tempdir().unwrap();
        // Images that differ in every byte.
        for (name, seed) in [("old", 0_u32), ("new", 1)] {
            let image: Vec<u8> = (0..storage.image).map(|at| (at * 7 + seed * 128) as u8).collect();
            fs::write(folder.path().join(name), image).unwrap();
        }
        Updaters { storage, folder }
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().unwrap().to_owned()
    }

    fn script(name: &str) -> String {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/updaters").join(name);
        path.to_str().unwrap().to_owned()
    }

    /// A device that has the old image, installed by that updater, and its file.
    fn device(&self, script: &str) -> (String, PathBuf) {
        let file = self.folder.path().join("content");
        let _ = fs::remove_file(&file);
        let device = format!("{},file={}", self.storage.device, file.display());
        let (script, old) = (Self::script(script), self.path("old"));
        let installed = Command::new(OUTLIVE)
            .args(["run", "--device", &device, "--", PYTHON, &script, self.storage.path, "update", &old])
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .status()
            .unwrap();
        assert!(installed.success());
        (device, file)
    }

    /// Explores its update to the new image at all points, judged by its own `verify`.
    fn explore(&self, script: &str, options: &[&str]) -> (Value, i32) {
        let (device, file) = self.device(script);
        let before = fs::read(&file).unwrap();
        let at = self.storage.path;
        let (script, new) = (Self::script(script), self.path("new"));
        let wanted = if script.ends_with("slots.py") { &new } else { "" };
        let check = format!("{PYTHON} {script} {at} verify {wanted}");
        let mut explore = Command::new(OUTLIVE);
        explore.args(["explore", "--json", "--all", "--device", &device, "--check", &check]).args(options);
        explore.args(["--", PYTHON, &script, at, "update", &new]).env("PYTHONDONTWRITEBYTECODE", "1");
        let output = explore.stdin(Stdio::null()).output().unwrap();
        let report = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)));
        assert_eq!(fs::read(&file).unwrap(), before, "the user's file is never changed");
        (report, output.status.code().unwrap())
    }
}

/// The new image is in use after each run, or the run has failed and the old one is.
#[test]
fn an_updater_with_two_slots_recovers_at_every_point() {
    let updaters = Updaters::on(EEPROM);
    for road in ["trap", "plain"] {
        let (report, exit) = updaters.explore("slots.py", &["--replug", "--road", road]);
        let all = points(&report).len();
        assert!(all > 20, "{report:#}");
        assert_eq!((verdicts(&report), exit), (vec!["recovered"; all], 0), "{road}: {report:#}");
    }
    // It waits for a device that stays away for a while, and gives up on one that does not come back.
    let (report, exit) = updaters.explore("slots.py", &["--replug=300ms"]);
    assert_eq!((verdicts(&report), exit), (vec!["recovered"; points(&report).len()], 0), "{report:#}");
    let (report, exit) = updaters.explore("slots.py", &["--jobs", "8"]);
    assert_eq!((verdicts(&report), exit), (vec!["clean"; points(&report).len()], 0), "{report:#}");
}

/// It notices each failure and says so; what it has begun to overwrite is gone all the same.
#[test]
fn an_updater_in_place_is_corrupt_in_the_middle() {
    let updaters = Updaters::on(EEPROM);
    for options in [&["--replug"][..], &[]] {
        let (report, exit) = updaters.explore("in_place.py", options);
        let parts: [&[&str]; 3] = [&["clean"; 3], &["corrupt"; 5], &["clean"; 4]];
        assert_eq!((verdicts(&report), exit), (parts.concat(), 1), "{report:#}");
        assert!(points(&report).iter().all(|point| point["end"]["exit"] == 1), "{report:#}");
        let check = &points(&report)[4]["check"];
        assert_eq!(
            (check["output"].as_str(), check["end"]["exit"].as_i64()),
            (Some("there is no whole image\n"), Some(1))
        );
    }
}

#[test]
fn two_slots_of_a_flash_recover_at_every_point() {
    for storage in [NOR, NAND] {
        let updaters = Updaters::on(storage);
        for (options, verdict) in [(&["--replug", "--road", "trap"][..], "recovered"), (&["--jobs", "4"], "clean")] {
            let (report, exit) = updaters.explore("slots.py", options);
            let all = points(&report).len();
            assert!(all > 12, "{report:#}");
            assert_eq!((verdicts(&report), exit), (vec![verdict; all], 0), "{report:#}");
        }
    }
}

/// Two blocks behind the header's: from its erasing on nothing whole is there, until the last is programmed.
#[test]
fn in_place_on_a_flash_is_corrupt_in_the_middle() {
    for storage in [NOR, NAND] {
        let (report, exit) = Updaters::on(storage).explore("in_place.py", &["--replug", "--road", "fuse"]);
        let parts: [&[&str]; 3] = [&["clean"; 3], &["corrupt"; 5], &["clean"; 2]];
        assert_eq!((verdicts(&report), exit), (parts.concat(), 1), "{report:#}");
    }
}

/// Every call on the flash is a point: flashcp stops with an error at each, and leaves the old image, the new one, or,
/// where it was in the middle, neither.
#[test]
fn flashcp_is_explored_at_every_operation() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let images: [(&str, u8); 2] = [("old", 0xa5), ("new", 0x5a)];
    for (name, byte) in images {
        fs::write(path(name), [byte; 32 << 10]).unwrap();
    }
    fs::copy(path("old"), path("flash")).unwrap();
    let device = format!("mtd:nor,num=0,size=32KiB,erase=4KiB,file={}", path("flash"));
    let check = format!("cmp {} /dev/mtd0 || cmp {} /dev/mtd0", path("old"), path("new"));
    for replug in [&["--replug"][..], &[]] {
        let mut explore = Command::new(OUTLIVE);
        explore.args(["explore", "--json", "--all", "--jobs", "4", "--device", &device, "--check", &check]);
        explore.args(replug).args(["--", "flashcp", "-v", &path("new"), "/dev/mtd0"]);
        let output = explore.stdin(Stdio::null()).output().unwrap();
        let report: Value = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)));
        let found = verdicts(&report);
        let corrupt = found.iter().filter(|verdict| **verdict == "corrupt").count();
        assert_eq!(report["plain"]["operations"], found.len(), "{report:#}");
        assert!(points(&report).iter().all(|point| point["pulled"] == true && point["failed"] == 1), "{report:#}");
        assert_eq!((found[0], found[1], found[found.len() - 1]), ("clean", "clean", "clean"), "{report:#}");
        // Eight blocks, each erased; then all programmed.
        assert!(corrupt >= 8 && found.iter().all(|verdict| ["clean", "corrupt"].contains(verdict)), "{report:#}");
        assert_eq!(output.status.code(), Some(1));
    }
}
