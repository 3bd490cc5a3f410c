//! What a lab sees of a device that is plugged in, whatever its class.

use crate::{Access, Contract, Errno, File, Kobject, OpenFlags, Surroundings, drm, i2c, input, mtd, tpm, uinput, uio};
use outlive::{
    Device, Generation, Gone, Handle, IllegalTransition, Inside, Part, Policy, Reason, Refused, State, Status,
};
use std::{fmt, sync::Arc, time::Duration};

/// A device node of a device.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Node {
    /// The name under `/dev`: `i2c-7`. That of its first node is what `ls` and `unplug` call the device.
    pub name: String,
    /// Major number, from `Documentation/admin-guide/devices.txt` of the kernel.
    pub major: u32,
    /// Minor number.
    pub minor: u32,
    /// Whether its files have a position (lseek, pread). A char device without one says ESPIPE.
    pub positioned: bool,
    /// Whether its files can be mapped: whether [`File::map`] is of any use.
    pub mapped: bool,
    /// Whether opening it for writing is EACCES, whoever asks.
    pub read_only: bool,
}

impl Node {
    /// The absolute path: `/dev/i2c-7`.
    pub fn path(&self) -> String {
        format!("/dev/{}", self.name)
    }
}

/// The hardware that an unplug gave back, by class; with it the same thing can be plugged in again.
#[derive(Debug)]
pub enum Hardware {
    /// An I2C adapter with what hangs on its bus.
    I2c(Box<dyn i2c::Adapter>),
    /// A board that a program drives from user space.
    Uio(Box<dyn uio::Driver>),
    /// A flash.
    Mtd(Box<dyn mtd::Flash>),
    /// A TPM.
    Tpm(Box<dyn tpm::Tpm>),
    /// A device that people touch.
    Input(Box<dyn input::Driver>),
    /// A card that shows pictures.
    Drm(Box<dyn drm::Driver>),
    /// A place where the input devices are plugged in that programs make.
    Uinput(Arc<dyn uinput::Ports>),
}

/// What a client gets for a number of `asm-generic/errno.h` that a driver elsewhere said; EIO for what is none. Those from 512 on
/// are the kernel's own (`include/linux/errno.h`): it takes none of them from a file system in user space (`fuse_dev_do_write`
/// of `fs/fuse/dev.c`), and whoever had called would wait for ever.
pub(crate) fn errno_said(code: i32) -> Errno {
    if (1..512).contains(&code) { Errno::from_raw_os_error(code) } else { Errno::IO }
}

/// What an open that was refused says to its client: see [`Plugged::open`].
pub(crate) fn open_errno(refused: Refused) -> Errno {
    match refused {
        Refused::State(State::Offline) => Errno::NXIO,
        Refused::Driver(code) => errno_said(code),
        Refused::Gone(_) | Refused::State(_) | Refused::Interrupted => Errno::NODEV,
    }
}

/// A device of any class, in one of its lives.
pub trait Plugged: Send + Sync {
    /// Its class, as in a SPEC: `i2c`.
    fn class(&self) -> &'static str;

    /// Its first device node, by which it is known.
    fn node(&self) -> &Node;

    /// All its device nodes, the first one first.
    fn nodes(&self) -> Vec<Node> {
        let others = self.kobjects().into_iter().filter_map(|kobject| kobject.node);
        let first = self.node();
        [first.clone()].into_iter().chain(others.filter(|node| node.name != first.name)).collect()
    }

    /// Its node of that name, as under `/dev`.
    fn node_named(&self, name: &str) -> Option<Node> {
        self.nodes().into_iter().find(|node| node.name == name)
    }

    /// What it is in the device model, parents first; the same all its life.
    fn kobjects(&self) -> Vec<Kobject>;

    /// What it shows around its node, in /sys and /proc. The answer is one for this life: it is asked for once.
    fn surroundings(&self) -> Surroundings;

    /// How it answers for its zombies.
    fn contract(&self) -> Contract;

    /// Which life of it this is.
    fn generation(&self) -> Generation;

    /// Opens it.
    ///
    /// # Errors
    /// ENODEV after the mark, and of a device that is not there yet or is about to go (as a refusal by MTD's
    /// `get_device`); ENXIO of one that is offline (as `sd_open` in `drivers/scsi/sd.c`); what its driver says otherwise.
    fn open(&self, flags: OpenFlags) -> Result<Arc<dyn File>, Errno>;

    /// Opens it by one of its nodes.
    ///
    /// # Errors
    /// EACCES for writing by one that is [read-only](Node::read_only); as [`open`](Plugged::open).
    fn open_by(&self, node: &Node, flags: OpenFlags) -> Result<Arc<dyn File>, Errno> {
        // A device that has gone says so of every call (I15).
        if node.read_only && flags.access != Access::Read && self.gone().is_none() {
            return Err(Errno::ACCESS);
        }
        self.open(flags)
    }

    /// Calls `hook` at the mark, when its names are taken away; at once if that has happened.
    fn on_names(&self, hook: Box<dyn FnOnce(Gone) + Send>);

