//! The models of input devices behind the class, as a client meets them.

#[path = "../time/mod.rs"]
mod time;

use outlive::{Numbers, Policy, Reason};
use outlive_classes::{
    Access, Answer, Call, Completion, Contract, Errno, File, NoMemory, OpenFlags, Plugged,
    input::{self, ClockId, Driver, InputDevice, Sink},
};
use outlive_drivers::{
    clock::Clock,
    input::{InputConfig, Played, Playing, Script},
};
use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, mpsc},
    time::Duration,
};
use time::Time;

const LONG: Duration = Duration::from_secs(10);

struct Tell(mpsc::Sender<Result<Answer, Errno>>);

impl Completion for Tell {
    fn arrived(&mut self, _: &dyn fmt::Display) {}
    fn complete(self: Box<Self>, answer: Result<Answer, Errno>) {
        let _ = self.0.send(answer);
    }
}

/// The class's clock, which goes as the models' does.
#[derive(Debug)]
struct Same(Arc<Time>);

impl input::Clock for Same {
    fn time(&self, _: ClockId) -> Duration {
        self.0.now()
    }
    fn after(&self, delay: Duration, then: Box<dyn FnOnce() + Send>) {
        self.0.after(delay, then);
    }
}

struct Bench {
    time: Arc<Time>,
    device: InputDevice,
    file: Arc<dyn File>,
}

fn build(model: &str, keys: &[(&str, &str)], time: &Arc<Time>) -> Result<Box<dyn Driver>, String> {
    let keys: BTreeMap<_, _> = keys.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    let clock: Arc<dyn Clock> = time.clone();
    InputConfig { model: model.to_owned(), keys }.build(clock).map_err(|error| error.to_string())
}

impl Bench {
    fn of(model: &str, keys: &[(&str, &str)]) -> Self {
        let time = Arc::<Time>::default();
        let driver = build(model, keys, &time).unwrap();
        let number = Numbers::new().claim(0).unwrap();
        let device = InputDevice::plug_under(Contract::Strict, number, driver, Arc::new(Same(time.clone())));
        let file = open(&device);
        Bench { time, device, file }
    }

    fn sink(&self) -> Sink {
        self.device.sink().unwrap()
    }

    /// What can be read: type, code, value.
    fn read(&self) -> Result<Vec<(u16, u16, i32)>, Errno> {
        read(&*self.file)
    }

    /// Has it do what `words` say; how that ended, as soon as it has.
    fn play(&self, words: &str) -> (Playing, Arc<Mutex<Option<Played>>>) {
        let script = Arc::new(Script::parse(words, self.sink().description()).unwrap());
        let ended = Arc::new(Mutex::new(None));
        let told = ended.clone();
        let done = move |played| *told.lock().unwrap() = Some(played);
        (Playing::begin(script, self.sink(), self.time.clone(), done), ended)
    }
}

fn open(device: &InputDevice) -> Arc<dyn File> {
    device.open(OpenFlags { access: Access::ReadWrite, nonblock: true }).unwrap()
}

fn read(file: &dyn File) -> Result<Vec<(u16, u16, i32)>, Errno> {
    let (tell, told) = mpsc::channel();
    file.call(Call::Read { size: 1 << 16 }, Arc::new(NoMemory), Box::new(Tell(tell)));
    let Answer::Data(data) = told.recv_timeout(LONG).unwrap()? else { panic!("a read gives data") };
    let word = |event: &[u8], at: usize| u16::from_ne_bytes([event[at], event[at + 1]]);
    let value = |event: &[u8]| i32::from_ne_bytes(event[20..24].try_into().unwrap());
    Ok(data.chunks(24).map(|event| (word(event, 16), word(event, 18), value(event))).collect())
}

const SYNC: (u16, u16, i32) = (0, 0, 0);

fn key(code: u16, value: i32) -> (u16, u16, i32) {
    (1, code, value)
}

