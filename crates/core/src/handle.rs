use crate::{
    Gone, Guard, Operation, Watch,
    life::Life,
    sync::{Arc, Ordering, planted},
};
use std::fmt;

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
/// A clone is the same open file, as after `dup(2)`; [`Device::open`](crate::Device::open) makes another.
pub struct Handle<S, H> {
    open: Arc<Open<S, H>>,
}

struct Open<S, H> {
    life: Arc<Life<S, H>>,
    id: HandleId,
}

impl<S, H> Handle<S, H> {
    pub(crate) fn new(life: Arc<Life<S, H>>) -> Self {
        let id = HandleId(life.next_handle.fetch_add(1, Ordering::Relaxed));
        life.handles.fetch_add(1, Ordering::Relaxed);
        Handle { open: Arc::new(Open { life, id }) }
    }

    pub(crate) fn life(&self) -> &Life<S, H> {
        &self.open.life
    }

    /// Enters the gate: the hardware, for as long as the guard lives. Never sleeps, never takes a lock.
    ///
    /// # Errors
    /// [`Gone`] after the mark.
    pub fn enter(&self) -> Result<Guard<'_, H>, Gone> {
        self.open.life.enter()
    }

    /// Enters with a record of who is inside: this handle, a number, `kind`, and since when. What fronts and classes
    /// use; it is what an unplug that cannot finish names as its culprit (I6).
    ///
    /// # Errors
    /// [`Gone`] after the mark.
    pub fn begin(&self, kind: &'static str) -> Result<Operation<S, H>, Gone> {
        Operation::begin(self.clone(), kind)
    }

    /// What handles may see for ever, also on a zombie.
    pub fn shared(&self) -> &S {
        &self.open.life.shared
    }

    /// Whether the device is gone, why, and since when; no error, and no operation (I31).
    pub fn gone(&self) -> Option<Gone> {
        self.open.life.gone()
    }

    /// Which open file this is.
    pub fn id(&self) -> HandleId {
        self.open.id
    }

    /// Another open file of the same device, as opening `/proc/self/fd/N` makes one.
    ///
    /// # Errors
    /// [`Gone`] after the mark: no path makes a live handle then (I25).
    pub fn reopen(&self) -> Result<Self, Gone> {
        let _inside = self.enter()?;
        Ok(Handle::new(self.open.life.clone()))
    }

    /// Calls `wake` once, at the mark, while sleepers are woken; at once if they have been. Dropping the [`Watch`] takes
    /// it back. `wake` runs on the thread that unplugs: it must not block; it may call anything, also this device.
    pub fn on_gone(&self, wake: impl FnOnce(Gone) + Send + 'static) -> Watch<S, H> {
        Watch::new(&self.open.life, wake)
    }

    /// Cancels an operation of this handle that has not been answered: its client gets
    /// [`Outcome::Cancelled`](crate::Outcome::Cancelled) and its driver is told to let go. `false` if there was nothing
    /// to do: no operation (any more) by that number, or it has been or is being cancelled, by the mark for instance.
    ///
    /// This calls the driver, so it is an operation itself: it goes through the gate, and an unplug waits for it.
    pub fn cancel(&self, number: u64) -> bool {
        // After the mark: everything inside has been or is about to be cancelled by it.
        let Ok(inside) = self.begin("cancel") else { return false };
        let _inside = (!planted!(CancelOutsideGate)).then_some(inside);
        self.open.life.cancel(self.id(), number)
    }
}

impl<S, H> Clone for Handle<S, H> {
    fn clone(&self) -> Self {
        Handle { open: self.open.clone() }
    }
}

impl<S, H> Drop for Open<S, H> {
    fn drop(&mut self) {
        self.life.handles.fetch_sub(1, Ordering::Relaxed);
    }
}

impl<S, H> fmt::Debug for Handle<S, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle").field("id", &self.id()).field("gone", &self.gone()).finish()
    }
}
