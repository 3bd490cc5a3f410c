//! The files behind clients' descriptors: one inode an open, on a FUSE mount that nobody else sees.
//!
//! An open goes like this: the supervisor *announces* a device and gets a name, opens that name on the mount (the kernel
//! asks LOOKUP and OPEN), unlinks it, and gives the open file to the client. From then on the kernel keeps the rules of
//! descriptors for us (dup, passing, inheriting), and tells of the last close by RELEASE.

use super::{
    attributes::{FOREVER, Sort, statfs},
    clients::Clients,
    locks::{Kind, Locks},
    mapping::Mappings,
    owed::Owed,
    plain::Sockets,
    surroundings::inodes::Inodes,
    table::{Inode, OpenFile, Table},
};
use crate::{
    front::{
        crew::Crew,
        flight::Flights,
        open_file::{self, open_device},
    },
    fuse::{
        channel::{Channel, Received, Reply, Room},
        wire::{self, Opcode},
    },
    lab::{Detail, Lab, entries::ENTRY_BIT},
};
use outlive_classes::{Errno, Node, Plugged};
use rustix::{
    fs::readlink,
    rand::{GetRandomFlags, getrandom},
};
use std::{
    collections::HashSet,
    fmt,
    mem::take,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant},
};
use zerocopy::IntoBytes;

/// The files of one run.
pub(super) struct Files {
    pub(super) lab: Arc<Lab>,
    /// To the kernel's FUSE; `None` where there is none.
    pub(super) channel: Option<Arc<Channel>>,
    /// What takes its place.
    pub(super) sockets: Option<Sockets>,
    table: Mutex<Table>,
    /// Calls that have not been answered.
    pub(super) flights: Arc<Flights<Owed>>,
    pub(super) clients: Clients,
    /// Whether the kernel tells of every close of a descriptor, and waits for our answer.
    hears_of_closes: bool,
    pub(super) locks: Locks,
    pub(super) mappings: Mappings,
    /// What is around the devices.
    pub(super) inodes: Arc<Inodes>,
}

type Answer = Result<Vec<u8>, Errno>;

impl Files {
    /// `hears_of_closes`: of those of every single descriptor, which trapped calls need to know of.
    pub(super) fn new(
        lab: Arc<Lab>,
        channel: Option<Channel>,
        sockets: Option<Sockets>,
        hears_of_closes: bool,
    ) -> Arc<Self> {
        let channel = channel.map(Arc::new);
        let (inodes, flights) = (Inodes::new(lab.clone(), channel.clone()), Flights::new(lab.clone(), Arc::default()));
        Arc::new(Files {
            lab,
            channel,
            sockets,
            table: Mutex::default(),
            flights,
            clients: Clients::default(),
            hears_of_closes,
            locks: Locks::default(),
            mappings: Mappings::default(),
            inodes,
        })
    }

