"""Rows of what an input device says when it is asked: each ioctl with what can be wrong in it."""

import uinput
from uinput import *

FIXED = {
    "GVERSION": (READS, 0x01, 4), "GID": (READS, 0x02, 8), "GREP": (READS, 0x03, 8), "SREP": (WRITES, 0x03, 8),
    "GKEYCODE": (READS, 0x04, 8), "GKEYCODE_V2": (READS, 0x04, 40), "SKEYCODE": (WRITES, 0x04, 8),
    "SKEYCODE_V2": (WRITES, 0x04, 40),
    "GEFFECTS": (READS, 0x84, 4), "GMASK": (READS, 0x92, 16), "SMASK": (WRITES, 0x93, 16), "SCLOCKID": (WRITES, 0xA0, 4),
}
BY_VALUE = {"RMFF": (WRITES, 0x81, 4), "GRAB": (WRITES, 0x90, 4), "REVOKE": (WRITES, 0x91, 4)}
SIZED = {"GNAME": 0x06, "GPHYS": 0x07, "GUNIQ": 0x08, "GPROP": 0x09, "GKEY": 0x18, "GLED": 0x19, "GSND": 0x1A, "GSW": 0x1B}
LENGTHS = (0, 1, 3, 4, 7, 8, 9, 17, 18, 19, 20, 64, 95, 96, 97, 0x3FFF)
POINTERS = {"bad": BAD, "null": 0, "kernel's": 1 << 63}
OTHERS = {
    "0": 0, "'E' 0": 0x4500, "'E' 0x05": 0x80044505, "'E' 0x0b": 0x8004450B, "'E' 0x1c": 0x8008451C, "'E' 0x1f": 0x8008451F,
    "'E' 0x82": 0x40044582, "'E' 0x94": 0x40104594, "'E' 0xa1": 0x400445A1, "'E' 0xff": 0x400445FF, "'F' 0x01": 0x80044601,
    "TCGETS": 0x5401, "FIONREAD": 0x541B, "UI_DEV_CREATE": CREATE, "BLKGETSIZE64": 0x80081272, "-1": 0xFFFFFFFF,
}


def evioc(direction, count, size):
    return number(direction, "E", count, size)


def ask(fd, direction, count, size, kept=None):
    """An ioctl with memory of its size; what it brought, and nothing beyond."""
    into = buffer(size + 8)
    answer = call(IOCTL, fd, evioc(direction, count, size), into)
    brought = bytes(into)
    return answer, brought[:kept].hex() + (" and more" if set(brought[size:]) != {0xEE} else "")


def fixed_rows(word, fd):
    for name, (direction, count, size) in FIXED.items():
        if direction == READS:
            row(f"{word} {name}", *ask(fd, direction, count, size))
        for where, pointer in POINTERS.items():
            row(f"{word} {name} by a {where} pointer", call(IOCTL, fd, evioc(direction, count, size), pointer))
    for name, (direction, count, size) in (FIXED | BY_VALUE).items():
        for other in (0, size - 1, size + 1):
            row(f"{word} {name} of {other} bytes", *ask(fd, direction, count, other))
        row(f"{word} {name} the other way", *ask(fd, direction ^ 3, count, size))
        row(f"{word} {name} both ways", *ask(fd, 3, count, size))
        row(f"{word} {name} neither way", *ask(fd, 0, count, size))


def sized_rows(word, fd):
    for name, count in SIZED.items():
        for size in LENGTHS:
            row(f"{word} {name} of {size} bytes", *ask(fd, READS, count, size, 120))
        for where, pointer in POINTERS.items():
            row(f"{word} {name} to a {where} pointer", call(IOCTL, fd, evioc(READS, count, 32), pointer))
        row(f"{word} {name} of 0 bytes to a bad pointer", call(IOCTL, fd, evioc(READS, count, 0), BAD))
        row(f"{word} {name} the other way", *ask(fd, WRITES, count, 32))
    row(f"{word} GNAME with its end out of reach", call(IOCTL, fd, evioc(READS, 6, 256), last_bytes(4)))


def last_bytes(count):
    """An address behind which `count` bytes are mapped, and no more."""
    page = call(MMAP, 0, 8192, 3, 0x22, -1, 0)
    call(MPROTECT, page + 4096, 4096, 0)
    return page + 4096 - count


def bit_rows(word, fd):
    for kind in range(33):
        row(f"{word} GBIT {kind:#x}", *ask(fd, READS, 0x20 + kind, 96))
    for kind in (0, KEY, REL, SW, FF):
        for size in (0, 1, 2, 3, 5, 7, 8, 9, 95, 96, 97, 4096):
            row(f"{word} GBIT {kind:#x} of {size} bytes", *ask(fd, READS, 0x20 + kind, size, 120))
    row(f"{word} GBIT to a bad pointer", call(IOCTL, fd, evioc(READS, 0x20, 8), BAD))
    row(f"{word} GBIT of a type that has no codes to a bad pointer", call(IOCTL, fd, evioc(READS, 0x20 + REP, 8), BAD))


