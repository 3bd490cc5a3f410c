//! The Rust crate `evdev` as a client: these tests themselves, run once more under `outlive run`.

use crate::stage::{Live, Run, everybody, these_tests};
use evdev::{AttributeSetRef, Device, EventSummary, InputEvent, KeyCode, LedCode};
use std::io::ErrorKind;

/// Starts [`client`], to do `what`.
fn start(run: Run, what: &str) -> Live {
    let run = run.env("OUTLIVE_EVDEV_CLIENT", what);
    let program = these_tests();
    let words = [program.to_str().unwrap(), "--ignored", "--exact", "evdev_crate::client", "--nocapture"];
    run.start(words)
}

#[test]
#[ignore = "this is the client that other tests here start"]
fn client() {
    match std::env::var("OUTLIVE_EVDEV_CLIENT").as_deref() {
        Ok("list") => list(),
        Ok("listen") => listen(),
        other => panic!("not a client: {other:?}"),
    }
}

fn list() {
    let mut devices: Vec<_> = evdev::enumerate().collect();
    devices.sort_by(|one, other| one.0.cmp(&other.0));
    for (path, device) in devices {
        let keys = device.supported_keys().map_or(0, |keys| keys.iter().count());
        let axes = device.supported_absolute_axes().map_or(0, |axes| axes.iter().count());
        println!("\ndevice {} {} keys {keys} axes {axes}", path.display(), device.name().unwrap());
    }
}

fn lit(leds: &AttributeSetRef<LedCode>) -> Vec<LedCode> {
    leds.iter().collect()
}

/// Grabs the keyboard, turns LEDs on, and says what it hears until the device goes.
fn listen() {
    let mut device = Device::open("/dev/input/event0").unwrap();
    let mut second = Device::open("/dev/input/event0").unwrap();
    device.grab().unwrap();
    let refused = second.grab().unwrap_err().kind();
    device.send_events(&[InputEvent::new(evdev::EventType::LED.0, LedCode::LED_CAPSL.0, 1)]).unwrap();
    println!("\nleds {:?} grab {refused:?}", lit(&device.get_led_state().unwrap()));
    second.set_nonblocking(true).unwrap();
    loop {
        let fetched = device.fetch_events().map(|events| events.collect::<Vec<_>>());
        let events = match fetched {
            Ok(events) => events,
            Err(error) => {
                println!("gone {:?} keys {}", error.raw_os_error(), device.get_key_state().is_ok());
                return;
            }
        };
        for event in events {
            if let EventSummary::Key(_, key, value) = event.destructure() {
                println!("key {key:?} {value}");
            }
        }
        if device.cached_state().key_vals().is_some_and(|keys| keys.contains(KeyCode::KEY_B)) {
            device.ungrab().unwrap();
            let second = second.fetch_events().map(|events| events.count()).map_err(|error| error.kind());
            println!("second {second:?}");
            assert_eq!(second, Err(ErrorKind::WouldBlock), "what was grabbed it has not heard");
        }
    }
}

#[test]
fn it_finds_all_devices() {
    let devices = ["input:keyboard,num=0", "input:mouse,num=1", "input:touchscreen,num=2", "input:gamepad,num=3"];
    for who in everybody() {
        let live = start(Run::with(&devices).by(who), "list");
        for (number, what) in
            ["keyboard keys 248 axes 0", "mouse keys 5 axes 0", "touchscreen keys 1 axes 6", "gamepad keys 13 axes 8"]
                .into_iter()
                .enumerate()
        {
            assert_eq!(live.line("device"), format!("device /dev/input/event{number} Outlive {what}"), "{who:?}");
        }
    }
}

#[test]
fn it_grabs_listens_and_hears_that_the_device_goes() {
    for who in everybody() {
        for contract in ["strict", "linux"] {
            let mut live = start(Run::with(&["input:keyboard,num=0"]).contract(contract).by(who), "listen");
            assert_eq!(live.line("leds"), "leds [LED_CAPSL] grab ResourceBusy", "{who:?}");
            let input = |words: &[&str]| {
                assert_eq!(live.command(&[&["input", "input/event0"], words].concat()), (0, String::new()));
            };
            input(&["key", "a", "tap"]);
            assert_eq!([live.line("key"), live.line("key")], ["key KEY_A 1", "key KEY_A 0"]);
            input(&["key", "b", "down"]);
            assert_eq!(live.line("key"), "key KEY_B 1");
            live.line("second Err(WouldBlock)");
            assert_eq!(live.command(&["unplug", "input/event0"]).0, 0);
            // Under the law the key goes up before the device is gone (I18); evdev forgets what had come.
            let rest: Vec<_> = live
                .rest()
                .into_iter()
                .filter(|line| (line.contains("KEY_") && !line.ends_with(" 2")) || line.contains("gone"))
                .collect();
            let gone = "gone Some(19) keys false".to_owned();
            let law = vec!["key KEY_B 0".to_owned(), gone.clone()];
            assert!(rest == law || contract == "linux" && rest == [gone], "{contract}, {who:?}: {rest:?}");
            assert_eq!(live.exit_code(), 0);
        }
    }
}
