//! One life of a device, served: from its connection's first request to the close of the last descriptor.

use super::{
    connection::Connection,
    names::Names,
    readers::Readers,
    rounds::{Key, Next, Owed, Rounds},
};
use crate::{
    front::{
        deliveries::Deliveries,
        flight::{Flights, Start},
        open_file::{self, Asked, OpenFile, open_device},
    },
    fuse::{
        channel::{Received, Reply},
        wire::{self, Opcode},
    },
    lab::{Detail, Lab},
    sys::memory::ClientMemory,
};
use outlive_classes::{Call, Contract, Errno, Memory, Plugged};
use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    thread,
    time::Duration,
};
use zerocopy::IntoBytes;

/// How long a thread gives way to one that has a call and has not written it down.
const GIVE_WAY: Duration = Duration::from_micros(100);

/// A device that is served.
pub(super) struct Served {
    lab: Arc<Lab>,
    pub(super) connection: Connection,
    pub(super) names: Names,
    pub(super) readers: Readers,
    /// Its name in the lab.
    pub(super) name: String,
    pub(super) generation: u64,
    contract: Contract,
    /// Weak: what a device's users share holds its number, and a connection is no user.
    device: Weak<dyn Plugged>,
    files: Mutex<Files>,
    flights: Arc<Flights<Owed>>,
    rounds: Arc<Rounds>,
}

#[derive(Default)]
struct Files {
    open: HashMap<u64, Arc<OpenFile>>,
    last: u64,
    /// Whether the device has gone.
    retired: bool,
}

type Answer = Result<Vec<u8>, Errno>;

impl Served {
    pub(super) fn new(
        lab: &Arc<Lab>,
        device: &Arc<dyn Plugged>,
        connection: Connection,
        names: Names,
        deliveries: &Arc<Deliveries>,
    ) -> Served {
        Served {
            lab: lab.clone(),
            connection,
            names,
            readers: Readers::default(),
            name: device.node().name.clone(),
            generation: device.generation().0,
            contract: device.contract(),
            device: Arc::downgrade(device),
            files: Mutex::default(),
            flights: Flights::new(lab.clone(), deliveries.clone()),
            rounds: Arc::default(),
        }
    }

