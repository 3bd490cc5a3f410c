//! Both ends on a wire that somebody may meddle with, and the books beside.

use crate::{
    chance::Chance,
    ledger::{Duties, Ledger, Wrong},
    meddler::Meddler,
    plant::Plant,
    requests::{hello, reply, request},
};
use outlive_protocol::{Class, Kind, Place, Reply, Request, Violation, host, limits::WINDOW, server};
use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

/// What was done.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct Tally {
    pub(crate) runs: u64,
    pub(crate) frames: u64,
    pub(crate) operations: u64,
    pub(crate) violations: u64,
}

/// An area larger than this cannot be read here.
const READABLE: u32 = 4 << 20;
/// Events come no more often than this.
const EVENTS: Duration = Duration::from_millis(20);

type Packets = VecDeque<(Vec<u8>, usize)>;

pub(crate) struct Wire {
    chance: Chance,
    class: Class,
    now: Duration,
    host: host::Session<u64>,
    server: server::Session,
    to_server: Packets,
    to_host: Packets,
    /// Of what goes to the server, and to the host.
    meddlers: [Option<Meddler>; 2],
    area: BTreeMap<u32, Vec<u8>>,
    ledger: Ledger,
    duties: Duties,
    /// What the driver has in hand.
    under_way: Vec<(u64, Request)>,
    /// By token.
    numbers: BTreeMap<u64, u64>,
    token: u64,
    event: Duration,
    plant: Plant,
    over: bool,
    pub(crate) tally: Tally,
}

impl Wire {
    /// Two ends that have greeted each other. `meddled`: which directions are not to be trusted.
    pub(crate) fn new(mut chance: Chance, meddled: [bool; 2], plant: Plant) -> Result<Wire, Wrong> {
        let class = Class::ALL[chance.below(3) as usize];
        let (mut server, frame) = server::Session::new(hello(class)).map_err(|wrong| wrong.to_string())?;
        host::hello(&frame, 0, class).map_err(|wrong| wrong.to_string())?;
        let (host, welcome) = host::Session::new(class, 1);
        server.receive(&welcome, 1).map_err(|wrong| wrong.to_string())?;
        let tally = Tally { runs: 1, ..Tally::default() };
        Ok(Wire {
            chance,
            class,
            now: Duration::from_secs(1),
            host,
            server,
            to_server: VecDeque::new(),
            to_host: VecDeque::new(),
            meddlers: meddled.map(|meddled| meddled.then(Meddler::default)),
            area: BTreeMap::new(),
            ledger: Ledger::default(),
            duties: Duties::default(),
            under_way: Vec::new(),
            numbers: BTreeMap::new(),
            token: 0,
            event: Duration::ZERO,
            plant,
            over: false,
            tally,
        })
    }

    /// Does `steps` things without a plan, and ends it.
    pub(crate) fn run(&mut self, steps: u64) -> Result<(), Wrong> {
        for _ in 0..steps {
            self.step()?;
            let outstanding = self.host.outstanding();
            if self.over {
                return Ok(());
            }
            if outstanding > WINDOW || outstanding != self.ledger.outstanding() {
                return Err(format!("{outstanding} outstanding, and {} were sent", self.ledger.outstanding()));
            }
        }
        self.part()
    }

    fn is_trusted(&self) -> bool {
        self.meddlers.iter().all(Option::is_none)
    }

    fn step(&mut self) -> Result<(), Wrong> {
        match self.chance.below(28) {
            0..=5 => self.ask(),
            6..=10 => self.send().map(drop),
            11..=15 => self.server_hears(),
            16..=20 => self.answer(),
            21..=24 => self.host_hears(),
            25 => self.cancel(),
            26 => self.wait(),
            _ => self.seldom(),
        }
    }

    fn ask(&mut self) -> Result<(), Wrong> {
        let request = request(&mut self.chance, self.class);
        let deadline = self.now + Duration::from_millis(1 + self.chance.below(3000));
        self.token += 1;
        match self.host.begin(deadline, request.clone(), self.token) {
            Ok(number) => {
                self.numbers.insert(self.token, number);
                self.ledger.asked(self.token, request, deadline);
                Ok(())
            }
            Err((_, token)) if token == self.token => Ok(()),
            Err((_, token)) => Err(format!("{token} comes back for {}", self.token)),
        }
    }

