//! Between a device and those who have it open: each event once, to each of them (`evdev_events` and what is around it in
//! `drivers/input/evdev.c` and `input.c`).
//!
//! One lock holds the state and all queues, so that all clients get events in one order; nobody is called with it held.

use super::{
    Axis, Bits, Clock, ClockId, Description, Effect, Value,
    client::{Cell, Client, Found, Sleeper, Waiting, Wake, Woken},
    effect::{Effects, Upload},
    queue::Queue,
    state::State,
    uapi::{ev, rep},
};
use crate::Errno;
use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::Duration,
};

/// What a device and its clients have in common for one life of it.
pub(super) struct Hub {
    pub(super) description: Arc<Description>,
    clock: Arc<dyn Clock>,
    inner: Mutex<Inner>,
}

struct Inner {
    state: State,
    effects: Effects,
    clients: BTreeMap<u64, Client>,
    /// Who gets everything, and everybody else nothing.
    grab: Option<u64>,
    next: u64,
    /// The device went: what comes now has come too late.
    ended: bool,
    /// Who is to be told of the last packet.
    unwoken: Option<Woken>,
    repeat: Repeat,
}

/// Autorepeat: `input_repeat_key`.
#[derive(Default)]
struct Repeat {
    key: u16,
    /// Counts what was begun and stopped, so that a timer of before is known.
    turn: u64,
}

