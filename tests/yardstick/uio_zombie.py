"""Rows of a uio descriptor whose device goes: `uio_zombie.py DEVICE REMOVAL [REGISTERS]`.

REMOVAL is a command for a shell that removes the device. REGISTERS is the memory of qemu's device edu, which raises an interrupt
when told so; without it the device has a clock that does. A count of interrupts is unread as the device goes."""

import mmap
import os
import subprocess
import sys
import time

import i2c_file
from rows import *

EDU_RAISE, EDU_ACKNOWLEDGE = 0x60, 0x64  # docs/specs/edu.rst of qemu
PCI_COMMAND, PCI_COMMAND_INTX_DISABLE = 4, 0x400  # linux/pci_regs.h


def tell_edu(registers):
    """Has edu raise an interrupt. uio_pci_generic masks each that comes, and leaves it to us to let the next one through."""
    file = os.open(registers, os.O_RDWR | os.O_SYNC)
    memory = mmap.mmap(file, 4096)
    # As one access of four bytes, which a slice would not be.
    register = lambda at: ctypes.c_uint32.from_buffer(memory, at)
    register(EDU_ACKNOWLEDGE).value = 0xFFFFFFFF
    config = os.open(os.path.join(os.path.dirname(registers), "config"), os.O_RDWR)
    command = int.from_bytes(os.pread(config, 2, PCI_COMMAND), "little") & ~PCI_COMMAND_INTX_DISABLE
    os.pwrite(config, command.to_bytes(2, "little"), PCI_COMMAND)
    register(EDU_RAISE).value = 1
    os.close(config)
    os.close(file)


def raise_interrupt(fd, registers):
    if registers:
        tell_edu(registers)
    else:
        call(1, fd, (1).to_bytes(4, "little"), 4)
    for _ in range(500):
        if i2c_file.poll_bits(fd, 1)[0] == 1:
            return
        time.sleep(0.01)
    raise SystemExit("no interrupt came")


def main(device, removal, registers=None):
    fd = os.open(device, os.O_RDWR | os.O_NONBLOCK)
    row("board: read without an interrupt", call(READ, fd, buffer(), 4))
    raise_interrupt(fd, registers)
    row("board: poll with a count unread", *i2c_file.poll_bits(fd, 0x7FDF))
    row("board: read of 3 bytes", call(READ, fd, buffer(), 3))
    row("board: ioctl 0x1234", call(IOCTL, fd, 0x1234, buffer()))
    row("board: the removal", subprocess.call(["sh", "-c", removal]))
    row("board: poll, gone", *i2c_file.poll_bits(fd, 0x7FDF))
    row("board: poll for nothing, gone", *i2c_file.poll_bits(fd, 0))
    row("board: read, gone, with a count unread", call(READ, fd, buffer(), 4))
    row("board: read of 3 bytes, gone", call(READ, fd, buffer(), 3))
    row("board: write, gone", call(1, fd, bytes(4), 4))
    row("board: write of 3 bytes, gone", call(1, fd, bytes(3), 3))
    row("board: mmap, gone", call(MMAP, 0, 4096, 1, 1, fd, 0))
    row("board: ioctl 0x1234, gone", call(IOCTL, fd, 0x1234, buffer()))
    row("board: lseek, gone", call(LSEEK, fd, 0, 0))
    row("board: open, gone", closed(call(OPEN, device.encode(), os.O_RDWR, 0)))
    row("board: reopen by /proc/self/fd, gone", closed(call(OPEN, f"/proc/self/fd/{fd}".encode(), os.O_RDWR, 0)))
    row("board: close", call(3, fd))


if __name__ == "__main__":
    main(*sys.argv[1:])
