//! Display modes: how a picture goes over the cable, line by line.

use super::uapi::{
    layout::{self, ModeInfo},
    mode,
};
use crate::Errno;
use std::time::Duration;

/// A mode, as `struct drm_mode_modeinfo` says it. One that a client made is checked first, as in
/// `drm_mode_convert_umode` and `drm_mode_validate_basic`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Mode(ModeInfo);

/// Blanking of a picture as VESA's CVT has it with reduced blanking, in pixels and lines.
const FRONT: (u16, u16) = (48, 3);
const SYNC: (u16, u16) = (32, 5);
const BLANK_WIDTH: u16 = 160;
/// How long the vertical blanking is at least.
const BLANK_MICROSECONDS: u64 = 460;
/// The widest and the highest mode: what a timing of an EDID can say has 12 bits.
pub const LARGEST: u16 = 4095;

impl Mode {
    /// One of that many pixels and so many pictures a second; `None` if there is no such: 1 to [`LARGEST`] each way, 1 to 240
    /// a second.
    pub fn new(width: u16, height: u16, hertz: u16) -> Option<Self> {
        let fits = |size: u16| (1..=LARGEST).contains(&size);
        if !fits(width) || !fits(height) || !(1..=240).contains(&hertz) {
            return None;
        }
        let htotal = width + BLANK_WIDTH;
        // Of all lines of a second so many pass while nothing is shown.
        let blank = (u64::from(height) * BLANK_MICROSECONDS * u64::from(hertz))
            .div_ceil(1_000_000 - BLANK_MICROSECONDS * u64::from(hertz)) as u16;
        let vtotal = height + blank.max(FRONT.1 + SYNC.1 + 6);
        let clock = (u64::from(htotal) * u64::from(vtotal) * u64::from(hertz)).div_ceil(1000) as u32;
        let text = format!("{width}x{height}");
        Some(Mode(ModeInfo {
            // An EDID says it in steps of 10 kHz.
            clock: clock.next_multiple_of(10),
            hdisplay: width,
            hsync_start: width + FRONT.0,
            hsync_end: width + FRONT.0 + SYNC.0,
            htotal,
            vdisplay: height,
            vsync_start: height + FRONT.1,
            vsync_end: height + FRONT.1 + SYNC.1,
            vtotal,
            vrefresh: u32::from(hertz),
            flags: mode::FLAG_PHSYNC | mode::FLAG_NVSYNC,
            kind: mode::TYPE_DRIVER,
            name: layout::name(&text),
            ..ModeInfo::default()
        }))
    }

    /// The same, as the one that its display is made for.
    #[must_use]
    pub fn preferred(mut self) -> Self {
        self.0.kind |= mode::TYPE_PREFERRED;
        self
    }

    /// One that a client asks for (`drm_mode_convert_umode`, `drm_mode_validate_basic`).
    ///
    /// # Errors
    /// ERANGE of numbers that are none, EINVAL of a mode that cannot be.
    pub(super) fn checked(mut info: ModeInfo) -> Result<Self, Errno> {
        // Old programs leave the kind as they found it. The name has an end.
        info.kind &= mode::TYPE_ALL;
        let end = info.name.iter().position(|byte| *byte == 0).unwrap_or(info.name.len() - 1);
        info.name[end..].fill(0);
        if info.clock > i32::MAX as u32 || info.vrefresh > i32::MAX as u32 {
            return Err(Errno::RANGE);
        }
        let known = info.flags & !mode::FLAG_ALL == 0 && info.flags & mode::FLAG_3D <= mode::FLAG_3D_MAX;
        let goes_on = |display: u16, start: u16, end: u16, total: u16| {
            display > 0 && start >= display && end >= start && total >= end
        };
        let horizontal = goes_on(info.hdisplay, info.hsync_start, info.hsync_end, info.htotal);
        let vertical = goes_on(info.vdisplay, info.vsync_start, info.vsync_end, info.vtotal);
        if !known || info.clock == 0 || !horizontal || !vertical {
            return Err(Errno::INVAL);
        }
        Ok(Mode(info))
    }

    /// As it goes over.
    pub fn info(&self) -> ModeInfo {
        self.0
    }

    /// How wide the picture is, in pixels.
    pub fn width(&self) -> u32 {
        self.0.hdisplay.into()
    }

    /// How high.
    pub fn height(&self) -> u32 {
        self.0.vdisplay.into()
    }

    /// `1280x800`
    pub fn name(&self) -> String {
        let end = self.0.name.iter().position(|byte| *byte == 0).unwrap_or(self.0.name.len());
        String::from_utf8_lossy(&self.0.name[..end]).into_owned()
    }

    /// The clock's ticks from one vertical blanking to the next, twice (`drm_mode_set_crtcinfo`): half of the lines are
    /// sent if they are interlaced, and each as often as it is to be scanned.
    fn twice_the_ticks(&self) -> u64 {
        let has = |flag: u32| u64::from(self.0.flags & flag != 0);
        let lines = u64::from(self.0.vtotal) * (1 + has(mode::FLAG_DBLSCAN)) * u64::from(self.0.vscan.max(1));
        u64::from(self.0.htotal) * lines * (2 - has(mode::FLAG_INTERLACE))
    }

