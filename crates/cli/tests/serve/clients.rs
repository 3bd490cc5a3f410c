//! Live devices, used by real programs.

use crate::stage::{Client, Serve, bus, eeprom, tool};
use std::{fs, process::Command};

#[test]
#[ignore = "needs root and /dev/cuse: cargo xtask guest"]
fn i2c_tools_use_a_node() {
    let bus = bus();
    let serve = Serve::with(&[eeprom(bus), format!("i2c:lm75@0x48,bus={bus},temp=21.5")]);
    tool(&format!("i2cset -y {bus} 0x50 3 0x2a"));
    assert_eq!(tool(&format!("i2cget -y {bus} 0x50 3")), "0x2a\n");
    assert_eq!(tool(&format!("i2cget -y {bus} 0x48 0 w")), "0x8015\n");
    assert_eq!(tool(&format!("i2ctransfer -y {bus} w1@0x50 2 r3")), "0xff 0x2a 0xff\n");
    let found = tool(&format!("i2cdetect -y {bus}"));
    assert!(found.contains("40: -- -- -- -- -- -- -- -- 48") && found.contains("\n50: 50 --"), "{found}");
    let dump = tool(&format!("i2cdump -y {bus} 0x50 b"));
    assert!(dump.contains("00: ff ff ff 2a ff"), "{dump}");
    let functions = tool(&format!("i2cdetect -F {bus}"));
    assert!(functions.contains("SMBus Block Write                yes"), "{functions}");
    serve.stop();
}

#[test]
#[ignore = "needs root and /dev/cuse: cargo xtask guest"]
fn smbus2_uses_a_node() {
    let bus = bus();
    let serve = Serve::with(&[eeprom(bus)]);
    let client = Client::start(
        bus,
        "
from smbus2 import SMBus, i2c_msg
with SMBus(path) as bus:
    bus.write_i2c_block_data(0x50, 0x10, [1, 2, 3])
    say(bus.read_i2c_block_data(0x50, 0x10, 4))
    write, read = i2c_msg.write(0x50, [0x10]), i2c_msg.read(0x50, 3)
    bus.i2c_rdwr(write, read)
    say(list(read))
    say(call(bus.read_byte, 0x23))
",
    );
    client.says("[1, 2, 3, 255]");
    client.says("[1, 2, 3]");
    client.says("ENXIO");
    client.ends();
    serve.stop();
}

/// A transfer with more data than one round carries, in each direction.
#[test]
#[ignore = "needs root and /dev/cuse: cargo xtask guest"]
fn large_transfers_are_whole() {
    let bus = bus();
    let serve = Serve::with(&[format!("i2c:24c512@0x50,bus={bus}")]);
    let client = Client::start(
        bus,
        "
from smbus2 import SMBus, i2c_msg
with SMBus(path) as bus:
    for at in range(0, 65536, 128):
        bus.i2c_rdwr(i2c_msg.write(0x50, [at >> 8, at & 255] + [(at >> 7) & 255, at >> 15] * 64))
    # The pages of the chip are of 128 bytes; what is read goes on over them, and round at the end.
    reads = [i2c_msg.read(0x50, 8192) for _ in range(40)]
    bus.i2c_rdwr(i2c_msg.write(0x50, [0, 0]), *reads)
    data = b''.join(bytes(list(read)) for read in reads)
    expected = b''.join(bytes([(at >> 7) & 255, at >> 15] * 64) for at in range(0, 65536, 128))
    say(len(data), data == expected * 5)
    # 40 times 8192 bytes sent; the last ones stay, each over the page that it begins in.
    bus.i2c_rdwr(*[i2c_msg.write(0x50, [0, 0] + [n] * 8190) for n in range(40)])
    read = i2c_msg.read(0x50, 130)
    bus.i2c_rdwr(i2c_msg.write(0x50, [0, 0]), read)
    say(list(read)[:128] == [39] * 128, list(read)[128:])
",
    );
    client.says("327680 True");
    client.says("True [1, 0]");
    client.ends();
    serve.stop();
}

#[test]
#[ignore = "needs root and /dev/cuse: cargo xtask guest"]
fn threads_of_one_open_file_get_their_own_answers() {
    let bus = bus();
    let serve = Serve::with(&[eeprom(bus)]);
    let client = Client::start(
        bus,
        "
from smbus2 import SMBus, i2c_msg
bus, wrong = SMBus(path), []
def work(own):
    for n in range(150):
        bus.i2c_rdwr(i2c_msg.write(0x50, [own * 8, own, n, own]))
        read = i2c_msg.read(0x50, 3)
        bus.i2c_rdwr(i2c_msg.write(0x50, [own * 8]), read)
        if list(read) != [own, n, own]: wrong.append((own, n, list(read)))
threads = [threading.Thread(target=work, args=(own,)) for own in range(6)]
for thread in threads: thread.start()
for thread in threads: thread.join()
say(wrong)
",
    );
    client.says("[]");
    client.ends();
    serve.stop();
}

