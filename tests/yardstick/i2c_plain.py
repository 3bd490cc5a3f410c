"""I2C_RDWR, read and write, on an adapter of plain transfers."""

import os
import struct
import sys

from i2c_file import FUNCS, RDWR, SLAVE, TENBIT
from rows import *

RD, TEN, DMA_SAFE, RECV_LEN, NO_RD_ACK, IGNORE_NAK, REV_DIR, NOSTART, STOP = (
    1, 0x10, 0x200, 0x400, 0x800, 0x1000, 0x2000, 0x4000, 0x8000)


def rdwr(fd, *messages):
    """Each message is an address, flags, a length, and what its buffer begins with, or the address of one. Returns the
    answer and the buffers of those that read."""
    buffers = []
    packed = b""
    for address, flags, length, data in messages:
        held = buffer(max(length, 1))
        if isinstance(data, bytes):
            held[: len(data)] = list(data)
        buffers.append(held)
        pointer = data if isinstance(data, int) else ctypes.addressof(held)
        packed += struct.pack("HHHxxQ", address, flags & 0xFFFF, length, pointer)
    array = ctypes.create_string_buffer(packed)
    answer = call(IOCTL, fd, RDWR, struct.pack("QI4x", ctypes.addressof(array), len(messages)))
    return answer, "".join(bytes(held).hex() for held, message in zip(buffers, messages) if message[1] & RD)


def transfer_rows(fd):
    at = lambda register: (0x50, 0, 1, bytes([register]))
    row("rdwr: read after write", *rdwr(fd, at(0), (0x50, RD, 8, b"")))
    row("rdwr: read goes on", *rdwr(fd, (0x50, RD, 4, b"")))
    row("rdwr: read of 1", *rdwr(fd, at(8), (0x50, RD, 1, b"")))
    row("rdwr: read of 128", *rdwr(fd, at(0), (0x50, RD, 128, b"")))
    row("rdwr: two writes", *rdwr(fd, at(0), at(8)))
    row("rdwr: four messages", *rdwr(fd, at(0), (0x50, RD, 2, b""), at(8), (0x50, RD, 2, b"")))
    row("rdwr: 42 messages", *rdwr(fd, *[(0x50, RD, 1, b"")] * 42))
    row("rdwr: 43 messages", *rdwr(fd, *[(0x50, RD, 1, b"")] * 43))
    row("rdwr: write of nothing", *rdwr(fd, (0x50, 0, 0, b"")))
    row("rdwr: no chip, read", *rdwr(fd, (0x51, RD, 1, b"")))
    row("rdwr: no chip, write", *rdwr(fd, (0x51, 0, 1, b"\0")))
    row("rdwr: no chip, write of nothing", *rdwr(fd, (0x51, 0, 0, b"")))
    row("rdwr: no chip in the second message", *rdwr(fd, at(0), (0x51, RD, 1, b"")))
    row("rdwr: no chip with ten bits", *rdwr(fd, (0x350, TEN | RD, 1, b"")))
    row("rdwr: read of 8192", rdwr(fd, (0x50, RD, 8192, b""))[0])
    row("rdwr: read of 8193", *rdwr(fd, (0x50, RD, 8193, b"")))
    row("rdwr: write of 8193", *rdwr(fd, (0x50, 0, 8193, b"")))
    row("rdwr: DMA_SAFE from a client", *rdwr(fd, at(0), (0x50, RD | DMA_SAFE, 2, b"")))
    row("rdwr: NO_RD_ACK", *rdwr(fd, at(0), (0x50, RD | NO_RD_ACK, 1, b"")))
    row("rdwr: IGNORE_NAK without a chip", rdwr(fd, (0x51, IGNORE_NAK, 1, b"\0"))[0])
    row("rdwr: STOP between", *rdwr(fd, (0x50, STOP, 1, b"\x08"), (0x50, RD, 2, b"")))
    row("rdwr: NOSTART goes on writing", *rdwr(fd, (0x50, 0, 1, b"\x08"), (0x50, NOSTART, 0, b""), (0x50, RD, 2, b"")))
    row("rdwr: unknown flag", *rdwr(fd, at(0), (0x50, RD | 0x20, 2, b"")))
    row("rdwr: address 0x150", *rdwr(fd, (0x150, RD, 1, b"")))


