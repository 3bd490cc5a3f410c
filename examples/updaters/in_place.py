#!/usr/bin/env python3
"""Updates firmware in place: as it is done where nobody has thought of what happens in the middle.

    in_place.py WHERE update IMAGE     writes IMAGE over the one that is there
    in_place.py WHERE verify           exits with 0 if there is a whole image

It notices every failure and says so. That does not help: what it has begun to overwrite is gone.
"""

import sys

from image import Image, load
from storage import open_storage


def update(storage, content):
    storage.write(0, Image(1, content).header())
    storage.write(storage.block, content)
    verify(storage)


def verify(storage):
    if not load(storage, 0, storage.size):
        raise SystemExit("there is no whole image")


def main(where, verb, path=None):
    try:
        with open_storage(where) as storage:
            if verb == "update":
                update(storage, open(path, "rb").read())
            else:
                verify(storage)
    except OSError as error:
        raise SystemExit(f"{where}: {error.strerror}")


if __name__ == "__main__":
    if len(sys.argv) not in (3, 4):
        raise SystemExit(__doc__)
    main(*sys.argv[1:])
