//! TPMs: what Linux' own programs do with them, and what becomes of these when the TPM, or the process that is it, goes.

mod lab;
mod liar;

use crate::stage::{Live, PATIENCE, Run, everybody, kill};
use std::{
    fs,
    os::unix::fs::PermissionsExt,
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

/// What TPMs are for: keys, signatures, registers, storage. There is no resource manager, so what is loaded is flushed.
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

    /// Starts a client in Python, and waits until it is ready.
    fn client(&self, run: Run, program: &str) -> Live {
        let live = run.start(["python3", "-c", &format!("{PRELUDE}{program}")]);
        live.line("ready");
        live
    }

    /// With enough time for each command to be stopped in.
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
    while !live.report().to_string().contains("left by the process of its driver") {
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
/// The kernel does not wait for us as it closes a file; so whoever waited for the one that had it may be first.
#[test]
fn who_opens_a_moment_before_a_close_is_heard_of_gets_it() {
    const CLIENT: &str = "
say('ready')
first = begin()
threading.Timer(0.03, os.close, [first]).start()
second = call(os.open, '/dev/tpm0', os.O_RDWR)
say(type(second).__name__, random(second), call(os.open, '/dev/tpm0', os.O_RDWR))
";
    let place = Place::new();
    let mut live = place.client(place.run(), CLIENT);
    live.line("int 20 EBUSY");
    assert_eq!(live.exit_code(), 0);
}

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
    for (whom, signal) in [("supervisor", "KILL"), ("supervisor", "TERM"), ("guardian", "KILL")] {
        let place = Place::new();
        let mut live = place.client(place.run(), "fd = begin()\nrandom(fd)\nsay('ready')\nwait()\n");
        let swtpm = live.process("swtpm");
        let supervisor = live.child.id();
        let processes = live.processes();
        let guardian =
            processes.iter().find(|(pid, name)| name == "outlive" && *pid != supervisor).expect("a guardian").0;
        kill(if whom == "guardian" { guardian } else { supervisor }, signal);
        live.exit_code();
        until_ended(swtpm);
        live.expect_nothing_left();
    }
}
