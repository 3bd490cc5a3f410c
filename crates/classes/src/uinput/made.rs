//! A device that a program has made, as its driver: what it is told goes to the program, which answers when it likes.

use super::{
    outbox::Outbox,
    uapi::{EV_UINPUT, FF_ERASE, FF_UPLOAD, PATIENCE, REQUESTS},
};
use crate::{
    Errno,
    input::{Clock, ClockId, Description, Driver, Effect, Error, Order, Sink, Value, Wiring, uapi::ff},
};
use outlive::Reason;
use std::{
    collections::VecDeque,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// The oldest time that is heeded, in nanoseconds: `UINPUT_TIMESTAMP_ALLOWED_OFFSET_SECS`.
const OLDEST: i128 = 10_000_000_000;

/// A device that has been made, and the requests that wait for its program (`struct uinput_device`).
pub(super) struct Made {
    outbox: Arc<Outbox>,
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// What it is connected to while it is plugged in.
    wiring: Option<Wiring>,
    /// Its program has let go of it.
    ended: bool,
    /// By their number, which the program is told.
    requests: [Option<Asked>; REQUESTS],
    /// Those for which there was no number.
    waiting: VecDeque<Asked>,
    next: u64,
    /// When the packet was that has not ended, if the program said so: `timestamp` of `struct input_dev`.
    at: Option<Duration>,
}

/// What the program is asked for.
struct Asked {
    ticket: u64,
    what: What,
    order: Order,
}

/// What a request is about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum What {
    Upload { effect: Effect, old: Option<Effect> },
    Erase { number: u16 },
}

impl What {
    /// The code of the event that tells of it.
    pub(super) const fn kind(&self) -> u16 {
        match self {
            What::Upload { .. } => FF_UPLOAD,
            What::Erase { .. } => FF_ERASE,
        }
    }
}

impl State {
    /// Gives numbers to those that wait for one, and says which those are.
    fn number(&mut self) -> Vec<(u16, u16)> {
        let mut told = Vec::new();
        for (number, place) in (0..).zip(&mut self.requests) {
            if place.is_none()
                && let Some(asked) = self.waiting.pop_front()
            {
                told.push((asked.what.kind(), number));
                *place = Some(asked);
            }
        }
        told
    }

    fn remove(&mut self, ticket: u64) -> Option<Asked> {
        let its = |asked: &Asked| asked.ticket == ticket;
        let numbered = self.requests.iter_mut().find(|place| place.as_ref().is_some_and(its));
        if let Some(place) = numbered {
            return place.take();
        }
        let place = self.waiting.iter().position(its)?;
        self.waiting.remove(place)
    }
}

impl Made {
    pub(super) fn new(outbox: Arc<Outbox>, clock: Arc<dyn Clock>) -> Arc<Self> {
        Arc::new(Made { outbox, clock, state: Mutex::default() })
    }

