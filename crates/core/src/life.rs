//! One life of one device, from the first handle to the last.

use crate::{
    Cause, Gone, Guard, Handle, HandleId, HardwareLife, IllegalTransition, Inside, Managed, Number, Operation, Policy,
    Reason, Refused, SharedLife, State,
    book::{Book, Record, Resume, Waiting},
    gate::Gate,
    gone::GoneCell,
    hook::{self, Hook, run, run_all},
    state::{Admission, Who},
    sync::{
        Arc, AtomicU8, AtomicU32, AtomicU64, Condvar, Instant, Mutex, MutexGuard, Ordering, lock, planted, this_thread,
        wait,
    },
    users::Users,
    watch::Kind,
};

/// How far a removal has come. The order is that of I10, for every device.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(u8)]
pub enum Step {
    /// Not begun: the device is there.
    Running,
    /// The gate is shut: no new operation reaches the driver.
    Marked,
    /// Its names are gone: nobody finds it any more.
    NamesGone,
    /// Sleepers have been woken, and operations that were inside have been cancelled.
    Woken,
    /// The fence: nothing of the driver's that a user could reach runs, and nothing ever will.
    Drained,
    /// The driver has had its last word, if there was hardware left to hear it (I12).
    TornDown,
    /// What was tied to the hardware's lifetime has been released, in reverse order (I32). The hardware is given back.
    Released,
    /// The last handle is closed, and what handles shared is freed (I29).
    Freed,
}

impl Step {
    /// Every step, in order.
    pub const ALL: [Step; 8] = [
        Step::Running,
        Step::Marked,
        Step::NamesGone,
        Step::Woken,
        Step::Drained,
        Step::TornDown,
        Step::Released,
        Step::Freed,
    ];
}

pub(crate) type Teardown<H> = Box<dyn FnOnce(&mut H) + Send>;

/// What a device is given when it is made, besides what every device has.
pub(crate) struct Terms<H> {
    pub(crate) observer: Option<Box<dyn Fn(Step) + Send + Sync>>,
    pub(crate) users: Option<Box<dyn Users<H>>>,
    /// Held while a driver hears of its users, so that it hears of them in the order in which they come and go.
    pub(crate) coming_and_going: Mutex<()>,
    pub(crate) teardown: Mutex<Option<Teardown<H>>>,
    pub(crate) number: Option<Number>,
    pub(crate) hardware_actions: Option<Managed<HardwareLife>>,
    pub(crate) shared_actions: Option<Managed<SharedLife>>,
}

/// One life of one device, shared by its owner and its handles. There may be a million: mind the size.
pub(crate) struct Life<S, H> {
    pub(crate) gate: Gate<H>,
    pub(crate) book: Mutex<Book<S, H>>,
    /// Notified when nobody is `acting` any more, and when the last handle has been closed.
    pub(crate) acted: Condvar,
    /// Those who may still ask for the hardware: the device, and each unplug of it that is under way.
    pub(crate) owners: AtomicU32,
    step: AtomicU8,
    pub(crate) handles: AtomicU32,
    pub(crate) next_handle: AtomicU64,
    /// Written before the gate is shut, so whoever has seen the mark finds it.
    gone: GoneCell,
    terms: Option<Box<Terms<H>>>,
    pub(crate) shared: S,
}

// With a million handles a hundred thousand of these are what the rest of the memory goes to.
#[cfg(all(not(any(loom, shuttle)), target_os = "linux", target_pointer_width = "64"))]
const _: () = assert!(size_of::<Life<(), u64>>() <= 120 && size_of::<Handle<(), u64>>() == 16);

impl<S, H> Life<S, H> {
    pub(crate) fn new(shared: S, hardware: H, state: State, terms: Option<Box<Terms<H>>>) -> Self {
        let gate = Gate::new(hardware);
        assert!(gate.enter_counted(), "a new gate is open");
        Life {
            gate,
            book: Mutex::new(Book::new(state)),
            acted: Condvar::new(),
            owners: AtomicU32::new(0),
            step: AtomicU8::new(Step::Running as u8),
            handles: AtomicU32::new(0),
            next_handle: AtomicU64::new(1),
            gone: GoneCell::new(),
            terms,
            shared,
        }
    }

