//! Memory that clients draw into, and what makes a picture of it.

use super::Format;
use crate::SharedMemory;
use std::sync::{Arc, OnceLock};

/// A buffer object (`struct drm_gem_object`): memory in the lifetime of the handles that clients have of it.
#[derive(Debug)]
pub struct Buffer {
    /// The memory itself.
    pub memory: Arc<dyn SharedMemory>,
    /// It came from elsewhere, by PRIME_FD_TO_HANDLE.
    pub(super) imported: bool,
    /// What its clients map it by, once one has asked.
    pub(super) offset: OnceLock<u64>,
}

impl Buffer {
    pub(super) fn new(memory: Arc<dyn SharedMemory>, imported: bool) -> Self {
        Buffer { memory, imported, offset: OnceLock::new() }
    }

    /// In bytes.
    pub(super) fn size(&self) -> u64 {
        self.memory.size()
    }
}

/// A picture in a buffer (`struct drm_framebuffer`). Two are the same if they have the same id, of which there is one at a
/// time.
#[derive(Clone, Debug)]
pub struct Framebuffer {
    /// Its id among the card's objects.
    pub id: u32,
    /// In pixels.
    pub width: u32,
    /// In pixels.
    pub height: u32,
    /// Of its pixels.
    pub format: Format,
    /// From one line to the next, in bytes.
    pub pitch: u32,
    /// Where it begins in its buffer, in bytes.
    pub offset: u32,
    /// Where it is.
    pub buffer: Arc<Buffer>,
    /// `DRM_MODE_FB_*`, as it was made.
    pub(super) flags: u32,
}

impl PartialEq for Framebuffer {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
    }
}

impl Framebuffer {
    /// How much of its buffer it takes, in bytes (`drm_gem_fb_init_with_funcs`).
    pub(super) fn extent(&self) -> u64 {
        let (pitch, line) = (u64::from(self.pitch), u64::from(self.width) * u64::from(self.format.bytes()));
        u64::from(self.height.saturating_sub(1)) * pitch + line + u64::from(self.offset)
    }
}