/// What a device says live that its node could get wrong: errors of memory, of the mode of the open, of the call.
#[test]
#[ignore = "needs root and /dev/cuse: cargo xtask guest"]
fn errors_are_those_of_the_class() {
    let bus = bus();
    let serve = Serve::with(&[eeprom(bus)]);
    let client = Client::start(
        bus,
        "
libc = ctypes.CDLL(None, use_errno=True)
def ioctl(fd, number, argument):
    result = libc.ioctl(fd, ctypes.c_ulong(number), ctypes.c_void_p(argument))
    return errno.errorcode[ctypes.get_errno()] if result < 0 else result
fd = os.open(path, os.O_RDWR)
page = ctypes.create_string_buffer(4096)
at = ctypes.addressof(page)
say(ioctl(fd, I2C_FUNCS, 8), ioctl(fd, I2C_SMBUS, 8), ioctl(fd, I2C_SMBUS, 0), ioctl(fd, 0x1234, 0))
say(ioctl(fd, I2C_SLAVE, 0x50), ioctl(fd, I2C_SLAVE, 0x1000))
# I2C_SMBUS of a byte to be read to, and written from, where there is no memory.
for read in (1, 0):
    struct.pack_into('=BBxxIQ', page, 0, read, 3, 2, 8)
    say(ioctl(fd, I2C_SMBUS, at))
struct.pack_into('=BBxxIQ', page, 0, 1, 3, 99, at + 64)
say(ioctl(fd, I2C_SMBUS, at))
struct.pack_into('=QI', page, 0, at + 64, 43)
say(ioctl(fd, I2C_RDWR, at))
say(polled(fd))
reader = os.open(path, os.O_RDONLY)
say(call(os.write, reader, b'x'))
say(call(os.fsync, fd))
",
    );
    client.says("EFAULT EFAULT EFAULT ENOTTY");
    client.says("0 EINVAL");
    client.says("EFAULT");
    client.says("EFAULT");
    client.says("EINVAL");
    client.says("EINVAL");
    client.says("[5]");
    client.says("EBADF");
    client.says("EINVAL");
    client.ends();
    serve.stop();
}

/// Where the memory of a client may not be written to by us the kernel does it, with the last round of a call.
#[test]
#[ignore = "needs root and /dev/cuse: cargo xtask guest"]
fn a_client_whose_memory_is_out_of_reach_gets_its_answers() {
    let bus = bus();
    let mut command = Command::new("setpriv");
    let spec = format!("{},mode=666", eeprom(bus));
    command.args(["--bounding-set", "-sys_ptrace", env!("CARGO_BIN_EXE_outlive"), "serve", "--device", &spec]);
    let serve = Serve::start_by(&mut command);
    let status = fs::read_to_string(format!("/proc/{}/status", serve.child.id())).unwrap();
    let effective = status.lines().find_map(|line| line.strip_prefix("CapEff:")).unwrap();
    const CAP_SYS_PTRACE: u32 = 19;
    assert_eq!(u64::from_str_radix(effective.trim(), 16).unwrap() >> CAP_SYS_PTRACE & 1, 0);
    let client = Client::start(
        bus,
        "
os.setuid(65534)
fd = os.open(path, os.O_RDWR)
fcntl.ioctl(fd, I2C_SLAVE, 0x50)
os.write(fd, bytes([0, *range(8)]))
functions = bytearray(8)
say(fcntl.ioctl(fd, I2C_FUNCS, functions, True), functions.hex())
page = ctypes.create_string_buffer(4096)
at = ctypes.addressof(page)
I2C_M_RD, READ, BYTE_DATA = 1, 1, 2
for k in range(100):
    fcntl.ioctl(fd, I2C_SMBUS, struct.pack('=BBxxIQ', READ, k % 8, BYTE_DATA, at + 64 + k % 8))
say(page.raw[64:72].hex())
messages = [(0, 1, at + 128), (I2C_M_RD, 3, at + 256), (0, 1, at + 129), (I2C_M_RD, 2, at + 300)]
page[128], page[129] = 2, 6
for i, (flags, size, buffer) in enumerate(messages): struct.pack_into('=HHHxxQ', page, 16 * i, 0x50, flags, size, buffer)
say(fcntl.ioctl(fd, I2C_RDWR, bytearray(struct.pack('=QIxxxx', at, 4)), True), page.raw[256:260].hex(), page.raw[300:303].hex())
",
    );
    client.says("0 1f80ff0f00000000");
    client.says("0001020304050607");
    client.says("4 02030400 060700");
    client.ends();
    serve.stop();
}

/// A call waits for its answer although a signal comes, and happens once.
#[test]
#[ignore = "needs root and /dev/cuse: cargo xtask guest"]
fn a_signal_neither_ends_a_call_nor_repeats_it() {
    let bus = bus();
    let serve = Serve::with(&[format!("i2c:24c02@0x50,bus={bus},slow=400ms")]);
    let client = Client::start(
        bus,
        "
seen = []
signal.signal(signal.SIGALRM, lambda *_: seen.append(1))
fd = os.open(path, os.O_RDWR)
fcntl.ioctl(fd, I2C_SLAVE, 0x50)
os.write(fd, bytes([0, 7, 8]))
os.write(fd, bytes([0]))
signal.setitimer(signal.ITIMER_REAL, 0.1, 0.05)
say(list(os.read(fd, 1)))
signal.setitimer(signal.ITIMER_REAL, 0)
say(list(os.read(fd, 1)), len(seen) > 0)
",
    );
    client.says("[7]");
    client.says("[8] True");
    client.ends();
    serve.stop();
}
