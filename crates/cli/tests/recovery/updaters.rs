//! The two updaters of examples/updaters, at all points.

use crate::stage::{OUTLIVE, PYTHON, points, verdicts};
use serde_json::Value;
use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};
use tempfile::TempDir;

/// Both, each on a bus whose EEPROM has an image already.
struct Updaters {
    folder: TempDir,
}

const WHERE: &str = "/dev/i2c-7:0x50";

impl Updaters {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        // Images of more than a page, which differ in every byte.
        for (name, seed) in [("old", 0_u32), ("new", 1)] {
            let image: Vec<u8> = (0..300_u32).map(|at| (at * 7 + seed * 128) as u8).collect();
            fs::write(folder.path().join(name), image).unwrap();
        }
        Updaters { folder }
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().unwrap().to_owned()
    }

    fn script(name: &str) -> String {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/updaters").join(name);
        path.to_str().unwrap().to_owned()
    }

    /// A bus whose EEPROM has the old image, installed by that updater.
    fn bus(&self, script: &str) -> (String, PathBuf) {
        let file = self.folder.path().join("eeprom");
        let _ = fs::remove_file(&file);
        let bus = format!("i2c:24c256@0x50,bus=7,file={}", file.display());
        let (script, old) = (Self::script(script), self.path("old"));
        let installed = Command::new(OUTLIVE)
            .args(["run", "--device", &bus, "--", PYTHON, &script, WHERE, "update", &old])
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .status()
            .unwrap();
        assert!(installed.success());
        (bus, file)
    }

    /// Explores its update to the new image at all points, judged by its own `verify`.
    fn explore(&self, script: &str, options: &[&str]) -> (Value, i32) {
        let (bus, file) = self.bus(script);
        let before = fs::read(&file).unwrap();
        let (script, new) = (Self::script(script), self.path("new"));
        let wanted = if script.ends_with("slots.py") { &new } else { "" };
        let check = format!("{PYTHON} {script} {WHERE} verify {wanted}");
        let mut explore = Command::new(OUTLIVE);
        explore.args(["explore", "--json", "--all", "--device", &bus, "--check", &check]).args(options);
        explore.args(["--", PYTHON, &script, WHERE, "update", &new]).env("PYTHONDONTWRITEBYTECODE", "1");
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
    let updaters = Updaters::new();
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
    let updaters = Updaters::new();
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
