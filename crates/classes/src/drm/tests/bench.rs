//! A card that does as it is told, clients of it, and a clock that stands still.

use super::still::Still;
use crate::{
    Access, Answer, Call, Contract, Errno, File, Hardware, MapCall, Mapping, OpenFlags, Plugged, SharedMemory,
    client::{Arena, BASE, Heard},
    drm::{
        Card, Change, Description, Driver, Error, Ground, MemoryMaker, Mode, Monitor, Picture, Scene, Shot, Sink,
        Wiring,
        kms::{connector_id, crtc_id, plane_id},
        property::Property,
        uapi::{
            flip, ioctl,
            layout::{
                Atomic, CreateBlob, CreateDumb, Crtc, Fb2, Field, MapDumb, ModeInfo, PageFlip, SequenceEvent,
                VblankEvent,
            },
        },
    },
};
use outlive::{Numbers, Policy, Reason};
use std::{
    collections::{BTreeMap, BTreeSet},
    os::fd::BorrowedFd,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::SeqCst},
        mpsc::Receiver,
    },
    time::Duration,
};

pub(super) const LONG: Duration = Duration::from_secs(10);
/// Where a client keeps what an ioctl points to.
pub(super) const ARRAY: u64 = BASE + 0x400;
pub(super) const WIDTH: u32 = 640;
pub(super) const HEIGHT: u32 = 480;

/// Memory that is not anybody else's: its size, and what is not zero.
#[derive(Debug)]
pub(super) struct Words(u64, Mutex<BTreeMap<u64, u32>>);

impl SharedMemory for Words {
    fn size(&self) -> u64 {
        self.0
    }
    fn load(&self, offset: u64) -> u32 {
        self.1.lock().unwrap().get(&offset).copied().unwrap_or_default()
    }
    fn store(&self, offset: u64, value: u32) {
        self.1.lock().unwrap().insert(offset, value);
    }
    fn descriptor(&self, _: Access) -> Option<BorrowedFd<'_>> {
        None
    }
    fn discard(&self) {
        unreachable!("it is its clients' own")
    }
}

#[derive(Debug)]
pub(super) struct Maker;

impl MemoryMaker for Maker {
    fn make(&self, size: u64) -> Result<Arc<dyn SharedMemory>, Errno> {
        Ok(Arc::new(Words(size, Mutex::default())))
    }
}

/// What is known of the driver, which outlives it.
#[derive(Debug, Default)]
pub(super) struct Notes {
    /// How often it was called.
    pub(super) calls: AtomicUsize,
    /// What it was shown last.
    pub(super) scene: Mutex<Scene>,
    pub(super) armed: Mutex<BTreeSet<usize>>,
    pub(super) changes: Mutex<Vec<Change>>,
    /// Its next picture is ready when this is told.
    pub(super) shot: Mutex<Option<Receiver<()>>>,
    wiring: Mutex<Option<Wiring>>,
}

#[derive(Debug)]
struct Stub(Arc<Notes>);

impl Driver for Stub {
    fn description(&self) -> Description {
        let mode = Mode::new(WIDTH as u16, HEIGHT as u16, 60).unwrap();
        Description {
            name: "stub".into(),
            about: "a stub".into(),
            connectors: (1..=2).map(|number| Some(Monitor::new(mode, number))).collect(),
            largest: (4096, 4096),
            hertz: (1, 10_000),
            cursor: 64,
        }
    }
    fn show(&self, scene: &Scene) {
        self.0.calls.fetch_add(1, SeqCst);
        *self.0.scene.lock().unwrap() = scene.clone();
    }
    fn arm(&self, crtc: usize) {
        self.0.calls.fetch_add(1, SeqCst);
        self.0.armed.lock().unwrap().insert(crtc);
    }
    fn screen(&self, _: usize) -> Option<Shot> {
        self.0.calls.fetch_add(1, SeqCst);
        let ready = self.0.shot.lock().unwrap().take()?;
        Some(Box::new(move || {
            ready.recv().unwrap();
            Picture { width: 1, height: 1, pixels: vec![1, 2, 3] }
        }))
    }
    fn connect(&self, connector: usize, connected: bool) -> Result<(), Error> {
        let monitor = self.description().connectors.get(connector).cloned().ok_or(Error::Invalid)?;
        let sink = self.0.wiring.lock().unwrap().as_ref().unwrap().sink.clone();
        sink.connect(connector, monitor.filter(|_| connected));
        Ok(())
    }
    fn plugged(&self, wiring: Wiring) {
        *self.0.wiring.lock().unwrap() = Some(wiring);
    }
    fn unplugged(&mut self) {
        *self.0.wiring.lock().unwrap() = None;
        *self.0.scene.lock().unwrap() = Scene::default();
    }
}

