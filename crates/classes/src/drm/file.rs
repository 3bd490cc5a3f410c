//! What one open file of a card does: `drivers/gpu/drm/drm_file.c` and `drm_ioctl.c`, between a front and the gate.

use super::{
    CardHandle,
    decode::{Asked, Operation, decode},
    describe::What,
    hub::Hub,
    reply::{Carried, Reply},
    sleep::{Given, Sleep, Ticket, Waits},
    vblank::waited,
    zombie,
};
use crate::{
    Access, Answer, Call, Caller, Completion, Contract, Errno, Fate, File, MapCall, Mapping, Memory, OpenFlags,
    PollBits,
};
use outlive::{Cause, Gone, HandleId, Operation as Inside, Outcome, Reason, Refused, Request};
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
};

/// An open file of a card: `struct drm_file`.
#[derive(Debug)]
pub(super) struct OpenFile {
    user: User,
}

/// Whoever has it open; a call that is answered later has a copy.
#[derive(Debug)]
struct User {
    handle: CardHandle,
    /// Its number in the hub.
    client: u64,
    nonblock: Arc<AtomicBool>,
}

/// A call with whatever its answer needs.
struct Pending {
    asked: Asked,
    memory: Arc<dyn Memory>,
    completion: Box<dyn Completion>,
}

impl Pending {
    fn reply(self, reply: Reply) {
        reply.deliver(self.asked.at, self.asked.out, self.memory, self.completion);
    }

    fn fail(self, errno: Errno) {
        self.completion.complete(Err(errno));
    }
}

impl OpenFile {
    pub(super) fn new(handle: CardHandle, flags: OpenFlags) -> Result<Self, Errno> {
        // Between the gate and the hub the card may go; then its hub knows.
        let client = handle.enter().map(|_| handle.shared().hub.attach()).map_err(|_| Errno::NODEV)?;
        Ok(OpenFile { user: User { handle, client, nonblock: Arc::new(AtomicBool::new(flags.nonblock)) } })
    }
}

impl User {
    fn hub(&self) -> &Arc<Hub> {
        &self.handle.shared().hub
    }

    fn contract(&self) -> Contract {
        self.handle.shared().contract
    }

    /// The same, for a call that is answered later: it does not count as one who has it open.
    fn like(&self) -> User {
        User { handle: self.handle.uncounted(), client: self.client, nonblock: self.nonblock.clone() }
    }

    /// A zombie is found out before anything else is (I15), and nothing is completed from inside the gate.
    fn carry_out(
        &self,
        asked: Result<Asked, Errno>,
        is_ioctl: bool,
        memory: Arc<dyn Memory>,
        completion: Box<dyn Completion>,
    ) -> Option<u64> {
        let gone = self.handle.enter().err();
        match (asked, gone) {
            (Err(errno), Some(gone)) => {
                let terms = zombie::terms(&Err(errno), is_ioctl).under(self.contract(), gone.reason);
                let errno = if let Fate::Fails(gone) = terms { gone } else { errno };
                completion.complete(Err(errno));
                None
            }
            (Err(errno), None) => {
                completion.complete(Err(errno));
                None
            }
            (Ok(asked), Some(gone)) => self.after_the_end(Pending { asked, memory, completion }, gone.reason),
            (Ok(asked), None) => self.alive(Pending { asked, memory, completion }),
        }
    }

    fn alive(&self, call: Pending) -> Option<u64> {
        if let Operation::Read { size } = call.asked.operation {
            return self.read(size, call);
        }
        if !call.asked.operation.reaches_the_driver() {
            let (result, effects) = self.hub().carry_out(self.client, &call.asked);
            self.hub().settle(effects);
            self.end(result, call);
            return None;
        }
        let user = self.like();
        self.handle.begin_or_park(kind(&call.asked), move |begun| match begun {
            Ok(inside) => user.perform(inside, call),
            Err(refused) => user.not_let_in(refused, call),
        })
    }

