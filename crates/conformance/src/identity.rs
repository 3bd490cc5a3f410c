//! New users, identity, memory: I25 to I30, and I32.

use crate::{
    Badge, Behaviour, Breach, Entry, FarEnd, Said, Subject,
    stage::{Stage, comes},
};

/// How often what somebody else may spoil is tried.
const TRIES: usize = 20;

/// I25
pub(crate) fn no_way_back(subject: &dyn Subject) -> Result<(), Breach> {
    let stage = Stage::new(subject);
    let (user, culprit) = (stage.open()?, stage.open()?);
    for (way, said) in user.other_ways() {
        law!(said == Said::Done, "alive, {way} says {said:?}: this check would see nothing");
    }
    let _deaf = stage.held(&*culprit, Behaviour::Deaf)?;
    stage.pull_past_a_call()?;
    let before = stage.far.count(&Entry::Called);
    for fenced in [false, true] {
        law!(stage.rig.open().is_err(), "after the mark its name could be opened (behind the fence: {fenced})");
        for (way, said) in user.other_ways() {
            law!(said != Said::Done, "after the mark {way} leads to the device (behind the fence: {fenced})");
        }
        stage.far.release();
        stage.pull()?;
    }
    law!(before == stage.far.count(&Entry::Called), "after the mark the driver was called");
    Ok(())
}

/// I26
pub(crate) fn never_another_device(subject: &dyn Subject) -> Result<(), Breach> {
    let stage = Stage::new(subject);
    let old = stage.open()?;
    stage.pull()?;
    let next = FarEnd::new();
    stage.rig.replug(&next);
    let new = stage.open()?;
    let said = stage.answer(&stage.ask(&*new))?;
    law!(said == Said::Done, "the device that was plugged in again says {said:?}");
    let before = next.count(&Entry::Called);
    for call in subject.calls() {
        stage.expect_gone(&old.call(call), "a handle to the former device")?;
    }
    law!(old.poll().hung_up && !new.poll().hung_up, "poll takes one generation for the other");
    law!(next.count(&Entry::Called) == before, "a handle to the former device reached the next one");
    Ok(())
}

/// I27
pub(crate) fn numbers_do_not_alias(subject: &dyn Subject) -> Result<(), Breach> {
    let mut number = 0;
    for _ in 0..TRIES {
        let (used, given_out) = is_given_out_again(subject)?;
        if given_out {
            return Ok(());
        }
        number = used;
    }
    Err(Breach(format!("number {number} is free, and is not given out")))
}

/// The number of a device, and whether it is given out again after it had been held by a zombie and was not any more.
/// Somebody else may be quicker, and keep it.
fn is_given_out_again(subject: &dyn Subject) -> Result<(u32, bool), Breach> {
    let first = Stage::new(subject);
    let number = first.rig.number();
    let zombie = first.open()?;
    first.pull()?;
    first.rig.scrap();
    let second = Stage::new(subject);
    law!(second.rig.number() != number, "number {number} was given out again while a zombie held it");
    let said = zombie.close();
    law!(said == Said::Done, "close says {said:?}");
    law!(comes(|| first.rig.handles() == 0), "the zombie was not closed");
    Ok((number, Stage::new(subject).rig.number() == number))
}

/// I28
pub(crate) fn hardware_is_out_of_reach(subject: &dyn Subject) -> Result<(), Breach> {
    let stage = Stage::new(subject);
    let user = stage.open()?;
    let _held = stage.held(&*user, Behaviour::Hold)?;
    law!(stage.badge.others() > 0, "a live device has no hardware: this check would see nothing");
    stage.pull()?;
    stage.rig.scrap();
    let left = stage.badge.others();
    law!(left == 0, "behind the fence, with a handle open, the hardware is reached from {left} places");
    Ok(())
}

/// I29
pub(crate) fn memory_of_handles(subject: &dyn Subject) -> Result<(), Breach> {
    let stage = Stage::new(subject);
    let users = [stage.open()?, stage.open()?];
    stage.pull()?;
    stage.rig.scrap();
    for user in users {
        law!(stage.rig.remains(), "the memory of handles was freed while one was open");
        let said = user.close();
        law!(said == Said::Done, "close says {said:?}");
    }
    law!(comes(|| !stage.rig.remains()), "the memory of handles was not freed at the last close");
    Ok(())
}

/// I30
pub(crate) fn the_driver_can_go(subject: &dyn Subject) -> Result<(), Breach> {
    let stage = Stage::new(subject);
    let user = stage.open()?;
    stage.pull()?;
    stage.rig.scrap();
    law!(stage.badge.others() == 0, "the driver cannot go while a handle is open");
    // From here on any call of it would be one into code that is not there.
    let before = stage.far.called_for();
    for call in subject.calls() {
        stage.expect_gone(&user.call(call), call)?;
    }
    let said = user.close();
    law!(said == Said::Done, "without a driver close says {said:?}");
    law!(before == stage.far.called_for(), "a driver that has gone was called");
    Ok(())
}

/// I32
pub(crate) fn managed_actions(subject: &dyn Subject) -> Result<(), Breach> {
    let stage = Stage::new(subject);
    let (user, culprit) = (stage.open()?, stage.open()?);
    let _deaf = stage.held(&*culprit, Behaviour::Deaf)?;
    stage.pull_past_a_call()?;
    let ran = |badge: &Badge, far: &FarEnd| {
        let actions = far.journal().into_iter();
        let actions = actions.filter(|entry| matches!(entry, Entry::HardwareAction(_) | Entry::HandleAction(_)));
        (actions.collect::<Vec<_>>(), badge.others() > 0)
    };
    let (early, _) = ran(&stage.badge, &stage.far);
    law!(early.is_empty(), "before the fence these actions ran: {early:?}");
    stage.far.release();
    stage.pull()?;
    let hardware = vec![Entry::HardwareAction(2), Entry::HardwareAction(1)];
    let (ran_now, _) = ran(&stage.badge, &stage.far);
    law!(ran_now == hardware, "behind the fence these actions have run: {ran_now:?}");
    stage.rig.scrap();
    let _ = user.close();
    let (ran_now, _) = ran(&stage.badge, &stage.far);
    law!(ran_now == hardware, "with a handle open these actions have run: {ran_now:?}");
    let _ = culprit.close();
    let all = [hardware, vec![Entry::HandleAction(2), Entry::HandleAction(1)]].concat();
    law!(comes(|| ran(&stage.badge, &stage.far).0 == all), "in the end {:?}", ran(&stage.badge, &stage.far).0);
    Ok(())
}
