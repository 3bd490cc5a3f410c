//! What hangs on a connector, and the EDID by which it says so (VESA E-EDID, release A, revision 2: version 1.4).

use super::Mode;

/// A display at the end of a cable.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Monitor {
    /// What it is called: at most 13 characters of its name are in its EDID.
    pub name: String,
    /// What it can show; the first is the one that it is made for.
    pub modes: Vec<Mode>,
    /// How large its picture is, in millimetres.
    pub size: (u32, u32),
    /// Its EDID, in blocks of 128 bytes.
    pub edid: Vec<u8>,
}

/// What any display of ours can show, besides what it is made for.
const OTHERS: [(u16, u16); 6] = [(1920, 1080), (1280, 1024), (1280, 720), (1024, 768), (800, 600), (640, 480)];
/// How many pixels there are on 100 millimetres: 96 an inch.
const DENSITY: u32 = 378;

impl Monitor {
    /// One that is made for `mode`, the `number`th of its kind, and shows smaller pictures as well.
    pub fn new(mode: Mode, number: u32) -> Self {
        let smaller = OTHERS.into_iter().filter(|(width, height)| {
            (u32::from(*width), u32::from(*height)) != (mode.width(), mode.height())
                && u32::from(*width) <= mode.width()
                && u32::from(*height) <= mode.height()
        });
        let others = smaller.filter_map(|(width, height)| Mode::new(width, height, 60));
        let modes = [mode.preferred()].into_iter().chain(others).collect();
        let millimetres = |pixels: u32| (pixels * 100).div_ceil(DENSITY);
        let size = (millimetres(mode.width()), millimetres(mode.height()));
        let name = format!("Outlive {number}");
        let edid = edid(&mode, size, &name, number);
        Monitor { name, modes, size, edid }
    }
}

/// The three letters of the maker, five bits each.
const MAKER: [u8; 3] = *b"OUT";
/// The chromaticity of sRGB, as section 3.7 packs it.
const SRGB: [u8; 10] = [0xee, 0x91, 0xa3, 0x54, 0x4c, 0x99, 0x26, 0x0f, 0x50, 0x54];

fn edid(mode: &Mode, size: (u32, u32), name: &str, number: u32) -> Vec<u8> {
    let mut block = vec![0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0];
    let letter = |at: usize| u16::from(MAKER[at] - b'@');
    block.extend((letter(0) << 10 | letter(1) << 5 | letter(2)).to_be_bytes());
    block.extend(1u16.to_le_bytes());
    block.extend(number.to_le_bytes());
    // Made in no known week of 2026, by version 1.4; digital, 8 bits a colour.
    block.extend([0, 36, 1, 4, 0xa0]);
    let centimetres = |millimetres: u32| (millimetres.div_ceil(10)).min(255) as u8;
    // Gamma 2.2; sRGB, and the first timing is the one it is made for.
    block.extend([centimetres(size.0), centimetres(size.1), 120, 0x06]);
    block.extend(SRGB);
    // No established timings, no standard ones.
    block.extend([0; 3]);
    block.extend([1; 16]);
    block.extend(timing(mode, size));
    block.extend(text(0xfc, name));
    block.extend(text(0xff, &number.to_string()));
    block.extend(text(0xfe, "virtual"));
    block.push(0);
    let sum = block.iter().fold(0u8, |sum, byte| sum.wrapping_add(*byte));
    block.push(sum.wrapping_neg());
    block
}

/// A detailed timing descriptor: section 3.10.2.
fn timing(mode: &Mode, size: (u32, u32)) -> [u8; 18] {
    let info = mode.info();
    let halves = |number: u16| ((number & 0xff) as u8, (number >> 8) as u8);
    let (width, width_high) = halves(info.hdisplay);
    let (blank, blank_high) = halves(info.htotal - info.hdisplay);
    let (height, height_high) = halves(info.vdisplay);
    let (lines, lines_high) = halves(info.vtotal - info.vdisplay);
    let (front, sync) = (info.hsync_start - info.hdisplay, info.hsync_end - info.hsync_start);
    let (above, vsync) = (info.vsync_start - info.vdisplay, info.vsync_end - info.vsync_start);
    let clock = ((info.clock / 10).min(u32::from(u16::MAX)) as u16).to_le_bytes();
    let (across, across_high) = halves(size.0.min(4095) as u16);
    let (down, down_high) = halves(size.1.min(4095) as u16);
    [
        clock[0],
        clock[1],
        width,
        blank,
        width_high << 4 | blank_high,
        height,
        lines,
        height_high << 4 | lines_high,
        front as u8,
        sync as u8,
        ((above & 0xf) << 4 | (vsync & 0xf)) as u8,
        ((front >> 8) << 6 | (sync >> 8) << 4 | (above >> 4) << 2 | (vsync >> 4)) as u8,
        across,
        down,
        across_high << 4 | down_high,
        0,
        0,
        // Digital, with separate signals; the horizontal one is positive.
        0x1a,
    ]
}

/// A descriptor that is text: section 3.10.3.
fn text(tag: u8, text: &str) -> [u8; 18] {
    let mut descriptor = [b' '; 18];
    descriptor[..5].copy_from_slice(&[0, 0, 0, tag, 0]);
    let length = text.len().min(13);
    descriptor[5..5 + length].copy_from_slice(&text.as_bytes()[..length]);
    if length < 13 {
        descriptor[5 + length] = b'\n';
    }
    descriptor
}

#[cfg(test)]
mod tests {
    use super::*;

    fn monitor(width: u16, height: u16) -> Monitor {
        Monitor::new(Mode::new(width, height, 60).unwrap(), 7)
    }

    #[test]
    fn the_edid_is_whole() {
        let edid = monitor(1280, 800).edid;
        assert_eq!(edid.len(), 128);
        assert_eq!(edid.iter().fold(0u8, |sum, byte| sum.wrapping_add(*byte)), 0, "the checksum");
        assert_eq!(edid[..8], [0, 255, 255, 255, 255, 255, 255, 0]);
        assert_eq!(edid[8..10], [0x3e, 0xb4], "O U T");
        assert_eq!(edid[18..20], [1, 4]);
        let first = &edid[54..72];
        assert_eq!(u16::from(first[2]) | u16::from(first[4] >> 4) << 8, 1280);
        assert_eq!(u16::from(first[5]) | u16::from(first[7] >> 4) << 8, 800);
        assert_eq!(&edid[72..86], b"\0\0\0\xfc\0Outlive 7");
    }

    /// The timing that the EDID says is the mode itself, so that a client that reads either sets the same.
    #[test]
    fn the_edid_says_the_mode_that_it_is_made_for() {
        let monitor = monitor(1920, 1080);
        let (mode, first) = (monitor.modes[0].info(), &monitor.edid[54..72]);
        assert_eq!(u32::from(u16::from_le_bytes([first[0], first[1]])) * 10, mode.clock);
        let blank = u16::from(first[3]) | u16::from(first[4] & 0xf) << 8;
        assert_eq!(mode.hdisplay + blank, mode.htotal);
        let lines = u16::from(first[6]) | u16::from(first[7] & 0xf) << 8;
        assert_eq!(mode.vdisplay + lines, mode.vtotal);
    }

    #[test]
    fn a_display_shows_what_is_smaller_as_well() {
        let names = |monitor: &Monitor| monitor.modes.iter().map(Mode::name).collect::<Vec<_>>();
        assert_eq!(names(&monitor(1024, 768)), ["1024x768", "800x600", "640x480"]);
        assert_eq!(names(&monitor(100, 100)), ["100x100"]);
    }
}
