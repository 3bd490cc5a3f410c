//! States, and what they admit.
#![cfg(not(loom))]

use outlive::{Builder, Cause, Device, Handle, IllegalTransition, REMOVAL_BUDGET, Reason, Refused, State, Users};
use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

/// The states that an owner can bring about, and how.
fn device_in(state: State) -> Device<(), ()> {
    let device = if state == State::Created { Builder::new().created().build((), ()) } else { Device::new((), ()) };
    match state {
        State::Leaving => drop(device.unplug(Reason::Pulled)),
        State::Gone => drop(device.unplug(Reason::Pulled).wait(REMOVAL_BUDGET).unwrap()),
        state => device.set_state(state).unwrap(),
    }
    assert_eq!(device.state(), state);
    device
}

/// Every pair of states: what the table says is what happens.
#[test]
fn the_table_is_what_happens() {
    for from in State::ALL {
        for to in State::ALL {
            let device = device_in(from);
            let by_removal_only = matches!(to, State::Leaving | State::Gone) && from != to;
            let legal = from.may_become(to) && !by_removal_only;
            let expected = if legal { Ok(()) } else { Err(IllegalTransition { from, to }) };
            assert_eq!(device.set_state(to), expected, "{from} to {to}");
            assert_eq!(device.state(), if legal { to } else { from }, "{from} to {to}");
        }
    }
}

/// What each state says to an open, an operation, one of the framework's, and one that would wait.
#[test]
fn what_each_state_admits() {
    use State::*;
    // open, operation, framework's, one that can be parked: + yes, - refused, p parked
    let rows = [
        (Created, "--+-"),
        (Running, "++++"),
        (Closing, "-+++"),
        (Quiesced, "+-+p"),
        (Blocked, "+--p"),
        (Offline, "----"),
        (Leaving, "----"),
        (Gone, "----"),
    ];
    for (state, expected) in rows {
        let device = Builder::new().created().build((), ());
        device.set_state(Running).unwrap();
        let handle = device.open().unwrap();
        match state {
            // (No handle can be had of one that is created; so that row is looked at by the framework's eyes below.)
            Created => {}
            Leaving => drop(device.unplug(Reason::Pulled)),
            Gone => drop(device.unplug(Reason::Pulled).wait(REMOVAL_BUDGET).unwrap()),
            state => device.set_state(state).unwrap(),
        }
        let device = if state == Created { Builder::new().created().build((), ()) } else { device };
        let refusal = device.gone().map_or(Refused::State(state), Refused::Gone);
        let sign = |refused: Option<Refused>| {
            assert!(refused.is_none_or(|refused| refused == refusal), "{state}: {refused:?}");
            if refused.is_none() { '+' } else { '-' }
        };
        let mut found = String::new();
        found.push(sign(device.open().err()));
        if state == Created {
            assert_eq!((&found[..], &expected[..1]), ("-", "-"));
            continue;
        }
        found.push(sign(handle.begin("call").err()));
        found.push(sign(handle.begin_framework("own").err()));
        let end = Arc::new(Mutex::new(None));
        let heard = end.clone();
        let number = handle.begin_or_park("call", move |begun| *heard.lock().unwrap() = Some(begun.map(drop)));
        let end = *end.lock().unwrap();
        assert_eq!(number.is_some(), !matches!(end, Some(Err(_))));
        found.push(end.map_or('p', |end| sign(end.err())));
        assert_eq!(found, expected, "{state}");
        assert!(handle.enter().is_ok() == device.gone().is_none(), "a bare guard asks for life only");
    }
}

type Ends = Arc<Mutex<Vec<(u32, Result<(), Refused>)>>>;

fn call(handle: &Handle<(), ()>, ends: &Ends, name: u32) -> Option<u64> {
    let ends = ends.clone();
    handle.begin_or_park("call", move |begun| ends.lock().unwrap().push((name, begun.map(drop))))
}

/// I5: what is parked goes on in its order when the device runs, fails at once when it is pulled or set offline, and can
/// be given up by its client; it holds no removal up.
#[test]
fn the_parked_go_on_or_fail() {
    let ends = Ends::default();
    let device = Device::new((), ());
    let handle = device.open().unwrap();
    device.set_state(State::Blocked).unwrap();
    let numbers: Vec<_> = (0..3).map(|name| call(&handle, &ends, name).unwrap()).collect();
    assert!(handle.cancel(numbers[1]) && !handle.cancel(numbers[1]));
    assert_eq!(*ends.lock().unwrap(), [(1, Err(Refused::Interrupted))]);
    assert!(device.inside().is_empty(), "they wait outside");
    device.set_state(State::Running).unwrap();
    assert_eq!(ends.lock().unwrap()[1..], [(0, Ok(())), (2, Ok(()))]);

    device.set_state(State::Quiesced).unwrap();
    call(&handle, &ends, 3).unwrap();
    device.set_state(State::Offline).unwrap();
    assert_eq!(ends.lock().unwrap().last(), Some(&(3, Err(Refused::State(State::Offline)))));

    device.set_state(State::Blocked).unwrap();
    call(&handle, &ends, 4).unwrap();
    device.unplug(Reason::Pulled).wait(REMOVAL_BUDGET).unwrap();
    assert_eq!(ends.lock().unwrap().last(), Some(&(4, Err(Refused::Gone(device.gone().unwrap())))));
}

