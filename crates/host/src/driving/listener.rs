//! A path at which hosts connect.

use super::DrivingError;
use rustix::{
    fs::{FileType, Mode, Stat, lstat, unlink},
    io::{self, Errno},
    net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, bind, connect, listen, socket_with},
    process::umask,
};
use std::{
    os::fd::OwnedFd,
    path::{Path, PathBuf},
    sync::Arc,
};

/// A socket that is listened at. Its path goes with it.
#[derive(Debug)]
pub(super) struct Listener {
    pub(super) socket: Arc<OwnedFd>,
    path: PathBuf,
    /// Which file it is: device and inode.
    identity: Option<(u64, u64)>,
}

impl Listener {
    /// Listens at `path`. What is there is left alone, but for a socket that nobody listens at: a server that was killed
    /// leaves one behind.
    pub(super) fn new(path: &Path) -> Result<Self, DrivingError> {
        let refused = |why: String| DrivingError::Listen { path: path.into(), why };
        let plainly = |errno: Errno| refused(errno.to_string());
        let address = SocketAddrUnix::new(path).map_err(|_| refused("the path is too long for a socket".into()))?;
        let socket = unbound().map_err(plainly)?;
        let mut bound = bind_for_owner(&socket, &address);
        if bound == Err(Errno::ADDRINUSE) {
            if !is_socket(path) {
                return Err(refused("there is something else; remove it, or choose another path".into()));
            }
            if !is_abandoned(&address) {
                return Err(refused("another server listens there; choose another path".into()));
            }
            unlink(path).map_err(plainly)?;
            bound = bind_for_owner(&socket, &address);
        }
        bound.map_err(plainly)?;
        let identity = lstat(path).ok().as_ref().map(identity);
        let listener = Listener { socket: Arc::new(socket), path: path.into(), identity };
        listen(&*listener.socket, 1).map_err(plainly)?;
        Ok(listener)
    }
}

fn unbound() -> io::Result<OwnedFd> {
    socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)
}

/// Whoever may connect has the device: the owner of the socket alone, unless he says otherwise afterwards.
fn bind_for_owner(socket: &OwnedFd, address: &SocketAddrUnix) -> io::Result<()> {
    let mask = umask(Mode::RWXG | Mode::RWXO | Mode::XUSR);
    let bound = bind(socket, address);
    umask(mask);
    bound
}

/// Asked before anything else, since connect(2) says ECONNREFUSED of what is no socket, too.
fn is_socket(path: &Path) -> bool {
    lstat(path).is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::Socket)
}

/// Whether nobody listens at a socket.
fn is_abandoned(address: &SocketAddrUnix) -> bool {
    unbound().and_then(|probe| connect(&probe, address)) == Err(Errno::CONNREFUSED)
}

fn identity(stat: &Stat) -> (u64, u64) {
    (stat.st_dev, stat.st_ino)
}

impl Drop for Listener {
    fn drop(&mut self) {
        // Somebody may have put something else there.
        if self.identity.is_some() && lstat(&self.path).ok().as_ref().map(identity) == self.identity {
            let _ = unlink(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn what_is_no_abandoned_socket_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("it");
        fs::write(&path, "precious").unwrap();
        let said = Listener::new(&path).unwrap_err().to_string();
        assert!(said.ends_with("there is something else; remove it, or choose another path"), "{said}");
        assert_eq!(fs::read(&path).unwrap(), b"precious");
        let link = folder.path().join("link");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        Listener::new(&link).unwrap_err();
        Listener::new(folder.path()).unwrap_err();
        assert!(link.is_symlink() && fs::read(&path).unwrap() == b"precious");
    }

    #[test]
    fn one_listens_at_a_time_and_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("it");
        let listener = Listener::new(&path).unwrap();
        let said = Listener::new(&path).unwrap_err().to_string();
        assert!(said.ends_with("another server listens there; choose another path"), "{said}");
        drop(listener);
        assert!(!path.exists());
        // As a server leaves it that was killed.
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        let listener = Listener::new(&path).unwrap();
        fs::remove_file(&path).unwrap();
        fs::write(&path, "precious").unwrap();
        drop(listener);
        assert_eq!(fs::read(&path).unwrap(), b"precious", "it is somebody else's");
    }
}
