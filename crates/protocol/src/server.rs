//! A server's end: what a host asks, and how that is answered.

use crate::{
    Asked, Header, Hello, Kind, Outgoing, Place, Reply, Request, Violation, Welcome,
    cursor::Cursor,
    limits::{INLINE_MAX, LOG_MAX},
    request::Terms,
};
use std::{collections::BTreeMap, time::Duration};

/// What passes between a server and its host in one life of its device, after the hello has been sent.
#[derive(Debug)]
pub struct Session {
    hello: Hello,
    welcome: Option<Welcome>,
    /// Whether the host waits for a hello, or the server for the welcome after it.
    greets: bool,
    /// The highest number so far.
    last: u64,
    open: BTreeMap<u64, Open>,
    /// Whether the host has said goodbye.
    parted: bool,
}

#[derive(Debug)]
struct Open {
    asked: Asked,
    place: Option<Place>,
}

/// What a packet of the host's means.
#[derive(Debug)]
pub enum Heard {
    /// It agrees. The descriptor that came with it is the area's.
    Welcome(Welcome),
    /// An operation, whose data may have to be fetched from the area; then [`Session::accept`] it.
    Operation(Incoming),
    /// Nobody wants the answer to this operation any more. It is answered all the same.
    Cancel(u64),
    /// The cancellation of what has been answered.
    Nothing,
    /// Another life begins, and the host waits for a hello: see [`Session::greet`].
    Again,
    /// No more comes. When all has been answered, the server says goodbye and closes.
    Goodbye,
}

/// An operation that has come.
#[derive(Debug)]
pub struct Incoming {
    header: Header,
    terms: Terms,
    body: Vec<u8>,
    data: Vec<u8>,
}

/// An operation.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Operation {
    /// Its number.
    pub number: u64,
    /// How long it may take from now on.
    pub deadline: Duration,
    /// What is to be done.
    pub request: Request,
}

impl Incoming {
    /// The part of the area that its data is to be copied from, once, if it has any there.
    pub fn fetch(&self) -> Option<Place> {
        self.terms.place.map(|place| place.first(self.header.data)).filter(|place| place.length > 0)
    }
}

impl Session {
    /// One that begins with a hello, which is to be sent.
    ///
    /// # Errors
    /// What the host would say of it.
    pub fn new(hello: Hello) -> Result<(Self, Vec<u8>), Violation> {
        let frame = hello.encode()?;
        Ok((Session { hello, welcome: None, greets: false, last: 0, open: BTreeMap::new(), parted: false }, frame))
    }

    /// What a packet means that came with so many descriptors.
    ///
    /// # Errors
    /// What the host did; a server had better end then.
    pub fn receive(&mut self, packet: &[u8], descriptors: usize) -> Result<Heard, Violation> {
        let Some(welcome) = self.welcome else {
            let welcome = Welcome::decode(packet)?;
            match descriptors {
                0 => return Err(Violation::NoDescriptor),
                1 => self.welcome = Some(welcome),
                _ => return Err(Violation::Descriptors),
            }
            return Ok(Heard::Welcome(welcome));
        };
        if descriptors > 0 {
            return Err(Violation::Descriptors);
        }
        let (header, body) = Header::parse(packet)?;
        match header.kind {
            _ if self.parted && header.kind != Kind::Cancel => Err(Violation::AfterGoodbye),
            Kind::Again if !self.greets => {
                header.is_of_no_operation()?;
                header.is_bare(body)?;
                self.greets = true;
                Ok(Heard::Again)
            }
            Kind::Welcome if self.greets => {
                let welcome = Welcome::decode(packet)?;
                (self.welcome, self.greets) = (Some(welcome), false);
                Ok(Heard::Welcome(welcome))
            }
            kind if kind.is_operation() && self.greets => Err(Violation::Unexpected(kind)),
            kind if kind.is_operation() => self.operation(welcome, header, body),
            Kind::Cancel => {
                header.is_bare(body)?;
                match header.number {
                    number if self.open.contains_key(&number) => Ok(Heard::Cancel(number)),
                    number if (1..=self.last).contains(&number) => Ok(Heard::Nothing),
                    number => Err(Violation::NotAsked(number)),
                }
            }
            Kind::Goodbye => {
                header.is_of_no_operation()?;
                header.is_bare(body)?;
                self.parted = true;
                Ok(Heard::Goodbye)
            }
            kind => Err(Violation::Unexpected(kind)),
        }
    }