    #[inline]
    pub(crate) fn enter(&self) -> Result<Guard<'_, H>, Gone> {
        match self.gate.enter() {
            Some(guard) => Ok(guard),
            None => Err(self.gone_now()),
        }
    }

    pub(crate) fn gone(&self) -> Option<Gone> {
        self.gate.is_marked().then(|| self.gone_now())
    }

    /// For somebody who has seen the mark.
    #[cold]
    pub(crate) fn gone_now(&self) -> Gone {
        self.gone.get().expect("the reason is written before the gate is shut")
    }

    pub(crate) fn step(&self) -> Step {
        Step::ALL[usize::from(self.step.load(Ordering::Acquire))]
    }

    pub(crate) fn state(&self) -> State {
        lock(&self.book).state
    }

    pub(crate) fn number(&self) -> Option<&Number> {
        self.terms.as_ref()?.number.as_ref()
    }

    /// How many are inside, by a record or by a bare guard.
    pub(crate) fn count_inside(&self) -> usize {
        let book = lock(&self.book);
        book.inside() + self.gate.inside() - usize::from(book.is_guest())
    }

    /// Those who are recorded as inside.
    pub(crate) fn inside(&self) -> Vec<Inside> {
        let me = this_thread();
        let line = |record: &Record| Inside {
            handle: record.handle,
            number: record.number,
            kind: record.kind,
            age: record.since.elapsed(),
            own_thread: record.thread == me,
        };
        let mut book = lock(&self.book);
        let Some(pages) = book.written() else { return Vec::new() };
        let mut inside: Vec<_> = pages.records.iter().filter(|record| !record.outside).map(line).collect();
        inside.sort_by_key(|inside| inside.number);
        inside
    }
}

/// Removal.
impl<S, H> Life<S, H> {
    /// The mark, the names, the waking, in that order and once. A second caller leaves at once; it finds the rest in
    /// [`Unplug::wait`](crate::Unplug::wait), which waits for these steps too.
    pub(crate) fn begin_removal(&self, reason: Reason, policy: Policy) {
        let gone = Gone::now(reason);
        if self.mark(gone, policy) {
            crate::gate::heavy_fence();
            self.take_steps(gone);
        } else if policy != Policy::Drain {
            self.cancel_inside();
        }
    }

    /// The mark. `false` if it was there: somebody else acts. The caller owes a heavy fence, and then `take_steps`.
    pub(crate) fn mark(&self, gone: Gone, policy: Policy) -> bool {
        let mut book = lock(&self.book);
        if book.is_marked() {
            return planted!(SecondUnplugActs);
        }
        book.acting = Some(this_thread());
        if policy != Policy::Detach {
            book.pages().policy = policy;
        }
        let leaves = book.mark();
        if !planted!(ReasonAfterMark) {
            self.gone.set(gone);
        }
        if leaves {
            self.gate.mark_and_leave();
        } else {
            self.gate.mark();
        }
        if planted!(ReasonAfterMark) {
            self.gone.set(gone);
        }
        true
    }

    /// The steps up to [`Step::Woken`], by the one who marked.
    pub(crate) fn take_steps(&self, gone: Gone) {
        if planted!(ReleasedAtMark) {
            self.release_hardware_actions();
        }
        if self.has_nobody_to_tell() {
            return;
        }
        self.reach(Step::Marked);
        self.take_names(gone);
        self.reach(Step::NamesGone);
        self.wake(gone);
        self.reach(Step::Woken);
        self.stop_acting(State::Leaving);
    }

    /// Takes them at once if there is nobody to be told.
    fn has_nobody_to_tell(&self) -> bool {
        let observed = self.terms.as_ref().is_some_and(|terms| terms.observer.is_some());
        let mut book = lock(&self.book);
        if observed || book.written().is_some() {
            return false;
        }
        (book.names_taken, book.woken, book.acting) = (true, true, None);
        self.note(Step::Woken);
        self.tell_waiters(book);
        true
    }

