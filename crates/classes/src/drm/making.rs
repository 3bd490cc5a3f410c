//! What clients make, and take away again: buffers, framebuffers, blobs (`drm_gem.c`, `drm_dumb_buffers.c`,
//! `drm_framebuffer.c`, `drm_property.c`).

use super::{
    Buffer, Format, Framebuffer,
    client::{MOST_OF_A_KIND, lowest_free},
    format,
    kms::Kms,
    reply::{Lend, Reply},
    uapi::{
        fb,
        layout::{CreateBlob, CreateDumb, Dirty, Fb, Fb2, Flink, GemOpen, MapDumb, Prime},
    },
};
use crate::{Errno, MapCall, Mapping, PAGE_SIZE, SharedMemory};
use std::{
    collections::BTreeSet,
    sync::{Arc, Weak},
    time::Duration,
};

/// The largest buffer, in bytes: the largest framebuffer of most cards, twice.
const LARGEST_BUFFER: u64 = 1 << 30;
/// The most that the blobs of one file may take together, in bytes.
const MOST_IN_BLOBS: usize = 16 << 20;
/// Where the offsets begin by which buffers are mapped: `DRM_FILE_PAGE_OFFSET_START`, in bytes.
const FIRST_OFFSET: u64 = 1 << 32;
/// `DRM_CLOEXEC` and `DRM_RDWR`, which are O_CLOEXEC and O_RDWR.
const CLOEXEC: u32 = 0o2_000_000;
const RDWR: u32 = 2;

/// How large a dumb buffer has to be (`drm_mode_create_dumb`): its pitch, and its size in whole pages.
///
/// # Errors
/// EINVAL of one that is nothing, or larger than can be said.
pub(super) fn dumb_size(asked: &CreateDumb) -> Result<(u32, u64), Errno> {
    let some = asked.width > 0 && asked.height > 0 && asked.bpp > 0;
    let bytes = asked.bpp.checked_add(7).ok_or(Errno::INVAL)? / 8;
    let line = bytes.checked_mul(asked.width).filter(|_| some).ok_or(Errno::INVAL)?;
    let all = line.checked_mul(asked.height).ok_or(Errno::INVAL)?;
    if all > u32::MAX - (PAGE_SIZE as u32 - 1) {
        return Err(Errno::INVAL);
    }
    let pitch = (u64::from(asked.width) * u64::from(asked.bpp)).div_ceil(8);
    let size = (pitch * u64::from(asked.height)).next_multiple_of(PAGE_SIZE);
    if size > LARGEST_BUFFER { Err(Errno::NOMEM) } else { Ok((pitch as u32, size)) }
}

impl Kms {
    /// CREATE_DUMB, of memory that has been made for it.
    pub(super) fn create_dumb(
        &mut self,
        client: u64,
        mut asked: CreateDumb,
        memory: Arc<dyn SharedMemory>,
    ) -> Result<Reply, Errno> {
        let (pitch, size) = dumb_size(&asked)?;
        asked.handle = self.client(client).give(Arc::new(Buffer::new(memory, false)))?;
        (asked.pitch, asked.size) = (pitch, size);
        Ok(Reply::of(asked.to_bytes()))
    }

    /// MAP_DUMB (`drm_gem_dumb_map_offset`).
    pub(super) fn map_dumb(&mut self, client: u64, mut asked: MapDumb) -> Result<Reply, Errno> {
        let buffer = self.client(client).buffer(asked.handle)?.clone();
        if buffer.imported {
            return Err(Errno::INVAL);
        }
        let known = buffer.offset.get().copied();
        asked.offset = known.unwrap_or_else(|| {
            self.sweep();
            let last = self.offsets.last_key_value();
            let end = last.and_then(|(offset, last)| Some(offset + last.upgrade()?.size()));
            let offset = end.unwrap_or(FIRST_OFFSET);
            self.offsets.insert(offset, Arc::downgrade(&buffer));
            *buffer.offset.get_or_init(|| offset)
        });
        Ok(Reply::of(asked.to_bytes()))
    }

