//! The virtual displays behind the class, as a client and as whoever looks at them meets them.

mod races;
#[path = "../time/mod.rs"]
mod time;

use outlive::{Numbers, Policy, Reason};
use outlive_classes::{
    Access, Answer, Call, Completion, Contract, Errno, Fault, File, Hardware, MapCall, Memory, OpenFlags, Plugged,
    SharedMemory,
    drm::{
        self, Card, Change, Driver, Format, Ground, MemoryMaker, Mode, Picture,
        uapi::{
            ioctl,
            layout::{CardResources, Connector, CreateDumb, Crtc, Cursor, Fb2, Field, MapDumb, PageFlip, WaitVblank},
        },
    },
};
use outlive_drivers::{clock::Clock, drm::CardConfig};
use std::{
    collections::BTreeMap,
    fmt,
    os::fd::BorrowedFd,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering::SeqCst},
        mpsc,
    },
    time::Duration,
};
use time::Time;

const LONG: Duration = Duration::from_secs(10);
const RED: u32 = 0x00ff_0000;
const GREEN: u32 = 0x0000_ff00;

/// The class's clock, which goes as the displays' does.
#[derive(Debug)]
struct Same(Arc<Time>);

impl drm::Clock for Same {
    fn monotonic(&self) -> Duration {
        self.0.now()
    }
    fn after(&self, delay: Duration, then: Box<dyn FnOnce() + Send>) {
        self.0.after(delay, then);
    }
}

#[derive(Debug)]
struct Words(Vec<AtomicU32>);

impl SharedMemory for Words {
    fn size(&self) -> u64 {
        4 * self.0.len() as u64
    }
    fn load(&self, offset: u64) -> u32 {
        self.0.get(offset as usize / 4).map_or(u32::MAX, |word| word.load(SeqCst))
    }
    fn store(&self, offset: u64, value: u32) {
        self.0[offset as usize / 4].store(value, SeqCst);
    }
    fn descriptor(&self, _: Access) -> Option<BorrowedFd<'_>> {
        None
    }
    fn discard(&self) {}
}

#[derive(Debug)]
struct Maker;

impl MemoryMaker for Maker {
    fn make(&self, size: u64) -> Result<Arc<dyn SharedMemory>, Errno> {
        Ok(Arc::new(Words((0..size / 4).map(|_| AtomicU32::new(0)).collect())))
    }
}

/// The client's memory: the structure at 0x1000, what it points to at 0x2000.
struct Arena(Mutex<Vec<u8>>);
const AT: u64 = 0x1000;
const ARRAY: u64 = 0x2000;

impl Memory for Arena {
    fn read(&self, address: u64, into: &mut [u8]) -> Result<(), Fault> {
        let at = address.checked_sub(AT).ok_or(Fault)? as usize;
        into.copy_from_slice(self.0.lock().unwrap().get(at..at + into.len()).ok_or(Fault)?);
        Ok(())
    }
    fn write(&self, address: u64, from: &[u8]) -> Result<(), Fault> {
        let at = address.checked_sub(AT).ok_or(Fault)? as usize;
        self.0.lock().unwrap().get_mut(at..at + from.len()).ok_or(Fault)?.copy_from_slice(from);
        Ok(())
    }
}

struct Tell(mpsc::Sender<Result<Answer, Errno>>);

impl Completion for Tell {
    fn arrived(&mut self, _: &dyn fmt::Display) {}
    fn complete(self: Box<Self>, answer: Result<Answer, Errno>) {
        let _ = self.0.send(answer);
    }
}

struct Bench {
    time: Arc<Time>,
    card: Card,
    file: Arc<dyn File>,
    arena: Arc<Arena>,
    changes: Arc<Mutex<Vec<Change>>>,
    ids: Ids,
}

#[derive(Default)]
struct Ids {
    crtcs: Vec<u32>,
    connectors: Vec<u32>,
}

