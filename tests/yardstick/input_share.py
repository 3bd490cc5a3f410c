"""Rows of several who have an input device open: queues, grabs, revoking, who sleeps."""

import i2c_file
import uinput
from input_told import BY_VALUE, evioc
from input_write import put
from sleeper import asleep, heard
from uinput import *

GRAB, REVOKE, VERSION = evioc(*BY_VALUE["GRAB"]), evioc(*BY_VALUE["REVOKE"]), 0x80044501
SOON = 0.15  # seconds: who is asleep after that has not been woken


def both(word, one, other):
    for name, fd in (("the one", one), ("the other", other)):
        row(f"input share, {word}: {name} reads", 0, emptied(fd))


def queue_rows(device, one, other):
    device.send((KEY, KEY_A, 1))
    both("a packet", one, other)
    device.send((KEY, KEY_A, 0))
    row("input share: one reads an event", *read(one, 24))
    both("the rest", one, other)
    copy = os.dup(one)
    device.send((KEY, KEY_A, 1))
    row("input share: a copy reads an event", *read(copy, 24))
    both("a copy has read", one, other)
    os.close(copy)
    device.send((KEY, KEY_A, 0))
    child = os.fork()
    if child == 0:
        read(one, 24)
        os._exit(0)
    os.waitpid(child, 0)
    both("a child has read", one, other)
    for each in range(40):
        device.send((KEY, KEY_A, (each + 1) % 2))
        emptied(other)
    row("input share: who lags has lost some", len(emptied(one).split()))
    row("input share: who reads has not", *read(other))


def grab_rows(device, one, other):
    for name, fd, value in (
        ("the one grabs", one, 1), ("it grabs again", one, 1), ("the other grabs", other, 1), ("the other lets go", other, 0),
        ("the one lets go", one, 0), ("it lets go again", one, 0), ("grabbing by 7", one, 7), ("by a pointer", other, 1 << 32),
        ("letting go by 0", one, 0), ("by what is 0 as an int", other, 1 << 32), ("and of that", other, 0), ("by -1", one, -1),
        ("done", one, 0),
    ):
        row(f"input grab: {name}", call(IOCTL, fd, GRAB, value))
        device.send((KEY, KEY_A, 1))
        device.send((KEY, KEY_A, 0))
        both(f"grab, {name}", one, other)
    call(IOCTL, one, GRAB, 1)
    row("input grab: the other writes", put(other, [(LED, 0, 1), (SYN, 0, 0)]))
    both("grab, the other writes", one, other)
    row("input grab: the device hears", *read(device.fd))
    row("input grab: poll of the other", *i2c_file.poll_bits(other, 0x7FDF))
    late = device.open()
    device.send((KEY, KEY_A, 1))
    row("input grab: who comes later reads", *read(late))
    os.close(late)
    device.send((KEY, KEY_A, 0))
    both("grab, at last", one, other)
    put(one, [(LED, 0, 0), (SYN, 0, 0)])


def closed_rows(device, one, other):
    third = device.open()
    call(IOCTL, one, GRAB, 0)
    row("input grab: a third", call(IOCTL, third, GRAB, 1))
    copy = os.dup(third)
    os.close(third)
    row("input grab: with a copy of the third left", call(IOCTL, other, GRAB, 1))
    os.close(copy)
    row("input grab: with the third gone", once_free(lambda: call(IOCTL, other, GRAB, 1)))
    call(IOCTL, other, GRAB, 0)
    both("grab, all over", one, other)


def once_free(work):
    """What a call says, once a close has been told of."""
    for _ in range(200):
        answer = work()
        if answer != "EBUSY":
            break
        time.sleep(0.005)
    return answer


