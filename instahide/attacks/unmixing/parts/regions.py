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
LEAST_NOISE = 1e-6
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
    pooled = slopes(images, design, magnitudes, noise).reshape(-1, *shape)
    pooled = pooled.sum(axis=3, keepdims=True)
    pooled = gaussian_filter(pooled, (0, REGION_REACH, REGION_REACH, 0), mode="nearest")
    wrong = np.broadcast_to(pooled < 0, (len(pooled), *shape)).reshape(len(pooled), -1)
    return np.concatenate([np.where(wrong, -images[:-1], images[:-1]), images[-1:]])


def slopes(
    images: np.ndarray,
    design: csr_matrix,
    magnitudes: np.ndarray,
    noise: tuple[np.ndarray, np.ndarray],
) -> np.ndarray:
    """Return each pixel's slope times a positive weight, shape (n, d).

    Rows are weighted by the inverse variance of y², 4·q²·v + 2·v², where the noise of the row
    has the variance v.
    """
    level, pixel = noise
    columns = csc_matrix(design)
    found = np.zeros((len(images) - 1, images.shape[1]), np.float32)
    for number in range(len(found)):
        here = slice(*columns.indptr[number : number + 2])
        rows = columns.indices[here]
        own = columns.data[here, None] * images[number]
        others = design[rows] @ images - own
        variance = level[rows, None] * pixel
        cross = 2 * own * others
        weight = 1 / (variance * (4 * others**2 + 2 * variance) + LEAST_NOISE)
        left = magnitudes[rows] ** 2 - own**2 - others**2 - variance
        nuisances = np.stack([columns.data[here] ** 2, level[rows]])
        found[number] = partial_products(cross, left, weight, nuisances)
    return found


def partial_products(
    cross: np.ndarray, left: np.ndarray, weight: np.ndarray, nuisances: np.ndarray
) -> np.ndarray:
    """Return the weighted inner products of two columns, less what two nuisances explain.

    Parameters
    ----------
    cross, left, weight : ndarray of float32, shape (R, d)
        Columns of R rows; the weights are positive.
    nuisances : ndarray of float32, shape (2, R)

    Returns
    -------
    ndarray of float32, shape (d,)
        Σ w·(cross − its fit by the nuisances)·left.
    """
    first, second = nuisances
    one, both, two = np.stack([first**2, first * second, second**2]) @ weight
    of_cross, of_left = nuisances @ (weight * cross), nuisances @ (weight * left)
    # The inverse of a 2 × 2 matrix; where the nuisances are alike, a ridge keeps it finite.
    one, two = one * (1 + NUISANCE_RIDGE), two * (1 + NUISANCE_RIDGE)
    explained = two * of_cross[0] * of_left[0] + one * of_cross[1] * of_left[1]
    explained -= both * (of_cross[0] * of_left[1] + of_cross[1] * of_left[0])
    explained /= np.maximum(one * two - both**2, LEAST_NOISE)
    return (weight * cross * left).sum(axis=0) - explained
