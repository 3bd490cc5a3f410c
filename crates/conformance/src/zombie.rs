//! What a zombie sees: I15 to I24.

use crate::{
    Behaviour, Breach, Happened, Poll, Said, Subject,
    stage::{A_WHILE, PATIENCE, Stage},
};
use outlive::Reason;
use std::{thread, time::Duration};

/// I15
pub(crate) fn one_error(subject: &dyn Subject) -> Result<(), Breach> {
    for reason in [Reason::Pulled, Reason::Orderly] {
        let stage = Stage::new(subject);
        let user = stage.open()?;
        stage.remove(reason)?;
        for call in subject.calls() {
            stage.expect_gone(&user.call(call), call)?;
        }
    }
    Ok(())
}

/// I16
pub(crate) fn no_false_success(subject: &dyn Subject) -> Result<(), Breach> {
    let stage = Stage::new(subject);
    let (user, culprit) = (stage.open()?, stage.open()?);
    // Also while somebody else is still inside, when a driver would still answer.
    let _deaf = stage.held(&*culprit, Behaviour::Deaf)?;
    stage.pull_past_a_call()?;
    for fenced in [false, true] {
        for call in subject.calls() {
            let said = stage.answer(&user.call(call))?;
            law!(said != Said::Done, "{call} claims success (behind the fence: {fenced})");
        }
        stage.far.release();
        stage.pull()?;
    }
    Ok(())
}

/// I17
pub(crate) fn exactly_one_answer(subject: &dyn Subject) -> Result<(), Breach> {
    const CALLS: usize = 8;
    for round in 0..10_u64 {
        let stage = Stage::new(subject);
        // Where users have one call each, as many of them as there are calls.
        let others = if subject.one_call_at_a_time() { CALLS + 1 } else { 2 };
        let users = (0..others).map(|_| stage.open()).collect::<Result<Vec<_>, _>>()?;
        let held = stage.held(&*users[0], Behaviour::Hold)?;
        stage.far.behave(Behaviour::Prompt);
        let answers: Vec<_> = (1..=CALLS).map(|call| stage.ask(&*users[call % others])).collect();
        thread::sleep(Duration::from_micros(100 * round));
        stage.pull()?;
        let mut done = 0;
        for answer in &answers {
            let said = stage.answer(answer)?;
            done += usize::from(said == Said::Done);
            law!(said == Said::Done || said == subject.gone(), "a call in flight said {said:?}");
        }
        stage.expect_gone(&held, "a call that the driver held")?;
        thread::sleep(Duration::from_millis(1));
        let twice = answers.iter().chain([&held]).any(|answer| answer.another().is_some());
        law!(!twice, "a call was answered twice");
        let finished = stage.far.finished();
        law!(done <= finished, "{done} calls succeeded of {finished} that the driver carried out");
    }
    Ok(())
}

/// I18
pub(crate) fn received_data_stays(subject: &dyn Subject) -> Result<(), Breach> {
    let stage = Stage::new(subject);
    let user = stage.open()?;
    law!(!user.poll().readable, "there is something to read before anything came");
    user.receive();
    user.receive();
    stage.pull()?;
    let items = if subject.received_at_once() { 1 } else { 2 };
    for item in 1..=items {
        law!(user.poll().readable, "poll does not say that item {item} of {items} is there");
        let said = user.read_received();
        law!(said == Said::Done, "item {item} of {items}, received before the mark, says {said:?}");
    }
    law!(!user.poll().readable, "there is something to read after everything was read");
    let said = user.read_received();
    law!(said == subject.gone(), "after the last item a read says {said:?}");
    Ok(())
}

