use crate::{
    Builder, Gone, Handle, IllegalTransition, Inside, Noticer, Policy, Reason, Refused, State, Status, Step, Unplug,
    life::Life,
    sync::{Arc, Instant, Ordering, lock},
};
use alloc::{boxed::Box, vec::Vec};
use core::{fmt, time::Duration};

/// A device, as its owner holds it.
///
/// `S` is what handles may see for ever (the *shared* lifetime: it ends with the last handle); `H` is the *hardware*,
/// which handles reach through the gate only and which [`unplug`](Device::unplug) gives back by value.
///
/// An owner that drops it without unplugging leaves no live handle behind: the device goes as
/// [abandoned](Reason::Abandoned), and the hardware is dropped as soon as nobody is inside: at once, or on the thread of
/// the last one who leaves. The same holds for an [`Unplug`] or [`Busy`](crate::Busy) that nobody waits for, once the
/// device has been dropped too.
///
/// ```
/// use outlive::{Device, Reason};
/// use std::time::Duration;
///
/// let device = Device::new("a thermometer", vec![21, 22]);
/// let handle = device.open().unwrap();
/// assert_eq!(handle.enter().unwrap()[0], 21);
///
/// let hardware = device.unplug(Reason::Pulled).wait(Duration::from_secs(1)).unwrap();
/// assert_eq!(hardware, Some(vec![21, 22]));           // ours alone: nobody is inside, nobody will be
/// assert!(handle.enter().is_err());                   // a zombie
/// assert_eq!(*handle.shared(), "a thermometer");      // which still knows what it was
/// ```
pub struct Device<S: Part, H: Part> {
    owner: Owner<S, H>,
}

/// One of those who may still ask for the hardware: the device, or an unplug of it that is under way.
pub(crate) struct Owner<S: Part, H: Part> {
    pub(crate) life: Arc<Life<S, H>>,
}

/// What a device is made of: threads share it, and it borrows from nobody. Every such type is one.
pub trait Part: Send + Sync + 'static {}

impl<T: Send + Sync + 'static> Part for T {}

impl<S: Part, H: Part> Device<S, H> {
    /// A device that is there and runs. [`Builder`] makes one that has more to it.
    pub fn new(shared: S, hardware: H) -> Self {
        Builder::new().build(shared, hardware)
    }

    pub(crate) fn of(life: Life<S, H>) -> Self {
        Device { owner: Owner::new(&Arc::new(life)) }
    }

    pub(crate) fn life(&self) -> &Arc<Life<S, H>> {
        &self.owner.life
    }

    /// Opens it.
    ///
    /// # Errors
    /// [`Refused::Gone`] after the mark (I25); [`Refused::State`] while it is being created, is closing (I33) or offline;
    /// [`Refused::Driver`] if its driver refuses.
    pub fn open(&self) -> Result<Handle<S, H>, Refused> {
        Life::open(self.life())
    }

    /// Begins its removal: the mark, the names, the waking and cancelling are done when this returns; the drain is
    /// what [`Unplug::wait`] waits for. Never waits for a handle, nor for an operation. Of several unplugs exactly one
    /// acts (I13); the others return at once, and find in [`Unplug::wait`] what is still to be waited for. The first
    /// reason stays.
    ///
    /// It may be called from anywhere: from inside an operation of this device, from a hook of its removal, from its
    /// driver (I3, I34).
    ///
    /// In a process that has the device by fork(2) it does nothing, and [`Unplug::wait`] says so. Such a process can enter
    /// by a bare guard, and close what it has; what else there is takes locks, which threads of its parent may have held.
    pub fn unplug(&self, reason: Reason) -> Unplug<S, H> {
        self.unplug_with(reason, Policy::Detach)
    }

    /// As [`unplug`](Device::unplug), with what is to become of those who are using the device. A later unplug that does
    /// not drain cancels what an earlier one has left alone.
    pub fn unplug_with(&self, reason: Reason, policy: Policy) -> Unplug<S, H> {
        if !self.life().gate.is_copy() {
            self.life().begin_removal(reason, policy);
        }
        self.begun()
    }

    /// A removal of it that has begun.
    pub(crate) fn begun(&self) -> Unplug<S, H> {
        Unplug::new(self.owner.clone())
    }

