//! How much of everything there may be. The table *Limits* of `docs/driver-protocol.md`.

/// The most bytes of a frame. The default SO_SNDBUF is 212992 bytes (`net.core.wmem_default`), in which the kernel counts
/// its own bookkeeping too: a packet of this size goes through any socket, and two of them wait in it.
pub const FRAME_MAX: usize = 65_536;
/// The most bytes of data, sent or asked for, that an operation has in its frames; with more all of it is in the area.
/// From here on the copy through the socket costs more than the two calls that the area needs.
pub const INLINE_MAX: usize = 16_384;
/// The most bytes of a name.
pub const NAME_MAX: usize = 64;
/// The most bytes of a line of the log.
pub const LOG_MAX: usize = 1024;
/// The most chips that an adapter may say are claimed: as many as there are addresses of 7 bits.
pub const CLAIMS_MAX: usize = 128;
/// The most regions of each kind that the spare bytes of a page may have.
pub const REGIONS_MAX: usize = 256;
/// The most bytes of a page to spare.
pub const SPARE_MAX: u32 = 65_536;
/// The most messages of a transfer: `I2C_RDWR_IOCTL_MAX_MSGS` of `linux/i2c-dev.h`.
pub const MESSAGES_MAX: usize = 42;
/// The most bytes of an SMBus block: `I2C_SMBUS_BLOCK_MAX` of `linux/i2c.h`.
pub const BLOCK_MAX: usize = 32;
/// The most bytes of a TPM's command and of its response: `TPM_BUFSIZE` of `drivers/char/tpm/tpm.h`.
pub const TPM_MAX: usize = 4096;
/// The most operations that a server has at a time.
pub const WINDOW: usize = 64;
/// The most operations that wait in the host until the server may have them.
pub const WAITING: usize = 1024;
/// The most events that may come at once.
pub const EVENT_BURST: u32 = 64;
/// The most events in the long run, a second.
pub const EVENT_RATE: u32 = 64;
