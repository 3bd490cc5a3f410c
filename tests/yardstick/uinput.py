"""Input devices that a program makes by /dev/uinput, and the events of both: numbers and structures of linux/input.h, of its
event codes, and of linux/uinput.h."""

import glob
import struct
import sys
import time

from rows import *

SYN, KEY, REL, ABS, MSC, SW, LED, SND, REP, FF, FF_STATUS = 0, 1, 2, 3, 4, 5, 0x11, 0x12, 0x14, 0x15, 0x17
KEY_A, KEY_B, KEY_C, BTN_LEFT, BTN_TOUCH = 30, 48, 46, 0x110, 0x14A
MT_SLOT, MT_X, MT_Y, MT_ID = 0x2F, 0x35, 0x36, 0x39
RUMBLE, PERIODIC, CONSTANT, GAIN, AUTOCENTER = 0x50, 0x51, 0x52, 0x60, 0x61
EVENT = struct.Struct("qqHHi")
BUS_VIRTUAL = 6

READS, WRITES = 2, 1


def number(direction, letter, count, size):
    """Of an ioctl."""
    return direction << 30 | size << 16 | ord(letter) << 8 | count


CREATE, DESTROY = number(0, "U", 1, 0), number(0, "U", 2, 0)
SETUP, ABS_SETUP = number(WRITES, "U", 3, 92), number(WRITES, "U", 4, 28)
SETS = {KEY: 101, REL: 102, ABS: 103, MSC: 104, LED: 105, SND: 106, FF: 107, SW: 109}
SET_EV, SET_PHYS, SET_PROP = number(WRITES, "U", 100, 4), number(WRITES, "U", 108, 8), number(WRITES, "U", 110, 4)
BEGIN_UPLOAD, END_UPLOAD = number(3, "U", 200, 104), number(WRITES, "U", 201, 104)
BEGIN_ERASE, END_ERASE = number(3, "U", 202, 12), number(WRITES, "U", 203, 12)
GET_VERSION = number(READS, "U", 45, 4)
UINPUT, UPLOAD, ERASE = 0x101, 1, 2


def set_bit(kind):
    return number(WRITES, "U", SETS[kind], 4)


def sysname(size):
    return number(READS, "U", 44, size)


def setup(name=b"outlive", identity=(BUS_VIRTUAL, 0x1209, 0x4711, 3), effects=0):
    """struct uinput_setup"""
    return struct.pack("4H80sI", *identity, name, effects)


def abs_setup(code, least, most, fuzz=0, flat=0, resolution=0, value=0):
    """struct uinput_abs_setup"""
    return struct.pack("H2x6i", code, value, least, most, fuzz, flat, resolution)


def user_device(name=b"outlive", identity=(BUS_VIRTUAL, 0x1209, 0x4711, 3), effects=0, axes=None):
    """struct uinput_user_dev: the greatest and the least values, fuzz and flat of each axis."""
    columns = [[axes.get(code, (0, 0, 0, 0))[index] for code in range(64)] for index in (1, 0, 2, 3)] if axes else [[0] * 64] * 4
    return struct.pack("80s4HI256i", name, *identity, effects, *sum(columns, []))


def event(kind, code, value):
    return EVENT.pack(0, 0, kind, code, value)


REPORT = event(SYN, 0, 0)


def told(data):
    """Events as a text: type, code, value. Times are left out."""
    data = bytes(data)
    whole = [EVENT.unpack_from(data, at)[2:] for at in range(0, len(data) - 23, 24)]
    return " ".join(f"{kind:x}:{code:x}:{value}" for kind, code, value in whole)


def read(fd, size=24 * 64):
    """A read's answer, and the events that it brought."""
    into = buffer(max(size, 1))
    answer = call(READ, fd, into, size)
    return answer, told(bytes(into)[:answer]) if isinstance(answer, int) else None


def emptied(fd):
    """Takes what has come: the events of many reads, as a text."""
    texts = []
    while True:
        answer, text = read(fd, 24 * 256)
        if not isinstance(answer, int) or answer == 0:
            return " ".join(texts)
        texts.append(text)


def nodes():
    return set(glob.glob("/dev/input/event*"))


def gone(node):
    for _ in range(500):
        if not os.path.exists(node):
            return
        time.sleep(0.005)
    raise SystemExit(f"{node} stays")


def count_of(before, expected):
    """How many nodes there are more than `before`, once there are as many as expected, or will not be."""
    for _ in range(200):
        if len(nodes() - before) == expected:
            break
        time.sleep(0.005)
    return len(nodes() - before)


