"""Rows of what clients write to an input device."""

import i2c_file
import uinput
from input_told import POINTERS, ask, last_bytes
from uinput import *

SIZES = (0, 1, 23, 24, 25, 47, 48, 49)
WRITTEN = {
    "a LED": [(LED, 0, 1), (SYN, 0, 0)],
    "it is lit": [(LED, 0, 1), (SYN, 0, 0)],
    "out": [(LED, 0, 0), (SYN, 0, 0)],
    "a LED that it has not": [(LED, 3, 1), (SYN, 0, 0)],
    "a LED without an end": [(LED, 0, 1)],
    "its end": [(SYN, 0, 0)],
    "two LEDs": [(LED, 0, 0), (LED, 1, 1), (SYN, 0, 0)],
    "a sound": [(SND, 2, 1000), (SYN, 0, 0)],
    "a key": [(KEY, KEY_A, 1), (SYN, 0, 0)],
    "the key is down": [(KEY, KEY_A, 1), (SYN, 0, 0)],
    "it goes up": [(KEY, KEY_A, 0), (SYN, 0, 0)],
    "a move": [(REL, 0, 5), (SYN, 0, 0)],
    "an axis": [(ABS, 0, 2), (SYN, 0, 0)],
    "MSC": [(MSC, 4, 77), (SYN, 0, 0)],
    "a switch": [(SW, 0, 1), (SYN, 0, 0)],
    "the delay": [(REP, 0, 400), (SYN, 0, 0)],
    "the period": [(REP, 1, 40), (SYN, 0, 0)],
    "no period": [(REP, 1, 0), (SYN, 0, 0)],
    "force feedback that it has not": [(FF, 0, 1), (SYN, 0, 0)],
    "power": [(0x16, 0, 1), (SYN, 0, 0)],
    "types that there are not": [(0x17, 0, 1), (0x1F, 0, 1), (0x20, 0, 1), (UINPUT, UPLOAD, 1), (0xFFFF, 0xFFFF, 1), (SYN, 0, 0)],
    "codes that there are not": [(KEY, 0x300, 1), (LED, 16, 1), (ABS, 0x40, 1), (SYN, 0, 0)],
    "SYN_CONFIG": [(SYN, 1, 0), (SYN, 0, 0)],
    "SYN_DROPPED": [(SYN, 3, 0), (SYN, 0, 0)],
    "an end alone": [(SYN, 0, 0)],
    "an end of 5": [(LED, 1, 0), (SYN, 0, 5)],
}


def put(fd, events):
    data = b"".join(event(*each) for each in events)
    return call(WRITE, fd, data, len(data))


def size_rows(device, fd):
    data = event(LED, 0, 1) + REPORT + REPORT
    for size in SIZES:
        row(f"input write of {size} bytes", call(WRITE, fd, data, size))
        row(f"input what came of {size} bytes", *read(fd))
        put(fd, [(LED, 0, 0), (SYN, 0, 0)])
        emptied(fd)
        emptied(device.fd)
    for where, pointer in POINTERS.items():
        for size in (0, 23, 24):
            row(f"input write of {size} by a {where} pointer", call(WRITE, fd, pointer, size))
    where = last_bytes(36)
    ctypes.memmove(where, event(LED, 0, 1), 24)
    row("input write of two events with the second out of reach", call(WRITE, fd, where, 48))
    put(fd, [(SYN, 0, 0)])
    row("input what came of the first of two", *read(fd))
    put(fd, [(LED, 0, 0), (SYN, 0, 0)])
    emptied(fd)
    many_rows(device, fd)


def many_rows(device, fd):
    for count in (170, 171, 400):
        data = event(MSC, 4, 1) * count
        row(f"input write of {count} events", call(WRITE, fd, data, len(data)))
        text = emptied(fd)
        row(f"input what came of {count} events", len(text.split()), text[-40:])
        put(fd, [(SYN, 0, 0)])
        row(f"input the end of {count} events", len(emptied(fd).split()))
    dated = EVENT.pack(5, 6, MSC, 4, 1) + REPORT
    call(WRITE, fd, dated, len(dated))
    into = buffer(24)
    call(READ, fd, into, 24)
    row("input the time of what is written does not count", int(struct.unpack_from("qq", bytes(into)) == (5, 6)))
    emptied(fd)
    emptied(device.fd)


def event_rows(device, fd):
    other = device.open()
    for name, events in WRITTEN.items():
        row(f"input writing {name}", put(fd, events))
        row(f"input who writes {name} reads", *read(fd))
        row(f"input others read of {name}", *read(other))
        row(f"input the device hears of {name}", *read(device.fd))
    for name, count in (("GLED", 0x19), ("GSND", 0x1A), ("GSW", 0x1B)):
        row(f"input {name} after what was written", *ask(fd, READS, count, 8))
    row("input GREP after what was written", *ask(fd, READS, 3, 8))
    put(fd, [(LED, 0, 1)])
    device.send((KEY, KEY_A, 1))
    row("input a packet that a client begins and the device ends", *read(fd))
    device.send_part((KEY, KEY_A, 0))
    put(other, [(LED, 0, 0), (SYN, 0, 0)])
    row("input a packet that the device begins and a client ends", *read(fd))
    device.send((KEY, KEY_B, 1))
    put(other, [(KEY, KEY_B, 0), (SYN, 0, 0)])
    row("input a key that a client lets go of", *read(fd))
    os.close(other)


def way_rows(device):
    """Descriptors for one way only, and calls of others."""
    for name, flags in (("O_RDONLY", os.O_RDONLY), ("O_WRONLY", os.O_WRONLY), ("access mode 3", 3)):
        fd = call(OPEN, device.node.encode(), flags | os.O_NONBLOCK, 0)
        row(f"input write by {name}", put(fd, [(LED, 0, 0)]))
        row(f"input read by {name}", *read(fd, 24))
        row(f"input GVERSION by {name}", *ask(fd, READS, 1, 4))
        row(f"input poll by {name}", *i2c_file.poll_bits(fd, 0x7FDF))
        row(f"input SREP by {name}", call(IOCTL, fd, 0x40084503, struct.pack("ii", 250, 33)))
        os.close(fd)
    fd = device.open()
    halves = [buffer(24, 0), buffer(24, 0)]
    parts = struct.pack("4Q", *[word for half in halves for word in (ctypes.addressof(half), 24)])
    row("input writev of two events", call(WRITEV, fd, parts, 2))
    parts = struct.pack("4Q", ctypes.addressof(halves[0]), 12, ctypes.addressof(halves[1]), 12)
    row("input writev of two halves", call(WRITEV, fd, parts, 2))
    os.close(fd)


def write_rows():
    device = uinput.everything()
    fd = device.open()
    still(device, fd)
    size_rows(device, fd)
    event_rows(device, fd)
    os.close(fd)
    way_rows(device)
    device.close()
