"""Whether a TIFF's pixels are damaged: OpenCV draws what it can of them, and says nothing."""

import contextlib
import io
import os
import warnings
import zlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from PIL import Image
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from instahide.photos.decoding import MAX_MEMORY, PhotoError

_COMPRESSION, _DEFLATE = 259, (8, 32946)
_PLACES = ((273, 279), (324, 325))  # first bytes and lengths of strips, and of tiles
_STEP = 1 << 20  # bytes that are inflated at a time
_DAMAGED = "the TIFF's pixels are damaged: only a part of them could be decoded"


def check_tiff(data: bytes) -> None:
    """Refuse a TIFF whose pixels are damaged.

    Of Deflate every strip or tile has a checksum, which decoders leave alone once they have all
    the pixels that they want. Of others Pillow says whether it could decode them; without
    compression nothing could tell.

    Parameters
    ----------
    data : bytes
        A TIFF whose header was checked.

    Raises
    ------
    PhotoError
        ``unreadable``.
    """
    tags = _tags(data)
    if tags.get(_COMPRESSION, 1) in _DEFLATE:
        intact = _inflate(_pieces(data, tags))
    else:
        intact = _decodes(data)
    if not intact:
        raise PhotoError("unreadable", _DAMAGED)


@contextlib.contextmanager
def unheard() -> Iterator[None]:
    """Keep off the terminal what libtiff prints there by itself, around Python."""
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


def _tags(data: bytes) -> Mapping[int, Any]:
    """Return the tags of the first page; none where Pillow stumbles over them."""
    file, tags = io.BytesIO(data), ImageFileDirectory_v2(data[:8])
    file.seek(tags.next)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            tags.load(file)
            return {tag: tags.get(tag) for tag in tags}
        except Exception:  # a file may be anything, and what it is worth OpenCV will tell
            return {}


def _pieces(data: bytes, tags: Mapping[int, Any]) -> Iterator[memoryview]:
    """Yield the strips or tiles, as they are compressed; no more bytes than the file has."""
    view, left = memoryview(data), len(data)
    for starts, lengths in _PLACES:
        for start, length in zip(tags.get(starts, ()), tags.get(lengths, ()), strict=False):
            left -= length
            if left >= 0:
                yield view[start : start + length]


def _inflate(pieces: Iterable[memoryview]) -> bool:
    """Say whether pieces are whole, without keeping what they hold."""
    left = MAX_MEMORY
    for piece in pieces:
        stream, rest = zlib.decompressobj(), bytes(piece)
        while not stream.eof and left > 0:
            try:
                inflated = stream.decompress(rest, _STEP)
            except zlib.error:
                return False
            if not inflated and not stream.unconsumed_tail and not stream.eof:
                return False
            rest, left = stream.unconsumed_tail, left - len(inflated)
    return True


def _decodes(data: bytes) -> bool:
    """Say whether Pillow decodes the first page, or doesn't know its kind."""
    with warnings.catch_warnings(), unheard():
        warnings.simplefilter("ignore")  # of its size, which was checked
        try:
            image = Image.open(io.BytesIO(data), formats=["TIFF"])
        except Exception:  # as in `_tags`
            return True
        try:
            image.load()
        except OSError:
            return False
        except Exception:
            return True
    return True