impl Hub {
    pub(super) fn new(description: Arc<Description>, clock: Arc<dyn Clock>) -> Arc<Self> {
        let inner = Inner {
            state: State::new(description.clone()),
            effects: Effects::new(description.effects),
            clients: BTreeMap::new(),
            grab: None,
            next: 0,
            ended: false,
            unwoken: None,
            repeat: Repeat::default(),
        };
        Arc::new(Hub { description, clock, inner: Mutex::new(inner) })
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One more client.
    pub(super) fn attach(&self) -> u64 {
        let mut inner = self.inner();
        let number = inner.ticket();
        let queue = Queue::new(self.description.queue_size());
        inner.clients.insert(number, Client::new(queue));
        number
    }

    /// A client leaves: which effects it leaves behind.
    pub(super) fn detach(&self, client: u64) -> Vec<u16> {
        let mut inner = self.inner();
        let left = inner.clients.remove(&client);
        inner.grab.take_if(|grab| *grab == client);
        let effects = inner.effects.flush(client);
        drop(inner);
        // Without the lock: whoever still sleeps is told.
        drop(left);
        effects
    }

    /// Events of the device's own; `at`: when, by `CLOCK_MONOTONIC`. What is for the device itself comes back.
    pub(super) fn events(self: &Arc<Self>, values: &[Value], at: Option<Duration>) -> Vec<Value> {
        let mut inner = self.inner();
        if inner.ended {
            return Vec::new();
        }
        let mut woken = Woken::default();
        let told = self.handle(&mut inner, values, at, &mut woken);
        drop(inner);
        self.wake(woken);
        told
    }

    /// Events that `client` wrote. The result is for the device. After the mark nobody hears of them.
    ///
    /// # Errors
    /// ENODEV if its access has been revoked.
    pub(super) fn inject(self: &Arc<Self>, client: u64, values: &[Value]) -> Result<Vec<Value>, Errno> {
        let mut inner = self.inner();
        if inner.is_revoked(client) {
            return Err(Errno::NODEV);
        }
        if inner.ended {
            return Ok(Vec::new());
        }
        let mut woken = Woken::default();
        let told = self.handle(&mut inner, values, None, &mut woken);
        drop(inner);
        self.wake(woken);
        Ok(told)
    }

    fn handle(&self, inner: &mut Inner, values: &[Value], at: Option<Duration>, woken: &mut Woken) -> Vec<Value> {
        let mut told = Vec::new();
        for value in values {
            let handled = inner.state.event(*value);
            told.extend(handled.to_device);
            if let Some(packet) = handled.packet {
                self.pass(inner, &packet, at, woken);
            }
        }
        told
    }

    /// The time by that clock, or what it was when `CLOCK_MONOTONIC` said `at` (`input_set_timestamp`).
    fn time(&self, clock: ClockId, at: Option<Duration>) -> Duration {
        match at {
            // As it says: the clock goes on between two questions.
            Some(at) if clock == ClockId::Monotonic => at,
            Some(at) => self.clock.time(clock).saturating_sub(self.clock.time(ClockId::Monotonic).saturating_sub(at)),
            None => self.clock.time(clock),
        }
    }

    /// A packet to whom it concerns (`input_pass_values`, `evdev_events`).
    fn pass(&self, inner: &mut Inner, packet: &[Value], at: Option<Duration>, woken: &mut Woken) {
        let mut times = BTreeMap::new();
        let grab = inner.grab;
        for (number, client) in &mut inner.clients {
            if client.revoked || grab.is_some_and(|grab| grab != *number) {
                continue;
            }
            let clock = client.queue.clock();
            let time = *times.entry(clock as u8).or_insert_with(|| self.time(clock, at));
            if client.queue.pass(packet, time) {
                client.wake(woken);
            }
        }
        let mut keys = packet.iter().filter(|value| value.kind == ev::KEY && value.value != 2);
        if let Some(last) = keys.next_back().filter(|_| self.description.has_type(ev::REP)) {
            inner.repeat.turn += 1;
            let [delay, period] = inner.state.repeat;
            if last.value != 0 && delay > 0 && period > 0 {
                inner.repeat.key = last.code;
                woken.repeat = Some((inner.repeat.turn, milliseconds(delay)));
            } else {
                woken.repeat = None;
            }
        }
    }

    fn wake(self: &Arc<Self>, woken: Woken) {
        woken.readers.into_iter().for_each(|read| read.answer(()));
        woken.pollers.iter().for_each(|wake| wake());
        if let Some((turn, delay)) = woken.repeat {
            let hub = Arc::downgrade(self);
            self.clock.after(delay, Box::new(move || hub.upgrade().into_iter().for_each(|hub| hub.repeat(turn))));
        }
    }

    /// The key that is down is repeated, if it still is.
    fn repeat(self: &Arc<Self>, turn: u64) {
        let mut inner = self.inner();
        let key = inner.repeat.key;
        if inner.ended || inner.repeat.turn != turn || !inner.state.on(ev::KEY).has(key) {
            return;
        }
        let mut woken = Woken::default();
        self.pass(&mut inner, &[Value::new(ev::KEY, key, 2), Value::OWN_SYNC], None, &mut woken);
        let period = inner.state.repeat[usize::from(rep::PERIOD)];
        woken.repeat = (period > 0).then(|| (turn, milliseconds(period)));
        drop(inner);
        self.wake(woken);
    }

    /// The mark: keys that are down go up, and nothing comes after that.
    pub(super) fn end(self: &Arc<Self>) {
        self.end_in_silence();
        let woken = self.inner().unwoken.take();
        woken.into_iter().for_each(|woken| self.wake(woken));
    }

    /// The same for a poll, whose caller may hold what those want that would be told. The next [`end`](Self::end) tells them.
    pub(super) fn end_in_silence(&self) {
        let mut inner = self.inner();
        if std::mem::replace(&mut inner.ended, true) {
            return;
        }
        let mut woken = Woken::default();
        if let Some(packet) = inner.state.release_keys() {
            self.pass(&mut inner, &packet, None, &mut woken);
        }
        woken.repeat = None;
        inner.unwoken = Some(woken);
    }

    /// Whether the mark was.
    pub(super) fn has_ended(&self) -> bool {
        self.inner().ended
    }

    /// Whether `client`'s access has been revoked.
    pub(super) fn is_revoked(&self, client: u64) -> bool {
        self.inner().is_revoked(client)
    }

    /// Takes its access away from `client` for good (`evdev_revoke`), and says which effects it leaves behind.
    pub(super) fn revoke(self: &Arc<Self>, client: u64) -> Vec<u16> {
        let mut inner = self.inner();
        let mut woken = Woken::default();
        if let Some(client) = inner.clients.get_mut(&client) {
            client.revoked = true;
            client.wake(&mut woken);
        }
        inner.grab.take_if(|grab| *grab == client);
        let effects = inner.effects.flush(client);
        drop(inner);
        self.wake(woken);
        effects
    }

    /// EVIOCGRAB.
    ///
    /// # Errors
    /// EBUSY if somebody has grabbed it; EINVAL of who has not and wants to let go.
    pub(super) fn grab(&self, client: u64, grab: bool) -> Result<(), Errno> {
        let mut inner = self.inner();
        match (grab, inner.grab) {
            (true, Some(_)) => Err(Errno::BUSY),
            (true, None) => {
                inner.grab = Some(client);
                Ok(())
            }
            (false, holder) if holder == Some(client) => {
                inner.grab = None;
                Ok(())
            }
            (false, _) => Err(Errno::INVAL),
        }
    }

    /// What `client` can read now, in as many bytes.
    pub(super) fn read(&self, client: u64, size: usize) -> Found {
        self.inner().clients.get_mut(&client).map_or(Found::Nothing, |client| client.find(size))
    }

    /// Whether there is something for it to read.
    pub(super) fn is_readable(&self, client: u64) -> bool {
        self.inner().clients.get(&client).is_some_and(|client| client.queue.is_readable())
    }

    /// Answers `read` when there is something to read, which is in its cell then; at once if there is. The result is what
    /// [`settle`](Hub::settle) needs.
    pub(super) fn wait(self: &Arc<Self>, client: u64, size: usize, cell: Cell, read: Waiting, ticket: u64) {
        if let Some(client) = self.inner().clients.get_mut(&client) {
            client.sleepers.insert(ticket, None);
        }
        let hub = Arc::downgrade(self);
        read.on_cancel(move |_| forget(&hub, client, ticket));
        let sleeper = Sleeper { read: read.park(), size, cell };
        let mut inner = self.inner();
        let its = inner.clients.get_mut(&client);
        if let Some(its) = its.filter(|its| its.sleepers.contains_key(&ticket)) {
            its.sleepers.insert(ticket, Some(sleeper));
            let mut woken = Woken::default();
            its.wake_readers(&mut woken);
            drop(inner);
            return self.wake(woken);
        }
        // Cancelled meanwhile.
        drop(inner);
        drop(sleeper);
    }

    /// A number for a read that is to wait.
    pub(super) fn ticket(&self) -> u64 {
        self.inner().ticket()
    }

    /// What a read that has waited was given, if anything. Nothing is given to it any more.
    pub(super) fn settle(&self, client: u64, ticket: u64, cell: &Cell) -> Option<Result<Vec<u8>, Errno>> {
        let mut inner = self.inner();
        let sleeper = inner.clients.get_mut(&client).and_then(|client| client.sleepers.remove(&ticket));
        let given = cell.lock().unwrap_or_else(PoisonError::into_inner).take();
        drop(inner);
        drop(sleeper);
        given
    }

    /// Nobody has read this after all.
    pub(super) fn put_back(&self, client: u64, bytes: &[u8]) {
        if let Some(client) = self.inner().clients.get_mut(&client) {
            client.queue.put_back(bytes);
        }
    }

    /// Calls `wake` whenever `client` has something new to read, until the result is dropped.
    pub(super) fn watch(self: &Arc<Self>, client: u64, wake: Wake) -> Watching {
        let mut inner = self.inner();
        let ticket = inner.ticket();
        if let Some(client) = inner.clients.get_mut(&client) {
            client.watchers.insert(ticket, wake);
        }
        Watching { hub: Arc::downgrade(self), client, ticket }
    }

    /// What is down, lit or on. What has come of that type for `client` is left out, since it knows then
    /// (`evdev_handle_get_val`).
    pub(super) fn on(&self, client: u64, kind: u16) -> Bits {
        let mut inner = self.inner();
        if let Some(client) = inner.clients.get_mut(&client) {
            client.queue.flush(kind);
        }
        inner.state.on(kind)
    }

    /// `client` could not be told what it asked for, and what had come has been left out.
    pub(super) fn tell_dropped(&self, client: u64) {
        if let Some(client) = self.inner().clients.get_mut(&client) {
            let time = self.clock.time(client.queue.clock());
            client.queue.tell_dropped(time);
        }
    }

    /// An axis now.
    pub(super) fn axis(&self, code: u16) -> Axis {
        self.inner().state.axes.get(&code).copied().unwrap_or_default()
    }

    /// Sets that.
    pub(super) fn set_axis(&self, code: u16, axis: Axis) {
        self.inner().state.set_axis(code, axis);
    }

    /// Where each contact is on an axis.
    pub(super) fn contacts(&self, axis: u16) -> Vec<i32> {
        self.inner().state.contacts(axis)
    }

    /// The delay and the period of autorepeat, in milliseconds.
    pub(super) fn repeat_rate(&self) -> [i32; 2] {
        self.inner().state.repeat
    }

    /// The clock of `client`'s times.
    pub(super) fn set_clock(&self, client: u64, clock: ClockId) {
        let now = self.clock.time(clock);
        if let Some(client) = self.inner().clients.get_mut(&client) {
            client.queue.set_clock(clock, now);
        }
    }

    /// The codes of a type that `client` gets; `None`: all.
    pub(super) fn mask(&self, client: u64, kind: u16) -> Option<Bits> {
        self.inner().clients.get(&client).and_then(|client| client.queue.mask(kind))
    }

    /// Sets them.
    pub(super) fn set_mask(&self, client: u64, kind: u16, codes: Bits) {
        if let Some(client) = self.inner().clients.get_mut(&client) {
            client.queue.set_mask(kind, codes);
        }
    }

    /// See [`Effects::begin`].
    pub(super) fn begin_upload(&self, client: u64, effect: Effect) -> Result<Upload, Errno> {
        self.inner().effects.begin(&self.description, client, effect)
    }

    pub(super) fn upload_failed(&self, upload: &Upload) {
        self.inner().effects.failed(upload);
    }

    /// See [`Effects::erase`].
    pub(super) fn begin_erase(&self, client: u64, number: i32) -> Result<Effect, Errno> {
        self.inner().effects.erase(&self.description, client, number)
    }

    /// Whether that effect is `client`'s.
    pub(super) fn owns(&self, client: u64, number: i32) -> bool {
        self.inner().effects.owns(client, number)
    }

    pub(super) fn erase_failed(&self, client: u64, effect: Effect) {
        self.inner().effects.restore(client, effect);
    }
}

fn milliseconds(count: i32) -> Duration {
    Duration::from_millis(u64::try_from(count).unwrap_or_default())
}

impl Inner {
    fn ticket(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    fn is_revoked(&self, client: u64) -> bool {
        self.clients.get(&client).is_some_and(|client| client.revoked)
    }
}

fn forget(hub: &Weak<Hub>, client: u64, ticket: u64) {
    let Some(hub) = hub.upgrade() else { return };
    let sleeper = hub.inner().clients.get_mut(&client).and_then(|client| client.sleepers.remove(&ticket));
    // Without the lock: it tells the client.
    drop(sleeper);
}

/// Somebody who wants to know of events, for as long as this lives.
pub(super) struct Watching {
    hub: Weak<Hub>,
    client: u64,
    ticket: u64,
}

impl Drop for Watching {
    fn drop(&mut self) {
        if let Some(hub) = self.hub.upgrade() {
            let mut inner = hub.inner();
            let wake = inner.clients.get_mut(&self.client).and_then(|client| client.watchers.remove(&self.ticket));
            drop(inner);
            drop(wake);
        }
    }
}

impl fmt::Debug for Hub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inner = self.inner();
        f.debug_struct("Hub").field("name", &self.description.name).field("clients", &inner.clients.len()).finish()
    }
}
