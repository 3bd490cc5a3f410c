//! All that a card and its clients have in common, whatever becomes of the hardware: mode objects, and what is shown.
//!
//! One lock holds it, in [`Hub`](super::hub::Hub). Nothing here calls anybody: what is to be told goes into
//! [`Effects`], for when the lock is free.

use super::{
    Buffer, Change, Description, Format, Framebuffer, Monitor,
    beat::Beat,
    client::{Client, Wake, lowest_free},
    format,
    property::Property,
    sleep::{Sleep, Sleeper},
    state::State,
    vblank::Due,
};
use crate::{Caller, Errno};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Weak},
    time::Duration,
};

/// The model of one card for one life of it, and after it.
pub(super) struct Kms {
    pub(super) description: Arc<Description>,
    pub(super) unique: String,
    /// What hangs on each connector; the blob of its EDID.
    pub(super) monitors: Vec<Option<(Monitor, u32)>>,
    pub(super) state: State,
    /// Where CURSOR has put the cursor of each CRTC last, also of one that is not shown.
    pub(super) cursors: Vec<(i32, i32)>,
    pub(super) beats: Vec<Beat>,
    /// What is to happen on each CRTC.
    pub(super) due: Vec<Vec<Due>>,
    pub(super) clients: BTreeMap<u64, Client>,
    pub(super) master: Option<u64>,
    /// The groups whose master has said SET_VERSION, so that they know UNIQUE.
    pub(super) named: BTreeSet<u64>,
    pub(super) framebuffers: BTreeMap<u32, Arc<Framebuffer>>,
    pub(super) blobs: BTreeMap<u32, Arc<Vec<u8>>>,
    /// Buffers by their names of GEM_FLINK, and by the offsets that map them.
    pub(super) names: BTreeMap<u32, Weak<Buffer>>,
    pub(super) offsets: BTreeMap<u64, Weak<Buffer>>,
    pub(super) sleepers: BTreeMap<u64, Sleeper>,
    /// The hardware went.
    pub(super) ended: bool,
    /// It went, and what was to come still does.
    pub(super) lives_on: bool,
    pub(super) effects: Effects,
    in_formats: [u32; 2],
    next_ticket: u64,
    /// No id of an object below is free.
    free_from: u32,
}

/// What is to be done once the lock is free.
#[derive(Default)]
pub(super) struct Effects {
    /// The driver is to be shown the new scene.
    pub(super) show: bool,
    /// It is to tell of the next vertical blanking of these CRTCs.
    pub(super) arm: BTreeSet<usize>,
    pub(super) woken: Vec<Sleep>,
    pub(super) pollers: Vec<Wake>,
    pub(super) change: Option<Change>,
}

/// The objects of one connector and its CRTC follow each other, in this order.
const OBJECTS: u32 = 5;

/// A mode object, by its number among its kind.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Object {
    Property(Property),
    Plane(usize),
    Crtc(usize),
    Encoder(usize),
    Connector(usize),
    Framebuffer(u32),
    Blob(u32),
}

fn first() -> u32 {
    Property::ALL.len() as u32 + 1
}

/// The id of plane `number`.
pub(super) fn plane_id(number: usize) -> u32 {
    first() + OBJECTS * (number as u32 / 2) + number as u32 % 2
}

/// The id of CRTC `number`.
pub(super) fn crtc_id(number: usize) -> u32 {
    first() + OBJECTS * number as u32 + 2
}

/// The id of encoder `number`.
pub(super) fn encoder_id(number: usize) -> u32 {
    first() + OBJECTS * number as u32 + 3
}

/// The id of connector `number`.
pub(super) fn connector_id(number: usize) -> u32 {
    first() + OBJECTS * number as u32 + 4
}

impl Kms {
    pub(super) fn new(description: Arc<Description>, unique: String) -> Self {
        let pipes = description.connectors.len();
        let mut kms = Kms {
            unique,
            monitors: vec![None; pipes],
            state: State::new(pipes),
            cursors: vec![(0, 0); pipes],
            beats: vec![Beat::default(); pipes],
            due: (0..pipes).map(|_| Vec::new()).collect(),
            clients: BTreeMap::new(),
            master: None,
            named: BTreeSet::new(),
            framebuffers: BTreeMap::new(),
            blobs: BTreeMap::new(),
            names: BTreeMap::new(),
            offsets: BTreeMap::new(),
            sleepers: BTreeMap::new(),
            ended: false,
            lives_on: false,
            effects: Effects::default(),
            in_formats: [0; 2],
            next_ticket: 0,
            free_from: connector_id(pipes - 1) + 1,
            description: description.clone(),
        };
        kms.in_formats = [&Format::ALL[..], &Format::CURSOR].map(|formats| {
            let id = kms.new_id();
            kms.blobs.insert(id, Arc::new(format::in_formats(formats)));
            id
        });
        for (number, monitor) in description.connectors.iter().enumerate() {
            kms.hang(number, monitor.clone());
        }
        kms
    }

    pub(super) fn pipes(&self) -> usize {
        self.beats.len()
    }

    /// The lowest id that is free (`idr_alloc`). Whoever takes it puts something there.
    pub(super) fn new_id(&mut self) -> u32 {
        let taken = |id: &u32| self.framebuffers.contains_key(id) || self.blobs.contains_key(id);
        let id = (self.free_from..).find(|id| !taken(id)).unwrap_or(u32::MAX);
        self.free_from = id;
        id
    }

    /// A number of something that waits.
    pub(super) fn ticket(&mut self) -> u64 {
        self.next_ticket += 1;
        self.next_ticket
    }