    /// What the host has to send next. Whether there was anything.
    fn send(&mut self) -> Result<bool, Wrong> {
        let Some(outgoing) = self.host.next(self.now) else { return Ok(false) };
        let mut frame = outgoing.frame.clone();
        self.plant.sends(&mut self.chance, &mut frame);
        self.ledger.sent(&frame)?;
        for more in self.plant.sends_more(&mut self.chance, &frame) {
            self.ledger.sent(&more)?;
        }
        self.put(outgoing.bulk);
        let to_server = match &mut self.meddlers[0] {
            Some(meddler) => meddler.passes(&mut self.chance, outgoing.frame),
            None => vec![(outgoing.frame, 0)],
        };
        self.to_server.extend(to_server);
        Ok(true)
    }

    fn put(&mut self, bulk: Option<(Place, Vec<u8>)>) {
        if let Some((place, data)) = bulk {
            self.area.insert(place.offset, data);
        }
    }

    fn get(&self, place: Option<Place>) -> Option<Vec<u8>> {
        let place = place.filter(|place| place.length <= READABLE)?;
        let mut data = self.area.get(&place.offset).cloned().unwrap_or_default();
        data.resize(place.length as usize, 0);
        Some(data)
    }

    fn server_hears(&mut self) -> Result<(), Wrong> {
        let Some((packet, descriptors)) = self.to_server.pop_front() else { return Ok(()) };
        self.tally.frames += 1;
        let heard = match self.server.receive(&packet, descriptors) {
            Ok(server::Heard::Operation(incoming)) => {
                let data = self.get(incoming.fetch());
                match self.server.accept(incoming, data) {
                    Ok(operation) => return self.begin(operation),
                    Err(violation) => Err(violation),
                }
            }
            heard => heard,
        };
        match self.plant.judges(&mut self.chance, heard) {
            Err(violation) => self.accused(&violation),
            Ok(server::Heard::Again) => {
                let frame = self.server.greet(hello(self.class)).map_err(|wrong| wrong.to_string())?;
                self.pass_to_host(frame);
                Ok(())
            }
            Ok(_) => Ok(()),
        }
    }

    fn begin(&mut self, operation: server::Operation) -> Result<(), Wrong> {
        self.tally.operations += 1;
        let server::Operation { number, request, .. } = operation;
        for _ in 0..self.plant.takes(&mut self.chance) {
            self.duties.taken(number, &request)?;
        }
        self.under_way.push((number, request));
        Ok(())
    }

    /// The driver answers to something, in any order.
    fn answer(&mut self) -> Result<(), Wrong> {
        if self.under_way.is_empty() {
            return Ok(());
        }
        let at = self.chance.below(self.under_way.len() as u64) as usize;
        let (number, request) = self.under_way.swap_remove(at);
        let reply = reply(&mut self.chance, &request);
        let answer = self.server.answer(number, reply).ok_or_else(|| format!("{number} cannot be answered"))?;
        for _ in 0..self.plant.answers(&mut self.chance) {
            self.duties.answered(number, &answer.frame)?;
        }
        if self.server.answer(number, Reply::Cancelled).is_some() {
            return Err(format!("operation {number} is answered twice"));
        }
        self.put(answer.bulk);
        self.pass_to_host(answer.frame);
        Ok(())
    }

    fn pass_to_host(&mut self, frame: Vec<u8>) {
        match &mut self.meddlers[1] {
            Some(meddler) => self.to_host.extend(meddler.passes(&mut self.chance, frame)),
            None => self.to_host.push_back((frame, 0)),
        }
    }

    fn host_hears(&mut self) -> Result<(), Wrong> {
        let Some((packet, descriptors)) = self.to_host.pop_front() else { return Ok(()) };
        self.tally.frames += 1;
        match self.host.receive(self.now, &packet, descriptors) {
            Err(violation) => self.accused(&violation),
            Ok(host::Heard::Answer(landed)) => self.landed(landed),
            Ok(host::Heard::Late(number)) => self.ledger.answered(number, false),
            Ok(host::Heard::Hello(_)) => {
                self.host.welcome_again(2);
                Ok(())
            }
            Ok(host::Heard::Log(line)) if line.len() > 1024 => Err(format!("a line of {} bytes", line.len())),
            Ok(_) => Ok(()),
        }
    }