    fn stop_acting(&self, state: State) {
        let mut book = lock(&self.book);
        book.acting = None;
        if book.state.may_become(state) {
            book.state = state;
        }
        let wakers = book.written().map(|pages| std::mem::take(&mut pages.wakers)).unwrap_or_default();
        self.tell_waiters(book);
        hook::wake(wakers);
    }

    /// Waits for what is written in the book to change.
    pub(crate) fn wait<'a>(
        &'a self,
        mut book: MutexGuard<'a, Book<S, H>>,
        deadline: Option<Instant>,
    ) -> MutexGuard<'a, Book<S, H>> {
        book.waiters += 1;
        book = wait(&self.acted, book, deadline);
        book.waiters -= 1;
        book
    }

    /// Tells them that it has; a system call, so only if there are any.
    fn tell_waiters(&self, book: MutexGuard<'_, Book<S, H>>) {
        let any = book.waiters > 0;
        drop(book);
        if any {
            self.acted.notify_all();
        }
    }

    fn take_names(&self, gone: Gone) {
        let mut book = lock(&self.book);
        book.names_taken = true;
        let names = book.written().map(|pages| std::mem::take(&mut pages.names)).unwrap_or_default();
        drop(book);
        run_all(names, gone);
    }

    /// Wakes sleepers and cancels what is inside. Those who come to sleep or to wait later are told at once, so nobody
    /// falls between.
    fn wake(&self, gone: Gone) {
        let mut book = lock(&self.book);
        book.woken = true;
        if planted!(WokenBeforeHooks) {
            book.acting = None;
        }
        let Some(pages) = book.written() else { return };
        let sleepers = std::mem::take(&mut pages.watches[Kind::Gone as usize]);
        let holders = match pages.policy {
            Policy::Kill => std::mem::take(&mut pages.watches[Kind::Kill as usize]),
            Policy::Detach | Policy::Drain => Default::default(),
        };
        let parked = std::mem::take(&mut pages.parked);
        // Nobody waits for what its driver keeps outside, so it is not left alone in any case.
        let alone = pages.policy == Policy::Drain;
        let cause = Cause::Gone(gone);
        let cancelled = pages.records.iter_mut().filter(|record| record.outside || !alone);
        let cancels: Vec<_> = cancelled.flat_map(|record| record.cancel(cause)).collect();
        drop(book);
        run_all(sleepers.into_values(), Some(gone));
        parked.into_iter().for_each(|waiting| run(|| (waiting.resume)(Err(Refused::Gone(gone)))));
        run_all(cancels, cause);
        run_all(holders.into_values(), Some(gone));
    }

    /// After the mark: cancels what is inside and has been left alone so far.
    pub(crate) fn cancel_inside(&self) {
        let cause = Cause::Gone(self.gone_now());
        let mut book = lock(&self.book);
        let nobody = book.inside() == 0;
        let Some(pages) = book.written().filter(|pages| pages.policy == Policy::Drain) else { return };
        pages.policy = Policy::Detach;
        if nobody {
            return;
        }
        let hooks: Vec<_> = pages.records.iter_mut().flat_map(|record| record.cancel(cause)).collect();
        self.cancel_recorded(book, HandleId(0), || run_all(hooks, cause));
    }

    /// Makes calls that cancel something, recorded as an operation themselves: they are a driver's code, so the fence
    /// comes after them, whoever waits for it. Not after the fence.
    fn cancel_recorded(&self, mut book: MutexGuard<'_, Book<S, H>>, handle: HandleId, calls: impl FnOnce()) {
        if planted!(CancelOutsideGate) {
            drop(book);
            return calls();
        }
        let pages = book.pages();
        let number = pages.take_number();
        let place = pages.records.add(Record::new(handle, number, "cancel"));
        drop(book);
        calls();
        let mut book = lock(&self.book);
        book.pages().records.remove(place);
        let leaves = book.left();
        drop(book);
        if leaves {
            self.gate.exit();
        }
    }

    /// Whether what is inside has been left alone so far.
    pub(crate) fn is_draining(&self) -> bool {
        lock(&self.book).written().is_some_and(|pages| pages.policy == Policy::Drain)
    }

    /// After the drain, by the one who took the hardware: the driver's last word, the release of what is tied to the
    /// hardware's lifetime. Access cannot fail here, and nothing is skipped for a step before it that panicked (I11).
    pub(crate) fn take_apart(&self, mut hardware: H) -> H {
        if self.terms.is_none() {
            self.note(Step::Released);
            self.stop_acting(State::Gone);
            return hardware;
        }
        lock(&self.book).acting = Some(this_thread());
        self.reach(Step::Drained);
        let teardown = self.terms.as_ref().and_then(|terms| lock(&terms.teardown).take());
        if let Some(teardown) = teardown.filter(|_| self.gone_now().reason.leaves_hardware()) {
            run(|| teardown(&mut hardware));
        }
        self.reach(Step::TornDown);
        self.release_hardware_actions();
        self.reach(Step::Released);
        self.stop_acting(State::Gone);
        hardware
    }

    fn release_hardware_actions(&self) {
        let actions = self.terms.as_ref().and_then(|terms| terms.hardware_actions.as_ref());
        actions.into_iter().for_each(Managed::release);
    }

    /// Notes that `step` has been taken, and tells the observer.
    fn reach(&self, step: Step) {
        self.note(step);
        self.tell(step);
    }

    fn tell(&self, step: Step) {
        if let Some(observer) = self.terms.as_ref().and_then(|terms| terms.observer.as_ref()) {
            run(|| observer(step));
        }
    }

    /// Notes that `step` has been taken.
    pub(crate) fn note(&self, step: Step) {
        self.step.fetch_max(step as u8, Ordering::AcqRel);
    }
}

