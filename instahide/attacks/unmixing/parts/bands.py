"""Pictures in bands of detail and orientations, and what is local in each of them.

A blur by a Gaussian, pictures being mirrored at their borders, is a product in the basis of a
cosine transform. So bands of detail, differences of blurs, are made there, and each of them is
split by orientation: with θ the direction of a wave, cos⁴θ + sin⁴θ + 2·cos²θ·sin²θ = 1 are the
upright lines, the lying ones and what is left.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy.ndimage import gaussian_filter

from instahide.attacks.unmixing.parts.field import Field, batches

SCALES = (1.0, 2.0, 4.0)  # standard deviations of the blurs, in pixels
REACHES = (1.0, 1.5, 3.0)  # of what is local in a band, in pixels


@dataclass(frozen=True)
class Band:
    """A filter of pictures.

    Attributes
    ----------
    gain : ndarray of float32, shape (d,)
        Of the elements of a field's basis.
    reach : float
        Standard deviation of averages that count as local, in pixels.
    """

    gain: np.ndarray
    reach: float

    def split_off(self, field: Field, rows: np.ndarray) -> np.ndarray:
        """Return what of rows of pixels, shape (E, d), is of this band."""
        own = np.empty_like(rows)
        for some in batches(*rows.shape):
            own[some] = field.invert(field.transform(rows[some]) * self.gain)
        return own


def make_bands(shape: tuple[int, ...]) -> tuple[list[Band], Band]:
    """Return the bands of detail, the finest first, three of each size, and what is left.

    Their gains sum to 1.

    Parameters
    ----------
    shape : tuple of int
        (H, W, C) of the pictures.
    """
    height, width, channels = shape
    down, across = np.arange(height)[:, None] / height, np.arange(width)[None] / width
    blurs = [np.exp(-0.5 * (np.pi * scale) ** 2 * (down**2 + across**2)) for scale in SCALES]
    upright = np.cos(np.arctan2(down, across)) ** 2
    lying = 1 - upright
    turns = upright**2, lying**2, 2 * upright * lying
    fine = [
        Band(_for_all_colours((sharp - blurred) * turn, channels), reach)
        for (sharp, blurred), reach in zip(
            pairwise([np.ones((height, width)), *blurs]), REACHES, strict=True
        )
        for turn in turns
    ]
    return fine, Band(_for_all_colours(blurs[-1], channels), np.inf)


def _for_all_colours(gain: np.ndarray, channels: int) -> np.ndarray:
    return np.repeat(gain, channels).astype(np.float32)


def local_power(rows: np.ndarray, shape: tuple[int, ...], reach: float) -> np.ndarray:
    """Return the mean square around each pixel, over all colours, (E, H, W, 1).

    Parameters
    ----------
    rows : ndarray of float32, shape (E, d)
    reach : float
        Standard deviation of the average, in pixels.
    """
    power = np.square(rows).reshape(-1, *shape).mean(axis=3, keepdims=True)
    return gaussian_filter(power, (0, reach, reach, 0), mode="reflect")