#[test]
fn a_script_is_played_when_the_device_is_opened_in_each_life() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "key a tap wait 10ms key b down").unwrap();
    let bench = Bench::of("keyboard", &[("script", file.path().to_str().unwrap()), ("name", "Typist")]);
    assert_eq!(bench.sink().description().name, "Typist");
    assert_eq!(bench.read(), Err(Errno::AGAIN));
    bench.time.pass(Duration::ZERO);
    assert_eq!(bench.read(), Ok(vec![key(30, 1), SYNC, key(30, 0), SYNC]));
    // Who comes later finds it done.
    let second = open(&bench.device);
    bench.time.pass(Duration::from_millis(10));
    assert_eq!(bench.read(), Ok(vec![key(48, 1), SYNC]));
    assert_eq!(read(&*second), Ok(vec![key(48, 1), SYNC]));
    let Some(hardware) = bench.device.unplug(Reason::Pulled, Policy::Detach, LONG).unwrap() else { panic!("once") };
    let outlive_classes::Hardware::Input(driver) = hardware else { panic!("an input device") };
    let number = Numbers::new().claim(0).unwrap();
    let again = InputDevice::plug_under(Contract::Strict, number, driver, Arc::new(Same(bench.time.clone())));
    let file = open(&again);
    bench.time.pass(Duration::from_millis(10));
    assert_eq!(read(&*file), Ok(vec![key(30, 1), SYNC, key(30, 0), SYNC, key(48, 1), SYNC]));
}

#[test]
fn fingers_share_a_screen() {
    let bench = Bench::of("touchscreen", &[("size", "100x50")]);
    let (slot, id, x, y) = (47, 57, 53, 54);
    let at = |code, value| (3, code, value);
    let (_, ended) = bench.play("touch 2 10 20 touch 0 30 40 sync touch 2 11 20 lift 2 lift 0");
    assert_eq!(*ended.lock().unwrap(), Some(Played::Whole));
    let first = [at(slot, 2), at(id, 0), at(x, 10), at(y, 20), key(330, 1), at(0, 10), at(1, 20), SYNC];
    let second = [at(slot, 0), at(id, 1), at(x, 30), at(y, 40), at(0, 30), at(1, 40), SYNC];
    let moved = [at(slot, 2), at(x, 11), at(id, -1), SYNC];
    let lifted = [at(slot, 0), at(id, -1), key(330, 0), SYNC];
    assert_eq!(bench.read(), Ok([&first[..], &second, &moved, &lifted].concat()));
}

#[test]
fn a_play_ends_with_its_device_or_as_it_is_told() {
    let bench = Bench::of("mouse", &[]);
    let words = "rel x 1 wait 5ms rel x 2 wait 5ms rel x 3";
    let (playing, ended) = bench.play(words);
    bench.time.pass(Duration::from_millis(5));
    playing.stop();
    bench.time.pass(Duration::from_millis(5));
    assert_eq!(*ended.lock().unwrap(), Some(Played::Stopped));
    assert_eq!(bench.read(), Ok(vec![(2, 0, 1), SYNC, (2, 0, 2), SYNC]));
    let (_, ended) = bench.play(words);
    bench.device.unplug(Reason::Pulled, Policy::Detach, LONG).unwrap();
    bench.time.pass(Duration::from_millis(5));
    assert_eq!((*ended.lock().unwrap(), bench.time.waiting()), (Some(Played::Gone), 0));
    assert_eq!((bench.read(), bench.read()), (Ok(vec![(2, 0, 1), SYNC]), Err(Errno::NODEV)));
}

#[test]
fn what_cannot_be_is_refused() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), [b"sync\n# ", &[0xff][..]].concat()).unwrap();
    let long = "x".repeat(256);
    for (model, keys, want) in [
        ("nothing", &[][..], "known input devices: keyboard, mouse"),
        ("mouse", &[("size", "1x1")], "mouse has no key \"size\""),
        ("touchscreen", &[("size", "70000x1")], "a size in points"),
        ("keyboard", &[("name", &*long)], "at most 255 bytes on one line"),
        ("keyboard", &[("uniq", "a\nb")], "at most 255 bytes on one line"),
        ("keyboard", &[("script", file.path().to_str().unwrap())], "is not UTF-8"),
        ("evemu", &[], "add file=DESCRIPTION"),
    ] {
        let error = build(model, keys, &Arc::default()).unwrap_err();
        assert!(error.contains(want), "{model} {keys:?}: {error}");
    }
}
