"""A driver server that keeps to docs/driver-protocol.md until it does one thing that it must not.

liar.py i2c|mtd|tpm BEHAVIOUR, with the socket as descriptor 3; or with the path of a socket to listen at as a third argument.
The adapter has one chip at 0x50, whose 256 registers read as their own numbers; the flash is 1 MiB of NOR in 4 KiB blocks.
"""

import array
import os
import signal
import socket
import struct
import sys
import time

HEADER = struct.Struct("<HHIQII")
TERMS = struct.Struct("<QIIII")
HELLO, WELCOME, GOODBYE, CANCEL, GONE, LOG, AGAIN = range(1, 8)
TRANSFER, READ, PROGRAM, ERASE, COMMAND = 0x10, 0x20, 0x21, 0x22, 0x30
ANSWER = 0x8000
SIZE, BLOCK = 1 << 20, 4096

kind, behaviour = sys.argv[1], sys.argv[2]
cells = bytearray(b"\xff" * SIZE)
held = []


def frame(type, number=0, status=0, data=0, rest=b"", version=1, length=None):
    length = HEADER.size + len(rest) if length is None else length
    return HEADER.pack(type, version, length, number, status, data) + rest


def hello():
    name = b"liar"
    if behaviour == "wrong class":
        return frame(HELLO, data=4, rest=struct.pack("<III", 3, 0, 2) + name)
    if behaviour == "no class":
        return frame(HELLO, data=4, rest=struct.pack("<III", 9, 0, 2) + name)
    if behaviour == "name of control characters":
        name = b"a\nb\x1b"
    if kind == "tpm":
        return frame(HELLO, data=len(name), rest=struct.pack("<III", 3, 0, 2) + name)
    if kind == "i2c":
        claims = 200 if behaviour == "too many claims" else 0
        return frame(HELLO, data=len(name), rest=struct.pack("<IIII", 1, 0, 0x0EFF0001, claims) + name)
    size, erase, write, flags, kind_of = SIZE, BLOCK, 1, 1, 2
    if behaviour == "size 0":
        size = 0
    if behaviour == "erase size 0":
        erase = 0
    if behaviour == "write size 0":
        write = 0
    if behaviour == "size no multiple":
        size = SIZE + 1
    if behaviour == "size overflows":
        size = 1 << 63
    if behaviour == "too many blocks":
        size, erase = 1 << 40, 16
    free = 1 if behaviour == "regions outside" else 0
    if behaviour == "regions outside":
        kind_of = 3
    rest = struct.pack("<IIIIQIIIIIIIIII", 2, 0, kind_of, flags, size, erase, write, write, 0, 0, 0, 0, free, 0, 0)
    rest += struct.pack("<II", 0xFFFFFFF0, 0x20) * free
    return frame(HELLO, data=len(name), rest=rest + name)


def carry_out(type, body, data):
    """Status, body and data of the answer."""
    if type == TRANSFER:
        count, _ = struct.unpack_from("<II", body)
        register, lengths, read = 0, [], b""
        for i in range(count):
            address, flags, length = struct.unpack_from("<HHI", body, 8 + 8 * i)
            if address != 0x50:
                return 5, b"", b""
            if flags & 1:
                read += bytes((register + j) & 255 for j in range(length))
                lengths.append(length)
            else:
                register, data = (data[0] if length else register), data[length:]
                lengths.append(0)
        return 0, struct.pack(f"<II{count}I", count, 0, *lengths), read
    if type == COMMAND:
        return 0, b"", struct.pack(">HII", 0x8001, 10, 0)
    at, length = struct.unpack_from("<QI" if type in (READ, PROGRAM) else "<QQ", body)
    if type == READ:
        return 0, bytes(16), bytes(cells[at : at + length])
    if type == PROGRAM:
        cells[at : at + length] = bytes(a & b for a, b in zip(cells[at : at + length], data))
        return 0, b"", b""
    if type == ERASE:
        cells[at : at + length] = b"\xff" * length
        return 0, b"", b""
    return 4, struct.pack("<Q", (1 << 64) - 1), b""


