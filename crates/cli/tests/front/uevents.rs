//! Programs that hear of devices: udevadm, libudev, pyudev, and a netlink socket without any of them. No udev runs.

use crate::stage::{EEPROM, Live, PATIENCE, Run, client, client_with, everybody, source};
use outlive_host::control::{Client, How, connect};
use std::{
    fs,
    time::{Duration, Instant},
};

const BUS: &str = "/devices/platform/outlive.0/i2c-7";
const NODE: &str = "/devices/platform/outlive.0/i2c-7/i2c-dev/i2c-7";

/// In front of a program: nothing, or what puts it into namespaces of its own.
const PLACES: [&[&str]; 2] = [&[], &["unshare", "-Urn"]];

fn libudev_client() -> String {
    client_with("udev_monitor", "shared", &["-ludev"]).to_str().unwrap().to_owned()
}

fn raw_client() -> String {
    client("uevents", "static").to_str().unwrap().to_owned()
}

fn start(who: crate::stage::Who, devices: &[&str], place: &[&str], words: &[&str]) -> Live {
    Run::with(devices).by(who).start(place.iter().chain(words))
}

fn replug(live: &Live) {
    assert_eq!(live.command(&["unplug", "i2c-7"]).0, 0);
    assert_eq!(live.command(&["plug", "i2c-7"]).0, 0);
}

/// Pulls and plugs in until the program has heard enough and ends, and its lab with it.
fn replug_to_the_end(live: &Live) {
    let deadline = Instant::now() + PATIENCE;
    while live.command(&["unplug", "i2c-7"]).0 == 0 && live.command(&["plug", "i2c-7"]).0 == 0 {
        assert!(Instant::now() < deadline, "it does not end");
    }
}

/// What pulling, plugging in and setting says, in order, in both groups; and with `--subsystem-match` of one kind only.
#[test]
fn udevadm_monitor_shows_the_life_of_a_device() {
    let monitor = ["stdbuf", "-oL", "udevadm", "monitor", "--kernel", "--udev", "--property"];
    for who in everybody() {
        for place in PLACES {
            for filter in [&[][..], &["--subsystem-match=i2c-dev"]] {
                let live = start(who, &[EEPROM], place, &[&monitor[..], filter].concat());
                live.line("KERNEL - ");
                replug(&live);
                assert_eq!(live.command(&["set", "i2c-7", "offline"]).0, 0);
                assert_eq!(live.command(&["set", "i2c-7", "running"]).0, 0);
                expect_life(&live, filter.is_empty());
            }
        }
    }
}

/// Reads events of udevadm's until both groups have told all, each in order.
fn expect_life(live: &Live, adapters: bool) {
    let life = [("remove", "1", ""), ("add", "2", ""), ("change", "2", "offline"), ("change", "2", "running")];
    let (mut kernel, mut udev) = (life.iter(), life.iter());
    let mut heard_of_adapter = false;
    while kernel.len() + udev.len() > 0 {
        let event = next_event(live);
        if !event[0].contains(NODE) {
            assert!(adapters || !event[0].contains(BUS), "{event:?}");
            heard_of_adapter |= event[0].contains(BUS);
            continue;
        }
        let of_udev = event[0].starts_with("UDEV");
        let next = if of_udev { udev.next() } else { kernel.next() };
        let (action, generation, state) = next.unwrap_or_else(|| panic!("one too many: {event:?}"));
        let has = |line: &str| event.iter().any(|it| it == line);
        assert!(event[0].contains(&format!(" {action} ")), "{event:?}");
        assert!(has("SUBSYSTEM=i2c-dev") && has("DEVNAME=/dev/i2c-7") && has("MAJOR=89"), "{event:?}");
        assert!(has(&format!("OUTLIVE_GENERATION={generation}")), "{event:?}");
        assert_eq!(has(&format!("OUTLIVE_STATE={state}")), !state.is_empty(), "{event:?}");
        assert_eq!(has("TAGS=:outlive:"), of_udev, "{event:?}");
    }
    assert_eq!(heard_of_adapter, adapters);
}

/// The next event of udevadm's: its lines, up to an empty one.
fn next_event(live: &Live) -> Vec<String> {
    let mut event = Vec::new();
    loop {
        match live.line("") {
            line if !line.is_empty() => event.push(line),
            _ if !event.is_empty() => return event,
            _ => {}
        }
    }
}

