//! The files behind clients' descriptors: one inode an open, on a FUSE mount that nobody else sees.
//!
//! An open goes like this: the supervisor *announces* a device and gets a name, opens that name on the mount (the kernel
//! asks LOOKUP and OPEN), unlinks it, and gives the open file to the client. From then on the kernel keeps the rules of
//! descriptors for us (dup, passing, inheriting), and tells of the last close by RELEASE.

use super::{call::Flight, crew::Crew, deliveries::Deliveries, surroundings::inodes::Inodes};
use crate::{
    fuse::{
        channel::{Channel, Received, Reply, Room},
        wire::{self, Opcode},
    },
    lab::{Lab, entries::ENTRY_BIT},
    trial::Answered,
};
use outlive_classes::{Access, Errno, File, OpenFlags, Plugged};
use std::{
    collections::{HashMap, HashSet},
    mem::take,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
};
use zerocopy::IntoBytes;

/// How long the kernel may keep attributes, in seconds: they never change.
const FOREVER: u64 = 1 << 30;

/// The files of one run.
pub(super) struct Files {
    pub(super) lab: Arc<Lab>,
    pub(super) channel: Arc<Channel>,
    pub(super) this: Weak<Files>,
    table: Mutex<Table>,
    pub(super) deliveries: Deliveries,
    /// What is around the devices.
    pub(super) inodes: Arc<Inodes>,
}

#[derive(Default)]
pub(super) struct Table {
    last: u64,
    names: HashMap<Vec<u8>, u64>,
    nodes: HashMap<u64, Node>,
    pub(super) open: HashMap<u64, Arc<OpenFile>>,
    /// Calls that have not been answered, by the kernel's number.
    pub(super) flights: HashMap<u64, Flight>,
}

/// An inode. It stands for a device, not for an open file: opening it again by /proc/self/fd/N makes another file.
struct Node {
    /// Weak: what a device's users share holds its number, and an inode that the kernel still caches is no user.
    device: Weak<dyn Plugged>,
    name: String,
    positioned: bool,
    /// How often the kernel looked it up, less what it forgot.
    lookups: u64,
    /// The thread on whose behalf the supervisor is opening it.
    opener: Option<u32>,
    /// The next open is for a descriptor that only stands for it: with O_PATH.
    inert: bool,
}

/// An open file of a device.
pub(super) struct OpenFile {
    pub(super) file: Arc<dyn File>,
    pub(super) device: String,
    /// Wakes its pollers when the device goes.
    pub(super) watch: Mutex<Option<Box<dyn Send + Sync>>>,
}

type Answer = Result<Vec<u8>, Errno>;

impl Files {
    pub(super) fn new(lab: Arc<Lab>, channel: Channel) -> Arc<Self> {
        let channel = Arc::new(channel);
        let inodes = Inodes::new(lab.clone(), channel.clone());
        Arc::new_cyclic(|this| Files {
            lab,
            channel,
            this: this.clone(),
            table: Mutex::default(),
            deliveries: Deliveries::default(),
            inodes,
        })
    }

    /// A name on the mount by which `device` can be opened, for thread `opener`; `inert`: not itself, but so that something
    /// stands for it.
    pub(super) fn announce(&self, device: &Arc<dyn Plugged>, opener: u32, inert: bool) -> String {
        let mut table = self.table();
        table.last = table.last.max(wire::ROOT) + 1;
        let id = table.last;
        let name = format!("{}.{id}", device.node().name);
        let node = Node {
            device: Arc::downgrade(device),
            name: device.node().name.clone(),
            positioned: device.node().positioned,
            lookups: 0,
            opener: Some(opener),
            inert,
        };
        table.nodes.insert(id, node);
        table.names.insert(name.clone().into_bytes(), id);
        name
    }

    /// Takes back a name that was announced and could not be opened.
    pub(super) fn withdraw(&self, name: &str) {
        let mut table = self.table();
        if let Some(id) = table.names.remove(name.as_bytes())
            && table.nodes.get(&id).is_some_and(|node| node.lookups == 0)
        {
            table.nodes.remove(&id);
        }
    }

    /// The device that inode `id` stands for: its name, and the device itself while the lab knows it.
    pub(super) fn device_of(&self, id: u64) -> Option<(String, Option<Arc<dyn Plugged>>)> {
        self.table().nodes.get(&id).map(|node| (node.name.clone(), node.device.upgrade()))
    }

    /// The inodes that stand for `device`.
    pub(super) fn inodes_of(&self, device: &Arc<dyn Plugged>) -> HashSet<u64> {
        let is_it = |node: &Node| node.device.upgrade().is_some_and(|other| Arc::ptr_eq(&other, device));
        self.table().nodes.iter().filter(|(_, node)| is_it(node)).map(|(id, _)| *id).collect()
    }