/// An open file and its owner's memory.
pub(super) struct Client {
    pub(super) file: Arc<dyn File>,
    pub(super) arena: Arc<Arena>,
}

pub(super) struct Bench {
    pub(super) card: Arc<Card>,
    pub(super) client: Client,
    pub(super) notes: Arc<Notes>,
    pub(super) clock: Arc<Still>,
    pub(super) numbers: Numbers,
}

pub(super) fn flags(nonblock: bool) -> OpenFlags {
    OpenFlags { access: Access::ReadWrite, nonblock }
}

/// Kind, user data, and count of each event.
pub(super) type Events = Result<Vec<(u32, u64, u64)>, Errno>;

pub(super) fn events(answer: Result<Answer, Errno>) -> Events {
    let event = |bytes: &[u8]| match VblankEvent::from_bytes(bytes) {
        event if event.kind == 3 => {
            let event = SequenceEvent::from_bytes(bytes);
            (event.kind, event.user_data, event.sequence)
        }
        event => (event.kind, event.user_data, event.sequence.into()),
    };
    answer.map(|answer| match answer {
        Answer::Data(data) => data.chunks(32).map(event).collect(),
        Answer::Value(value) => panic!("a read said {value}"),
    })
}

impl Client {
    pub(super) fn begin(&self, call: Call) -> (Heard, Option<u64>) {
        // What another call has read is no matter to this one.
        self.arena.take_fetched();
        let heard = Heard::default();
        let number = self.file.call(call, self.arena.clone(), heard.ticket(None));
        (heard, number)
    }

    pub(super) fn call(&self, call: Call) -> Result<Answer, Errno> {
        let answer = self.begin(call).0.answer();
        assert_eq!(self.arena.take_double_fetch(), None);
        answer
    }

    /// Begins an ioctl whose argument is a structure, at [`BASE`].
    pub(super) fn begin_ask<T: Field>(&self, command: u32, asked: &T) -> (Heard, Option<u64>) {
        let mut bytes = vec![0; T::SIZE];
        asked.put(&mut bytes);
        self.arena.put(BASE, &bytes);
        self.begin(Call::Ioctl { command, argument: BASE })
    }

    /// An ioctl that changes its structure.
    pub(super) fn ask<T: Field>(&self, command: u32, asked: &T) -> Result<T, Errno> {
        let answer = self.begin_ask(command, asked).0.answer();
        assert_eq!(self.arena.take_double_fetch(), None);
        assert!(matches!(answer, Ok(Answer::Value(0)) | Err(_)), "{answer:?}");
        answer.map(|_| T::get(&self.arena.get(BASE, T::SIZE)))
    }

    /// Only whether it works.
    pub(super) fn tell<T: Field>(&self, command: u32, asked: &T) -> Result<(), Errno> {
        self.ask(command, asked).map(drop)
    }

    /// One number as the argument.
    pub(super) fn number(&self, command: u32, number: u32) -> Result<(), Errno> {
        self.tell(command, &number)
    }

    pub(super) fn put<T: Field>(&self, at: u64, things: &[T]) {
        let mut bytes = vec![0; T::SIZE * things.len()];
        things.iter().zip(bytes.chunks_exact_mut(T::SIZE)).for_each(|(thing, place)| thing.put(place));
        self.arena.put(at, &bytes);
    }

    pub(super) fn get<T: Field>(&self, at: u64, count: usize) -> Vec<T> {
        self.arena.get(at, count * T::SIZE).chunks_exact(T::SIZE).map(T::get).collect()
    }

    pub(super) fn dumb(&self, width: u32, height: u32) -> u32 {
        let asked = CreateDumb { width, height, bpp: 32, ..CreateDumb::default() };
        self.ask(ioctl::MODE_CREATE_DUMB, &asked).unwrap().handle
    }

