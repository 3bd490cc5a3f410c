//! What a frame is.

/// The type of a frame.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(u16)]
pub enum Kind {
    /// Server: who it is; its first frame.
    Hello = 1,
    /// Host: what it agrees to; its first frame, with the descriptor of the area.
    Welcome = 2,
    /// Either: no more from me; what is under way is still answered.
    Goodbye = 3,
    /// Host: nobody wants the answer to this operation any more.
    Cancel = 4,
    /// Server: the hardware has gone.
    Gone = 5,
    /// Server: a line for the log.
    Log = 6,
    /// Host: another life of the device begins; the server says hello again.
    Again = 7,
    /// Host: a transfer on an I2C bus.
    Transfer = 0x10,
    /// Host: reads flash.
    Read = 0x20,
    /// Host: programs flash.
    Program = 0x21,
    /// Host: erases blocks of flash.
    Erase = 0x22,
    /// Host: locks blocks of flash.
    Lock = 0x23,
    /// Host: unlocks blocks of flash.
    Unlock = 0x24,
    /// Host: asks whether blocks of flash are locked.
    IsLocked = 0x25,
    /// Host: asks whether a block of flash is bad.
    IsBad = 0x26,
    /// Host: marks a block of flash as bad.
    MarkBad = 0x27,
    /// Host: asks how many blocks of flash are bad.
    BadBlocks = 0x28,
    /// Host: a command to a TPM.
    Command = 0x30,
    /// Server: the answer to a transfer.
    TransferAnswer = ANSWER | 0x10,
    /// Server: the answer to a read.
    ReadAnswer = ANSWER | 0x20,
    /// Server: the answer to a program.
    ProgramAnswer = ANSWER | 0x21,
    /// Server: the answer to an erase.
    EraseAnswer = ANSWER | 0x22,
    /// Server: the answer to a lock.
    LockAnswer = ANSWER | 0x23,
    /// Server: the answer to an unlock.
    UnlockAnswer = ANSWER | 0x24,
    /// Server: whether they are locked.
    IsLockedAnswer = ANSWER | 0x25,
    /// Server: whether it is bad.
    IsBadAnswer = ANSWER | 0x26,
    /// Server: the answer to a mark.
    MarkBadAnswer = ANSWER | 0x27,
    /// Server: how many are bad.
    BadBlocksAnswer = ANSWER | 0x28,
    /// Server: the response of a TPM.
    CommandAnswer = ANSWER | 0x30,
}

/// The bit that the type of an answer has besides those of its operation's.
pub(crate) const ANSWER: u16 = 0x8000;

impl Kind {
    /// All of them.
    pub const ALL: [Kind; 29] = [
        Kind::Hello,
        Kind::Welcome,
        Kind::Goodbye,
        Kind::Cancel,
        Kind::Gone,
        Kind::Log,
        Kind::Again,
        Kind::Transfer,
        Kind::Read,
        Kind::Program,
        Kind::Erase,
        Kind::Lock,
        Kind::Unlock,
        Kind::IsLocked,
        Kind::IsBad,
        Kind::MarkBad,
        Kind::BadBlocks,
        Kind::Command,
        Kind::TransferAnswer,
        Kind::ReadAnswer,
        Kind::ProgramAnswer,
        Kind::EraseAnswer,
        Kind::LockAnswer,
        Kind::UnlockAnswer,
        Kind::IsLockedAnswer,
        Kind::IsBadAnswer,
        Kind::MarkBadAnswer,
        Kind::BadBlocksAnswer,
        Kind::CommandAnswer,
    ];

    /// The type of that number.
    pub fn numbered(number: u16) -> Option<Kind> {
        Kind::ALL.into_iter().find(|kind| kind.number() == number)
    }

    /// Its number.
    pub const fn number(self) -> u16 {
        self as u16
    }

    /// What the answer to this operation is. Of anything else itself.
    pub fn answer(self) -> Kind {
        Kind::numbered(self.number() | ANSWER).unwrap_or(self)
    }

    /// Whether it is an answer.
    pub const fn is_answer(self) -> bool {
        self.number() & ANSWER != 0
    }

    /// Whether it is an operation.
    pub const fn is_operation(self) -> bool {
        !self.is_answer() && self.number() >= Kind::Transfer.number()
    }
}
