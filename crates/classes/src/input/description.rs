//! What an input device is: `struct input_dev` of `linux/input.h`, as its driver fills it in.

use super::{
    Bits,
    uapi::{self, MAX_SLOTS, abs, ev, ff},
};
use std::collections::BTreeMap;

/// Which device it is: `struct input_id`.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Id {
    /// How it is connected: `BUS_USB` is 3, `BUS_VIRTUAL` 6.
    pub bus: u16,
    /// Its maker.
    pub vendor: u16,
    /// Its model.
    pub product: u16,
    /// Its version.
    pub version: u16,
}

impl Id {
    /// In the order of [`Id`], as in a client's memory.
    pub(super) fn words(self) -> [u16; 4] {
        [self.bus, self.vendor, self.product, self.version]
    }
}

/// An axis: `struct input_absinfo`.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Axis {
    /// Where it is.
    pub value: i32,
    /// The least value.
    pub minimum: i32,
    /// The greatest.
    pub maximum: i32,
    /// How much noise is filtered out.
    pub fuzz: i32,
    /// How far around the middle counts as the middle. Programs heed it, the kernel does not.
    pub flat: i32,
    /// In units a millimetre, or a radian.
    pub resolution: i32,
}

impl Axis {
    /// One from `minimum` to `maximum`.
    pub const fn from_to(minimum: i32, maximum: i32) -> Self {
        Axis { value: 0, minimum, maximum, fuzz: 0, flat: 0, resolution: 0 }
    }

    /// As in a client's memory.
    pub(super) fn to_bytes(self) -> [u8; uapi::ABS_SIZE] {
        let words = [self.value, self.minimum, self.maximum, self.fuzz, self.flat, self.resolution];
        let mut bytes = [0; uapi::ABS_SIZE];
        bytes.chunks_exact_mut(4).zip(words).for_each(|(place, word)| place.copy_from_slice(&word.to_ne_bytes()));
        bytes
    }

    pub(crate) fn from_bytes(bytes: &[u8; uapi::ABS_SIZE]) -> Self {
        let word = |index: usize| {
            let at = index * 4;
            i32::from_ne_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
        };
        Axis { value: word(0), minimum: word(1), maximum: word(2), fuzz: word(3), flat: word(4), resolution: word(5) }
    }
}

/// An input device.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Description {
    /// What it is called.
    pub name: String,
    /// Where it is plugged in: EVIOCGPHYS, which says ENOENT without.
    pub phys: Option<String>,
    /// Its serial number: EVIOCGUNIQ, likewise.
    pub uniq: Option<String>,
    /// Which device it is.
    pub id: Id,
    /// `INPUT_PROP_*`
    pub properties: Bits,
    /// The types of events that it has.
    pub types: Bits,
    /// The codes that it has of each type.
    pub codes: BTreeMap<u16, Bits>,
    /// Its axes. What is not an axis in `codes` may stand here as well, and can be asked for.
    pub axes: BTreeMap<u16, Axis>,
    /// How many effects of force feedback it can keep.
    pub effects: usize,
    /// The delay and the period of autorepeat, in milliseconds, if it has any.
    pub repeat: Option<[i32; 2]>,
    /// How many events it sends at once, if that is more than its codes make one think.
    pub events_per_packet: Option<usize>,
    /// It hangs on no device: in /sys it is below `/sys/devices/virtual`.
    pub is_virtual: bool,
}

impl Description {
    /// Says that it has `code` of that type.
    #[must_use]
    pub fn with(mut self, kind: u16, codes: impl IntoIterator<Item = u16>) -> Self {
        self.types.set(kind, true);
        let known = self.codes.entry(kind).or_default();
        codes.into_iter().for_each(|code| known.set(code, true));
        self
    }

    /// Says that it has that axis.
    #[must_use]
    pub fn with_axis(mut self, code: u16, axis: Axis) -> Self {
        self.axes.insert(code, axis);
        self.with(ev::ABS, [code])
    }

    /// As the kernel keeps it once it is registered (`input_register_device`, `input_ff_create`, `input_mt_init_slots`).
    pub(super) fn registered(mut self) -> Self {
        self.types.set(ev::SYN, true);
        let types = self.types;
        self.codes.retain(|kind, _| types.has(*kind));
        for (kind, codes) in &mut self.codes {
            *codes = Bits::of(codes.iter().filter(|code| uapi::highest(*kind).is_some_and(|most| *code <= most)));
        }
        if let Some(keys) = self.codes.get_mut(&ev::KEY) {
            // KEY_RESERVED
            keys.set(0, false);
        }
        if self.has(ev::ABS, abs::MT_SLOT) {
            let slot = self.axes.entry(abs::MT_SLOT).or_default();
            slot.maximum = slot.maximum.min(MAX_SLOTS - 1);
            if self.slots() > 0 {
                let axis = self.axes.entry(abs::MT_TRACKING_ID).or_default();
                *axis = Axis { resolution: axis.resolution, ..Axis::from_to(0, 0xffff) };
                self = self.with(ev::ABS, [abs::MT_TRACKING_ID]);
            }
        }
        self
    }

