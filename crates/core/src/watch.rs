use crate::{Gone, hook::Hook, life::Life, sync::Arc};
use core::fmt;

/// What is watched for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    /// The device goes.
    Gone,
    /// The device wants its users to leave.
    Closing,
    /// Its users are to be killed.
    Kill,
}

/// Keeps a hook registered with [`Handle::on_gone`](crate::Handle::on_gone),
/// [`on_closing`](crate::Handle::on_closing) or [`on_kill`](crate::Handle::on_kill); dropping it takes the hook back.
///
/// Dropping does not wait: a hook that has been taken to be called may still run, or begin, on the thread that unplugs.
/// So it may be dropped anywhere, also inside its own hook.
pub struct Watch<S, H> {
    life: Arc<Life<S, H>>,
    kind: Kind,
    number: u64,
}

impl<S, H> Watch<S, H> {
    pub(crate) fn new(life: &Arc<Life<S, H>>, kind: Kind, hook: Hook<Option<Gone>>) -> Self {
        Watch { number: life.watch(kind, hook), kind, life: life.clone() }
    }
}

impl<S, H> Drop for Watch<S, H> {
    fn drop(&mut self) {
        self.life.forget_watch(self.kind, self.number);
    }
}

impl<S, H> fmt::Debug for Watch<S, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Watch").field(&self.kind).field(&self.number).finish()
    }
}
