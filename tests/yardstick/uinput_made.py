"""Rows of what devices are like that /dev/uinput was told to make, and of what passes between both ends."""

import i2c_file
import uinput
from input_told import ask, evioc, memory
from input_write import put
from sleeper import asleep, heard
from uinput import *
from uinput_state import created, new

SEND, REMOVE = evioc(WRITES, 0x80, 48), evioc(WRITES, 0x81, 4)


class Bare(Device):
    """A device as `steps` have it: each a word, a command, and its argument; a command that is bytes is written."""

    def __init__(self, word, *steps):
        self.fd, self.node = new(), None
        for name, command, argument in steps:
            if isinstance(command, bytes):
                answer = call(WRITE, self.fd, command, argument)
            else:
                answer = call(IOCTL, self.fd, command, argument)
            row(f"uinput {word}: {name}", answer)
        before = nodes()
        answer = call(IOCTL, self.fd, CREATE, 0)
        row(f"uinput {word}: CREATE", answer)
        if answer == 0:
            self.node = self.appeared(before)
            self.made_rows(word)
            self.close()
        else:
            os.close(self.fd)

    def made_rows(self, word):
        fd = self.open()
        for name, count in (("name", 6), ("phys", 7), ("properties", 9)):
            row(f"uinput {word}: {name}", *ask(fd, READS, count, 90, 40))
        row(f"uinput {word}: GID", *ask(fd, READS, 2, 8))
        sets = [ask(fd, READS, 0x20 + kind, 96 if kind == KEY else 8)[1][:-16] for kind in (0, KEY, REL, ABS, LED, FF)]
        row(f"uinput {word}: types and codes", 0, " ".join(sets))
        row(f"uinput {word}: axes", 0, " ".join(str(ask(fd, READS, 0x40 + axis, 24)[1])[:-16] for axis in (0, 1, MT_SLOT, MT_X,
            MT_ID)))
        row(f"uinput {word}: GEFFECTS", *ask(fd, READS, 0x84, 4))
        os.close(fd)


def bits(*kinds):
    """A step for each type, with a code of each that has one."""
    steps = []
    for kind, codes in kinds:
        steps.append((f"SET_EVBIT {kind:#x}", SET_EV, kind))
        steps += [(f"code {code:#x} of {kind:#x}", set_bit(kind), code) for code in codes]
    return steps


def old(axes=None, **options):
    return ("a struct uinput_user_dev", user_device(axes=axes, **options), 1116)


