//! Plays a script on a device that is plugged in.

use super::{
    models::TOUCH,
    script::{Script, Step},
};
use crate::clock::Clock;
use outlive_classes::input::{
    Sink, Value,
    uapi::{abs, ev},
};
use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering::Relaxed},
};

/// A script that is being played. Dropping this changes nothing.
#[derive(Clone, Debug)]
pub struct Playing(Arc<AtomicBool>);

struct Player {
    stop: Arc<AtomicBool>,
    script: Arc<Script>,
    sink: Sink,
    clock: Arc<dyn Clock>,
    /// What is to be done next.
    next: usize,
    /// The packet that has begun.
    packet: Vec<Value>,
    done: Box<dyn FnOnce(Played) + Send>,
}

/// How a play ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Played {
    /// Everything has been sent.
    Whole,
    /// The device went before the end.
    Gone,
    /// Somebody stopped it.
    Stopped,
}

impl Playing {
    /// Has the device behind `sink` do what `script` says; `done` is called once, at the end, on whichever thread sends the
    /// last of it. What comes before the first pause is sent on this thread.
    pub fn begin(
        script: Arc<Script>,
        sink: Sink,
        clock: Arc<dyn Clock>,
        done: impl FnOnce(Played) + Send + 'static,
    ) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let playing = Playing(stop.clone());
        Player { stop, script, sink, clock, next: 0, packet: Vec::new(), done: Box::new(done) }.go_on();
        playing
    }

    /// Nothing more is sent; what is down stays down.
    pub fn stop(&self) {
        self.0.store(true, Relaxed);
    }
}

impl Player {
    fn go_on(mut self) {
        while let Some(step) = self.script.steps.get(self.next).copied() {
            if self.sink.has_ended() {
                return (self.done)(Played::Gone);
            }
            if self.stop.load(Relaxed) {
                return (self.done)(Played::Stopped);
            }
            self.next += 1;
            match step {
                Step::Event(value) => self.packet.push(value),
                Step::Touch { slot, x, y } => self.touch(slot, x, y),
                Step::Lift { slot } => self.lift(slot),
                Step::Sync => self.send(),
                Step::Wait(pause) => {
                    self.send();
                    let clock = self.clock.clone();
                    return clock.after(pause, Box::new(move || self.go_on()));
                }
            }
        }
        self.send();
        let played = if self.sink.has_ended() { Played::Gone } else { Played::Whole };
        (self.done)(played);
    }

    /// Ends the packet, if one has begun. What of it is for the device itself is no news to it.
    fn send(&mut self) {
        if !self.packet.is_empty() {
            self.packet.push(Value::SYNC);
            drop(self.sink.send(&std::mem::take(&mut self.packet)));
        }
    }

    /// The fingers that are down, but for the one of `slot`: what was sent, with what is about to be.
    fn others(&mut self, slot: u16) -> Vec<(u16, i32)> {
        // Of one packet the second finger must know of the first.
        if self.packet.iter().any(|value| value.code == abs::MT_TRACKING_ID) {
            self.send();
        }
        let contacts = (0..).zip(self.sink.contacts(abs::MT_TRACKING_ID));
        contacts.filter(|(other, tracked)| *other != slot && *tracked >= 0).collect()
    }

    /// What has no slots for it filters it out: a screen for one finger gets where that is.
    fn touch(&mut self, slot: u16, x: i32, y: i32) {
        let others = self.others(slot);
        let is_down = self.sink.contacts(abs::MT_TRACKING_ID).get(usize::from(slot)).is_some_and(|id| *id >= 0);
        let at = |code, value| Value::new(ev::ABS, code, value);
        self.packet.push(at(abs::MT_SLOT, slot.into()));
        if !is_down {
            let unused = others.iter().map(|(_, tracked)| *tracked).max().map_or(0, |most| (most + 1) & 0xffff);
            self.packet.push(at(abs::MT_TRACKING_ID, unused));
        }
        self.packet.extend([at(abs::MT_POSITION_X, x), at(abs::MT_POSITION_Y, y), Value::new(ev::KEY, TOUCH, 1)]);
        if others.first().is_none_or(|(first, _)| slot < *first) {
            self.packet.extend([at(abs::X, x), at(abs::Y, y)]);
        }
    }

    fn lift(&mut self, slot: u16) {
        let others = self.others(slot);
        self.packet.push(Value::new(ev::ABS, abs::MT_SLOT, slot.into()));
        self.packet.push(Value::new(ev::ABS, abs::MT_TRACKING_ID, -1));
        if others.is_empty() {
            self.packet.push(Value::new(ev::KEY, TOUCH, 0));
        }
    }
}
