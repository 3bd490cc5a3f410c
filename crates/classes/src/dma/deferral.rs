//! Callbacks wait until their thread has left the provider.

use super::line::Line;
use std::{
    cell::{Cell, RefCell},
    marker::PhantomData,
    sync::Arc,
};

thread_local! {
    /// How many calls into providers this thread is in.
    static DEPTH: Cell<usize> = const { Cell::new(0) };
    /// Where something has ended meanwhile.
    static OWED: RefCell<Vec<Arc<Line>>> = const { RefCell::new(Vec::new()) };
}

/// As long as it lives, its thread calls no callbacks: it is inside the gate, where a callback that unplugs the provider
/// would wait for itself, and the provider may hold a lock of its own. They are called when it ends.
pub(super) struct Deferral(PhantomData<*const ()>);

impl Deferral {
    pub(super) fn begin() -> Self {
        DEPTH.set(DEPTH.get() + 1);
        Deferral(PhantomData)
    }

    /// Whether this thread calls no callbacks now; then those of `line` are called later.
    pub(super) fn owes(line: &Arc<Line>) -> bool {
        // A thread that is ending has no list any more; neither is it in a provider.
        DEPTH.get() > 0 && OWED.try_with(|owed| owed.borrow_mut().push(line.clone())).is_ok()
    }
}

impl Drop for Deferral {
    fn drop(&mut self) {
        DEPTH.set(DEPTH.get() - 1);
        if DEPTH.get() == 0 {
            let owed = OWED.try_with(RefCell::take).unwrap_or_default();
            owed.iter().for_each(Line::deliver);
        }
    }
}
