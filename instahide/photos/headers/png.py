"""The chunks of a PNG."""

import struct
import zlib
from collections.abc import Iterator

from instahide.photos.headers.header import Header, Unreadable

MAGIC = b"\x89PNG\r\n\x1a\n"
MAX_CHUNKS = 2**17  # encoders put 8 kB or more into each

_COLOUR, _ALPHA = 2, 4  # bits of the colour type
_ANCILLARY = 0x20  # a chunk that decoders may skip begins with a small letter


def read(data: bytes) -> Header:
    """Walk the chunks to the last one, checking their checksums."""
    kinds = set()
    for number, (kind, start, end) in enumerate(_chunks(data)):
        if (kind == b"IHDR") != (number == 0) or (number == 0 and end - start != 25):
            raise Unreadable("the PNG does not begin with its one header")
        kinds.add(kind)
    width, height, depth, colour = struct.unpack_from(">IIBB", data, 16)
    return Header(
        "png",
        width,
        height,
        channels=3 if colour & _COLOUR else 1,
        depth=depth,
        alpha=bool(colour & _ALPHA) or b"tRNS" in kinds,
        work=width * height,
        buffers=len(data),  # for `essential`
    )


def essential(data: bytes, also: tuple[bytes, ...] = ()) -> bytes:
    """Return a PNG without the chunks that decoders may skip, but for those of some kinds.

    Each of a thousand texts in it may unpack to 8 MB, and what is animated has frames: what
    remains is the still picture alone, bit for bit.
    """
    kept = [
        data[start:end]
        for kind, start, end in _chunks(data)
        if not kind[0] & _ANCILLARY or kind in also
    ]
    return b"".join([MAGIC, *kept])


def _chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Yield kind, first byte and end of each chunk, up to the last one of the PNG."""
    end = len(MAGIC)
    for _ in range(MAX_CHUNKS):
        start = end
        length, kind = struct.unpack_from(">I4s", data, start)
        end = start + 12 + length
        (checksum,) = struct.unpack_from(">I", data, end - 4)
        if zlib.crc32(memoryview(data)[start + 4 : end - 4]) != checksum:
            raise Unreadable(f"the PNG's chunk at byte {start} is damaged")
        yield kind, start, end
        if kind == b"IEND":
            return
    raise Unreadable(f"the PNG has more than {MAX_CHUNKS} chunks")