#[test]
fn pyudev_hears_of_what_it_asked_for() {
    let script = source("pyudev_monitor.py");
    for who in everybody() {
        for place in PLACES {
            let mut live = start(who, &[EEPROM], place, &["/usr/bin/python3", script.to_str().unwrap(), "i2c-dev"]);
            live.line("ready");
            assert_eq!(live.command(&["set", "i2c-7", "blocked"]).0, 0);
            assert_eq!(live.command(&["unplug", "i2c-7"]).0, 0);
            let event = |action: &str| {
                let number = rustix::fs::makedev(89, 7);
                format!("event {action} i2c-dev {NODE} /dev/i2c-7 1 initialized=True tag=True {number}")
            };
            assert_eq!(live.line("event"), event("change"));
            assert_eq!(live.line("event"), event("remove"));
            assert_eq!(live.exit_code(), 0);
        }
    }
}

/// libudev's filters run in the kernel, on our socket: subsystem, device type, tag.
#[test]
fn libudev_filters_by_subsystem_type_and_tag() {
    let program = libudev_client();
    let claimed = format!("{EEPROM},claimed=true");
    let heard = |filters: &[&str]| {
        let mut words = vec![program.as_str()];
        words.extend(filters);
        let mut live = Run::with(&[&claimed]).start(words);
        live.line("ready");
        assert_eq!(live.command(&["unplug", "i2c-7"]).0, 0);
        assert_eq!(live.command(&["plug", "i2c-7"]).0, 0);
        // What is told is told in order, so that behind the last nothing is missing.
        std::thread::sleep(Duration::from_millis(200));
        live.end_of_input();
        let lines: Vec<_> = live.rest().into_iter().filter(|line| line.contains("outlive.0")).collect();
        assert_eq!(live.exit_code(), 0);
        lines
    };
    let line =
        |action: &str, subsystem: &str, path: &str, rest: &str| format!("event {action} {subsystem} {path} {rest}");
    let chip = format!("{BUS}/7-0050");
    let all = |ready: &str| {
        [
            line("unbind", "i2c", &chip, &format!("- 1 - - {ready}")),
            line("remove", "i2c", &chip, &format!("- 1 - - {ready}")),
            line("remove", "i2c-dev", NODE, &format!("/dev/i2c-7 1 - - {ready}")),
            line("remove", "i2c", BUS, &format!("- 1 - - {ready}")),
            line("add", "i2c", BUS, &format!("- 2 - - {ready}")),
            line("add", "i2c-dev", NODE, &format!("/dev/i2c-7 2 - - {ready}")),
            line("add", "i2c", &chip, &format!("- 2 - - {ready}")),
            line("bind", "i2c", &chip, &format!("- 2 - at24 {ready}")),
        ]
    };
    let udev = all("initialized=1 tag=1");
    let nodes: Vec<_> = udev.iter().filter(|line| line.contains(" i2c-dev ")).cloned().collect();
    assert_eq!(heard(&["udev"]), udev);
    assert_eq!(heard(&["udev", "subsystem=i2c-dev"]), nodes);
    assert_eq!(heard(&["udev", "subsystem=block"]), [""; 0]);
    assert_eq!(heard(&["udev", "subsystem=i2c-dev/no-such-type"]), [""; 0]);
    assert_eq!(heard(&["udev", "tag=outlive"]), udev);
    assert_eq!(heard(&["udev", "tag=seat"]), [""; 0]);
    let heard = heard(&["kernel"]);
    let kernel: Vec<_> = heard.iter().map(|line| line.split(" initialized").next().unwrap()).collect();
    let wanted: Vec<String> = all("").iter().map(|line| line.trim_end().to_owned()).collect();
    assert_eq!(kernel, wanted);
}

/// Every call of a program that knows netlink, with what Linux says to it (`uevents.c` prints the checks).
#[test]
fn a_netlink_socket_is_one_in_every_way_to_receive() {
    let program = raw_client();
    for who in everybody() {
        for place in PLACES {
            for what in ["calls", "sleep", "dup"] {
                let mut live = start(who, &[EEPROM], place, &[&program, what]);
                let mut lines = Vec::new();
                while lines.last().is_none_or(|line| line != "ready") {
                    lines.push(live.line(""));
                }
                replug_to_the_end(&live);
                lines.extend(live.rest());
                let failed: Vec<_> = lines.iter().filter(|line| line.starts_with("FAIL")).collect();
                assert_eq!((failed, live.exit_code()), (vec![], 0), "{who:?} {place:?} {what}");
                if what == "dup" {
                    assert!(lines.contains(&"note the family is another".to_owned()), "{lines:?}");
                }
            }
        }
    }
}

/// Threads that open and close sockets at the same time get a number each, and nobody's is closed for another's.
#[test]
fn threads_get_sockets_of_their_own() {
    const THREADS: &str = "
import os, socket, threading
wrong = []
def open_and_close():
    for _ in range(50):
        sockets = [socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 15) for _ in range(6)]
        for one in sockets: one.bind((0, 1))
        for one in sockets:
            number, name = one.fileno(), one.getsockname()
            if name[1:] != (1,) or number < 448: wrong.append((number, name, os.readlink(f'/proc/self/fd/{number}')))
        for one in sockets: one.close()