A_KEY = bits((KEY, [KEY_A]))
SETUP_STEP = ("SETUP", SETUP, setup())
WORDS = {
    "nothing but a name": [SETUP_STEP],
    "codes without their types": [("a key", set_bit(KEY), KEY_A), ("a move", set_bit(REL), 0), SETUP_STEP],
    "a type without codes": [("SET_EVBIT", SET_EV, REL), SETUP_STEP],
    "key 0": bits((KEY, [0, KEY_A])) + [SETUP_STEP],
    "all types": [(f"SET_EVBIT {kind:#x}", SET_EV, kind) for kind in range(0x15)] + [SETUP_STEP],
    "a name of 79": A_KEY + [("SETUP", SETUP, setup(b"n" * 79))],
    "a name of 80": A_KEY + [("SETUP", SETUP, setup(b"n" * 80))],
    "no name": A_KEY + [("SETUP", SETUP, setup(b""))],
    "a name of two lines": A_KEY + [("SETUP", SETUP, setup(b'one\n"two"\xff'))],
    "set up twice": A_KEY + [("SETUP", SETUP, setup(b"first")), ("SETUP again", SETUP, setup(b"second", (1, 2, 3, 4)))],
    "set up first": [SETUP_STEP] + A_KEY,
    "set up, and badly then": A_KEY + [SETUP_STEP, ("SETUP without a name", SETUP, setup(b""))],
    "a place": A_KEY + [("SET_PHYS", SET_PHYS, b"some/where\0"), SETUP_STEP],
    "two places": A_KEY + [("SET_PHYS", SET_PHYS, b"first\0"), ("SET_PHYS again", SET_PHYS, b"second\0"), SETUP_STEP],
    "an empty place": A_KEY + [("SET_PHYS", SET_PHYS, b"\0"), SETUP_STEP],
    "a long place": A_KEY + [("SET_PHYS", SET_PHYS, b"p" * 1023 + b"\0"), SETUP_STEP],
    "a place that is too long": A_KEY + [("SET_PHYS", SET_PHYS, b"p" * 1024 + b"\0"), SETUP_STEP],
    "properties": A_KEY + [("SET_PROPBIT 0", SET_PROP, 0), ("SET_PROPBIT 6", SET_PROP, 6), SETUP_STEP],
    "an axis": [("ABS_SETUP", ABS_SETUP, abs_setup(0, -5, 5, 1, 2, 3, 4)), SETUP_STEP],
    "an axis by its bits": bits((ABS, [0])) + [SETUP_STEP],
    "an axis by both": bits((ABS, [0])) + [("ABS_SETUP", ABS_SETUP, abs_setup(0, -5, 5)), SETUP_STEP],
    "an axis after SETUP": [SETUP_STEP, ("ABS_SETUP", ABS_SETUP, abs_setup(0, -5, 5))],
    "an axis twice": [("ABS_SETUP", ABS_SETUP, abs_setup(0, -5, 5)), ("ABS_SETUP again", ABS_SETUP, abs_setup(0, -6, 6)),
    SETUP_STEP],
    "an axis that there is not": [("ABS_SETUP", ABS_SETUP, abs_setup(0x40, 0, 9)), SETUP_STEP],
    "an axis upside down": [("ABS_SETUP", ABS_SETUP, abs_setup(0, 5, -5)), SETUP_STEP],
    "an axis of one value": [("ABS_SETUP", ABS_SETUP, abs_setup(0, 5, 5)), SETUP_STEP],
    "an axis with a wide flat": [("ABS_SETUP", ABS_SETUP, abs_setup(0, 0, 5, 0, 9)), SETUP_STEP],
    "an axis with fuzz below 0": [("ABS_SETUP", ABS_SETUP, abs_setup(0, 0, 5, -1, -1, -1)), SETUP_STEP],
    "an axis over all": [("ABS_SETUP", ABS_SETUP, abs_setup(0, -0x80000000, 0x7FFFFFFF)), SETUP_STEP],
    "an axis whose value is outside": [("ABS_SETUP", ABS_SETUP, abs_setup(0, 0, 5, value=9)), SETUP_STEP],
    "an axis of 24 bytes": [("ABS_SETUP", number(WRITES, "U", 4, 24), abs_setup(0, -5, 5, 1, 2, 3)), SETUP_STEP],
    "an axis of 4 bytes": [("ABS_SETUP", number(WRITES, "U", 4, 4), abs_setup(0, -5, 5, 1, 2, 3)), SETUP_STEP],
    "an axis of no bytes": [("ABS_SETUP", number(WRITES, "U", 4, 0), abs_setup(0, -5, 5, 1, 2, 3)), SETUP_STEP],
    "an axis of 32 bytes": [("ABS_SETUP", number(WRITES, "U", 4, 32), abs_setup(0, -5, 5) + bytes(4)), SETUP_STEP],
    "an axis of 32 bytes, with more": [("ABS_SETUP", number(WRITES, "U", 4, 32), abs_setup(0, -5, 5) + b"more"), SETUP_STEP],
    "slots": [("MT_SLOT", ABS_SETUP, abs_setup(MT_SLOT, 0, 4)), ("MT_X", ABS_SETUP, abs_setup(MT_X, 0, 99)), SETUP_STEP],
    "slots without an axis": [("MT_SLOT", ABS_SETUP, abs_setup(MT_SLOT, 0, 4)), SETUP_STEP],
    "slots below 0": [("MT_SLOT", ABS_SETUP, abs_setup(MT_SLOT, -9, -5)), ("MT_X", ABS_SETUP, abs_setup(MT_X, 0, 99)),
    SETUP_STEP],
    "2000 slots": [("MT_SLOT", ABS_SETUP, abs_setup(MT_SLOT, 0, 1999)), ("MT_X", ABS_SETUP, abs_setup(MT_X, 0, 99)), SETUP_STEP],
    "slots with an ID of its own": [("MT_SLOT", ABS_SETUP, abs_setup(MT_SLOT, 0, 4)),
    ("MT_ID", ABS_SETUP, abs_setup(MT_ID, 1, 7, 1, 2, 3)), SETUP_STEP],
    "effects": bits((FF, [RUMBLE])) + [("SETUP", SETUP, setup(effects=4))],
    "effects that cannot be kept": bits((FF, [RUMBLE])) + [("SETUP", SETUP, setup(effects=0))],
    "effects without their type": A_KEY + [("SETUP", SETUP, setup(effects=4))],
    "96 effects": bits((FF, [RUMBLE])) + [("SETUP", SETUP, setup(effects=96))],
    "97 effects": bits((FF, [RUMBLE])) + [("SETUP", SETUP, setup(effects=97))],
    "0x10000 effects": bits((FF, [RUMBLE])) + [("SETUP", SETUP, setup(effects=0x10000))],
    "as of old": A_KEY + [old()],
    "as of old, first": [old()] + A_KEY,
    "as of old, twice": A_KEY + [old(name=b"first"), old(name=b"second") ],
    "as of old, then SETUP": A_KEY + [old(name=b"first"), SETUP_STEP],
    "SETUP, then as of old": A_KEY + [SETUP_STEP, old(name=b"second")],
    "as of old, without a name": A_KEY + [old(name=b"")],
    "as of old, a name of 80": A_KEY + [old(name=b"n" * 80)],
    "as of old, with axes": bits((ABS, [0, 1])) + [old({0: (-5, 5, 1, 2), 1: (0, 9, 0, 0)})],
    "as of old, with axes that it has not": bits((ABS, [0])) + [old({1: (0, 9, 0, 0)})],
    "as of old, axes without their type": A_KEY + [old({0: (0, 9, 0, 0)})],
    "as of old, upside down": bits((ABS, [0])) + [old({0: (5, -5, 0, 0)})],
    "as of old, upside down where there is no axis": bits((ABS, [1])) + [old({0: (5, -5, 0, 0)})],
    "as of old, a flat that is wider": bits((ABS, [0])) + [old({0: (0, 5, 0, 9)})],
    "as of old, and bits then": [old({0: (0, 9, 0, 0)})] + bits((ABS, [0])),
    "as of old, with effects": bits((FF, [RUMBLE])) + [old(effects=3)],
}


