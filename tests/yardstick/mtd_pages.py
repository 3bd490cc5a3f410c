"""Pages with their spare bytes: MEMREADOOB, MEMWRITEOOB, MEMREAD, MEMWRITE, and what error correction does."""

from mtd_flash import *

AREA = 8 * BLOCK  # where these rows write: blocks that are good


def spare_request(start, length, where, wide=False):
    """struct mtd_oob_buf, or struct mtd_oob_buf64"""
    if wide:
        return memory(struct.pack("QIIQ", start & (1 << 64) - 1, 0, length & 0xFFFFFFFF, where))
    return memory(struct.pack("IIQ", start & 0xFFFFFFFF, length & 0xFFFFFFFF, where))


SPARES = (
    ("a page", AREA, SPARE), ("part of it", AREA, 8), ("from byte 10", AREA + 10, 8),
    ("from byte 60 over its end", AREA + 60, 8),
    ("two pages", AREA, 2 * SPARE), ("from byte 64", AREA + 64, 8), ("nothing", AREA, 0), ("4096 bytes", AREA, 4096),
    ("4097 bytes", AREA, 4097), ("the last page", SIZE - PAGE, SPARE), ("over the end", SIZE - PAGE, SPARE + 1),
    ("at the end", SIZE, 8),
    ("far off", 0xFFFFF000, 8), ("the highest length", AREA, -1),
)


def spare_rows(device, kind):
    fd = os.open(device, os.O_RDWR)
    erase_all(fd)
    call(PWRITE, fd, content(4 * PAGE), 4 * PAGE, AREA)
    for name, command, wide in (("MEMREADOOB", READOOB, False), ("MEMREADOOB64", READOOB64, True)):
        for words, start, length in SPARES:
            into = buffer(5000)
            request = spare_request(start, length, at(into), wide)
            answer = call(IOCTL, fd, command, request)
            row(f"{kind} {name} {words}", answer, f"{told(into)}, {bytes(request)[: 16 if wide else 8].hex()}")
        row(f"{kind} {name} by a bad pointer", call(IOCTL, fd, command, BAD))
        row(f"{kind} {name} to a bad pointer", call(IOCTL, fd, command, spare_request(AREA, 8, BAD, wide)))
    for name, command, wide in (("MEMWRITEOOB", WRITEOOB, False), ("MEMWRITEOOB64", WRITEOOB64, True)):
        for step, (words, start, length) in enumerate(SPARES):
            call(IOCTL, fd, ERASE, span(AREA, BLOCK))
            data = memory(content(4200, step))
            request = spare_request(start, length, at(data), wide)
            answer = call(IOCTL, fd, command, request)
            into = buffer(3 * SPARE)
            call(IOCTL, fd, READOOB, spare_request(AREA, 3 * SPARE, at(into)))
            row(f"{kind} {name} {words}", answer, bytes(request)[: 16 if wide else 8])
            row(f"{kind} after {name} {words}", 0, told(into))
        row(f"{kind} {name} by a bad pointer", call(IOCTL, fd, command, BAD))
        row(f"{kind} {name} from a bad pointer", call(IOCTL, fd, command, spare_request(AREA, 8, BAD, wide)))
    os.close(fd)


def request(start, length, spare, mode, data=0, spare_at=0):
    """struct mtd_write_req, and struct mtd_read_req"""
    limit = (1 << 64) - 1
    return memory(struct.pack("QQQQQB7xIII4x", start & limit, length & limit, spare & limit, data, spare_at, mode, 7, 7, 7))


REQUESTS = (
    ("a page", AREA, PAGE, 0), ("a page and its spare bytes", AREA, PAGE, SPARE), ("spare bytes alone", AREA, 0, SPARE),
    ("some spare bytes alone", AREA, 0, 10), ("two pages", AREA, 2 * PAGE, 2 * SPARE),
    ("two pages and some", AREA, 2 * PAGE, SPARE + 10),
    ("more spare bytes than there are", AREA, PAGE, 2 * SPARE), ("nothing", AREA, 0, 0), ("a byte", AREA, 1, 0),
    ("at a byte", AREA + 1, PAGE, 0), ("over two blocks", AREA + BLOCK - PAGE, 2 * PAGE, 2 * SPARE),
    ("the last page", SIZE - PAGE, PAGE, SPARE),
    ("over the end", SIZE - PAGE, 2 * PAGE, 0), ("at the end", SIZE, PAGE, 0), ("far off", 1 << 40, PAGE, 0),
    ("at -1", -1, PAGE, 0),
)


