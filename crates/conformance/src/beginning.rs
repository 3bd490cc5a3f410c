//! Queries, and what comes before the mark: I31, I33, I34.

use crate::{
    Behaviour, Breach, FarEnd, Said, Subject,
    stage::{A_WHILE, PATIENCE, Stage, comes},
};
use outlive::Reason;
use std::{sync::mpsc, thread};

/// I31
pub(crate) fn handles_can_ask(subject: &dyn Subject) -> Result<(), Breach> {
    for reason in [Reason::Pulled, Reason::Orderly] {
        let stage = Stage::new(subject);
        let user = stage.open()?;
        let alive = user.standing();
        law!(alive.gone.is_none() && !alive.lives_elsewhere, "a live device says of itself {alive:?}");
        stage.remove(reason)?;
        thread::sleep(A_WHILE);
        let dead = user.standing();
        law!(dead.gone == Some(reason), "removed as {reason:?}, a zombie learns {dead:?}");
        law!(dead.since.is_some_and(|since| since >= A_WHILE && since < PATIENCE), "since when, it learns {dead:?}");
        law!(!dead.lives_elsewhere, "nobody has its number, and it learns {dead:?}");
        stage.rig.replug(&FarEnd::new());
        let dead = user.standing();
        law!(dead.lives_elsewhere && dead.gone == Some(reason), "with its number in use again it learns {dead:?}");
    }
    Ok(())
}

/// I33
pub(crate) fn closing(subject: &dyn Subject) -> Result<(), Breach> {
    let stage = Stage::new(subject);
    let user = stage.open()?;
    law!(!stage.rig.prepare(A_WHILE), "its user is there, and its removal claims that all have left");
    law!(stage.rig.open().is_err(), "a device that is about to go was opened");
    let said = stage.answer(&stage.ask(&*user))?;
    law!(said == Said::Done, "a user of a device that is about to go was told {said:?}");
    law!(!stage.rig.is_gone() && !user.poll().hung_up, "a device that is about to go is gone");
    let (tell, left) = mpsc::channel();
    let rig = stage.rig.clone();
    thread::spawn(move || tell.send(rig.prepare(PATIENCE)));
    law!(left.recv_timeout(A_WHILE).is_err(), "nobody waits for the user to leave");
    let _ = user.close();
    law!(left.recv_timeout(PATIENCE) == Ok(true), "the user has left, and nobody noticed");
    stage.remove(Reason::Orderly).map(drop)
}

/// I34
pub(crate) fn the_drivers_own_errors(subject: &dyn Subject) -> Result<(), Breach> {
    let stage = Stage::new(subject);
    let (user, other) = (stage.open()?, stage.open()?);
    stage.far.behave(Behaviour::Fail);
    let said = stage.answer(&stage.ask(&*user))?;
    law!(said == subject.failed(), "the driver's own error became {said:?}");
    law!(!stage.rig.is_gone() && !user.poll().hung_up, "an error made a live device gone");
    // Then it notices, in the middle of a call.
    let rig = stage.rig.clone();
    stage.far.when_called(move || rig.notice());
    stage.far.behave(Behaviour::Act);
    let noticed = stage.ask(&*user);
    law!(comes(|| stage.rig.is_gone()), "the driver noticed, and its device is not marked");
    stage.answer(&noticed)?;
    stage.expect_gone(&stage.ask(&*other), "a call after the driver had noticed")?;
    stage.pull()
}
