"""Commands and responses of a TPM: their sizes, parts of them, and what is wrong in them."""

from tpm_command import *

# How long a command is, and what its header says.
SIZES = {
    "of 10 in 10": (10, 10), "of 10 in 11": (11, 10), "of 10 in 4096": (4096, 10), "of 11 in 10": (10, 11),
    "of 4096 in 4095": (4095, 4096), "of 4097 in 4096": (4096, 4097), "of 2^31 in 10": (10, 1 << 31),
    "of 2^32 - 1 in 10": (10, (1 << 32) - 1), "of 0 in 10": (10, 0), "of 9 in 10": (10, 9), "of 6 in 6": (6, 6),
    "of 9 in 9": (9, 9), "of 6 in 10": (10, 6), "of 1 in 10": (10, 1),
}


def command_rows(device):
    fd = opened(device)
    row("tpm read with nothing to be read", *read(fd))
    row("tpm read of nothing with nothing to be read", *read(fd, 0))
    for length in (0, 1, 5):
        row(f"tpm write of {length}", write(fd, command(ECHO), length))
    for name, (length, says) in SIZES.items():
        text = command(ECHO).ljust(length, b"\x55")[:length]
        before = count(fd)
        row(f"tpm write {name}", write(fd, text[:2] + struct.pack(">I", says) + text[6:]))
        row(f"tpm poll after {name}", *poll(fd))
        row(f"tpm read after {name}", *read(fd))
        row(f"tpm commands that it had after {name}", count(fd) - before)
    long_rows(fd)
    pointer_rows(fd)
    os.close(fd)
    fd = opened(device, os.O_RDONLY)
    row("tpm write by a descriptor for reading", write(fd, command(ECHO)))
    row("tpm read by a descriptor for reading", *read(fd))
    os.close(fd)
    fd = opened(device, os.O_WRONLY)
    row("tpm write by a descriptor for writing", write(fd, command(ECHO)))
    row("tpm read by a descriptor for writing", *read(fd))
    row("tpm poll by a descriptor for writing", *poll(fd))
    row("tpm a second write by a descriptor for writing", write(fd, command(ECHO)))
    os.close(fd)


def long_rows(fd):
    whole = command(ECHO, pattern(SIZE - HEADER.size))
    row("tpm write of 4096", write(fd, whole))
    row("tpm read of 4096", *read(fd))
    row("tpm write of 4097", write(fd, whole + b"x"))
    row("tpm write of 4097 that says 4096, with a response unread", (write(fd, command(ECHO)), write(fd, whole + b"x"))[1])
    row("tpm write of 65536", write(fd, whole.ljust(65536, b"\0")))
    emptied(fd)
    for length in (10, 11, 4095, 4096):
        row(f"tpm write for a response of {length}", write(fd, with_number(LENGTH, length)))
        row(f"tpm read of a response of {length}", *read(fd))


def pointer_rows(fd):
    row("tpm write by a bad pointer", call(WRITE, fd, BAD, 10))
    row("tpm write of 4097 by a bad pointer", call(WRITE, fd, BAD, 4097))
    row("tpm write of 4 by a bad pointer", call(WRITE, fd, BAD, 4))
    row("tpm poll after that", *poll(fd))
    write(fd, command(ECHO, b"abc"))
    row("tpm write by a bad pointer, with a response unread", call(WRITE, fd, BAD, 10))
    row("tpm read to a bad pointer", call(READ, fd, BAD, 13))
    row("tpm poll after a read to a bad pointer", *poll(fd))
    row("tpm read after a read to a bad pointer", *read(fd))
    row("tpm write after a read to a bad pointer", write(fd, command(ECHO, b"d")))
    emptied(fd)


def part_rows(device):
    fd = opened(device)
    write(fd, with_number(LENGTH, 40))
    row("tpm read of 10 of 40", *read(fd, 10))
    row("tpm poll after 10 of 40", *poll(fd))
    row("tpm read of 0 of the rest", *read(fd, 0))
    row("tpm poll after 0 of the rest", *poll(fd))
    row("tpm read after 0 of the rest", *read(fd))
    write(fd, with_number(LENGTH, 40))
    read(fd, 10)
    row("tpm read of 7 more", *read(fd, 7))
    row("tpm read of the rest", *read(fd, 100))
    row("tpm read after the rest", *read(fd, 100))
    row("tpm poll after the rest", *poll(fd))
    write(fd, with_number(LENGTH, 40))
    row("tpm write while a response is unread", write(fd, command(ECHO, b"late")))
    row("tpm a short write while a response is unread", write(fd, b"abc"))
    row("tpm read of 10 after that", *read(fd, 10))
    before = "written over"
    row("tpm write while a response is partly read", write(fd, command(ECHO, before.encode())))
    row("tpm read after that", *read(fd))
    write(fd, with_number(LENGTH, 40))
    read(fd, 10)
    row("tpm a short write while a response is partly read", write(fd, b"abc"))
    row("tpm read after a short write", *read(fd))
    write(fd, with_number(LENGTH, 40))
    row("tpm read of 0 of a response", *read(fd, 0))
    row("tpm read after 0 of a response", *read(fd))
    position_rows(fd)
    vector_rows(fd)
    code_rows(fd)
    os.close(fd)


def position_rows(fd):
    """A position is where a read goes on in Linux; of places after the response nothing is asked here."""
    write(fd, with_number(LENGTH, 40))
    into = buffer(64)
    answer = call(PREAD, fd, into, 10, 4)
    row("tpm pread of 10 at 4", answer, brief(bytes(into), answer))
    row("tpm read after a pread", *read(fd, 5))
    row("tpm pwrite at 4, after it", call(PWRITE, fd, command(ECHO, b"p"), 11, 4))
    row("tpm read after a pwrite", *read(fd))
    row("tpm pread at -1", call(PREAD, fd, buffer(), 1, -1))
    emptied(fd)


def vector_rows(fd):
    text = command(ECHO, b"parts")
    row("tpm writev of a command in two parts", call(WRITEV, fd, *vector(text[:6], text[6:])))
    emptied(fd)
    row("tpm writev of two commands", call(WRITEV, fd, *vector(text, text)))
    row("tpm read after a writev of two commands", *read(fd))
    emptied(fd)
    row("tpm writev of a command and nothing", call(WRITEV, fd, *vector(text, b"")))
    parts = [buffer(10), buffer(32)]
    answer = call(READV, fd, *vector(*parts))
    row("tpm readv in two parts", answer, bytes(parts[0]).hex() + " " + bytes(parts[1]).hex())
    emptied(fd)


def code_rows(fd):
    """What the TPM says, right or wrong."""
    for code in (0x101, 0x143, 0x923, 0xFFFFFFFF):
        row(f"tpm write of what is answered with {code:#x}", write(fd, with_number(CODE, code)))
        row(f"tpm read of {code:#x}", *read(fd))
    before = count(fd)
    row("tpm write of what is to be tried again twice", write(fd, with_number(RETRY, 2)))
    row("tpm read of what was to be tried again twice", *read(fd))
    row("tpm commands that it had then", count(fd) - before)
    row("tpm a command after these", write(fd, command(ECHO, b"well")))
    row("tpm a response after these", *read(fd))
