//! What a card shows, and what it is asked to show: `struct drm_atomic_state`, and its checks.

use super::{
    Description, Format, Framebuffer, Mode,
    scene::{Layer, Pipe, Scene},
};
use crate::Errno;
use std::sync::Arc;

/// A CRTC: `struct drm_crtc_state`.
#[derive(Clone, PartialEq, Debug, Default)]
pub(super) struct CrtcState {
    pub(super) active: bool,
    /// The mode, and the blob that says it.
    pub(super) mode: Option<(u32, Mode)>,
    /// The blob of its gamma table, and that table.
    pub(super) gamma: Option<(u32, Arc<Vec<[u16; 3]>>)>,
}

/// A plane: `struct drm_plane_state`.
#[derive(Clone, PartialEq, Debug, Default)]
pub(super) struct PlaneState {
    pub(super) crtc: Option<usize>,
    pub(super) fb: Option<Arc<Framebuffer>>,
    pub(super) crtc_x: i32,
    pub(super) crtc_y: i32,
    pub(super) crtc_w: u32,
    pub(super) crtc_h: u32,
    /// In 65536ths of a pixel, as the other three.
    pub(super) src_x: u32,
    pub(super) src_y: u32,
    pub(super) src_w: u32,
    pub(super) src_h: u32,
}

/// A connector: `struct drm_connector_state`.
#[derive(Clone, PartialEq, Debug, Default)]
pub(super) struct ConnectorState {
    pub(super) crtc: Option<usize>,
    /// `DRM_MODE_DPMS_OFF`, or `DRM_MODE_DPMS_ON`.
    pub(super) off: bool,
}

/// All of it. Plane 2n is the primary plane of CRTC n, plane 2n + 1 its cursor.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct State {
    pub(super) crtcs: Vec<CrtcState>,
    pub(super) planes: Vec<PlaneState>,
    pub(super) connectors: Vec<ConnectorState>,
}

/// A state that is asked for, and which CRTCs that concerns.
#[derive(Clone, Debug)]
pub(super) struct Update {
    pub(super) state: State,
    pub(super) touched: Vec<bool>,
    /// Who asks hears of each of those CRTCs.
    pub(super) event: bool,
}

impl State {
    pub(super) fn new(pipes: usize) -> Self {
        State {
            crtcs: vec![CrtcState::default(); pipes],
            planes: vec![PlaneState::default(); 2 * pipes],
            connectors: vec![ConnectorState::default(); pipes],
        }
    }

    /// The same, to be changed.
    pub(super) fn update(&self) -> Update {
        Update { state: self.clone(), touched: vec![false; self.crtcs.len()], event: false }
    }

    /// Whether a plane shows the framebuffer `id`.
    pub(super) fn shows(&self, id: u32) -> bool {
        self.planes.iter().any(|plane| plane.fb.as_ref().is_some_and(|fb| fb.id == id))
    }

    /// Whether it needs the blob `id`.
    pub(super) fn needs(&self, id: u32) -> bool {
        self.crtcs.iter().any(|crtc| {
            crtc.mode.is_some_and(|(blob, _)| blob == id) || crtc.gamma.as_ref().is_some_and(|(blob, _)| *blob == id)
        })
    }

    /// As a driver is told.
    pub(super) fn scene(&self) -> Scene {
        let pipe = |(number, crtc): (usize, &CrtcState)| {
            let (_, mode) = crtc.mode.filter(|_| crtc.active)?;
            let to_it = (0..self.connectors.len()).filter(|index| self.connectors[*index].crtc == Some(number));
            let planes = self.planes.iter().enumerate().filter(|(_, plane)| plane.crtc == Some(number));
            // The primary planes are below all cursors.
            let (cursors, primary): (Vec<_>, Vec<_>) = planes.partition(|(index, _)| index % 2 == 1);
            let layers = primary.into_iter().chain(cursors).filter_map(|(_, plane)| plane.layer()).collect();
            let gamma = crtc.gamma.as_ref().map(|(_, table)| table.clone());
            Some(Pipe { mode, connectors: to_it.collect(), layers, gamma })
        };
        Scene { pipes: self.crtcs.iter().enumerate().map(pipe).collect() }
    }
}

impl PlaneState {
    fn layer(&self) -> Option<Layer> {
        Some(Layer {
            framebuffer: self.fb.clone()?,
            source: (self.src_x >> 16, self.src_y >> 16),
            place: (self.crtc_x, self.crtc_y),
            size: (self.crtc_w, self.crtc_h),
        })
    }