/// States.
impl<S, H> Life<S, H> {
    pub(crate) fn set_state(life: &Arc<Self>, to: State) -> Result<(), IllegalTransition> {
        let mut book = lock(&life.book);
        let from = book.state;
        // What follows the mark is for the removal to say.
        if !from.may_become(to) || matches!(to, State::Leaving | State::Gone) && from != to {
            return Err(IllegalTransition { from, to });
        }
        book.state = to;
        let Some(pages) = book.written() else { return Ok(()) };
        let parked = std::mem::take(&mut pages.parked);
        let asked = match to {
            State::Closing => std::mem::take(&mut pages.watches[Kind::Closing as usize]),
            _ => Default::default(),
        };
        drop(book);
        run_all(asked.into_values(), None);
        // Each as if it came now: it enters, is parked again, or is refused.
        for Waiting { number, kind, framework, handle, resume } in parked {
            let who = if framework { Who::Framework } else { Who::Client };
            run(|| _ = Life::admit(&handle, kind, who, resume, Some(number)));
        }
        Ok(())
    }

    /// Begins an operation, or parks it until the state changes. The result is its number; `None` if it was refused.
    pub(crate) fn admit(
        handle: &Handle<S, H>,
        kind: &'static str,
        who: Who,
        resume: Resume<S, H>,
        number: Option<u64>,
    ) -> Option<u64> {
        let mut book = lock(&handle.life().book);
        if !book.is_marked() && book.state.admits(who) == Admission::Parked {
            let handle = handle.uncounted();
            let pages = book.pages();
            let number = number.unwrap_or_else(|| pages.take_number());
            pages.parked.push(Waiting { number, kind, framework: who == Who::Framework, handle, resume });
            return Some(number);
        }
        if planted!(AdmittedInTwoSteps) {
            drop(book);
            book = lock(&handle.life().book);
        }
        let begun = Operation::begin(handle, book, kind, who, number);
        let number = begun.as_ref().ok().map(Operation::number);
        resume(begun);
        number
    }

