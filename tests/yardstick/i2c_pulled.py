"""Rows of a descriptor whose device goes, by its hardware's: `i2c_pulled.py DEVICE PULL PLUG`.

PULL is a command for a shell that pulls the device, and ends when it has gone altogether; PLUG is one that plugs another into the
same hub. The chip at 0x50 is memory; nobody is at 0x51; the one at 0x52 answers after a minute, if at all. The adapter knows
plain transfers."""

import glob
import os
import select
import subprocess
import sys
import threading
import time

import i2c_file
import i2c_plain
from i2c_smbus import *
from i2c_zombie import ends, gone, live, rows_of_calls, rows_of_closing

PRI = 2  # what no bus ever says: who waits for it hears of ERR and HUP only
# In seconds: longer than Linux lets the driver wait for the adapter (2), or takes to look at what is plugged in.
SOON = 3
# Who has not been woken by then will not be.
WHILE = 1.5


def asleep(fd, work):
    """Has `work` done on `fd` in a thread, which sleeps meanwhile."""
    answers = []
    thread = threading.Thread(target=lambda: answers.append(work(fd)), daemon=True)
    thread.start()
    return thread, answers


def heard(sleeper, seconds):
    thread, answers = sleeper
    thread.join(seconds)
    return answers[0] if answers else "asleep"


def slow_read(fd):
    call(IOCTL, fd, SLAVE, 0x52)
    began = time.monotonic()
    answer = smbus(fd, READ_BIT, 3, BYTE_DATA, b"")[0]
    print(f"note\tthe transfer that was under way ended {time.monotonic() - began:.1f} s after it began")
    return answer


def sleep_in_poll(fd):
    poll = select.poll()
    poll.register(fd, PRI)
    return "woken" if poll.poll(WHILE * 1000) else "asleep"


def hubs_worker():
    """The letter of /proc/PID/stat of the thread in which the kernel takes care of hubs."""
    for path in glob.glob("/proc/[0-9]*/stat"):
        try:
            with open(path) as text:
                name, _, rest = text.read().partition(")")
        except OSError:  # it has just ended
            continue
        if "usb_hub_wq" in name:
            return rest.split()[0]
    return "none"


def adapters():
    return set(glob.glob("/dev/i2c-*"))


def another(known):
    """Whether an adapter appears that is none of these."""
    end = time.monotonic() + SOON
    while time.monotonic() < end:
        if adapters() - known:
            return "there"
        time.sleep(0.05)
    return "not there"


def transfer_rows(fd):
    functions = buffer(8)
    row("pulled: I2C_FUNCS brings", call(IOCTL, fd, FUNCS, functions), bytes(functions))
    row("pulled: I2C_RDWR, write and read", i2c_plain.rdwr(fd, (0x50, 0, 1, b"\0"), (0x50, i2c_plain.RD, 4, b""))[0])
    row("pulled: I2C_RDWR without a chip", i2c_plain.rdwr(fd, (0x51, 0, 1, b"\0"))[0])
    row("pulled: I2C_RDWR of 43 messages", i2c_plain.rdwr(fd, *[(0x50, i2c_plain.RD, 1, b"")] * 43)[0])
    row("pulled: I2C block write of 33", smbus(fd, WRITE_BIT, 3, BLOCK, b"\x21")[0])
    row("pulled: word data read", smbus(fd, READ_BIT, 3, WORD_DATA, b"")[0])
    row("pulled: byte read", smbus(fd, READ_BIT, 0, BYTE, b"")[0])


def main(device, pull, plug):
    fd, second = os.open(device, os.O_RDWR), os.open(device, os.O_RDWR)
    before, known = live(fd), adapters()
    inside, waiting = asleep(second, slow_read), asleep(fd, sleep_in_poll)
    time.sleep(0.3)
    process = subprocess.Popen(["sh", "-c", pull], close_fds=True)
    gone(device)
    row("pulled: the removal, with a descriptor open", ends(process, 1))
    row("pulled: a transfer that was under way", heard(inside, SOON))
    rows_of_calls("pulled", fd, device, before)
    transfer_rows(fd)
    row("pulled: who sleeps in poll", heard(waiting, SOON))
    subprocess.call(["sh", "-c", plug])
    row("pulled: the next device on the hub, with a descriptor open", another(known))
    print(f"note\tthe kernel's worker for hubs is in state {hubs_worker()}")
    rows_of_closing("pulled", fd, second, process)
    row("pulled: the next device on the hub, after the last was closed", another(known - {device}))


if __name__ == "__main__":
    main(*sys.argv[1:])
