"""Every SMBus transaction, with good and with bad arguments."""

import os
import struct

from i2c_file import FUNCS, PEC, SLAVE, SMBUS, TENBIT
from rows import *

WRITE_BIT, READ_BIT = 0, 1
QUICK, BYTE, BYTE_DATA, WORD_DATA, PROC_CALL, BLOCK_DATA, BLOCK_BROKEN, BLOCK_PROC_CALL, BLOCK = range(9)
NAMES = "quick", "byte", "byte data", "word data", "process call", "block data", "broken block", "block process call", "I2C block"


def smbus(fd, direction, command, size, data=None):
    """One transaction. `data` is bytes that begin the union, None for a null pointer, or an address. Returns the
    answer and the union, which shows by 0xee what was left alone."""
    union = buffer(34)
    if isinstance(data, bytes):
        union[: len(data)] = list(data)
    pointer = 0 if data is None else data if isinstance(data, int) else ctypes.addressof(union)
    request = struct.pack("BB2xIQ", direction, command, size, pointer)
    return call(IOCTL, fd, SMBUS, request), bytes(union)


def transaction(name, fd, direction, command, size, data=b"", shown=34):
    answer, union = smbus(fd, direction, command, size, data)
    row(name, answer, union[:shown])


def memory_rows(fd):
    """On a chip that is memory."""
    transaction("quick write", fd, WRITE_BIT, 0, QUICK, None, 0)
    transaction("quick read", fd, READ_BIT, 0, QUICK, None, 0)
    transaction("byte data write", fd, WRITE_BIT, 0x10, BYTE_DATA, b"\xa1")
    transaction("byte data read", fd, READ_BIT, 0x10, BYTE_DATA)
    transaction("byte data write of 0", fd, WRITE_BIT, 0x11, BYTE_DATA, b"\0")
    transaction("byte data read of 0", fd, READ_BIT, 0x11, BYTE_DATA)
    transaction("byte data at 0xff", fd, WRITE_BIT, 0xFF, BYTE_DATA, b"\x5a")
    transaction("byte data read at 0xff", fd, READ_BIT, 0xFF, BYTE_DATA)
    transaction("byte write sets the counter", fd, WRITE_BIT, 0x10, BYTE, None)
    transaction("byte read", fd, READ_BIT, 0, BYTE)
    transaction("byte read goes on", fd, READ_BIT, 0, BYTE)
    transaction("byte read has no command", fd, READ_BIT, 0x33, BYTE)
    transaction("byte write with data besides", fd, WRITE_BIT, 0x10, BYTE, b"\x77")
    transaction("byte read after that", fd, READ_BIT, 0, BYTE)
    transaction("word data write", fd, WRITE_BIT, 0x20, WORD_DATA, b"\x34\x12")
    transaction("word data read", fd, READ_BIT, 0x20, WORD_DATA)
    transaction("the low byte of a word", fd, READ_BIT, 0x20, BYTE_DATA)
    transaction("the high byte of a word", fd, READ_BIT, 0x21, BYTE_DATA)
    transaction("word data of 0xffff", fd, WRITE_BIT, 0x24, WORD_DATA, b"\xff\xff")
    transaction("word data of 0xffff read", fd, READ_BIT, 0x24, WORD_DATA)
    for length in (1, 2, 31, 32):
        data = bytes([length]) + bytes(range(1, length + 1))
        transaction(f"I2C block write of {length}", fd, WRITE_BIT, 0x40, BLOCK, data)
        transaction(f"I2C block read of {length}", fd, READ_BIT, 0x40, BLOCK, bytes([length]))
    transaction("broken block write", fd, WRITE_BIT, 0x60, BLOCK_BROKEN, bytes([3, 7, 8, 9]))
    transaction("broken block read", fd, READ_BIT, 0x40, BLOCK_BROKEN, b"\x05")
    transaction("byte data of a block", fd, READ_BIT, 0x41, BYTE_DATA)
    transaction("block read from the middle", fd, READ_BIT, 0x48, BLOCK, b"\x04")
    transaction("block beyond the end", fd, WRITE_BIT, 0xF8, BLOCK, b"\x10" + b"\x99" * 16)
    transaction("block read beyond the end", fd, READ_BIT, 0xF8, BLOCK, b"\x10")


