//! Who carries out the runs.

use outlive_host::trial::{Observed, Trial};

/// Carries out runs. Called from several threads side by side.
pub trait Runner: Sync {
    /// Runs the program of `trial` once, from its start to its end or to a limit.
    ///
    /// # Errors
    /// [`RunnerError`] if the run did not take place or was not seen to its end; how the program ended is no error.
    fn run(&self, trial: &Trial) -> Result<Observed, RunnerError>;
}

/// A run could not be carried out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RunnerError {
    /// The devices cannot be: whoever asked for them has to change something.
    #[error("{0}")]
    Lab(String),
    /// The program cannot be executed.
    #[error("{0}")]
    Command(String),
    /// Our failure, not the program's.
    #[error("{0}")]
    Ours(String),
}