fn build(model: &str, keys: &[(&str, &str)], time: &Arc<Time>) -> Result<Box<dyn Driver>, String> {
    let keys: BTreeMap<_, _> = keys.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    let clock: Arc<dyn Clock> = time.clone();
    CardConfig { model: model.to_owned(), keys }.build(clock).map_err(|error| error.to_string())
}

impl Bench {
    fn of(keys: &[(&str, &str)]) -> Self {
        let time = Arc::<Time>::default();
        let driver = build("virtual", keys, &time).unwrap();
        Self::with(driver, time)
    }

    fn with(driver: Box<dyn Driver>, time: Arc<Time>) -> Self {
        let changes = Arc::<Mutex<Vec<Change>>>::default();
        let told = changes.clone();
        let ground = Ground {
            clock: Arc::new(Same(time.clone())),
            memory: Arc::new(Maker),
            told: Arc::new(move |change| told.lock().unwrap().push(change)),
        };
        let card = Card::plug_under(Contract::Quiet, Numbers::new().claim(0).unwrap(), driver, ground);
        let file = card.open(OpenFlags { access: Access::ReadWrite, nonblock: true }).unwrap();
        let arena = Arc::new(Arena(Mutex::new(vec![0; 0x2000])));
        let mut bench = Bench { time, card, file, arena, changes, ids: Ids::default() };
        bench.ids = bench.find();
        bench
    }

    fn find(&self) -> Ids {
        let (crtcs, connectors) = (ARRAY, ARRAY + 0x100);
        let asked = CardResources { crtcs, connectors, count_crtcs: 32, count_connectors: 32, ..Default::default() };
        let found = self.ask(ioctl::MODE_GETRESOURCES, &asked).unwrap();
        let numbers = |at: u64, count: u32| {
            let mut bytes = vec![0; 4 * count as usize];
            self.arena.read(at, &mut bytes).unwrap();
            bytes.chunks(4).map(u32::get).collect()
        };
        Ids { crtcs: numbers(crtcs, found.count_crtcs), connectors: numbers(connectors, found.count_connectors) }
    }

    fn begin<T: Field>(&self, command: u32, asked: &T) -> mpsc::Receiver<Result<Answer, Errno>> {
        let mut bytes = vec![0; T::SIZE];
        asked.put(&mut bytes);
        self.arena.write(AT, &bytes).unwrap();
        let (tell, told) = mpsc::channel();
        self.file.call(Call::Ioctl { command, argument: AT }, self.arena.clone(), Box::new(Tell(tell)));
        told
    }

    fn ask<T: Field>(&self, command: u32, asked: &T) -> Result<T, Errno> {
        self.begin(command, asked).recv_timeout(LONG).unwrap()?;
        let mut bytes = vec![0; T::SIZE];
        self.arena.read(AT, &mut bytes).unwrap();
        Ok(T::get(&bytes))
    }

    /// How many events there are to read.
    fn events(&self) -> Result<usize, Errno> {
        let (tell, told) = mpsc::channel();
        self.file.call(Call::Read { size: 4096 }, self.arena.clone(), Box::new(Tell(tell)));
        match told.recv_timeout(LONG).unwrap()? {
            Answer::Data(data) => Ok(data.len() / 32),
            Answer::Value(value) => panic!("{value}"),
        }
    }

    /// A framebuffer, and its memory as its client maps it.
    fn framebuffer(&self, width: u32, height: u32, format: Format) -> (u32, u32, Arc<dyn SharedMemory>) {
        let asked = CreateDumb { width, height, bpp: format.bits(), ..Default::default() };
        let made = self.ask(ioctl::MODE_CREATE_DUMB, &asked).unwrap();
        let map = MapDumb { handle: made.handle, ..Default::default() };
        let offset = self.ask(ioctl::MODE_MAP_DUMB, &map).unwrap().offset;
        let call = MapCall { offset, length: made.size, access: Access::ReadWrite, shared: true };
        let memory = self.file.map(&call).unwrap().memory;
        let (handles, pitches) = ([made.handle, 0, 0, 0], [made.pitch, 0, 0, 0]);
        let asked = Fb2 { width, height, format: format.code(), handles, pitches, ..Default::default() };
        (self.ask(ioctl::MODE_ADDFB2, &asked).unwrap().fb, made.handle, memory)
    }

