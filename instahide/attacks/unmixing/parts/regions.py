"""Regions of an image that have settled for the wrong sign, told by squares alone.

Where an image a comes out as -a in some region, its rows choose the wrong signs there, and
keep it so. But y² = |x|² has no sign to be misled by. With q all other parts of a row that are
known, the mean public image among them,

    y² = λ²·a² + 2·λ·q·a + q² + noise,

so that the slope of y² - λ²·a² - q² - E[noise] on 2·λ·q·a is 1 where the sign is right and -1
where it is wrong. One pixel's rows tell little; averaged over its neighbours and over colours
the slope is plain.

It must not be misled itself. Where |a| is a little too small, or the noise's level, what is
left of y² is too large in all rows, by λ² times something and by the level times something;
and as 2·λ·q·a is not zero in the mean over rows (q holds the mean public image), this alone
makes a slope, as positive as that of a right sign. So λ² and the level are regressors beside
it, and the slope is what is left when these are taken out.
"""

import numpy as np
from scipy.ndimage import gaussian_filter
from scipy.sparse import csc_matrix, csr_matrix

REGION_REACH = 1.0  # of the average, in pixels
CLEARLY = 2.0  # standard deviations, by which a slope is negative
LEAST_NOISE = 1e-6
NUISANCE_ROWS = 60  # with fewer, two more unknowns cost more than they mend (20 and 40 tried)
NUISANCE_RIDGE = 1e-3


def turn_regions(
    images: np.ndarray,
    design: csr_matrix,
    magnitudes: np.ndarray,
    noise: tuple[np.ndarray, np.ndarray],
    shape: tuple[int, ...],
) -> np.ndarray:
    """Return images whose regions of the wrong sign are turned.

    Parameters
    ----------
    images : ndarray of float32, shape (n + 1, d)
        Private images, and the mean public one.
    design : csr_matrix of float32, shape (E, n + 1)
    magnitudes : ndarray of float32, shape (E, d)
        |y|.
    noise : tuple of ndarray
        Of shape (E,) and (d,); their product is the variance of the rows about their means.
    shape : tuple of int
        (H, W, C), of product d.
    """
    return turn_where_wrong(images, *slopes(images, design, magnitudes, noise), shape)


def turn_where_wrong(
    images: np.ndarray, slope: np.ndarray, spread: np.ndarray, shape: tuple[int, ...]
) -> np.ndarray:
    """Return images, shape (n + 1, d), turned where slopes around are clearly negative.

    Parameters
    ----------
    slope, spread : ndarray of float32, shape (n, d)
        See `slopes`.
    """
    slope, spread = (x.reshape(-1, *shape).sum(axis=3, keepdims=True) for x in (slope, spread))
    pooled = _blur(slope, REGION_REACH)
    # Of a mean with Gaussian weights, the variance has their squares, a narrower Gaussian.
    variance = _blur(spread, REGION_REACH / np.sqrt(2)) / (4 * np.pi * REGION_REACH**2)
    wrong = pooled < -CLEARLY * np.sqrt(variance)
    wrong = np.broadcast_to(wrong, (len(pooled), *shape)).reshape(len(pooled), -1)
    return np.concatenate([np.where(wrong, -images[:-1], images[:-1]), images[-1:]])


def slopes(
    images: np.ndarray,
    design: csr_matrix,
    magnitudes: np.ndarray,
    noise: tuple[np.ndarray, np.ndarray],
) -> tuple[np.ndarray, np.ndarray]:
    """Return each pixel's slope times a positive weight, and its variance, shapes (n, d).

    Rows are weighted by the inverse variance of y², 4·q²·v + 2·v², where the noise of the row
    has the variance v; so the weight is the variance of its product with the slope. Images of
    few rows have plain slopes, and a variance of 0: they are taken as they are.
    """
    level, pixel = noise
    columns = csc_matrix(design)
    found, spread = np.zeros((2, len(images) - 1, images.shape[1]), np.float32)
    for number in range(len(found)):
        here = slice(*columns.indptr[number : number + 2])
        rows = columns.indices[here]
        own = columns.data[here, None] * images[number]
        others = design[rows] @ images - own
        variance = level[rows, None] * pixel
        cross = 2 * own * others
        weight = 1 / (variance * (4 * others**2 + 2 * variance) + LEAST_NOISE)
        left = magnitudes[rows] ** 2 - own**2 - others**2 - variance
        if len(rows) >= NUISANCE_ROWS:
            nuisances = np.stack([columns.data[here] ** 2, level[rows]])
            cross = without_nuisances(cross, weight, nuisances)
            spread[number] = (weight * cross * cross).sum(axis=0)
        found[number] = (weight * cross * left).sum(axis=0)
    return found, spread


def without_nuisances(
    cross: np.ndarray, weight: np.ndarray, nuisances: np.ndarray
) -> np.ndarray:
    """Return columns less their weighted least squares fit by two nuisances.

    Parameters
    ----------
    cross, weight : ndarray of float32, shape (R, d)
        Columns of R rows; the weights are positive.
    nuisances : ndarray of float32, shape (2, R)

    Returns
    -------
    ndarray of float32, shape (R, d)
    """
    first, second = nuisances
    one, both, two = np.stack([first**2, first * second, second**2]) @ weight
    of = nuisances @ (weight * cross)
    # The inverse of a 2 × 2 matrix; where the nuisances are alike, a ridge keeps it finite.
    one, two = one * (1 + NUISANCE_RIDGE), two * (1 + NUISANCE_RIDGE)
    size = np.maximum(one * two - both**2, LEAST_NOISE)
    fit = np.stack([two * of[0] - both * of[1], one * of[1] - both * of[0]]) / size
    return cross - nuisances.T @ fit


def _blur(pictures: np.ndarray, reach: float) -> np.ndarray:
    return gaussian_filter(pictures, (0, reach, reach, 0), mode="nearest")
