//! Numbers and layouts of `drm/drm.h`, `drm/drm_mode.h` and `drm/drm_fourcc.h`, as on a 64-bit machine, and those of
//! `drivers/gpu/drm` that programs meet.

pub mod ioctl;
pub mod layout;

/// The major number (`DRM_MAJOR` of `drm/drm_file.h`).
pub const MAJOR: u32 = 226;
/// How many cards there are: primary nodes have the minor numbers below 64 (`drm_minor_alloc` of `drm_drv.c`; that newer
/// kernels go on above 255 is left out).
pub const MAX_DEVICES: u32 = 64;
/// What the events that one file has not read may take, those to come included, in bytes (`drm_file_alloc`).
pub const EVENT_SPACE: usize = 4096;
/// The version of the interface that SET_VERSION speaks: `DRM_IF_MAJOR` and `DRM_IF_MINOR`.
pub const INTERFACE: (i32, i32) = (1, 4);
/// The length of names: `DRM_PROP_NAME_LEN`, `DRM_DISPLAY_MODE_LEN`.
pub const NAME_LENGTH: usize = 32;
/// The most rectangles of DIRTYFB: `DRM_MODE_FB_DIRTY_MAX_CLIPS`.
pub const MOST_CLIPS: u32 = 256;
/// The entries of a CRTC's gamma table, for each colour.
pub const GAMMA_SIZE: u32 = 256;
/// What SETCRTC's `fb_id` says to keep the framebuffer: -1.
pub const SAME_FRAMEBUFFER: u32 = u32::MAX;

/// Capabilities: `DRM_CAP_*`.
#[expect(missing_docs, reason = "the names of drm/drm.h without their DRM_CAP_")]
#[rustfmt::skip]
pub mod cap {
    pub const DUMB_BUFFER:             u64 = 0x01;
    pub const VBLANK_HIGH_CRTC:        u64 = 0x02;
    pub const DUMB_PREFERRED_DEPTH:    u64 = 0x03;
    pub const DUMB_PREFER_SHADOW:      u64 = 0x04;
    pub const PRIME:                   u64 = 0x05;
    pub const TIMESTAMP_MONOTONIC:     u64 = 0x06;
    pub const ASYNC_PAGE_FLIP:         u64 = 0x07;
    pub const CURSOR_WIDTH:            u64 = 0x08;
    pub const CURSOR_HEIGHT:           u64 = 0x09;
    pub const ADDFB2_MODIFIERS:        u64 = 0x10;
    pub const PAGE_FLIP_TARGET:        u64 = 0x11;
    pub const CRTC_IN_VBLANK_EVENT:    u64 = 0x12;
    pub const SYNCOBJ:                 u64 = 0x13;
    pub const SYNCOBJ_TIMELINE:        u64 = 0x14;
    pub const ATOMIC_ASYNC_PAGE_FLIP:  u64 = 0x15;
    /// `DRM_PRIME_CAP_IMPORT` and `DRM_PRIME_CAP_EXPORT`
    pub const PRIME_BOTH:              u64 = 3;
}

/// What a client says it can: `DRM_CLIENT_CAP_*`.
#[expect(missing_docs, reason = "the names of drm/drm.h without their DRM_CLIENT_CAP_")]
#[rustfmt::skip]
pub mod client_cap {
    pub const STEREO_3D:             u64 = 1;
    pub const UNIVERSAL_PLANES:      u64 = 2;
    pub const ATOMIC:                u64 = 3;
    pub const ASPECT_RATIO:          u64 = 4;
    pub const WRITEBACK_CONNECTORS:  u64 = 5;
    pub const CURSOR_PLANE_HOTSPOT:  u64 = 6;
}

/// Kinds of mode objects: `DRM_MODE_OBJECT_*`.
#[expect(missing_docs, reason = "the names of drm/drm_mode.h without their DRM_MODE_OBJECT_")]
#[rustfmt::skip]
pub mod object {
    pub const ANY:        u32 = 0;
    pub const CRTC:       u32 = 0xcccc_cccc;
    pub const CONNECTOR:  u32 = 0xc0c0_c0c0;
    pub const ENCODER:    u32 = 0xe0e0_e0e0;
    pub const PROPERTY:   u32 = 0xb0b0_b0b0;
    pub const FB:         u32 = 0xfbfb_fbfb;
    pub const BLOB:       u32 = 0xbbbb_bbbb;
    pub const PLANE:      u32 = 0xeeee_eeee;
}

/// Kinds of properties: `DRM_MODE_PROP_*`.
#[expect(missing_docs, reason = "the names of drm/drm_mode.h without their DRM_MODE_PROP_")]
#[rustfmt::skip]
pub mod prop {
    pub const RANGE:         u32 = 1 << 1;
    pub const IMMUTABLE:     u32 = 1 << 2;
    pub const ENUM:          u32 = 1 << 3;
    pub const BLOB:          u32 = 1 << 4;
    pub const OBJECT:        u32 = 1 << 6;
    pub const SIGNED_RANGE:  u32 = 2 << 6;
    pub const ATOMIC:        u32 = 0x8000_0000;
}

