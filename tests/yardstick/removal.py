"""What removal does in Linux' subsystems: `removal.py CLASS …`, in a guest, as root.

Each class below has devices that this can make and take away, and calls on them. The rows say which statements of the removal law
(ARCHITECTURE.md) its Linux keeps: `CLASS I15`, and yes or no with what was seen. docs/linux.md has them as a table."""

import fcntl
import glob
import os
import select
import signal
import struct
import subprocess
import sys
import time

import tpm_responder
from rows import *
from uio_zombie import tell_edu

IDLE = 100
NEVER = 0x4000  # an event that no poll operation knows: who waits for it alone hears of ERR and HUP only
HUP_ERR = 0x18
WHILE = 1  # in seconds; who has not been told by then will not be


def shown(answers):
    return " or ".join(sorted({str(answer) for answer in answers}))


def in_process(work):
    """Runs `work` in a process of its own, and gives that and the end of a pipe where its answer comes."""
    told, tell = os.pipe()
    process = os.fork()
    if process == 0:
        os.write(tell, str(work()).encode())
        os._exit(0)
    os.close(tell)
    return process, told


def until_asleep(process, node):
    """Until a process has the node open, besides what it was born with, and sleeps."""
    def state():
        with open(f"/proc/{process}/stat") as text:
            return text.read().rsplit(")", 1)[1].split()[0]

    for _ in range(500):
        opened = [os.readlink(f"/proc/{process}/fd/{fd}") for fd in os.listdir(f"/proc/{process}/fd")]
        if opened.count(node) > IDLE and state() == "S":
            return
        time.sleep(0.01)
    raise SystemExit(f"nobody sleeps on {node}")


def heard(told, limit):
    return os.read(told, 64).decode() if select.select([told], [], [], limit)[0] else None


def poll_for(fd, events, limit):
    entry = (ctypes.c_ubyte * 8)(*struct.pack("ihh", fd, events, 0))
    call(POLL, entry, 1, limit)
    return struct.unpack("ihh", bytes(entry))[2] & 0xFFFF


def appeared(path):
    for _ in range(500):
        if os.path.exists(path):
            return path
        time.sleep(0.01)
    raise SystemExit(f"{path} did not appear")


def brought(pattern, begin):
    """The node that comes when something is begun."""
    before = set(glob.glob(pattern))
    begin()
    for _ in range(500):
        if new := set(glob.glob(pattern)) - before:
            return new.pop()
        time.sleep(0.01)
    raise SystemExit(f"no {pattern} appeared")


def write_to(path, text):
    with open(path, "w") as file:
        file.write(text)


class Evdev:
    """An input device of uinput's, which its owner destroys. It has one key."""

    UI_DEV_CREATE, UI_DEV_DESTROY, UI_SET_EVBIT, UI_SET_KEYBIT = 0x5501, 0x5502, 0x40045564, 0x40045565
    sleeps = True

    def __init__(self):
        self.uinput = os.open("/dev/uinput", os.O_WRONLY)
        fcntl.ioctl(self.uinput, self.UI_SET_EVBIT, 1)
        fcntl.ioctl(self.uinput, self.UI_SET_KEYBIT, 30)
        os.write(self.uinput, b"outlive".ljust(80, b"\0") + bytes(4 * 3 + 4 * 4 * 64 - 4 + 8 - 4))
        self.node = brought("/dev/input/event*", lambda: fcntl.ioctl(self.uinput, self.UI_DEV_CREATE))

    def receive(self):
        """Has it send an event, which stays unread."""
        for kind, code, value in ((1, 30, 1), (0, 0, 0), (1, 30, 0), (0, 0, 0)):
            os.write(self.uinput, struct.pack("qqHHi", 0, 0, kind, code, value))

    def remove(self):
        fcntl.ioctl(self.uinput, self.UI_DEV_DESTROY)

    def read(self, fd):
        return call(READ, fd, buffer(), 24)

    def calls(self, fd):
        return {
            "read": self.read(fd),
            "write": call(1, fd, bytes(24), 24),
            "EVIOCGVERSION": call(IOCTL, fd, 0x80044501, buffer()),
            "EVIOCGID": call(IOCTL, fd, 0x80084502, buffer()),
        }


class Mtd:
    """A partition of mtdram's, which is deleted. Reading and writing it never sleeps."""

    BLKPG, ADD, DELETE = 0x1269, 1, 2
    sleeps = False
    by_the_driver = "read"

    def __init__(self):
        self.node = brought("/dev/mtd[0-9]", lambda: self.partition(self.ADD))
        self.number = int(self.node.removeprefix("/dev/mtd"))

    def partition(self, operation, number=0):
        data = ctypes.create_string_buffer(struct.pack("qqi64s64s4x", 0, 0x10000, number, b"part", b"part"))
        argument = struct.pack("iii4xQ", operation, 0, len(data), ctypes.addressof(data))
        master = os.open("/dev/mtd0", os.O_RDWR)
        fcntl.ioctl(master, self.BLKPG, argument)
        os.close(master)

    def remove(self):
        self.partition(self.DELETE, self.number)

    def calls(self, fd):
        return {"read": call(READ, fd, buffer(), 16), "MEMGETINFO": call(IOCTL, fd, 0x80204D01, buffer())}