def word_rows():
    for word, steps in WORDS.items():
        names = {}
        told_apart = []
        for name, command, argument in steps:
            names[name] = names.get(name, 0) + 1
            told_apart.append((name if names[name] == 1 else f"{name}, the {names[name]}nd", command, argument))
        Bare(word, *told_apart)


def again_rows():
    """A descriptor makes one device after another."""
    before = nodes()
    fd = created()
    row("uinput again: CREATE of what is there", call(IOCTL, fd, CREATE, 0))
    row("uinput again: nodes", count_of(before, 1))
    row("uinput again: DESTROY", call(IOCTL, fd, DESTROY, 0))
    row("uinput again: nodes after it", count_of(before, 0))
    row("uinput again: DESTROY of what is not there", call(IOCTL, fd, DESTROY, 0))
    row("uinput again: CREATE", call(IOCTL, fd, CREATE, 0))
    row("uinput again: SETUP", call(IOCTL, fd, SETUP, setup(b"second")))
    row("uinput again: CREATE after SETUP", call(IOCTL, fd, CREATE, 0))
    client = os.open((nodes() - before).pop(), os.O_RDWR | os.O_NONBLOCK)
    row("uinput again: its name", *ask(client, READS, 6, 20))
    row("uinput again: its keys", *ask(client, READS, 0x21, 8))
    os.close(client)
    copy = os.dup(fd)
    os.close(fd)
    row("uinput again: nodes with a copy left", count_of(before, 1))
    os.close(copy)
    row("uinput again: nodes with none", count_of(before, 0))
    many = [created() for _ in range(4)]
    row("uinput again: nodes of four at a time", count_of(before, 4))
    for each in many:
        os.close(each)
    row("uinput again: nodes after the four", count_of(before, 0))


def heard_rows():
    """What clients write is read at uinput's end, from a ring of 16."""
    device = uinput.everything()
    fd = device.open()
    for count in (1, 14, 15, 16, 17, 31, 32, 33, 40):
        for each in range(count):
            put(fd, [(MSC, 4, each)])
        row(f"uinput poll with {count} unread", *i2c_file.poll_bits(device.fd, 0x7FDF))
        row(f"uinput read of one of {count}", *read(device.fd, 25))
        row(f"uinput what is read of {count}", 0, emptied(device.fd))
    into = buffer(48)
    put(fd, [(LED, 0, 1), (LED, 1, 1)])
    row("uinput read to a bad pointer, with two unread", call(READ, device.fd, BAD, 48))
    answer = call(READ, device.fd, into, 48)
    row("uinput read after it", answer, told(into)[:(answer if isinstance(answer, int) else 0)])
    emptied(device.fd)
    now = time.time()
    put(fd, [(LED, 0, 0)])
    call(READ, device.fd, into, 24)
    seconds = struct.unpack_from("qq", bytes(into))[0]
    row("uinput the clock of what is read",
        "real" if abs(seconds - now) < 60 else "monotonic" if abs(seconds - time.monotonic()) < 60 else seconds)
    sleeper = asleep(lambda: call(POLL, (ctypes.c_ubyte * 8)(*struct.pack("ihh", device.fd, 1, 0)), 1, 9000))
    row("uinput asleep in poll, and nothing comes", heard(sleeper, 0.15))
    put(fd, [(LED, 0, 1)])
    row("uinput asleep in poll, and a LED is lit", heard(sleeper, 9))
    os.close(fd)
    device.close()