/// What PAGE_FLIP and ATOMIC can be told: `DRM_MODE_PAGE_FLIP_*` and `DRM_MODE_ATOMIC_*`.
#[expect(missing_docs, reason = "the names of drm/drm_mode.h without their prefixes")]
#[rustfmt::skip]
pub mod flip {
    pub const EVENT:          u32 = 0x01;
    pub const ASYNC:          u32 = 0x02;
    pub const TARGET:         u32 = 0x0c;
    pub const TEST_ONLY:      u32 = 0x0100;
    pub const NONBLOCK:       u32 = 0x0200;
    pub const ALLOW_MODESET:  u32 = 0x0400;
}

/// What WAIT_VBLANK and CRTC_QUEUE_SEQUENCE can be told: `_DRM_VBLANK_*` and `DRM_CRTC_SEQUENCE_*`.
#[expect(missing_docs, reason = "the names of drm/drm.h without their prefixes")]
#[rustfmt::skip]
pub mod vblank {
    pub const RELATIVE:         u32 = 0x0000_0001;
    pub const HIGH_CRTC:        u32 = 0x0000_003e;
    pub const HIGH_CRTC_SHIFT:  u32 = 1;
    pub const EVENT:            u32 = 0x0400_0000;
    pub const FLIP:             u32 = 0x0800_0000;
    pub const NEXTONMISS:       u32 = 0x1000_0000;
    pub const SECONDARY:        u32 = 0x2000_0000;
    pub const SIGNAL:           u32 = 0x4000_0000;
    pub const KNOWN:            u32 = RELATIVE | HIGH_CRTC | EVENT | NEXTONMISS | SECONDARY | SIGNAL;
    pub const SEQUENCE_RELATIVE:      u32 = 1;
    pub const SEQUENCE_NEXT_ON_MISS:  u32 = 2;
}

/// Events that are read: `DRM_EVENT_*`, each of 32 bytes.
#[expect(missing_docs, reason = "the names of drm/drm.h without their DRM_EVENT_")]
#[rustfmt::skip]
pub mod event {
    pub const VBLANK:         u32 = 1;
    pub const FLIP_COMPLETE:  u32 = 2;
    pub const CRTC_SEQUENCE:  u32 = 3;
    /// `sizeof(struct drm_event_vblank)`, and that of `struct drm_event_crtc_sequence`
    pub const SIZE: usize = 32;
}

/// What a mode can be: `DRM_MODE_FLAG_*`, `DRM_MODE_TYPE_*`.
#[expect(missing_docs, reason = "the names of drm/drm_mode.h without their DRM_MODE_")]
#[rustfmt::skip]
pub mod mode {
    pub const FLAG_PHSYNC:     u32 = 1 << 0;
    pub const FLAG_NHSYNC:     u32 = 1 << 1;
    pub const FLAG_PVSYNC:     u32 = 1 << 2;
    pub const FLAG_NVSYNC:     u32 = 1 << 3;
    pub const FLAG_INTERLACE:  u32 = 1 << 4;
    pub const FLAG_DBLSCAN:    u32 = 1 << 5;
    /// `DRM_MODE_FLAG_3D_MASK`, and the highest that it can say: `DRM_MODE_FLAG_3D_MAX`
    pub const FLAG_3D:         u32 = 0x1f << 14;
    pub const FLAG_3D_MAX:     u32 = 8 << 14;
    /// `DRM_MODE_FLAG_ALL`: down to DBLSCAN and the rest of the first 14, 3D, and the picture's aspect ratio.
    pub const FLAG_ALL:        u32 = 0x3fff | FLAG_3D | 0xf << 19;
    pub const FLAG_ASPECT:     u32 = 0xf << 19;
    pub const TYPE_PREFERRED:  u32 = 1 << 3;
    pub const TYPE_DRIVER:     u32 = 1 << 6;
    /// `DRM_MODE_TYPE_ALL`
    pub const TYPE_ALL:        u32 = 0x7f;
}

/// Whether something hangs on a connector (`enum drm_connector_status`), and what kind connector and encoder are of.
#[expect(missing_docs, reason = "the names of drm/drm_mode.h and drm/drm_connector.h")]
#[rustfmt::skip]
pub mod connector {
    pub const CONNECTED:        u32 = 1;
    pub const DISCONNECTED:     u32 = 2;
    pub const SUBPIXEL_UNKNOWN: u32 = 0;
    pub const VIRTUAL:          u32 = 15;
    pub const ENCODER_VIRTUAL:  u32 = 5;
    pub const DPMS_ON:          u64 = 0;
    pub const DPMS_OFF:         u64 = 3;
}

/// What a plane is for: `enum drm_plane_type`.
#[expect(missing_docs, reason = "the names of drm/drm_plane.h without their DRM_PLANE_TYPE_")]
#[rustfmt::skip]
pub mod plane {
    pub const PRIMARY:  u64 = 1;
    pub const CURSOR:   u64 = 2;
}

/// What CURSOR and CURSOR2 can be told: `DRM_MODE_CURSOR_*`.
#[expect(missing_docs, reason = "the names of drm/drm_mode.h without their DRM_MODE_CURSOR_")]
#[rustfmt::skip]
pub mod cursor {
    pub const BO:    u32 = 1;
    pub const MOVE:  u32 = 2;
}

/// Framebuffers: `DRM_MODE_FB_*`.
#[expect(missing_docs, reason = "the names of drm/drm_mode.h without their DRM_MODE_FB_")]
#[rustfmt::skip]
pub mod fb {
    pub const INTERLACED:           u32 = 1;
    pub const MODIFIERS:            u32 = 2;
    pub const DIRTY_ANNOTATE_COPY:  u32 = 1;
}
