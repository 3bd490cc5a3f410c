//! libinput, by which desktops have their input devices: by device, and by udev as they come and go. udev's database, by
//! which it chooses, is held against udev's own rules.

use crate::stage::{Live, Run, Who, everybody, kill};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
};

const KEYBOARD: &str = "event0 DEVICE_ADDED Outlive keyboard seat0 default group1 cap:k";
const MOUSE: &str = "event1 DEVICE_ADDED Outlive mouse seat0 default group2 cap:p left scroll-nat scroll-button";
const SCREEN: &str =
    "event2 DEVICE_ADDED Outlive touchscreen seat0 default group3 cap:t size 80x48mm ntouches 10 calib";

/// `libinput debug-events`.
struct Libinput(Live);

impl Libinput {
    fn start(run: Run, words: &[&str]) -> Self {
        let all = ["stdbuf", "-oL", "libinput", "debug-events", "--show-keycodes"];
        Libinput(run.start(all.iter().chain(words)))
    }

    /// The next thing that it says, without the time.
    fn next(&self) -> String {
        let line = self.0.line("");
        let words = line.trim_start_matches('-').split_whitespace();
        words.filter(|word| !(word.starts_with('+') && word.ends_with('s'))).collect::<Vec<_>>().join(" ")
    }

    #[track_caller]
    fn says(&self, lines: &[&str]) {
        for want in lines {
            assert_eq!(self.next(), *want);
        }
    }

    /// Has a device do something, which libinput says as `lines`.
    #[track_caller]
    fn hears(&self, device: &str, deeds: &str, lines: &[&str]) {
        let words: Vec<_> = ["input", device].into_iter().chain(deeds.split(' ')).collect();
        assert_eq!(self.0.command(&words), (0, String::new()), "{deeds}");
        self.says(lines);
    }

    /// Something is done to the lab.
    #[track_caller]
    fn command(&self, words: &[&str], line: &str) {
        let (code, said) = self.0.command(words);
        assert_eq!(code, 0, "{words:?}: {said}");
        self.says(&[line]);
    }

    /// A desktop's end.
    fn end(mut self) {
        kill(self.0.process("libinput-debug-events"), "INT");
        assert_eq!(self.0.exit_code(), 0);
    }
}

#[test]
fn by_udev_it_has_what_is_there_and_what_comes_and_goes() {
    let devices = ["input:keyboard,num=0", "input:mouse,num=1", "input:touchscreen,num=2", "input:gamepad,num=3"];
    for who in everybody() {
        // The gamepad it leaves to others.
        let libinput = Libinput::start(Run::with(&devices).by(who), &[]);
        libinput.says(&[KEYBOARD, MOUSE, SCREEN]);
        let keys = ["event0 KEYBOARD_KEY KEY_A (30) pressed", "event0 KEYBOARD_KEY KEY_A (30) released"];
        libinput.hears("input/event0", "key a tap", &keys);
        libinput.hears(
            "input/event1",
            "key btn_left down",
            &["event1 POINTER_BUTTON BTN_LEFT (272) pressed, seat count: 1"],
        );
        libinput.hears(
            "input/event1",
            "key btn_left up",
            &["event1 POINTER_BUTTON BTN_LEFT (272) released, seat count: 0"],
        );
        libinput.hears(
            "input/event1",
            "rel wheel -1",
            &["event1 POINTER_SCROLL_WHEEL vert 15.00/120.0* horiz 0.00/0.0 (wheel)"],
        );
        libinput.hears("input/event1", "rel x 5 rel y -2", &[]);
        let moved = libinput.next();
        assert!(moved.starts_with("event1 POINTER_MOTION ") && moved.ends_with("( +5.00/ -2.00)"), "{moved}");
        libinput.hears(
            "input/event2",
            "touch 0 100 240 wait 5ms lift 0",
            &[
                "event2 TOUCH_DOWN 0 (0) 12.50/50.00 (10.00/24.00mm)",
                "event2 TOUCH_FRAME",
                "event2 TOUCH_UP 0 (0)",
                "event2 TOUCH_FRAME",
            ],
        );

        let another = "event7 DEVICE_ADDED Another seat0 default group4 cap:k";
        libinput.command(&["plug", "input:keyboard,num=7,name=Another,phys=desk"], another);
        libinput.hears("input/event7", "key z down", &["event7 KEYBOARD_KEY KEY_Z (44) pressed"]);
        // No key stays down when its keyboard has gone.
        libinput.command(&["unplug", "input/event7"], "event7 KEYBOARD_KEY KEY_Z (44) released");
        libinput.says(&["event7 DEVICE_REMOVED Another seat0 default group4 cap:k"]);
        libinput
            .command(&["unplug", "input/event0"], "event0 DEVICE_REMOVED Outlive keyboard seat0 default group1 cap:k");
        let again = KEYBOARD.replace("group1", "group5");
        libinput.command(&["plug", "input/event0"], &again);
        libinput.hears("input/event0", "key a tap", &keys);
        libinput.end();
    }
}

