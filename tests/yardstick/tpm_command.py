"""What the rows of /dev/tpmN have in common: a descriptor, commands of `tpm_responder.py`, and responses in a few letters."""

import os
import time

import i2c_file
from rows import *
from sleeper import asleep, heard
from tpm_responder import *

SIZE = 4096  # TPM_BUFSIZE of drivers/char/tpm/tpm.h: no command and no response is longer
# Seconds: what takes longer was not at once; a command that is late.
SHORT, LONG = 0.4, 1.0


def opening(device, flags=os.O_RDWR):
    """What open says once nobody has the device: whoever had it may still be on the way out."""
    for _ in range(500):
        fd = call(OPEN, device.encode(), flags, 0o600)
        if fd != "EBUSY":
            break
        time.sleep(0.01)
    return fd


def opened(device, flags=os.O_RDWR):
    """A descriptor."""
    fd = opening(device, flags)
    if isinstance(fd, str):
        raise SystemExit(f"{device} cannot be opened: {fd}")
    return fd


def with_number(code, *numbers):
    return command(code, b"".join(struct.pack(">I", number) for number in numbers))


def write(fd, text, length=None):
    return call(WRITE, fd, text, len(text) if length is None else length)


def read(fd, length=SIZE):
    """The answer, and what it brought: its first and last bytes, since responses are long."""
    into = buffer(length + 4)
    answer = call(READ, fd, into, length)
    return answer, brief(bytes(into), answer)


def brief(text, length):
    """What was written, and whether that was all."""
    if isinstance(length, str):
        return None
    written = text[:length].hex()
    beyond = "" if set(text[length:]) <= {0xEE} else " and more"
    return (written if length <= 32 else f"{written[:32]}..{written[-16:]}") + beyond


def poll(fd):
    return i2c_file.poll_bits(fd, 0x7FDF)


def polled(fd, events, milliseconds):
    """What poll says in the end, if it waits for so long."""
    entry = (ctypes.c_ubyte * 8)(*struct.pack("ihh", fd, events, 0))
    answer = call(POLL, entry, 1, milliseconds)
    return f"{answer} {struct.unpack('ihh', bytes(entry))[2] & 0xFFFF:#x}"


def vector(*parts):
    """struct iovec, as many as there are parts."""
    kept = [part if isinstance(part, ctypes.Array) else (ctypes.c_ubyte * len(part)).from_buffer_copy(part) for part in parts]
    places = b"".join(struct.pack("QQ", ctypes.addressof(part), len(part)) for part in kept)
    vector.kept = kept
    return places, len(parts)


def emptied(fd):
    """Until there is no response to be read."""
    for _ in range(500):
        if isinstance(read(fd)[0], int) and i2c_file.poll_bits(fd, 4) == (1, "0x4"):
            return
        time.sleep(0.01)
    raise SystemExit("there is always something to be read")


def count(fd):
    """How many commands of the rows reached the TPM."""
    emptied(fd)
    write(fd, command(COUNT))
    into = buffer(SIZE)
    call(READ, fd, into, SIZE)
    return struct.unpack_from(">I", bytes(into), HEADER.size)[0]


def words(answer):
    return " ".join(str(word) for word in answer if word is not None)


def timed(work):
    """What it answers, and whether that took as long as a command that is late: an answer in words."""
    began = time.monotonic()
    answer = work()
    answer = words(answer) if isinstance(answer, tuple) else answer
    return f"{answer}, {'at once' if time.monotonic() - began < SHORT else 'late'}"
