//! The fence: I7 to I14.

use crate::{
    Behaviour, Breach, Entry, Subject,
    removal::in_background,
    stage::{A_WHILE, PATIENCE, Stage, comes},
};
use outlive::{Policy, REMOVAL_BUDGET, Reason};
use std::{
    sync::atomic::{AtomicBool, Ordering::SeqCst},
    thread,
    time::Duration,
};

/// How often what races is tried.
const ROUNDS: usize = 10;

/// I7
pub(crate) fn nothing_is_running(subject: &dyn Subject) -> Result<(), Breach> {
    for _ in 0..ROUNDS {
        let stage = Stage::new(subject);
        let users = [stage.open()?, stage.open()?];
        // A callback that takes its time, and is in the middle of it.
        stage.far.when_called(|| thread::sleep(A_WHILE / 3));
        stage.far.behave(Behaviour::Act);
        let answers = users.each_ref().map(|user| stage.ask(&**user));
        law!(comes(|| stage.far.running() > 0 || stage.far.finished() == 2), "no call reached the driver");
        stage.pull()?;
        let running = stage.far.running();
        law!(running == 0, "behind the fence {running} callbacks are running");
        for answer in &answers {
            stage.answer(answer)?;
        }
    }
    Ok(())
}

/// I8
pub(crate) fn nothing_ever_starts(subject: &dyn Subject) -> Result<(), Breach> {
    let stage = Stage::new(subject);
    let (user, other) = (stage.open()?, stage.open()?);
    let held = stage.held(&*user, Behaviour::Hold)?;
    stage.far.behave(Behaviour::Prompt);
    stage.answer(&stage.ask(&*other))?;
    stage.pull()?;
    // It is told once, and hears of it when it does.
    let cancelled = || stage.far.count(&Entry::Cancelled) == 1;
    law!(!subject.driver_is_elsewhere() || comes(cancelled), "a driver elsewhere is not told to let go");
    let before = stage.far.called_for();
    for call in subject.calls() {
        stage.answer(&user.call(call))?;
    }
    user.interrupt(&held);
    let _ = (user.poll(), user.standing(), user.other_ways(), user.map());
    let _ = (user.close(), other.close());
    stage.rig.scrap();
    thread::sleep(A_WHILE);
    let after = stage.far.called_for();
    law!(before == after, "behind the fence the driver was called: {:?}", &after[before.len().min(after.len())..]);
    Ok(())
}

/// I9
pub(crate) fn nobody_enters_after_the_mark(subject: &dyn Subject) -> Result<(), Breach> {
    let stage = Stage::new(subject);
    let (culprit, other) = (stage.open()?, stage.open()?);
    let _held = stage.held(&*culprit, Behaviour::Deaf)?;
    stage.pull_past_a_call()?;
    let before = stage.far.count(&Entry::Called);
    for user in [&culprit, &other] {
        for call in subject.calls() {
            stage.answer(&user.call(call))?;
        }
    }
    let after = stage.far.count(&Entry::Called);
    law!(before == after, "between mark and fence {} calls reached the driver", after - before);
    Ok(())
}

/// I10
pub(crate) fn in_one_order(subject: &dyn Subject) -> Result<(), Breach> {
    let stage = Stage::new(subject);
    let (culprit, sleeper) = (stage.open()?, stage.open()?);
    let deaf = stage.held(&*culprit, Behaviour::Deaf)?;
    let asleep = stage.held(&*sleeper, Behaviour::Hold)?;
    let in_poll = sleeper.sleep_in_poll();
    let removal = in_background(&stage, Reason::Orderly, PATIENCE);
    // Everything that comes before the drain is there although the drain cannot end.
    law!(comes(|| stage.rig.is_gone()), "there is no mark while a call is inside");
    law!(comes(|| !stage.rig.is_found()), "the name still leads to the device");
    law!(asleep.within(PATIENCE).is_some(), "a sleeper is not woken before the drain ends");
    law!(in_poll.within(PATIENCE).is_some(), "a sleeper in poll is not woken before the drain ends");
    law!(deaf.within(PATIENCE).is_some(), "whoever is inside is not told before the drain ends");
    law!(comes(|| stage.far.count(&Entry::Cancelled) == 1), "the driver is not told to let go");
    law!(removal.try_recv().is_err(), "the removal finished while a call was inside");
    // And nothing that comes after it.
    let torn = stage.far.count(&Entry::Teardown);
    law!(torn == 0, "the teardown came before the end of the drain");
    law!(stage.badge.others() > 0, "the hardware was given back before the end of the drain");
    stage.far.release();
    law!(removal.recv_timeout(PATIENCE) == Ok(Some(true)), "the removal did not finish after the last one had left");
    let torn = stage.far.count(&Entry::Teardown);
    law!(torn == 1, "after the drain there were {torn} teardowns");
    Ok(())
}

