//! Input devices: what programs see of them, alive and gone, and what `outlive input` has them do.

use crate::stage::{Live, Run, Who, client, everybody, is_plain, is_trapped};
use std::{fs, path::PathBuf, process::Output};

const PYTHON: &str = "/usr/bin/python3";

/// What the Python programs have.
const PRELUDE: &str = "
import errno, evdev, fcntl, os, select, struct, sys, time
from evdev import ecodes as e
device = evdev.InputDevice('/dev/input/event0')
def say(*words):
    print(*words, flush=True)
def name(call):
    try:
        return call()
    except OSError as error:
        return errno.errorcode[error.errno]
def events(one):
    return [(it.type, it.code, it.value) for it in one]
";

/// A file that every user can read.
fn shared(name: &str, text: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("outlive-{}-{name}", std::process::id()));
    fs::write(&path, text).unwrap();
    path
}

/// Starts a Python program, which has `device` and `say`, and waits until it says that it is ready.
fn python(run: Run, program: &str) -> Live {
    let live = run.start([PYTHON, "-c", &format!("{PRELUDE}{program}")]);
    live.line("ready");
    live
}

/// Has the device do something.
fn input(live: &Live, words: &[&str]) {
    let said = live.command(&[&["input", "input/event0"], words].concat());
    assert_eq!(said, (0, String::new()), "{words:?}");
}

#[test]
fn a_keyboard_is_what_evdev_says_and_does() {
    let program = "
say('ready', device.name, device.phys, '%x' % device.info.product, device.version, device.repeat)
say(sorted(device.capabilities(verbose=False)), device.input_props())
device.set_led(e.LED_CAPSL, 1)
device.write(e.EV_SYN, e.SYN_REPORT, 0)
say(device.leds(), events(device.read()))
say('effects', name(lambda: fcntl.ioctl(device, 0x40044581, 5)))
say('listening')
heard = []
for event in device.read_loop():
    heard.append((event.type, event.code, event.value))
    if event.code == e.KEY_Z and event.value == 0:
        break
say(heard, device.active_keys())
";
    for who in everybody() {
        let live = python(Run::with(&["input:keyboard,num=0,name=Keys and all"]).by(who), program);
        let all: Vec<String> = [live.line("["), live.line("[")].into();
        assert_eq!(all[0], "[0, 1, 4, 17] []", "{who:?}");
        // Who asks for LEDs is not told of them again, but of the end of the packet.
        assert_eq!(all[1], "[1] [(0, 0, 0)]");
        // EVIOCRMFF of what has none, which takes a value and goes by no FUSE.
        assert_eq!(live.line("effects"), "effects ENOSYS");
        live.line("listening");
        input(&live, &["key", "a", "tap"]);
        input(&live, &["key", "leftshift", "down", "wait", "5ms", "key", "z", "tap"]);
        let taps = "(1, 30, 1), (0, 0, 0), (1, 30, 0), (0, 0, 0)";
        let shifted = "(1, 42, 1), (0, 0, 0), (1, 44, 1), (0, 0, 0), (1, 44, 0)";
        assert_eq!(live.line("[("), format!("[{taps}, {shifted}] [42]"));
    }
}

#[test]
fn evtest_prints_what_a_script_does() {
    let script = shared("script", "# two keys\nwait 500ms\nkey a tap\nrel x 5");
    let refused = Run::with(&[&format!("input:keyboard,script={}", script.display())]).output(["true"]);
    let said = String::from_utf8(refused.stderr).unwrap();
    assert!(said.contains("line 4: Outlive keyboard has no `x`"), "{said}");
    fs::write(&script, "wait 500ms\nkey a tap").unwrap();
    for who in everybody() {
        let device = format!("input:keyboard,num=0,script={}", script.display());
        let mut live = Run::with(&[&device]).by(who).start(["stdbuf", "-oL", "evtest", "/dev/input/event0"]);
        live.line("Input device name: \"Outlive keyboard\"");
        assert!(live.line("Event: ").ends_with("type 1 (EV_KEY), code 30 (KEY_A), value 1"));
        assert_eq!(live.command(&["unplug", "input/event0"]).0, 0);
        assert!(live.rest().iter().any(|line| line.ends_with("code 30 (KEY_A), value 0")));
        assert_eq!(live.exit_code(), 1, "evtest hears of it");
    }
    fs::remove_file(script).unwrap();
}