    fn landed(&mut self, landed: host::Landed<u64>) -> Result<(), Wrong> {
        let (number, place) = (landed.number(), landed.place());
        self.ledger.answered(number, true)?;
        if landed.fetch().is_some_and(|fetch| place.is_none_or(|place| fetch.length > place.length)) {
            return Err(format!("operation {number}: {:?} is to be fetched of {place:?}", landed.fetch()));
        }
        // Other operations come and go in between.
        if self.chance.below(2) == 0 {
            self.send()?;
        }
        let data = self.get(landed.fetch());
        let (token, reply) = landed.finish(data);
        if let Some(place) = place {
            self.ledger.given_back(place.offset);
            self.host.give_back(place);
        }
        match reply {
            Ok(mut reply) => {
                self.plant.brings(&mut self.chance, &mut reply);
                for _ in 0..self.plant.tells(&mut self.chance) {
                    self.ledger.tell_reply(token, &reply)?;
                }
                Ok(())
            }
            Err(violation) => {
                self.ledger.tell(token)?;
                self.accused(&violation)
            }
        }
    }

    fn cancel(&mut self) -> Result<(), Wrong> {
        let waits = self.ledger.waits();
        if waits.is_empty() {
            return Ok(());
        }
        let token = waits[self.chance.below(waits.len() as u64) as usize];
        match self.host.cancel(self.numbers[&token]) {
            Some(told) if told == token => self.ledger.tell(token).map(drop),
            told => Err(format!("{token} is cancelled, and {told:?} hears of it")),
        }
    }

    fn wait(&mut self) -> Result<(), Wrong> {
        self.now += Duration::from_micros(self.chance.below(300_000));
        let mut tokens = self.host.expire(self.now);
        self.plant.expires(&mut self.chance, &mut tokens);
        self.ledger.expired(self.now, &tokens)?;
        match self.host.next_deadline() {
            Some(next) if next <= self.now => Err(format!("{next:?} is to come, and it is {:?}", self.now)),
            _ => Ok(()),
        }
    }

    fn seldom(&mut self) -> Result<(), Wrong> {
        match self.chance.below(4) {
            0 => self.host.again(),
            1..=2 if self.now >= self.event + EVENTS => {
                self.event = self.now;
                let frame = self.server.log("it is \u{1b}well\n");
                self.pass_to_host(frame);
            }
            _ => {}
        }
        Ok(())
    }

    /// One end accuses the other, which is its end; whoever waits hears so.
    fn accused(&mut self, violation: &Violation) -> Result<(), Wrong> {
        if self.is_trusted() {
            return Err(format!("somebody who did nothing is accused: it {violation}"));
        }
        self.tally.violations += 1;
        self.end()
    }

    fn end(&mut self) -> Result<(), Wrong> {
        self.over = true;
        let mut tokens = self.host.end();
        self.plant.ends(&mut tokens);
        for token in tokens {
            self.ledger.tell(token)?;
        }
        self.ledger.close()?;
        if self.host.begin(self.now, request(&mut Chance::new(5), self.class), 0).is_ok() {
            return Err("an operation is taken after the end".into());
        }
        while let Some(outgoing) = self.host.next(self.now) {
            let (header, _) = outlive_protocol::Header::parse(&outgoing.frame).map_err(|wrong| wrong.to_string())?;
            if header.kind.is_operation() || header.kind == Kind::Goodbye {
                return Err(format!("a {:?} is sent after the end", header.kind));
            }
        }
        Ok(())
    }

    /// In good order: all that was asked is answered, and both say goodbye.
    fn part(&mut self) -> Result<(), Wrong> {
        if !self.is_trusted() {
            return self.end();
        }
        self.host.goodbye();
        for _ in 0..10_000 {
            let sent = self.send()?;
            let rest = self.to_server.len() + self.under_way.len() + self.to_host.len();
            self.server_hears()?;
            self.answer()?;
            self.host_hears()?;
            if !sent && rest == 0 {
                break;
            }
        }
        self.ledger.close()?;
        if !self.server.is_over() || self.host.outstanding() > 0 {
            return Err("a goodbye is not the end".into());
        }
        match self.host.receive(self.now, &self.server.goodbye(), 0) {
            Ok(host::Heard::Goodbye) => self.end(),
            other => Err(format!("a goodbye is {other:?}")),
        }
    }
}
