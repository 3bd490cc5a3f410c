//! Which devices of a lab hang on which: partitions on their flash, flashes on their card.
//!
//! Children go before their parent, and all are marked before any is waited for.

use outlive_classes::mtd::{Parent, PartitionSpec};
use std::{
    collections::BTreeMap,
    fmt,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// The ties, by name. They stay when devices go, so that a device comes back with what hung on it.
#[derive(Default)]
pub(super) struct Kinship {
    table: Mutex<BTreeMap<String, Tie>>,
    /// The flashes that parts can be made of, each in its latest life.
    flashes: Mutex<BTreeMap<String, Parent>>,
}

/// What ties one device to others.
pub(super) struct Tie {
    pub(super) parent: Option<String>,
    children: Vec<String>,
    /// Which part of its parent it is.
    pub(super) part: Option<PartitionSpec>,
    /// Whether it is part of what the lab was told, and comes back with its parent; a client has made it otherwise.
    pub(super) lasting: bool,
}

impl Tie {
    /// One without children.
    pub(super) fn new(parent: Option<&str>, part: Option<PartitionSpec>, lasting: bool) -> Self {
        Tie { parent: parent.map(str::to_owned), children: Vec::new(), part, lasting }
    }
}

impl Kinship {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Tie>> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ties `name`, which has no ties.
    pub(super) fn tie(&self, name: &str, tie: Tie) {
        let mut table = self.lock();
        if let Some(parent) = tie.parent.as_ref().and_then(|parent| table.get_mut(parent)) {
            parent.children.push(name.to_owned());
        }
        table.insert(name.to_owned(), tie);
    }

    /// Takes `name` and all that hangs on it out.
    pub(super) fn untie(&self, name: &str) {
        let below = self.below(name);
        let mut table = self.lock();
        for name in below.iter().map(String::as_str).chain([name]) {
            let parent = table.remove(name).and_then(|tie| tie.parent);
            if let Some(parent) = parent.and_then(|parent| table.get_mut(&parent)) {
                parent.children.retain(|child| child != name);
            }
        }
    }

    /// What hangs on `name`, the deepest first; without itself.
    pub(super) fn below(&self, name: &str) -> Vec<String> {
        fn collect(table: &BTreeMap<String, Tie>, name: &str, below: &mut Vec<String>) {
            for child in table.get(name).iter().flat_map(|tie| &tie.children).rev() {
                collect(table, child, below);
                below.push(child.clone());
            }
        }
        let mut below = Vec::new();
        collect(&self.lock(), name, &mut below);
        below
    }

    /// What hangs right on `name`, in the order in which it came.
    pub(super) fn children(&self, name: &str) -> Vec<String> {
        self.lock().get(name).map(|tie| tie.children.clone()).unwrap_or_default()
    }

    /// What `name` hangs on, the farthest first, and itself.
    pub(super) fn above(&self, name: &str) -> Vec<String> {
        let table = self.lock();
        let up = |name: &String| table.get(name)?.parent.clone();
        let mut line: Vec<_> = std::iter::successors(Some(name.to_owned()), up).collect();
        line.reverse();
        line
    }

    pub(super) fn parent(&self, name: &str) -> Option<String> {
        self.lock().get(name)?.parent.clone()
    }

    pub(super) fn part(&self, name: &str) -> Option<PartitionSpec> {
        self.lock().get(name)?.part.clone()
    }

    fn flashes(&self) -> MutexGuard<'_, BTreeMap<String, Parent>> {
        self.flashes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// `name` lives again, as this flash.
    pub(super) fn set_flash(&self, name: &str, flash: Parent) {
        // What was there before is dropped outside of the lock.
        let before = self.flashes().insert(name.to_owned(), flash);
        drop(before);
    }

    /// `name` has gone: no parts can be made of it, and nothing here holds on to it.
    pub(super) fn end_flash(&self, name: &str) -> Option<Parent> {
        self.flashes().remove(name)
    }

    pub(super) fn flash(&self, name: &str) -> Option<Parent> {
        self.flashes().get(name).cloned()
    }

    pub(super) fn is_lasting(&self, name: &str) -> bool {
        self.lock().get(name).is_some_and(|tie| tie.lasting)
    }
}

impl fmt::Debug for Kinship {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.lock().iter().map(|(name, tie)| (name, &tie.children))).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_deepest_come_first_and_the_last_before_the_first() {
        let kin = Kinship::default();
        for (name, parent) in [
            ("gpu0", None),
            ("mtd0", Some("gpu0")),
            ("mtd1", Some("mtd0")),
            ("mtd2", Some("mtd0")),
            ("mtd3", Some("gpu0")),
        ] {
            kin.tie(name, Tie::new(parent, None, true));
        }
        assert_eq!(kin.below("gpu0"), ["mtd3", "mtd2", "mtd1", "mtd0"]);
        assert_eq!(
            (kin.children("mtd0"), kin.parent("mtd3")),
            (vec!["mtd1".into(), "mtd2".into()], Some("gpu0".into()))
        );
        kin.untie("mtd0");
        assert_eq!((kin.below("gpu0"), kin.parent("mtd1")), (vec!["mtd3".to_owned()], None));
    }
}
