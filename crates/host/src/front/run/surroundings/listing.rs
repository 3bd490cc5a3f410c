//! Lists a directory that is the machine's and has entries of ours: getdents64(2), getdents(2).
//!
//! The client's own open directory is read in its stead (pidfd_getfd(2) gives us the very one), so its position, which
//! all who share it share, says everything: as long as it is one of the file system's, the machine's entries go on; when
//! they have come to their end it is set to one that no file system gives, and from there on it counts ours. So rewinddir,
//! seekdir, dup and small buffers are right by construction.

use crate::{
    front::run::{
        names::Target,
        supervisor::{Supervisor, Verdict},
    },
    lab::entries::{Entries, Entry},
    sys::{memory::ClientMemory, process::borrow_descriptor, seccomp::Notification},
};
use outlive_classes::{Errno, Memory};
use rustix::fs::{AtFlags, FileType, RawDir, SeekFrom, fstatfs, seek, statat};
use std::{
    mem::MaybeUninit,
    os::fd::{AsFd, OwnedFd},
    sync::{Arc, Mutex, PoisonError},
};

/// Where the positions of our entries begin. ext4 keeps these for the end of a directory (`ext4_get_htree_eof`), others
/// give small ones, or the one end of all, which is higher than any of ours.
const OURS: u64 = 0x7fff_ffff_0000_0000;
/// The same in sysfs and procfs, which take none beyond 2^31 - 1 (`MAX_NON_LFS` of linux/fs.h). In sysfs an entry's
/// position is a hash of 31 bits (`kernfs_name_hash`), so one in thirty thousand has one of these; it is missed if a
/// buffer ends right before it.
const OURS_LOW: u64 = 0x7fff_ffff - COUNT;
/// How many positions are ours.
const COUNT: u64 = 1 << 16;
/// The most that is read at once, in bytes, whatever room the client has.
const MOST: usize = 64 * 1024;
/// `struct linux_dirent64` of `linux/dirent.h`: what comes before the name. `struct linux_dirent` has one byte less there
/// and the type in its last byte, so both have the same length.
const HEADER: usize = 19;

/// One entry of a listing, of whomever.
struct Listed<'a> {
    inode: u64,
    /// The position after it.
    next: u64,
    kind: u8,
    name: &'a [u8],
}

/// Those who list take turns, since a position is looked at and set in two steps.
static TURN: Mutex<()> = Mutex::new(());

impl Supervisor {
    pub(in crate::front::run) fn list(&self, call: &Notification) -> Verdict {
        let [descriptor, _, size, ..] = call.arguments;
        let descriptor = descriptor as i32;
        let entries = self.lab.entries();
        if self.opener.is_none()
            && let Target::Held(entry) = self.names.descriptor(call.pid, descriptor)
            && entry.is_directory()
        {
            return self.list_stand_in(call, &entry);
        }
        let Some(path) = self.names.directory_path(call.pid, descriptor) else { return Verdict::Proceed };
        let Some(path) = path.to_str().map(|path| path.trim_end_matches('/')) else { return Verdict::Proceed };
        if !entries.adds_to(path) {
            return Verdict::Proceed;
        }
        let Some(directory) = borrow_descriptor(call.pid, descriptor) else { return Verdict::Proceed };
        let old = call.number == libc::SYS_getdents;
        let room = (size as u32 as usize).min(MOST);
        let (before, bytes) = match fill(&directory, entries, path, room, old) {
            Ok(Some(filled)) => filled,
            Ok(None) => return Verdict::Proceed,
            Err(errno) => return Verdict::Answer(Err(errno)),
        };
        self.give_listing(call, &directory, before, &bytes)
    }

    /// Lists a directory of ours, where there is no mount: what the client has open is empty, and has its position.
    fn list_stand_in(&self, call: &Notification, entry: &Entry) -> Verdict {
        let [descriptor, _, size, ..] = call.arguments;
        let Some(directory) = borrow_descriptor(call.pid, descriptor as i32) else { return Verdict::Proceed };
        let filled = {
            let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
            let room = (size as u32 as usize).min(MOST);
            fill_stand_in(&directory, entry, self.lab.entries(), room, call.number == libc::SYS_getdents)
        };
        match filled {
            Ok((before, bytes)) => self.give_listing(call, &directory, before, &bytes),
            Err(errno) => Verdict::Answer(Err(errno)),
        }
    }

