//! Plugging in: by what a SPEC says, with a driver of the caller's own, or again what was here before.

use super::{
    DeviceConfig, Lab, Permissions, PlugError, bare,
    class::{self, Class, Means},
    ground, hardware,
    places::Kept,
    spec,
};
use outlive::{Change, Number, Policy, Reason};
use outlive_classes::{Contract, Hardware, Plugged, mtd::Slice};
use std::{
    sync::{Arc, PoisonError},
    time::Duration,
};

impl Lab {
    /// Plugs in a new device, as `--device SPEC` does, and gives its name.
    ///
    /// # Errors
    /// [`PlugError::Held`] (EBUSY) as long as handles to a former owner of its number live (I27);
    /// [`PlugError::Plugged`] if there is such a device; [`PlugError::Config`].
    pub fn plug_spec(&self, text: &str) -> Result<String, PlugError> {
        self.plug(&spec::parse(text, text).map_err(PlugError::Config)?)
    }

    /// Plugs in a new device and gives its name.
    ///
    /// # Errors
    /// As [`plug_spec`](Lab::plug_spec).
    pub fn plug(&self, device: &DeviceConfig) -> Result<String, PlugError> {
        let class = match device {
            DeviceConfig::Mtd(flash) => return self.plug_flash(flash, None),
            DeviceConfig::Gpu(card) => return self.plug_card(card),
            device => device.class(),
        };
        self.refuse_held(class, device.number())?;
        let server = match device {
            DeviceConfig::I2c(bus) => {
                bus.server.as_ref().map(|server| hardware::adapter_server(server, bus.functionality))
            }
            device => device.server().map(hardware::tpm_server),
        };
        let name = match server {
            Some(server) => self.plug_served(device.number(), server, device.permissions())?,
            None => {
                let hardware = match device {
                    DeviceConfig::Uinput(_) => {
                        hardware::check(device, &self.clock).map(|()| Hardware::Uinput(self.user_inputs.clone()))
                    }
                    device => hardware::make(device, self.clock.clone()),
                };
                let hardware = hardware.map_err(PlugError::Config)?;
                self.plug_as(device.number(), hardware, Some(device.permissions()))?
            }
        };
        if class == Class::Uinput {
            self.has_children(&name);
        }
        if let Some(policy) = device.policy() {
            self.set_policy(&name, policy);
        }
        Ok(name)
    }

    /// Asked before anything is made, since making a chip may open its file; claimed after, since a claim begins a
    /// generation.
    pub(super) fn refuse_held(&self, class: Class, number: Option<u32>) -> Result<(), PlugError> {
        self.places.prune();
        match number {
            Some(number) if self.is_taken(class, number) => Err(self.held(&class.node_name(number))),
            _ => Ok(()),
        }
    }

    /// Whether a number cannot be had: a device has it, or zombies do, unless those are no matter.
    fn is_taken(&self, class: Class, number: u32) -> bool {
        if !class.reuses_numbers(self.contract_of(class)) {
            return self.numbers.of(class).is_held(number);
        }
        let table = self.places.lock();
        let place = table.get(&class.node_name(number));
        place.is_some_and(|place| place.live.is_some() || place.leaving().is_some())
    }

    /// Takes a number: that one, or the lowest that can be had.
    fn claim(&self, class: Class, number: Option<u32>) -> Result<Number, PlugError> {
        let numbers = self.numbers.of(class);
        let usable = |number: u32| class.has(number) && !is_the_machines(&class.node_name(number));
        if class.reuses_numbers(self.contract_of(class)) {
            let free = |number: &u32| usable(*number) && !self.is_taken(class, *number);
            let number = number.or_else(|| (0..=class.highest()).find(free));
            let number = number.ok_or(PlugError::Full { class: class.noun() })?;
            let taken = self.is_taken(class, number);
            return if taken { Err(self.held(&class.node_name(number))) } else { Ok(numbers.claim_again(number)) };
        }
        match number {
            Some(number) => numbers.claim(number).map_err(|_| self.held(&class.node_name(number))),
            None => {
                let free = (0..=class.highest()).filter(|number| !numbers.is_held(*number) && usable(*number));
                let claimed = free.into_iter().find_map(|number| numbers.claim(number).ok());
                claimed.ok_or(PlugError::Full { class: class.noun() })
            }
        }
    }

