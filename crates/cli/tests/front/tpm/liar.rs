//! A process that says to be swtpm, and is not.

use super::{Place, plugged};
use crate::stage::Run;
use std::{fs, os::unix::fs::PermissionsExt};

/// What says to be swtpm, and does one thing wrong; once: the next life has the true one.
const LIAR: &str = r#"#!/usr/bin/python3
import os, socket, subprocess, sys, time
arguments = sys.argv[1:]
lie = open(os.path.dirname(sys.argv[0]) + '/lie').read()
if lie == 'none':
    os.execv('/usr/bin/swtpm', ['swtpm', *arguments])
open(os.path.dirname(sys.argv[0]) + '/lie', 'w').write('none')
data = socket.socket(fileno=int(arguments[arguments.index('--fd') + 1]))
control = socket.socket(fileno=int(arguments[arguments.index('--ctrl') + 1].rsplit('=', 1)[1]))
if lie == 'mute': time.sleep(1000)
if lie == 'leaves': sys.exit('I have had enough')
def answer(text): data.sendall(bytes.fromhex(text))
if lie == 'unasked': answer('80010000000a00000000')
control.recv(4)
control.sendall(bytes(8))
if lie == 'floods':
    while True: data.send(bytes(4096))
data.recv(4096)
if lie == 'short': answer('80010000000900000000')
if lie == 'long': data.sendall(bytes.fromhex('80010000100100000000') + bytes(4091))
if lie == 'more': answer('80010000000a0000000000')
if lie == 'huge': answer('8001ffffffff00000000')
if lie == 'tag': answer('12340000000a00000000')
if lie == 'part': answer('80010000001400')
if lie == 'hangs up': data.shutdown(socket.SHUT_RDWR)
if lie == 'control': control.shutdown(socket.SHUT_RDWR)
if lie == 'child':
    if os.fork() == 0: time.sleep(2)
    else: os._exit(0)
time.sleep(1000)
"#;

#[test]
fn a_liar_is_found_out() {
    for lie in [
        "mute", "leaves", "unasked", "floods", "short", "long", "more", "huge", "tag", "part", "hangs up", "control",
        "child",
    ] {
        // The beginning has a limit of its own, of ten seconds.
        let place = Place::new();
        let (bin, liar) = (place.path("bin"), place.path("bin/swtpm"));
        fs::create_dir(&bin).unwrap();
        fs::write(&liar, LIAR).unwrap();
        fs::set_permissions(&liar, fs::Permissions::from_mode(0o755)).unwrap();
        fs::write(place.path("bin/lie"), lie).unwrap();
        let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
        let program = "
fd = os.open('/dev/tpm0', os.O_RDWR)
say('ready')
say('said', call(random, fd), polled(fd))
os.close(fd)
wait()
say('again', random(begin()))
";
        let run = Run::with(&[&place.spec(",deadline=1s")]).env("PATH", &path);
        let mut live = place.client(run, program);
        assert_eq!(live.line("said"), "said ENOTCONN [24]", "{lie}");
        plugged(&live);
        live.say("again\n");
        assert_eq!(live.line("again"), "again 20", "{lie}");
        assert_eq!(live.exit_code(), 0);
    }
}
