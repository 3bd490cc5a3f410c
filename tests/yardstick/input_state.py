"""Rows of what an input device keeps, and what of its events is news to those who have it open."""

import uinput
from input_told import ask, evioc
from uinput import *

INT_MAX, INT_MIN = 0x7FFFFFFF, -0x80000000

PACKETS = {
    "nothing": [],
    "a key down": [(KEY, KEY_A, 1)],
    "it is down": [(KEY, KEY_A, 1)],
    "it is held": [(KEY, KEY_A, 2)],
    "its value is 3": [(KEY, KEY_A, 3)],
    "its value is -1": [(KEY, KEY_A, -1)],
    "it goes up": [(KEY, KEY_A, 0)],
    "it is up": [(KEY, KEY_A, 0)],
    "it is held, and up": [(KEY, KEY_A, 2)],
    "down by 5": [(KEY, KEY_A, 5)],
    "up again": [(KEY, KEY_A, 0)],
    "down and up": [(KEY, KEY_A, 1), (KEY, KEY_A, 0)],
    "two keys": [(KEY, KEY_A, 1), (KEY, KEY_B, 1)],
    "both up, a packet each": [(KEY, KEY_A, 0), (SYN, 0, 0), (KEY, KEY_B, 0)],
    "the highest key": [(KEY, 0x2FF, 1)],
    "a key that it has not": [(KEY, KEY_C, 1)],
    "a key that there is not": [(KEY, 0x300, 1), (KEY, 0xFFFF, 1)],
    "key 0": [(KEY, 0, 1)],
    "a move": [(REL, 0, 5)],
    "the same move": [(REL, 0, 5)],
    "no move": [(REL, 0, 0)],
    "moves of all": [(REL, 0, -1), (REL, 1, INT_MAX), (REL, 8, INT_MIN), (REL, 11, 120)],
    "a move that it has not": [(REL, 2, 1)],
    "a move that there is not": [(REL, 16, 1)],
    "an axis": [(ABS, 0, 3)],
    "the axis is there": [(ABS, 0, 3)],
    "beyond its end": [(ABS, 0, 99)],
    "far beyond": [(ABS, 0, INT_MIN)],
    "an axis that it has not": [(ABS, 2, 3)],
    "an axis that there is not": [(ABS, 0x40, 3)],
    "with fuzz, to 100": [(ABS, 1, 100)],
    "with fuzz, to 104": [(ABS, 1, 104)],
    "with fuzz, to 105": [(ABS, 1, 105)],
    "with fuzz, to 109": [(ABS, 1, 109)],
    "with fuzz, to 115": [(ABS, 1, 115)],
    "with fuzz, to 140": [(ABS, 1, 140)],
    "with fuzz, back by 9": [(ABS, 1, 131)],
    "with fuzz, back by 19": [(ABS, 1, 121)],
    "with fuzz, back to -1": [(ABS, 1, -1)],
    "a code of MSC": [(MSC, 4, 9)],
    "again": [(MSC, 4, 9)],
    "0 of it": [(MSC, 4, 0)],
    "one that it has not": [(MSC, 0, 9)],
    "a switch": [(SW, 0, 1)],
    "it is on": [(SW, 0, 1)],
    "on by 2": [(SW, 0, 2)],
    "off": [(SW, 0, 0)],
    "the highest switch": [(SW, 16, 7)],
    "a LED": [(LED, 0, 1)],
    "it is lit": [(LED, 0, 1)],
    "lit by 2": [(LED, 0, 2)],
    "it goes out": [(LED, 0, 0)],
    "a LED that it has not": [(LED, 5, 1)],
    "a sound": [(SND, 1, 1)],
    "it is on already": [(SND, 1, 1)],
    "a tone": [(SND, 2, 440)],
    "the same tone": [(SND, 2, 440)],
    "silence": [(SND, 2, 0), (SND, 1, 0)],
    "a delay": [(REP, 0, 300)],
    "the same delay": [(REP, 0, 300)],
    "a period below 0": [(REP, 1, -1)],
    "REP 2": [(REP, 2, 1)],
    "force feedback that it has not": [(FF, 0, 1)],
    "status of that": [(FF_STATUS, 0, 1)],
    "power": [(0x16, 0, 1)],
    "a type that there is not": [(0x1F, 0, 1), (0x20, 0, 1), (0xFFFF, 0, 1)],
    "SYN_CONFIG": [(SYN, 1, 0)],
    "SYN_MT_REPORT": [(SYN, 2, 0)],
    "SYN_DROPPED": [(SYN, 3, 0)],
    "SYN 15": [(SYN, 15, 0)],
    "SYN_REPORT of 7": [(KEY, KEY_B, 1), (SYN, 0, 7)],
    "and another": [(KEY, KEY_B, 0), (SYN, 0, -7)],
    "all at once": [(KEY, KEY_A, 1), (REL, 0, 1), (ABS, 0, 1), (MSC, 4, 1), (SW, 5, 1), (LED, 1, 1), (SND, 1, 1)],
}

