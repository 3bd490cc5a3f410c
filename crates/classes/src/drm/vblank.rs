//! Vertical blankings, and what waits for them: `drivers/gpu/drm/drm_vblank.c`.

use super::{
    beat::Moment,
    client::Event,
    kms::{Kms, crtc_id},
    reply::{Carried, Reply},
    sleep::{Cell, Given, Sleeper, Ticket, Waits},
    uapi::{
        layout::{GetSequence, QueueSequence, Vblanked, WaitVblank},
        vblank,
    },
};
use crate::Errno;
use std::time::Duration;

/// Something that happens at a vertical blanking.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Due {
    /// At the first of which the count is this or more.
    pub(super) target: u64,
    pub(super) what: What,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum What {
    /// A commit is done: until then there is no other that does not wait.
    Commit,
    /// A client is sent an event.
    Send { client: u64, event: Event },
    /// Who sleeps with that ticket wakes.
    Wake { ticket: u64 },
}

/// Marks a call that never was an operation on the hardware, since that had gone.
pub(super) const NO_OPERATION: u64 = 1 << 63;

/// A count is behind another if it is no more than that behind it, in 32 bits (`drm_vblank_passed`).
const PASSED: u32 = 1 << 23;

impl Kms {
    /// Whether a commit on that CRTC is still to be done.
    pub(super) fn is_busy(&self, crtc: usize) -> bool {
        self.due[crtc].iter().any(|due| due.what == What::Commit)
    }

    /// That happens at the vertical blanking `target`, or now.
    pub(super) fn at(&mut self, crtc: usize, target: u64, what: What, now: Duration) {
        let moment = self.beats[crtc].at(now);
        if target <= moment.count || !self.beats[crtc].is_on() {
            return self.happen(what, moment);
        }
        self.due[crtc].push(Due { target, what });
        self.effects.arm.insert(crtc);
    }

    /// There was a vertical blanking at `time`. Whether somebody waits for another one.
    pub(super) fn strike(&mut self, crtc: usize, time: Duration) -> bool {
        let moment = self.beats[crtc].strike(time);
        let mut happened: Vec<Due> = self.due[crtc].extract_if(.., |due| due.target <= moment.count).collect();
        // Each as if it had been told of in time, also if several have passed on a busy machine. Who sleeps hears of now.
        happened.sort_by_key(|due| due.target);
        for due in happened {
            let sleeps = matches!(due.what, What::Wake { .. });
            let its = if sleeps { moment } else { self.beats[crtc].former(due.target) };
            self.happen(due.what, its);
        }
        self.next_due(crtc).is_some()
    }

    /// The first count of a CRTC that somebody waits for. Who has given up does not.
    pub(super) fn next_due(&mut self, crtc: usize) -> Option<u64> {
        let sleepers = &self.sleepers;
        let waits = |what: What| if let What::Wake { ticket } = what { sleepers.contains_key(&ticket) } else { true };
        self.due[crtc].retain(|due| waits(due.what));
        self.due[crtc].iter().map(|due| due.target).min()
    }

    /// The CRTC is turned off: what waits for it happens at once (`drm_crtc_vblank_off`).
    pub(super) fn flush(&mut self, crtc: usize, now: Duration) {
        let moment = self.beats[crtc].at(now);
        let happened = std::mem::take(&mut self.due[crtc]);
        happened.into_iter().for_each(|due| self.happen(due.what, moment));
    }

    /// What waits will not happen.
    pub(super) fn drop_due(&mut self) {
        let dropped: Vec<Due> = self.due.iter_mut().flat_map(std::mem::take).collect();
        for due in dropped {
            if let What::Send { client, .. } = due.what {
                self.client(client).unreserve();
            }
        }
    }

    /// Nobody waits for this client's events any more.
    pub(super) fn forget_events(&mut self, client: u64) {
        for due in &mut self.due {
            due.retain(|due| !matches!(due.what, What::Send { client: whose, .. } if whose == client));
        }
    }

    fn happen(&mut self, what: What, moment: Moment) {
        match what {
            What::Commit => {}
            What::Send { client, event } => {
                if let Some(its) = self.clients.get_mut(&client) {
                    its.send(event.to_bytes(moment));
                    self.feed(client);
                    self.tell(client);
                }
            }
            What::Wake { ticket } => self.give(ticket, Given::Moment(moment)),
        }
    }

    /// A place for a call that is to wait.
    pub(super) fn prepare(&mut self, client: u64, waits: Waits) -> Ticket {
        let (number, cell) = (self.ticket(), Cell::default());
        let left = if let Waits::Commit { crtcs } = waits { crtcs } else { 1 };
        let operation = number | NO_OPERATION;
        self.sleepers.insert(number, Sleeper { client, cell: cell.clone(), waits, left, operation, sleep: None });
        Ticket { number, cell, waits }
    }

    /// Who waits with that ticket has this, if it is the last that it waits for.
    pub(super) fn give(&mut self, ticket: u64, given: Given) {
        let Some(sleeper) = self.sleepers.get_mut(&ticket) else { return };
        sleeper.left = sleeper.left.saturating_sub(1);
        if sleeper.left > 0 || sleeper.cell.is_full() {
            return;
        }
        sleeper.cell.put(given);
        if let Some(sleep) = sleeper.sleep.take() {
            self.sleepers.remove(&ticket);
            self.effects.woken.push(sleep);
        }
    }

