"""What the programs of the yardstick have in common: a row is a name and an answer.

Each row is one line on standard output: its name, a tab, its answer. Names are unique. An answer is what the call
returned, or the name of its errno; and in braces what it wrote. Calls go to the kernel as they are (syscall(2) by
ctypes), since libraries check arguments of their own. The numbers of system calls are those of x86-64."""

import ctypes
import errno
import os

libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long

READ, WRITE, OPEN, POLL, LSEEK, MMAP, MPROTECT, IOCTL, PREAD, PWRITE = 0, 1, 2, 7, 8, 9, 10, 16, 17, 18
READV, WRITEV, SELECT, FSYNC, FTRUNCATE, SENDFILE, FLOCK = 19, 20, 23, 74, 77, 40, 73
FADVISE, FALLOCATE, FDATASYNC, FCNTL, GETDENTS64, COPY_FILE_RANGE = 221, 285, 75, 72, 217, 326
SPLICE, FGETXATTR, INOTIFY_ADD_WATCH, PREADV, PREADV2, ACCESS = 275, 193, 254, 295, 327, 21

BAD = 8  # an address where nothing is

seen = set()


def word(value):
    """As an argument of a system call: ctypes would cut what is larger than an int."""
    if isinstance(value, (bytes, ctypes.Array, ctypes.Structure)):
        return value if isinstance(value, bytes) else ctypes.byref(value)
    return ctypes.c_ulong(value & (1 << 64) - 1)


def call(number, *arguments):
    """What a system call answers: a number, or the name of the errno."""
    ctypes.set_errno(0)
    answer = libc.syscall(ctypes.c_long(number), *[word(argument) for argument in arguments])
    return error_name(ctypes.get_errno()) if answer == -1 else answer


def error_name(number):
    """As the manual pages call it: two names are one number. 524 is the kernel's own, which it should not show."""
    if number == 524:
        return "ENOTSUPP"
    name = errno.errorcode.get(number, f"errno {number}")
    return {"ENOTSUP": "EOPNOTSUPP", "EWOULDBLOCK": "EAGAIN"}.get(name, name)


def row(name, answer, brought=None):
    """Prints a row. What the call brought is bytes or a text; it counts only if the call succeeded."""
    if name in seen:
        raise SystemExit(f"two rows are called {name!r}")
    seen.add(name)
    if isinstance(brought, (bytes, bytearray)):
        brought = bytes(brought).hex()
    if brought is not None and not isinstance(answer, str):
        answer = f"{answer} {{{brought}}}"
    print(f"{name}\t{answer}", flush=True)


def closed(fd):
    """An open's answer without the number of the descriptor, which is closed."""
    if isinstance(fd, int):
        os.close(fd)
        return "opened"
    return fd


def buffer(size=64, fill=0xEE):
    """Memory whose content shows what was written."""
    return (ctypes.c_ubyte * size).from_buffer_copy(bytes([fill]) * size)
