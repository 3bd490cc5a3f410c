//! A board whose driver does as it is told, and a client of it.

use crate::{
    Access, Answer, Call, Completion, Contract, Errno, File, Hardware, MapCall, Mapping, NoMemory, OpenFlags, Plugged,
    SharedMemory,
    uio::{Board, Control, Driver, Error, Line, Wiring},
};
use outlive::{Numbers, Policy, Reason};
use std::{
    fmt,
    os::fd::BorrowedFd,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering::SeqCst},
        mpsc,
    },
    time::Duration,
};

pub(super) const LONG: Duration = Duration::from_secs(10);
pub(super) const SIZE: u64 = 0x2000;

/// Memory that is not anybody else's.
#[derive(Debug)]
pub(super) struct Words {
    words: Vec<AtomicU32>,
    pub(super) discarded: AtomicBool,
}

impl SharedMemory for Words {
    fn size(&self) -> u64 {
        4 * self.words.len() as u64
    }
    fn load(&self, offset: u64) -> u32 {
        self.words[offset as usize / 4].load(SeqCst)
    }
    fn store(&self, offset: u64, value: u32) {
        self.words[offset as usize / 4].store(value, SeqCst);
    }
    fn descriptor(&self, _: Access) -> Option<BorrowedFd<'_>> {
        None
    }
    fn discard(&self) {
        self.discarded.store(true, SeqCst);
    }
}

/// What the driver does with a change of the control.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Behaviour {
    /// Agrees at once.
    Prompt,
    /// Refuses.
    Refuse,
    /// Keeps it until it is told to let go.
    Hold,
}

/// The driver's memory, which outlives it.
#[derive(Debug)]
pub(super) struct Notes {
    pub(super) behaviour: Mutex<Behaviour>,
    pub(super) interrupt: AtomicBool,
    pub(super) control: AtomicBool,
    /// How often it was called.
    pub(super) calls: AtomicUsize,
    pub(super) settings: Mutex<Vec<u32>>,
    wiring: Mutex<Option<Wiring>>,
    held: Mutex<Vec<Control>>,
}

impl Notes {
    pub(super) fn line(&self) -> Line {
        self.wiring.lock().unwrap().as_ref().expect("it is plugged in").line.clone()
    }

    pub(super) fn is_wired(&self) -> bool {
        self.wiring.lock().unwrap().is_some()
    }
}

#[derive(Debug)]
struct Stub(Arc<Notes>);

impl Driver for Stub {
    fn regions(&self) -> Vec<u64> {
        vec![SIZE, SIZE]
    }
    fn has_interrupt(&self) -> bool {
        self.0.interrupt.load(SeqCst)
    }
    fn has_control(&self) -> bool {
        self.0.control.load(SeqCst)
    }
    fn control(&self, on: u32, control: Control) {
        self.0.calls.fetch_add(1, SeqCst);
        match *self.0.behaviour.lock().unwrap() {
            Behaviour::Prompt => {
                self.0.settings.lock().unwrap().push(on);
                control.answer(Ok(()));
            }
            Behaviour::Refuse => control.answer(Err(Error::Invalid)),
            Behaviour::Hold => {
                let notes = self.0.clone();
                control.on_cancel(move |cause| {
                    let held = notes.held.lock().unwrap().pop();
                    held.into_iter().for_each(|held| held.let_go(cause));
                });
                self.0.held.lock().unwrap().push(control);
            }
        }
    }
    fn plugged(&self, wiring: Wiring) {
        *self.0.wiring.lock().unwrap() = Some(wiring);
    }
    fn opened(&self) {
        self.0.calls.fetch_add(1, SeqCst);
    }
    fn unplugged(&mut self) {
        *self.0.wiring.lock().unwrap() = None;
    }
}

/// What a client heard of one call.
pub(super) struct Heard {
    answers: mpsc::Receiver<Result<Answer, Errno>>,
    pub(super) number: Option<u64>,
}