def axis_rows(word, fd):
    for axis in (0, 1, 2, 0x28, MT_SLOT, MT_X, MT_ID, 0x3F):
        row(f"{word} GABS {axis:#x}", *ask(fd, READS, 0x40 + axis, 24))
    for size in (0, 1, 4, 16, 20, 23, 25, 64):
        row(f"{word} GABS of {size} bytes", *ask(fd, READS, 0x40, size))
    for where, pointer in POINTERS.items():
        row(f"{word} GABS to a {where} pointer", call(IOCTL, fd, evioc(READS, 0x40, 24), pointer))
        row(f"{word} SABS by a {where} pointer", call(IOCTL, fd, evioc(WRITES, 0xC0, 24), pointer))
    for axis in (0, 2, MT_SLOT, MT_X, MT_ID, 0x3F):
        values = struct.pack("6i", 3, -7, 7, 0, 2, axis)
        row(f"{word} SABS {axis:#x}", call(IOCTL, fd, evioc(WRITES, 0xC0 + axis, 24), values))
        row(f"{word} GABS {axis:#x} after it", *ask(fd, READS, 0x40 + axis, 24))
    for size in (0, 4, 8, 20, 23, 25, 40):
        values = struct.pack("10i", *range(size, size + 10))
        row(f"{word} SABS of {size} bytes", call(IOCTL, fd, evioc(WRITES, 0xC0, size), values))
        row(f"{word} GABS after SABS of {size} bytes", *ask(fd, READS, 0x40, 24))
    row(f"{word} GBIT of axes after all that", *ask(fd, READS, 0x20 + ABS, 8))


def other_rows(word, fd):
    for name, command in OTHERS.items():
        row(f"{word} ioctl {name}", call(IOCTL, fd, command, buffer(64, 0)))
    row(f"{word} ioctl by a bad pointer that there is not", call(IOCTL, fd, OTHERS["'E' 0x94"], BAD))
    for code in (0, 1, 0x7FFFFFFF):
        row(f"{word} GKEYCODE of {code}", call(IOCTL, fd, evioc(READS, 4, 8), memory(struct.pack("II", code, 0))))
        row(f"{word} SKEYCODE of {code}", call(IOCTL, fd, evioc(WRITES, 4, 8), memory(struct.pack("II", code, KEY_A))))
    for flags, length, index, key in ((0, 4, 0, 1), (1, 4, 0, 1), (1, 4, 9, 1), (0, 0, 0, 1), (0, 33, 0, 1), (0, 4, 0, 0x300)):
        entry = struct.pack("BBHI32s", flags, length, index, key, b"")
        shape = f"{flags} {length} {index} {key:#x}"
        row(f"{word} GKEYCODE_V2 of {shape}", call(IOCTL, fd, evioc(READS, 4, 40), memory(entry)))
        row(f"{word} SKEYCODE_V2 of {shape}", call(IOCTL, fd, evioc(WRITES, 4, 40), memory(entry)))


def memory(data):
    return (ctypes.c_ubyte * len(data)).from_buffer_copy(data)


def contact_rows(word, fd):
    for code in (0, MT_SLOT, 0x30, MT_X, MT_Y, MT_ID, 0x3D, 0x3E, 0x3F, 0x40, 0xFFFFFFFF):
        into = memory(struct.pack("Ii15i", code, *[-9] * 16))
        row(f"{word} GMTSLOTS {code:#x}", call(IOCTL, fd, evioc(READS, 0x0A, 20), into), bytes(into))
    for size in (0, 1, 3, 4, 5, 7, 8, 9, 16, 20, 24, 64):
        into = memory(struct.pack("Ii15i", MT_X, *[-9] * 16))
        row(f"{word} GMTSLOTS of {size} bytes", call(IOCTL, fd, evioc(READS, 0x0A, size), into), bytes(into))
    for where, pointer in POINTERS.items():
        row(f"{word} GMTSLOTS by a {where} pointer", call(IOCTL, fd, evioc(READS, 0x0A, 20), pointer))
    row(f"{word} GMTSLOTS the other way", *ask(fd, WRITES, 0x0A, 20))


def rate_rows(word, fd):
    for delay, period in ((500, 50), (0, 50), (500, 0), (-1, 50), (500, -1), (0x7FFFFFFF, 1), (250, 33)):
        row(f"{word} SREP {delay} {period}", call(IOCTL, fd, evioc(WRITES, 3, 8), struct.pack("ii", delay, period)))
        row(f"{word} GREP after {delay} {period}", *ask(fd, READS, 3, 8))


SETS = {
    "everything": (fixed_rows, sized_rows, bit_rows, contact_rows, axis_rows, other_rows, rate_rows),
    "screen": (bit_rows, contact_rows, axis_rows),
    "simple": (fixed_rows, contact_rows, axis_rows, rate_rows),
}


def told_rows():
    for name, sets in SETS.items():
        device = getattr(uinput, name)()
        fd = device.open()
        word = f"input {name}:"
        for rows in sets:
            rows(word, fd)
        row(f"{word} nothing was sent meanwhile", 0, emptied(fd))
        row(f"{word} what the device was told meanwhile", 0, emptied(device.fd))
        os.close(fd)
        device.close()
