//! One transfer at a time: slow chips, those who wait behind them, and a bus that goes meanwhile.

use crate::bench::{Answers, Bench, Part, Time, chip};
use outlive::{Numbers, Policy, Reason};
use outlive_classes::{
    Answer, Call, Errno, Plugged,
    i2c::{Adapter, Message, Transfer},
};
use outlive_drivers::i2c::Bus;
use std::{
    sync::{Arc, Mutex, mpsc},
    time::{Duration, Instant},
};

const READ: Call = Call::Read { size: 1 };

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn write(data: &[u8]) -> Call {
    Call::Write { data: data.to_vec() }
}

/// A bus with a slow chip at 0x50, and a client of that chip.
fn slow() -> Bench {
    let bench = Bench::new(&["24c02@0x50,slow=100ms", "24c02@0x51"]);
    bench.select(0x50);
    bench
}

/// A client of the quick chip at 0x51.
fn quick(bench: &Bench) -> Bench {
    let other = bench.another();
    other.select(0x51);
    other
}

fn waiting(answers: &[&Answers]) -> Vec<bool> {
    answers.iter().map(|answers| answers.is_waiting()).collect()
}

#[test]
fn a_slow_chip_answers_when_its_time_has_passed() {
    let bench = slow();
    let (_, answers) = bench.begin(READ);
    bench.time.pass(ms(99));
    assert!(answers.is_waiting());
    assert_eq!(bench.bus.inside().len(), 1);
    bench.time.pass(ms(1));
    assert_eq!(answers.one(), Ok(Answer::Data(vec![0xff])));
    assert_eq!(quick(&bench).begin(READ).1.one(), Ok(Answer::Data(vec![0xff])), "the others are not slow");
    assert_eq!(bench.time.waiting(), 0);
}

#[test]
fn a_transfer_is_as_slow_as_the_slowest_chip_that_it_touches() {
    let bench = Bench::new(&["24c02@0x50,slow=100ms", "lm75@0x48,slow=30ms"]);
    bench.select(0x48);
    let (_, sensor) = bench.begin(READ);
    bench.time.pass(ms(30));
    assert!(sensor.one().is_ok());
    let (_, nobody) = {
        bench.select(0x20);
        bench.begin(READ)
    };
    assert_eq!(nobody.one(), Err(Errno::NXIO), "an address without a chip is not slow");
}

#[test]
fn those_who_come_meanwhile_wait_their_turn() {
    let bench = slow();
    let other = quick(&bench);
    let (_, first) = bench.begin(write(&[0, 1]));
    let (_, second) = other.begin(write(&[0, 2]));
    let (_, third) = bench.begin(write(&[0, 3]));
    let (_, fourth) = other.begin(READ);
    assert_eq!(waiting(&[&first, &second, &third, &fourth]), [true; 4]);
    assert_eq!(bench.bus.inside().len(), 4);
    bench.time.pass(ms(100));
    assert_eq!(waiting(&[&first, &second, &third, &fourth]), [false, false, true, true], "in order");
    bench.time.pass(ms(99));
    assert_eq!(waiting(&[&third, &fourth]), [true, true], "each slow one takes its own time");
    bench.time.pass(ms(1));
    assert_eq!(waiting(&[&third, &fourth]), [false, false]);
    assert_eq!((first.one(), third.one()), (Ok(Answer::Value(2)), Ok(Answer::Value(2))));
    assert_eq!(fourth.one(), Ok(Answer::Data(vec![0xff])), "after the write of the second");
}

#[test]
fn what_is_cancelled_lets_go_at_once_and_the_next_has_its_turn() {
    let bench = slow();
    let other = quick(&bench);
    let (first, parked) = bench.begin(write(&[0, 1]));
    let (second, queued) = other.begin(write(&[0, 2]));
    let (_, last) = other.begin(write(&[0]));
    other.file.cancel(second.unwrap());
    assert_eq!(queued.one(), Err(Errno::INTR));
    assert_eq!(waiting(&[&parked, &last]), [true, true]);
    bench.file.cancel(first.unwrap());
    assert_eq!((parked.one(), last.one()), (Err(Errno::INTR), Ok(Answer::Value(1))));
    assert!(bench.bus.inside().is_empty());

    // Neither took effect, and the time that was set for the first one finds nobody.
    assert_eq!(other.begin(READ).1.one(), Ok(Answer::Data(vec![0xff])));
    let (_, again) = bench.begin(READ);
    bench.time.pass(ms(99));
    assert!(again.is_waiting());
    bench.time.pass(ms(1));
    assert_eq!(again.one(), Ok(Answer::Data(vec![0xff])));
}