def sent_rows():
    """Events with times of their own, and events that are no events."""
    device = uinput.everything()
    fd = device.open()
    call(IOCTL, fd, evioc(WRITES, 0xA0, 4), memory(struct.pack("i", time.CLOCK_MONOTONIC)))
    key = 0
    for name, ago in (("3 s ago", 3), ("9 s ago", 9), ("11 s ago", 11), ("at once", 0), ("in 1 s", -1), ("in 60 s", -60),
        ("at 0", None)):
        key ^= 1
        seconds = 0 if ago is None else int(time.monotonic() - ago)
        data = EVENT.pack(seconds, 123 if seconds else 0, KEY, KEY_A, key) + EVENT.pack(seconds, 456 if seconds else 0, SYN, 0, 0)
        row(f"uinput write of what was {name}", call(WRITE, device.fd, data, len(data)))
        into = buffer(48)
        row(f"uinput what was {name} is read", call(READ, fd, into, 48))
        times = struct.unpack_from("qq", bytes(into)), struct.unpack_from("qq", bytes(into), 24)
        row(f"uinput the time of what was {name}",
            " ".join("as it says" if at in ((seconds, 123), (seconds, 456)) else "now" for at in times))
    for seconds, microseconds in ((int(time.monotonic()) - 2, -1), (int(time.monotonic()) - 2, 1000000),
        (int(time.monotonic()) - 2, 5000000)):
        data = EVENT.pack(seconds, microseconds, REL, 0, 1) + EVENT.pack(seconds, microseconds, SYN, 0, 0)
        row(f"uinput write with {microseconds} microseconds", call(WRITE, device.fd, data, len(data)))
        into = buffer(48)
        call(READ, fd, into, 48)
        got = struct.unpack_from("qq", bytes(into))
        row(f"uinput the time of {microseconds} microseconds",
            f"{got[0] - seconds} {got[1]}" if abs(got[0] - seconds) < 1 or got[1] in (0, 5) else "now")
    for size in (24, 25, 47, 48, 72):
        data = event(REL, 0, 5) * 3
        row(f"uinput write of {size} bytes, all moves", call(WRITE, device.fd, data, size))
        device.send()
        row(f"uinput what came of {size} bytes", *read(fd))
    data = event(REL, 0, 1) * 400
    row("uinput write of 400 events", call(WRITE, device.fd, data, len(data)))
    emptied(fd)
    os.close(fd)
    device.close()


def effect_rows():
    """Uploads that nobody answers, and what becomes of who waits."""
    effect = struct.pack("HhH2H2H", RUMBLE, -1, 0, 0, 0, 0, 0).ljust(48, b"\0")
    for name in ("it destroys the device", "it closes"):
        device = Device({FF: [RUMBLE]}, effects=2)
        fd = device.open()
        sleeper = asleep(lambda: call(IOCTL, fd, SEND, memory(effect)))
        row(f"uinput upload, {name}: meanwhile", heard(sleeper, 0.15))
        row(f"uinput upload, {name}: what is asked", *read(device.fd))
        if name == "it closes":
            os.close(device.fd)
        else:
            asked = memory(bytes(104))
            row(f"uinput upload, {name}: BEGIN", call(IOCTL, device.fd, BEGIN_UPLOAD, asked), bytes(asked)[:24])
            row(f"uinput upload, {name}: BEGIN again", call(IOCTL, device.fd, BEGIN_UPLOAD, asked))
            row(f"uinput upload, {name}: BEGIN_ERASE of it", call(IOCTL, device.fd, BEGIN_ERASE, memory(bytes(12))))
            row(f"uinput upload, {name}: DESTROY", call(IOCTL, device.fd, DESTROY, 0))
            row(f"uinput upload, {name}: END then", call(IOCTL, device.fd, END_UPLOAD, asked))
            os.close(device.fd)
        row(f"uinput upload, {name}: who waits", heard(sleeper, 9))
        os.close(fd)
        gone(device.node)


def made_rows():
    for rows in (word_rows, again_rows, heard_rows, sent_rows, effect_rows):
        rows()
