"""What an updater writes to: bytes, of which a block at a time can be replaced.

This is all that knows about a device. A block is what one write replaces; while it is being written it may hold anything.
"""

import errno
import fcntl
import os
import time

# linux/i2c-dev.h: the address of the chip that read(2) and write(2) of this open file are for.
I2C_SLAVE = 0x0703
# How long an EEPROM may be busy after a write (24C256 data sheet: 5 ms), with room, in seconds.
WRITE_CYCLE = 0.05


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


def open_storage(where):
    """`where`: BUS:ADDRESS, such as /dev/i2c-7:0x50."""
    bus, _, address = where.rpartition(":")
    return Eeprom(bus, int(address, 0))
