//! Input devices, whose nodes are in a folder of /dev.

use crate::stage::{Serve, printed};
use std::{
    fs,
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Command, Stdio},
};

/// Ioctls that take a value where their number promises an address, and an ENOSYS, of which the kernel makes ENOTTY; then
/// the removal.
const PROGRAM: &str = "
import errno, evdev, fcntl, sys
device = evdev.InputDevice('/dev/input/event30')
def name(call):
    try:
        return call()
    except OSError as error:
        return errno.errorcode[error.errno]
def events():
    return [(it.type, it.code, it.value) for it in device.read()]
def step(*words):
    print(*words, flush=True)
    sys.stdin.readline()
device.grab()
device.ungrab()
step(device.name, name(lambda: fcntl.ioctl(device, 0x40044581, 5)))
step(name(events))
print(name(events), name(events))
";

#[test]
#[ignore = "needs root and /dev/cuse: cargo xtask guest"]
fn an_input_device_is_in_its_folder_and_keys_go_up_when_it_goes() {
    let mut serve = Serve::with(&["input:keyboard,num=30".to_owned()]);
    let node = Path::new("/dev/input/event30");
    let target = fs::canonicalize(node).unwrap();
    assert!(serve.nodes(1)[0].ends_with(target.to_str().unwrap()) && target.starts_with("/dev/outlive/input"));
    let control = |words: &[&str]| {
        let said = serve.control(words);
        assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
    };
    let mut python = Command::new("/usr/bin/python3");
    python.args(["-c", PROGRAM]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = python.spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    let mut go = child.stdin.take().unwrap();
    let mut on = || go.write_all(b"\n").unwrap();
    assert_eq!(lines.next().unwrap(), "Outlive keyboard ENOTTY");
    control(&["input", "input/event30", "key", "a", "tap", "key", "b", "down"]);
    on();
    assert_eq!(lines.next().unwrap(), "[(1, 30, 1), (0, 0, 0), (1, 30, 0), (0, 0, 0), (1, 48, 1), (0, 0, 0)]");
    control(&["unplug", "input/event30"]);
    assert!(node.symlink_metadata().is_err());
    on();
    let last = lines.next().unwrap();
    // It may have been repeated before.
    assert!(last.ends_with("(1, 48, 0), (0, 0, 1)] ENODEV"), "{last}");
    assert!(child.wait().unwrap().success());
    control(&["plug", "input:mouse,num=29"]);
    assert_eq!(
        printed(
            Command::new("/usr/bin/python3")
                .args(["-c", "import evdev; print(evdev.InputDevice('/dev/input/event29').name)",])
        ),
        "Outlive mouse\n"
    );
    serve.stop();
    assert!(!Path::new("/dev/outlive").exists(), "nothing is left");
}
