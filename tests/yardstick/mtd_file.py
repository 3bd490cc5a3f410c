"""What the file of a flash is, and what it tells of the flash."""

import re

import i2c_file
from mtd_flash import *

OPENS = {
    "O_RDONLY": os.O_RDONLY,
    "O_WRONLY": os.O_WRONLY,
    "O_RDWR": os.O_RDWR,
    "O_TRUNC": os.O_RDWR | os.O_TRUNC,
    "O_APPEND": os.O_RDWR | os.O_APPEND,
    "O_CREAT O_EXCL": os.O_RDWR | os.O_CREAT | os.O_EXCL,
    "O_DIRECTORY": os.O_DIRECTORY,
    "O_NONBLOCK": os.O_RDWR | os.O_NONBLOCK,
    "O_SYNC": os.O_RDWR | os.O_SYNC,
}
OTHERS = {
    "0": 0, "'M' 0": 0x4D00, "'M' 9": 0x4D09, "'M' 27": 0x4D1B, "MEMGETINFO without a size": 0x4D01,
    "MEMERASE to be read": 0x80084D02,
    "TCGETS": 0x5401, "FIONREAD": 0x541B, "BLKGETSIZE64": 0x80081272, "BLKSSZGET": 0x1268, "-1": 0xFFFFFFFF,
}
TOLD = {"MEMGETINFO": (GETINFO, 32), "MEMGETREGIONCOUNT": (GETREGIONCOUNT, 4), "MEMGETOOBSEL": (GETOOBSEL, 200),
        "ECCGETLAYOUT": (ECCGETLAYOUT, 328), "ECCGETSTATS": (ECCGETSTATS, 16)}
DANGEROUS = {"MEMERASE": ERASE, "MEMERASE64": ERASE64, "MEMLOCK": LOCK, "MEMUNLOCK": UNLOCK, "MEMSETBADBLOCK": SETBADBLOCK,
             "MEMWRITEOOB": WRITEOOB, "MEMWRITEOOB64": WRITEOOB64, "MEMWRITE": MEMWRITE, "OTPLOCK": OTPLOCK,
             "OTPERASE": OTPERASE, "BLKRRPART": BLKRRPART}
ATTRIBUTES = ("type", "flags", "size", "erasesize", "writesize", "subpagesize", "oobsize", "oobavail", "numeraseregions", "name",
              "ecc_strength", "ecc_step_size", "bitflip_threshold", "corrected_bits", "ecc_failures", "bad_blocks", "bbt_blocks",
              "offset")


