//! The `main` of a test that runs a subject through the law.

use crate::{LAW, Planted, Statement, Subject};
use libtest_mimic::{Arguments, Failed, Trial};
use std::{process::ExitCode, sync::Arc};

/// How many checks of several subjects run at a time.
const SIDE_BY_SIDE: usize = 6;

/// Runs all checks on `subject`, called `name` in what is printed, and each again with its bug planted.
pub fn run(name: &str, subject: Arc<dyn Subject>) -> ExitCode {
    run_all(&[(name.to_owned(), subject)])
}

/// As [`run`], of several subjects, each with its name.
pub fn run_all(subjects: &[(String, Arc<dyn Subject>)]) -> ExitCode {
    run_with(Arguments::from_args(), subjects)
}

/// As [`run_all`], but only if the test is called with `--ignored` or `--include-ignored`; else it says `why` not, and
/// does nothing: for subjects that not every machine can have. `name` is what they have in common.
pub fn run_all_if_asked(name: &str, why: &str, subjects: impl FnOnce() -> Vec<(String, Arc<dyn Subject>)>) -> ExitCode {
    let mut arguments = Arguments::from_args();
    if !arguments.ignored && !arguments.include_ignored {
        println!("{name}: ignored, {why}");
        return ExitCode::SUCCESS;
    }
    // All of it, and not what does not apply.
    (arguments.ignored, arguments.include_ignored) = (false, false);
    run_with(arguments, &subjects())
}

fn run_with(mut arguments: Arguments, subjects: &[(String, Arc<dyn Subject>)]) -> ExitCode {
    let trials = subjects.iter().flat_map(|(name, subject)| all_trials(name, subject)).collect();
    // Most of the time they wait.
    arguments.test_threads.get_or_insert(SIDE_BY_SIDE);
    libtest_mimic::run(&arguments, trials).exit_code()
}

fn all_trials(name: &str, subject: &Arc<dyn Subject>) -> Vec<Trial> {
    LAW.iter().flat_map(|statement| trials(name, statement, subject)).collect()
}

fn trials(name: &str, statement: &'static Statement, subject: &Arc<dyn Subject>) -> Vec<Trial> {
    let title = format!("{name} I{:02} {}", statement.number, statement.says);
    if let Some(excuse) = subject.excuse(statement.number) {
        return vec![Trial::test(format!("{title}: does not apply, {excuse}"), || Ok(())).with_ignored_flag(true)];
    }
    let (kept, broken) = (subject.clone(), subject.clone());
    let check = move || (statement.check)(&*kept).map_err(|breach| Failed::from(breach.to_string()));
    let canary = move || match (statement.check)(&Planted::new(broken, statement.number)) {
        Err(breach) => {
            println!("I{:02} found: {breach}", statement.number);
            Ok(())
        }
        Ok(()) => Err(Failed::from(format!("planted, and not found: {}", statement.bug))),
    };
    vec![Trial::test(title.clone(), check), Trial::test(format!("{title}: is found if {}", statement.bug), canary)]
}
