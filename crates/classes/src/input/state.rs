//! What the device is doing: which keys are down, where the axes are, and what of an event is news
//! (`input_get_disposition` and what is around it in `drivers/input/input.c`).

use super::{
    Axis, Bits, Description,
    uapi::{self, abs, ev, syn},
};
use std::{collections::BTreeMap, sync::Arc};

/// An event without its time: `struct input_value`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Value {
    /// `EV_*`
    pub kind: u16,
    /// What of that type: which key, which axis.
    pub code: u16,
    /// 1 for a key that goes down, 0 up, 2 that is held; where an axis is; how far something has moved.
    pub value: i32,
}

impl Value {
    /// An event.
    pub const fn new(kind: u16, code: u16, value: i32) -> Self {
        Value { kind, code, value }
    }

    /// The end of a packet.
    pub const SYNC: Value = Value::new(ev::SYN, syn::REPORT, 0);
    /// One that the class itself puts there (`input_value_sync`).
    pub(super) const OWN_SYNC: Value = Value::new(ev::SYN, syn::REPORT, 1);

    pub(crate) const fn is_report(self) -> bool {
        self.kind == ev::SYN && self.code == syn::REPORT
    }
}

/// What became of an event.
#[derive(PartialEq, Eq, Default, Debug)]
pub(super) struct Handled {
    /// It is for the device, too.
    pub(super) to_device: Option<Value>,
    /// A packet that clients get.
    pub(super) packet: Option<Vec<Value>>,
}

/// What a device without a keymap and its clients share.
#[derive(Debug)]
pub(super) struct State {
    description: Arc<Description>,
    /// What is down, lit or on, of keys, LEDs, sounds and switches.
    on: BTreeMap<u16, Bits>,
    pub(super) axes: BTreeMap<u16, Axis>,
    slots: Vec<Slot>,
    /// The slot that events of contacts are for, whether or not clients have been told.
    slot: usize,
    pub(super) repeat: [i32; 2],
    /// The packet that has not ended.
    values: Vec<Value>,
    room: usize,
}

/// One contact: where each of its axes is.
#[derive(Clone, Debug)]
struct Slot([i32; SLOT_AXES]);

const SLOT_AXES: usize = (abs::MT_LAST - abs::MT_FIRST + 1) as usize;

impl State {
    pub(super) fn new(description: Arc<Description>) -> Self {
        let mut empty = Slot([0; SLOT_AXES]);
        empty.0[slot_axis(abs::MT_TRACKING_ID)] = -1;
        State {
            on: BTreeMap::new(),
            axes: description.axes.clone(),
            slots: vec![empty; description.slots()],
            slot: 0,
            repeat: description.repeat.unwrap_or(uapi::REPEAT),
            values: Vec::new(),
            room: description.packet_size() + 2,
            description,
        }
    }

    /// What is down, lit or on, of type `kind`.
    pub(super) fn on(&self, kind: u16) -> Bits {
        self.on.get(&kind).copied().unwrap_or_default()
    }

    /// Where each contact is on that axis; nothing of an axis that contacts do not have.
    pub(super) fn contacts(&self, axis: u16) -> Vec<i32> {
        let place = axis.checked_sub(abs::MT_FIRST).map(usize::from);
        self.slots.iter().filter_map(|slot| slot.0.get(place?).copied()).collect()
    }

    /// An event, from the device or from a client (`input_handle_event`).
    pub(super) fn event(&mut self, mut value: Value) -> Handled {
        let mut handled = Handled::default();
        if !self.description.has_type(value.kind) {
            return handled;
        }
        let Some(news) = self.news(&mut value) else { return handled };
        if news.to_device {
            handled.to_device = Some(value);
        }
        if news.to_clients {
            if let Some(slot) = news.slot {
                self.values.push(Value::new(ev::ABS, abs::MT_SLOT, slot));
            }
            self.values.push(value);
        }
        if value.is_report() {
            let packet = std::mem::take(&mut self.values);
            handled.packet = (packet.len() >= 2).then_some(packet);
        } else if self.values.len() >= self.room - 2 {
            self.values.push(Value::OWN_SYNC);
            handled.packet = Some(std::mem::take(&mut self.values));
        }
        handled
    }

