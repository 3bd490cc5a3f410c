//! A card all of whose vertical blankings are a far end's: who waits for one waits for that.

use crate::on_front::{Class, Socket, on_plain};
use outlive::{Cause, Gone, Reason};
use outlive_classes::{
    Hardware,
    drm::{Description, Driver, Mode, Monitor, Scene, Shot, Wiring},
};
use outlive_conformance::{Badge, FarEnd, Held};
use std::{
    panic::resume_unwind,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

/// Each call that waits has a CRTC of its own, of which the agent turns these on (`tests/clients/card.h`): whoever waits for the
/// same vertical blanking as another would wake with it.
const CRTCS: usize = 16;
/// How often who waits for the end looks whether it has come.
const LOOK: Duration = Duration::from_millis(1);
/// Between two vertical blankings there is half of a period at least, or they are taken for one.
const SOON: Duration = Duration::from_micros(20);

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[derive(Clone, Copy)]
pub(crate) struct Drm;

impl Class for Drm {
    type Socket = Slot;

    const NAME: &'static str = "drm";
    const PREFIX: &'static str = "dri/card";
    const CALLS: &'static [&'static str] = &[
        "blank",
        "queue",
        "drm-version",
        "resources",
        "dumb",
        "picture",
        "unknown",
        "read",
        "nonblocking",
        "write",
        "empty",
    ];
    const FAILED: &'static str = "EIO";
    const ALWAYS_READABLE: bool = false;
    const ASKS: Option<&'static str> = Some("queue");
    const RECEIVES: &'static str = "events";
    const OBJECTS: Option<[&'static str; 2]> = Some(["dumb", "undumb"]);
    const MAPS: &'static str = "map-picture";
    const MAPPINGS_ARE_ITS_USERS: bool = true;

    fn excuse(statement: u8) -> Option<&'static str> {
        match statement {
            14 => Some("a driver of this class is told what to show and has nothing to wait on"),
            18 if on_plain() => {
                Some("without FUSE poll does not tell whether there is something to read of what has gone")
            }
            32 => Some("what a card owns goes with it; the class manages nothing for it"),
            _ => None,
        }
    }

    fn driver(far: &Arc<FarEnd>, badge: Badge) -> (Arc<Slot>, Hardware) {
        let ends =
            Ends { far: far.clone(), wiring: None, scene: Scene::default(), fresh: Vec::new(), lookouts: Vec::new() };
        let slot = Arc::new(Slot(Mutex::new(ends)));
        let displays = Displays { slot: slot.clone(), _badge: badge };
        (slot, Hardware::Drm(Box::new(displays)))
    }
}

/// Where the far end is connected.
#[derive(Debug)]
pub(crate) struct Slot(Mutex<Ends>);

struct Ends {
    far: Arc<FarEnd>,
    /// What the card has of its life.
    wiring: Option<Wiring>,
    scene: Scene,
    /// The CRTCs that have been turned on, and whose first vertical blanking is nobody's call.
    fresh: Vec<usize>,
    /// Those who look whether the card has gone.
    lookouts: Vec<JoinHandle<()>>,
}

impl std::fmt::Debug for Ends {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ends").finish_non_exhaustive()
    }
}

impl Slot {
    fn ends(&self) -> MutexGuard<'_, Ends> {
        lock(&self.0)
    }

    fn wiring(&self) -> Option<Wiring> {
        self.ends().wiring.clone()
    }

    /// Has vertical blankings until nobody waits for one on that CRTC.
    fn blank(&self, crtc: usize) {
        let Some(wiring) = self.wiring() else { return };
        while wiring.sink.vblank(crtc, Duration::ZERO) {
            thread::sleep(SOON);
        }
    }

    /// Calls `hook` at the mark, unless the call has been answered by then.
    fn look_out(&self, end: Arc<End>, hook: Box<dyn FnOnce(Cause) + Send>) {
        let Some(wiring) = self.wiring() else { return };
        let lookout = thread::spawn(move || {
            while !end.is_over() {
                if wiring.sink.has_ended() {
                    return hook(Cause::Gone(Gone { reason: Reason::Pulled, since: Instant::now() }));
                }
                thread::sleep(LOOK);
            }
        });
        self.ends().lookouts.push(lookout);
    }

    /// Word `number` of the first picture that is shown.
    fn picture<T>(&self, number: usize, of: impl FnOnce(&dyn outlive_classes::SharedMemory, u64) -> T) -> Option<T> {
        let ends = self.ends();
        let shown = ends.scene.pipes.iter().flatten().flat_map(|pipe| &pipe.layers).next();
        shown.map(|layer| of(&*layer.framebuffer.buffer.memory, 4 * number as u64))
    }
}

