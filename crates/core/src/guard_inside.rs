use crate::gate::this_thread_number;
use core::fmt;

/// One who is inside by a bare guard, without a record (I6).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct GuardInside {
    /// The thread that took the guard, as the kernel numbers it (`ps -L`, gettid(2)). The guard may have been sent to
    /// another one since, and the thread may have ended.
    pub thread: u32,
    /// Whether that is the thread that asks: such a thread most likely waits for itself.
    pub own_thread: bool,
}

impl GuardInside {
    pub(crate) fn new(thread: u32) -> Self {
        GuardInside { thread, own_thread: thread == this_thread_number() }
    }
}

impl fmt::Display for GuardInside {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "1 inside without a record, entered by thread {}", self.thread)?;
        if self.own_thread { f.write_str(", the very thread that waits for it") } else { Ok(()) }
    }
}
