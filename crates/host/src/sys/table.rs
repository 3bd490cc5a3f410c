//! A thread with a descriptor table of its own: clone(2), close_range(2).

use super::process::last_error;
use rustix::io;
use std::{
    os::fd::{AsRawFd, FromRawFd, OwnedFd},
    sync::mpsc,
    thread::Builder,
};

/// The stack of such a thread, in bytes.
const STACK: usize = 256 * 1024;

/// Starts a thread that has no descriptors but the standard ones and those in `kept`, which leave this table for its own.
///
/// A process that is killed keeps a table until the last thread that shares it has exited. A thread that may be in the
/// middle of a call which only another descriptor's closing ends must therefore not have that one in its table.
///
/// `work` touches no descriptors but those that it is given and those that it opens itself, and drops no owner of
/// others: their numbers mean something else there, or nothing. Hence it is a plain function, and `with` is what it says
/// of itself that it owns none.
///
/// # Errors
/// Those of close_range(2) (5.9) and of starting a thread; `kept` is closed then.
pub(crate) fn start_apart<T: Descriptorless, const N: usize>(
    name: &str,
    kept: [OwnedFd; N],
    with: T,
    work: fn([OwnedFd; N], T),
) -> io::Result<()> {
    let numbers = kept.each_ref().map(AsRawFd::as_raw_fd);
    let (tell, told) = mpsc::channel();
    let body = move || {
        let left = leave_with(numbers);
        let apart = left.is_ok();
        let _ = tell.send(left);
        if apart {
            work(kept, with);
        }
    };
    let thread = Builder::new().name(name.to_owned()).stack_size(STACK).spawn(body);
    thread.map_err(|error| io::Errno::from_raw_os_error(error.raw_os_error().unwrap_or(libc::EAGAIN)))?;
    told.recv().unwrap_or(Err(io::Errno::IO))?;
    for number in numbers {
        // SAFETY: the owner of this number is the other thread's, whose table is another one now; so the copy in this
        // table is nobody's, and nobody can have closed it.
        drop(unsafe { OwnedFd::from_raw_fd(number) });
    }
    Ok(())
}

/// What owns no descriptors.
pub(crate) trait Descriptorless: Send + 'static {}

impl<T: Descriptorless> Descriptorless for mpsc::Receiver<T> {}

/// Gives this thread a table of its own with nothing from 3 on but `kept`.
fn leave_with<const N: usize>(mut kept: [i32; N]) -> io::Result<()> {
    kept.sort_unstable();
    // The first call makes the table, whatever it closes; so it comes first even if there is nothing to close.
    close_range(i32::MAX, i32::MAX, libc::CLOSE_RANGE_UNSHARE)?;
    let mut first = 3;
    for number in kept {
        if first < number {
            close_range(first, number - 1, 0)?;
        }
        first = number + 1;
    }
    close_range(first, i32::MAX, 0)
}

fn close_range(first: i32, last: i32, flags: libc::c_uint) -> io::Result<()> {
    // SAFETY: with UNSHARE it closes a number that no table has. Without, it is called after that, so it changes a table
    // that this thread alone has, in which all owners but those of the numbers left out are other threads'.
    match unsafe { libc::syscall(libc::SYS_close_range, first, last, flags) } {
        0 => Ok(()),
        _ => Err(last_error()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::pipe::pipe;
    use std::{
        fs::File,
        io::{Read, Write},
    };

    impl Descriptorless for () {}

    /// The thread has what it was given and nothing else; it is gone from here, or the pipes would not come to an end.
    #[test]
    fn what_is_kept_leaves_this_table_for_the_other() {
        let (read, write) = pipe().unwrap();
        let (stay, leave) = pipe().unwrap();
        start_apart("apart", [write, leave], (), |[write, _], ()| {
            let open = std::fs::read_dir("/proc/thread-self/fd").unwrap();
            let count = open.filter(|entry| entry.as_ref().unwrap().file_name().to_str() > Some("2")).count();
            // Besides the two: the one that the directory is read by.
            File::from(write).write_all(&[count as u8]).unwrap();
        })
        .unwrap();
        let mut told = Vec::new();
        File::from(read).read_to_end(&mut told).unwrap();
        assert_eq!(told, [3]);
        File::from(stay).read_to_end(&mut told).unwrap();
    }
}
