//! Partitions: parts of a flash that are devices of their own, as `drivers/mtd/mtdpart.c` makes them.

use outlive::Noticer;
use outlive_classes::mtd::{Command, Flash, Geometry, Order};
use std::{
    fmt,
    sync::{Arc, PoisonError, RwLock},
};

/// A flash that may be used as a whole and by its parts. A clone is the same flash.
///
/// Which devices it is plugged in as, and which goes first, is for the caller to see to: parts go before the whole.
#[derive(Clone, Debug)]
pub struct SharedFlash {
    flash: Arc<RwLock<Box<dyn Flash>>>,
}

/// Which part of a flash, in bytes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Extent {
    /// The part's name.
    pub name: String,
    /// Where it begins: at an erase block.
    pub offset: u64,
    /// How long it is: whole erase blocks, one at least.
    pub size: u64,
    /// Whether it can be written and erased at all.
    pub read_only: bool,
}

/// A part that cannot be. The text says why, and what could be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum ExtentError {
    /// It is empty.
    Empty,
    /// It reaches beyond the end of a flash of so many bytes.
    TooLong {
        /// The size of the flash.
        size: u64,
    },
    /// It does not begin or end where an erase block does.
    Uneven {
        /// The size of an erase block.
        erase_size: u32,
    },
}

impl fmt::Display for ExtentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ExtentError::Empty => f.write_str("it is empty; a partition has one erase block at least"),
            ExtentError::TooLong { size } => write!(f, "it ends beyond the flash, which has {size:#x} bytes"),
            ExtentError::Uneven { erase_size } => {
                write!(f, "it does not begin and end at erase blocks, which have {erase_size:#x} bytes")
            }
        }
    }
}

impl std::error::Error for ExtentError {}

impl Extent {
    /// Whether a flash of that geometry can have such a part. Parts may overlap.
    ///
    /// # Errors
    /// [`ExtentError`].
    pub fn check(&self, geometry: &Geometry) -> Result<(), ExtentError> {
        let erase_size = u64::from(geometry.erase_size);
        match self.offset.checked_add(self.size) {
            _ if self.size == 0 => Err(ExtentError::Empty),
            Some(end) if end <= geometry.size => {
                let even = self.offset.is_multiple_of(erase_size) && self.size.is_multiple_of(erase_size);
                if even { Ok(()) } else { Err(ExtentError::Uneven { erase_size: geometry.erase_size }) }
            }
            _ => Err(ExtentError::TooLong { size: geometry.size }),
        }
    }
}

impl SharedFlash {
    /// Shares `flash`.
    pub fn new(flash: Box<dyn Flash>) -> Self {
        SharedFlash { flash: Arc::new(RwLock::new(flash)) }
    }

    /// The whole of it.
    pub fn whole(&self) -> Box<dyn Flash> {
        Box::new(Whole { flash: self.clone() })
    }

    /// A part of it.
    ///
    /// # Errors
    /// [`ExtentError`] if it has none such.
    pub fn part(&self, extent: Extent) -> Result<Box<dyn Flash>, ExtentError> {
        extent.check(&self.geometry())?;
        Ok(Box::new(Part { flash: self.clone(), extent }))
    }

    /// What it is made of.
    pub fn geometry(&self) -> Geometry {
        self.with(|flash| flash.geometry())
    }

    /// For all but a last word; those do not wait for each other.
    fn with<T>(&self, act: impl FnOnce(&dyn Flash) -> T) -> T {
        act(&**self.flash.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn copy(&self) -> Option<SharedFlash> {
        self.with(|flash| flash.stand_in()).map(SharedFlash::new)
    }
}

#[derive(Debug)]
struct Whole {
    flash: SharedFlash,
}

impl Flash for Whole {
    fn geometry(&self) -> Geometry {
        self.flash.geometry()
    }

    fn name(&self) -> String {
        self.flash.with(|flash| flash.name())
    }

    fn offset(&self) -> Option<u64> {
        self.flash.with(|flash| flash.offset())
    }

    fn begin(&self, command: Command, order: Order) {
        self.flash.with(|flash| flash.begin(command, order));
    }

    fn stand_in(&self) -> Option<Box<dyn Flash>> {
        self.flash.with(|flash| flash.stand_in())
    }

    fn plugged(&self, noticer: &Noticer) {
        self.flash.with(|flash| flash.plugged(noticer));
    }

    fn teardown(&mut self) {
        // Behind the fence of the whole, and those of its parts came before: nobody is inside, unless a part was left
        // behind, stuck. That one is not waited for.
        if let Ok(mut flash) = self.flash.flash.try_write() {
            flash.teardown();
        }
    }
}

#[derive(Debug)]
struct Part {
    flash: SharedFlash,
    extent: Extent,
}

impl Flash for Part {
    fn geometry(&self) -> Geometry {
        let whole = self.flash.geometry();
        Geometry { size: self.extent.size, writable: whole.writable && !self.extent.read_only, ..whole }
    }

    fn name(&self) -> String {
        self.extent.name.clone()
    }

    fn offset(&self) -> Option<u64> {
        Some(self.extent.offset)
    }

    fn begin(&self, command: Command, order: Order) {
        let command = moved(command, self.extent.offset);
        self.flash.with(|flash| flash.begin(command, order));
    }

    fn stand_in(&self) -> Option<Box<dyn Flash>> {
        Some(Box::new(Part { flash: self.flash.copy()?, extent: self.extent.clone() }))
    }
}

/// A command of a part that begins at `offset`, as the whole has it.
fn moved(mut command: Command, offset: u64) -> Command {
    match &mut command {
        Command::Read { at, .. }
        | Command::Program { at, .. }
        | Command::Erase { at, .. }
        | Command::Lock { at, .. }
        | Command::IsLocked { at, .. }
        | Command::IsBad { at }
        | Command::MarkBad { at }
        | Command::BadBlocks { at, .. } => *at += offset,
    }
    command
}