class Sg:
    """A disk of scsi_debug's, deleted by sysfs."""

    SG_IO = 0x2285
    sleeps = False

    def __init__(self):
        self.node = brought("/dev/sg*", lambda: write_to("/sys/bus/pseudo/drivers/scsi_debug/add_host", "1"))

    def remove(self):
        write_to(f"/sys/class/scsi_generic/{os.path.basename(self.node)}/device/delete", "1")

    def calls(self, fd):
        command = ctypes.create_string_buffer(6)  # TEST UNIT READY
        # struct sg_io_hdr of scsi/sg.h: no data, a command of six bytes.
        header = struct.pack("iiBBHIQQQIIiQ", ord("S"), -1, 6, 0, 0, 0, 0, ctypes.addressof(command), 0, 1000, 0, 0, 0)
        return {
            "SG_IO": call(IOCTL, fd, self.SG_IO, (ctypes.c_ubyte * 88)(*header)),
            "SG_GET_VERSION_NUM": call(IOCTL, fd, 0x2282, buffer()),
            "write": call(1, fd, bytes(64), 64),
        }


class Uio:
    """qemu's device edu behind uio_pci_generic, unbound."""

    DRIVER = "/sys/bus/pci/drivers/uio_pci_generic"
    sleeps = True

    def __init__(self):
        if not glob.glob(f"{self.DRIVER}/0000:*"):
            try:
                write_to(f"{self.DRIVER}/new_id", "1234 11e8")
            except FileExistsError:
                write_to(f"{self.DRIVER}/bind", self.device)
        Uio.device = os.path.basename(glob.glob(f"{self.DRIVER}/0000:*")[0])
        self.node = appeared("/dev/" + os.listdir(f"/sys/bus/pci/devices/{self.device}/uio")[0])

    def receive(self):
        """Has it raise an interrupt, which nobody takes note of."""
        tell_edu(f"{self.DRIVER}/{self.device}/resource0")
        time.sleep(0.1)

    def remove(self):
        write_to(f"{self.DRIVER}/unbind", self.device)

    def read(self, fd):
        return call(READ, fd, buffer(), 4)

    def calls(self, fd):
        return {
            "read": self.read(fd),
            "write": call(1, fd, bytes(4), 4),
            "mmap": call(MMAP, 0, 4096, 1, 1, fd, 0),
        }


class Drm:
    """qemu's bochs-display, whose driver is unbound."""

    DRIVER = "/sys/bus/pci/drivers/bochs-drm"
    sleeps = True

    def __init__(self):
        if not glob.glob(f"{self.DRIVER}/0000:*"):
            write_to(f"{self.DRIVER}/bind", self.device)
        Drm.device = os.path.basename(glob.glob(f"{self.DRIVER}/0000:*")[0])
        cards = [name for name in os.listdir(f"/sys/bus/pci/devices/{self.device}/drm") if name.startswith("card")]
        self.node = appeared(f"/dev/dri/{cards[0]}")

    def remove(self):
        write_to(f"{self.DRIVER}/unbind", self.device)

    def read(self, fd):
        return call(READ, fd, buffer(1024), 1024)

    def calls(self, fd):
        return {
            "read": self.read(fd),
            "DRM_IOCTL_VERSION": call(IOCTL, fd, 0xC0406400, buffer(64, 0)),
            "DRM_IOCTL_GET_CAP": call(IOCTL, fd, 0xC010640C, struct.pack("QQ", 1, 0)),
            "DRM_IOCTL_MODE_GETRESOURCES": call(IOCTL, fd, 0xC04064A0, buffer(64, 0)),
        }


