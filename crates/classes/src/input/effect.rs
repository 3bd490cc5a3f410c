//! Effects of force feedback, and whose they are: `drivers/input/ff-core.c`.

use super::{
    Description,
    uapi::{EFFECT_SIZE, ev, ff},
};
use crate::Errno;
use std::fmt;

/// An effect: `struct ff_effect`, as a client laid it out.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Effect([u8; EFFECT_SIZE]);

impl Effect {
    /// One from a client's memory.
    pub const fn from_bytes(bytes: [u8; EFFECT_SIZE]) -> Self {
        Effect(bytes)
    }

    /// As it was there, with the number that it has now.
    pub const fn bytes(&self) -> &[u8; EFFECT_SIZE] {
        &self.0
    }

    fn word(&self, at: usize) -> u16 {
        u16::from_ne_bytes([self.0[at], self.0[at + 1]])
    }

    fn set_word(&mut self, at: usize, word: u16) {
        self.0[at..at + 2].copy_from_slice(&word.to_ne_bytes());
    }

    /// What it is: `FF_RUMBLE` and its like.
    pub fn kind(&self) -> u16 {
        self.word(0)
    }

    /// Its number, by which it is played; -1 of a new one.
    pub fn number(&self) -> i16 {
        self.word(2).cast_signed()
    }

    /// For how long it is played, in milliseconds; 0: until it is stopped.
    pub fn length(&self) -> u16 {
        self.word(10)
    }

    /// How long after it was asked for, in milliseconds.
    pub fn delay(&self) -> u16 {
        self.word(12)
    }

    /// How strongly the heavy motor and the light one of a device that rumbles turn.
    pub fn rumble(&self) -> Option<(u16, u16)> {
        (self.kind() == ff::RUMBLE).then(|| (self.word(16), self.word(18)))
    }

    /// The wave of a periodic effect: `FF_SINE` and its like.
    pub fn waveform(&self) -> Option<u16> {
        (self.kind() == ff::PERIODIC).then(|| self.word(16))
    }

    fn numbered(mut self, number: u16) -> Self {
        self.set_word(2, number);
        self
    }

    /// `check_effects_compatible`
    fn can_replace(&self, other: &Effect) -> bool {
        self.kind() == other.kind() && self.waveform() == other.waveform()
    }

    /// The wave that stands for a rumble on a device that cannot (`compat_effect`): a sine of 50 ms, of which the heavy
    /// motor makes two thirds.
    fn as_wave(mut self) -> Self {
        let Some((strong, weak)) = self.rumble() else { return self };
        let magnitude = (strong / 3 + weak / 6).min(0x7fff);
        self.0[16..].fill(0);
        self.set_word(0, ff::PERIODIC);
        self.set_word(16, ff::SINE);
        self.set_word(18, 50);
        self.set_word(20, magnitude);
        self
    }
}

impl fmt::Debug for Effect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Effect({:#x}, number {})", self.kind(), self.number())
    }
}

/// The effects that a device keeps for its clients.
#[derive(Debug)]
pub(super) struct Effects(Vec<Option<Kept>>);

#[derive(Clone, Copy, Debug)]
struct Kept {
    effect: Effect,
    owner: u64,
}

/// An upload that the device has not confirmed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Upload {
    /// What the device is given.
    pub(super) effect: Effect,
    /// What it replaces.
    pub(super) old: Option<Effect>,
}

impl Upload {
    pub(super) fn number(&self) -> u16 {
        self.effect.number().cast_unsigned()
    }
}

impl Effects {
    /// Room for `count`.
    pub(super) fn new(count: usize) -> Self {
        Effects(vec![None; count])
    }

    /// What is to be uploaded for `owner`, if it can be (`input_ff_upload`). Its place is taken until [`failed`](Self::failed).
    ///
    /// # Errors
    /// ENOSYS of a device without force feedback; EINVAL of what it cannot, or there is not; EACCES of somebody else's; ENOSPC.
    pub(super) fn begin(&mut self, device: &Description, owner: u64, effect: Effect) -> Result<Upload, Errno> {
        if !device.has_type(ev::FF) {
            return Err(Errno::NOSYS);
        }
        let can = device.shown(ev::FF);
        let wave = |wave: u16| (ff::SQUARE..=ff::CUSTOM).contains(&wave) && can.has(wave);
        let known = (ff::RUMBLE..=ff::RAMP).contains(&effect.kind()) && can.has(effect.kind());
        if !known || effect.waveform().is_some_and(|it| !wave(it)) {
            return Err(Errno::INVAL);
        }
        let effect = if device.has(ev::FF, effect.kind()) { effect } else { effect.as_wave() };
        let (place, old) = if effect.number() == -1 {
            let free = self.0.iter().position(Option::is_none).ok_or(Errno::NOSPC)?;
            (free, None)
        } else {
            let place = self.place(effect.number().into(), Some(owner))?;
            (place, self.0[place].map(|kept| kept.effect))
        };
        if old.is_some_and(|old| !effect.can_replace(&old)) {
            return Err(Errno::INVAL);
        }
        let effect = effect.numbered(place as u16);
        self.0[place] = Some(Kept { effect, owner });
        Ok(Upload { effect, old })
    }

    /// The device did not take it: what was there before is there.
    pub(super) fn failed(&mut self, upload: &Upload) {
        let Some(place) = self.0.get_mut(usize::from(upload.number())) else { return };
        *place = place.and_then(|kept| upload.old.map(|effect| Kept { effect, ..kept }));
    }

