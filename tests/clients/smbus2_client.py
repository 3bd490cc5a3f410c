#!/usr/bin/python3
"""What a Python program does with a bus: reads and writes of every kind with smbus2, and the errors by number.

Needs a 24c02 at 0x50 on bus 7 and no bus 99. Prints and exits as the C clients do (expect.h).
"""

import errno
import os
import stat
import sys

try:
    from smbus2 import SMBus, i2c_msg
except ImportError:
    sys.exit("smbus2 is not here: Debian's package is python3-smbus2, for /usr/bin/python3")

BUS = 7
CHIP = 0x50
NOBODY = 0x33
I2C_FUNC_SMBUS_READ_BLOCK_DATA = 0x01000000
I2C_FUNC_SMBUS_PEC = 0x00000008

counts = {"ok": 0, "failed": 0}


def expect(what, got, expected):
    if got == expected:
        counts["ok"] += 1
        print(f"ok {what}", flush=True)
    else:
        counts["failed"] += 1
        print(f"FAIL {what}: got {got!r}, expected {expected!r}", flush=True)


def error_of(call, *arguments):
    """The name of the errno that `call` fails with; what it returned if it did not."""
    try:
        return ("returned", call(*arguments))
    except OSError as error:
        return errno.errorcode.get(error.errno, error.errno)


def crc8(data):
    """The packet error code of the SMBus specification: x^8 + x^2 + x + 1."""
    crc = 0
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc << 1) ^ 0x107 if crc & 0x80 else crc << 1
    return crc


def bytes_and_words(bus):
    bus.write_byte_data(CHIP, 0x10, 0xAB)
    expect("byte data", bus.read_byte_data(CHIP, 0x10), 0xAB)
    bus.write_word_data(CHIP, 0x12, 0x1234)
    expect("word data", bus.read_word_data(CHIP, 0x12), 0x1234)
    expect("word data is low byte first", bus.read_byte_data(CHIP, 0x12), 0x34)
    bus.write_byte(CHIP, 0x10)
    expect("byte", bus.read_byte(CHIP), 0xAB)
    bus.write_quick(CHIP)
    expect("quick to nobody", error_of(bus.write_quick, NOBODY), "ENXIO")
    # A process call sends a word to 0x18 and reads the word behind it. The chip stores nothing: it heard no stop.
    bus.write_word_data(CHIP, 0x1A, 0x5678)
    expect("process call", bus.process_call(CHIP, 0x18, 0x4321), 0x5678)


def blocks(bus):
    bus.write_i2c_block_data(CHIP, 0x20, [3, 0x11, 0x22, 0x33])
    expect("I2C block", bus.read_i2c_block_data(CHIP, 0x20, 4), [3, 0x11, 0x22, 0x33])
    expect("I2C block of 32", len(bus.read_i2c_block_data(CHIP, 0x20, 32)), 32)
    bus.write_block_data(CHIP, 0x28, [1, 2, 3])
    expect("SMBus block write sends its length", bus.read_i2c_block_data(CHIP, 0x28, 4), [3, 1, 2, 3])
    if int(bus.funcs) & I2C_FUNC_SMBUS_READ_BLOCK_DATA:
        expect("SMBus block read", bus.read_block_data(CHIP, 0x20), [0x11, 0x22, 0x33])
    else:
        expect("SMBus block read is refused", error_of(bus.read_block_data, CHIP, 0x20), "EOPNOTSUPP")


def messages(bus):
    write, read = i2c_msg.write(CHIP, [0x20]), i2c_msg.read(CHIP, 4)
    bus.i2c_rdwr(write, read)
    expect("i2c_rdwr", list(read), [3, 0x11, 0x22, 0x33])
    many = [i2c_msg.read(CHIP, 1) for _ in range(43)]
    expect("i2c_rdwr of 42 messages", error_of(bus.i2c_rdwr, *many[:42]), ("returned", None))
    expect("i2c_rdwr of 43 messages", error_of(bus.i2c_rdwr, *many), "EINVAL")
    expect("i2c_rdwr to nobody", error_of(bus.i2c_rdwr, i2c_msg.read(NOBODY, 1)), "ENXIO")


def packet_errors(bus):
    """With PEC the last byte read is a checksum. This chip knows none: it sends what is stored behind."""
    if not int(bus.funcs) & I2C_FUNC_SMBUS_PEC:
        print("note this adapter has no PEC")
        return
    right = crc8([CHIP << 1, 0x40, CHIP << 1 | 1, 0x99])
    bus.write_i2c_block_data(CHIP, 0x40, [0x99, right])
    bus.pec = 1
    expect("a right checksum", error_of(bus.read_byte_data, CHIP, 0x40), ("returned", 0x99))
    bus.pec = 0
    bus.write_byte_data(CHIP, 0x41, right ^ 1)
    bus.pec = 1
    expect("a wrong checksum", error_of(bus.read_byte_data, CHIP, 0x40), "EBADMSG")
    bus.pec = 0
    expect("without PEC it does not matter", bus.read_byte_data(CHIP, 0x40), 0x99)


def errors(bus):
    expect("read from nobody", error_of(bus.read_byte_data, NOBODY, 0), "ENXIO")
    expect("write to nobody", error_of(bus.write_byte_data, NOBODY, 0, 0), "ENXIO")
    expect("an address beyond 7 bits", error_of(bus.read_byte_data, 0x80, 0), "EINVAL")
    expect("a bus that is not there", error_of(SMBus, 99), "ENOENT")
    expect("and after all that it works", bus.read_byte_data(CHIP, 0x10), 0xAB)


def node(path):
    status = os.stat(path)
    expect("os.stat says a character device", stat.S_ISCHR(status.st_mode), True)
    expect("os.stat says 89:7", (os.major(status.st_rdev), os.minor(status.st_rdev)), (89, 7))
    expect("os.access", os.access(path, os.R_OK | os.W_OK), True)
    expect("os.path.exists of a bus that is not there", os.path.exists("/dev/i2c-99"), False)


def main():
    path = f"/dev/i2c-{BUS}"
    try:
        bus = SMBus(BUS)
    except OSError as error:
        print(f"cannot open {path}: {error.strerror}. Is this running under "
              "'outlive run --device i2c:24c02@0x50,bus=7'?", file=sys.stderr)
        return 2
    with bus:
        node(path)
        for section in (bytes_and_words, blocks, messages, packet_errors, errors):
            try:
                section(bus)
            except OSError as error:
                expect(section.__name__, f"an unexpected {error}", "its end")
    print(f"{counts['ok']} ok, {counts['failed']} failed")
    return 0 if counts["failed"] == 0 and counts["ok"] > 0 else 1


sys.exit(main())
