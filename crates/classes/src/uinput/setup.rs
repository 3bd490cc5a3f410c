//! A device as a program describes it, before there is one: the checks of `drivers/input/misc/uinput.c`.

use super::uapi::{AXES, CONTACTS_PER_PACKET, LAST_SLOT, MAX_EFFECTS, NAME_SIZE, SETUP_SIZE, USER_DEV_SIZE};
use crate::{
    Errno,
    input::{
        Axis, Bits, Description, Id,
        uapi::{self as input, MAX_SLOTS, abs, ev},
    },
};

/// What has been said of a device: `struct input_dev` of one that is not registered.
#[derive(Clone, Debug, Default)]
pub(super) struct Setup {
    about: Description,
    effects: u32,
    /// It has been said as a whole, and may be made: `UIST_SETUP_COMPLETE`.
    pub(super) complete: bool,
}

/// What UI_DEV_SETUP brings, or the beginning of `struct uinput_user_dev`.
#[derive(PartialEq, Eq, Debug)]
pub(super) struct Who {
    pub(super) name: String,
    pub(super) id: Id,
    pub(super) effects: u32,
}

impl Setup {
    /// UI_SET_EVBIT.
    pub(super) fn set_type(&mut self, kind: u16) {
        self.about.types.set(kind, true);
    }

    /// UI_SET_KEYBIT and its like. The type is not said by that.
    pub(super) fn set_code(&mut self, kind: u16, code: u16) {
        self.about.codes.entry(kind).or_default().set(code, true);
    }

    /// UI_SET_PROPBIT.
    pub(super) fn set_property(&mut self, property: u16) {
        self.about.properties.set(property, true);
    }

    /// UI_SET_PHYS.
    pub(super) fn set_phys(&mut self, phys: String) {
        self.about.phys = Some(phys);
    }

    /// UI_DEV_SETUP (`uinput_dev_setup`).
    ///
    /// # Errors
    /// EINVAL without a name.
    pub(super) fn set_who(&mut self, who: Who) -> Result<(), Errno> {
        if who.name.is_empty() {
            return Err(Errno::INVAL);
        }
        self.about.id = who.id;
        self.effects = who.effects;
        self.about.name = who.name;
        self.complete = true;
        Ok(())
    }

    /// UI_ABS_SETUP: the axis is there then, its type only if that has been said.
    pub(super) fn set_axis(&mut self, code: u16, axis: Axis) {
        self.set_code(ev::ABS, code);
        self.about.axes.insert(code, axis);
    }

    /// A write of `struct uinput_user_dev` (`uinput_setup_device_legacy`). What it says is kept even if it is refused.
    ///
    /// # Errors
    /// EINVAL: it is not as long as that, has no name, or an axis cannot be.
    pub(super) fn set_all(&mut self, bytes: &[u8]) -> Result<(), Errno> {
        if bytes.len() != USER_DEV_SIZE {
            return Err(Errno::INVAL);
        }
        let who = Who::of_user_dev(bytes);
        self.effects = who.effects;
        if who.name.is_empty() {
            return Err(Errno::INVAL);
        }
        (self.about.name, self.about.id) = (who.name, who.id);
        let word = |set: usize, code: usize| word(bytes, SETUP_SIZE + (set * AXES + code) * 4).cast_signed();
        for code in 0..AXES {
            let axis = self.about.axes.entry(code as u16).or_default();
            let (maximum, minimum, fuzz, flat) = (word(0, code), word(1, code), word(2, code), word(3, code));
            *axis = Axis { maximum, minimum, fuzz, flat, ..*axis };
        }
        if self.about.types.has(ev::ABS) {
            let axes = self.about.codes.get(&ev::ABS).copied().unwrap_or_default();
            axes.iter().try_for_each(|code| check_axis(code, &self.about.axes[&code]))?;
        }
        self.complete = true;
        Ok(())
    }

    /// What is to be made (`uinput_create_device`).
    ///
    /// # Errors
    /// EINVAL of more slots or effects than a device has, or of force feedback without room for effects.
    pub(super) fn finish(self) -> Result<Description, Errno> {
        let Setup { mut about, effects, .. } = self;
        let has = |about: &Description, code| about.codes.get(&ev::ABS).is_some_and(|codes: &Bits| codes.has(code));
        if about.types.has(ev::ABS) {
            about.axes.entry(0).or_default();
            if has(&about, abs::MT_SLOT) {
                let last = about.axes.get(&abs::MT_SLOT).map_or(0, |axis| axis.maximum);
                if !(-1..MAX_SLOTS).contains(&last) {
                    return Err(Errno::INVAL);
                }
            } else if has(&about, abs::MT_POSITION_X) {
                about.events_per_packet = Some(CONTACTS_PER_PACKET);
            }
        }
        if (about.types.has(ev::FF) && effects == 0) || effects > MAX_EFFECTS {
            return Err(Errno::INVAL);
        }
        about.types.set(ev::FF, effects > 0);
        about.effects = effects as usize;
        about.is_virtual = true;
        Ok(about)
    }
}

/// Whether there can be such an axis (`uinput_validate_absinfo`).
pub(super) fn check_axis(code: u16, axis: &Axis) -> Result<(), Errno> {
    let Axis { minimum, maximum, flat, .. } = *axis;
    let turned = (minimum, maximum) != (0, 0) && maximum < minimum;
    let too_flat = maximum.checked_sub(minimum).is_some_and(|range| flat > range);
    let too_many = code == abs::MT_SLOT && maximum > LAST_SLOT;
    if turned || too_flat || too_many { Err(Errno::INVAL) } else { Ok(()) }
}

/// The highest code of a type that UI_SET_KEYBIT and its like take.
pub(super) fn highest(kind: u16) -> u16 {
    input::highest(kind).unwrap_or_default()
}

impl Who {
    /// `struct uinput_setup`
    pub(super) fn of_setup(bytes: &[u8; SETUP_SIZE]) -> Self {
        let name = text(&bytes[8..8 + NAME_SIZE]);
        Who { name, id: id(&bytes[..8]), effects: word(bytes, 8 + NAME_SIZE) }
    }

    fn of_user_dev(bytes: &[u8]) -> Self {
        Who { name: text(&bytes[..NAME_SIZE]), id: id(&bytes[NAME_SIZE..]), effects: word(bytes, NAME_SIZE + 8) }
    }
}

/// Up to its end. What is not UTF-8 is replaced: names stand in lines that are.
pub(super) fn text(bytes: &[u8]) -> String {
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    String::from_utf8_lossy(&bytes[..end]).into_owned()
}

fn id(bytes: &[u8]) -> Id {
    let half = |at: usize| u16::from_ne_bytes([bytes[at], bytes[at + 1]]);
    Id { bus: half(0), vendor: half(2), product: half(4), version: half(6) }
}

pub(super) fn word(bytes: &[u8], at: usize) -> u32 {
    u32::from_ne_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}