    fn set_mode(&self, number: usize, fb: u32, mode: Mode) {
        self.arena.write(ARRAY, &self.ids.connectors[number].to_ne_bytes()).unwrap();
        let asked = Crtc {
            connectors: ARRAY,
            count_connectors: 1,
            crtc: self.ids.crtcs[number],
            fb,
            mode_valid: 1,
            mode: mode.info(),
            ..Default::default()
        };
        let told = self.begin(ioctl::MODE_SETCRTC, &asked);
        self.time.pass(mode.period());
        told.recv_timeout(LONG).unwrap().unwrap();
    }

    fn flip(&self, fb: u32) -> Result<(), Errno> {
        let asked = PageFlip { crtc: self.ids.crtcs[0], fb, flags: 1, ..Default::default() };
        self.ask(ioctl::MODE_PAGE_FLIP, &asked).map(drop)
    }

    fn screen(&self, connector: usize) -> Option<Picture> {
        self.card.display().unwrap().screen(connector).unwrap()
    }
}

fn mode(width: u16, height: u16) -> Mode {
    Mode::new(width, height, 60).unwrap()
}

fn fill(memory: &Arc<dyn SharedMemory>, word: u32) {
    (0..memory.size()).step_by(4).for_each(|at| memory.store(at, word));
}

/// One whose first screen shows a framebuffer of this format.
fn lit(format: Format) -> (Bench, Arc<dyn SharedMemory>) {
    let bench = Bench::of(&[("mode", "64x32"), ("connectors", "2")]);
    let (fb, _, memory) = bench.framebuffer(64, 32, format);
    bench.set_mode(0, fb, mode(64, 32));
    (bench, memory)
}

#[test]
fn what_a_client_draws_is_on_the_screen() {
    let (bench, memory) = lit(Format::Xrgb8888);
    fill(&memory, RED);
    memory.store(4 * (64 * 5 + 9), GREEN);
    let picture = bench.screen(0).unwrap();
    assert_eq!((picture.width, picture.height, picture.pixels.len()), (64, 32, 3 * 64 * 32));
    assert_eq!((picture.at(0, 0), picture.at(9, 5), picture.at(63, 31)), ([255, 0, 0], [0, 255, 0], [255, 0, 0]));
    assert_eq!(picture.at(64, 0), [0; 3], "outside");
    assert_eq!(bench.screen(1), None, "that one is off");
}

#[test]
fn each_format_is_understood() {
    let cases = [
        (Format::Xrgb8888, 0x1280_40ff, [0x80, 0x40, 0xff]),
        (Format::Argb8888, 0xff80_40ff, [0x80, 0x40, 0xff]),
        (Format::Xrgb2101010, 0x3ff << 20 | 0x200 << 10, [255, 127, 0]),
        (Format::Rgb565, 0xf81f_f81f, [255, 0, 255]),
    ];
    for (format, word, colour) in cases {
        let (bench, memory) = lit(format);
        fill(&memory, word);
        let picture = bench.screen(0).unwrap();
        assert_eq!((picture.at(0, 0), picture.at(63, 31)), (colour, colour), "{format:?}");
    }
}

#[test]
fn two_pixels_of_one_word_are_told_apart() {
    let (bench, memory) = lit(Format::Rgb565);
    memory.store(0, 0x001f_f800);
    let picture = bench.screen(0).unwrap();
    assert_eq!((picture.at(0, 0), picture.at(1, 0)), ([255, 0, 0], [0, 0, 255]));
}

