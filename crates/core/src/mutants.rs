//! Bugs that the models plant, to prove that they would find them.

/// A planted bug.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mutant {
    /// The gate looks for the mark, then counts itself in.
    CheckBeforeCount,
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
    ($bug:ident) => {
        $crate::mutants::is_planted($crate::mutants::Mutant::$bug)
    };
}
pub(crate) use planted;