    /// Whether events of that type are of this device.
    pub fn has_type(&self, kind: u16) -> bool {
        self.types.has(kind)
    }

    /// Whether it has that code of that type.
    pub fn has(&self, kind: u16, code: u16) -> bool {
        self.codes.get(&kind).is_some_and(|codes| codes.has(code))
    }

    /// The codes of a type, as EVIOCGBIT shows them; of type 0 the types. Who can do periodic effects can rumble.
    pub fn shown(&self, kind: u16) -> Bits {
        let mut bits = if kind == 0 { self.types } else { self.codes.get(&kind).copied().unwrap_or_default() };
        if kind == ev::FF && self.has_type(ev::FF) && bits.has(ff::PERIODIC) {
            bits.set(ff::RUMBLE, true);
        }
        bits
    }

    /// How many contacts it tells apart: 0 of a device without slots.
    pub fn slots(&self) -> usize {
        let most = self.axes.get(&abs::MT_SLOT).filter(|_| self.has(ev::ABS, abs::MT_SLOT));
        most.map_or(0, |axis| usize::try_from(axis.maximum.saturating_add(1)).unwrap_or_default())
    }

    /// How many events a packet of its may have (`input_estimate_events_per_packet`).
    pub(super) fn packet_size(&self) -> usize {
        let tracked = self.axes.get(&abs::MT_TRACKING_ID).filter(|_| self.has(ev::ABS, abs::MT_TRACKING_ID));
        let contacts = match (self.slots(), tracked) {
            (slots, _) if slots > 0 => slots,
            (_, Some(axis)) => (i64::from(axis.maximum) - i64::from(axis.minimum) + 1).clamp(2, 32) as usize,
            _ if self.has(ev::ABS, abs::MT_POSITION_X) => 2,
            _ => 0,
        };
        let of_contacts = |code: &u16| (abs::MT_SLOT..=abs::MT_LAST).contains(code);
        let axes = self.shown(ev::ABS).iter().map(|code| if of_contacts(&code) { contacts } else { 1 });
        // One for each SYN_MT_REPORT and for SYN_REPORT, and seven for keys and the like.
        let events = contacts + 1 + axes.sum::<usize>() + self.shown(ev::REL).len() + 7;
        events.max(self.events_per_packet.unwrap_or_default())
    }

    /// How many events a client's queue has room for (`evdev_compute_buffer_size`).
    pub(super) fn queue_size(&self) -> usize {
        (self.packet_size() * uapi::QUEUED_PACKETS).max(uapi::MIN_QUEUE).next_power_of_two()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packet_of_a_touchscreen_has_room_for_all_its_contacts() {
        let keyboard = Description::default().with(ev::KEY, 0..200).registered();
        assert_eq!((keyboard.packet_size(), keyboard.queue_size()), (8, 64));
        assert!(!keyboard.has(ev::KEY, 0), "KEY_RESERVED");
        let mouse = Description::default().with(ev::REL, [0, 1, 8]).registered();
        assert_eq!((mouse.packet_size(), mouse.queue_size()), (11, 128));
        let screen = Description::default()
            .with_axis(abs::X, Axis::from_to(0, 799))
            .with_axis(abs::MT_SLOT, Axis::from_to(0, 9))
            .with_axis(abs::MT_POSITION_X, Axis::from_to(0, 799))
            .registered();
        // Ten SYN_MT_REPORT, a SYN_REPORT, the axis, three axes of ten contacts, and seven.
        assert_eq!((screen.slots(), screen.packet_size(), screen.queue_size()), (10, 49, 512));
    }

    #[test]
    fn what_has_no_type_is_not_there() {
        let mut description = Description::default().with(ev::LED, [0]).with(ev::REL, [5, 99]);
        description.types.set(ev::LED, false);
        let description = description.registered();
        assert!(!description.has(ev::LED, 0) && description.has(ev::REL, 5) && !description.has(ev::REL, 99));
        assert_eq!(description.shown(0), Bits::of([ev::SYN, ev::REL]));
    }
}