def revoke_rows(device):
    one, other = device.open(), device.open()
    for value in (1, -1, 1 << 32):
        row(f"input revoke by {value:#x}", call(IOCTL, one, REVOKE, value))
    device.send((KEY, KEY_A, 1))
    call(IOCTL, one, GRAB, 1)
    row("input revoke", call(IOCTL, one, REVOKE, 0))
    row("input revoked: the other grabs", call(IOCTL, other, GRAB, 1))
    row("input revoked: the other lets go", call(IOCTL, other, GRAB, 0))
    for events in (0, 1, 4, 0x7FDF):
        row(f"input revoked: poll for {events:#x}", *i2c_file.poll_bits(one, events))
    for size in (0, 1, 24, 240):
        row(f"input revoked: read of {size}", *read(one, size))
        row(f"input revoked: write of {size}", call(WRITE, one, bytes(240), size))
    row("input revoked: write by a bad pointer", call(WRITE, one, BAD, 24))
    for name, command in (("GVERSION", VERSION), ("an unknown ioctl", 0x4500), ("GRAB", GRAB), ("REVOKE", REVOKE),
        ("GKEY", evioc(READS, 0x18, 8))):
        row(f"input revoked: {name}", call(IOCTL, one, command, 0))
    row("input revoked: lseek", call(LSEEK, one, 0, 0))
    row("input revoked: F_GETFL", oct(call(FCNTL, one, 3, 0) & 0o7777))
    row("input revoked: what the other reads", 0, emptied(other))
    device.send((KEY, KEY_A, 0))
    row("input revoked: and later", 0, emptied(other))
    row("input revoked: poll with a packet that it does not get", *i2c_file.poll_bits(one, 0x7FDF))
    copy = os.dup(one)
    row("input revoked: its copy", *read(copy))
    row("input revoked: opening it again", closed(call(OPEN, f"/proc/self/fd/{one}".encode(), 2, 0)))
    row("input revoked: close", call(3, one))
    os.close(copy)
    os.close(other)


def sleep_rows(device):
    one = device.open(os.O_RDWR)
    sleeper = asleep(lambda: read(one, 48))
    row("input asleep in read, and nothing comes", heard(sleeper, SOON))
    device.send_part((KEY, KEY_A, 1))
    row("input asleep in read, and half a packet comes", heard(sleeper, SOON))
    device.send_part((SYN, 0, 0))
    row("input asleep in read, and all of it has come", str(heard(sleeper, 9)))
    sleeper = asleep(lambda: i2c_file.poll_bits(one, 1) if call(POLL, memory_of_poll(one), 1, 9000) else "nothing")
    row("input asleep in poll, and nothing comes", heard(sleeper, SOON))
    device.send_part((KEY, KEY_A, 0))
    row("input asleep in poll, and half a packet comes", heard(sleeper, SOON))
    device.send_part((SYN, 0, 0))
    row("input asleep in poll, and all of it has come", str(heard(sleeper, 9)))
    emptied_of(one)
    sleeper = asleep(lambda: read(one, 24))
    heard(sleeper, SOON)
    call(IOCTL, one, REVOKE, 0)
    row("input asleep in read, and it is revoked", str(heard(sleeper, 9)))
    os.close(one)
    one = device.open(os.O_RDWR)
    sleeper = asleep(lambda: call(POLL, memory_of_poll(one, 0x4000), 1, 9000))
    heard(sleeper, SOON)
    call(IOCTL, one, REVOKE, 0)
    row("input asleep in poll, and it is revoked", str(heard(sleeper, 9)))
    os.close(one)
    one = device.open(os.O_RDWR)
    sleeper = asleep(lambda: read(one, 24))
    heard(sleeper, SOON)
    put(one, [(LED, 0, 1), (SYN, 0, 0)])
    row("input asleep in read, and another thread writes", str(heard(sleeper, 9)))
    os.close(one)


def memory_of_poll(fd, events=1):
    return (ctypes.c_ubyte * 8)(*struct.pack("ihh", fd, events, 0))


def emptied_of(fd):
    """Of a descriptor that waits."""
    while i2c_file.poll_bits(fd, 1)[0] == 1:
        read(fd)


def share_rows():
    device = uinput.keyboard()
    one, other = device.open(), device.open()
    still(device, one)
    emptied(other)
    for rows in (queue_rows, grab_rows, closed_rows):
        rows(device, one, other)
    os.close(one)
    os.close(other)
    revoke_rows(device)
    sleep_rows(device)
    device.close()
