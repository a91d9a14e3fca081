"""Regions of the wrong sign, as in `instahide.attacks.unmixing.parts.regions`, on canvases.

A row shows an image in a view, so all that it tells of a slope is moved to where it belongs on
the canvas before rows are summed. Each pixel of an image has its own few nuisances to take out:
the sums below are those of its regression on three variables.
"""

import numpy as np

from instahide.attacks.unmixing.parts.canvases import RowViews, ViewedMixtures
from instahide.attacks.unmixing.parts.field import batches
from instahide.attacks.unmixing.parts.regions import (
    LEAST_NOISE,
    NUISANCE_RIDGE,
    turn_where_wrong,
)

#: Of (λ², level, the cross term, what is left of y²), which two are multiplied and summed.
SUMMED = ((0, 0), (0, 1), (1, 1), (0, 2), (1, 2), (2, 2), (0, 3), (1, 3), (2, 3))


def turn_regions_in_views(
    images: np.ndarray,
    rows: RowViews,
    magnitudes: np.ndarray,
    noise: tuple[np.ndarray, np.ndarray],
) -> np.ndarray:
    """Return images whose regions of the wrong sign are turned.

    Parameters
    ----------
    images : ndarray of float32, shape (n + 1, canvas)
        Private images, and the mean public one.
    rows : RowViews
        With the mean public image as the last member of each.
    magnitudes : ndarray of float32, shape (E, d)
        |y|.
    noise : tuple of ndarray
        Of shape (E,) and (d,); their product is the variance of the rows about their means.
    """
    found = slopes_in_views(images, rows, magnitudes, noise)
    return turn_where_wrong(images, *found, rows.views.canvas)


def slopes_in_views(
    images: np.ndarray,
    rows: RowViews,
    magnitudes: np.ndarray,
    noise: tuple[np.ndarray, np.ndarray],
) -> tuple[np.ndarray, np.ndarray]:
    """Return each pixel's slope times a positive weight, and its variance, (n, canvas) each.

    See `instahide.attacks.unmixing.parts.regions.slopes`.
    """
    count, (level, pixel) = len(images) - 1, noise
    sums = np.zeros((len(SUMMED), count, images.shape[1]), np.float32)
    for some in batches(*magnitudes.shape):
        mean = ViewedMixtures(rows[some], images)[:]
        variance = level[some, None] * pixel
        for place in range(rows.members.shape[1] - 1):
            alone = rows[some].place(place)
            own = ViewedMixtures(alone, images)[:]
            others = mean - own
            cross = 2 * own * others
            weight = 1 / (variance * (4 * others**2 + 2 * variance) + LEAST_NOISE)
            left = magnitudes[some] ** 2 - own**2 - others**2 - variance
            values = alone.weights**2, level[some, None], cross, left
            plain = RowViews(rows.views, alone.members, np.ones_like(alone.weights))
            for total, (one, other) in zip(sums, SUMMED, strict=True):
                total += plain.spread(weight * values[one] * values[other], count)
    return _slopes_of(sums)


def _slopes_of(sums: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return slope and spread of the cross term, two nuisances being taken out."""
    one, both, two, one_cross, two_cross, squares, one_left, two_left, slope = sums
    one, two = one * (1 + NUISANCE_RIDGE), two * (1 + NUISANCE_RIDGE)
    size = np.maximum(one * two - both**2, LEAST_NOISE)
    fit_one = (two * one_cross - both * two_cross) / size
    fit_two = (one * two_cross - both * one_cross) / size
    slope = slope - fit_one * one_left - fit_two * two_left
    return slope, np.maximum(squares - fit_one * one_cross - fit_two * two_cross, 0)
