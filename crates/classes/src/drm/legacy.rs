//! The calls of before atomic commits, each of which becomes one: SETCRTC, PAGE_FLIP, SETPLANE, CURSOR, gamma, properties
//! (`drm_crtc.c`, `drm_plane.c`, `drm_color_mgmt.c`, and `drm_atomic_helper.c`, which does the same in the kernel).

use super::{
    Framebuffer, Mode,
    commit::{How, gamma},
    kms::{Kms, Object},
    property::Property,
    query::{attached, formats_of},
    reply::Carried,
    state::{PlaneState, Update, within},
    uapi::{
        GAMMA_SIZE, SAME_FRAMEBUFFER, connector, cursor, flip,
        layout::{Crtc, Cursor, Fb2, Lut, PageFlip, SetPlane, SetProperty},
    },
};
use crate::Errno;
use std::{sync::Arc, time::Duration};

/// What was read of an array of the client's.
pub(super) type Fetched<T> = Result<Vec<T>, Errno>;

impl PlaneState {
    /// The whole of a picture of that size, from a place in the framebuffer on.
    fn show(&mut self, crtc: usize, fb: Arc<Framebuffer>, (x, y): (u32, u32), (width, height): (u32, u32)) {
        *self = PlaneState {
            crtc: Some(crtc),
            fb: Some(fb),
            crtc_w: width,
            crtc_h: height,
            src_x: x << 16,
            src_y: y << 16,
            src_w: width << 16,
            src_h: height << 16,
            ..PlaneState::default()
        };
    }

    /// Nothing, anywhere (`__drm_atomic_helper_disable_plane`).
    fn hide(&mut self) {
        *self = PlaneState::default();
    }
}

impl Kms {
    /// SETCRTC (`drm_mode_setcrtc`, `drm_atomic_helper_set_config`).
    pub(super) fn set_mode(
        &mut self,
        client: u64,
        asked: &Crtc,
        connectors: Fetched<u32>,
        now: Duration,
    ) -> Result<Carried, Errno> {
        if asked.x > 0xffff || asked.y > 0xffff {
            return Err(Errno::RANGE);
        }
        let number = self.crtc(asked.crtc)?;
        let shown = if asked.mode_valid != 0 { Some(self.shown_by(asked, number)?) } else { None };
        let count = asked.count_connectors;
        if (count == 0) == shown.is_some() || count as usize > self.pipes() {
            return Err(Errno::INVAL);
        }
        let mut of = Vec::new();
        for id in connectors? {
            let Some(Object::Connector(connector)) = self.object(id) else { return Err(Errno::NOENT) };
            of.push(connector);
        }
        let mut update = self.state.update();
        update.touch(Some(number));
        self.plug_cables(&mut update, number, &of);
        let blob = shown.as_ref().map(|(mode, _)| (self.blob_of(mode), *mode));
        update.state.crtcs[number].mode = blob;
        update.state.crtcs[number].active = blob.is_some();
        let primary = &mut update.state.planes[2 * number];
        match shown {
            Some((mode, fb)) => primary.show(number, fb, (asked.x, asked.y), (mode.width(), mode.height())),
            // Where it was shown stays (`__drm_atomic_helper_set_config`).
            None => (primary.crtc, primary.fb) = (None, None),
        }
        let carried = self.commit(client, update, How::LEGACY, now);
        // Of a state that was not made so nobody needs the blob.
        blob.into_iter().for_each(|(id, _)| self.drop_blob(id));
        carried
    }

    /// The mode and the framebuffer that SETCRTC asks for.
    fn shown_by(&self, asked: &Crtc, number: usize) -> Result<(Mode, Arc<Framebuffer>), Errno> {
        let fb = if asked.fb == SAME_FRAMEBUFFER {
            self.state.planes[2 * number].fb.as_ref().ok_or(Errno::INVAL)?
        } else {
            self.framebuffer(asked.fb)?
        };
        let mode = Mode::checked(asked.mode)?;
        within(asked.x << 16, mode.width() << 16, fb.width)?;
        within(asked.y << 16, mode.height() << 16, fb.height)?;
        Ok((mode, fb.clone()))
    }

