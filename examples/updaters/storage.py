"""What an updater writes to: bytes, of which a block at a time can be replaced.

This is all that knows about a device. A block is what one write replaces; while it is being written it may hold anything.
"""

import errno
import fcntl
import os
import struct
import time

# linux/i2c-dev.h: the address of the chip that read(2) and write(2) of this open file are for.
I2C_SLAVE = 0x0703
# How long an EEPROM may be busy after a write (24C256 data sheet: 5 ms), with room, in seconds.
WRITE_CYCLE = 0.05

# mtd/mtd-abi.h: struct mtd_info_user (type, flags, size, erasesize, writesize, oobsize, padding), and what gives it.
INFO = struct.Struct("=B3xIIIIIQ")
MEMGETINFO = 0x80204D01
# struct erase_info_user (start, length), and what erases that.
ERASE = struct.Struct("=II")
MEMERASE = 0x40084D02


class Eeprom:
    """An EEPROM of 32 KiB on an I2C bus (24C256): pages of 64 bytes, written at the stop condition."""

    size = 32 * 1024
    block = 64

    def __init__(self, bus, address):
        self.bus = os.open(bus, os.O_RDWR | os.O_CLOEXEC)
        try:
            fcntl.ioctl(self.bus, I2C_SLAVE, address)
        except OSError:
            os.close(self.bus)
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        os.close(self.bus)

    def read(self, at, size):
        self._send(at, b"")
        return os.read(self.bus, size)

    def write(self, at, data):
        """Writes whole blocks, one after the other; the last one is filled up with 0xff."""
        assert at % self.block == 0
        for start in range(0, len(data), self.block):
            self._send(at + start, data[start : start + self.block].ljust(self.block, b"\xff"))

    def _send(self, at, data):
        """A write, which the chip does not acknowledge as long as it is busy with the one before: ENXIO."""
        deadline = time.monotonic() + WRITE_CYCLE
        while True:
            try:
                os.write(self.bus, at.to_bytes(2, "big") + data)
                return
            except OSError as error:
                if error.errno != errno.ENXIO or time.monotonic() > deadline:
                    raise


class Flash:
    """A flash, or a partition of one: a block is an erase block, which is erased before it is programmed."""

    def __init__(self, path):
        self.flash = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        try:
            info = INFO.unpack(fcntl.ioctl(self.flash, MEMGETINFO, bytes(INFO.size)))
        except OSError:
            os.close(self.flash)
            raise
        _, _, self.size, self.block, self.page, _, _ = info

    def __enter__(self):
        return self

    def __exit__(self, *_):
        os.close(self.flash)

    def read(self, at, size):
        return os.pread(self.flash, size, at)

    def write(self, at, data):
        """Writes blocks, one after the other; what is left of the last one is erased."""
        assert at % self.block == 0
        for start in range(0, len(data), self.block):
            piece = data[start : start + self.block]
            # Whole pages are programmed, where the flash has such.
            piece += b"\xff" * (-len(piece) % self.page)
            fcntl.ioctl(self.flash, MEMERASE, ERASE.pack(at + start, self.block))
            if os.pwrite(self.flash, piece, at + start) != len(piece):
                raise OSError(errno.EIO, "not all of a block was programmed")


def open_storage(where):
    """`where`: a flash such as /dev/mtd0, or an EEPROM as BUS:ADDRESS, such as /dev/i2c-7:0x50."""
    if where.startswith("/dev/mtd"):
        return Flash(where)
    bus, _, address = where.rpartition(":")
    return Eeprom(bus, int(address, 0))
