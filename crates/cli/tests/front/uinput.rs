//! /dev/uinput: programs that make input devices, as an ordinary user and without the kernel's uinput.

use crate::stage::{Live, Run, Who, client_with, everybody, kill, source};
use std::{fs, path::PathBuf};

const PYTHON: &str = "/usr/bin/python3";

/// What programs here begin with: `made` is a device that this one has made, `other` starts another program.
const PRELUDE: &str = "
import errno, evdev, fcntl, os, select, struct, subprocess, sys, threading, time
from evdev import ecodes as e
def say(*words):
    os.write(1, (' '.join(map(str, words)) + chr(10)).encode())
def name(call):
    try:
        return call()
    except OSError as error:
        return errno.errorcode[error.errno]
def events(one):
    return [(it.type, it.code, it.value) for it in one]
def make(**more):
    return evdev.UInput({e.EV_KEY: [e.KEY_A, e.KEY_B], e.EV_LED: [e.LED_CAPSL]}, name='made', **more)
def other(program):
    return subprocess.Popen([sys.executable, '-c', PRELUDE + program], stdin=subprocess.PIPE)
";

fn program(text: &str) -> [String; 3] {
    let prelude = format!("PRELUDE = '''{PRELUDE}'''\nexec(PRELUDE)\n{text}");
    [PYTHON.to_owned(), "-c".to_owned(), prelude]
}

fn uinput(who: Who) -> Run {
    Run::with(&["input:uinput"]).by(who)
}

#[test]
fn what_one_process_makes_another_reads() {
    let text = "
made = make(vendor=0x1209, phys='here')
say('made', made.device.path, os.path.realpath('/sys/class/input/event0'), open('/sys/class/input/input0/name').read())
child = other('''
device = evdev.InputDevice(\"/dev/input/event0\")
say(\"device\", device.name, device.phys, \"%x\" % device.info.vendor, sorted(device.capabilities()))
device.set_led(e.LED_CAPSL, True)
heard = []
try:
    for event in device.read_loop():
        heard.append((event.type, event.code, event.value))
        if len(heard) == 3: say(\"heard\", heard)
except OSError as error:
    say(\"end\", heard, errno.errorcode[error.errno])
''')
select.select([made.fd], [], [])
say('told', events(made.read()), name(lambda: list(made.read())))
made.write(e.EV_KEY, e.KEY_A, 1)
made.syn()
sys.stdin.readline()
made.close()
child.wait()
say('left', name(lambda: os.stat('/dev/input/event0')), os.listdir('/sys/class/input'))
";
    for who in everybody() {
        let mut live = uinput(who).start(program(text));
        let sys = "/sys/devices/virtual/input/input0/event0";
        assert_eq!(live.line("made"), format!("made /dev/input/event0 {sys} made"), "{who:?}");
        assert_eq!(live.line("device"), "device made here 1209 [0, 1, 17]");
        assert_eq!(live.line("told"), "told [(17, 1, 1)] EAGAIN");
        assert_eq!(live.line("heard"), "heard [(17, 1, 1), (1, 30, 1), (0, 0, 0)]");
        let (_, said) = live.command(&["ls"]);
        assert!(said.contains("uinput") && said.contains("input/event0"), "{said}");
        live.say("\n");
        assert_eq!(live.line("end"), "end [(17, 1, 1), (1, 30, 1), (0, 0, 0), (1, 30, 0), (0, 0, 1)] ENODEV");
        assert_eq!(live.line("left"), "left ENOENT []");
        assert_eq!(live.exit_code(), 0);
    }
}

/// A file that every user can read.
fn shared(name: &str, text: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("outlive-{}-uinput-{name}", std::process::id()));
    fs::write(&path, text).unwrap();
    path
}

/// evemu makes a device of a recording, and plays events by it.
#[test]
fn evemu_makes_a_device_and_plays() {
    let describe = ["evemu-describe", "/dev/input/event0"];
    let text = Run::with(&["input:touchscreen,num=0"]).expect(0, describe);
    let description = shared("description", &text);
    let touch = "E: 0.000001 0003 0039 0000\nE: 0.000001 0003 0035 0100\nE: 0.000001 0000 0000 0000\n";
    let recording = shared("events", touch);
    let script = format!(
        "evemu-device {} & while ! test -e /dev/input/event0; do sleep 0.01; done; evemu-describe /dev/input/event0; \
         stdbuf -oL evtest /dev/input/event0 & sleep 0.5; evemu-play /dev/input/event0 < {}; sleep 0.3; kill %1; wait",
        description.display(),
        recording.display()
    );
    for who in everybody() {
        let said = uinput(who).expect(0, ["bash", "-c", &script]);
        // What it is is what was recorded, but for the places that the kernel alone knows.
        let axes = |text: &str| -> Vec<String> {
            text.lines().filter(|line| line.starts_with("A:") || line.starts_with("B:")).map(str::to_owned).collect()
        };
        assert_eq!(axes(&said), axes(&text), "{who:?}");
        assert!(said.contains("code 57 (ABS_MT_TRACKING_ID), value 0"), "{said}");
        assert!(said.contains("code 53 (ABS_MT_POSITION_X), value 100"), "{said}");
    }
    fs::remove_file(description).unwrap();
    fs::remove_file(recording).unwrap();
}

