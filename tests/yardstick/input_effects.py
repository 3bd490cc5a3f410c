"""Rows of force feedback: a client on the one side, a program that plays the device on the other."""

import select
import threading

import uinput
from input_told import POINTERS, ask, evioc
from input_write import put
from uinput import *

SEND, REMOVE, COUNT = evioc(WRITES, 0x80, 48), evioc(WRITES, 0x81, 4), evioc(READS, 0x84, 4)
EFFECTS = 3


def effect(kind=RUMBLE, number=-1, direction=0x4000, trigger=(0, 0), replay=(100, 0), of_kind=(0x8000, 0x4000)):
    """struct ff_effect"""
    words = struct.pack(f"{len(of_kind)}H", *[word & 0xFFFF for word in of_kind])
    return (ctypes.c_ubyte * 48).from_buffer_copy(
        struct.pack("HhH2H2H", kind, number, direction, *trigger, *replay).ljust(16, b"\0") + words.ljust(32, b"\0"))


class Player:
    """Answers what clients ask of the device, as `says`, and keeps what it was asked."""

    def __init__(self, device):
        self.device, self.heard, self.says = device, [], 0
        self.marker, self.marks = device.open(), 0x100
        self.ended, self.end = os.pipe()
        self.thread = threading.Thread(target=self.play, daemon=True)
        self.thread.start()

    def play(self):
        while self.ended not in select.select([self.device.fd, self.ended], [], [])[0]:
            into = buffer(24)
            if call(READ, self.device.fd, into, 24) != 24:
                continue
            kind, code, value = EVENT.unpack(bytes(into))[2:]
            if kind == UINPUT:
                self.answer(code, value)
            else:
                self.heard.append(f"{kind:x}:{code:x}:{value}")

    def answer(self, code, value):
        begin, end, size = (BEGIN_UPLOAD, END_UPLOAD, 104) if code == UPLOAD else (BEGIN_ERASE, END_ERASE, 12)
        asked = buffer(size, 0)
        asked[:4] = value.to_bytes(4, "little")
        answer = call(IOCTL, self.device.fd, begin, asked)
        told = bytes(asked)
        self.heard.append(f"{'upload' if code == UPLOAD else 'erase'} {answer} {told[4:].hex()}")
        asked[4:8] = struct.pack("i", self.says)
        self.heard.append(str(call(IOCTL, self.device.fd, end, asked)))

    def told(self, count=0):
        """What it was asked since: so much at least, and all that came before a mark."""
        self.until(lambda: len(self.heard) >= count)
        self.marks += 1
        mark = f"{FF:x}:{GAIN:x}:{self.marks}"
        put(self.marker, [(FF, GAIN, self.marks), (SYN, 0, 0)])
        self.until(lambda: mark in self.heard)
        heard, self.heard = self.heard, []
        return " ".join(each for each in heard if each != mark)

    @staticmethod
    def until(there):
        deadline = time.monotonic() + 3
        while not there() and time.monotonic() < deadline:
            time.sleep(0.001)

    def stop(self):
        os.write(self.end, b"x")
        self.thread.join()
        os.close(self.marker)


UPLOADS = {
    "the first": effect(),
    "the second, with a button": effect(trigger=(KEY_A, 500), replay=(0xFFFF, 10)),
    "a periodic one": effect(PERIODIC, of_kind=(0x5A, 100, 0x7FFF, 0, 0)),
    "one too many": effect(),
    "the first again": effect(number=0, of_kind=(1, 2)),
    "the first as periodic": effect(PERIODIC, 0, of_kind=(0x5A, 1)),
    "the third as rumble": effect(number=2),
    "one that is not there": effect(number=7),
    "one below -1": effect(number=-2),
    "a kind that it has not": effect(CONSTANT),
    "a waveform that it has not": effect(PERIODIC, of_kind=(0x5B, 1)),
    "a waveform that there is not": effect(PERIODIC, of_kind=(0x50, 1)),
    "kind 0": effect(0),
    "kind 0x58, a waveform": effect(0x58),
    "kind 0x60, the gain": effect(GAIN),
    "kind 0xffff": effect(0xFFFF),
}
PLAYED = {
    "the first": (FF, 0, 1), "it twice": (FF, 0, 2), "its end": (FF, 0, 0), "times below 0": (FF, 0, -1),
    "one that is not there": (FF, 9, 1), "the gain": (FF, GAIN, 0x8000), "too much gain": (FF, GAIN, 0x10000),
    "gain below 0": (FF, GAIN, -1),
    "autocenter, which it has not": (FF, AUTOCENTER, 1), "code 0x7f": (FF, 0x7F, 1), "code 0x80": (FF, 0x80, 1),
    "status": (FF_STATUS, 0, 1),
}