#[test]
fn by_device_it_hears_that_the_device_goes() {
    for who in everybody() {
        for contract in ["strict", "linux"] {
            let run = Run::with(&["input:keyboard,num=0", "input:mouse,num=1"]).contract(contract).by(who);
            let libinput = Libinput::start(run, &["--device", "/dev/input/event0"]);
            libinput.says(&[KEYBOARD]);
            libinput.hears("input/event0", "key a down", &["event0 KEYBOARD_KEY KEY_A (30) pressed"]);
            libinput.command(&["unplug", "input/event0"], "event0 KEYBOARD_KEY KEY_A (30) released");
            libinput.says(&["event0 DEVICE_REMOVED Outlive keyboard seat0 default group1 cap:k"]);
            libinput.end();
        }
    }
}

#[test]
fn it_lists_them() {
    let devices = ["input:keyboard,num=0", "input:mouse,num=1", "input:touchscreen,num=2", "input:gamepad,num=3"];
    for who in everybody() {
        let said = Run::with(&devices).by(who).expect(0, ["libinput", "list-devices"]);
        let told = |key: &str| -> Vec<String> {
            let lines = said.lines().filter_map(|line| line.strip_prefix(key));
            lines.map(|value| value.trim().to_owned()).collect()
        };
        assert_eq!(told("Kernel:"), ["/dev/input/event0", "/dev/input/event1", "/dev/input/event2"], "{said}");
        assert_eq!(told("Capabilities:"), ["keyboard", "pointer", "touch"]);
        assert_eq!(told("Size:"), ["80x48mm"]);
    }
}

/// Devices that no model is, as evemu would describe them: a type's bits, eight bytes a line.
const OTHERS: [&str; 7] = [
    // A mouse on Bluetooth.
    "N: One\nI: 0005 1209 0009 0100\nB: 00 07\nB: 01 00\nB: 02 03\nB: 01 00 00 00 00 00 00 00 00\n\
     B: 01 00 00 00 00 00 00 00 00\nB: 01 00 00 00 00 00 00 00 00\nB: 01 00 00 00 00 00 00 00 00\nB: 01 00 00 07\n",
    // A joystick on Bluetooth.
    "N: Two\nI: 0005 1209 0009 0100\nB: 01 00 00 00 00 00 00 00 00\nB: 01 00 00 00 00 00 00 00 00\n\
     B: 01 00 00 00 00 00 00 00 00\nB: 01 00 00 00 00 00 00 00 00\nB: 01 00 00 00 00 00 00 ff 03\nB: 03 03\n\
     A: 00 0 255 0 0 0\nA: 01 0 255 0 0 0\n",
    // A touchpad on Bluetooth.
    "N: Pad\nI: 0005 1209 000a 0100\nP: 01\nB: 01 00 00 00 00 00 00 00 00\nB: 01 00 00 00 00 00 00 00 00\n\
     B: 01 00 00 00 00 00 00 00 00\nB: 01 00 00 00 00 00 00 00 00\nB: 01 00 00 01 00 00 00 00 00\n\
     B: 01 20 04 00 00 00 00 00 00\nB: 03 03\nA: 00 0 1023 0 0 12\nA: 01 0 767 0 0 12\n",
    // A power button, and a lid.
    "N: Three\nI: 0019 1209 0001 0000\nB: 01 00 00 00 00 00 00 00 00\nB: 01 00 00 00 00 00 00 10 00\n",
    "N: Four\nI: 0019 1209 0005 0000\nB: 05 01\n",
    // A touchpad: BTN_TOOL_FINGER and BTN_TOUCH, and axes with a resolution.
    "N: Five\nI: 0018 1209 0006 0100\nP: 01\nB: 01 00 00 00 00 00 00 00 00\nB: 01 00 00 00 00 00 00 00 00\n\
     B: 01 00 00 00 00 00 00 00 00\nB: 01 00 00 00 00 00 00 00 00\nB: 01 00 00 01 00 00 00 00 00\n\
     B: 01 20 04 00 00 00 00 00 00\nB: 03 03\nA: 00 0 1023 0 0 12\nA: 01 0 767 0 0 12\n",
    // A remote control.
    "N: USB IR Receiver\nI: 0003 1209 0007 0100\nB: 01 00 00 00 00 00 00 00 00\nB: 01 00 00 00 00 00 00 00 00\n\
     B: 01 00 00 00 00 00 00 00 00\nB: 01 00 00 00 00 00 00 00 00\nB: 01 00 00 00 00 00 00 00 00\n\
     B: 01 00 00 00 00 01 00 00 00\n",
];

