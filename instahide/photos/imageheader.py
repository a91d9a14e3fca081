"""The first bytes of an image file: its format, its size, and whether its end is there.

Read before anything is decoded, so that a small file cannot claim a huge picture, and
so that a picture cut off by an interrupted download is known as such whatever the
decoder makes of it.
"""

import re
import struct
import zlib
from typing import NamedTuple

_MARKER = re.compile(rb"\xff([^\x00\xd0-\xd7\xff])")  # of a JPEG segment, not of its data
_JPEG_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_JPEG_SCAN, _JPEG_BARE = 0xDA, (0x01, 0xD8, 0xD9)
_PNG_MAGIC = b"\x89PNG\r\n\x1a\n"
_TIFF_VALUE = {3: "H", 4: "I"}  # types of a width: SHORT and LONG


class Header(NamedTuple):
    """What an image file says of itself; width and height in pixels."""

    format: str  # "jpeg", "png", "bmp", "tiff" or "webp"
    width: int
    height: int


class Truncated(Exception):
    """The image's end is missing."""


class Unreadable(Exception):
    """The bytes are no image of a known format, or a damaged one."""


def read_header(data: bytes) -> Header:
    """Return format and size of an image, known by its first bytes and not by its name.

    Raises
    ------
    Truncated
        When the header, or the end mark of a JPEG, PNG or WebP, is missing.
    Unreadable
        When the format is none of JPEG, PNG, BMP, TIFF and WebP, or the file is damaged.
    """
    for magic, kind, measure in _FORMATS:
        if magic.match(data):
            try:
                return Header(kind, *measure(data))
            except (struct.error, IndexError):
                raise Truncated(f"the {kind} ends inside its header") from None
    raise Unreadable("not a JPEG, PNG, BMP, TIFF or WebP image")


def _jpeg_size(data: bytes) -> tuple[int, int]:
    """Walk the segments to the first scan; the end mark must follow it."""
    position, size = 2, None
    while marker := _MARKER.search(data, position):
        code, position = marker[1][0], marker.end()
        if code in _JPEG_BARE:
            continue
        (length,) = struct.unpack_from(">H", data, position)
        if code in _JPEG_FRAMES:
            height, width = struct.unpack_from(">HH", data, position + 3)
            size = width, height
        position += length
        if code == _JPEG_SCAN:
            break
    # A 0xFF inside the compressed data is always followed by a zero, so this is the mark.
    if data.find(b"\xff\xd9", position) < 0:
        raise Truncated("the JPEG has no end mark")
    if size is None:
        raise Unreadable("the JPEG has no frame")
    return size


def _png_size(data: bytes) -> tuple[int, int]:
    """Walk the chunks to the last one, checking their checksums."""
    position, kind = len(_PNG_MAGIC), b""
    while kind != b"IEND":
        length, kind = struct.unpack_from(">I4s", data, position)
        end = position + 8 + length
        (checksum,) = struct.unpack_from(">I", data, end)
        if zlib.crc32(memoryview(data)[position + 4 : end]) != checksum:
            raise Unreadable(f"the PNG's chunk at byte {position} is damaged")
        position = end + 4
    width, height = struct.unpack_from(">II", data, 16)
    return width, height


def _bmp_size(data: bytes) -> tuple[int, int]:
    width, height = struct.unpack_from("<ii", data, 18)
    return abs(width), abs(height)  # a negative height means rows from the top down


def _tiff_size(data: bytes) -> tuple[int, int]:
    """Read width and height, tags 256 and 257, of the first directory."""
    order = "<" if data.startswith(b"II") else ">"
    (start,) = struct.unpack_from(order + "I", data, 4)
    (entries,) = struct.unpack_from(order + "H", data, start)
    found = {}
    for entry in range(start + 2, start + 2 + 12 * entries, 12):
        tag, kind = struct.unpack_from(order + "HH", data, entry)
        if tag in (256, 257) and kind in _TIFF_VALUE:
            (found[tag],) = struct.unpack_from(order + _TIFF_VALUE[kind], data, entry + 8)
    if len(found) != 2:
        raise Unreadable("the TIFF doesn't state its size")
    return found[256], found[257]


def _webp_size(data: bytes) -> tuple[int, int]:
    """Read the size from whichever of the three kinds of first chunk is there."""
    (length,) = struct.unpack_from("<I", data, 4)
    if len(data) < length + 8:
        raise Truncated("the WebP is shorter than it says")
    kind = data[12:16]
    if kind == b"VP8X":
        (width,) = struct.unpack("<I", data[24:27] + b"\0")
        (height,) = struct.unpack("<I", data[27:30] + b"\0")
        return width + 1, height + 1
    if kind == b"VP8L":
        (bits,) = struct.unpack_from("<I", data, 21)
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if kind == b"VP8 ":
        width, height = struct.unpack_from("<HH", data, 26)
        return width & 0x3FFF, height & 0x3FFF
    raise Unreadable("the WebP has no image")


_FORMATS = (
    (re.compile(rb"\xff\xd8\xff"), "jpeg", _jpeg_size),
    (re.compile(re.escape(_PNG_MAGIC)), "png", _png_size),
    (re.compile(rb"BM"), "bmp", _bmp_size),
    (re.compile(rb"II\*\0|MM\0\*"), "tiff", _tiff_size),
    (re.compile(rb"RIFF....WEBP", re.DOTALL), "webp", _webp_size),
)