def argument_rows(fd, made=True):
    """Arguments that are wrong, and null and bad pointers."""
    for size in range(9):
        for direction, name in ((READ_BIT, "read"), (WRITE_BIT, "write")):
            transaction(f"{NAMES[size]} {name} by a null pointer", fd, direction, 0x80, size, None)
            transaction(f"{NAMES[size]} {name} by a bad pointer", fd, direction, 0x80, size, BAD)
    for size in (9, 10, 0x7FFFFFFF, 0xFFFFFFFF):
        transaction(f"size {size:#x}", fd, READ_BIT, 0x80, size)
    for direction in (2, 0x7F, 0xFF):
        transaction(f"direction {direction:#x}", fd, direction, 0x80, BYTE_DATA)
    transaction("size and direction", fd, 2, 0x80, 9)
    for length in (0, 33, 0xFF):
        for size in (BLOCK_BROKEN, BLOCK):
            transaction(f"{NAMES[size]} write of {length}", fd, WRITE_BIT, 0x80, size, bytes([length]))
        transaction(f"I2C block read of {length}", fd, READ_BIT, 0x80, BLOCK, bytes([length]))
    row("I2C_SMBUS by a bad pointer", call(IOCTL, fd, SMBUS, BAD))
    row("I2C_SMBUS by a null pointer", call(IOCTL, fd, SMBUS, 0))


def absent_rows(fd):
    """Where no chip answers."""
    call(IOCTL, fd, SLAVE, 0x51)
    for size in (QUICK, BYTE, BYTE_DATA, WORD_DATA, BLOCK):
        for direction, name in ((READ_BIT, "read"), (WRITE_BIT, "write")):
            transaction(f"no chip: {NAMES[size]} {name}", fd, direction, 0, size, b"\x01")
    call(IOCTL, fd, SLAVE, 0x50)


def refused_rows(fd):
    """What i2c-stub and its like do not know."""
    for size in (PROC_CALL, BLOCK_DATA, BLOCK_PROC_CALL):
        for direction, name in ((READ_BIT, "read"), (WRITE_BIT, "write")):
            transaction(f"{NAMES[size]} {name}", fd, direction, 0x80, size, b"\x02\x01\x02")


def plain_refusals(fd):
    """Plain transfers by an adapter that has none."""
    data = buffer(4)
    message = struct.pack("HHHxxQ", 0x50, 1, 4, ctypes.addressof(data))
    holder = ctypes.create_string_buffer(message)
    row("I2C_RDWR", call(IOCTL, fd, 0x707, struct.pack("QI4x", ctypes.addressof(holder), 1)))
    row("I2C_RDWR of no messages", call(IOCTL, fd, 0x707, struct.pack("QI4x", ctypes.addressof(holder), 0)))
    row("I2C_RDWR of 43 messages", call(IOCTL, fd, 0x707, struct.pack("QI4x", ctypes.addressof(holder), 43)))
    row("I2C_RDWR by a bad pointer", call(IOCTL, fd, 0x707, BAD))
    row("I2C_RDWR with a bad list", call(IOCTL, fd, 0x707, struct.pack("QI4x", BAD, 1)))
    long = ctypes.create_string_buffer(struct.pack("HHHxxQ", 0x50, 1, 8193, ctypes.addressof(data)))
    row("I2C_RDWR of 8193 bytes", call(IOCTL, fd, 0x707, struct.pack("QI4x", ctypes.addressof(long), 1)))
    wild = ctypes.create_string_buffer(struct.pack("HHHxxQ", 0x50, 1, 4, BAD))
    row("I2C_RDWR with a bad buffer", call(IOCTL, fd, 0x707, struct.pack("QI4x", ctypes.addressof(wild), 1)))
    row("read", call(READ, fd, data, 4))
    row("read of nothing", call(READ, fd, data, 0))
    row("read to a bad pointer", call(READ, fd, BAD, 4))
    row("write", call(WRITE, fd, b"\0", 1))
    row("write of nothing", call(WRITE, fd, b"\0", 0))
    row("write from a bad pointer", call(WRITE, fd, BAD, 4))
    row("pwrite at -1", call(PWRITE, fd, b"\0", 1, -1))


def pec_rows(fd):
    """PEC by an adapter that has none of it."""
    call(IOCTL, fd, PEC, 1)
    transaction("byte data write with PEC", fd, WRITE_BIT, 0x30, BYTE_DATA, b"\x0f")
    transaction("byte data read with PEC", fd, READ_BIT, 0x30, BYTE_DATA)
    transaction("word data read with PEC", fd, READ_BIT, 0x30, WORD_DATA)
    call(IOCTL, fd, PEC, 0)
    transaction("what PEC left behind", fd, READ_BIT, 0x31, BYTE_DATA)