/// I11
pub(crate) fn teardown_is_whole(subject: &dyn Subject) -> Result<(), Breach> {
    let stage = Stage::new(subject);
    let user = stage.open()?;
    let _held = stage.held(&*user, Behaviour::Hold)?;
    stage.remove(Reason::Orderly)?;
    let torn = stage.far.count(&Entry::Teardown);
    law!(torn == 1, "in an orderly removal there were {torn} teardowns");
    Ok(())
}

/// I12
pub(crate) fn the_last_word(subject: &dyn Subject) -> Result<(), Breach> {
    let stage = Stage::new(subject);
    let (user, other) = (stage.open()?, stage.open()?);
    let _deaf = stage.held(&*user, Behaviour::Deaf)?;
    let removal = in_background(&stage, Reason::Orderly, PATIENCE);
    law!(comes(|| stage.rig.is_gone()), "there is no mark while a call is inside");
    stage.expect_gone(&stage.ask(&*other), "a user, while the driver is about to have its last word,")?;
    law!(stage.far.count(&Entry::Teardown) == 0, "the driver had its last word while a call was inside");
    stage.far.release();
    law!(removal.recv_timeout(PATIENCE) == Ok(Some(true)), "the removal did not finish");
    law!(stage.far.called_for().last() == Some(&Entry::Teardown), "the last word is not the last of all");

    let pulled = Stage::new(subject);
    pulled.pull()?;
    law!(pulled.far.count(&Entry::Teardown) == 0, "the driver spoke to hardware that is not there any more");
    Ok(())
}

/// I13
pub(crate) fn many_removals_are_one(subject: &dyn Subject) -> Result<(), Breach> {
    const REMOVERS: usize = 6;
    for _ in 0..ROUNDS {
        let stage = Stage::new(subject);
        let user = stage.open()?;
        let _deaf = stage.held(&*user, Behaviour::Deaf)?;
        let released = AtomicBool::new(false);
        let (stage, released) = (&stage, &released);
        let acted = thread::scope(|scope| {
            let remove = || {
                scope.spawn(move || {
                    let outcome = stage.rig.unplug(Reason::Orderly, Policy::Detach, PATIENCE);
                    outcome.map(|acted| (acted, released.load(SeqCst)))
                })
            };
            let mut removers: Vec<_> = (1..REMOVERS).map(|_| remove()).collect();
            // One comes after the mark, and gets the time to be wrong, also where there is one slow processor.
            comes(|| stage.rig.is_gone());
            removers.push(remove());
            thread::sleep(Duration::from_millis(2));
            released.store(true, SeqCst);
            stage.far.release();
            removers.into_iter().map(|remover| remover.join().expect("it does not panic")).collect::<Vec<_>>()
        });
        let finished: Vec<_> = acted.into_iter().flatten().collect();
        law!(finished.len() == REMOVERS, "{} of {REMOVERS} removals did not finish", REMOVERS - finished.len());
        law!(finished.iter().all(|(_, behind)| *behind), "a removal returned before the fence");
        let acted = finished.iter().filter(|(acted, _)| *acted).count();
        law!(acted == 1, "{acted} of {REMOVERS} removals of one device did it");
        let torn = stage.far.count(&Entry::Teardown);
        law!(torn == 1, "there were {torn} teardowns");
        law!(stage.unplug(Reason::Pulled, REMOVAL_BUDGET) == Ok(false), "a removal of what is gone did something");
    }
    Ok(())
}

/// I14
pub(crate) fn no_sleep_inside(subject: &dyn Subject) -> Result<(), Breach> {
    law!(Stage::new(subject).rig.sleep_inside(), "somebody slept inside the gate, and nobody complained");
    Ok(())
}