    /// Serves requests until the connection ends: what a crew's thread does.
    pub(super) fn serve(&self, crew: &Crew) {
        let mut room = Room::new();
        while let Some(request) = crew.wait(|| self.channel.receive(&mut room)) {
            let reply = Reply::to(&self.channel, &request.header);
            self.handle(&request, reply);
        }
    }

    fn handle(&self, request: &Received<'_>, reply: Reply) {
        let forgets = matches!(request.opcode(), Some(Opcode::Forget | Opcode::BatchForget));
        if !forgets && self.inodes.owns(request) {
            return self.inodes.handle(request, reply);
        }
        let answer = match request.opcode() {
            Some(Opcode::Read | Opcode::Write | Opcode::Ioctl) => return self.call(request, reply),
            Some(opcode @ (Opcode::Forget | Opcode::BatchForget)) => {
                self.forget(request, opcode);
                return reply.none();
            }
            Some(Opcode::Interrupt) => {
                return match self.interrupt(request) {
                    Ok(()) => reply.none(),
                    Err(errno) => reply.error(errno),
                };
            }
            Some(Opcode::Init) => init(request),
            Some(Opcode::Lookup) => self.lookup(request),
            Some(Opcode::Getattr) => self.getattr(request),
            Some(Opcode::Unlink) => self.unlink(request),
            Some(Opcode::Open) => self.open(request),
            Some(Opcode::Poll) => self.poll(request),
            Some(Opcode::Release) => self.release(request),
            Some(Opcode::Setattr) => setattr(request),
            Some(Opcode::Statfs) => Ok(statfs()),
            // What Linux says of devices that have no such operation (fsync(2), fallocate(2)).
            Some(Opcode::Fsync) => Err(Errno::INVAL),
            Some(Opcode::Fallocate) => Err(Errno::NODEV),
            Some(Opcode::Destroy) => Ok(Vec::new()),
            Some(
                Opcode::Readlink
                | Opcode::Opendir
                | Opcode::Readdir
                | Opcode::Releasedir
                | Opcode::Access
                | Opcode::Getxattr
                | Opcode::Listxattr,
            ) => Err(Errno::NOSYS),
            // FLUSH is never answered otherwise: one that waits would keep a killed supervisor, which holds files of
            // its own mount, from exiting.
            Some(Opcode::Flush) | None => Err(Errno::NOSYS),
        };
        match answer {
            Ok(body) => reply.bytes(&body),
            Err(errno) => reply.error(errno),
        }
    }

    pub(super) fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn file(&self, fh: u64) -> Result<Arc<OpenFile>, Errno> {
        self.table().open.get(&fh).cloned().ok_or(Errno::BADF)
    }

    fn lookup(&self, request: &Received<'_>) -> Answer {
        let name = request.name()?;
        if request.header.nodeid != wire::ROOT {
            return Err(Errno::NOTDIR);
        }
        let mut table = self.table();
        let id = *table.names.get(name).ok_or(Errno::NOENT)?;
        let node = table.nodes.get_mut(&id).ok_or(Errno::NOENT)?;
        node.lookups += 1;
        // A name is never given to another inode, so the kernel may keep what it has learnt.
        let (entry_valid, attr_valid) = (FOREVER, FOREVER);
        let entry = wire::EntryOut { nodeid: id, entry_valid, attr_valid, attr: attributes(id), ..Default::default() };
        Ok(entry.as_bytes().to_vec())
    }

    fn forget(&self, request: &Received<'_>, opcode: Opcode) {
        let forget = |id: u64, lookups: u64| {
            if id & ENTRY_BIT == 0 {
                self.table().forget(id, lookups);
            } else {
                self.inodes.forget(id, lookups);
            }
        };
        if opcode == Opcode::Forget {
            if let Ok((wire::ForgetIn { lookups }, _)) = request.parse() {
                forget(request.header.nodeid, lookups);
            }
            return;
        }
        let Ok((wire::BatchForgetIn { count, .. }, mut rest)) = request.parse() else { return };
        for _ in 0..count {
            let Ok((one, more)) = <wire::ForgetOne as zerocopy::FromBytes>::read_from_prefix(rest) else { return };
            forget(one.nodeid, one.lookups);
            rest = more;
        }
    }

    fn getattr(&self, request: &Received<'_>) -> Answer {
        let attr = attributes(request.header.nodeid);
        Ok(wire::AttrOut { attr_valid: FOREVER, attr, ..Default::default() }.as_bytes().to_vec())
    }

    fn unlink(&self, request: &Received<'_>) -> Answer {
        let name = request.name()?;
        let mut table = self.table();
        let id = table.names.remove(name).ok_or(Errno::NOENT)?;
        if let Some(node) = table.nodes.get_mut(&id) {
            // One that was only looked up (O_PATH) is opened by somebody else from here on.
            node.opener = None;
        }
        Ok(Vec::new())
    }

