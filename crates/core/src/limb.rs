//! Devices of any type, as a tree has them.

use crate::{
    Busy, Device, Gone, Part, Place, Step,
    gate::heavy_fence,
    hook::Hook,
    sync::{Instant, PlainArc},
};
use alloc::{
    boxed::Box,
    string::{String, ToString},
    vec::Vec,
};
use core::{any::Any, fmt, time::Duration};

/// The hardware of a device, whose type its owner knows.
pub type AnyHardware = Box<dyn Any + Send>;

/// A device of any type.
pub(crate) trait Limb: Send + Sync {
    fn mark(&self, gone: Gone) -> bool;
    fn take_steps(&self, gone: Gone);
    fn is_gone(&self) -> bool;
    fn is_released(&self) -> bool;
    fn on_names(&self, hook: Hook<Gone>);
    fn wait(&self, limit: Duration) -> Result<Option<AnyHardware>, String>;
    fn as_any(self: PlainArc<Self>) -> PlainArc<dyn Any + Send + Sync>;
}

impl<S: Part, H: Part> Limb for Device<S, H> {
    fn mark(&self, gone: Gone) -> bool {
        self.life().mark(gone, Default::default())
    }

    fn take_steps(&self, gone: Gone) {
        self.life().take_steps(gone);
    }

    fn is_gone(&self) -> bool {
        self.gone().is_some()
    }

    fn is_released(&self) -> bool {
        self.step() >= Step::Released
    }

    fn on_names(&self, hook: Hook<Gone>) {
        self.life().on_names(hook);
    }

    fn wait(&self, limit: Duration) -> Result<Option<AnyHardware>, String> {
        let boxed = |hardware| Box::new(hardware) as AnyHardware;
        self.begun().wait(limit).map(|hardware| hardware.map(boxed)).map_err(|busy: Busy<S, H>| busy.to_string())
    }

    fn as_any(self: PlainArc<Self>) -> PlainArc<dyn Any + Send + Sync> {
        self
    }
}

/// What a removal came to. The devices are dead in any case.
#[derive(Debug, Default)]
pub struct Removal {
    /// The hardware of each device that this removal fenced, in the order of the fences.
    pub hardware: Vec<(Place, AnyHardware)>,
    /// Those that were still inside when the limit was over (I6).
    pub stuck: Vec<Stuck>,
}

/// A device that is dead and not fenced yet.
pub struct Stuck {
    /// Where it was.
    pub place: Place,
    /// What it was called there.
    pub name: String,
    /// Who is inside, in words.
    pub culprits: String,
    limb: PlainArc<dyn Limb>,
}

impl Stuck {
    /// Waits on.
    ///
    /// # Errors
    /// Itself again, after `limit`.
    pub fn wait(mut self, limit: Duration) -> Result<Option<AnyHardware>, Stuck> {
        self.limb.wait(limit).map_err(|culprits| {
            self.culprits = culprits;
            self
        })
    }
}

impl fmt::Debug for Stuck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.name, self.culprits)
    }
}

/// Devices that are to go, the deepest first.
pub(crate) type Leaving = Vec<(Place, String, PlainArc<dyn Limb>)>;

/// Marks them in their order, with one heavy fence, and takes their steps in the same order.
pub(crate) fn pull(leaving: &Leaving, gone: Gone) {
    let marked: Vec<_> = leaving.iter().map(|(_, _, limb)| limb.mark(gone)).collect();
    heavy_fence();
    for ((_, _, limb), _) in leaving.iter().zip(marked).filter(|(_, acts)| *acts) {
        limb.take_steps(gone);
    }
}

/// Waits for their fences, for up to `limit` in all.
pub(crate) fn fence(leaving: Leaving, limit: Duration) -> Removal {
    let deadline = Instant::now().checked_add(limit);
    let mut removal = Removal::default();
    for (place, name, limb) in leaving {
        let left = deadline.map_or(Duration::MAX, |deadline| deadline.saturating_duration_since(Instant::now()));
        match limb.wait(left) {
            Ok(hardware) => removal.hardware.extend(hardware.map(|hardware| (place, hardware))),
            Err(culprits) => removal.stuck.push(Stuck { place, name, culprits, limb }),
        }
    }
    removal
}
