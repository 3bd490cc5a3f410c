//! What depends on the architecture: numbers of system calls, and the layouts of `struct stat` and `struct statx`.
//!
//! x86-64 only for now. Numbers: `asm/unistd_64.h` and `asm/unistd_32.h`; layouts: `asm/stat.h`, `linux/stat.h`.

use zerocopy::{Immutable, IntoBytes};

/// `AUDIT_ARCH_X86_64` of `linux/audit.h`: EM_X86_64, 64 bits, little-endian.
pub(super) const ARCH: u32 = 62 | 0x8000_0000 | 0x4000_0000;
/// `AUDIT_ARCH_I386`: what a 32-bit program's calls come as.
pub(super) const ARCH_32: u32 = 3 | 0x4000_0000;
/// Numbers from here on belong to the x32 ABI (`__X32_SYSCALL_BIT`).
pub(super) const X32_BIT: u32 = 0x4000_0000;

/// The 32-bit calls that open by name.
pub(super) const OPENS_32: [u32; 4] = [5, 8, 295, 437]; // open, creat, openat, openat2

pub(super) const MMAP: u32 = libc::SYS_mmap as u32;
pub(super) const IOCTL: u32 = libc::SYS_ioctl as u32;
/// The ioctls that the kernel answers by itself for what it takes for a regular file (`do_vfs_ioctl` in fs/ioctl.c):
/// FIONREAD and FIOQSIZE of `asm-generic/ioctls.h`.
pub(super) const IOCTLS: [u32; 2] = [0x541b, 0x5460];
/// The ioctls that take a value although their number says that it is an address, where FUSE would look for four bytes and
/// say EFAULT: EVIOCRMFF, EVIOCGRAB and EVIOCREVOKE of `linux/input.h`. Those of uinput its class knows.
pub(super) const VALUES: [u32; 3] = [0x4004_4581, 0x4004_4590, 0x4004_4591];

/// `fchmodat2` of `asm/unistd_64.h`, since Linux 6.6.
pub(super) const SYS_FCHMODAT2: i64 = 452;

/// The upper half of the descriptor's number in an mmap that we have a client make, which is not to come to us: the
/// kernel takes the lower half only (`ksys_mmap_pgoff` of mm/mmap.c). A program that says so itself gets what the kernel
/// has to say of our file.
pub(super) const MAPPED_BY_US: u32 = 0x6f75_746c;

/// Every 64-bit call that we look at whatever its arguments.
pub(super) const WATCHED: [u32; 51] = [
    libc::SYS_open as u32,
    libc::SYS_openat as u32,
    libc::SYS_openat2 as u32,
    libc::SYS_creat as u32,
    libc::SYS_stat as u32,
    libc::SYS_lstat as u32,
    libc::SYS_fstat as u32,
    libc::SYS_newfstatat as u32,
    libc::SYS_statx as u32,
    libc::SYS_access as u32,
    libc::SYS_faccessat as u32,
    libc::SYS_faccessat2 as u32,
    libc::SYS_readlink as u32,
    libc::SYS_readlinkat as u32,
    libc::SYS_getxattr as u32,
    libc::SYS_lgetxattr as u32,
    libc::SYS_listxattr as u32,
    libc::SYS_llistxattr as u32,
    libc::SYS_sendfile as u32,
    libc::SYS_splice as u32,
    libc::SYS_copy_file_range as u32,
    libc::SYS_truncate as u32,
    libc::SYS_chmod as u32,
    libc::SYS_fchmodat as u32,
    SYS_FCHMODAT2 as u32,
    libc::SYS_chown as u32,
    libc::SYS_lchown as u32,
    libc::SYS_fchownat as u32,
    libc::SYS_utime as u32,
    libc::SYS_utimes as u32,
    libc::SYS_futimesat as u32,
    libc::SYS_utimensat as u32,
    libc::SYS_setxattr as u32,
    libc::SYS_lsetxattr as u32,
    libc::SYS_removexattr as u32,
    libc::SYS_lremovexattr as u32,
    libc::SYS_unlink as u32,
    libc::SYS_unlinkat as u32,
    libc::SYS_rename as u32,
    libc::SYS_renameat as u32,
    libc::SYS_renameat2 as u32,
    libc::SYS_link as u32,
    libc::SYS_linkat as u32,
    libc::SYS_mknod as u32,
    libc::SYS_mknodat as u32,
    libc::SYS_getdents64 as u32,
    libc::SYS_getdents as u32,
    libc::SYS_statfs as u32,
    libc::SYS_fstatfs as u32,
    libc::SYS_getcwd as u32,
    libc::SYS_chdir as u32,
];

