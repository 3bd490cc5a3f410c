"""Makes input devices, and has them go in every way there is, while others use them: makers.py SECONDS.

Prints nothing but what should not have happened, and how many devices there were.
"""

import errno
import fcntl
import os
import random
import signal
import struct
import sys
import threading
import time

UI_DEV_CREATE, UI_DEV_DESTROY, UI_DEV_SETUP, UI_GET_SYSNAME = 0x5501, 0x5502, 0x405C5503, 0x8020552C
UI_SET_EVBIT, UI_SET_KEYBIT, UI_SET_FFBIT = 0x40045564, 0x40045565, 0x4004556B
EVIOCSFF = 0x40304580
EV_KEY, EV_FF, FF_RUMBLE, KEY_A = 1, 0x15, 0x50, 30
# What is there no more, or not yet.
GONE = (errno.ENODEV, errno.ENOENT)


def tell(*words):
    os.write(1, (" ".join(map(str, words)) + "\n").encode())


def make():
    """A device that can rumble: its descriptor and its node."""
    fd = os.open("/dev/uinput", os.O_RDWR)
    fcntl.ioctl(fd, UI_SET_EVBIT, EV_KEY)
    fcntl.ioctl(fd, UI_SET_KEYBIT, KEY_A)
    fcntl.ioctl(fd, UI_SET_EVBIT, EV_FF)
    fcntl.ioctl(fd, UI_SET_FFBIT, FF_RUMBLE)
    fcntl.ioctl(fd, UI_DEV_SETUP, struct.pack("4H80sI", 3, 1, 2, 3, b"one of many", 16))
    fcntl.ioctl(fd, UI_DEV_CREATE)
    name = fcntl.ioctl(fd, UI_GET_SYSNAME, bytes(32)).split(b"\0")[0].decode()
    return fd, "/dev/input/event" + name.removeprefix("input")


def upload(device):
    """Waits for a maker who does not answer."""
    try:
        fcntl.ioctl(device, EVIOCSFF, bytearray(struct.pack("<Hh44x", FF_RUMBLE, -1)))
        tell("somebody took the effect")
    except OSError as error:
        if error.errno not in GONE:
            tell("upload", error)


def use(path):
    """Reads until the device goes."""
    try:
        device = os.open(path, os.O_RDWR)
        threading.Thread(target=upload, args=[device], daemon=True).start()
        while True:
            os.read(device, 24)
    except OSError as error:
        if error.errno not in GONE:
            tell("use", error)
    os._exit(0)


def go(fd, user):
    """The device goes in one way or another."""
    way = random.randrange(4)
    if way == 0:
        fcntl.ioctl(fd, UI_DEV_DESTROY)
    elif way == 1:
        os.kill(user, signal.SIGKILL)
    elif way == 2:
        last = os.fork()
        if last == 0:
            time.sleep(600)
        os.close(fd)
        os.kill(last, signal.SIGKILL)
        os.waitpid(last, 0)
        return
    os.close(fd)


def work(until):
    """Makes one after the other; how many."""
    count = 0
    while time.monotonic() < until:
        try:
            fd, path = make()
        except OSError as error:
            if error.errno not in GONE:
                tell("make", error)
            continue
        count += 1
        user = os.fork()
        if user == 0:
            os.close(fd)
            use(path)
        try:
            for value in range(random.randrange(20)):
                key = struct.pack("qqHHi", 0, 0, EV_KEY, KEY_A, value & 1)
                os.write(fd, key + bytes(24))
        except OSError as error:
            if error.errno not in GONE:
                tell("write", error)
        go(fd, user)
        begin = time.monotonic()
        os.waitpid(user, 0)
        if time.monotonic() - begin > 20:
            tell("who used it did not hear of its end")
    return count


def main():
    until = time.monotonic() + float(sys.argv[1])
    makers = []
    for _ in range(4):
        maker = os.fork()
        if maker == 0:
            os._exit(0 if work(until) > 3 else 1)
        makers.append(maker)
    few = [maker for maker in makers if os.waitpid(maker, 0)[1] != 0]
    tell("few were made by", len(few))


main()
