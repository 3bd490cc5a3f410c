//! The mark, on the side of what lives on: nothing hangs on any connector, and what was promised comes, or does not, as the
//! contract has it.

use super::{
    kms::Kms,
    sleep::{Given, Sleep, Waits},
};
use crate::Contract;
use std::time::Duration;

impl Kms {
    /// The mark. The result: on which CRTCs something is still to come.
    pub(super) fn end(&mut self, contract: Contract, now: Duration) -> Vec<usize> {
        if std::mem::replace(&mut self.ended, true) {
            return Vec::new();
        }
        self.lives_on = contract == Contract::Quiet;
        for connector in 0..self.monitors.len() {
            self.hang(connector, None);
        }
        match contract {
            // Nothing of it happened.
            Contract::Strict => self.drop_due(),
            // Linux' drivers turn their CRTCs off as they go (`drm_atomic_helper_shutdown`).
            Contract::Linux => (0..self.pipes()).for_each(|crtc| self.flush(crtc, now)),
            Contract::Quiet => {}
        }
        (0..self.pipes()).filter(|crtc| !self.due[*crtc].is_empty()).collect()
    }

    /// On a card that has gone, whoever reads and has nothing to expect is told that there is nothing any more.
    pub(super) fn end_reads(&mut self) {
        if !self.lives_on {
            return;
        }
        let reads = self.sleepers.iter().filter(|(_, it)| matches!(it.waits, Waits::Read { .. }));
        let in_vain = reads.filter(|(_, it)| {
            let expects = self.clients.get(&it.client).is_some_and(|client| client.expects());
            matches!(it.sleep, Some(Sleep::Bare(_))) && !expects && !it.cell.is_full()
        });
        let in_vain: Vec<u64> = in_vain.map(|(ticket, _)| *ticket).collect();
        in_vain.into_iter().for_each(|ticket| self.give(ticket, Given::End));
    }
}
