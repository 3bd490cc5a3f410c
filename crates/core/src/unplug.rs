use crate::{
    Inside, Step,
    device::Owner,
    gate::this_thread_number,
    life::Life,
    sync::{Arc, lock, planted, this_thread, wait},
};
use std::{
    fmt,
    time::{Duration, Instant},
};

/// The removal budget T: how long an unplug is waited for unless its owner says otherwise.
pub const REMOVAL_BUDGET: Duration = Duration::from_secs(1);

/// A removal that has begun. The device is dead already; what is left is to wait until nobody is inside.
#[must_use = "the fence holds only after `wait` has returned Ok"]
pub struct Unplug<S, H> {
    owner: Arc<Owner<S, H>>,
}

impl<S, H> Unplug<S, H> {
    pub(crate) fn new(owner: Arc<Owner<S, H>>) -> Self {
        Unplug { owner }
    }

    /// Waits for the fence and gives the hardware back; whoever gets it has it alone. `Ok(None)` means that another
    /// unplug has taken it: the fence holds all the same. `limit` counts from this call; `Duration::MAX` is none.
    ///
    /// A thread that is inside itself waits for itself here: it gets [`Busy`] when `limit` is over (I3), so it must give
    /// one. In a hook of this very removal it gets it at once, and so does a process that has the device by fork(2):
    /// there the device stays as it is, since those inside may not exist in that process and would never leave.
    ///
    /// # Errors
    /// [`Busy`] after `limit`: the device is dead, the fence is not there yet, and [`Busy::wait`] waits on.
    pub fn wait(self, limit: Duration) -> Result<Option<H>, Busy<S, H>> {
        // A limit too large for the clock is no limit.
        let deadline = Instant::now().checked_add(limit);
        if self.life().gate.is_copy() {
            return Err(Busy { unplug: self });
        }
        let drained = if self.hooks_have_run(deadline) { self.life().gate.drain(deadline).ok() } else { None };
        match drained {
            Some(Some(hardware)) => {
                self.life().reach(Step::Drained);
                Ok(Some(hardware))
            }
            Some(None) => {
                // Whoever took it tells the observer; but nobody who has returned from here shall see less.
                self.life().note(Step::Drained);
                Ok(None)
            }
            None => Err(Busy { unplug: self }),
        }
    }

    /// Waits for the steps up to [`Step::Woken`], which another thread may be taking: their hooks are a driver's code,
    /// too, and the fence comes after them (I7).
    fn hooks_have_run(&self, deadline: Option<Instant>) -> bool {
        let mut book = lock(&self.life().book);
        while book.acting.is_some() && !planted!(SecondUnplugDoesNotWait) {
            let waits_for_itself = book.acting == Some(this_thread());
            if waits_for_itself || deadline.is_some_and(|deadline| Instant::now() >= deadline) {
                return false;
            }
            book = wait(&self.life().acted, book, deadline);
        }
        true
    }

    fn life(&self) -> &Life<S, H> {
        &self.owner.life
    }
}

impl<S, H> fmt::Debug for Unplug<S, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Unplug")
    }
}

/// The limit passed while somebody was inside. The device stays dead; nothing is claimed about the fence (I6).
pub struct Busy<S, H> {
    unplug: Unplug<S, H>,
}

impl<S, H> Busy<S, H> {
    /// The recorded operations that are still inside.
    pub fn culprits(&self) -> Vec<Inside> {
        if self.is_copy() { Vec::new() } else { self.unplug.life().inside() }
    }

    /// Those inside by a bare guard, one for each. Guards that had to be counted are not known by their thread: see
    /// [`Guard::into_counted`](crate::Guard::into_counted).
    pub fn guards(&self) -> Vec<GuardInside> {
        self.unplug.life().gate.threads().into_iter().map(GuardInside::new).collect()
    }

    /// How many are inside in all, bare guards included.
    pub fn inside(&self) -> usize {
        self.unplug.life().gate.inside()
    }

    /// How far the removal has come. Before [`Step::Woken`] a hook of the removal has not returned.
    pub fn step(&self) -> Step {
        if self.is_copy() { Step::Running } else { lock(&self.unplug.life().book).step }
    }

    /// Whether this process has the device by fork(2) only. Then no lock of it may be taken here: another thread may
    /// have held it, which does not exist in this process.
    fn is_copy(&self) -> bool {
        self.unplug.life().gate.is_copy()
    }

    /// What is to be waited for, in words.
    fn lines(&self) -> Vec<String> {
        let (culprits, guards) = (self.culprits(), self.guards());
        let unknown = self.inside().saturating_sub(culprits.len() + guards.len());
        let mut lines: Vec<String> = culprits.iter().map(Inside::to_string).collect();
        if lock(&self.unplug.life().book).acting.is_some() {
            lines.push("a hook of its removal has not returned".to_owned());
        }
        lines.extend(guards.iter().map(GuardInside::to_string));
        if unknown > 0 {
            lines.push(format!("{unknown} inside without a record"));
        }
        if lines.is_empty() {
            lines.push("the last one left just now; wait again".to_owned());
        }
        lines
    }

    /// Waits on.
    ///
    /// # Errors
    /// [`Busy`] again, after `limit`.
    pub fn wait(self, limit: Duration) -> Result<Option<H>, Busy<S, H>> {
        self.unplug.wait(limit)
    }
}

impl<S, H> fmt::Display for Busy<S, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_copy() {
            return f.write_str("the device belongs to the process that this one was forked from: unplug it there");
        }
        write!(f, "the device is dead, but the fence is not there yet: {}", self.lines().join("; "))
    }
}

impl<S, H> fmt::Debug for Busy<S, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Busy").field("culprits", &self.culprits()).field("inside", &self.inside()).finish()
    }
}

impl<S, H> std::error::Error for Busy<S, H> {}

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
    fn new(thread: u32) -> Self {
        GuardInside { thread, own_thread: thread == this_thread_number() }
    }
}

impl fmt::Display for GuardInside {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "1 inside without a record, entered by thread {}", self.thread)?;
        if self.own_thread { f.write_str(", the very thread that waits for it") } else { Ok(()) }
    }
}
