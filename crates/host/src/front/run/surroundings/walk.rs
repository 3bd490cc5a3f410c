//! Walks a client's path part by part, through our entries and the machine's, as path_resolution(7) has it.

use crate::{
    front::run::names::{MAX_LINKS, is_in_tree},
    lab::entries::{Entries, Entry, Kind},
};
use rustix::{
    fs::{AtFlags, CWD, FileType, StatxFlags, readlinkat, statx},
    io::Errno,
};
use std::{
    collections::VecDeque,
    ffi::{OsStr, OsString},
    ops::ControlFlow::{self, Break, Continue},
    os::unix::ffi::{OsStrExt, OsStringExt},
    path::{Path, PathBuf},
    sync::Arc,
};

/// Where a path leads.
#[derive(Debug)]
pub(crate) enum Place {
    /// Nowhere near us: the kernel gets there by itself, or not.
    Plain,
    /// To an entry of ours.
    Entry(Arc<Entry>),
    /// To a file of the machine's to which the kernel does not get, since the way leads through an entry of ours. It may
    /// not be there.
    Machine(PathBuf),
    /// Not to anything: ENOENT.
    Missing,
    /// Through something that is no directory: ENOTDIR.
    NotADirectory,
    /// Through too many links: ELOOP.
    Loop,
}

/// A walk under way.
pub(crate) struct Walk<'a> {
    pub(crate) entries: &'a Entries,
    /// The client.
    pub(crate) pid: u32,
    /// Its root, as a path of ours.
    pub(crate) root: PathBuf,
    /// Where it is: a path from that root, without links.
    pub(crate) at: PathBuf,
    /// Whether the way has led through an entry that the kernel does not have.
    pub(crate) crossed: bool,
    /// Whether a link at the end is followed.
    pub(crate) follow: bool,
}

impl Walk<'_> {
    /// Walks `path` from where it is.
    pub(crate) fn to(mut self, path: &Path) -> Place {
        let mut todo = VecDeque::new();
        let mut links = 0;
        self.begin(path, &mut todo);
        while let Some(part) = todo.pop_front() {
            let step = match part.as_bytes() {
                b"." => Continue(None),
                b".." => {
                    // Out of a directory that the kernel does not have it does not get by itself.
                    self.crossed |= self.find(&self.at).is_some() && !self.is_the_machines(&self.at);
                    self.at.pop();
                    Continue(None)
                }
                _ => self.step(&part, todo.is_empty()),
            };
            match step {
                Break(place) => return place,
                Continue(None) => {}
                Continue(Some(target)) => {
                    links += 1;
                    if links > MAX_LINKS {
                        return if self.crossed { Place::Loop } else { Place::Plain };
                    }
                    self.begin(&target, &mut todo);
                }
            }
        }
        self.end()
    }

    /// Puts a path in front of what is to be done.
    fn begin(&mut self, path: &Path, todo: &mut VecDeque<OsString>) {
        if path.is_absolute() {
            self.at = PathBuf::from("/");
        }
        let parts = path.as_os_str().as_bytes().split(|byte| *byte == b'/').filter(|part| !part.is_empty());
        for part in parts.rev() {
            todo.push_front(OsStr::from_bytes(part).to_owned());
        }
    }

    fn find(&self, path: &Path) -> Option<Arc<Entry>> {
        self.entries.find(path.to_str()?)
    }

    /// One part of the path; the link that it is, if it is one to be followed.
    fn step(&mut self, part: &OsStr, last: bool) -> ControlFlow<Place, Option<PathBuf>> {
        let child = self.at.join(part);
        let Some(entry) = self.find(&child) else { return self.step_outside(child, last) };
        if entry.is_gone() {
            return Break(if last { Place::Entry(entry) } else { Place::Missing });
        }
        match &entry.kind {
            Kind::Directory => {
                self.at = child;
                Continue(None)
            }
            Kind::Link(target) if !last || self.follow => {
                self.crossed = true;
                Continue(Some(target.into()))
            }
            _ if last => Break(Place::Entry(entry)),
            _ => Break(Place::NotADirectory),
        }
    }

    /// To something that may be the machine's.
    fn step_outside(&mut self, child: PathBuf, last: bool) -> ControlFlow<Place, Option<PathBuf>> {
        if child == Path::new("/proc/self") || child == Path::new("/proc/thread-self") {
            return Continue(Some(PathBuf::from(format!("/proc/{}", self.pid))));
        }
        match readlinkat(CWD, self.here(&child), Vec::new()) {
            Ok(_) if last && !self.follow => Break(if self.crossed { Place::Machine(child) } else { Place::Plain }),
            Ok(target) => self.link(&child, OsString::from_vec(target.into_bytes()).into()),
            Err(Errno::INVAL) => {
                self.at = child;
                Continue(None)
            }
            Err(_) if !self.crossed => Break(Place::Plain),
            Err(Errno::NOTDIR) => Break(Place::NotADirectory),
            Err(_) if last => Break(Place::Machine(child)),
            Err(_) => Break(Place::Missing),
        }
    }

    /// Where a link of the machine's leads.
    fn link(&self, link: &Path, target: PathBuf) -> ControlFlow<Place, Option<PathBuf>> {
        if !link.starts_with("/proc") {
            return Continue(Some(target));
        }
        // Those that stand for a file name it from our root, or as nothing that there is.
        let named =
            std::fs::read_link(&self.root).ok().and_then(|root| Some(target.strip_prefix(root).ok()?.to_owned()));
        match named {
            Some(path) if !is_in_tree(&target) => Continue(Some(Path::new("/").join(path))),
            None if target.is_relative() && link.parent() == Some(Path::new("/proc")) => Continue(Some(target)),
            _ => Break(Place::Plain),
        }
    }

    fn end(self) -> Place {
        let entry = self.find(&self.at);
        match entry {
            Some(entry) if !self.is_the_machines(&self.at) => Place::Entry(entry),
            _ if self.crossed => Place::Machine(self.at),
            _ => Place::Plain,
        }
    }

    fn here(&self, path: &Path) -> PathBuf {
        self.root.join(path.strip_prefix("/").unwrap_or(path))
    }

    /// Whether the machine has a directory there.
    fn is_the_machines(&self, path: &Path) -> bool {
        let flags = AtFlags::SYMLINK_NOFOLLOW | AtFlags::STATX_DONT_SYNC;
        statx(CWD, self.here(path), flags, StatxFlags::TYPE)
            .is_ok_and(|found| FileType::from_raw_mode(found.stx_mode.into()) == FileType::Directory)
    }
}
