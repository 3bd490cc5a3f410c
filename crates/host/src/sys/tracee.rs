//! A thread of another process, held for a moment to make system calls in its place: ptrace(2).
//!
//! x86-64: registers, and the two bytes of the instruction `syscall`.

use super::process::last_error;
use rustix::io;
use std::ffi::{c_uint, c_void};

/// The registers, as `struct user_regs_struct` of `sys/user.h`.
pub(crate) type Registers = libc::user_regs_struct;

/// A thread that is traced by this thread from [`Tracee::seize`] on, and let go when this is dropped. If this thread ends
/// before, the tracee's process is killed: it would go on with registers that are not its own.
#[derive(Debug)]
pub(crate) struct Tracee {
    thread: i32,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    /// It runs, or waits in a system call.
    Running,
    Stopped,
    /// It has ended, or was killed: there is nothing to let go of.
    Gone,
}

/// The thread has ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Ended;

/// The stop that PTRACE_INTERRUPT leads to, or one of job control: `PTRACE_EVENT_STOP` of `linux/ptrace.h`.
const EVENT_STOP: i32 = 128;
/// What tells a stop at a system call from a trap, by PTRACE_O_TRACESYSGOOD.
const SYSCALL_STOP: i32 = libc::SIGTRAP | 0x80;
/// The length of `syscall`, in bytes.
const SYSCALL_LENGTH: u64 = 2;
/// No system call: the kernel restarts none as it goes back to the program.
const NO_CALL: u64 = u64::MAX;

impl Tracee {
    /// Begins to trace a thread, which goes on meanwhile.
    ///
    /// # Errors
    /// EPERM if somebody else traces it, or if we may not; ESRCH if it has ended.
    pub(crate) fn seize(thread: u32) -> io::Result<Self> {
        let thread = i32::try_from(thread).map_err(|_| io::Errno::SRCH)?;
        let options = libc::PTRACE_O_TRACESYSGOOD | libc::PTRACE_O_EXITKILL;
        request(libc::PTRACE_SEIZE, thread, 0, options as usize)?;
        Ok(Tracee { thread, state: State::Running })
    }

    /// Makes it stop on its next way back to its program.
    pub(crate) fn interrupt(&mut self) {
        // ESRCH: it is ending, which the wait will tell.
        let _ = request(libc::PTRACE_INTERRUPT, self.thread, 0, 0);
    }

    /// Waits until it has stopped for [`Tracee::interrupt`].
    pub(crate) fn wait_for_interrupt(&mut self) -> Result<(), Ended> {
        loop {
            match self.wait()? {
                (_, EVENT_STOP) => return Ok(()),
                // A signal that would have been delivered first.
                (signal, 0) => self.resume(libc::PTRACE_CONT, signal),
                _ => self.resume(libc::PTRACE_CONT, 0),
            }
        }
    }

    /// Its registers. It must have stopped.
    pub(crate) fn registers(&mut self) -> Result<Registers, Ended> {
        // SAFETY: zeroes are valid registers.
        let mut registers: Registers = unsafe { std::mem::zeroed() };
        self.done(request(libc::PTRACE_GETREGS, self.thread, 0, (&raw mut registers) as usize))?;
        Ok(registers)
    }

    /// Sets them.
    pub(crate) fn set_registers(&mut self, registers: &Registers) -> Result<(), Ended> {
        self.done(request(libc::PTRACE_SETREGS, self.thread, 0, std::ptr::from_ref(registers) as usize))
    }

    /// Its signal mask.
    pub(crate) fn signal_mask(&mut self) -> Result<u64, Ended> {
        let mut mask = 0_u64;
        self.done(request(libc::PTRACE_GETSIGMASK, self.thread, size_of::<u64>(), (&raw mut mask) as usize))?;
        Ok(mask)
    }

    /// Sets it. SIGKILL and SIGSTOP cannot be blocked.
    pub(crate) fn set_signal_mask(&mut self, mask: u64) -> Result<(), Ended> {
        self.done(request(libc::PTRACE_SETSIGMASK, self.thread, size_of::<u64>(), std::ptr::from_ref(&mask) as usize))
    }

    /// Has it make a system call, as if by the instruction `syscall` right before `from.rip`, and with the other registers
    /// as in `from`. The result is what the call gives: from -4095 to -1 an errno. Its registers are left as they are after
    /// that.
    pub(crate) fn call(&mut self, from: &Registers, number: i64, arguments: [u64; 6]) -> Result<i64, Ended> {
        let [rdi, rsi, rdx, r10, r8, r9] = arguments;
        let rip = from.rip - SYSCALL_LENGTH;
        let call = Registers { rip, rax: number as u64, orig_rax: NO_CALL, rdi, rsi, rdx, r10, r8, r9, ..*from };
        self.set_registers(&call)?;
        // To the way in, and to the way out.
        self.run_to_syscall_stop()?;
        self.run_to_syscall_stop()?;
        Ok(self.registers()?.rax as i64)
    }

    /// Has it go on after the call that it was stopped in, with `result` as that call's.
    pub(crate) fn finish_call(&mut self, from: &Registers, result: i64) -> Result<(), Ended> {
        self.set_registers(&Registers { rax: result as u64, orig_rax: NO_CALL, ..*from })
    }