    /// A framebuffer of a buffer of its own.
    pub(super) fn framebuffer(&self, width: u32, height: u32, format: &[u8; 4]) -> u32 {
        let handle = self.dumb(width, height);
        self.add_fb2(handle, width, height, format).unwrap()
    }

    pub(super) fn add_fb2(&self, handle: u32, width: u32, height: u32, format: &[u8; 4]) -> Result<u32, Errno> {
        let asked = Fb2 {
            width,
            height,
            format: u32::from_le_bytes(*format),
            handles: [handle, 0, 0, 0],
            pitches: [4 * width, 0, 0, 0],
            ..Fb2::default()
        };
        self.ask(ioctl::MODE_ADDFB2, &asked).map(|made| made.fb)
    }

    /// What fills the screen.
    pub(super) fn screenful(&self) -> u32 {
        self.framebuffer(WIDTH, HEIGHT, b"XR24")
    }

    pub(super) fn blob(&self, bytes: &[u8]) -> Result<u32, Errno> {
        self.arena.put(ARRAY, bytes);
        let asked = CreateBlob { data: ARRAY, length: bytes.len() as u32, blob: 0 };
        self.ask(ioctl::MODE_CREATEPROPBLOB, &asked).map(|made| made.blob)
    }

    pub(super) fn begin_set_mode(&self, crtc: usize, fb: u32) -> (Heard, Option<u64>) {
        self.put(ARRAY, &[connector_id(crtc)]);
        let asked = Crtc {
            connectors: ARRAY,
            count_connectors: 1,
            crtc: crtc_id(crtc),
            fb,
            mode_valid: 1,
            mode: mode_info(),
            ..Crtc::default()
        };
        self.begin_ask(ioctl::MODE_SETCRTC, &asked)
    }

    pub(super) fn flip(&self, crtc: usize, fb: u32, user_data: u64) -> Result<(), Errno> {
        let asked = PageFlip { crtc: crtc_id(crtc), fb, flags: flip::EVENT, reserved: 0, user_data };
        self.tell(ioctl::MODE_PAGE_FLIP, &asked)
    }

    /// Begins an ATOMIC.
    pub(super) fn begin_atomic(
        &self,
        flags: u32,
        user_data: u64,
        set: &[(u32, &[(Property, u64)])],
    ) -> (Heard, Option<u64>) {
        let (objects, counts, props, values) = (ARRAY, ARRAY + 0x100, ARRAY + 0x200, ARRAY + 0x400);
        let ids: Vec<u32> = set.iter().map(|(id, _)| *id).collect();
        let lengths: Vec<u32> = set.iter().map(|(_, properties)| properties.len() as u32).collect();
        let all = || set.iter().flat_map(|(_, properties)| properties.iter());
        self.put(objects, &ids);
        self.put(counts, &lengths);
        self.put(props, &all().map(|(property, _)| property.id()).collect::<Vec<_>>());
        self.put(values, &all().map(|(_, value)| *value).collect::<Vec<_>>());
        let count = set.len() as u32;
        let asked = Atomic { flags, count, objects, counts, props, values, reserved: 0, user_data };
        self.begin_ask(ioctl::MODE_ATOMIC, &asked)
    }

    /// One that does not wait.
    pub(super) fn atomic(&self, flags: u32, user_data: u64, set: &[(u32, &[(Property, u64)])]) -> Result<(), Errno> {
        let answer = self.begin_atomic(flags, user_data, set).0.answer().map(drop);
        assert_eq!(self.arena.take_double_fetch(), None);
        answer
    }

    pub(super) fn begin_read(&self) -> (Heard, Option<u64>) {
        self.begin(Call::Read { size: 4096 })
    }

    pub(super) fn read(&self) -> Events {
        events(self.call(Call::Read { size: 4096 }))
    }

    pub(super) fn map(&self, handle: u32) -> Result<Mapping, Errno> {
        let offset = self.ask(ioctl::MODE_MAP_DUMB, &MapDumb { handle, ..MapDumb::default() })?.offset;
        self.file.map(&MapCall { offset, length: 4096, access: Access::ReadWrite, shared: true })
    }
}