    fn operation(&mut self, welcome: Welcome, header: Header, body: &[u8]) -> Result<Heard, Violation> {
        let number = header.number;
        if number <= self.last || header.status != 0 {
            return Err(Violation::Operation(number));
        }
        if self.open.len() >= welcome.window as usize {
            return Err(Violation::Window);
        }
        let mut cursor = Cursor::new(body);
        let terms = Terms::decode(&mut cursor)?;
        let rest = cursor.rest();
        let (body, data) = match terms.place {
            Some(place) if !place.is_within(welcome.area) || header.data > place.length => {
                return Err(Violation::Place(number));
            }
            Some(_) => (rest, &[][..]),
            None => rest.split_at_checked(rest.len().wrapping_sub(header.data as usize)).ok_or(Violation::Truncated)?,
        };
        Ok(Heard::Operation(Incoming { header, terms, body: body.into(), data: data.into() }))
    }

    /// Takes an operation; `data` is what [`Incoming::fetch`] named. From here on it has to be answered.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn accept(&mut self, incoming: Incoming, data: Option<Vec<u8>>) -> Result<Operation, Violation> {
        let Incoming { header: Header { kind, number, data: size, .. }, terms, body, data: inline } = incoming;
        let data = if terms.place.is_some() { data.unwrap_or_default() } else { inline };
        if data.len() != size as usize {
            return Err(Violation::Truncated);
        }
        let request = Request::unpack(number, kind, &body, data)?;
        if request.class() != self.hello.class() {
            return Err(Violation::Unexpected(kind));
        }
        let (asked, place) = (Asked::of(&request), terms.place);
        let most = place.map_or(INLINE_MAX as u32, |place| place.length);
        if terms.limit > most || asked.limit() as u64 > u64::from(terms.limit) {
            return Err(Violation::Operation(number));
        }
        self.last = number;
        self.open.insert(number, Open { asked, place });
        Ok(Operation { number, deadline: Duration::from_nanos(terms.deadline), request })
    }

    /// The hello that answers to [`Heard::Again`], which is to be sent.
    ///
    /// # Errors
    /// What the host would say of it.
    pub fn greet(&mut self, hello: Hello) -> Result<Vec<u8>, Violation> {
        let frame = hello.encode()?;
        self.hello = hello;
        Ok(frame)
    }

    /// The answer to an operation; `None` if there is none of that number to be answered. What is no answer to it becomes
    /// an error.
    pub fn answer(&mut self, number: u64, reply: Reply) -> Option<Outgoing> {
        let Open { asked, place } = self.open.remove(&number)?;
        // No more than was asked for, for which there is room: `accept` has seen to that.
        let (status, body, data) = asked.pack(reply);
        let size = data.len() as u32;
        let header = Header { kind: asked.kind().answer(), number, status, data: size };
        Some(match place {
            None => header.frame(&body, &data).into(),
            Some(_) if data.is_empty() => header.frame(&body, &[]).into(),
            Some(place) => Outgoing { frame: header.frame(&body, &[]), bulk: Some((place.first(size), data)) },
        })
    }

    /// That the hardware has gone.
    pub fn gone(&self) -> Vec<u8> {
        Header::of(Kind::Gone).frame(&[], &[])
    }

    /// A line for the host's log; what is too long of it, and control characters, are left out.
    pub fn log(&self, line: &str) -> Vec<u8> {
        let mut text = String::new();
        for shown in line.chars().filter(|one| !one.is_control()) {
            if text.len() + shown.len_utf8() > LOG_MAX {
                break;
            }
            text.push(shown);
        }
        Header { data: text.len() as u32, ..Header::of(Kind::Log) }.frame(&[], text.as_bytes())
    }

    /// The server's goodbye: the last frame before it closes.
    pub fn goodbye(&self) -> Vec<u8> {
        Header::of(Kind::Goodbye).frame(&[], &[])
    }

    /// Whether the host has said goodbye and all has been answered.
    pub fn is_over(&self) -> bool {
        self.parted && self.open.is_empty()
    }

    /// What the host agreed to, as soon as it has.
    pub fn welcome(&self) -> Option<&Welcome> {
        self.welcome.as_ref()
    }
}
