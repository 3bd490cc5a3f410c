//! A compositor, cage, with a terminal in it, as an ordinary user and without a daemon for its seat: it is shown, and it is
//! pulled. `cargo xtask nightly` has what that needs.

use super::{folder, screenshot};
use crate::stage::{Live, PATIENCE, Run, Who};
use std::{fs, os::unix::fs::PermissionsExt, time::Instant};

/// The folder of a session, of the user's own: XDG_RUNTIME_DIR.
struct Session(std::path::PathBuf);

impl Session {
    fn new(name: &str) -> Session {
        let path = folder().join(name);
        fs::create_dir(&path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o700)).unwrap();
        std::os::unix::fs::chown(&path, Some(crate::stage::NOBODY), Some(crate::stage::NOBODY)).unwrap();
        Session(path)
    }

    /// With `words` said in a terminal on the one display.
    fn start(&self, contract: &str, words: &str) -> Live {
        let devices = ["drm:virtual,mode=640x480,num=0", "input:keyboard", "input:mouse"];
        let mut run = Run::with(&devices).by(Who::User).contract(contract);
        for (name, value) in [
            ("XDG_RUNTIME_DIR", self.0.to_str().unwrap()),
            ("HOME", self.0.to_str().unwrap()),
            ("WLR_RENDERER", "pixman"),
            ("WLR_LIBINPUT_NO_DEVICES", "1"),
            ("LIBSEAT_BACKEND", "builtin"),
            ("SEATD_VTBOUND", "0"),
        ] {
            run = run.env(name, value);
        }
        run.start(["cage", "-d", "--", "foot", "sh", "-c", &format!("echo {words}; sleep 600")])
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Until there are letters, whose edges are of many shades.
fn until_it_is_drawn(live: &Live) {
    let deadline = Instant::now() + PATIENCE;
    while screenshot(live, &["card0"]).map_or(0, |seen| seen.colours()) < 10 {
        assert!(Instant::now() < deadline, "nothing is drawn");
    }
}

#[test]
#[ignore = "needs cage, foot and Xwayland: cargo xtask nightly"]
fn it_draws_and_ends_by_itself_when_it_is_pulled() {
    for contract in ["quiet", "linux", "strict"] {
        let session = Session::new(contract);
        let mut live = session.start(contract, "as long as it is there");
        until_it_is_drawn(&live);
        let begin = Instant::now();
        let (code, said) = live.command(&["unplug", "card0"]);
        assert_eq!(code, 0, "{contract}: {said}");
        assert!(begin.elapsed() < PATIENCE);
        assert_eq!(live.exit_code(), 0, "{contract}: it got no signal, and found its end");
        live.expect_nothing_left();
    }
}
