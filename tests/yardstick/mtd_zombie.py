"""Rows of a descriptor whose flash goes: `mtd_zombie.py NAME DEVICE ram|nand [REMOVAL]`.

A partition that is all of the flash is made and opened, and deleted by BLKPG; or REMOVAL, a command for a shell, removes all of
it. Rows begin with NAME and the kind of the flash."""

import subprocess
import sys
import time

import i2c_file
import mtd_file
from mtd_flash import *
from mtd_pages import AREA, request, spare_request


def main(name, device, kind, removal=None):
    word = f"{name} {kind}"
    erase_all(os.open(device, os.O_RDWR))
    answer, _, number = part(device, 0, SIZE)
    if answer != 0:
        raise SystemExit(f"no partition of {device} can be made: {answer}")
    path = f"/dev/mtd{number}"
    while not os.path.exists(path):
        time.sleep(0.01)
    fd, readable = os.open(path, os.O_RDWR), os.open(path + "ro", os.O_RDONLY)
    call(PWRITE, fd, content(4 * PAGE), 4 * PAGE, AREA)
    call(LSEEK, fd, AREA, 0)
    began = time.monotonic()
    if removal:
        row(f"{word}: the removal, with two descriptors open", subprocess.run(["sh", "-c", removal], check=False).returncode)
    else:
        row(f"{word}: the removal, with two descriptors open", unpart(device, number))
    print(f"note\tit took {(time.monotonic() - began) * 1000:.0f} ms")
    row(f"{word}: /proc/mtd", int(number in flashes()))
    row(f"{word}: open", closed(call(OPEN, path.encode(), os.O_RDWR, 0)))
    row(f"{word}: reopen by /proc/self/fd", closed(call(OPEN, f"/proc/self/fd/{fd}".encode(), os.O_RDWR, 0)))
    row(f"{word}: fstat", 0, i2c_file.facts(os.fstat(fd)))
    for events in (0, 0x1, 0x7FDF):
        row(f"{word}: poll for {events:#x}", *i2c_file.poll_bits(fd, events))
    data_rows(word, fd, readable)
    order_rows(word, fd)
    page_rows(word, fd)
    told_rows(word, fd, readable)
    row(f"{word}: fsync", call(FSYNC, fd))
    row(f"{word}: close", call(3, fd))
    row(f"{word}: MEMGETINFO by the last", call(IOCTL, readable, GETINFO, buffer()))
    row(f"{word}: close of the last", call(3, readable))
    row(f"{word}: open after it", closed(call(OPEN, path.encode(), os.O_RDWR, 0)))


def data_rows(word, fd, readable):
    into = buffer(PAGE)
    row(f"{word}: read", call(READ, fd, into, PAGE), told(into))
    row(f"{word}: lseek by 1", call(LSEEK, fd, 0, 1))
    row(f"{word}: pread", *read_at(fd, 2 * PAGE, AREA))
    row(f"{word}: pread by the other", *read_at(readable, 2 * PAGE, AREA))
    row(f"{word}: pread at the end", *read_at(fd, PAGE, SIZE))
    row(f"{word}: pread to a bad pointer", call(PREAD, fd, BAD, PAGE, 0))
    row(f"{word}: pwrite", call(PWRITE, fd, content(PAGE, 5), PAGE, AREA + 4 * PAGE))
    row(f"{word}: what was written is read", *read_at(readable, PAGE, AREA + 4 * PAGE))
    row(f"{word}: pwrite at the end", call(PWRITE, fd, content(PAGE), PAGE, SIZE))
    row(f"{word}: pwrite at a byte", call(PWRITE, fd, content(PAGE), PAGE, SIZE - PAGE + 1))
    row(f"{word}: pwrite by the other", call(PWRITE, readable, content(PAGE), PAGE, 0))
    row(f"{word}: mmap", call(MMAP, 0, 4096, 1, 1, fd, 0))