threads = [threading.Thread(target=open_and_close) for _ in range(8)]
for thread in threads: thread.start()
for thread in threads: thread.join()
print('wrong', wrong, [name for name in os.listdir('/proc/self/fd') if int(name) >= 448])
";
    for who in everybody() {
        let program = ["/usr/bin/python3", "-c", THREADS];
        assert_eq!(Run::with(&[EEPROM]).by(who).expect(0, program), "wrong [] []\n");
    }
}

/// Differences that we cannot avoid, or have chosen (docs/differences.md).
#[test]
fn a_uevent_socket_does_not_send() {
    let mut live = Run::with(&[EEPROM]).start([raw_client().as_str(), "calls"]);
    assert_eq!(live.line("note sending"), "note sending says EPERM");
    live.line("ready");
    replug_to_the_end(&live);
    assert_eq!(live.exit_code(), 0);
}

/// Above its limit there are no numbers for a program's socket; the lowest one does as well, for libudev and for others.
#[test]
fn a_program_with_few_descriptors_hears_as_well() {
    let (libudev, raw) = (libudev_client(), raw_client());
    for who in everybody() {
        for group in ["kernel", "udev"] {
            let script = format!("ulimit -n 256; exec {libudev} {group} subsystem=i2c-dev");
            let mut live = Run::with(&[EEPROM]).by(who).start(["sh", "-c", &script]);
            live.line("ready");
            replug(&live);
            live.line(&format!("event remove i2c-dev {NODE} /dev/i2c-7 1 "));
            live.line(&format!("event add i2c-dev {NODE} /dev/i2c-7 2 "));
            live.end_of_input();
            assert_eq!(live.exit_code(), 0);
        }
        let script = format!("ulimit -n 256; exec {raw} dup");
        let mut live = Run::with(&[EEPROM]).by(who).start(["sh", "-c", &script]);
        live.line("ready");
        replug_to_the_end(&live);
        assert_eq!((live.exit_code(), live.rest().last().unwrap().as_str()), (0, "3 ok, 0 failed"));
    }
}

/// I21, I33: a device that is about to go says so, and removal is told at the mark, not when the last user leaves: here
/// whoever hears of it has the device open all the time.
#[test]
fn removal_is_told_at_the_mark() {
    let script = format!("exec 3<>/dev/i2c-7; exec {} udev subsystem=i2c-dev", libudev_client());
    for who in everybody() {
        let mut live = Run::with(&[EEPROM]).by(who).start(["sh", "-c", &script]);
        live.line("ready");
        let (code, text) = live.command(&["unplug", "i2c-7", "--prepare", "300ms"]);
        assert_eq!(code, 0, "{text}");
        live.line(&format!("event change i2c-dev {NODE} /dev/i2c-7 1 closing - "));
        live.line(&format!("event remove i2c-dev {NODE} /dev/i2c-7 1 - - "));
        let (_, text) = live.command(&["ls"]);
        assert!(text.contains("gone"), "a handle is still there: {text}");
        live.end_of_input();
        assert_eq!(live.exit_code(), 0);
    }
}

fn control(live: &Live) -> Client {
    connect(Some(&live.name)).unwrap()
}

fn replug_quickly(client: &mut Client, times: usize) -> Duration {
    let begin = Instant::now();
    for _ in 0..times {
        client.unplug(&["i2c-7".to_owned()], &How::default()).unwrap();
        client.plug_name("i2c-7").unwrap();
    }
    begin.elapsed()
}

/// Whose buffer is full loses what comes, is told so once by ENOBUFS, and hears again when it has read all.
#[test]
fn who_does_not_read_is_told_that_it_missed_something() {
    let mut live = Run::with(&[EEPROM]).start([raw_client().as_str(), "overrun"]);
    live.line("ready");
    replug_quickly(&mut control(&live), 50);
    live.say("\n");
    live.line("ready");
    replug_to_the_end(&live);
    let lines = live.rest();
    let failed: Vec<_> = lines.iter().filter(|line| line.starts_with("FAIL")).collect();
    assert_eq!((live.exit_code(), failed), (0, vec![]));
}