    /// These connectors are those of CRTC `number`; who has none left is off.
    fn plug_cables(&self, update: &mut Update, number: usize, of: &[usize]) {
        for index in 0..self.pipes() {
            let before = update.state.connectors[index].crtc;
            if of.contains(&index) {
                update.touch(before);
                (update.state.connectors[index].crtc, update.state.connectors[index].off) = (Some(number), false);
            } else if before == Some(number) {
                update.state.connectors[index].crtc = None;
            }
        }
        for other in 0..self.pipes() {
            if update.touched[other] && !update.state.connectors.iter().any(|it| it.crtc == Some(other)) {
                (update.state.crtcs[other].mode, update.state.crtcs[other].active) = (None, false);
            }
        }
    }

    /// A blob that says this mode, which is nobody's.
    fn blob_of(&mut self, mode: &Mode) -> u32 {
        let id = self.new_id();
        self.blobs.insert(id, Arc::new(mode.info().to_bytes()));
        id
    }

    /// PAGE_FLIP (`drm_mode_page_flip_ioctl`, `drm_atomic_helper_page_flip`).
    pub(super) fn page_flip(&mut self, client: u64, asked: &PageFlip, now: Duration) -> Result<Carried, Errno> {
        let target = asked.flags & flip::TARGET;
        if asked.flags & !(flip::EVENT | flip::ASYNC | flip::TARGET) != 0
            || (asked.reserved != 0 && target == 0)
            || target == flip::TARGET
            || asked.flags & flip::ASYNC != 0
        {
            return Err(Errno::INVAL);
        }
        let number = self.crtc(asked.crtc)?;
        // At a time of the client's choice: DRM_CAP_PAGE_FLIP_TARGET says no.
        if target != 0 {
            return Err(Errno::INVAL);
        }
        let plane = &self.state.planes[2 * number];
        let before = plane.fb.as_ref().ok_or(Errno::BUSY)?;
        let fb = self.framebuffer(asked.fb)?;
        within(plane.src_x, plane.src_w, fb.width)?;
        within(plane.src_y, plane.src_h, fb.height)?;
        if before.format != fb.format || !self.state.crtcs[number].active {
            return Err(Errno::INVAL);
        }
        let mut update = self.state.update();
        update.touch(Some(number));
        update.state.planes[2 * number].fb = Some(fb.clone());
        let event = (asked.flags & flip::EVENT != 0).then_some(asked.user_data);
        self.commit(client, update, How { nonblock: true, allow_modeset: false, event, ..How::LEGACY }, now)
    }

    /// SETPLANE (`drm_mode_setplane`, `__setplane_check`).
    pub(super) fn set_plane_to(&mut self, client: u64, asked: &SetPlane, now: Duration) -> Result<Carried, Errno> {
        let Some(Object::Plane(number)) = self.object(asked.plane) else { return Err(Errno::NOENT) };
        let mut update = self.state.update();
        update.touch(update.state.planes[number].crtc);
        if asked.fb == 0 {
            update.state.planes[number].hide();
        } else {
            let fb = self.framebuffer(asked.fb)?.clone();
            let crtc = self.crtc(asked.crtc)?;
            if crtc != number / 2 || !formats_of(number).contains(&fb.format) {
                return Err(Errno::INVAL);
            }
            update.touch(Some(crtc));
            update.state.planes[number] = PlaneState {
                crtc: Some(crtc),
                fb: Some(fb),
                crtc_x: asked.crtc_x,
                crtc_y: asked.crtc_y,
                crtc_w: asked.crtc_w,
                crtc_h: asked.crtc_h,
                src_x: asked.src_x,
                src_y: asked.src_y,
                src_w: asked.src_w,
                src_h: asked.src_h,
            };
        }
        let how = if number % 2 == 1 { How::CURSOR } else { How::LEGACY };
        self.commit(client, update, how, now)
    }