    /// `drm_atomic_plane_check`, and what the card can (`drm_atomic_helper_check_plane_state`: nothing is scaled).
    fn check(&self, is_cursor: bool) -> Result<(), Errno> {
        let fb = match (self.crtc, &self.fb) {
            (None, None) => return Ok(()),
            (Some(_), Some(fb)) => fb,
            (Some(_), None) | (None, Some(_)) => return Err(Errno::INVAL),
        };
        if is_cursor && !Format::CURSOR.contains(&fb.format) {
            return Err(Errno::INVAL);
        }
        let reaches = |at: i32, length: u32| i32::try_from(length).is_ok_and(|length| at.checked_add(length).is_some());
        if !reaches(self.crtc_x, self.crtc_w) || !reaches(self.crtc_y, self.crtc_h) {
            return Err(Errno::RANGE);
        }
        within(self.src_x, self.src_w, fb.width)?;
        within(self.src_y, self.src_h, fb.height)?;
        let scaled = |source: u32, shown: u32| u64::from(source) != u64::from(shown) << 16;
        if scaled(self.src_w, self.crtc_w) || scaled(self.src_h, self.crtc_h) {
            return Err(Errno::RANGE);
        }
        Ok(())
    }
}

/// A part in 65536ths of a pixel of that many pixels (`drm_framebuffer_check_src_coords`).
pub(super) fn within(start: u32, length: u32, pixels: u32) -> Result<(), Errno> {
    let all = u64::from(pixels) << 16;
    let fits = u64::from(length) <= all && u64::from(start) <= all - u64::from(length);
    if fits { Ok(()) } else { Err(Errno::NOSPC) }
}

impl Update {
    /// CRTC `number` is concerned.
    pub(super) fn touch(&mut self, number: Option<usize>) {
        if let Some(touched) = number.and_then(|number| self.touched.get_mut(number)) {
            *touched = true;
        }
    }

    /// Whether a CRTC would have to be set anew (`drm_atomic_crtc_needs_modeset`).
    pub(super) fn needs_modeset(&self, old: &State, number: usize) -> bool {
        let (before, after) = (&old.crtcs[number], &self.state.crtcs[number]);
        let same_mode = match (&before.mode, &after.mode) {
            (Some((_, before)), Some((_, after))) => before.is_like(after),
            (None, None) => true,
            _ => false,
        };
        let cables = |state: &State| state.connectors.iter().map(|it| it.crtc == Some(number)).collect::<Vec<_>>();
        !same_mode || before.active != after.active || cables(old) != cables(&self.state)
    }

    /// All checks, before anything happens (`drm_atomic_check_only`).
    pub(super) fn check(&self, old: &State, card: &Description, allow_modeset: bool) -> Result<(), Errno> {
        for (index, (before, after)) in old.planes.iter().zip(&self.state.planes).enumerate() {
            if before != after {
                after.check(index % 2 == 1)?;
                // `plane_switching_crtc`: from one that is on right to another.
                if before.crtc.is_some() && after.crtc.is_some() && before.crtc != after.crtc {
                    return Err(Errno::INVAL);
                }
            }
        }
        for number in (0..old.crtcs.len()).filter(|number| self.touched[*number]) {
            self.check_crtc(old, number)?;
        }
        for number in (0..old.crtcs.len()).filter(|number| self.touched[*number]) {
            self.check_modeset(card, number)?;
            if !allow_modeset && self.needs_modeset(old, number) {
                return Err(Errno::INVAL);
            }
        }
        Ok(())
    }

    /// `drm_atomic_crtc_check`
    fn check_crtc(&self, old: &State, number: usize) -> Result<(), Errno> {
        let (before, after) = (&old.crtcs[number], &self.state.crtcs[number]);
        let on_without_mode = after.active && after.mode.is_none();
        let nobody_would_tell = self.event && !after.active && !before.active;
        if on_without_mode || nobody_would_tell { Err(Errno::INVAL) } else { Ok(()) }
    }

    /// `drm_atomic_helper_check_modeset`: a mode and one connector, or neither. None of ours sends to two.
    fn check_modeset(&self, card: &Description, number: usize) -> Result<(), Errno> {
        let connectors = self.state.connectors.iter().filter(|it| it.crtc == Some(number)).count();
        let mode = self.state.crtcs[number].mode;
        if connectors != usize::from(mode.is_some()) {
            return Err(Errno::INVAL);
        }
        // What `mode_valid` of a driver says.
        let cannot = |(_, mode): (u32, Mode)| {
            let (fewest, most) = card.hertz;
            let too_large = mode.width() > card.largest.0 || mode.height() > card.largest.1;
            too_large || !(fewest.into()..=most.into()).contains(&mode.hertz())
        };
        if mode.is_some_and(cannot) { Err(Errno::INVAL) } else { Ok(()) }
    }
}
