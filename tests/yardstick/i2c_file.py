"""What any descriptor of an i2c node can do, and what can be set."""

import ctypes
import fcntl
import os
import select
import stat
import struct

from rows import *

RETRIES, TIMEOUT, SLAVE, TENBIT, FUNCS, SLAVE_FORCE, RDWR, PEC = range(0x701, 0x709)
SMBUS = 0x720
O_PATH, O_TMPFILE = 0o10000000, 0o20200000

OPENS = {
    "O_RDONLY": os.O_RDONLY,
    "O_WRONLY": os.O_WRONLY,
    "O_RDWR": os.O_RDWR,
    "access mode 3": 3,
    "O_PATH": O_PATH,
    "O_PATH O_DIRECTORY": O_PATH | os.O_DIRECTORY,
    "O_DIRECTORY": os.O_DIRECTORY,
    "O_NOFOLLOW": os.O_RDWR | os.O_NOFOLLOW,
    "O_CREAT": os.O_RDWR | os.O_CREAT,
    "O_CREAT O_EXCL": os.O_RDWR | os.O_CREAT | os.O_EXCL,
    "O_TRUNC": os.O_RDWR | os.O_TRUNC,
    "O_APPEND": os.O_RDWR | os.O_APPEND,
    "O_NONBLOCK": os.O_RDWR | os.O_NONBLOCK,
    "O_DIRECT": os.O_RDWR | os.O_DIRECT,
    "O_SYNC": os.O_RDWR | os.O_SYNC,
    "O_NOCTTY": os.O_RDWR | os.O_NOCTTY,
    "O_ASYNC": os.O_RDWR | os.O_ASYNC,
    "O_NOATIME": os.O_RDWR | os.O_NOATIME,
    "O_TMPFILE": os.O_RDWR | O_TMPFILE,
    "O_CREAT O_DIRECTORY": os.O_RDWR | os.O_CREAT | os.O_DIRECTORY,
    "an unknown flag": os.O_RDWR | 1 << 29,
}


def open_rows(device):
    path = device.encode()
    for name, flags in OPENS.items():
        row(f"open {name}", closed(call(OPEN, path, flags, 0o600)))
    row("open with a slash behind", closed(call(OPEN, path + b"/", os.O_RDWR, 0)))
    row("open below it", closed(call(OPEN, path + b"/x", os.O_RDWR, 0)))
    row("open //", closed(call(OPEN, path.replace(b"/", b"//"), os.O_RDWR, 0)))
    row("open by ..", closed(call(OPEN, b"/dev/../" + path, os.O_RDWR, 0)))
    row("open by a name of 255", closed(call(OPEN, b"/dev/" + b"x" * 255, os.O_RDWR, 0)))
    row("open by a name of 256", closed(call(OPEN, b"/dev/" + b"x" * 256, os.O_RDWR, 0)))
    row("open a number that is not there", closed(call(OPEN, b"/dev/i2c-4711", os.O_RDWR, 0)))
    row("open by a bad pointer", closed(call(OPEN, BAD, os.O_RDWR, 0)))
    for mode, name in ((os.F_OK, "F_OK"), (os.R_OK, "R_OK"), (os.W_OK, "W_OK"), (os.X_OK, "X_OK"), (8, "8")):
        row(f"access {name}", call(ACCESS, path, mode))


def facts(status):
    kind = "character" if stat.S_ISCHR(status.st_mode) else "other"
    mode, links = stat.S_IMODE(status.st_mode), status.st_nlink
    major = os.major(status.st_rdev)
    return f"{kind} {mode:o} links {links} size {status.st_size} blocks {status.st_blocks} major {major}"


def stat_rows(device, fd):
    row("stat", 0, facts(os.stat(device)))
    row("lstat", 0, facts(os.lstat(device)))
    row("fstat", 0, facts(os.fstat(fd)))
    status, named = os.fstat(fd), os.stat(device)
    row("fstat has the number of the node", int(status.st_rdev == named.st_rdev))
    row("the minor is the number", int(os.minor(status.st_rdev) == int(device.rsplit("-", 1)[1])))
    row("stat says who owns it", 0, f"{named.st_uid} {named.st_gid}")
    row("fstat says the block size", 0, str(status.st_blksize))
    row("readlink /proc/self/fd", int(os.readlink(f"/proc/self/fd/{fd}") == device))
    row("reopen by /proc/self/fd", closed(call(OPEN, f"/proc/self/fd/{fd}".encode(), os.O_RDWR, 0)))
    row("reopen by /dev/fd", closed(call(OPEN, f"/dev/fd/{fd}".encode(), os.O_RDONLY, 0)))
    row("fgetxattr", call(FGETXATTR, fd, b"user.x", buffer(), 8))
    row("getdents64", call(GETDENTS64, fd, buffer(256), 256))


