//! How a life ends: the mark, the steps, and what comes after the drain.

use super::{Life, Step};
use crate::{
    Cause, Gone, HandleId, Managed, Policy, Reason, Refused, State,
    book::{Book, Record},
    hook::{self, run, run_all},
    sync::{Instant, MutexGuard, Ordering, lock, planted, this_thread, wait},
    watch::Kind,
};
use alloc::vec::Vec;

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
        let wakers = book.written().map(|pages| core::mem::take(&mut pages.wakers)).unwrap_or_default();
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
    pub(super) fn tell_waiters(&self, book: MutexGuard<'_, Book<S, H>>) {
        let any = book.waiters > 0;
        drop(book);
        if any {
            self.acted.notify_all();
        }
    }

    fn take_names(&self, gone: Gone) {
        let mut book = lock(&self.book);
        book.names_taken = true;
        let names = book.written().map(|pages| core::mem::take(&mut pages.names)).unwrap_or_default();
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
        let sleepers = core::mem::take(&mut pages.watches[Kind::Gone as usize]);
        let holders = match pages.policy {
            Policy::Kill => core::mem::take(&mut pages.watches[Kind::Kill as usize]),
            Policy::Detach | Policy::Drain => Default::default(),
        };
        let parked = core::mem::take(&mut pages.parked);
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
    pub(super) fn cancel_recorded(&self, mut book: MutexGuard<'_, Book<S, H>>, handle: HandleId, calls: impl FnOnce()) {
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

    pub(super) fn tell(&self, step: Step) {
        if let Some(observer) = self.terms.as_ref().and_then(|terms| terms.observer.as_ref()) {
            run(|| observer(step));
        }
    }

    /// Notes that `step` has been taken.
    pub(crate) fn note(&self, step: Step) {
        self.step.fetch_max(step as u8, Ordering::AcqRel);
    }
}
