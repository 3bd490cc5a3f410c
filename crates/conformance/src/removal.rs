//! Removal always finishes: I1 to I6.

use crate::{
    Behaviour, Breach, Subject,
    stage::{A_WHILE, PATIENCE, Stage},
};
use outlive::{REMOVAL_BUDGET, Reason, State};
use std::{
    sync::{Arc, Mutex, mpsc},
    thread,
    time::Duration,
};

/// I1
pub(crate) fn idle_handles(subject: &dyn Subject) -> Result<(), Breach> {
    const IDLE: usize = 100;
    let stage = Stage::new(subject);
    let user = stage.open()?;
    let idle = stage.rig.idle(IDLE);
    stage.pull()?;
    law!(stage.rig.handles() == IDLE + 1, "of {} handles {} are left", IDLE + 1, stage.rig.handles());
    stage.expect_gone(&stage.ask(&*user), "a handle that stayed open")?;
    drop(idle);
    Ok(())
}

/// I2
pub(crate) fn sleepers(subject: &dyn Subject) -> Result<(), Breach> {
    let stage = Stage::new(subject);
    let users = [stage.open()?, stage.open()?];
    // One whose driver does not let go keeps a removal waiting (I6), unless that driver is elsewhere.
    let other = if subject.driver_is_elsewhere() { Behaviour::Deaf } else { Behaviour::Hold };
    let answers = [stage.held(&*users[0], Behaviour::Hold)?, stage.held(&*users[1], other)?];
    let in_poll = users[0].sleep_in_poll();
    stage.pull()?;
    for answer in &answers {
        stage.expect_gone(answer, "a call that slept")?;
    }
    law!(in_poll.within(PATIENCE).is_some(), "a sleeper in poll was not woken");
    Ok(())
}

/// I3
pub(crate) fn by_its_own_user(subject: &dyn Subject) -> Result<(), Breach> {
    let stage = Stage::new(subject);
    let user = stage.open()?;
    let rig = stage.rig.clone();
    let (tell, returned) = mpsc::channel();
    let tell = Mutex::new(tell);
    stage.far.when_called(move || {
        let outcome = rig.unplug(Reason::Pulled, outlive::Policy::Detach, REMOVAL_BUDGET);
        let _ = tell.lock().expect("nobody panics with it").send(outcome.is_ok());
    });
    stage.far.behave(Behaviour::Act);
    let answer = stage.ask(&*user);
    let from_inside = returned.recv_timeout(3 * REMOVAL_BUDGET);
    law!(from_inside.is_ok(), "a removal from inside a call hangs");
    let finishes = subject.driver_is_elsewhere();
    law!(from_inside == Ok(finishes), "a removal from inside a call finishes while the call runs: {from_inside:?}");
    stage.expect_gone(&answer, "the call from which its device was removed")?;
    // This thread owns a handle.
    stage.pull()
}

/// I4
pub(crate) fn of_one_device_only(subject: &dyn Subject) -> Result<(), Breach> {
    let (stuck, other) = (Stage::new(subject), Stage::new(subject));
    let (user, idle) = (stuck.open()?, other.open()?);
    let _answer = stuck.held(&*user, Behaviour::Deaf)?;
    other.pull()?;
    other.expect_gone(&other.ask(&*idle), "a handle of the device that was removed")?;
    law!(stuck.far.holding() == 1 && !stuck.rig.is_gone(), "the other device was disturbed");
    Ok(())
}

/// I5
pub(crate) fn while_blocked(subject: &dyn Subject) -> Result<(), Breach> {
    let stage = Stage::new(subject);
    let user = stage.open()?;
    stage.rig.set_state(State::Blocked);
    let parked = stage.ask(&*user);
    law!(parked.within(A_WHILE).is_none(), "a blocked device answered a call");
    stage.pull()?;
    stage.expect_gone(&parked, "a call that was parked")?;
    law!(stage.far.called_for().is_empty(), "a parked call reached the driver: {:?}", stage.far.called_for());
    Ok(())
}

/// I6
pub(crate) fn names_the_culprit(subject: &dyn Subject) -> Result<(), Breach> {
    let stage = Stage::new(subject);
    let (culprit, other) = (stage.open()?, stage.open()?);
    let answer = stage.held(&*culprit, Behaviour::Deaf)?;
    thread::sleep(A_WHILE);
    let stuck = stage.pull_in_vain(A_WHILE)?;
    law!(stuck.culprits.len() == 1, "one call is inside, and it names {:?}", stuck.culprits);
    let (handle, _, kind, age) = &stuck.culprits[0];
    law!(*age >= A_WHILE, "the culprit has been inside for longer than {age:?}");
    law!(!kind.is_empty() && stuck.message.contains(kind.as_str()), "{:?} does not name {kind:?}", stuck.message);
    law!(stuck.message.contains(&handle.to_string()), "{:?} does not name handle {handle}", stuck.message);
    stage.expect_gone(&stage.ask(&*other), "the device, dead but not fenced,")?;
    law!(stage.rig.open().is_err(), "the device, dead but not fenced, was opened");
    stage.expect_gone(&answer, "the culprit's call")?;
    stage.far.release();
    law!(stage.remove(Reason::Pulled)?, "nobody finished the removal that had been given up");
    Ok(())
}

/// What several of them share: a removal that goes on behind.
pub(crate) fn in_background(stage: &Stage<'_>, reason: Reason, limit: Duration) -> mpsc::Receiver<Option<bool>> {
    let (tell, told) = mpsc::channel();
    let rig = Arc::clone(&stage.rig);
    thread::spawn(move || {
        let _ = tell.send(rig.unplug(reason, outlive::Policy::Detach, limit).ok());
    });
    told
}
