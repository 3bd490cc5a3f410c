//! What connects a driver to the far end that has nothing but calls and a way to say that it is gone.

use super::Socket;
use outlive::{Noticer, Reason};
use outlive_conformance::FarEnd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Where the far end is connected, which may be another in the next life.
#[derive(Debug)]
pub(crate) struct Wires(Mutex<Ends>);

struct Ends {
    far: Arc<FarEnd>,
    noticer: Noticer,
}

impl std::fmt::Debug for Ends {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ends").finish_non_exhaustive()
    }
}

impl Wires {
    pub(crate) fn new(far: &Arc<FarEnd>) -> Arc<Self> {
        Arc::new(Wires(Mutex::new(Ends { far: far.clone(), noticer: Noticer::new() })))
    }

    /// A life begins.
    pub(crate) fn plugged(&self, noticer: &Noticer) {
        self.ends().noticer = noticer.clone();
    }

    fn ends(&self) -> MutexGuard<'_, Ends> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn far(&self) -> Arc<FarEnd> {
        self.ends().far.clone()
    }
}

impl Socket for Wires {
    fn connect(&self, far: &Arc<FarEnd>) {
        self.ends().far = far.clone();
    }

    fn notice(&self) {
        let noticer = self.ends().noticer.clone();
        noticer.gone(Reason::Pulled);
    }
}
