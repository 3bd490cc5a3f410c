//! TPMs: what Linux' own programs do with them, and what becomes of these when the TPM, or the process that is it, goes.

use crate::stage::{Live, PATIENCE, Run, Who, everybody, kill};
use std::{
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::{Path, PathBuf},
    time::Instant,
};
use tempfile::TempDir;

/// What every client begins with: `say` and `wait` are how it talks to its test, `call` gives a result or the errno's name.
/// `begin` opens the TPM; in Linux, too, somebody else may have it open still for a moment.
const PRELUDE: &str = "
import errno, os, select, signal, struct, sys, threading, time
def say(*words): print(*words, flush=True)
def wait(): return sys.stdin.readline().strip()
def call(what, *arguments):
    try: return what(*arguments)
    except OSError as error: return errno.errorcode[error.errno]
def begin(flags=0):
    while True:
        try: return os.open('/dev/tpm0', os.O_RDWR | flags)
        except OSError as error:
            if error.errno != errno.EBUSY: raise
        time.sleep(0.005)
def polled(fd, limit=0, events=select.POLLIN):
    poller = select.poll(); poller.register(fd, events)
    masks = [mask for _, mask in poller.poll(limit)]
    if 'OUTLIVE_CLIENT_PLAIN' not in os.environ: return masks
    # Sockets can always be written, and read when they have been hung up.
    return [mask & 24 if mask & 16 else 1 if mask & 1 else mask for mask in masks]
RANDOM = bytes.fromhex('80010000000c0000017b0008')
PUBLIC = bytes.fromhex('0001000b0003047200000006008000430010' + '0800' + '000000000000')
KEY = bytes.fromhex('40000001' '00000009' '40000009' '0000' '00' '0000' '0004' '0000' '0000') \\
    + struct.pack('>H', len(PUBLIC)) + PUBLIC + bytes.fromhex('0000' '00000000')
KEY = bytes.fromhex('8002') + struct.pack('>II', 10 + len(KEY), 0x131) + KEY
def flush(fd, handle):
    os.write(fd, bytes.fromhex('80010000000e00000165') + handle); os.read(fd, 4096)
def random(fd):
    os.write(fd, RANDOM); polled(fd, -1); return len(os.read(fd, 4096))
";

/// Everything that the issue of a TPM's day is: keys, signatures, registers, storage.
const TOOLS: &str = "
set -e
cd $1
export TPM2TOOLS_TCTI=device:/dev/tpm0
made() { \"$@\"; tpm2_flushcontext -t; }
tpm2_startup -c
test $(tpm2_getrandom --hex 8 | wc -c) = 16
made tpm2_createprimary -Q -C o -c primary.ctx
made tpm2_create -Q -C primary.ctx -G ecc -u key.pub -r key.priv
made tpm2_load -Q -C primary.ctx -u key.pub -r key.priv -c key.ctx
echo message > message
made tpm2_sign -Q -c key.ctx -g sha256 -o signature message
made tpm2_verifysignature -Q -c key.ctx -g sha256 -m message -s signature
tpm2_pcrread sha256:16 > before
tpm2_pcrextend 16:sha256=0000000000000000000000000000000000000000000000000000000000000001
tpm2_pcrread sha256:16 > after
! cmp -s before after
made tpm2_create -Q -C primary.ctx -G ecc256:ecdsa:null -u ak.pub -r ak.priv \\
    -a 'fixedtpm|fixedparent|sensitivedataorigin|userwithauth|restricted|sign'
made tpm2_load -Q -C primary.ctx -u ak.pub -r ak.priv -c ak.ctx
made tpm2_quote -Q -c ak.ctx -l sha256:16 -q abcd -m quoted -s quote
test -s quoted
tpm2_nvdefine -Q -C o -s 5 0x1500016
echo -n hello | tpm2_nvwrite -C o -i - 0x1500016
test $(tpm2_nvread -C o -s 5 0x1500016) = hello
tpm2_flushcontext -t
echo all of it
";

/// Reads what [`TOOLS`] has stored.
const STORED: &str = "TPM2TOOLS_TCTI=device:/dev/tpm0 tpm2_nvread -C o -s 5 0x1500016";
/// Stores it.
const STORE: &str = "export TPM2TOOLS_TCTI=device:/dev/tpm0; tpm2_nvdefine -Q -C o -s 5 0x1500016 \\
    && echo -n hello | tpm2_nvwrite -C o -i - 0x1500016";

/// A place for a TPM's state, and for a client's files.
struct Place(TempDir);

impl Place {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o777)).unwrap();
        Place(folder)
    }

    fn spec(&self, more: &str) -> String {
        format!("tpm:swtpm,num=0,state={}{more}", self.path("state").display())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Runs a client in Python; each command is given enough time to be stopped in.
    fn client(&self, run: Run, program: &str) -> Live {
        let live = run.start(["python3", "-c", &format!("{PRELUDE}{program}")]);
        live.line("ready");
        live
    }

    fn run(&self) -> Run {
        Run::with(&[&self.spec(",deadline=60s")])
    }
}

