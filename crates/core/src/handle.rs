use crate::{
    Gone, Guard, Operation, Refused, Status, Watch,
    life::Life,
    state::Who,
    sync::{Arc, Ordering, abort},
    watch::Kind,
};
use alloc::boxed::Box;
use core::fmt;

/// Names one open file of a device, for as long as the process lives.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct HandleId(pub u64);

impl fmt::Display for HandleId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// An open file. It outlives its device: after the mark it is a *zombie*, every operation on it gets [`Gone`], and what
/// is shared stays there (I29).
///
/// A clone is the same open file, as after `dup(2)`; [`Device::open`](crate::Device::open) makes another. It takes 16
/// bytes, and nothing besides.
pub struct Handle<S, H> {
    life: Arc<Life<S, H>>,
    /// The top bit says that it is the framework's, such as an operation's, and no user of the device.
    id: u64,
}

const UNCOUNTED: u64 = 1 << 63;
/// More handles of one device than any program can have.
const TOO_MANY: u32 = u32::MAX / 2;

impl<S, H> Handle<S, H> {
    pub(crate) fn new(life: &Arc<Life<S, H>>) -> Self {
        Handle::counted(life, life.next_handle.fetch_add(1, Ordering::Relaxed))
    }

    fn counted(life: &Arc<Life<S, H>>, id: u64) -> Self {
        if life.handles.fetch_add(1, Ordering::Relaxed) > TOO_MANY {
            // They have been forgotten in a loop, and the count is about to wrap.
            abort();
        }
        Handle { life: life.clone(), id }
    }

    /// The same open file, for the framework's own use while it carries out a call: it is not counted among the handles,
    /// and nobody waits for it to be closed.
    pub fn uncounted(&self) -> Self {
        Handle { life: self.life.clone(), id: self.id | UNCOUNTED }
    }

    pub(crate) fn life(&self) -> &Arc<Life<S, H>> {
        &self.life
    }

    /// Enters the gate: the hardware, for as long as the guard lives. Never sleeps.
    ///
    /// # Errors
    /// [`Gone`] after the mark.
    #[inline]
    pub fn enter(&self) -> Result<Guard<'_, H>, Gone> {
        self.life.enter()
    }

    /// Enters with a record of who is inside: this handle, a number, `kind`, and since when. What fronts and classes
    /// use; it is what an unplug that cannot finish names as its culprit (I6).
    ///
    /// # Errors
    /// [`Refused::Gone`] after the mark, [`Refused::State`] if the device is not running: see [`State`](crate::State).
    pub fn begin(&self, kind: &'static str) -> Result<Operation<S, H>, Refused> {
        Operation::begin_now(self, kind, Who::Client)
    }

    /// As [`begin`](Handle::begin), for the framework's own I/O, which also enters a device that is
    /// [quiesced](crate::State::Quiesced) or still being [created](crate::State::Created).
    ///
    /// # Errors
    /// As for [`begin`](Handle::begin).
    pub fn begin_framework(&self, kind: &'static str) -> Result<Operation<S, H>, Refused> {
        Operation::begin_now(self, kind, Who::Framework)
    }

    /// As [`begin`](Handle::begin), and parks instead of refusing where the state has it so: `resume` is called once, on
    /// this thread now, or later on the one that changes the state, cancels ([`cancel`](Handle::cancel)) or unplugs. Who
    /// is parked is outside the gate, and fails at the mark (I5). The result is the operation's number; `None` if it was
    /// refused at once.
    pub fn begin_or_park(
        &self,
        kind: &'static str,
        resume: impl FnOnce(Result<Operation<S, H>, Refused>) + Send + 'static,
    ) -> Option<u64> {
        Life::admit(self, kind, Box::new(resume), None)
    }

    /// What handles may see for ever, also on a zombie.
    pub fn shared(&self) -> &S {
        &self.life.shared
    }

    /// Whether the device is gone, why, and since when; no error, and no operation (I31).
    pub fn gone(&self) -> Option<Gone> {
        self.life.gone()
    }

    /// All that there is to ask about the device (I31).
    pub fn status(&self) -> Status {
        Status::of(&self.life)
    }

    /// Which open file this is.
    pub fn id(&self) -> HandleId {
        HandleId(self.id & !UNCOUNTED)
    }

    /// Another open file of the same device, as opening `/proc/self/fd/N` makes one.
    ///
    /// # Errors
    /// As for [`Device::open`](crate::Device::open): after the mark no path makes a live handle (I25).
    pub fn reopen(&self) -> Result<Self, Refused> {
        Life::open(&self.life)
    }

    /// Calls `wake` once, at the mark, while sleepers are woken; at once if they have been. Dropping the [`Watch`] takes
    /// it back. `wake` runs on the thread that unplugs: it must not block; it may call anything, also this device.
    pub fn on_gone(&self, wake: impl FnOnce(Gone) + Send + 'static) -> Watch<S, H> {
        Watch::new(
            &self.life,
            Kind::Gone,
            Box::new(move |gone| {
                if let Some(gone) = gone {
                    wake(gone)
                }
            }),
        )
    }

    /// Calls `leave` once, when the device is set [closing](crate::State::Closing): its user shall close it soon (I33).
    /// At once if it is. Otherwise as [`on_gone`](Handle::on_gone).
    pub fn on_closing(&self, leave: impl FnOnce() + Send + 'static) -> Watch<S, H> {
        Watch::new(&self.life, Kind::Closing, Box::new(move |_| leave()))
    }

    /// Calls `kill` once, at the mark, if the device is removed by [`Policy::Kill`](crate::Policy::Kill): whoever holds
    /// this handle shall be ended. Otherwise as [`on_gone`](Handle::on_gone).
    pub fn on_kill(&self, kill: impl FnOnce(Gone) + Send + 'static) -> Watch<S, H> {
        Watch::new(
            &self.life,
            Kind::Kill,
            Box::new(move |gone| {
                if let Some(gone) = gone {
                    kill(gone)
                }
            }),
        )
    }

    /// Cancels an operation of this handle that has not been answered: its client gets
    /// [`Outcome::Cancelled`](crate::Outcome::Cancelled) and its driver is told to let go. `false` if there was nothing
    /// to do: no operation (any more) by that number, or it has been or is being cancelled, by the mark for instance.
    ///
    /// This calls the driver, so it is an operation itself: it goes through the gate, and an unplug waits for it.
    pub fn cancel(&self, number: u64) -> bool {
        self.life.cancel(self.id(), number)
    }
}

impl<S, H> Clone for Handle<S, H> {
    fn clone(&self) -> Self {
        Handle::counted(&self.life, self.id & !UNCOUNTED)
    }
}

impl<S, H> Drop for Handle<S, H> {
    fn drop(&mut self) {
        if self.id & UNCOUNTED == 0 {
            self.life.closed();
        }
    }
}

impl<S, H> fmt::Debug for Handle<S, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle").field("id", &self.id()).field("gone", &self.gone()).finish()
    }
}
