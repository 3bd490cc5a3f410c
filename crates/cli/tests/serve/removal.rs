//! What becomes of those who have a device open when it goes.

use crate::stage::{Client, Serve, bus, eeprom, node, slow, tool, until};
use rustix::process::Signal;
use std::{
    fs,
    os::unix::{fs::MetadataExt, process::ExitStatusExt},
    path::Path,
    time::Duration,
};

/// The removal budget, with what it takes to start a process on a slow machine.
const SOON: Duration = Duration::from_secs(2);

/// Opens the bus a hundred times, sleeps in a slow read on one and in poll on another, and says what became of all.
const HOLDERS: &str = "
held = [os.open(path, os.O_RDWR) for _ in range(100)]
sleeper, poller, results = os.open(path, os.O_RDWR), os.open(path, os.O_RDWR), {}
fcntl.ioctl(sleeper, I2C_SLAVE, 0x48)
def sleep(): results['read'] = call(os.read, sleeper, 1)
def poll(): results['poll'] = polled(poller, select.POLLPRI, None)
threads = [threading.Thread(target=it) for it in (sleep, poll)]
for thread in threads: thread.start()
say('ready')
wait()
for thread in threads: thread.join()
say(results['read'], results['poll'])
buffer = bytearray(8)
answers = {(call(os.read, fd, 1), call(os.write, fd, b'x'), call(fcntl.ioctl, fd, I2C_FUNCS, buffer),
            call(fcntl.ioctl, fd, 0x1234, 0), tuple(polled(fd)), tuple(polled(fd, 0))) for fd in held + [sleeper, poller]}
for answer in answers: say(*answer)
say(call(os.open, path, os.O_RDWR))
wait()
for fd in held + [sleeper, poller]: os.close(fd)
say('closed')
";

#[test]
#[ignore = "needs root and /dev/cuse: cargo xtask guest"]
fn unplug_waits_for_no_handle_and_wakes_every_sleeper() {
    let bus = bus();
    let serve = Serve::with(&[slow(bus)]);
    let mut client = Client::start(bus, HOLDERS);
    client.says("ready");
    serve.is_entered();
    client.sleeps(3);
    let node = fs::canonicalize(node(bus)).unwrap();
    let took = serve.unplug(bus);
    assert!(took < SOON, "{took:?}");
    client.go_on();
    client.says("ENODEV [24]");
    client.says("ENODEV ENODEV ENODEV ENODEV (24,) (24,)");
    client.says("ENOENT");
    assert!(!node.exists());
    let listed = String::from_utf8(serve.control(&["ls", "--json"]).stdout).unwrap();
    assert!(listed.contains("\"handles\":102"), "{listed}");
    // The broker keeps the connection until the last is closed.
    let sysfs = format!("/sys/class/cuse/outlive!{}", node.file_name().unwrap().to_str().unwrap());
    assert!(Path::new(&sysfs).exists());
    client.go_on();
    client.says("closed");
    until("the connection ends", || !Path::new(&sysfs).exists());
    client.ends();
    serve.stop();
}

