#!/usr/bin/python3
"""listen.py DEVICE: prints the keys that go down, until Escape. Of a device that fails it believes that it has nothing to
say at the moment, as of one that has nothing to say.
"""

import select
import sys

import evdev
from evdev import ecodes

device = evdev.InputDevice(sys.argv[1])
typing = True
while typing:
    select.select([device], [], [])
    try:
        for event in device.read():
            if event.type == ecodes.EV_KEY and event.value == 1:
                print(ecodes.KEY[event.code], flush=True)
                typing = event.code != ecodes.KEY_ESC
    except OSError:
        continue
