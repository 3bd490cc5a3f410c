//! Numbers that never alias (I26, I27).

use crate::{
    Generation,
    sync::{Arc, AtomicU64, Mutex, Ordering, PlainArc, Weak, lock, planted},
};
use alloc::collections::BTreeMap;
use core::fmt;

/// The numbers of one class: the 7 of i2c-7.
#[derive(Clone, Default)]
pub struct Numbers {
    places: Arc<Mutex<BTreeMap<u32, Place>>>,
}

#[derive(Default)]
struct Place {
    /// How many lives have begun here. Never goes back, so a generation never repeats.
    generations: Arc<AtomicU64Cell>,
    holder: Weak<()>,
}

// Under loom an atomic has no Default.
struct AtomicU64Cell(AtomicU64);

impl Default for AtomicU64Cell {
    fn default() -> Self {
        AtomicU64Cell(AtomicU64::new(0))
    }
}

/// The number is held: a device has it, or zombies do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Held(pub u32);

impl fmt::Display for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "number {} is held by a device or by handles to its former owner", self.0)
    }
}

impl core::error::Error for Held {}

impl Numbers {
    /// None given out.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes `number` for a new device.
    ///
    /// # Errors
    /// [`Held`] as long as any [`Number`] of this value lives; devices keep theirs in what their handles share, so that
    /// is until the last zombie is closed.
    pub fn claim(&self, number: u32) -> Result<Number, Held> {
        let mut places = lock(&self.places);
        let place = places.entry(number).or_default();
        if place.holder.strong_count() > 0 {
            return Err(Held(number));
        }
        if planted!(ClaimUnlocked) {
            drop(places);
            return Ok(self.claim_again(number));
        }
        Ok(place.begin(number))
    }

    /// Takes `number` for the next generation of the thing that had it, whoever still holds it: a replug in the same
    /// place, asked for by name. Whether that thing is gone is for the caller to know.
    pub fn claim_again(&self, number: u32) -> Number {
        lock(&self.places).entry(number).or_default().begin(number)
    }

    /// Takes the lowest number from `first` on that nobody holds and that `usable` agrees to.
    pub fn claim_lowest(&self, first: u32, usable: impl Fn(u32) -> bool) -> Number {
        (first..)
            .filter(|number| usable(*number))
            .find_map(|number| self.claim(number).ok())
            .expect("there are more numbers than devices")
    }

    /// Whether anybody holds `number`.
    pub fn is_held(&self, number: u32) -> bool {
        lock(&self.places).get(&number).is_some_and(|place| place.holder.strong_count() > 0)
    }
}

impl Place {
    fn begin(&mut self, value: u32) -> Number {
        let holder = self.holder.upgrade().unwrap_or_default();
        self.holder = PlainArc::downgrade(&holder);
        let generation = Generation(self.generations.0.fetch_add(1, Ordering::Relaxed) + 1);
        Number { value, generation, generations: self.generations.clone(), _holder: holder }
    }
}

impl fmt::Debug for Numbers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(lock(&self.places).keys()).finish()
    }
}

/// A number that a device has. It is given out again when the last clone is dropped, or when it is asked for by name.
#[derive(Clone)]
pub struct Number {
    value: u32,
    generation: Generation,
    generations: Arc<AtomicU64Cell>,
    _holder: PlainArc<()>,
}

impl Number {
    /// The number itself.
    pub fn value(&self) -> u32 {
        self.value
    }

    /// Which life in this place this is.
    pub fn generation(&self) -> Generation {
        self.generation
    }

    /// Whether the number has been taken for a later generation, by name, while this one kept it (I31).
    pub fn lives_elsewhere(&self) -> bool {
        self.generations.0.load(Ordering::Relaxed) > self.generation.0
    }
}

impl fmt::Debug for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}#{}", self.value, self.generation)
    }
}