def answer(area, type, number, terms, status, body, data):
    _, limit, offset, length, _ = terms
    if length and data:
        os.pwrite(area, data, offset)
        return frame(type | ANSWER, number, status, len(data), body)
    return frame(type | ANSWER, number, status, len(data), body + data)


def misbehave(line, area, type, number, terms, good, count):
    """Does what it is for with the operation in hand. True if it has been dealt with."""
    status, body, data = good
    say = line.send
    right = answer(area, type, number, terms, *good)
    if behaviour == "dies in the middle":
        os._exit(7)
    if behaviour == "is killed in the middle":
        os.kill(os.getpid(), signal.SIGKILL)
    if behaviour == "stops itself":
        os.kill(os.getpid(), signal.SIGSTOP)
    if behaviour == "hangs":
        while True:
            time.sleep(1000)
    if behaviour == "burns":
        while True:
            pass
    if behaviour == "reads and says nothing":
        return True
    if behaviour == "closes":
        line.close()
        time.sleep(1000)
    if behaviour == "closes half":
        line.shutdown(socket.SHUT_WR)
        time.sleep(1000)
    if behaviour == "answers twice":
        say(right), say(right)
    elif behaviour == "answers each time late":
        time.sleep(0.7), say(right)
    elif behaviour == "answers for another":
        say(answer(area, type, number + 1000, terms, *good))
    elif behaviour == "answers for number 0":
        say(answer(area, type, 0, terms, *good))
    elif behaviour == "answers for the last number there is":
        say(answer(area, type, (1 << 64) - 1, terms, *good))
    elif behaviour == "answers too short":
        say(answer(area, type, number, terms, status, body, data[:-1]))
    elif behaviour == "answers too long":
        say(answer(area, type, number, terms, status, body, data + b"x"))
    elif behaviour == "answers more than fits":
        say(frame(type | ANSWER, number, 0, 1 << 30, body))
    elif behaviour == "says that it has more data than it has":
        say(frame(type | ANSWER, number, 0, len(data), body))
    elif behaviour == "answers with another type":
        say(frame((READ if kind == "i2c" else TRANSFER) | ANSWER, number, 0, 0, b""))
    elif behaviour == "answers with an operation":
        say(frame(type, number, 0, 0, b""))
    elif behaviour == "says an unknown type":
        say(frame(0x7777, number))
    elif behaviour == "says a negative status":
        say(frame(type | ANSWER, number, 0xFFFFFFFB))
    elif behaviour == "says a status of another class":
        say(frame(type | ANSWER, number, 10 if kind == "i2c" else 5))
    elif behaviour == "counts other messages":
        say(answer(area, type, number, terms, 0, struct.pack("<II3I", 3, 0, 0, 0, 1), data))
    elif behaviour == "sends garbage":
        say(os.urandom(333))
    elif behaviour == "sends nothing but zeroes":
        say(bytes(64))
    elif behaviour == "sends a byte":
        say(b"\x10")
    elif behaviour == "sends half a header":
        say(right[:12])
    elif behaviour == "sends half a frame":
        say(right[:-1])
    elif behaviour == "lies about the length":
        say(frame(type | ANSWER, number, 0, len(data), body + data, length=0xFFFFFFFF))
    elif behaviour == "sends a frame too long":
        say(bytes(70000))
    elif behaviour == "speaks another version":
        say(frame(type | ANSWER, number, 0, len(data), body + data, version=2))
    elif behaviour == "sets reserved bytes":
        say(frame(type | ANSWER, number, 0, len(data), body[:4] + b"\x01" + body[5:] + data))
    elif behaviour == "says hello again":
        say(hello())
    elif behaviour == "says welcome":
        say(frame(WELCOME, rest=bytes(32)))
    elif behaviour == "says goodbye in the middle":
        say(frame(GOODBYE))
    elif behaviour == "says that its hardware has gone":
        say(frame(GONE))
    elif behaviour == "floods events":
        for i in range(10000):
            say(frame(LOG, data=4, rest=b"noise"[:4]))
    elif behaviour == "logs control characters":
        say(frame(LOG, data=6, rest=b"\x1b[2J\r\n"))
    elif behaviour == "floods answers":
        for i in range(10000):
            say(frame(type | ANSWER, number, 2, 0, b"" if kind == "i2c" else bytes(8)))
    elif behaviour == "sends a descriptor":
        right_to = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [1]))]
        line.sendmsg([right], right_to)
    elif behaviour == "sends many descriptors":
        right_to = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [0] * 250))]
        line.sendmsg([right], right_to)
    elif behaviour == "a child holds the socket":
        if os.fork() == 0:
            time.sleep(1000)
        os._exit(0)
    elif behaviour == "a child goes on answering":
        if os.fork() == 0:
            time.sleep(0.3)
            try:
                say(right)
            except OSError:
                os._exit(0)
            time.sleep(1000)
        os._exit(0)
    elif behaviour == "shrinks the area":
        try:
            os.ftruncate(area, 0)
        except OSError:
            say(right)
    elif behaviour == "scribbles over the area":
        os.pwrite(area, os.urandom(4 << 20), 0)
        return False
    else:
        return False
    return True


