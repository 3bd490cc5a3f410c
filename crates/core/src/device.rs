use crate::{
    Gone, Handle, Inside, Reason, Step, Unplug,
    life::{Life, Observer},
    sync::{Arc, Ordering, PlainArc, lock, planted},
};
use std::fmt;

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
pub struct Device<S, H> {
    owner: Arc<Owner<S, H>>,
}

/// Those who may still ask for the hardware: the device, and each unplug of it that is under way.
pub(crate) struct Owner<S, H> {
    pub(crate) life: Arc<Life<S, H>>,
}

impl<S, H> Device<S, H> {
    /// A device that is there.
    pub fn new(shared: S, hardware: H) -> Self {
        Self::build(shared, hardware, None)
    }

    /// A device whose removal is watched: `observer` is called at each [`Step`] once its hooks have returned, on the
    /// thread that takes it, before whoever waits for the removal gets the hardware. It may call anything, also this
    /// device; one that panics stops nothing.
    pub fn observed(shared: S, hardware: H, observer: impl Fn(Step) + Send + Sync + 'static) -> Self {
        Self::build(shared, hardware, Some(PlainArc::new(observer)))
    }

    fn build(shared: S, hardware: H, observer: Option<Observer>) -> Self {
        Device { owner: Arc::new(Owner { life: Arc::new(Life::new(shared, hardware, observer)) }) }
    }

    /// Opens it.
    ///
    /// # Errors
    /// [`Gone`] after the mark (I25).
    pub fn open(&self) -> Result<Handle<S, H>, Gone> {
        let life = &self.owner.life;
        // From inside the gate, so that no handle is born after the fence.
        let _inside = (!planted!(OpenOutsideGate)).then_some(life.enter()?);
        Ok(Handle::new(life.clone()))
    }

    /// Begins its removal: the mark, the names, the waking and cancelling are done when this returns; the drain is
    /// what [`Unplug::wait`] waits for. Never waits for a handle, nor for an operation. Of several unplugs exactly one
    /// acts (I13); the others return at once, and find in [`Unplug::wait`] what is still to be waited for. The first
    /// reason stays.
    ///
    /// It may be called from anywhere: from inside an operation of this device, from a hook of its removal, from its
    /// driver (I3, I34).
    ///
    /// In a process that has the device by fork(2) it does nothing, and [`Unplug::wait`] says so.
    pub fn unplug(&self, reason: Reason) -> Unplug<S, H> {
        if !self.owner.life.gate.is_copy() {
            self.owner.life.begin_removal(reason);
        }
        Unplug::new(self.owner.clone())
    }

    /// Calls `hook` when the names are taken away: what makes the device found (a node, an entry in a table) is
    /// removed there. At once if that step has been begun. It must not block; it may call anything, also this device.
    pub fn on_names(&self, hook: impl FnOnce(Gone) + Send + 'static) {
        self.owner.life.on_names(Box::new(hook));
    }

    /// What handles may see for ever.
    pub fn shared(&self) -> &S {
        &self.owner.life.shared
    }

    /// Whether it is gone, why, and since when.
    pub fn gone(&self) -> Option<Gone> {
        self.owner.life.gone()
    }

    /// How far its removal has come.
    pub fn step(&self) -> Step {
        lock(&self.owner.life.book).step
    }

    /// How many open files it has, zombies included.
    pub fn handles(&self) -> usize {
        self.owner.life.handles.load(Ordering::Relaxed)
    }

    /// The recorded operations that are inside now.
    pub fn inside(&self) -> Vec<Inside> {
        self.owner.life.inside()
    }
}

impl<S, H> Drop for Owner<S, H> {
    fn drop(&mut self) {
        if self.life.gate.is_copy() {
            // The device is another process's, and its locks may be held by threads that do not exist here.
            return;
        }
        self.life.begin_removal(Reason::Abandoned);
        let observer = self.life.observer.clone();
        // Not with the last handle: a close never touches the hardware (I22).
        self.life.gate.leave_to(Box::new(move |hardware| {
            if let Some(observer) = observer {
                observer(Step::Drained);
            }
            drop(hardware);
        }));
    }
}

impl<S, H> fmt::Debug for Device<S, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Device").field("step", &self.step()).field("handles", &self.handles()).finish()
    }
}