    /// mmap(2) (`drm_gem_mmap`, `drm_gem_mmap_obj`).
    pub(super) fn map(&self, client: u64, call: &MapCall) -> Result<Mapping, Errno> {
        let buffer = self.offsets.get(&call.offset).and_then(Weak::upgrade).ok_or(Errno::INVAL)?;
        let client = self.clients.get(&client).ok_or(Errno::ACCESS)?;
        if client.handle_of(&buffer).is_none() {
            return Err(Errno::ACCESS);
        }
        // Private memory that is written would be a copy (`drm_gem_shmem_mmap`).
        if call.length > buffer.size() || !call.shared {
            return Err(Errno::INVAL);
        }
        Ok(Mapping { memory: buffer.memory.clone(), offset: 0 })
    }

    /// DESTROY_DUMB and GEM_CLOSE (`drm_gem_handle_delete`).
    pub(super) fn close_buffer(&mut self, client: u64, handle: u32) -> Result<Reply, Errno> {
        let gone = self.client(client).buffers.remove(&handle).ok_or(Errno::INVAL)?;
        drop(gone);
        self.sweep();
        Ok(Reply::default())
    }

    /// GEM_FLINK (`drm_gem_flink_ioctl`).
    pub(super) fn flink(&mut self, client: u64, mut asked: Flink) -> Result<Reply, Errno> {
        let buffer = self.client(client).buffer(asked.handle)?.clone();
        self.sweep();
        let its = Arc::downgrade(&buffer);
        let known = self.names.iter().find(|(_, other)| other.ptr_eq(&its)).map(|(name, _)| *name);
        asked.name = known.unwrap_or_else(|| lowest_free(&self.names));
        self.names.insert(asked.name, its);
        Ok(Reply::of(asked.to_bytes()))
    }

    /// GEM_OPEN (`drm_gem_open_ioctl`).
    pub(super) fn open_buffer(&mut self, client: u64, mut asked: GemOpen) -> Result<Reply, Errno> {
        let buffer = self.names.get(&asked.name).and_then(Weak::upgrade).ok_or(Errno::NOENT)?;
        asked.size = buffer.size();
        asked.handle = self.client(client).give(buffer)?;
        Ok(Reply::of(asked.to_bytes()))
    }

    /// PRIME_HANDLE_TO_FD (`drm_prime_handle_to_fd_ioctl`): the descriptor is that of the memory itself.
    pub(super) fn export(&mut self, client: u64, asked: Prime) -> Result<Reply, Errno> {
        if asked.flags & !(CLOEXEC | RDWR) != 0 {
            return Err(Errno::INVAL);
        }
        let buffer = self.client(client).buffer(asked.handle)?.clone();
        let (writable, close_on_exec) = (asked.flags & RDWR != 0, asked.flags & CLOEXEC != 0);
        let lend = Lend { buffer, writable, close_on_exec, place: 8 };
        Ok(Reply { lend: Some(lend), ..Reply::of(asked.to_bytes()) })
    }

    /// PRIME_FD_TO_HANDLE (`drm_prime_fd_to_handle_ioctl`): who has that memory already has it by the same number.
    pub(super) fn import(
        &mut self,
        client: u64,
        mut asked: Prime,
        memory: Arc<dyn SharedMemory>,
    ) -> Result<Reply, Errno> {
        let buffer = Buffer::new(memory, true);
        let its = self.client(client);
        asked.handle = match its.handle_of(&buffer) {
            Some(handle) => handle,
            None => its.give(Arc::new(buffer))?,
        };
        asked.flags = 0;
        Ok(Reply::of(asked.to_bytes()))
    }

