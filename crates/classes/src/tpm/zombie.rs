//! What a TPM says when it is gone, by contract.

use crate::{Contract, Errno, Fate, LinuxSays, PollBits, Terms};

const STRICT: Fate = Fate::Fails(Errno::NODEV);
/// What a TPM that does not answer says: `tpm_try_transmit` of `drivers/char/tpm/tpm-interface.c`.
const SILENT: Fate = Fate::Fails(Errno::TIME);

/// A write that waits, of a whole command.
pub(super) const WRITE: Terms = Terms {
    calls: "write of a command",
    strict: STRICT,
    quiet: SILENT,
    // tpm_common_write of drivers/char/tpm/tpm-dev-common.c, where tpm_try_get_ops fails.
    linux: Fate::Fails(Errno::PIPE),
    linux_orderly: Fate::Fails(Errno::PIPE),
};
/// The same with `O_NONBLOCK`.
pub(super) const WRITE_NONBLOCK: Terms = Terms {
    calls: "write of a command, O_NONBLOCK",
    strict: STRICT,
    quiet: SILENT,
    // It is queued; whoever works on it finds no driver.
    linux: Fate::Kept,
    linux_orderly: Fate::Kept,
};
/// The read that comes after it.
pub(super) const READ_ACCEPTED: Terms = Terms {
    calls: "the next read after such a write",
    strict: STRICT,
    quiet: Fate::Kept,
    // tpm_dev_async_work: what tpm_try_get_ops says.
    linux: Fate::Fails(Errno::IO),
    linux_orderly: Fate::Fails(Errno::IO),
};
/// A command that was under way: its write, or with `O_NONBLOCK` its read.
pub(super) const UNDER_WAY: Terms = Terms {
    calls: "a command that is under way",
    strict: STRICT,
    quiet: SILENT,
    // tpm_try_transmit, where the driver says that it was cancelled.
    linux: Fate::Fails(Errno::CANCELED),
    linux_orderly: Fate::Fails(Errno::CANCELED),
};
/// A read when there is no response.
pub(super) const READ: Terms = Terms {
    calls: "read, when there is no response",
    strict: STRICT,
    quiet: Fate::Kept,
    // tpm_common_read
    linux: Fate::Zero,
    linux_orderly: Fate::Zero,
};
/// What needs no TPM.
pub(super) const INVALID: Terms =
    Terms { calls: "anything else", strict: STRICT, quiet: Fate::Kept, linux: Fate::Kept, linux_orderly: Fate::Kept };

/// The whole table. In Linux there is one way of going: `tpm_chip_unregister`.
pub const ZOMBIE: [&Terms; 6] = [&WRITE, &WRITE_NONBLOCK, &READ_ACCEPTED, &UNDER_WAY, &READ, &INVALID];

/// Measured by the yardstick (docs/yardstick.md), and noticeable.
pub fn linux_says() -> LinuxSays {
    LinuxSays::by(&ZOMBIE, true)
}

/// What poll says of a zombie; `something`: there is something to read.
pub fn poll(contract: Contract, something: bool) -> PollBits {
    let readable = PollBits::IN | PollBits::RDNORM;
    match (contract, something) {
        (Contract::Strict | Contract::Quiet, true) => PollBits::ZOMBIE | readable,
        (Contract::Strict | Contract::Quiet, false) => PollBits::ZOMBIE,
        // tpm_common_poll knows nothing of removals, and nobody is woken by one.
        (Contract::Linux, something) => alive(something),
    }
}

/// What poll says of a TPM that is there.
pub(super) fn alive(something: bool) -> PollBits {
    if something { PollBits::IN | PollBits::RDNORM } else { PollBits::OUT | PollBits::WRNORM }
}