/// By the kernel's own means, but on the road `fuse`: there is no fasync in FUSE.
#[test]
fn signals_come_with_events_and_with_the_removal() {
    let program = client("sigio", "shared");
    let carried = if is_trapped() || is_plain() { "carried" } else { "never" };
    for who in everybody() {
        let words = [program.to_str().unwrap(), "/dev/input/event0", carried];
        let mut live = Run::with(&["input:keyboard,num=0"]).by(who).start(words);
        for _ in 0..if carried == "never" { 1 } else { 3 } {
            live.line("tap");
            input(&live, &["key", "a", "tap"]);
        }
        live.line("pull");
        assert_eq!(live.command(&["unplug", "input/event0"]).0, 0);
        let said = live.rest();
        assert_eq!(live.exit_code(), 0, "{who:?}: {said:?}");
        assert!(said.last().unwrap().ends_with(" ok, 0 failed"), "{who:?}: {said:?}");
    }
}

/// What evemu says of each model is a model itself, of which it says the same.
#[test]
fn descriptions_come_around() {
    for model in ["keyboard", "mouse", "touchscreen,size=1024x600", "gamepad"] {
        let device = format!("input:{model},num=0");
        let describe = ["evemu-describe", "/dev/input/event0"];
        let told = |device: &str, who| {
            let Output { stdout, status, .. } = Run::with(&[device]).by(who).output(describe);
            assert!(status.success(), "{device}");
            String::from_utf8(stdout).unwrap()
        };
        let text = told(&device, Who::Root);
        assert!(text.contains("\nN: Outlive ") && text.lines().count() > 20, "{text}");
        assert_eq!(told(&device, Who::User), text);
        let file = shared("description", &text);
        let again = told(&format!("input:evemu,num=0,file={}", file.display()), Who::User);
        fs::remove_file(file).unwrap();
        assert_eq!(again, text, "{model}");
    }
}

#[test]
fn a_recording_is_played_again() {
    let live = Run::with(&["input:mouse,num=0"]).start(["stdbuf", "-oL", "evemu-record", "/dev/input/event0"]);
    live.line("# ");
    live.line("#      Waiting for events");
    input(&live, &["rel", "x", "-3", "rel", "y", "4", "wait", "20ms", "key", "btn_left", "tap"]);
    let events = || -> Vec<String> {
        let lines = std::iter::repeat_with(|| live.line("E: ")).take(7);
        lines.map(|line| line.split('\t').next().unwrap().to_owned()).collect()
    };
    let first = events();
    let recording = shared("recording", &format!("# EVEMU 1.3\n{}\n", first.join("\n")));
    input(&live, &["--script", recording.to_str().unwrap()]);
    let bare = |lines: &[String]| -> Vec<String> {
        lines.iter().map(|line| line.splitn(3, ' ').nth(2).unwrap().to_owned()).collect()
    };
    let (first, again) = (bare(&first), bare(&events()));
    fs::remove_file(recording).unwrap();
    assert_eq!(first, again);
    assert_eq!(first[..3], ["0002 0000 -003", "0002 0001 0004", "0000 0000 0000"], "{first:?}");
}

#[test]
fn fingers_are_told_apart() {
    let program = "
axes = dict(device.capabilities()[e.EV_ABS])
say('ready', axes[e.ABS_MT_POSITION_X].max, axes[e.ABS_MT_SLOT].max, device.input_props())
heard = []
while (e.EV_KEY, e.BTN_TOUCH, 0) not in heard:
    select.select([device], [], [])
    heard += events(device.read())
say(heard)
def slots(axis):
    buffer = bytearray(struct.pack('11i', axis, *[7] * 10))
    fcntl.ioctl(device, 0x80000000 | len(buffer) << 16 | 0x450a, buffer)
    return struct.unpack('11i', buffer)[1:]
say('slots', slots(e.ABS_MT_TRACKING_ID)[:3], slots(e.ABS_MT_POSITION_Y)[:3])
";
    for who in everybody() {
        let live = python(Run::with(&["input:touchscreen,num=0,size=640x400"]).by(who), program);
        input(
            &live,
            &["touch", "0", "10", "20", "sync", "touch", "1", "30", "40", "lift", "0", "wait", "1ms", "lift", "1"],
        );
        let (slot, id, x, y) = (47, 57, 53, 54);
        let wanted = [
            format!("(3, {id}, 0), (3, {x}, 10), (3, {y}, 20), (1, 330, 1), (3, 0, 10), (3, 1, 20), (0, 0, 0)"),
            format!("(3, {slot}, 1), (3, {id}, 1), (3, {x}, 30), (3, {y}, 40), (0, 0, 0)"),
            format!("(3, {slot}, 0), (3, {id}, -1), (0, 0, 0)"),
            format!("(3, {slot}, 1), (3, {id}, -1), (1, 330, 0), (0, 0, 0)"),
        ];
        assert_eq!(live.line("[("), format!("[{}]", wanted.join(", ")), "{who:?}");
        assert_eq!(live.line("slots"), "slots (-1, -1, -1) (20, 40, 0)");
    }
}

