//! Bugs that both ends might have, planted where the harness calls them: the books have to find each.

use crate::chance::Chance;
use outlive_classes::mtd::{Done, Found};
use outlive_protocol::{Kind, Reply, Violation, server::Heard};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Plant {
    Nothing,
    /// An answer is told twice.
    TellsTwice,
    /// Of those that waited too long, one hears nothing.
    LosesExpired,
    /// Some who wait at the end hear nothing.
    LosesAtTheEnd,
    /// The window is not kept.
    SendsTooMany,
    /// Two operations have one place.
    SharesPlaces,
    /// Numbers go back.
    RepeatsNumbers,
    /// Somebody who did nothing is accused.
    Accuses,
    /// An answer brings more than was asked for.
    BringsMore,
    /// A server takes an operation twice.
    TakesTwice,
    /// A server answers twice.
    AnswersTwice,
    Panics,
}

impl Plant {
    pub(crate) const BUGS: [Plant; 11] = [
        Plant::TellsTwice,
        Plant::LosesExpired,
        Plant::LosesAtTheEnd,
        Plant::SendsTooMany,
        Plant::SharesPlaces,
        Plant::RepeatsNumbers,
        Plant::Accuses,
        Plant::BringsMore,
        Plant::TakesTwice,
        Plant::AnswersTwice,
        Plant::Panics,
    ];

    /// Whether it is this bug, now and then.
    fn strikes(self, bug: Plant, chance: &mut Chance) -> bool {
        self == bug && chance.below(8) == 0
    }

    pub(crate) fn sends(self, chance: &mut Chance, frame: &mut [u8]) {
        if self == Plant::SharesPlaces && frame.len() > 44 {
            frame[36..40].fill(0);
        }
        if self.strikes(Plant::RepeatsNumbers, chance) {
            frame[8..16].copy_from_slice(&1_u64.to_le_bytes());
        }
    }

    pub(crate) fn sends_more(self, chance: &mut Chance, frame: &[u8]) -> Vec<Vec<u8>> {
        let operation = Kind::numbered(u16::from_le_bytes([frame[0], frame[1]])).is_some_and(Kind::is_operation);
        if !operation || frame[40..44] != [0; 4] || !self.strikes(Plant::SendsTooMany, chance) {
            return Vec::new();
        }
        let numbered = |number: u64| {
            let mut frame = frame.to_vec();
            frame[8..16].copy_from_slice(&(1_000_000 + number).to_le_bytes());
            frame
        };
        (0..64).map(numbered).collect()
    }

    pub(crate) fn judges(self, chance: &mut Chance, heard: Result<Heard, Violation>) -> Result<Heard, Violation> {
        if self.strikes(Plant::Panics, chance) {
            panic!("planted");
        }
        if self.strikes(Plant::Accuses, chance) { Err(Violation::Window) } else { heard }
    }

    pub(crate) fn takes(self, chance: &mut Chance) -> usize {
        1 + usize::from(self.strikes(Plant::TakesTwice, chance))
    }

    pub(crate) fn answers(self, chance: &mut Chance) -> usize {
        1 + usize::from(self.strikes(Plant::AnswersTwice, chance))
    }

    pub(crate) fn tells(self, chance: &mut Chance) -> usize {
        1 + usize::from(self.strikes(Plant::TellsTwice, chance))
    }

    pub(crate) fn brings(self, chance: &mut Chance, reply: &mut Reply) {
        if !self.strikes(Plant::BringsMore, chance) {
            return;
        }
        match reply {
            Reply::I2c(Ok(messages)) => messages[0].data.push(0),
            Reply::Tpm(Ok(response)) => response.resize(4097, 0),
            Reply::Mtd(Ok(Done::Read(Found { data, .. }))) => data.push(0),
            _ => {}
        }
    }

    pub(crate) fn expires(self, chance: &mut Chance, tokens: &mut Vec<u64>) {
        if self.strikes(Plant::LosesExpired, chance) {
            tokens.pop();
        }
    }

    pub(crate) fn ends(self, tokens: &mut Vec<u64>) {
        if self == Plant::LosesAtTheEnd {
            tokens.pop();
        }
    }
}
