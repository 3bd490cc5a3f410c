//! The names of a device that is served, in /dev.
//!
//! The kernel makes a node of a name that no other life has, `outlive/i2c-7.PID.GENERATION`; where /dev is not its own
//! (devtmpfs) we make it. The name that programs know, `i2c-7`, is a symbolic link to that. So a name never leads to
//! another life than the one it was made for, and one that leads nowhere was left by a lab that was killed.

use super::connection::{self, DeviceNumber};
use crate::{lab::Permissions, sys::group};
use rustix::{
    fs::{CWD, FileType, Gid, Mode, chmod, chown, makedev, mknodat},
    io::Errno,
};
use std::{
    fs, io,
    os::unix::fs::{FileTypeExt, symlink},
    path::{Path, PathBuf},
};

const DEV: &str = "/dev";
/// The folder of our nodes, below [`DEV`].
const FOLDER: &str = "outlive";

/// The names of one life.
#[derive(Debug)]
pub(super) struct Names {
    /// `/dev/i2c-7`
    stable: PathBuf,
    /// `/dev/outlive/i2c-7.1234.1`
    node: PathBuf,
    /// What the link says: `outlive/i2c-7.1234.1`.
    target: PathBuf,
}

/// What the kernel shall call generation `generation` of device `name`.
pub(super) fn kernel_name(name: &str, generation: u64) -> String {
    format!("{FOLDER}!{}.{}.{generation}", name.replace('/', "!"), std::process::id())
}

impl Names {
    /// Those of the device `name` that the kernel calls `kernel_name`.
    pub(super) fn of(name: &str, kernel_name: &str) -> Names {
        let below = PathBuf::from(kernel_name.replace('!', "/"));
        let up: PathBuf = name.split('/').skip(1).map(|_| "..").collect();
        Names { stable: Path::new(DEV).join(name), node: Path::new(DEV).join(&below), target: up.join(below) }
    }

    /// The name that programs know.
    pub(super) fn stable(&self) -> &Path {
        &self.stable
    }

    /// The node.
    pub(super) fn node(&self) -> &Path {
        &self.node
    }

    /// Whether the name that programs know can be had; one that a dead lab left is removed.
    ///
    /// # Errors
    /// What is there instead, and what to do about it.
    pub(super) fn check(&self) -> Result<(), String> {
        remove_if_stale(&self.stable);
        match fs::symlink_metadata(&self.stable) {
            Err(_) => Ok(()),
            Ok(_) => Err(self.taken()),
        }
    }

    fn taken(&self) -> String {
        let stable = self.stable.display();
        let whose = match fs::read_link(&self.stable) {
            Ok(target) if is_ours(&target) => "another lab serves it".to_owned(),
            _ => "it is the machine's own".to_owned(),
        };
        format!("{stable} is there already: {whose}; take another number (num=)")
    }

    /// Makes them, for a device that the kernel has made.
    ///
    /// # Errors
    /// Which could not be made, and what would help; then none is there.
    pub(super) fn make(&self, number: DeviceNumber, permissions: &Permissions) -> Result<(), String> {
        let made = self.make_node(number, permissions).and_then(|()| self.make_link());
        if made.is_err() {
            self.remove_node();
        }
        made
    }

    fn make_node(&self, (major, minor): DeviceNumber, permissions: &Permissions) -> Result<(), String> {
        let said = |what: &'static str| move |errno: Errno| told(what, &self.node, errno);
        if fs::symlink_metadata(&self.node).is_err() {
            let made =
                || mknodat(CWD, &self.node, FileType::CharacterDevice, Mode::RUSR | Mode::WUSR, makedev(major, minor));
            made_in_folder(&self.node, made)?.map_err(said("making the node"))?;
        }
        if let Some(group) = &permissions.group {
            let gid = group::id_of(group).ok_or_else(|| {
                format!("there is no group `{group}`; `getent group` lists them, and groupadd(8) makes one")
            })?;
            chown(&self.node, None, Some(Gid::from_raw(gid))).map_err(said("chgrp of"))?;
        }
        chmod(&self.node, Mode::from_raw_mode(permissions.mode.unwrap_or(0o600))).map_err(said("chmod of"))
    }

    fn make_link(&self) -> Result<(), String> {
        make_folder_of(&self.stable)?;
        symlink(&self.target, &self.stable).map_err(|why| match why.kind() {
            io::ErrorKind::AlreadyExists => self.taken(),
            _ => told("making", &self.stable, why),
        })
    }

    /// Takes them away: first the one that programs know, so that it never leads nowhere while we live.
    pub(super) fn remove(&self) {
        if fs::read_link(&self.stable).is_ok_and(|target| target == self.target) {
            let _ = fs::remove_file(&self.stable);
        }
        self.remove_node();
    }

    fn remove_node(&self) {
        // The kernel does not mind that the node it made is gone when it comes to remove it.
        let _ = fs::remove_file(&self.node);
        // Folders stay as long as there are others in them.
        let folders =
            self.node.ancestors().skip(1).take_while(|folder| folder.starts_with(Path::new(DEV).join(FOLDER)));
        folders.for_each(|folder| _ = fs::remove_dir(folder));
    }
}

/// Makes something at `path`, and the folder that it is in. Whoever takes the last away from there removes the folder,
/// perhaps in between; then it is made again.
fn made_in_folder(path: &Path, make: impl Fn() -> Result<(), Errno>) -> Result<Result<(), Errno>, String> {
    // Each time somebody else has taken something away, so it ends by itself; but for a folder that is a link to nothing.
    for _ in 0..100 {
        match make() {
            Err(Errno::NOENT) => make_folder_of(path)?,
            made => return Ok(made),
        }
    }
    Ok(Err(Errno::NOENT))
}

