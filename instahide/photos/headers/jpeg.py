"""The segments of a JPEG."""

import re
import struct
from collections.abc import Iterator
from typing import NamedTuple

from instahide.photos.headers.header import Header, Truncated, Unreadable

MAX_SEGMENTS = 10_000  # a JPEG of 256 MB that is nothing but segments of full length has 4,096

_MARKER = re.compile(rb"\xff([^\x00\xd0-\xd7\xff])")  # of a segment, not of compressed data
_BARE = (0x01, 0xD8)  # markers without a segment, besides the end's
_END, _SCAN = 0xD9, 0xDA
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_BASELINE, _EXTENDED, _PROGRESSIVE = 0xC0, 0xC1, 0xC2
_BLOCK = 8 * 8 * 2  # bytes of a block of coefficients


class _Frame(NamedTuple):
    code: int
    depth: int
    width: int
    height: int
    sampling: tuple[tuple[int, int], ...]  # of each component, across and down


def read(data: bytes) -> Header:
    """Walk the segments to the first scan for the frame, and on to the end for scans.

    The end mark must follow the first scan. A decoder holds the coefficients of all blocks
    where more than one scan makes the picture, and goes over them in each.
    """
    frames, scans, together, first = [], 0, 0, 0
    for code, position in _segments(data):
        if code in _FRAMES and not scans:
            frames.append(_frame(code, data, position))
        elif code == _SCAN:
            scans += 1
            if scans == 1:
                first, together = position, data[position + 2]  # components in this scan
    if not scans:
        raise Truncated("the JPEG ends before its picture")
    # A 0xFF inside the compressed data is always followed by a zero, so this is the mark.
    if data.find(b"\xff\xd9", first) < 0:
        raise Truncated("the JPEG has no end mark")
    if len(frames) != 1:
        raise Unreadable(f"the JPEG has {len(frames)} frames, not one")
    frame = frames[0]
    if frame.code not in (_BASELINE, _EXTENDED, _PROGRESSIVE):
        raise Unreadable("the JPEG is lossless or arithmetically coded; save it as baseline")
    many = frame.code == _PROGRESSIVE or together < len(frame.sampling)
    return Header(
        "jpeg",
        frame.width,
        frame.height,
        channels=1 if len(frame.sampling) == 1 else 3,
        depth=frame.depth,
        work=frame.width * frame.height * (scans if many else 1),
        buffers=2 * first + (_coefficients(frame) if many else 0),  # what precedes is kept
    )


def _segments(data: bytes) -> Iterator[tuple[int, int]]:
    """Yield the marker of each segment and the place of its length, up to the end mark."""
    position = 2
    for _ in range(MAX_SEGMENTS):
        marker = _MARKER.search(data, position)
        if not marker or marker[1][0] == _END:
            return
        code, position = marker[1][0], marker.end()
        if code not in _BARE:
            yield code, position
            position += int.from_bytes(data[position : position + 2])
    raise Unreadable(f"the JPEG has more than {MAX_SEGMENTS} segments")


def _frame(code: int, data: bytes, position: int) -> _Frame:
    """Parse the segment of a frame."""
    depth, height, width, components = struct.unpack_from(">BHHB", data, position + 2)
    sampling = struct.unpack_from(">" + "xBx" * components, data, position + 8)
    pairs = tuple((value >> 4, value & 15) for value in sampling)
    if not pairs or not all(1 <= across <= 4 and 1 <= down <= 4 for across, down in pairs):
        raise Unreadable("the JPEG's components have no size")
    return _Frame(code, depth, width, height, pairs)


def _coefficients(frame: _Frame) -> int:
    """Return the bytes that the coefficients of all blocks take."""
    most_across, most_down = (max(sides) for sides in zip(*frame.sampling, strict=True))
    units = -(-frame.width // (8 * most_across)) * -(-frame.height // (8 * most_down))
    return units * sum(across * down for across, down in frame.sampling) * _BLOCK
