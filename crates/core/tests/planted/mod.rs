//! How the models look for the bugs that they plant, whichever tool runs them.

use outlive::mutants::Mutant;
use std::{env, process::Command};

/// Names the bug to plant to the ignored test `planted_bug` of the same file.
const BUG: &str = "OUTLIVE_PLANTED_BUG";

/// Looks for each bug in a process of its own, since it is planted for a whole process and a model that fails may abort
/// it. Each must be found, and by what it says.
pub(crate) fn find_each(bugs: impl IntoIterator<Item = (Mutant, &'static str)>) {
    for (mutant, expected) in bugs {
        let child = Command::new(env::current_exe().unwrap())
            .args(["--ignored", "--exact", "planted_bug", "--nocapture"])
            .env(BUG, format!("{mutant:?}"))
            .env("RUST_BACKTRACE", "0")
            .output()
            .unwrap();
        assert!(!child.status.success(), "{mutant:?} was not found");
        // What follows the first panic is the noise of what it tore down.
        let said = String::from_utf8_lossy(&child.stderr);
        let first: Vec<_> = said.lines().skip_while(|line| !line.contains("panicked at")).take(4).collect();
        let first = first.join(" ");
        assert!(first.contains(expected), "{mutant:?} was found, but not by {expected:?}: {first}");
        println!("{mutant:?} was found: {expected}");
    }
}

/// The bug that this process is to plant.
pub(crate) fn bug() -> Mutant {
    let name = env::var(BUG).expect("the name of a bug");
    *Mutant::ALL.iter().find(|mutant| format!("{mutant:?}") == name).expect("a bug of that name")
}