    fn not_let_in(&self, refused: Refused, call: Pending) {
        match refused {
            Refused::Gone(gone) => _ = self.after_the_end(call, gone.reason),
            Refused::Interrupted => call.fail(Errno::INTR),
            // As for a SCSI device that is offline.
            Refused::State(_) | Refused::Driver(_) => call.fail(Errno::IO),
        }
    }

    /// Carries out what the driver has to do with, which must not block, as one operation.
    fn perform(self, inside: Inside<super::Shared, super::Inside>, call: Pending) {
        let handle = self.handle.uncounted();
        let guard = match handle.enter() {
            Ok(guard) => guard,
            Err(gone) => {
                drop(inside);
                self.after_the_end(call, gone.reason);
                return;
            }
        };
        let hub = self.hub().clone();
        let (result, mut effects) = hub.carry_out(self.client, &call.asked);
        // A driver that panics has not been told; the panic hook has reported it.
        let mut tell = || catch_unwind(AssertUnwindSafe(|| hub.drive(&mut effects, &*guard.driver))).is_ok();
        match result {
            Ok(Carried::Sleeps(ticket)) => {
                // Its client hears of the mark even while the driver is called, should that take its time.
                let request = self.about_to_sleep(inside, ticket.clone(), call);
                let told = tell();
                drop(guard);
                // Nothing has been given to it: that is EIO.
                if told { lie_down(&hub, request, &ticket) } else { request.answer(()) }
            }
            result => {
                let told = tell();
                let result = result.and_then(|carried| if told { Ok(carried) } else { Err(Errno::IO) });
                drop(guard);
                drop(inside);
                self.end(result, call);
            }
        }
        hub.settle(effects);
    }

    fn end(&self, result: Result<Carried, Errno>, call: Pending) {
        match result {
            Ok(Carried::Reply(reply)) => call.reply(reply),
            Ok(Carried::Sleeps(ticket)) => self.sleep_on(ticket, call),
            Err(errno) => call.fail(errno),
        }
    }

    /// What there is to read; if there is nothing, sleeps until something comes.
    fn read(&self, size: usize, call: Pending) -> Option<u64> {
        let (readable, _) = self.hub().readable(self.client);
        if self.nonblock.load(Relaxed) && !readable {
            call.fail(Errno::AGAIN);
            return None;
        }
        let user = self.like();
        self.handle.begin_or_park("read", move |begun| match begun {
            Ok(inside) => {
                let ticket = user.hub().prepare_read(user.client, size);
                user.sleep(inside, ticket, call);
            }
            Err(refused) => user.not_let_in(refused, call),
        })
    }

    /// Waits outside of the gate, on a card that is there.
    fn sleep(self, inside: Inside<super::Shared, super::Inside>, ticket: Ticket, call: Pending) {
        let hub = self.hub().clone();
        lie_down(&hub, self.about_to_sleep(inside, ticket.clone(), call), &ticket);
    }

    /// A call that is to wait, and is still inside.
    fn about_to_sleep(self, inside: Inside<super::Shared, super::Inside>, ticket: Ticket, call: Pending) -> Waiting {
        let (forgetful, number) = (Arc::downgrade(self.hub()), ticket.number);
        let sleeping = Sleeping { user: self, ticket, call };
        let request = Request::new(inside, move |end| sleeping.finish(end));
        request.on_cancel(move |_| forgetful.upgrade().into_iter().for_each(|hub| hub.forget(number)));
        request
    }

    /// Waits on a card that has gone.
    fn sleep_on(&self, ticket: Ticket, call: Pending) {
        let number = ticket.number;
        let sleeping = Sleeping { user: self.like(), ticket, call };
        self.hub().lie_down(number, Sleep::Bare(Box::new(move |end| sleeping.finish(end))));
    }

