"""Rows of one client's queue: sizes of reads, what is lost, masks, clocks, and who waits."""

import i2c_file
import uinput
from input_told import POINTERS, ask, evioc, last_bytes, memory
from uinput import *

GKEY, GMASK, SMASK, CLOCK = evioc(READS, 0x18, 96), evioc(READS, 0x92, 16), evioc(WRITES, 0x93, 16), evioc(WRITES, 0xA0, 4)
PREADV2_NOWAIT = 8
SIZES = (0, 1, 23, 24, 25, 47, 48, 49, 71, 72, 73, 4096, 1 << 20)


def size_rows(device, fd):
    for size in SIZES:
        row(f"input read of {size} when there is nothing", *read(fd, size))
        device.send((KEY, KEY_A, 1), (KEY, KEY_B, 1))
        row(f"input read of {size} bytes", *read(fd, size))
        row(f"input the read after that of {size} bytes", *read(fd, 24))
        device.send((KEY, KEY_A, 0), (KEY, KEY_B, 0))
        emptied(fd)
    for where, pointer in POINTERS.items():
        row(f"input read to a {where} pointer when there is nothing", call(READ, fd, pointer, 24))
        row(f"input read of 23 to a {where} pointer", call(READ, fd, pointer, 23))
        row(f"input read of 0 to a {where} pointer", call(READ, fd, pointer, 0))
    device.send((KEY, KEY_A, 1))
    device.send((KEY, KEY_A, 0))
    row("input read to a bad pointer", call(READ, fd, BAD, 48))
    row("input the read after one to a bad pointer", *read(fd, 24))
    row("input read with room for one event and a half", call(READ, fd, last_bytes(36), 96))
    row("input the read after it", *read(fd))
    vector_rows(device, fd)


def vector_rows(device, fd):
    def vector(*parts):
        words = [word for part in parts for word in (ctypes.addressof(part), len(part))]
        return struct.pack(f"{len(words)}Q", *words), len(parts)

    device.send((KEY, KEY_A, 1), (KEY, KEY_B, 1))
    one, other = buffer(12), buffer(36)
    row("input readv of a half and one and a half", call(READV, fd, *vector(one, other)), told(bytes(one) + bytes(other)))
    emptied(fd)
    device.send((KEY, KEY_A, 0), (KEY, KEY_B, 0))
    one, other = buffer(24), buffer(48)
    row("input readv of one and two", call(READV, fd, *vector(one, other)), told(bytes(one) + bytes(other)))
    emptied(fd)
    into = buffer(24)
    row("input pread when there is nothing", call(PREAD, fd, into, 24, 0))
    device.send((KEY, KEY_A, 1))
    row("input pread", call(PREAD, fd, into, 24, 0))
    row("input pread at 240", call(PREAD, fd, into, 24, 240))
    row("input pwrite", call(PWRITE, fd, REPORT, 24, 0))
    row("input preadv2 without a position", call(PREADV2, fd, *vector(into), -1, -1, 0), told(into))
    row("input preadv2 that may not wait", call(PREADV2, fd, *vector(into), -1, -1, PREADV2_NOWAIT))
    device.send((KEY, KEY_A, 0))
    emptied(fd)


def poll_rows(device, fd):
    for events in (0, 0x1, 0x4, 0x5, 0x7FDF):
        row(f"input poll for {events:#x} when there is nothing", *i2c_file.poll_bits(fd, events))
    device.send_part((KEY, KEY_A, 1))
    row("input poll with half a packet", *i2c_file.poll_bits(fd, 0x7FDF))
    device.send_part((SYN, 0, 0))
    for events in (0, 0x1, 0x4, 0x5, 0x7FDF):
        row(f"input poll for {events:#x} with a packet", *i2c_file.poll_bits(fd, events))
    read(fd, 24)
    row("input poll with half of it read", *i2c_file.poll_bits(fd, 0x7FDF))
    read(fd, 24)
    row("input poll with all of it read", *i2c_file.poll_bits(fd, 0x7FDF))
    device.send((KEY, KEY_A, 0))
    emptied(fd)