    /// Whom an event concerns; `None` if it is no news to anybody.
    fn news(&mut self, value: &mut Value) -> Option<News> {
        let Value { kind, code, value: amount } = *value;
        let known = self.description.has(kind, code);
        let on = amount != 0;
        match kind {
            ev::SYN => match code {
                syn::CONFIG => News::ALL,
                syn::REPORT | syn::MT_REPORT => News::CLIENTS,
                _ => None,
            },
            ev::KEY if known && amount == 2 => News::CLIENTS,
            ev::KEY | ev::SW if known && self.turn(kind, code, on) => News::CLIENTS,
            ev::ABS if known => self.axis(code, &mut value.value),
            ev::REL if known && on => News::CLIENTS,
            ev::MSC if known => News::ALL,
            ev::LED if known && self.turn(kind, code, on) => News::ALL,
            ev::SND if known => {
                self.turn(kind, code, on);
                News::ALL
            }
            ev::REP => {
                let kept = self.repeat.get_mut(usize::from(code)).filter(|kept| amount >= 0 && **kept != amount)?;
                *kept = amount;
                News::ALL
            }
            ev::FF if amount >= 0 => News::ALL,
            ev::PWR => News::ALL,
            _ => None,
        }
    }

    /// Turns a key or the like on or off, and says whether it was not.
    fn turn(&mut self, kind: u16, code: u16, on: bool) -> bool {
        let bits = self.on.entry(kind).or_default();
        let changes = bits.has(code) != on;
        bits.set(code, on);
        changes
    }

    /// `input_handle_abs_event`
    fn axis(&mut self, code: u16, value: &mut i32) -> Option<News> {
        if code == abs::MT_SLOT {
            // It is told when there is something to say of that slot.
            if let Some(slot) = usize::try_from(*value).ok().filter(|slot| *slot < self.slots.len()) {
                self.slot = slot;
            }
            return None;
        }
        let of_slot = (abs::MT_FIRST..=abs::MT_LAST).contains(&code);
        if of_slot && self.slots.is_empty() {
            return News::CLIENTS;
        }
        let fuzz = self.axes.get(&code).map_or(0, |axis| axis.fuzz);
        let kept = if of_slot {
            &mut self.slots[self.slot].0[slot_axis(code)]
        } else {
            &mut self.axes.entry(code).or_default().value
        };
        *value = without_noise(*value, *kept, fuzz);
        if *kept == *value {
            return None;
        }
        *kept = *value;
        let told = self.axes.entry(abs::MT_SLOT).or_default();
        if of_slot && told.value != self.slot as i32 {
            told.value = self.slot as i32;
            return Some(News { to_clients: true, to_device: false, slot: Some(self.slot as i32) });
        }
        News::CLIENTS
    }

    /// All keys go up (`input_dev_release_keys`). The packet that this makes, together with what had not ended.
    pub(super) fn release_keys(&mut self) -> Option<Vec<Value>> {
        let down = self.on(ev::KEY);
        if down.is_empty() {
            return None;
        }
        let mut packet: Vec<Value> = std::mem::take(&mut self.values);
        packet.extend(down.iter().map(|key| Value::new(ev::KEY, key, 0)));
        packet.push(Value::OWN_SYNC);
        self.on.remove(&ev::KEY);
        Some(packet)
    }

    /// Sets what an axis is like; where a contact is is not to be set that way.
    pub(super) fn set_axis(&mut self, code: u16, axis: Axis) {
        self.axes.insert(code, axis);
    }
}

const fn slot_axis(code: u16) -> usize {
    (code - abs::MT_FIRST) as usize
}

/// Whom an event concerns.
#[derive(Clone, Copy)]
struct News {
    to_clients: bool,
    to_device: bool,
    /// Clients have to be told of the slot first.
    slot: Option<i32>,
}

impl News {
    const CLIENTS: Option<News> = Some(News { to_clients: true, to_device: false, slot: None });
    const ALL: Option<News> = Some(News { to_clients: true, to_device: true, slot: None });
}

