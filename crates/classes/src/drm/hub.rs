//! Between a card and those who have it open: the one lock, and what is done once it is free.
//!
//! What the hardware has to do with it ends at the mark. From then on the beat of the CRTCs is kept by the clock alone, where
//! the contract has events come that were promised: there is no other difference (two lifetimes).

use super::{
    Driver, Ground, Monitor,
    client::Wake,
    decode::{Asked, Operation},
    kms::{Effects, Kms},
    making::dumb_size,
    reply::{Carried, Reply},
    sleep::{Given, Sleep, Sleeper, Ticket, Waits},
};
use crate::{Caller, Contract, Errno, MapCall, Mapping, SharedMemory};
use outlive::{Cause, Outcome};
use std::{
    collections::BTreeSet,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::Duration,
};

/// See [`Kms`], which it holds.
pub(super) struct Hub {
    ground: Ground,
    contract: Contract,
    inner: Mutex<Inner>,
    /// Held while the driver is shown something, so that it is not shown what was before it last.
    showing: Mutex<()>,
}

struct Inner {
    kms: Kms,
    /// On a card that has gone: when the timers of each CRTC are due.
    timers: Vec<BTreeSet<Duration>>,
}

/// After so long a wait for a vertical blanking is in vain (`drm_wait_vblank_ioctl`).
const LONGEST_WAIT: Duration = Duration::from_secs(3);

