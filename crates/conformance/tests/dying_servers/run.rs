//! One run: clients that never rest, and a device whose server dies again and again.

use super::{
    SERVER,
    books::Books,
    chance::{Chance, seed},
    desk::Desk,
    echo::answer_to,
    server::Plant,
};
use crate::on_front::agent::Agent;
use outlive::{Policy, REMOVAL_BUDGET, Reason};
use outlive_conformance::Said;
use outlive_host::lab::{DeviceConfig, Lab, Lookup, PlugError, Reach, ServerSettings, parse_spec};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    thread,
    time::{Duration, Instant},
};

/// How many clients there are.
const CLIENTS: usize = 5;
/// How many lives the device has, unless something is found before.
const LIVES: u64 = 24;
/// How long an operation may take: `deadline` of the server's.
const DEADLINE: Duration = Duration::from_secs(2);
/// Only what hangs takes longer.
const PATIENCE: Duration = Duration::from_secs(20);

/// What a run has.
pub(crate) struct Run<'a> {
    pub(crate) lab: &'a Lab,
    pub(crate) agent: &'a Agent,
    pub(crate) class: &'static str,
    pub(crate) plant: Plant,
    pub(crate) books: Arc<Books>,
    pub(crate) done: AtomicBool,
}

impl Run<'_> {
    /// Runs until its end, or until something is wrong: what. Else how many calls were answered, and how many lost.
    pub(crate) fn run(&self, desk: &Desk) -> Result<(usize, u64), String> {
        let mut chance = Chance::new(seed() ^ u64::from(self.class.as_bytes()[0]));
        let (number, device) = self.device(desk);
        desk.seat(number, &self.books, chance.next(), self.plant);
        desk.next_dies_after(number, 40);
        let name = self.lab.plug(&device).map_err(|error| error.to_string())?;
        let path = format!("/dev/{name}");
        let lives = thread::scope(|scope| {
            for _ in 0..CLIENTS {
                scope.spawn(|| self.client(&path));
            }
            let lives = self.lives(&name, number, desk, &mut chance);
            self.done.store(true, SeqCst);
            lives
        });
        lives?;
        self.leaves_nothing(&name, number, desk)?;
        self.books.close()
    }

    fn device(&self, desk: &Desk) -> (u64, DeviceConfig) {
        let number = desk.number();
        // A number that nobody is given whom we have not told: between two lives, with no handle open, it would be free.
        let spec = format!("{}:server,num={},deadline={}s,command=true", self.class, 64 + number, DEADLINE.as_secs());
        let mut device = parse_spec(&spec, "the test").expect("a spec");
        let program = std::env::current_exe().expect("a path").into_os_string().into_string().expect("UTF-8");
        let settings = settings(&mut device);
        settings.reach =
            Reach::Command([program, SERVER.into(), self.class.into(), desk.path(), number.to_string()].into());
        settings.shared = true;
        (number, device)
    }

    /// The device's lives, one after the other.
    fn lives(&self, name: &str, number: u64, desk: &Desk, chance: &mut Chance) -> Result<(), String> {
        for life in 1..=LIVES {
            self.ends(name, chance)?;
            if self.books.is_breached() || life == LIVES {
                break;
            }
            // From the first frame on, or before its hello, or after many.
            let frames = [0, 1 + chance.below(6), 1 + chance.below(60), 1 + chance.below(300)];
            desk.next_dies_after(number, frames[chance.below(4) as usize]);
            while let Err(error) = self.lab.plug_name(name) {
                if !matches!(error, PlugError::Server { .. }) {
                    return Err(format!("life {}: {error}", life + 1));
                }
                desk.next_dies_after(number, 1 + chance.below(60));
            }
        }
        Ok(())
    }

    /// A life ends: by its server's death, or by a pull that may come before.
    fn ends(&self, name: &str, chance: &mut Chance) -> Result<(), String> {
        let (begun, path) = (Instant::now(), format!("/dev/{name}"));
        let pulled = (chance.below(4) == 0).then(|| Duration::from_micros(chance.below(20_000)));
        while matches!(self.lab.find(&path), Lookup::Here(_)) && pulled.is_none_or(|pulled| begun.elapsed() < pulled) {
            if begun.elapsed() > PATIENCE || self.books.is_breached() {
                break;
            }
            thread::sleep(Duration::from_micros(200));
        }
        if begun.elapsed() > PATIENCE {
            return Err("its clients do not get as far as its server's death".into());
        }
        let removed = self.lab.unplug(name, Reason::Pulled, Policy::Detach, REMOVAL_BUDGET);
        removed.map(drop).map_err(|stuck| format!("a removal did not finish within its budget: {stuck}"))
    }

    /// A client: opens, calls until the device has gone, closes, and again.
    fn client(&self, path: &str) {
        while !self.done.load(SeqCst) && !self.books.is_breached() {
            match self.agent.ask(format_args!("open path {path}")).number() {
                Ok(file) => {
                    self.calls(file);
                    let said = self.agent.ask(format_args!("close {file}")).number();
                    said.map_or_else(|said| self.books.unexpected("close", &said), drop);
                }
                Err(said) if self.says_gone(&said) || said == Said::failed("ENOENT") => {
                    thread::sleep(Duration::from_millis(1));
                }
                Err(said) => self.books.unexpected("open", &said),
            }
        }
    }

    /// Whether that says that the device has gone: pulled, or its server lost.
    fn says_gone(&self, said: &Said) -> bool {
        ["ENODEV", "ENOTCONN"].into_iter().any(|error| *said == Said::failed(error))
    }

    fn calls(&self, file: u64) {
        while !self.books.is_breached() {
            match self.call(file) {
                Ok(()) => {}
                Err(said) if self.says_gone(&said) => {
                    self.books.lost();
                    // And so it stays.
                    match self.call(file) {
                        Err(again) if again == said => {}
                        Err(again) => self.books.unexpected("a call on a zombie, after another error,", &again),
                        Ok(()) => self.books.breach("a call on a zombie claims success"),
                    }
                    return;
                }
                Err(said) => return self.books.unexpected("a call", &said),
            }
            // Without a server that dies it would go on for ever.
            if self.done.load(SeqCst) {
                return;
            }
        }
    }

    /// A call that no other is like.
    fn call(&self, file: u64) -> Result<(), Said> {
        let token = self.books.token();
        let begun = Instant::now();
        let said = self.agent.ask(format_args!("tell-{} {file} {token}", self.class)).number();
        let took = begun.elapsed();
        if took > DEADLINE + REMOVAL_BUDGET {
            self.books.breach(format!("call {token} took {took:?}"));
        }
        let writes = self.class == "mtd" && token.is_multiple_of(3);
        let right = if writes { 0 } else { answer_to(token) };
        self.books.answered(token, said?, right);
        Ok(())
    }

    /// When nobody has it open any more and nobody wants it again.
    fn leaves_nothing(&self, name: &str, number: u64, desk: &Desk) -> Result<(), String> {
        drop(self.lab.take_hardware(name));
        let begun = Instant::now();
        let left = || {
            let handles: usize =
                self.lab.list().iter().filter(|device| device.name == name).map(|device| device.handles).sum();
            (handles, desk.servers(number))
        };
        while left() != (0, 0) {
            if begun.elapsed() > PATIENCE {
                let (handles, servers) = left();
                return Err(format!("{handles} handles and {servers} servers are left"));
            }
            thread::sleep(Duration::from_millis(1));
        }
        Ok(())
    }
}

fn settings(device: &mut DeviceConfig) -> &mut ServerSettings {
    &mut device.server_mut().expect("the spec says so").settings
}
