"""Rows of /dev/uinput itself: each call in each state of a descriptor."""

import fcntl

import i2c_file
from input_told import POINTERS, last_bytes, memory
from sleeper import asleep, heard
from uinput import *

GOOD, EMPTY = setup(), setup(b"")
OPENS = {
    "O_RDONLY": os.O_RDONLY, "O_WRONLY": os.O_WRONLY, "O_RDWR": os.O_RDWR, "access mode 3": 3, "O_TRUNC": os.O_RDWR | os.O_TRUNC,
    "O_CREAT O_EXCL": os.O_RDWR | os.O_CREAT | os.O_EXCL, "O_DIRECTORY": os.O_DIRECTORY, "O_NONBLOCK": os.O_RDWR | os.O_NONBLOCK,
    "O_PATH": i2c_file.O_PATH,
}
SET_OTHERS = {
    "EVBIT": (100, (0, 1, 0x1F, 0x20, -1)), "KEYBIT": (101, (0, 30, 0x2FF, 0x300, -1)), "RELBIT": (102, (0, 15, 16)),
    "ABSBIT": (103, (0, 0x3F, 0x40)),
    "MSCBIT": (104, (7, 8)), "LEDBIT": (105, (15, 16)), "SNDBIT": (106, (7, 8)), "FFBIT": (107, (0x7F, 0x80)),
    "SWBIT": (109, (16, 17)),
    "PROPBIT": (110, (0, 31, 32, -1)),
}
NUMBERS = {
    "0": 0, "'U' 0": 0x5500, "'U' 5": 0x40045505, "'U' 44 to be written": 0x4010552C, "'U' 44 neither way": 0x0010552C,
    "'U' 46": 0x8004552E,
    "'U' 99": 0x40045563, "'U' 111": 0x4004556F, "'U' 204": 0x400C55CC, "SET_EVBIT without a size": 0x5564,
    "SET_EVBIT of 8": 0x40085564,
    "SET_EVBIT to be read": 0x80045564, "GET_VERSION of 8": 0x8008552D, "DEV_CREATE of 4": 0x40045501,
    "SETUP of 91": 0x405B5503, "SETUP of 93": 0x405D5503,
    "BEGIN_UPLOAD of 100": 0xC06455C8, "EVIOCGVERSION": 0x80044501, "TCGETS": 0x5401, "FIONREAD": 0x541B, "-1": 0xFFFFFFFF,
}


def new():
    return os.open("/dev/uinput", os.O_RDWR | os.O_NONBLOCK)


def with_bits():
    fd = new()
    call(IOCTL, fd, SET_EV, KEY)
    call(IOCTL, fd, set_bit(KEY), KEY_A)
    return fd


def set_up():
    fd = with_bits()
    call(IOCTL, fd, SETUP, GOOD)
    return fd


def created():
    fd = set_up()
    if call(IOCTL, fd, CREATE, 0) != 0:
        raise SystemExit("uinput makes no device")
    return fd


def destroyed():
    fd = created()
    call(IOCTL, fd, DESTROY, 0)
    return fd


STATES = {"new": new, "with bits": with_bits, "set up": set_up, "created": created, "destroyed": destroyed}


def state_rows():
    """One call each, on a descriptor of its own where it changes the state."""
    for name, make in STATES.items():
        word = f"uinput {name}:"
        for what, command, argument in (
            ("SETUP", SETUP, GOOD), ("SETUP without a name", SETUP, EMPTY), ("SETUP by a bad pointer", SETUP, BAD),
            ("CREATE", CREATE, 0), ("DESTROY", DESTROY, 0), ("ABS_SETUP", ABS_SETUP, abs_setup(0, 0, 9)),
            ("ABS_SETUP by a bad pointer", ABS_SETUP, BAD), ("SET_PHYS", SET_PHYS, b"there\0"),
            ("SET_PHYS by a bad pointer", SET_PHYS, BAD),
        ):
            fd = make()
            row(f"{word} {what}", call(IOCTL, fd, command, argument))
            row(f"{word} CREATE after {what}", call(IOCTL, fd, CREATE, 0))
            os.close(fd)
        fd = make()
        for what, (count, codes) in SET_OTHERS.items():
            for code in codes:
                row(f"{word} SET_{what} {code:#x}", call(IOCTL, fd, number(WRITES, "U", count, 4), code))
        effect_rows(word, fd)
        for what, command in NUMBERS.items():
            row(f"{word} ioctl {what}", call(IOCTL, fd, command, buffer(128, 0)))
        os.close(fd)
        fd = make()
        told_rows(word, fd)
        data_rows(word, fd)
        os.close(fd)


def effect_rows(word, fd):
    for what, command, size in (("BEGIN_UPLOAD", BEGIN_UPLOAD, 104), ("END_UPLOAD", END_UPLOAD, 104),
        ("BEGIN_ERASE", BEGIN_ERASE, 12), ("END_ERASE", END_ERASE, 12)):
        for request in (0, 15, 16, 99):
            row(f"{word} {what} of request {request}",
                call(IOCTL, fd, command, memory(request.to_bytes(4, "little") + bytes(size - 4))))
        row(f"{word} {what} by a bad pointer", call(IOCTL, fd, command, BAD))