    fn give_listing(&self, call: &Notification, directory: &OwnedFd, before: u64, bytes: &[u8]) -> Verdict {
        let written = match self.listener.is_valid(call.id) {
            true => ClientMemory::of(call.pid).write(call.arguments[1], bytes).map_err(Errno::from),
            false => Err(Errno::INTR),
        };
        if written.is_err() {
            let _ = seek(directory, SeekFrom::Start(before));
        }
        Verdict::Answer(written.map(|()| bytes.len() as i64))
    }
}

/// What comes next in the listing of `entry`, and the position before it: itself, what it is in, and what is in it.
fn fill_stand_in(
    directory: &OwnedFd,
    entry: &Entry,
    entries: &Entries,
    room: usize,
    old: bool,
) -> Result<(u64, Vec<u8>), Errno> {
    let before = seek(directory, SeekFrom::Current(0))?;
    let (mut bytes, mut next) = (Vec::new(), before);
    let inside = if entry.is_gone() { Vec::new() } else { entries.children(&entry.path) };
    let mut inside: Vec<_> =
        inside.iter().filter(|child| !child.is_gone()).map(|child| (child.place + 2, child)).collect();
    inside.sort_by_key(|(place, _)| *place);
    let kind_of = |entry: &Entry| ((super::mode(entry) & libc::S_IFMT) >> 12) as u8;
    let dots = [".", ".."].into_iter().zip(0..).map(|(name, place)| (place, entry.inode, libc::DT_DIR, name));
    let inside = inside.into_iter().map(|(place, it)| (place, super::inode(it), kind_of(it), it.name()));
    for (place, inode, kind, name) in dots.chain(inside).filter(|(place, ..)| *place >= before) {
        let name = name.as_bytes();
        if bytes.len() + length(name) > room {
            if bytes.is_empty() {
                return Err(Errno::INVAL);
            }
            break;
        }
        next = place + 1;
        encode(&mut bytes, &Listed { inode, next, kind, name }, old);
    }
    seek(directory, SeekFrom::Start(next))?;
    Ok((before, bytes))
}

/// What comes next in the listing, and the position before it. `None`: it is the kernel's to say.
fn fill(
    directory: &OwnedFd,
    entries: &Entries,
    path: &str,
    room: usize,
    old: bool,
) -> Result<Option<(u64, Vec<u8>)>, Errno> {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let Ok(before) = seek(directory, SeekFrom::Current(0)) else { return Ok(None) };
    let ours = entries.children(path);
    let base = base(directory);
    if !(base..base + COUNT).contains(&before) {
        let bytes = fill_machines(directory, &ours, room, old)?;
        if !bytes.is_empty() {
            return Ok(Some((before, bytes)));
        }
        // On a file system that knows no such position the listing ends here, without ours.
        if seek(directory, SeekFrom::Start(base)).is_err() {
            return Ok(Some((before, bytes)));
        }
    }
    let position = seek(directory, SeekFrom::Current(0))?;
    let (bytes, next) = fill_ours(directory, &ours, position - base, room, old)?;
    seek(directory, SeekFrom::Start(base + next))?;
    Ok(Some((before, bytes)))
}

/// The machine's next entries but for those that ours stand in front of. None: there are no more.
fn fill_machines(directory: &OwnedFd, ours: &[Arc<Entry>], room: usize, old: bool) -> Result<Vec<u8>, Errno> {
    let hidden = |name: &[u8]| ours.iter().any(|entry| entry.name().as_bytes() == name && !entry.is_directory());
    let mut buffer = vec![MaybeUninit::uninit(); room];
    loop {
        let (mut bytes, mut some) = (Vec::new(), false);
        let mut listing = RawDir::new(directory.as_fd(), &mut buffer);
        while let Some(entry) = listing.next() {
            let entry = entry?;
            some = true;
            let name = entry.file_name().to_bytes();
            if !hidden(name) {
                let kind = file_type(entry.file_type());
                let listed = Listed { inode: entry.ino(), next: entry.next_entry_cookie(), kind, name };
                encode(&mut bytes, &listed, old);
            }
            // One call of the kernel's and no more: what it gave has room.
            if listing.is_buffer_empty() {
                break;
            }
        }
        if !some || !bytes.is_empty() {
            return Ok(bytes);
        }
    }
}

