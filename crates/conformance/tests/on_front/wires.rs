//! What connects a driver to the far end that has nothing but calls and a way to say that it is gone.

use super::{Socket, line::Line};
use outlive::{Noticer, Reason};
use outlive_conformance::{FarEnd, Held};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Where the far end is connected, which may be another in the next life.
#[derive(Debug)]
pub(crate) struct Wires(Mutex<Ends>);

struct Ends {
    far: Far,
    noticer: Noticer,
}

/// Where the far end is.
#[derive(Clone)]
enum Far {
    Here(Arc<FarEnd>),
    /// In another process.
    There(Arc<Line>),
}

impl std::fmt::Debug for Ends {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ends").finish_non_exhaustive()
    }
}

impl Wires {
    pub(crate) fn new(far: &Arc<FarEnd>) -> Arc<Self> {
        Self::to(Far::Here(far.clone()))
    }

    /// To a far end in another process.
    pub(crate) fn along(line: &Arc<Line>) -> Arc<Self> {
        Self::to(Far::There(line.clone()))
    }

    fn to(far: Far) -> Arc<Self> {
        Arc::new(Wires(Mutex::new(Ends { far, noticer: Noticer::new() })))
    }

    /// A life begins.
    pub(crate) fn plugged(&self, noticer: &Noticer) {
        self.ends().noticer = noticer.clone();
    }

    /// The driver is called with `call`.
    pub(crate) fn take(&self, call: Box<dyn Held>) {
        match self.far() {
            Far::Here(far) => far.take(call),
            Far::There(line) => line.take(call),
        }
    }

    /// Its last word.
    pub(crate) fn teardown(&self) {
        match self.far() {
            Far::Here(far) => far.teardown(),
            Far::There(line) => line.teardown(),
        }
    }

    fn ends(&self) -> MutexGuard<'_, Ends> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn far(&self) -> Far {
        self.ends().far.clone()
    }
}

impl Socket for Wires {
    fn connect(&self, far: &Arc<FarEnd>) {
        self.ends().far = Far::Here(far.clone());
    }

    fn notice(&self) {
        let noticer = self.ends().noticer.clone();
        noticer.gone(Reason::Pulled);
    }
}
