"""Image files for tests; those that no encoder would write are put together here."""

import io
import re
import struct
import zlib

import cv2
import numpy as np
from PIL import Image

PIXELS = cv2.resize(
    np.random.default_rng(0).integers(0, 256, (6, 8, 3), np.uint8), (40, 30)
)  # smooth colours, (30, 40, 3), RGB


def encoded(kind, pixels=PIXELS, **options):
    """Encode with Pillow, an implementation that the package doesn't use."""
    image = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


# --- PNG ---


def png_chunk(kind, content):
    checksum = struct.pack(">I", zlib.crc32(kind + content))
    return struct.pack(">I", len(content)) + kind + content + checksum


def png_with(*chunks, data=None):
    """Put chunks behind the header of a PNG."""
    data = data or encoded("png")
    return data[:33] + b"".join(chunks) + data[33:]


def png_header(width, height, depth=8, colour=2):
    return png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0))


# --- JPEG ---


def jpeg_frame(data):
    """Return the place of the frame's marker."""
    return re.search(rb"\xff[\xc0-\xc2]\0", data).start()


def jpeg_sized(data, width, height):
    """Return a JPEG whose header claims another size."""
    frame = jpeg_frame(data)
    return data[: frame + 5] + struct.pack(">HH", height, width) + data[frame + 9 :]


def jpeg_scans(data, more):
    """Return a progressive JPEG with its last scan repeated."""
    last = data[data.rindex(b"\xff\xda") : -2]
    return data[:-2] + last * more + data[-2:]


# --- TIFF ---


def tiff_tags(pixels=PIXELS):
    """Return the tags of an uncompressed TIFF of one strip, without the strip's place."""
    height, width, samples = pixels.shape
    photometric = 2 if samples >= 3 else 1
    return [
        (256, 4, [width]),
        (257, 4, [height]),
        (258, 3, [8 * pixels.itemsize] * samples),
        (259, 3, [1]),
        (262, 3, [photometric]),
        (277, 3, [samples]),
        (278, 4, [height]),
        (279, 4, [pixels.nbytes]),
    ]


def tiff(pixels=PIXELS, *, replace=(), extra=(), order="<", content=None):
    """Write a TIFF tag by tag.

    `replace` takes the place of tags with the same number, `extra` is added at the end, both
    as (tag, type, values); a type is 1 for bytes, 3 for short and 4 for long numbers.
    """
    content = pixels.tobytes() if content is None else content
    changed = {tag for tag, _, _ in replace}
    tags = [one for one in tiff_tags(pixels) if one[0] not in changed] + [*replace]
    place = 273 if not {322, 323} & changed else 324
    tags = [*sorted([*tags, (place, 4, [8])], key=lambda one: one[0]), *extra]
    directory = 8 + len(content)
    behind = directory + 2 + 12 * len(tags) + 4
    entries, data = b"", b""
    for tag, kind, values in tags:
        packed = struct.pack(order + str(len(values)) + {1: "B", 3: "H", 4: "I"}[kind], *values)
        entries += struct.pack(order + "HHI", tag, kind, len(values))
        if len(packed) <= 4:
            entries += packed.ljust(4, b"\0")
        else:
            entries += struct.pack(order + "I", behind + len(data))
            data += packed
    start = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", directory)
    number = struct.pack(order + "H", len(tags))
    return start + content + number + entries + bytes(4) + data


# --- BMP ---


def bmp(width, height, bits, *, packing=0, size=40, palette=b""):
    """Write a BMP of one byte again and again, with a header of `size` bytes."""
    if size == 12:
        header = struct.pack("<IHHHH", 12, width, height, 1, bits)
    else:
        header = struct.pack("<IiiHHI20x", size, width, height, 1, bits, packing)
        header += b"\xff" * (size - 40)
    start = 14 + len(header) + len(palette)
    content = b"\x07" * ((abs(width) * bits + 31) // 32 * 4 * abs(height))
    return b"BM" + struct.pack("<I4xI", start, start) + header + palette + content


# --- WebP ---


def webp_extended(width, height, *, flags=0, picture=None):
    """Put the extended header of a WebP before a picture."""
    picture = picture or encoded("webp")[12:]
    sides = struct.pack("<I", width - 1)[:3] + struct.pack("<I", height - 1)[:3]
    content = b"WEBPVP8X" + struct.pack("<IB3x", 10, flags) + sides + picture
    return b"RIFF" + struct.pack("<I", len(content)) + content