    /// Cancels one operation of `handle`. Not after the mark: everything is, or is about to be, cancelled by it.
    pub(crate) fn cancel(&self, handle: HandleId, number: u64) -> bool {
        let mut book = lock(&self.book);
        let marked = book.is_marked();
        let Some(pages) = book.written().filter(|_| !marked) else { return false };
        let waiting = |waiting: &Waiting<S, H>| waiting.number == number && waiting.handle.id() == handle;
        if let Some(place) = pages.parked.iter().position(waiting) {
            let waiting = pages.parked.remove(place);
            self.cancel_recorded(book, handle, || run(|| (waiting.resume)(Err(Refused::Interrupted))));
            return true;
        }
        let is_it = |record: &&mut Record| record.number == number && record.handle == handle;
        let Some(record) = pages.records.iter_mut().find(is_it).filter(|record| record.cancelled.is_none()) else {
            return false;
        };
        let hooks = record.cancel(Cause::Interrupted);
        self.cancel_recorded(book, handle, || run_all(hooks, Cause::Interrupted));
        true
    }
}

/// Hooks.
impl<S, H> Life<S, H> {
    /// Registers `hook` with the names, or calls it if they have been taken away.
    pub(crate) fn on_names(&self, hook: Hook<Gone>) {
        let mut book = lock(&self.book);
        if book.names_taken {
            drop(book);
            hook(self.gone_now());
        } else {
            book.pages().names.push(hook);
        }
    }

    /// Registers `hook` as one who is to be told, or calls it if that has happened. The result takes it back with
    /// [`Life::forget_watch`].
    pub(crate) fn watch(&self, kind: Kind, hook: Hook<Option<Gone>>) -> u64 {
        let mut book = lock(&self.book);
        if planted!(WatchLost) && !book.woken {
            drop(book);
            book = lock(&self.book);
            book.woken = false;
        }
        let told = match kind {
            Kind::Gone => book.woken,
            Kind::Closing => book.state == State::Closing,
            Kind::Kill => book.woken && book.pages().policy == Policy::Kill,
        };
        let pages = book.pages();
        let number = pages.take_watch();
        if told {
            drop(book);
            hook(self.gone());
        } else {
            pages.watches[kind as usize].insert(number, hook);
        }
        number
    }

    pub(crate) fn forget_watch(&self, kind: Kind, number: u64) {
        let hook = lock(&self.book).written().and_then(|pages| pages.watches[kind as usize].remove(&number));
        // Only now, with the lock released: dropping what a hook owns may run anything.
        drop(hook);
    }
}

/// Users.
impl<S, H> Life<S, H> {
    /// Opens. From inside the gate, so that no handle is born after the fence.
    pub(crate) fn open(life: &Arc<Self>) -> Result<Handle<S, H>, Refused> {
        let inside = life.enter()?;
        let inside = (!planted!(OpenOutsideGate)).then_some(inside);
        let state = life.state();
        if !state.can_be_opened() {
            return Err(life.gone().map_or(Refused::State(state), Refused::Gone));
        }
        let users = life.terms.as_ref().and_then(|terms| Some((terms, terms.users.as_ref()?)));
        if let Some((terms, users)) = users {
            let _in_turn = lock(&terms.coming_and_going);
            let inside = inside.as_deref().expect("a model with users plants no bug here");
            users.open(inside).map_err(Refused::Driver)?;
            return Ok(Handle::new(life));
        }
        Ok(Handle::new(life))
    }

    /// One handle fewer.
    pub(crate) fn closed(&self) {
        let users = self.terms.as_ref().and_then(|terms| Some((terms, terms.users.as_ref()?)));
        let last = match users {
            None => self.handles.fetch_sub(1, Ordering::AcqRel) == 1,
            Some((terms, users)) => {
                let _in_turn = lock(&terms.coming_and_going);
                let last = self.handles.fetch_sub(1, Ordering::AcqRel) == 1;
                if let (true, Some(inside)) = (last, self.gate.enter()) {
                    run(|| users.last_close(&inside));
                }
                last
            }
        };
        if last {
            self.tell_waiters(lock(&self.book));
        }
    }
}

impl<S, H> Drop for Life<S, H> {
    fn drop(&mut self) {
        let actions = self.terms.as_ref().and_then(|terms| terms.shared_actions.as_ref());
        actions.into_iter().for_each(Managed::release);
        self.note(Step::Freed);
        self.tell(Step::Freed);
    }
}
