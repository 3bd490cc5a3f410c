//! What most checks begin with: a device, its far end, and users.

use crate::{Answer, Badge, Behaviour, Breach, FarEnd, Rig, Said, Stuck, Subject, User};
use outlive::{Policy, REMOVAL_BUDGET, Reason};
use std::{
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

/// Long enough for what is to come, on any machine; only what hangs takes longer.
pub(crate) const PATIENCE: Duration = Duration::from_secs(8);
/// Long enough for what must not come to be seen.
pub(crate) const A_WHILE: Duration = Duration::from_millis(30);

/// A device under test.
pub(crate) struct Stage<'a> {
    pub(crate) subject: &'a dyn Subject,
    pub(crate) far: Arc<FarEnd>,
    pub(crate) badge: Badge,
    pub(crate) rig: Arc<dyn Rig>,
}

impl<'a> Stage<'a> {
    pub(crate) fn new(subject: &'a dyn Subject) -> Self {
        let (far, badge) = (FarEnd::new(), Badge::new());
        let rig = subject.plug(&far, badge.clone());
        Stage { subject, far, badge, rig }
    }

    pub(crate) fn open(&self) -> Result<Arc<dyn User>, Breach> {
        self.rig.open().map_err(|said| Breach(format!("a live device could not be opened: {said:?}")))
    }

    /// The call that reaches the driver.
    pub(crate) fn ask(&self, user: &dyn User) -> Answer {
        user.call(self.subject.calls()[0])
    }

    /// A call of `user` that the driver holds; `behaviour` says how.
    pub(crate) fn held(&self, user: &dyn User, behaviour: Behaviour) -> Result<Answer, Breach> {
        let before = self.far.holding();
        self.far.behave(behaviour);
        let answer = self.ask(user);
        let came = self.far.wait_until_holding(before + 1, PATIENCE);
        law!(came, "a call on a live device did not reach the driver");
        Ok(answer)
    }

    /// A removal that is to finish within the budget.
    pub(crate) fn pull(&self) -> Result<(), Breach> {
        self.remove(Reason::Pulled).map(drop)
    }

    pub(crate) fn remove(&self, reason: Reason) -> Result<bool, Breach> {
        self.unplug(reason, REMOVAL_BUDGET).map_err(|stuck| Breach(format!("the removal did not finish: {stuck}")))
    }

    pub(crate) fn unplug(&self, reason: Reason, limit: Duration) -> Result<bool, Stuck> {
        self.rig.unplug(reason, Policy::Detach, limit)
    }

    /// A removal that cannot finish now.
    pub(crate) fn pull_in_vain(&self, limit: Duration) -> Result<Stuck, Breach> {
        match self.unplug(Reason::Pulled, limit) {
            Err(stuck) => Ok(stuck),
            Ok(_) => Err(Breach("the removal finished while a call was inside the driver".into())),
        }
    }

    /// A removal while a call is inside that does not let go. It cannot finish, unless the driver is elsewhere: then it does.
    pub(crate) fn pull_past_a_call(&self) -> Result<(), Breach> {
        if self.subject.driver_is_elsewhere() { self.pull() } else { self.pull_in_vain(Duration::ZERO).map(drop) }
    }

    /// The answer, which must come.
    pub(crate) fn answer(&self, answer: &Answer) -> Result<Said, Breach> {
        answer.within(PATIENCE).ok_or_else(|| Breach("a call was never answered".into()))
    }

    /// Fails unless the call says that the device is gone.
    pub(crate) fn expect_gone(&self, answer: &Answer, what: &str) -> Result<(), Breach> {
        let said = self.answer(answer)?;
        law!(said == self.subject.gone(), "{what} said {said:?}, not {:?}", self.subject.gone());
        Ok(())
    }
}

impl Drop for Stage<'_> {
    /// Whatever a check left behind, the next must not meet it.
    fn drop(&mut self) {
        self.far.release();
        let _ = self.unplug(Reason::Pulled, REMOVAL_BUDGET);
        self.rig.scrap();
    }
}

/// Waits until `holds`; whether it came.
pub(crate) fn comes(holds: impl Fn() -> bool) -> bool {
    let deadline = Instant::now() + PATIENCE;
    while !holds() {
        if Instant::now() > deadline {
            return false;
        }
        thread::sleep(Duration::from_millis(1));
    }
    true
}