impl Socket for Slot {
    fn connect(&self, far: &Arc<FarEnd>) {
        self.ends().far = far.clone();
    }

    fn notice(&self) {
        self.wiring().expect("it is plugged in").noticer.gone(Reason::Pulled);
    }

    fn word(&self, number: usize) -> Option<u32> {
        self.picture(number, |memory, offset| memory.load(offset))
    }

    fn set_word(&self, number: usize, value: u32) {
        let _ = self.picture(number, |memory, offset| memory.store(offset, value));
    }
}

/// The driver.
#[derive(Debug)]
struct Displays {
    slot: Arc<Slot>,
    _badge: Badge,
}

impl Driver for Displays {
    fn description(&self) -> Description {
        let mode = Mode::new(64, 32, 60).expect("a mode");
        Description {
            name: "witness".to_owned(),
            about: "a witness".to_owned(),
            connectors: (1..=CRTCS as u32).map(|number| Some(Monitor::new(mode, number))).collect(),
            largest: (64, 64),
            hertz: (1, 10_000),
            cursor: 64,
        }
    }

    fn show(&self, scene: &Scene) {
        let mut ends = self.slot.ends();
        let is_on = |scene: &Scene, crtc: usize| scene.pipes.get(crtc).is_some_and(Option::is_some);
        let fresh = (0..CRTCS).filter(|crtc| is_on(scene, *crtc) && !is_on(&ends.scene, *crtc)).collect();
        let before = std::mem::replace(&mut ends.scene, scene.clone());
        ends.fresh = fresh;
        drop(ends);
        drop(before);
    }

    fn arm(&self, crtc: usize) {
        let mut ends = self.slot.ends();
        let fresh = ends.fresh.extract_if(.., |fresh| *fresh == crtc).next().is_some();
        let far = ends.far.clone();
        drop(ends);
        if fresh {
            return self.slot.blank(crtc);
        }
        let end = Arc::new(End::default());
        far.take(Box::new(Owed { crtc, slot: self.slot.clone(), end: end.clone() }));
        // What a driver of this class has for an error of its own.
        if end.comes() == Err(()) {
            resume_unwind(Box::new("the driver's own"));
        }
    }

    fn screen(&self, _: usize) -> Option<Shot> {
        None
    }

    fn plugged(&self, wiring: Wiring) {
        self.slot.ends().wiring = Some(wiring);
    }

    fn teardown(&mut self) {
        let far = self.slot.ends().far.clone();
        far.teardown();
    }

    fn unplugged(&mut self) {
        let mut ends = self.slot.ends();
        let (wiring, scene) = (ends.wiring.take(), std::mem::take(&mut ends.scene));
        let lookouts = std::mem::take(&mut ends.lookouts);
        drop(ends);
        drop((wiring, scene));
        lookouts.into_iter().for_each(|lookout| lookout.join().expect("it does not panic"));
    }
}

/// How a call at the far end ended, for the driver, which was called for it.
#[derive(Debug, Default)]
struct End {
    state: Mutex<(Option<Result<(), ()>>, bool)>,
    moved: Condvar,
}

impl End {
    fn is(&self, how: Result<(), ()>) {
        lock(&self.state).0 = Some(how);
        self.moved.notify_all();
    }

    fn is_over(&self) -> bool {
        lock(&self.state).0.is_some()
    }

    /// The far end keeps it and listens: the driver owes it, and is not held up.
    fn is_owed(&self) {
        lock(&self.state).1 = true;
    }

    /// Waits for it, if it is not owed: at a far end that is deaf the driver is stuck, as it must not be.
    fn comes(&self) -> Result<(), ()> {
        let stuck = |(how, owed): &mut (Option<Result<(), ()>>, bool)| how.is_none() && !*owed;
        let state = self.moved.wait_while(lock(&self.state), stuck).unwrap_or_else(PoisonError::into_inner);
        state.0.unwrap_or(Ok(()))
    }
}

/// A vertical blanking that somebody waits for.
struct Owed {
    crtc: usize,
    slot: Arc<Slot>,
    end: Arc<End>,
}

impl Held for Owed {
    fn finish(self: Box<Self>) {
        self.slot.blank(self.crtc);
        self.end.is(Ok(()));
    }

    fn fail(self: Box<Self>) {
        self.end.is(Err(()));
    }

    fn let_go(self: Box<Self>, _: Cause) {
        self.end.is(Ok(()));
    }

    fn on_cancel(&self, hook: Box<dyn FnOnce(Cause) + Send>) {
        self.end.is_owed();
        self.slot.look_out(self.end.clone(), hook);
    }
}