    /// The place of an effect that is there, and `owner`'s (`check_effect_access`).
    fn place(&self, number: i64, owner: Option<u64>) -> Result<usize, Errno> {
        let place = usize::try_from(number).map_err(|_| Errno::INVAL)?;
        let kept = self.0.get(place).copied().flatten().ok_or(Errno::INVAL)?;
        if owner.is_some_and(|owner| owner != kept.owner) { Err(Errno::ACCESS) } else { Ok(place) }
    }

    /// Whether that effect is `owner`'s.
    pub(super) fn owns(&self, owner: u64, number: i32) -> bool {
        self.place(number.into(), Some(owner)).is_ok()
    }

    /// Forgets an effect of `owner`'s (`erase_effect`): what it was, for a device that refuses.
    ///
    /// # Errors
    /// ENOSYS, EINVAL or EACCES, as of an upload.
    pub(super) fn erase(&mut self, device: &Description, owner: u64, number: i32) -> Result<Effect, Errno> {
        if !device.has_type(ev::FF) {
            return Err(Errno::NOSYS);
        }
        let place = self.place(number.into(), Some(owner))?;
        self.0[place].take().map(|kept| kept.effect).ok_or(Errno::INVAL)
    }

    /// The device did not erase it, so it is there.
    pub(super) fn restore(&mut self, owner: u64, effect: Effect) {
        if let Some(place) = self.0.get_mut(usize::from(effect.number().cast_unsigned())) {
            place.get_or_insert(Kept { effect, owner });
        }
    }

    /// Forgets all of `owner`'s, and says which there were.
    pub(super) fn flush(&mut self, owner: u64) -> Vec<u16> {
        let its = |place: &Option<Kept>| place.is_some_and(|kept| kept.owner == owner);
        let all: Vec<u16> = (0..).zip(&self.0).filter(|(_, place)| its(place)).map(|(number, _)| number).collect();
        all.iter().for_each(|number| self.0[usize::from(*number)] = None);
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn effect(kind: u16, number: i16) -> Effect {
        let mut effect = Effect([0; EFFECT_SIZE]);
        effect.set_word(0, kind);
        effect.set_word(16, ff::SINE);
        effect.numbered(number.cast_unsigned())
    }

    fn begun(effects: &mut Effects, device: &Description, owner: u64, effect: Effect) -> Result<i16, Errno> {
        effects.begin(device, owner, effect).map(|upload| upload.effect.number())
    }

    #[test]
    fn an_effect_is_its_owners() {
        let device = Description::default().with(ev::FF, [ff::RUMBLE]);
        let mut effects = Effects::new(2);
        let rumble = effect(ff::RUMBLE, -1);
        assert_eq!(begun(&mut effects, &device, 7, rumble), Ok(0));
        assert_eq!(begun(&mut effects, &device, 8, rumble), Ok(1));
        assert_eq!(begun(&mut effects, &device, 8, rumble), Err(Errno::NOSPC));
        assert_eq!(begun(&mut effects, &device, 8, effect(ff::RUMBLE, 0)), Err(Errno::ACCESS));
        assert_eq!(begun(&mut effects, &device, 7, effect(ff::RUMBLE, 0)), Ok(0));
        assert_eq!(effects.erase(&device, 7, 1).err(), Some(Errno::ACCESS));
        assert_eq!(effects.erase(&device, 7, 2).err(), Some(Errno::INVAL));
        assert_eq!(effects.erase(&device, 7, -1).err(), Some(Errno::INVAL));
        assert_eq!(effects.flush(8), [1]);
        assert_eq!(begun(&mut effects, &device, 7, effect(ff::RUMBLE, 1)), Err(Errno::INVAL), "it is gone");
        assert!(effects.erase(&device, 7, 0).is_ok());
    }

    #[test]
    fn what_the_device_refused_leaves_what_was_there() {
        let device = Description::default().with(ev::FF, [ff::RUMBLE]);
        let mut effects = Effects::new(1);
        let first = effects.begin(&device, 7, effect(ff::RUMBLE, -1)).unwrap();
        effects.failed(&first);
        let first = effects.begin(&device, 7, effect(ff::RUMBLE, -1)).unwrap();
        let second = effects.begin(&device, 7, effect(ff::RUMBLE, 0)).unwrap();
        assert_eq!(second.old, Some(first.effect));
        effects.failed(&second);
        let erased = effects.erase(&device, 7, 0).unwrap();
        assert_eq!(erased, first.effect);
        effects.restore(7, erased);
        assert!(effects.erase(&device, 7, 0).is_ok());
    }

    #[test]
    fn only_what_the_device_can() {
        let none = Description::default();
        assert_eq!(Effects::new(0).begin(&none, 1, effect(ff::RUMBLE, -1)).err(), Some(Errno::NOSYS));
        let waves = Description::default().with(ev::FF, [ff::PERIODIC, ff::SINE]);
        let mut effects = Effects::new(4);
        assert_eq!(begun(&mut effects, &waves, 1, effect(ff::RAMP, -1)), Err(Errno::INVAL));
        assert_eq!(begun(&mut effects, &waves, 1, effect(ff::GAIN, -1)), Err(Errno::INVAL));
        let rumble = effects.begin(&waves, 1, effect(ff::RUMBLE, -1)).unwrap().effect;
        assert_eq!((rumble.kind(), rumble.waveform(), rumble.rumble()), (ff::PERIODIC, Some(ff::SINE), None));
        let mut square = effect(ff::PERIODIC, -1);
        square.set_word(16, ff::SQUARE);
        assert_eq!(begun(&mut effects, &waves, 1, square), Err(Errno::INVAL));
    }
}
