//! Displays whose pictures are looked at in memory.

use super::{beam::Beam, compose::compose};
use crate::clock::Clock;
use outlive_classes::drm::{Description, Driver, Error, Monitor, Scene, Shot, Wiring};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The largest framebuffer, each way in pixels.
const LARGEST: u32 = 8192;
/// How many pictures a second, at least and at most: as fast as the class keeps time (`Mode::period`).
const HERTZ: (u32, u32) = (1, 10_000);
/// How large a cursor is.
const CURSOR: u32 = 64;

/// A card with some displays.
#[derive(Debug)]
pub struct VirtualDisplays {
    works: Arc<Works>,
}

#[derive(Debug)]
struct Works {
    clock: Arc<dyn Clock>,
    /// What can hang on each connector.
    monitors: Vec<Monitor>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// Counts the lives, so that a timer of a former one is known.
    life: u64,
    /// What it is connected to while it is plugged in.
    wiring: Option<Wiring>,
    /// Whose cable is in: it stays so from one life to the next.
    connected: Vec<bool>,
    beams: Vec<Beam>,
}

impl VirtualDisplays {
    /// Some, of which these are connected.
    pub fn new(monitors: Vec<Monitor>, connected: Vec<bool>, clock: Arc<dyn Clock>) -> Self {
        let beams = monitors.iter().map(|_| Beam::default()).collect();
        let state = Mutex::new(State { life: 0, wiring: None, connected, beams });
        VirtualDisplays { works: Arc::new(Works { clock, monitors, state }) }
    }
}

impl Driver for VirtualDisplays {
    fn description(&self) -> Description {
        let connected = self.works.state().connected.clone();
        let hangs = self.works.monitors.iter().zip(connected);
        Description {
            name: "outlive".to_owned(),
            about: "Outlive virtual displays".to_owned(),
            connectors: hangs.map(|(monitor, connected)| connected.then(|| monitor.clone())).collect(),
            largest: (LARGEST, LARGEST),
            hertz: HERTZ,
            cursor: CURSOR,
        }
    }

    fn show(&self, scene: &Scene) {
        let now = self.works.clock.now();
        let mut state = self.works.state();
        state.beams.iter_mut().zip(&scene.pipes).for_each(|(beam, pipe)| beam.show(pipe.as_ref(), now));
    }

    fn arm(&self, crtc: usize) {
        Works::arm(&self.works, crtc);
    }

    fn screen(&self, connector: usize) -> Option<Shot> {
        let now = self.works.clock.now();
        let mut state = self.works.state();
        let connected = state.connected.get(connector).copied().unwrap_or_default();
        let mut pipes = state.beams.iter_mut().filter_map(|beam| beam.shown(now));
        let pipe = pipes.find(|pipe| connected && pipe.connectors.contains(&connector)).cloned()?;
        Some(Box::new(move || compose(&pipe)))
    }

    fn connect(&self, connector: usize, connected: bool) -> Result<(), Error> {
        let mut state = self.works.state();
        *state.connected.get_mut(connector).ok_or(Error::Invalid)? = connected;
        let sink = state.wiring.as_ref().map(|wiring| wiring.sink.clone());
        drop(state);
        if let Some(sink) = sink {
            sink.connect(connector, connected.then(|| self.works.monitors[connector].clone()));
        }
        Ok(())
    }

    fn plugged(&self, wiring: Wiring) {
        let mut state = self.works.state();
        state.life += 1;
        state.wiring = Some(wiring);
        state.beams = self.works.monitors.iter().map(|_| Beam::default()).collect();
    }

    fn unplugged(&mut self) {
        let mut state = self.works.state();
        let wiring = state.wiring.take();
        let beams = std::mem::take(&mut state.beams);
        state.beams = beams.iter().map(|_| Beam::default()).collect();
        drop(state);
        drop((wiring, beams));
    }
}

impl Works {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next vertical blanking is told, once.
    fn arm(works: &Arc<Self>, crtc: usize) {
        let now = works.clock.now();
        let mut state = works.state();
        let life = state.life;
        let Some(beam) = state.beams.get_mut(crtc).filter(|beam| !beam.armed) else { return };
        let Some(delay) = beam.until_next(now) else { return };
        beam.armed = true;
        let turn = beam.turn;
        drop(state);
        let weak = Arc::downgrade(works);
        let then = move || weak.upgrade().into_iter().for_each(|works| Works::strike(&works, crtc, life, turn));
        works.clock.after(delay, Box::new(then));
    }

    fn strike(works: &Arc<Self>, crtc: usize, life: u64, turn: u64) {
        let now = works.clock.now();
        let mut state = works.state();
        if state.life != life {
            return;
        }
        let sink = state.wiring.as_ref().map(|wiring| wiring.sink.clone());
        let Some(beam) = state.beams.get_mut(crtc).filter(|beam| beam.turn == turn) else { return };
        beam.armed = false;
        let (Some(ago), Some(sink)) = (beam.since_last(now), sink) else { return };
        drop(state);
        if sink.vblank(crtc, ago) {
            Works::arm(works, crtc);
        }
    }
}
