//! A system call that a client's own thread makes in the place of one that it made: what only it can do for itself
//! (mmap(2), fchdir(2)), with a descriptor that it does not have.
//!
//! It is *lent* that descriptor, is held by ptrace on its way out of the call that we answer, makes the other call there,
//! closes what was lent, and goes on with the result as if nothing had been. All its signals are blocked meanwhile.
//!
//! Other threads of the client can see the descriptor lent for those tens of microseconds, and one that forks then keeps it
//! until it execs.

use crate::sys::{
    seccomp::{Listener, Notification},
    tracee::{Ended, Registers, Tracee},
};
use outlive_classes::Errno;

/// What the kernel puts in the place of a call's result when a signal is to be seen to first (`include/linux/errno.h`).
const ERESTARTSYS: i64 = 512;

/// What is made in the place of a call.
pub(super) struct Instead<'a> {
    pub(super) listener: &'a Listener,
    pub(super) call: &'a Notification,
    /// What the caller is told if it comes to nothing.
    pub(super) refusal: Errno,
}

impl Instead<'_> {
    /// Lends what `lend` lends, and has the caller make call `number` with the arguments that `arguments` has for that. If
    /// nothing can be lent the caller is told why. `told` learns what it is told, while it is held: its next call comes
    /// after. EINTR: it has ended.
    ///
    /// # Errors
    /// EPERM if somebody else traces the caller, ESRCH if it has ended: it has not been answered.
    pub(super) fn make(
        self,
        lend: impl FnOnce() -> Result<i32, Errno>,
        (number, arguments): (i64, impl FnOnce(u64) -> [u64; 6]),
        told: impl FnOnce(Result<i64, Errno>),
    ) -> Result<(), Errno> {
        let mut tracee = Tracee::seize(self.call.pid)?;
        let lent = lend();
        // From here on it is stopped on its way out: that it does not wait any more is found out there.
        tracee.interrupt();
        let _ = self.listener.answer(self.call.id, Err(*lent.as_ref().err().unwrap_or(&self.refusal)));
        told(lent.and_then(|lent| {
            let lent = u64::from(lent.cast_unsigned());
            self.make_in(&mut tracee, lent, number, arguments(lent)).unwrap_or(Err(Errno::INTR))
        }));
        Ok(())
    }

    fn make_in(
        &self,
        tracee: &mut Tracee,
        lent: u64,
        number: i64,
        arguments: [u64; 6],
    ) -> Result<Result<i64, Errno>, Ended> {
        tracee.wait_for_interrupt()?;
        let before = tracee.registers()?;
        if !self.is_on_its_way_out(&before) {
            return Ok(Err(Errno::INTR));
        }
        let mask = tracee.signal_mask()?;
        tracee.set_signal_mask(u64::MAX)?;
        let result = tracee.call(&before, number, arguments)?;
        tracee.call(&before, libc::SYS_close, [lent, 0, 0, 0, 0, 0])?;
        tracee.finish_call(&before, result)?;
        tracee.set_signal_mask(mask)?;
        let failed = (-4095..0).contains(&result);
        Ok(if failed { Err(Errno::from_raw_os_error(-result as i32)) } else { Ok(result) })
    }

    /// Whether it has just been answered: then it stands right behind that system call. On kernels that let any signal end
    /// the wait for us (before 5.19), it may be elsewhere by now; it makes the call again then, and keeps the descriptor
    /// lent.
    fn is_on_its_way_out(&self, registers: &Registers) -> bool {
        let result = registers.rax as i64;
        let answered = result == -i64::from(self.refusal.raw_os_error()) || result == -ERESTARTSYS;
        let Registers { rdi, rsi, rdx, r10, r8, r9, .. } = *registers;
        let arguments = [rdi, rsi, rdx, r10, r8, r9];
        answered && registers.orig_rax == self.call.number as u64 && arguments == self.call.arguments
    }
}
