"""Positions, reading and writing, and blocks."""

from mtd_flash import *


def data_rows(device, kind):
    fd = os.open(device, os.O_RDWR)
    erase_all(fd)
    position_rows(fd, kind)
    write_rows(fd, kind)
    limit_rows(fd, kind)
    os.close(fd)


def position_rows(fd, kind):
    places = ((0, 0), (5, 0), (SIZE, 0), (SIZE + 1, 0), (-1, 0), (0, 1), (7, 1), (-8, 1), (-SIZE, 1), (0, 2), (-1, 2), (1, 2), (-SIZE, 2),
              (-SIZE - 1, 2), (0, 3), (0, 4), (0, 9))
    for offset, whence in places:
        call(LSEEK, fd, 4096, 0)
        row(f"{kind} lseek {offset:#x} by {whence}", call(LSEEK, fd, offset, whence))
    call(LSEEK, fd, 0, 0)
    row(f"{kind} read at the beginning", call(READ, fd, buffer(100), 100))
    row(f"{kind} the position after a read", call(LSEEK, fd, 0, 1))
    row(f"{kind} pread elsewhere", call(PREAD, fd, buffer(100), 100, 4096))
    row(f"{kind} the position after a pread", call(LSEEK, fd, 0, 1))
    call(LSEEK, fd, SIZE - 10, 0)
    row(f"{kind} read over the end", call(READ, fd, buffer(100), 100))
    row(f"{kind} the position at the end", call(LSEEK, fd, 0, 1))
    row(f"{kind} read at the end", call(READ, fd, buffer(100), 100))
    for name, command, argument in (("MTDFILEMODE", FILEMODE, 0), ("OTPSELECT", OTPSELECT, memory(bytes(4)))):
        call(LSEEK, fd, 4096, 0)
        call(IOCTL, fd, command, argument)
        row(f"{kind} the position after {name}", call(LSEEK, fd, 0, 1))
    copy = os.dup(fd)
    call(LSEEK, fd, 512, 0)
    row(f"{kind} the position of a copy", call(LSEEK, copy, 0, 1))
    os.close(copy)


