"""All images at once by gradient descent on magnitudes, as the attack of 2020 does.

A row shows |x|, and x is a mixture of images and of public noise. Each pixel of a row fits
one of two signs of the mixture; the better one counts:

    Σ min((w·images - y)², (w·images + y)²) = Σ (|w·images| - y)²,

so its slope in the images is 2·wᵀ·(|m| - y)·sign(m) with the mixtures m = w·images. Adam
(Kingma and Ba 2015) follows it.
"""

import numpy as np
from scipy.sparse import csr_matrix

from instahide.attacks.unmixing.parts.field import batches
from instahide.progress import tracked

LEAST_HALF = 1e-3  # half the contrast of an image that is not flat
DECAYS = 0.9, 0.999  # of Adam's averages of slopes and of their squares
LEAST_ROOT = 1e-8  # added to the root that Adam divides by
ROW_NUMBERS = 400_000  # that are at work at a time: they stay in the processor's cache


def descend(
    design: csr_matrix,
    magnitudes: np.ndarray,
    images: np.ndarray,
    *,
    steps: int,
    rate: float,
) -> np.ndarray:
    """Fit images to the magnitudes of their mixtures by Adam.

    Parameters
    ----------
    design : csr_matrix of float32, shape (E, n)
        How much of each image a row holds.
    magnitudes : ndarray of float32, shape (E, d)
        |x| of the rows.
    images : ndarray of float32, shape (n, d)
        To begin with. A mixture of exactly 0 counts as negative.
    steps : int
    rate : float
        How far a step goes in each pixel at most, about.

    Returns
    -------
    ndarray of float32, shape (n, d)

    Examples
    --------
    >>> one = csr_matrix(np.ones((1, 1), np.float32))
    >>> seen, start = np.full((1, 1), 0.5, np.float32), np.full((1, 1), -0.1, np.float32)
    >>> round(float(descend(one, seen, start, steps=500, rate=0.01)[0, 0]), 2)
    -0.5
    """
    images, slope = images.copy(), np.empty_like(images)
    mean, square = np.zeros_like(images), np.zeros_like(images)
    parts = [
        (design[some], design[some].T.tocsr(), magnitudes[some])
        for some in batches(*magnitudes.shape, ROW_NUMBERS)
    ]
    for step in tracked(range(1, steps + 1), "gradient descent", "steps"):
        slope[:] = 0
        for weights, back, seen in parts:
            slope += back @ _residual(weights @ images, seen)
        mean += (1 - DECAYS[0]) * (slope - mean)
        square += (1 - DECAYS[1]) * (slope * slope - square)
        whole, root = 1 - DECAYS[0] ** step, np.sqrt(square / (1 - DECAYS[1] ** step))
        images -= rate / whole * mean / (root + LEAST_ROOT)
    return images


def _residual(mixtures: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """Return how far mixtures are from the nearer of both signs of what is seen."""
    return mixtures - np.where(mixtures > 0, seen, -seen)


def fill_range(images: np.ndarray) -> np.ndarray:
    """Scale each image so that its values reach from -1 to 1; flat ones become 0.

    Flat is what has less contrast than a quarter of a step of 8 bits.

    Parameters
    ----------
    images : ndarray of float32, shape (n, d)

    Examples
    --------
    >>> fill_range(np.array([[0, 1, 4], [2, 2, 2]], np.float32))
    array([[-1. , -0.5,  1. ],
           [ 0. ,  0. ,  0. ]], dtype=float32)
    """
    low, high = images.min(axis=1, keepdims=True), images.max(axis=1, keepdims=True)
    middle, half = (low + high) / 2, (high - low) / 2
    return np.where(half > LEAST_HALF, (images - middle) / np.maximum(half, LEAST_HALF), 0)