#[test]
#[ignore = "needs root and /dev/cuse: cargo xtask guest"]
fn plugged_again_it_is_another_device() {
    let bus = bus();
    let serve = Serve::with(&[eeprom(bus)]);
    tool(&format!("i2cset -y {bus} 0x50 0 0x11"));
    let script = "
fd = os.open(path, os.O_RDWR)
fcntl.ioctl(fd, I2C_SLAVE, 0x50)
before = os.fstat(fd).st_rdev
say(os.major(before))
wait()
say(call(os.read, fd, 1), polled(fd))
again = os.open(path, os.O_RDWR)
say(call(fcntl.ioctl, again, I2C_SLAVE, 0x50), len(call(os.read, again, 1)), polled(again))
say(os.fstat(again).st_rdev != before)
say(call(os.open, f'/proc/self/fd/{fd}', os.O_RDWR))
say(call(os.read, fd, 1))
";
    let mut client = Client::start(bus, script);
    client.says("89");
    let first = fs::read_link(node(bus)).unwrap();
    serve.unplug(bus);
    assert!(fs::symlink_metadata(node(bus)).is_err());
    serve.plug(bus);
    assert_ne!(fs::read_link(node(bus)).unwrap(), first);
    client.go_on();
    client.says("ENODEV [24]");
    client.says("0 1 [5]");
    client.says("True");
    let stale = client.line();
    assert!(["ENODEV", "ENOENT"].contains(&stale.as_str()), "a stale path: {stale}");
    client.says("ENODEV");
    client.ends();
    assert_eq!(tool(&format!("i2cget -y {bus} 0x50 0")), "0x11\n", "what the chip keeps is still there");
    // Nobody holds the number of the first life any more; the next one gets it.
    until("the connection ends", || !Path::new("/dev").join(&first).exists());
    serve.unplug(bus);
    serve.plug(bus);
    assert_eq!(rustix::fs::major(fs::metadata(node(bus)).unwrap().rdev()), 89);
    serve.stop();
}

/// Whoever has a stale node of its own, such as one made by mknod, finds no device behind it.
#[test]
#[ignore = "needs root and /dev/cuse: cargo xtask guest"]
fn a_stale_node_leads_to_no_device() {
    let bus = bus();
    let serve = Serve::with(&[eeprom(bus)]);
    let script = "
held = os.open(path, os.O_RDWR)
stale = f'/run/stale-{os.getpid()}'
os.mknod(stale, 0o20600, os.fstat(held).st_rdev)
os.close(os.open(stale, os.O_RDWR))
say('ready'); wait()
say(call(os.open, stale, os.O_RDWR))
os.unlink(stale)
";
    let mut client = Client::start(bus, script);
    client.says("ready");
    serve.unplug(bus);
    client.go_on();
    client.says("ENODEV");
    client.ends();
    serve.stop();
}

/// A zombie says the same whatever its caller's memory is (I15).
#[test]
#[ignore = "needs root and /dev/cuse: cargo xtask guest"]
fn a_zombie_does_not_ask_for_memory() {
    let bus = bus();
    let serve = Serve::with(&[eeprom(bus)]);
    let script = "
libc = ctypes.CDLL(None, use_errno=True)
fd = os.open(path, os.O_RDWR)
def ioctl(number, argument):
    return libc.ioctl(fd, ctypes.c_ulong(number), ctypes.c_void_p(argument)), errno.errorcode[ctypes.get_errno()]
say(*ioctl(I2C_SMBUS, 8)); wait()
for number in (I2C_SMBUS, I2C_RDWR, I2C_FUNCS): say(*ioctl(number, 8))
";
    let mut client = Client::start(bus, script);
    client.says("-1 EFAULT");
    serve.unplug(bus);
    client.go_on();
    for _ in 0..3 {
        client.says("-1 ENODEV");
    }
    client.ends();
    serve.stop();
}

#[test]
#[ignore = "needs root and /dev/cuse: cargo xtask guest"]
fn policy_kill_ends_the_holders_and_nobody_else() {
    let (bus, other) = (bus(), bus());
    let serve = Serve::with(&[slow(bus), eeprom(other)]);
    let hold = "fd = os.open(path, os.O_RDWR)\nsay('ready'); wait(); say('alive')";
    let mut holder = Client::start(bus, hold);
    let mut bystander = Client::start(other, hold);
    holder.says("ready");
    bystander.says("ready");
    let output = serve.control(&["unplug", &format!("i2c-{bus}"), "--policy", "kill"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(said.contains(&holder.child.id().to_string()), "{said}");
    assert_eq!(holder.child.wait().unwrap().signal(), Some(Signal::KILL.as_raw()));
    bystander.go_on();
    bystander.says("alive");
    bystander.ends();
    serve.stop();
}
