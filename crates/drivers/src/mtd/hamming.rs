//! The Hamming code of SmartMedia cards: one wrong bit in 256 bytes is corrected, two are noticed.
//!
//! Facts from `drivers/mtd/nand/ecc-sw-hamming.c`: 22 parities, each stored inverted, so that erased cells are a code word.
//! Of the parities of bytes, each bit of a byte's position gives two: over the bytes where it is set and over those where
//! it is not; of the parities of bits, likewise each bit of a bit's position. Byte 0 has those of the high half of the
//! position, byte 1 those of the low half, as Linux does without `CONFIG_MTD_NAND_ECC_SW_HAMMING_SMC`; byte 2 those of
//! bits, and two ones.

/// Bytes that are corrected as one.
pub(super) const STEP: usize = 256;
/// Bytes that its code takes.
pub(super) const BYTES: usize = 3;

/// Bits `2k + 1` and `2k` of the code say the parities over what has bit k of its position set and clear.
const SET: u32 = 0b10_1010_1010_1010_1010_1010;

/// The code of a step.
pub(super) fn encode(step: &[u8]) -> [u8; BYTES] {
    let odd = step.iter().enumerate().filter(|(_, byte)| byte.count_ones() % 2 == 1);
    let (rows, count) = odd.fold((0, 0), |(rows, count), (position, _)| (rows ^ position as u32, count + 1));
    let columns = step.iter().fold(0, |columns, byte| columns ^ byte);
    let column = |mask: u8| (columns & mask).count_ones() % 2;
    let columns = column(0xaa) | column(0xcc) << 1 | column(0xf0) << 2;
    let whole = count % 2;
    let pairs = (0..8).map(|k| (k, rows >> k & 1)).chain((0..3).map(|k| (8 + k, columns >> k & 1)));
    let parities = pairs.fold(0, |code, (k, set)| code | set << (2 * k + 1) | (set ^ whole) << (2 * k));
    store(!parities)
}

/// Corrects `step`, whose stored code is `code`: how many bits were wrong, in it or in the code; `None` if too many.
pub(super) fn correct(step: &mut [u8], code: &[u8]) -> Option<u32> {
    let reckoned = encode(step);
    let difference = load(&reckoned) ^ load(code);
    let ones = (reckoned[2] ^ code[2]) & 3;
    match difference.count_ones() + ones.count_ones() {
        0 => Some(0),
        // A bit of the code itself.
        1 => Some(1),
        // One parity of each pair. The two ones that belong to no parity count for nothing here.
        _ if (difference ^ difference >> 1) & SET >> 1 == SET >> 1 => {
            let position = |pairs: std::ops::Range<u32>| {
                let start = pairs.start;
                pairs.fold(0, |position, k| position | (difference >> (2 * k + 1) & 1) << (k - start))
            };
            step[position(0..8) as usize] ^= 1 << position(8..11);
            Some(1)
        }
        _ => None,
    }
}

fn store(code: u32) -> [u8; BYTES] {
    [(code >> 8) as u8, code as u8, (code >> 14) as u8 | 3]
}

fn load(stored: &[u8]) -> u32 {
    u32::from(stored[0]) << 8 | u32::from(stored[1]) | u32::from(stored[2] >> 2) << 16
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mtd::dice::Dice;

    fn random(seed: u64) -> Vec<u8> {
        let mut dice = Dice::new(seed);
        (0..STEP).map(|_| dice.roll() as u8).collect()
    }

    #[test]
    fn erased_cells_are_a_code_word() {
        assert_eq!(encode(&[0xff; STEP]), [0xff; BYTES]);
        assert_eq!(encode(&[0; STEP]), [0xff; BYTES]);
    }

    /// Worked out by hand from the parities' definition.
    #[test]
    fn single_ones_have_the_codes_of_their_positions() {
        let code = |byte: usize, bit: u32| {
            let mut step = [0; STEP];
            step[byte] = 1 << bit;
            encode(&step)
        };
        assert_eq!(code(0, 0), [0b1010_1010, 0b1010_1010, 0b1010_1011]);
        assert_eq!(code(255, 7), [0b0101_0101, 0b0101_0101, 0b0101_0111]);
        assert_eq!(code(0x01, 0), [0b1010_1010, 0b1010_1001, 0b1010_1011]);
        assert_eq!(code(0x10, 4), [0b1010_1001, 0b1010_1010, 0b0110_1011]);
    }

    #[test]
    fn every_single_bit_is_corrected() {
        let data = random(1);
        let code = encode(&data);
        for bit in 0..8 * STEP {
            let mut read = data.clone();
            read[bit / 8] ^= 1 << (bit % 8);
            assert_eq!((correct(&mut read, &code), &read), (Some(1), &data), "bit {bit}");
        }
        for bit in 0..8 * BYTES {
            let (mut read, mut wrong) = (data.clone(), code);
            wrong[bit / 8] ^= 1 << (bit % 8);
            assert_eq!((correct(&mut read, &wrong), &read), (Some(1), &data), "bit {bit} of the code");
        }
    }

    /// As `ecc_sw_hamming_correct` has it, and `cargo xtask yardstick` measures it on nandsim.
    #[test]
    fn a_bit_is_corrected_whatever_became_of_the_two_ones() {
        let data = random(4);
        let code = encode(&data);
        for ones in 1..4 {
            let mut read = data.clone();
            read[77] ^= 1 << 5;
            let wrong = [code[0], code[1], code[2] ^ ones];
            assert_eq!((correct(&mut read, &wrong), &read), (Some(1), &data), "{ones}");
        }
    }

    #[test]
    fn two_bits_are_noticed() {
        let data = random(2);
        let code = encode(&data);
        let mut dice = Dice::new(3);
        for _ in 0..2000 {
            let (one, other) = (dice.below(8 * STEP as u64) as usize, dice.below(8 * STEP as u64) as usize);
            if one != other {
                let mut read = data.clone();
                read[one / 8] ^= 1 << (one % 8);
                read[other / 8] ^= 1 << (other % 8);
                let wrong = read.clone();
                assert_eq!((correct(&mut read, &code), read), (None, wrong), "bits {one} and {other}");
            }
        }
    }
}
