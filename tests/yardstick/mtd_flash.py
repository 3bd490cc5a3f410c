"""What the rows of flashes have in common: numbers and structures of mtd/mtd-abi.h, and content that does not repeat."""

import os
import random
import struct
import zlib

from rows import *

GETINFO, ERASE, WRITEOOB, READOOB, LOCK, UNLOCK = 0x80204D01, 0x40084D02, 0xC0104D03, 0xC0104D04, 0x40084D05, 0x40084D06
GETREGIONCOUNT, GETREGIONINFO, GETOOBSEL = 0x80044D07, 0xC0104D08, 0x80C84D0A
GETBADBLOCK, SETBADBLOCK = 0x40084D0B, 0x40084D0C
OTPSELECT, OTPGETREGIONCOUNT, OTPGETREGIONINFO, OTPLOCK = 0x80044D0D, 0x40044D0E, 0x400C4D0F, 0x800C4D10
ECCGETLAYOUT, ECCGETSTATS, FILEMODE, ERASE64 = 0x81484D11, 0x80104D12, 0x4D13, 0x40104D14
WRITEOOB64, READOOB64, ISLOCKED, MEMWRITE, OTPERASE, MEMREAD = (
    0xC0184D15, 0xC0184D16, 0x80084D17, 0xC0304D18, 0x400C4D19, 0xC0404D1A)
BLKPG, BLKRRPART = 0x1269, 0x125F
PLACE, AUTO, RAW = 0, 1, 2
SIZE, BLOCK, PAGE, SPARE = 4 << 20, 128 << 10, 2048, 64


def content(length, seed=1):
    """Bytes that do not repeat."""
    return random.Random(seed).randbytes(length)


def memory(text):
    """Memory of ours that holds `text`, and has an address."""
    return (ctypes.c_ubyte * len(text)).from_buffer_copy(text)


kept = []


def at(place):
    """Its address. It is kept, since an address alone would not keep it."""
    kept.append(place)
    return ctypes.addressof(place)


def span(start, length):
    """struct erase_info_user"""
    return memory(struct.pack("II", start & 0xFFFFFFFF, length & 0xFFFFFFFF))


def span64(start, length):
    """struct erase_info_user64"""
    return memory(struct.pack("QQ", start & (1 << 64) - 1, length & (1 << 64) - 1))


def number(value):
    return memory(struct.pack("Q", value & (1 << 64) - 1))


def told(text):
    """Much, in a few letters."""
    return f"{len(text)} bytes, {zlib.crc32(text):08x}"


def read_at(fd, length, place):
    """What pread answers, and what it brought."""
    into = buffer(length) if length else buffer(1)
    answer = call(PREAD, fd, into, length, place)
    return answer, told(memoryview(into)[: answer if isinstance(answer, int) else 0])


def part(device, start, length, name=b"part"):
    """Adds a partition by BLKPG: what that answers, and its line in /proc/mtd without its number, and its number."""
    before = flashes()
    fd = os.open(device, os.O_RDWR)
    partition = memory(struct.pack("qqi64s64s4x", start, length, 0, name, b""))
    answer = call(IOCTL, fd, BLKPG, memory(struct.pack("iii4xQ", 1, 0, len(partition), at(partition))))
    os.close(fd)
    new = {number: line for number, line in flashes().items() if number not in before}
    return answer, *(new.popitem()[::-1] if new else (None, None))


def unpart(device, number):
    """Deletes one by BLKPG."""
    fd = os.open(device, os.O_RDWR)
    partition = memory(struct.pack("qqi64s64s4x", 0, 0, number, b"", b""))
    answer = call(IOCTL, fd, BLKPG, memory(struct.pack("iii4xQ", 2, 0, len(partition), at(partition))))
    os.close(fd)
    return answer


def flashes():
    """The lines of /proc/mtd by their numbers."""
    with open("/proc/mtd") as text:
        lines = [line.strip().split(": ", 1) for line in list(text)[1:]]
    return {int(name.removeprefix("mtd")): rest for name, rest in lines}


def erase_all(fd):
    """All good blocks are as new."""
    for block in range(0, SIZE, BLOCK):
        call(IOCTL, fd, ERASE, span(block, BLOCK))