    /// ADDFB (`drm_mode_addfb`).
    pub(super) fn add_fb(&mut self, client: u64, mut asked: Fb) -> Result<Reply, Errno> {
        let format = Format::legacy(asked.bpp, asked.depth).ok_or(Errno::INVAL)?;
        let first = |number: u32| [number, 0, 0, 0];
        let whole = Fb2 {
            width: asked.width,
            height: asked.height,
            format: format.code(),
            handles: first(asked.handle),
            pitches: first(asked.pitch),
            ..Fb2::default()
        };
        asked.fb = self.make_fb(client, &whole)?;
        Ok(Reply::of(asked.to_bytes()))
    }

    /// ADDFB2 (`drm_mode_addfb2`).
    pub(super) fn add_fb2(&mut self, client: u64, mut asked: Fb2) -> Result<Reply, Errno> {
        asked.fb = self.make_fb(client, &asked)?;
        Ok(Reply::of(asked.to_bytes()))
    }

    /// `drm_internal_framebuffer_create`, `framebuffer_check`, `drm_gem_fb_create`
    pub(super) fn make_fb(&mut self, client: u64, asked: &Fb2) -> Result<u32, Errno> {
        let sized = |size: u32, most: u32| (1..=most).contains(&size);
        let (most_wide, most_high) = self.description.largest;
        if asked.flags & !(fb::INTERLACED | fb::MODIFIERS) != 0
            || !sized(asked.width, most_wide)
            || !sized(asked.height, most_high)
        {
            return Err(Errno::INVAL);
        }
        let format = Format::coded(asked.format).ok_or(Errno::INVAL)?;
        check_planes(asked, format)?;
        let its = self.client(client);
        let buffer = its.buffer(asked.handles[0])?.clone();
        if its.framebuffers.len() >= MOST_OF_A_KIND {
            return Err(Errno::NOMEM);
        }
        let id = self.new_id();
        let made = Framebuffer {
            id,
            width: asked.width,
            height: asked.height,
            format,
            pitch: asked.pitches[0],
            offset: asked.offsets[0],
            buffer,
            flags: asked.flags,
        };
        if made.extent() > made.buffer.size() {
            return Err(Errno::INVAL);
        }
        self.framebuffers.insert(id, Arc::new(made));
        self.client(client).framebuffers.insert(id);
        Ok(id)
    }

    /// RMFB (`drm_mode_rmfb`): also what is shown is taken from the screen. CLOSEFB leaves that.
    pub(super) fn remove_fb(&mut self, client: u64, id: u32, closes: bool, now: Duration) -> Result<Reply, Errno> {
        self.framebuffer(id)?;
        if !self.client(client).framebuffers.remove(&id) {
            return Err(Errno::NOENT);
        }
        if !closes {
            self.stop_showing(&BTreeSet::from([id]), now);
        }
        self.drop_framebuffer(id);
        Ok(Reply::default())
    }

    /// GETFB (`drm_mode_getfb`): the buffer is only for the master.
    pub(super) fn get_fb(&mut self, client: u64, asked: Fb) -> Result<Reply, Errno> {
        let fb = self.framebuffer(asked.fb)?.clone();
        let handle = if self.master == Some(client) { self.client(client).give(fb.buffer.clone())? } else { 0 };
        let (bpp, depth) = (fb.format.bits(), fb.format.depth());
        let Framebuffer { width, height, pitch, .. } = *fb;
        Ok(Reply::of(Fb { width, height, pitch, bpp, depth, handle, ..asked }.to_bytes()))
    }

    /// GETFB2 (`drm_mode_getfb2_ioctl`).
    pub(super) fn get_fb2(&mut self, client: u64, asked: Fb2) -> Result<Reply, Errno> {
        let fb = self.framebuffer(asked.fb)?.clone();
        let handle = if self.master == Some(client) { self.client(client).give(fb.buffer.clone())? } else { 0 };
        let first = |number: u32| [number, 0, 0, 0];
        let Framebuffer { id, width, height, pitch, offset, .. } = *fb;
        let found = Fb2 {
            fb: id,
            width,
            height,
            format: fb.format.code(),
            flags: fb.flags | fb::MODIFIERS,
            handles: first(handle),
            pitches: first(pitch),
            offsets: first(offset),
            modifiers: [format::LINEAR; 4],
        };
        Ok(Reply::of(found.to_bytes()))
    }

