//! What is around devices comes and goes with them.

use super::*;
use crate::lab::{Lab, LabConfig, Lookup, Source};
use outlive::{Policy, Reason};
use std::time::Duration;

fn lab() -> Arc<Lab> {
    let source = Source::Spec("i2c:24c02@0x50,bus=7".to_owned());
    Lab::start(&LabConfig::new(&[source], None, None).unwrap()).unwrap()
}

fn link(lab: &Lab, path: &str) -> String {
    lab.entries().find(path).unwrap().link_text().unwrap()
}

#[test]
fn links_are_relative_as_in_sysfs() {
    let lab = lab();
    for (path, text) in [
        ("/sys/class/i2c-dev/i2c-7", "../../devices/platform/outlive.0/i2c-7/i2c-dev/i2c-7"),
        ("/sys/dev/char/89:7", "../../devices/platform/outlive.0/i2c-7/i2c-dev/i2c-7"),
        ("/sys/devices/platform/outlive.0/i2c-7/i2c-dev/i2c-7/device", "../../../i2c-7"),
        ("/sys/devices/platform/outlive.0/i2c-7/subsystem", "../../../../bus/i2c"),
    ] {
        assert_eq!(link(&lab, path), text, "{path}");
    }
}

#[test]
fn what_goes_leaves_its_name_and_comes_back_as_another() {
    let lab = lab();
    let path = "/sys/class/i2c-dev/i2c-7";
    let name = "/sys/devices/platform/outlive.0/i2c-7/name";
    let (old, attribute) = (lab.entries().find(path).unwrap(), lab.entries().find(name).unwrap());
    lab.unplug("i2c-7", Reason::Pulled, Policy::Detach, Duration::from_secs(20)).unwrap();
    assert!(attribute.is_gone() && old.is_gone());
    for gone in ["/dev/i2c-7", path, "/sys/devices/platform/outlive.0/i2c-7", "/sys/dev/char/89:7"] {
        assert!(matches!(lab.entries().find(gone).unwrap().kind, Kind::Gone(_)), "{gone}");
    }
    assert!(lab.entries().find(name).is_none());
    assert!(lab.entries().find("/sys/class/i2c-dev").unwrap().is_directory(), "the class stays");
    lab.plug_name("i2c-7").unwrap();
    let new = lab.entries().find(path).unwrap();
    assert!(!new.is_gone() && new.inode != old.inode);
    assert!(attribute.is_gone(), "the old one stays dead");
}

#[test]
fn a_shared_folder_is_there_at_every_moment_for_who_stays() {
    let sources = ["input:mouse,num=0", "input:keyboard,num=1"].map(|spec| Source::Spec(spec.to_owned()));
    let lab = Lab::start(&LabConfig::new(&sources, None, None).unwrap()).unwrap();
    let pull = |name| lab.unplug(name, Reason::Pulled, Policy::Detach, Duration::from_secs(20)).unwrap();
    let Lookup::Here(leaving) = lab.find("/dev/input/event0") else { panic!("it is there") };
    std::thread::scope(|scope| {
        // Whoever looks keeps the removal where the device is marked and its names are still there.
        let tree = lab.entries().read();
        scope.spawn(|| pull("input/event0"));
        while leaving.gone().is_none() {
            std::thread::yield_now();
        }
        let is_gone = |path: &str| tree.entries[path].is_gone();
        assert!(is_gone("/dev/input/event0") && !is_gone("/dev/input/event1"));
        assert!(!is_gone("/dev/input") && !is_gone("/sys/devices/platform/outlive.0"));
    });
}

/// Whoever looked at it before may have kept that it has gone.
#[test]
fn a_directory_that_another_device_brings_is_another() {
    let source = Source::Spec("input:keyboard,num=0".to_owned());
    let lab = Lab::start(&LabConfig::new(&[source], None, None).unwrap()).unwrap();
    let inode = || lab.entries().find("/dev/input").filter(|it| it.is_directory()).map(|it| it.inode);
    let first = inode().unwrap();
    lab.unplug("input/event0", Reason::Pulled, Policy::Detach, Duration::from_secs(20)).unwrap();
    assert_eq!(inode(), None);
    lab.plug_spec("input:mouse,num=1").unwrap();
    assert!(inode().is_some_and(|second| second != first));
}

/// Whoever has looked a directory up before keeps it, with what comes into it later.
#[test]
fn what_is_shared_goes_with_the_last() {
    let sources = ["input:keyboard,num=0", "input:mouse,num=1"].map(|spec| Source::Spec(spec.to_owned()));
    let lab = Lab::start(&LabConfig::new(&sources, None, None).unwrap()).unwrap();
    let folder = "/sys/devices/platform/outlive.0/input";
    let first = lab.entries().find(folder).unwrap();
    let unplug = |name: &str| {
        lab.unplug(name, Reason::Pulled, Policy::Detach, Duration::from_secs(20)).unwrap();
    };
    let is_the_first = || Arc::ptr_eq(&first, &lab.entries().find(folder).unwrap()) && !first.is_gone();
    unplug("input/event0");
    assert!(is_the_first(), "the mouse is still in it");
    lab.plug_name("input/event0").unwrap();
    unplug("input/event1");
    assert!(is_the_first(), "so is the keyboard's next generation");
    unplug("input/event0");
    assert!(first.is_gone() && lab.entries().find(folder).unwrap().is_gone());
    let tags = lab.entries().find("/run/udev/tags/seat").unwrap();
    assert!(!tags.is_gone() && lab.entries().children(&tags.path).iter().all(|child| child.is_gone()));
}

/// A file of /proc in a directory of its own, which no class asks for yet.
#[test]
fn files_of_proc_are_entries_like_others() {
    let entries = Entries::default();
    entries.put_attribute("/proc/bus/outlive/7");
    entries.put_attribute("/proc/outlive");
    assert!(entries.adds_to("/proc") && entries.adds_to("/proc/bus") && !entries.adds_to(""));
    assert!(entries.find("/proc/bus/outlive").unwrap().is_directory());
    assert!(entries.concern(b"/proc/outlive") && entries.concern(b"/proc/bus/outlive/7"));
    assert!(!entries.concern(b"/proc/self/status"));
}

#[test]
fn only_paths_with_a_name_of_ours_are_looked_at_closely() {
    let lab = lab();
    for (path, concerns) in [
        ("/dev/i2c-7", true),
        ("/sys/class/i2c-dev/i2c-7/name", true),
        ("i2c-dev", true),
        ("../89:7", true),
        ("/sys/devices/platform/outlive.0", true),
        ("/dev/null", false),
        ("/sys/class/net", false),
        ("/etc/name", false),
        ("uevent", false),
        ("/sys/devices/platform", false),
    ] {
        assert_eq!(lab.entries().concern(path.as_bytes()), concerns, "{path}");
    }
    assert!(lab.entries().adds_to("/dev") && lab.entries().adds_to("/sys/class"));
    assert!(!lab.entries().adds_to("") && !lab.entries().adds_to("/sys") && !lab.entries().adds_to("/etc"));
}
