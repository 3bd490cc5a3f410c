//! The formats of pixels: `drm/drm_fourcc.h`.

/// Four characters as `fourcc_code` of `drm/drm_fourcc.h` packs them.
const fn fourcc(text: &[u8; 4]) -> u32 {
    u32::from_le_bytes(*text)
}

/// A format of one plane, in the machine's byte order.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Format {
    /// `DRM_FORMAT_XRGB8888`
    Xrgb8888,
    /// `DRM_FORMAT_ARGB8888`, whose colours are multiplied by its alpha already (the default of "pixel blend mode").
    Argb8888,
    /// `DRM_FORMAT_XRGB2101010`
    Xrgb2101010,
    /// `DRM_FORMAT_RGB565`
    Rgb565,
}

impl Format {
    /// All of them.
    pub const ALL: [Format; 4] = [Format::Xrgb8888, Format::Argb8888, Format::Xrgb2101010, Format::Rgb565];
    /// What a cursor can be.
    pub const CURSOR: [Format; 1] = [Format::Argb8888];

    /// Its code.
    pub const fn code(self) -> u32 {
        match self {
            Format::Xrgb8888 => fourcc(b"XR24"),
            Format::Argb8888 => fourcc(b"AR24"),
            Format::Xrgb2101010 => fourcc(b"XR30"),
            Format::Rgb565 => fourcc(b"RG16"),
        }
    }

    /// The one with that code.
    pub fn coded(code: u32) -> Option<Self> {
        Format::ALL.into_iter().find(|format| format.code() == code)
    }

    /// The one that ADDFB means (`drm_mode_legacy_fb_format`).
    pub fn legacy(bpp: u32, depth: u32) -> Option<Self> {
        Format::ALL.into_iter().find(|format| (format.bits(), format.depth()) == (bpp, depth))
    }

    /// Bits a pixel.
    pub const fn bits(self) -> u32 {
        match self {
            Format::Rgb565 => 16,
            Format::Xrgb8888 | Format::Argb8888 | Format::Xrgb2101010 => 32,
        }
    }

    /// Bits of them that say a colour, or how much of it: what ADDFB and GETFB call depth.
    pub const fn depth(self) -> u32 {
        match self {
            Format::Rgb565 => 16,
            Format::Xrgb8888 => 24,
            Format::Xrgb2101010 => 30,
            Format::Argb8888 => 32,
        }
    }

    /// Bytes a pixel.
    pub const fn bytes(self) -> u32 {
        self.bits() / 8
    }
}

/// `DRM_FORMAT_MOD_LINEAR`: line by line, the only one that there is.
pub(super) const LINEAR: u64 = 0;

/// The blob of the property IN_FORMATS (`struct drm_format_modifier_blob`): each of these formats, line by line.
pub(super) fn in_formats(formats: &[Format]) -> Vec<u8> {
    const HEADER: u32 = 24;
    let count = formats.len() as u32;
    // The list of modifiers is aligned to 8 bytes.
    let modifiers = (HEADER + 4 * count).next_multiple_of(8);
    let mut blob: Vec<u8> =
        [1, 0, count, HEADER, 1, modifiers].iter().flat_map(|word: &u32| word.to_ne_bytes()).collect();
    blob.extend(formats.iter().flat_map(|format| format.code().to_ne_bytes()));
    blob.resize(modifiers as usize, 0);
    // struct drm_format_modifier: a bit for each format, the first of them, padding, the modifier.
    blob.extend(((1u64 << count) - 1).to_ne_bytes());
    blob.extend([0; 8]);
    blob.extend(LINEAR.to_ne_bytes());
    blob
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_those_of_the_header() {
        assert_eq!(Format::Xrgb8888.code(), 0x3432_5258);
        assert_eq!(Format::Argb8888.code(), 0x3432_5241);
        assert_eq!(Format::coded(0x3631_4752), Some(Format::Rgb565));
        assert_eq!(Format::coded(0x3231_564e), None, "NV12");
        assert_eq!(Format::legacy(32, 24), Some(Format::Xrgb8888));
        assert_eq!(Format::legacy(32, 32), Some(Format::Argb8888));
        assert_eq!(Format::legacy(16, 16), Some(Format::Rgb565));
        assert_eq!(Format::legacy(32, 8), None);
    }

    #[test]
    fn the_blob_names_each_format_once() {
        let blob = in_formats(&Format::ALL);
        assert_eq!(blob.len(), 24 + 16 + 24);
        let word = |at: usize| u32::from_ne_bytes(blob[at..at + 4].try_into().unwrap());
        assert_eq!((word(0), word(8), word(12), word(16), word(20)), (1, 4, 24, 1, 40));
        assert_eq!(word(24), Format::Xrgb8888.code());
        assert_eq!(word(40), 0b1111);
        assert_eq!(in_formats(&Format::CURSOR).len(), 24 + 8 + 24);
    }
}