/// I33: a device that closes asks its users to leave, and waits for them up to a limit; they work on meanwhile.
#[test]
fn a_prepared_removal_waits_for_its_users() {
    let device = Arc::new(Device::new((), ()));
    let handle = device.open().unwrap();
    let asked = Arc::new(AtomicUsize::new(0));
    let count = asked.clone();
    let watch = handle.on_closing(move || _ = count.fetch_add(1, Ordering::SeqCst));
    assert_eq!(device.prepare(Duration::from_millis(5)), Ok(false), "one is left");
    assert_eq!(asked.load(Ordering::SeqCst), 1);
    assert!(handle.begin("goes on").is_ok() && device.open().is_err());
    let late = handle.on_closing({
        let count = asked.clone();
        move || _ = count.fetch_add(1, Ordering::SeqCst)
    });
    assert_eq!(asked.load(Ordering::SeqCst), 2, "at once");
    drop((watch, late));
    // Called off.
    device.set_state(State::Running).unwrap();
    assert!(device.open().is_ok());
    let leaves = thread::spawn({
        let device = device.clone();
        move || device.prepare(Duration::from_secs(60))
    });
    while device.state() != State::Closing {
        thread::yield_now();
    }
    drop(handle);
    assert_eq!(leaves.join().unwrap(), Ok(true));
    device.unplug(Reason::Orderly).wait(REMOVAL_BUDGET).unwrap();
    assert!(device.prepare(Duration::ZERO).is_err(), "it is gone");
}

#[derive(Default)]
struct Guests {
    heard: Mutex<Vec<&'static str>>,
    full: Mutex<bool>,
}

impl Users<u32> for Guests {
    fn open(&self, hardware: &u32) -> Result<(), i32> {
        assert_eq!(*hardware, 7);
        if *self.full.lock().unwrap() {
            return Err(16);
        }
        self.heard.lock().unwrap().push("open");
        Ok(())
    }

    fn last_close(&self, hardware: &u32) {
        assert_eq!(*hardware, 7);
        self.heard.lock().unwrap().push("last close");
    }
}

/// I8, I33: a driver may refuse an open, hears of opens and of the last close, and of nothing once the device is gone.
#[test]
fn a_driver_hears_of_its_users() {
    let guests = Arc::new(Guests::default());
    let device = Builder::new().users(guests.clone()).build((), 7);
    let first = device.open().unwrap();
    let second = first.clone();
    let third = second.reopen().unwrap();
    drop((first, third));
    assert_eq!(*guests.heard.lock().unwrap(), ["open", "open"]);
    drop(second);
    assert_eq!(guests.heard.lock().unwrap()[2..], ["last close"]);
    *guests.full.lock().unwrap() = true;
    assert_eq!(device.open().unwrap_err(), Refused::Driver(16));
    assert_eq!(device.handles(), 0);
    *guests.full.lock().unwrap() = false;
    let zombie = device.open().unwrap();
    device.unplug(Reason::Pulled).wait(REMOVAL_BUDGET).unwrap();
    drop(zombie);
    assert!(device.open().is_err());
    assert_eq!(guests.heard.lock().unwrap()[3..], ["open"], "a zombie's close never reaches the driver");
}

/// A refusal for a state is none of the device's going.
#[test]
fn refusals_say_why() {
    let gone = device_in(State::Gone).gone().unwrap();
    let words = [
        (Refused::State(State::Offline), "the device is offline"),
        (Refused::Gone(gone), "the device is gone: pulled"),
        (Refused::Driver(16), "the driver refused it with error 16"),
        (Refused::Interrupted, "interrupted while it waited for the device to run again"),
    ];
    for (refused, said) in words {
        assert_eq!(refused.to_string(), said);
        assert_eq!(refused.gone().is_some(), matches!(refused, Refused::Gone(_)));
    }
    assert_ne!(Cause::Interrupted, Cause::Gone(gone));
}