def page_rows(device, kind):
    fd = os.open(device, os.O_RDWR)
    for mode, word in ((PLACE, "place"), (AUTO, "auto"), (RAW, "raw")):
        erase_all(fd)
        for step, (words, start, length, spare) in enumerate(REQUESTS):
            if mode == RAW and spare == 0 and words == "a page":
                continue  # nandsim programs raw pages with their spare bytes only
            for block in (AREA, AREA + BLOCK):
                call(IOCTL, fd, ERASE, span(block, BLOCK))
            data, extra = memory(content(2 * PAGE, step)), memory(b"\xff\xff" + content(2 * SPARE, step)[2:])
            asked = request(start, length, spare, mode, at(data) if length else 0, at(extra) if spare else 0)
            row(f"{kind} MEMWRITE {word} {words}", call(IOCTL, fd, MEMWRITE, asked))
            row(f"{kind} data after MEMWRITE {word} {words}", *read_at(fd, 2 * BLOCK, AREA))
            into = buffer(2 * BLOCK // PAGE * SPARE)
            row(f"{kind} spare bytes after it, {word} {words}", call(IOCTL, fd, READOOB64, spare_request(AREA, 4096, at(into), True)),
                told(into))
        call(IOCTL, fd, ERASE, span(AREA, BLOCK))
        call(IOCTL, fd, MEMWRITE, request(AREA, 2 * PAGE, 0, PLACE, at(memory(content(2 * PAGE)))))
        for words, start, length, spare in REQUESTS:
            data, extra = buffer(2 * PAGE), buffer(2 * SPARE)
            asked = request(start, length, spare, mode, at(data) if length else 0, at(extra) if spare else 0)
            answer = call(IOCTL, fd, MEMREAD, asked)
            left = struct.unpack("QQQQQB7xIII4x", bytes(asked))
            row(f"{kind} MEMREAD {word} {words}", answer, f"{told(data)}; {told(extra)}")
            row(f"{kind} left by MEMREAD {word} {words}", 0, f"{left[1]} {left[2]}, {left[6:]}")
    broken_rows(fd, kind)
    os.close(fd)


def broken_rows(fd, kind):
    page, into = memory(content(PAGE)), buffer(PAGE)
    call(IOCTL, fd, ERASE, span(AREA, BLOCK))
    for name, command in (("MEMREAD", MEMREAD), ("MEMWRITE", MEMWRITE)):
        row(f"{kind} {name} by a bad pointer", call(IOCTL, fd, command, BAD))
        row(f"{kind} {name} by a null pointer", call(IOCTL, fd, command, 0))
        row(f"{kind} {name} with a bad pointer to data", call(IOCTL, fd, command, request(AREA, PAGE, 0, PLACE, BAD)))
        row(f"{kind} {name} with a bad pointer to spare bytes", call(IOCTL, fd, command, request(AREA, 0, SPARE, PLACE, 0, BAD)))
        row(f"{kind} {name} with no place for data", call(IOCTL, fd, command, request(AREA, PAGE, 0, PLACE)))
        row(f"{kind} {name} with a place for no data", call(IOCTL, fd, command, request(AREA, 0, 0, PLACE, at(page))))
        row(f"{kind} {name} with a place for no data, and spare bytes",
            call(IOCTL, fd, command, request(AREA, 0, SPARE, PLACE, at(page), at(into))))
    # Not MEMWRITE: Linux would never return.
    row(f"{kind} MEMREAD in mode 3", call(IOCTL, fd, MEMREAD, request(AREA, PAGE, 0, 3, at(into))))


def code_rows(device, kind):
    """Bits are cleared one by one behind the back of the code."""
    fd = os.open(device, os.O_RDWR)
    erase_all(fd)
    call(PWRITE, fd, content(2 * PAGE), 2 * PAGE, AREA)
    for mode in (0, 3):
        call(IOCTL, fd, FILEMODE, mode)
        row(f"{kind} the page in mode {mode}", *read_at(fd, PAGE, AREA))
        into = buffer(SPARE)
        row(f"{kind} its spare bytes in mode {mode}", call(IOCTL, fd, READOOB, spare_request(AREA, SPARE, at(into))), bytes(into))
    call(IOCTL, fd, FILEMODE, 0)
    data = content(PAGE)
    ones = [(place, bit) for place in range(256) for bit in range(8) if data[place] >> bit & 1]
    spoilt = bytearray(data)
    for flips, (place, bit) in enumerate(ones[:3], 1):
        spoilt[place] &= ~(1 << bit)
        asked = request(AREA, PAGE, SPARE, RAW, at(memory(spoilt)), at(memory(b"\xff" * SPARE)))
        row(f"{kind} {flips} flips are made", call(IOCTL, fd, MEMWRITE, asked))
        row(f"{kind} read with {flips} flips", *read_at(fd, PAGE, AREA))
        into = buffer(PAGE)
        asked = request(AREA, PAGE, 0, PLACE, at(into))
        row(f"{kind} MEMREAD with {flips} flips", call(IOCTL, fd, MEMREAD, asked))
        row(f"{kind} what it brought with {flips} flips", 0, f"{told(into)}, {struct.unpack('III', bytes(asked)[48:60])}")
        statistics = buffer(16)
        row(f"{kind} ECCGETSTATS with {flips} flips", call(IOCTL, fd, ECCGETSTATS, statistics), bytes(statistics))
    call(IOCTL, fd, FILEMODE, 3)
    row(f"{kind} raw read of it", *read_at(fd, PAGE, AREA))
    call(IOCTL, fd, FILEMODE, 0)
    row(f"{kind} read of an erased page", *read_at(fd, PAGE, AREA + 9 * PAGE))
    os.close(fd)
