//! Sets of codes, as the kernel keeps them and shows them to programs.

use std::fmt;

const WORDS: usize = 12;

/// A set of codes from 0 to 767: of keys, of axes, of types.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct Bits([u64; WORDS]);

/// How many bytes the kernel keeps for codes up to `highest`: whole words of 64 bits (`BITS_TO_LONGS`). It reckons with the
/// highest code where it should with their count, so that a multiple of 64 would be one short; there is none.
pub(super) const fn bytes_up_to(highest: u16) -> usize {
    (highest as usize).div_ceil(64) * 8
}

impl Bits {
    /// Those of `codes` that are less than 768.
    pub fn of(codes: impl IntoIterator<Item = u16>) -> Self {
        let mut bits = Bits::default();
        codes.into_iter().for_each(|code| bits.set(code, true));
        bits
    }

    /// From what a client has: the first bits of `bytes`, and none beyond `highest`.
    pub fn from_bytes(bytes: &[u8], highest: u16) -> Self {
        let all = bytes.iter().enumerate().flat_map(|(place, byte)| {
            (0..8).filter(move |bit| byte >> bit & 1 != 0).map(move |bit| place as u16 * 8 + bit)
        });
        Bits::of(all.filter(|code| *code <= highest))
    }

    /// As the kernel has it in memory, up to `highest`.
    pub fn to_bytes(self, highest: u16) -> Vec<u8> {
        let mut bytes: Vec<u8> = self.0.iter().flat_map(|word| word.to_ne_bytes()).collect();
        bytes.truncate(bytes_up_to(highest));
        bytes
    }

    /// Whether `code` is in it.
    pub fn has(&self, code: u16) -> bool {
        self.0.get(usize::from(code) / 64).is_some_and(|word| word >> (code % 64) & 1 != 0)
    }

    /// Puts `code` in, or takes it out. One that is too high is never in.
    pub fn set(&mut self, code: u16, on: bool) {
        let Some(word) = self.0.get_mut(usize::from(code) / 64) else { return };
        let bit = 1 << (code % 64);
        if on { *word |= bit } else { *word &= !bit }
    }

    /// What is in it, from the lowest.
    pub fn iter(&self) -> impl Iterator<Item = u16> + use<> {
        let bits = *self;
        (0..WORDS as u16 * 64).filter(move |code| bits.has(*code))
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.iter().map(|word| word.count_ones() as usize).sum()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        *self == Bits::default()
    }
}

/// As in /sys and uevents: words in hexadecimal, the highest that is not empty first (`input_print_bitmap` of
/// `drivers/input/input.c`).
impl fmt::Display for Bits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let first = self.0.iter().rposition(|word| *word != 0).unwrap_or_default();
        write!(f, "{:x}", self.0[first])?;
        self.0[..first].iter().rev().try_for_each(|word| write!(f, " {word:x}"))
    }
}

impl fmt::Debug for Bits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_are_shown_as_the_kernel_does() {
        let check = |codes: &[u16], text: &str| assert_eq!(Bits::of(codes.iter().copied()).to_string(), text);
        check(&[], "0");
        check(&[0, 1, 20], "100003");
        check(&[1, 127], "8000000000000000 2");
        check(&[128], "1 0 0");
        check(&[768, 9999], "0");
    }

    #[test]
    fn they_go_to_memory_and_back() {
        let bits = Bits::of([0, 9, 0x2ff]);
        assert_eq!(bits.to_bytes(0x2ff).len(), 96);
        assert_eq!(Bits::from_bytes(&bits.to_bytes(0x2ff), 0x2ff), bits);
        assert_eq!(Bits::from_bytes(&[0xff, 0xff], 9), Bits::of(0..=9));
        assert_eq!((bits.len(), bits.iter().collect::<Vec<_>>()), (3, vec![0, 9, 0x2ff]));
        assert_eq!((Bits::of([3]).to_bytes(7), bytes_up_to(0x10)), (vec![8, 0, 0, 0, 0, 0, 0, 0], 8));
    }
}
