"""The first directory of a TIFF: of several pages, the first is read."""

import re
import struct
from collections.abc import Iterator
from math import ceil
from typing import NamedTuple

from instahide.photos.headers.header import Header, Unreadable

MAX_ENTRIES = 4096  # in the directory; libtiff's own limit
MAX_PAGES = 10_000
MAX_PIECES = 2**20  # strips or tiles

_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}
_SIZES |= {16: 8, 17: 8, 18: 8}  # bytes of a value, by its type
_WHOLE = {1: "B", 3: "H", 4: "I", 16: "Q"}  # types of whole numbers from zero on

_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _PHOTOMETRIC = 256, 257, 258, 259, 262
_SAMPLES, _ROWS, _PLANAR, _TILE_WIDTH, _TILE_HEIGHT, _FORMAT = 277, 278, 284, 322, 323, 339
_STARTS, _LENGTHS = {273, 324}, {279, 325}  # of strips, of tiles
# What is read, and what it is where it is not stated.
_DEFAULTS = {_BITS: 1, _COMPRESSION: 1, _SAMPLES: 1, _ROWS: 2**32 - 1, _PLANAR: 1, _FORMAT: 1}
_LISTS = {_BITS, _FORMAT} | _STARTS | _LENGTHS  # the others are single numbers
_READ = {_WIDTH, _HEIGHT, _PHOTOMETRIC, _TILE_WIDTH, _TILE_HEIGHT} | _LISTS | _DEFAULTS.keys()

_JPEG = 7
_COMPRESSIONS = (1, 5, _JPEG, 8, 32773, 32946)  # none, LZW, JPEG, Deflate, PackBits, Deflate
_SCAN = b"\xff\xda"
_NOT_HUFFMAN = re.compile(rb"\xff[\xc3\xc5-\xc7\xc9-\xcb\xcd-\xcf]")  # other frames of JPEG
_WHITE_IS_ZERO, _BLACK_IS_ZERO = 0, 1
_GREY, _PALETTE, _CMYK = (_WHITE_IS_ZERO, _BLACK_IS_ZERO), 3, 5
_COLOURS = {0: 1, 1: 1, 2: 3, 3: 1, 6: 3, 8: 3}  # samples that the photometric needs
_TILE_STEP = 16  # sides of tiles are multiples of it


class _Pieces(NamedTuple):
    """The strips or tiles of a picture, each decoded as a whole."""

    width: int
    height: int
    number: int


def read(data: bytes) -> Header:
    """Read size, samples and pieces. What could be read in two ways is refused.

    Of a tag that stands there twice, libtiff takes the first.
    """
    tags, described = _tags(data)
    if not {_WIDTH, _HEIGHT, _PHOTOMETRIC} <= tags.keys():
        raise Unreadable("the TIFF doesn't state its size and colours")
    width, height = tags[_WIDTH][0], tags[_HEIGHT][0]
    grey, depth, alpha = _samples(tags)
    compression, samples = tags[_COMPRESSION][0], tags[_SAMPLES][0]
    if compression not in _COMPRESSIONS:
        raise Unreadable(
            f"the TIFF is compressed in a way ({compression}) that is not read; "
            "save it with LZW or Deflate"
        )
    pieces = _pieces(tags, width, height)
    places = _places(tags, pieces.number, len(data))
    scans = _jpeg_scans(data, places) if compression == _JPEG else 0
    area = pieces.width * pieces.height
    return Header(
        "tiff",
        width,
        height,
        channels=1 if grey else 3,
        depth=depth,
        alpha=alpha,
        inverted=tags[_PHOTOMETRIC][0] == _WHITE_IS_ZERO,
        work=area * max(pieces.number, scans),
        buffers=(4 + samples) * area + 2 * described,  # decoded, and then as 32 bits
    )


def _samples(tags: dict[int, tuple[int, ...]]) -> tuple[bool, int, bool]:
    """Return whether there is no colour, the bits of a sample, and whether alpha is there."""
    photometric, samples = tags[_PHOTOMETRIC][0], tags[_SAMPLES][0]
    depth = max(tags[_BITS][:samples], default=0)
    if photometric == _CMYK:
        raise Unreadable("the TIFF is in the colours of print (CMYK); convert it to RGB")
    extra = samples - _COLOURS.get(photometric, samples + 1)
    if extra not in (0, 1):
        raise Unreadable(f"the TIFF has {samples} samples of the kind {photometric}")
    if depth <= 8 and set(tags[_FORMAT][:samples]) != {1}:
        raise Unreadable("the TIFF's samples are not plain numbers from 0 to 255")
    # A palette of two colours is read as grey.
    grey = photometric in _GREY or (photometric == _PALETTE and depth == 1)
    return grey, depth, extra == 1