/// The mode that all displays here are made for.
pub(super) fn mode_info() -> ModeInfo {
    Mode::new(WIDTH as u16, HEIGHT as u16, 60).unwrap().info()
}

/// From one picture to the next.
pub(super) fn period() -> Duration {
    Mode::new(WIDTH as u16, HEIGHT as u16, 60).unwrap().period()
}

impl Bench {
    pub(super) fn under(contract: Contract) -> Self {
        let (notes, clock, numbers) = (Arc::new(Notes::default()), Arc::new(Still::default()), Numbers::new());
        let number = numbers.claim(0).unwrap();
        let told = notes.clone();
        let ground = Ground {
            clock: clock.clone(),
            memory: Arc::new(Maker),
            told: Arc::new(move |change| told.changes.lock().unwrap().push(change)),
        };
        let card = Arc::new(Card::plug_under(contract, number, Box::new(Stub(notes.clone())), ground));
        let client = Client { file: card.open(flags(true)).unwrap(), arena: Arena::new() };
        let bench = Bench { card, client, notes, clock, numbers };
        for capability in [2, 3] {
            let asked = crate::drm::uapi::layout::Cap { capability, value: 1 };
            bench.client.tell(ioctl::SET_CLIENT_CAP, &asked).unwrap();
        }
        bench
    }

    pub(super) fn new() -> Self {
        Self::under(Contract::Quiet)
    }

    /// One whose first CRTC shows this framebuffer, which is all of the screen.
    pub(super) fn lit(contract: Contract) -> (Self, u32) {
        let bench = Self::under(contract);
        let fb = bench.client.screenful();
        bench.set_mode(0, fb);
        (bench, fb)
    }

    pub(super) fn set_mode(&self, crtc: usize, fb: u32) {
        let (heard, _) = self.client.begin_set_mode(crtc, fb);
        if heard.is_waiting() {
            self.frame();
        }
        heard.answer().unwrap();
    }

    /// Another client, which waits.
    pub(super) fn open(&self, nonblock: bool) -> Client {
        Client { file: self.card.open(flags(nonblock)).unwrap(), arena: Arena::new() }
    }

    fn sink(&self) -> Option<Sink> {
        self.notes.wiring.lock().unwrap().as_ref().map(|wiring| wiring.sink.clone())
    }

    pub(super) fn is_wired(&self) -> bool {
        self.notes.wiring.lock().unwrap().is_some()
    }

    /// One picture ends, and who has asked for that is told.
    pub(super) fn frame(&self) {
        self.clock.pass(period());
        let Some(sink) = self.sink() else { return };
        let armed = std::mem::take(&mut *self.notes.armed.lock().unwrap());
        for crtc in armed {
            if sink.vblank(crtc, Duration::ZERO) {
                self.notes.armed.lock().unwrap().insert(crtc);
            }
        }
    }

    pub(super) fn calls(&self) -> usize {
        self.notes.calls.load(SeqCst)
    }

    /// The framebuffers that CRTC `crtc` shows, the lowest first; `None`: it is off.
    pub(super) fn shown(&self, crtc: usize) -> Option<Vec<u32>> {
        let scene = self.notes.scene.lock().unwrap();
        let pipe = scene.pipes.get(crtc)?.as_ref()?;
        Some(pipe.layers.iter().map(|layer| layer.framebuffer.id).collect())
    }

    pub(super) fn pull(&self) -> Hardware {
        self.card.unplug(Reason::Pulled, Policy::Detach, LONG).unwrap().expect("the hardware")
    }
}

/// The primary plane of a CRTC with all that it takes to fill the screen.
pub(super) fn filled(crtc: usize, fb: u32) -> [(Property, u64); 10] {
    let (width, height) = (u64::from(WIDTH), u64::from(HEIGHT));
    [
        (Property::CrtcId, crtc_id(crtc).into()),
        (Property::FbId, fb.into()),
        (Property::CrtcX, 0),
        (Property::CrtcY, 0),
        (Property::CrtcW, width),
        (Property::CrtcH, height),
        (Property::SrcX, 0),
        (Property::SrcY, 0),
        (Property::SrcW, width << 16),
        (Property::SrcH, height << 16),
    ]
}

pub(super) fn primary(crtc: usize) -> u32 {
    plane_id(2 * crtc)
}