    /// What the contract has it say.
    fn after_the_end(&self, call: Pending, reason: Reason) -> Option<u64> {
        // It may be between the mark and the hook that does this.
        self.hub().end();
        if let Operation::Read { size } = call.asked.operation {
            return self.read_after_the_end(size, call, reason);
        }
        let asked = Ok(call.asked.clone());
        if let Fate::Fails(errno) = zombie::terms(&asked, true).under(self.contract(), reason) {
            call.fail(errno);
            return None;
        }
        let (result, effects) = self.hub().carry_out(self.client, &call.asked);
        let ticket = if let Ok(Carried::Sleeps(ticket)) = &result { Some(ticket.clone()) } else { None };
        self.hub().settle(effects);
        self.end(result, call);
        ticket.iter().for_each(|ticket| self.hub().limit(ticket));
        ticket.map(|ticket| ticket.operation())
    }

    fn read_after_the_end(&self, size: usize, call: Pending, reason: Reason) -> Option<u64> {
        let (readable, expects) = self.hub().readable(self.client);
        let terms = if expects { &zombie::READ_LATER } else { &zombie::READ_NOTHING };
        match terms.under(self.contract(), reason) {
            // What had come is read first, whatever the contract (I18).
            Fate::Fails(errno) if !readable => call.fail(errno),
            _ if !readable && self.nonblock.load(Relaxed) => call.fail(Errno::AGAIN),
            _ => {
                let ticket = self.hub().prepare_read(self.client, size);
                let number = ticket.operation();
                self.sleep_on(ticket, call);
                return Some(number);
            }
        }
        None
    }
}

type Waiting = Request<super::Shared, super::Inside, ()>;

/// It leaves the gate, and waits.
fn lie_down(hub: &Arc<Hub>, request: Waiting, ticket: &Ticket) {
    hub.lie_down(ticket.number, Sleep::Parked(request.park()));
    hub.limit(ticket);
}

/// How it is called in a list of who is inside.
fn kind(asked: &Asked) -> &'static str {
    asked.ioctl.map_or("read", |ioctl| ioctl.name)
}

/// A call that waits.
struct Sleeping {
    user: User,
    ticket: Ticket,
    call: Pending,
}

impl Sleeping {
    fn finish(self, end: Outcome<()>) {
        let hub = self.user.hub().clone();
        let gone = if let Outcome::Cancelled(Cause::Gone(gone)) = end { Some(gone) } else { None };
        if gone.is_some() {
            hub.end();
        }
        let given = hub.given(&self.ticket, gone.is_none());
        match (end, given, gone) {
            (Outcome::Cancelled(Cause::Interrupted), given, _) => {
                if let Some(Given::Data(data)) = given {
                    hub.put_back(self.user.client, &data);
                }
                self.call.fail(Errno::INTR);
            }
            (_, Some(given), _) => self.say(given),
            (_, None, Some(gone)) => self.go_with_it(gone),
            (_, None, None) => self.call.fail(Errno::IO),
        }
    }

    /// The card goes while it sleeps: it is told so, or sleeps on.
    fn go_with_it(self, gone: Gone) {
        let (readable, expects) = self.user.hub().readable(self.user.client);
        let terms = match self.ticket.waits {
            Waits::Read { .. } if readable => &zombie::READ,
            Waits::Read { .. } if expects => &zombie::READ_LATER,
            Waits::Read { .. } => &zombie::READ_NOTHING,
            Waits::Vblank { .. } | Waits::Commit { .. } => &zombie::SLEEPING,
        };
        let fate = if readable && self.is_read() { Fate::Kept } else { terms.under(self.user.contract(), gone.reason) };
        if let Fate::Fails(errno) = fate {
            self.user.hub().given(&self.ticket, true);
            return self.call.fail(errno);
        }
        let Sleeping { user, ticket, call } = self;
        user.sleep_on(ticket, call);
    }

    fn is_read(&self) -> bool {
        matches!(self.ticket.waits, Waits::Read { .. })
    }

