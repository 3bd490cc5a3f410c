//! The host's end: which operations a server has, until when, and what its frames mean.

mod landed;
mod rate;

pub use landed::Landed;

use crate::{
    Area, Asked, Class, Header, Hello, Kind, Outgoing, Place, Request, Violation, Welcome,
    cursor::text,
    limits::{EVENT_BURST, EVENT_RATE, FRAME_MAX, LOG_MAX, WAITING, WINDOW},
    request::{Packed, Terms},
};
use rate::Rate;
use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

/// Reads the first packet of a server that is to serve a device of `class`; `descriptors`: how many came with it.
///
/// # Errors
/// What is wrong with it.
pub fn hello(packet: &[u8], descriptors: usize, class: Class) -> Result<Hello, Violation> {
    if descriptors > 0 {
        return Err(Violation::Descriptors);
    }
    let hello = Hello::decode(packet)?;
    match hello.class() {
        is if is == class => Ok(hello),
        is => Err(Violation::Class { wanted: class, is }),
    }
}

/// What passes between a host and one server after its hello, in one life of its device. `T` is what the host keeps of
/// an operation: whom it has to tell. Times count from any moment that stays the same.
#[derive(Debug)]
pub struct Session<T> {
    welcome: Welcome,
    class: Class,
    /// The number that was given last, and the one that was sent last.
    given: u64,
    sent: u64,
    /// Not sent yet.
    waiting: VecDeque<Waiting<T>>,
    /// Sent, and somebody waits.
    open: BTreeMap<u64, Open<T>>,
    /// Sent, and nobody waits any more; the server still owes the answer.
    owed: BTreeMap<u64, Owed>,
    cancels: VecDeque<u64>,
    area: Area,
    misses: u32,
    late: u64,
    events: Rate,
    parting: Parting,
    greeting: Greeting,
}

/// Where the beginning of another life stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Greeting {
    Done,
    /// `Again` is to be sent.
    Wanted,
    /// The hello is awaited.
    Asked,
    /// It has come; the welcome of that generation is to be sent. Then, perhaps, `Again`: that life was over by then.
    Answered {
        generation: u64,
        again: bool,
    },
}

#[derive(Debug)]
struct Waiting<T> {
    number: u64,
    deadline: Duration,
    packed: Packed,
    token: T,
}

#[derive(Debug)]
struct Open<T> {
    terms: Sent,
    token: T,
}

/// What an answer is measured by.
#[derive(Debug)]
struct Sent {
    deadline: Duration,
    asked: Asked,
    limit: u32,
    place: Option<Place>,
}

#[derive(Debug)]
struct Owed {
    terms: Sent,
    /// Whether it has been counted as missed.
    counted: bool,
}

/// How far the goodbyes have got.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Parting {
    None,
    /// It is to be sent.
    Wanted,
    Said,
}

/// What a packet of the server's means.
#[derive(Debug)]
pub enum Heard<T> {
    /// The answer to an operation.
    Answer(Landed<T>),
    /// An answer that nobody waits for any more.
    Late(u64),
    /// The hardware has gone.
    Gone,
    /// A line for the log.
    Log(String),
    /// The server says who it is, after [`Session::again`].
    Hello(Hello),
    /// The server takes its leave.
    Goodbye,
}

/// Why an operation was not taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Refusal {
    /// Too many wait already.
    Full,
    /// It is of another class, or larger than the area.
    Impossible,
}

impl<T> Session<T> {
    /// One that begins with a welcome, which is to be sent with the descriptor of the area.
    pub fn new(class: Class, generation: u64) -> (Self, Vec<u8>) {
        let area = class.area_size();
        let welcome = Welcome {
            area: area.into(),
            generation,
            window: WINDOW as u32,
            frame: FRAME_MAX as u32,
            events: EVENT_BURST,
        };
        let session = Session {
            welcome,
            class,
            given: 0,
            sent: 0,
            waiting: VecDeque::new(),
            open: BTreeMap::new(),
            owed: BTreeMap::new(),
            cancels: VecDeque::new(),
            area: Area::new(area),
            misses: 0,
            late: 0,
            events: Rate::new(EVENT_BURST, EVENT_RATE),
            parting: Parting::None,
            greeting: Greeting::Done,
        };
        (session, welcome.encode())
    }

