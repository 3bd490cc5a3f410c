"""Rows of a removal while many hold the device: `i2c_holders.py NAME DEVICE REMOVAL COUNT`.

A hundred descriptors are idle, and a process sleeps in poll on one of its own. REMOVAL is a command for a shell that removes
the device; COUNT is one that prints how many users the device is held by. Rows begin with NAME."""

import os
import select
import signal
import subprocess
import sys
import time

from i2c_file import FUNCS, poll_bits
from rows import *

IDLE = 100
# The budget of a removal, 1 s, with what it takes to start a process on a slow machine.
SOON = 2
# Nothing here is ever ready for it: who waits for it sleeps.
POLLPRI = 2


def sleep_in_poll(device, told):
    """The sleeper, in a process of its own: says when it is ready, and what woke it."""
    fd = os.open(device, os.O_RDWR)
    os.write(told, b"ready")
    entry = (ctypes.c_ubyte * 8)(*fd.to_bytes(4, "little"), POLLPRI, 0, 0, 0)
    call(POLL, entry, 1, -1)
    bits = int.from_bytes(bytes(entry)[6:], "little")
    os.write(told, f"woken {bits:#x}, then {call(IOCTL, fd, FUNCS, buffer())}".encode())
    os._exit(0)


def sleeper(device):
    """Its process and what it says, once it sleeps."""
    told, tell = os.pipe()
    process = os.fork()
    if process == 0:
        sleep_in_poll(device, tell)
    os.close(tell)
    assert os.read(told, 64) == b"ready"
    time.sleep(0.2)
    return process, told


def heard(told):
    """What woke the sleeper, if something did: it is told by the removal, and has to get a processor."""
    return os.read(told, 64).decode() if select.select([told], [], [], 1)[0] else "asleep"


def each(answers):
    return " or ".join(sorted({str(answer) for answer in answers}))


def ends(process, seconds):
    try:
        return "returns" if process.wait(seconds) == 0 else "refused"
    except subprocess.TimeoutExpired:
        return "waits"


def shell(command):
    return subprocess.Popen(["sh", "-c", command], close_fds=True)


def main(name, device, removal, count):
    pid, told = sleeper(device)
    held = [os.open(device, os.O_RDWR) for _ in range(IDLE)]
    row(f"{name}: users that are counted", int(subprocess.check_output(["sh", "-c", count])))
    began = time.monotonic()
    process = shell(removal)
    row(f"{name}: the removal, with 100 idle descriptors and a sleeper", ends(process, SOON))
    print(f"note\t{name}: looked at {(time.monotonic() - began) * 1000:.0f} ms after it began")
    row(f"{name}: the sleeper", heard(told))
    row(f"{name}: I2C_FUNCS by each of the 100", each(call(IOCTL, fd, FUNCS, buffer()) for fd in held))
    row(f"{name}: poll on each of the 100", each(poll_bits(fd, 5)[1] for fd in held))
    row(f"{name}: open", closed(call(OPEN, device.encode(), os.O_RDWR, 0)))
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    for fd in held[1:]:
        os.close(fd)
    if process.poll() not in (None, 0):
        process = shell(removal)
    row(f"{name}: the removal, with one descriptor left", ends(process, SOON))
    row(f"{name}: close of the last", call(3, held[0]))
    if process.poll() not in (None, 0):
        process = shell(removal)
    row(f"{name}: the removal, with none left", ends(process, 5))


if __name__ == "__main__":
    main(*sys.argv[1:])
