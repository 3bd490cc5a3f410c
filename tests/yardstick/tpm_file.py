"""What the file of a TPM is, and what is told of it in /sys."""

import fcntl

from tpm_command import *

OPENS = {
    "O_RDONLY": os.O_RDONLY,
    "O_WRONLY": os.O_WRONLY,
    "O_RDWR": os.O_RDWR,
    "access mode 3": 3,
    "O_TRUNC": os.O_RDWR | os.O_TRUNC,
    "O_APPEND": os.O_RDWR | os.O_APPEND,
    "O_CREAT O_EXCL": os.O_RDWR | os.O_CREAT | os.O_EXCL,
    "O_DIRECTORY": os.O_DIRECTORY,
    "O_NONBLOCK": os.O_RDWR | os.O_NONBLOCK,
    "O_PATH": os.O_RDWR | i2c_file.O_PATH,
}
IOCTLS = {
    "0": 0, "0xa100": 0xA100, "VTPM_PROXY_IOC_NEW_DEV": 0xC014A100, "TCGETS": 0x5401, "FIONREAD": 0x541B,
    "FIGETBSZ": 2, "BLKGETSIZE64": 0x80081272, "-1": 0xFFFFFFFF,
}
ATTRIBUTES = ("dev", "uevent", "tpm_version_major", "active", "caps", "cancel", "durations", "enabled", "owned", "pcrs", "pubek",
              "temp_deactivated", "timeouts", "pcr-sha256/0", "device", "ppi/version")


def file_rows(device):
    path = device.encode()
    for name, flags in OPENS.items():
        row(f"tpm open {name}", closed(opening(device, flags)))
    row("tpm open, with a slash behind", closed(call(OPEN, path + b"/", os.O_RDWR, 0)))
    one_opener_rows(device, path)
    fd = opened(device)
    row("tpm stat", 0, i2c_file.facts(os.stat(device)))
    row("tpm fstat", 0, i2c_file.facts(os.fstat(fd)))
    row("tpm minor", os.minor(os.stat(device).st_rdev))
    calls_of_files(fd)
    os.close(fd)


def one_opener_rows(device, path):
    fd = opened(device)
    for name, flags in (("O_RDWR", 2), ("O_RDONLY", 0), ("O_NONBLOCK", 0o4002), ("O_PATH", i2c_file.O_PATH), ("O_TRUNC", 0o1002)):
        row(f"tpm a second open, {name}", closed(call(OPEN, path, flags, 0)))
    row("tpm a second open, by /proc/self/fd", closed(call(OPEN, f"/proc/self/fd/{fd}".encode(), 2, 0)))
    row("tpm the first goes on", write(fd, command(ECHO, b"1")))
    row("tpm a second open, with a response unread", closed(call(OPEN, path, 2, 0)))
    other = os.dup(fd)
    os.close(fd)
    row("tpm a second open, with a dup open", closed(call(OPEN, path, 2, 0)))
    row("tpm the dup has the response", *read(other))
    child = os.fork()
    if child == 0:
        time.sleep(SHORT)
        os._exit(0)
    os.close(other)
    row("tpm a second open, with a child that has it", closed(call(OPEN, path, 2, 0)))
    os.waitpid(child, 0)
    fd = opened(device)
    write(fd, command(ECHO, b"2"))
    os.close(fd)
    fd = opened(device)
    row("tpm a response is not the next opener's", *read(fd))
    os.close(fd)


def calls_of_files(fd):
    row("tpm lseek", call(LSEEK, fd, 0, os.SEEK_SET))
    row("tpm lseek by 1", call(LSEEK, fd, 1, os.SEEK_CUR))
    row("tpm mmap", call(MMAP, 0, 4096, 1, 1, fd, 0))
    row("tpm fsync", call(FSYNC, fd))
    row("tpm ftruncate", call(FTRUNCATE, fd, 0))
    row("tpm fallocate", call(FALLOCATE, fd, 0, 0, 4096))
    for name, number in IOCTLS.items():
        row(f"tpm ioctl {name}", call(IOCTL, fd, number, buffer()))
        row(f"tpm ioctl {name} by a bad pointer", call(IOCTL, fd, number, BAD))
    passing_rows(fd)
    row("tpm F_GETFL", oct(call(FCNTL, fd, fcntl.F_GETFL, 0)))
    row("tpm F_SETFL O_ASYNC", call(FCNTL, fd, fcntl.F_SETFL, os.O_ASYNC))
    row("tpm F_SETFL 0", call(FCNTL, fd, fcntl.F_SETFL, 0))


def passing_rows(fd):
    """Ways to read and write that need more of a file than it has."""
    pipe, null = os.pipe(), os.open("/dev/null", os.O_RDWR)
    os.write(pipe[1], command(ECHO))
    row("tpm splice to it", call(SPLICE, pipe[0], 0, fd, 0, HEADER.size, 0))
    write(fd, command(ECHO))
    row("tpm splice from it", call(SPLICE, fd, 0, pipe[1], 0, SIZE, 0))
    row("tpm sendfile from it", call(SENDFILE, null, fd, 0, SIZE))
    parts = vector(buffer(32))
    row("tpm preadv2 that may not wait", call(PREADV2, fd, *parts, -1, -1, 8))
    row("tpm preadv2 without a position", call(PREADV2, fd, *parts, -1, -1, 0))
    emptied(fd)
    for end in (*pipe, null):
        os.close(end)


def shown_rows(device):
    """In /sys; ppi and the banks of PCRs are of those that have them."""
    name = os.path.basename(device)
    for attribute in ATTRIBUTES:
        try:
            with open(f"/sys/class/tpm/{name}/{attribute}") as text:
                row(f"tpm /sys {attribute}", 0, text.read().replace("\n", " ").strip())
        except OSError as error:
            row(f"tpm /sys {attribute}", error_name(error.errno))
    for attribute in ("dev", "tpm_version_major"):
        path = f"/sys/class/tpm/{name}/{attribute}".encode()
        row(f"tpm /sys rights of {attribute}", oct(os.stat(path).st_mode))
    row("tpm /sys subsystem", 0, os.readlink(f"/sys/class/tpm/{name}/subsystem").rsplit("/", 1)[1])
    row("tpm /sys class", 0, " ".join(sorted(os.listdir("/sys/class/tpm"))))
    row("tpm /sys where it is", 0, os.path.realpath(f"/sys/class/tpm/{name}"))
    row("tpm /sys/dev/char", 0, os.path.realpath("/sys/dev/char/10:224"))
