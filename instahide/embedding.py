"""Images as data URIs, so that a page needs no other file, small enough to open quickly."""

import base64
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

PICTURE_BYTES = 11_000_000  # of all pictures of a page, as they stand in it
SAMPLE = 32  # pictures that are tried to tell how large all are


@dataclass(frozen=True)
class Way:
    """How pictures are stored.

    Attributes
    ----------
    quality : int
        Of WebP, at most 100; 0 stands for PNG, which loses nothing.
    side : int
        Pixels to which a larger picture's longer side is shrunk; 0: it stays as it is.
    """

    quality: int = 0
    side: int = 0

    @property
    def words(self) -> str:
        """What it does to pictures, in a sentence; "" where it does nothing."""
        if not self.quality:
            return ""
        done = "slightly compressed" if self.quality >= 90 else "compressed"
        size = f"shrunk to {self.side} pixels and " if self.side else ""
        return (
            f"So that this page opens quickly its pictures are {size}{done}; what was measured "
            "was measured on the images as they are."
        )


LOSSLESS = Way()
#: From the best to the smallest.
WAYS = (LOSSLESS, Way(90), Way(75), *(Way(75, side) for side in (160, 128, 96, 64)))


def choose_way(images: Sequence[np.ndarray], most: int = PICTURE_BYTES) -> Way:
    """Return the best way to store all of a page's pictures in so many bytes.

    Parameters
    ----------
    images : sequence of ndarray of uint8, shape (n, H, W, C)
        Batches; some pictures of each are tried.
    most : int
        Where nothing is small enough, the smallest way is taken.
    """
    total = sum(map(len, images))
    tried = list(_spread(images, total))
    largest = max(max(one.shape[:2]) for one in tried)
    for way in WAYS:
        if way.side < largest:
            size = sum(len(data_uri(one, way)) for one in tried)
            if size * total <= most * len(tried):
                return way
            smallest = way
    return smallest


def data_uri(image: np.ndarray, way: Way = LOSSLESS) -> str:
    """Return an image as the address of a picture that holds it.

    Parameters
    ----------
    image : ndarray of uint8, shape (H, W, C)
        C is 1 or 3.

    Examples
    --------
    >>> data_uri(np.zeros((8, 8, 1), np.uint8))[:22]
    'data:image/png;base64,'
    """
    picture = Image.fromarray(image[:, :, 0] if image.shape[2] == 1 else image)
    if way.side and max(picture.size) > way.side:
        picture.thumbnail((way.side, way.side), Image.Resampling.BOX)
    file = io.BytesIO()
    if way.quality:
        picture.convert("RGB").save(file, "WEBP", quality=way.quality, method=4)
    else:
        picture.save(file, "PNG", optimize=True)
    kind = "webp" if way.quality else "png"
    return f"data:image/{kind};base64,{base64.b64encode(file.getvalue()).decode('ascii')}"


def _spread(images: Sequence[np.ndarray], total: int) -> Iterable[np.ndarray]:
    """Yield pictures of all batches, evenly."""
    step = max(1, total // SAMPLE)
    for batch in images:
        yield from batch[::step]
