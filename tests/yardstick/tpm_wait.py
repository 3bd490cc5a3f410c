"""Commands that take their time: who waits for them and how, without and with O_NONBLOCK."""

import fcntl
import select
import signal

from tpm_command import *

MILLISECONDS = int(LONG * 1000)
SOON = 10  # seconds


def late(word=b""):
    """A command that is answered after a while."""
    return command(LATE, struct.pack(">I", MILLISECONDS) + word)


def settled():
    """Until a command that was written is with the TPM: Linux has a thread that brings it there."""
    time.sleep(SHORT / 2)


def wait_rows(device):
    fd = opened(device)
    for events in (0, 0x1, 0x2, 0x4, 0x7FDF):
        row(f"tpm poll for {events:#x}", *i2c_file.poll_bits(fd, events))
    ready_rows("idle", fd)
    write(fd, command(ECHO, b"r"))
    for events in (0, 0x1, 0x2, 0x4, 0x7FDF):
        row(f"tpm poll for {events:#x}, with a response", *i2c_file.poll_bits(fd, events))
    ready_rows("with a response", fd)
    emptied(fd)
    blocking_rows(fd)
    sleeper_rows(fd)
    os.close(fd)
    signal_rows(device)


def ready_rows(state, fd):
    for name, sets in (("read", ([fd], [], [])), ("write", ([], [fd], [])), ("except", ([], [], [fd]))):
        row(f"tpm select {name}, {state}", 0, str([len(ready) for ready in select.select(*sets, 0)]))
    with select.epoll() as epoll:
        epoll.register(fd, 0x7FDF)
        row(f"tpm epoll, {state}", 0, str([hex(events) for _, events in epoll.poll(0)]))
    with select.epoll() as epoll:
        epoll.register(fd, select.EPOLLIN | select.EPOLLET)
        row(f"tpm epoll EPOLLIN EPOLLET, {state}", 0, str([[hex(events) for _, events in epoll.poll(0)] for _ in range(2)]))


def blocking_rows(fd):
    row("tpm write of a late command", timed(lambda: write(fd, late(b"x"))))
    row("tpm read of a late command's response", timed(lambda: read(fd)[0]))
    for name, work in (
        ("poll", lambda: poll(fd)),
        ("read", lambda: read(fd)),
        ("write", lambda: write(fd, command(ECHO))),
        ("a write of 4097", lambda: write(fd, bytes(4097))),
        ("a write of 3", lambda: write(fd, b"abc")),
        ("F_GETFL", lambda: call(FCNTL, fd, fcntl.F_GETFL, 0)),
        ("an ioctl", lambda: call(IOCTL, fd, 0xA100, 0)),
    ):
        writer = asleep(lambda: write(fd, late()))
        settled()
        row(f"tpm {name} while a write waits", timed(work))
        row(f"tpm the write that waited, with {name}", heard(writer, SOON))
        emptied(fd)
    writers = [asleep(lambda: write(fd, late())) for _ in range(3)]
    row("tpm three writes at a time", 0, " ".join(sorted(str(heard(writer, SOON)) for writer in writers)))
    emptied(fd)


def sleeper_rows(fd):
    """Who sleeps in poll, and who is told of what."""
    for name, events, before, then in (
        ("IN, and a command is written", 0x1, None, lambda: write(fd, command(ECHO))),
        ("IN, and a command is written and not waited for", 0x1, None, lambda: queued(fd)),
        ("OUT, and the response is read", 0x4, lambda: write(fd, command(ECHO)), lambda: read(fd)),
        ("OUT, and a part of the response is read", 0x4, lambda: write(fd, command(ECHO)), lambda: read(fd, 4)),
    ):
        if before:
            before()
        sleeper = asleep(lambda: polled(fd, events, int(LONG * 1000)))
        settled()
        then()
        row(f"tpm asleep in poll for {name}", heard(sleeper, SHORT))
        heard(sleeper, SOON)
        emptied(fd)


def queued(fd):
    call(FCNTL, fd, fcntl.F_SETFL, os.O_NONBLOCK)
    write(fd, command(ECHO))
    call(FCNTL, fd, fcntl.F_SETFL, 0)


def nonblocking_rows(device):
    fd = opened(device, os.O_RDWR | os.O_NONBLOCK)
    row("tpm nonblocking: read with nothing to be read", *read(fd))
    row("tpm nonblocking: poll", *poll(fd))
    row("tpm nonblocking: write of 4097", write(fd, bytes(4097)))
    row("tpm nonblocking: write of 5", write(fd, bytes(5)))
    for name, says in (("of 11 in 10", 11), ("of 0 in 10", 0), ("of 6 in 10", 6)):
        row(f"tpm nonblocking: write {name}", write(fd, struct.pack(">HII", NO_SESSIONS, says, ECHO)))
        settled()
        row(f"tpm nonblocking: poll after {name}", *poll(fd))
        row(f"tpm nonblocking: read after {name}", *read(fd))
        row(f"tpm nonblocking: poll after that, {name}", *poll(fd))
    row("tpm nonblocking: write", write(fd, command(ECHO, b"n")))
    sleeper = select.poll()
    sleeper.register(fd, select.POLLIN)
    row("tpm nonblocking: poll for a response", len(sleeper.poll(SOON * 1000)))
    row("tpm nonblocking: write while a response is unread", write(fd, command(ECHO)))
    row("tpm nonblocking: read of 10", *read(fd, 10))
    row("tpm nonblocking: read of the rest", *read(fd))
    row("tpm nonblocking: read after the rest", *read(fd))
    in_flight_rows(fd)
    wrong_rows(fd)
    change_rows(fd)
    os.close(fd)


