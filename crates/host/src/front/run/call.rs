//! Calls on open files: from the kernel's request to the class, and the answer back.

use super::{
    files::{Files, OpenFile},
    flight::{FlightId, Owed},
};
use crate::{
    fuse::{
        channel::{Received, Reply},
        wire,
    },
    lab::Detail,
    sys::memory::ClientMemory,
};
use outlive_classes::{Call, Errno, PollBits};
use std::{
    sync::{Arc, PoisonError},
    thread,
    time::Duration,
};
use zerocopy::IntoBytes;

/// How long a thread gives way to one that has a call and has not written it down.
const GIVE_WAY: Duration = Duration::from_micros(100);

/// What every poller hears of, asked or not: ERR and HUP (poll(2)).
const POLL_ALWAYS: u32 = PollBits::ERR.0 | PollBits::HUP.0;

impl Files {
    /// Carries out a read, write or ioctl.
    pub(super) fn call(&self, request: &Received<'_>, reply: Reply) {
        let (file, call) = match self.decode(request) {
            Ok(decoded) => decoded,
            Err(errno) => return reply.error(errno),
        };
        let (id, pid) = (FlightId::Fuse(request.header.unique), request.header.pid);
        self.begin(id, Owed::Fuse(reply), pid, file, call, Arc::new(ClientMemory::of(pid)));
    }

    fn decode(&self, request: &Received<'_>) -> Result<(Arc<OpenFile>, Call), Errno> {
        use wire::{IoctlIn, ReadIn, WriteIn};
        match request.opcode() {
            Some(wire::Opcode::Read) => {
                let (ReadIn { fh, size, read_flags, flags, .. }, _) = request.parse()?;
                let file = self.file(fh)?;
                if read_flags & wire::READ_LOCKOWNER == 0 {
                    // For the page cache: splicing, which devices do not have (splice(2)). What was cached would still be
                    // there when the device is gone (I16).
                    return Err(if file.file.gone().is_some() { Errno::NODEV } else { Errno::INVAL });
                }
                file.file.set_nonblock(flags.cast_signed() & libc::O_NONBLOCK != 0);
                Ok((file, Call::Read { size: size as usize }))
            }
            Some(wire::Opcode::Write) => {
                let (WriteIn { fh, size, flags, .. }, data) = request.parse()?;
                let data = data.get(..size as usize).ok_or(Errno::IO)?.to_vec();
                let file = self.file(fh)?;
                file.file.set_nonblock(flags.cast_signed() & libc::O_NONBLOCK != 0);
                Ok((file, Call::Write { data }))
            }
            _ => {
                let (IoctlIn { fh, flags, command, argument, .. }, _) = request.parse()?;
                let file = self.file(fh)?;
                if flags & wire::IOCTL_COMPAT != 0 && file.file.gone().is_none() {
                    // The structures of a 32-bit program are laid out differently; the class knows one layout.
                    return Err(Errno::NOTTY);
                }
                Ok((file, Call::Ioctl { command, argument }))
            }
        }
    }

    pub(super) fn poll(&self, request: &Received<'_>) -> Result<Vec<u8>, Errno> {
        let (wire::PollIn { fh, kh, flags, events }, _) = request.parse()?;
        let file = self.file(fh)?;
        if flags & wire::POLL_SCHEDULE_NOTIFY != 0 {
            let mut watch = file.watch.lock().unwrap_or_else(PoisonError::into_inner);
            if watch.is_none() {
                let channel = self.channel.clone();
                // Before the state is looked at, so that what comes in between wakes the sleeper.
                let wake = move || channel.iter().for_each(|channel| channel.notify_poll(kh));
                *watch = Some(file.file.on_news(Arc::new(wake)));
            }
        }
        let bits = file.file.poll();
        self.lab.detail(|| {
            let waits = flags & wire::POLL_SCHEDULE_NOTIFY != 0 && bits.0 & (events | POLL_ALWAYS) == 0;
            let (device, handle) = (file.device.as_str(), file.file.id());
            Some(Detail::Polled { device, handle, pid: request.header.pid, bits, waits })
        });
        Ok(wire::PollOut { revents: bits.0, padding: 0 }.as_bytes().to_vec())
    }

    /// The client of a call got a signal. It waits for our answer all the same, so that the call happens once; only
    /// one that is being killed is let go.
    ///
    /// # Errors
    /// EAGAIN, by which the kernel tells again (fuse(4)) unless the call has been answered: another thread of ours has
    /// it and has not written it down yet. Not all are; so this thread gives way first.
    pub(super) fn interrupt(&self, request: &Received<'_>) -> Result<(), Errno> {
        let (wire::InterruptIn { unique }, _) = request.parse()?;
        if self.locks.interrupt(unique) || self.signalled(FlightId::Fuse(unique)) {
            return Ok(());
        }
        thread::sleep(GIVE_WAY);
        Err(Errno::AGAIN)
    }
}
