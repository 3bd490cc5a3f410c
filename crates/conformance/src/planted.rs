//! A subject that breaks one statement, so that its check can be seen to find that.

use crate::{
    Answer, Badge, Entry, FarEnd, Happened, Mapped, Object, Poll, Rig, Said, Standing, Stuck, Subject, User,
    stage::PATIENCE,
};
use outlive::{Policy, REMOVAL_BUDGET, Reason, State};
use std::{
    any::Any,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    },
    thread,
    time::{Duration, Instant},
};

/// Another subject, with the bug that [`LAW`](crate::LAW) names for one statement.
pub struct Planted {
    subject: Arc<dyn Subject>,
    bug: u8,
    /// The far ends of all its devices.
    ends: Arc<Mutex<Vec<Arc<FarEnd>>>>,
}

impl Planted {
    /// With the bug of that statement.
    pub fn new(subject: Arc<dyn Subject>, bug: u8) -> Self {
        Planted { subject, bug, ends: Arc::default() }
    }
}

impl Subject for Planted {
    fn excuse(&self, statement: u8) -> Option<&'static str> {
        self.subject.excuse(statement)
    }

    fn calls(&self) -> &[&'static str] {
        self.subject.calls()
    }

    fn gone(&self) -> Said {
        self.subject.gone()
    }

    fn failed(&self) -> Said {
        self.subject.failed()
    }

    fn received_at_once(&self) -> bool {
        self.subject.received_at_once()
    }

    fn one_call_at_a_time(&self) -> bool {
        self.subject.one_call_at_a_time()
    }

    fn driver_is_elsewhere(&self) -> bool {
        self.subject.driver_is_elsewhere()
    }

    fn mappings_are_its_users(&self) -> bool {
        self.subject.mappings_are_its_users()
    }

    fn plug(&self, far: &Arc<FarEnd>, badge: Badge) -> Arc<dyn Rig> {
        self.ends.lock().unwrap_or_else(PoisonError::into_inner).push(far.clone());
        let rig = self.subject.plug(far, badge.clone());
        Arc::new(BadRig(Arc::new(Bad {
            bug: self.bug,
            rig,
            far: far.clone(),
            ends: self.ends.clone(),
            _badge: (self.bug == 28).then_some(badge),
            state: Mutex::new(State::Running),
            calls: AtomicUsize::new(0),
            mapped: AtomicBool::new(false),
        })))
    }
}

struct Bad {
    bug: u8,
    rig: Arc<dyn Rig>,
    far: Arc<FarEnd>,
    ends: Arc<Mutex<Vec<Arc<FarEnd>>>>,
    _badge: Option<Badge>,
    state: Mutex<State>,
    calls: AtomicUsize,
    /// Somebody has a mapping.
    mapped: AtomicBool,
}

struct BadRig(Arc<Bad>);

/// Waits as long as `busy`, up to `limit`.
fn wait_while(busy: impl Fn() -> bool, limit: Duration) -> Result<(), Stuck> {
    let deadline = Instant::now() + limit;
    while busy() {
        if Instant::now() >= deadline {
            return Err(Stuck { culprits: Vec::new(), message: "it waits for what it should not".into() });
        }
        thread::sleep(Duration::from_millis(1));
    }
    Ok(())
}

impl Bad {
    fn before_unplug(&self, reason: Reason, limit: Duration) -> Result<Option<bool>, Stuck> {
        match self.bug {
            1 => wait_while(|| self.rig.handles() > 0, limit)?,
            2 | 10 => wait_while(|| self.far.holding() > 0, limit)?,
            3 if self.far.running() > 0 => thread::sleep(4 * REMOVAL_BUDGET),
            4 => {
                let ends = self.ends.lock().unwrap_or_else(PoisonError::into_inner).clone();
                wait_while(|| ends.iter().any(|far| far.holding() > 0), limit)?;
            }
            5 => {
                let state = *self.state.lock().unwrap_or_else(PoisonError::into_inner);
                wait_while(|| state == State::Blocked, limit)?;
            }
            7 => {
                let _ = self.rig.unplug(reason, Policy::Detach, Duration::ZERO);
                return Ok(Some(true));
            }
            12 if reason == Reason::Orderly => self.far.teardown(),
            13 if self.rig.is_gone() => return Ok(Some(false)),
            32 => self.far.note(Entry::HandleAction(2)),
            _ => {}
        }
        Ok(None)
    }
}

impl Rig for BadRig {
    fn number(&self) -> u32 {
        if self.0.bug == 27 { 0 } else { self.0.rig.number() }
    }

    fn open(&self) -> Result<Arc<dyn User>, Said> {
        let (user, rig) = (self.0.rig.open()?, self.0.clone());
        Ok(Arc::new(BadUser { user, rig, interrupted: AtomicBool::new(false) }))
    }

    fn idle(&self, count: usize) -> Box<dyn Any + Send> {
        self.0.rig.idle(count)
    }

    fn unplug(&self, reason: Reason, policy: Policy, limit: Duration) -> Result<bool, Stuck> {
        if let Some(acted) = self.0.before_unplug(reason, limit)? {
            return Ok(acted);
        }
        let reason = if self.0.bug == 11 { Reason::Pulled } else { reason };
        let outcome = self.0.rig.unplug(reason, policy, limit);
        let nameless = |stuck: Stuck| match self.0.bug {
            6 => Stuck { culprits: Vec::new(), ..stuck },
            _ => stuck,
        };
        outcome.map_err(nameless)
    }

    fn is_found(&self) -> bool {
        self.0.rig.is_found()
    }

    fn handles(&self) -> usize {
        self.0.rig.handles()
    }

    fn is_gone(&self) -> bool {
        self.0.rig.is_gone()
    }

