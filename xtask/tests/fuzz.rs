//! `cargo xtask fuzz` finds what is planted: a fake `outlive` between it and the real one does the harm.

use std::{
    env, fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
    sync::{Mutex, OnceLock, PoisonError},
};

/// The real one, in the form that tests have anyway.
fn outlive() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        // With the others, as the tests are: alone it would be another one, since features would be.
        let build = ["build", "--quiet", "--workspace", "--bins", "--tests"];
        let built = Command::new(cargo).args(build).status().expect("cargo");
        assert!(built.success(), "outlive-cli does not build");
        Path::new(env!("CARGO_BIN_EXE_xtask")).with_file_name("outlive")
    })
}

/// What one round with `script` for `outlive` comes to: whether it found something, and what it printed. In the script
/// `$REAL` is the real one, and `run` sees what comes after `outlive run`.
fn round(name: &str, run: &str, options: &[&str]) -> (bool, String) {
    // One after the other: how long something takes is a part of what is found.
    static ONE: Mutex<()> = Mutex::new(());
    let _one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::create_dir_all(&folder).expect("a folder");
    let script = folder.join("outlive");
    let real = outlive().display();
    let text = format!("#!/bin/sh\nREAL={real}\n[ \"$1\" = run ] || exec $REAL \"$@\"\nshift\n{run}\n");
    fs::write(&script, text).expect("a script");
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).expect("an executable");
    let mut xtask = Command::new(env!("CARGO_BIN_EXE_xtask"));
    xtask.args(["fuzz", "--seed", "3", "--road", "trap", "--user", "ordinary", "--steps", STEPS, "--outlive"]);
    xtask.arg(&script).args(options);
    let output = xtask.output().expect("xtask");
    let said = [output.stdout, output.stderr].concat();
    (!output.status.success(), String::from_utf8_lossy(&said).into_owned())
}

/// Round after round: how calls and harm meet is not the same in each.
const ROUNDS: usize = 20;
/// How many calls a client makes in each.
const STEPS: &str = "1000";

#[track_caller]
fn expect_found(name: &str, run: &str, options: &[&str], what: &str) {
    let mut rounds = (0..ROUNDS).map(|_| round(name, run, options));
    let found = rounds.find(|(found, _)| *found);
    let Some((_, said)) = found else { panic!("{name}: nothing in {ROUNDS} rounds") };
    assert!(said.contains(what), "{name}: no '{what}' in\n{said}");
    let again = format!("again: cargo xtask fuzz --seed 3 --steps {STEPS} --road trap --user ordinary");
    assert!(said.contains(&again), "{said}");
}

#[test]
fn nothing_is_found_where_nothing_is() {
    let (found, said) = round("clean", "exec $REAL run \"$@\"", &[]);
    assert!(!found && said.contains("1 rounds in"), "{said}");
}

#[test]
fn a_supervisor_that_dies_is_found() {
    let run = "$REAL run \"$@\" & sleep 0.2; kill -9 $!; wait $!";
    expect_found("dies", run, &[], "outlive run ended with");
}

#[test]
fn a_process_left_behind_is_found() {
    expect_found("leaves", "(setsid sleep 20 &); exec $REAL run \"$@\"", &[], "left behind: process");
}

#[test]
fn a_file_left_behind_is_found() {
    expect_found("litters", ": > $TMPDIR/litter; exec $REAL run \"$@\"", &[], "left behind: /");
}

#[test]
fn a_run_that_hangs_is_found() {
    expect_found("hangs", "$REAL run \"$@\"; sleep 20", &["--limit", "5"], "it hung");
}

/// The neighbour's chip is protected from writing: it keeps what it had.
#[test]
fn a_wrong_byte_is_found() {
    let run = "for WORD; do shift; case $WORD in *bus=78) WORD=$WORD,wp=true;; esac; set -- \"$@\" \"$WORD\"; done\n\
               exec $REAL run \"$@\"";
    expect_found("forgets", run, &[], "FAIL neighbour: a byte there and back");
}

/// Somebody sets the devices offline, and nobody has told the client: an EIO that makes no sense.
#[test]
fn an_error_without_sense_is_found() {
    let run = "unset OUTLIVE_CLIENT_OFFLINE\n\
               ( (while $REAL set i2c-77 offline --in $2 || $REAL ls --in $2; do :; done) >/dev/null 2>&1 & )\n\
               exec $REAL run \"$@\"";
    expect_found("offline", run, &[], "says EIO");
}

#[test]
fn a_neighbour_without_its_device_is_found() {
    let run = "for WORD; do shift; case $WORD in *bus=78) WORD=i2c:24c02@0x50,bus=79;; esac; set -- \"$@\" \"$WORD\"; done\n\
               exec $REAL run \"$@\"";
    expect_found("alone", run, &["--limit", "8"], "the neighbour made no transfer");
}