    /// Those of a client's who sleep in read get what there is, the first one first.
    pub(super) fn feed(&mut self, client: u64) {
        let waits = |sleeper: &Sleeper| sleeper.client == client && !sleeper.cell.is_full();
        let readers = self.sleepers.iter().filter_map(|(ticket, sleeper)| match sleeper.waits {
            Waits::Read { size } if waits(sleeper) => Some((*ticket, size)),
            _ => None,
        });
        for (ticket, size) in readers.collect::<Vec<_>>() {
            let Some(its) = self.clients.get_mut(&client).filter(|its| its.is_readable()) else { return };
            let data = its.take(size);
            self.give(ticket, Given::Data(data));
        }
    }

    /// WAIT_VBLANK (`drm_wait_vblank_ioctl`).
    pub(super) fn wait_vblank(&mut self, client: u64, asked: WaitVblank, now: Duration) -> Result<Carried, Errno> {
        if asked.kind & vblank::SIGNAL != 0 || asked.kind & !vblank::KNOWN != 0 {
            return Err(Errno::INVAL);
        }
        let high = (asked.kind & vblank::HIGH_CRTC) >> vblank::HIGH_CRTC_SHIFT;
        let second = asked.kind & vblank::SECONDARY != 0;
        let crtc = if high > 0 { high as usize } else { usize::from(second) };
        let beat = *self.beats.get(crtc).ok_or(Errno::INVAL)?;
        if !beat.is_on() {
            return Err(Errno::INVAL);
        }
        let moment = beat.at(now);
        let mut kind = asked.kind;
        let target = if kind & vblank::RELATIVE != 0 {
            kind &= !vblank::RELATIVE;
            moment.count + u64::from(asked.sequence)
        } else {
            widen(asked.sequence, moment.count)
        };
        let missed = (moment.count as u32).wrapping_sub(target as u32) <= PASSED;
        let target = if kind & vblank::NEXTONMISS != 0 && missed {
            kind &= !vblank::NEXTONMISS;
            moment.count + 1
        } else {
            target
        };
        if kind & vblank::EVENT != 0 {
            self.client(client).reserve(1)?;
            let event = Event::Vblank { crtc: crtc_id(crtc), user_data: asked.signal };
            self.at(crtc, target, What::Send { client, event }, now);
            let sequence = target.max(moment.count) as u32;
            // The rest is what was asked for (`union drm_wait_vblank`).
            let reply = WaitVblank { kind, sequence, signal: asked.signal };
            return Ok(Carried::Reply(Reply::of(reply.to_bytes())));
        }
        if target <= moment.count {
            return Ok(Carried::Reply(Reply::of(waited(kind, moment).to_bytes())));
        }
        let ticket = self.prepare(client, Waits::Vblank { kind });
        self.at(crtc, target, What::Wake { ticket: ticket.number }, now);
        Ok(Carried::Sleeps(ticket))
    }

    /// CRTC_GET_SEQUENCE (`drm_crtc_get_sequence_ioctl`).
    pub(super) fn get_sequence(&self, mut asked: GetSequence, now: Duration) -> Result<Reply, Errno> {
        let crtc = self.crtc(asked.crtc)?;
        if !self.beats[crtc].is_on() {
            return Err(Errno::INVAL);
        }
        let moment = self.beats[crtc].at(now);
        asked.active = 1;
        (asked.sequence, asked.nanoseconds) = (moment.count, moment.time.as_nanos() as i64);
        Ok(Reply::of(asked.to_bytes()))
    }

    /// CRTC_QUEUE_SEQUENCE (`drm_crtc_queue_sequence_ioctl`).
    pub(super) fn queue_sequence(
        &mut self,
        client: u64,
        mut asked: QueueSequence,
        now: Duration,
    ) -> Result<Reply, Errno> {
        let crtc = self.crtc(asked.crtc)?;
        if asked.flags & !(vblank::SEQUENCE_RELATIVE | vblank::SEQUENCE_NEXT_ON_MISS) != 0 || !self.beats[crtc].is_on()
        {
            return Err(Errno::INVAL);
        }
        self.client(client).reserve(1)?;
        let moment = self.beats[crtc].at(now);
        let relative = asked.flags & vblank::SEQUENCE_RELATIVE != 0;
        let target = if relative { moment.count.wrapping_add(asked.sequence) } else { asked.sequence };
        let missed = moment.count.wrapping_sub(target) <= u64::from(PASSED);
        let target = if asked.flags & vblank::SEQUENCE_NEXT_ON_MISS != 0 && missed { moment.count + 1 } else { target };
        let event = Event::Sequence { user_data: asked.user_data };
        self.at(crtc, target, What::Send { client, event }, now);
        asked.sequence = target.max(moment.count);
        Ok(Reply::of(asked.to_bytes()))
    }
}

/// What WAIT_VBLANK says that has waited.
pub(super) fn waited(kind: u32, moment: Moment) -> Vblanked {
    Vblanked {
        kind,
        sequence: moment.count as u32,
        seconds: moment.time.as_secs() as i64,
        microseconds: moment.time.subsec_micros().into(),
    }
}

/// The count near `now` whose lower half that is (`widen_32_to_64`).
fn widen(narrow: u32, now: u64) -> u64 {
    let ahead = narrow.wrapping_sub(now as u32).cast_signed();
    now.saturating_add_signed(ahead.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_narrow_count_is_the_nearest() {
        assert_eq!(widen(5, 3), 5);
        assert_eq!(widen(5, 9), 5);
        assert_eq!(widen(2, 0xffff_fffe), 0x1_0000_0002);
        assert_eq!(widen(0xffff_ffff, 0x1_0000_0001), 0xffff_ffff);
    }
}
