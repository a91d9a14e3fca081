"""Originals that are so much like another one that nothing could tell them apart."""

import numpy as np

from instahide.images import to_unit_range
from instahide.ssim import ssim

COARSE = 32  # pixels of a side on which the nearest other image is looked for


def alike_another(images: np.ndarray, margin: float) -> np.ndarray:
    """Say of each image whether even its perfect copy would not count as recognised.

    That is so where another one is as like to it, but for less than the margin, see
    `instahide.auditing.recognition`. Only the image nearest in its pixels is compared.

    Parameters
    ----------
    images : ndarray of uint8, shape (n, H, W, C)
    margin : float

    Returns
    -------
    ndarray of bool, shape (n,)

    Examples
    --------
    >>> images = np.random.default_rng(0).integers(0, 256, (3, 16, 16, 1), dtype=np.uint8)
    >>> alike_another(images[[0, 1, 2, 1]], 0.05).tolist()
    [False, True, False, True]
    """
    if len(images) < 2:
        return np.zeros(len(images), bool)
    nearest = _nearest_other(_coarse(images))
    likeness = [  # one at a time: together they would need several times the images' memory
        ssim(to_unit_range(images[[one]]), to_unit_range(images[[other]]))[0]
        for one, other in enumerate(nearest)
    ]
    return np.array(likeness) > 1 - margin


def _coarse(images: np.ndarray) -> np.ndarray:
    """Return means over blocks of pixels as float32 (n, d); a rest at the edge is left out."""
    count, height, width, channels = images.shape
    block = max(1, min(height, width) // COARSE)
    rows, columns = height // block, width // block
    cut = images[:, : rows * block, : columns * block]
    blocks = cut.reshape(count, rows, block, columns, block, channels)
    return blocks.mean(axis=(2, 4), dtype=np.float32).reshape(count, -1)


def _nearest_other(vectors: np.ndarray) -> np.ndarray:
    centred = vectors - vectors.mean(axis=0)
    squares = (centred**2).sum(axis=1)
    distances = squares[:, None] + squares - 2 * centred @ centred.T
    np.fill_diagonal(distances, np.inf)
    return distances.argmin(axis=1)
