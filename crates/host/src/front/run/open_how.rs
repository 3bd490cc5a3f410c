//! What openat2(2) asks for beyond open(2): `linux/openat2.h`.

use crate::sys::memory::ClientMemory;
use outlive_classes::Memory;

/// `RESOLVE_NO_XDEV`: no way into another mount.
const RESOLVE_NO_XDEV: u64 = 0x01;
const RESOLVE_NO_MAGICLINKS: u64 = 0x02;
const RESOLVE_NO_SYMLINKS: u64 = 0x04;
/// `RESOLVE_BENEATH`: no way out of the directory where the path starts.
const RESOLVE_BENEATH: u64 = 0x08;
/// `RESOLVE_IN_ROOT`: the directory where the path starts is the root.
pub(super) const RESOLVE_IN_ROOT: u64 = 0x10;
const RESOLVE_CACHED: u64 = 0x20;

/// The flags that openat2 knows (`VALID_OPEN_FLAGS` of `linux/fcntl.h`), as far as they can be meant for a device.
const FLAGS: u64 = (libc::O_ACCMODE
    | libc::O_CREAT
    | libc::O_EXCL
    | libc::O_NOCTTY
    | libc::O_TRUNC
    | libc::O_APPEND
    | libc::O_NONBLOCK
    | libc::O_SYNC
    | libc::O_ASYNC
    | libc::O_DIRECT
    | libc::O_DIRECTORY
    | libc::O_NOFOLLOW
    | libc::O_NOATIME
    | libc::O_CLOEXEC
    | libc::O_PATH) as u64
    | O_LARGEFILE;
/// As the kernel has it on x86-64; the C library's own is 0 there.
const O_LARGEFILE: u64 = 0o100_000;
/// All that may come with O_PATH (`O_PATH_FLAGS`).
const PATH_FLAGS: u64 = (libc::O_DIRECTORY | libc::O_NOFOLLOW | libc::O_PATH | libc::O_CLOEXEC) as u64;

/// `struct open_how`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct OpenHow {
    pub(super) flags: u64,
    pub(super) resolve: u64,
}

impl OpenHow {
    /// Its size, and that of the largest that the kernel looks at: a page.
    const SIZES: std::ops::RangeInclusive<u64> = 24..=4096;

    /// `None` for one that the kernel refuses before it looks at the path.
    pub(super) fn read(pid: u32, address: u64, size: u64) -> Option<OpenHow> {
        if !Self::SIZES.contains(&size) {
            return None;
        }
        let mut bytes = vec![0; size as usize];
        ClientMemory::of(pid).read(address, &mut bytes).ok()?;
        OpenHow::parse(&bytes)
    }

    fn parse(bytes: &[u8]) -> Option<OpenHow> {
        let word = |n: usize| Some(u64::from_ne_bytes(bytes.get(8 * n..8 * n + 8)?.try_into().ok()?));
        let (flags, mode, resolve) = (word(0)?, word(1)?, word(2)?);
        let creates = flags & libc::O_CREAT as u64 != 0;
        let known = flags & !FLAGS == 0
            && resolve & !0x3f == 0
            && resolve & (RESOLVE_BENEATH | RESOLVE_IN_ROOT) != RESOLVE_BENEATH | RESOLVE_IN_ROOT
            // What a later kernel may mean by more is not for us to guess.
            && bytes[24..].iter().all(|byte| *byte == 0);
        let agrees = (mode == 0 || creates && mode & !0o7777 == 0)
            && (flags & libc::O_PATH as u64 == 0 || flags & !PATH_FLAGS == 0)
            && (resolve & RESOLVE_CACHED == 0 || flags & (libc::O_CREAT | libc::O_TRUNC) as u64 == 0);
        (known && agrees).then_some(OpenHow { flags, resolve })
    }

    /// Whether a symbolic link at the end of the path may be followed to a device of ours. Where links are restricted,
    /// what they would lead to is the kernel's to say.
    pub(super) fn follows(self) -> bool {
        let restricted = RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS | RESOLVE_BENEATH | RESOLVE_IN_ROOT;
        self.flags & libc::O_NOFOLLOW as u64 == 0 && self.resolve & restricted == 0
    }

    /// Whether the way that `path` takes to a device of ours is forbidden: EXDEV.
    pub(super) fn forbids(self, path: &[u8]) -> bool {
        let leaves = path.starts_with(b"/") || path.split(|byte| *byte == b'/').any(|part| part == b"..");
        let parts = path.split(|byte| *byte == b'/').filter(|part| !part.is_empty() && *part != b".").count();
        self.resolve & (RESOLVE_BENEATH | RESOLVE_IN_ROOT) != 0 && leaves
            // /dev is a mount of its own: only a path that starts there stays in it.
            || self.resolve & RESOLVE_NO_XDEV != 0 && (leaves || parts > 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn how(flags: i32, mode: u64, resolve: u64, more: &[u8]) -> Option<OpenHow> {
        let words = [flags as u64, mode, resolve].map(u64::to_ne_bytes);
        OpenHow::parse(&[&words.concat(), more].concat())
    }

    #[test]
    fn what_the_kernel_would_refuse_is_left_to_it() {
        let plain = Some(OpenHow { flags: libc::O_RDWR as u64, resolve: 0 });
        assert_eq!(how(libc::O_RDWR, 0, 0, &[]), plain);
        assert_eq!(how(libc::O_RDWR, 0, 0, &[0; 8]), plain);
        for (flags, mode, resolve, more) in [
            (libc::O_RDWR, 0o600, 0, &[][..]),
            (libc::O_RDWR | 1 << 30, 0, 0, &[]),
            (libc::O_PATH | libc::O_RDWR, 0, 0, &[]),
            (libc::O_RDWR, 0, 0x800, &[]),
            (libc::O_RDWR, 0, RESOLVE_BENEATH | RESOLVE_IN_ROOT, &[]),
            (libc::O_RDWR | libc::O_TRUNC, 0, RESOLVE_CACHED, &[]),
            (libc::O_RDWR, 0, 0, &[0, 0, 1, 0]),
        ] {
            assert_eq!(how(flags, mode, resolve, more), None, "{flags:#x} {mode:#o} {resolve:#x} {more:?}");
        }
    }

    #[test]
    fn ways_out_are_forbidden() {
        for (resolve, path, forbidden) in [
            (0, "/dev/i2c-7", false),
            (RESOLVE_BENEATH, "/dev/i2c-7", true),
            (RESOLVE_BENEATH, "dev/i2c-7", false),
            (RESOLVE_BENEATH, "../dev/i2c-7", true),
            (RESOLVE_NO_XDEV, "i2c-7", false),
            (RESOLVE_NO_XDEV, "./i2c-7", false),
            (RESOLVE_NO_XDEV, "dev/i2c-7", true),
            (RESOLVE_NO_XDEV, "/dev/i2c-7", true),
            (RESOLVE_NO_SYMLINKS, "/dev/i2c-7", false),
        ] {
            let how = OpenHow { flags: 0, resolve };
            assert_eq!(how.forbids(path.as_bytes()), forbidden, "{resolve:#x} {path}");
        }
    }
}