CONTACTS = {
    "a contact": [(ABS, MT_SLOT, 0), (ABS, MT_ID, 10), (ABS, MT_X, 100), (ABS, MT_Y, 200), (KEY, BTN_TOUCH, 1), (ABS, 0, 100)],
    "it moves": [(ABS, MT_X, 101)],
    "it does not move": [(ABS, MT_X, 101), (ABS, MT_Y, 200)],
    "the slot alone": [(ABS, MT_SLOT, 1)],
    "back to it": [(ABS, MT_SLOT, 0)],
    "a second": [(ABS, MT_SLOT, 1), (ABS, MT_ID, 11), (ABS, MT_X, 300)],
    "both move": [(ABS, MT_SLOT, 0), (ABS, MT_X, 102), (ABS, MT_SLOT, 1), (ABS, MT_X, 301)],
    "the first by a slot, and nothing new": [(ABS, MT_SLOT, 0), (ABS, MT_X, 102), (ABS, MT_SLOT, 1), (ABS, MT_X, 301)],
    "the same ID again": [(ABS, MT_ID, 11)],
    "another ID": [(ABS, MT_ID, 12)],
    "an ID of two": [(ABS, MT_SLOT, 2), (ABS, MT_ID, 12)],
    "an ID below -1": [(ABS, MT_SLOT, 3), (ABS, MT_ID, -5)],
    "an ID beyond the end": [(ABS, MT_ID, 70000)],
    "it lifts": [(ABS, MT_ID, -1)],
    "it has lifted": [(ABS, MT_ID, -1)],
    "slot 4, which is not there": [(ABS, MT_SLOT, 4), (ABS, MT_X, 44)],
    "slot -1": [(ABS, MT_SLOT, -1), (ABS, MT_X, 45)],
    "slot 5, and the one before": [(ABS, MT_SLOT, 5), (ABS, MT_SLOT, 0), (ABS, MT_X, 46)],
    "an axis that slots have not": [(ABS, 0x3A, 7)],
    "SYN_MT_REPORT": [(SYN, 2, 0)],
    "all lift": [(ABS, MT_SLOT, 0), (ABS, MT_ID, -1), (ABS, MT_SLOT, 1), (ABS, MT_ID, -1), (ABS, MT_SLOT, 2), (ABS, MT_ID, -1)],
    "one that has lifted moves": [(ABS, MT_X, 7)],
}


def packet_rows(word, device, fd, packets):
    for name, events in packets.items():
        device.send(*events)
        row(f"{word} {name}", *read(fd))
        row(f"{word} {name}, for the device", *read(device.fd))


def slot_rows(word, fd):
    for axis in (MT_SLOT, 0x30, MT_X, MT_Y, MT_ID, 0x3A):
        into = buffer(24, 0)
        into[:4] = axis.to_bytes(4, "little")
        row(f"{word} GMTSLOTS {axis:#x} then", call(IOCTL, fd, evioc(READS, 0x0A, 24), into), bytes(into)[4:])
        row(f"{word} GABS {axis:#x} then", *ask(fd, READS, 0x40 + axis, 24))


