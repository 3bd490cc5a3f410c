//! Calls on open files that come by FUSE: from the kernel's request to the class, and the answer back.

use super::{
    files::Files,
    lending::Lending,
    owed::{FlightId, Owed},
    table::OpenFile,
};
use crate::{
    front::{flight::Start, open_file::Asked},
    fuse::{
        channel::{Received, Reply},
        wire,
    },
};
use outlive_classes::{Call, Errno};
use std::{sync::Arc, thread, time::Duration};

/// How long a thread gives way to one that has a call and has not written it down.
const GIVE_WAY: Duration = Duration::from_micros(100);

impl Files {
    /// Carries out a read, write or ioctl.
    pub(super) fn call(&self, request: &Received<'_>, reply: Reply) {
        let (file, call) = match self.decode(request) {
            Ok(decoded) => decoded,
            Err(errno) => return reply.error(errno),
        };
        let (id, pid) = (FlightId::Fuse(request.header.unique), request.header.pid);
        let (file, device) = (file.file.clone(), file.device.clone());
        let (owed, memory) = (Owed::Fuse(reply), Arc::new(Lending::by_fuse(pid, &self.lab)));
        self.flights.begin(Start { id, owed, pid, file, device, call, memory });
    }

    fn decode(&self, request: &Received<'_>) -> Result<(Arc<OpenFile>, Call), Errno> {
        let asked = Asked::parse(request)?;
        let file = self.file(asked.fh)?;
        let call = file.admit(asked)?;
        Ok((file, call))
    }

    pub(super) fn poll(&self, request: &Received<'_>) -> Result<Vec<u8>, Errno> {
        let (asked, _): (wire::PollIn, _) = request.parse()?;
        Ok(self.file(asked.fh)?.poll(&self.lab, self.channel.as_ref(), &asked, request.header.pid))
    }

    /// The client of a call got a signal. It waits for our answer all the same, so that the call happens once; only
    /// one that is being killed is let go.
    ///
    /// # Errors
    /// EAGAIN, by which the kernel tells again (fuse(4)) unless the call has been answered: another thread of ours has
    /// it and has not written it down yet. Not all are; so this thread gives way first.
    pub(super) fn interrupt(&self, request: &Received<'_>) -> Result<(), Errno> {
        let (wire::InterruptIn { unique }, _) = request.parse()?;
        if self.locks.interrupt(unique) || self.flights.signalled(FlightId::Fuse(unique)) {
            return Ok(());
        }
        thread::sleep(GIVE_WAY);
        Err(Errno::AGAIN)
    }
}
