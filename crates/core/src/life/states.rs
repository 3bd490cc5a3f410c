//! What a device is doing, who gets in, and who waits.

use super::Life;
use crate::{
    Cause, Handle, HandleId, IllegalTransition, Operation, Refused, State,
    book::{Record, Resume, Waiting},
    hook::{run, run_all},
    state::{Admission, Who},
    sync::{Arc, lock, planted},
    watch::Kind,
};

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
        let parked = core::mem::take(&mut pages.parked);
        let asked = match to {
            State::Closing => core::mem::take(&mut pages.watches[Kind::Closing as usize]),
            _ => Default::default(),
        };
        drop(book);
        run_all(asked.into_values(), None);
        // Each as if it came now: it enters, is parked again, or is refused.
        for Waiting { number, kind, handle, resume } in parked {
            run(|| _ = Life::admit(&handle, kind, resume, Some(number)));
        }
        Ok(())
    }

    /// Begins a client's operation, or parks it until the state changes. The result is its number; `None` if it was refused.
    pub(crate) fn admit(
        handle: &Handle<S, H>,
        kind: &'static str,
        resume: Resume<S, H>,
        number: Option<u64>,
    ) -> Option<u64> {
        let mut book = lock(&handle.life().book);
        if !book.is_marked() && book.state.admits(Who::Client) == Admission::Parked {
            let handle = handle.uncounted();
            let pages = book.pages();
            let number = number.unwrap_or_else(|| pages.take_number());
            pages.parked.push(Waiting { number, kind, handle, resume });
            return Some(number);
        }
        if planted!(AdmittedInTwoSteps) {
            drop(book);
            book = lock(&handle.life().book);
        }
        let begun = Operation::begin(handle, book, kind, Who::Client, number);
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