def fcntl_rows(device):
    for name, flags in (("O_RDONLY", 0), ("O_WRONLY", 1), ("O_RDWR", 2), ("access mode 3", 3), ("O_APPEND", 0o2002)):
        fd = call(OPEN, device.encode(), flags, 0)
        row(f"F_GETFL after {name}", oct(call(FCNTL, fd, fcntl.F_GETFL, 0)))
        os.close(fd)
    fd = os.open(device, os.O_RDWR | os.O_NONBLOCK)
    row("F_GETFL after O_NONBLOCK", oct(call(FCNTL, fd, fcntl.F_GETFL, 0)))
    row("F_SETFL 0", call(FCNTL, fd, fcntl.F_SETFL, 0))
    row("F_SETFL O_ASYNC", call(FCNTL, fd, fcntl.F_SETFL, os.O_ASYNC))
    row("F_SETFL O_DIRECT", call(FCNTL, fd, fcntl.F_SETFL, os.O_DIRECT))
    row("F_GETFD", call(FCNTL, fd, fcntl.F_GETFD, 0))
    row("F_SETPIPE_SZ", call(FCNTL, fd, 1031, 4096))
    row("F_GET_SEALS", call(FCNTL, fd, 1034, 0))
    row("F_SETLEASE", call(FCNTL, fd, 1024, fcntl.F_WRLCK))
    row("F_NOTIFY", call(FCNTL, fd, 1026, 1))
    lock = struct.pack("hhqqi4x", fcntl.F_WRLCK, 0, 0, 0, 0)
    row("F_SETLK", call(FCNTL, fd, fcntl.F_SETLK, lock))
    row("flock LOCK_EX", call(FLOCK, fd, fcntl.LOCK_EX | fcntl.LOCK_NB))
    os.close(fd)


def io_rows(fd, readable, writable):
    """Calls that no character device of this kind has, each with an answer of its own."""
    row("lseek SEEK_SET 0", call(LSEEK, fd, 0, os.SEEK_SET))
    row("lseek SEEK_SET 5", call(LSEEK, fd, 5, os.SEEK_SET))
    row("lseek SEEK_CUR", call(LSEEK, fd, 0, os.SEEK_CUR))
    row("lseek SEEK_END", call(LSEEK, fd, 0, os.SEEK_END))
    row("lseek SEEK_DATA", call(LSEEK, fd, 0, os.SEEK_DATA))
    row("lseek 9", call(LSEEK, fd, 0, 9))
    for name, flags in (("shared", 1), ("private", 2), ("no kind", 0)):
        row(f"mmap {name}", call(MMAP, 0, 4096, 1, flags, fd, 0))
    row("mmap of nothing", call(MMAP, 0, 0, 1, 1, fd, 0))
    row("mmap at half a page", call(MMAP, 0, 4096, 1, 1, fd, 2048))
    row("fsync", call(FSYNC, fd))
    row("fdatasync", call(FDATASYNC, fd))
    row("ftruncate", call(FTRUNCATE, fd, 0))
    row("fallocate", call(FALLOCATE, fd, 0, 0, 4096))
    row("fadvise", call(FADVISE, fd, 0, 0, 0))
    row("pread at -1", call(PREAD, fd, buffer(), 1, -1))
    row("pread", call(PREAD, fd, buffer(), 1, 0))
    row("pwrite", call(PWRITE, fd, b"\0", 1, 0))
    row("read from the descriptor for writing", call(READ, writable, buffer(), 1))
    row("write to the descriptor for reading", call(WRITE, readable, b"\0", 1))
    row("readv of no parts", call(READV, fd, 0, 0))
    row("readv of 1025 parts", call(READV, fd, buffer(16 * 1025, 0), 1025))
    row("readv by a bad pointer", call(READV, fd, BAD, 1))
    pipe = os.pipe()
    null = os.open("/dev/null", os.O_RDWR)
    row("sendfile from it", call(SENDFILE, null, fd, 0, 1))
    row("splice from it", call(SPLICE, fd, 0, pipe[1], 0, 1, 0))
    os.write(pipe[1], b"x")
    row("splice to it", call(SPLICE, pipe[0], 0, fd, 0, 1, 0))
    row("copy_file_range from it", call(COPY_FILE_RANGE, fd, 0, null, 0, 1, 0))
    for end in (*pipe, null):
        os.close(end)


def poll_bits(fd, events):
    """What poll says at once."""
    entry = (ctypes.c_ubyte * 8)(*struct.pack("ihh", fd, events, 0))
    answer = call(POLL, entry, 1, 0)
    return answer, hex(struct.unpack("ihh", bytes(entry))[2] & 0xFFFF)


