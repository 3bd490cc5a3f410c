"""Rows of a descriptor whose input device goes, since uinput's end is closed: `input_zombie.py WORD`.

Each state that a descriptor can be in has a device of its own. Rows begin with it."""

import sys

import i2c_file
import uinput
from input_told import BY_VALUE, FIXED, SIZED, evioc, memory
from input_write import put
from sleeper import asleep, heard
from uinput import *

GRAB, REVOKE, REMOVE = (evioc(*BY_VALUE[name]) for name in ("GRAB", "REVOKE", "RMFF"))
SEND = evioc(WRITES, 0x80, 48)
PRI = 2  # what no input device says: who waits for it hears of ERR and HUP only
LATE = 9  # seconds: who has not been woken by then will not be


def nothing(device, fd):
    return None


def unread(device, fd):
    device.send((KEY, KEY_A, 1))
    device.send((KEY, KEY_A, 0))


def partly_read(device, fd):
    unread(device, fd)
    read(fd, 24)


def half(device, fd):
    device.send_part((KEY, KEY_A, 1), (KEY, KEY_A, 0))


def down(device, fd):
    device.send((KEY, KEY_A, 1), (KEY, KEY_B, 1))


def down_and_read(device, fd):
    down(device, fd)
    emptied(fd)


def lost(device, fd):
    for each in range(40):
        device.send((KEY, KEY_A, (each + 1) % 2))


def lit(device, fd):
    put(fd, [(LED, 0, 1), (SND, 1, 1), (SYN, 0, 0)])
    emptied(fd)


def grabbed(device, fd):
    call(IOCTL, fd, GRAB, 1)
    unread(device, fd)


def revoked(device, fd):
    unread(device, fd)
    call(IOCTL, fd, REVOKE, 0)


STATES = {
    "idle": nothing, "unread": unread, "partly read": partly_read, "half a packet": half, "keys down": down,
    "keys down, and read": down_and_read,
    "events lost": lost, "lit": lit, "grabbed": grabbed, "revoked": revoked,
}


def asleep_in(work, before=nothing):
    """A state in which somebody waits, by a descriptor that may."""
    def state(device, fd):
        before(device, fd)
        os.set_blocking(fd, True)
        sleeper = asleep(lambda: str(work(fd)))
        heard(sleeper, 0.1)
        return sleeper
    return state


def polled(fd, events):
    entry = (ctypes.c_ubyte * 8)(*struct.pack("ihh", fd, events, 0))
    answer = call(POLL, entry, 1, LATE * 1000)
    return answer, hex(struct.unpack("ihh", bytes(entry))[2] & 0xFFFF)


SLEEPERS = {
    "asleep in read": asleep_in(lambda fd: read(fd, 240)),
    "asleep in read of an event": asleep_in(lambda fd: read(fd, 24)),
    "asleep in read, keys down": asleep_in(lambda fd: read(fd, 240), down_and_read),
    "asleep in read, half a packet": asleep_in(lambda fd: read(fd, 240), half),
    "asleep in poll for IN": asleep_in(lambda fd: polled(fd, 1)[0]),
    # What wakes it first, of keys that go up and HUP, is no matter.
    "asleep in poll for IN, keys down": asleep_in(lambda fd: int(polled(fd, 1)[1], 16) & 1, down_and_read),
    "asleep in poll for PRI": asleep_in(lambda fd: polled(fd, PRI)),
}


def state_rows(word, state, remove):
    device = uinput.everything()
    fd = device.open()
    still(device, fd)
    number = os.fstat(fd).st_rdev
    place = os.path.realpath(f"/sys/class/input/{os.path.basename(device.node)}")
    sleeper = state(device, fd)
    remove(device)
    heard_of_it(fd)
    row(f"{word}: the node", int(os.path.exists(device.node)))
    row(f"{word}: /sys", int(place.startswith("/sys/devices") and os.path.exists(place)))
    row(f"{word}: open", closed(call(OPEN, device.node.encode(), 2, 0)))
    if sleeper:
        row(f"{word}: who slept", heard(sleeper, LATE))
        os.set_blocking(fd, False)
    for events in (0, 1, 4, 0x7FDF):
        row(f"{word}: poll for {events:#x}", *i2c_file.poll_bits(fd, events))
    for size in (0, 1, 23, 24, 48, 240):
        row(f"{word}: read of {size}", *read(fd, size))
    row(f"{word}: read to a bad pointer", call(READ, fd, BAD, 24))
    row(f"{word}: what is left", 0, emptied(fd))
    row(f"{word}: poll after it", *i2c_file.poll_bits(fd, 0x7FDF))
    row(f"{word}: fstat has the number", int(os.fstat(fd).st_rdev == number))
    row(f"{word}: close", call(3, fd))
    os.close(device.fd)


def heard_of_it(fd):
    """Waits until its poll says so: where a close is told of later, that is later."""
    for _ in range(500):
        if i2c_file.poll_bits(fd, 0)[0] == 1:
            break
        time.sleep(0.005)


def closing(device):
    Device.close(device)
    device.fd = os.open("/dev/null", os.O_RDWR)


def destroying(device):
    device.told(DESTROY)