#[test]
fn a_pull_answers_all_that_wait_and_the_fence_follows_at_once() {
    let bench = slow();
    let other = quick(&bench);
    let waiting: Vec<_> = (0..10).map(|i| if i % 3 == 0 { bench.begin(READ).1 } else { other.begin(READ).1 }).collect();
    let began = Instant::now();
    assert!(bench.bus.unplug(Reason::Pulled, Policy::Detach, Duration::from_secs(10)).unwrap().is_some());
    assert!(began.elapsed() < ms(500), "{:?}", began.elapsed());
    for answers in &waiting {
        assert_eq!(answers.one(), Err(Errno::NODEV));
    }
    bench.time.pass(ms(10_000));
    for answers in &waiting {
        assert_eq!(answers.one(), Err(Errno::NODEV), "and nothing comes later");
    }
    assert_eq!(bench.begin(READ).1.one(), Err(Errno::NODEV));
}

#[test]
fn after_a_pull_in_the_middle_the_bus_works_in_its_next_life() {
    let bench = slow();
    bench.begin(write(&[0, 1]));
    let zombie = bench.file.clone();
    let bench = bench.replug();
    assert!(zombie.gone().is_some());
    bench.time.pass(ms(100));
    bench.select(0x50);
    bench.begin(write(&[0]));
    bench.time.pass(ms(100));
    let (_, answers) = bench.begin(READ);
    bench.time.pass(ms(100));
    assert_eq!(answers.one(), Ok(Answer::Data(vec![0xff])), "what was parked never took effect");
}

/// Hands a transfer to its bus only when told to.
#[derive(Debug)]
struct Held {
    bus: Bus,
    began: mpsc::Sender<()>,
    go_on: Mutex<mpsc::Receiver<()>>,
    done: mpsc::Sender<()>,
}

impl Adapter for Held {
    fn functionality(&self) -> u32 {
        self.bus.functionality()
    }

    fn transfer(&self, messages: Vec<Message>, transfer: Transfer) {
        self.began.send(()).unwrap();
        self.go_on.lock().unwrap().recv().unwrap();
        self.bus.transfer(messages, transfer);
        self.done.send(()).unwrap();
    }
}

#[test]
fn a_transfer_that_is_parked_while_its_device_is_being_removed_lets_go() {
    let time = Arc::new(Time::default());
    let bus = Bus::new(&[chip("24c02@0x50,slow=100ms")], time.clone()).unwrap();
    let ((began, has_begun), (go_on, told), (done, is_done)) = (mpsc::channel(), mpsc::channel(), mpsc::channel());
    let held = Held { bus, began, go_on: Mutex::new(told), done };
    let bench = Bench::plug(time, Box::new(held), &Numbers::new());
    bench.select(0x50);
    // Between the waking of the watchers and the answer to the client, the driver gets the transfer and parks it.
    let _watch = bench.file.on_gone(Box::new(move |_| {
        go_on.send(()).unwrap();
        is_done.recv().unwrap();
    }));
    let answers = std::thread::scope(|scope| {
        let call = scope.spawn(|| bench.begin(READ).1);
        has_begun.recv().unwrap();
        bench.bus.unplug(Reason::Pulled, Policy::Detach, Duration::from_secs(5)).expect("nobody stays inside");
        call.join().unwrap()
    });
    assert_eq!(answers.one(), Err(Errno::NODEV));
}

#[test]
fn pulls_race_with_time_and_newcomers_without_losing_anybody() {
    for round in 0..200 {
        let bench = slow();
        let other = quick(&bench);
        let answers: Vec<Answers> = std::thread::scope(|scope| {
            let slow = scope.spawn(|| (0..5).map(|_| bench.begin(READ).1).collect::<Vec<_>>());
            let quick = scope.spawn(|| (0..20).map(|_| other.begin(READ).1).collect::<Vec<_>>());
            let time = scope.spawn(|| (0..5).for_each(|_| bench.time.pass(ms(100))));
            let pull = scope.spawn(|| {
                (0..round * 5).for_each(|_| std::hint::spin_loop());
                bench
                    .bus
                    .unplug(Reason::Pulled, Policy::Detach, Duration::from_secs(10))
                    .expect("everybody leaves at once");
            });
            pull.join().unwrap();
            time.join().unwrap();
            [slow.join().unwrap(), quick.join().unwrap()].concat()
        });
        for answer in answers {
            assert!(matches!(answer.one(), Ok(Answer::Data(_)) | Err(Errno::NODEV)));
        }
        assert!(bench.bus.inside().is_empty());
    }
}

#[test]
fn many_clients_at_once_each_get_their_own() {
    let bench = Bench::new(&["24c64@0x50"]);
    std::thread::scope(|scope| {
        for client in 0..8_u8 {
            let bench = bench.another();
            scope.spawn(move || {
                for i in 0..200_u8 {
                    let pointer = [client, 0];
                    bench.write(0x50, &[&pointer[..], &[i, client]].concat()).unwrap();
                    assert_eq!(bench.read(0x50, &pointer, 2), Ok(vec![i, client]));
                }
            });
        }
    });
    assert_eq!(bench.rdwr(0x50, &[Part::Write(0, vec![0, 0]), Part::Read(0, 2)]), Ok(vec![vec![199, 0]]));
}
