//! A partition: a part of a flash that is a flash itself (`drivers/mtd/mtdpart.c`).
//!
//! Its far end is the device that it is a part of: what it is asked to do enters the gate there, as what a client asks for
//! does. When that device goes, the partition's is told, and what was under way says ENODEV.

use super::{
    Chip, Command, Fault, Flash, FlashHandle, Geometry, Kind, Order, PartitionSpec,
    order::{End, submit},
};
use crate::{Contract, Errno};
use outlive::{Cause, Noticer, Outcome, Watch};
use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// A flash that is plugged in, as partitions are made of it. It counts as nobody's open file, and keeps no device there.
#[derive(Debug)]
pub struct Parent(FlashHandle);

impl Parent {
    /// What it is made of.
    pub fn geometry(&self) -> &Geometry {
        self.0.shared().geometry()
    }
}

impl Chip {
    /// Itself, to make partitions of; `None` if it is gone, or cannot be opened now.
    pub fn parent(&self) -> Option<Parent> {
        self.device.open().ok().map(|handle| Parent(handle.uncounted()))
    }
}

impl Clone for Parent {
    fn clone(&self) -> Self {
        Parent(self.0.uncounted())
    }
}

/// Some of a flash.
pub struct Slice {
    of: Whole,
    name: String,
    /// Where it begins, in bytes.
    offset: u64,
    geometry: Geometry,
    /// Of the life that it is in.
    life: Mutex<Life>,
}

#[derive(Default)]
struct Life {
    noticer: Noticer,
    _watch: Option<Watch<super::Shared, Box<dyn Flash>>>,
}

/// What it is a part of.
enum Whole {
    /// A device.
    Parent(FlashHandle),
    /// What answers for such a device, which is gone.
    Remains(FlashHandle),
    /// A copy, which nobody else has.
    Copy(Box<dyn Flash>),
}

/// Why there can be no such partition.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NoPartition {
    /// It has no bytes.
    Empty,
    /// It begins where the flash has ended.
    Beyond {
        /// The size of the flash, in bytes.
        size: u64,
    },
    /// It begins or ends within a page, which is read and written as a whole.
    Torn {
        /// The size of a page, in bytes.
        page: u32,
    },
}

impl fmt::Display for NoPartition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NoPartition::Empty => f.write_str("a partition of no bytes; give it a size"),
            NoPartition::Beyond { size } => write!(f, "begins beyond the end of the flash, which has {size:#x} bytes"),
            NoPartition::Torn { page } => write!(f, "begins or ends within a page; pages have {page:#x} bytes"),
        }
    }
}

impl std::error::Error for NoPartition {}

impl From<NoPartition> for Errno {
    fn from(_: NoPartition) -> Errno {
        Errno::INVAL
    }
}

impl Slice {
    /// Part of `parent`. What goes beyond its end is cut off, and what does not begin and end with an erase block can only
    /// be read (`allocate_partition` of `drivers/mtd/mtdpart.c`).
    ///
    /// # Errors
    /// [`NoPartition`]
    pub fn of(parent: &Parent, spec: PartitionSpec) -> Result<Self, NoPartition> {
        let whole = parent.0.shared().geometry();
        let PartitionSpec { name, offset, size, read_only } = spec;
        if size == 0 {
            return Err(NoPartition::Empty);
        }
        let rest = whole.size.checked_sub(offset).filter(|rest| *rest > 0);
        let size = size.min(rest.ok_or(NoPartition::Beyond { size: whole.size })?);
        let begins_and_ends_with = |unit: u64| offset.is_multiple_of(unit) && size.is_multiple_of(unit);
        if !begins_and_ends_with(whole.page()) {
            return Err(NoPartition::Torn { page: whole.write_size });
        }
        let unit = if whole.kind == Kind::Ram { whole.page() } else { whole.block() };
        let writable = whole.writable && !read_only && begins_and_ends_with(unit);
        let geometry = Geometry { size, writable, ..whole.clone() };
        let of = Whole::Parent(parent.0.uncounted());
        Ok(Slice { of, name, offset, geometry, life: Mutex::default() })
    }

    fn life(&self) -> MutexGuard<'_, Life> {
        self.life.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// As the flash has it that it is a part of. Blocks are those of that flash: the one that has the first byte; `None` of
    /// a range that is no number of them.
    fn translated(&self, command: Command) -> Option<Command> {
        let block = self.geometry.block();
        let block_of = |at: u64| (self.offset + at) - (self.offset + at) % block;
        let whole = |at: u64| Some(self.offset + at).filter(|at| at.is_multiple_of(block));
        Some(match command {
            Command::Read { at, length, spare, mode } => Command::Read { at: self.offset + at, length, spare, mode },
            Command::Program { at, data, spare_from, spare, mode } => {
                Command::Program { at: self.offset + at, data, spare_from, spare, mode }
            }
            Command::Erase { at, length } => Command::Erase { at: whole(at)?, length },
            Command::Lock { at, length, lock } => Command::Lock { at: whole(at)?, length, lock },
            Command::IsLocked { at, length } => Command::IsLocked { at: whole(at)?, length },
            Command::IsBad { at } => Command::IsBad { at: block_of(at) },
            Command::MarkBad { at } => Command::MarkBad { at: block_of(at) },
            Command::BadBlocks { at, length } => {
                let (begin, end) = (block_of(at), block_of(at + length + block - 1));
                Command::BadBlocks { at: begin, length: end - begin }
            }
        })
    }
}

