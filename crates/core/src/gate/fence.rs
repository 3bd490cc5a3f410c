//! The asymmetric fence: nearly free for those who enter and leave, dear for the one who unplugs.

use crate::sync::{Chosen, OnceLock};

/// The two sides of an asymmetric fence.
///
/// # The Lemma
/// One thread writes, has a light fence, and reads; another writes what the first reads, has a heavy fence, and reads
/// what the first writes:
///
/// ```text
///     the one who comes or goes            the one who unplugs
///     A  write its slot                    C  write the mark
///        light                                heavy
///     B  read the mark                     E  read the slot
/// ```
///
/// *Then B reads C, or something newer, or E reads A, or something newer.* For the heavy fence makes every thread of the
/// process go through a full barrier F at some point of its own, after C and before E: membarrier(2) interrupts those
/// that run, and those that do not run went through one when they were switched out or will when they are switched in.
/// If F falls before A, B comes after F and reads C. If F falls after A, E reads A. The light fence keeps the compiler
/// from moving A past B, and that is all it does: between A and B the processor may do as it likes, for if F falls
/// there, it has done A.
///
/// The Lemma holds as well for an E by another thread, if the heavy fence happened before it; and for what a thread has
/// read, not written, before A, since barriers are cumulative. It says *nothing* about two light fences: no step may
/// rely on two who come and go being ordered by theirs. Do not "repair" the light fence: it is not missing a barrier.
///
/// Neither C++ nor Rust has this fence in its memory model; P1202 has the same Lemma. The models run it as it is: see
/// `interrupts.rs`.
pub(crate) trait Fence {
    /// Makes the heavy fence usable in this process. If `false`, it is not, and nobody may rely on the Lemma: all count.
    fn prepare() -> bool;

    /// The light fence.
    fn light();

    /// The heavy fence. Only after `prepare` has returned `true`.
    fn heavy();

    /// A point between two accesses where a heavy fence may find this thread. Nothing outside a model, since a processor
    /// can be interrupted anywhere.
    fn poll();

    /// The thread that asks, as the kernel numbers it; below [`super::line::FREE`].
    fn thread() -> u32;
}

static ASYMMETRIC: OnceLock<bool> = OnceLock::new();

/// Decides once for the process whether the Lemma can be relied on. To be called before the first gate is there, so
/// before anybody enters one: registering is cheap while there is one thread, and takes 10 to 20 ms once there are more.
pub(super) fn decide() {
    ASYMMETRIC.get_or_init(Chosen::prepare);
}

/// What was decided.
pub(super) fn is_asymmetric() -> bool {
    *ASYMMETRIC.get().unwrap_or(&false)
}

/// The heavy fence, where one is needed.
pub(super) fn heavy() {
    if is_asymmetric() {
        Chosen::heavy();
    }
}

/// membarrier(2), private and expedited: Linux 4.14.
#[cfg(all(target_os = "linux", feature = "std", not(any(loom, miri, shuttle))))]
pub(crate) mod membarrier {
    use super::Fence;
    use core::sync::atomic::{Ordering, compiler_fence, fence};
    use rustix::{
        io::Errno,
        thread::{MembarrierCommand, gettid, membarrier},
    };

    pub(crate) struct Membarrier;

    fn register() -> bool {
        membarrier(MembarrierCommand::RegisterPrivateExpedited).is_ok()
    }

    impl Fence for Membarrier {
        fn prepare() -> bool {
            // Tried once, too: a filter may allow the one and not the other.
            register() && membarrier(MembarrierCommand::PrivateExpedited).is_ok()
        }

        #[inline(always)]
        fn light() {
            compiler_fence(Ordering::SeqCst);
        }

        fn heavy() {
            // The kernel has full barriers at both ends of the call; these say so to the compiler.
            fence(Ordering::SeqCst);
            loop {
                match membarrier(MembarrierCommand::PrivateExpedited) {
                    Ok(()) => break,
                    // No memory for the set of processors, for the moment.
                    Err(Errno::NOMEM | Errno::INTR | Errno::AGAIN) => std::thread::yield_now(),
                    // The registration is gone, as after a restore from a checkpoint.
                    Err(Errno::PERM) if register() => {}
                    // Others have come in and rely on this fence. There is nothing to fall back on, and going on would
                    // hand out hardware that is in use.
                    Err(_) => std::process::abort(),
                }
            }
            fence(Ordering::SeqCst);
        }

        #[inline(always)]
        fn poll() {}

        fn thread() -> u32 {
            gettid().as_raw_nonzero().get().cast_unsigned()
        }
    }
}

/// Where there is no heavy fence: all count.
#[cfg(any(not(target_os = "linux"), not(feature = "std"), miri, shuttle))]
pub(crate) struct Counted;

#[cfg(any(not(target_os = "linux"), not(feature = "std"), miri, shuttle))]
impl Fence for Counted {
    fn prepare() -> bool {
        false
    }

    fn light() {}

    fn heavy() {
        unreachable!("nobody relies on a fence that is not there");
    }

    fn poll() {}

    fn thread() -> u32 {
        0
    }
}
