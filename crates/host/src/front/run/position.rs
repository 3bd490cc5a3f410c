//! Where in a file a read or write goes. On FUSE the kernel keeps the position; of a socket we do, for the open file, which
//! all have in common who inherited or duplicated it (lseek(2)).

use super::{
    descriptor::Descriptor,
    supervisor::{Supervisor, Verdict},
    table::OpenFile,
};
use crate::sys::seccomp::Notification;
use outlive_classes::Errno;
use std::sync::{Arc, atomic::Ordering::Relaxed};

/// The most that one call moves, in bytes: `MAX_RW_COUNT` of `linux/fs.h`.
const MOST: u64 = 0x7fff_f000;

/// Where a call says that it goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Spot {
    /// On from where the last one ended.
    Onward,
    /// There, in bytes from the beginning.
    At(i64),
}

/// Where a call goes in a file with a position.
pub(super) struct Course {
    /// In bytes from the beginning.
    pub(super) at: u64,
    /// How many bytes are left from there on.
    pub(super) room: usize,
    /// Whose position goes on as the call succeeds, by as much as was moved. Linux does not lock that of a device either
    /// (`FMODE_ATOMIC_POS` in fs/open.c): calls side by side may start at the same place.
    pub(super) moves: Option<Arc<OpenFile>>,
}

impl Spot {
    /// Of a call that moves data. On 64-bit machines a position is in one argument; preadv2(2) and pwritev2(2) take -1
    /// for none.
    pub(super) fn of(call: &Notification) -> Self {
        let position = call.arguments[3].cast_signed();
        match call.number {
            libc::SYS_pread64 | libc::SYS_pwrite64 | libc::SYS_preadv | libc::SYS_pwritev => Spot::At(position),
            libc::SYS_preadv2 | libc::SYS_pwritev2 if position != -1 => Spot::At(position),
            _ => Spot::Onward,
        }
    }

    /// Where that is in `file`, which has a position.
    ///
    /// # Errors
    /// EINVAL before its beginning (pread(2)).
    pub(super) fn course(self, file: &Arc<OpenFile>, call: &Notification) -> Result<Course, Errno> {
        let ours = file.line.is_some();
        let at = match self {
            Spot::At(position) => u64::try_from(position).map_err(|_| Errno::INVAL)?,
            Spot::Onward if ours => file.position.load(Relaxed),
            Spot::Onward => {
                Descriptor::of(call.pid, call.arguments[0] as i32).map(|it| it.position).ok_or(Errno::BADF)?
            }
        };
        let room = file.file.size().saturating_sub(at).min(MOST) as usize;
        Ok(Course { at, room, moves: (self == Spot::Onward && ours).then(|| file.clone()) })
    }
}

impl Course {
    /// So many bytes have been moved.
    pub(super) fn end(&self, moved: u64) {
        if let Some(file) = &self.moves {
            file.position.store(self.at + moved, Relaxed);
        }
    }
}

impl Supervisor {
    /// lseek(2), where positions are ours.
    pub(super) fn lseek(&self, call: &Notification) -> Verdict {
        let [number, offset, whence, ..] = call.arguments;
        match self.files.file_at(call.pid, number as u32) {
            Some(file) if file.positioned => {
                let found = seek(file.position.load(Relaxed), file.file.size(), offset.cast_signed(), whence as i32);
                if let Ok(position) = found {
                    file.position.store(position, Relaxed);
                }
                Verdict::Answer(found.map(u64::cast_signed))
            }
            // ESPIPE of a socket.
            _ => Verdict::Proceed,
        }
    }
}

/// Where a file of `size` bytes is after an lseek(2): nowhere but between its ends, and there are no holes
/// (`fixed_size_llseek` of fs/read_write.c).
fn seek(position: u64, size: u64, offset: i64, whence: i32) -> Result<u64, Errno> {
    let from = match whence {
        libc::SEEK_SET => 0,
        libc::SEEK_CUR => position,
        libc::SEEK_END => size,
        _ => return Err(Errno::INVAL),
    };
    from.checked_add_signed(offset).filter(|to| *to <= size).ok_or(Errno::INVAL)
}

#[cfg(test)]
mod tests {
    use super::*;
    use libc::{SEEK_CUR, SEEK_DATA, SEEK_END, SEEK_SET};

    #[test]
    fn a_seek_stays_between_the_ends() {
        for (position, offset, whence, wanted) in [
            (5, 7, SEEK_SET, Ok(7)),
            (5, 7, SEEK_CUR, Ok(12)),
            (5, -5, SEEK_CUR, Ok(0)),
            (5, -6, SEEK_CUR, Err(Errno::INVAL)),
            (5, 0, SEEK_END, Ok(100)),
            (5, -1, SEEK_END, Ok(99)),
            (5, 1, SEEK_END, Err(Errno::INVAL)),
            (5, 101, SEEK_SET, Err(Errno::INVAL)),
            (5, -1, SEEK_SET, Err(Errno::INVAL)),
            (5, i64::MAX, SEEK_END, Err(Errno::INVAL)),
            (5, i64::MIN, SEEK_CUR, Err(Errno::INVAL)),
            (5, 0, SEEK_DATA, Err(Errno::INVAL)),
        ] {
            assert_eq!(seek(position, 100, offset, whence), wanted, "{offset} {whence}");
        }
    }
}