def in_flight_rows(fd):
    for name, work in (
        ("poll", lambda: poll(fd)),
        ("read", lambda: read(fd)),
        ("write", lambda: write(fd, command(ECHO))),
        ("a write of 4097", lambda: write(fd, bytes(4097))),
        ("a write of 3", lambda: write(fd, b"abc")),
        ("a write by a bad pointer", lambda: call(WRITE, fd, BAD, 10)),
        ("select for writing", lambda: [len(ready) for ready in select.select([], [fd], [], 0)]),
        ("F_GETFL", lambda: oct(call(FCNTL, fd, fcntl.F_GETFL, 0))),
    ):
        row(f"tpm nonblocking: write of a late command, then {name}", timed(lambda: write(fd, late(b"y"))))
        settled()
        row(f"tpm nonblocking: {name} while a command is in flight", timed(work))
        sleeper = select.poll()
        sleeper.register(fd, select.POLLIN)
        sleeper.poll(SOON * 1000 if name != "read" else 0)
        row(f"tpm nonblocking: poll in the end, with {name}", *poll(fd))
        row(f"tpm nonblocking: read in the end, with {name}", *read(fd))
        emptied(fd)
    write(fd, late(b"e"))
    with select.epoll() as epoll:
        epoll.register(fd, select.EPOLLIN | select.EPOLLET)
        row("tpm nonblocking: epoll until the response", 0, str([hex(events) for _, events in epoll.poll(SOON)]))
        row("tpm nonblocking: epoll again", 0, str([hex(events) for _, events in epoll.poll(0)]))
    emptied(fd)


def wrong_rows(fd):
    """An error of a command comes with the read."""
    nothing = struct.pack(">HII", NO_SESSIONS, 0, ECHO)
    for name, first in (("a write", lambda: write(fd, command(ECHO))), ("a short write", lambda: write(fd, b"abc")),
                        ("a read of nothing", lambda: read(fd, 0)[0]), ("a read to a bad pointer", lambda: call(READ, fd, BAD, 9)),
                        ("F_SETFL 0", lambda: call(FCNTL, fd, fcntl.F_SETFL, 0))):
        write(fd, nothing)
        polled(fd, 1, SOON * 1000)
        row(f"tpm nonblocking: {name} before the read of an error", first())
        row(f"tpm nonblocking: read of an error after {name}", *read(fd))
        row(f"tpm nonblocking: the next read after {name}", *read(fd))
        call(FCNTL, fd, fcntl.F_SETFL, os.O_NONBLOCK)
        emptied(fd)


def change_rows(fd):
    write(fd, late(b"z"))
    settled()
    row("tpm F_SETFL 0 while a command is in flight", timed(lambda: call(FCNTL, fd, fcntl.F_SETFL, 0)))
    row("tpm a read without O_NONBLOCK then", *read(fd))
    row("tpm poll then", *poll(fd))
    emptied(fd)
    row("tpm a write without O_NONBLOCK", timed(lambda: write(fd, late(b"b"))))
    row("tpm F_SETFL O_NONBLOCK with a response unread", call(FCNTL, fd, fcntl.F_SETFL, os.O_NONBLOCK))
    row("tpm the response after F_SETFL", *read(fd))
    row("tpm a write with O_NONBLOCK again", timed(lambda: write(fd, late(b"c"))))
    emptied(fd)


def signal_rows(device):
    signal.signal(signal.SIGALRM, lambda *_: None)
    fd = opened(device)
    signal.setitimer(signal.ITIMER_REAL, SHORT / 3)
    row("tpm a write that a signal comes in", timed(lambda: write(fd, late(b"s"))))
    row("tpm read after the signal", *read(fd))
    emptied(fd)
    os.close(fd)
    told, tell = os.pipe()
    child = os.fork()
    if child == 0:
        fd = opened(device)
        os.write(tell, b"x")
        write(fd, late())
        os._exit(0)
    os.read(told, 1)
    settled()
    os.kill(child, signal.SIGKILL)
    row("tpm a client is killed with a command in flight", timed(lambda: os.waitpid(child, 0)[1]))
    fd = opened(device)
    row("tpm the next client's command", write(fd, command(ECHO, b"k")))
    row("tpm the next client's response", *read(fd))
    os.close(fd)
    fd = opened(device, os.O_RDWR | os.O_NONBLOCK)
    write(fd, late())
    settled()
    row("tpm close with a command in flight", timed(lambda: call(3, fd)))
    row("tpm open after the close", closed(call(OPEN, device.encode(), 2, 0)))
    fd = opened(device)
    row("tpm a command after the close", write(fd, command(ECHO, b"c")))
    row("tpm a response after the close", *read(fd))
    os.close(fd)
