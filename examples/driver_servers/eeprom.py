#!/usr/bin/env python3
"""A driver server: an I2C adapter with an EEPROM of 256 bytes (24c02) at 0x50. Written from docs/driver-protocol.md alone.

    eeprom.py               the host has started us: OUTLIVE_DRIVER_FD
    eeprom.py PATH          hosts connect there, one after the other
"""
import contextlib, mmap, os, signal, socket, struct, sys

HELLO, WELCOME, GOODBYE, CANCEL, AGAIN, TRANSFER = 1, 2, 3, 4, 7, 0x10
OK, IO, NO_ACKNOWLEDGE, DATA_REFUSED = 0, 2, 5, 6
READ, RECV_LEN, NOSTART, TEN = 0x0001, 0x0400, 0x4000, 0x0010  # I2C_M_* of linux/i2c.h
FUNCTIONALITY = 0x0eff0001  # I2C_FUNC_I2C and the I2C_FUNC_SMBUS_* that are made of it
ADDRESS, PAGE = 0x50, 8

memory, pointer = bytearray(b"\xff" * 256), 0


def frame(kind, body=b"", data=b"", number=0, status=OK, inline=True):
    size = 24 + len(body) + (len(data) if inline else 0)
    return struct.pack("<HHIQII", kind, 1, size, number, status, len(data)) + body + (data if inline else b"")


def written(data):
    """The first byte says where; what follows goes there, and round within its page."""
    global pointer
    if data:
        pointer, rest = data[0], data[1:]
        for byte in rest:
            memory[pointer] = byte
            pointer = pointer // PAGE * PAGE + (pointer + 1) % PAGE


def read(length):
    global pointer
    data = bytes(memory[(pointer + i) % 256] for i in range(length))
    pointer = (pointer + length) % 256
    return data


def transfer(messages, data):
    """The status, and of each message what was read."""
    answers = []
    for address, flags, length in messages:
        if address != ADDRESS or flags & TEN:
            return NO_ACKNOWLEDGE, []
        if flags & (RECV_LEN | NOSTART):
            return IO, []
        if flags & READ:
            answers.append(read(length))
        else:
            written(data[:length])
            data = data[length:]
            answers.append(b"")
    return OK, answers


def operation(host, area, packet, number, size):
    _, _, offset, place, _, count, _ = struct.unpack_from("<QIIIIII", packet, 24)
    messages = [struct.unpack_from("<HHI", packet, 56 + 8 * i) for i in range(count)]
    data = area[offset:offset + size] if place else packet[len(packet) - size:]
    status, answers = transfer(messages, data)
    body, data = b"", b"".join(answers)
    if status == OK:
        body = struct.pack("<II", count, 0) + b"".join(struct.pack("<I", len(answer)) for answer in answers)
    if place:
        area[offset:offset + len(data)] = data
    host.send(frame(TRANSFER | 0x8000, body, data, number, status, inline=not place))


def serve(host):
    hello = frame(HELLO, struct.pack("<IIII", 1, 0, FUNCTIONALITY, 0), b"EEPROM in Python")
    host.send(hello)
    packet, descriptors, _, _ = socket.recv_fds(host, 65536, 1)
    if not packet:
        return
    size, = struct.unpack_from("<Q", packet, 24)
    area = mmap.mmap(descriptors[0], size)
    os.close(descriptors[0])
    while packet := host.recv(65536):
        kind, _, _, number, _, size = struct.unpack_from("<HHIQII", packet)
        if kind == TRANSFER:
            operation(host, area, packet, number, size)
        elif kind == AGAIN:
            host.send(hello)
        elif kind == GOODBYE:
            return host.send(frame(GOODBYE))
        # A Welcome again changes nothing for us, and what a Cancel is about has been answered.


signal.signal(signal.SIGTERM, lambda *_: sys.exit())
if len(sys.argv) == 1:
    serve(socket.socket(fileno=int(os.environ["OUTLIVE_DRIVER_FD"])))
else:
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    listener.bind(sys.argv[1])
    listener.listen()
    while True:
        with listener.accept()[0] as host, contextlib.suppress(OSError):
            serve(host)