    /// Removes it: the mark, the names, the waking, and then up to `limit` for the fence. With [`Reason::Orderly`] the
    /// driver has its last word after the fence. `Ok(None)` if another unplug has taken the hardware. With
    /// [`Policy::Drain`] nothing inside is cancelled, however often this is called; another policy ends that.
    ///
    /// # Errors
    /// [`StillBusy`] if the limit passed; the device is dead, and calling again waits on.
    fn unplug(&self, reason: Reason, policy: Policy, limit: Duration) -> Result<Option<Hardware>, StillBusy>;

    /// Prepares its removal: new users are refused, those who are there are asked to leave, and for up to `limit` it is
    /// waited until they have. `true` if they have (I33).
    ///
    /// # Errors
    /// [`IllegalTransition`] if it cannot be closed now.
    fn prepare(&self, limit: Duration) -> Result<bool, IllegalTransition>;

    /// Sets what it is doing. Calls that were parked are carried out, refused or parked again on this thread.
    ///
    /// # Errors
    /// [`IllegalTransition`] if [`State::TRANSITIONS`] does not have it.
    fn set_state(&self, state: State) -> Result<(), IllegalTransition>;

    /// All that there is to ask about it (I31).
    fn status(&self) -> Status;

    /// Whether it is gone, why, and since when.
    fn gone(&self) -> Option<Gone>;

    /// How many open files it has, zombies included.
    fn handles(&self) -> usize;

    /// The operations that are inside now.
    fn inside(&self) -> Vec<Inside>;

    /// Where events of an input device go; `None` of another class.
    fn sink(&self) -> Option<input::Sink>;

    /// The displays of a card, to be looked at; `None` of another class, and of a card that cannot be opened now.
    fn display(&self) -> Option<drm::Display>;
}

/// What a device is besides its open files, all its life.
#[derive(Debug)]
pub(crate) struct Shown {
    pub(crate) node: Node,
    pub(crate) kobjects: Vec<Kobject>,
    pub(crate) surroundings: Surroundings,
    pub(crate) contract: Contract,
    pub(crate) generation: Generation,
}

/// What of a device that is plugged in depends on its class. The rest of [`Plugged`] is the same for all: it is the core's.
pub(crate) trait OfClass: Send + Sync {
    /// What its handles share.
    type Shared: Part;
    /// What it has as long as it is there.
    type Inside: Part;
    /// As in a SPEC.
    const CLASS: &'static str;

    fn device(&self) -> &Device<Self::Shared, Self::Inside>;
    fn shown(&self) -> &Shown;

    /// The open file that a handle becomes.
    fn file(&self, handle: Handle<Self::Shared, Self::Inside>, flags: OpenFlags) -> Result<Arc<dyn File>, Errno>;

    /// The hardware, of what came back from behind the fence.
    fn hardware(&self, inside: Self::Inside) -> Hardware;

    /// See [`Plugged::sink`].
    fn sink(&self) -> Option<input::Sink> {
        None
    }

    /// See [`Plugged::display`].
    fn display(&self) -> Option<drm::Display> {
        None
    }
}

impl<D: OfClass> Plugged for D {
    fn class(&self) -> &'static str {
        D::CLASS
    }

    fn node(&self) -> &Node {
        &self.shown().node
    }

    fn kobjects(&self) -> Vec<Kobject> {
        self.shown().kobjects.clone()
    }

    fn surroundings(&self) -> Surroundings {
        self.shown().surroundings.clone()
    }

    fn contract(&self) -> Contract {
        self.shown().contract
    }

    fn generation(&self) -> Generation {
        self.shown().generation
    }

    fn open(&self, flags: OpenFlags) -> Result<Arc<dyn File>, Errno> {
        self.file(self.device().open().map_err(open_errno)?, flags)
    }

    fn on_names(&self, hook: Box<dyn FnOnce(Gone) + Send>) {
        self.device().on_names(hook);
    }

    fn unplug(&self, reason: Reason, policy: Policy, limit: Duration) -> Result<Option<Hardware>, StillBusy> {
        let removal = self.device().unplug_with(reason, policy);
        let inside = if policy == Policy::Drain { removal.look(limit) } else { removal.wait(limit) };
        let inside = inside.map_err(|busy| StillBusy::from(&busy))?;
        Ok(inside.map(|inside| self.hardware(inside)))
    }

    fn prepare(&self, limit: Duration) -> Result<bool, IllegalTransition> {
        self.device().prepare(limit)
    }

    fn set_state(&self, state: State) -> Result<(), IllegalTransition> {
        self.device().set_state(state)
    }

    fn status(&self) -> Status {
        self.device().status()
    }

    fn gone(&self) -> Option<Gone> {
        self.device().gone()
    }

    fn handles(&self) -> usize {
        self.device().handles()
    }

    fn inside(&self) -> Vec<Inside> {
        self.device().inside()
    }

    fn sink(&self) -> Option<input::Sink> {
        OfClass::sink(self)
    }

    fn display(&self) -> Option<drm::Display> {
        OfClass::display(self)
    }
}

/// The limit of an unplug passed while somebody was inside (I6).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StillBusy {
    /// The operations that are still inside.
    pub culprits: Vec<Inside>,
    /// The whole in words.
    pub message: String,
}

impl<S: Part, H: Part> From<&outlive::Busy<S, H>> for StillBusy {
    fn from(busy: &outlive::Busy<S, H>) -> Self {
        StillBusy { culprits: busy.culprits(), message: busy.to_string() }
    }
}

impl fmt::Display for StillBusy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for StillBusy {}
