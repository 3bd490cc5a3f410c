"""Uses a device whose driver is in a server, and another one meanwhile: says how each went.

watcher.py i2c|mtd: up to five reads of /dev/i2c-7 or /dev/mtd0, until it has gone; meanwhile /dev/i2c-8 is read without a
pause. It prints what became of each read, then what an open says, then how the other device did.
"""

import errno
import fcntl
import os
import sys
import threading
import time

I2C_SLAVE = 0x0703
LARGE = 100_000


def opened(path):
    descriptor = os.open(path, os.O_RDWR)
    if "i2c" in path:
        fcntl.ioctl(descriptor, I2C_SLAVE, 0x50)
    return descriptor


def outcome(call):
    try:
        return call()
    except OSError as error:
        return errno.errorcode[error.errno]


def neighbour(said, done):
    descriptor, worst, count = opened("/dev/i2c-8"), 0, 0
    while not done.is_set() or count < 10:
        begin = time.monotonic()
        os.read(descriptor, 1)
        worst = max(worst, time.monotonic() - begin)
        count += 1
    said.append(worst)


def main():
    kind = sys.argv[1]
    path = {"i2c": "/dev/i2c-7", "mtd": "/dev/mtd0"}[kind]
    said, done = [], threading.Event()
    other = threading.Thread(target=neighbour, args=(said, done))
    other.start()
    time.sleep(0.05)
    descriptor = outcome(lambda: opened(path))
    outcomes = []
    for _ in range(5 if isinstance(descriptor, int) else 0):
        if kind == "i2c":
            outcomes.append(outcome(lambda: "read" if len(os.read(descriptor, 1)) == 1 else "short"))
        else:
            right = b"\xff" * LARGE
            outcomes.append(outcome(lambda: "read" if os.pread(descriptor, LARGE, 0) == right else "wrong"))
        if outcomes[-1] in ("ENOTCONN", "ENODEV"):
            break
    print("reads", *outcomes)
    again = outcome(lambda: os.close(os.open(path, os.O_RDWR)))
    print("open", "works" if again is None else again)
    done.set()
    other.join()
    print("other", "answers" if said and said[0] < 2 else f"waited {said}")


main()
