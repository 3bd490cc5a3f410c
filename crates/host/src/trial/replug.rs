//! The return of a device that was pulled.

use super::Replug;
use crate::lab::{Lab, PlugError, UnplugError};
use outlive::{Policy, REMOVAL_BUDGET, Reason};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// When the device of a trial comes back, and whether it has.
pub(super) struct Return {
    when: Option<Replug>,
    state: Mutex<State>,
}

enum State {
    /// Nothing was pulled yet; or what was pulled stays away.
    Waiting,
    /// After so many operations on that device.
    After(String, u64),
    /// When the clock says so.
    Later(String),
    /// As soon as its removal is complete.
    Due(String),
    /// It is back.
    Back,
    /// The program has ended.
    Over,
}

/// Why a device could not be plugged in again.
#[derive(Debug, thiserror::Error)]
pub enum ReturnError {
    /// Its removal does not finish.
    #[error("the removal does not finish, so the device cannot be plugged in again for the check: {0}")]
    Removal(UnplugError),
    /// Something else.
    #[error("the device cannot be plugged in again for the check: {0}")]
    Plug(PlugError),
}

impl Return {
    pub(super) fn new(when: Option<Replug>) -> Arc<Self> {
        Arc::new(Return { when, state: Mutex::new(State::Waiting) })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// `device` has been pulled.
    pub(super) fn pulled(self: &Arc<Self>, lab: &Arc<Lab>, device: &str) {
        let device = device.to_owned();
        *self.state() = match self.when {
            None => return,
            Some(Replug::Operations(0)) => State::Due(device),
            Some(Replug::Operations(count)) => State::After(device, count),
            Some(Replug::Time(_)) => State::Later(device),
        };
        if let Some(Replug::Time(delay)) = self.when {
            let (this, later) = (self.clone(), Arc::downgrade(lab));
            let ring = move || {
                if let Some(lab) = later.upgrade() {
                    this.ring(&lab);
                }
            };
            lab.clock().after(delay, Box::new(ring));
        }
        self.try_now(lab);
    }

    /// The time has come.
    fn ring(&self, lab: &Lab) {
        let mut state = self.state();
        if let State::Later(device) = &*state {
            *state = State::Due(device.clone());
        }
        drop(state);
        self.try_now(lab);
    }

    /// An operation on `device` has come after the pull.
    pub(super) fn arrived(&self, lab: &Lab, device: &str) {
        let mut state = self.state();
        if let State::After(pulled, left) = &mut *state
            && pulled == device
        {
            *left -= 1;
            if *left == 0 {
                *state = State::Due(device.to_owned());
            }
        }
        drop(state);
        self.try_now(lab);
    }

    /// Plugs it in if it is due; if somebody is still inside, the next operation tries again.
    fn try_now(&self, lab: &Lab) {
        let mut state = self.state();
        if let State::Due(device) = &*state
            && lab.plug_name(device).is_ok()
        {
            *state = State::Back;
        }
    }

    /// The program has ended: nothing comes back from here on. Whether it had.
    pub(super) fn end(&self) -> bool {
        matches!(std::mem::replace(&mut *self.state(), State::Over), State::Back)
    }
}

/// Plugs everything in that is not there.
///
/// # Errors
/// [`ReturnError`].
pub(super) fn complete(lab: &Lab) -> Result<(), ReturnError> {
    for name in lab.names() {
        let mut plugged = lab.plug_name(&name);
        if let Err(PlugError::StillBusy { .. } | PlugError::BeingPlugged { .. }) = plugged {
            lab.unplug(&name, Reason::Pulled, Policy::Detach, REMOVAL_BUDGET).map_err(ReturnError::Removal)?;
            plugged = lab.plug_name(&name);
        }
        match plugged {
            Ok(_) | Err(PlugError::Plugged { .. }) => {}
            Err(error) => return Err(ReturnError::Plug(error)),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::{
        Lookup,
        tests::{StuckLab, stuck_lab},
    };
    use std::{
        thread::sleep,
        time::{Duration, Instant},
    };

    fn is_there(lab: &Lab, path: &str) -> bool {
        matches!(lab.find(path), Lookup::Here(_))
    }

    /// Pulls bus 7, which nobody uses.
    fn pull(lab: &Arc<Lab>, when: Option<Replug>) -> Arc<Return> {
        let back = Return::new(when);
        lab.unplug("i2c-7", Reason::Pulled, Policy::Detach, REMOVAL_BUDGET).unwrap();
        back.pulled(lab, "i2c-7");
        back
    }

    #[test]
    fn it_is_back_at_once_or_after_operations_on_it_or_never() {
        let StuckLab { lab, transfers, file, .. } = stuck_lab();
        for (when, operations) in [(Some(Replug::Operations(0)), 0), (Some(Replug::Operations(2)), 2), (None, u64::MAX)]
        {
            let back = pull(&lab, when);
            for number in 0..5 {
                assert_eq!(is_there(&lab, "/dev/i2c-7"), number >= operations, "{when:?} after {number} operations");
                back.arrived(&lab, "i2c-9");
                back.arrived(&lab, "i2c-7");
            }
            assert_eq!(back.end(), when.is_some(), "{when:?}");
            complete(&lab).unwrap();
            assert!(is_there(&lab, "/dev/i2c-7"));
        }
        transfers.lock().unwrap().clear();
        drop(file);
    }

    #[test]
    fn it_is_back_after_a_time_unless_the_program_has_ended() {
        let StuckLab { lab, transfers, .. } = stuck_lab();
        let begin = Instant::now();
        let delay = Duration::from_millis(50);
        let back = pull(&lab, Some(Replug::Time(delay)));
        back.arrived(&lab, "i2c-7");
        while !is_there(&lab, "/dev/i2c-7") {
            assert!(begin.elapsed() < Duration::from_secs(10));
            sleep(Duration::from_millis(1));
        }
        assert!(begin.elapsed() >= delay && back.end());

        let back = pull(&lab, Some(Replug::Time(delay)));
        assert!(!back.end(), "it was away");
        sleep(2 * delay);
        assert!(!is_there(&lab, "/dev/i2c-7"), "and does not come back by itself");
        transfers.lock().unwrap().clear();
    }

    /// Never before the fence, and then with the next operation.
    #[test]
    fn what_is_still_inside_is_waited_for() {
        let StuckLab { lab, transfers, .. } = stuck_lab();
        assert!(lab.unplug("i2c-9", Reason::Pulled, Policy::Detach, Duration::ZERO).is_err());
        let back = Return::new(Some(Replug::Operations(0)));
        back.pulled(&lab, "i2c-9");
        back.arrived(&lab, "i2c-9");
        assert!(!is_there(&lab, "/dev/i2c-9"));
        assert!(matches!(complete(&lab), Err(ReturnError::Removal(UnplugError::Busy { .. }))));
        transfers.lock().unwrap().clear();
        back.arrived(&lab, "i2c-7");
        assert!(is_there(&lab, "/dev/i2c-9") && back.end());
        complete(&lab).unwrap();
    }
}
