//! States, and the calls that wait for them.

use crate::*;
use outlive::{Handle, State};

/// A call that must be heard of once; what it hears.
fn call(handle: &Handle<(), Chip>, driver: &Driver) -> Ledger<Result<(), Refused>> {
    let heard = Ledger::new();
    let (noted, driver) = (heard.clone(), driver.clone());
    let number = handle.begin_or_park("call", move |begun| {
        if begun.is_ok() {
            driver.call();
        }
        noted.note(begun.as_ref().map(drop).map_err(|refused| *refused));
    });
    // Its client may give up.
    if let (Some(number), 0) = (number, pick(3)) {
        handle.cancel(number);
    }
    heard
}

/// I5, I17, I33: whatever the driver sets, and whenever the device goes, each call is heard of once: it entered, or was
/// refused; and what was parked fails with the device.
pub(crate) fn states_and_calls() {
    let (device, driver) = device();
    let handle = device.open().unwrap();
    let (user, book) = (handle.clone(), driver.clone());
    let users = crew(2, move || {
        let calls: Vec<_> = (0..2).map(|_| call(&user, &book)).collect();
        drop(user.begin("now").inspect(|_| book.call()));
        drop(user.begin_framework("framework").inspect(|_| book.call()));
        calls
    });
    let settings = [State::Blocked, State::Running, State::Quiesced, State::Offline, State::Closing];
    let set = device.clone();
    let setters = crew(2, move || (0..2).for_each(|_| _ = set.set_state(settings[pick(5)])));
    let (removed, book) = (device.clone(), driver.clone());
    let removers = crew(1 + pick(2), move || drop(remove_somehow(&removed, &book)));
    // Somebody has to: a blocked device that stays would park its callers for ever.
    drop(device.unplug(Reason::Pulled).wait(NO_LIMIT).unwrap());
    driver.fence();
    join(removers);
    join(setters);
    for heard in join(users).into_iter().flatten() {
        assert_eq!(heard.all().len(), 1, "a call heard {:?}", heard.all());
    }
    assert_eq!(device.state(), State::Gone);
    assert!(handle.begin("late").is_err_and(|refused| is_gone(&refused)));
}

/// A call that comes while the device is blocked, or set running again, waits or enters; it is refused by the removal
/// only.
pub(crate) fn readers_of_the_state() {
    let (device, driver) = device();
    let handle = device.open().unwrap();
    let (user, book) = (handle.clone(), driver.clone());
    let users = crew(2, move || {
        let heard = Ledger::new();
        let (noted, driver) = (heard.clone(), book.clone());
        user.begin_or_park("call", move |begun| {
            if begun.is_ok() {
                driver.call();
            }
            noted.note(begun.err());
        });
        heard
    });
    for _ in 0..2 {
        device.set_state(State::Blocked).unwrap();
        device.set_state(State::Running).unwrap();
    }
    let heard = join(users);
    for heard in &heard {
        assert_eq!(heard.all(), [None], "refused though it could wait");
    }
    drop(device.unplug(Reason::Pulled).wait(NO_LIMIT).unwrap());
}
