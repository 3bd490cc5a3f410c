#!/usr/bin/env python3
"""Updates firmware rightly: there are two slots, and the one that is in use is not touched.

    slots.py WHERE update IMAGE     writes IMAGE, and is done when it would be started from now on
    slots.py WHERE verify [IMAGE]   exits with 0 if a whole image would be started

What is started is the whole image with the highest sequence number. An update writes the other slot: the image first,
then, when that has been read back, its header with the next number. Whatever happens on the way, one slot is whole. If
the device goes meanwhile, it is waited for, for a second, and the work begins anew.

`verify` with IMAGE wants that very image if an update has claimed to be done: `outlive explore --check` says so in
OUTLIVE_EXIT.
"""

import errno
import os
import sys
import time

from image import Image, load
from storage import open_storage

# What is said of a device that is gone, and of one that is not there yet.
GONE = {errno.ENODEV, errno.ENOENT, errno.ENXIO, errno.ENOTCONN, errno.EIO}
# How long a device that has gone is waited for, in seconds.
PATIENCE = 1


def slots(storage):
    """Where each slot begins, and the whole image in it, if there is one."""
    room = storage.size // 2
    return [(start, load(storage, start, room)) for start in (0, room)]


def newest(found):
    whole = [slot for slot in found if slot[1]]
    return max(whole, key=lambda slot: slot[1].sequence, default=None)


def update(storage, content):
    found = slots(storage)
    current = newest(found)
    if current and current[1].content == content:
        return
    image = Image(current[1].sequence + 1 if current else 1, content)
    [start, *_] = [start for start, _ in found if not current or start != current[0]]
    storage.write(start + storage.block, content)
    if storage.read(start + storage.block, len(content)) != content:
        raise SystemExit("the image reads back otherwise than it was written; the old one stays in use")
    # From here on it is the new one, if all of this block arrives, and the old one if not.
    storage.write(start, image.header())
    if newest(slots(storage))[1].content != content:
        raise SystemExit("the header reads back otherwise than it was written; the old image stays in use")


def verify(storage, wanted):
    current = newest(slots(storage))
    if not current:
        raise SystemExit("no slot has a whole image")
    if wanted is not None and os.environ.get("OUTLIVE_EXIT") == "0" and current[1].content != wanted:
        raise SystemExit("the update said that it was done, and the old image is still in use")
    print(f"image {current[1].sequence} would be started")


def persist(where, work):
    """Does `work`, and does it again if the device goes and comes back."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            with open_storage(where) as storage:
                return work(storage)
        except OSError as error:
            if error.errno not in GONE or time.monotonic() > deadline:
                raise SystemExit(f"{where}: {error.strerror}")
        time.sleep(0.01)


def main(where, verb, path=None):
    content = open(path, "rb").read() if path else None
    if verb == "update":
        persist(where, lambda storage: update(storage, content))
    elif verb == "verify":
        persist(where, lambda storage: verify(storage, content))
    else:
        raise SystemExit(__doc__)


if __name__ == "__main__":
    if len(sys.argv) not in (3, 4):
        raise SystemExit(__doc__)
    main(*sys.argv[1:])
