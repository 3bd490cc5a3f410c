//! Bugs that the models plant, to prove that they would find them.

macro_rules! mutants {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// A planted bug.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        pub enum Mutant {
            $($(#[$doc])* $name,)*
        }

        impl Mutant {
            /// Every one there is, so that none is planted and not looked for.
            pub const ALL: &[Mutant] = &[$(Mutant::$name),*];
        }
    };
}

mutants! {
    /// The gate looks for the mark, then counts itself in.
    CheckBeforeCount,
    /// The gate looks for the mark, then fills the slot.
    CheckBeforeHold,
    /// There is no heavy fence.
    NoHeavyFence,
    /// The heavy fence comes before the mark.
    HeavyBeforeMark,
    /// The one who leaves looks for the mark, then clears the slot.
    LookBeforeClear,
    /// What was done inside is not released by clearing the slot.
    ClearRelaxed,
    /// Filling a slot does not release what was done by the guard before.
    HoldRelaxed,
    /// Whoever finds a slot free does not acquire what the guard before did.
    FreeSlotRelaxed,
    /// The scan of the slots does not acquire.
    ScanRelaxed,
    /// The drain reads the count, then scans the slots.
    CountBeforeSlots,
    /// A guard gives its slot back, then counts itself in.
    ClearBeforeCount,
    /// A guard that is inside moves to another slot.
    GuardMovesToSlot,
    /// The drain goes to sleep without another look under the lock.
    SleepOnOldLook,
    /// Whoever takes over a line does not acquire what its last owner did.
    ClaimRelaxed,
    /// The gate lets in whoever comes.
    EnterIgnoresMark,
    /// What was done inside is not released to the drain.
    ExitRelaxed,
    /// The last one out wakes nobody.
    ExitDoesNotWake,
    /// The last one out wakes without the lock.
    WakeWithoutLock,
    /// The drain does not acquire.
    DrainRelaxed,
    /// The drain does not wait.
    DrainDoesNotWait,
    /// The last one out of an abandoned device leaves the hardware behind.
    HeirForgotten,
    /// The reason is written after the gate is shut.
    ReasonAfterMark,
    /// Every unplug takes the steps.
    SecondUnplugActs,
    /// An unplug waits for those inside only, not for the hooks that another unplug is running.
    SecondUnplugDoesNotWait,
    /// The waking counts as done before its hooks have run.
    WokenBeforeHooks,
    /// A handle is made after the look at the gate, not inside it.
    OpenOutsideGate,
    /// A client's cancellation calls the driver without being inside.
    CancelOutsideGate,
    /// A hook that comes to an operation after its cancellation is put down and never called.
    LateCancelLost,
    /// A sleeper looks whether it is being woken, then puts its wake-up down where nobody looks any more.
    WatchLost,
    /// A request that was let go because it was cancelled counts as the driver's bug.
    CancelledIsForgotten,
    /// The client is answered while the operation is inside.
    AnswerInside,
    /// Two who claim one number both find it free.
    ClaimUnlocked,
    /// The book leaves the gate at the mark, whoever is recorded as inside.
    BookLeavesAtMark,
    /// An operation is begun whatever the book says of the mark.
    BeginIgnoresMark,
    /// An operation leaves before its hooks, which may own what is the driver's, have been dropped.
    LeavesWithItsHooks,
    /// A request that was parked comes back in after the mark.
    ResumedAfterMark,
    /// A child is hung on a device that has gone meanwhile.
    ChildOfTheDead,
    /// A device is bound to a driver that is being withdrawn.
    BoundWhileWithdrawn,
    /// The removal of a branch does not wait for what others have pulled there.
    OthersNotAwaited,
    /// A registry forgets a device that went by itself while somebody is inside.
    GoneForgotten,
    /// A queue takes events after its end.
    EventAfterEnd,
    /// What is tied to a lifetime is released in the order in which it came.
    ReleasedInOrder,
    /// What is tied to the hardware is released at the mark.
    ReleasedAtMark,
    /// A release does not wait for one that is being run early.
    EarlyNotAwaited,
    /// What is tied to a lifetime that is over is put down where nobody looks any more.
    AddedTooLate,
    /// A call looks at the state, then at the book again to be parked or to enter.
    AdmittedInTwoSteps,
    /// The lock of builds without std is taken without acquiring what its last holder did.
    LockRelaxed,
    /// It is opened without releasing what its holder did.
    UnlockRelaxed,
    /// It wakes nobody when it is opened.
    UnlockDoesNotWake,
    /// Who was woken takes it as if nobody else slept.
    SleepersForgotten,
    /// The condition variable of those builds looks at its count after it has opened the lock.
    CountReadUnlocked,
}

// std's: the model must not see it.
static PLANTED: std::sync::Mutex<Option<Mutant>> = std::sync::Mutex::new(None);

/// Plants a bug, or none.
pub fn plant(mutant: Option<Mutant>) {
    *PLANTED.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = mutant;
}

pub(crate) fn is_planted(mutant: Mutant) -> bool {
    *PLANTED.lock().unwrap_or_else(std::sync::PoisonError::into_inner) == Some(mutant)
}

macro_rules! planted {
    ($($bug:ident)|+) => {
        $($crate::mutants::is_planted($crate::mutants::Mutant::$bug))||+
    };
}
pub(crate) use planted;
