//! Cards: devices without a node, which carry others. They have no handles; whether one is there is all there is to it.

use super::{
    config::policy_name,
    model::ModelEntry,
    permissions::Permissions,
    report::{DeviceReport, State},
};
use outlive::{Generation, Policy};
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// The class of a card, as lists show it.
pub(super) const CLASS: &str = "gpu";

/// A card that carries flashes, such as a GPU: a device without a node, which comes, goes and is reset with all that is on
/// it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CardEntry {
    /// What it is called: `gpu0`.
    pub name: String,
    /// What becomes of the users of what is on it when it is unplugged, unless the unplug says otherwise.
    #[serde(with = "policy_name", default)]
    pub policy: Option<Policy>,
    /// Who may open nodes of it: it has none.
    #[serde(default)]
    pub permissions: Permissions,
    /// What is on it.
    pub flash: Vec<ModelEntry>,
    /// Where it was asked for.
    pub place: String,
}

/// The cards of a lab, by name.
#[derive(Default)]
pub(super) struct Cards {
    table: Mutex<BTreeMap<String, Card>>,
}

#[derive(Default)]
struct Card {
    generation: u64,
    gone: bool,
}

impl Cards {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Card>> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether there is, or was, a card of that name.
    pub(super) fn knows(&self, name: &str) -> bool {
        self.lock().contains_key(name)
    }

    /// Whether it is there.
    pub(super) fn is_live(&self, name: &str) -> bool {
        self.lock().get(name).is_some_and(|card| !card.gone)
    }

    /// It comes: its next life begins. `None` if it is there.
    pub(super) fn begin(&self, name: &str) -> Option<Generation> {
        let mut table = self.lock();
        let card = table.entry(name.to_owned()).or_default();
        if card.generation > 0 && !card.gone {
            return None;
        }
        *card = Card { generation: card.generation + 1, gone: false };
        Some(Generation(card.generation))
    }

    /// It goes. Its generation, and whether it was there.
    pub(super) fn end(&self, name: &str) -> Option<(Generation, bool)> {
        let mut table = self.lock();
        let card = table.get_mut(name)?;
        let acted = !std::mem::replace(&mut card.gone, true);
        Some((Generation(card.generation), acted))
    }

    pub(super) fn names(&self) -> Vec<String> {
        self.lock().keys().cloned().collect()
    }

    /// A line for each that is there.
    pub(super) fn report(&self) -> Vec<DeviceReport> {
        let table = self.lock();
        let live = table.iter().filter(|(_, card)| !card.gone);
        live.map(|(name, card)| DeviceReport {
            name: name.clone(),
            class: CLASS.to_owned(),
            number: 0,
            generation: card.generation,
            state: State::Running,
            handles: 0,
            inside: 0,
            operations: Vec::new(),
            holds_number: false,
            lives_elsewhere: false,
            parent: None,
            connectors: Vec::new(),
        })
        .collect()
    }
}