    /// Takes an operation that has until `deadline`, and gives its number. It is sent when its turn comes.
    ///
    /// # Errors
    /// Why it is not taken, and the token again.
    pub fn begin(&mut self, deadline: Duration, request: Request, token: T) -> Result<u64, (Refusal, T)> {
        if self.waiting.len() >= WAITING {
            return Err((Refusal::Full, token));
        }
        let ours = request.class() == self.class && self.parting == Parting::None;
        let fits = |packed: &Packed| packed.bulk().is_none_or(|size| size <= self.area.size());
        match ours.then(|| request.pack()).flatten().filter(fits) {
            None => Err((Refusal::Impossible, token)),
            Some(packed) => {
                self.given += 1;
                let number = self.given;
                self.waiting.push_back(Waiting { number, deadline, packed, token });
                Ok(number)
            }
        }
    }

    /// What is to be sent next, if anything may be sent now.
    pub fn next(&mut self, now: Duration) -> Option<Outgoing> {
        if let Some(number) = self.cancels.pop_front() {
            return Some(Header { number, ..Header::of(Kind::Cancel) }.frame(&[], &[]).into());
        }
        match self.greeting {
            Greeting::Done => {}
            Greeting::Wanted => {
                self.greeting = Greeting::Asked;
                return Some(Header::of(Kind::Again).frame(&[], &[]).into());
            }
            Greeting::Asked => return None,
            Greeting::Answered { generation, again } => {
                self.greeting = if again { Greeting::Wanted } else { Greeting::Done };
                self.welcome.generation = generation;
                return Some(self.welcome.encode().into());
            }
        }
        match self.waiting.pop_front() {
            Some(waiting) => self.send(now, waiting),
            None if self.parting == Parting::Wanted => {
                self.parting = Parting::Said;
                Some(Header::of(Kind::Goodbye).frame(&[], &[]).into())
            }
            None => None,
        }
    }

    fn send(&mut self, now: Duration, waiting: Waiting<T>) -> Option<Outgoing> {
        let place = match waiting.packed.bulk() {
            Some(_) if self.is_full() => None,
            Some(size) => self.area.take(size),
            None => None,
        };
        if self.is_full() || place.is_none() && waiting.packed.bulk().is_some() {
            self.waiting.push_front(waiting);
            return None;
        }
        let Waiting { number, deadline, packed, token } = waiting;
        let left = deadline.saturating_sub(now).as_nanos();
        let terms = Terms { deadline: u64::try_from(left).unwrap_or(u64::MAX), limit: packed.limit, place };
        let sent = Sent { deadline, asked: packed.asked.clone(), limit: packed.limit, place };
        self.open.insert(number, Open { terms: sent, token });
        self.sent = number;
        let (frame, bulk) = packed.frame(number, terms);
        Some(Outgoing { frame, bulk })
    }

    fn is_full(&self) -> bool {
        self.open.len() + self.owed.len() >= WINDOW
    }

    /// Nobody wants the answer to this operation any more; its token, unless it has been answered.
    pub fn cancel(&mut self, number: u64) -> Option<T> {
        if let Some(at) = self.waiting.iter().position(|waiting| waiting.number == number) {
            return self.waiting.remove(at).map(|waiting| waiting.token);
        }
        let Open { terms, token } = self.open.remove(&number)?;
        self.owe(number, terms, false);
        Some(token)
    }

    fn owe(&mut self, number: u64, terms: Sent, counted: bool) {
        self.owed.insert(number, Owed { terms, counted });
        self.cancels.push_back(number);
    }

    /// Those whose deadline has passed; each is a miss.
    pub fn expire(&mut self, now: Duration) -> Vec<T> {
        let mut tokens = Vec::new();
        let over: Vec<u64> = self.open.iter().filter(|(_, open)| open.terms.deadline <= now).map(|(n, _)| *n).collect();
        for number in over {
            if let Some(Open { terms, token }) = self.open.remove(&number) {
                self.owe(number, terms, true);
                tokens.push(token);
            }
        }
        for owed in self.owed.values_mut().filter(|owed| !owed.counted && owed.terms.deadline <= now) {
            owed.counted = true;
            self.misses = self.misses.saturating_add(1);
        }
        let (over, waiting) = std::mem::take(&mut self.waiting).into_iter().partition(|one| one.deadline <= now);
        self.waiting = waiting;
        let over: VecDeque<Waiting<T>> = over;
        tokens.extend(over.into_iter().map(|waiting| waiting.token));
        self.misses = self.misses.saturating_add(tokens.len() as u32);
        tokens
    }

    /// When [`expire`](Session::expire) is to be called next.
    pub fn next_deadline(&self) -> Option<Duration> {
        let open = self.open.values().map(|open| open.terms.deadline);
        let owed = self.owed.values().filter(|owed| !owed.counted).map(|owed| owed.terms.deadline);
        open.chain(owed).chain(self.waiting.iter().map(|waiting| waiting.deadline)).min()
    }