fn make_folder_of(path: &Path) -> Result<(), String> {
    let Some(folder) = path.parent() else { return Ok(()) };
    match fs::create_dir_all(folder) {
        // It, or one above it, was there and went meanwhile; or is something else, as whoever makes something in it learns.
        Err(why) if matches!(why.kind(), io::ErrorKind::AlreadyExists | io::ErrorKind::NotFound) => Ok(()),
        made => made.map_err(|why| told("making the folder", folder, why)),
    }
}

/// What failed, with what to do where we know that.
fn told(what: &str, path: &Path, why: impl Into<io::Error>) -> String {
    let why = why.into();
    let advice = match why.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            "; make room there (`df -i /dev` says how many names fit), or mount -o remount,nr_inodes=... /dev"
        }
        _ => "",
    };
    format!("{what} {}: {why}{advice}", path.display())
}

/// Whether a link that says `target` is one of ours.
fn is_ours(target: &Path) -> bool {
    let mut parts = target.components().skip_while(|part| part.as_os_str() == "..");
    parts.next().is_some_and(|part| part.as_os_str() == FOLDER)
}

/// Removes a link of ours that leads nowhere.
fn remove_if_stale(link: &Path) {
    let ours = fs::read_link(link).is_ok_and(|target| is_ours(&target));
    if ours && matches!(fs::metadata(link), Err(error) if error.kind() == io::ErrorKind::NotFound) {
        let _ = fs::remove_file(link);
    }
}

/// Removes what labs that were killed have left in /dev.
pub(super) fn remove_stale() {
    let ours = Path::new(DEV).join(FOLDER);
    for node in files_in(&ours) {
        let below = node.strip_prefix(&ours).unwrap_or(&node);
        let name = format!("{FOLDER}!{}", below.to_string_lossy().replace('/', "!"));
        // Those that the kernel made went with their connection.
        let is_node = fs::symlink_metadata(&node).is_ok_and(|found| found.file_type().is_char_device());
        if is_node && !connection::is_there(&name) {
            let _ = fs::remove_file(&node);
        }
    }
    files_in(Path::new(DEV)).iter().for_each(|link| remove_if_stale(link));
}

/// What is in a folder of ours or /dev, and in the folders in it: no device's name has more parts.
fn files_in(folder: &Path) -> Vec<PathBuf> {
    let list = |folder: &Path| fs::read_dir(folder).into_iter().flatten().flatten();
    let below = |entry: fs::DirEntry| {
        let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
        if is_folder { list(&entry.path()).map(|entry| entry.path()).collect() } else { vec![entry.path()] }
    };
    list(folder).flat_map(below).collect()
}

/// Whether `link` of a process' /proc/PID/fd leads to this node, also after it was removed.
pub(super) fn is_link_to(link: &Path, node: &Path) -> bool {
    let text = link.to_string_lossy();
    Path::new(text.strip_suffix(" (deleted)").unwrap_or(&text)) == node
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_life_has_a_node_of_its_own() {
        let (first, second) = (kernel_name("i2c-7", 1), kernel_name("i2c-7", 2));
        assert_ne!(first, second);
        let names = Names::of("i2c-7", &first);
        let node = format!("i2c-7.{}.1", std::process::id());
        assert_eq!(names.stable, Path::new("/dev/i2c-7"));
        assert_eq!(names.node, Path::new("/dev/outlive").join(&node));
        assert_eq!(names.target, Path::new("outlive").join(&node));
        assert!(is_ours(&names.target));
    }

    #[test]
    fn a_link_in_a_folder_leads_out_of_it() {
        let names = Names::of("dri/card0", "outlive!dri!card0.5.1");
        assert_eq!(names.stable, Path::new("/dev/dri/card0"));
        assert_eq!(names.target, Path::new("../outlive/dri/card0.5.1"));
        assert!(is_ours(&names.target));
    }

    #[test]
    fn other_links_are_not_ours() {
        for target in ["/proc/self/fd", "pts/ptmx", "/dev/outlive/x", "outlive2/x", ""] {
            assert!(!is_ours(Path::new(target)), "{target}");
        }
    }

    #[test]
    fn a_folder_that_others_take_away_is_made_again() {
        let ours = tempfile::tempdir().unwrap();
        let come_and_go = |which: usize| {
            for _ in 0..2000 {
                let path = ours.path().join(format!("a/b/{which}"));
                let make = || fs::write(&path, "").map_err(|why| Errno::from_io_error(&why).unwrap());
                made_in_folder(&path, make).unwrap().unwrap();
                fs::remove_file(&path).unwrap();
                path.ancestors().skip(1).take(2).for_each(|folder| _ = fs::remove_dir(folder));
            }
        };
        std::thread::scope(|scope| {
            for which in 0..3 {
                scope.spawn(move || come_and_go(which));
            }
        });
    }

    #[test]
    fn descriptors_are_told_by_their_links() {
        let node = Path::new("/dev/outlive/i2c-7.5.1");
        for (link, is_it) in [
            ("/dev/outlive/i2c-7.5.1", true),
            ("/dev/outlive/i2c-7.5.1 (deleted)", true),
            ("/dev/outlive/i2c-7.5.10", false),
            ("/dev/i2c-7", false),
        ] {
            assert_eq!(is_link_to(Path::new(link), node), is_it, "{link}");
        }
    }
}