    fn say(self, given: Given) {
        match (given, self.ticket.waits) {
            (Given::Data(data), _) => self.call.completion.complete(Ok(Answer::Data(data))),
            // `drm_wait_vblank_ioctl` gives up.
            (Given::End, Waits::Vblank { .. }) => self.call.fail(Errno::BUSY),
            (Given::End, _) => {
                let reason = self.user.handle.gone().map_or(Reason::Pulled, |gone| gone.reason);
                let errno = match zombie::READ_NOTHING.under(self.user.contract(), reason) {
                    Fate::Fails(errno) => errno,
                    Fate::Kept | Fate::Zero | Fate::StandIn => Errno::NODEV,
                };
                self.call.fail(errno);
            }
            (Given::Moment(moment), Waits::Vblank { kind }) => {
                self.call.reply(Reply::of(waited(kind, moment).to_bytes()));
            }
            (Given::Moment(_), _) => self.call.reply(Reply::default()),
        }
    }
}

impl Drop for OpenFile {
    /// What a client leaves behind goes; a card that has gone is not told (I22).
    fn drop(&mut self) {
        let hub = self.user.hub().clone();
        let mut effects = hub.detach(self.user.client);
        if let Ok(guard) = self.user.handle.enter() {
            // As for a call: a driver that panics takes nobody's file with it.
            let _ = catch_unwind(AssertUnwindSafe(|| hub.drive(&mut effects, &*guard.driver)));
        }
        hub.settle(effects);
    }
}

impl File for OpenFile {
    fn call(&self, call: Call, memory: Arc<dyn Memory>, mut completion: Box<dyn Completion>) -> Option<u64> {
        let asked = decode(&call, &*memory);
        completion.arrived(&What(&call, &asked));
        self.user.carry_out(asked, matches!(call, Call::Ioctl { .. }), memory, completion)
    }

    fn opened_by(&self, who: &dyn Fn() -> Option<Caller>) {
        who().into_iter().for_each(|caller| self.user.hub().opened_by(self.user.client, caller));
    }

    fn gather(&self, call: &Call, memory: &dyn Memory) {
        if let Call::Ioctl { .. } = call {
            let _ = decode(call, memory);
        }
    }

    fn cancel(&self, number: u64) {
        if !self.user.handle.cancel(number) {
            self.user.hub().interrupt(self.user.client, number);
        }
    }

    fn poll(&self) -> PollBits {
        let gone = self.user.handle.gone().is_some();
        if gone {
            self.user.hub().end();
        }
        let (readable, _) = self.user.hub().readable(self.user.client);
        if gone { zombie::poll(self.user.contract(), readable) } else { zombie::alive(readable) }
    }

    fn on_gone(&self, wake: Box<dyn FnOnce(Gone) + Send>) -> Box<dyn Send + Sync> {
        // Under linux poll says nothing of it.
        if self.user.contract() == Contract::Linux { Box::new(()) } else { Box::new(self.user.handle.on_gone(wake)) }
    }

    fn on_news(&self, wake: Arc<dyn Fn() + Send + Sync>) -> Box<dyn Send + Sync> {
        let at_the_end = wake.clone();
        let end = self.on_gone(Box::new(move |_| at_the_end()));
        Box::new((self.user.hub().watch(self.user.client, wake), end))
    }

    fn heeds_nonblock(&self) -> bool {
        true
    }

    fn set_nonblock(&self, nonblock: bool) {
        self.user.nonblock.store(nonblock, Relaxed);
    }

    /// It asks for life only, if at all: the memory is its clients' own.
    fn map(&self, call: &MapCall) -> Result<Mapping, Errno> {
        if let Err(gone) = self.user.handle.enter()
            && let Fate::Fails(errno) = zombie::MAP.under(self.user.contract(), gone.reason)
        {
            return Err(errno);
        }
        // mmap(2): a mapping is read in any case.
        if call.access == Access::Write { Err(Errno::ACCESS) } else { self.user.hub().map(self.user.client, call) }
    }

    fn gone(&self) -> Option<Gone> {
        self.user.handle.gone()
    }

    fn id(&self) -> HandleId {
        self.user.handle.id()
    }
}
