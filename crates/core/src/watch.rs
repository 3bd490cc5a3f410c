use crate::{Gone, life::Life, sync::Arc};
use std::fmt;

/// Keeps a wake-up registered with [`Handle::on_gone`](crate::Handle::on_gone); dropping it takes the wake-up back.
///
/// Dropping does not wait: a wake-up that the mark has taken already may still run, or begin, on the thread that
/// unplugs. So it may be dropped anywhere, also inside its own wake-up.
pub struct Watch<S, H> {
    life: Arc<Life<S, H>>,
    number: u64,
}

impl<S, H> Watch<S, H> {
    pub(crate) fn new(life: &Arc<Life<S, H>>, wake: impl FnOnce(Gone) + Send + 'static) -> Self {
        Watch { number: life.watch(Box::new(wake)), life: life.clone() }
    }
}

impl<S, H> Drop for Watch<S, H> {
    fn drop(&mut self) {
        self.life.forget_watch(self.number);
    }
}

impl<S, H> fmt::Debug for Watch<S, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Watch").field(&self.number).finish()
    }
}
