//! What a call carries besides its words: for those who watch, such as `outlive trace`.

use std::fmt;

/// The data that a call took to its device, or brought from there.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Payload {
    /// One number, such as the content of a register.
    Number {
        /// Its value.
        value: u64,
        /// How many bytes it has on the device, 1 to 8.
        bytes: usize,
    },
    /// A piece of data, or several, such as the messages of one transfer.
    Pieces(Vec<Vec<u8>>),
}

impl Payload {
    /// For people: a number as `0x2a`, a piece as `[00 2a]` with at most `limit` of its bytes, and `…` for the others.
    pub fn shown(&self, limit: usize) -> impl fmt::Display {
        Shown { payload: self, limit }
    }
}

struct Shown<'a> {
    payload: &'a Payload,
    limit: usize,
}

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.payload {
            // Two digits a byte, and the 0x.
            Payload::Number { value, bytes } => write!(f, "{value:#0width$x}", width = 2 + 2 * bytes),
            Payload::Pieces(pieces) => {
                for (index, piece) in pieces.iter().enumerate() {
                    let gap = if index > 0 { " " } else { "" };
                    write!(f, "{gap}[{}]", hexadecimal(piece, self.limit))?;
                }
                Ok(())
            }
        }
    }
}

/// Bytes as `00 2a`, at most `limit` of them, and `…` for the others.
fn hexadecimal(bytes: &[u8], limit: usize) -> String {
    let mut words: Vec<String> = bytes.iter().take(limit).map(|byte| format!("{byte:02x}")).collect();
    if bytes.len() > limit {
        words.push("…".to_owned());
    }
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::Payload;

    fn check(payload: &Payload, limit: usize, text: &str) {
        assert_eq!(payload.shown(limit).to_string(), text);
    }

    #[test]
    fn numbers_have_all_their_digits() {
        check(&Payload::Number { value: 0x2a, bytes: 1 }, 0, "0x2a");
        check(&Payload::Number { value: 0x2a, bytes: 2 }, 0, "0x002a");
        check(&Payload::Number { value: 0, bytes: 8 }, 0, "0x0000000000000000");
    }

    #[test]
    fn long_pieces_are_cut_and_say_so() {
        let pieces = Payload::Pieces(vec![vec![0, 0x2a], vec![], vec![1, 2, 3]]);
        check(&pieces, 32, "[00 2a] [] [01 02 03]");
        check(&pieces, 2, "[00 2a] [] [01 02 …]");
        check(&pieces, 0, "[…] [] […]");
        check(&Payload::Pieces(Vec::new()), 2, "");
    }
}
