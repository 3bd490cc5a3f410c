//! The asymmetric fence for loom, as membarrier(2) is: the light fence is nothing at all, and the heavy one interrupts
//! every other thread between two of its accesses, where it runs a full barrier.
//!
//! loom chooses where. Threads that end, wait, or have not begun are not interrupted: they run a barrier on the way.

use super::{Gate, Guard, fence::Fence, line};
use crate::{
    hook::Hook,
    sync::{Condvar, Mutex, lock},
};
use loom::sync::atomic::{Ordering::SeqCst, fence};
use std::cell::Cell;

/// Threads of a model that can be interrupted; loom allows for five in all.
const THREADS: usize = 4;

// std's: loom runs a model on one thread of the machine, and must not see this.
std::thread_local! {
    static ASYMMETRIC: Cell<bool> = const { Cell::new(false) };
}

/// Which fences the models on this thread have from now on: true ones, or, since loom takes long over those, full
/// barriers on both sides for a model that looks at something else.
pub fn asymmetric(choice: bool) {
    ASYMMETRIC.set(choice);
}

fn is_asymmetric() -> bool {
    ASYMMETRIC.get()
}

/// Where a thread is, as the one who interrupts it sees it.
#[derive(Clone, Copy, PartialEq, Default)]
enum At {
    /// Not begun, ended, or asleep.
    #[default]
    Away,
    Running,
    /// Somebody waits for it to run a barrier.
    Interrupted,
}

/// One thread. The lock orders no more than the interrupt does: of two threads that take it in turns, one interrupts
/// the other, which runs its barrier in its next turn, after everything that this turn could have ordered.
#[derive(Default)]
struct Core {
    at: Mutex<At>,
    moved: Condvar,
}

impl Core {
    fn poll(&self) {
        let mut at = lock(&self.at);
        if *at == At::Interrupted {
            self.change(&mut at, At::Running);
        }
    }

    fn go(&self, to: At) {
        self.change(&mut lock(&self.at), to);
    }

    fn change(&self, at: &mut At, to: At) {
        fence(SeqCst);
        *at = to;
        self.moved.notify_all();
    }

    /// Interrupts it, and waits until it has run a barrier.
    fn interrupt(&self) {
        let mut at = lock(&self.at);
        if *at == At::Running {
            *at = At::Interrupted;
        }
        while *at == At::Interrupted {
            at = self.moved.wait(at).unwrap();
        }
    }
}

#[derive(Default)]
struct Machine {
    known: std::sync::atomic::AtomicUsize,
    cores: [Core; THREADS],
}

loom::lazy_static! {
    // Leaked: the model's main thread ends after its statics.
    static ref MACHINE: &'static Machine = Box::leak(Box::default());
}

loom::thread_local! {
    pub(super) static PRESENT: Present = Present::new();
}

/// What a thread of a model has until it ends, in the order in which it goes. In one place, since loom drops the locals
/// of a thread in no order.
pub(super) struct Present {
    pub(super) claimed: line::Claimed,
    core: OnCore,
}

/// Where the thread can be interrupted: from its first poll on, for one that only unplugs may go and wait for others at
/// any time.
struct OnCore(Cell<Option<&'static Core>>);

impl Present {
    fn new() -> Self {
        Present { claimed: line::Claimed::new(), core: OnCore(Cell::new(None)) }
    }
}

impl OnCore {
    fn poll(&self) {
        if let Some(core) = self.0.get() {
            return core.poll();
        }
        let machine: &'static Machine = *MACHINE;
        let core = &machine.cores[machine.known.fetch_add(1, SeqCst)];
        core.go(At::Running);
        self.0.set(Some(core));
    }

    fn go(&self, to: At) {
        self.0.get().into_iter().for_each(|core| core.go(to));
    }
}

impl Drop for OnCore {
    fn drop(&mut self) {
        // Not when a model has failed and is torn down.
        if !std::thread::panicking() {
            self.go(At::Away);
        }
    }
}

fn here(call: impl FnOnce(&OnCore)) {
    if is_asymmetric() {
        // A thread that is ending is not interrupted any more.
        PRESENT.try_with(|present| call(&present.core)).ok();
    }
}

/// Before this thread waits for something.
pub(crate) fn away() {
    here(|core| core.go(At::Away));
}

/// After it has waited.
pub(crate) fn back() {
    here(|core| core.go(At::Running));
}

/// Waits, for a thread of a model that has been inside a gate: `wait` may block, and nothing in it is interrupted.
pub fn asleep<R>(wait: impl FnOnce() -> R) -> R {
    away();
    let result = wait();
    back();
    result
}

pub(crate) struct Interrupts;

impl Fence for Interrupts {
    fn prepare() -> bool {
        true
    }

    fn light() {
        if !is_asymmetric() {
            fence(SeqCst);
        }
    }

    fn heavy() {
        if !is_asymmetric() {
            return fence(SeqCst);
        }
        away();
        fence(SeqCst);
        // Not this one: it is away.
        MACHINE.cores.iter().for_each(Core::interrupt);
        fence(SeqCst);
        back();
    }

    fn poll() {
        here(OnCore::poll);
    }

    fn thread() -> u32 {
        1
    }
}

/// A gate by itself, for models that are too dear with a whole device around it. It lives for ever.
pub struct BareGate<H: 'static>(&'static Gate<H>);

impl<H> Clone for BareGate<H> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<H> Copy for BareGate<H> {}

impl<H> BareGate<H> {
    /// A gate that is open.
    pub fn new(hardware: H) -> Self {
        BareGate(Box::leak(Box::new(Gate::new(hardware))))
    }

    /// See [`crate::Handle::enter`].
    pub fn enter(self) -> Option<Guard<'static, H>> {
        self.0.enter()
    }

    /// Enters by the count; `true` owes an `exit_counted`.
    pub fn enter_counted(self) -> bool {
        self.0.enter_counted()
    }

    /// Takes back one `enter_counted`.
    pub fn exit_counted(self) {
        self.0.exit();
    }

    /// Shuts the gate for ever.
    pub fn mark(self) {
        self.0.mark();
        super::heavy_fence();
    }

    /// Waits without a limit.
    pub fn drain(self) -> Option<H> {
        self.0.drain(None).ok().flatten()
    }

    /// Leaves the hardware to `heir`, to be called by the last one inside.
    pub fn leave_to(self, heir: impl FnOnce(H) + Send + 'static) {
        let heir: Hook<H> = Box::new(heir);
        self.0.leave_to(heir);
    }
}
