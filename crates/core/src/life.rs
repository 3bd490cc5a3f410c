//! One life of one device, from the first handle to the last.

use crate::{
    Cause, Gone, Guard, Inside, Reason,
    gate::Gate,
    hook::{Hook, run, run_all},
    operation::Record,
    sync::{AtomicU64, AtomicUsize, Condvar, Mutex, OnceLock, PlainArc, ThreadId, lock, planted, this_thread},
};
use std::{collections::BTreeMap, time::Instant};

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

pub(crate) type Observer = PlainArc<dyn Fn(Step) + Send + Sync>;

/// What a device writes down about itself, under one lock. No hook is ever called, and none dropped, with it held.
pub(crate) struct Book {
    /// The last step whose hooks have all returned.
    pub(crate) step: Step,
    /// The thread that takes the steps up to [`Step::Woken`], until the last of their hooks, and the observer, have
    /// returned.
    pub(crate) acting: Option<ThreadId>,
    pub(crate) next_operation: u64,
    pub(crate) inside: BTreeMap<u64, Record>,
    next_watch: u64,
    /// `None` once they have been taken to be called: whoever comes later calls its own hook at once.
    watches: Option<BTreeMap<u64, Hook<Gone>>>,
    /// As `watches`.
    names: Option<Vec<Hook<Gone>>>,
}

impl Book {
    fn new() -> Self {
        Book {
            step: Step::Running,
            acting: None,
            next_operation: 1,
            inside: BTreeMap::new(),
            next_watch: 1,
            watches: Some(BTreeMap::new()),
            names: Some(Vec::new()),
        }
    }

    /// Whether sleepers have been, or are being, woken and operations cancelled.
    pub(crate) fn is_waking(&self) -> bool {
        self.watches.is_none()
    }
}

/// One life of one device, shared by its owner and its handles.
pub(crate) struct Life<S, H> {
    pub(crate) gate: Gate<H>,
    pub(crate) shared: S,
    pub(crate) book: Mutex<Book>,
    /// Notified when nobody is `acting` any more.
    pub(crate) acted: Condvar,
    pub(crate) handles: AtomicUsize,
    pub(crate) next_handle: AtomicU64,
    /// Written before the gate is shut, so whoever has seen the mark finds it.
    gone: OnceLock<Gone>,
    pub(crate) observer: Option<Observer>,
}

impl<S, H> Life<S, H> {
    pub(crate) fn new(shared: S, hardware: H, observer: Option<Observer>) -> Self {
        Life {
            gate: Gate::new(hardware),
            shared,
            book: Mutex::new(Book::new()),
            acted: Condvar::new(),
            handles: AtomicUsize::new(0),
            next_handle: AtomicU64::new(1),
            gone: OnceLock::new(),
            observer,
        }
    }

    pub(crate) fn enter(&self) -> Result<Guard<'_, H>, Gone> {
        self.gate.enter().ok_or_else(|| self.gone_now())
    }

    pub(crate) fn gone(&self) -> Option<Gone> {
        self.gate.is_marked().then(|| self.gone_now())
    }

    /// For somebody who has seen the mark.
    pub(crate) fn gone_now(&self) -> Gone {
        *self.gone.get().expect("the reason is written before the gate is shut")
    }

    pub(crate) fn inside(&self) -> Vec<Inside> {
        let me = this_thread();
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
    /// [`Unplug::wait`](crate::Unplug::wait), which waits for these steps too.
    pub(crate) fn begin_removal(&self, reason: Reason) {
        let gone = Gone { reason, since: Instant::now() };
        if !self.mark(gone) {
            return;
        }
        self.reach(Step::Marked);
        self.take_names(gone);
        self.reach(Step::NamesGone);
        self.wake(gone);
        self.reach(Step::Woken);
        lock(&self.book).acting = None;
        self.acted.notify_all();
    }

    /// The mark. `false` if it was there: somebody else acts.
    fn mark(&self, gone: Gone) -> bool {
        let mut book = lock(&self.book);
        if self.gone.get().is_some() {
            return planted!(SecondUnplugActs);
        }
        book.acting = Some(this_thread());
        if planted!(ReasonAfterMark) {
            self.gate.mark();
            // loom lets others run between two things that it sees, and it does not see the reason.
            self.gate.mark();
        }
        let _ = self.gone.set(gone);
        self.gate.mark();
        true
    }

    fn take_names(&self, gone: Gone) {
        let names = lock(&self.book).names.take();
        run_all(names.into_iter().flatten(), gone);
    }

    /// Wakes sleepers and cancels what is inside. Those who come to sleep or to wait later are told at once, so nobody
    /// falls between.
    fn wake(&self, gone: Gone) {
        let (watches, cancels) = {
            let mut book = lock(&self.book);
            if planted!(WokenBeforeHooks) {
                book.acting = None;
            }
            let watches = book.watches.take().unwrap_or_default();
            let cancel = |record: &mut Record| record.cancel(Cause::Gone(gone));
            let cancels: Vec<_> = book.inside.values_mut().flat_map(cancel).collect();
            (watches, cancels)
        };
        run_all(watches.into_values(), gone);
        run_all(cancels, Cause::Gone(gone));
    }

    /// Notes that `step` has been taken, and tells the observer.
    pub(crate) fn reach(&self, step: Step) {
        self.note(step);
        if let Some(observer) = &self.observer {
            run(|| observer(step));
        }
    }

    /// Notes that `step` has been taken.
    pub(crate) fn note(&self, step: Step) {
        let mut book = lock(&self.book);
        book.step = book.step.max(step);
    }

    /// Registers `hook` with the names, or calls it if they have been taken away.
    pub(crate) fn on_names(&self, hook: Hook<Gone>) {
        let mut book = lock(&self.book);
        match &mut book.names {
            Some(names) => names.push(hook),
            None => {
                drop(book);
                hook(self.gone_now());
            }
        }
    }

    /// Registers `hook` as one who sleeps, or calls it if they have been woken. The result takes it back with
    /// [`Life::forget_watch`].
    pub(crate) fn watch(&self, hook: Hook<Gone>) -> u64 {
        let mut book = lock(&self.book);
        if planted!(WatchLost) && !book.is_waking() {
            drop(book);
            book = lock(&self.book);
            book.watches.get_or_insert_default();
        }
        let number = book.next_watch;
        book.next_watch += 1;
        match &mut book.watches {
            Some(watches) => drop(watches.insert(number, hook)),
            None => {
                drop(book);
                hook(self.gone_now());
            }
        }
        number
    }

    pub(crate) fn forget_watch(&self, number: u64) {
        let hook = lock(&self.book).watches.as_mut().and_then(|watches| watches.remove(&number));
        // Only now, with the lock released: dropping what a hook owns may run anything.
        drop(hook);
    }
}
