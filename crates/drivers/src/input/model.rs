//! An input device that does what a script says.

use super::{player::Playing, script::Script};
use crate::clock::Clock;
use outlive_classes::input::{
    Description, Driver, Effect, Error, Order, Value, Wiring,
    uapi::{ev, ff},
};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// A device of any of the models.
#[derive(Debug)]
pub struct Model {
    description: Description,
    script: Arc<Script>,
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// What it is connected to while it is plugged in.
    wiring: Option<Wiring>,
    /// The script has been begun in this life.
    played: bool,
    motors: Motors,
}

/// What plays effects: those that have been uploaded, and how many times more each is to be played.
#[derive(Debug)]
struct Motors {
    effects: BTreeMap<u16, (Effect, i32)>,
    /// Of 65535.
    gain: u16,
}

impl Default for Motors {
    fn default() -> Self {
        Motors { effects: BTreeMap::new(), gain: u16::MAX }
    }
}

impl Model {
    /// One that is like that, and does what `script` says when it is first opened, in each of its lives.
    pub fn new(description: Description, script: Script, clock: Arc<dyn Clock>) -> Self {
        let state = State { wiring: None, played: false, motors: Motors::default() };
        Model { description, script: Arc::new(script), clock, state: Mutex::new(state) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How strongly its heavy motor and its light one turn, of 65535.
    pub fn rumbling(&self) -> (u16, u16) {
        let state = self.state();
        let playing = state.motors.effects.values().filter(|(_, times)| *times > 0);
        let turned = playing.filter_map(|(effect, _)| effect.rumble());
        let (strong, weak) = turned.fold((0, 0), |most: (u16, u16), its| (most.0.max(its.0), most.1.max(its.1)));
        let gained = |strength: u16| (u32::from(strength) * u32::from(state.motors.gain) / u32::from(u16::MAX)) as u16;
        (gained(strong), gained(weak))
    }
}

impl Driver for Model {
    fn description(&self) -> Description {
        self.description.clone()
    }

    fn output(&self, value: Value) {
        if value.kind != ev::FF {
            // LEDs are what the class keeps of them.
            return;
        }
        let mut state = self.state();
        match (value.code, u16::try_from(value.value)) {
            (ff::GAIN, Ok(gain)) => state.motors.gain = gain,
            (ff::GAIN | ff::AUTOCENTER, _) => {}
            (number, _) => {
                if let Some((_, times)) = state.motors.effects.get_mut(&number) {
                    *times = value.value;
                }
            }
        }
    }

    fn upload(&self, effect: Effect, old: Option<Effect>, order: Order) {
        let number = effect.number().cast_unsigned();
        let mut state = self.state();
        // What replaces an effect that is played is played.
        let times = old.and_then(|_| state.motors.effects.get(&number)).map_or(0, |(_, times)| *times);
        state.motors.effects.insert(number, (effect, times));
        drop(state);
        order.answer(Ok(()));
    }

    fn erase(&self, number: u16, order: Order) {
        let known = self.state().motors.effects.remove(&number).is_some();
        order.answer(if known { Ok(()) } else { Err(Error::Invalid) });
    }

    fn plugged(&self, wiring: Wiring) {
        *self.state() = State { wiring: Some(wiring), played: false, motors: Motors::default() };
    }

    fn opened(&self) {
        let sink = {
            let mut state = self.state();
            if std::mem::replace(&mut state.played, true) || self.script.is_empty() {
                return;
            }
            let Some(wiring) = &state.wiring else { return };
            wiring.sink.clone()
        };
        // Not on this thread: who opens it shall have it open.
        let (script, clock) = (self.script.clone(), self.clock.clone());
        let play = move || _ = Playing::begin(script, sink, clock, |_| ());
        self.clock.after(std::time::Duration::ZERO, Box::new(play));
    }

    fn unplugged(&mut self) {
        let wiring = self.state().wiring.take();
        drop(wiring);
    }
}