/// `input_defuzz_abs_event`
fn without_noise(value: i32, before: i32, fuzz: i32) -> i32 {
    if fuzz == 0 {
        return value;
    }
    let (value, before, fuzz) = (i64::from(value), i64::from(before), i64::from(fuzz));
    let within = |width: i64| value > before - width && value < before + width;
    let filtered = if within(fuzz / 2) {
        before
    } else if within(fuzz) {
        (before * 3 + value) / 4
    } else if within(fuzz * 2) {
        i64::midpoint(before, value)
    } else {
        value
    };
    filtered as i32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(description: Description) -> State {
        State::new(Arc::new(description.registered()))
    }

    /// What clients get of these events, each packet without its end.
    fn packets(state: &mut State, events: &[(u16, u16, i32)]) -> Vec<Vec<(u16, u16, i32)>> {
        let events = events.iter().map(|(kind, code, value)| Value::new(*kind, *code, *value));
        let packets = events.filter_map(|value| state.event(value).packet);
        packets
            .map(|packet| {
                let (last, rest) = packet.split_last().unwrap();
                assert!(last.is_report());
                rest.iter().map(|it| (it.kind, it.code, it.value)).collect()
            })
            .collect()
    }

    const SYN: (u16, u16, i32) = (ev::SYN, syn::REPORT, 0);

    #[test]
    fn only_news_of_what_the_device_has_is_passed_on() {
        let mut keyboard = state(Description::default().with(ev::KEY, [30]).with(ev::LED, [0]).with(ev::SW, [5]));
        let key = |value| (ev::KEY, 30, value);
        assert_eq!(packets(&mut keyboard, &[key(1), key(1), SYN, key(1), SYN]), [[key(1)]]);
        assert_eq!(packets(&mut keyboard, &[key(2), SYN, SYN, (ev::KEY, 31, 1), (ev::REL, 0, 1), SYN]), [[key(2)]]);
        assert!(keyboard.on(ev::KEY).has(30));
        assert_eq!(packets(&mut keyboard, &[key(0), (ev::SW, 5, 7), (ev::SW, 5, 1), SYN]), [[key(0), (ev::SW, 5, 7)]]);
        let lit = keyboard.event(Value::new(ev::LED, 0, 1));
        assert_eq!(lit.to_device, Some(Value::new(ev::LED, 0, 1)));
        assert_eq!(keyboard.event(Value::new(ev::LED, 0, 1)), Handled::default(), "it is lit");
    }

    #[test]
    fn contacts_have_slots_of_their_own() {
        let screen = Description::default()
            .with_axis(abs::MT_SLOT, Axis::from_to(0, 2))
            .with_axis(abs::MT_POSITION_X, Axis::from_to(0, 99));
        let mut screen = state(screen);
        let (slot, x, id) = (abs::MT_SLOT, abs::MT_POSITION_X, abs::MT_TRACKING_ID);
        assert_eq!(screen.contacts(id), [-1; 3]);
        let at = |code, value| (ev::ABS, code, value);
        assert_eq!(packets(&mut screen, &[at(slot, 0), at(id, 5), at(x, 7), SYN]), [[at(id, 5), at(x, 7)]]);
        assert_eq!(packets(&mut screen, &[at(slot, 2), at(x, 9), SYN]), [[at(slot, 2), at(x, 9)]]);
        assert_eq!(packets(&mut screen, &[at(slot, 3), at(x, 9), SYN]), [[(0, 0, 0); 0]; 0], "no slot 3, and no news");
        assert_eq!((screen.contacts(x), screen.axes[&slot].value), (vec![7, 0, 9], 2));
    }

    #[test]
    fn noise_is_filtered() {
        for (value, want) in [(101, 100), (104, 100), (105, 101), (109, 102), (112, 106), (119, 109), (120, 120)] {
            assert_eq!(without_noise(value, 100, 10), want, "{value}");
        }
        assert_eq!(without_noise(i32::MAX, i32::MIN, i32::MAX), i32::MAX);
    }

    #[test]
    fn a_packet_that_is_too_long_is_cut() {
        let mut mouse = state(Description::default().with(ev::REL, [0]));
        let moves = [(ev::REL, 0, 1); 9];
        assert_eq!(packets(&mut mouse, &moves), [&moves[..]]);
    }

    #[test]
    fn keys_are_released_together_with_what_had_begun() {
        let mut keyboard = state(Description::default().with(ev::KEY, [30, 31]));
        keyboard.event(Value::new(ev::KEY, 30, 1));
        assert_eq!(
            keyboard.release_keys(),
            Some(vec![Value::new(ev::KEY, 30, 1), Value::new(ev::KEY, 30, 0), Value::OWN_SYNC])
        );
        assert_eq!((keyboard.release_keys(), keyboard.on(ev::KEY).len()), (None, 0));
    }
}