/// What is said of one view: properties, and tags.
#[derive(PartialEq, Eq, Debug, Default)]
struct Said {
    properties: BTreeMap<String, String>,
    tags: BTreeSet<String>,
}

impl Said {
    /// From lines `KEY=VALUE`. What is no rule of ours is left out: links in /dev, and what other packages add.
    fn of(lines: &str) -> Said {
        let mut said = Said::default();
        for (key, value) in lines.lines().filter_map(|line| line.split_once('=')) {
            match key {
                "CURRENT_TAGS" => said.tags = value.split(':').map(str::to_owned).collect(),
                _ if key.starts_with("ID_") || key == "LIBINPUT_DEVICE_GROUP" => {
                    said.properties.insert(key.to_owned(), value.to_owned());
                }
                _ => {}
            }
        }
        said.tags.retain(|tag| !["", "outlive"].contains(&tag.as_str()));
        said
    }
}

/// The judge is udev itself, which carries out its rules on what it sees in /sys. (By an ordinary user, so that it leaves
/// nothing in the machine's own database.)
#[test]
fn the_database_says_what_udevs_rules_say() {
    let look = "for it in input5 event5; do udevadm test /sys/class/input/$it 2>/dev/null; echo ==; \
                udevadm info -q property /sys/class/input/$it; echo ==; done";
    let folder = tempfile::tempdir().unwrap();
    rustix::fs::chmod(folder.path(), 0o755.into()).unwrap();
    let file = folder.path().join("description");
    let other = format!("evemu,file={}", file.display());
    let models =
        ["keyboard", "mouse", "mouse,phys=usb-1.4/input0", "touchscreen", "gamepad"].map(|model| (model, None));
    for (model, description) in models.into_iter().chain(OTHERS.map(|text| (&*other, Some(text)))) {
        fs::write(&file, description.unwrap_or_default()).unwrap();
        let said = Run::with(&[&format!("input:{model},num=5")]).by(Who::User).expect(0, ["sh", "-c", look]);
        let views: Vec<_> = said.split("==\n").map(Said::of).collect();
        let what = description.unwrap_or(model);
        assert!(views[0].properties.len() > 3 && views[0].tags.contains("seat"), "{what}: {said}");
        for (place, view) in views[..4].chunks(2).enumerate() {
            assert_eq!(view[0], view[1], "{what}, {}: udev, then ours", ["input5", "event5"][place]);
        }
    }
}

/// By tags session managers find what is for a seat.
#[test]
fn devices_are_found_by_tags() {
    let all = "/sys/devices/platform/outlive.0/input/";
    let asked = |run: Run, filter: &str| -> Vec<String> {
        let said = run.expect(0, ["udevadm", "trigger", "--dry-run", "--verbose", filter]);
        said.lines().filter_map(|line| line.strip_prefix(all)).map(str::to_owned).collect()
    };
    let devices = ["input:keyboard,num=0", "input:gamepad,num=3"];
    let run = |who| Run::with(&devices).by(who);
    for who in everybody() {
        assert_eq!(asked(run(who), "--tag-match=seat"), ["input0", "input3", "input3/event3"]);
        assert_eq!(asked(run(who), "--tag-match=power-switch"), ["input0/event0"]);
        assert_eq!(asked(run(who), "--property-match=ID_INPUT_JOYSTICK=1"), ["input3", "input3/event3"]);
    }
    let program = "import pyudev, sys
context = pyudev.Context()
look = lambda: print('seat', sorted(it.sys_name for it in context.list_devices(subsystem='input').match_tag('seat')), flush=True)
look()
for line in sys.stdin: look()";
    let mut live = run(Who::User).start(["/usr/bin/python3", "-c", program]);
    assert_eq!(live.line("seat"), "seat ['event3', 'input0', 'input3']");
    assert_eq!(live.command(&["unplug", "input/event3"]).0, 0);
    live.say("again\n");
    assert_eq!(live.line("seat"), "seat ['input0']");
}