    /// DIRTYFB (`drm_mode_dirtyfb_ioctl`): the screen reads the buffer itself, so there is nothing to do.
    pub(super) fn dirty_fb(&self, asked: Dirty, clips: Result<(), Errno>) -> Result<Reply, Errno> {
        self.framebuffer(asked.fb)?;
        let pairs = asked.flags & fb::DIRTY_ANNOTATE_COPY != 0;
        if (asked.count == 0) != (asked.clips == 0) || pairs && asked.count % 2 == 1 {
            return Err(Errno::INVAL);
        }
        clips.map(|()| Reply::default())
    }

    /// CREATEPROPBLOB (`drm_mode_createblob_ioctl`).
    pub(super) fn create_blob(&mut self, client: u64, mut asked: CreateBlob, data: Vec<u8>) -> Result<Reply, Errno> {
        let its = self.client(client);
        if its.blobs.len() >= MOST_OF_A_KIND || its.in_blobs + data.len() > MOST_IN_BLOBS {
            return Err(Errno::NOMEM);
        }
        its.in_blobs += data.len();
        asked.blob = self.new_id();
        self.blobs.insert(asked.blob, Arc::new(data));
        self.client(client).blobs.insert(asked.blob);
        Ok(Reply::of(asked.to_bytes()))
    }

    /// DESTROYPROPBLOB (`drm_mode_destroyblob_ioctl`).
    pub(super) fn destroy_blob(&mut self, client: u64, id: u32) -> Result<Reply, Errno> {
        let length = self.blobs.get(&id).ok_or(Errno::NOENT)?.len();
        let its = self.client(client);
        if !its.blobs.remove(&id) {
            return Err(Errno::PERM);
        }
        its.in_blobs -= length;
        self.drop_blob(id);
        Ok(Reply::default())
    }
}

/// The planes of a framebuffer: of our formats one.
fn check_planes(asked: &Fb2, format: Format) -> Result<(), Errno> {
    let line = u64::from(asked.width) * u64::from(format.bytes());
    if asked.handles[0] == 0 {
        return Err(Errno::INVAL);
    }
    if line > u32::MAX.into() {
        return Err(Errno::RANGE);
    }
    let end = u64::from(asked.height) * u64::from(asked.pitches[0]) + u64::from(asked.offsets[0]);
    if end > u32::MAX.into() {
        return Err(Errno::RANGE);
    }
    let with_modifiers = asked.flags & fb::MODIFIERS != 0;
    let others = |numbers: &[u32; 4]| numbers[1..].iter().any(|number| *number != 0);
    let more = with_modifiers && (others(&asked.handles) || others(&asked.pitches) || others(&asked.offsets));
    // Line by line is 0, so any other is one that is not known, or one that is not to be said.
    if u64::from(asked.pitches[0]) < line || asked.modifiers.iter().any(|it| *it != format::LINEAR) || more {
        return Err(Errno::INVAL);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn size(width: u32, height: u32, bpp: u32) -> Result<(u32, u64), Errno> {
        dumb_size(&CreateDumb { width, height, bpp, ..CreateDumb::default() })
    }

    #[test]
    fn dumb_buffers_are_whole_pages() {
        assert_eq!(size(1280, 800, 32), Ok((5120, 4_096_000)));
        assert_eq!(size(1, 1, 1), Ok((1, 4096)));
        for (width, height, bpp) in [(0, 1, 32), (1, 0, 32), (1, 1, 0), (u32::MAX, 1, 32), (1 << 16, 1 << 15, 32)] {
            assert_eq!(size(width, height, bpp), Err(Errno::INVAL), "{width}x{height}x{bpp}");
        }
        assert_eq!(size(1, 1, u32::MAX), Err(Errno::INVAL));
        assert_eq!(size(1 << 15, 1 << 14, 32), Err(Errno::NOMEM));
    }
}
