//! The file that says how the devices are, for programs that want to know without a call on one.

use crate::stage::{EEPROM, Run, everybody};

/// I31: it is current whenever it is opened, at the latest when a call has failed for the removal; it is whole, and cannot
/// be changed.
#[test]
fn a_program_can_ask_how_its_devices_are() {
    const ASKS: &str = "
import errno, fcntl, json, os, sys
path = os.environ['OUTLIVE_STATUS']
def status():
    with open(path) as file: return [device for device in json.load(file) if device['name'] == 'i2c-7']
bus = os.open('/dev/i2c-7', os.O_RDWR)
fcntl.ioctl(bus, 0x0703, 0x50)
[device] = status()
print(device['class'], device['number'], device['generation'], device['state']['is'], device['handles'], flush=True)
before = open(path)
print(os.stat(path).st_size == len(open(path).read()), os.access(path, os.R_OK), os.access(path, os.W_OK))
for flags in (os.O_WRONLY, os.O_RDWR, os.O_RDONLY | os.O_TRUNC, os.O_CREAT | os.O_EXCL, os.O_DIRECTORY):
    try: print('opened', os.open(path, flags))
    except OSError as error: print(errno.errorcode[error.errno], end=' ')
print(flush=True)
sys.stdin.readline()
try: os.read(bus, 1)
except OSError as error: print(errno.errorcode[error.errno])
[device] = status()
print(device['state']['is'], device['state']['reason'], device['lives_elsewhere'], flush=True)
sys.stdin.readline()
old, new = sorted(status(), key=lambda device: device['generation'])
print(old['state']['is'], old['lives_elsewhere'], new['state']['is'], new['generation'])
print(json.load(before)[0]['state']['is'], 'as it was')
";
    for who in everybody() {
        let mut live = Run::with(&[EEPROM]).by(who).start(["python3", "-c", ASKS]);
        assert_eq!(live.line("i2c"), "i2c 7 1 running 1");
        assert_eq!(live.line("True"), "True True False");
        assert_eq!(live.line("E"), "EACCES EACCES EACCES EEXIST ENOTDIR ");
        assert_eq!(live.command(&["unplug", "i2c-7"]).0, 0);
        live.say("\n");
        assert_eq!(live.line("E"), "ENODEV");
        assert_eq!(live.line("gone"), "gone pulled False");
        assert_eq!(live.command(&["plug", "i2c-7"]).0, 0);
        live.say("\n");
        assert_eq!(live.line("gone"), "gone True running 2");
        assert_eq!(live.line("running"), "running as it was");
        assert_eq!(live.exit_code(), 0);
    }
}

/// It is what a shell and its tools see, too; and nobody else does.
#[test]
fn tools_read_it_and_nobody_else_sees_it() {
    let words = ["sh", "-c", "cat $OUTLIVE_STATUS; test -r $OUTLIVE_STATUS && echo readable; echo $OUTLIVE_STATUS"];
    let text = Run::with(&[EEPROM]).expect(0, words);
    assert!(text.contains("\"name\": \"i2c-7\"") && text.contains("readable"), "{text}");
    let path = text.lines().last().unwrap();
    assert!(path.starts_with("/run/outlive/") && !std::path::Path::new(path).exists(), "{path}");
}
