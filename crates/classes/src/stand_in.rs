//! What answers for a device that has gone, where Linux would reach its driver.

use outlive::{Device, Handle, Part};
use std::{
    fmt,
    sync::{Mutex, MutexGuard, PoisonError},
};

type Ready<S, H> = Box<dyn FnOnce(Option<&Handle<S, H>>) + Send>;

/// A device of its own behind a zombie, made of what the one that is gone last was
/// ([`Contract::Linux`](crate::Contract)).
pub(crate) struct StandIn<S: Part, H: Part>(Mutex<Presence<S, H>>);

enum Presence<S: Part, H: Part> {
    /// The hardware has not been given back: who wants the stand-in waits for it, as for a device that is in use.
    Awaited(Vec<Ready<S, H>>),
    Here(Box<Live<S, H>>),
    /// The driver had none to give.
    None,
}

struct Live<S: Part, H: Part> {
    handle: Handle<S, H>,
    _device: Device<S, H>,
}

impl<S: Part, H: Part> Default for StandIn<S, H> {
    fn default() -> Self {
        StandIn(Mutex::new(Presence::Awaited(Vec::new())))
    }
}

impl<S: Part, H: Part> StandIn<S, H> {
    fn presence(&self) -> MutexGuard<'_, Presence<S, H>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Calls `ready` with it, now or when it comes; with `None` if there is none. Not called if neither happens before
    /// the last handle is closed.
    pub(crate) fn when_here(&self, ready: impl FnOnce(Option<&Handle<S, H>>) + Send + 'static) {
        let mut presence = self.presence();
        let handle = match &mut *presence {
            Presence::Awaited(waiting) => return waiting.push(Box::new(ready)),
            Presence::Here(here) => Some(here.handle.uncounted()),
            Presence::None => None,
        };
        drop(presence);
        ready(handle.as_ref());
    }

    /// It takes its place. `shared` is what its own handles share.
    pub(crate) fn arrive(&self, hardware: Option<H>, shared: S) {
        let here = hardware.and_then(|hardware| {
            let device = Device::new(shared, hardware);
            let handle = device.open().ok()?;
            Some(Box::new(Live { handle, _device: device }))
        });
        let handle = here.as_ref().map(|here| here.handle.uncounted());
        let before = std::mem::replace(&mut *self.presence(), here.map_or(Presence::None, Presence::Here));
        if let Presence::Awaited(waiting) = before {
            waiting.into_iter().for_each(|ready| ready(handle.as_ref()));
        }
    }
}

impl<S: Part, H: Part> fmt::Debug for StandIn<S, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match &*self.presence() {
            Presence::Awaited(_) => "StandIn(awaited)",
            Presence::Here(_) => "StandIn(here)",
            Presence::None => "StandIn(none)",
        })
    }
}
