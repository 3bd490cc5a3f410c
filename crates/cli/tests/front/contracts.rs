//! What a program sees of a bus that has gone, by contract.

use crate::stage::{EEPROM, Run, everybody, is_plain};

/// Opens the bus, is pulled, and says how each call went.
const CALLS: &str = "
import errno, fcntl, os, select, struct, sys
bus = os.open('/dev/i2c-7', os.O_RDWR)
fcntl.ioctl(bus, 0x0703, 0x50)
os.write(bus, bytes([0, 0x2a]))
print('ready', flush=True)
sys.stdin.readline()
def say(name, call):
    try:
        call()
        print(name, 'ok', flush=True)
    except OSError as error:
        print(name, errno.errorcode[error.errno], flush=True)
say('slave', lambda: fcntl.ioctl(bus, 0x0703, 0x50))
say('funcs', lambda: fcntl.ioctl(bus, 0x0705, struct.pack('Q', 0)))
say('pointer', lambda: os.write(bus, bytes([0])))
say('read', lambda: print('data', os.read(bus, 1).hex(), flush=True))
say('unknown', lambda: fcntl.ioctl(bus, 0x1234))
poll = select.poll()
poll.register(bus, select.POLLIN)
print('poll', poll.poll(0)[0][1], flush=True)
say('open', lambda: os.open('/dev/i2c-7', os.O_RDWR))
say('again', lambda: os.open(f'/proc/self/fd/{bus}', os.O_RDWR))
os.close(bus)
";

/// I15 to I19 as each contract has them; I25 under all of them.
#[test]
fn a_zombie_answers_by_its_contract() {
    let (pulled, orderly) = (&["unplug", "i2c-7"][..], &["unplug", "i2c-7", "--orderly"][..]);
    let cases = [
        ("strict", pulled, "slave ENODEV, funcs ENODEV, pointer ENODEV, read ENODEV, unknown ENODEV, poll 24"),
        ("quiet", pulled, "slave ok, funcs ok, pointer ENXIO, read ENXIO, unknown ENOTTY, poll 24"),
        ("linux", pulled, "slave ok, funcs ok, pointer EIO, read EIO, unknown ENOTTY, poll 1"),
        ("linux", orderly, "slave ok, funcs ok, pointer ok, data 2a, read ok, unknown ENOTTY, poll 1"),
    ];
    for (contract, removal, expected) in cases {
        for who in everybody() {
            let mut live = Run::with(&[EEPROM]).contract(contract).by(who).start(["python3", "-c", CALLS]);
            live.line("ready");
            assert_eq!(live.command(removal).0, 0);
            live.say("\n");
            // A socket says IN as well.
            let expected = if is_plain() { expected.replace("poll 24", "poll 25") } else { expected.to_owned() };
            assert_eq!(live.rest().join(", "), format!("{expected}, open ENOENT, again ENODEV"), "{contract}, {who:?}");
            assert_eq!(live.exit_code(), 0);
        }
    }
}

/// A transfer that is under way as its bus goes: its end is the contract's, and removal waits for it under none.
#[test]
fn a_transfer_in_flight_ends_by_the_contract() {
    for (contract, how, end) in [
        ("strict", None, "ENODEV"),
        ("quiet", None, "ENXIO"),
        ("linux", None, "EIO"),
        ("linux", Some("--orderly"), "ok"),
    ] {
        let program = "
import errno, fcntl, os
bus = os.open('/dev/i2c-7', os.O_RDWR)
fcntl.ioctl(bus, 0x0703, 0x50)
print('ready', flush=True)
try:
    os.read(bus, 1)
    print('end ok', flush=True)
except OSError as error:
    print('end', errno.errorcode[error.errno], flush=True)
";
        let mut live =
            Run::with(&["i2c:24c02@0x50,bus=7,slow=2s"]).contract(contract).start(["python3", "-c", program]);
        live.line("ready");
        live.until_ls_says("inside for");
        let removal = ["unplug", "i2c-7", "--deadline", "1s"].into_iter().chain(how).collect::<Vec<_>>();
        assert_eq!(live.command(&removal).0, 0, "{contract}");
        assert_eq!(live.line("end"), format!("end {end}"), "{contract}, {how:?}");
        assert_eq!(live.exit_code(), 0);
    }
}

/// Opens a board, is pulled, and says how each call went; what it has mapped stays under each contract.
const BOARD_CALLS: &str = "
import errno, fcntl, mmap, os, select, struct, sys
board = os.open('/dev/uio0', os.O_RDWR)
memory = mmap.mmap(board, 4096)
os.write(board, struct.pack('I', 0))
os.set_blocking(board, False)
try:
    os.read(board, 4)
except BlockingIOError:
    pass
os.set_blocking(board, True)
print('ready', flush=True)
sys.stdin.readline()
def say(name, call):
    try:
        call()
        print(name, 'ok', flush=True)
    except OSError as error:
        print(name, errno.errorcode[error.errno], flush=True)
say('read', lambda: os.read(board, 4))
say('short', lambda: os.read(board, 3))
say('write', lambda: os.write(board, struct.pack('I', 1)))
say('map', lambda: mmap.mmap(board, 4096))
say('ioctl', lambda: fcntl.ioctl(board, 0x1234))
poll = select.poll()
poll.register(board, select.POLLIN | select.POLLOUT | select.POLLPRI)
print('poll', poll.poll(0)[0][1], flush=True)
memory[0:4] = b'mine'
print(memory[0:8], flush=True)
";

/// I15, I16, I24 as each contract has them.
#[test]
fn a_board_that_has_gone_answers_by_its_contract() {
    let cases = [
        ("strict", "read ENODEV, short ENODEV, write ENODEV, map ENODEV, ioctl ENODEV, poll 24"),
        ("quiet", "read EIO, short EINVAL, write EIO, map ENODEV, ioctl ENOTTY, poll 24"),
        ("linux", "read EIO, short EINVAL, write EINVAL, map EINVAL, ioctl ENOTTY, poll 27"),
    ];
    for (contract, expected) in cases {
        for who in everybody() {
            let run = Run::with(&["uio:timer,num=0"]).contract(contract).by(who);
            let mut live = run.start(["python3", "-c", BOARD_CALLS]);
            live.line("ready");
            assert_eq!(live.command(&["unplug", "uio0"]).0, 0);
            live.say("\n");
            // Of what has gone, sockets say IN and OUT besides.
            let expected = if is_plain() {
                &expected.replace("poll 24", "poll 29").replace("poll 27", "poll 29")
            } else {
                expected
            };
            let expected = format!(r"{expected}, b'mine\x00\x00\x00\x00'");
            assert_eq!(live.rest().join(", "), expected, "{contract}, {who:?}");
            assert_eq!(live.exit_code(), 0);
        }
    }
}
