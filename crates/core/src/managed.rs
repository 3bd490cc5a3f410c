//! Resources that are got at run time, tied to one of the two lifetimes of a device.

use crate::{
    hook,
    sync::{Arc, Condvar, Mutex, ThreadId, lock, planted, this_thread, wait},
};
use alloc::{boxed::Box, collections::BTreeMap, vec::Vec};
use core::{fmt, marker::PhantomData};

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
    /// In the order in which they came, whatever group they are in.
    entries: Vec<Entry>,
    next: u64,
    phase: Phase,
    /// Threads that run an entry before its time.
    early: Vec<ThreadId>,
    /// The groups that can be added to, each with the one that it is in.
    groups: BTreeMap<u64, u64>,
}

/// The list itself, as a group.
const ALL: u64 = 0;

enum Phase {
    Alive,
    /// By this thread.
    Releasing(ThreadId),
    Released,
}

struct Entry {
    number: u64,
    group: u64,
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

impl<T> core::error::Error for LifeOver<T> {}

impl<L: Lifetime> Managed<L> {
    /// An empty list, of no device yet: [`Builder::managed`](crate::Builder::managed) gives it one. A list that no
    /// device ends is released when its last clone is dropped.
    pub fn new() -> Self {
        let (entries, early, groups) = (Vec::new(), Vec::new(), BTreeMap::new());
        let state = ListState { entries, next: ALL + 1, phase: Phase::Alive, early, groups };
        Managed { list: Arc::new(List { state: Mutex::new(state), ended: Condvar::new() }), life: PhantomData }
    }

    /// Keeps `value` until the lifetime ends, and drops it then.
    ///
    /// # Errors
    /// [`LifeOver`] with the value, if it is over.
    pub fn add<T: Send + 'static>(&self, value: T) -> Result<Kept<T, L>, LifeOver<T>> {
        self.add_to(ALL, value)
    }

    /// Calls `action` when the lifetime ends. It may call anything; it must not wait for the device.
    ///
    /// # Errors
    /// [`LifeOver`], if it is over: the action has been dropped.
    pub fn action(&self, action: impl FnOnce() + Send + 'static) -> Result<Action<L>, LifeOver<()>> {
        self.action_in(ALL, Box::new(action))
    }

    /// A group: some of the list that can be released by themselves, early. It changes nothing about the order.
    ///
    /// # Errors
    /// [`LifeOver`], if it is over.
    pub fn group(&self) -> Result<Group<L>, LifeOver<()>> {
        self.group_in(ALL)
    }

    fn add_to<T: Send + 'static>(&self, group: u64, value: T) -> Result<Kept<T, L>, LifeOver<T>> {
        let place = Arc::new(Mutex::new(Some(value)));
        let kept = place.clone();
        let release = Box::new(move || {
            let value = lock(&kept).take();
            drop(value);
        });
        match self.list.push(group, release) {
            Some(number) => Ok(Kept { managed: self.clone(), number, place }),
            None => {
                let value = lock(&place).take();
                Err(LifeOver(value.expect("nobody else has it")))
            }
        }
    }

    fn action_in(&self, group: u64, action: Box<dyn FnOnce() + Send>) -> Result<Action<L>, LifeOver<()>> {
        let number = self.list.push(group, action).ok_or(LifeOver(()))?;
        Ok(Action { managed: self.clone(), number })
    }

    fn group_in(&self, parent: u64) -> Result<Group<L>, LifeOver<()>> {
        let number = self.list.open_group(parent).ok_or(LifeOver(()))?;
        Ok(Group { managed: self.clone(), number })
    }

    /// Releases all, the latest first, and refuses what comes later. Returns when all has been released, also if another
    /// thread does it; at once if it is this very thread that does, further up. A panic keeps none of the others from
    /// being released. Nothing is called, and nothing dropped, with a lock held.
    pub(crate) fn release(&self) {
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

/// Some of what is tied to a lifetime, which can be released early. Dropping this changes nothing.
pub struct Group<L: Lifetime> {
    managed: Managed<L>,
    number: u64,
}

impl<L: Lifetime> Group<L> {
    /// As [`Managed::add`], in this group.
    ///
    /// # Errors
    /// [`LifeOver`] with the value, if the lifetime is over, or the group has been released.
    pub fn add<T: Send + 'static>(&self, value: T) -> Result<Kept<T, L>, LifeOver<T>> {
        self.managed.add_to(self.number, value)
    }

    /// As [`Managed::action`], in this group.
    ///
    /// # Errors
    /// [`LifeOver`], if the lifetime is over, or the group has been released.
    pub fn action(&self, action: impl FnOnce() + Send + 'static) -> Result<Action<L>, LifeOver<()>> {
        self.managed.action_in(self.number, Box::new(action))
    }

    /// A group in this one: released with it, or by itself before.
    ///
    /// # Errors
    /// [`LifeOver`], if the lifetime is over, or the group has been released.
    pub fn group(&self) -> Result<Group<L>, LifeOver<()>> {
        self.managed.group_in(self.number)
    }

    /// Releases what is in it and in its groups, the latest first, and refuses what comes later. The end of the lifetime
    /// waits for a release that is under way.
    pub fn release(self) {
        self.managed.list.release_group(self.number);
    }
}

