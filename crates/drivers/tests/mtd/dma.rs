//! Large pieces of data by DMA, whose engine may go.

use crate::bench::{Bench, Ends, Time, config, noise, program};
use outlive::{Policy, Reason};
use outlive_classes::{
    dma::{Copier, Engine, Progress, Registry, Transaction},
    mtd::{Command, Done, Mode},
};
use outlive_drivers::dma::{Next, SoftwareEngine, Work};
use std::{sync::Arc, time::Duration};

const LARGE: usize = 32 << 10;

struct Machine {
    bench: Bench,
    engine: Arc<Engine>,
    work: Work,
}

impl Machine {
    fn new(spec: &str) -> Self {
        let registry = Registry::new();
        let (engine, work) = SoftwareEngine::new(1);
        let engine = registry.plug(Box::new(engine));
        let time = Arc::new(Time::default());
        let flash = config(spec).build_with_copier(time.clone(), Copier::new(&registry)).unwrap();
        Machine { bench: Bench::plug(time, flash), engine, work }
    }

    /// What the engine is to do next.
    fn next(&self) -> Option<Transaction> {
        match self.work.next(|| Duration::ZERO) {
            Next::Run(transaction) => Some(transaction),
            _ => None,
        }
    }

    #[track_caller]
    fn copy(&self) {
        let mut transaction = self.next().expect("there is something to copy");
        assert_eq!(transaction.copy(usize::MAX), Progress::Done);
        transaction.complete();
    }

    fn read(&self) -> Ends {
        let spare = crate::bench::NONE;
        self.bench.begin(Command::Read { at: 0, length: LARGE, spare, mode: Mode::Place }).1
    }
}

/// A NOR flash with something in it.
fn nor() -> (Machine, Vec<u8>) {
    let (machine, data) = (Machine::new("nor,size=64KiB,erase=4KiB"), noise(1, LARGE));
    let written = machine.bench.begin(program(0, &data)).1;
    assert!(written.is_waiting());
    machine.copy();
    assert_eq!(written.done(), Ok(Done::Nothing));
    (machine, data)
}

#[track_caller]
fn found(ends: &Ends) -> Vec<u8> {
    match ends.done() {
        Ok(Done::Read(found)) => found.data,
        other => panic!("{other:?}"),
    }
}

#[test]
fn large_pieces_go_by_the_engine_and_small_ones_do_not() {
    let (machine, data) = nor();
    let read = machine.read();
    assert!(read.is_waiting());
    machine.copy();
    assert_eq!(found(&read), data);
    assert_eq!(machine.bench.read(0, 4095), data[..4095]);
    assert!(machine.next().is_none());
}

#[test]
fn an_engine_that_goes_in_the_middle_of_a_read_leaves_it_to_the_processor() {
    let (machine, data) = nor();
    let read = machine.read();
    let mut transaction = machine.next().unwrap();
    assert_eq!(transaction.copy(LARGE / 2), Progress::More);
    assert!(machine.engine.unplug(Reason::Pulled, Policy::Detach, Duration::ZERO).is_err(), "it is still copying");
    assert_eq!((transaction.copy(1), read.is_waiting()), (Progress::Stopped, true));
    drop(transaction);
    assert_eq!(found(&read), data);
    assert!(machine.engine.unplug(Reason::Pulled, Policy::Detach, Duration::from_secs(10)).is_ok());
    // From here on there is none.
    assert_eq!(found(&machine.read()), data);
    machine.bench.run(program(LARGE as u64, &data)).unwrap();
    assert_eq!(machine.bench.read(LARGE as u64, LARGE), data);
}

#[test]
fn an_engine_that_goes_in_the_middle_of_a_program_leaves_it_to_the_processor() {
    let (machine, data) = nor();
    let written = machine.bench.begin(program(LARGE as u64, &data)).1;
    let mut transaction = machine.next().unwrap();
    assert_eq!(transaction.copy(1), Progress::More);
    assert!(machine.engine.unplug(Reason::Pulled, Policy::Detach, Duration::ZERO).is_err());
    drop(transaction);
    assert_eq!(written.done(), Ok(Done::Nothing));
    assert_eq!(machine.bench.read(LARGE as u64, LARGE), data);
}

#[test]
fn a_flash_that_goes_does_not_wait_for_the_engine() {
    let (machine, data) = nor();
    let (read, written) = (machine.read(), machine.bench.begin(program(LARGE as u64, &data)).1);
    let transactions = [machine.next().unwrap()];
    let flash = machine.bench.pull_here();
    assert!(
        matches!(read.one(), outlive::Outcome::Cancelled(_)) && matches!(written.one(), outlive::Outcome::Cancelled(_))
    );
    for mut transaction in transactions {
        transaction.copy(usize::MAX);
        transaction.complete();
    }
    machine.copy();
    // What came too late did not reach the flash.
    let again = Bench::plug(machine.bench.time.clone(), flash);
    assert_eq!(again.read(LARGE as u64, 4000), [0xff; 4000]);
}

#[test]
fn a_client_that_gives_up_is_let_go_at_once() {
    let (machine, _) = nor();
    let command = Command::Read { at: 0, length: LARGE, spare: crate::bench::NONE, mode: Mode::Place };
    let (number, ends) = machine.bench.begin(command);
    machine.bench.cancel(number);
    assert!(matches!(ends.one(), outlive::Outcome::Cancelled(outlive::Cause::Interrupted)));
    machine.copy();
    assert_eq!(machine.bench.read(0, 1), noise(1, 1));
}

#[test]
fn with_times_it_is_the_same() {
    let machine = Machine::new("nand,size=1MiB,tr=10us,tprog=10us");
    let data = noise(2, LARGE);
    let written = machine.bench.begin(program(0, &data)).1;
    machine.copy();
    assert!(written.is_waiting());
    machine.bench.pass(1000);
    written.done().unwrap();
    let read = machine.read();
    machine.bench.pass(1000);
    assert!(read.is_waiting());
    machine.copy();
    assert_eq!(found(&read), data);
}