fn unplugged(live: &Live) {
    let (code, text) = live.command(&["unplug", "tpm0"]);
    assert_eq!(code, 0, "it takes no longer than it may: {text}");
}

fn plugged(live: &Live) {
    let (code, text) = live.command(&["plug", "tpm0"]);
    assert_eq!(code, 0, "{text}");
}

/// Waits until nothing of that number runs.
fn until_ended(pid: u32) {
    let deadline = Instant::now() + PATIENCE;
    while Path::new(&format!("/proc/{pid}")).exists() {
        assert!(Instant::now() < deadline, "{pid} goes on");
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
}

/// Waits until the device has gone by itself.
fn until_gone(live: &Live) {
    let deadline = Instant::now() + PATIENCE;
    while live.report()["state"]["gone"].is_null() && live.report()["state"] != "gone" {
        if live.report().to_string().contains("left by the process of its driver") {
            return;
        }
        assert!(Instant::now() < deadline, "it stays: {}", live.report());
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
}

#[test]
fn the_tools_do_their_work_on_every_road() {
    for who in everybody() {
        for road in ["fuse", "trap", "plain"] {
            let place = Place::new();
            let run = |script: &str| {
                let run = Run::with(&[&place.spec("")]).by(who).env("OUTLIVE_ROAD", road);
                run.expect(0, ["sh", "-c", script, "sh", place.0.path().to_str().unwrap()])
            };
            assert_eq!(run(TOOLS), "all of it\n", "{who:?}, {road}");
            assert_eq!(run(STORED), "hello", "{who:?}, {road}: the next one finds it");
        }
    }
}

#[test]
fn there_is_one_opener_and_poll_tells_when_a_response_is_there() {
    let place = Place::new();
    let program = format!(
        "{PRELUDE}
fd = os.open('/dev/tpm0', os.O_RDWR)
say(call(os.open, '/dev/tpm0', os.O_RDWR), call(os.write, fd, RANDOM[:11]), call(os.write, fd, bytes(4097)))
say(call(os.write, fd, RANDOM), call(os.write, fd, RANDOM), len(os.read(fd, 4)), len(os.read(fd, 4096)))
os.close(fd)
fd = begin(os.O_NONBLOCK)
say(os.write(fd, KEY) == len(KEY), polled(fd, 60000), os.read(fd, 4096)[6:10].hex(), os.read(fd, 1))
say(polled(fd, 0, select.POLLIN | select.POLLOUT))
"
    );
    let text = place.run().expect(0, ["python3", "-c", &program]);
    let said: Vec<&str> = text.lines().collect();
    assert_eq!(said, ["EBUSY EINVAL E2BIG", "12 EBUSY 4 16", "True [1] 00000000 b''", "[4]"]);
    let attributes = "cat /sys/class/tpm/tpm0/dev /sys/class/tpm/tpm0/tpm_version_major; stat -c %t:%T /dev/tpm0";
    assert_eq!(place.run().expect(0, ["sh", "-c", attributes]), "10:224\n2\na:e0\n");
}

/// I2, I7, I8, I15: wherever in the making of keys it is pulled.
#[test]
fn it_is_pulled_in_the_middle_of_making_keys() {
    for who in everybody() {
        for nonblock in ["0", "os.O_NONBLOCK"] {
            let place = Place::new();
            let program = format!(
                "
def work(flags):
    fd = begin(flags)
    say('begins')
    while True:
        os.write(fd, KEY)
        polled(fd, -1)
        response = os.read(fd, 4096)
        flush(fd, response[10:14])
say('ready')
while True:
    try: work({nonblock})
    except OSError as error: say('ended', errno.errorcode[error.errno])
    if wait() == 'end': break
"
            );
            let mut live = place.client(place.run().by(who), &program);
            for round in 0..4 {
                live.line("begins");
                std::thread::sleep(std::time::Duration::from_millis(17 * round));
                unplugged(&live);
                assert_eq!(live.line("ended"), "ended ENODEV");
                plugged(&live);
                live.say(if round == 3 { "end\n" } else { "on\n" });
            }
            assert_eq!(live.exit_code(), 0);
            live.expect_nothing_left();
        }
    }
}

/// The strong fence, where swtpm is in the middle of a command for sure: it is stopped.
#[test]
fn after_an_unplug_no_command_runs() {
    for (nonblock, contract, told) in [
        ("0", "strict", ["ENODEV", "ENODEV ENODEV [24]"]),
        ("os.O_NONBLOCK", "strict", ["12", "ENODEV ENODEV [24]"]),
        ("0", "linux", ["ECANCELED", "b'' EPIPE [4]"]),
        ("os.O_NONBLOCK", "linux", ["12", "ECANCELED 12 [1]"]),
    ] {
        let place = Place::new();
        let program = format!(
            "
fd = begin({nonblock})
random(fd)
say('ready')
wait()
say('wrote', call(os.write, fd, RANDOM))
wait()
read, wrote = call(os.read, fd, 9), call(os.write, fd, RANDOM)
say('zombie', read, wrote, polled(fd, 0, select.POLLIN | select.POLLOUT))
os.close(fd)
wait()
say('again', random(begin()))
"
        );
        let mut live = place.client(place.run().contract(contract), &program);
        let swtpm = live.process("swtpm");
        kill(swtpm, "STOP");
        live.say("write\n");
        if nonblock == "0" {
            live.until_inside(1)
        } else {
            assert_eq!(live.line("wrote"), "wrote 12")
        }
        unplugged(&live);
        assert!(!Path::new(&format!("/proc/{swtpm}")).exists(), "behind the fence it is no more");
        live.say("zombie\n");
        if nonblock == "0" {
            assert_eq!(live.line("wrote"), format!("wrote {}", told[0]));
        }
        assert_eq!(live.line("zombie"), format!("zombie {}", told[1]), "{contract}, {nonblock}");
        plugged(&live);
        live.say("again\n");
        assert_eq!(live.line("again"), "again 20");
        assert_eq!(live.exit_code(), 0);
    }
}

/// A client that dies in the middle of a command leaves a TPM that goes on.
#[test]
fn a_client_is_killed_in_the_middle_of_a_command() {
    for who in everybody() {
        let place = Place::new();
        let program = "
child = os.fork()
if child == 0:
    fd = begin()
    random(fd)
    say('ready')
    os.write(fd, RANDOM)
    os._exit(1)
wait()
os.kill(child, signal.SIGKILL)
say('child', os.waitpid(child, 0)[1])
wait()
say('again', random(begin()))
";
        let mut live = place.client(place.run().by(who), program);
        let swtpm = live.process("swtpm");
        kill(swtpm, "STOP");
        live.say("kill\n");
        live.line("child");
        kill(swtpm, "CONT");
        live.say("again\n");
        assert_eq!(live.line("again"), "again 20");
        assert_eq!(live.process("swtpm"), swtpm, "it is the same TPM");
        live.end_of_input();
        assert_eq!(live.exit_code(), 0);
    }
}

/// The process dies, or hangs: ENOTCONN for its zombies, and what was stored is there in the next life.
#[test]
fn the_process_dies_or_hangs() {
    for who in everybody() {
        for (signal, busy) in [("KILL", false), ("KILL", true), ("STOP", true)] {
            let place = Place::new();
            let spec = place.spec(",deadline=1s");
            let program = format!(
                "
import subprocess
say('stored', subprocess.call(['sh', '-c', '''{STORE}''']))
fd = begin()
random(fd)
say('ready')
while wait() == 'go on':
    say('said', call(random, fd))
say('zombie', call(os.write, fd, RANDOM), call(os.read, fd, 9), polled(fd))
os.close(fd)
wait()
say('found', subprocess.run(['sh', '-c', '{STORED}'], capture_output=True).stdout)
"
            );
            let mut live = place.client(Run::with(&[&spec]).by(who), &program);
            let swtpm = live.process("swtpm");
            if busy {
                kill(swtpm, "STOP");
                live.say("go on\n");
                live.until_inside(1);
            }
            kill(swtpm, signal);
            if busy {
                assert_eq!(live.line("said"), "said ENOTCONN", "{signal}");
            }
            until_ended(swtpm);
            until_gone(&live);
            live.say("zombie\n");
            assert_eq!(live.line("zombie"), "zombie ENOTCONN ENOTCONN [24]", "{signal}");
            plugged(&live);
            live.say("again\n");
            assert_eq!(live.line("found"), "found b'hello'", "{signal}");
            assert_eq!(live.exit_code(), 0);
            live.expect_nothing_left();
        }
    }
}

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

/// I12: TPM2_Shutdown is its last word where there is one, at the end of a run, too; and it says so afterwards.
#[test]
fn a_removal_in_good_order_puts_it_away() {
    let place = Place::new();
    let orderly = "TPM2TOOLS_TCTI=device:/dev/tpm0 tpm2_getcap properties-variable | sed -n 's/ *orderly: *//p'";
    let script = format!("{orderly}; echo ready; read line; {orderly}; echo ready; read line; {orderly}");
    let mut live = place.run().start(["sh", "-c", &script]);
    for (how, found) in [(&["unplug", "tpm0"][..], "0"), (&["unplug", "--orderly", "tpm0"], "1")] {
        live.line("ready");
        let (code, text) = live.command(how);
        assert_eq!(code, 0, "{text}");
        plugged(&live);
        live.say("\n");
        assert_eq!(live.line(found), found, "{how:?}");
    }
    assert_eq!(live.exit_code(), 0);
    assert_eq!(place.run().expect(0, ["sh", "-c", orderly]), "1\n", "and at the end of a run");
}

/// swtpm ends with us, whatever ends us.
#[test]
fn it_ends_with_the_run() {
    for signal in ["KILL", "TERM"] {
        let place = Place::new();
        let mut live = place.client(place.run(), "fd = begin()\nrandom(fd)\nsay('ready')\nwait()\n");
        let swtpm = live.process("swtpm");
        kill(live.child.id(), signal);
        live.exit_code();
        until_ended(swtpm);
        live.expect_nothing_left();
    }
}

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
