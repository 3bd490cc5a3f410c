//! Making a state so: atomic commits, with all checks before anything happens (`drm_atomic_uapi.c`, `drm_atomic.c`,
//! `drm_atomic_helper.c`).

use super::{
    Mode,
    client::Event,
    kms::{Kms, Object, crtc_id},
    property::{Property, Values},
    query::attached,
    reply::{Carried, Reply},
    sleep::Waits,
    state::{State, Update},
    uapi::{
        GAMMA_SIZE, flip,
        layout::{Atomic, Field, ModeInfo},
        object,
    },
    vblank::What,
};
use crate::Errno;
use std::{collections::BTreeSet, sync::Arc, time::Duration};

/// How a state is to be made so.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct How {
    /// Only the checks.
    pub(super) test: bool,
    /// Nobody waits for it; if another one is still to be done, it is refused.
    pub(super) nonblock: bool,
    pub(super) allow_modeset: bool,
    /// Its client is sent an event on each CRTC, with this.
    pub(super) event: Option<u64>,
    /// It is a cursor that moves: it neither waits nor is waited for (`legacy_cursor_update`).
    pub(super) is_cursor: bool,
}

impl How {
    /// As a call of before atomic commits.
    pub(super) const LEGACY: How =
        How { test: false, nonblock: false, allow_modeset: true, event: None, is_cursor: false };
    pub(super) const CURSOR: How = How { is_cursor: true, ..How::LEGACY };
}

/// The properties that an ATOMIC sets, as far as they could be read.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Assignments {
    /// Of which object, and there which property is to be what. An object without any counts as one that is concerned.
    pub(super) list: Vec<(u32, Vec<(u32, u64)>)>,
    /// What comes after them could not be read: that is said if they are all right. For a property, its id was read.
    pub(super) then: Option<Errno>,
}

impl Kms {
    /// ATOMIC (`drm_mode_atomic_ioctl`).
    pub(super) fn atomic(
        &mut self,
        client: u64,
        asked: &Atomic,
        assignments: &Assignments,
        now: Duration,
    ) -> Result<Carried, Errno> {
        const KNOWN: u32 = flip::EVENT | flip::ASYNC | flip::TEST_ONLY | flip::NONBLOCK | flip::ALLOW_MODESET;
        let (has, flags) = (|flag: u32| asked.flags & flag != 0, asked.flags);
        if !self.client(client).atomic || flags & !KNOWN != 0 || asked.reserved != 0 || has(flip::ASYNC) {
            return Err(Errno::INVAL);
        }
        if has(flip::TEST_ONLY) && has(flip::EVENT) {
            return Err(Errno::INVAL);
        }
        let mut update = self.state.update();
        for (id, properties) in &assignments.list {
            self.assign(&mut update, *id, properties)?;
        }
        if let Some(errno) = assignments.then {
            return Err(errno);
        }
        let how = How {
            test: has(flip::TEST_ONLY),
            nonblock: has(flip::NONBLOCK),
            allow_modeset: has(flip::ALLOW_MODESET),
            event: has(flip::EVENT).then_some(asked.user_data),
            is_cursor: false,
        };
        self.commit(client, update, how, now)
    }

    fn assign(&self, update: &mut Update, id: u32, properties: &[(u32, u64)]) -> Result<(), Errno> {
        let object = self.object(id).ok_or(Errno::NOENT)?;
        let its = attached(object);
        if its.is_empty() {
            return Err(Errno::NOENT);
        }
        for (property, value) in properties {
            let property = its.iter().find(|it| it.id() == *property).ok_or(Errno::NOENT)?;
            self.set(update, object, *property, *value)?;
        }
        Ok(())
    }

