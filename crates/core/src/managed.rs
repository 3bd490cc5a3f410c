//! Resources that are got at run time, tied to one of the two lifetimes of a device.

use crate::{
    hook,
    sync::{Arc, Condvar, Mutex, ThreadId, lock, planted, this_thread, wait},
};
use std::{fmt, marker::PhantomData};

/// One of the two lifetimes.
pub trait Lifetime: sealed::Lifetime + Send + Sync + 'static {}

/// The hardware's: it ends after the fence and the driver's last word, before the hardware is given back (I32). What
/// Linux ties to it by `devm_` functions (`Documentation/driver-api/driver-model/devres.rst`).
#[derive(Debug)]
pub enum HardwareLife {}

/// The handles': it ends when the last one is closed, even years later (I29). Linux' `drmm_` functions
/// (`include/drm/drm_managed.h`).
#[derive(Debug)]
pub enum SharedLife {}

mod sealed {
    pub trait Lifetime {}
    impl Lifetime for super::HardwareLife {}
    impl Lifetime for super::SharedLife {}
}

impl Lifetime for HardwareLife {}
impl Lifetime for SharedLife {}

/// What is to be released when a lifetime ends: values to be dropped and actions to be run, the latest first.
///
/// A clone is the same list, so a driver can keep one in its hardware and add to it while the device lives. What belongs
/// to the one lifetime cannot be put into the other's list by mistake, as the types differ; the code is the same for both.
///
/// ```
/// use outlive::{Builder, HardwareLife, Managed, Reason, REMOVAL_BUDGET};
/// use std::sync::{Arc, Mutex};
///
/// let log = Arc::new(Mutex::new(Vec::new()));
/// let says = |word: &'static str| { let log = log.clone(); move || log.lock().unwrap().push(word) };
///
/// let managed = Managed::<HardwareLife>::new();
/// let device = Builder::new().managed(&managed).build((), "hardware");
/// managed.action(says("free the buffer"))?;
/// let group = managed.group()?;                           // some that can be released together, early
/// group.action(says("free the channel"))?;
/// managed.action(says("free the interrupt"))?;
///
/// device.unplug(Reason::Pulled).wait(REMOVAL_BUDGET)?;
/// assert_eq!(*log.lock().unwrap(), ["free the interrupt", "free the channel", "free the buffer"]);
/// assert!(managed.action(|| unreachable!()).is_err());    // too late: the lifetime is over
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Managed<L: Lifetime> {
    list: Arc<List>,
    life: PhantomData<fn() -> L>,
}

struct List {
    state: Mutex<ListState>,
    /// Notified when a release, or one that was run early, has come to its end.
    ended: Condvar,
}

struct ListState {
    entries: Vec<Entry>,
    next: u64,
    phase: Phase,
    /// Threads that run an entry early.
    early: Vec<ThreadId>,
}

enum Phase {
    Alive,
    /// By this thread.
    Releasing(ThreadId),
    Released,
}

struct Entry {
    number: u64,
    release: Box<dyn FnOnce() + Send>,
}

/// The lifetime is over, or just ending: what was to be tied to it comes back.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct LifeOver<T>(pub T);

impl<T> fmt::Display for LifeOver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the lifetime that it was to be tied to is over")
    }
}

impl<T> fmt::Debug for LifeOver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LifeOver")
    }
}

impl<T> std::error::Error for LifeOver<T> {}

impl<L: Lifetime> Managed<L> {
    /// An empty list, of no device yet: [`Builder::managed`](crate::Builder::managed) gives it one. Without one it ends
    /// by [`release`](Managed::release) only.
    pub fn new() -> Self {
        let state = ListState { entries: Vec::new(), next: 1, phase: Phase::Alive, early: Vec::new() };
        Managed { list: Arc::new(List { state: Mutex::new(state), ended: Condvar::new() }), life: PhantomData }
    }