    /// How many deadlines in a row have been missed; an answer in time ends the row.
    pub fn misses(&self) -> u32 {
        self.misses
    }

    /// How many answers came when nobody waited for them any more.
    pub fn late(&self) -> u64 {
        self.late
    }

    /// How many operations the server has.
    pub fn outstanding(&self) -> usize {
        self.open.len() + self.owed.len()
    }

    /// Has a goodbye sent when all that waits has been; nothing more is taken.
    pub fn goodbye(&mut self) {
        if self.parting == Parting::None {
            self.parting = Parting::Wanted;
        }
    }

    /// Begins another life of the device with the same server, which is asked to say hello again. Nothing else is sent
    /// before [`welcome_again`](Session::welcome_again); answers that are still owed may come.
    pub fn again(&mut self) {
        self.greeting = match self.greeting {
            Greeting::Done | Greeting::Wanted => Greeting::Wanted,
            // The hello that is awaited is as good.
            Greeting::Asked => Greeting::Asked,
            // The server waits for the welcome, and for nothing else.
            Greeting::Answered { generation, .. } => Greeting::Answered { generation, again: true },
        };
        self.misses = 0;
    }

    /// Has that life begun, as `generation`.
    pub fn welcome_again(&mut self, generation: u64) {
        self.greeting = Greeting::Answered { generation, again: false };
    }

    /// What a packet means that came with so many descriptors.
    ///
    /// # Errors
    /// What the server did. Nothing that it says is to be believed after that.
    pub fn receive(&mut self, now: Duration, packet: &[u8], descriptors: usize) -> Result<Heard<T>, Violation> {
        if descriptors > 0 {
            return Err(Violation::Descriptors);
        }
        let (header, body) = Header::parse(packet)?;
        match header.kind {
            kind if kind.is_answer() => self.answered(now, header, body),
            Kind::Gone => self.event(now, header).and(header.is_bare(body)).map(|()| Heard::Gone),
            Kind::Goodbye => self.event(now, header).and(header.is_bare(body)).map(|()| Heard::Goodbye),
            Kind::Log => {
                self.event(now, header)?;
                match header.data as usize == body.len() {
                    true => text(body, LOG_MAX).map(Heard::Log),
                    false => Err(Violation::Truncated),
                }
            }
            Kind::Hello if self.greeting == Greeting::Asked => hello(packet, descriptors, self.class).map(Heard::Hello),
            kind => Err(Violation::Unexpected(kind)),
        }
    }

    fn event(&mut self, now: Duration, header: Header) -> Result<(), Violation> {
        header.is_of_no_operation()?;
        if self.events.takes(now) { Ok(()) } else { Err(Violation::Flood) }
    }

    fn answered(&mut self, now: Duration, header: Header, body: &[u8]) -> Result<Heard<T>, Violation> {
        let number = header.number;
        let terms = match (self.open.get(&number), self.owed.get(&number)) {
            (Some(open), _) => &open.terms,
            (None, Some(owed)) => &owed.terms,
            (None, None) if number == 0 || number > self.sent => return Err(Violation::NotAsked(number)),
            (None, None) => return Err(Violation::Twice(number)),
        };
        terms.asked.check(header, terms.limit)?;
        let inline = if terms.place.is_some() { 0 } else { header.data as usize };
        let split = body.len().checked_sub(inline).ok_or(Violation::Truncated)?;
        let in_time = now < terms.deadline;
        if in_time {
            self.misses = 0;
        }
        if let Some(Open { terms: Sent { asked, place, .. }, token }) = self.open.remove(&number) {
            let (body, data) = body.split_at(split);
            return Ok(Heard::Answer(Landed { token, header, asked, place, body: body.into(), data: data.into() }));
        }
        if let Some(place) = self.owed.remove(&number).and_then(|owed| owed.terms.place) {
            self.area.give_back(place);
        }
        self.cancels.retain(|cancelled| *cancelled != number);
        self.late += 1;
        Ok(Heard::Late(number))
    }

    /// What was at this place in the area has been copied.
    pub fn give_back(&mut self, place: Place) {
        self.area.give_back(place);
    }

    /// What it began with.
    pub fn welcome(&self) -> &Welcome {
        &self.welcome
    }

    /// Ends it: those who wait still.
    pub fn end(&mut self) -> Vec<T> {
        self.parting = Parting::Said;
        let waiting = std::mem::take(&mut self.waiting).into_iter().map(|waiting| waiting.token);
        waiting.chain(std::mem::take(&mut self.open).into_values().map(|open| open.token)).collect()
    }
}
