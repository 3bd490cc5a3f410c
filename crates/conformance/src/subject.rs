//! What the suite asks of whatever is to keep the law.

use crate::{Badge, FarEnd};
use outlive::{Gone, Policy, Reason, State};
use std::{
    any::Any,
    fmt,
    sync::{Arc, mpsc},
    time::Duration,
};

/// Something whose devices are to keep the law: a class on a front, or the core itself.
pub trait Subject: Send + Sync {
    /// Why a statement does not apply here; its check is not run then.
    fn excuse(&self, statement: u8) -> Option<&'static str>;

    /// The calls that a user has, each by its name. The first reaches the driver and is answered by it.
    fn calls(&self) -> &[&'static str];

    /// What every call on a zombie says (I15).
    fn gone(&self) -> Said;

    /// What the driver's own error looks like to a user ([`Behaviour::Fail`](crate::Behaviour)).
    fn failed(&self) -> Said;

    /// Whether items that a user has not asked for are read all at once ([`User::read_received`]), as a count is.
    fn received_at_once(&self) -> bool {
        false
    }

    /// Whether a second call by a user is refused while another of its calls is in flight.
    fn one_call_at_a_time(&self) -> bool {
        false
    }

    /// Whether the driver is in another process. A removal then waits for nothing that it does, and it may hear of what it is
    /// told after the removal has finished.
    fn driver_is_elsewhere(&self) -> bool {
        false
    }

    /// Whether what users map is memory of their own, that the device only looks at: it keeps what it held (I24).
    fn mappings_are_its_users(&self) -> bool {
        false
    }

    /// Plugs a device in, in a place of its own that is given out by the lowest free number, with a driver that hands
    /// all its calls to `far` and whose objects carry `badge`.
    fn plug(&self, far: &Arc<FarEnd>, badge: Badge) -> Arc<dyn Rig>;
}

/// A place, and the device that is plugged in there.
pub trait Rig: Send + Sync {
    /// The number of the place.
    fn number(&self) -> u32;

    /// A user opens it.
    ///
    /// # Errors
    /// What the user is told.
    fn open(&self) -> Result<Arc<dyn User>, Said>;

    /// `count` idle handles of others, who do nothing at all until the result is dropped, which closes them.
    fn idle(&self, count: usize) -> Box<dyn Any + Send>;

    /// Removes the device. `true` for the one removal that did it.
    ///
    /// # Errors
    /// [`Stuck`] if `limit` passed.
    fn unplug(&self, reason: Reason, policy: Policy, limit: Duration) -> Result<bool, Stuck>;

    /// Whether its name leads to a device.
    fn is_found(&self) -> bool;

    /// How many handles it has, zombies included.
    fn handles(&self) -> usize;

    /// Whether it is gone.
    fn is_gone(&self) -> bool;

    /// How many removals of it watchers have heard of.
    fn removals_heard(&self) -> usize;

    /// Sets what it is doing.
    fn set_state(&self, state: State);

    /// Prepares its removal (I33); whether its users have left.
    fn prepare(&self, limit: Duration) -> bool;

    /// The driver notices that the hardware is gone (I34). May be called inside a call.
    fn notice(&self);

    /// The same hardware is plugged in again, in the same place, with another far end.
    fn replug(&self, far: &Arc<FarEnd>);

    /// What is left of the hardware after a removal is dropped, and the driver's code with it (I30).
    fn scrap(&self);

    /// Whether memory of the handles' lifetime is still there (I29).
    fn remains(&self) -> bool;

    /// The word of its memory by that number, from 0, as the device sees it now; `None` if it has no memory that users
    /// map, or none any more.
    fn word(&self, number: usize) -> Option<u32> {
        let _ = number;
        None
    }

    /// The device writes a word of its memory, as far as it has one.
    fn set_word(&self, number: usize, value: u32) {
        let _ = (number, value);
    }

    /// Tries to sleep inside the gate; whether it was caught (I14).
    fn sleep_inside(&self) -> bool {
        false
    }
}

/// A user with one open file.
pub trait User: Send + Sync {
    /// Makes a call by its name. What it says comes by itself.
    fn call(&self, name: &str) -> Answer;

    /// What poll says now.
    fn poll(&self) -> Poll;

