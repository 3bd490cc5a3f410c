//! A second program on the same devices, by the same road, in the same guardian's care: it runs when the whole tree of the
//! first one has ended, which nothing of the first can see or delay.

use super::{Running, StartError, attend, files::Files, road::Traps, status, tree};
use crate::{lab::Lab, trial::End};
use rustix::io::Errno;
use std::{ffi::OsString, fmt, os::fd::OwnedFd, sync::Arc};

/// What it is and what it gets.
#[derive(Debug)]
pub(crate) struct Second {
    /// The program, searched in PATH, and its arguments.
    pub(crate) words: Vec<OsString>,
    /// Added to its environment; besides, `OUTLIVE_EXIT` says how the first one ended.
    pub(crate) environment: Vec<(OsString, OsString)>,
    /// In the places of its standard input, output and error; `None`: those of this process.
    pub(crate) standard: [Option<OwnedFd>; 3],
}

/// What it takes to serve it.
pub(super) struct Waiting {
    pub(super) name: OsString,
    pub(super) files: Arc<Files>,
    /// Of the mount, if there is one; without it the connection to the kernel would end with the first program.
    pub(super) root: Option<OwnedFd>,
    /// What is asked to be trapped.
    pub(super) traps: Traps,
}

impl Second {
    pub(super) fn start_on(self, lab: &Arc<Lab>, traps: &Traps) -> tree::Start {
        let mut environment = self.environment;
        environment.push((status::VARIABLE.into(), status::path(lab).into()));
        tree::Start { command: self.words, environment, standard: self.standard, traps: traps.clone() }
    }
}

impl Running {
    /// Waits until the whole tree of the first of two programs has ended, daemons too. The result is that program's own
    /// end.
    pub(crate) fn wait_for_first(&mut self) -> End {
        self.tree.wait_for_first()
    }

    /// Has the second program started, once the first has been waited for.
    ///
    /// # Errors
    /// [`StartError`]. Then there is nothing to wait for but the end of what is left ([`Running::wait`]).
    pub(crate) fn go_on(&mut self) -> Result<(), StartError> {
        let none = StartError::system("starting a second program")(Errno::INVAL);
        let Waiting { name, files, root, traps } = *self.waiting.take().ok_or(none)?;
        let (attended, execution) = self.tree.go_on(&traps)?;
        attend(&files, root, attended, None)?;
        execution.wait().map_err(|errno| StartError::Execute { name, errno })
    }
}

impl fmt::Debug for Waiting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Waiting").field("name", &self.name).field("traps", &self.traps).finish_non_exhaustive()
    }
}
