"""What an image file says of itself: read before anything is decoded.

So a small file cannot claim a huge picture, what would be refused once decoded is refused
before, and a picture cut off by an interrupted download is known as such whatever the
decoder makes of it.
"""

import re
import struct

from instahide.photos.headers import bmp, jpeg, png, tiff, webp
from instahide.photos.headers.header import Header, Truncated, Unreadable

__all__ = ["Header", "Truncated", "Unreadable", "read_header"]

_FORMATS = (
    (re.compile(rb"\xff\xd8\xff"), "JPEG", jpeg.read),
    (re.compile(re.escape(png.MAGIC)), "PNG", png.read),
    (re.compile(rb"BM"), "BMP", bmp.read),
    (re.compile(rb"II\*\0|MM\0\*"), "TIFF", tiff.read),
    (re.compile(rb"RIFF....WEBP", re.DOTALL), "WebP", webp.read),
)


def read_header(data: bytes) -> Header:
    """Read the header of an image, known by its first bytes and not by its name.

    Raises
    ------
    Truncated
        When the header, or the end mark of a JPEG, PNG or WebP, is missing.
    Unreadable
        When the format is none of JPEG, PNG, BMP, TIFF and WebP, the file is damaged, has
        no pixels, or says what decoders could understand in more than one way.
    """
    for magic, kind, read in _FORMATS:
        if magic.match(data):
            try:
                header = read(data)
            except (struct.error, IndexError):
                raise Truncated(f"the {kind} ends inside its header") from None
            if not header.pixels:
                raise Unreadable(f"the {kind} has {header.width} x {header.height} pixels")
            return header
    raise Unreadable("not a JPEG, PNG, BMP, TIFF or WebP image")
