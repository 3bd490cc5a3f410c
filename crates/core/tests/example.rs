//! The example is a driver: its pull is tested as any driver's.
#![cfg(not(any(loom, shuttle)))]
#![allow(dead_code, missing_docs, unreachable_pub, reason = "it is an example, whose main is not run here")]

#[path = "../examples/button.rs"]
mod button;

use button::{File, plug};
use outlive::{REMOVAL_BUDGET, Reason};
use std::{sync::mpsc, thread, time::Duration};

/// I2, I15, I18, I21: what was pressed before the pull is read first, then the pull, for ever; sleepers wake; the
/// interrupt's thread ends; a zombie's subscription and close work.
#[test]
fn a_button_is_pulled() {
    let (press, line) = mpsc::channel();
    let device = plug(line).unwrap();
    let (reader, sleeper) = (File::open(&device).unwrap(), File::open(&device).unwrap());
    press.send(()).unwrap();
    press.send(()).unwrap();
    assert_eq!((sleeper.read(), sleeper.read()), (Ok(1), Ok(2)));
    let sleeper = thread::spawn(move || sleeper.read());
    thread::sleep(Duration::from_millis(20));
    assert!(device.unplug(Reason::Pulled).wait(REMOVAL_BUDGET).unwrap().is_some());
    let gone = device.gone().unwrap();
    assert_eq!(sleeper.join().unwrap(), Err(gone));
    let late = press.send(());
    assert_eq!([reader.read(), reader.read(), reader.read(), reader.read()], [Ok(1), Ok(2), Err(gone), Err(gone)]);
    assert!(File::open(&device).is_err());
    // The interrupt has met the shut gate, at this press or at the one before, and let go of its line.
    let mut ended = late.is_err();
    while !ended {
        ended = press.send(()).is_err();
        thread::yield_now();
    }
}

/// A pull at any moment, with presses and readers on their way: nothing hangs, and no number is lost or comes twice.
#[test]
fn a_button_is_pulled_at_any_moment() {
    for pull_after in 0..100 {
        let (press, line) = mpsc::channel();
        let device = plug(line).unwrap();
        let files: Vec<_> = (0..2).map(|_| File::open(&device).unwrap()).collect();
        thread::scope(|scope| {
            let readers: Vec<_> = files
                .iter()
                .map(|file| scope.spawn(|| std::iter::from_fn(|| file.read().ok()).collect::<Vec<_>>()))
                .collect();
            scope.spawn(|| while press.send(()).is_ok() && device.gone().is_none() {});
            (0..pull_after * 50).for_each(|_| std::hint::spin_loop());
            device.unplug(Reason::Pulled).wait(REMOVAL_BUDGET).unwrap();
            for reader in readers {
                let read = reader.join().unwrap();
                assert!(read.windows(2).all(|pair| pair[0] < pair[1]), "{read:?}");
            }
        });
    }
}
