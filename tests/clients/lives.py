"""Uses a device whose driver is in a server through several of its lives, as it is told.

lives.py PATH: each line of its input is a command. `open` opens PATH again, `read N` reads a byte by the Nth file that was
opened, `begin N` does so in a thread and `end` says what became of it. It answers each with a line.
"""

import errno
import fcntl
import os
import sys
import threading

files, slow = [], []
path = sys.argv[1]


def outcome(call):
    try:
        return call()
    except OSError as error:
        return errno.errorcode[error.errno]


def open_again():
    descriptor = os.open(path, os.O_RDWR)
    if "i2c" in path:
        fcntl.ioctl(descriptor, 0x0703, 0x50)
    files.append(descriptor)
    return "opened"


def read(number):
    return outcome(lambda: "read" if len(os.read(files[number], 1)) == 1 else "short")


def begin(number):
    said = []
    thread = threading.Thread(target=lambda: said.append(read(number)))
    thread.start()
    slow.append((thread, said))
    return "begun"


def end():
    thread, said = slow.pop()
    thread.join()
    return said[0]


def tpm(number):
    """A command of 12 bytes, and what comes back."""
    os.write(files[number], bytes([0x80, 1, 0, 0, 0, 12, 0, 0, 1, 0x7B, 0, 8]))
    return os.read(files[number], 4096).hex()


print("ready", flush=True)
for line in sys.stdin:
    word, *numbers = line.split()
    call = {"open": open_again, "read": read, "begin": begin, "end": end, "tpm": tpm}[word]
    print(outcome(lambda: call(*map(int, numbers))), flush=True)