def ten_bit_rows(fd):
    call(IOCTL, fd, TENBIT, 1)
    transaction("byte data read with ten bits", fd, READ_BIT, 0x10, BYTE_DATA)
    call(IOCTL, fd, TENBIT, 0)


def rows(device):
    """By an adapter that knows SMBus only."""
    fd = os.open(device, os.O_RDWR)
    transaction("before I2C_SLAVE", fd, READ_BIT, 0, BYTE_DATA)
    call(IOCTL, fd, SLAVE, 0x50)
    memory_rows(fd)
    argument_rows(fd)
    absent_rows(fd)
    refused_rows(fd)
    plain_refusals(fd)
    pec_rows(fd)
    ten_bit_rows(fd)
    second = os.open(device, os.O_RDWR)
    transaction("another open file has its own address", second, READ_BIT, 0, BYTE_DATA)
    os.close(second)
    read_only = os.open(device, os.O_RDONLY)
    call(IOCTL, read_only, SLAVE, 0x50)
    transaction("a write by a descriptor for reading", read_only, WRITE_BIT, 0x70, BYTE_DATA, b"\x01")
    os.close(read_only)
    os.close(fd)


def emulated_rows(device):
    """By an adapter of plain transfers, of which the kernel makes SMBus'. Nothing is written but the counter."""
    fd = os.open(device, os.O_RDWR)
    call(IOCTL, fd, SLAVE, 0x50)
    transaction("emulated: quick write", fd, WRITE_BIT, 0, QUICK, None)
    transaction("emulated: byte write", fd, WRITE_BIT, 8, BYTE, None)
    transaction("emulated: byte read", fd, READ_BIT, 0, BYTE)
    transaction("emulated: byte read goes on", fd, READ_BIT, 0, BYTE)
    transaction("emulated: byte data read", fd, READ_BIT, 0, BYTE_DATA)
    transaction("emulated: byte data read at 8", fd, READ_BIT, 8, BYTE_DATA)
    transaction("emulated: word data read", fd, READ_BIT, 8, WORD_DATA)
    for length in (1, 8, 32):
        transaction(f"emulated: I2C block read of {length}", fd, READ_BIT, 8, BLOCK, bytes([length]))
    transaction("emulated: broken block read", fd, READ_BIT, 8, BLOCK_BROKEN, b"\x05")
    transaction("emulated: block data read of length 0", fd, READ_BIT, 0, BLOCK_DATA)
    transaction("emulated: block data read of length 255", fd, READ_BIT, 1, BLOCK_DATA)
    for length in (0, 33):
        transaction(f"emulated: block data write of {length}", fd, WRITE_BIT, 0x80, BLOCK_DATA, bytes([length]))
        transaction(f"emulated: block process call of {length}", fd, WRITE_BIT, 0x80, BLOCK_PROC_CALL, bytes([length]))
        transaction(f"emulated: I2C block read of {length}", fd, READ_BIT, 0x80, BLOCK, bytes([length]))
        transaction(f"emulated: I2C block write of {length}", fd, WRITE_BIT, 0x80, BLOCK, bytes([length]))
    for size in range(9):
        for direction, name in ((READ_BIT, "read"), (WRITE_BIT, "write")):
            if size not in (QUICK, BYTE):
                transaction(f"emulated: {NAMES[size]} {name} by a null pointer", fd, direction, 0x80, size, None)
            if size != QUICK and (size, direction) != (BYTE, WRITE_BIT):
                transaction(f"emulated: {NAMES[size]} {name} by a bad pointer", fd, direction, 0, size, BAD)
    call(IOCTL, fd, PEC, 1)
    transaction("emulated: byte data read with a wrong PEC", fd, READ_BIT, 8, BYTE_DATA)
    transaction("emulated: word data read with a wrong PEC", fd, READ_BIT, 8, WORD_DATA)
    transaction("emulated: I2C block read has no PEC", fd, READ_BIT, 8, BLOCK, b"\x02")
    call(IOCTL, fd, PEC, 0)
    call(IOCTL, fd, SLAVE, 0x51)
    for size in (QUICK, BYTE, BYTE_DATA, WORD_DATA, PROC_CALL, BLOCK_DATA, BLOCK_PROC_CALL, BLOCK):
        for direction, name in ((READ_BIT, "read"), (WRITE_BIT, "write")):
            transaction(f"emulated: no chip: {NAMES[size]} {name}", fd, direction, 0, size, b"\x01")
    os.close(fd)
