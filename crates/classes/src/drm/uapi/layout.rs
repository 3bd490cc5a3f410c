//! The structures that go over, as `drm/drm.h` and `drm/drm_mode.h` lay them out on a 64-bit machine.

/// A field of a structure.
pub trait Field: Sized {
    /// In bytes.
    const SIZE: usize;
    /// Takes it from its bytes, exactly as many.
    fn get(bytes: &[u8]) -> Self;
    /// Puts it there.
    fn put(&self, bytes: &mut [u8]);
}

macro_rules! number {
    ($($kind:ty),*) => { $(
        impl Field for $kind {
            const SIZE: usize = size_of::<$kind>();
            fn get(bytes: &[u8]) -> Self {
                Self::from_ne_bytes(std::array::from_fn(|index| bytes[index]))
            }
            fn put(&self, bytes: &mut [u8]) {
                bytes.copy_from_slice(&self.to_ne_bytes());
            }
        }
    )* };
}

number!(u8, u16, u32, i32, u64, i64);

impl<T: Field, const N: usize> Field for [T; N] {
    const SIZE: usize = N * T::SIZE;
    fn get(bytes: &[u8]) -> Self {
        std::array::from_fn(|index| T::get(&bytes[index * T::SIZE..(index + 1) * T::SIZE]))
    }
    fn put(&self, bytes: &mut [u8]) {
        self.iter().zip(bytes.chunks_exact_mut(T::SIZE)).for_each(|(field, place)| field.put(place));
    }
}