impl Flash for Slice {
    fn geometry(&self) -> Geometry {
        self.geometry.clone()
    }

    fn name(&self) -> String {
        self.name.clone()
    }

    fn offset(&self) -> Option<u64> {
        Some(self.offset)
    }

    fn begin(&self, command: Command, order: Order) {
        let Some(command) = self.translated(command) else { return order.answer(Err(Fault::Unsupported.into())) };
        match &self.of {
            Whole::Parent(parent) => {
                let passed = Passed::new(self.offset, self.life().noticer.clone());
                passed.take(order, |passed| passed.submit(parent, command));
            }
            Whole::Remains(gone) => {
                let passed = Passed::new(self.offset, Noticer::new());
                passed.take(order, |passed| {
                    gone.shared().stand_in.when_here(move |handle| match handle {
                        Some(handle) => passed.submit(handle, command),
                        None => passed.ended(Outcome::Done(Err(Fault::Io.into()))),
                    });
                });
            }
            Whole::Copy(flash) => flash.begin(command, order),
        }
    }

    /// Of what it is a part of: as that is, or if that is gone, what stands in for it.
    fn stand_in(&self) -> Option<Box<dyn Flash>> {
        let of = match &self.of {
            Whole::Parent(parent) => match parent.enter() {
                Ok(flash) => Whole::Copy(flash.stand_in()?),
                Err(_) if parent.shared().contract() == Contract::Linux => Whole::Remains(parent.uncounted()),
                Err(_) => return None,
            },
            Whole::Remains(gone) => Whole::Remains(gone.uncounted()),
            Whole::Copy(flash) => Whole::Copy(flash.stand_in()?),
        };
        let (name, geometry) = (self.name.clone(), self.geometry.clone());
        Some(Box::new(Slice { of, name, offset: self.offset, geometry, life: Mutex::default() }))
    }

    fn plugged(&self, noticer: &Noticer) {
        let Whole::Parent(parent) = &self.of else { return };
        let told = noticer.clone();
        let watch = parent.on_gone(move |gone| told.gone(gone.reason));
        let life = Life { noticer: noticer.clone(), _watch: Some(watch) };
        // The former one is dropped without the lock.
        let former = std::mem::replace(&mut *self.life(), life);
        drop(former);
    }
}

impl fmt::Debug for Slice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let of = match &self.of {
            Whole::Parent(parent) | Whole::Remains(parent) => parent.shared().name(),
            Whole::Copy(_) => "a copy",
        };
        f.debug_struct("Slice")
            .field("of", &of)
            .field("name", &self.name)
            .field("offset", &self.offset)
            .field("size", &self.geometry.size)
            .finish_non_exhaustive()
    }
}

/// An order of a partition that has been passed on to what it is a part of.
struct Passed {
    offset: u64,
    noticer: Noticer,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// `None` once it has been answered.
    order: Option<Order>,
    /// What is under way there: which handle it came by, and its number.
    under_way: Option<(FlashHandle, u64)>,
}

impl Passed {
    fn new(offset: u64, noticer: Noticer) -> Arc<Self> {
        Arc::new(Passed { offset, noticer, state: Mutex::default() })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps `order`, unless it has been cancelled, and goes on with `then`.
    fn take(self: Arc<Self>, order: Order, then: impl FnOnce(Arc<Self>)) {
        let weak = Arc::downgrade(&self);
        order.on_cancel(move |cause| weak.upgrade().into_iter().for_each(|passed| passed.cancelled(cause)));
        {
            let mut state = self.state();
            // Under the lock, so that a cancellation is either seen here or finds the order there.
            if order.is_cancelled() {
                drop(state);
                return drop(order);
            }
            state.order = Some(order);
        }
        then(self);
    }

    fn submit(self: Arc<Self>, to: &FlashHandle, command: Command) {
        let me = self.clone();
        let Some(number) = submit(to, command, move |end| me.ended(end)) else { return };
        let mut state = self.state();
        if state.order.is_some() {
            state.under_way = Some((to.uncounted(), number));
            return;
        }
        // It has ended meanwhile, or has been given up before there was a number to say so by.
        drop(state);
        to.cancel(number);
    }

    fn ended(&self, end: End) {
        let order = self.state().order.take();
        let Some(order) = order else { return };
        match end {
            Outcome::Done(answer) => order.answer(answer.map_err(|mut error| {
                error.at = error.at.and_then(|at| at.checked_sub(self.offset));
                error
            })),
            Outcome::Cancelled(Cause::Gone(gone)) => {
                // The partition goes before its client hears why.
                self.noticer.gone(gone.reason);
                order.answer(Err(Fault::Gone.into()));
            }
            Outcome::Cancelled(Cause::Interrupted) => order.let_go(Cause::Interrupted),
            Outcome::Forgotten => order.answer(Err(Fault::Io.into())),
        }
    }

    fn cancelled(&self, cause: Cause) {
        let mut state = self.state();
        let (order, under_way) = (state.order.take(), state.under_way.take());
        drop(state);
        if let Some(order) = order {
            order.let_go(cause);
        }
        if let Some((handle, number)) = under_way {
            handle.cancel(number);
        }
    }
}
