//! What a server sends, or does otherwise, and what becomes of its device.

use super::{
    Link,
    channel::{Channel, Room},
    link::{End, State, Then},
    log::say,
};
use outlive::Reason;
use outlive_protocol::{
    Violation,
    host::{Heard, Landed},
    limits::FRAME_MAX,
};
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::Errno,
};
use std::{
    os::fd::AsFd,
    sync::{Arc, MutexGuard},
    time::Duration,
};

/// So many packets of a server are heard in one go, when it is about to be found too late or has ended.
const DRAINED: usize = 512;
/// A device that was lost again and again takes longer to come back, up to so many times its first pause.
const LONGEST: u32 = 64;
/// How long after it has hung up a server's process is waited for, to say how that ended.
const GRACE: Duration = Duration::from_millis(50);

impl Link {
    /// Hears one packet, if there is one. `false` if not, or if there is nobody to hear any more.
    pub(super) fn hear(&self, room: &mut Room) -> bool {
        let (channel, serial) = match &self.lock().connection {
            Some(connection) if !connection.lost => (connection.channel.clone(), connection.serial),
            _ => return false,
        };
        match channel.receive(room) {
            Ok(packet) if packet.size > 0 => {
                self.heard(serial, &channel, &room[..packet.size], packet.descriptors);
                true
            }
            Err(Errno::AGAIN) => false,
            Ok(_) | Err(Errno::CONNRESET) => {
                self.hung_up(serial);
                false
            }
            Err(why) => {
                self.give_up(serial, &format!("cannot be heard any more: {why}"));
                false
            }
        }
    }

    /// It has hung up. If its process ends in a moment, that is said instead.
    fn hung_up(&self, serial: u64) {
        let now = self.servers.now();
        let mut state = self.lock();
        let Some(connection) = state.connection.as_mut().filter(|connection| connection.serial == serial) else {
            return;
        };
        if connection.parting || connection.peer.pidfd().is_none() || !self.servers.is_going() {
            drop(state);
            return self.give_up(serial, "closed its connection");
        }
        if connection.hung_up.is_none() {
            connection.hung_up = Some(now);
            self.servers.forget(connection.channel.as_fd(), None);
            drop(state);
            self.servers.due(now + GRACE);
        }
    }

    /// Waits for a packet and hears it, where no thread does.
    pub(super) fn hear_alone(&self, channel: Option<Arc<Channel>>, limit: Duration) {
        let Some(channel) = channel else { return };
        let _ = poll(&mut [PollFd::new(&*channel, PollFlags::IN)], Timespec::try_from(limit).ok().as_ref());
        let mut room: Box<Room> = Box::new([0; FRAME_MAX + 1]);
        self.hear(&mut room);
    }

    fn heard(&self, serial: u64, channel: &Channel, packet: &[u8], descriptors: usize) {
        let now = self.servers.now();
        let mut state = self.lock();
        let Some(connection) = state.connection.as_mut().filter(|connection| connection.serial == serial) else {
            return;
        };
        match connection.session.receive(now, packet, descriptors) {
            Ok(Heard::Answer(landed)) => {
                drop(state);
                self.landed(serial, channel, landed);
            }
            Ok(Heard::Late(_)) => {
                drop(state);
                self.pump();
            }
            Ok(Heard::Log(text)) => report(state, &format!("says: {text}")),
            Ok(Heard::Hello(hello)) => {
                state.hello = Some(hello);
                self.changed.notify_all();
            }
            Ok(Heard::Gone) => {
                let noticer = state.noticer.clone();
                report(state, "says that its hardware has gone");
                noticer.into_iter().for_each(|noticer| noticer.gone(Reason::Pulled));
            }
            Ok(Heard::Goodbye) => {
                drop(state);
                self.give_up(serial, "takes its leave");
            }
            Err(violation) => {
                drop(state);
                self.give_up(serial, &violation.to_string());
            }
        }
    }

    fn landed(&self, serial: u64, channel: &Channel, landed: Landed<Then>) {
        let data = landed.fetch().map(|place| channel.get(place)).transpose();
        if let Some(place) = landed.place() {
            channel.discard(place);
            let mut state = self.lock();
            if let Some(connection) = state.connection.as_mut().filter(|connection| connection.serial == serial) {
                connection.session.give_back(place);
            }
        }
        let (then, reply) = match data {
            Ok(data) => landed.finish(data),
            Err(_) => (landed.finish(None).0, Err(Violation::Truncated)),
        };
        // The next may take the place that this one had.
        self.pump();
        match reply {
            Ok(reply) => then(End::Reply(reply)),
            Err(violation) => {
                self.give_up(serial, &violation.to_string());
                then(End::Lost);
            }
        }
    }

