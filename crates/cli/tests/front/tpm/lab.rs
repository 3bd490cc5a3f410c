//! What a lab says of TPMs, right and wrong.

use super::Place;
use crate::stage::{PATIENCE, Run, Who};
use std::{fs, os::unix::fs::symlink, time::Instant};

#[test]
fn what_cannot_be_is_said() {
    let place = Place::new();
    let says = |run: Run, text: &str| {
        let said = run.expect(125, ["true"]);
        assert!(said.contains(text), "{said}");
    };
    let empty = place.path("empty");
    fs::create_dir(&empty).unwrap();
    let install = "there is no program `swtpm` in PATH; install the package swtpm";
    says(place.run().env("PATH", empty.to_str().unwrap()), install);
    says(Run::with(&["tpm:swtpm"]), "add state=DIR");
    says(Run::with(&["tpm:chip"]), "known tpms: swtpm");
    says(Run::with(&["tpm:swtpm@1,state=/x"]), "a tpm has no address");
    says(Run::with(&["tpm:swtpm,state=/dev/null"]), "name one that you may write to");
    says(Run::with(&["tpm:swtpm,state=/proc/1/x"]).by(Who::User), "name one that you may write to");
    let busy = "is in use by another TPM; end that one, or name another directory";
    says(Run::with(&[&place.spec(""), &place.spec("").replace("num=0", "num=1")]), busy);
    let live = place.client(place.run(), "say('ready')\nwait()\n");
    says(place.run(), busy);
    drop(live);
    // A swtpm of somebody else's.
    let state = place.path("state");
    let socket = format!("type=unixio,path={}", place.path("socket").display());
    let mut other = std::process::Command::new("swtpm")
        .args(["socket", "--tpm2", "--flags", "not-need-init", "--server", &socket, "--tpmstate"])
        .arg(format!("dir={}", state.display()))
        .spawn()
        .unwrap();
    let deadline = Instant::now() + PATIENCE;
    while !place.path("socket").exists() {
        assert!(Instant::now() < deadline, "swtpm does not begin");
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    let said = place.run().output(["true"]);
    other.kill().unwrap();
    other.wait().unwrap();
    assert!(String::from_utf8_lossy(&said.stderr).contains(busy), "{said:?}");
    // By another name it is the same directory.
    symlink(&state, place.path("link")).unwrap();
    let link = format!("tpm:swtpm,num=1,state={}", place.path("link").display());
    says(Run::with(&[&place.spec(""), &link]), busy);
}

#[test]
fn a_lab_file_says_the_same() {
    let place = Place::new();
    let file = place.path("lab.toml");
    let text = "[[device]]\nclass = \"tpm\"\nmodel = \"swtpm\"\nnum = 3\nstate = \"deep/state\"\ndeadline = \"1min\"\n";
    fs::write(&file, text).unwrap();
    let said = Run::with(&[]).lab(&file).expect(0, ["sh", "-c", "tpm2_getrandom -T device:/dev/tpm3 --hex 4 | wc -c"]);
    assert_eq!(said, "8\n");
    assert!(place.path("deep/state/tpm2-00.permall").exists(), "relative to the file's folder");
    fs::write(&file, text.replace("1min", "1h")).unwrap();
    let said = Run::with(&[]).lab(&file).expect(125, ["true"]);
    assert!(said.contains("lab.toml:6:12: key \"deadline\": from 10ms to 5min"), "{said}");
}
