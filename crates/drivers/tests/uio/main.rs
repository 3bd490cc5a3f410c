//! The models of uio boards behind the class, as a client meets them.

#[path = "../time/mod.rs"]
mod time;

use outlive::{Numbers, Policy, Reason};
use outlive_classes::{
    Access, Answer, Call, Completion, Contract, Errno, File, Hardware, NoMemory, OpenFlags, Plugged, PollBits,
    SharedMemory, uio,
};
use outlive_drivers::{
    clock::Clock,
    uio::{BoardConfig, register},
};
use std::{
    collections::BTreeMap,
    fmt,
    os::fd::BorrowedFd,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering::SeqCst},
        mpsc,
    },
    time::Duration,
};
use time::Time;

/// Memory of this process.
#[derive(Debug)]
struct Words(Vec<AtomicU32>);

impl SharedMemory for Words {
    fn size(&self) -> u64 {
        4 * self.0.len() as u64
    }
    fn load(&self, offset: u64) -> u32 {
        self.0[offset as usize / 4].load(SeqCst)
    }
    fn store(&self, offset: u64, value: u32) {
        self.0[offset as usize / 4].store(value, SeqCst);
    }
    fn descriptor(&self, _: Access) -> Option<BorrowedFd<'_>> {
        None
    }
    fn discard(&self) {
        self.0.iter().for_each(|word| word.store(0, SeqCst));
    }
}

struct Tell(mpsc::Sender<Result<Answer, Errno>>);

impl Completion for Tell {
    fn arrived(&mut self, _: &dyn fmt::Display) {}
    fn complete(self: Box<Self>, answer: Result<Answer, Errno>) {
        let _ = self.0.send(answer);
    }
}

struct Bench {
    time: Arc<Time>,
    numbers: Numbers,
    board: uio::Board,
    file: Arc<dyn File>,
    regions: Vec<Arc<Words>>,
}

fn build(keys: &[(&str, &str)], time: &Arc<Time>) -> Box<dyn uio::Driver> {
    let keys: BTreeMap<_, _> = keys.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    BoardConfig { model: "timer".to_owned(), keys }.build(time.clone() as Arc<dyn Clock>).unwrap()
}

impl Bench {
    fn new(keys: &[(&str, &str)]) -> Self {
        let time = Arc::new(Time::default());
        let driver = build(keys, &time);
        Bench::plug(time, Numbers::new(), driver)
    }

    fn plug(time: Arc<Time>, numbers: Numbers, driver: Box<dyn uio::Driver>) -> Self {
        let region = |size: u64| Arc::new(Words((0..size / 4).map(|_| AtomicU32::new(0)).collect()));
        let regions: Vec<_> = driver.regions().into_iter().map(region).collect();
        let memory = regions.iter().map(|region| region.clone() as Arc<dyn SharedMemory>).collect();
        let board = uio::Board::plug_under(Contract::Strict, numbers.claim_again(0), driver, memory);
        let file = board.open(OpenFlags { access: Access::ReadWrite, nonblock: true }).unwrap();
        Bench { time, numbers, board, file, regions }
    }

    fn unplug(self) -> (Arc<Time>, Numbers, Box<dyn uio::Driver>, Vec<Arc<Words>>) {
        let hardware = self.board.unplug(Reason::Pulled, Policy::Detach, Duration::from_secs(1)).unwrap();
        let Some(Hardware::Uio(driver)) = hardware else { panic!("a board gives its driver back") };
        (self.time, self.numbers, driver, self.regions)
    }

    fn call(&self, call: Call) -> Result<Answer, Errno> {
        let (tell, told) = mpsc::channel();
        self.file.call(call, Arc::new(NoMemory), Box::new(Tell(tell)));
        told.recv_timeout(Duration::from_secs(10)).expect("an answer")
    }

    fn count(&self) -> Result<u32, Errno> {
        match self.call(Call::Read { size: 4 })? {
            Answer::Data(data) => Ok(u32::from_ne_bytes(data.try_into().unwrap())),
            other => panic!("{other:?}"),
        }
    }