    /// A name on the mount by which the node `by` of `device` can be opened, for thread `opener`; `inert`: not itself, but so that something
    /// stands for it.
    pub(super) fn announce(&self, device: &Arc<dyn Plugged>, by: &Node, opener: u32, inert: bool) -> String {
        let mut table = self.table();
        table.last = table.last.max(wire::ROOT) + 1;
        let id = table.last;
        // Nobody shall be able to make a file of that name, and have it taken for ours.
        // A node below a folder of /dev has a slash in its name, and a file has none.
        let name = format!("{}.{id}.{:016x}", by.name.replace('/', "!"), random());
        let link = format!("/{name} (deleted)").into_bytes();
        let node = Inode {
            device: Arc::downgrade(device),
            name: device.node().name.clone(),
            node: by.clone(),
            lookups: 0,
            opener: Some(opener),
            link: link.clone(),
            open: Vec::new(),
            is_socket: false,
            inert,
        };
        table.links.insert(link, id);
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
            let _ = table.remove_node(id);
        }
    }

    /// The file behind descriptor `number` of a client, if it is one of ours, and the only one that is open on its inode:
    /// /proc tells inodes apart, and files by those alone.
    pub(super) fn file_at(&self, pid: u32, number: u32) -> Option<Arc<OpenFile>> {
        let link = readlink(format!("/proc/{pid}/fd/{number}"), Vec::with_capacity(128)).ok()?;
        let table = self.table();
        match *table.nodes.get(table.links.get(link.as_bytes())?)?.open {
            [fh] => table.open.get(&fh).cloned(),
            _ => None,
        }
    }

    /// Whether it is still open, and the only one on its inode.
    pub(super) fn is_sole(&self, file: &OpenFile) -> bool {
        self.table().nodes.get(&file.node).is_some_and(|node| node.open.len() == 1)
    }

    /// The device that inode `id` stands for: the name of its node, and the device itself while the lab knows it.
    pub(super) fn device_of(&self, id: u64) -> Option<(String, Option<Arc<dyn Plugged>>)> {
        self.table().nodes.get(&id).map(|inode| (inode.node.name.clone(), inode.device.upgrade()))
    }

    /// An open file on inode `id`: whichever, they are of one device.
    pub(super) fn file_of(&self, id: u64) -> Option<Arc<OpenFile>> {
        let table = self.table();
        table.nodes.get(&id)?.open.iter().find_map(|fh| table.open.get(fh).cloned())
    }

    /// The inodes that stand for `device`.
    pub(super) fn inodes_of(&self, device: &Arc<dyn Plugged>) -> HashSet<u64> {
        let is_it = |node: &Inode| node.device.upgrade().is_some_and(|other| Arc::ptr_eq(&other, device));
        self.table().nodes.iter().filter(|(_, node)| is_it(node)).map(|(id, _)| *id).collect()
    }

    /// Serves requests until the connection ends: what a crew's thread does.
    pub(super) fn serve(&self, crew: &Crew) {
        let mut room = Room::new();
        let Some(channel) = &self.channel else { return };
        while let Some(request) = crew.wait(|| channel.receive(&mut room)) {
            let reply = Reply::to(channel, &request.header);
            self.handle(&request, reply);
        }
    }

    /// Waits until no client has a file open, for up to `limit`.
    pub(super) fn wait_until_closed(&self, limit: Duration) {
        let deadline = Instant::now() + limit;
        while !self.table().open.is_empty() && Instant::now() < deadline {
            thread::sleep(Duration::from_millis(1));
        }
    }

    fn handle(&self, request: &Received<'_>, reply: Reply) {
        let forgets = matches!(request.opcode(), Some(Opcode::Forget | Opcode::BatchForget));
        if !forgets && self.inodes.owns(request) {
            return self.inodes.handle(request, reply);
        }
        let answer = match request.opcode() {
            Some(Opcode::Read | Opcode::Write | Opcode::Ioctl) => return self.call(request, reply),
            Some(Opcode::Setlk | Opcode::Setlkw) => return self.flock(request, reply),
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
            Some(Opcode::Getattr) => Ok(self.sort(request.header.nodeid).reply(request.header.nodeid)),
            Some(Opcode::Unlink) => self.unlink(request),
            Some(Opcode::Open) => self.open(request),
            Some(Opcode::Poll) => self.poll(request),
            Some(Opcode::Release) => self.release(request),
            Some(Opcode::Setattr) => self.sort(request.header.nodeid).set(request),
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
            // Otherwise nobody asks for it.
            Some(Opcode::Flush) if self.hears_of_closes => self.flush(request),
            Some(Opcode::Flush | Opcode::CuseInit) | None => Err(Errno::NOSYS),
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
        let (attr, attr_valid) = table.sort(id).attributes(id);
        // A name is never given to another inode, so the kernel may keep what it has learnt.
        let entry = wire::EntryOut { nodeid: id, entry_valid: FOREVER, attr_valid, attr, ..Default::default() };
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

    fn sort(&self, id: u64) -> Sort {
        self.table().sort(id)
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
        let (device, name, by, opener, inert) = {
            let mut table = self.table();
            let node = table.nodes.get_mut(&request.header.nodeid).ok_or(Errno::NOENT)?;
            (node.device.upgrade(), node.name.clone(), node.node.clone(), node.opener.take(), take(&mut node.inert))
        };
        if inert {
            // No file has this number: whatever is done with it is EBADF.
            let open_flags = wire::FOPEN_DIRECT_IO | wire::FOPEN_NOFLUSH;
            return Ok(wire::OpenOut { fh: 0, open_flags, padding: 0 }.as_bytes().to_vec());
        }
        let generation = device.as_ref().map_or(0, |device| device.generation().0);
        let flags = flags.cast_signed();
        let file = open_device(&self.lab, device, (&name, Some(&by)), opener.unwrap_or(request.header.pid), flags)?;
        let node = request.header.nodeid;
        let (access, watch) = (open_file::access(flags), Mutex::new(None));
        let open = open_file::OpenFile { file, device: name, positioned: by.positioned, access, watch };
        let fh = self.next();
        let (position, signals) = Default::default();
        self.add(fh, OpenFile { open, position, generation, node, signals, line: None });
        let stream = if by.positioned { 0 } else { wire::FOPEN_STREAM };
        let parallel = wire::FOPEN_PARALLEL_DIRECT_WRITES;
        let flush = if self.hears_of_closes { 0 } else { wire::FOPEN_NOFLUSH };
        let open_flags = wire::FOPEN_DIRECT_IO | flush | parallel | stream;
        Ok(wire::OpenOut { fh, open_flags, padding: 0 }.as_bytes().to_vec())
    }

    /// A number that nothing else has.
    pub(super) fn next(&self) -> u64 {
        let mut table = self.table();
        table.last = table.last.max(wire::ROOT) + 1;
        table.last
    }

    /// Keeps a file that has been opened as number `fh`.
    fn add(&self, fh: u64, file: OpenFile) {
        let mut table = self.table();
        let node = file.node;
        table.open.insert(fh, Arc::new(file));
        table.nodes.get_mut(&node).into_iter().for_each(|node| node.open.push(fh));
    }

    /// Keeps a file of `device` that has been opened by its node `by` as number `fh`, and is a socket.
    pub(super) fn adopt(&self, device: &Arc<dyn Plugged>, by: &Node, fh: u64, file: OpenFile) {
        let (inode, link) = (file.node, format!("socket:[{}]", file.node).into_bytes());
        let node = Inode {
            device: Arc::downgrade(device),
            name: device.node().name.clone(),
            node: by.clone(),
            lookups: 0,
            opener: None,
            link: link.clone(),
            open: Vec::new(),
            is_socket: true,
            inert: false,
        };
        {
            let mut table = self.table();
            table.links.insert(link, inode);
            table.nodes.insert(inode, node);
        }
        self.add(fh, file);
    }

    /// Forgets a file that nobody has open any more.
    pub(super) fn close(&self, fh: u64) {
        let (last, node) = {
            let mut table = self.table();
            let last = table.open.remove(&fh);
            let id = last.as_ref().map(|file| file.node);
            if let Some(node) = id.and_then(|id| table.nodes.get_mut(&id)) {
                node.open.retain(|open| *open != fh);
            }
            // A socket's inode goes with its file; others the kernel forgets when it likes.
            let gone = id.filter(|id| table.nodes.get(id).is_some_and(|node| node.is_socket));
            (last, gone.and_then(|id| table.remove_node(id)))
        };
        // Outside the lock: it may be the last of its device.
        drop((last, node));
    }

    /// flock(2). Locks of fcntl(2) are not asked for: the kernel keeps them, for each open file apart.
    fn flock(&self, request: &Received<'_>, reply: Reply) {
        let parsed = request.parse().and_then(|(lock, _): (wire::LkIn, _)| Ok((self.file(lock.fh)?, lock)));
        let (file, lock) = match parsed {
            Ok((file, lock)) if lock.lk_flags & wire::LK_FLOCK != 0 => (file, lock),
            Ok(_) => return reply.error(Errno::NOSYS),
            Err(errno) => return reply.error(errno),
        };
        let wait = request.opcode() == Some(Opcode::Setlkw);
        match lock.kind as i32 {
            libc::F_RDLCK | libc::F_WRLCK => {
                let kind = if lock.kind as i32 == libc::F_WRLCK { Kind::Exclusive } else { Kind::Shared };
                self.locks.lock(file.key(), lock.fh, kind, wait, (request.header.unique, reply));
            }
            libc::F_UNLCK => {
                self.locks.unlock(file.key(), lock.fh);
                reply.bytes(&[]);
            }
            _ => reply.error(Errno::INVAL),
        }
    }

    /// A descriptor is being closed, which need not be the last.
    fn flush(&self, request: &Received<'_>) -> Answer {
        let (wire::FlushIn { fh, .. }, _) = request.parse()?;
        if let Ok(file) = self.file(fh) {
            self.clients.forget(&file);
        }
        Ok(Vec::new())
    }

    fn release(&self, request: &Received<'_>) -> Answer {
        let (wire::ReleaseIn { fh, .. }, _) = request.parse()?;
        let file = self.table().open.get(&fh).cloned();
        if let Some(file) = &file {
            self.locks.unlock(file.key(), fh);
            self.lab.detail(|| Some(Detail::Closed { device: &file.device, handle: file.file.id() }));
        }
        drop(file);
        self.close(fh);
        Ok(Vec::new())
    }
}

impl fmt::Debug for Files {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Files").field("open", &self.table().open.len()).finish_non_exhaustive()
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
        flags: asked.flags
            & (wire::INIT_BIG_WRITES | wire::INIT_FLOCK_LOCKS | wire::INIT_PARALLEL_DIROPS | wire::INIT_MAX_PAGES),
        max_pages: wire::MAX_PAGES,
        max_background: 64,
        congestion_threshold: 48,
        max_write: wire::MAX_WRITE,
        time_granularity: 1,
        ..Default::default()
    };
    Ok(answer.as_bytes().to_vec())
}

/// A number that nobody can guess.
pub(super) fn random() -> u64 {
    let mut bytes = [0; 8];
    // It fails on kernels only that are older than what the front needs.
    let _ = getrandom(&mut bytes, GetRandomFlags::empty());
    u64::from_ne_bytes(bytes)
}