impl<L: Lifetime> fmt::Debug for Group<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Group").field(&self.number).finish()
    }
}

impl List {
    /// `None` if it is too late.
    fn push(&self, group: u64, release: Box<dyn FnOnce() + Send>) -> Option<u64> {
        let mut state = lock(&self.state);
        if !state.is_open(group) && !planted!(AddedTooLate) {
            // Outside the lock: it may own anything.
            drop(state);
            drop(release);
            return None;
        }
        let number = state.take_number();
        state.entries.push(Entry { number, group, release });
        Some(number)
    }

    fn open_group(&self, parent: u64) -> Option<u64> {
        let mut state = lock(&self.state);
        if !state.is_open(parent) {
            return None;
        }
        let number = state.take_number();
        state.groups.insert(number, parent);
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
                Phase::Releasing(thread) if thread == me => return,
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
        self.run_early_if(|entry| entry.number == number)
    }

    /// Runs those of a group before their time.
    fn release_group(&self, group: u64) {
        let mut state = lock(&self.state);
        let inside: Vec<_> = state.groups.keys().copied().filter(|other| state.is_in(*other, group)).collect();
        drop(state);
        while self.run_early_if(|entry| inside.contains(&entry.group)) {}
        state = lock(&self.state);
        inside.iter().for_each(|group| _ = state.groups.remove(group));
        drop(state);
        // What came while the rest was being released.
        while self.run_early_if(|entry| inside.contains(&entry.group)) {}
    }

    /// Runs the latest that it is, if there is one.
    fn run_early_if(&self, is_it: impl Fn(&Entry) -> bool) -> bool {
        let me = this_thread();
        let mut state = lock(&self.state);
        let Some(place) = state.entries.iter().rposition(&is_it) else { return false };
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

impl ListState {
    fn take_number(&mut self) -> u64 {
        self.next += 1;
        self.next - 1
    }

    /// Whether something can be added.
    fn is_open(&self, group: u64) -> bool {
        matches!(self.phase, Phase::Alive) && (group == ALL || self.groups.contains_key(&group))
    }

    /// Whether a group is that one, or in it.
    fn is_in(&self, group: u64, outer: u64) -> bool {
        core::iter::successors(Some(group), |group| self.groups.get(group).copied()).any(|group| group == outer)
    }
}

impl Drop for List {
    fn drop(&mut self) {
        self.release();
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
    /// Looks at the value; `None` once it has been released. What is tied to the hardware is there for whoever is inside:
    /// call this with a guard in hand, or the value may be gone. A release waits for `look`.
    pub fn with<R>(&self, look: impl FnOnce(&T) -> R) -> Option<R> {
        lock(&self.place).as_ref().map(look)
    }

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
