//! Numbers of `drivers/char/tpm` (`tpm.h`, `tpm-chip.c`, `tpm-dev.h`), and the header that all commands and responses have
//! (TCG's TPM 2.0 Library, part 1, "Command/Response Structure"; the same in TPM 1.2). All of it is big-endian.

/// The major number of `/dev/tpm0`: `MISC_MAJOR` of `linux/major.h`.
pub const MISC_MAJOR: u32 = 10;
/// Its minor number: `TPM_MINOR` of `linux/miscdevice.h`.
pub const TPM_MINOR: u32 = 224;
/// The major number of the others. Linux gives them one of its dynamic numbers (`alloc_chrdev_region`), another at each boot;
/// this is one of those that `Documentation/admin-guide/devices.txt` leaves to local use. The minor is the TPM's number.
pub const MAJOR: u32 = 241;
/// The most TPMs: `TPM_NUM_DEVICES`.
pub const MAX_DEVICES: u32 = 65536;

/// The most bytes of a command, and of a response: `TPM_BUFSIZE`.
pub const BUFFER_SIZE: usize = 4096;
/// How long a response is kept, in seconds: `user_read_timer` of `struct file_priv`.
pub const KEPT_SECONDS: u64 = 120;

/// The bytes of a header: a tag of 16 bits, the length of the whole and a code of 32 bits each (`TPM_HEADER_SIZE`).
pub const HEADER_SIZE: usize = 10;
/// What a write has to have at least, in bytes: the header as far as the length.
pub const LENGTH_END: usize = 6;

/// The length that a header says, in bytes of the whole; `None` of one that ends before it.
pub fn length(message: &[u8]) -> Option<u32> {
    message.get(2..LENGTH_END).and_then(|bytes| bytes.try_into().ok()).map(u32::from_be_bytes)
}

/// The code that a header says: of a command its ordinal, of a response its result. `None` of one that ends before it.
pub fn code(message: &[u8]) -> Option<u32> {
    message.get(LENGTH_END..HEADER_SIZE).and_then(|bytes| bytes.try_into().ok()).map(u32::from_be_bytes)
}
