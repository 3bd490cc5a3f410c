//! Calls that our devices refuse, and that would go wrong if the kernel carried them out: it takes our descriptors for
//! regular files, and knows our names as nothing, or as the machine's own nodes.

use super::{
    arch::SYS_FCHMODAT2,
    names::Target,
    supervisor::{Supervisor, Verdict, is_strict_zombie},
};
use crate::sys::seccomp::Notification;
use outlive_classes::Errno;

const HERE: u64 = libc::AT_FDCWD as u64;

impl Supervisor {
    pub(super) fn refuse(&self, call: &Notification) -> Verdict {
        let a = &call.arguments;
        match call.number {
            // What Linux says of devices without such an operation (splice(2), sendfile(2), ioctl_tty(2)).
            libc::SYS_splice | libc::SYS_copy_file_range => self.refuse_descriptors(call, &[a[0], a[2]], Errno::INVAL),
            libc::SYS_sendfile => self.refuse_descriptors(call, &[a[0], a[1]], Errno::INVAL),
            libc::SYS_ioctl => self.refuse_descriptors(call, &[a[0]], Errno::NOTTY),
            libc::SYS_truncate => self.refuse_name(call, HERE, a[0], 0, Errno::INVAL),
            _ => self.keep_as_it_is(call),
        }
    }

    /// Calls that change a node: who it belongs to, its mode, times and attributes; and those that take it away or put
    /// something in its place. Ours stay as they are, as those of a /dev that is not one's own.
    fn keep_as_it_is(&self, call: &Notification) -> Verdict {
        let a = &call.arguments;
        let no_follow = libc::AT_SYMLINK_NOFOLLOW as u64;
        let (directory, path, flags) = match call.number {
            libc::SYS_chmod | libc::SYS_chown | libc::SYS_utime | libc::SYS_utimes => (HERE, a[0], 0),
            libc::SYS_setxattr | libc::SYS_removexattr => (HERE, a[0], 0),
            libc::SYS_lchown | libc::SYS_lsetxattr | libc::SYS_lremovexattr => (HERE, a[0], no_follow),
            libc::SYS_unlink | libc::SYS_link | libc::SYS_rename => (HERE, a[0], no_follow),
            libc::SYS_fchmodat | libc::SYS_futimesat => (a[0], a[1], 0),
            SYS_FCHMODAT2 | libc::SYS_utimensat => (a[0], a[1], a[3]),
            libc::SYS_fchownat => (a[0], a[1], a[4]),
            libc::SYS_unlinkat | libc::SYS_linkat | libc::SYS_renameat | libc::SYS_renameat2 => (a[0], a[1], no_follow),
            libc::SYS_mknod => return self.refuse_name(call, HERE, a[0], no_follow, Errno::EXIST),
            libc::SYS_mknodat => return self.refuse_name(call, a[0], a[1], no_follow, Errno::EXIST),
            _ => return Verdict::Proceed,
        };
        match (call.number, self.refuse_name(call, directory, path, flags, Errno::PERM)) {
            // Theirs, and where it is to go may be ours.
            (libc::SYS_rename, Verdict::Proceed) => self.refuse_name(call, HERE, a[1], no_follow, Errno::PERM),
            (libc::SYS_renameat | libc::SYS_renameat2, Verdict::Proceed) => {
                self.refuse_name(call, a[2], a[3], no_follow, Errno::PERM)
            }
            (libc::SYS_link, Verdict::Proceed) => self.refuse_name(call, HERE, a[1], no_follow, Errno::EXIST),
            (libc::SYS_linkat, Verdict::Proceed) => self.refuse_name(call, a[2], a[3], no_follow, Errno::EXIST),
            (_, verdict) => verdict,
        }
    }

    /// `errno` if one of these descriptors is ours; once its device is gone, what everything says then (I15).
    fn refuse_descriptors(&self, call: &Notification, descriptors: &[u64], errno: Errno) -> Verdict {
        for number in descriptors {
            if let Target::Descriptor(_, device) = self.names.descriptor(call.pid, *number as i32) {
                let gone = device.as_deref().is_none_or(is_strict_zombie);
                return Verdict::Answer(Err(if gone { Errno::NODEV } else { errno }));
            }
        }
        Verdict::Proceed
    }

    fn refuse_name(&self, call: &Notification, directory: u64, path: u64, flags: u64, errno: Errno) -> Verdict {
        let follow = flags & libc::AT_SYMLINK_NOFOLLOW as u64 == 0;
        // futimens(3) is utimensat(2) without a path.
        let target = if path == 0 { Target::NotOurs } else { self.target(call, directory, path, flags, follow) };
        match target {
            Target::Device(..) | Target::Status | Target::Udev(_) | Target::Entry(_) | Target::Machine(_) => {
                Verdict::Answer(Err(errno))
            }
            Target::Gone(_) => Verdict::Answer(Err(Errno::NOENT)),
            Target::Failed(errno) => Verdict::Answer(Err(errno)),
            // Of a descriptor we are asked where the kernel goes on: SETATTR.
            Target::Descriptor(..) | Target::Held(_) | Target::NotOurs => Verdict::Proceed,
        }
    }
}