def call_rows(word):
    """Every call, of one that has nothing to read."""
    device = uinput.everything()
    fd = device.open()
    lit(device, fd)
    closing(device)
    heard_of_it(fd)
    for name, (direction, count, size) in FIXED.items():
        row(f"{word}: {name}", call(IOCTL, fd, evioc(direction, count, size), buffer(size, 0)))
        row(f"{word}: {name} by a bad pointer", call(IOCTL, fd, evioc(direction, count, size), BAD))
        row(f"{word}: {name} of {size + 1} bytes", call(IOCTL, fd, evioc(direction, count, size + 1), buffer(size + 1, 0)))
    for name, count in SIZED.items():
        for size in (0, 8, 64):
            row(f"{word}: {name} of {size} bytes", call(IOCTL, fd, evioc(READS, count, size), buffer(size + 8)))
    for name, command, argument in (
        ("GRAB 1", GRAB, 1), ("GRAB 0", GRAB, 0), ("RMFF 0", REMOVE, 0),
        ("SFF", SEND, memory(struct.pack("Hh", RUMBLE, -1) + bytes(44))),
        ("GBIT 0", evioc(READS, 0x20, 8), buffer()), ("GBIT 0x14", evioc(READS, 0x34, 8), buffer()),
        ("GABS 0", evioc(READS, 0x40, 24), buffer()),
        ("SABS 0", evioc(WRITES, 0xC0, 24), buffer(64, 0)), ("GMTSLOTS", evioc(READS, 0x0A, 20), buffer(64, 0)),
        ("an unknown ioctl", 0x4500, 0),
        ("TCGETS", 0x5401, buffer()), ("REVOKE 1", REVOKE, 1), ("REVOKE", REVOKE, 0),
        ("GVERSION after it", evioc(READS, 1, 4), buffer()),
    ):
        row(f"{word}: {name}", call(IOCTL, fd, command, argument))
    for size in (0, 1, 23, 24, 25, 48):
        row(f"{word}: write of {size}", call(WRITE, fd, event(LED, 0, 0) + REPORT, size))
    row(f"{word}: write by a bad pointer", call(WRITE, fd, BAD, 24))
    for name, number, arguments in (("lseek", LSEEK, (0, 0)), ("fsync", FSYNC, ()), ("ftruncate", FTRUNCATE, (0,)),
        ("fallocate", FALLOCATE, (0, 0, 24))):
        row(f"{word}: {name}", call(number, fd, *arguments))
    row(f"{word}: mmap", call(MMAP, 0, 4096, 1, 1, fd, 0))
    row(f"{word}: pread", call(PREAD, fd, buffer(), 24, 0))
    row(f"{word}: F_GETFL", oct(call(FCNTL, fd, 3, 0) & os.O_NONBLOCK))
    row(f"{word}: F_SETFL O_ASYNC", call(FCNTL, fd, 4, os.O_ASYNC | os.O_NONBLOCK))
    row(f"{word}: fstat", 0, i2c_file.facts(os.fstat(fd)))
    row(f"{word}: reopen by /proc/self/fd", closed(call(OPEN, f"/proc/self/fd/{fd}".encode(), 2, 0)))
    row(f"{word}: close", call(3, fd))
    os.close(device.fd)


def others_rows(word):
    """Several who have it open, and the next device."""
    device = uinput.keyboard()
    fds = [device.open() for _ in range(3)]
    still(device, fds[0])
    for fd in fds:
        emptied(fd)
    call(IOCTL, fds[0], GRAB, 1)
    device.send((KEY, KEY_A, 1))
    call(IOCTL, fds[0], GRAB, 0)
    device.send((KEY, KEY_A, 0), (KEY, KEY_B, 1))
    closing(device)
    for index, fd in enumerate(fds):
        heard_of_it(fd)
        row(f"{word}: poll of {index}", *i2c_file.poll_bits(fd, 0x7FDF))
        row(f"{word}: {index} reads", *read(fd))
        row(f"{word}: {index} reads again", *read(fd))
    following = uinput.simple()
    row(f"{word}: the next has its name", int(following.node == device.node))
    row(f"{word}: the next has its number", int(os.stat(following.node).st_rdev == os.fstat(fds[0]).st_rdev))
    other = following.open()
    following.send((KEY, KEY_A, 1))
    row(f"{word}: those of before hear nothing of the next", *i2c_file.poll_bits(fds[0], 1))
    row(f"{word}: they read", *read(fds[0]))
    row(f"{word}: who has the next does", *read(other))
    row(f"{word}: a copy of one of before", *read(os.dup(fds[1])))
    for fd in (*fds, other):
        os.close(fd)
    following.close()


def gone_rows(word):
    word = f"input {word}"
    for name, state in STATES.items():
        for how, remove in (("closed", closing), ("destroyed", destroying)):
            if how == "destroyed" and name not in ("idle", "unread", "keys down"):
                continue
            state_rows(f"{word} {how}, {name}", state, remove)
    for name, state in SLEEPERS.items():
        state_rows(f"{word} closed, {name}", state, closing)
    call_rows(f"{word}, any call")
    others_rows(f"{word}, others")


if __name__ == "__main__":
    gone_rows(sys.argv[1])
