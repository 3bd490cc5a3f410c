"""Rows of a descriptor whose TPM goes: `tpm_zombie.py DEVICE PLUG REMOVAL`.

PLUG and REMOVAL are commands for a shell: the first ends when there is a device, the second when it has gone. Each state that a
descriptor can be in has a device of its own. The TPM is that of `tpm_responder.py`."""

import subprocess
import sys

from tpm_command import *

LIMIT = 10  # seconds: more than a removal takes on a slow machine, if it waits for nobody
WHILE = 0.6  # seconds: who has not been woken by then will not be
LIES = ((10, 20), (0, 10), (1 << 31, 12))  # what a response says that it has, and what it has
PRI = 2  # what no TPM ever says: who waits for it hears of ERR and HUP only


def shell(line):
    return subprocess.Popen(["sh", "-c", line], close_fds=True)


def ended(process):
    try:
        return "returns" if process.wait(LIMIT) == 0 else "refused"
    except subprocess.TimeoutExpired:
        return "waits"


def nothing(fd):
    return None


def unread(fd):
    write(fd, with_number(LENGTH, 40))
    polled(fd, 1, 2000)


def partly_read(fd):
    unread(fd)
    read(fd, 10)


def wrong(fd):
    """An error that is the answer to the next read, where it does not come with the write."""
    write(fd, struct.pack(">HII", NO_SESSIONS, 0, ECHO))
    polled(fd, 1, int(SHORT * 1000))


def in_flight(fd):
    """Somebody writes a command that is never answered. Where that waits, it is a thread that does."""
    return in_thread(lambda: write(fd, command(NEVER)))


def in_thread(work):
    sleeper = asleep(work)
    time.sleep(SHORT)
    return sleeper


def waited_for(fd, work):
    """A command in flight that somebody else waits for; where that does not end by itself, only as long as a poll would."""
    write(fd, command(NEVER))
    time.sleep(SHORT)
    return in_thread(work)


STATES = {
    "idle": nothing,
    "unread": unread,
    "partly read": partly_read,
    "wrong": wrong,
    "in flight": in_flight,
}
AWAITED = {
    "awaited in poll": lambda fd: waited_for(fd, lambda: polled(fd, 1, LIMIT * 1000)),
    "awaited in read": lambda fd: waited_for(fd, lambda: words(read(fd))),
}


def state_rows(device, plug, removal, name, state, flags):
    word = f"tpm gone, {name}{', O_NONBLOCK' if flags else ''}"
    if shell(plug).wait():
        raise SystemExit(f"{plug} failed")
    fd = opened(device, os.O_RDWR | flags)
    node = os.open(device, i2c_file.O_PATH)
    sleeper = state(fd)
    removing = shell(removal)
    row(f"{word}: the removal", ended(removing))
    if sleeper:
        row(f"{word}: who slept", heard(sleeper, WHILE))
    calls(word, device, fd)
    row(f"{word}: the node again", closed(call(OPEN, f"/proc/self/fd/{node}".encode(), 2, 0)))
    row(f"{word}: close", call(3, fd))
    again = closed(call(OPEN, f"/proc/self/fd/{node}".encode(), 2, 0))
    row(f"{word}: the node again, after close", again if again in ("opened", "EBUSY") else "refused")
    os.close(node)
    removing.wait()


def calls(word, device, fd):
    row(f"{word}: open", closed(call(OPEN, device.encode(), 2, 0)))
    row(f"{word}: /sys", int(os.path.exists("/sys/class/tpm/" + os.path.basename(device))))
    row(f"{word}: poll", *poll(fd))
    row(f"{word}: poll for nothing", *i2c_file.poll_bits(fd, 0))
    row(f"{word}: write of 4097", write(fd, bytes(4097)))
    row(f"{word}: read of 4", *read(fd, 4))
    row(f"{word}: poll after a read", *poll(fd))
    row(f"{word}: read", *read(fd))
    row(f"{word}: read again", *read(fd))
    row(f"{word}: read of nothing", *read(fd, 0))
    row(f"{word}: write of 5", write(fd, bytes(5)))
    row(f"{word}: write of 11 in 10", write(fd, struct.pack(">HII", NO_SESSIONS, 11, ECHO)))
    row(f"{word}: write by a bad pointer", call(WRITE, fd, BAD, 10))
    row(f"{word}: write", write(fd, command(ECHO)))
    time.sleep(SHORT / 4)
    row(f"{word}: poll after a write", *poll(fd))
    row(f"{word}: a second write", write(fd, command(ECHO)))
    row(f"{word}: read after a write", *read(fd))
    row(f"{word}: the next read after a write", *read(fd))
    row(f"{word}: poll after all", *poll(fd))
    row(f"{word}: ioctl", call(IOCTL, fd, 0xA100, buffer()))
    row(f"{word}: lseek", call(LSEEK, fd, 0, 0))
    row(f"{word}: mmap", call(MMAP, 0, 4096, 1, 1, fd, 0))
    row(f"{word}: fstat", 0, i2c_file.facts(os.fstat(fd)))


def replaced_rows(device, plug, removal):
    """The next device, while a descriptor of the one before it is open."""
    shell(plug).wait()
    fd = opened(device)
    number = os.fstat(fd).st_rdev
    shell(removal).wait()
    shell(plug).wait()
    there = os.path.exists(device)
    row("tpm replaced: the next has the name of the first", int(there))
    row("tpm replaced: write to the first", write(fd, command(ECHO)))
    row("tpm replaced: number of the first", int(os.fstat(fd).st_rdev == number))
    row("tpm replaced: the next has the number of the first", int(there and os.stat(device).st_rdev == number))
    row("tpm replaced: close of the first", call(3, fd))
    shell(removal).wait()


def liar_rows(device, plug, removal):
    """A TPM that answers what is no response, or nothing in the time that a command has, is plugged in again after it."""
    claims = [(f"a response that says {says} and has {has}", with_number(CLAIM, says, has)) for says, has in LIES]
    for flags in (0, os.O_NONBLOCK):
        for name, lie in (*claims, ("no response in time", command(PCR_EXTEND))):
            word = f"tpm liar, {'O_NONBLOCK' if flags else 'waiting'}, {name}"
            shell(plug).wait()
            fd = opened(device, os.O_RDWR | flags)
            row(f"{word}: write", write(fd, lie))
            polled(fd, 1, LIMIT * 1000 if flags else 0)
            row(f"{word}: poll", *poll(fd))
            row(f"{word}: read", *read(fd))
            row(f"{word}: the next read", *read(fd))
            row(f"{word}: the next write", write(fd, command(ECHO)))
            polled(fd, 1, int(SHORT * 1000))
            row(f"{word}: its read", *read(fd))
            os.close(fd)
            shell(removal).wait()


def main(device, plug, removal):
    for name, state in STATES.items():
        for flags in (0, os.O_NONBLOCK):
            state_rows(device, plug, removal, name, state, flags)
    for name, state in AWAITED.items():
        state_rows(device, plug, removal, name, state, os.O_NONBLOCK)
    replaced_rows(device, plug, removal)
    liar_rows(device, plug, removal)
    # The last: somebody whom nothing wakes sleeps on, and in Linux has the device until then.
    state_rows(device, plug, removal, "asleep in poll", lambda fd: in_thread(lambda: polled(fd, PRI, -1)), 0)


if __name__ == "__main__":
    main(*sys.argv[1:])