/// The one who makes it answers for its motors.
const MOTORS: &str = "
made = evdev.UInput({e.EV_FF: [e.FF_RUMBLE], e.EV_KEY: [e.BTN_SOUTH]}, name='rumbles')
def serve(count):
    while count:
        select.select([made.fd], [], [])
        for event in made.read():
            if event.type == e.EV_UINPUT and event.code == e.UI_FF_UPLOAD:
                upload = made.begin_upload(event.value)
                say('upload', upload.effect.id, upload.effect.u.ff_rumble_effect.strong_magnitude)
                upload.retval = -errno.ENOMEM if upload.effect.id == 1 else 0
                made.end_upload(upload)
            elif event.type == e.EV_UINPUT:
                erase = made.begin_erase(event.value)
                say('erase', erase.effect_id)
                made.end_erase(erase)
            else:
                say('event', event.type, event.code, event.value)
            count -= 1
";

#[test]
fn effects_come_to_the_one_who_made_the_device() {
    let text = format!(
        "{MOTORS}
child = other('''
from evdev import ff
device = evdev.InputDevice(\"/dev/input/event0\")
def effect(strong):
    rumble = ff.Rumble(strong_magnitude=strong, weak_magnitude=1)
    return ff.Effect(e.FF_RUMBLE, -1, 0, ff.Trigger(0, 0), ff.Replay(100, 0), ff.EffectType(ff_rumble_effect=rumble))
say(\"first\", device.upload_effect(effect(300)), device.ff_effects_count)
say(\"second\", name(lambda: device.upload_effect(effect(400))))
device.write(e.EV_FF, 0, 2)
device.erase_effect(0)
say(\"erased\")
''')
serve(5)
child.wait()
made.close()
say('done')
"
    );
    for who in everybody() {
        let mut live = uinput(who).start(program(&text));
        let lines = live.rest();
        let wanted =
            ["upload 0 300", "first 0 96", "upload 1 400", "second ENOMEM", "event 21 0 2", "event 21 0 0", "erase 0"];
        for line in wanted {
            assert!(lines.iter().any(|it| it == line), "{who:?}: no {line:?} in {lines:?}");
        }
        assert_eq!(lines.last().map(String::as_str), Some("done"));
        assert_eq!(live.exit_code(), 0);
    }
}

/// The maker dies, while one process sleeps in read and another waits for its effect.
#[test]
fn a_maker_that_is_killed_leaves_nothing_behind() {
    let text = "
maker = subprocess.Popen([sys.executable, '-c', PRELUDE + '''
made = evdev.UInput({e.EV_FF: [e.FF_RUMBLE], e.EV_KEY: [e.BTN_SOUTH]}, name=\"rumbles\")
say(\"maker\", os.getpid())
time.sleep(600)
'''])
while not os.path.exists('/dev/input/event0'): time.sleep(0.01)
reader = other('''
device = os.open(\"/dev/input/event0\", os.O_RDWR)
say(\"reader\", name(lambda: os.read(device, 24)))
''')
uploader = other('''
device = os.open(\"/dev/input/event0\", os.O_RDWR)
effect = bytearray(struct.pack(\"<Hh44x\", 0x50, -1))
say(\"uploader\", name(lambda: fcntl.ioctl(device, 0x40304580, effect)))
''')
maker.wait(); reader.wait(); uploader.wait()
say('left', name(lambda: os.open('/dev/input/event0', os.O_RDONLY)))
";
    for who in everybody() {
        let mut live = uinput(who).start(program(text));
        let maker: u32 = live.line("maker").rsplit(' ').next().unwrap().parse().unwrap();
        until_inside(&live, 1);
        kill(maker, "KILL");
        let lines = live.rest();
        for line in ["reader ENODEV", "uploader ENODEV", "left ENOENT"] {
            assert!(lines.iter().any(|it| it == line), "{who:?}: no {line:?} in {lines:?}");
        }
        assert_eq!(live.exit_code(), 0);
    }
}

