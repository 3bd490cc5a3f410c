//! The binary BCH code over 512-byte steps: as many wrong bits are corrected as one likes to pay for, 13 bits each.
//!
//! Facts from `drivers/mtd/nand/ecc-sw-bch.c` and `lib/bch.c`: the field has 2^13 elements; a step and its code are one
//! polynomial, the highest bit of the first byte first; the code is stored xored with that of erased cells and with ones,
//! so that erased cells are a code word. Berlekamp, Massey and Chien are in every textbook on coding.

use super::field::{DEGREE, Field, ORDER};

/// Bytes that are corrected as one.
pub(super) const STEP: usize = 512;
/// The strongest that there is, in bits a step.
pub(super) const STRONGEST: usize = 39;
/// Words of a remainder, the highest bit of the first one first.
const WORDS: usize = 8;

type Remainder = [u64; WORDS];

/// The code that corrects a number of bits.
#[derive(Debug)]
pub(super) struct Bch {
    field: Field,
    strength: usize,
    /// How many bits its remainders have.
    bits: usize,
    /// What a byte leaves that goes out at the top.
    table: Vec<Remainder>,
    /// What is xored to what is stored.
    mask: Vec<u8>,
}

impl Bch {
    /// The one that corrects `strength` bits, from 1 to [`STRONGEST`].
    pub(super) fn new(strength: usize) -> Self {
        let field = Field::new();
        let generator = generator(&field, strength);
        let bits = generator.len() - 1;
        let table = (0..=255).map(|byte| leaves(byte, &generator)).collect();
        let mut code = Bch { field, strength, bits, table, mask: vec![0; bytes(strength)] };
        code.mask = code.encode(&[0xff; STEP]).iter().map(|byte| !byte).collect();
        code
    }

    /// The code of a step.
    pub(super) fn encode(&self, step: &[u8]) -> Vec<u8> {
        let remainder = step.iter().fold([0; WORDS], |remainder, byte| self.shifted(remainder, *byte));
        let stored = remainder.iter().flat_map(|word| word.to_be_bytes());
        stored.zip(&self.mask).map(|(byte, mask)| byte ^ mask).collect()
    }

    fn shifted(&self, remainder: Remainder, byte: u8) -> Remainder {
        let out = (remainder[0] >> 56) as u8 ^ byte;
        let leaves = &self.table[usize::from(out)];
        let next = |i: usize| remainder.get(i + 1).map_or(0, |word| word >> 56);
        std::array::from_fn(|i| (remainder[i] << 8 | next(i)) ^ leaves[i])
    }

    /// Corrects `step`, whose stored code is `code`: how many bits were wrong, in it or in the code; `None` if too many.
    pub(super) fn correct(&self, step: &mut [u8], code: &[u8]) -> Option<u32> {
        let difference: Vec<u8> = self.encode(step).iter().zip(code).map(|(is, was)| is ^ was).collect();
        let set = (0..self.bits).filter(|bit| difference[bit / 8] & 0x80 >> (bit % 8) != 0);
        let exponents: Vec<usize> = set.map(|bit| self.bits - 1 - bit).collect();
        if exponents.is_empty() {
            return Some(0);
        }
        let locator = self.locator(&self.syndromes(&exponents))?;
        let wrong = self.roots(&locator);
        if wrong.len() != locator.len() - 1 {
            return None;
        }
        for exponent in wrong.iter().filter(|exponent| **exponent >= self.bits) {
            let bit = 8 * STEP - 1 - (exponent - self.bits);
            step[bit / 8] ^= 0x80 >> (bit % 8);
        }
        Some(wrong.len() as u32)
    }

    /// The values, at the first `2 * strength` powers of the generator, of the polynomial with these exponents.
    fn syndromes(&self, exponents: &[usize]) -> Vec<u16> {
        let at = |power: usize| exponents.iter().fold(0, |sum, exponent| sum ^ self.field.power(exponent * power));
        (1..=2 * self.strength).map(at).collect()
    }

    /// The polynomial whose roots are the inverses of the wrong places, the constant first (Berlekamp and Massey); `None` if
    /// there would be too many.
    fn locator(&self, syndromes: &[u16]) -> Option<Vec<u16>> {
        let field = &self.field;
        let (mut locator, mut former) = (vec![1_u16], vec![1_u16]);
        let (mut length, mut gap, mut scale) = (0, 1, 1_u16);
        for n in 0..syndromes.len() {
            let terms = locator.iter().take(n + 1).enumerate();
            let discrepancy = terms.fold(0, |sum, (i, factor)| sum ^ field.multiply(*factor, syndromes[n - i]));
            if discrepancy == 0 {
                gap += 1;
                continue;
            }
            let before = locator.clone();
            let factor = field.divide(discrepancy, scale);
            locator.resize(locator.len().max(former.len() + gap), 0);
            former.iter().enumerate().for_each(|(i, term)| locator[i + gap] ^= field.multiply(factor, *term));
            if 2 * length <= n {
                (length, former, scale, gap) = (n + 1 - length, before, discrepancy, 1);
            } else {
                gap += 1;
            }
        }
        locator.truncate(locator.iter().rposition(|term| *term != 0)? + 1);
        (length <= self.strength && locator.len() == length + 1).then_some(locator)
    }

