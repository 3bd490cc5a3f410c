use crate::{
    GuardInside, Inside, State, Step,
    book::Book,
    device::{Owner, Part},
    finish::Finish,
    life::Life,
    sync::{Instant, lock, planted, this_thread},
};
use alloc::{
    borrow::ToOwned,
    format,
    string::{String, ToString},
    vec::Vec,
};
use core::{fmt, future::IntoFuture, time::Duration};

/// The removal budget T: how long an unplug is waited for unless its owner says otherwise.
pub const REMOVAL_BUDGET: Duration = Duration::from_secs(1);

/// A removal that has begun. The device is dead already; what is left is to wait until nobody is inside: on this thread
/// ([`wait`](Unplug::wait)), or as a future, on any executor (`unplug.await`).
#[must_use = "the fence holds only after `wait` has returned Ok"]
pub struct Unplug<S: Part, H: Part> {
    owner: Owner<S, H>,
}

impl<S: Part, H: Part> Unplug<S, H> {
    pub(crate) fn new(owner: Owner<S, H>) -> Self {
        Unplug { owner }
    }

    /// Waits for the fence, lets the driver have its last word and releases what was tied to the hardware, and gives the
    /// hardware back; whoever gets it has it alone. `Ok(None)` means that another unplug has taken it: the fence holds
    /// all the same. `limit` counts from this call; `Duration::MAX` is none. With
    /// [`Policy::Drain`](crate::Policy::Drain) what is still inside after `limit` is cancelled then.
    ///
    /// A thread that is inside itself waits for itself here: it gets [`Busy`] when `limit` is over (I3), so it must give
    /// one. In a hook of this very removal it gets it at once, and so does a process that has the device by fork(2):
    /// there the device stays as it is, since those inside may not exist in that process and would never leave.
    ///
    /// # Errors
    /// [`Busy`] after `limit`: the device is dead, the fence is not there yet, and [`Busy::wait`] waits on.
    pub fn wait(self, limit: Duration) -> Result<Option<H>, Busy<S, H>> {
        // A limit too large for the clock is no limit.
        self.wait_for(limit, true)
    }

    /// As [`wait`](Unplug::wait), for one of several looks at a removal that [drains](crate::Policy::Drain): what is
    /// inside is left alone also when `limit` is over.
    ///
    /// # Errors
    /// [`Busy`] after `limit`.
    pub fn look(self, limit: Duration) -> Result<Option<H>, Busy<S, H>> {
        self.wait_for(limit, false)
    }

    fn wait_for(self, limit: Duration, last: bool) -> Result<Option<H>, Busy<S, H>> {
        let deadline = Instant::now().checked_add(limit);
        match self.hardware_by(deadline, last) {
            Ok(hardware) => Ok(hardware),
            Err(TooLate) => Err(Busy { unplug: self }),
        }
    }

    fn hardware_by(&self, deadline: Option<Instant>, last: bool) -> Result<Option<H>, TooLate> {
        let life = self.life();
        if life.gate.is_copy() {
            return Err(TooLate);
        }
        self.until_nobody_acts(deadline)?;
        let mut drained = life.gate.drain(deadline);
        if drained.is_err() && last && life.is_draining() {
            life.cancel_inside();
            drained = life.gate.drain(Some(Instant::now()));
        }
        match drained.map_err(|_| TooLate)? {
            Some(hardware) => Ok(Some(life.take_apart(hardware))),
            None => self.until_apart(deadline).map(|()| None),
        }
    }

    /// As `wait` with no time left, for one of a batch: `held` are the gates that somebody was inside of by a slot when
    /// they were scanned together, after the heavy fence.
    pub(crate) fn finish_unless_held(self, held: &[usize], now: Instant) -> Result<Option<H>, Busy<S, H>> {
        let life = self.life();
        if self.until_nobody_acts(Some(now)).is_err() {
            return Err(Busy { unplug: self });
        }
        match life.gate.take_unless_held(held) {
            Ok(Some(hardware)) => Ok(Some(life.take_apart(hardware))),
            Ok(None) | Err(_) => Err(Busy { unplug: self }),
        }
    }