    /// From one vertical blanking to the next (`drm_calc_timestamping_constants`). At least 100 microseconds, whatever a
    /// client thinks of.
    pub fn period(&self) -> Duration {
        let nanoseconds = u128::from(self.twice_the_ticks()) * 500_000 / u128::from(self.0.clock.max(1));
        Duration::from_nanos(u64::try_from(nanoseconds).unwrap_or(u64::MAX).max(100_000))
    }

    /// How many pictures, or halves of interlaced ones, there are in a second (`drm_mode_vrefresh`), to the nearest.
    pub fn hertz(&self) -> u64 {
        let ticks = self.twice_the_ticks().max(1);
        (u64::from(self.0.clock) * 2000 + ticks / 2) / ticks
    }

    /// Whether both are the same timing, whatever they are called.
    pub(super) fn is_like(&self, other: &Mode) -> bool {
        let bare = |mode: &Mode| ModeInfo { kind: 0, name: [0; 32], vrefresh: 0, ..mode.0 };
        bare(self) == bare(other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mode_of_a_size_is_one_that_may_be() {
        for (width, height, hertz) in [(1280, 800, 60), (1, 1, 1), (4095, 4095, 240), (1920, 1080, 75)] {
            let mode = Mode::new(width, height, hertz).unwrap();
            assert_eq!(Mode::checked(mode.info()), Ok(mode));
            assert_eq!((mode.width(), mode.height()), (width.into(), height.into()));
            let period = Duration::from_secs(1) / u32::from(hertz);
            let off = mode.period().abs_diff(period);
            assert!(off <= period / 100 || mode.info().clock <= 100, "{width}x{height}@{hertz}: {:?}", mode.period());
        }
        assert_eq!(Mode::new(1280, 800, 60).unwrap().name(), "1280x800");
        for (width, height, hertz) in [(0, 1, 60), (1, 4096, 60), (1, 1, 0), (1, 1, 241)] {
            assert_eq!(Mode::new(width, height, hertz), None);
        }
    }

    /// `drm_mode_vrefresh`
    #[test]
    fn lines_are_counted_as_they_are_sent() {
        let good = Mode::new(640, 480, 60).unwrap().info();
        let hertz = |flags: u32, vscan: u16| Mode(ModeInfo { flags: good.flags | flags, vscan, ..good }).hertz();
        assert_eq!((hertz(0, 0), hertz(0, 1), hertz(0, 3)), (60, 60, 20));
        assert_eq!((hertz(mode::FLAG_DBLSCAN, 0), hertz(mode::FLAG_INTERLACE, 0)), (30, 120));
        assert_eq!(Mode(ModeInfo { clock: i32::MAX as u32, htotal: 1, vtotal: 1, ..good }).hertz(), 2_147_483_647_000);
        let slow = Mode(ModeInfo { clock: 1, htotal: u16::MAX, vtotal: u16::MAX, vscan: u16::MAX, ..good });
        assert_eq!((slow.hertz(), slow.period()), (0, Duration::from_nanos(u64::MAX)));
        for (width, height, hertz) in [(1280, 800, 60), (1, 1, 240), (4095, 4095, 240), (4095, 4095, 1)] {
            assert_eq!(Mode::new(width, height, hertz).unwrap().hertz(), hertz.into(), "{width}x{height}");
        }
        assert_eq!(Mode::new(64, 32, 240).unwrap().hertz(), 241, "its clock is rounded up to 10 kHz");
    }

    #[test]
    fn a_mode_that_cannot_be_is_refused() {
        let good = Mode::new(640, 480, 60).unwrap().info();
        let bad = |info: ModeInfo| Mode::checked(info).unwrap_err();
        assert_eq!(bad(ModeInfo { clock: 0, ..good }), Errno::INVAL);
        assert_eq!(bad(ModeInfo { clock: u32::MAX, ..good }), Errno::RANGE);
        assert_eq!(bad(ModeInfo { hdisplay: 0, ..good }), Errno::INVAL);
        assert_eq!(bad(ModeInfo { htotal: good.hsync_end - 1, ..good }), Errno::INVAL);
        assert_eq!(bad(ModeInfo { vsync_end: good.vsync_start - 1, ..good }), Errno::INVAL);
        assert_eq!(bad(ModeInfo { flags: 1 << 30, ..good }), Errno::INVAL);
        assert_eq!(Mode::checked(ModeInfo { kind: 1 << 7 | good.kind, ..good }), Mode::checked(good), "only a hint");
        let long = Mode::checked(ModeInfo { name: [b'x'; 32], ..good }).unwrap();
        assert_eq!((long.name().len(), long.info().name[31]), (31, 0));
        assert!(
            Mode::checked(ModeInfo { clock: i32::MAX as u32, ..good }).unwrap().period() >= Duration::from_micros(100)
        );
    }
}