/// Our entries from `place` on, and the place after them. Each keeps its place for good, so that what comes or goes
/// meanwhile moves no other.
fn fill_ours(
    directory: &OwnedFd,
    ours: &[Arc<Entry>],
    place: u64,
    room: usize,
    old: bool,
) -> Result<(Vec<u8>, u64), Errno> {
    let mut sorted: Vec<_> = ours
        .iter()
        .filter(|entry| !entry.is_gone())
        .filter(|entry| !entry.is_directory() || !has(directory, entry.name()))
        .filter(|entry| (place..COUNT).contains(&entry.place))
        .collect();
    sorted.sort_by_key(|entry| entry.place);
    let (base, mut bytes, mut next) = (base(directory), Vec::new(), place);
    for entry in sorted {
        let name = entry.name().as_bytes();
        if bytes.len() + length(name) > room {
            // Nothing has room: as the kernel says it.
            return if bytes.is_empty() { Err(Errno::INVAL) } else { Ok((bytes, next)) };
        }
        next = entry.place + 1;
        let kind = ((super::mode(entry) & libc::S_IFMT) >> 12) as u8;
        encode(&mut bytes, &Listed { inode: super::inode(entry), next: base + next, kind, name }, old);
    }
    Ok((bytes, next))
}

/// Whether the machine has that there, too.
fn has(directory: &OwnedFd, name: &str) -> bool {
    statat(directory, name, AtFlags::SYMLINK_NOFOLLOW).is_ok()
}

/// `DT_*` of `linux/fs_types.h`.
fn file_type(kind: FileType) -> u8 {
    (kind.as_raw_mode() >> 12) as u8
}

fn base(directory: &OwnedFd) -> u64 {
    match fstatfs(directory) {
        Ok(found) if [super::calls::SYSFS, super::calls::PROC].contains(&found.f_type) => OURS_LOW,
        _ => OURS,
    }
}

fn length(name: &[u8]) -> usize {
    (HEADER + name.len() + 1).next_multiple_of(8)
}

fn encode(bytes: &mut Vec<u8>, listed: &Listed<'_>, old: bool) {
    let (start, length) = (bytes.len(), length(listed.name));
    bytes.extend(listed.inode.to_ne_bytes());
    bytes.extend(listed.next.to_ne_bytes());
    bytes.extend((length as u16).to_ne_bytes());
    if !old {
        bytes.push(listed.kind);
    }
    bytes.extend(listed.name);
    bytes.resize(start + length, 0);
    if old && let Some(last) = bytes.last_mut() {
        *last = listed.kind;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::fs::{CWD, Mode, OFlags, openat};

    /// The names that are listed with so much room, and how many calls it took.
    fn names(path: &str, entries: &Entries, room: usize) -> (Vec<String>, usize) {
        let directory = openat(CWD, path, OFlags::RDONLY | OFlags::DIRECTORY, Mode::empty()).unwrap();
        let (mut names, mut calls) = (Vec::new(), 0);
        loop {
            let (_, bytes) = fill(&directory, entries, path, room, false).unwrap().unwrap();
            if bytes.is_empty() {
                return (names, calls);
            }
            calls += 1;
            let mut rest = &bytes[..];
            while !rest.is_empty() {
                let length = usize::from(u16::from_ne_bytes([rest[16], rest[17]]));
                let name = rest[HEADER..length].split(|byte| *byte == 0).next().unwrap();
                names.push(String::from_utf8(name.to_vec()).unwrap());
                rest = &rest[length..];
            }
        }
    }

    /// procfs, sysfs, and whatever a temporary directory is on: each keeps positions in a way of its own.
    #[test]
    fn a_listing_ends_with_ours_on_every_file_system() {
        let folder = tempfile::tempdir().unwrap();
        (0..50).for_each(|n| drop(std::fs::write(folder.path().join(format!("file-{n}")), "")));
        std::fs::write(folder.path().join("outlive-1"), "the machine's own").unwrap();
        for path in ["/proc/sys", "/proc/sys/kernel", "/proc/bus", "/sys/class", folder.path().to_str().unwrap()] {
            let entries = Entries::default();
            for n in 0..30 {
                entries.put_attribute(&format!("{path}/outlive-{n}"));
            }
            let machines = std::fs::read_dir(path).unwrap().count() + 2;
            let here = usize::from(path.starts_with(folder.path().to_str().unwrap()));
            for room in [4096, 280] {
                let (all, calls) = names(path, &entries, room);
                let mut each = all.clone();
                each.sort();
                each.dedup();
                assert_eq!((all.len(), each.len()), (machines + 30 - here, machines + 30 - here), "{path}: {all:?}");
                assert!(all.ends_with(&["outlive-29".to_owned()]), "{path}: {all:?}");
                assert!(calls > 1 || room > 280, "{path}: {calls} calls");
            }
        }
    }
}