    /// Waits for the steps up to [`Step::Woken`], which another thread may be taking: their hooks are a driver's code,
    /// too, and the fence comes after them (I7).
    fn until_nobody_acts(&self, deadline: Option<Instant>) -> Result<(), TooLate> {
        let nobody = |book: &Book<S, H>| book.acting.is_none() || planted!(SecondUnplugDoesNotWait);
        self.until(nobody, deadline)
    }

    /// Waits for the one who has taken the hardware to have taken it apart.
    fn until_apart(&self, deadline: Option<Instant>) -> Result<(), TooLate> {
        self.until(|book| book.state == State::Gone, deadline)
    }

    /// Waits until the book says so; not if it is this very thread that would have to write it.
    fn until(&self, says: impl Fn(&Book<S, H>) -> bool, deadline: Option<Instant>) -> Result<(), TooLate> {
        let mut book = lock(&self.life().book);
        while !says(&book) {
            let waits_for_itself = book.acting == Some(this_thread());
            if waits_for_itself || deadline.is_some_and(|deadline| Instant::now() >= deadline) {
                return Err(TooLate);
            }
            book = self.life().wait(book, deadline);
        }
        Ok(())
    }

    pub(crate) fn life(&self) -> &Life<S, H> {
        &self.owner.life
    }
}

/// The deadline has passed, or would pass in vain.
struct TooLate;

impl<S: Part, H: Part> IntoFuture for Unplug<S, H> {
    type Output = Option<H>;
    type IntoFuture = Finish<S, H>;

    fn into_future(self) -> Finish<S, H> {
        Finish::new(self)
    }
}

impl<S: Part, H: Part> fmt::Debug for Unplug<S, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Unplug")
    }
}

/// The limit passed while somebody was inside. The device stays dead; nothing is claimed about the fence (I6).
pub struct Busy<S: Part, H: Part> {
    unplug: Unplug<S, H>,
}

impl<S: Part, H: Part> Busy<S, H> {
    /// The recorded operations that are still inside.
    pub fn culprits(&self) -> Vec<Inside> {
        if self.is_copy() { Vec::new() } else { self.unplug.life().inside() }
    }

    /// Those inside by a bare guard, one for each. Guards that had to be counted are not known by their thread: see
    /// [`Guard::into_counted`](crate::Guard::into_counted); without std all of them are.
    pub fn guards(&self) -> Vec<GuardInside> {
        self.unplug.life().gate.threads().into_iter().map(GuardInside::new).collect()
    }

    /// How many are inside in all, bare guards included.
    pub fn inside(&self) -> usize {
        if self.is_copy() { self.unplug.life().gate.inside() } else { self.unplug.life().count_inside() }
    }

    /// How far the removal has come. Before [`Step::Woken`] a hook of the removal has not returned.
    pub fn step(&self) -> Step {
        self.unplug.life().step()
    }

    /// Waits on.
    ///
    /// # Errors
    /// [`Busy`] again, after `limit`.
    pub fn wait(self, limit: Duration) -> Result<Option<H>, Busy<S, H>> {
        self.unplug.wait(limit)
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
}

impl<S: Part, H: Part> IntoFuture for Busy<S, H> {
    type Output = Option<H>;
    type IntoFuture = Finish<S, H>;

    fn into_future(self) -> Finish<S, H> {
        Finish::new(self.unplug)
    }
}

impl<S: Part, H: Part> fmt::Display for Busy<S, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_copy() {
            return f.write_str("the device belongs to the process that this one was forked from: unplug it there");
        }
        write!(f, "the device is dead, but the fence is not there yet: {}", self.lines().join("; "))
    }
}

impl<S: Part, H: Part> fmt::Debug for Busy<S, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Busy").field("culprits", &self.culprits()).field("inside", &self.inside()).finish()
    }
}

impl<S: Part, H: Part> core::error::Error for Busy<S, H> {}