    /// CURSOR and CURSOR2 (`drm_mode_cursor_common`, `drm_mode_cursor_universal`). Where its hot spot is concerns nobody.
    pub(super) fn set_cursor(&mut self, client: u64, asked: &Cursor, now: Duration) -> Result<Carried, Errno> {
        if asked.flags == 0 || asked.flags & !(cursor::BO | cursor::MOVE) != 0 {
            return Err(Errno::INVAL);
        }
        let number = self.crtc(asked.crtc)?;
        let mut made = None;
        if asked.flags & cursor::BO != 0 && asked.handle != 0 {
            let first = |number: u32| [number, 0, 0, 0];
            let pitch = asked.width.checked_mul(4).ok_or(Errno::INVAL)?;
            let whole = Fb2 {
                width: asked.width,
                height: asked.height,
                format: super::Format::Argb8888.code(),
                handles: first(asked.handle),
                pitches: first(pitch),
                ..Fb2::default()
            };
            made = Some(self.make_fb(client, &whole)?);
        }
        let carried = self.put_cursor(client, asked, number, made, now);
        if let Some(id) = made {
            // It is the plane's alone.
            self.client(client).framebuffers.remove(&id);
            self.drop_framebuffer(id);
        }
        carried
    }

    fn put_cursor(
        &mut self,
        client: u64,
        asked: &Cursor,
        number: usize,
        made: Option<u32>,
        now: Duration,
    ) -> Result<Carried, Errno> {
        let mut update = self.state.update();
        update.touch(Some(number));
        let plane = &mut update.state.planes[2 * number + 1];
        let moves = asked.flags & cursor::MOVE != 0;
        let place = if moves { (asked.x, asked.y) } else { self.cursors[number] };
        let made = made.and_then(|id| self.framebuffers.get(&id).cloned());
        let fb = if asked.flags & cursor::BO != 0 { made } else { plane.fb.clone() };
        match fb {
            Some(fb) => {
                let size = (fb.width, fb.height);
                plane.show(number, fb, (0, 0), size);
                (plane.crtc_x, plane.crtc_y) = place;
            }
            None => plane.hide(),
        }
        let carried = self.commit(client, update, How::CURSOR, now);
        if carried.is_ok() {
            self.cursors[number] = place;
        }
        carried
    }

    /// SETGAMMA (`drm_mode_gamma_set_ioctl`, `drm_crtc_legacy_gamma_set`).
    pub(super) fn set_gamma(
        &mut self,
        client: u64,
        asked: &Lut,
        table: Fetched<[u16; 3]>,
        now: Duration,
    ) -> Result<Carried, Errno> {
        let number = self.crtc(asked.crtc)?;
        if asked.size != GAMMA_SIZE {
            return Err(Errno::INVAL);
        }
        let entry = |[red, green, blue]: [u16; 3]| [red, green, blue, 0].map(u16::to_ne_bytes).concat();
        let bytes: Vec<u8> = table?.into_iter().flat_map(entry).collect();
        let (id, table) = (self.new_id(), Arc::new(gamma(&bytes)));
        self.blobs.insert(id, Arc::new(bytes));
        let mut update = self.state.update();
        update.touch(Some(number));
        update.state.crtcs[number].gamma = Some((id, table));
        let carried = self.commit(client, update, How::LEGACY, now);
        self.drop_blob(id);
        carried
    }

    /// OBJ_SETPROPERTY, and SETPROPERTY of connectors (`drm_mode_obj_set_property_ioctl`).
    pub(super) fn set_property(&mut self, client: u64, asked: &SetProperty, now: Duration) -> Result<Carried, Errno> {
        let object = self.object_of(asked.object, asked.kind)?;
        let property = attached(object).iter().find(|it| it.id() == asked.property).ok_or(Errno::INVAL)?;
        let mut update = self.state.update();
        match (property, object) {
            (Property::Dpms, Object::Connector(number)) if property.may_be(asked.value) => {
                let off = asked.value != connector::DPMS_ON;
                update.state.connectors[number].off = off;
                let crtc = update.state.connectors[number].crtc;
                update.touch(crtc);
                if let Some(crtc) = crtc {
                    update.state.crtcs[crtc].active = !off;
                }
            }
            _ => self.set(&mut update, object, *property, asked.value)?,
        }
        self.commit(client, update, How::LEGACY, now)
    }
}
