"""Rows of what the file of an input device is, how keys are repeated, and what /sys and /proc show of it."""

import fcntl
import re

import i2c_file
import uinput
from uinput import *

OPENS = {
    "O_RDONLY": os.O_RDONLY,
    "O_WRONLY": os.O_WRONLY,
    "O_RDWR": os.O_RDWR,
    "access mode 3": 3,
    "O_TRUNC": os.O_RDWR | os.O_TRUNC,
    "O_APPEND": os.O_RDWR | os.O_APPEND,
    "O_CREAT": os.O_RDWR | os.O_CREAT,
    "O_CREAT O_EXCL": os.O_RDWR | os.O_CREAT | os.O_EXCL,
    "O_DIRECTORY": os.O_DIRECTORY,
    "O_NONBLOCK": os.O_RDWR | os.O_NONBLOCK,
    "O_PATH": i2c_file.O_PATH,
    "O_SYNC": os.O_RDWR | os.O_SYNC,
    "O_NOATIME": os.O_RDWR | os.O_NOATIME,
    "O_TMPFILE": os.O_RDWR | i2c_file.O_TMPFILE,
}
RATE = 0x40084503
ATTRIBUTES = ("name", "phys", "uniq", "modalias", "properties", "inhibited", "id/bustype", "id/vendor", "id/product",
    "id/version",
              *(f"capabilities/{name}" for name in ("ev", "key", "rel", "abs", "msc", "led", "snd", "ff", "sw")), "uevent", "dev")
DEVICES = {"everything": uinput.everything, "screen": uinput.screen, "simple": uinput.simple}


def file_rows():
    device = uinput.simple()
    path = device.node.encode()
    for name, flags in OPENS.items():
        row(f"input open {name}", closed(call(OPEN, path, flags, 0o600)))
    row("input open with a slash behind", closed(call(OPEN, path + b"/", os.O_RDWR, 0)))
    row("input open by ..", closed(call(OPEN, path.replace(b"input/", b"input/../input/"), os.O_RDWR, 0)))
    for mode, name in ((os.F_OK, "F_OK"), (os.R_OK, "R_OK"), (os.W_OK, "W_OK"), (os.X_OK, "X_OK")):
        row(f"input access {name}", call(ACCESS, path, mode))
    fd = device.open()
    row("input stat", 0, i2c_file.facts(os.stat(device.node)))
    row("input fstat", 0, i2c_file.facts(os.fstat(fd)))
    row("input the minor is by the number", os.minor(os.fstat(fd).st_rdev) - int(re.sub(r"\D", "", device.node)))
    row("input /dev/input has it", int(os.path.basename(device.node) in os.listdir("/dev/input")))
    calls_of_files(fd)
    os.close(fd)
    device.close()


def calls_of_files(fd):
    for whence in (0, 1, 2, 3, 4, 9):
        row(f"input lseek by {whence}", call(LSEEK, fd, 1, whence))
    for name, flags in (("shared", 1), ("private", 2)):
        row(f"input mmap {name}", call(MMAP, 0, 4096, 1, flags, fd, 0))
    row("input fsync", call(FSYNC, fd))
    row("input fdatasync", call(FDATASYNC, fd))
    row("input ftruncate", call(FTRUNCATE, fd, 0))
    row("input fallocate", call(FALLOCATE, fd, 0, 0, 4096))
    row("input fadvise", call(FADVISE, fd, 0, 0, 0))
    row("input getdents64", call(GETDENTS64, fd, buffer(256), 256))
    row("input flock", call(FLOCK, fd, fcntl.LOCK_EX | fcntl.LOCK_NB))
    pipe, null = os.pipe(), os.open("/dev/null", os.O_RDWR)
    os.write(pipe[1], REPORT)
    row("input splice to it", call(SPLICE, pipe[0], 0, fd, 0, 24, 0))
    row("input splice from it", call(SPLICE, fd, 0, pipe[1], 0, 24, 0))
    row("input sendfile from it", call(SENDFILE, null, fd, 0, 24))
    for each in (*pipe, null):
        os.close(each)
    row("input F_GETFL", oct(call(FCNTL, fd, fcntl.F_GETFL, 0)))
    row("input F_SETFL 0", call(FCNTL, fd, fcntl.F_SETFL, 0))
    row("input F_SETFL O_NONBLOCK", call(FCNTL, fd, fcntl.F_SETFL, os.O_NONBLOCK))
    row("input read after it", *read(fd, 24))
    row("input FIONBIO 0", call(IOCTL, fd, 0x5421, memory_of(0)))
    row("input F_GETFL after FIONBIO", oct(call(FCNTL, fd, fcntl.F_GETFL, 0) & os.O_NONBLOCK))
    row("input F_SETFL O_ASYNC", call(FCNTL, fd, fcntl.F_SETFL, os.O_ASYNC))
    row("input F_SETFL O_DIRECT", call(FCNTL, fd, fcntl.F_SETFL, os.O_DIRECT))