    /// Prepares a removal in good order (I33): sets the device [closing](State::Closing), so that new users are refused,
    /// asks those who are there to leave ([`Handle::on_closing`](crate::Handle::on_closing)), and waits for up to `limit`
    /// until no handle is left. Those inside work on. `true` if all have left; then, or anyway, [`unplug`](Device::unplug)
    /// it, or set it [running](State::Running) again.
    ///
    /// # Errors
    /// [`IllegalTransition`] if it is not in a state to be closed; gone, for instance.
    pub fn prepare(&self, limit: Duration) -> Result<bool, IllegalTransition> {
        self.set_state(State::Closing)?;
        crate::about_to_wait();
        let deadline = Instant::now().checked_add(limit);
        let mut book = lock(&self.life().book);
        loop {
            if self.handles() == 0 {
                return Ok(true);
            }
            let over = deadline.is_some_and(|deadline| Instant::now() >= deadline);
            if over || book.state != State::Closing {
                return Ok(false);
            }
            book = self.life().wait(book, deadline);
        }
    }

    /// Sets what it is doing. Who was parked is resumed, refused, or parked again, as the new state has it, on this
    /// thread.
    ///
    /// # Errors
    /// [`IllegalTransition`] if [`State::TRANSITIONS`] does not have it; and for what only a removal does.
    pub fn set_state(&self, state: State) -> Result<(), IllegalTransition> {
        Life::set_state(self.life(), state)
    }

    /// What it is doing.
    pub fn state(&self) -> State {
        self.life().state()
    }

    /// All that there is to ask about it (I31).
    pub fn status(&self) -> Status {
        Status::of(self.life())
    }

    /// Calls `hook` when the names are taken away: what makes the device found (a node, an entry in a table) is
    /// removed there. At once if that step has been begun. It must not block; it may call anything, also this device.
    pub fn on_names(&self, hook: impl FnOnce(Gone) + Send + 'static) {
        self.life().on_names(Box::new(hook));
    }

    /// Lets the driver mark the device itself when it notices that the hardware is gone (I34). One that has noticed
    /// already does so now.
    pub fn noticed_by(&self, noticer: &Noticer) {
        noticer.attach(self.life());
    }

    /// What handles may see for ever.
    pub fn shared(&self) -> &S {
        &self.life().shared
    }

    /// Whether it is gone, why, and since when.
    pub fn gone(&self) -> Option<Gone> {
        self.life().gone()
    }

    /// How far its removal has come.
    pub fn step(&self) -> Step {
        self.life().step()
    }

    /// How many handles it has, clones and zombies included.
    pub fn handles(&self) -> usize {
        self.life().handles.load(Ordering::Acquire) as usize
    }

    /// The recorded operations that are inside now.
    pub fn inside(&self) -> Vec<Inside> {
        self.life().inside()
    }
}

impl<S: Part, H: Part> Owner<S, H> {
    fn new(life: &Arc<Life<S, H>>) -> Self {
        life.owners.fetch_add(1, Ordering::Relaxed);
        Owner { life: life.clone() }
    }

    /// Another one, if there is one.
    pub(crate) fn join(life: &Arc<Life<S, H>>) -> Option<Self> {
        let one_more = |owners: u32| (owners > 0).then_some(owners + 1);
        life.owners.fetch_update(Ordering::AcqRel, Ordering::Relaxed, one_more).ok()?;
        Some(Owner { life: life.clone() })
    }
}

impl<S: Part, H: Part> Clone for Owner<S, H> {
    fn clone(&self) -> Self {
        Owner::new(&self.life)
    }
}

impl<S: Part, H: Part> Drop for Owner<S, H> {
    fn drop(&mut self) {
        // As for an `Arc`: what the others did with the device happened before the last one abandons it.
        if self.life.owners.fetch_sub(1, Ordering::AcqRel) > 1 || self.life.gate.is_copy() {
            // (The device of another process is that process's, and its locks may be held by threads that do not exist
            // here.)
            return;
        }
        self.life.begin_removal(Reason::Abandoned, Policy::Detach);
        let life = self.life.clone();
        // Not with the last handle: a close never touches the hardware (I22).
        self.life.gate.leave_to(Box::new(move |hardware| drop(life.take_apart(hardware))));
    }
}

impl<S: Part, H: Part> fmt::Debug for Device<S, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Device").field("step", &self.step()).field("handles", &self.handles()).finish()
    }
}
