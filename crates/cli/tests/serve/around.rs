//! The nodes themselves: names, numbers, permissions, uevents.

use crate::stage::{Serve, bus, eeprom, node, outlive, output, printed};
use std::{
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt},
    process::Command,
};

#[test]
#[ignore = "needs root and /dev/cuse: cargo xtask guest"]
fn what_is_there_is_printed() {
    let bus = bus();
    let mut serve = Serve::with(&[eeprom(bus)]);
    let target = fs::canonicalize(node(bus)).unwrap();
    let line = format!("/dev/i2c-{bus}  89:{bus}  {}", target.display());
    assert_eq!(serve.nodes(1), [line]);
    serve.stop();
}

#[test]
#[ignore = "needs root and /dev/cuse: cargo xtask guest"]
fn permissions_are_those_of_the_lab_file() {
    let (first, second, third) = (bus(), bus(), bus());
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("lab.toml");
    let device = |num: u32, more: &str| {
        format!("[[device]]\nclass = \"i2c\"\nnum = {num}\nmodel = \"24c02\"\naddr = 0x50\n{more}\n")
    };
    let text = device(first, "mode = \"0660\"\ngroup = \"disk\"") + &device(second, "");
    fs::write(&file, text).unwrap();
    let spec = format!("{},mode=444,group=7", eeprom(third));
    let serve = Serve::start(&["serve", "--lab", file.to_str().unwrap(), "--device", &spec]);
    let disk = printed(Command::new("getent").args(["group", "disk"]));
    let disk: u32 = disk.split(':').nth(2).unwrap().parse().unwrap();
    let look = |bus: u32| {
        let node = fs::metadata(node(bus)).unwrap();
        (node.permissions().mode() & 0o7777, node.gid())
    };
    let expected = [(first, (0o660, disk)), (second, (0o600, 0)), (third, (0o444, 7))];
    for (bus, seen) in expected {
        assert_eq!(look(bus), seen, "{bus}");
    }
    // The next life has them, too.
    serve.unplug(first);
    serve.plug(first);
    assert_eq!(look(first), (0o660, disk));
    serve.stop();
}

#[test]
#[ignore = "needs root and /dev/cuse: cargo xtask guest"]
fn devices_come_and_go_while_it_runs() {
    let (first, second) = (bus(), bus());
    let serve = Serve::with(&[eeprom(first)]);
    let plugged = serve.control(&["plug", &eeprom(second)]);
    assert!(plugged.status.success(), "{}", String::from_utf8_lossy(&plugged.stderr));
    assert!(node(second).exists());
    for mapped in ["uio:timer,num=0", "drm:virtual,num=0"] {
        let refused = serve.control(&["plug", mapped]);
        let why = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(refused.status.code() == Some(1) && why.contains("mmap"), "{mapped}: {why}");
    }
    let offline = serve.control(&["set", &format!("i2c-{second}"), "offline"]);
    assert!(offline.status.success());
    let open = fs::File::open(node(second)).unwrap_err();
    assert_eq!(open.raw_os_error(), Some(6), "ENXIO: {open}");
    serve.unplug(second);
    let listed = output(outlive(&["ls", "--in", &serve.name]).arg("--json"));
    let listed = String::from_utf8(listed.stdout).unwrap();
    assert!(listed.contains(&format!("i2c-{first}")), "{listed}");
    serve.stop();
}

#[test]
#[ignore = "needs root and /dev/cuse: cargo xtask guest"]
fn the_kernel_is_told_of_a_removal_at_the_mark() {
    let bus = bus();
    let serve = Serve::with(&[eeprom(bus)]);
    // It keeps the connection alive beyond the mark.
    let held = fs::File::open(node(bus)).unwrap();
    let mut monitor = crate::stage::Client::start(
        bus,
        "
import socket
told = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 15)
told.bind((0, 1))
told.settimeout(30)
say('ready')
while True:
    message = told.recv(8192).decode(errors='replace').split('\\0')
    if message[0].startswith('remove@') and f'i2c-{path.split(\"-\")[1]}.' in message[0]: break
say('SUBSYSTEM=cuse' in message)
",
    );
    monitor.says("ready");
    serve.unplug(bus);
    monitor.says("True");
    monitor.child.wait().unwrap();
    drop(held);
    serve.stop();
}