    /// One property of one object (`drm_atomic_set_property`).
    pub(super) fn set(&self, update: &mut Update, of: Object, property: Property, value: u64) -> Result<(), Errno> {
        if property.is_immutable() || !property.may_be(value) || !self.is_there(property, value) {
            return Err(Errno::INVAL);
        }
        match of {
            Object::Crtc(number) => {
                update.touch(Some(number));
                self.set_crtc(update, number, property, value)
            }
            Object::Connector(number) => {
                update.touch(update.state.connectors[number].crtc);
                match property {
                    Property::CrtcId => {
                        update.state.connectors[number].crtc = self.crtc_or_none(value);
                        update.touch(update.state.connectors[number].crtc);
                    }
                    // A display says by this that its cable is bad; that it is good again is all that can be said to it.
                    Property::LinkStatus => {}
                    _ => return Err(Errno::INVAL),
                }
                Ok(())
            }
            Object::Plane(number) => {
                update.touch(update.state.planes[number].crtc);
                self.set_plane(update, number, property, value)?;
                update.touch(update.state.planes[number].crtc);
                Ok(())
            }
            _ => Err(Errno::INVAL),
        }
    }

    /// Whether the object or the blob that it names is there; 0 is none.
    fn is_there(&self, property: Property, value: u64) -> bool {
        let id = value as u32;
        let there = match property.facts().1 {
            Values::Blob => self.blobs.contains_key(&id),
            Values::Object(object::CRTC) => matches!(self.object(id), Some(Object::Crtc(_))),
            Values::Object(_) => self.framebuffers.contains_key(&id),
            _ => true,
        };
        value == 0 || there
    }

    fn crtc_or_none(&self, id: u64) -> Option<usize> {
        self.crtc(id as u32).ok()
    }

    fn set_crtc(&self, update: &mut Update, number: usize, property: Property, value: u64) -> Result<(), Errno> {
        let crtc = &mut update.state.crtcs[number];
        let blob = self.blobs.get(&(value as u32));
        match (property, blob) {
            (Property::Active, _) => crtc.active = value == 1,
            (Property::ModeId, Some(blob)) if blob.len() == ModeInfo::SIZE => {
                let mode = Mode::checked(ModeInfo::from_bytes(blob)).map_err(|_| Errno::INVAL)?;
                crtc.mode = Some((value as u32, mode));
            }
            (Property::ModeId, None) => crtc.mode = None,
            (Property::GammaLut, Some(blob)) if blob.len() == 8 * GAMMA_SIZE as usize => {
                crtc.gamma = Some((value as u32, Arc::new(gamma(blob))));
            }
            (Property::GammaLut, None) => crtc.gamma = None,
            _ => return Err(Errno::INVAL),
        }
        Ok(())
    }

    fn set_plane(&self, update: &mut Update, number: usize, property: Property, value: u64) -> Result<(), Errno> {
        let plane = &mut update.state.planes[number];
        match property {
            Property::FbId => plane.fb = self.framebuffers.get(&(value as u32)).cloned(),
            Property::CrtcId => plane.crtc = self.crtc_or_none(value).filter(|crtc| *crtc == number / 2),
            Property::CrtcX => plane.crtc_x = value as i32,
            Property::CrtcY => plane.crtc_y = value as i32,
            Property::CrtcW => plane.crtc_w = value as u32,
            Property::CrtcH => plane.crtc_h = value as u32,
            Property::SrcX => plane.src_x = value as u32,
            Property::SrcY => plane.src_y = value as u32,
            Property::SrcW => plane.src_w = value as u32,
            Property::SrcH => plane.src_h = value as u32,
            // There are no fences here: only that there is none.
            Property::InFenceFd if value == u64::MAX => {}
            _ => return Err(Errno::INVAL),
        }
        // `possible_crtcs`: each CRTC has planes of its own.
        let elsewhere = property == Property::CrtcId && value != 0 && plane.crtc.is_none();
        if elsewhere { Err(Errno::INVAL) } else { Ok(()) }
    }

