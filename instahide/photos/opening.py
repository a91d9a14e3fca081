"""Photos opened one after another in many threads, within one node's memory.

What the threads hold of files and of pixels has a limit for all of them together. It is
that of a single photo, so the largest are opened one at a time, small ones side by side.
"""

import contextlib
from collections.abc import Iterator

import numpy as np

from instahide.budget import Budget
from instahide.photos.decoding import MAX_MEMORY, checked_header, decode_pixels
from instahide.photos.listing import MAX_PHOTO_BYTES, Photo, read_photo

# Two budgets, always asked in this order: who holds pixels never waits for bytes, so nobody
# waits for ever.
_BYTES, _PIXELS = Budget(MAX_PHOTO_BYTES), Budget(MAX_MEMORY)


@contextlib.contextmanager
def opened(photo: Photo, *, channels: int, min_side: int) -> Iterator[np.ndarray]:
    """Read and decode a photo, and count its memory as taken while the block runs.

    Parameters
    ----------
    channels, min_side : int
        As for `decoding.decode`.

    Yields
    ------
    ndarray of uint8, shape (H, W, channels)

    Raises
    ------
    PhotoError
        As for `read_photo` and `decoding.decode`.
    """
    with _BYTES.part(min(photo.size, MAX_PHOTO_BYTES)):
        data = read_photo(photo)
        header = checked_header(data, channels, min_side)
        with _PIXELS.part(header.memory):
            yield decode_pixels(data, header, channels)