    /// By the supervisor on a client's behalf, or by a client through /proc/self/fd/N.
    fn open(&self, request: &Received<'_>) -> Answer {
        let (wire::OpenIn { flags, .. }, _) = request.parse()?;
        let (device, name, positioned, opener, inert) = {
            let mut table = self.table();
            let node = table.nodes.get_mut(&request.header.nodeid).ok_or(Errno::NOENT)?;
            (node.device.upgrade(), node.name.clone(), node.positioned, node.opener.take(), take(&mut node.inert))
        };
        if inert {
            // No file has this number: whatever is done with it is EBADF.
            let open_flags = wire::FOPEN_DIRECT_IO | wire::FOPEN_NOFLUSH;
            return Ok(wire::OpenOut { fh: 0, open_flags, padding: 0 }.as_bytes().to_vec());
        }
        let number = self.lab.arrived(&name, opener.unwrap_or(request.header.pid), "open", &"");
        let opened = device.ok_or(Errno::NODEV).and_then(|device| device.open(open_flags(flags as i32)));
        self.lab
            .answered(number, opened.as_ref().map_or_else(|e| Answered::Errno(e.raw_os_error()), |_| Answered::Ok(0)));
        let file = OpenFile { file: opened?, device: name, watch: Mutex::new(None) };
        let fh = {
            let mut table = self.table();
            table.last = table.last.max(wire::ROOT) + 1;
            let fh = table.last;
            table.open.insert(fh, Arc::new(file));
            fh
        };
        let stream = if positioned { 0 } else { wire::FOPEN_STREAM };
        let open_flags = wire::FOPEN_DIRECT_IO | wire::FOPEN_NOFLUSH | stream;
        Ok(wire::OpenOut { fh, open_flags, padding: 0 }.as_bytes().to_vec())
    }

    fn release(&self, request: &Received<'_>) -> Answer {
        let (wire::ReleaseIn { fh, .. }, _) = request.parse()?;
        let file = self.table().open.remove(&fh);
        // Outside the lock: it may be the last of its device.
        drop(file);
        Ok(Vec::new())
    }
}

impl Table {
    fn forget(&mut self, id: u64, lookups: u64) {
        if let Some(node) = self.nodes.get_mut(&id) {
            node.lookups = node.lookups.saturating_sub(lookups);
            if node.lookups == 0 {
                self.nodes.remove(&id);
            }
        }
    }
}

fn init(request: &Received<'_>) -> Answer {
    let (asked, _): (wire::InitIn, _) = request.parse()?;
    if asked.major != wire::VERSION.0 || asked.minor < wire::VERSION.1 {
        return Err(Errno::PROTO);
    }
    let answer = wire::InitOut {
        major: wire::VERSION.0,
        minor: wire::VERSION.1,
        flags: asked.flags & (wire::INIT_ATOMIC_O_TRUNC | wire::INIT_BIG_WRITES | wire::INIT_PARALLEL_DIROPS),
        max_background: 64,
        congestion_threshold: 48,
        max_write: wire::MAX_WRITE,
        time_granularity: 1,
        ..Default::default()
    };
    Ok(answer.as_bytes().to_vec())
}

/// ftruncate, fchmod, fchown, futimens on an open file.
fn setattr(request: &Received<'_>) -> Answer {
    let (wire::SetattrIn { valid, .. }, _) = request.parse()?;
    // A character device has no size to be changed. Its owner and mode are those of whoever runs the lab.
    Err(if valid & wire::SETATTR_SIZE != 0 { Errno::INVAL } else { Errno::PERM })
}

/// fstatfs(2): a file system without blocks.
fn statfs() -> Vec<u8> {
    wire::StatfsOut { block_size: 4096, name_length: 255, fragment_size: 4096, ..Default::default() }
        .as_bytes()
        .to_vec()
}

/// What the kernel believes of an inode. It cannot be made to believe in a character device here, so the stat family
/// is answered by the supervisor.
fn attributes(id: u64) -> wire::Attributes {
    let (kind, nlink) = if id == wire::ROOT { (libc::S_IFDIR | 0o700, 2) } else { (libc::S_IFREG | 0o600, 1) };
    wire::Attributes {
        ino: id,
        mode: kind,
        nlink,
        uid: rustix::process::geteuid().as_raw(),
        gid: rustix::process::getegid().as_raw(),
        blksize: 4096,
        ..Default::default()
    }
}

fn open_flags(flags: i32) -> OpenFlags {
    let access = match flags & libc::O_ACCMODE {
        libc::O_RDONLY => Access::Read,
        libc::O_WRONLY => Access::Write,
        _ => Access::ReadWrite,
    };
    OpenFlags { access, nonblock: flags & libc::O_NONBLOCK != 0 }
}
