use crate::{
    Gone, Guard, Handle, Inside, Reason, Unplug,
    gate::Gate,
    operation::{Record, run_all},
    sync::{Arc, AtomicU64, AtomicUsize, Condvar, Mutex, Ordering, lock},
};
use std::{collections::BTreeMap, fmt, time::Instant};

/// How far a removal has come. The order is that of I10, for every device.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Step {
    /// Not begun: the device is there.
    Running,
    /// The gate is shut: no new operation reaches the driver.
    Marked,
    /// Its names are gone: nobody finds it any more.
    NamesGone,
    /// Sleepers have been woken, and operations that were inside have been cancelled.
    Woken,
    /// The fence: nothing of the driver runs, and nothing ever will. The hardware can be given back.
    Drained,
}

pub(crate) type GoneHook = Box<dyn FnOnce(Gone) + Send>;
type StepHook = Box<dyn Fn(Step) + Send + Sync>;

/// What a device writes down about itself, under one lock. No hook is ever called with it held.
pub(crate) struct Book {
    pub(crate) step: Step,
    pub(crate) gone: Option<Gone>,
    pub(crate) next_operation: u64,
    pub(crate) inside: BTreeMap<u64, Record>,
    next_watch: u64,
    watches: BTreeMap<u64, GoneHook>,
    names: Vec<GoneHook>,
}

/// One life of one device, shared by its owner and its handles.
pub(crate) struct Life<S, H> {
    pub(crate) gate: Gate<H>,
    pub(crate) shared: S,
    pub(crate) book: Mutex<Book>,
    /// Notified when `book.step` moves.
    pub(crate) moved: Condvar,
    pub(crate) handles: AtomicUsize,
    pub(crate) next_handle: AtomicU64,
    observer: Option<StepHook>,
}

/// A device, as its owner holds it.
///
/// `S` is what handles may see for ever (the *shared* lifetime: it ends with the last handle); `H` is the *hardware*,
/// which handles reach through the gate only and which [`unplug`](Device::unplug) gives back by value.
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
    life: Arc<Life<S, H>>,
}

impl<S, H> Device<S, H> {
    /// A device that is there.
    pub fn new(shared: S, hardware: H) -> Self {
        Self::build(shared, hardware, None)
    }

    /// A device whose removal is watched: `observer` is called at each [`Step`], on the thread that takes it.
    pub fn observed(shared: S, hardware: H, observer: impl Fn(Step) + Send + Sync + 'static) -> Self {
        Self::build(shared, hardware, Some(Box::new(observer)))
    }

    fn build(shared: S, hardware: H, observer: Option<StepHook>) -> Self {
        let book = Book {
            step: Step::Running,
            gone: None,
            next_operation: 1,
            inside: BTreeMap::new(),
            next_watch: 1,
            watches: BTreeMap::new(),
            names: Vec::new(),
        };
        let life = Life {
            gate: Gate::new(hardware),
            shared,
            book: Mutex::new(book),
            moved: Condvar::new(),
            handles: AtomicUsize::new(0),
            next_handle: AtomicU64::new(1),
            observer,
        };
        Device { life: Arc::new(life) }
    }

    /// Opens it.
    ///
    /// # Errors
    /// [`Gone`] after the mark (I25).
    pub fn open(&self) -> Result<Handle<S, H>, Gone> {
        // From inside the gate, so that no handle is born between the mark and the fence.
        let _inside = self.life.enter()?;
        Ok(Handle::new(self.life.clone()))
    }

    /// Begins its removal: the mark, the names, the waking and cancelling are done when this returns; the drain is
    /// what [`Unplug::wait`] waits for. Never waits for a handle, nor for an operation. Of several unplugs exactly one
    /// acts (I13); the first reason stays.
    pub fn unplug(&self, reason: Reason) -> Unplug<S, H> {
        Life::begin_removal(&self.life, reason);
        Unplug::new(self.life.clone())
    }

    /// Calls `hook` when the names are taken away: what makes the device found (a node, an entry in a table) is
    /// removed there. At once if that step has passed.
    pub fn on_names(&self, hook: impl FnOnce(Gone) + Send + 'static) {
        let mut book = lock(&self.life.book);
        if book.step >= Step::NamesGone {
            drop(book);
            hook(self.life.gone_now());
        } else {
            book.names.push(Box::new(hook));
        }
    }

    /// What handles may see for ever.
    pub fn shared(&self) -> &S {
        &self.life.shared
    }

    /// Whether it is gone, why, and since when.
    pub fn gone(&self) -> Option<Gone> {
        self.life.gone()
    }