def order_rows(word, fd):
    for name, command in (("MEMERASE", ERASE), ("MEMLOCK", LOCK), ("MEMUNLOCK", UNLOCK), ("MEMISLOCKED", ISLOCKED)):
        row(f"{word}: {name}", call(IOCTL, fd, command, span(AREA + BLOCK, BLOCK)))
        row(f"{word}: {name} of nothing", call(IOCTL, fd, command, span(AREA, 0)))
        row(f"{word}: {name} at the end", call(IOCTL, fd, command, span(SIZE, BLOCK)))
        row(f"{word}: {name} by a bad pointer", call(IOCTL, fd, command, BAD))
    row(f"{word}: MEMERASE64", call(IOCTL, fd, ERASE64, span64(AREA, BLOCK)))
    row(f"{word}: what was erased is read", *read_at(fd, BLOCK, AREA))
    for block in (0, 3):
        row(f"{word}: MEMGETBADBLOCK {block}", call(IOCTL, fd, GETBADBLOCK, number(block * BLOCK)))
    row(f"{word}: MEMGETBADBLOCK at the end", call(IOCTL, fd, GETBADBLOCK, number(SIZE)))
    row(f"{word}: MEMSETBADBLOCK", call(IOCTL, fd, SETBADBLOCK, number(20 * BLOCK)))
    row(f"{word}: what was marked is bad", call(IOCTL, fd, GETBADBLOCK, number(20 * BLOCK)))


def page_rows(word, fd):
    data, into = memory(content(PAGE, 6)), buffer(PAGE)
    row(f"{word}: MEMWRITE", call(IOCTL, fd, MEMWRITE, request(AREA, PAGE, 0, 0, at(data))))
    row(f"{word}: MEMREAD", call(IOCTL, fd, MEMREAD, request(AREA, PAGE, 0, 0, at(into))), told(into))
    row(f"{word}: MEMREAD at the end", call(IOCTL, fd, MEMREAD, request(SIZE, PAGE, 0, 0, at(into))))
    spare, into = memory(b"\xff\xff" + content(8)), buffer(SPARE)
    for name, write, read, wide in (("", WRITEOOB, READOOB, False), ("64", WRITEOOB64, READOOB64, True)):
        place = AREA + 2 * PAGE
        row(f"{word}: MEMWRITEOOB{name}", call(IOCTL, fd, write, spare_request(place, 10, at(spare), wide)))
        row(f"{word}: MEMREADOOB{name}", call(IOCTL, fd, read, spare_request(place, SPARE, at(into), wide)), bytes(into))
        row(f"{word}: MEMREADOOB{name} of too much", call(IOCTL, fd, read, spare_request(place, 4097, at(into), wide)))


def told_rows(word, fd, readable):
    for name, (command, size) in mtd_file.TOLD.items():
        into = buffer(size)
        row(f"{word}: {name}", call(IOCTL, fd, command, into), told(into) if size > 32 else bytes(into))
        row(f"{word}: {name} to a bad pointer", call(IOCTL, fd, command, BAD))
    for mode in (3, 0, 1, 4):
        row(f"{word}: MTDFILEMODE {mode}", call(IOCTL, fd, FILEMODE, mode))
    for mode in (0, 1, 3):
        row(f"{word}: OTPSELECT {mode}", call(IOCTL, fd, OTPSELECT, memory(struct.pack("i", mode))))
    for name, command in (("OTPGETREGIONCOUNT", OTPGETREGIONCOUNT), ("OTPLOCK", OTPLOCK), ("BLKRRPART", BLKRRPART),
                          ("MEMGETREGIONINFO", GETREGIONINFO), ("an unknown ioctl", 0x4D1B)):
        row(f"{word}: {name}", call(IOCTL, fd, command, buffer(64, 0)))
    row(f"{word}: MEMERASE by the other", call(IOCTL, readable, ERASE, span(0, BLOCK)))
    row(f"{word}: BLKPG by a bad pointer", call(IOCTL, fd, BLKPG, BAD))
    partition = memory(struct.pack("qqi64s64s4x", 0, 0, 77, b"", b""))
    row(f"{word}: BLKPG deletes what is not there", call(IOCTL, fd, BLKPG, memory(struct.pack("iii4xQ", 2, 0, 152, at(partition)))))
    partition = memory(struct.pack("qqi64s64s4x", BLOCK, -1, 0, b"x", b""))
    row(f"{word}: BLKPG adds a part of -1 bytes", call(IOCTL, fd, BLKPG, memory(struct.pack("iii4xQ", 1, 0, 152, at(partition)))))


if __name__ == "__main__":
    main(*sys.argv[1:])