def overflow_rows():
    """How much a queue holds depends on what the device can send at once."""
    contacts = {0: (0, 99), 1: (0, 99), MT_X: (0, 99), MT_Y: (0, 99), MT_ID: (0, 65535)}
    for name, codes, axes in (
        ("a keyboard's", {KEY: [KEY_A]}, {}),
        ("a mouse's", {KEY: [KEY_A], REL: [0, 1, 8]}, {}),
        ("a screen's", {KEY: [KEY_A]}, contacts | {MT_SLOT: (0, 9)}),
        ("a pad's of one slot", {KEY: [KEY_A]}, contacts | {MT_SLOT: (0, 0)}),
        ("an old screen's", {KEY: [KEY_A]}, {MT_X: (0, 99), MT_Y: (0, 99)}),
        ("an old screen's with IDs", {KEY: [KEY_A]}, {MT_X: (0, 99), MT_ID: (0, 15)}),
    ):
        device = Device(codes | {MSC: [4]}, axes)
        fd = device.open()
        for count in (31, 32, 33, 63, 64, 65, 300):
            for index in range(count):
                device.send((MSC, 4, index))
            text = emptied(fd)
            row(f"input queue of {name}: after {count} packets", len(text.split()), f"{text[:60]} … {text[-30:]}")
        os.close(fd)
        device.close()


def long_packet_rows(device, fd):
    """Packets that are longer than the queue, and what has been lost of one."""
    for count in (61, 62, 63, 64, 65, 130):
        for each in range(count):
            device.send_part((KEY, KEY_A, (each + 1) % 2))
        row(f"input a packet of {count}, not ended", *read(fd, 24 * 256))
        device.send((KEY, KEY_A, 0))
        row(f"input a packet of {count}", 0, emptied(fd))
    device.send((KEY, KEY_A, 1))
    for each in range(70):
        device.send((KEY, KEY_B, (each + 1) % 2))
    row("input poll after the loss", *i2c_file.poll_bits(fd, 0x7FDF))
    row("input the first read after the loss", *read(fd, 24))
    row("input GKEY after the loss", *ask(fd, READS, 0x18, 8))
    row("input what is left after it", 0, emptied(fd))
    device.send((KEY, KEY_A, 0))
    emptied(fd)


def flush_rows(device, fd):
    """Who asks what is down is not told of it again."""
    def come():
        device.send((KEY, KEY_A, 1), (MSC, 4, 1))
        device.send((KEY, KEY_A, 0), (LED, 0, 1))
        device.send((LED, 0, 0))
        device.send_part((KEY, KEY_B, 1))

    def gone():
        device.send((KEY, KEY_B, 0))
        emptied(fd)

    for name, count in (("GKEY", 0x18), ("GLED", 0x19), ("GSND", 0x1A), ("GSW", 0x1B)):
        for size in (0, 8):
            come()
            row(f"input {name} of {size} bytes with events unread", *ask(fd, READS, count, size))
            row(f"input poll after that {name} of {size}", *i2c_file.poll_bits(fd, 1))
            row(f"input what is unread after {name} of {size}", 0, emptied(fd))
            gone()
        come()
        row(f"input {name} to a bad pointer with events unread", call(IOCTL, fd, evioc(READS, count, 8), BAD))
        row(f"input poll after that {name} to a bad pointer", *i2c_file.poll_bits(fd, 1))
        row(f"input what is unread after {name} to a bad pointer", 0, emptied(fd))
        gone()
    device.send((KEY, KEY_A, 1))
    call(IOCTL, fd, GKEY, BAD)
    for each in range(31):
        device.send((KEY, KEY_A, each % 2))
    row("input what is unread after 31 packets more", 0, emptied(fd))


def mask(kind, data, size=None):
    """struct input_mask, whose memory stays with it."""
    argument = memory(struct.pack("IIQ", kind, len(data) if size is None else size, ctypes.addressof(data)))
    argument.data = data
    return argument