    fn removals_heard(&self) -> usize {
        if self.0.bug == 21 && self.0.rig.handles() > 0 { 0 } else { self.0.rig.removals_heard() }
    }

    fn set_state(&self, state: State) {
        *self.0.state.lock().unwrap_or_else(PoisonError::into_inner) = state;
        self.0.rig.set_state(state);
    }

    fn prepare(&self, limit: Duration) -> bool {
        // Nobody is kept out, and whoever is there is waited for all the same.
        if self.0.bug == 33 {
            wait_while(|| self.0.rig.handles() > 0, limit).is_ok()
        } else {
            self.0.rig.prepare(limit)
        }
    }

    fn notice(&self) {
        self.0.rig.notice();
    }

    fn replug(&self, far: &Arc<FarEnd>) {
        self.0.rig.replug(far);
    }

    fn scrap(&self) {
        self.0.rig.scrap();
    }

    fn remains(&self) -> bool {
        if self.0.bug == 29 { !self.0.rig.is_gone() } else { self.0.rig.remains() }
    }

    fn word(&self, number: usize) -> Option<u32> {
        self.0.rig.word(number)
    }

    fn set_word(&self, number: usize, value: u32) {
        self.0.rig.set_word(number, value);
    }

    fn sleep_inside(&self) -> bool {
        self.0.bug != 14 && self.0.rig.sleep_inside()
    }
}

/// A mapping that leads to whatever has the name.
struct Following {
    mapping: Box<dyn Mapped>,
    rig: Arc<Bad>,
}

impl Mapped for Following {
    fn get(&self, number: usize) -> Result<u32, Said> {
        self.rig.rig.word(number).map_or_else(|| self.mapping.get(number), Ok)
    }

    fn set(&self, number: usize, value: u32) -> Result<(), Said> {
        self.rig.rig.set_word(number, value);
        self.mapping.set(number, value)
    }
}

/// A mapping of what cannot be mapped.
struct Wild;

impl Mapped for Wild {
    fn get(&self, _: usize) -> Result<u32, Said> {
        Err(Said::failed("SIGBUS"))
    }

    fn set(&self, _: usize, _: u32) -> Result<(), Said> {
        Err(Said::failed("SIGBUS"))
    }
}

struct BadUser {
    user: Arc<dyn User>,
    rig: Arc<Bad>,
    interrupted: AtomicBool,
}

impl BadUser {
    fn is_zombie(&self) -> bool {
        self.user.poll().hung_up
    }
}

impl User for BadUser {
    fn call(&self, name: &str) -> Answer {
        match self.rig.bug {
            9 if self.is_zombie() => self.rig.far.note(Entry::Called),
            15 if self.is_zombie() => return Answer::now(Said::failed("EPIPE")),
            16 if self.is_zombie() => return Answer::now(Said::Done),
            // The third of all calls is carried out, and nobody hears of it.
            17 if self.rig.calls.fetch_add(1, SeqCst) == 2 => {
                let _ = self.user.call(name).within(PATIENCE);
                return Answer::lost();
            }
            26 if self.is_zombie() => {
                if let Ok(other) = self.rig.rig.open() {
                    return other.call(name);
                }
            }
            34 => {
                let said = self.user.call(name).within(PATIENCE).unwrap_or(Said::Done);
                return Answer::now(if said == Said::Done { said } else { Said::failed("ENODEV") });
            }
            _ => {}
        }
        self.user.call(name)
    }

    fn poll(&self) -> Poll {
        let said = self.user.poll();
        match self.rig.bug {
            19 => Poll { hung_up: false, ..said },
            20 if self.interrupted.load(SeqCst) => Poll { hung_up: true, ..said },
            _ => said,
        }
    }

    fn sleep_in_poll(&self) -> Answer {
        self.user.sleep_in_poll()
    }

    fn interrupt(&self, call: &Answer) {
        self.interrupted.store(true, SeqCst);
        self.user.interrupt(call);
    }

    fn other_ways(&self) -> Vec<(&'static str, Said)> {
        let mut ways = self.user.other_ways();
        if self.rig.bug == 25 {
            ways.push(("a kept name", Said::Done));
        }
        ways
    }

    fn standing(&self) -> Standing {
        let standing = self.user.standing();
        match self.rig.bug {
            31 => Standing { gone: standing.gone.map(|_| Reason::Abandoned), ..standing },
            _ => standing,
        }
    }

    fn map(&self) -> Result<Box<dyn Mapped>, Said> {
        match self.user.map() {
            Ok(mapping) if self.rig.bug == 24 => {
                self.rig.mapped.store(true, SeqCst);
                Ok(Box::new(Following { mapping, rig: self.rig.clone() }))
            }
            // Where there are mappings, the other bug is to be found.
            Err(_) if self.rig.bug == 24 && self.is_zombie() && !self.rig.mapped.load(SeqCst) => Ok(Box::new(Wild)),
            said => said,
        }
    }

    fn make_object(&self) -> Box<dyn Object> {
        struct Stubborn;
        impl Object for Stubborn {
            fn destroy(self: Box<Self>) -> Said {
                Said::failed("ENODEV")
            }
        }
        if self.rig.bug == 23 { Box::new(Stubborn) } else { self.user.make_object() }
    }

    fn receive(&self) {
        self.user.receive();
    }

    fn read_received(&self) -> Said {
        if self.rig.bug == 18 && self.is_zombie() {
            return Said::failed("ENODEV");
        }
        self.user.read_received()
    }

    fn events(&self) -> Vec<Happened> {
        self.user.events()
    }

    fn close(&self) -> Said {
        let said = self.user.close();
        match self.rig.bug {
            8 | 30 => {
                self.rig.far.note(Entry::Called);
                said
            }
            22 => Said::failed("EIO"),
            _ => said,
        }
    }
}