def upload_rows(fd, player):
    row("input effects: GEFFECTS", *ask(fd, READS, 0x84, 4))
    for name, asked in UPLOADS.items():
        asked = (ctypes.c_ubyte * 48).from_buffer_copy(asked)
        row(f"input effects: upload of {name}", call(IOCTL, fd, SEND, asked), bytes(asked))
        row(f"input effects: what the device hears of {name}", 0, player.told())
    for where, pointer in POINTERS.items():
        row(f"input effects: upload by a {where} pointer", call(IOCTL, fd, SEND, pointer))
    for size in (0, 1, 47, 49, 64):
        row(f"input effects: upload of {size} bytes", call(IOCTL, fd, evioc(WRITES, 0x80, size), effect(number=0)))
    row("input effects: nothing of those is heard", 0, player.told())


def play_rows(fd, other, player):
    for name, played in PLAYED.items():
        for who, where in (("its owner", fd), ("the other", other)):
            row(f"input effects: {who} plays {name}", put(where, [played, (SYN, 0, 0)]))
            row(f"input effects: {who} reads of {name}", *read(where))
            row(f"input effects: the device hears {name} of {who}", 0, player.told())
            emptied(fd)
            emptied(other)


def erase_rows(fd, other, player):
    for name, where, number in (
        ("the other's", other, 0), ("one that is not there", fd, 9), ("number -1", fd, -1), ("its own", fd, 0),
        ("it again", fd, 0),
        ("number 1 << 32", fd, 1 << 32),
    ):
        row(f"input effects: erasing {name}", call(IOCTL, where, REMOVE, number))
        row(f"input effects: what the device hears of erasing {name}", 0, player.told())
    row("input effects: the other's upload of the second", call(IOCTL, other, SEND, effect(number=1)))
    asked = effect()
    row("input effects: the other's own", call(IOCTL, other, SEND, asked), bytes(asked)[:8])
    row("input effects: what the device hears of it", 0, player.told())
    os.close(other)
    row("input effects: what the device hears of the close", 0, player.told(3))


def error_rows(fd, player):
    for says in (-5, -22, -28, -511, -512, -1000, 5, 1):
        player.says = says
        asked = effect()
        row(f"input effects: upload, and the device says {says}", call(IOCTL, fd, SEND, asked), bytes(asked)[:8])
        player.says = 0
        player.told()
        call(IOCTL, fd, REMOVE, 0)
        row(f"input effects: erasing it after {says}", 0, player.told())
    asked = effect(number=1)
    player.says = -5
    row("input effects: an update, and the device says -5", call(IOCTL, fd, SEND, asked))
    row("input effects: erasing, and the device says -5", call(IOCTL, fd, REMOVE, 1))
    player.says = 0
    player.told()
    row("input effects: erasing it once more", call(IOCTL, fd, REMOVE, 1))
    row("input effects: what the device hears of that", 0, player.told())


def without_rows():
    """Of a device that has none, or none that can be kept."""
    device = uinput.simple()
    fd = device.open()
    for name, command, argument in (("SFF", SEND, effect()), ("RMFF", REMOVE, 0), ("GEFFECTS", COUNT, buffer()),
        ("SFF by a bad pointer", SEND, BAD)):
        row(f"input without effects: {name}", call(IOCTL, fd, command, argument))
    row("input without effects: playing", put(fd, [(FF, 0, 1), (SYN, 0, 0)]))
    os.close(fd)
    device.close()


def effect_rows():
    device = Device({FF: [RUMBLE, PERIODIC, 0x5A, GAIN]}, effects=EFFECTS, name=b"outlive pad")
    player = Player(device)
    fd, other = device.open(), device.open()
    for size in (1, 8, 16, 17):
        row(f"input effects: GBIT of {size} bytes", *ask(fd, READS, 0x20 + FF, size))
    upload_rows(fd, player)
    play_rows(fd, other, player)
    erase_rows(fd, other, player)
    error_rows(fd, player)
    call(IOCTL, fd, SEND, effect())
    player.told()
    os.close(fd)
    row("input effects: what the device hears of the last close", 0, player.told(6))
    player.stop()
    device.close()
    without_rows()