/// Two processes: one grabs, then takes its own access away.
#[test]
fn grab_and_revoke_between_two_processes() {
    let program = "
import subprocess
other = subprocess.Popen([sys.executable, '-c', '''
import evdev, os, sys
device = evdev.InputDevice(\"/dev/input/event0\")
def tell(*words):
    os.write(1, (\" \".join(map(str, words)) + chr(10)).encode())
tell(\"ready\")
for line in sys.stdin:
    word = line.strip()
    try:
        if word == \"grab\": device.grab()
        if word == \"ungrab\": device.ungrab()
        if word == \"revoke\":
            import fcntl
            fcntl.ioctl(device, 0x40044591, 0)
        if word == \"read\":
            tell([(it.type, it.code, it.value) for it in device.read()])
            continue
        tell(word, \"ok\")
    except OSError as error:
        tell(word, error.errno)
'''], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
def ask(word):
    other.stdin.write(word + '\\n')
    other.stdin.flush()
    return other.stdout.readline().strip()
other.stdout.readline()
say('ready')
for line in sys.stdin:
    word = line.strip()
    if word.startswith('other '):
        say('>', ask(word[6:]))
    elif word == 'read':
        say('>', name(lambda: events(device.read())))
    elif word == 'grab':
        say('>', name(lambda: device.grab()))
";
    for who in everybody() {
        let mut live = python(Run::with(&["input:keyboard,num=0"]).by(who), program);
        let step = |live: &mut Live, word: &str, want: &str| {
            live.say(&format!("{word}\n"));
            assert_eq!(live.line(">"), format!("> {want}"), "{word}, {who:?}");
        };
        let tap = "[(1, 30, 1), (0, 0, 0), (1, 30, 0), (0, 0, 0)]";
        step(&mut live, "other grab", "grab ok");
        step(&mut live, "grab", "EBUSY");
        input(&live, &["key", "a", "tap"]);
        step(&mut live, "other read", tap);
        step(&mut live, "read", "EAGAIN");
        step(&mut live, "other ungrab", "ungrab ok");
        input(&live, &["key", "a", "tap"]);
        step(&mut live, "other read", tap);
        step(&mut live, "read", tap);
        step(&mut live, "other revoke", "revoke ok");
        step(&mut live, "other read", "read 19");
        step(&mut live, "other grab", "grab 19");
        input(&live, &["key", "a", "tap"]);
        step(&mut live, "read", tap);
        live.end_of_input();
        assert_eq!(live.exit_code(), 0);
    }
}

/// I18, I19, I21: by each contract.
const PULLED: &str = "
# A key that is down for long on a slow machine shall not repeat.
device.repeat = (0, 0)
device.write(e.EV_SYN, e.SYN_REPORT, 0)
events(device.read())
poll = select.poll()
poll.register(device, select.POLLIN)
say('ready')
sys.stdin.readline()
say('poll', poll.poll(0)[0][1])
say('first', name(lambda: events(device.read())))
say('poll', poll.poll(0)[0][1])
leds = lambda: len(fcntl.ioctl(device, 0x80084519, bytes(8)))
say('then', name(lambda: events(device.read())), name(leds), name(lambda: device.grab()))
say('open', name(lambda: os.open('/dev/input/event0', os.O_RDONLY)))
say('led', name(lambda: device.write(e.EV_LED, 0, 1)))
";

#[test]
fn what_had_come_is_read_and_then_the_removal() {
    let all = "[(1, 30, 1), (0, 0, 0), (1, 30, 0), (0, 0, 1)]";
    let cases = [
        ("strict", format!("poll 25, first {all}, poll 24, then ENODEV ENODEV ENODEV, open ENOENT, led ENODEV")),
        ("quiet", format!("poll 25, first {all}, poll 24, then ENODEV 8 None, open ENOENT, led None")),
        ("linux", "poll 25, first ENODEV, poll 25, then ENODEV ENODEV ENODEV, open ENOENT, led ENODEV".to_owned()),
    ];
    for (contract, expected) in cases {
        for who in everybody() {
            let mut live = python(Run::with(&["input:keyboard,num=0"]).contract(contract).by(who), PULLED);
            input(&live, &["key", "a", "down"]);
            assert_eq!(live.command(&["unplug", "input/event0"]).0, 0);
            live.say("\n");
            let said = live.rest().join(", ");
            // Of what has gone, sockets say IN and OUT besides.
            let bare = |text: &str| text.replace("poll 24, ", "").replace("poll 25, ", "").replace("poll 29, ", "");
            if crate::stage::is_plain() {
                assert_eq!(bare(&said), bare(&expected), "{contract}, {who:?}");
            } else {
                assert_eq!(said, expected, "{contract}, {who:?}");
            }
            assert_eq!(live.exit_code(), 0);
        }
    }
}

/// I26, I27, and what evdev does instead: the next device has the number at once.
#[test]
fn numbers_are_reused_under_the_linux_contract_alone() {
    let program = "
say('ready')
for line in sys.stdin:
    say('mine', name(lambda: events(device.read())), os.fstat(device.fd).st_rdev)
    if line.strip() == 'again':
        other = evdev.InputDevice('/dev/input/event0')
        say('other', other.name, os.fstat(other.fd).st_rdev == os.stat('/dev/input/event0').st_rdev)
";
    for (contract, refused) in [("strict", true), ("quiet", true), ("linux", false)] {
        let mut live = python(Run::with(&["input:keyboard,num=0"]).contract(contract), program);
        assert_eq!(live.command(&["unplug", "input/event0"]).0, 0);
        let (code, said) = live.command(&["plug", "input:mouse,num=0"]);
        assert_eq!(code, i32::from(refused), "{contract}: {said}");
        let next = live.command(&["plug", "input:mouse"]).1;
        assert!(next.starts_with("input/event1: plugged in"), "{contract}: {next}");
        live.say(if refused { "look\n" } else { "again\n" });
        assert_eq!(live.line("mine"), "mine ENODEV 3392", "{contract}: 13:64");
        if !refused {
            assert_eq!(live.line("other"), "other Outlive mouse True");
        }
    }
}

#[test]
fn udev_knows_what_it_is() {
    for (model, kind) in [
        ("keyboard", "ID_INPUT_KEYBOARD"),
        ("mouse", "ID_INPUT_MOUSE"),
        ("touchscreen", "ID_INPUT_TOUCHSCREEN"),
        ("gamepad", "ID_INPUT_JOYSTICK"),
    ] {
        let words = ["udevadm", "info", "-q", "property", "-n", "/dev/input/event7"];
        let said = Run::with(&[&format!("input:{model},num=7")]).by(Who::User).expect(0, words);
        for line in ["ID_INPUT=1".to_owned(), format!("{kind}=1"), "DEVNAME=/dev/input/event7".to_owned()] {
            assert!(said.lines().any(|it| it == line), "{model}: no {line} in\n{said}");
        }
    }
}

#[test]
fn the_tree_has_the_device() {
    let device = "input:gamepad,num=31,uniq=7";
    let script = "ls /dev/input /sys/class/input; cd /sys/class/input/event31/device; cat name uniq id/vendor \
                  capabilities/ff properties ../input31/event31/dev; head -2 /proc/bus/input/devices";
    let said = Run::with(&[device]).by(Who::User).expect(0, ["sh", "-c", script]);
    let vendor = "I: Bus=0003 Vendor=1209 Product=0004 Version=0100\nN: Name=\"Outlive gamepad\"\n";
    let tree = "event31\n\n/sys/class/input:\nevent31\ninput31\nOutlive gamepad\n7\n1209\n107030000 0\n0\n13:95\n";
    assert!(said.ends_with(&format!("{tree}{vendor}")), "{said}");
}

/// By its name, in a listing, by a descriptor that is no more than a name, and opened again by that, as libudev does.
#[test]
fn its_node_is_one_by_each_way() {
    let program = "
by_name = os.stat('/dev/input/event0')
listed = [it.inode() for it in os.scandir('/dev/input')]
path = os.open('/dev/input/event0', os.O_PATH | os.O_NOFOLLOW)
held = os.fstat(path)
again = os.open('/proc/self/fd/%d' % path, os.O_RDONLY)
named = fcntl.ioctl(again, 0x80204506, bytes(32)).rstrip(b'\\0')
say('ready', listed == [by_name.st_ino], held.st_rdev == by_name.st_rdev, held.st_mode == by_name.st_mode, named)
";
    for who in everybody() {
        let said =
            Run::with(&["input:keyboard,num=0"]).by(who).expect(0, [PYTHON, "-c", &format!("{PRELUDE}{program}")]);
        assert_eq!(said, "ready True True True b'Outlive keyboard'\n", "{who:?}");
    }
}

/// What the first has in common with the second, the folders, stays when it goes.
#[test]
fn one_goes_and_the_other_stays() {
    let look = "echo ready; read line; ls /dev/input /sys/class/input; cat /sys/class/input/event1/device/name; \
                evtest --query /dev/input/event1 EV_KEY BTN_LEFT; echo $?; ls /sys/devices/platform/outlive.0/input";
    let all = "/dev/input:, event1, , /sys/class/input:, event1, input1, Outlive mouse, 0, input1";
    for who in everybody() {
        let mut live = Run::with(&["input:keyboard,num=0", "input:mouse,num=1"]).by(who).start(["sh", "-c", look]);
        live.line("ready");
        assert_eq!(live.command(&["unplug", "input/event0"]).0, 0);
        live.say("\n");
        assert_eq!(live.rest().join(", "), all, "{who:?}");
        assert_eq!(live.exit_code(), 0);
    }
}

#[test]
fn what_cannot_be_is_said() {
    let refused = |device: &str| {
        let output = Run::with(&[device]).output(["true"]);
        assert_eq!(output.status.code(), Some(125), "{device}");
        String::from_utf8(output.stderr).unwrap()
    };
    let recording = shared("broken", "N: x\nB: 20 01\n");
    let broken = format!("input:evemu,file={}", recording.display());
    for (device, want) in [
        ("input:nothing", "known input devices: keyboard, mouse, touchscreen, gamepad, evemu"),
        ("input:keyboard,num=32", "Linux has no input device 32; there are 0 to 31, and 256 to 1023"),
        ("input:keyboard,num=1024", "there is no input device 1024"),
        ("input:keyboard@1", "an input device has no address"),
        ("input:keyboard,size=1x1", "keyboard has no key \"size\""),
        ("input:touchscreen,size=0x5", "is not a size in points, such as 800x480"),
        ("input:evemu", "add file=DESCRIPTION"),
        ("input:mouse,script=/nowhere", "/nowhere cannot be read"),
        ("input:mouse,script=/dev/zero", "/dev/zero is larger than 64 MiB"),
        (&broken, "line 2: `B:` has no such type"),
    ] {
        let said = refused(device);
        assert!(said.contains(want), "{device}: {said}");
    }
    fs::remove_file(recording).unwrap();
    let live = Run::with(&["input:mouse,num=0", "i2c:24c02@0x50,bus=7"]).start(["sh", "-c", "echo ready; sleep 60"]);
    live.line("ready");
    for (words, want) in [
        (&["input", "i2c-7", "key", "a", "tap"][..], "i2c-7 is no input device"),
        (&["input", "input/event9", "sync"], "input/event9: no such device"),
        (&["input", "input/event0", "key", "a", "tap"], "Outlive mouse has no `a`"),
        (&["input", "input/event0", "--script", "/nowhere"], "/nowhere cannot be read"),
    ] {
        let (code, said) = live.command(words);
        assert!(code == 1 && said.contains(want), "{words:?}: {code} {said}");
    }
    let playing = live.in_background(&["input", "input/event0", "rel", "x", "1", "wait", "1s", "rel", "x", "1"]);
    std::thread::sleep(std::time::Duration::from_millis(200));
    assert_eq!(live.command(&["unplug", "input/event0"]).0, 0);
    let (code, said) = playing.join().unwrap();
    assert!(code == 1 && said.contains("input/event0 went before it had done all of it"), "{code} {said}");
}
