//! The directory with a TPM's state, and that one TPM at a time uses it.

use rustix::{
    fs::{FlockOperation, Mode, OFlags, fcntl_lock, flock, open, openat},
    io::Errno,
};
use std::{
    fs::DirBuilder,
    os::{fd::OwnedFd, unix::fs::DirBuilderExt},
    path::{Path, PathBuf},
};

/// The file by which swtpm itself sees to it that it is alone: an fcntl(2) lock as long as it runs.
const SWTPMS_LOCK: &str = ".lock";

/// A directory that is ours for as long as this lives.
#[derive(Debug)]
pub(super) struct StateDirectory {
    path: PathBuf,
    /// Locked by flock(2), which ends with the last descriptor of it.
    _locked: OwnedFd,
}

impl StateDirectory {
    /// Takes it, and makes it if it is not there, for nobody but us.
    ///
    /// # Errors
    /// What is wrong, and what to do.
    pub(super) fn take(path: &Path) -> Result<Self, String> {
        let name = path.display();
        let failed = |why: std::io::Error| {
            format!("the directory {name} cannot keep the state of a TPM: {why}; name one that you may write to")
        };
        DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(failed)?;
        let locked = open(path, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
            .map_err(|errno| failed(errno.into()))?;
        let busy = || format!("the state in {name} is in use by another TPM; end that one, or name another directory");
        flock(&locked, FlockOperation::NonBlockingLockExclusive).map_err(|_| busy())?;
        // A swtpm that is not ours.
        let flags = OFlags::RDWR | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK;
        match openat(&locked, SWTPMS_LOCK, flags, Mode::empty()) {
            Ok(file) => fcntl_lock(&file, FlockOperation::NonBlockingLockExclusive).map_err(|_| busy())?,
            Err(Errno::NOENT) => {}
            Err(errno) => return Err(failed(errno.into())),
        }
        rustix::fs::accessat(rustix::fs::CWD, path, rustix::fs::Access::WRITE_OK, rustix::fs::AtFlags::EACCESS)
            .map_err(|errno| failed(errno.into()))?;
        Ok(StateDirectory { path: path.to_owned(), _locked: locked })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_one_user_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep/state");
        let first = StateDirectory::take(&path).unwrap();
        let error = StateDirectory::take(&path).unwrap_err();
        assert!(error.contains("in use by another TPM"), "{error}");
        drop(first);
        assert_eq!(StateDirectory::take(&path).unwrap().path(), path);
    }

    #[test]
    fn what_is_no_directory_is_refused() {
        for path in ["/dev/null", "/dev/null/state", "/proc/1/state"] {
            let error = StateDirectory::take(Path::new(path)).unwrap_err();
            assert!(error.contains("name one that you may write to"), "{error}");
        }
    }
}
