//! Writes down what a program does to the lab, pulls, and stops it at its limits.

use super::{Answered, Chunk, Death, End, Limits, Observed, Operation, Pull, Stopped, Trial, look, replug::Return};
use crate::{
    front::run::Stopper,
    lab::{Arrival, Lab, Observer},
    sys::process::deadly_signal,
};
use outlive::{Policy, REMOVAL_BUDGET, Reason};
use rustix::process::{Pid, PidfdFlags, pidfd_open};
use std::{
    collections::{BTreeMap, HashSet},
    os::fd::OwnedFd,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak},
};

/// The record of one trial.
pub(super) struct Recorder {
    lab: Weak<Lab>,
    pull: Option<Pull>,
    limits: Limits,
    /// What was pulled may come back.
    back: Arc<Return>,
    stopper: OnceLock<Stopper>,
    state: Mutex<State>,
    processes: Mutex<Processes>,
    comms: Mutex<look::Comms>,
}

#[derive(Default)]
struct State {
    observed: Observed,
    /// How many operations have come that the name of the one to be pulled fits.
    fitting: u64,
    after_pull: u64,
    kept_output: usize,
    /// The program has ended: what comes is not its own.
    over: bool,
}

/// The processes that were seen, so that the death of each can be told.
#[derive(Default)]
struct Processes {
    threads: HashSet<u32>,
    known: BTreeMap<u32, (OwnedFd, String)>,
}

impl Recorder {
    pub(super) fn new(lab: Weak<Lab>, trial: &Trial) -> Self {
        Recorder {
            lab,
            pull: trial.pull.clone(),
            limits: trial.limits,
            back: Return::new(trial.replug),
            stopper: OnceLock::new(),
            state: Mutex::default(),
            processes: Mutex::default(),
            comms: Mutex::default(),
        }
    }

    /// By whom the program is stopped. A limit that was passed before is acted on now.
    pub(super) fn stop_by(&self, stopper: Stopper) {
        let _ = self.stopper.set(stopper);
        if self.state().observed.stopped.is_some() {
            self.kill();
        }
    }

    /// Stops the program for `why`, unless it has been stopped for something.
    pub(super) fn stop(&self, why: Stopped) {
        let first = {
            let mut state = self.state();
            let first = state.observed.stopped.is_none();
            state.observed.stopped.get_or_insert(why);
            first
        };
        if first {
            self.kill();
        }
    }

    fn kill(&self) {
        if let Some(stopper) = self.stopper.get() {
            stopper.stop();
        }
    }

    /// Some output has been read.
    pub(super) fn output(&self, stream: u8, bytes: &[u8]) {
        let over = {
            let mut state = self.state();
            let after_operation = state.observed.operation_count;
            let kept = bytes.len().min(Observed::KEPT_OUTPUT - state.kept_output);
            state.kept_output += kept;
            if kept > 0 {
                let text = String::from_utf8_lossy(&bytes[..kept]).into_owned();
                state.observed.output.push(Chunk { stream, text, after_operation });
            }
            if state.observed.pulled {
                state.observed.output_after += bytes.len() as u64;
            }
            self.limits.output.is_some_and(|limit| state.observed.output_after > limit)
        };
        if over {
            self.stop(Stopped::Output);
        }
    }

    /// A thread of the tree has been seen.
    pub(super) fn saw(&self, tid: u32) {
        let mut processes = self.processes.lock().unwrap_or_else(PoisonError::into_inner);
        if !processes.threads.insert(tid) {
            return;
        }
        let Some(pid) = look::process_of(tid) else { return };
        if let Some((_, name)) = processes.known.get_mut(&pid) {
            *name = look::comm(pid).unwrap_or_else(|| std::mem::take(name));
            return;
        }
        let process = Pid::from_raw(pid as i32).and_then(|pid| pidfd_open(pid, PidfdFlags::empty()).ok());
        if let Some(process) = process {
            processes.known.insert(pid, (process, look::comm(pid).unwrap_or_default()));
        }
    }

