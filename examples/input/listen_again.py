#!/usr/bin/python3
"""listen_again.py DEVICE: prints the keys that go down, until Escape. A device that has gone it closes, and waits a while for
it to come back; if it does not, it says so.
"""

import errno
import sys
import time

import evdev
from evdev import ecodes

PATIENCE = 0.3
GONE = (errno.ENODEV, errno.ENOENT, errno.ENXIO)


def opened(path):
    """The device, as soon as it is there."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            return evdev.InputDevice(path)
        except (OSError, SystemError) as error:
            # python-evdev 1.6 raises SystemError, and does not say why, where EVIOCGVERSION or EVIOCGEFFECTS fails.
            gone = isinstance(error, SystemError) or error.errno in GONE
            if not gone or time.monotonic() > deadline:
                raise
        time.sleep(0.02)


def listen(device):
    """Until Escape."""
    for event in device.read_loop():
        if event.type == ecodes.EV_KEY and event.value == 1:
            print(ecodes.KEY[event.code], flush=True)
            if event.code == ecodes.KEY_ESC:
                return


def main(path):
    while True:
        device = opened(path)
        try:
            return listen(device)
        except OSError as error:
            if error.errno not in GONE:
                raise
            print("the device has gone", file=sys.stderr)
        finally:
            device.close()


try:
    main(sys.argv[1])
except (OSError, SystemError) as error:
    sys.exit(f"{sys.argv[1]}: {error}")
