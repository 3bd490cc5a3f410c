//! What ought to be true of both ends, kept apart from them: from frames as they travel, and from who hears what.

use crate::requests::fits;
use outlive_protocol::{
    Kind, Reply, Request,
    limits::{FRAME_MAX, INLINE_MAX, WINDOW},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

/// What a check found wrong.
pub(crate) type Wrong = String;

/// The books of a host.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    /// Who waits: what they asked, and until when.
    waiting: BTreeMap<u64, (Request, Duration)>,
    /// Operations that were sent and not answered, by number: their places.
    outstanding: BTreeMap<u64, (u32, u32)>,
    /// Places of answers that have not been copied yet.
    held: Vec<(u32, u32)>,
    last: u64,
}

fn number_at(frame: &[u8], at: usize, size: usize) -> u64 {
    frame[at..at + size].iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

impl Ledger {
    pub(crate) fn asked(&mut self, number: u64, request: Request, deadline: Duration) {
        self.waiting.insert(number, (request, deadline));
    }

    pub(crate) fn waits(&self) -> Vec<u64> {
        self.waiting.keys().copied().collect()
    }

    /// Somebody is told how it ended; once.
    pub(crate) fn tell(&mut self, token: u64) -> Result<(Request, Duration), Wrong> {
        self.waiting.remove(&token).ok_or_else(|| format!("operation {token} ends twice, or was never begun"))
    }

    pub(crate) fn tell_reply(&mut self, token: u64, reply: &Reply) -> Result<(), Wrong> {
        let (request, _) = self.tell(token)?;
        let start = |what: String| what.chars().take(300).collect::<String>();
        let wrong = || format!("{} … is no answer to {} …", start(format!("{reply:?}")), start(format!("{request:?}")));
        if fits(&request, reply) { Ok(()) } else { Err(wrong()) }
    }

    /// Those that are told that they waited too long, did; and nobody else did.
    pub(crate) fn expired(&mut self, now: Duration, tokens: &[u64]) -> Result<(), Wrong> {
        for token in tokens {
            let (_, deadline) = self.tell(*token)?;
            if deadline > now {
                return Err(format!("operation {token} expires too early"));
            }
        }
        match self.waiting.iter().find(|(_, (_, deadline))| *deadline <= now) {
            Some((token, _)) => Err(format!("operation {token} does not expire")),
            None => Ok(()),
        }
    }

    /// A host sends.
    pub(crate) fn sent(&mut self, frame: &[u8]) -> Result<(), Wrong> {
        if frame.len() > FRAME_MAX || number_at(frame, 4, 4) != frame.len() as u64 {
            return Err(format!("a frame of {} bytes is sent", frame.len()));
        }
        let kind = Kind::numbered(number_at(frame, 0, 2) as u16).ok_or("a frame of no type is sent")?;
        if !kind.is_operation() {
            return Ok(());
        }
        let number = number_at(frame, 8, 8);
        if number <= self.last {
            return Err(format!("operation {number} is sent after {}", self.last));
        }
        self.last = number;
        let place = (number_at(frame, 36, 4) as u32, number_at(frame, 40, 4) as u32);
        let (limit, data) = (number_at(frame, 32, 4), number_at(frame, 20, 4));
        if place.1 == 0 && limit.max(data) > INLINE_MAX as u64 || place.1 > 0 && limit.max(data) > u64::from(place.1) {
            return Err(format!("operation {number} has no room: {limit}, {data}, {place:?}"));
        }
        let others = self.outstanding.values().chain(&self.held);
        if let Some(other) = others.clone().find(|other| place.0 < other.0 + other.1 && other.0 < place.0 + place.1) {
            return Err(format!("operation {number} gets {place:?}, and {other:?} is another's"));
        }
        self.outstanding.insert(number, place);
        if self.outstanding.len() > WINDOW {
            return Err(format!("{} operations are outstanding", self.outstanding.len()));
        }
        Ok(())
    }

    /// A host has taken an answer.
    pub(crate) fn answered(&mut self, number: u64, holds: bool) -> Result<(), Wrong> {
        let place = self.outstanding.remove(&number).ok_or_else(|| format!("operation {number} is answered twice"))?;
        if holds && place.1 > 0 {
            self.held.push(place);
        }
        Ok(())
    }

    pub(crate) fn given_back(&mut self, offset: u32) {
        self.held.retain(|place| place.0 != offset);
    }

    pub(crate) fn outstanding(&self) -> usize {
        self.outstanding.len()
    }

    /// At the end nobody waits.
    pub(crate) fn close(&self) -> Result<(), Wrong> {
        if self.waiting.is_empty() { Ok(()) } else { Err(format!("operations {:?} never end", self.waits())) }
    }
}

/// The books of a server.
#[derive(Debug, Default)]
pub(crate) struct Duties {
    open: BTreeSet<u64>,
    last: u64,
}

impl Duties {
    pub(crate) fn taken(&mut self, number: u64, request: &Request) -> Result<(), Wrong> {
        let sound = match request {
            Request::I2c(messages) => {
                (1..=42).contains(&messages.len()) && messages.iter().all(|message| message.data.len() <= 8192)
            }
            Request::Tpm(command) => command.len() <= 4096,
            Request::Mtd(_) => true,
        };
        if !sound {
            return Err(format!("a server takes {request:?}"));
        }
        if number <= self.last || !self.open.insert(number) || self.open.len() > WINDOW {
            return Err(format!("a server takes operation {number} after {}, with {}", self.last, self.open.len()));
        }
        self.last = number;
        Ok(())
    }

    pub(crate) fn answered(&mut self, number: u64, frame: &[u8]) -> Result<(), Wrong> {
        if frame.len() > FRAME_MAX || number_at(frame, 8, 8) != number {
            return Err(format!("a server answers operation {number} with {} bytes", frame.len()));
        }
        if self.open.remove(&number) { Ok(()) } else { Err(format!("a server answers operation {number} twice")) }
    }
}