/// A structure, by the offsets of its fields in bytes.
macro_rules! layouts {
    ($($(#[$doc:meta])* $name:ident, $size:literal { $($offset:literal $field:ident: $kind:ty),* $(,)? })*) => { $(
        $(#[$doc])*
        #[expect(missing_docs, reason = "the fields have the names of the header")]
        #[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
        pub struct $name { $(pub $field: $kind),* }

        impl Field for $name {
            const SIZE: usize = $size;
            fn get(bytes: &[u8]) -> Self {
                $name { $($field: <$kind>::get(&bytes[$offset..$offset + <$kind>::SIZE])),* }
            }
            fn put(&self, bytes: &mut [u8]) {
                bytes.fill(0);
                $( self.$field.put(&mut bytes[$offset..$offset + <$kind>::SIZE]); )*
            }
        }

        impl $name {
            /// From the beginning of `bytes`; what is missing is zero.
            pub fn from_bytes(bytes: &[u8]) -> Self {
                let mut whole = [0; $size];
                let known = bytes.len().min($size);
                whole[..known].copy_from_slice(&bytes[..known]);
                Self::get(&whole)
            }

            /// As it goes over.
            pub fn to_bytes(&self) -> Vec<u8> {
                let mut bytes = vec![0; $size];
                self.put(&mut bytes);
                bytes
            }
        }

        $( const _: () = assert!($offset % 4 == 0 || <$kind>::SIZE < 4, "each field is where its alignment has it");
           const _: () = assert!($offset + <$kind>::SIZE <= $size, stringify!($name)); )*
    )* };
}

#[rustfmt::skip]
layouts! {
    /// `struct drm_version`
    Version, 64 { 0 major: i32, 4 minor: i32, 8 patchlevel: i32, 16 name_length: u64, 24 name: u64, 32 date_length: u64,
        40 date: u64, 48 description_length: u64, 56 description: u64 }
    /// `struct drm_unique`
    Unique, 16 { 0 length: u64, 8 unique: u64 }
    /// `struct drm_client`
    Client, 40 { 0 index: i32, 4 auth: i32, 8 pid: u64, 16 uid: u64, 24 magic: u64, 32 calls: u64 }
    /// `struct drm_set_version`
    SetVersion, 16 { 0 interface_major: i32, 4 interface_minor: i32, 8 driver_major: i32, 12 driver_minor: i32 }
    /// `struct drm_auth`, `struct drm_mode_destroy_dumb`, `struct drm_mode_destroy_blob` and its like: one number.
    One, 4 { 0 number: u32 }
    /// `struct drm_gem_close`, `struct drm_mode_closefb`: a number that is followed by what must be zero.
    Padded, 8 { 0 number: u32, 4 pad: u32 }
    /// `struct drm_gem_flink`
    Flink, 8 { 0 handle: u32, 4 name: u32 }
    /// `struct drm_gem_open`
    GemOpen, 16 { 0 name: u32, 4 handle: u32, 8 size: u64 }
    /// `struct drm_get_cap`, `struct drm_set_client_cap`
    Cap, 16 { 0 capability: u64, 8 value: u64 }
    /// `struct drm_prime_handle`
    Prime, 12 { 0 handle: u32, 4 flags: u32, 8 fd: i32 }
    /// `struct drm_wait_vblank_request`
    WaitVblank, 24 { 0 kind: u32, 4 sequence: u32, 8 signal: u64 }
    /// `struct drm_wait_vblank_reply`
    Vblanked, 24 { 0 kind: u32, 4 sequence: u32, 8 seconds: i64, 16 microseconds: i64 }
    /// `struct drm_crtc_get_sequence`
    GetSequence, 24 { 0 crtc: u32, 4 active: u32, 8 sequence: u64, 16 nanoseconds: i64 }
    /// `struct drm_crtc_queue_sequence`
    QueueSequence, 24 { 0 crtc: u32, 4 flags: u32, 8 sequence: u64, 16 user_data: u64 }
    /// `struct drm_mode_modeinfo`
    ModeInfo, 68 { 0 clock: u32, 4 hdisplay: u16, 6 hsync_start: u16, 8 hsync_end: u16, 10 htotal: u16, 12 hskew: u16,
        14 vdisplay: u16, 16 vsync_start: u16, 18 vsync_end: u16, 20 vtotal: u16, 22 vscan: u16, 24 vrefresh: u32,
        28 flags: u32, 32 kind: u32, 36 name: [u8; 32] }
    /// `struct drm_mode_card_res`
    CardResources, 64 { 0 framebuffers: u64, 8 crtcs: u64, 16 connectors: u64, 24 encoders: u64, 32 count_framebuffers: u32,
        36 count_crtcs: u32, 40 count_connectors: u32, 44 count_encoders: u32, 48 min_width: u32, 52 max_width: u32,
        56 min_height: u32, 60 max_height: u32 }
    /// `struct drm_mode_crtc`
    Crtc, 104 { 0 connectors: u64, 8 count_connectors: u32, 12 crtc: u32, 16 fb: u32, 20 x: u32, 24 y: u32,
        28 gamma_size: u32, 32 mode_valid: u32, 36 mode: ModeInfo }
    /// `struct drm_mode_cursor`, which is the beginning of `struct drm_mode_cursor2`
    Cursor, 36 { 0 flags: u32, 4 crtc: u32, 8 x: i32, 12 y: i32, 16 width: u32, 20 height: u32, 24 handle: u32,
        28 hot_x: i32, 32 hot_y: i32 }
    /// `struct drm_mode_crtc_lut`
    Lut, 32 { 0 crtc: u32, 4 size: u32, 8 red: u64, 16 green: u64, 24 blue: u64 }
    /// `struct drm_mode_get_encoder`
    Encoder, 20 { 0 encoder: u32, 4 kind: u32, 8 crtc: u32, 12 possible_crtcs: u32, 16 possible_clones: u32 }
    /// `struct drm_mode_get_connector`
    Connector, 80 { 0 encoders: u64, 8 modes: u64, 16 props: u64, 24 values: u64, 32 count_modes: u32, 36 count_props: u32,
        40 count_encoders: u32, 44 encoder: u32, 48 connector: u32, 52 kind: u32, 56 kind_number: u32, 60 connection: u32,
        64 mm_width: u32, 68 mm_height: u32, 72 subpixel: u32, 76 pad: u32 }
    /// `struct drm_mode_get_property`
    Property, 64 { 0 values: u64, 8 enums: u64, 16 property: u32, 20 flags: u32, 24 name: [u8; 32], 56 count_values: u32,
        60 count_enums: u32 }
    /// `struct drm_mode_connector_set_property`
    SetConnector, 16 { 0 value: u64, 8 property: u32, 12 connector: u32 }
    /// `struct drm_mode_get_blob`
    GetBlob, 16 { 0 blob: u32, 4 length: u32, 8 data: u64 }
    /// `struct drm_mode_fb_cmd`
    Fb, 28 { 0 fb: u32, 4 width: u32, 8 height: u32, 12 pitch: u32, 16 bpp: u32, 20 depth: u32, 24 handle: u32 }
    /// `struct drm_mode_fb_cmd2`
    Fb2, 104 { 0 fb: u32, 4 width: u32, 8 height: u32, 12 format: u32, 16 flags: u32, 20 handles: [u32; 4],
        36 pitches: [u32; 4], 52 offsets: [u32; 4], 72 modifiers: [u64; 4] }
    /// `struct drm_mode_crtc_page_flip`
    PageFlip, 24 { 0 crtc: u32, 4 fb: u32, 8 flags: u32, 12 reserved: u32, 16 user_data: u64 }
    /// `struct drm_mode_fb_dirty_cmd`
    Dirty, 24 { 0 fb: u32, 4 flags: u32, 8 color: u32, 12 count: u32, 16 clips: u64 }
    /// `struct drm_mode_create_dumb`
    CreateDumb, 32 { 0 height: u32, 4 width: u32, 8 bpp: u32, 12 flags: u32, 16 handle: u32, 20 pitch: u32, 24 size: u64 }
    /// `struct drm_mode_map_dumb`
    MapDumb, 16 { 0 handle: u32, 4 pad: u32, 8 offset: u64 }
    /// `struct drm_mode_get_plane_res`
    PlaneResources, 16 { 0 planes: u64, 8 count: u32 }
    /// `struct drm_mode_get_plane`
    GetPlane, 32 { 0 plane: u32, 4 crtc: u32, 8 fb: u32, 12 possible_crtcs: u32, 16 gamma_size: u32, 20 count_formats: u32,
        24 formats: u64 }
    /// `struct drm_mode_set_plane`
    SetPlane, 48 { 0 plane: u32, 4 crtc: u32, 8 fb: u32, 12 flags: u32, 16 crtc_x: i32, 20 crtc_y: i32, 24 crtc_w: u32,
        28 crtc_h: u32, 32 src_x: u32, 36 src_y: u32, 40 src_h: u32, 44 src_w: u32 }
    /// `struct drm_mode_obj_get_properties`
    GetProperties, 32 { 0 props: u64, 8 values: u64, 16 count: u32, 20 object: u32, 24 kind: u32 }
    /// `struct drm_mode_obj_set_property`
    SetProperty, 24 { 0 value: u64, 8 property: u32, 12 object: u32, 16 kind: u32 }
    /// `struct drm_mode_atomic`
    Atomic, 56 { 0 flags: u32, 4 count: u32, 8 objects: u64, 16 counts: u64, 24 props: u64, 32 values: u64, 40 reserved: u64,
        48 user_data: u64 }
    /// `struct drm_mode_create_blob`
    CreateBlob, 16 { 0 data: u64, 8 length: u32, 12 blob: u32 }
    /// `struct drm_mode_list_lessees`
    Lessees, 16 { 0 count: u32, 4 pad: u32, 8 lessees: u64 }
    /// `struct drm_event_vblank`
    VblankEvent, 32 { 0 kind: u32, 4 length: u32, 8 user_data: u64, 16 seconds: u32, 20 microseconds: u32, 24 sequence: u32,
        28 crtc: u32 }
    /// `struct drm_event_crtc_sequence`
    SequenceEvent, 32 { 0 kind: u32, 4 length: u32, 8 user_data: u64, 16 nanoseconds: i64, 24 sequence: u64 }
    /// `struct drm_mode_property_enum`
    PropertyEnum, 40 { 0 value: u64, 8 name: [u8; 32] }
}

/// A name in its place, cut so that it ends with a zero.
pub fn name(text: &str) -> [u8; 32] {
    let mut bytes = [0; 32];
    let length = text.len().min(31);
    bytes[..length].copy_from_slice(&text.as_bytes()[..length]);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::drm::uapi::ioctl::{self, Ioctl};

    #[test]
    fn the_structures_are_as_long_as_their_ioctls_say() {
        let pairs = [
            (ioctl::VERSION, Version::SIZE),
            (ioctl::WAIT_VBLANK, WaitVblank::SIZE),
            (ioctl::WAIT_VBLANK, Vblanked::SIZE),
            (ioctl::MODE_GETCRTC, Crtc::SIZE),
            (ioctl::MODE_CURSOR2, Cursor::SIZE),
            (ioctl::MODE_GETCONNECTOR, Connector::SIZE),
            (ioctl::MODE_GETPROPERTY, Property::SIZE),
            (ioctl::MODE_ADDFB2, Fb2::SIZE),
            (ioctl::MODE_ATOMIC, Atomic::SIZE),
            (ioctl::MODE_SETPLANE, SetPlane::SIZE),
            (ioctl::MODE_GETPLANE, GetPlane::SIZE),
            (ioctl::MODE_OBJ_SETPROPERTY, SetProperty::SIZE),
        ];
        for (command, size) in pairs {
            assert_eq!(Ioctl::of(command).unwrap().size(), size, "{command:#x}");
        }
    }

    #[test]
    fn what_is_put_is_got_and_what_is_missing_is_zero() {
        let fb = Fb2 { fb: 1, width: 2, format: 3, handles: [4, 5, 6, 7], modifiers: [8, 9, 10, 11], ..Fb2::default() };
        let bytes = fb.to_bytes();
        assert_eq!(bytes[72..80], 8u64.to_ne_bytes());
        assert_eq!(Fb2::from_bytes(&bytes), fb);
        assert_eq!(Fb2::from_bytes(&bytes[..16]), Fb2 { handles: [0; 4], modifiers: [0; 4], ..fb });
        assert_eq!(ModeInfo { name: name("1280x800"), ..ModeInfo::default() }.to_bytes()[36..45], *b"1280x800\0");
    }
}