    /// Whatever has missed its deadline fails; the next deadline.
    pub(super) fn tick(&self, room: &mut Room) -> Option<Duration> {
        let (next, grace, serial) = {
            let state = self.lock();
            let connection = state.connection.as_ref().filter(|connection| !connection.lost)?;
            let grace = connection.hung_up.map(|since| since + GRACE);
            (connection.session.next_deadline(), grace, connection.serial)
        };
        if grace.is_some_and(|grace| grace <= self.servers.now()) {
            self.give_up(serial, "closed its connection");
            return None;
        }
        let next = next.into_iter().chain(grace).min()?;
        if next > self.servers.now() {
            return Some(next);
        }
        for _ in 0..DRAINED {
            if !self.hear(room) {
                break;
            }
        }
        let (serial, late, misses) = {
            let mut state = self.lock();
            let connection = state.connection.as_mut()?;
            let late = connection.session.expire(self.servers.now());
            (connection.serial, late, connection.session.misses())
        };
        if misses >= self.settings.misses {
            let what = match misses {
                1 => "missed a deadline".to_owned(),
                several => format!("missed {several} deadlines in a row"),
            };
            self.give_up(serial, &format!("{what} of {:?}", self.settings.deadline));
            late.into_iter().for_each(|then| then(End::Lost));
            return None;
        }
        late.into_iter().for_each(|then| then(End::TimedOut));
        self.pump();
        self.lock().connection.as_ref()?.session.next_deadline()
    }

    /// The process has ended, whoever holds its socket still. What it sent before that counts.
    pub(super) fn its_process_ended(&self, room: &mut Room) {
        let serial = self.lock().connection.as_ref().map(|connection| connection.serial);
        for _ in 0..DRAINED {
            if !self.hear(room) {
                break;
            }
        }
        let mut state = self.lock();
        let connection = state.connection.as_mut().filter(|it| Some(it.serial) == serial && !it.lost);
        let Some((serial, ended)) = connection.and_then(|it| Some((it.serial, it.peer.ended()?))) else { return };
        drop(state);
        self.give_up(serial, &ended);
    }

    /// The server is lost, since it did that: its device goes, the log says so, and it comes back if it is to.
    pub(super) fn give_up(&self, serial: u64, what: &str) {
        let mut state = self.lock();
        let connection = state.connection.as_mut().filter(|connection| connection.serial == serial && !connection.lost);
        let Some(connection) = connection else { return };
        connection.lost = true;
        let (pid, parting) = (connection.peer.pid(), connection.parting);
        let (noticer, name) = (state.noticer.take(), state.name.clone());
        let pause = if parting { None } else { self.pause(&mut state) };
        drop(state);
        let lived = self.servers.lab().is_none_or(|lab| lab.is_live(&name));
        if !parting {
            let so = if lived { "; its device has gone" } else { "" };
            say(&format!("{name}: its server (pid {pid}) {what}{so}"));
        }
        // The mark first: whoever was refused before would have heard an error of a device that is there.
        noticer.into_iter().for_each(|noticer| noticer.gone(Reason::DriverLost));
        let connection = self.lock().connection.take_if(|connection| connection.serial == serial);
        self.changed.notify_all();
        connection.into_iter().for_each(|connection| self.lay_down(connection));
        if let Some(pause) = pause.filter(|_| lived) {
            self.servers.restart(self.me.clone(), pause);
        }
    }

    /// How long it takes to come back, if it is to: twice as long each time, until a life has lasted.
    fn pause(&self, state: &mut State) -> Option<Duration> {
        let first = self.settings.restart?;
        let longest = first.saturating_mul(LONGEST);
        let pause = match state.pause {
            before if before.is_zero() || state.began.elapsed() > longest => first,
            before => before.saturating_mul(2).min(longest),
        };
        state.pause = pause;
        Some(pause)
    }

    /// Plugs the device in again, as a new generation.
    pub(super) fn come_back(&self) {
        let Some(lab) = self.servers.lab() else { return };
        let name = self.lock().name.clone();
        match lab.plug_name(&name) {
            Ok(_) => say(&format!("{name}: its server is back; it is a new generation")),
            // Somebody was faster.
            Err(crate::lab::PlugError::Plugged { .. }) => {}
            Err(why) => {
                let pause = self.pause(&mut self.lock());
                say(&why.to_string());
                if let Some(pause) = pause {
                    self.servers.restart(self.me.clone(), pause);
                }
            }
        }
    }
}

/// Says on behalf of a device what its server did.
fn report(state: MutexGuard<'_, State>, what: &str) {
    let name = state.name.clone();
    drop(state);
    say(&format!("{name}: its server {what}"));
}
