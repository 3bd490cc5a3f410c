//! Plugging in what hangs on each other: a card with its flashes, a flash with its partitions; and resets.

use super::{
    Lab, PlugError, ResetError, UnplugError, bare, cards::CardEntry, config::ConfigError, hardware, kin::Tie,
    model::ModelEntry,
};
use outlive::{Change, Policy, REMOVAL_BUDGET, Reason};
use outlive_classes::{
    Hardware,
    mtd::{PartitionSpec, Slice},
};
use std::time::Duration;

/// What a reset came to.
#[derive(Debug)]
pub struct Reset {
    /// What was reset.
    pub name: String,
    /// The devices on it that there are now, in their next generations.
    pub back: Vec<String>,
    /// Those that somebody is still inside of. They are dead and stay behind.
    pub stuck: Vec<UnplugError>,
    /// Those that could not be plugged in again.
    pub failed: Vec<PlugError>,
}

impl Lab {
    /// A card with all that is on it.
    pub(super) fn plug_card(&self, card: &CardEntry) -> Result<String, PlugError> {
        let name = &card.name;
        if self.places.lock().contains_key(name) {
            return Err(PlugError::Plugged { name: name.clone() });
        }
        let Some(generation) = self.cards.begin(name) else { return Err(PlugError::Plugged { name: name.clone() }) };
        self.places.events.tell(name, generation, Change::Plugged);
        self.disown(name);
        self.places.kin.tie(name, Tie::new(None, None, true));
        if let Some(policy) = card.policy {
            self.set_policy(name, policy);
        }
        for flash in &card.flash {
            let flash = ModelEntry { policy: flash.policy.or(card.policy), ..flash.clone() };
            if let Err(error) = self.plug_flash(&flash, Some(name)) {
                let _ = self.unplug(name, Reason::Pulled, Policy::Detach, REMOVAL_BUDGET);
                return Err(error);
            }
        }
        Ok(name.clone())
    }

    /// A flash with its partitions, on `parent`.
    pub(super) fn plug_flash(&self, entry: &ModelEntry, parent: Option<&str>) -> Result<String, PlugError> {
        self.refuse_held(super::class::Class::Mtd, entry.number)?;
        let (name, parts) = match &entry.server {
            None => {
                let (flash, parts) = hardware::flash(entry, self.clock.clone()).map_err(PlugError::Config)?;
                (self.plug_as(entry.number, Hardware::Mtd(flash), Some(&entry.permissions))?, parts)
            }
            Some(server) => {
                let name = self.plug_served(entry.number, hardware::flash_server(server), &entry.permissions)?;
                let parts = self.parts_of_served(&name, entry).inspect_err(|_| {
                    let _ = self.unplug(&name, Reason::Pulled, Policy::Detach, REMOVAL_BUDGET);
                })?;
                (name, parts)
            }
        };
        // What had the number before has no parts any more.
        self.disown_parts(&name);
        self.places.kin.tie(&name, Tie::new(parent, None, true));
        if let Some(policy) = entry.policy {
            self.set_policy(&name, policy);
        }
        for part in parts {
            if let Err(error) = self.plug_part(&name, part, true) {
                let _ = self.unplug(&name, Reason::Pulled, Policy::Detach, REMOVAL_BUDGET);
                return Err(error);
            }
        }
        Ok(name)
    }

    /// Which parts a flash has that is in a server: how large it is, that has said.
    fn parts_of_served(&self, name: &str, entry: &ModelEntry) -> Result<Vec<PartitionSpec>, PlugError> {
        let gone = || PlugError::Server { name: name.to_owned(), what: "was lost".into() };
        let whole = self.places.kin.flash(name).ok_or_else(gone)?;
        super::partitions::parts(&entry.partitions, whole.geometry()).map_err(PlugError::Config)
    }

    /// Devices will hang on this one, which has just been plugged in.
    pub(super) fn has_children(&self, name: &str) {
        self.disown_parts(name);
        self.places.kin.tie(name, Tie::new(None, None, true));
    }

    /// Ties a device that has just been plugged in to the one that it hangs on, with which it does not come back.
    pub(super) fn tie_child(&self, name: &str, parent: &str) {
        self.disown_parts(name);
        self.places.kin.tie(name, Tie::new(Some(parent), None, false));
    }

    fn disown_parts(&self, name: &str) {
        self.places.kin.children(name).iter().for_each(|child| self.disown(child));
        self.places.kin.untie(name);
    }

    /// Makes a part of the flash called `parent` a device of its own, under the lowest number that is free.
    pub(super) fn plug_part(&self, parent: &str, part: PartitionSpec, lasting: bool) -> Result<String, PlugError> {
        let gone = || PlugError::Parent { name: part.name.clone(), parent: parent.to_owned() };
        let whole = self.places.kin.flash(parent).filter(|_| self.is_live(parent)).ok_or_else(gone)?;
        let slice = Slice::of(&whole, part.clone());
        let slice = slice.map_err(|why| PlugError::Config(ConfigError::new(part.name.clone(), why.to_string())))?;
        let permissions = self.permissions_of(parent);
        let name = self.plug_as(None, Hardware::Mtd(Box::new(slice)), Some(&permissions))?;
        self.disown_parts(&name);
        self.places.kin.tie(&name, Tie::new(Some(parent), Some(part.clone()), lasting));
        if let Some(policy) = self.own_policy_of(parent) {
            self.set_policy(&name, policy);
        }
        if !self.is_live(parent) {
            // It went meanwhile, and may not have seen this one.
            let _ = self.unplug(&name, Reason::Pulled, Policy::Detach, REMOVAL_BUDGET);
            self.disown(&name);
            return Err(gone());
        }
        Ok(name)
    }

    /// Whether there is a device, or a card, of that name now.
    pub(crate) fn is_live(&self, name: &str) -> bool {
        let live = self.places.lock().get(name).and_then(|place| place.live.clone());
        live.is_some_and(|device| device.gone().is_none()) || self.cards.is_live(name)
    }

    /// Plugs what hung on `name` in again, as far as the lab was told of it: next generations.
    pub(super) fn plug_children(&self, name: &str) -> Vec<Result<String, PlugError>> {
        let lasting = |child: &String| self.places.kin.is_lasting(child);
        let children = self.places.kin.children(name).into_iter().filter(lasting);
        children
            .map(|child| match self.plug_name(&child) {
                Err(PlugError::Plugged { name }) => Ok(name),
                result => result,
            })
            .collect()
    }

    /// Resets a device: pulls all that hangs on it, and brings that back as it was, in next generations. For up to `limit`
    /// it waits for operations that are inside, for users never.
    ///
    /// # Errors
    /// [`ResetError`]: then nothing has happened.
    pub fn reset(&self, name: &str, limit: Duration) -> Result<Reset, ResetError> {
        let name = bare(name);
        if !self.is_live(name) {
            let unknown = || UnplugError::Unknown { name: name.to_owned(), known: self.known() };
            return Err(if self.is_known(name) {
                ResetError::Gone(name.to_owned())
            } else {
                ResetError::Unknown(unknown())
            });
        }
        if self.places.kin.children(name).is_empty() {
            return Err(ResetError::Childless(name.to_owned()));
        }
        let stuck = self.pull_below(name, limit).into_iter().filter_map(Result::err).collect();
        let mut reset = Reset { name: name.to_owned(), back: Vec::new(), stuck, failed: Vec::new() };
        for result in self.plug_children(name) {
            match result {
                Ok(name) => reset.back.push(name),
                Err(error) => reset.failed.push(error),
            }
        }
        Ok(reset)
    }
}