def told_rows(word, fd):
    into = buffer(8)
    row(f"{word} GET_VERSION", call(IOCTL, fd, GET_VERSION, into), bytes(into))
    row(f"{word} GET_VERSION to a bad pointer", call(IOCTL, fd, GET_VERSION, BAD))
    for size in (0, 1, 5, 64, 4096):
        into = buffer(size + 8)
        answer = call(IOCTL, fd, sysname(size), into)
        # How long it is depends on the number.
        text = bytes(into)
        shown = text.split(b"\0")[0].rstrip(b"\xee").rstrip(b"0123456789").decode() + (" and an end" if 0 in text else "")
        if isinstance(answer, int):
            answer = "its length" if answer == len(text.rstrip(b"\xee")) else answer
        row(f"{word} GET_SYSNAME of {size} bytes",
            f"{answer}" if isinstance(answer, str) and answer.startswith("E") else f"{answer} {{{shown}}}")
    row(f"{word} GET_SYSNAME to a bad pointer", call(IOCTL, fd, sysname(64), BAD))


def data_rows(word, fd):
    row(f"{word} poll", *i2c_file.poll_bits(fd, 0x7FDF))
    row(f"{word} poll for nothing", *i2c_file.poll_bits(fd, 0))
    for size in (0, 1, 23, 24, 25, 240):
        row(f"{word} read of {size}", *read(fd, size))
    row(f"{word} read to a bad pointer", call(READ, fd, BAD, 24))
    for size in (0, 1, 23, 24, 25, 48, 1115, 1117, 4800):
        row(f"{word} write of {size}", call(WRITE, fd, bytes(size), size))
    for where, pointer in POINTERS.items():
        for size in (0, 23, 24, 1116):
            row(f"{word} write of {size} by a {where} pointer", call(WRITE, fd, pointer, size))
    row(f"{word} poll after all that", *i2c_file.poll_bits(fd, 0x7FDF))
    row(f"{word} lseek", call(LSEEK, fd, 0, 0))
    row(f"{word} mmap", call(MMAP, 0, 4096, 1, 1, fd, 0))
    row(f"{word} pread", call(PREAD, fd, buffer(), 24, 0))
    row(f"{word} write of a struct uinput_user_dev", call(WRITE, fd, user_device(), 1116))
    row(f"{word} CREATE after it", call(IOCTL, fd, CREATE, 0))


def file_rows():
    for name, flags in OPENS.items():
        row(f"uinput open {name}", closed(call(OPEN, b"/dev/uinput", flags, 0o600)))
    row("uinput stat", 0, i2c_file.facts(os.stat("/dev/uinput")))
    row("uinput minor", os.minor(os.stat("/dev/uinput").st_rdev))
    fd = new()
    row("uinput fstat", 0, i2c_file.facts(os.fstat(fd)))
    row("uinput F_GETFL", oct(call(FCNTL, fd, fcntl.F_GETFL, 0)))
    row("uinput fsync", call(FSYNC, fd))
    row("uinput ftruncate", call(FTRUNCATE, fd, 0))
    row("uinput fallocate", call(FALLOCATE, fd, 0, 0, 4096))
    row("uinput F_SETFL O_ASYNC", call(FCNTL, fd, fcntl.F_SETFL, os.O_ASYNC))
    os.close(fd)
    for name, flags in (("O_RDONLY", os.O_RDONLY), ("O_WRONLY", os.O_WRONLY)):
        fd = os.open("/dev/uinput", flags | os.O_NONBLOCK)
        row(f"uinput write by {name}", call(WRITE, fd, user_device(), 1116))
        row(f"uinput read by {name}", *read(fd, 24))
        row(f"uinput SET_EVBIT by {name}", call(IOCTL, fd, SET_EV, KEY))
        row(f"uinput CREATE by {name}", call(IOCTL, fd, CREATE, 0))
        os.close(fd)


def sleep_rows():
    """Who waits at uinput's end."""
    before = nodes()
    fd = created()
    os.set_blocking(fd, True)
    sleeper = asleep(lambda: read(fd, 24))
    row("uinput asleep in read", heard(sleeper, 0.15))
    call(IOCTL, fd, DESTROY, 0)
    row("uinput asleep in read, and it destroys the device", str(heard(sleeper, 9)))
    row("uinput nodes then", count_of(before, 0))
    os.close(fd)
    fd = created()
    entry = (ctypes.c_ubyte * 8)(*struct.pack("ihh", fd, 1, 0))
    sleeper = asleep(lambda: call(POLL, entry, 1, 1000))
    row("uinput asleep in poll", heard(sleeper, 0.15))
    call(IOCTL, fd, DESTROY, 0)
    row("uinput asleep in poll, and it destroys the device", str(heard(sleeper, 9)))
    os.close(fd)
    fd = new()
    os.set_blocking(fd, True)
    row("uinput read without a device, which may wait", *read(fd, 24))
    os.close(fd)