    fn files(&self) -> MutexGuard<'_, Files> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn file(&self, fh: u64) -> Result<Arc<OpenFile>, Errno> {
        self.files().open.get(&fh).cloned().ok_or(Errno::BADF)
    }

    /// How many descriptors' files clients have open.
    pub(super) fn handles(&self) -> usize {
        self.files().open.len()
    }

    /// The device itself, as long as anybody has it.
    pub(super) fn device(&self) -> Option<Arc<dyn Plugged>> {
        self.device.upgrade()
    }

    /// The mark: the names go. The connection stays as long as anybody has the device open.
    pub(super) fn retire(&self) {
        self.names.remove();
        self.connection.tell_of_removal();
        let mut files = self.files();
        files.retired = true;
        self.end_if_over(files);
    }

    /// An open that is under way meanwhile finds no connection, instead of no device; both are errors (I25).
    fn end_if_over(&self, files: MutexGuard<'_, Files>) {
        let over = files.retired && files.open.is_empty();
        drop(files);
        if over {
            self.connection.end();
        }
    }

    /// The connection has ended: by us, or by somebody who told the kernel to.
    pub(super) fn bury(&self) {
        self.names.remove();
        let open = std::mem::take(&mut self.files().open);
        open.values().for_each(|file| self.closed(file));
        // Outside the lock: it may be the last of its device.
        drop(open);
    }

    /// Answers a request that came by its connection, now or later.
    pub(super) fn handle(&self, request: &Received<'_>) {
        let reply = Reply::to(&self.connection.channel, &request.header);
        let answer = match request.opcode() {
            Some(Opcode::Read | Opcode::Write) => return self.transfer(request, reply),
            Some(Opcode::Ioctl) => return self.ioctl(request, reply),
            Some(Opcode::Interrupt) => {
                return match self.interrupt(request) {
                    Ok(()) => reply.none(),
                    Err(errno) => reply.error(errno),
                };
            }
            Some(Opcode::Open) => self.open(request),
            Some(Opcode::Poll) => self.poll(request),
            Some(Opcode::Release) => return self.release(request, reply),
            // What Linux says of devices that have no such operation (fsync(2)).
            Some(Opcode::Fsync) => Err(Errno::INVAL),
            Some(Opcode::Flush | Opcode::Destroy) => Ok(Vec::new()),
            _ => Err(Errno::NOSYS),
        };
        match answer {
            Ok(body) => reply.bytes(&body),
            Err(errno) => reply.error(errno),
        }
    }

    fn open(&self, request: &Received<'_>) -> Answer {
        let (wire::OpenIn { flags, .. }, _) = request.parse()?;
        let flags = flags.cast_signed();
        let file = open_device(&self.lab, self.device(), (&self.name, None), request.header.pid, flags)?;
        let (device, access, watch) = (self.name.clone(), open_file::access(flags), Mutex::new(None));
        let file = Arc::new(OpenFile { file, device, positioned: false, access, watch });
        let mut files = self.files();
        files.last += 1;
        let fh = files.last;
        files.open.insert(fh, file);
        let open_flags = wire::FOPEN_DIRECT_IO | wire::FOPEN_STREAM | wire::FOPEN_NOFLUSH;
        Ok(wire::OpenOut { fh, open_flags, padding: 0 }.as_bytes().to_vec())
    }

    /// The last descriptor of a file has been closed.
    fn release(&self, request: &Received<'_>, reply: Reply) {
        let fh = match request.parse::<wire::ReleaseIn>() {
            Ok((wire::ReleaseIn { fh, .. }, _)) => fh,
            Err(errno) => return reply.error(errno),
        };
        self.rounds.forget(fh);
        let last = self.files().open.remove(&fh);
        if let Some(file) = last {
            self.closed(&file);
        }
        // close(2) waits for this (I22); what follows may end the connection.
        reply.bytes(&[]);
        self.end_if_over(self.files());
    }

    fn closed(&self, file: &OpenFile) {
        self.lab.detail(|| Some(Detail::Closed { device: &file.device, handle: file.file.id() }));
    }

    fn poll(&self, request: &Received<'_>) -> Answer {
        let (asked, _): (wire::PollIn, _) = request.parse()?;
        Ok(self.file(asked.fh)?.poll(&self.lab, Some(&self.connection.channel), &asked, request.header.pid))
    }

    fn transfer(&self, request: &Received<'_>, reply: Reply) {
        let admitted = Asked::parse(request).and_then(|asked| {
            let file = self.file(asked.fh)?;
            let call = file.admit(asked)?;
            Ok((file, call))
        });
        match admitted {
            Ok((file, call)) => {
                let memory = Arc::new(ClientMemory::of(request.header.pid));
                self.begin(request, &file, call, memory, Owed { reply, ioctl: None });
            }
            Err(errno) => reply.error(errno),
        }
    }

    /// A round of an ioctl.
    fn ioctl(&self, request: &Received<'_>, reply: Reply) {
        match self.round(request) {
            Ok((_, _, _, Next::Answer(body))) => reply.bytes(&body),
            Ok((key, file, call, Next::GoOn(memory))) => {
                if !self.is_refused_anyway(&file) {
                    file.file.gather(&call, &*memory);
                    let missing = memory.take_missing();
                    if !missing.is_empty() {
                        return self.rounds.fetch(key, missing, memory, reply);
                    }
                }
                let owed = Owed { reply, ioctl: Some((self.rounds.clone(), key, memory.clone())) };
                self.begin(request, &file, call, memory, owed);
            }
            Err(errno) => reply.error(errno),
        }
    }

    fn round(&self, request: &Received<'_>) -> Result<(Key, Arc<OpenFile>, Call, Next), Errno> {
        let (asked, data): (wire::IoctlIn, _) = request.parse()?;
        let wire::IoctlIn { fh, command, argument, in_size, out_size, .. } = asked;
        let data = data.get(..in_size as usize).ok_or(Errno::IO)?;
        let file = self.file(fh)?;
        let key = Key { fh, pid: request.header.pid, command, argument };
        let next = self.rounds.next(key, data, out_size as usize)?;
        let call = match &next {
            // Carried out already, and what became of it is not asked again.
            Next::Answer(_) => Call::Ioctl { command, argument },
            Next::GoOn(_) => file.admit(Asked::parse(request)?)?,
        };
        Ok((key, file, call, next))
    }

    /// Whether it is a zombie that refuses everything: whatever its client's memory is (I15).
    fn is_refused_anyway(&self, file: &OpenFile) -> bool {
        self.contract == Contract::Strict && file.file.gone().is_some()
    }

    fn begin(&self, request: &Received<'_>, file: &OpenFile, call: Call, memory: Arc<dyn Memory>, owed: Owed) {
        let (id, pid) = (request.header.unique, request.header.pid);
        let (file, device) = (file.file.clone(), file.device.clone());
        self.flights.begin(Start { id, owed, pid, file, device, call, memory });
    }

    /// The client of a call got a signal. It waits for our answer all the same, so that the call happens once; only one
    /// that is being killed is let go.
    ///
    /// # Errors
    /// EAGAIN, by which the kernel tells again (fuse(4)) unless the call has been answered.
    fn interrupt(&self, request: &Received<'_>) -> Result<(), Errno> {
        let (wire::InterruptIn { unique }, _) = request.parse()?;
        if self.flights.signalled(unique) {
            return Ok(());
        }
        thread::sleep(GIVE_WAY);
        Err(Errno::AGAIN)
    }
}

impl fmt::Debug for Served {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Served").field("name", &self.connection.name).field("handles", &self.handles()).finish()
    }
}