def memory_of(number):
    return (ctypes.c_int * 1)(number)


def repeat_rows():
    """A key that is held: the first repeats, and that they end. How many there are is a matter of time."""
    device = uinput.keyboard()
    fd = device.open()

    def held(word, delay, period, seconds, *events):
        row(f"input repeat, {word}: SREP", call(IOCTL, fd, RATE, struct.pack("ii", delay, period)))
        device.send(*events)
        time.sleep(seconds)
        repeats = emptied(fd).split(" ")
        row(f"input repeat, {word}: what comes first", 0, " ".join(repeats[:8]))
        device.send((KEY, KEY_A, 0), (KEY, KEY_B, 0))
        emptied(fd)
        time.sleep(0.1)
        row(f"input repeat, {word}: when it is up", *read(fd))

    held("two at least", 60, 20, 0.4, (KEY, KEY_A, 1))
    held("of two keys", 60, 20, 0.4, (KEY, KEY_A, 1), (KEY, KEY_B, 1))
    held("no period", 60, 0, 0.3, (KEY, KEY_A, 1))
    held("no delay", 0, 20, 0.3, (KEY, KEY_A, 1))
    held("a delay that is longer", 5000, 20, 0.3, (KEY, KEY_A, 1))
    held("once", 60, 5000, 0.4, (KEY, KEY_A, 1))
    os.close(fd)
    device.close()
    device = uinput.simple()
    fd = device.open()
    device.send((KEY, KEY_A, 1))
    time.sleep(0.4)
    row("input repeat, of a device that has none", 0, emptied(fd))
    os.close(fd)
    device.close()


def of_sysfs(text, device):
    """Without what is the machine's own: numbers, and where the device is."""
    number = re.sub(r"\D", "", device.node)
    text = re.sub(r"input\d+", "inputN", text).replace(f"event{number}", "eventN")
    minor = os.minor(os.stat(device.node).st_rdev)
    return text.replace(f"MINOR={minor}", "MINOR=M").replace(f"13:{minor}", "13:M").strip().replace("\n", " | ")


def shown_rows():
    for name, make in DEVICES.items():
        device = make()
        event_name = os.path.basename(device.node)
        place = os.path.realpath(f"/sys/class/input/{event_name}/device")
        word = f"inputshown {name}:"
        for attribute in ATTRIBUTES:
            try:
                with open(f"{place}/{attribute}") as text:
                    row(f"{word} {attribute}", 0, of_sysfs(text.read(), device))
            except OSError as error:
                row(f"{word} {attribute}", error_name(error.errno))
        for attribute in ("dev", "uevent"):
            with open(f"/sys/class/input/{event_name}/{attribute}") as text:
                row(f"{word} {attribute} of the node", 0, of_sysfs(text.read(), device))
        for attribute in ("name", "id/vendor", "capabilities/key"):
            row(f"{word} rights of {attribute}", oct(os.stat(f"{place}/{attribute}").st_mode))
        row(f"{word} subsystem", 0, os.path.basename(os.readlink(f"{place}/subsystem")))
        row(f"{word} subsystem of the node", 0, os.path.basename(os.readlink(f"/sys/class/input/{event_name}/subsystem")))
        number = os.stat(device.node).st_rdev
        char = f"/sys/dev/char/{os.major(number)}:{os.minor(number)}"
        row(f"{word} /sys/dev/char is it", int(os.path.realpath(char) == os.path.realpath(f"/sys/class/input/{event_name}")))
        row(f"{word} the class has both", int({event_name, os.path.basename(place)} <= set(os.listdir("/sys/class/input"))))
        row(f"{word} it is below the device", int(event_name in os.listdir(place)))
        row(f"{word} where it is", 0, of_sysfs(place, device))
        paragraph_rows(word, device, event_name)
        device.close()
        row(f"{word} /proc/bus/input/devices after it", int(bool(paragraph(event_name))))
        row(f"{word} /sys after it", int(os.path.exists(place)))


def paragraph(event_name):
    with open("/proc/bus/input/devices") as text:
        found = [part for part in text.read().split("\n\n") if re.search(rf"Handlers=.*\b{event_name} ", part)]
    return found[0].splitlines() if found else []


def paragraph_rows(word, device, event_name):
    lines = paragraph(event_name)
    row(f"{word} lines of /proc/bus/input/devices", len(lines))
    for index, line in enumerate(lines):
        if line.startswith("H:"):
            line = "H: Handlers=eventN " if f"{event_name} " in line else line
        row(f"{word} line {index} of /proc/bus/input/devices", 0, of_sysfs(line, device))