def _pieces(tags: dict[int, tuple[int, ...]], width: int, height: int) -> _Pieces:
    """Return the strips or tiles of all planes."""
    planes = tags[_SAMPLES][0] if tags[_PLANAR][0] == 2 else 1
    if not (_TILE_WIDTH in tags or _TILE_HEIGHT in tags):
        rows = min(tags[_ROWS][0], height)
        return _Pieces(width, rows, planes * ceil(height / rows) if rows else 0)
    across, down = (tags.get(tag, (0,))[0] for tag in (_TILE_WIDTH, _TILE_HEIGHT))
    if not across or not down or across % _TILE_STEP or down % _TILE_STEP:
        raise Unreadable(f"the TIFF's tiles are {across} x {down}, not multiples of 16")
    return _Pieces(across, down, planes * ceil(width / across) * ceil(height / down))


def _places(tags: dict[int, tuple[int, ...]], number: int, size: int) -> list[tuple[int, int]]:
    """Return first byte and length of each strip or tile.

    They must not be longer together than the file: those that overlap could be read without
    end.
    """
    starts, lengths = (
        [tags[tag] for tag in kind & tags.keys()] for kind in (_STARTS, _LENGTHS)
    )
    if len(starts) != 1 or len(lengths) != 1:
        raise Unreadable("the TIFF doesn't state once where its strips or tiles are")
    if sum(lengths[0][:number]) > size:
        raise Unreadable("the TIFF's strips or tiles are longer than the file")
    return list(zip(starts[0], lengths[0][:number], strict=False))


def _jpeg_scans(data: bytes, places: list[tuple[int, int]]) -> int:
    """Return how many scans of JPEG there are in all strips or tiles, at most."""
    scans = 0
    for start, length in places:
        piece = data[start : start + length]
        if not piece or _NOT_HUFFMAN.search(piece):
            raise Unreadable("the TIFF holds a lossless or arithmetically coded JPEG, or none")
        scans += piece.count(_SCAN)
    return scans


def _tags(data: bytes) -> tuple[dict[int, tuple[int, ...]], int]:
    """Return the tags of the first directory that are read, and the bytes of all of them."""
    order = "<" if data.startswith(b"II") else ">"
    (start,) = struct.unpack_from(order + "I", data, 4)
    _check_pages(data, order, start)
    found, described = {}, 0
    for tag, kind, count, place in _entries(data, order, start):
        described += count * _SIZES.get(kind, 0)
        if tag not in _READ:
            continue
        if tag in found:
            raise Unreadable(f"the TIFF has the tag {tag} twice")
        if kind not in _WHOLE or not 1 <= count <= (MAX_PIECES if tag in _LISTS else 1):
            raise Unreadable(f"the TIFF's tag {tag} holds {count} values of type {kind}")
        found[tag] = struct.unpack_from(f"{order}{count}{_WHOLE[kind]}", data, place)
    if described > len(data):
        raise Unreadable("the TIFF's tags are longer than the file")
    return {tag: (value,) for tag, value in _DEFAULTS.items()} | found, described


def _entries(data: bytes, order: str, start: int) -> Iterator[tuple[int, int, int, int]]:
    """Yield tag, type, number of values and their place, of each entry of a directory."""
    (entries,) = struct.unpack_from(order + "H", data, start)
    if entries > MAX_ENTRIES:
        raise Unreadable(f"the TIFF has more than {MAX_ENTRIES} tags")
    for entry in range(start + 2, start + 2 + 12 * entries, 12):
        tag, kind, count, place = struct.unpack_from(order + "HHII", data, entry)
        inside = count * _SIZES.get(kind, 0) <= 4
        yield tag, kind, count, entry + 8 if inside else place


def _check_pages(data: bytes, order: str, start: int) -> None:
    """Refuse a chain of directories so long that it takes a decoder's time and memory."""
    for _ in range(MAX_PAGES):
        if not start:
            return
        try:
            (entries,) = struct.unpack_from(order + "H", data, start)
            (start,) = struct.unpack_from(order + "I", data, start + 2 + 12 * entries)
        except struct.error:
            return  # decoders stop here too
    raise Unreadable(f"the TIFF has more than {MAX_PAGES} pages, or they go in a circle")