    /// Everything, once the tree has ended with `end`. Nothing is written down from here on.
    pub(super) fn finish(&self, end: End) -> Observed {
        let mut observed = {
            let mut state = self.state();
            state.over = true;
            std::mem::take(&mut state.observed)
        };
        observed.end = end;
        observed.replugged = self.back.end();
        let processes = std::mem::take(&mut *self.processes.lock().unwrap_or_else(PoisonError::into_inner));
        for (pid, (process, comm)) in processes.known {
            let signal = deadly_signal(&process);
            // What we stopped, we killed.
            let ours = observed.stopped.is_some() && signal == Some(libc::SIGKILL);
            if let (Some(signal), false) = (signal, ours) {
                observed.deaths.push(Death { pid, comm, signal, command: false });
            }
        }
        self.mark_command(&mut observed);
        observed
    }

    /// CMD's own death is known from its parent, the guardian, on any kernel.
    fn mark_command(&self, observed: &mut Observed) {
        let End::Signal(signal) = observed.end else { return };
        if observed.stopped.is_some() && signal == libc::SIGKILL {
            return;
        }
        match observed.deaths.iter_mut().find(|death| death.signal == signal) {
            Some(death) => death.command = true,
            None => observed.deaths.push(Death { pid: 0, comm: String::new(), signal, command: true }),
        }
    }

    pub(super) fn found_doing(&self, threads: Vec<super::Thread>) {
        self.state().observed.threads = threads;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether this is the operation to be pulled. To be asked once for each.
    fn is_pulled(&self, arrival: &Arrival<'_>, what: &str) -> bool {
        match &self.pull {
            Some(Pull::At(number)) => *number == arrival.number,
            Some(Pull::Named(name)) if name.fits(arrival.device, arrival.call, what) => {
                let mut state = self.state();
                state.fitting += 1;
                state.fitting == name.occurrence
            }
            Some(Pull::Named(_)) | None => false,
        }
    }

    fn write_down(&self, arrival: &Arrival<'_>, what: String) {
        let comm = self.comms.lock().unwrap_or_else(PoisonError::into_inner).of(arrival.pid).unwrap_or_default();
        let mut state = self.state();
        let observed = &mut state.observed;
        observed.operation_count = arrival.number;
        if observed.operations.len() < Observed::KEPT {
            observed.operations.push(Operation {
                number: arrival.number,
                device: arrival.device.to_owned(),
                pid: arrival.pid,
                comm,
                call: arrival.call.to_owned(),
                what,
                after_pull: observed.pulled,
                answer: None,
                hollow: false,
                gone: false,
            });
        }
    }
}

impl Observer for Recorder {
    fn arrived(&self, arrival: &Arrival<'_>) {
        if self.state().over {
            return;
        }
        self.saw(arrival.pid);
        let what = arrival.what.to_string();
        let pull = self.is_pulled(arrival, &what);
        if pull {
            self.state().observed.pulled = true;
        }
        self.write_down(arrival, what);
        if let Some(lab) = self.lab.upgrade() {
            if pull {
                // The driver answers or lets go at once; if it does not, the device is dead all the same.
                let _ = lab.unplug(arrival.device, Reason::Pulled, Policy::Detach, REMOVAL_BUDGET);
                self.back.pulled(&lab, arrival.device);
            } else {
                self.back.arrived(&lab, arrival.device);
            }
        }
        let over = {
            let mut state = self.state();
            state.after_pull += u64::from(state.observed.pulled);
            // The one that was pulled is not yet one after the pull.
            self.limits.operations.is_some_and(|limit| state.after_pull > limit.saturating_add(1))
        };
        if over {
            self.stop(Stopped::Operations);
        }
    }

    fn answered(&self, number: u64, answer: Answered, gone: bool) {
        let mut state = self.state();
        // Kept from number 1 on without a gap.
        if let Some(operation) = state.observed.operations.get_mut(number as usize - 1) {
            operation.answer = Some(answer);
            operation.gone = gone && matches!(answer, Answered::Errno(_));
        }
    }

    fn hollow(&self, number: u64) {
        if let Some(operation) = self.state().observed.operations.get_mut(number as usize - 1) {
            operation.hollow = true;
        }
    }
}