    /// Plugs in hardware with a driver of the caller's own, under `number` or the lowest one that is free, and gives the
    /// device's name.
    ///
    /// # Errors
    /// [`PlugError::Held`] (EBUSY) as long as handles to a former owner of the number live (I27);
    /// [`PlugError::Plugged`] if there is such a device; [`PlugError::NoMemory`].
    pub fn plug_hardware(&self, number: Option<u32>, hardware: Hardware) -> Result<String, PlugError> {
        self.plug_as(number, hardware, None)
    }

    pub(super) fn plug_as(
        &self,
        number: Option<u32>,
        hardware: Hardware,
        permissions: Option<&Permissions>,
    ) -> Result<String, PlugError> {
        self.places.prune();
        let class = Class::of(&hardware);
        let means = self.means(&hardware, class.name())?;
        let number = self.claim(class, number)?;
        let value = number.value();
        let name = class.node_name(value);
        let mut all = self.permissions.lock().unwrap_or_else(PoisonError::into_inner);
        all.insert(name.clone(), permissions.cloned().unwrap_or_default());
        drop(all);
        self.served.forget(&name);
        let device = self.make(number, hardware, means);
        // The hardware is dropped with what could not be plugged in.
        self.announce(&device)?;
        self.places.settle(value, device);
        Ok(name)
    }

    /// How devices of `class` answer for their zombies.
    fn contract_of(&self, class: Class) -> Contract {
        self.contract.unwrap_or(class.own_contract())
    }

    fn make(&self, number: Number, hardware: Hardware, means: Means) -> Arc<dyn Plugged> {
        let contract = self.contract_of(Class::of(&hardware));
        let partitions = self.client_partitions.clone();
        let (places, name) = (Arc::downgrade(&self.places), Class::of(&hardware).node_name(number.value()));
        let generation = number.generation();
        let hung = move |change| places.upgrade().into_iter().for_each(|places| places.hung(&name, generation, change));
        let ground = || ground::of(self.clock.clone(), self.buffers.clone(), hung);
        let (device, flash) = class::plug(contract, number, hardware, means, partitions, &self.clock, ground);
        if let Some(flash) = flash {
            self.places.kin.set_flash(&device.node().name, flash);
        }
        device
    }

    /// Has the front make the node of a device that is about to be plugged in. If it cannot be, the device is gone.
    fn announce(&self, device: &Arc<dyn Plugged>) -> Result<(), PlugError> {
        let Some(announcer) = self.announcer.get() else { return Ok(()) };
        let name = device.node().name.clone();
        let announced = announcer.announce(device, &self.permissions_of(&name));
        announced.map_err(|why| {
            drop(self.places.kin.end_flash(&name));
            PlugError::NoNode { name, why }
        })
    }

    fn means(&self, hardware: &Hardware, name: &str) -> Result<Means, PlugError> {
        Means::of(hardware, name).map_err(|errno| PlugError::NoMemory { name: name.to_owned(), why: errno.to_string() })
    }

    /// The hardware that the last unplug of `name` gave back, for the caller to keep: the device cannot be plugged in
    /// again by its name then; with hardware that is in a server, the server ends. `None` if there is none, or it is plugged
    /// in.
    pub fn take_hardware(&self, name: &str) -> Option<Hardware> {
        self.places.prune();
        let kept = self.places.lock().get_mut(bare(name))?.kept.take()?;
        // The link lives as long as what has it.
        self.served.forget(bare(name));
        match kept {
            Kept::Hardware(hardware) => Some(hardware),
            Kept::Part => None,
        }
    }