    /// What is plugged in of it.
    pub(super) fn driver(self: &Arc<Self>, description: Description) -> Box<dyn Driver> {
        Box::new(MadeDriver { made: self.clone(), description })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where its events go, while it is there.
    pub(super) fn sink(&self) -> Option<Sink> {
        let wiring = self.state().wiring.clone();
        wiring.map(|wiring| wiring.sink).filter(|sink| !sink.has_ended())
    }

    /// Events of the device's own, with the times that the program has for them. Those that are for the device itself the
    /// program reads, as of any other.
    ///
    /// # Errors
    /// ENODEV if it has been pulled.
    pub(super) fn send(&self, values: &[Value], times: impl Iterator<Item = i128>) -> Result<(), Errno> {
        let sink = self.sink().ok_or(Errno::NODEV)?;
        let now = self.clock.time(ClockId::Monotonic);
        let (mut begin, mut at) = (0, self.state().at);
        for (place, (value, time)) in values.iter().zip(times).enumerate() {
            at = valid(time, now).or(at);
            if value.is_report() {
                let told = sink.send_at(&values[begin..=place], at.take());
                told.into_iter().for_each(|value| self.tell(value));
                begin = place + 1;
            }
        }
        self.state().at = at;
        let told = sink.send_at(&values[begin..], at);
        told.into_iter().for_each(|value| self.tell(value));
        Ok(())
    }

    fn tell(&self, value: Value) {
        self.outbox.push(self.clock.time(ClockId::Monotonic), value);
    }

    /// Asks the program, which has so long to answer.
    fn ask(self: &Arc<Self>, what: What, order: Order) {
        let mut state = self.state();
        if state.ended {
            drop(state);
            return order.answer(Err(Error::Said(Errno::NODEV.raw_os_error())));
        }
        state.next += 1;
        let ticket = state.next;
        drop(state);
        let made = Arc::downgrade(self);
        order.on_cancel(move |cause| {
            let asked = made.upgrade().and_then(|made| made.remove(ticket));
            asked.into_iter().for_each(|asked| asked.order.let_go(cause));
        });
        let mut state = self.state();
        if order.is_cancelled() || state.ended {
            drop(state);
            return order.answer(Err(Error::Said(Errno::NODEV.raw_os_error())));
        }
        state.waiting.push_back(Asked { ticket, what, order });
        let told = state.number();
        drop(state);
        self.tell_of(&told);
        let made = Arc::downgrade(self);
        let late = move || {
            let asked = made.upgrade().and_then(|made| made.remove(ticket));
            asked.into_iter().for_each(|it| it.order.answer(Err(Error::Said(Errno::TIMEDOUT.raw_os_error()))));
        };
        self.clock.after(Duration::from_secs(PATIENCE), Box::new(late));
    }

    fn tell_of(&self, requests: &[(u16, u16)]) {
        requests.iter().for_each(|(kind, number)| self.tell(Value::new(EV_UINPUT, *kind, i32::from(*number))));
    }

    /// Takes a request away from the program; others get its number.
    fn remove(&self, ticket: u64) -> Option<Asked> {
        let mut state = self.state();
        let asked = state.remove(ticket);
        let told = state.number();
        drop(state);
        self.tell_of(&told);
        asked
    }

    /// What request `id` is about.
    ///
    /// # Errors
    /// EINVAL if there is none of that kind.
    pub(super) fn request(&self, kind: u16, id: u32) -> Result<What, Errno> {
        let state = self.state();
        let asked = state.requests.get(id as usize).and_then(Option::as_ref);
        asked.map(|asked| asked.what).filter(|what| what.kind() == kind).ok_or(Errno::INVAL)
    }

    /// Request `id` has come to `result`: 0, or a negative errno.
    ///
    /// # Errors
    /// EINVAL if there is none of that kind.
    pub(super) fn finish(&self, kind: u16, id: u32, result: i32) -> Result<(), Errno> {
        let mut state = self.state();
        let place =
            state.requests.get_mut(id as usize).filter(|it| it.as_ref().is_some_and(|it| it.what.kind() == kind));
        let asked = place.and_then(Option::take).ok_or(Errno::INVAL)?;
        let told = state.number();
        drop(state);
        asked.order.answer(if result == 0 { Ok(()) } else { Err(Error::Said(result.wrapping_neg())) });
        self.tell_of(&told);
        Ok(())
    }

    /// Its program has let go of it: whoever waits for the program does so in vain (`uinput_flush_requests`).
    pub(super) fn end(&self) {
        let mut state = self.state();
        state.ended = true;
        let asked: Vec<Asked> = state.requests.iter_mut().filter_map(Option::take).collect();
        let waiting = std::mem::take(&mut state.waiting);
        drop(state);
        let gone = || Err(Error::Said(Errno::NODEV.raw_os_error()));
        asked.into_iter().chain(waiting).for_each(|asked| asked.order.answer(gone()));
        self.outbox.clear();
    }
}

/// A time that a program may give to its events (`is_valid_timestamp`): of the last ten seconds, in nanoseconds.
fn valid(time: i128, now: Duration) -> Option<Duration> {
    let now = now.as_nanos() as i128;
    let known = time > 0 && time <= now && time >= now - OLDEST;
    known.then(|| Duration::from_nanos(time as u64))
}

impl fmt::Debug for Made {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Made").field("ended", &self.state().ended).finish_non_exhaustive()
    }
}

/// What is plugged in.
#[derive(Debug)]
struct MadeDriver {
    made: Arc<Made>,
    description: Description,
}

impl Driver for MadeDriver {
    fn description(&self) -> Description {
        self.description.clone()
    }

    fn output(&self, value: Value) {
        self.made.tell(value);
    }

    /// There is no way to hand samples on (`uinput_dev_upload_effect`).
    fn upload(&self, effect: Effect, old: Option<Effect>, order: Order) {
        if effect.waveform() == Some(ff::CUSTOM) {
            return order.answer(Err(Error::Invalid));
        }
        self.made.ask(What::Upload { effect, old }, order);
    }

    fn erase(&self, number: u16, order: Order) {
        self.made.ask(What::Erase { number }, order);
    }

    /// What nobody drives any more goes again at once.
    fn plugged(&self, wiring: Wiring) {
        let mut state = self.made.state();
        state.wiring = Some(wiring.clone());
        let ended = state.ended;
        drop(state);
        if ended {
            wiring.noticer.gone(Reason::Pulled);
        }
    }

    fn unplugged(&mut self) {
        let wiring = self.made.state().wiring.take();
        drop(wiring);
        self.made.outbox.wake();
    }
}