def write_rows(fd, kind):
    page = content(PAGE)
    call(LSEEK, fd, 0, 0)
    row(f"{kind} write of a page", call(WRITE, fd, page, PAGE))
    row(f"{kind} the position after a write", call(LSEEK, fd, 0, 1))
    row(f"{kind} the page is there", *read_at(fd, PAGE, 0))
    row(f"{kind} write of two pages at a page", call(PWRITE, fd, content(2 * PAGE, 2), 2 * PAGE, PAGE))
    row(f"{kind} part of them", *read_at(fd, 1000, PAGE + 77))
    row(f"{kind} write of a byte", call(PWRITE, fd, b"x", 1, 3 * PAGE))
    row(f"{kind} write at a byte", call(PWRITE, fd, page, PAGE, 3 * PAGE + 1))
    row(f"{kind} write of a page and a byte", call(PWRITE, fd, page + b"x", PAGE + 1, 8 * PAGE))
    row(f"{kind} what is there after these", *read_at(fd, 8 * PAGE, 3 * PAGE))
    row(f"{kind} write over what is written", call(PWRITE, fd, content(PAGE, 9), PAGE, 20 * PAGE))
    row(f"{kind} write over it again", call(PWRITE, fd, content(PAGE, 9), PAGE, 20 * PAGE))
    row(f"{kind} what is there then", *read_at(fd, PAGE, 20 * PAGE))
    block = content(BLOCK, 3)
    row(f"{kind} write of a block", call(PWRITE, fd, block, BLOCK, BLOCK))
    row(f"{kind} the block is there", *read_at(fd, BLOCK, BLOCK))
    row(f"{kind} write over a border of blocks", call(PWRITE, fd, content(4 * PAGE, 4), 4 * PAGE, 7 * BLOCK - 2 * PAGE))
    row(f"{kind} what is there around the border", *read_at(fd, 8 * PAGE, 7 * BLOCK - 4 * PAGE))
    parts = [content(PAGE, 5), content(PAGE, 6)]
    row(f"{kind} writev of two pages", os.pwritev(fd, parts, 24 * PAGE))
    into = [bytearray(PAGE // 2), bytearray(PAGE), bytearray(PAGE // 2)]
    row(f"{kind} readv of three parts", os.preadv(fd, into, 24 * PAGE), told(b"".join(into)))


def limit_rows(fd, kind):
    page = content(PAGE)
    row(f"{kind} write at the end", call(PWRITE, fd, page, PAGE, SIZE))
    row(f"{kind} write behind the end", call(PWRITE, fd, page, PAGE, SIZE + PAGE))
    row(f"{kind} write over the end", call(PWRITE, fd, content(2 * PAGE), 2 * PAGE, SIZE - PAGE))
    row(f"{kind} write of nothing", call(PWRITE, fd, page, 0, 0))
    row(f"{kind} write of nothing at the end", call(PWRITE, fd, page, 0, SIZE))
    row(f"{kind} write of nothing at a byte", call(PWRITE, fd, page, 0, 1))
    row(f"{kind} write at -1", call(PWRITE, fd, page, PAGE, -1))
    row(f"{kind} write from a bad pointer", call(PWRITE, fd, BAD, PAGE, 30 * PAGE))
    row(f"{kind} read over the end by pread", *read_at(fd, 4 * PAGE, SIZE - PAGE))
    row(f"{kind} read at the end by pread", *read_at(fd, 1, SIZE))
    row(f"{kind} read behind the end", *read_at(fd, 1, SIZE + 1))
    row(f"{kind} read far behind the end", *read_at(fd, 1, 1 << 40))
    row(f"{kind} read of nothing", *read_at(fd, 0, 0))
    row(f"{kind} read at -1", *read_at(fd, 1, -1))
    row(f"{kind} read to a bad pointer", call(PREAD, fd, BAD, PAGE, 0))
    row(f"{kind} read of all", *read_at(fd, SIZE + 1, 0))
    for name, bad in (("write", PWRITE), ("read", PREAD)):
        row(f"{kind} {name} with a bad pointer at the end", call(bad, fd, BAD, 1, SIZE))


RANGES = (
    ("a block", 0, BLOCK), ("two blocks", BLOCK, 2 * BLOCK), ("nothing", 0, 0), ("nothing at a byte", 1, 0),
    ("at a byte", 1, BLOCK),
    ("at a page", PAGE, BLOCK), ("a block and a byte", 0, BLOCK + 1), ("a page", 0, PAGE), ("at the end", SIZE, BLOCK),
    ("nothing at the end", SIZE, 0), ("over the end", SIZE - BLOCK, 2 * BLOCK), ("the last block", SIZE - BLOCK, BLOCK),
    ("behind the end", SIZE + BLOCK, BLOCK), ("at the highest byte", -1, BLOCK), ("the highest length", 0, -1),
)


def block_rows(device, kind):
    fd = os.open(device, os.O_RDWR)
    erase_all(fd)
    for name, command, pack in (("MEMERASE", ERASE, span), ("MEMERASE64", ERASE64, span64), ("MEMLOCK", LOCK, span),
                                ("MEMUNLOCK", UNLOCK, span), ("MEMISLOCKED", ISLOCKED, span)):
        call(PWRITE, fd, content(PAGE), PAGE, 0)
        call(PWRITE, fd, content(PAGE), PAGE, BLOCK)
        for words, start, length in RANGES:
            row(f"{kind} {name} {words}", call(IOCTL, fd, command, pack(start, length)))
        row(f"{kind} after {name}", *read_at(fd, 2 * BLOCK, 0))
        row(f"{kind} {name} by a bad pointer", call(IOCTL, fd, command, BAD))
        row(f"{kind} {name} by a null pointer", call(IOCTL, fd, command, 0))
    row(f"{kind} MEMERASE of all", call(IOCTL, fd, ERASE, span(0, SIZE)))
    row(f"{kind} MEMERASE of a bad block", call(IOCTL, fd, ERASE, span(3 * BLOCK, BLOCK)))
    row(f"{kind} MEMERASE over a bad block", call(IOCTL, fd, ERASE, span(2 * BLOCK, 2 * BLOCK)))
    for words, place in (("0", 0), ("a byte of it", 1), ("bad block", 3 * BLOCK), ("a byte of the bad block", 3 * BLOCK + 5000),
                         ("last byte", SIZE - 1), ("the end", SIZE), ("far off", 1 << 40), ("-1", -1)):
        row(f"{kind} MEMGETBADBLOCK {words}", call(IOCTL, fd, GETBADBLOCK, number(place)))
    row(f"{kind} MEMGETBADBLOCK by a bad pointer", call(IOCTL, fd, GETBADBLOCK, BAD))
    for words, place in (("5", 5 * BLOCK), ("5 again", 5 * BLOCK), ("a byte of 6", 6 * BLOCK + 3), ("the end", SIZE), ("-1", -1)):
        row(f"{kind} MEMSETBADBLOCK {words}", call(IOCTL, fd, SETBADBLOCK, number(place)))
    row(f"{kind} MEMSETBADBLOCK by a bad pointer", call(IOCTL, fd, SETBADBLOCK, BAD))
    for block in (5, 6):
        row(f"{kind} MEMGETBADBLOCK of block {block}", call(IOCTL, fd, GETBADBLOCK, number(block * BLOCK)))
        row(f"{kind} MEMERASE of block {block}", call(IOCTL, fd, ERASE, span(block * BLOCK, BLOCK)))
    row(f"{kind} write to a bad block", call(PWRITE, fd, content(PAGE), PAGE, 5 * BLOCK))
    row(f"{kind} read of a bad block", *read_at(fd, PAGE, 5 * BLOCK))
    into = buffer(16)
    row(f"{kind} ECCGETSTATS then", call(IOCTL, fd, ECCGETSTATS, into), bytes(into))
    os.close(fd)
