"""A firmware image in storage: a header that describes it, in a block of its own, and the bytes behind that."""

import struct
import zlib

MAGIC = b"IMG1"
# Magic, sequence number, length of the image, checksum of the image; then the checksum of all that.
FIELDS = struct.Struct("<4sIII")
CHECK = struct.Struct("<I")


class Image:
    def __init__(self, sequence, content):
        self.sequence = sequence
        self.content = content

    def header(self):
        fields = FIELDS.pack(MAGIC, self.sequence, len(self.content), zlib.crc32(self.content))
        return fields + CHECK.pack(zlib.crc32(fields))


def load(storage, start, room):
    """The whole image at `start`, or None if there is none, or not all of it."""
    raw = storage.read(start, FIELDS.size + CHECK.size)
    fields = raw[: FIELDS.size]
    magic, sequence, length, checksum = FIELDS.unpack(fields)
    if magic != MAGIC or CHECK.unpack(raw[FIELDS.size :]) != (zlib.crc32(fields),):
        return None
    if length > room - storage.block:
        return None
    content = storage.read(start + storage.block, length)
    return Image(sequence, content) if zlib.crc32(content) == checksum else None