/// Waits until somebody is inside of the device that has been made.
fn until_inside(live: &Live, count: u64) {
    let deadline = std::time::Instant::now() + crate::stage::PATIENCE;
    loop {
        let (_, text) = live.command(&["ls", "--handles", "--json"]);
        let all: serde_json::Value = serde_json::from_str(&text).unwrap();
        let made = all.as_array().unwrap().iter().find(|line| line["name"] == "input/event0");
        if made.is_some_and(|line| line["inside"] == count && line["handles"] == 3) {
            return;
        }
        assert!(std::time::Instant::now() < deadline, "not {count} inside: {text}");
    }
}

#[test]
fn a_hundred_devices_come_and_go() {
    let text = "
made = [evdev.UInput({e.EV_KEY: [e.KEY_A]}, name='number %d' % i) for i in range(100)]
paths = [one.device.path for one in made]
say('made', len(set(paths)), sorted(int(path[16:]) for path in paths)[31:34], len(evdev.list_devices()))
for one in made:
    one.write(e.EV_KEY, e.KEY_A, 1); one.syn()
say('read', sum(len(list(one.device.read())) for one in made))
devices = [one.device for one in made]
for one in made[50:]: os.close(one.fd)
for one in made[:50]: one.close()
while evdev.list_devices(): time.sleep(0.01)
say('again', make().device.path)
";
    let said = uinput(Who::User).expect(0, program(text));
    assert_eq!(said, "made 100 [31, 256, 257] 100\nread 200\nagain /dev/input/event0\n");
}

/// uinput is what hangs above the devices that are made by it.
#[test]
fn what_was_made_goes_with_uinput() {
    let text = "
made = make()
device = made.device
say('ready', device.path)
sys.stdin.readline()
say('device', name(lambda: events(device.read())), 'uinput', name(lambda: made.syn()), name(lambda: list(made.read())))
poll = select.poll()
poll.register(made.fd, select.POLLIN)
say('poll', poll.poll(0)[0][1] & 24)
say('open', name(lambda: os.open('/dev/uinput', os.O_RDWR)), os.listdir('/dev/input'))
say('destroy', fcntl.ioctl(made.fd, 0x5502))
sys.stdin.readline()
say('again', make().device.path, name(lambda: made.syn()))
";
    for who in everybody() {
        let mut live = uinput(who).start(program(text));
        live.line("ready");
        let (code, said) = live.command(&["unplug", "uinput"]);
        assert_eq!(code, 0, "{said}");
        live.say("\n");
        assert_eq!(live.line("device"), "device ENODEV uinput ENODEV ENODEV", "{who:?}");
        assert_eq!(live.line("poll"), "poll 24");
        assert_eq!(live.line("open"), "open ENOENT []");
        assert_eq!(live.line("destroy"), "destroy 0");
        let (code, said) = live.command(&["plug", "input/event0"]);
        assert!(code == 1 && said.contains("input/event0"), "{said}");
        assert_eq!(live.command(&["plug", "uinput"]).0, 0);
        live.say("\n");
        let again = live.line("again");
        assert!(again.starts_with("again /dev/input/event") && again.ends_with("ENODEV"), "{again}");
        assert_eq!(live.exit_code(), 0);
    }
}

/// What was made can be pulled, and plugged in again as long as its maker is there.
#[test]
fn what_was_made_can_be_pulled_by_itself() {
    let text = "
made = make()
device = made.device
say('ready')
for line in sys.stdin:
    say('wrote', name(lambda: made.write(e.EV_KEY, e.KEY_A, 1) or made.syn()), name(lambda: events(device.read())))
    if line == 'close\\n': made.close(); say('closed')
";
    for who in everybody() {
        let mut live = uinput(who).start(program(text));
        live.line("ready");
        assert_eq!(live.command(&["unplug", "input/event0"]).0, 0);
        live.say("look\n");
        assert_eq!(live.line("wrote"), "wrote ENODEV ENODEV", "{who:?}");
        assert_eq!(live.command(&["plug", "input/event0"]).0, 0);
        live.say("close\n");
        assert_eq!(live.line("wrote"), "wrote None ENODEV", "its handle stays dead");
        live.line("closed");
        let (_, said) = live.command(&["ls", "--json"]);
        let all: serde_json::Value = serde_json::from_str(&said).unwrap();
        let alive = |line: &&serde_json::Value| line["name"] == "input/event0" && line["state"] == "running";
        assert_eq!(all.as_array().unwrap().iter().filter(alive).count(), 0, "{said}");
        live.end_of_input();
        assert_eq!(live.exit_code(), 0);
    }
}

