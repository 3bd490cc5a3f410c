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