/// A monitor that sleeps while a thousand devices come and go delays neither them nor another monitor.
#[test]
fn a_monitor_that_never_reads_stalls_nobody() {
    let program = libudev_client();
    let script = format!("{program} udev asleep <&9 & {program} udev subsystem=i2c-dev <&9 & wait");
    let mut live = Run::with(&[EEPROM]).start(["sh", "-c", &format!("exec 9<&0; {script}")]);
    live.line("ready");
    live.line("ready");
    let mut client = control(&live);
    let took = replug_quickly(&mut client, 1000);
    println!("a thousand removals and plugs took {took:?}");
    assert!(took < PATIENCE, "{took:?}");
    let last = format!("event add i2c-dev {NODE} /dev/i2c-7 1001 ");
    assert!(live.line(&last).contains("initialized=1"));
    live.end_of_input();
    live.rest();
    assert_eq!(live.exit_code(), 0);
}

/// Several processes, several monitors each; when they have gone nothing is left of them in the supervisor.
#[test]
fn monitors_that_are_closed_leave_nothing() {
    let program = libudev_client();
    let monitors = format!("for i in 1 2 3 4 5 6 7 8 9 10; do {program} kernel <&9 & {program} udev <&9 & done; wait");
    let script = format!("exec 9<&0; echo begun; read x; {monitors}; exec 9<&-; echo over; exec sleep 1000");
    let mut live = Run::with(&[EEPROM]).start(["sh", "-c", &script]);
    live.line("begun");
    // Once, for what is made with the first connection and kept.
    live.command(&["ls"]);
    let supervisor = live.child.id();
    let count = || fs::read_dir(format!("/proc/{supervisor}/fd")).unwrap().count();
    let before = settled(count);
    live.say("\n");
    (0..20).for_each(|_| drop(live.line("ready")));
    assert!(count() >= before + 20, "one for each, and one for the machine's own");
    replug(&live);
    (0..20).for_each(|_| drop(live.line(&format!("event add i2c {BUS} "))));
    live.end_of_input();
    live.line("over");
    let deadline = Instant::now() + PATIENCE;
    while count() > before {
        assert!(Instant::now() < deadline, "{} descriptors, {before} before", count());
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// What is counted once it has stayed the same for a while: a command ends before the supervisor has closed its connection.
fn settled(count: impl Fn() -> usize) -> usize {
    let deadline = Instant::now() + PATIENCE;
    let mut last = (count(), Instant::now());
    while last.1.elapsed() < Duration::from_millis(300) {
        assert!(Instant::now() < deadline, "the count does not settle at {}", last.0);
        std::thread::sleep(Duration::from_millis(10));
        let now = count();
        if now != last.0 {
            last = (now, Instant::now());
        }
    }
    last.0
}

/// The machine's own uevents go on reaching the tree, but for those in another network namespace, where Linux would not
/// tell them either.
#[test]
fn the_machine_is_heard_as_well() {
    let device = fs::canonicalize("/sys/class/mem/null").unwrap();
    let path = device.strip_prefix("/sys").unwrap().display();
    for who in everybody() {
        for place in PLACES {
            let program = libudev_client();
            let mut live = start(who, &[EEPROM], place, &[&program, "kernel"]);
            live.line("ready");
            fs::write(device.join("uevent"), "change").unwrap();
            replug(&live);
            std::thread::sleep(Duration::from_millis(200));
            live.end_of_input();
            let lines = live.rest();
            let heard = |start: &str| lines.iter().any(|line| line.starts_with(start));
            assert!(heard(&format!("event remove i2c-dev {NODE} ")), "{who:?} {place:?} {lines:?}");
            assert_eq!(heard(&format!("event change mem /{path} /dev/null ")), place.is_empty(), "{who:?} {lines:?}");
            assert_eq!(live.exit_code(), 0);
        }
    }
}

/// What udev would keep in /run/udev while the device is there.
#[test]
fn udevs_records_are_there() {
    let script = "test -e /run/udev/control && stat -c %F /run/udev/control; cat /run/udev/data/c89:7; \
                  stat -c %A /run/udev/data/+i2c:i2c-7; echo x >/run/udev/data/c89:7; ls /run/udev/data/c89:8; \
                  echo ready; read x; cat /run/udev/data/c89:7; echo over";
    for who in everybody() {
        let mut live = Run::with(&[EEPROM]).by(who).start(["sh", "-c", script]);
        if !std::path::Path::new("/run/udev/control").exists() {
            live.line("socket");
        }
        live.line("I:");
        for line in ["E:OUTLIVE_GENERATION=1", "G:outlive", "Q:outlive", "V:1", "-rw-r--r--"] {
            assert_eq!(live.line(""), line);
        }
        live.line("ready");
        assert_eq!(live.command(&["unplug", "i2c-7"]).0, 0);
        live.say("\n");
        assert_eq!(live.line(""), "over");
        assert_eq!(live.exit_code(), 0);
    }
}