impl Hub {
    pub(super) fn new(ground: Ground, contract: Contract, kms: Kms) -> Arc<Self> {
        let timers = vec![BTreeSet::new(); kms.pipes()];
        Arc::new(Hub { ground, contract, inner: Mutex::new(Inner { kms, timers }), showing: Mutex::new(()) })
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> Duration {
        self.ground.clock.monotonic()
    }

    /// Does something with the model, and says what is to be done besides. Whoever calls it does that: see
    /// [`drive`](Hub::drive) and [`settle`](Hub::settle).
    fn with<T>(&self, act: impl FnOnce(&mut Kms, Duration) -> T) -> (T, Effects) {
        let now = self.now();
        let mut inner = self.inner();
        let result = act(&mut inner.kms, now);
        (result, std::mem::take(&mut inner.kms.effects))
    }

    /// As [`with`](Hub::with), of what the driver has nothing to do with.
    fn quietly<T>(self: &Arc<Self>, act: impl FnOnce(&mut Kms, Duration) -> T) -> T {
        let (result, effects) = self.with(act);
        self.settle(effects);
        result
    }

    /// Shows the driver what there is to be shown, and has it tell of the next vertical blankings. Inside the gate.
    pub(super) fn drive(&self, effects: &mut Effects, driver: &dyn Driver) {
        if std::mem::take(&mut effects.show) {
            let showing = self.showing.lock().unwrap_or_else(PoisonError::into_inner);
            let scene = self.inner().kms.state.scene();
            driver.show(&scene);
            drop(showing);
        }
        // Who came in before the mark and is carried out after it: the driver's beat is not heard any more.
        if self.has_ended() {
            return;
        }
        std::mem::take(&mut effects.arm).into_iter().for_each(|crtc| driver.arm(crtc));
    }

    /// Tells whoever is to be told. Outside of the gate.
    pub(super) fn settle(self: &Arc<Self>, effects: Effects) {
        if self.is_beating() {
            effects.arm.into_iter().for_each(|crtc| self.beat_on(crtc));
        }
        effects.woken.into_iter().for_each(Sleep::wake);
        effects.pollers.iter().for_each(|wake| wake());
        if let Some(change) = effects.change {
            (self.ground.told)(change);
        }
    }

    /// Whether the beat goes on without the hardware.
    fn is_beating(&self) -> bool {
        self.inner().kms.lives_on
    }

    /// The next vertical blanking that somebody waits for, of a card that has gone, by the clock.
    fn beat_on(self: &Arc<Self>, crtc: usize) {
        let now = self.now();
        let mut inner = self.inner();
        let Some(target) = inner.kms.next_due(crtc) else { return };
        let Some(delay) = inner.kms.beats[crtc].until(target, now) else { return };
        let due = now.saturating_add(delay);
        // The one before looks further when it is due.
        if inner.timers[crtc].first().is_some_and(|first| *first <= due) {
            return;
        }
        inner.timers[crtc].insert(due);
        drop(inner);
        let hub = Arc::downgrade(self);
        let then = move || hub.upgrade().into_iter().for_each(|hub| hub.beat(crtc, due));
        self.ground.clock.after(delay, Box::new(then));
    }

    fn beat(self: &Arc<Self>, crtc: usize, due: Duration) {
        let now = self.now();
        let mut inner = self.inner();
        inner.timers[crtc].remove(&due);
        let more = inner.kms.strike(crtc, now);
        inner.kms.end_reads();
        let effects = std::mem::take(&mut inner.kms.effects);
        drop(inner);
        self.settle(effects);
        if more {
            self.beat_on(crtc);
        }
    }

    /// The driver says that there was a vertical blanking on `crtc` that long `ago`. Whether somebody waits for the next one.
    pub(super) fn strike(self: &Arc<Self>, crtc: usize, ago: Duration) -> bool {
        let (more, effects) = self.with(|kms, now| {
            let counts = !kms.ended && crtc < kms.pipes();
            counts && kms.strike(crtc, now.saturating_sub(ago))
        });
        let again = !effects.arm.is_empty();
        self.settle(effects);
        more || again
    }

    /// The driver says what hangs on a connector.
    pub(super) fn connect(self: &Arc<Self>, connector: usize, monitor: Option<Monitor>) {
        self.quietly(|kms, _| kms.connect(connector, monitor));
    }

    /// The mark: nothing hangs on any connector any more, and what was to come comes as the contract has it.
    pub(super) fn end(self: &Arc<Self>) {
        let contract = self.contract;
        let (due, effects) = self.with(|kms, now| kms.end(contract, now));
        self.settle(effects);
        if self.is_beating() {
            due.into_iter().for_each(|crtc| self.beat_on(crtc));
        }
    }

    /// Whether the mark was.
    pub(super) fn has_ended(&self) -> bool {
        self.inner().kms.ended
    }

    /// Whether something hangs on a connector, and the EDID of that.
    pub(super) fn hanging(&self, connector: usize) -> Option<Monitor> {
        self.inner().kms.monitors.get(connector)?.as_ref().map(|(monitor, _)| monitor.clone())
    }

    /// Whether a connector is used, and whether what it shows is switched off: the attributes `enabled` and `dpms`.
    pub(super) fn in_use(&self, connector: usize) -> (bool, bool) {
        let state = &self.inner().kms.state.connectors[connector];
        (state.crtc.is_some(), state.off)
    }

    pub(super) fn attach(&self) -> u64 {
        self.inner().kms.attach()
    }

    /// That client's file was opened by somebody.
    pub(super) fn opened_by(&self, client: u64, caller: Caller) {
        self.inner().kms.opened_by(client, caller);
    }

    /// A file is closed. The result is for the driver, if it is there.
    pub(super) fn detach(&self, client: u64) -> Effects {
        let (left, effects) = self.with(|kms, now| kms.detach(client, now));
        // Without the lock: it tells whoever still sleeps.
        drop(left);
        effects
    }

    /// Carries out what a client asks for, as far as that can be done without the driver; the rest is for it.
    pub(super) fn carry_out(&self, client: u64, asked: &Asked) -> (Result<Carried, Errno>, Effects) {
        // Outside of the lock, since it takes its time.
        let memory = match &asked.operation {
            Operation::CreateDumb(dumb) => Some(dumb_size(dumb).and_then(|(_, size)| self.ground.memory.make(size))),
            _ => None,
        };
        self.with(|kms, now| {
            if let Some(ioctl) = asked.ioctl {
                kms.permit(client, ioctl)?;
            }
            kms.carry_out(client, &asked.operation, memory, now)
        })
    }

    pub(super) fn map(&self, client: u64, call: &MapCall) -> Result<Mapping, Errno> {
        self.inner().kms.map(client, call)
    }

    /// Whether there is something for `client` to read; whether something is still to come.
    pub(super) fn readable(&self, client: u64) -> (bool, bool) {
        let inner = self.inner();
        inner.kms.clients.get(&client).map_or((false, false), |its| (its.is_readable(), its.expects()))
    }

    /// A place for a read that is to wait; if something is there, it is in its cell already.
    pub(super) fn prepare_read(self: &Arc<Self>, client: u64, size: usize) -> Ticket {
        self.quietly(|kms, _| {
            let ticket = kms.prepare(client, Waits::Read { size });
            kms.feed(client);
            ticket
        })
    }

    /// Who has that ticket sleeps from now on; it wakes at once if what it waits for has come.
    pub(super) fn lie_down(self: &Arc<Self>, ticket: u64, sleep: Sleep) {
        let mut sleep = Some(sleep);
        self.quietly(|kms, _| {
            let Some(sleeper) = kms.sleepers.get_mut(&ticket) else { return };
            let bare = matches!(sleep, Some(Sleep::Bare(_)));
            // One that sleeps on a card that has gone is not put to sleep on one that is there.
            if sleeper.sleep.is_some() && !bare {
                return;
            }
            if let Some(Sleep::Parked(parked)) = &sleep {
                sleeper.operation = parked.number();
            }
            std::mem::swap(&mut sleeper.sleep, &mut sleep);
            let (client, full) = (sleeper.client, sleeper.cell.is_full());
            if full {
                let woken = kms.sleepers.remove(&ticket).and_then(|sleeper| sleeper.sleep);
                kms.effects.woken.extend(woken);
            } else {
                kms.feed(client);
                if bare {
                    kms.end_reads();
                }
            }
        });
        // Without the lock: what it was before, or what was cancelled meanwhile.
        drop(sleep);
    }

    /// It was cancelled: nobody sleeps there any more, except on a card that has gone.
    pub(super) fn forget(&self, ticket: u64) {
        let mut inner = self.inner();
        let bare = inner.kms.sleepers.get(&ticket).is_some_and(|it| matches!(it.sleep, Some(Sleep::Bare(_))));
        let sleeper = if bare { None } else { inner.kms.sleepers.remove(&ticket) };
        drop(inner);
        // Without the lock: it tells the client.
        drop(sleeper);
    }

    /// It has waited for too long, if it still does.
    pub(super) fn expire(self: &Arc<Self>, ticket: u64) {
        self.quietly(|kms, _| kms.give(ticket, Given::End));
    }

    /// Has [`expire`](Hub::expire) called for a wait of that kind.
    pub(super) fn limit(self: &Arc<Self>, ticket: &Ticket) {
        if let Waits::Vblank { .. } = ticket.waits {
            let (hub, number) = (Arc::downgrade(self), ticket.number);
            let then = move || hub.upgrade().into_iter().for_each(|hub| hub.expire(number));
            self.ground.clock.after(LONGEST_WAIT, Box::new(then));
        }
    }

    /// What a call that has waited was given, if anything. With `last`, nothing is given to it any more.
    pub(super) fn given(&self, ticket: &Ticket, last: bool) -> Option<Given> {
        let mut inner = self.inner();
        let given = ticket.cell.take();
        let sleeper = if last || given.is_some() { inner.kms.sleepers.remove(&ticket.number) } else { None };
        drop(inner);
        drop(sleeper);
        given
    }

    /// Ends the sleep of one on a card that has gone, by the number of its operation.
    pub(super) fn interrupt(&self, client: u64, operation: u64) {
        let mut inner = self.inner();
        let is_it =
            |it: &Sleeper| (it.client, it.operation) == (client, operation) && matches!(it.sleep, Some(Sleep::Bare(_)));
        let found = inner.kms.sleepers.iter().find(|(_, it)| is_it(it)).map(|(ticket, _)| *ticket);
        let sleeper = found.and_then(|ticket| inner.kms.sleepers.remove(&ticket));
        drop(inner);
        if let Some(Sleep::Bare(wake)) = sleeper.and_then(|sleeper| sleeper.sleep) {
            wake(Outcome::Cancelled(Cause::Interrupted));
        }
    }

    /// Nobody has read this after all.
    pub(super) fn put_back(&self, client: u64, bytes: &[u8]) {
        if let Some(client) = self.inner().kms.clients.get_mut(&client) {
            client.put_back(bytes);
        }
    }

    /// Calls `wake` whenever `client` has something new to read, until the result is dropped.
    pub(super) fn watch(self: &Arc<Self>, client: u64, wake: Wake) -> Watching {
        let mut inner = self.inner();
        let ticket = inner.kms.ticket();
        if let Some(client) = inner.kms.clients.get_mut(&client) {
            client.watchers.insert(ticket, wake);
        }
        Watching { hub: Arc::downgrade(self), client, ticket }
    }
}

impl Kms {
    /// What a client asks for, by what it is. `memory`: of the buffer that it makes.
    #[rustfmt::skip]
    fn carry_out(
        &mut self,
        client: u64,
        operation: &Operation,
        memory: Option<Result<Arc<dyn SharedMemory>, Errno>>,
        now: Duration,
    ) -> Result<Carried, Errno> {
        let reply = match operation.clone() {
            Operation::WaitVblank(asked)         => return self.wait_vblank(client, asked, now),
            Operation::SetCrtc(asked, of)        => return self.set_mode(client, &asked, of, now),
            Operation::SetCursor(asked)          => return self.set_cursor(client, &asked, now),
            Operation::SetGamma(asked, table)    => return self.set_gamma(client, &asked, table, now),
            Operation::SetProperty(asked)        => return self.set_property(client, &asked, now),
            Operation::PageFlip(asked)           => return self.page_flip(client, &asked, now),
            Operation::SetPlane(asked)           => return self.set_plane_to(client, &asked, now),
            Operation::Atomic(asked, list)       => return self.atomic(client, &asked, &list, now),
            Operation::Version(asked)            => Ok(self.version(asked)),
            Operation::GetUnique(asked)          => Ok(self.unique(client, asked)),
            Operation::GetClient(asked, caller)  => self.who(client, asked, caller),
            Operation::SetVersion(asked)         => self.set_version(client, asked),
            Operation::GetMagic                  => Ok(self.magic(client)),
            // `drm_getstats`: nobody counts any more.
            Operation::GetStats                  => Ok(Reply::of(vec![0; 248])),
            Operation::AuthMagic(magic)          => self.authenticate(client, magic),
            Operation::SetMaster(caller)         => self.set_master(client, caller),
            Operation::DropMaster(caller)        => self.drop_master(client, caller),
            Operation::GetCap(asked)             => self.capability(asked),
            Operation::SetClientCap(asked)       => self.set_client_cap(client, asked),
            Operation::GemClose(handle)          => self.close_buffer(client, handle),
            Operation::Flink(asked)              => self.flink(client, asked),
            Operation::GemOpen(asked)            => self.open_buffer(client, asked),
            Operation::Export(asked)             => self.export(client, asked),
            Operation::Import(asked, memory)     => memory.and_then(|it| self.import(client, asked, it[0].clone())),
            Operation::GetSequence(asked)        => self.get_sequence(asked, now),
            Operation::QueueSequence(asked)      => self.queue_sequence(client, asked, now),
            Operation::GetResources(asked)       => Ok(self.resources(client, asked)),
            Operation::GetCrtc(asked)            => self.get_crtc(asked),
            Operation::GetGamma(asked)           => self.get_gamma(asked),
            Operation::GetEncoder(asked)         => self.encoder(asked),
            Operation::GetConnector(asked)       => self.connector(client, asked),
            Operation::GetProperty(asked)        => self.get_property(asked),
            Operation::GetBlob(asked)            => self.get_blob(asked),
            Operation::CreateBlob(asked, data)   => data.and_then(|data| self.create_blob(client, asked, data)),
            Operation::DestroyBlob(id)           => self.destroy_blob(client, id),
            Operation::GetFb(asked)              => self.get_fb(client, asked),
            Operation::GetFb2(asked)             => self.get_fb2(client, asked),
            Operation::AddFb(asked)              => self.add_fb(client, asked),
            Operation::AddFb2(asked)             => self.add_fb2(client, asked),
            Operation::RemoveFb { id, closes }   => self.remove_fb(client, id, closes, now),
            Operation::DirtyFb(asked, clips)     => self.dirty_fb(asked, clips),
            Operation::CreateDumb(asked)         => {
                memory.unwrap_or(Err(Errno::NOMEM)).and_then(|memory| self.create_dumb(client, asked, memory))
            }
            Operation::MapDumb(asked)            => self.map_dumb(client, asked),
            Operation::PlaneResources(asked)     => Ok(self.plane_resources(client, asked)),
            Operation::GetPlane(asked)           => self.get_plane(asked),
            Operation::GetProperties(asked)      => self.get_properties(client, asked),
            Operation::ListLessees(asked)        => self.lessees(asked),
            // Whoever has a lease has a file of its own, which would have to be made for it.
            Operation::CreateLease               => Err(Errno::OPNOTSUPP),
            Operation::Refused(errno)            => Err(errno),
            Operation::Read { .. }               => Err(Errno::AGAIN),
        };
        reply.map(Carried::Reply)
    }
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
            let wake = inner.kms.clients.get_mut(&self.client).and_then(|it| it.watchers.remove(&self.ticket));
            drop(inner);
            drop(wake);
        }
    }
}

impl fmt::Debug for Hub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inner = self.inner();
        let (clients, sleepers) = (inner.kms.clients.len(), inner.kms.sleepers.len());
        f.debug_struct("Hub").field("clients", &clients).field("sleepers", &sleepers).finish_non_exhaustive()
    }
}
