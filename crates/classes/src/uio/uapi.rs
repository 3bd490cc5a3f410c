//! Numbers of `linux/uio_driver.h` and `drivers/uio/uio.c`. The class has no ioctls and no structures: what is read and
//! written is a 32-bit count.

/// The major number. Linux gives uio one of its dynamic numbers (`alloc_chrdev_region`), another at each boot; this is
/// the first of those that `Documentation/admin-guide/devices.txt` leaves to local use.
pub const MAJOR: u32 = 240;
/// The most regions of a board: `MAX_UIO_MAPS`.
pub const MAX_MAPS: usize = 5;
/// The most boards: `UIO_MAX_DEVICES`, a minor each.
pub const MAX_DEVICES: u32 = 1 << 20;
/// What a read or a write carries, in bytes: `sizeof(s32)`.
pub const COUNT_SIZE: usize = 4;
