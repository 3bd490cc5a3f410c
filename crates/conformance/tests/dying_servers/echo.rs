//! Drivers that are told something by each call, and answer with what only that can be the answer to.

use super::server::{Fate, Job};
use outlive_classes::{
    Hardware,
    i2c::{self, Message, Transfer, uapi::func},
    mtd::{self, Command, Done, Found, Geometry, Kind, Order},
    tpm,
};
use std::{fmt, sync::Arc};

/// `I2C_M_RD` of `linux/i2c.h`.
const I2C_M_RD: u16 = 1;
/// How the place in a flash says a token: `TELL_PLACE` of `tests/clients/tell.h`.
const PLACE: u32 = 16;
/// What comes before the words of a TPM's command and response.
const TPM_HEADER: usize = 10;
/// The size of a TPM's large responses; both are whole words besides the header.
const TPM_LARGE: usize = TPM_HEADER + 510 * 8;

/// The first word of the answer to `token`.
pub(crate) fn answer_to(token: u64) -> u64 {
    token.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 16
}

/// As many words as there is room for: `first`, and each the one before it and 1.
fn words(first: u64, size: usize) -> Vec<u8> {
    (0..size.div_ceil(8) as u64).flat_map(|word| (first + word).to_le_bytes()).take(size).collect()
}

fn first_word(bytes: &[u8]) -> Option<u64> {
    bytes.first_chunk().map(|word| u64::from_le_bytes(*word))
}

/// A driver of each class.
pub(crate) struct Echo(Arc<Fate>);

impl fmt::Debug for Echo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Echo")
    }
}

/// The driver of `class`.
pub(crate) fn hardware(class: &str, fate: Arc<Fate>) -> Hardware {
    match class {
        "i2c" => Hardware::I2c(Box::new(Echo(fate))),
        "mtd" => Hardware::Mtd(Box::new(Echo(fate))),
        "tpm" => Hardware::Tpm(Box::new(Echo(fate))),
        _ => unreachable!("a class that can be served"),
    }
}

impl i2c::Adapter for Echo {
    fn functionality(&self) -> u32 {
        func::I2C_FUNC_I2C
    }

    fn transfer(&self, mut messages: Vec<Message>, transfer: Transfer) {
        let token = messages.first().and_then(|message| first_word(&message.data)).expect("a token");
        let finish = move |answer: u64| {
            let mut next = answer;
            for message in messages.iter_mut().filter(|message| message.flags & I2C_M_RD != 0) {
                message.data = words(next, message.data.len());
                next += message.data.len() as u64 / 8;
            }
            transfer.answer(Ok(messages));
        };
        self.0.called(Job { token, finish: Box::new(finish) });
    }
}

impl mtd::Flash for Echo {
    fn geometry(&self) -> Geometry {
        Geometry::without_pages(Kind::Ram, 1 << 40, 1 << 20)
    }

    fn name(&self) -> String {
        "echo".to_owned()
    }

    fn begin(&self, command: Command, order: Order) {
        match command {
            Command::Read { at, length, .. } => {
                let finish = move |answer| {
                    order.answer(Ok(Done::Read(Found { data: words(answer, length), ..Found::default() })));
                };
                self.0.called(Job { token: at >> PLACE, finish: Box::new(finish) });
            }
            Command::Program { at, data, .. } => {
                // What was written has to be what was to be written there; else nobody has sent that.
                let token = at >> PLACE;
                let token = if data == words(token, data.len()) { token } else { u64::MAX };
                self.0.called(Job { token, finish: Box::new(move |_| order.answer(Ok(Done::Nothing))) });
            }
            _ => order.answer(Ok(Done::Nothing)),
        }
    }
}

impl tpm::Tpm for Echo {
    fn begin(&self, command: Vec<u8>, order: tpm::Order) {
        let token = first_word(&command[TPM_HEADER..]).expect("a token");
        let finish = move |answer| {
            let size = if token.is_multiple_of(5) { TPM_LARGE } else { TPM_HEADER + 8 };
            let mut response = vec![0x80, 0x01];
            response.extend((size as u32).to_be_bytes());
            response.extend([0; 4]);
            response.extend(words(answer, size - TPM_HEADER));
            order.answer(Ok(response));
        };
        self.0.called(Job { token, finish: Box::new(finish) });
    }
}