    /// Keeps `value` until the lifetime ends, and drops it then.
    ///
    /// # Errors
    /// [`LifeOver`] with the value, if it is over.
    pub fn add<T: Send + 'static>(&self, value: T) -> Result<Kept<T, L>, LifeOver<T>> {
        let place = Arc::new(Mutex::new(Some(value)));
        let kept = place.clone();
        let release = Box::new(move || {
            let value = lock(&kept).take();
            drop(value);
        });
        match self.list.push(release) {
            Some(number) => Ok(Kept { managed: self.clone(), number, place }),
            None => {
                let value = lock(&place).take();
                Err(LifeOver(value.expect("nobody else has it")))
            }
        }
    }

    /// Calls `action` when the lifetime ends. It may call anything; it must not wait for the device.
    ///
    /// # Errors
    /// [`LifeOver`], if it is over: the action has been dropped.
    pub fn action(&self, action: impl FnOnce() + Send + 'static) -> Result<Action<L>, LifeOver<()>> {
        let number = self.list.push(Box::new(action)).ok_or(LifeOver(()))?;
        Ok(Action { managed: self.clone(), number })
    }

    /// A list in this list, at this place of its order, that can be released by itself, early.
    ///
    /// # Errors
    /// [`LifeOver`], if it is over.
    pub fn group(&self) -> Result<Managed<L>, LifeOver<()>> {
        let group = Managed::new();
        let inner: Managed<L> = group.clone();
        self.list.push(Box::new(move || inner.release())).ok_or(LifeOver(()))?;
        Ok(group)
    }

    /// Releases all that is there now, the latest first, and refuses what comes later. Returns when all has been
    /// released, also if another thread does it; at once if it is this very thread that does, further up. A panic keeps
    /// none of the others from being released. Nothing is called, and nothing dropped, with a lock held.
    pub fn release(&self) {
        self.list.release();
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        lock(&self.list.state).entries.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl List {
    /// `None` if it is too late.
    fn push(&self, release: Box<dyn FnOnce() + Send>) -> Option<u64> {
        let mut state = lock(&self.state);
        if !matches!(state.phase, Phase::Alive) && !planted!(AddedTooLate) {
            // Outside the lock: it may own anything.
            drop(state);
            drop(release);
            return None;
        }
        let number = state.next;
        state.next += 1;
        state.entries.push(Entry { number, release });
        Some(number)
    }

    fn take(&self, number: u64) -> Option<Entry> {
        let mut state = lock(&self.state);
        let place = state.entries.iter().position(|entry| entry.number == number)?;
        Some(state.entries.remove(place))
    }

    fn release(&self) {
        let me = this_thread();
        let mut state = lock(&self.state);
        loop {
            match state.phase {
                Phase::Alive => break,
                Phase::Released => return,
                Phase::Releasing(thread) if thread == me || planted!(ReleaseNotAwaited) => return,
                Phase::Releasing(_) => state = wait(&self.ended, state, None),
            }
        }
        state.phase = Phase::Releasing(me);
        loop {
            let next = if planted!(ReleasedInOrder) && !state.entries.is_empty() {
                Some(state.entries.remove(0))
            } else {
                state.entries.pop()
            };
            let Some(entry) = next else { break };
            drop(state);
            hook::run(entry.release);
            state = lock(&self.state);
        }
        while state.early.iter().any(|thread| *thread != me) && !planted!(EarlyNotAwaited) {
            state = wait(&self.ended, state, None);
        }
        state.phase = Phase::Released;
        drop(state);
        self.ended.notify_all();
    }

    /// Runs one before its time. `false` if it has been taken.
    fn run_early(&self, number: u64) -> bool {
        let me = this_thread();
        let mut state = lock(&self.state);
        let Some(place) = state.entries.iter().position(|entry| entry.number == number) else { return false };
        let entry = state.entries.remove(place);
        state.early.push(me);
        drop(state);
        hook::run(entry.release);
        let mut state = lock(&self.state);
        let mine = state.early.iter().position(|thread| *thread == me).expect("it was put there above");
        state.early.swap_remove(mine);
        drop(state);
        self.ended.notify_all();
        true
    }
}

impl<L: Lifetime> Clone for Managed<L> {
    fn clone(&self) -> Self {
        Managed { list: self.list.clone(), life: PhantomData }
    }
}

impl<L: Lifetime> Default for Managed<L> {
    fn default() -> Self {
        Self::new()
    }
}

impl<L: Lifetime> fmt::Debug for Managed<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Managed").field("entries", &self.len()).finish()
    }
}

/// A value that is kept until its lifetime ends. Dropping this changes nothing.
pub struct Kept<T, L: Lifetime> {
    managed: Managed<L>,
    number: u64,
    place: Arc<Mutex<Option<T>>>,
}

impl<T, L: Lifetime> Kept<T, L> {
    /// Takes the value back, so that it is not released. `None` if it has been.
    pub fn take_back(self) -> Option<T> {
        // The entry owns nothing but the way to the value.
        drop(self.managed.list.take(self.number));
        lock(&self.place).take()
    }
}

impl<T, L: Lifetime> fmt::Debug for Kept<T, L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Kept").field(&self.number).finish()
    }
}

/// An action that runs when its lifetime ends. Dropping this changes nothing.
pub struct Action<L: Lifetime> {
    managed: Managed<L>,
    number: u64,
}

impl<L: Lifetime> Action<L> {
    /// Runs it now instead. `false` if it has been, or is being, run.
    pub fn run_now(self) -> bool {
        self.managed.list.run_early(self.number)
    }

    /// Takes it back: it is dropped, and never run. `false` if it has been, or is being, run.
    pub fn take_back(self) -> bool {
        self.managed.list.take(self.number).is_some()
    }
}

impl<L: Lifetime> fmt::Debug for Action<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Action").field(&self.number).finish()
    }
}