impl Heard {
    pub(super) fn answer(&self) -> Result<Answer, Errno> {
        let answer = self.answers.recv_timeout(LONG).expect("an answer");
        assert!(self.answers.try_recv().is_err(), "a second answer");
        answer
    }

    pub(super) fn is_waiting(&self) -> bool {
        matches!(self.answers.try_recv(), Err(mpsc::TryRecvError::Empty))
    }
}

struct Ticket {
    tell: mpsc::Sender<Result<Answer, Errno>>,
    arrived: Arc<Mutex<Vec<String>>>,
    on_arrival: Option<Box<dyn FnOnce() + Send>>,
}

impl Completion for Ticket {
    fn arrived(&mut self, what: &dyn fmt::Display) {
        self.arrived.lock().unwrap().push(what.to_string());
        if let Some(hook) = self.on_arrival.take() {
            hook();
        }
    }
    fn complete(self: Box<Self>, answer: Result<Answer, Errno>) {
        // A test may end with a call that waits.
        let _ = self.tell.send(answer);
    }
}

pub(super) struct Bench {
    pub(super) board: Arc<Board>,
    pub(super) file: Arc<dyn File>,
    pub(super) notes: Arc<Notes>,
    pub(super) memory: Vec<Arc<Words>>,
    pub(super) arrived: Arc<Mutex<Vec<String>>>,
}

pub(super) const READ_WRITE: OpenFlags = OpenFlags { access: Access::ReadWrite, nonblock: false };

pub(super) fn count(number: u32) -> Result<Answer, Errno> {
    Ok(Answer::Data(number.to_ne_bytes().to_vec()))
}

impl Bench {
    pub(super) fn under(contract: Contract) -> Self {
        let notes = Arc::new(Notes {
            behaviour: Mutex::new(Behaviour::Prompt),
            interrupt: true.into(),
            control: true.into(),
            calls: 0.into(),
            settings: Mutex::default(),
            wiring: Mutex::default(),
            held: Mutex::default(),
        });
        let region = || {
            let words = (0..SIZE / 4).map(|_| AtomicU32::new(0)).collect();
            Arc::new(Words { words, discarded: false.into() })
        };
        let memory = vec![region(), region()];
        let shared = memory.iter().map(|region| region.clone() as Arc<dyn SharedMemory>).collect();
        let number = Numbers::new().claim(0).unwrap();
        let board = Arc::new(Board::plug_under(contract, number, Box::new(Stub(notes.clone())), shared));
        let file = board.open(READ_WRITE).unwrap();
        Bench { board, file, notes, memory, arrived: Arc::default() }
    }

    pub(super) fn new() -> Self {
        Self::under(Contract::Strict)
    }

    pub(super) fn begin(&self, call: Call) -> Heard {
        self.begin_with(call, None)
    }

    pub(super) fn begin_with(&self, call: Call, on_arrival: Option<Box<dyn FnOnce() + Send>>) -> Heard {
        let (tell, answers) = mpsc::channel();
        let ticket = Ticket { tell, arrived: self.arrived.clone(), on_arrival };
        let number = self.file.call(call, Arc::new(NoMemory), Box::new(ticket));
        Heard { answers, number }
    }

    pub(super) fn call(&self, call: Call) -> Result<Answer, Errno> {
        self.begin(call).answer()
    }

    pub(super) fn read(&self) -> Heard {
        self.begin(Call::Read { size: 4 })
    }

    pub(super) fn control(&self, on: u32) -> Result<Answer, Errno> {
        self.call(Call::Write { data: on.to_ne_bytes().to_vec() })
    }

    pub(super) fn map(&self, offset: u64, length: u64) -> Result<Mapping, Errno> {
        self.file.map(&MapCall { offset, length, access: Access::ReadWrite, shared: true })
    }

    pub(super) fn pull(&self) -> Hardware {
        self.board.unplug(Reason::Pulled, Policy::Detach, LONG).unwrap().expect("the hardware")
    }
}