def main():
    if behaviour == "dies before hello":
        sys.exit(3)
    if behaviour == "hangs before hello":
        time.sleep(1000)
    if len(sys.argv) > 3:
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        listener.bind(sys.argv[3])
        listener.listen()
        while True:
            serve(listener.accept()[0])
    serve(socket.socket(fileno=int(os.environ["OUTLIVE_DRIVER_FD"])))


def serve(line):
    if behaviour == "says an operation before hello":
        line.send(frame(TRANSFER, 1))
    elif behaviour == "says garbage before hello":
        line.send(b"HTTP/1.1 200 OK\r\n\r\n" + bytes(20))
    elif behaviour == "sends a descriptor with hello":
        line.sendmsg([hello()], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [1]))])
    elif behaviour == "cuts its hello short":
        line.send(hello()[:-3])
    elif behaviour == "greets in another version":
        line.send(frame(HELLO, version=9, rest=hello()[HEADER.size :]))
    else:
        line.send(hello())
    if behaviour == "says hello twice":
        line.send(hello())
    packet, descriptors, _, _ = socket.recv_fds(line, 65536, 4)
    area = descriptors[0]
    size, generation = struct.unpack_from("<QQ", packet, HEADER.size)
    held.append((line, area))
    if behaviour == "never reads":
        time.sleep(1000)
    if behaviour == "answers before it is asked":
        line.send(frame((TRANSFER if kind == "i2c" else READ) | ANSWER, 1))
    count = 0
    while packet := line.recv(65536):
        type, _, length, number, _, size = HEADER.unpack_from(packet)
        if type == GOODBYE:
            if behaviour != "keeps its goodbye to itself":
                line.send(frame(GOODBYE))
                return
        elif type == AGAIN:
            if behaviour == "does not greet again":
                time.sleep(1000)
            line.send(hello())
        elif type not in (CANCEL, WELCOME):
            count += 1
            terms = TERMS.unpack_from(packet, HEADER.size)
            body = packet[HEADER.size + TERMS.size :]
            data = os.pread(area, size, terms[2]) if terms[3] else body[len(body) - size :]
            good = carry_out(type, body, data)
            if count <= int(os.environ.get("LIAR_GOOD", "0")) or behaviour == "is good":
                line.send(answer(area, type, number, terms, *good))
            elif not misbehave(line, area, type, number, terms, good, count):
                line.send(answer(area, type, number, terms, *good))


main()