    pub(super) fn object(&self, id: u32) -> Option<Object> {
        if let Some(property) = Property::by_id(id) {
            return Some(Object::Property(property));
        }
        let place = id.checked_sub(first())?;
        let number = (place / OBJECTS) as usize;
        if number < self.pipes() {
            return Some(match place % OBJECTS {
                0 => Object::Plane(2 * number),
                1 => Object::Plane(2 * number + 1),
                2 => Object::Crtc(number),
                3 => Object::Encoder(number),
                _ => Object::Connector(number),
            });
        }
        if self.framebuffers.contains_key(&id) {
            return Some(Object::Framebuffer(id));
        }
        self.blobs.contains_key(&id).then_some(Object::Blob(id))
    }

    /// # Errors
    /// ENOENT: there is no such CRTC.
    pub(super) fn crtc(&self, id: u32) -> Result<usize, Errno> {
        if let Some(Object::Crtc(number)) = self.object(id) { Ok(number) } else { Err(Errno::NOENT) }
    }

    /// # Errors
    /// ENOENT: there is no such framebuffer.
    pub(super) fn framebuffer(&self, id: u32) -> Result<&Arc<Framebuffer>, Errno> {
        self.framebuffers.get(&id).ok_or(Errno::NOENT)
    }

    pub(super) fn client(&mut self, number: u64) -> &mut Client {
        // Files come and go with the clients that they are here; one that has gone keeps nothing.
        self.clients.entry(number).or_default()
    }

    pub(super) fn in_formats_of(&self, plane: usize) -> u32 {
        self.in_formats[plane % 2]
    }

    /// Something hangs on a connector from now on, or nothing.
    pub(super) fn hang(&mut self, connector: usize, monitor: Option<Monitor>) {
        let before = self.monitors[connector].take();
        if let Some((_, edid)) = before {
            self.drop_blob(edid);
        }
        self.monitors[connector] = monitor.map(|monitor| {
            let id = self.new_id();
            self.blobs.insert(id, Arc::new(monitor.edid.clone()));
            (monitor, id)
        });
    }

    /// A driver says so. It is told to the machine, if it is news.
    pub(super) fn connect(&mut self, connector: usize, monitor: Option<Monitor>) {
        if self.ended || connector >= self.monitors.len() {
            return;
        }
        let connected = monitor.is_some();
        let news = self.monitors[connector].as_ref().map(|(monitor, _)| monitor) != monitor.as_ref();
        self.hang(connector, monitor);
        if news {
            self.effects.change = Some(Change { connector, id: connector_id(connector), connected });
        }
    }

    /// The blob may go, unless somebody needs it.
    pub(super) fn drop_blob(&mut self, id: u32) {
        let kept = self.clients.values().any(|client| client.blobs.contains(&id)) || self.state.needs(id);
        if !kept && self.blobs.remove(&id).is_some() {
            self.free_from = self.free_from.min(id);
        }
    }

    /// The framebuffer may go, unless somebody needs it.
    pub(super) fn drop_framebuffer(&mut self, id: u32) {
        let kept = self.clients.values().any(|client| client.framebuffers.contains(&id)) || self.state.shows(id);
        if !kept && self.framebuffers.remove(&id).is_some() {
            self.free_from = self.free_from.min(id);
        }
    }

    /// A file is opened (`drm_open_helper`, `drm_master_open`): the first one is the master.
    pub(super) fn attach(&mut self) -> u64 {
        let number = self.ticket();
        let master = *self.master.get_or_insert(number);
        self.clients.insert(number, Client::new(master == number, master));
        number
    }

    /// It was opened by that process (`drm_file_alloc`): who may do anything is let in.
    pub(super) fn opened_by(&mut self, number: u64, caller: Caller) {
        let client = self.client(number);
        client.opener = Some(caller.process);
        client.authenticated |= caller.is_admin;
    }

    /// It is closed (`drm_file_free`): what it made goes, shown or not.
    pub(super) fn detach(&mut self, number: u64, now: Duration) -> Vec<Sleeper> {
        let Some(client) = self.clients.get_mut(&number) else { return Vec::new() };
        let (framebuffers, blobs) = (std::mem::take(&mut client.framebuffers), std::mem::take(&mut client.blobs));
        self.master.take_if(|master| *master == number);
        self.forget_events(number);
        let left = self.clients.remove(&number);
        let clients = &self.clients;
        self.named.retain(|group| clients.values().any(|client| client.group == *group));
        self.stop_showing(&framebuffers, now);
        framebuffers.into_iter().for_each(|id| self.drop_framebuffer(id));
        blobs.into_iter().for_each(|id| self.drop_blob(id));
        drop(left);
        self.sweep();
        self.sleepers.extract_if(.., |_, sleeper| sleeper.client == number).map(|(_, sleeper)| sleeper).collect()
    }

    /// Names and offsets of buffers that nobody has any more are forgotten.
    pub(super) fn sweep(&mut self) {
        self.names.retain(|_, buffer| buffer.strong_count() > 0);
        self.offsets.retain(|_, buffer| buffer.strong_count() > 0);
    }

    /// A number for a magic: the lowest that nobody of that group has.
    pub(super) fn new_magic(&self, group: u64) -> u32 {
        let magics = self.clients.values().filter_map(|client| client.magic).filter(|magic| magic.group == group);
        lowest_free(&magics.map(|magic| (magic.number, ())).collect())
    }

    /// There is news for whoever polls this client's file.
    pub(super) fn tell(&mut self, number: u64) {
        if let Some(client) = self.clients.get(&number) {
            self.effects.pollers.extend(client.watchers.values().cloned());
        }
    }
}
