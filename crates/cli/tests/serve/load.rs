//! Devices that are used a lot, and clients whose memory stalls whoever touches it.

use crate::stage::{Client, Serve, bus, eeprom, node, tool, until};
use std::fs;

/// How many threads it has that serve one device only.
fn own_threads(serve: &Serve) -> usize {
    let tasks = fs::read_dir(format!("/proc/{}/task", serve.child.id())).unwrap().flatten();
    let names = tasks.filter_map(|task| fs::read_to_string(task.path().join("comm")).ok());
    names.filter(|name| name.trim() == "serves one").count()
}

/// How many threads it has.
fn threads(serve: &Serve) -> usize {
    fs::read_dir(format!("/proc/{}/task", serve.child.id())).unwrap().count()
}

/// How many devices it serves by threads for all: those that an epoll descriptor watches (proc(5), fdinfo).
fn shared(serve: &Serve) -> usize {
    let fds = fs::read_dir(format!("/proc/{}/fdinfo", serve.child.id())).unwrap().flatten();
    let infos = fds.filter_map(|fd| fs::read_to_string(fd.path()).ok());
    infos.map(|info| info.lines().filter(|line| line.starts_with("tfd:")).count()).sum()
}

/// It gets threads of its own, which change nothing, and which go with its life.
#[test]
#[ignore = "needs root and /dev/cuse: cargo xtask guest"]
fn what_is_used_a_lot_is_served_and_removed_as_before() {
    let (used, other) = (bus(), bus());
    let serve = Serve::with(&[eeprom(used), eeprom(other)]);
    let script = "
def use(fd):
    fcntl.ioctl(fd, I2C_SLAVE, 0x50)
    os.write(fd, bytes([0]))
    return {bytes(os.read(fd, 8)) for _ in range(200)} == {b'\\xff' * 8}
fd = os.open(path, os.O_RDWR)
say(use(fd)); wait()
say(call(os.read, fd, 1), polled(fd)); wait()
os.close(fd)
say('closed'); wait()
";
    let others = shared(&serve) - 2;
    for _ in 0..3 {
        assert_eq!((shared(&serve), own_threads(&serve)), (others + 2, 0));
        let mut client = Client::start(used, script);
        client.says("True");
        assert_eq!(shared(&serve), others + 1);
        assert!(own_threads(&serve) >= 2);
        assert_eq!(tool(&format!("i2cget -y {other} 0x50 0")), "0xff\n");
        serve.unplug(used);
        client.go_on();
        client.says("ENODEV [24]");
        client.go_on();
        client.says("closed");
        until("its threads have ended", || own_threads(&serve) == 0);
        client.go_on();
        client.ends();
        serve.plug(used);
    }
    serve.stop();
    assert!(fs::symlink_metadata(node(used)).is_err());
}

/// There are threads of their own for some of many.
#[test]
#[ignore = "needs root and /dev/cuse: cargo xtask guest"]
fn many_that_are_used_a_lot_share_the_threads() {
    let buses: Vec<u32> = (0..20).map(|_| bus()).collect();
    let serve = Serve::with(&buses.iter().copied().map(eeprom).collect::<Vec<_>>());
    let others = shared(&serve) - buses.len();
    let script = format!(
        "
files = [os.open(f'/dev/i2c-{{bus}}', os.O_RDWR) for bus in {buses:?}]
for fd in files: fcntl.ioctl(fd, I2C_SLAVE, 0x50)
for _ in range(100):
    for fd in files: os.read(fd, 1)
say(all(os.read(fd, 1) == b'\\xff' for fd in files)); wait()
say(call(os.read, files[0], 1), all(os.read(fd, 1) == b'\\xff' for fd in files[1:]))
"
    );
    let mut client = Client::start(buses[0], &script);
    client.says("True");
    assert_eq!(shared(&serve), others + buses.len() - 16);
    serve.unplug(buses[0]);
    client.go_on();
    client.says("ENODEV True");
    client.ends();
    serve.stop();
}

/// Memory that never comes (userfaultfd), to be written to: it holds up those who wait in it, and they can be killed.
#[test]
#[ignore = "needs root and /dev/cuse: cargo xtask guest"]
fn a_client_that_stalls_us_stalls_only_itself() {
    let (bus, other) = (bus(), bus());
    let serve = Serve::with(&[eeprom(bus), eeprom(other)]);
    let mut client = Client::start(
        bus,
        "
import mmap
libc = ctypes.CDLL(None, use_errno=True)
page = mmap.mmap(-1, 4096, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
never = ctypes.addressof(ctypes.c_char.from_buffer(page))
USERFAULTFD, UFFDIO_API, UFFDIO_REGISTER = 323, 0xc018aa3f, 0xc020aa00
faults = libc.syscall(USERFAULTFD, os.O_CLOEXEC)
fcntl.ioctl(faults, UFFDIO_API, struct.pack('QQQ', 0xaa, 0, 0))
fcntl.ioctl(faults, UFFDIO_REGISTER, struct.pack('QQQQ', never, 4096, 1, 0))
def stall(): libc.ioctl(os.open(path, os.O_RDWR), ctypes.c_ulong(I2C_FUNCS), ctypes.c_void_p(never))
for _ in range(20): threading.Thread(target=stall, daemon=True).start()
time.sleep(0.5)
fd = os.open(path, os.O_RDWR)
fcntl.ioctl(fd, I2C_SLAVE, 0x50)
say({bytes(os.read(fd, 1)) for _ in range(500)}); wait()
",
    );
    client.says("{b'\\xff'}");
    let busy = threads(&serve);
    assert_eq!(tool(&format!("i2cget -y {other} 0x50 0")), "0xff\n");
    serve.unplug(bus);
    client.child.kill().unwrap();
    client.child.wait().unwrap();
    until("its handles are closed", || {
        !fs::read_dir("/sys/class/cuse")
            .unwrap()
            .flatten()
            .any(|it| it.file_name().to_string_lossy().contains(&format!("i2c-{bus}.")))
    });
    until("nobody is held up any more", || threads(&serve) < busy);
    serve.plug(bus);
    assert_eq!(tool(&format!("i2cget -y {bus} 0x50 0")), "0xff\n");
    serve.stop();
}