def recv_len_rows(fd):
    at = lambda register: (0x50, 0, 1, bytes([register]))
    for besides, length in ((0, 33), (1, 32), (2, 33), (1, 0)):
        name = f"rdwr: RECV_LEN with {besides} besides in {length}"
        row(name, *rdwr(fd, at(0), (0x50, RD | RECV_LEN, length, bytes([besides]) if length else b"")))
    row("rdwr: RECV_LEN to be written", *rdwr(fd, (0x50, RECV_LEN, 33, b"\x01")))
    row("rdwr: RECV_LEN of a length of 0", rdwr(fd, at(0), (0x50, RD | RECV_LEN, 33, b"\x01"))[0])
    row("rdwr: RECV_LEN of a length of 255", rdwr(fd, at(1), (0x50, RD | RECV_LEN, 33, b"\x01"))[0])
    for register, length in short_lengths(fd)[:1]:
        row("rdwr: RECV_LEN of a good length", *rdwr(fd, at(register), (0x50, RD | RECV_LEN, 40, b"\x01")))
        row("rdwr: RECV_LEN and two besides", *rdwr(fd, at(register), (0x50, RD | RECV_LEN, 40, b"\x02")))


def short_lengths(fd):
    """Registers whose content can be the length of a block."""
    answer, content = rdwr(fd, (0x50, 0, 1, b"\0"), (0x50, RD, 128, b""))
    return [(at, value) for at, value in enumerate(bytes.fromhex(content)) if 2 <= value <= 32]


def pointer_rows(fd):
    row("rdwr: a bad pointer", call(IOCTL, fd, RDWR, BAD))
    row("rdwr: a null pointer", call(IOCTL, fd, RDWR, 0))
    row("rdwr: no list", call(IOCTL, fd, RDWR, struct.pack("QI4x", 0, 1)))
    row("rdwr: a bad list", call(IOCTL, fd, RDWR, struct.pack("QI4x", BAD, 1)))
    row("rdwr: no messages", call(IOCTL, fd, RDWR, struct.pack("QI4x", BAD, 0)))
    row("rdwr: 43 messages of a bad list", call(IOCTL, fd, RDWR, struct.pack("QI4x", BAD, 43)))
    row("rdwr: 4294967295 messages", call(IOCTL, fd, RDWR, struct.pack("QI4x", BAD, 0xFFFFFFFF)))
    row("rdwr: a bad buffer to read to", *rdwr(fd, (0x50, RD, 4, BAD)))
    row("rdwr: a bad buffer to write from", *rdwr(fd, (0x50, 0, 4, BAD)))
    row("rdwr: a bad buffer of nothing", *rdwr(fd, (0x50, 0, 0, BAD)))
    row("rdwr: a bad buffer and no chip", *rdwr(fd, (0x51, RD, 4, BAD)))
    row("rdwr: a good and a bad message", *rdwr(fd, (0x50, 0, 1, b"\0"), (0x50, RD, 8193, b"")))


def read_write_rows(fd):
    row("plain: write", call(WRITE, fd, b"\x08", 1))
    for size in (1, 4, 128):
        data = buffer(size)
        row(f"plain: read of {size}", call(READ, fd, data, size), bytes(data))
    row("plain: read of 8193", call(READ, fd, buffer(8193), 8193))
    row("plain: write of 8193", call(WRITE, fd, bytes(8193), 8193))
    row("plain: write of nothing", call(WRITE, fd, b"", 0))
    row("plain: write sets the counter", call(WRITE, fd, b"\0", 1))
    row("plain: read to a bad pointer", call(READ, fd, BAD, 4))
    row("plain: write from a bad pointer", call(WRITE, fd, BAD, 4))
    call(IOCTL, fd, SLAVE, 0x51)
    row("plain: read without a chip", call(READ, fd, buffer(4), 4))
    row("plain: write without a chip", call(WRITE, fd, b"\0", 1))
    row("plain: write of nothing without a chip", call(WRITE, fd, b"", 0))
    row("plain: read of nothing without a chip", call(READ, fd, buffer(4), 0))
    call(IOCTL, fd, SLAVE, 0x50)
    call(IOCTL, fd, TENBIT, 1)
    row("plain: read with ten bits", call(READ, fd, buffer(4), 4))
    call(IOCTL, fd, TENBIT, 0)


def rows(device):
    fd = os.open(device, os.O_RDWR)
    call(IOCTL, fd, SLAVE, 0x50)
    functions = buffer(8)
    row("plain: I2C_FUNCS", call(IOCTL, fd, FUNCS, functions), bytes(functions)[::-1])
    transfer_rows(fd)
    recv_len_rows(fd)
    pointer_rows(fd)
    read_write_rows(fd)
    os.close(fd)


if __name__ == "__main__" and sys.argv[1] == "content":
    # What 256 bytes of the chip are, to be given to another.
    chip = os.open(sys.argv[2], os.O_RDWR)
    _, content = rdwr(chip, (0x50, 0, 1, b"\0"), (0x50, RD, 256, b""))
    sys.stdout.buffer.write(bytes.fromhex(content))
