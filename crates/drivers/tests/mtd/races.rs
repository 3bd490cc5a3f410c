//! Clients, time and the pull, all at once.

use crate::bench::{Bench, Ends, Time, erase, program};
use outlive::Outcome;
use outlive_classes::mtd::{Command, Flash, Mode};
use std::{
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

const SPEC: &str = "nor,size=32KiB,erase=4KiB,tr=1us,tprog=1us,tbers=7us,torn=random:1";

fn command(which: u64) -> Command {
    let at = which * 1009 % (28 << 10);
    match which % 4 {
        0 => erase(at / 4096 * 4096, 4096),
        1 => Command::Read { at, length: 200, spare: crate::bench::NONE, mode: Mode::Place },
        _ => program(at, &[which as u8; 300]),
    }
}

fn cells(flash: &dyn Flash, time: &Arc<Time>) -> Vec<u8> {
    let copy = Bench::plug(time.clone(), flash.stand_in().unwrap());
    let ends = copy.begin(Command::Read { at: 0, length: 32 << 10, spare: crate::bench::NONE, mode: Mode::Raw }).1;
    copy.pass(1);
    let Ok(outlive_classes::mtd::Done::Read(found)) = ends.done() else { panic!("{ends:?}") };
    found.data
}

/// I7, I8, I17: whatever meets, each command ends once, and behind the fence nothing changes any more.
#[test]
fn every_command_ends_once_and_nothing_comes_after_the_fence() {
    for round in 0..60 {
        let bench = Bench::new(SPEC);
        let all = Mutex::new(Vec::<Ends>::new());
        let client = |first: u64| {
            for which in first.. {
                let Some((number, ends)) = bench.try_begin(command(which)) else { return };
                all.lock().unwrap().push(ends);
                if which % 5 == 0 {
                    bench.cancel(number);
                }
            }
        };
        let flash = thread::scope(|scope| {
            let client = &client;
            let bench = &bench;
            scope.spawn(move || client(1000 * round));
            scope.spawn(move || client(1000 * round + 500));
            scope.spawn(move || {
                while bench.is_here() {
                    bench.pass(1);
                }
                (0..100).for_each(|_| bench.pass(1));
            });
            thread::sleep(Duration::from_micros(100 * (round % 10)));
            bench.pull_here()
        });
        let before = cells(&*flash, &bench.time);
        bench.pass(10_000_000);
        assert!(before == cells(&*flash, &bench.time), "something changed behind the fence");
        for ends in &*all.lock().unwrap() {
            assert!(matches!(ends.one(), Outcome::Done(Ok(_)) | Outcome::Cancelled(_)), "{ends:?}");
        }
        let again = Bench::plug(bench.time.clone(), flash);
        let ends = again.begin(erase(0, 4096)).1;
        again.pass(7);
        assert!(ends.done().is_ok(), "the next life begins at once");
    }
}

/// I8: a client that pulls the flash as soon as it is answered has all of it: nothing of the command comes later.
#[test]
fn an_answer_is_the_last_of_its_command() {
    for command in [program(0, &[1; 300]), erase(0, 8192)] {
        let bench = Arc::new(Bench::new(SPEC));
        bench.begin(program(100, &[2; 5000]));
        bench.pass(1000);
        let (there, seen) = (bench.clone(), Arc::new(Mutex::new(None)));
        let snapshot = seen.clone();
        let pull = move |_| {
            let flash = there.pull_here();
            let cells = cells(&*flash, &there.time);
            *snapshot.lock().unwrap() = Some((flash, cells));
        };
        bench.begin_with(command, pull).unwrap();
        bench.pass(1000);
        let (flash, before) = seen.lock().unwrap().take().expect("it has been answered");
        assert!(before == cells(&*flash, &bench.time));
    }
}