/// The calls that move data to or from a descriptor or tell its driver something: trapped where there is no FUSE.
pub(super) const TRANSFERS: [u32; 11] = [
    libc::SYS_read as u32,
    libc::SYS_write as u32,
    libc::SYS_ioctl as u32,
    libc::SYS_readv as u32,
    libc::SYS_writev as u32,
    libc::SYS_pread64 as u32,
    libc::SYS_pwrite64 as u32,
    libc::SYS_preadv as u32,
    libc::SYS_pwritev as u32,
    libc::SYS_preadv2 as u32,
    libc::SYS_pwritev2 as u32,
];

/// Trapped where positions are ours.
pub(super) const LSEEK: u32 = libc::SYS_lseek as u32;

pub(super) const SOCKET: u32 = libc::SYS_socket as u32;
/// The calls on sockets, socket(2) among them, but for those that came later.
pub(super) const SOCKET_CALLS: std::ops::Range<u32> = SOCKET..libc::SYS_getsockopt as u32 + 1;
pub(super) const BIND: u32 = libc::SYS_bind as u32;
pub(super) const SETSOCKOPT: u32 = libc::SYS_setsockopt as u32;
pub(super) const RECVMMSG: u32 = libc::SYS_recvmmsg as u32;
pub(super) const SENDMMSG: u32 = libc::SYS_sendmmsg as u32;

/// Whether the filter sends a call on behalf of sockets.
pub(super) fn is_of_sockets(number: i64) -> bool {
    u32::try_from(number).is_ok_and(|it| SOCKET_CALLS.contains(&it) || it == RECVMMSG || it == SENDMMSG)
}

/// `struct stat` of `asm/stat.h`.
#[derive(Default, IntoBytes, Immutable)]
#[repr(C)]
pub(super) struct Stat {
    pub(super) dev: u64,
    pub(super) ino: u64,
    pub(super) nlink: u64,
    pub(super) mode: u32,
    pub(super) uid: u32,
    pub(super) gid: u32,
    pub(super) padding: u32,
    pub(super) rdev: u64,
    pub(super) size: i64,
    pub(super) block_size: i64,
    pub(super) blocks: i64,
    pub(super) times: [i64; 6],
    pub(super) unused: [i64; 3],
}

const _: () = assert!(size_of::<Stat>() == 144);

/// `struct statx` of `linux/stat.h`.
#[derive(Default, IntoBytes, Immutable)]
#[repr(C)]
pub(super) struct Statx {
    pub(super) mask: u32,
    pub(super) block_size: u32,
    pub(super) attributes: u64,
    pub(super) nlink: u32,
    pub(super) uid: u32,
    pub(super) gid: u32,
    pub(super) mode: u16,
    pub(super) spare0: u16,
    pub(super) ino: u64,
    pub(super) size: u64,
    pub(super) blocks: u64,
    pub(super) attributes_mask: u64,
    pub(super) times: [StatxTime; 4],
    pub(super) rdev_major: u32,
    pub(super) rdev_minor: u32,
    pub(super) dev_major: u32,
    pub(super) dev_minor: u32,
    pub(super) mount: u64,
    pub(super) spare: [u64; 13],
}

