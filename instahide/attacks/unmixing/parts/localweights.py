"""How far to trust a row around each pixel, and to draw an image to 0 where it has little.

Public mixtures disturb a row where they have edges and texture, and hardly where they are flat;
`instahide.attacks.unmixing.finish` says what comes of it.
"""

import numpy as np

from instahide.attacks.unmixing.parts.bands import local_power

TRUST = 0.8  # in the measured level around a pixel; the rest is the row's
LOCAL_RIDGE = 0.01  # relative to a precision of one
LEAST_SHARE = 0.02  # of all images' power in a band, that an image has anywhere
LEAST_POWER = 1e-12


def local_precision(
    residual: np.ndarray, level: np.ndarray, shape: tuple[int, ...], reach: float
) -> tuple[np.ndarray, float]:
    """Return the inverse of the residual's square, averaged around each pixel.

    Parameters
    ----------
    residual : ndarray of float32, shape (E, d)
    level : ndarray of float32, shape (E,)
    reach : float
        Standard deviation of the average, in pixels.

    Returns
    -------
    precision : ndarray of float32, shape (E, d)
        About 1 where a residual is ordinary.
    ordinary : float
        The mean square.
    """
    power = local_power(residual, shape, reach)
    ordinary = max(float(power.mean()), LEAST_POWER)
    row = (level / level.mean() * ordinary)[:, None, None, None]
    precision = ordinary / (TRUST * power + (1 - TRUST) * row)
    whole = np.broadcast_to(precision, (len(residual), *shape)).reshape(residual.shape)
    return whole, ordinary


def local_ridge(
    images: np.ndarray,
    error: np.ndarray,
    ordinary: float,
    local: tuple[tuple[int, ...], float],
) -> np.ndarray:
    """Return the ridge of each image and pixel: the noise over the image's own local power.

    As in Wiener's filter, an image is drawn to 0 where it has little in the band. The mean
    public image is not.

    Parameters
    ----------
    images : ndarray of float32, shape (n + 1, d)
    error : ndarray of float, shape (n + 1,)
        Mean variance of their errors, which their power holds too.
    ordinary : float
        Variance of the noise where the precision is 1.
    local : tuple
        Shape of pictures, and reach of the band.

    Returns
    -------
    ndarray of float32, shape (n + 1, d)
    """
    power = local_power(images, *local)
    own = np.maximum(power - error[:, None, None, None], LEAST_SHARE * power.mean())
    ridge = ordinary / np.maximum(own, LEAST_POWER)
    ridge[-1] = LOCAL_RIDGE
    return np.broadcast_to(ridge, (len(images), *local[0])).reshape(images.shape)
