//! Who calls, for the few calls that ask.

/// A thread that calls, as far as a device may care. A front that cannot tell says nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Caller {
    /// Its number as it knows it itself, in its own pid namespace: gettid(2).
    pub thread: u32,
    /// Its process.
    pub process: Process,
    /// It has `CAP_SYS_ADMIN` (capabilities(7)) over the machine that its devices are on.
    pub is_admin: bool,
}

/// A process, for telling it from others: numbers come round, and then it has begun at another time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Process {
    /// Its number for whoever carries its calls.
    pub number: u32,
    /// When it began: the `starttime` of proc_pid_stat(5), in clock ticks since boot.
    pub began: u64,
}