    /// The exponents at whose inverses `locator` is 0 (Chien).
    fn roots(&self, locator: &[u16]) -> Vec<usize> {
        let field = &self.field;
        let value = |exponent: usize| {
            let term = |(i, factor): (usize, &u16)| field.multiply(*factor, field.power((ORDER - exponent) * i));
            locator.iter().enumerate().map(term).fold(0, |sum, term| sum ^ term)
        };
        (0..8 * STEP + self.bits).filter(|exponent| value(*exponent) == 0).collect()
    }
}

/// Bytes that the code of a step takes.
pub(super) fn bytes(strength: usize) -> usize {
    (DEGREE * strength).div_ceil(8)
}

/// The product of x - a for the first odd powers `a` of the field's generator and all their conjugates, each once; the
/// highest bit first. It has no other factors than 0 and 1.
fn generator(field: &Field, strength: usize) -> Vec<bool> {
    let mut is_root = vec![false; ORDER];
    let mut product = vec![1_u16];
    for power in (1..2 * strength).step_by(2) {
        let conjugates = (0..DEGREE).map(|square| (power << square) % ORDER);
        for exponent in conjugates {
            if std::mem::replace(&mut is_root[exponent], true) {
                continue;
            }
            let root = field.power(exponent);
            let scaled: Vec<u16> = product.iter().map(|factor| field.multiply(*factor, root)).collect();
            product.push(0);
            product[1..].iter_mut().zip(scaled).for_each(|(factor, scaled)| *factor ^= scaled);
        }
    }
    product.iter().map(|factor| *factor == 1).collect()
}

/// What is left of `byte` before a remainder's worth of zeros.
fn leaves(byte: u8, generator: &[bool]) -> Remainder {
    let bits = generator.len() - 1;
    let mut dividend: Vec<bool> = (0..8).map(|bit| byte & 0x80 >> bit != 0).collect();
    dividend.resize(8 + bits, false);
    for top in 0..8 {
        if dividend[top] {
            dividend[top..].iter_mut().zip(generator).for_each(|(bit, factor)| *bit ^= factor);
        }
    }
    let mut remainder = [0; WORDS];
    let set = (0..bits).filter(|bit| dividend[8 + bit]);
    set.for_each(|bit| remainder[bit / 64] |= 1 << (63 - bit % 64));
    remainder
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mtd::dice::Dice;
    use std::collections::BTreeSet;

    /// A step and its code with `count` wrong bits anywhere in both.
    fn with_errors(code: &Bch, data: &[u8], count: usize, dice: &mut Dice) -> (Vec<u8>, Vec<u8>) {
        let (mut read, mut stored) = (data.to_vec(), code.encode(data));
        let mut places = BTreeSet::new();
        while places.len() < count {
            places.insert(dice.below((8 * STEP + code.bits) as u64) as usize);
        }
        for place in places {
            match place.checked_sub(8 * STEP) {
                None => read[place / 8] ^= 0x80 >> (place % 8),
                Some(place) => stored[place / 8] ^= 0x80 >> (place % 8),
            }
        }
        (read, stored)
    }

    #[test]
    fn as_many_bits_as_it_is_strong_are_corrected() {
        let mut dice = Dice::new(5);
        for strength in [1, 2, 4, 8, 24, STRONGEST] {
            let code = Bch::new(strength);
            assert_eq!((code.bits, code.mask.len()), (13 * strength, bytes(strength)));
            for round in 0..20 {
                let data: Vec<u8> = (0..STEP).map(|_| dice.roll() as u8).collect();
                let count = if round == 0 { strength } else { dice.below(strength as u64 + 1) as usize };
                let (mut read, stored) = with_errors(&code, &data, count, &mut dice);
                assert_eq!(code.correct(&mut read, &stored), Some(count as u32), "{count} of {strength}");
                assert_eq!(read, data);
            }
        }
    }

    /// More errors than that are noticed, but for one case in some t! (here 24).
    #[test]
    fn more_are_mostly_noticed() {
        let (code, mut dice) = (Bch::new(4), Dice::new(6));
        let data: Vec<u8> = (0..STEP).map(|_| dice.roll() as u8).collect();
        let noticed = (0..100).filter(|_| {
            let (mut read, stored) = with_errors(&code, &data, 5, &mut dice);
            code.correct(&mut read, &stored).is_none()
        });
        assert!(noticed.count() >= 80);
    }

    #[test]
    fn erased_cells_are_a_code_word() {
        for strength in [1, 3, 4, 8] {
            assert_eq!(Bch::new(strength).encode(&[0xff; STEP]), vec![0xff; bytes(strength)]);
        }
    }
}