    /// How far its removal has come.
    pub fn step(&self) -> Step {
        lock(&self.life.book).step
    }

    /// How many open files it has, zombies included.
    pub fn handles(&self) -> usize {
        self.life.handles.load(Ordering::Relaxed)
    }

    /// The recorded operations that are inside now.
    pub fn inside(&self) -> Vec<Inside> {
        self.life.inside()
    }
}

impl<S, H> Drop for Device<S, H> {
    /// An owner that forgets to unplug leaves no live handle behind: the device goes, and the hardware is dropped now
    /// if nobody is inside, else with the last handle.
    fn drop(&mut self) {
        Life::begin_removal(&self.life, Reason::Abandoned);
        drop(self.life.gate.drain(Some(Instant::now())));
    }
}

impl<S, H> fmt::Debug for Device<S, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Device").field("step", &self.step()).field("handles", &self.handles()).finish()
    }
}

impl<S, H> Life<S, H> {
    pub(crate) fn enter(&self) -> Result<Guard<'_, H>, Gone> {
        self.gate.enter().ok_or_else(|| self.gone_now())
    }

    pub(crate) fn gone(&self) -> Option<Gone> {
        // The reason is written before the gate is shut, so asking the gate first never finds a mark without a reason.
        if self.gate.is_marked() { lock(&self.book).gone } else { None }
    }

    /// For somebody who has seen the mark.
    pub(crate) fn gone_now(&self) -> Gone {
        lock(&self.book).gone.expect("the reason is written before the gate is shut")
    }

    pub(crate) fn inside(&self) -> Vec<Inside> {
        let me = std::thread::current().id();
        let book = lock(&self.book);
        let line = |(number, record): (&u64, &Record)| Inside {
            handle: record.handle,
            number: *number,
            kind: record.kind,
            age: record.since.elapsed(),
            own_thread: record.thread == me,
        };
        book.inside.iter().map(line).collect()
    }

    /// The mark, the names, the waking, in that order and once. A second caller leaves at once; it finds the rest in
    /// [`Unplug::wait`], which waits for these steps too.
    fn begin_removal(life: &Arc<Self>, reason: Reason) {
        let gone = Gone { reason, since: Instant::now() };
        {
            let mut book = lock(&life.book);
            if book.gone.is_some() {
                return;
            }
            book.gone = Some(gone);
            life.gate.mark();
        }
        life.reach(Step::Marked);

        let names = std::mem::take(&mut lock(&life.book).names);
        run_all(names, gone);
        let late = {
            // A name given while the others were taken away goes with them.
            let mut book = lock(&life.book);
            book.step = Step::NamesGone;
            std::mem::take(&mut book.names)
        };
        run_all(late, gone);
        life.reach(Step::NamesGone);

        let (watches, cancels) = {
            let mut book = lock(&life.book);
            // From here on `on_gone` and `on_cancel` call at once: nobody falls between.
            book.step = Step::Woken;
            let watches = std::mem::take(&mut book.watches).into_values().collect();
            let cancels = book.inside.values_mut().flat_map(|record| std::mem::take(&mut record.on_cancel)).collect();
            (watches, cancels)
        };
        run_all(watches, gone);
        run_all(cancels, crate::Cause::Gone(gone));
        life.reach(Step::Woken);
    }

    /// Tells the observer and those who wait that `step` has been taken.
    pub(crate) fn reach(&self, step: Step) {
        let mut book = lock(&self.book);
        book.step = book.step.max(step);
        drop(book);
        self.moved.notify_all();
        if let Some(observer) = &self.observer {
            observer(step);
        }
    }

    pub(crate) fn watch(life: &Arc<Self>, hook: GoneHook) -> Watch<S, H> {
        let mut book = lock(&life.book);
        let number = book.next_watch;
        book.next_watch += 1;
        if book.step >= Step::Woken {
            drop(book);
            hook(life.gone_now());
        } else {
            book.watches.insert(number, hook);
        }
        Watch { life: life.clone(), number }
    }
}

/// Keeps a wake-up registered with [`Handle::on_gone`]; dropping it takes the wake-up back.
pub struct Watch<S, H> {
    life: Arc<Life<S, H>>,
    number: u64,
}

impl<S, H> Drop for Watch<S, H> {
    fn drop(&mut self) {
        let hook = lock(&self.life.book).watches.remove(&self.number);
        drop(hook);
    }
}

impl<S, H> fmt::Debug for Watch<S, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Watch").field(&self.number).finish()
    }
}