class Tpm:
    """The TPM of `tpm_responder.py` behind tpm_vtpm_proxy, whose server goes. It has one opener: all descriptors are dups of one,
    which processes inherit. Who sleeps in a call is left out: what a command hears that is under way is the driver's own."""

    sleeps = False

    def __init__(self):
        self.proxy = subprocess.Popen([sys.executable, "tpm_proxy.py"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.node = self.proxy.stdout.readline().decode().strip()
        self.held = []

    def open(self, flags=0):
        self.held.append(os.dup(self.held[0]) if self.held else os.open(self.node, os.O_RDWR | flags))
        return self.held[-1]

    def remove(self):
        os.kill(self.proxy.pid, signal.SIGKILL)
        while "Z" not in open(f"/proc/{self.proxy.pid}/stat").read():  # another process is its parent
            time.sleep(0.01)

    def calls(self, fd):
        answers = {}
        for name, flags in (("write", 0), ("a nonblocking write", os.O_NONBLOCK)):
            fcntl.fcntl(fd, fcntl.F_SETFL, flags)
            answers[name] = call(1, fd, tpm_responder.command(tpm_responder.ECHO), tpm_responder.HEADER.size)
            time.sleep(0.1)
            answers["read after " + name] = call(READ, fd, buffer(), 16)
        return answers


class I2c:
    """The SMBus of qemu's chipset, whose driver is unbound. Nothing that it does sleeps for long."""

    DRIVER, DEVICE = "/sys/bus/pci/drivers/i801_smbus", "0000:00:1f.3"
    sleeps = False
    by_the_driver = "I2C_SMBUS"

    def __init__(self):
        if not os.path.exists(f"{self.DRIVER}/{self.DEVICE}"):
            write_to(f"{self.DRIVER}/bind", self.DEVICE)
        for name in glob.glob("/sys/bus/i2c/devices/i2c-*/name"):
            if "SMBus I801" in open(name).read():
                self.node = appeared("/dev/" + name.split("/")[-2])

    def remove(self):
        write_to(f"{self.DRIVER}/unbind", self.DEVICE)

    def calls(self, fd):
        data = buffer(34)
        smbus = struct.pack("BBxxIQ", 1, 3, 2, ctypes.addressof(data))  # byte data of register 3 is read
        return {
            "I2C_SLAVE": call(IOCTL, fd, 0x703, 0x50),
            "I2C_FUNCS": call(IOCTL, fd, 0x705, buffer(8)),
            "I2C_SMBUS": call(IOCTL, fd, 0x720, smbus),
        }


CLASSES = {"i2c-dev": I2c, "evdev": Evdev, "mtd": Mtd, "tpm": Tpm, "drm": Drm, "sg": Sg, "uio": Uio}


def verdict(name, holds, seen):
    row(name, f"{'yes' if holds else 'no'}, {seen}")


def main(name):
    device = CLASSES[name]()
    opened = getattr(device, "open", lambda flags=0: os.open(device.node, os.O_RDWR | flags))
    held = [opened(os.O_NONBLOCK) for _ in range(IDLE)]
    number = os.fstat(held[0]).st_rdev
    alive = device.calls(held[0])
    print(f"note\t{name}: {device.node}, alive: {alive}")
    if hasattr(device, "receive"):
        device.receive()
    polling = in_process(lambda: f"{poll_for(opened(), NEVER, -1):#x}")
    processes = [polling]
    if device.sleeps:
        sleeping = in_process(lambda: device.read(opened()))
        processes.append(sleeping)
    for process, _ in processes:
        until_asleep(process, device.node)
    time.sleep(0.1)
    removing = in_process(lambda: device.remove() or "returns")
    ended = heard(removing[1], 2 * WHILE)
    verdict(f"{name} I1", ended, ended or "it waits")
    if device.sleeps:
        woken = heard(sleeping[1], WHILE)
        verdict(f"{name} I2", woken, f"the reader hears {woken}" if woken else "the reader sleeps on")
    rows_of_zombie(name, device, held[0], polling)
    stale = [closed(call(OPEN, path.encode(), os.O_RDWR, 0)) for path in (device.node, f"/proc/self/fd/{held[0]}")]
    verdict(f"{name} I25", "opened" not in stale, f"{stale[0]} by name, {stale[1]} by descriptor")
    if ended:
        again = os.stat(CLASSES[name]().node).st_rdev
        verdict(f"{name} I27", again != number, "the next has " + ("the same" if again == number else "another"))
    for process, _ in [*processes, removing]:
        os.kill(process, signal.SIGKILL)


def rows_of_zombie(name, device, fd, polling):
    answers = device.calls(fd)
    print(f"note\t{name}: gone: {answers}")
    errors = {answer for answer in answers.values() if isinstance(answer, str)}
    verdict(f"{name} I15", len(set(answers.values())) == 1 and errors, shown(answers.values()))
    successes = [call for call, answer in answers.items() if not isinstance(answer, str)]
    verdict(f"{name} I16", not successes, ", ".join(successes) if successes else "none")
    if hasattr(device, "receive"):
        verdict(f"{name} I18", "read" in successes, f"{answers['read']} with an event unread")
    if hasattr(device, "by_the_driver"):
        reached = device.by_the_driver in successes
        verdict(f"{name} I8", not reached, f"the driver carries out {device.by_the_driver}" if reached else "it is not")
    bits, woken = poll_for(fd, 0x5, 0), heard(polling[1], WHILE)
    told = bits & HUP_ERR == HUP_ERR and woken is not None
    verdict(f"{name} I19", told, f"{bits:#x}, and who slept in it {'hears ' + woken if woken else 'sleeps on'}")


if __name__ == "__main__":
    for name in sys.argv[1:]:
        main(name)