    fn control(&self, on: u32) -> Result<Answer, Errno> {
        self.call(Call::Write { data: on.to_ne_bytes().to_vec() })
    }

    fn get(&self, register: u64) -> u32 {
        self.regions[0].load(register)
    }

    fn set(&self, register: u64, value: u32) {
        self.regions[0].store(register, value);
    }

    fn pass(&self, microseconds: u64) {
        self.time.pass(Duration::from_micros(microseconds));
    }
}

const PERIOD: [(&str, &str); 1] = [("period", "10ms")];

#[test]
fn it_ticks_and_interrupts() {
    let bench = Bench::new(&PERIOD);
    assert_eq!(
        [register::ID, register::CONTROL, register::PERIOD].map(|at| bench.get(at)),
        [register::MAGIC, 1, 10_000]
    );
    assert_eq!(bench.count(), Err(Errno::AGAIN));
    bench.pass(9_999);
    assert_eq!((bench.get(register::COUNT), bench.file.poll()), (0, PollBits::default()));
    bench.pass(1);
    assert_eq!((bench.get(register::COUNT), bench.count()), (1, Ok(1)));
    bench.pass(30_000);
    assert_eq!((bench.get(register::COUNT), bench.count()), (4, Ok(4)));
}

#[test]
fn what_a_client_writes_is_looked_at() {
    let bench = Bench::new(&PERIOD);
    assert_eq!(bench.get(register::OUT), u32::MAX, "the complement of nothing");
    bench.set(register::IN, 0x1234);
    assert_eq!(bench.control(1), Ok(Answer::Value(4)));
    assert_eq!(bench.get(register::OUT), !0x1234);
    bench.set(register::IN, 7);
    bench.set(register::PERIOD, 1);
    bench.pass(10_000);
    assert_eq!(bench.get(register::OUT), !7);
    bench.pass(1_000);
    assert_eq!(bench.get(register::COUNT), 11, "no faster than every 100 us");
    bench.set(register::CONTROL, 0);
    bench.pass(1_000);
    assert_eq!(bench.get(register::COUNT), 11);
}

#[test]
fn the_interrupt_can_be_turned_off() {
    let bench = Bench::new(&PERIOD);
    bench.control(0).unwrap();
    bench.pass(50_000);
    assert_eq!((bench.get(register::COUNT), bench.count()), (5, Err(Errno::AGAIN)));
    bench.control(1).unwrap();
    bench.pass(10_000);
    assert_eq!(bench.count(), Ok(1));
    assert_eq!(bench.control(2), Err(Errno::INVAL));
}

#[test]
fn one_without_a_period_has_no_interrupt() {
    let bench = Bench::new(&[("period", "0"), ("ram", "8KiB")]);
    assert_eq!((bench.count(), bench.control(1)), (Err(Errno::IO), Err(Errno::IO)));
    assert_eq!(bench.time.waiting(), 0);
    assert_eq!(bench.regions.iter().map(|region| region.size()).collect::<Vec<_>>(), [4096, 8192]);
}

/// I8, I24, I26: behind the fence it touches nothing of its former life, and the next begins afresh.
#[test]
fn a_life_leaves_nothing_to_the_next() {
    let bench = Bench::new(&PERIOD);
    bench.pass(20_000);
    bench.set(register::PERIOD, 77);
    let (time, numbers, driver, former) = bench.unplug();
    assert!((0..1024).all(|word| former[0].load(4 * word) == 0));
    time.pass(Duration::from_secs(1));
    assert!((0..1024).all(|word| former[0].load(4 * word) == 0), "it wrote to memory that is not its own any more");
    assert_eq!(time.waiting(), 0, "it still ticks");
    former[0].store(register::IN, 5);
    let bench = Bench::plug(time, numbers, driver);
    assert_eq!((bench.get(register::IN), bench.get(register::COUNT), bench.get(register::PERIOD)), (0, 0, 10_000));
    bench.pass(10_000);
    assert_eq!((bench.get(register::COUNT), bench.count()), (1, Ok(1)));
    assert_eq!(former[0].load(register::COUNT), 0);
}
