//! A flash that can be pulled in the middle of what it does.

use outlive::{Noticer, Reason};
use outlive_classes::mtd::{Command, Flash, Geometry, Order};
use outlive_drivers::clock::Clock;
use std::{
    fmt,
    sync::{Arc, Mutex},
    time::Duration,
};

/// A clock for which no time is long: what is to be done later is done at once. Until the fuse blows: then the flash
/// notices that it has been pulled, somewhere in the middle.
#[derive(Default)]
pub(crate) struct Fuse(Mutex<State>);

#[derive(Default)]
struct State {
    now: Duration,
    /// After so many changes more, and so many thousandths of the next one.
    blows: Option<(u64, u32)>,
    noticer: Noticer,
}

impl Fuse {
    /// The next change but `changes` gets so many thousandths far.
    pub(crate) fn light(&self, changes: u64, thousandths: u32) {
        self.0.lock().unwrap().blows = Some((changes, thousandths));
    }

    /// It does not blow, if it has not yet.
    pub(crate) fn put_out(&self) {
        self.0.lock().unwrap().blows = None;
    }
}

impl Clock for Fuse {
    fn now(&self) -> Duration {
        self.0.lock().unwrap().now
    }

    fn after(&self, delay: Duration, then: Box<dyn FnOnce() + Send>) {
        let mut state = self.0.lock().unwrap();
        if let Some((0, thousandths)) = state.blows {
            state.blows = None;
            state.now += delay * thousandths / 1000;
            let noticer = state.noticer.clone();
            drop(state);
            return noticer.gone(Reason::Pulled);
        }
        state.blows = state.blows.map(|(changes, thousandths)| (changes - 1, thousandths));
        state.now += delay;
        drop(state);
        then();
    }
}

impl fmt::Debug for Fuse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Fuse")
    }
}

/// What is wrong with a flash.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Bug {
    None,
    /// What it was given last is lost when it goes, although it has said that it has it.
    ForgetsAtPull,
}

/// A flash whose fuse hears of each of its lives.
#[derive(Debug)]
pub(crate) struct Fragile {
    flash: Mutex<Arc<dyn Flash>>,
    fuse: Arc<Fuse>,
    bug: Bug,
    /// As it was before the last program but one, which has been acknowledged, and before the last one.
    before: Mutex<[Option<Box<dyn Flash>>; 2]>,
}

impl Fragile {
    pub(crate) fn new(flash: Box<dyn Flash>, fuse: Arc<Fuse>, bug: Bug) -> Self {
        Fragile { flash: Mutex::new(Arc::from(flash)), fuse, bug, before: Mutex::default() }
    }

    fn flash(&self) -> Arc<dyn Flash> {
        self.flash.lock().unwrap().clone()
    }
}

impl Flash for Fragile {
    fn geometry(&self) -> Geometry {
        self.flash().geometry()
    }

    fn name(&self) -> String {
        self.flash().name()
    }

    fn begin(&self, command: Command, order: Order) {
        let flash = self.flash();
        if let (Bug::ForgetsAtPull, Command::Program { .. }) = (self.bug, &command) {
            let mut before = self.before.lock().unwrap();
            before[0] = std::mem::replace(&mut before[1], flash.stand_in());
        }
        flash.begin(command, order);
    }

    fn plugged(&self, noticer: &Noticer) {
        if let [Some(flash), _] = std::mem::take(&mut *self.before.lock().unwrap()) {
            *self.flash.lock().unwrap() = Arc::from(flash);
        }
        self.fuse.0.lock().unwrap().noticer = noticer.clone();
        self.flash().plugged(noticer);
    }
}