#[test]
fn a_cursor_covers_what_is_below_as_far_as_it_is_opaque() {
    let (bench, memory) = lit(Format::Xrgb8888);
    fill(&memory, RED);
    let (_, handle, cursor) = bench.framebuffer(16, 16, Format::Argb8888);
    // Half of green, multiplied already; its first pixel is nothing at all.
    fill(&cursor, 0x8000_8000);
    cursor.store(0, 0);
    let asked = Cursor {
        flags: 3,
        crtc: bench.ids.crtcs[0],
        x: 10,
        y: -8,
        width: 16,
        height: 16,
        handle,
        ..Default::default()
    };
    bench.ask(ioctl::MODE_CURSOR2, &asked).unwrap();
    bench.time.pass(mode(64, 32).period());
    let picture = bench.screen(0).unwrap();
    assert_eq!((picture.at(10, 0), picture.at(25, 7)), ([127, 128, 0], [127, 128, 0]));
    assert_eq!((picture.at(9, 0), picture.at(26, 0), picture.at(10, 8)), ([255, 0, 0], [255, 0, 0], [255, 0, 0]));
    let moved = Cursor { flags: 2, x: 0, y: 0, handle: 0, ..asked };
    bench.ask(ioctl::MODE_CURSOR2, &moved).unwrap();
    bench.time.pass(mode(64, 32).period());
    assert_eq!(bench.screen(0).unwrap().at(0, 0), [255, 0, 0], "through the pixel that is nothing");
    bench.ask(ioctl::MODE_CURSOR2, &Cursor { x: i32::MIN, y: i32::MIN, ..moved }).unwrap();
    bench.time.pass(mode(64, 32).period());
    assert_eq!(bench.screen(0).unwrap().at(1, 1), [255, 0, 0], "far away");
}

/// A flip is seen from the next picture on, and said then.
#[test]
fn a_flip_is_seen_from_the_next_picture_on() {
    let (bench, memory) = lit(Format::Xrgb8888);
    fill(&memory, RED);
    let (second, _, other) = bench.framebuffer(64, 32, Format::Xrgb8888);
    fill(&other, GREEN);
    let period = mode(64, 32).period();
    bench.flip(second).unwrap();
    bench.time.pass(period / 2);
    assert_eq!((bench.screen(0).unwrap().at(0, 0), bench.events()), ([255, 0, 0], Err(Errno::AGAIN)));
    bench.time.pass(period / 2);
    assert_eq!((bench.screen(0).unwrap().at(0, 0), bench.events()), ([0, 255, 0], Ok(1)));
    assert_eq!(bench.time.waiting(), 0, "nobody waits for anything");
}

#[test]
fn the_beam_keeps_its_time() {
    let (bench, _) = lit(Format::Xrgb8888);
    let period = mode(64, 32).period();
    let count = || bench.ask(ioctl::WAIT_VBLANK, &WaitVblank { kind: 1, ..Default::default() }).unwrap().sequence;
    assert_eq!(count(), 1);
    let told = bench.begin(ioctl::WAIT_VBLANK, &WaitVblank { kind: 1, sequence: 3, signal: 0 });
    for _ in 0..2 {
        bench.time.pass(period);
        assert!(told.try_recv().is_err());
    }
    bench.time.pass(period);
    assert!(told.try_recv().unwrap().is_ok());
    assert_eq!(count(), 4);
    bench.time.pass(1000 * period + period / 2);
    assert_eq!(count(), 1004);
}

#[test]
fn another_mode_begins_another_beat() {
    let bench = Bench::of(&[("mode", "800x600@30")]);
    let (fb, _, _) = bench.framebuffer(800, 600, Format::Xrgb8888);
    bench.set_mode(0, fb, Mode::new(800, 600, 30).unwrap());
    bench.set_mode(0, fb, mode(640, 480));
    bench.flip(fb).unwrap();
    bench.time.pass(mode(640, 480).period());
    assert_eq!(bench.events(), Ok(1));
    let picture = bench.screen(0).unwrap();
    assert_eq!((picture.width, picture.height), (640, 480));
}