/// I19
pub(crate) fn poll_tells(subject: &dyn Subject) -> Result<(), Breach> {
    let stage = Stage::new(subject);
    let users = [stage.open()?, stage.open()?];
    let sleepers = users.each_ref().map(|user| user.sleep_in_poll());
    for sleeper in &sleepers {
        law!(sleeper.within(A_WHILE).is_none(), "poll told of a removal before there was one");
    }
    stage.pull()?;
    for sleeper in &sleepers {
        law!(sleeper.within(PATIENCE).is_some(), "a sleeper in poll was not woken");
    }
    for user in &users {
        // Level-triggered: it says so again, and a poll that begins now ends at once.
        let gone = Poll { readable: false, hung_up: true };
        let said = [user.poll(), user.poll()];
        law!(said == [gone, gone], "on a zombie poll says {said:?}");
        law!(user.sleep_in_poll().within(PATIENCE).is_some(), "a poll that begins on a zombie sleeps");
    }
    Ok(())
}

/// I20
pub(crate) fn nothing_else_hangs_up(subject: &dyn Subject) -> Result<(), Breach> {
    let stage = Stage::new(subject);
    let (user, other) = (stage.open()?, stage.open()?);
    law!(!user.poll().hung_up, "a live device hangs up");
    let held = stage.held(&*user, Behaviour::Hold)?;
    user.interrupt(&held);
    // A class whose calls let no signal in goes on, as if there had been none.
    let said = match held.within(A_WHILE) {
        Some(said) => said,
        None => {
            stage.far.release();
            stage.answer(&held)?
        }
    };
    law!(said == Said::failed("EINTR") || said == Said::Done, "a signal in a call that sleeps made it say {said:?}");
    stage.far.behave(Behaviour::Prompt);
    for user in [&user, &other] {
        law!(!user.poll().hung_up, "after a signal a live device hangs up");
        let said = stage.answer(&stage.ask(&**user))?;
        law!(said == Said::Done, "after a signal a live device says {said:?}");
    }
    Ok(())
}

/// I21
pub(crate) fn watchers_hear_at_the_mark(subject: &dyn Subject) -> Result<(), Breach> {
    let stage = Stage::new(subject);
    let (user, culprit) = (stage.open()?, stage.open()?);
    let _deaf = stage.held(&*culprit, Behaviour::Deaf)?;
    law!(stage.rig.removals_heard() == 0, "watchers heard of a removal before there was one");
    // The users are still there, and the fence is not.
    stage.pull_past_a_call()?;
    law!(stage.rig.removals_heard() == 1, "at the mark watchers heard of {} removals", stage.rig.removals_heard());
    stage.far.release();
    stage.pull()?;
    let _ = (user.close(), culprit.close());
    law!(stage.rig.removals_heard() == 1, "in the end watchers heard of {} removals", stage.rig.removals_heard());
    let removed = |events: &[Happened]| events.iter().filter(|event| **event == Happened::Removed).count();
    let events = user.events();
    let last = events.last().is_none_or(|event| *event == Happened::Removed);
    law!(events.is_empty() || (last && removed(&events) == 1), "the event stream ends with {events:?}");
    Ok(())
}

/// I22
pub(crate) fn close_works(subject: &dyn Subject) -> Result<(), Breach> {
    let stage = Stage::new(subject);
    let (user, culprit) = (stage.open()?, stage.open()?);
    let _deaf = stage.held(&*culprit, Behaviour::Deaf)?;
    stage.pull_past_a_call()?;
    let before = stage.far.called_for();
    let said = user.close();
    law!(said == Said::Done, "while another is inside, close says {said:?}");
    stage.far.release();
    stage.pull()?;
    let said = culprit.close();
    law!(said == Said::Done, "behind the fence close says {said:?}");
    let touched = stage.far.called_for().len() - before.len();
    law!(touched == 0, "close called the driver {touched} times");
    law!(crate::stage::comes(|| stage.rig.handles() == 0), "{} handles are left", stage.rig.handles());
    Ok(())
}

/// I23
pub(crate) fn own_objects_can_go(subject: &dyn Subject) -> Result<(), Breach> {
    let stage = Stage::new(subject);
    let user = stage.open()?;
    let object = user.make_object();
    stage.pull()?;
    let before = stage.far.called_for();
    let said = object.destroy();
    law!(said == Said::Done, "destroying one's own object on a zombie says {said:?}");
    law!(before == stage.far.called_for(), "destroying one's own object called the driver");
    Ok(())
}
