//! What comes between two ends that mean well: frames that are changed, repeated, made up, held back or lost.

use crate::chance::Chance;
use outlive_protocol::Kind;

/// One direction of a connection.
#[derive(Debug, Default)]
pub(crate) struct Meddler {
    /// What has gone by, to be sent again.
    past: Vec<Vec<u8>>,
}

/// Values that are at the edge of something.
const EDGES: [u64; 12] = [0, 1, 2, 3, 63, 64, 65, 0x8000, 0xffff, 0x1_0000, 0xffff_ffff, u64::MAX];
/// Where fields of headers and of terms are, and how long: offset and bytes.
const FIELDS: [(usize, usize); 12] =
    [(0, 2), (2, 2), (4, 4), (8, 8), (16, 4), (20, 4), (24, 4), (24, 8), (32, 4), (36, 4), (40, 4), (48, 4)];

impl Meddler {
    /// What arrives instead of `frame`, each with a number of descriptors; as it is most of the time.
    pub(crate) fn passes(&mut self, chance: &mut Chance, frame: Vec<u8>) -> Vec<(Vec<u8>, usize)> {
        if self.past.len() < 64 {
            self.past.push(frame.clone());
        } else {
            let at = chance.below(64) as usize;
            self.past[at].clone_from(&frame);
        }
        match chance.below(24) {
            0 => vec![(self.changed(chance, frame), 0)],
            1 => vec![(frame.clone(), 0), (self.changed(chance, frame), 0)],
            2 => vec![(frame.clone(), 0), (frame, 0)],
            3 => vec![(self.old(chance), 0), (frame, 0)],
            4 => vec![(frame, 0), (self.made_up(chance), 0)],
            5 => Vec::new(),
            6 => vec![(frame, 1 + chance.below(3) as usize)],
            _ => vec![(frame, 0)],
        }
    }

    fn old(&self, chance: &mut Chance) -> Vec<u8> {
        self.past[chance.below(self.past.len() as u64) as usize].clone()
    }

    fn changed(&self, chance: &mut Chance, mut frame: Vec<u8>) -> Vec<u8> {
        for _ in 0..=chance.below(3) {
            let length = frame.len() as u64;
            match chance.below(8) {
                0 => frame.truncate(chance.below(length + 1) as usize),
                1 => frame.extend((0..chance.below(40)).map(|byte| byte as u8)),
                2 if length > 0 => frame[chance.below(length) as usize] ^= 1 << chance.below(8),
                3 => {
                    // The middle of another one.
                    let other = self.old(chance);
                    let at = chance.below(other.len().min(frame.len()) as u64 + 1) as usize;
                    frame.truncate(at);
                    frame.extend(&other[at..]);
                }
                _ => field(chance, &mut frame),
            }
            if chance.below(2) == 0 && frame.len() >= 8 {
                let length = frame.len() as u32;
                frame[4..8].copy_from_slice(&length.to_le_bytes());
            }
        }
        frame
    }

    /// A frame with a true header, of any type, about a number that may mean something.
    fn made_up(&self, chance: &mut Chance) -> Vec<u8> {
        let kind = Kind::ALL[chance.below(Kind::ALL.len() as u64) as usize];
        let number = match chance.below(3) {
            0 => 0,
            1 => EDGES[chance.below(12) as usize],
            _ => self.old(chance).get(8).copied().unwrap_or(0).into(),
        };
        let body: Vec<u8> = match chance.below(3) {
            0 => Vec::new(),
            1 => self.old(chance).get(24..).unwrap_or_default().to_vec(),
            _ => (0..chance.below(90)).map(|_| chance.number() as u8 & 3).collect(),
        };
        let (status, data) =
            (chance.below(14) * chance.below(2), chance.below(body.len() as u64 + 1) * chance.below(2));
        let mut frame = [kind.number().to_le_bytes(), 1_u16.to_le_bytes()].concat();
        frame.extend((24 + body.len() as u32).to_le_bytes());
        frame.extend(number.to_le_bytes());
        frame.extend((status as u32).to_le_bytes());
        frame.extend((data as u32).to_le_bytes());
        frame.extend(body);
        frame
    }
}

/// A field gets another value: one at an edge, or one more or less.
fn field(chance: &mut Chance, frame: &mut [u8]) {
    let (at, size) = FIELDS[chance.below(12) as usize];
    let Some(field) = frame.get_mut(at..at + size) else { return };
    let mut old = [0; 8];
    old[..size].copy_from_slice(field);
    let old = u64::from_le_bytes(old);
    let new = match chance.below(4) {
        0 => old.wrapping_add(1),
        1 => old.wrapping_sub(1),
        2 => old.wrapping_mul(2),
        _ => EDGES[chance.below(12) as usize],
    };
    field.copy_from_slice(&new.to_le_bytes()[..size]);
}
