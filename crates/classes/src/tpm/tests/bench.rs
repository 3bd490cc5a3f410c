//! A TPM that does as it is told, and a client of it.

use crate::{
    Access, Answer, Call, Contract, Errno, File, Hardware, NoMemory, OpenFlags, Plugged,
    client::{Heard, OnArrival},
    tpm::{Chip, Error, Order, Then, Tpm},
};
use outlive::{Noticer, Numbers, Policy, Reason};
use std::{
    sync::{Arc, Mutex, atomic::AtomicBool, atomic::Ordering::SeqCst},
    time::Duration,
};

pub(super) const LONG: Duration = Duration::from_secs(10);
pub(super) const READ_WRITE: OpenFlags = OpenFlags { access: Access::ReadWrite, nonblock: false };

/// What the TPM does with a command.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Behaviour {
    /// Answers at once, as many random bytes as GetRandom asks for.
    Prompt,
    /// Answers at once with that, whatever it is.
    Says(Result<Vec<u8>, Error>),
    /// Keeps it until it is told to let go, or to answer.
    Hold,
}

/// What is known of the TPM, which outlives it.
#[derive(Debug)]
pub(super) struct Notes {
    pub(super) behaviour: Mutex<Behaviour>,
    /// The commands that it was given.
    pub(super) commands: Mutex<Vec<Vec<u8>>>,
    pub(super) opened: AtomicBool,
    pub(super) unplugged: AtomicBool,
    pub(super) noticer: Mutex<Option<Noticer>>,
    held: Mutex<Vec<Order>>,
    /// It is about to begin, and these wait for that.
    pub(super) beginning: Mutex<Option<Vec<Waiting>>>,
}

/// Somebody who waits for it to begin.
pub(super) struct Waiting(pub(super) Then);

impl std::fmt::Debug for Waiting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Waiting")
    }
}

impl Notes {
    pub(super) fn behave(&self, behaviour: Behaviour) {
        *self.behaviour.lock().unwrap() = behaviour;
    }

    /// Answers what is held.
    pub(super) fn release(&self) {
        let held = std::mem::take(&mut *self.held.lock().unwrap());
        held.into_iter().for_each(|order| order.answer(Ok(random(4))));
    }

    pub(super) fn is_holding(&self) -> bool {
        !self.held.lock().unwrap().is_empty()
    }
}

#[derive(Debug)]
struct Stub(Arc<Notes>);

impl Tpm for Stub {
    fn begin(&self, command: Vec<u8>, order: Order) {
        let asked = command.get(10..12).map_or(0, |count| u16::from_be_bytes([count[0], count[1]]));
        self.0.commands.lock().unwrap().push(command);
        let behaviour = self.0.behaviour.lock().unwrap().clone();
        match behaviour {
            Behaviour::Prompt => order.answer(Ok(random(asked))),
            Behaviour::Says(answer) => order.answer(answer),
            Behaviour::Hold => {
                let notes = self.0.clone();
                order.on_cancel(move |cause| {
                    let held = notes.held.lock().unwrap().pop();
                    held.into_iter().for_each(|held| held.let_go(cause));
                });
                self.0.held.lock().unwrap().push(order);
            }
        }
    }
    fn plugged(&self, noticer: &Noticer) {
        *self.0.noticer.lock().unwrap() = Some(noticer.clone());
    }
    fn opened(&self) {
        self.0.opened.store(true, SeqCst);
    }
    fn when_ready(&self, then: Then) -> Option<Then> {
        match &mut *self.0.beginning.lock().unwrap() {
            Some(waiting) => waiting.push(Waiting(then)),
            None => return Some(then),
        }
        None
    }
    fn unplugged(&mut self) {
        self.0.unplugged.store(true, SeqCst);
    }
}

/// The command GetRandom, for so many bytes.
pub(super) fn get_random(count: u16) -> Vec<u8> {
    let [high, low] = count.to_be_bytes();
    vec![0x80, 1, 0, 0, 0, 12, 0, 0, 1, 0x7b, high, low]
}

/// A response to it. The bytes are as random as a test needs them.
pub(super) fn random(count: u16) -> Vec<u8> {
    let mut response = vec![0x80, 1];
    response.extend((12 + u32::from(count)).to_be_bytes());
    response.extend([0; 4]);
    response.extend(count.to_be_bytes());
    response.extend((0..count).map(|index| index as u8));
    response
}

/// A call of the client's.
pub(super) struct Said {
    pub(super) heard: Heard,
    pub(super) number: Option<u64>,
}

impl Said {
    pub(super) fn answer(&self) -> Result<Answer, Errno> {
        self.heard.answer()
    }

    pub(super) fn is_waiting(&self) -> bool {
        self.heard.is_waiting()
    }
}

pub(super) struct Bench {
    pub(super) chip: Arc<Chip>,
    pub(super) file: Arc<dyn File>,
    pub(super) notes: Arc<Notes>,
}

pub(super) fn data(bytes: &[u8]) -> Result<Answer, Errno> {
    Ok(Answer::Data(bytes.to_vec()))
}

impl Bench {
    pub(super) fn under(contract: Contract) -> Self {
        let notes = Arc::new(Notes {
            behaviour: Mutex::new(Behaviour::Prompt),
            commands: Mutex::default(),
            opened: false.into(),
            unplugged: false.into(),
            noticer: Mutex::default(),
            held: Mutex::default(),
            beginning: Mutex::default(),
        });
        let number = Numbers::new().claim(0).unwrap();
        let chip = Arc::new(Chip::plug_under(contract, number, Box::new(Stub(notes.clone()))));
        let file = chip.open(READ_WRITE).unwrap();
        Bench { chip, file, notes }
    }

    pub(super) fn new() -> Self {
        Self::under(Contract::Strict)
    }

    pub(super) fn begin_with(&self, call: Call, on_arrival: Option<OnArrival>) -> Said {
        let heard = Heard::default();
        let number = self.file.call(call, Arc::new(NoMemory), heard.ticket(on_arrival));
        Said { heard, number }
    }

    pub(super) fn begin(&self, call: Call) -> Said {
        self.begin_with(call, None)
    }

    pub(super) fn begin_write(&self, command: &[u8]) -> Said {
        self.begin(Call::Write { data: command.to_vec() })
    }

    pub(super) fn write(&self, command: &[u8]) -> Result<Answer, Errno> {
        self.begin_write(command).answer()
    }

    pub(super) fn begin_read(&self) -> Said {
        self.begin(Call::Read { size: 4096 })
    }

    pub(super) fn read(&self, size: usize) -> Result<Answer, Errno> {
        self.begin(Call::Read { size }).answer()
    }

    pub(super) fn pull(&self) {
        let hardware = self.chip.unplug(Reason::Pulled, Policy::Detach, LONG).unwrap();
        assert!(matches!(hardware, Some(Hardware::Tpm(_))));
    }

    pub(super) fn commands(&self) -> usize {
        self.notes.commands.lock().unwrap().len()
    }
}
