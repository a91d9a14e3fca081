"""The chunks of a WebP, up to the picture."""

import struct
from collections.abc import Iterator
from math import ceil

from instahide.photos.headers.header import Header, Truncated, Unreadable

MAX_WEBP_CHUNKS = 1000  # before the picture; three are in use

_ANIMATED, _ALPHA = 0x02, 0x10  # flags of the extended header
_START = 12  # of the first chunk
# A lossless picture may have another set of codes for each block of 4 x 4 pixels, up to
# these; the shortest takes 20 bits of the file and 6 kB of memory.
_MOST_SETS, _SET_BITS, _SET_BYTES = 2**16, 20, 6 * 2**10


def read(data: bytes) -> Header:
    """Read the size from the picture's own chunk; an extended header must agree."""
    (length,) = struct.unpack_from("<I", data, 4)
    if len(data) < length + 8:
        raise Truncated("the WebP is shorter than it says")
    canvas, flags, alpha = None, 0, False
    for kind, start in _chunks(data, length + 8):
        if kind == b"VP8X" and start == _START + 8:
            flags, *parts = struct.unpack_from("<B3xHBHB", data, start)
            canvas = parts[0] + (parts[1] << 16) + 1, parts[2] + (parts[3] << 16) + 1
            if flags & _ANIMATED:
                return Header("webp", *canvas, animated=True)
        elif kind == b"ALPH":
            alpha = True
        elif kind in (b"VP8 ", b"VP8L"):
            return _picture(data, kind, start, canvas, alpha or bool(flags & _ALPHA))
    raise Unreadable("the WebP has no picture")


def _chunks(data: bytes, end: int) -> Iterator[tuple[bytes, int]]:
    """Yield the kind of each chunk and where its content starts."""
    position = _START
    for _ in range(MAX_WEBP_CHUNKS):
        if position + 8 > end:
            return
        kind, size = struct.unpack_from("<4sI", data, position)
        yield kind, position + 8
        position += 8 + size + size % 2
    raise Unreadable(f"the WebP has more than {MAX_WEBP_CHUNKS} chunks before its picture")


def _picture(
    data: bytes, kind: bytes, start: int, canvas: tuple[int, int] | None, alpha: bool
) -> Header:
    """Read the header of a picture, lossy or lossless."""
    if kind == b"VP8 ":
        width, height = (side & 0x3FFF for side in struct.unpack_from("<HH", data, start + 6))
        buffers = 0
    else:
        (bits,) = struct.unpack_from("<I", data, start + 1)
        width, height = (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
        alpha = alpha or bool(bits >> 28 & 1)
        blocks = ceil(width / 4) * ceil(height / 4)
        sets = min(_MOST_SETS, blocks, 8 * len(data) // _SET_BITS)
        buffers = 4 * width * height + sets * _SET_BYTES  # all of it is held, as 32 bits
    if canvas not in (None, (width, height)):
        raise Unreadable("the WebP's picture has another size than its canvas")
    work = width * height
    buffers += len(data)  # what describes the picture is copied
    return Header("webp", width, height, alpha=alpha, work=work, buffers=buffers)