#[test]
fn cables_are_put_in_and_pulled_out_one_by_one() {
    let bench = Bench::of(&[("connectors", "2"), ("connected", "1"), ("mode", "64x32")]);
    let connection = |number: usize| {
        let asked = Connector { connector: bench.ids.connectors[number], ..Default::default() };
        bench.ask(ioctl::MODE_GETCONNECTOR, &asked).unwrap().connection
    };
    assert_eq!((connection(0), connection(1)), (1, 2));
    let display = bench.card.display().unwrap();
    display.connect(1, true).unwrap();
    display.connect(0, false).unwrap();
    assert_eq!((connection(0), connection(1)), (2, 1));
    let changes = bench.changes.lock().unwrap().iter().map(|it| (it.connector, it.connected)).collect::<Vec<_>>();
    assert_eq!(changes, [(1, true), (0, false)]);
    let (fb, _, _) = bench.framebuffer(64, 32, Format::Xrgb8888);
    bench.set_mode(0, fb, mode(64, 32));
    assert_eq!(bench.screen(0), None, "nobody sees what goes nowhere");
    assert_eq!(display.connect(5, true), Err(Errno::INVAL));
}

/// Behind the fence the displays have let go of everything; plugged in again they know which cables were in.
#[test]
fn the_same_displays_have_another_life() {
    let (bench, memory) = lit(Format::Xrgb8888);
    bench.card.display().unwrap().connect(1, false).unwrap();
    let second = bench.framebuffer(64, 32, Format::Xrgb8888).0;
    bench.flip(second).unwrap();
    let weak = Arc::downgrade(&memory);
    let Some(Hardware::Drm(driver)) = bench.card.unplug(Reason::Pulled, Policy::Detach, LONG).unwrap() else {
        panic!("a card gives its driver back")
    };
    // Quiet: its event comes, without the displays.
    bench.time.pass(mode(64, 32).period());
    assert_eq!(bench.events(), Ok(1));
    let Bench { time, file, card, .. } = bench;
    drop((file, memory));
    drop(card);
    assert!(weak.upgrade().is_none(), "the displays keep nothing of a former life");
    let again = Bench::with(driver, time);
    let asked = Connector { connector: again.ids.connectors[1], ..Default::default() };
    assert_eq!(again.ask(ioctl::MODE_GETCONNECTOR, &asked).unwrap().connection, 2);
    let (fb, _, _) = again.framebuffer(64, 32, Format::Xrgb8888);
    again.set_mode(0, fb, mode(64, 32));
    assert!(again.screen(0).is_some());
}

#[test]
fn what_a_card_cannot_be_is_said() {
    let time = Arc::<Time>::default();
    let refused = |model: &str, keys: &[(&str, &str)]| build(model, keys, &time).unwrap_err();
    assert_eq!(refused("real", &[]), "there is no card \"real\"; known cards: virtual");
    assert!(refused("virtual", &[("size", "1")]).contains("its keys: connected, connectors, mode"));
    for text in ["1280", "0x5", "1280x800@0", "5000x5000", "1280x800@x"] {
        assert!(refused("virtual", &[("mode", text)]).contains("such as 1280x800 or 1280x800@60"), "{text}");
    }
    for text in ["0", "33", "two"] {
        assert!(refused("virtual", &[("connectors", text)]).contains("of which there are up to 32"), "{text}");
    }
    assert!(refused("virtual", &[("connected", "2")]).contains("at most as many as there are connectors: 1"));
    let description = build("virtual", &[("connectors", "32")], &time).unwrap().description();
    assert_eq!((description.connectors.len(), description.name), (32, "outlive".to_owned()));
}