def keeping(*codes, size=96):
    data = bytearray(size)
    for code in codes:
        data[code // 8] |= 1 << code % 8
    return memory(bytes(data))


def mask_rows(device, fd):
    def send():
        device.send((KEY, KEY_A, 1), (KEY, KEY_B, 1), (MSC, 4, 1), (LED, 0, 1))
        device.send((KEY, KEY_A, 0), (KEY, KEY_B, 0), (MSC, 4, 1), (LED, 0, 0))

    def read_mask(name, kind, size):
        into = buffer(size + 8)
        answer = call(IOCTL, fd, GMASK, mask(kind, into, size))
        row(f"input {name}", answer, bytes(into) if len(into) < 120 else bytes(into)[:100])

    for kind in (0, KEY, REL, ABS, MSC, SW, LED, SND, REP, FF, 0x1F, 0x20, 0x10001):
        read_mask(f"GMASK {kind:#x} at first", kind, 100)
    for size in (0, 1, 7, 8, 9, 95, 96, 97, 5000):
        read_mask(f"GMASK of {size} bytes", KEY, size)
    for name, kind, data in (
        ("one key", KEY, keeping(KEY_A)), ("no MSC", MSC, keeping(size=8)),
        ("types without LED", 0, keeping(0, KEY, MSC, size=8)),
        ("types without KEY", 0, keeping(0, MSC, size=8)), ("no types", 0, keeping(size=8)),
        ("all types", 0, memory(b"\xff" * 8)),
        ("all of MSC", MSC, memory(b"\xff" * 8)), ("a key beyond the mask", KEY, keeping(size=0)),
        ("the first 8 bytes", KEY, keeping(KEY_A, KEY_B, size=8)),
        ("one that is too long", KEY, memory(b"\xff" * 128)), ("one of 7 bytes", KEY, keeping(size=7)),
        ("one of REP", REP, keeping(size=8)),
        ("one of type 0x20", 0x20, keeping(size=8)), ("one of type 0x20 of 7 bytes", 0x20, keeping(size=7)),
        ("one of 97 bytes", KEY, keeping(size=97)),
    ):
        row(f"input SMASK, {name}", call(IOCTL, fd, SMASK, mask(kind, data)))
        read_mask(f"GMASK, {name}", kind, 96)
        send()
        row(f"input poll, {name}", *i2c_file.poll_bits(fd, 1))
        row(f"input what is read, {name}", 0, emptied(fd))
    bad_mask_rows(fd)


def bad_mask_rows(fd):
    for where, pointer in POINTERS.items():
        for size in (0, 7, 8):
            argument = memory(struct.pack("IIQ", KEY, size, pointer))
            row(f"input SMASK of {size} bytes at a {where} pointer", call(IOCTL, fd, SMASK, argument))
            row(f"input GMASK of {size} bytes at a {where} pointer", call(IOCTL, fd, GMASK, argument))
    row("input SMASK with its end out of reach", call(IOCTL, fd, SMASK, memory(struct.pack("IIQ", KEY, 96, last_bytes(8)))))
    row("input GMASK with its end out of reach", call(IOCTL, fd, GMASK, memory(struct.pack("IIQ", KEY, 96, last_bytes(8)))))


def clock_rows(device, fd):
    for clock in (0, 1, 2, 3, 4, 5, 6, 7, 8, 11, -1):
        row(f"input SCLOCKID {clock}", call(IOCTL, fd, CLOCK, memory(struct.pack("i", clock))))
        before = [time.clock_gettime(each) for each in (0, 1)]
        device.send((KEY, KEY_A, 1))
        into = buffer(24)
        call(READ, fd, into, 24)
        seconds, microseconds = struct.unpack_from("qq", bytes(into))
        # Nothing has been asleep: boot time and monotonic time are one.
        near = [abs(seconds + microseconds / 1e6 - each) < 60 for each in before]
        row(f"input the clock after SCLOCKID {clock}", 0, ["neither", "monotonic", "real", "both"][2 * near[0] + near[1]])
        device.send((KEY, KEY_A, 0))
        emptied(fd)
    for clock in (1, 1, 7, 0, 9, 0):
        device.send((KEY, KEY_A, 1))
        device.send((KEY, KEY_A, 0))
        device.send_part((KEY, KEY_A, 1))
        answer = call(IOCTL, fd, CLOCK, memory(struct.pack("i", clock)))
        clock_rows.turn += 1
        word = f"input SCLOCKID {clock} with events unread, {clock_rows.turn}:"
        row(f"{word} it", answer)
        row(f"{word} poll", *i2c_file.poll_bits(fd, 1))
        row(f"{word} read", 0, emptied(fd))
        device.send((KEY, KEY_A, 0))
        row(f"{word} the next packet", 0, emptied(fd))


clock_rows.turn = 0


def queue_rows():
    device = uinput.everything()
    fd = device.open()
    still(device, fd)
    for rows in (size_rows, poll_rows, long_packet_rows, flush_rows, mask_rows):
        rows(device, fd)
    os.close(fd)
    fd = device.open()
    row("input a mask is of one descriptor", call(IOCTL, fd, GMASK, mask(KEY, buffer(96))))
    clock_rows(device, fd)
    os.close(fd)
    device.close()
    if not uinput.LENT:
        overflow_rows()