PARTITIONS = (
    ("of 2 blocks", BLOCK, 2 * BLOCK), ("of no bytes", 0, 0), ("at -1", -1, BLOCK), ("of -1 bytes", 0, -1),
    ("over the end", SIZE - BLOCK, SIZE),
    ("with half a block", BLOCK // 2, BLOCK),
)


def file_rows(device, kind):
    path = device.encode()
    for suffix in ("", "ro"):
        for name, flags in OPENS.items():
            row(f"{kind}{suffix} open {name}", closed(call(OPEN, path + suffix.encode(), flags, 0o600)))
    fd = os.open(device, os.O_RDWR)
    for suffix in ("", "ro"):
        row(f"{kind}{suffix} stat", 0, i2c_file.facts(os.stat(device + suffix)))
        minor = os.minor(os.stat(device + suffix).st_rdev)
        row(f"{kind}{suffix} the minor is by the number", minor - 2 * int(re.sub(r"\D", "", device)))
    row(f"{kind} fstat", 0, i2c_file.facts(os.fstat(fd)))
    for events in (0, 0x1, 0x4, 0x5):
        row(f"{kind} poll for {events:#x}", *i2c_file.poll_bits(fd, events))
    for name, flags in (("shared", 1), ("private", 2)):
        row(f"{kind} mmap {name}", call(MMAP, 0, 4096, 1, flags, fd, 0))
    row(f"{kind} fsync", call(FSYNC, fd))
    row(f"{kind} ftruncate", call(FTRUNCATE, fd, 0))
    row(f"{kind} fallocate", call(FALLOCATE, fd, 0, 0, 4096))
    for name, command in OTHERS.items():
        row(f"{kind} ioctl {name}", call(IOCTL, fd, command, buffer()))
    os.close(fd)
    read_only_rows(device, kind)


def read_only_rows(device, kind):
    for name, path in (("a descriptor for reading", device), ("the read-only node", device + "ro")):
        fd = os.open(path, os.O_RDONLY)
        for command, number in DANGEROUS.items():
            row(f"{kind} {command} by {name}", call(IOCTL, fd, number, buffer(64, 0)))
        row(f"{kind} {name}: a bad pointer comes second", call(IOCTL, fd, ERASE, BAD))
        row(f"{kind} write by {name}", call(WRITE, fd, b"\0", 1))
        row(f"{kind} MEMGETINFO by {name}", call(IOCTL, fd, GETINFO, buffer()))
        row(f"{kind} MTDFILEMODE by {name}", call(IOCTL, fd, FILEMODE, 0))
        os.close(fd)
    fd = os.open(device, os.O_WRONLY)
    row(f"{kind} read by a descriptor for writing", call(READ, fd, buffer(), 1))
    row(f"{kind} MEMGETINFO by a descriptor for writing", call(IOCTL, fd, GETINFO, buffer()))
    os.close(fd)


def told_rows(device, kind):
    fd = os.open(device, os.O_RDWR)
    for name, (command, size) in TOLD.items():
        into = buffer(size + 8)
        row(f"{kind} {name}", call(IOCTL, fd, command, into), bytes(into))
        for bad, where in (("bad", BAD), ("null", 0), ("kernel's", 1 << 63)):
            row(f"{kind} {name} to a {bad} pointer", call(IOCTL, fd, command, where))
    for region in (0, 1, 0xFFFFFFFF):
        row(f"{kind} MEMGETREGIONINFO {region}", call(IOCTL, fd, GETREGIONINFO, memory(struct.pack("IIII", 0, 0, 0, region))))
    row(f"{kind} MEMGETREGIONINFO by a bad pointer", call(IOCTL, fd, GETREGIONINFO, BAD))
    for mode in (0, 1, 2, 3, 4, 0x7FFFFFFF, -1, 1 << 32):
        row(f"{kind} MTDFILEMODE {mode:#x}", call(IOCTL, fd, FILEMODE, mode))
        call(IOCTL, fd, FILEMODE, 0)
    for mode in (0, 1, 2, 3, -1):
        row(f"{kind} OTPSELECT {mode}", call(IOCTL, fd, OTPSELECT, memory(struct.pack("i", mode))))
    row(f"{kind} OTPSELECT by a bad pointer", call(IOCTL, fd, OTPSELECT, BAD))
    for name, command in (("OTPGETREGIONCOUNT", OTPGETREGIONCOUNT), ("OTPGETREGIONINFO", OTPGETREGIONINFO), ("OTPLOCK", OTPLOCK),
                          ("OTPERASE", OTPERASE)):
        row(f"{kind} {name}", call(IOCTL, fd, command, buffer()))
        row(f"{kind} {name} by a bad pointer", call(IOCTL, fd, command, BAD))
    row(f"{kind} BLKRRPART", call(IOCTL, fd, BLKRRPART, 0))
    row(f"{kind} BLKPG by a bad pointer", call(IOCTL, fd, BLKPG, BAD))
    for operation in (0, 3, -1):
        partition = memory(struct.pack("qqi64s64s4x", 0, BLOCK, 0, b"x", b""))
        argument = memory(struct.pack("iii4xQ", operation, 0, len(partition), at(partition)))
        row(f"{kind} BLKPG {operation}", call(IOCTL, fd, BLKPG, argument))
    row(f"{kind} BLKPG with a bad pointer within", call(IOCTL, fd, BLKPG, memory(struct.pack("iii4xQ", 1, 0, 152, BAD))))
    for words, start, length in PARTITIONS:
        answer, line, number = part(device, start, length)
        row(f"{kind} BLKPG adds a part {words}", answer, line)
        if number is not None:
            row(f"{kind} BLKPG deletes the part {words}", unpart(device, number))
    partition = memory(struct.pack("qqi64s64s4x", 0, 0, 77, b"", b""))
    row(f"{kind} BLKPG deletes what is not there", call(IOCTL, fd, BLKPG, memory(struct.pack("iii4xQ", 2, 0, 152, at(partition)))))
    os.close(fd)


def shown_rows(device, kind):
    """In /sys and /proc, with N for the number."""
    name = os.path.basename(device)
    number = name.removeprefix("mtd")
    for attribute in ATTRIBUTES:
        try:
            with open(f"/sys/class/mtd/{name}/{attribute}") as text:
                row(f"{kind} /sys {attribute}", 0, text.read().strip())
        except FileNotFoundError:
            row(f"{kind} /sys {attribute}", "ENOENT")
    for path in (f"{name}/dev", f"{name}ro/dev", f"{name}/uevent", f"{name}ro/uevent"):
        with open(f"/sys/class/mtd/{path}") as text:
            text = text.read()
        for minor, word in ((2 * int(number), "2N"), (2 * int(number) + 1, "2N+1")):
            text = text.replace(f"MINOR={minor}\n", f"MINOR={word}\n").replace(f"90:{minor}\n", f"90:{word}")
        row(f"{kind} /sys {path.replace(number, 'N')}", 0, text.replace(name, "mtdN").replace("\n", " ").strip())
    subsystem = os.readlink(f"/sys/class/mtd/{name}/subsystem")
    row(f"{kind} /sys subsystem", 0, subsystem.rsplit("/", 1)[1])
    row(f"{kind} /sys/dev/char", int(os.path.exists(f"/sys/dev/char/90:{2 * int(number)}")))
    with open("/proc/mtd") as text:
        lines = text.read().splitlines()
    row(f"{kind} /proc/mtd begins", 0, lines[0])
    row(f"{kind} /proc/mtd", 0, next(line for line in lines if line.startswith(name)).replace(name, "mtdN"))