    /// Checks an update, and makes it so.
    pub(super) fn commit(
        &mut self,
        client: u64,
        mut update: Update,
        how: How,
        now: Duration,
    ) -> Result<Carried, Errno> {
        update.event = how.event.is_some() && !how.test;
        let touched: Vec<usize> = (0..self.pipes()).filter(|number| update.touched[*number]).collect();
        let events = if update.event { touched.len() } else { 0 };
        self.client(client).reserve(events)?;
        if let Err(errno) = self.may_commit(&update, &touched, how) {
            (0..events).for_each(|_| self.client(client).unreserve());
            return Err(errno);
        }
        if how.test {
            return Ok(Carried::Reply(Reply::default()));
        }
        self.swap(update, &touched, now);
        if how.is_cursor {
            return Ok(Carried::Reply(Reply::default()));
        }
        for number in &touched {
            let next = self.beats[*number].at(now).count + 1;
            self.at(*number, next, What::Commit, now);
            if let Some(user_data) = how.event {
                let event = Event::Flip { crtc: crtc_id(*number), user_data };
                self.at(*number, next, What::Send { client, event }, now);
            }
        }
        Ok(if how.nonblock { Carried::Reply(Reply::default()) } else { self.wait_for(client, &touched, now) })
    }

    fn may_commit(&self, update: &Update, touched: &[usize], how: How) -> Result<(), Errno> {
        // An event that nobody would send (`prepare_signaling`).
        if update.event && touched.is_empty() {
            return Err(Errno::INVAL);
        }
        update.check(&self.state, &self.description, how.allow_modeset)?;
        let busy = how.nonblock && !how.test && touched.iter().any(|number| self.is_busy(*number));
        if busy { Err(Errno::BUSY) } else { Ok(()) }
    }

    /// Who does not ask for it otherwise waits until all of it is on the screen.
    fn wait_for(&mut self, client: u64, touched: &[usize], now: Duration) -> Carried {
        let on: Vec<usize> = touched.iter().copied().filter(|number| self.beats[*number].is_on()).collect();
        if on.is_empty() {
            return Carried::Reply(Reply::default());
        }
        let ticket = self.prepare(client, Waits::Commit { crtcs: on.len() });
        for number in on {
            let next = self.beats[number].at(now).count + 1;
            self.at(number, next, What::Wake { ticket: ticket.number }, now);
        }
        Carried::Sleeps(ticket)
    }

    /// The new state takes the place of the old one, whose objects may go.
    fn swap(&mut self, update: Update, touched: &[usize], now: Duration) {
        let modeset: Vec<usize> =
            touched.iter().copied().filter(|number| update.needs_modeset(&self.state, *number)).collect();
        let old = std::mem::replace(&mut self.state, update.state);
        for number in modeset {
            let crtc = &self.state.crtcs[number];
            let period = crtc.mode.filter(|_| crtc.active).map(|(_, mode)| mode.period());
            if period.is_none() {
                self.flush(number, now);
            }
            self.beats[number].set(period, now);
        }
        self.effects.show = true;
        self.release(&old);
    }

    fn release(&mut self, old: &State) {
        let framebuffers: BTreeSet<u32> =
            old.planes.iter().filter_map(|plane| plane.fb.as_ref().map(|fb| fb.id)).collect();
        framebuffers.into_iter().for_each(|id| self.drop_framebuffer(id));
        for crtc in &old.crtcs {
            let blobs = [crtc.mode.map(|(blob, _)| blob), crtc.gamma.as_ref().map(|(blob, _)| *blob)];
            blobs.into_iter().flatten().for_each(|id| self.drop_blob(id));
        }
    }

    /// The planes that show one of these framebuffers show nothing (`drm_framebuffer_remove`). The CRTCs stay on.
    pub(super) fn stop_showing(&mut self, framebuffers: &BTreeSet<u32>, now: Duration) {
        let mut update = self.state.update();
        for number in 0..update.state.planes.len() {
            let plane = &mut update.state.planes[number];
            if plane.fb.as_ref().is_some_and(|fb| framebuffers.contains(&fb.id)) {
                let crtc = plane.crtc.take();
                plane.fb = None;
                update.touch(crtc);
            }
        }
        let touched: Vec<usize> = (0..self.pipes()).filter(|number| update.touched[*number]).collect();
        if !touched.is_empty() {
            self.swap(update, &touched, now);
        }
    }
}

/// A table of `struct drm_color_lut`.
pub(super) fn gamma(blob: &[u8]) -> Vec<[u16; 3]> {
    let word = |entry: &[u8], at: usize| u16::from_ne_bytes([entry[at], entry[at + 1]]);
    blob.chunks_exact(8).map(|entry| [word(entry, 0), word(entry, 2), word(entry, 4)]).collect()
}
