use outlive_classes::i2c::Error;
use std::{fmt, time::Duration};

/// The ninth clock of a byte: whether the receiver pulled the line low.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ack {
    /// It did.
    Ack,
    /// It did not.
    Nak,
}

/// The direction bit of an address byte.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Direction {
    /// The master reads from the chip.
    Read,
    /// The master writes to the chip.
    Write,
}

/// A chip, as the wire sees it: byte by byte.
///
/// The bus calls `start` when the chip's address was sent, then `read` or `write` for each byte in the direction that
/// `start` was told, then either `stop`, or `start` again (a repeated start), or `abandon`. `now` is the lab's time
/// for one that heeds it.
pub trait Chip: Send + fmt::Debug {
    /// Whether it ever looks at the time. If not it may be told any.
    fn heeds_time(&self) -> bool {
        true
    }

    /// A start condition and one of its addresses. A chip that does not acknowledge is left alone until the next start.
    fn start(&mut self, address: u16, direction: Direction, now: Duration) -> Ack;

    /// A byte that the master wrote.
    fn write(&mut self, byte: u8) -> Ack;

    /// The next byte that the master reads.
    fn read(&mut self) -> u8;

    /// A stop condition.
    ///
    /// # Errors
    /// [`Error::NoSpace`] or [`Error::Io`] if what was written could not be kept.
    fn stop(&mut self, now: Duration) -> Result<(), Error>;

    /// A copy of it as it is, which keeps nothing in any file.
    fn stand_in(&self) -> Box<dyn Chip>;

    /// A repeated start went to another chip, or the transfer was broken off: what would take effect at a stop does not.
    fn abandon(&mut self);
}