    /// Sleeps in poll until the device goes; the answer is what poll says then.
    fn sleep_in_poll(&self) -> Answer;

    /// A signal comes while `call` sleeps (I20).
    fn interrupt(&self, call: &Answer);

    /// Ways to another handle through this one, each with what it says to the first of the calls (I25).
    fn other_ways(&self) -> Vec<(&'static str, Said)>;

    /// What it learns about its device without an error (I31).
    fn standing(&self) -> Standing;

    /// Asks for a mapping of its device's memory, which it keeps (I24).
    ///
    /// # Errors
    /// What the user is told.
    fn map(&self) -> Result<Box<dyn Mapped>, Said>;

    /// An object of the user's own.
    fn make_object(&self) -> Box<dyn Object>;

    /// Makes the hardware send one item of data that the user has not asked for.
    fn receive(&self);

    /// Reads such an item, if there is one.
    fn read_received(&self) -> Said;

    /// Everything that its event stream has to say, in order.
    fn events(&self) -> Vec<Happened>;

    /// Closes it.
    fn close(&self) -> Said;
}

/// A user's mapping of a device's memory: [`MAPPED_WORDS`] words of 32 bits, on two pages.
pub trait Mapped: Send + Sync {
    /// Reads a word.
    ///
    /// # Errors
    /// The signal that came of it.
    fn get(&self, number: usize) -> Result<u32, Said>;

    /// Writes a word.
    ///
    /// # Errors
    /// As [`get`](Mapped::get).
    fn set(&self, number: usize, value: u32) -> Result<(), Said>;
}

/// How many words there are in a mapping.
pub const MAPPED_WORDS: usize = 2048;

/// Something that belongs to a user.
pub trait Object {
    /// Destroys it.
    fn destroy(self: Box<Self>) -> Said;
}

/// An item of an event stream.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Happened {
    /// Something of the class's.
    Event,
    /// The removal.
    Removed,
}

/// What a call says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Said {
    /// It succeeded.
    Done,
    /// It failed with that error, by its name: `ENODEV`.
    Failed(String),
}

impl Said {
    /// A failure.
    pub fn failed(error: impl Into<String>) -> Said {
        Said::Failed(error.into())
    }
}

/// What poll says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Poll {
    /// There is something to read.
    pub readable: bool,
    /// HUP and ERR, which go together (I19).
    pub hung_up: bool,
}

/// What a handle learns about its device.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Standing {
    /// That it is gone and why.
    pub gone: Option<Reason>,
    /// For how long, if it is said.
    pub since: Option<Duration>,
    /// Whether its number has been given to another.
    pub lives_elsewhere: bool,
}

impl Standing {
    /// As the core says it.
    pub fn of(gone: Option<Gone>, lives_elsewhere: bool) -> Standing {
        let since = gone.map(|gone| gone.since.elapsed());
        Standing { gone: gone.map(|gone| gone.reason), since, lives_elsewhere }
    }
}

/// An unplug that could not finish.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Stuck {
    /// What was inside: the handle, the number and the kind of each operation, and for how long.
    pub culprits: Vec<(u64, u64, String, Duration)>,
    /// In words.
    pub message: String,
}

impl fmt::Display for Stuck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

/// The answer to a call, when it comes.
pub struct Answer {
    answers: mpsc::Receiver<Said>,
    /// How its user finds it, to interrupt it.
    pub name: u64,
}

impl Answer {
    /// One that comes by the channel.
    pub fn new(answers: mpsc::Receiver<Said>, name: u64) -> Self {
        Answer { answers, name }
    }

    /// One that is there.
    pub fn now(said: Said) -> Self {
        let (tell, answers) = mpsc::channel();
        tell.send(said).expect("the other end is here");
        Answer { answers, name: 0 }
    }

    /// One that is lost.
    pub fn lost() -> Self {
        Answer { answers: mpsc::channel().1, name: 0 }
    }

    /// Waits for it.
    pub fn within(&self, limit: Duration) -> Option<Said> {
        self.answers.recv_timeout(limit).ok()
    }

    /// Another one, which should not come.
    pub fn another(&self) -> Option<Said> {
        self.answers.try_recv().ok()
    }
}