const _: () = assert!(size_of::<Statx>() == 256);

/// `struct statx_timestamp`.
#[derive(Clone, Copy, Default, IntoBytes, Immutable)]
#[repr(C)]
pub(super) struct StatxTime {
    pub(super) seconds: i64,
    pub(super) nanoseconds: u32,
    pub(super) reserved: i32,
}

/// The name of a system call in which programs are commonly found, asleep or not.
pub(crate) fn call_name(number: i64) -> Option<&'static str> {
    const NAMES: [(i64, &str); 34] = [
        (libc::SYS_read, "read"),
        (libc::SYS_write, "write"),
        (libc::SYS_readv, "readv"),
        (libc::SYS_writev, "writev"),
        (libc::SYS_open, "open"),
        (libc::SYS_openat, "openat"),
        (libc::SYS_close, "close"),
        (libc::SYS_ioctl, "ioctl"),
        (libc::SYS_poll, "poll"),
        (libc::SYS_ppoll, "ppoll"),
        (libc::SYS_select, "select"),
        (libc::SYS_pselect6, "pselect6"),
        (libc::SYS_epoll_wait, "epoll_wait"),
        (libc::SYS_epoll_pwait, "epoll_pwait"),
        (libc::SYS_epoll_pwait2, "epoll_pwait2"),
        (libc::SYS_futex, "futex"),
        (libc::SYS_nanosleep, "nanosleep"),
        (libc::SYS_clock_nanosleep, "clock_nanosleep"),
        (libc::SYS_wait4, "wait4"),
        (libc::SYS_waitid, "waitid"),
        (libc::SYS_pause, "pause"),
        (libc::SYS_rt_sigsuspend, "rt_sigsuspend"),
        (libc::SYS_rt_sigtimedwait, "rt_sigtimedwait"),
        (libc::SYS_accept, "accept"),
        (libc::SYS_accept4, "accept4"),
        (libc::SYS_connect, "connect"),
        (libc::SYS_recvfrom, "recvfrom"),
        (libc::SYS_recvmsg, "recvmsg"),
        (libc::SYS_sendto, "sendto"),
        (libc::SYS_sendmsg, "sendmsg"),
        (libc::SYS_flock, "flock"),
        (libc::SYS_fsync, "fsync"),
        (libc::SYS_sched_yield, "sched_yield"),
        (libc::SYS_restart_syscall, "restart_syscall"),
    ];
    NAMES.iter().find(|(known, _)| *known == number).map(|(_, name)| *name)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What docs/roads.md says becomes of each call that we look at, and no word of it is missing.
    #[test]
    fn the_table_of_roads_names_every_call() {
        let page = include_str!("../../../../../docs/roads.md");
        let header = "/usr/include/x86_64-linux-gnu/asm/unistd_64.h";
        let header = std::fs::read_to_string(header).unwrap_or_else(|error| panic!("{header}: {error} (libc6-dev)"));
        let name_of = |number: u32| {
            let defines = header.lines().filter_map(|line| line.strip_prefix("#define __NR_")?.split_once(' '));
            let name = defines.into_iter().find(|(_, value)| value.trim().parse() == Ok(number)).map(|(name, _)| name);
            // Newer than the header.
            name.or((number == SYS_FCHMODAT2 as u32).then_some("fchmodat2")).unwrap_or_else(|| panic!("{number}"))
        };
        let table =
            page.split("| system calls |").nth(1).and_then(|rest| rest.split("\n\n").next()).expect("the table");
        let words: Vec<_> = table.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').collect();
        let others = [MMAP, IOCTL, LSEEK, RECVMMSG, SENDMMSG, libc::SYS_io_uring_setup as u32];
        for number in WATCHED.into_iter().chain(TRANSFERS).chain(SOCKET_CALLS).chain(others) {
            let name = name_of(number);
            assert!(words.contains(&name), "docs/roads.md does not say what becomes of {name}");
        }
    }
}