#[test]
fn bad_programs_get_clear_errors() {
    let text = "
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
fd = os.open('/dev/uinput', os.O_RDWR)
def ioctl(number, argument):
    said = libc.ioctl(fd, ctypes.c_ulong(number), ctypes.c_ulong(argument))
    return said if said >= 0 else errno.errorcode[ctypes.get_errno()]
def write(data):
    return name(lambda: os.write(fd, data))
say('addresses', [ioctl(number, 8) for number in (0x405c5503, 0x401c5504, 0x4008556c, 0xc06855c8, 0x8004552d)])
say('values', ioctl(0x40045564, 0x20), ioctl(0x40045564, 1 << 40), ioctl(0x40045565, 0x2ff), ioctl(0x40045565, 0x300))
say('sizes', write(b''), write(b'x'), write(bytes(24)), write(bytes(1116)), write(bytes(1 << 20)))
say('order', ioctl(0x5501, 0), ioctl(0x5502, 0), ioctl(0x8050552c, 8), name(lambda: os.read(fd, 24)))
setup = struct.pack('4H80sI', 3, 1, 2, 3, b'a\\nb\\xff\"c', 0)
buffer = ctypes.create_string_buffer(setup)
say('setup', ioctl(0x405c5503, ctypes.addressof(buffer)), ioctl(0x5501, 0), ioctl(0x5501, 0), ioctl(0x40045564, 1))
say('sysname', ioctl(0x8050552c, 8), ioctl(0x8000552c, 8), ioctl(0x8003552c, ctypes.addressof(buffer)), buffer.raw[:3])
say('name', repr(evdev.InputDevice('/dev/input/event0').name))
say('events', write(bytes(23)), write(bytes(25)), write(bytes(1 << 16)))
say('huge', name(lambda: len(os.read(os.dup(fd), 1))), ioctl(0x5500, 0))
";
    let wanted = "addresses ['EFAULT', 'EFAULT', 'EFAULT', 'EFAULT', 'EFAULT']\n\
                  values EINVAL EINVAL 0 EINVAL\n\
                  sizes 0 EINVAL EINVAL EINVAL EINVAL\n\
                  order EINVAL 0 ENOENT ENODEV\n\
                  setup 0 0 EINVAL EINVAL\n\
                  sysname EFAULT EINVAL 3 b'in\\x00'\n\
                  name 'a\\nb\u{fffd}\"c'\n\
                  events EINVAL 24 65520\n\
                  huge EINVAL EINVAL\n";
    for who in everybody() {
        assert_eq!(uinput(who).env("PYTHONUTF8", "1").expect(0, program(text)), wanted, "{who:?}");
    }
}

/// Makers and users die, close and are told, several at once, while uinput is pulled and comes back.
#[test]
fn many_makers_and_many_ends() {
    for who in everybody() {
        let mut live = uinput(who).start([PYTHON, source("makers.py").to_str().unwrap(), "2"]);
        let begin = std::time::Instant::now();
        while begin.elapsed() < std::time::Duration::from_millis(1500) {
            std::thread::sleep(std::time::Duration::from_millis(150));
            for words in [&["unplug", "input/event0"][..], &["unplug", "uinput"], &["plug", "uinput"]] {
                let (code, said) = live.command(words);
                assert!(code == 0 || words[1] == "input/event0", "{words:?}: {said}");
            }
        }
        assert_eq!(live.rest(), ["few were made by 0"], "{who:?}");
        assert_eq!(live.exit_code(), 0);
    }
}

/// By the library that most programs take for it (Debian's package libevdev-dev).
#[test]
fn libevdev_makes_devices_and_finds_them() {
    let maker = client_with("maker", "shared", &["-I/usr/include/libevdev-1.0", "-levdev"]);
    for who in everybody() {
        assert_eq!(uinput(who).expect(0, [&maker]), "all as it should be\n", "{who:?}");
    }
}

#[test]
fn there_is_one_and_it_has_no_keys() {
    for (devices, want) in [
        (&["input:uinput,name=x"][..], "uinput has no key \"name\""),
        (&["input:uinput,num=0"], "uinput has no key \"num\""),
        (&["input:uinput", "input:uinput"], "uinput is plugged in"),
        (&["uinput:x"], "unknown class `uinput`"),
    ] {
        let output = Run::with(devices).output(["true"]);
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.code() == Some(125) && said.contains(want), "{devices:?}: {said}");
    }
}