def wait_rows(fd):
    for events in (0, 0x1, 0x2, 0x4, 0x7, 0x7FFF & ~0x20):
        row(f"poll for {events:#x}", *poll_bits(fd, events))
    for name, sets in (("read", ([fd], [], [])), ("write", ([], [fd], [])), ("except", ([], [], [fd]))):
        row(f"select {name}", 0, str([len(ready) for ready in select.select(*sets, 0)]))
    epoll = select.epoll()
    for name, bits in (("EPOLLIN", 1), ("EPOLLET", 1 | 1 << 31), ("nothing", 0)):
        try:
            epoll.register(fd, bits)
            row(f"epoll_ctl {name}", "added")
            epoll.unregister(fd)
        except OSError as error:
            row(f"epoll_ctl {name}", error_name(error.errno))
    epoll.close()


def file_rows(device):
    open_rows(device)
    fd = os.open(device, os.O_RDWR)
    readable, writable = os.open(device, os.O_RDONLY), os.open(device, os.O_WRONLY)
    stat_rows(device, fd)
    fcntl_rows(device)
    io_rows(fd, readable, writable)
    wait_rows(fd)
    path_only = os.open(device, O_PATH)
    row("ioctl by a descriptor of O_PATH", call(IOCTL, path_only, FUNCS, buffer()))
    row("read by a descriptor of O_PATH", call(READ, path_only, buffer(), 1))
    row("I2C_FUNCS by a descriptor for reading", call(IOCTL, readable, FUNCS, buffer()))
    row("I2C_SLAVE by a descriptor for writing", call(IOCTL, writable, SLAVE, 0x50))
    row("ioctl by a closed descriptor", call(IOCTL, 9999, FUNCS, buffer()))
    for held in (fd, readable, writable, path_only):
        os.close(held)


# Ioctls that this file does not have, or that every file has.
OTHERS = {
    "0": 0, "0x700": 0x700, "0x709": 0x709, "0x71f": 0x71F, "0x721": 0x721, "0x7ff": 0x7FF, "0x703 with high bits": 0x10703,
    "_IOR(7, 5, long)": 0x80080705, "_IOW(7, 3, long)": 0x40080703, "TCGETS": 0x5401, "TIOCGWINSZ": 0x5413,
    "FIONREAD": 0x541B, "FIGETBSZ": 2, "FIBMAP": 1, "FS_IOC_GETFLAGS": 0x80086601, "BLKGETSIZE64": 0x80081272, "-1": 0xFFFFFFFF,
}


def setting_rows(device):
    fd = os.open(device, os.O_RDWR)
    for name, slave in (("I2C_SLAVE", SLAVE), ("I2C_SLAVE_FORCE", SLAVE_FORCE)):
        for address in (0, 2, 3, 7, 0x50, 0x51, 0x77, 0x78, 0x7F, 0x80, 0x3FF, 0x400, 0xFFFF, 0x10050, 1 << 32 | 0x50, -1):
            row(f"{name} {address:#x}", call(IOCTL, fd, slave, address))
    functions = buffer(8)
    row("I2C_FUNCS", call(IOCTL, fd, FUNCS, functions), bytes(functions)[::-1])
    row("I2C_FUNCS to a bad pointer", call(IOCTL, fd, FUNCS, BAD))
    row("I2C_FUNCS to a null pointer", call(IOCTL, fd, FUNCS, 0))
    row("I2C_FUNCS to the kernel's half", call(IOCTL, fd, FUNCS, 1 << 63))
    for value in (1, 0, 2, -1):
        row(f"I2C_PEC {value}", call(IOCTL, fd, PEC, value))
    row("I2C_PEC 0 again", call(IOCTL, fd, PEC, 0))
    limits = (0, 1, 3, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 1 << 32, -1)
    for value in limits:
        row(f"I2C_RETRIES {value:#x}", call(IOCTL, fd, RETRIES, value))
    for value in (*limits, 0x7FFFFFFF // 10, 0x7FFFFFFF // 10 + 1):
        row(f"I2C_TIMEOUT {value:#x}", call(IOCTL, fd, TIMEOUT, value))
    call(IOCTL, fd, RETRIES, 0), call(IOCTL, fd, TIMEOUT, 100)
    for name, number in OTHERS.items():
        row(f"ioctl {name}", call(IOCTL, fd, number, buffer()))
    for name, number in (("0x709", 0x709), ("0x5401", 0x5401)):
        row(f"ioctl {name} by a bad pointer", call(IOCTL, fd, number, BAD))
    for value in (1, -1):
        row(f"I2C_TENBIT {value}", call(IOCTL, fd, TENBIT, value))
    for address in (0x50, 0x80, 0x3FF, 0x400, -1):
        row(f"I2C_SLAVE {address:#x} with ten bits", call(IOCTL, fd, SLAVE, address))
    row("I2C_TENBIT 0", call(IOCTL, fd, TENBIT, 0))
    os.close(fd)
