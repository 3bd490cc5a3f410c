//! The small tools for input devices: what they change and play is seen by others.

use crate::stage::{Live, Run, everybody};
use std::fs;

const PYTHON: &str = "/usr/bin/python3";

/// Says of `event0`, whenever it is asked, what evdev says of it.
fn observer(device: &str, run: impl FnOnce(Run) -> Run) -> Live {
    let program = "
import evdev, subprocess, sys
from evdev import ecodes as e
device = evdev.InputDevice('/dev/input/event0')
print('ready', flush=True)
for line in sys.stdin:
    if line.strip() == 'leds': print('leds', device.leds(), flush=True)
    elif line.strip() == 'read': print('read', [(it.type, it.code, it.value) for it in device.read()], flush=True)
    elif line.startswith('axis'):
        print('axis', tuple(device.absinfo(int(line.split()[1]))), flush=True)
    else:
        done = subprocess.run(['sh', '-c', line], stdin=subprocess.DEVNULL, stderr=subprocess.STDOUT, stdout=subprocess.PIPE, text=True)
        print('ran', done.returncode, done.stdout.strip().replace(chr(10), ', '), flush=True)
";
    let live = run(Run::with(&[device])).start([PYTHON, "-c", program]);
    live.line("ready");
    live
}

#[track_caller]
fn ask(live: &mut Live, line: &str, want: &str) {
    live.say(&format!("{line}\n"));
    assert_eq!(live.line(want.split(' ').next().unwrap()), want, "{line}");
}

#[test]
fn libevdev_tweaks_leds_and_axes() {
    const TWEAK: &str = "libevdev-tweak-device /dev/input/event0";
    for who in everybody() {
        let mut keys = observer("input:keyboard,num=0", |run| run.by(who));
        ask(&mut keys, "leds", "leds []");
        ask(&mut keys, &format!("{TWEAK} --led LED_CAPSL --on"), "ran 0 ");
        ask(&mut keys, "leds", "leds [1]");
        ask(&mut keys, &format!("{TWEAK} --led LED_CAPSL --off"), "ran 0 ");
        ask(&mut keys, "leds", "leds []");
        let mut screen = observer("input:touchscreen,num=0,size=800x400", |run| run.by(who));
        // Value, minimum, maximum, fuzz, flat, resolution.
        ask(&mut screen, "axis 0", "axis (0, 0, 799, 0, 0, 10)");
        ask(&mut screen, &format!("{TWEAK} --abs ABS_X --min 100 --max 900 --fuzz 4 --res 7"), "ran 0 ");
        ask(&mut screen, "axis 0", "axis (0, 100, 900, 4, 0, 7)");
        ask(&mut screen, "libevdev-tweak-device --resolution 20,30 /dev/input/event0", "ran 0 ");
        ask(&mut screen, "axis 53", "axis (0, 0, 799, 0, 0, 20)");
        ask(&mut screen, "axis 54", "axis (0, 0, 399, 0, 0, 30)");
    }
}

/// What is written to the node comes out of it, to everybody, as on Linux (`evdev_write`).
#[test]
fn evemu_plays_into_the_node() {
    let recording = std::env::temp_dir().join(format!("outlive-play-{}", std::process::id()));
    fs::write(
        &recording,
        "E: 0.0 0001 001e 0001\nE: 0.0 0000 0000 0000\nE: 0.01 0001 001e 0000\nE: 0.01 0000 0000 0000\n",
    )
    .unwrap();
    for who in everybody() {
        let mut live = observer("input:keyboard,num=0", |run| run.by(who));
        ask(&mut live, &format!("evemu-play /dev/input/event0 <{}", recording.display()), "ran 0 ");
        ask(&mut live, "read", "read [(1, 30, 1), (0, 0, 0), (1, 30, 0), (0, 0, 0)]");
        let event = "evemu-event /dev/input/event0 --type EV_KEY --code KEY_B --value 1 --sync";
        ask(&mut live, event, "ran 0 ");
        ask(&mut live, "read", "read [(1, 48, 1), (0, 0, 0)]");
    }
    fs::remove_file(recording).unwrap();
}

#[test]
fn python_lists_and_prints() {
    for who in everybody() {
        let devices = ["input:keyboard,num=0", "input:mouse,num=256", "input:gamepad,num=3"];
        let program = "import evdev; print(sorted(evdev.list_devices()))";
        let said = Run::with(&devices).by(who).expect(0, [PYTHON, "-c", program]);
        assert_eq!(said, "['/dev/input/event0', '/dev/input/event256', '/dev/input/event3']\n");
        let words = [PYTHON, "-u", "-m", "evdev.evtest", "/dev/input/event0"];
        let mut live = Run::with(&devices).by(who).start(words);
        live.line("Listening for events");
        assert_eq!(live.command(&["input", "input/event0", "key", "a", "tap"]).0, 0);
        assert!(live.line("time ").contains("type 1 (EV_KEY), code 30   (KEY_A), value 1"));
        assert_eq!(live.command(&["unplug", "input/event0"]).0, 0);
        assert_eq!(live.exit_code(), 1, "an OSError that nobody catches");
    }
}

#[test]
fn thd_prints_and_says_that_the_device_goes() {
    for who in everybody() {
        let mut live = Run::with(&["input:keyboard,num=0"]).by(who).start([
            "sh",
            "-c",
            "exec 2>&1; exec stdbuf -oL thd --dump /dev/input/event0",
        ]);
        live.until_ls_says("1 handle");
        assert_eq!(live.command(&["input", "input/event0", "key", "a", "tap"]).0, 0);
        assert_eq!(live.line("EV_KEY"), "EV_KEY\tKEY_A\t1\t/dev/input/event0");
        assert_eq!(live.command(&["unplug", "input/event0"]).0, 0);
        assert_eq!(live.line("Error"), "Error reading device '/dev/input/event0'");
        assert_eq!(live.exit_code(), 0, "without a device it has nothing to do");
    }
}