    /// Plugs the hardware that an unplug gave back in again, in the same place: the next generation of that device.
    /// Handles to former ones stay dead (I26). Gives the device's name.
    ///
    /// # Errors
    /// [`PlugError::Plugged`], [`PlugError::Unknown`], [`PlugError::StillBusy`] if its removal has not finished, or
    /// [`PlugError::NoMemory`].
    pub fn plug_name(&self, name: &str) -> Result<String, PlugError> {
        self.places.prune();
        let name = bare(name).to_owned();
        if let Some(parent) = self.places.kin.parent(&name).filter(|parent| !self.is_live(parent)) {
            return Err(PlugError::Parent { name, parent });
        }
        if self.cards.knows(&name) {
            let Some(generation) = self.cards.begin(&name) else { return Err(PlugError::Plugged { name }) };
            self.places.events.tell(&name, generation, Change::Plugged);
            return self.with_children(name);
        }
        let mut table = self.places.lock();
        let Some(place) = table.get_mut(&name) else {
            drop(table);
            return Err(PlugError::Unknown { name, known: self.known() });
        };
        if place.live.is_some() {
            return Err(PlugError::Plugged { name });
        }
        let (number, leaving) = (place.number, place.leaving());
        let kept = if leaving.is_none() { place.kept.take() } else { None };
        drop(table);
        match (kept, leaving) {
            (Some(kept), _) => self.plug_kept(name, number, kept),
            (_, Some(device)) => self.plug_leaving(name, &*device),
            _ => Err(PlugError::BeingPlugged { name }),
        }
    }

    fn plug_kept(&self, name: String, number: u32, kept: Kept) -> Result<String, PlugError> {
        let is_part = matches!(kept, Kept::Part);
        let put_back = |hardware| {
            self.places.put_back(&name, if is_part { Kept::Part } else { Kept::Hardware(hardware) });
        };
        let hardware = match self.renewed(&name, kept) {
            Ok(hardware) => hardware,
            Err((error, kept)) => {
                self.places.put_back(&name, kept);
                return Err(error);
            }
        };
        let means = match self.means(&hardware, &name) {
            Ok(means) => means,
            Err(error) => {
                put_back(hardware);
                return Err(error);
            }
        };
        let again = self.numbers.of(Class::of(&hardware)).claim_again(number);
        let device = self.make(again, hardware, means);
        if let Err(error) = self.announce(&device) {
            // Nobody has opened it; so nobody is inside, and the hardware comes back at once.
            if let Ok(Some(hardware)) = device.unplug(Reason::Orderly, Policy::Detach, Duration::MAX) {
                put_back(hardware);
            }
            return Err(error);
        }
        self.places.settle(number, device);
        self.with_children(name)
    }

    /// What is to be plugged in as `name` again: a part is made anew, of the life that its flash is in; what is in a server,
    /// of what that says now.
    fn renewed(&self, name: &str, kept: Kept) -> Result<Hardware, (PlugError, Kept)> {
        if let Kept::Hardware(hardware) = kept {
            let renewed = self.served.renew(name);
            return match renewed {
                None => Ok(hardware),
                Some(renewed) => renewed.map_err(|error| (error, Kept::Hardware(hardware))),
            };
        }
        let kin = &self.places.kin;
        let parent = kin.parent(name).unwrap_or_default();
        let slice = kin.flash(&parent).zip(kin.part(name)).and_then(|(whole, part)| Slice::of(&whole, part).ok());
        let gone = || (PlugError::Parent { name: name.to_owned(), parent }, Kept::Part);
        slice.map(|slice| Hardware::Mtd(Box::new(slice))).ok_or_else(gone)
    }

    /// Brings back what hung on a device that has come back.
    fn with_children(&self, name: String) -> Result<String, PlugError> {
        self.plug_children(&name).into_iter().find_map(Result::err).map_or(Ok(name), Err)
    }

    /// For a device whose removal had not finished when somebody wanted it back.
    fn plug_leaving(&self, name: String, device: &dyn Plugged) -> Result<String, PlugError> {
        let reason = device.gone().map_or(Reason::Pulled, |gone| gone.reason);
        match device.unplug(reason, Policy::Detach, Duration::ZERO) {
            Err(busy) => Err(PlugError::StillBusy { name, busy }),
            // It finished this very moment ...
            Ok(Some(hardware)) => {
                self.places.keep(device, hardware);
                self.plug_name(&name)
            }
            // ... and another unplug has the hardware in hand.
            Ok(None) => Err(PlugError::BeingPlugged { name }),
        }
    }

    fn held(&self, name: &str) -> PlugError {
        let name = name.to_owned();
        match self.places.lock().get(&name) {
            Some(place) if place.live.is_none() => PlugError::Held { handles: place.zombies(), name },
            _ => PlugError::Plugged { name },
        }
    }
}

/// Whether the machine has a node of that name, which a number given out by ourselves should not hide.
pub(super) fn is_the_machines(name: &str) -> bool {
    std::path::Path::new("/dev").join(name).symlink_metadata().is_ok()
}