class Device:
    """What a program has made. `codes` are lists by type; `axes` have the arguments of `abs_setup` behind the code."""

    def __init__(self, codes, axes=None, name=b"outlive", phys=None, properties=(), effects=0, flags=os.O_RDWR | os.O_NONBLOCK):
        self.fd = os.open("/dev/uinput", flags)
        for kind, some in codes.items():
            self.told(SET_EV, kind)
            for code in some:
                self.told(set_bit(kind), code)
        for code, axis in (axes or {}).items():
            self.told(SET_EV, ABS)
            self.told(ABS_SETUP, abs_setup(code, *axis))
        for each in properties:
            self.told(SET_PROP, each)
        if phys is not None:
            self.told(SET_PHYS, phys)
        self.told(SETUP, setup(name, effects=effects))
        self.create()
        self.to = self.fd

    def told(self, command, argument=0):
        answer = call(IOCTL, self.fd, command, argument)
        if answer != 0:
            raise SystemExit(f"uinput says {answer} to {command:#x}")

    def create(self):
        before = nodes()
        self.told(CREATE)
        self.node = self.appeared(before)

    def appeared(self, before):
        for _ in range(500):
            if new := nodes() - before:
                return new.pop()
            time.sleep(0.01)
        raise SystemExit("no node appeared")

    def open(self, flags=os.O_RDWR | os.O_NONBLOCK):
        return os.open(self.node, flags)

    def send(self, *events):
        """A packet."""
        self.send_part(*events, (SYN, 0, 0))

    def send_part(self, *events):
        data = b"".join(event(*each) for each in events)
        if call(WRITE, self.to, data, len(data)) != len(data):
            raise SystemExit("uinput took not all")

    def close(self):
        """Closes it, and waits until the device has gone: where a close is told of later, that is later."""
        os.close(self.fd)
        gone(self.node)


def still(device, fd):
    """Keys are not repeated any more: on a slow machine they would be, where no row is about it."""
    call(IOCTL, fd, number(WRITES, "E", 3, 8), struct.pack("ii", 250, 0))
    device.send()
    emptied(fd)
    emptied(device.fd)


KINDS = {
    "keyboard": ({KEY: [KEY_A, KEY_B, KEY_C], LED: [0, 1, 2], MSC: [4], REP: []}, {}, b"outlive keyboard", None, ()),
    # Two keys, and no more.
    "simple": ({KEY: [KEY_A, KEY_B]}, {}, b"outlive", None, ()),
    # Something of each type.
    "everything": (
        {KEY: [KEY_A, KEY_B, BTN_LEFT, 0x2FF], REL: [0, 1, 8, 11], MSC: [3, 4], SW: [0, 5, 16], LED: [0, 1, 7], SND: [1, 2],
            REP: []},
        {0: (-5, 5, 0, 1, 9), 1: (0, 1023, 10, 0, 0), 0x28: (0, 100)}, b"outlive everything", b"somewhere/input0", (1, 4),
    ),
    # A touchscreen of four contacts.
    "screen": (
        {KEY: [BTN_TOUCH]}, {0: (0, 799), 1: (0, 479), MT_SLOT: (0, 3), MT_X: (0, 799), MT_Y: (0, 479), MT_ID: (0, 65535)},
        b"outlive touchscreen", b"", (1,),
    ),
}
# Devices that are there, where uinput is not: their nodes, by what they are called above. "made" instead: see `Lent`.
LENT = dict(each.split("=") for each in os.environ.get("LENT", "").split())


class Lent(Device):
    """A device that somebody else has made. What it sends a client writes, which is to evdev as if the device had sent it; what is
    for the device itself nobody hears."""

    def __init__(self, node, made=None):
        self.node, self.made = node, made
        self.to = os.open(node, os.O_WRONLY | os.O_NONBLOCK)
        self.fd, self.end = os.pipe2(os.O_NONBLOCK)

    def close(self):
        for each in (self.to, self.fd, self.end):
            os.close(each)
        if self.made:
            self.made.close()


def device(kind):
    codes, axes, name, phys, properties = KINDS[kind]
    if kind in LENT:
        return Lent(LENT[kind])
    made = Device(codes, axes, name, None if LENT else phys, properties)
    return Lent(made.node, made) if LENT else made


def keyboard():
    return device("keyboard")


def simple():
    return device("simple")


def everything():
    return device("everything")


def screen():
    return device("screen")


def described(kind):
    """As evemu-describe would."""
    codes, axes, name, _, properties = KINDS[kind]
    lines = ["N: " + name.decode(), "I: 0006 1209 4711 0003"]

    def bits(some):
        word = sum(1 << each for each in some).to_bytes(96, "little")
        return [word[at:at + 8].hex(" ") for at in range(0, 96, 8) if any(word[at:]) or at == 0]

    lines += ["P: " + line for line in bits(properties)]
    for kind, some in {**codes, **({ABS: list(axes)} if axes else {})}.items():
        lines += [f"B: {kind:02x} {line}" for line in bits(some or [0])]
    for code, axis in axes.items():
        least, most, fuzz, flat, resolution = (*axis, 0, 0, 0)[:5]
        lines.append(f"A: {code:02x} {least} {most} {fuzz} {flat} {resolution}")
    return "\n".join(lines)


if __name__ == "__main__":
    print(described(sys.argv[1]))
