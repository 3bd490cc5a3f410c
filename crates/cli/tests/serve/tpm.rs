//! TPMs of swtpm's, as nodes of the machine.

use crate::stage::{Client, Serve, printed, until};
use std::{
    fs,
    path::Path,
    process::Command,
    sync::atomic::{AtomicU32, Ordering},
};
use tempfile::TempDir;

/// A TPM whose number no other test has.
struct Place {
    folder: TempDir,
    number: u32,
}

impl Place {
    fn new() -> Self {
        static LAST: AtomicU32 = AtomicU32::new(20);
        Place { folder: TempDir::new().unwrap(), number: LAST.fetch_add(1, Ordering::Relaxed) }
    }

    fn spec(&self) -> String {
        format!("tpm:swtpm,num={},deadline=1min,state={}/state", self.number, self.folder.path().display())
    }

    fn name(&self) -> String {
        format!("tpm{}", self.number)
    }

    fn shell(&self, script: &str) -> String {
        let prelude = "set -e\nmade() { \"$@\"; tpm2_flushcontext -t; }\n";
        let mut command = Command::new("sh");
        command.args(["-c", &format!("{prelude}{script}")]).current_dir(self.folder.path());
        printed(command.env("TPM2TOOLS_TCTI", format!("device:/dev/{}", self.name())))
    }

    /// A client in Python, in which `begin` opens the TPM, and `random` has it make some bytes.
    fn client(&self, program: &str) -> Client {
        let prelude = format!(
            "
def begin(flags=0):
    while True:
        try: return os.open('/dev/{}', os.O_RDWR | flags)
        except OSError as error:
            if error.errno != errno.EBUSY: raise
        time.sleep(0.005)
RANDOM = bytes.fromhex('80010000000c0000017b0008')
def random(fd):
    os.write(fd, RANDOM)
    while not polled(fd, select.POLLIN, -1): pass
    return len(os.read(fd, 4096))
",
            self.name()
        );
        Client::start(0, &format!("{prelude}{program}"))
    }
}

/// The one child of the server, which is swtpm.
fn swtpm(serve: &Serve) -> u32 {
    let threads = fs::read_dir(format!("/proc/{}/task", serve.child.id())).unwrap();
    let children = threads.filter_map(|thread| fs::read_to_string(thread.ok()?.path().join("children")).ok());
    let children: Vec<u32> = children.collect::<String>().split_whitespace().map(|pid| pid.parse().unwrap()).collect();
    let [swtpm] = children[..] else { panic!("{children:?}") };
    assert_eq!(fs::read_to_string(format!("/proc/{swtpm}/comm")).unwrap(), "swtpm\n");
    swtpm
}

/// What a command on its lab says, which succeeds.
fn told(serve: &Serve, words: &[&str]) -> String {
    let output = serve.control(words);
    assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn kill(pid: u32, signal: &str) {
    assert!(Command::new("kill").args([format!("-{signal}"), pid.to_string()]).status().unwrap().success());
}

#[test]
#[ignore = "needs root and /dev/cuse: cargo xtask guest"]
fn tpm2_tools_use_a_node() {
    let place = Place::new();
    let serve = Serve::with(&[place.spec()]);
    place.shell("tpm2_startup -c; test $(tpm2_getrandom --hex 8 | wc -c) = 16");
    place.shell(
        "made tpm2_createprimary -Q -C o -c primary.ctx
made tpm2_create -Q -C primary.ctx -G ecc -u key.pub -r key.priv
made tpm2_load -Q -C primary.ctx -u key.pub -r key.priv -c key.ctx
echo message > message
made tpm2_sign -Q -c key.ctx -g sha256 -o signature message
made tpm2_verifysignature -Q -c key.ctx -g sha256 -m message -s signature",
    );
    let zeroes = "0".repeat(63);
    place.shell(&format!(
        "tpm2_pcrread sha256:16 > before; tpm2_pcrextend 16:sha256={zeroes}1; tpm2_pcrread sha256:16 > after
! cmp -s before after
made tpm2_create -Q -C primary.ctx -G ecc256:ecdsa:null -u ak.pub -r ak.priv \\
    -a 'fixedtpm|fixedparent|sensitivedataorigin|userwithauth|restricted|sign'
made tpm2_load -Q -C primary.ctx -u ak.pub -r ak.priv -c ak.ctx
made tpm2_quote -Q -c ak.ctx -l sha256:16 -q abcd -m quoted -s quote
tpm2_nvdefine -Q -C o -s 5 0x1500016; echo -n hello | tpm2_nvwrite -C o -i - 0x1500016"
    ));
    serve.stop();
    let serve = Serve::with(&[place.spec()]);
    assert_eq!(place.shell("tpm2_nvread -C o -s 5 0x1500016"), "hello", "the next server finds it");
    serve.stop();
}

#[test]
#[ignore = "needs root and /dev/cuse: cargo xtask guest"]
fn it_is_pulled_in_the_middle_of_a_command() {
    for nonblock in ["0", "os.O_NONBLOCK"] {
        let place = Place::new();
        let serve = Serve::with(&[place.spec()]);
        let mut client = place.client(&format!(
            "
fd = begin({nonblock})
say(random(fd), call(os.open, '/dev/{}', os.O_RDWR))
wait()
say('wrote', call(os.write, fd, RANDOM))
wait()
say(call(os.write, fd, RANDOM), call(os.read, fd, 9), polled(fd))
os.close(fd)
wait()
say(random(begin()))
",
            place.name()
        ));
        client.says("20 EBUSY");
        let process = swtpm(&serve);
        kill(process, "STOP");
        client.go_on();
        if nonblock == "0" {
            serve.is_entered();
        } else {
            client.says("wrote 12");
        }
        told(&serve, &["unplug", &place.name()]);
        assert!(!Path::new(&format!("/proc/{process}")).exists(), "behind the fence it is no more");
        if nonblock == "0" {
            client.says("wrote ENODEV");
        }
        client.go_on();
        client.says("ENODEV ENODEV [24]");
        told(&serve, &["plug", &place.name()]);
        client.go_on();
        client.says("20");
        client.ends();
        serve.stop();
    }
}

#[test]
#[ignore = "needs root and /dev/cuse: cargo xtask guest"]
fn its_process_dies() {
    let place = Place::new();
    let serve = Serve::with(&[place.spec()]);
    place.shell("tpm2_nvdefine -Q -C o -s 5 0x1500016; echo -n hello | tpm2_nvwrite -C o -i - 0x1500016");
    let mut client = place.client("fd = begin()\nsay(random(fd))\nwait()\nsay(call(random, fd), polled(fd))\n");
    client.says("20");
    kill(swtpm(&serve), "KILL");
    until("it has gone", || told(&serve, &["ls"]).contains("left by the process of its driver"));
    client.go_on();
    client.says("ENOTCONN [24]");
    client.ends();
    told(&serve, &["plug", &place.name()]);
    assert_eq!(place.shell("tpm2_nvread -C o -s 5 0x1500016"), "hello");
    serve.stop();
}
