"""Rows of a descriptor whose device goes, by its driver's: `i2c_zombie.py DEVICE REMOVAL`.

REMOVAL is a command for a shell that takes the driver away. Rows say what is as it was while the device was there. The chip at
0x50 is memory; nobody is at 0x51."""

import os
import signal
import subprocess
import sys
import time

import i2c_file
from i2c_smbus import *

POLLED = 0x7FDF


def live(fd):
    """What is compared before and after."""
    functions = buffer(8)
    call(IOCTL, fd, SLAVE, 0x50)
    return {
        "I2C_FUNCS": (call(IOCTL, fd, FUNCS, functions), bytes(functions)),
        "byte data read": smbus(fd, READ_BIT, 3, BYTE_DATA, b""),
        "I2C block read": smbus(fd, READ_BIT, 3, BLOCK, b"\x08"),
        "quick write": smbus(fd, WRITE_BIT, 0, QUICK),
        "poll": i2c_file.poll_bits(fd, POLLED),
    }


def gone(device):
    """Waits until the name is gone, which a removal that waits for us still sees to."""
    end = time.monotonic() + 5
    while os.path.exists(device):
        if time.monotonic() > end:
            raise SystemExit(f"{device} is still there after 5 s")
        time.sleep(0.01)


def ends(process, seconds):
    try:
        process.wait(seconds)
        return "returns"
    except subprocess.TimeoutExpired:
        return "waits"


def state(process):
    """The letter of /proc/PID/stat: D is a sleep that no signal ends."""
    with open(f"/proc/{process.pid}/stat") as text:
        return text.read().rsplit(")", 1)[1].split()[0]


def main(device, removal):
    fd, second = os.open(device, os.O_RDWR), os.open(device, os.O_RDWR)
    before = live(fd)
    began = time.monotonic()
    process = subprocess.Popen(["sh", "-c", removal], close_fds=True)
    gone(device)
    row("zombie: the removal, with a descriptor open", ends(process, 1))
    if process.poll() is None:
        process.send_signal(signal.SIGKILL)
        print(f"note\tthe process that removes is in state {state(process)} after a SIGKILL")
    print(f"note\tasked {time.monotonic() - began:.1f} s ago")
    rows_of_calls("zombie", fd, device, before)
    rows_of_closing("zombie", fd, second, process)


def rows_of_calls(name, fd, device, before):
    for what, answer in live(fd).items():
        row(f"{name}: {what}", "as alive" if answer == before[what] else answer[0], None)
    row(f"{name}: open", closed(call(OPEN, device.encode(), os.O_RDWR, 0)))
    row(f"{name}: reopen by /proc/self/fd", closed(call(OPEN, f"/proc/self/fd/{fd}".encode(), os.O_RDWR, 0)))
    calls(name, fd)
    rows_of_others(name, fd, device)


def rows_of_closing(name, fd, second, process):
    os.close(second)
    row(f"{name}: the removal, after one of two was closed", ends(process, 0.5))
    copy = os.dup(fd)
    row(f"{name}: close", call(3, fd))
    row(f"{name}: a copy, after the original was closed", call(IOCTL, copy, FUNCS, buffer(8)))
    closing = time.monotonic()
    row(f"{name}: close of the last", call(3, copy))
    row(f"{name}: the removal, after the last was closed", ends(process, 5))
    print(f"note\tit ended {(time.monotonic() - closing) * 1000:.0f} ms after the last close")


def calls(name, fd):
    for what, number, argument in (
        ("I2C_SLAVE 0x51", SLAVE, 0x51), ("I2C_SLAVE 0x80", SLAVE, 0x80), ("I2C_SLAVE_FORCE", i2c_file.SLAVE_FORCE, 0x50),
        ("I2C_TENBIT", TENBIT, 0), ("I2C_PEC", PEC, 0), ("I2C_RETRIES", i2c_file.RETRIES, 0),
        ("I2C_RETRIES -1", i2c_file.RETRIES, -1), ("I2C_TIMEOUT", i2c_file.TIMEOUT, 10), ("I2C_FUNCS by a bad pointer", FUNCS, BAD),
        ("I2C_SMBUS by a bad pointer", SMBUS, BAD), ("I2C_RDWR by a bad pointer", i2c_file.RDWR, BAD), ("ioctl 0x709", 0x709, 0),
    ):
        row(f"{name}: {what}", call(IOCTL, fd, number, argument))
    row(f"{name}: byte data write", smbus(fd, WRITE_BIT, 3, BYTE_DATA, b"\x42")[0])
    answer, union = smbus(fd, READ_BIT, 3, BYTE_DATA, b"")
    row(f"{name}: what was written is read", answer, union[:1])
    row(f"{name}: size 9", smbus(fd, READ_BIT, 3, 9, b"")[0])
    call(IOCTL, fd, SLAVE, 0x51)
    row(f"{name}: byte data read without a chip", smbus(fd, READ_BIT, 3, BYTE_DATA, b"")[0])
    call(IOCTL, fd, SLAVE, 0x50)


def rows_of_others(name, fd, device):
    row(f"{name}: read", call(READ, fd, buffer(), 4))
    row(f"{name}: write", call(WRITE, fd, b"\0", 1))
    row(f"{name}: fstat", 0, i2c_file.facts(os.fstat(fd)))
    row(f"{name}: lseek", call(LSEEK, fd, 0, 0))
    row(f"{name}: mmap", call(MMAP, 0, 4096, 1, 1, fd, 0))
    row(f"{name}: poll for nothing", *i2c_file.poll_bits(fd, 0))
    row(f"{name}: fsync", call(FSYNC, fd))
    row(f"{name}: stat", closed(call(ACCESS, device.encode(), 0)))


if __name__ == "__main__":
    main(*sys.argv[1:])