def kept_rows(word, fd):
    for name, count in (("GKEY", 0x18), ("GLED", 0x19), ("GSND", 0x1A), ("GSW", 0x1B)):
        for size in (1, 8, 96):
            row(f"{word} {name} of {size} bytes then", *ask(fd, READS, count, size))
    for axis in (0, 1, 2, 0x28):
        row(f"{word} GABS {axis:#x} then", *ask(fd, READS, 0x40 + axis, 24))
    row(f"{word} GREP then", *ask(fd, READS, 3, 8))


def part_rows(word, device, fd):
    """Packets in parts, and what is told when half of one has come."""
    device.send_part((KEY, KEY_B, 1))
    row(f"{word} half a packet", *read(fd))
    row(f"{word} GKEY with half a packet", *ask(fd, READS, 0x18, 8))
    device.send_part((REL, 0, 1))
    row(f"{word} two thirds of it", *read(fd))
    device.send_part((SYN, 0, 0))
    row(f"{word} all of it", *read(fd))
    device.send((KEY, KEY_B, 0))
    emptied(fd)
    for count in (6, 8, 11, 12, 13, 18, 19, 20, 40):
        device.send_part(*[(REL, 0, 1 + index) for index in range(count)])
        row(f"{word} {count} moves without an end", *read(fd))
        device.send_part((SYN, 0, 0))
        row(f"{word} the end of {count} moves", *read(fd))


def axis_rows(word, device, fd):
    """An axis whose values are set by a client."""
    def put(code, values):
        row(f"{word} SABS {code:#x} {values}", call(IOCTL, fd, evioc(WRITES, 0xC0 + code, 24), struct.pack("6i", *values)))

    put(0, (2, -100, 100, 4, 0, 0))
    device.send((ABS, 0, 3))
    row(f"{word} within the new fuzz", *read(fd))
    device.send((ABS, 0, 6))
    row(f"{word} at its border", *read(fd))
    put(0, (7, -100, 100, 0, 0, 0))
    device.send((ABS, 0, 7))
    row(f"{word} where SABS has put it", *read(fd))
    put(2, (7, -100, 100, 0, 0, 0))
    device.send((ABS, 2, 9))
    row(f"{word} an axis that only SABS knows", *read(fd))
    row(f"{word} GABS of that", *ask(fd, READS, 0x42, 24))


def type_a_rows():
    """Contacts without slots."""
    device = Device({KEY: [BTN_TOUCH]}, {MT_X: (0, 99), MT_Y: (0, 99)}, b"outlive type A")
    fd = device.open()
    word = "input type A:"
    for name, events in {
        "two contacts": [(ABS, MT_X, 1), (ABS, MT_Y, 2), (SYN, 2, 0), (ABS, MT_X, 3), (ABS, MT_Y, 4), (SYN, 2, 0)],
        "again, and they are news": [(ABS, MT_X, 1), (ABS, MT_Y, 2), (SYN, 2, 0), (ABS, MT_X, 1), (ABS, MT_Y, 2), (SYN, 2, 0)],
        "none": [(SYN, 2, 0)],
        "a slot": [(ABS, MT_SLOT, 1), (ABS, MT_X, 5)],
    }.items():
        device.send(*events)
        row(f"{word} {name}", *read(fd))
    row(f"{word} GABS", *ask(fd, READS, 0x40 + MT_X, 24))
    os.close(fd)
    device.close()


def state_rows():
    device = uinput.everything()
    fd = device.open()
    still(device, fd)
    packet_rows("input state:", device, fd, PACKETS)
    kept_rows("input state:", fd)
    part_rows("input state:", device, fd)
    axis_rows("input state:", device, fd)
    os.close(fd)
    device.send((KEY, KEY_A, 0), (KEY, BTN_LEFT, 1))
    fd = device.open()
    row("input state: who opens it later has missed that", *read(fd))
    row("input state: and is told", *ask(fd, READS, 0x18, 96))
    os.close(fd)
    device.close()
    device = uinput.screen()
    fd = device.open()
    slot_rows("input contacts, at first:", fd)
    for name, events in CONTACTS.items():
        packet_rows("input contacts:", device, fd, {name: events})
        if name in ("a second", "both move", "an ID of two"):
            slot_rows(f"input contacts, {name}:", fd)
    slot_rows("input contacts, at last:", fd)
    os.close(fd)
    device.close()
    if not uinput.LENT:
        type_a_rows()
