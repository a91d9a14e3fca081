"""The headers of a BMP."""

import struct

from instahide.photos.headers.header import Header, Unreadable

_BIT_FIELDS = 3  # the compression with which OpenCV reads 32 bits as colour and transparency


def read(data: bytes) -> Header:
    """Read the second header, and the palette, which says whether there is colour."""
    size, width, height, _, bits, packed = struct.unpack_from("<IiiHHI", data, 14)
    if size < 40:
        raise Unreadable("the BMP has a header of OS/2, whose colours are not read")
    (used,) = struct.unpack_from("<I", data, 46)
    return Header(
        "bmp",
        max(width, 0),
        abs(height),  # a negative height means rows from the top down
        channels=1 if bits <= 8 and _is_grey(data, 14 + size, used, bits) else 3,
        depth=8 if bits <= 32 else 16,
        alpha=bits == 32 and packed == _BIT_FIELDS,
        work=max(width, 0) * abs(height),
    )


def _is_grey(data: bytes, start: int, used: int, bits: int) -> bool:
    """Tell whether a palette (blue, green, red, nothing) is grey throughout."""
    colours = min(used or 1 << bits, 1 << bits)
    palette = data[start : start + 4 * colours]
    return palette[0::4] == palette[1::4] == palette[2::4]