    fn run_to_syscall_stop(&mut self) -> Result<(), Ended> {
        let mut signal = 0;
        loop {
            self.resume(libc::PTRACE_SYSCALL, signal);
            signal = match self.wait()? {
                (SYSCALL_STOP, 0) => return Ok(()),
                // SIGSTOP, which begins a stop of its process: that goes its way. So does a signal of the call's own.
                (signal, 0) => signal,
                // That stop; it is taken up again when we let go.
                _ => 0,
            };
        }
    }

    fn resume(&mut self, how: c_uint, signal: i32) {
        // ESRCH: it is ending, which the wait will tell.
        let _ = request(how, self.thread, 0, signal as usize);
        self.state = State::Running;
    }

    /// Waits for its next stop: the signal and the event of it.
    fn wait(&mut self) -> Result<(i32, i32), Ended> {
        let mut status = 0;
        loop {
            // SAFETY: waitpid writes to `status` alone.
            let waited = unsafe { libc::waitpid(self.thread, &raw mut status, libc::__WALL) };
            if waited == self.thread && libc::WIFSTOPPED(status) {
                self.state = State::Stopped;
                return Ok((libc::WSTOPSIG(status), status >> 16));
            }
            if waited == self.thread || last_error() != io::Errno::INTR {
                self.state = State::Gone;
                return Err(Ended);
            }
        }
    }

    /// A request on a stopped thread fails if it has been killed meanwhile, and for no other reason that there is.
    fn done(&mut self, result: io::Result<()>) -> Result<(), Ended> {
        result.map_err(|_| Ended)
    }
}

impl Drop for Tracee {
    fn drop(&mut self) {
        if self.state == State::Running {
            self.interrupt();
            let _ = self.wait_for_interrupt();
        }
        if self.state == State::Stopped {
            // ESRCH: it has been killed, and nobody has to let it go.
            let _ = request(libc::PTRACE_DETACH, self.thread, 0, 0);
        }
    }
}

fn request(what: c_uint, thread: i32, address: usize, data: usize) -> io::Result<()> {
    // SAFETY: what the requests of this file write to is the memory that `data` of GETREGS and GETSIGMASK names, large
    // enough and alive for the call; what SETREGS and SETSIGMASK read, likewise; `data` of the others is a number.
    match unsafe { libc::ptrace(what, thread, address as *mut c_void, data as *mut c_void) } {
        -1 => Err(last_error()),
        _ => Ok(()),
    }
}

/// Whether a thread may be traced: it is seized and let go again at once.
pub(crate) fn may_trace(thread: u32) -> io::Result<()> {
    Tracee::seize(thread).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{
        process::{Child, Command},
        time::Duration,
    };

    fn sleeper() -> Child {
        Command::new("sleep").arg("1000").spawn().unwrap()
    }

    fn stopped(child: &Child) -> Tracee {
        // Until it sleeps it might be in the middle of anything.
        std::thread::sleep(Duration::from_millis(50));
        let mut tracee = Tracee::seize(child.id()).unwrap();
        tracee.interrupt();
        tracee.wait_for_interrupt().unwrap();
        tracee
    }

    #[test]
    fn a_thread_makes_calls_for_us_and_goes_on() {
        let mut child = sleeper();
        let mut tracee = stopped(&child);
        let before = tracee.registers().unwrap();
        let mask = tracee.signal_mask().unwrap();
        tracee.set_signal_mask(u64::MAX).unwrap();
        assert_eq!(tracee.call(&before, libc::SYS_getpid, [0; 6]), Ok(i64::from(child.id())));
        assert_eq!(tracee.call(&before, libc::SYS_close, [12345, 0, 0, 0, 0, 0]), Ok(-9));
        // SIGSTOP comes in between, and is not lost.
        // SAFETY: kill touches no memory.
        unsafe { libc::kill(child.id() as i32, libc::SIGSTOP) };
        assert_eq!(tracee.call(&before, libc::SYS_getpid, [0; 6]), Ok(i64::from(child.id())));
        tracee.set_signal_mask(mask).unwrap();
        tracee.set_registers(&before).unwrap();
        drop(tracee);
        std::thread::sleep(Duration::from_millis(50));
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", child.id())).unwrap();
        assert_eq!(stat.rsplit_once(") ").unwrap().1.chars().next(), Some('T'), "{stat}");
        child.kill().unwrap();
        child.wait().unwrap();
    }

    #[test]
    fn a_thread_that_is_killed_has_ended() {
        let mut child = sleeper();
        let mut tracee = stopped(&child);
        let registers = tracee.registers().unwrap();
        child.kill().unwrap();
        assert_eq!(tracee.call(&registers, libc::SYS_getpid, [0; 6]), Err(Ended));
        drop(tracee);
        child.wait().unwrap();
    }

    #[test]
    fn a_thread_has_one_tracer() {
        let mut child = sleeper();
        let tracee = stopped(&child);
        let id = child.id();
        let second = std::thread::spawn(move || Tracee::seize(id).map(drop)).join().unwrap();
        assert_eq!(second, Err(io::Errno::PERM));
        drop(tracee);
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(Tracee::seize(id).map(drop), Err(io::Errno::SRCH));
    }
}
