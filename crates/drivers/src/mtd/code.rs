//! The error correction of a NAND flash.

use super::{bch::Bch, hamming};
use std::sync::Arc;

/// By which code wrong bits are corrected.
#[derive(Clone, Debug)]
pub(super) enum Code {
    /// By none.
    None,
    /// One bit of 256 bytes.
    Hamming,
    /// Some bits of 512 bytes.
    Bch { strength: u32, code: Arc<Bch> },
}

impl Code {
    pub(super) fn bch(strength: u32) -> Self {
        Code::Bch { strength, code: Arc::new(Bch::new(strength as usize)) }
    }

    /// Bytes that are corrected as one; 0 without a code.
    pub(super) fn step(&self) -> usize {
        match self {
            Code::None => 0,
            Code::Hamming => hamming::STEP,
            Code::Bch { .. } => super::bch::STEP,
        }
    }

    /// How many wrong bits of a step can be corrected.
    pub(super) fn strength(&self) -> u32 {
        match self {
            Code::None => 0,
            Code::Hamming => 1,
            Code::Bch { strength, .. } => *strength,
        }
    }

    /// Bytes that the code of a step takes.
    pub(super) fn bytes(&self) -> usize {
        match self {
            Code::None => 0,
            Code::Hamming => hamming::BYTES,
            Code::Bch { strength, .. } => super::bch::bytes(*strength as usize),
        }
    }

    /// The code of a step.
    pub(super) fn encode(&self, step: &[u8]) -> Vec<u8> {
        match self {
            Code::None => Vec::new(),
            Code::Hamming => hamming::encode(step).to_vec(),
            Code::Bch { code, .. } => code.encode(step),
        }
    }

    /// Corrects `step`, whose stored code is `code`: how many bits were wrong, in it or in the code; `None` if too many,
    /// or if they look like it.
    pub(super) fn correct(&self, step: &mut [u8], stored: &[u8]) -> Option<u32> {
        match self {
            Code::None => Some(0),
            Code::Hamming => hamming::correct(step, stored),
            Code::Bch { code, .. } => code.correct(step, stored),
        }
    }
}
