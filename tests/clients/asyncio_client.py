#!/usr/bin/python3
"""An asyncio program: its loop watches a device by epoll, its executor's threads make calls that take their time.

    asyncio_client.py alive     needs a 24c02
    asyncio_client.py pulled    the same; then a loop that watches for HUP alone and eight threads in a read of the slow
                                chip that OUTLIVE_CLIENT_SLOW names; says "ready", and is to be unplugged
"""

import array
import asyncio
import errno
import fcntl
import os
import select
import sys
from concurrent.futures import ThreadPoolExecutor

I2C_SLAVE, I2C_FUNCS = 0x0703, 0x0705  # linux/i2c-dev.h
failures = 0


def expect(what, got, expected):
    global failures
    if got == expected:
        print("ok", what)
    else:
        failures += 1
        print(f"FAIL {what}: got {got!r}, expected {expected!r}")


def open_chip(address):
    bus = os.open("/dev/i2c-7", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(bus, I2C_SLAVE, address)
    return bus


def error_of(call, *arguments):
    try:
        call(*arguments)
    except OSError as error:
        return errno.errorcode[error.errno]
    return "OK"


def functions(bus):
    room = array.array("L", [0])
    fcntl.ioctl(bus, I2C_FUNCS, room)
    return room[0] != 0


async def until_readable(bus):
    """One turn of a reader that the loop calls; what a read says then."""
    loop = asyncio.get_running_loop()
    done = loop.create_future()

    def called():
        loop.remove_reader(bus)
        done.set_result(error_of(os.read, bus, 1))

    loop.add_reader(bus, called)
    return await asyncio.wait_for(done, 30)


async def alive(bus):
    loop = asyncio.get_running_loop()
    expect("a reader of the loop is called, and reads", await until_readable(bus), "OK")
    calls = [loop.run_in_executor(None, functions, bus) for _ in range(200)]
    expect("200 ioctls in threads", await asyncio.gather(*calls), [True] * 200)
    readers = [until_readable(open_chip(0x50)) for _ in range(50)]
    expect("50 readers at once", await asyncio.gather(*readers), ["OK"] * 50)


async def pulled(bus):
    loop = asyncio.get_running_loop()
    watch = select.epoll()
    watch.register(bus, 0)  # an epoll in the loop's own: HUP and ERR alone
    gone = loop.create_future()
    loop.add_reader(watch.fileno(), lambda: gone.done() or gone.set_result(watch.poll(0)))
    slow = [open_chip(int(os.environ["OUTLIVE_CLIENT_SLOW"], 0)) for _ in range(8)]
    threads = ThreadPoolExecutor(8)
    reads = [loop.run_in_executor(threads, error_of, os.read, one, 2) for one in slow]
    print("ready", flush=True)
    events = await asyncio.wait_for(gone, 60)
    expect("the loop hears of HUP and ERR", events, [(bus, select.EPOLLHUP | select.EPOLLERR)])
    expect("every thread gets ENODEV", await asyncio.gather(*reads), ["ENODEV"] * 8)
    expect("a reader is called, and hears it too", await until_readable(bus), "ENODEV")
    expect("an ioctl says the same", error_of(functions, bus), "ENODEV")
    expect("open", error_of(os.open, "/dev/i2c-7", os.O_RDWR), "ENOENT")
    for one in slow:
        os.close(one)


async def main(mode):
    bus = open_chip(0x50)
    await alive(bus)
    if mode == "pulled":
        await pulled(bus)
    os.close(bus)


if len(sys.argv) != 2 or sys.argv[1] not in ("alive", "pulled"):
    sys.exit("usage: asyncio_client.py alive | pulled")
asyncio.run(main(sys.argv[1]))
sys.exit(1 if failures else 0)
