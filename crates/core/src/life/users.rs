//! Those who open and close.

use super::Life;
use crate::{
    Handle, Refused,
    hook::run,
    sync::{Arc, Ordering, lock, planted},
};

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

    /// One handle fewer. In a child that has the device by fork(2) that is all: a lock may be held by a thread that does
    /// not exist there.
    pub(crate) fn closed(&self) {
        match self.terms.as_ref().and_then(|terms| Some((terms, terms.users.as_ref()?))) {
            Some((terms, users)) if !self.gate.is_copy() => {
                let _in_turn = lock(&terms.coming_and_going);
                let last = self.one_fewer();
                if let (true, Some(inside)) = (last, self.gate.enter()) {
                    run(|| users.last_close(&inside));
                }
            }
            _ => _ = self.one_fewer(),
        }
    }

    /// Whether that was the last one: then those who wait for it are told.
    fn one_fewer(&self) -> bool {
        let last = self.handles.fetch_sub(1, Ordering::AcqRel) == 1;
        if last && !self.gate.is_copy() {
            self.tell_waiters(lock(&self.book));
        }
        last
    }
}
