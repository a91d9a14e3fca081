"""The last solution for images that rows hold flipped and shifted, by bands of detail.

As in `instahide.attacks.unmixing.finish`, each band of detail has weights by row and pixel,
and a prior by pixel. What a band has of a row is split off what the images leave of it, and
what the images have in the band is added in their views: so the edge between an image and the
fill around it, which is known, is in no band of the noise.
"""

import numpy as np

from instahide.attacks.needs import FLOAT, TOUCH, Size
from instahide.attacks.unmixing.parts.bands import Band, make_bands
from instahide.attacks.unmixing.parts.canvases import (
    RowViews,
    ViewedMixtures,
    Views,
    rows_of,
    solve_canvases,
)
from instahide.attacks.unmixing.parts.field import Field
from instahide.attacks.unmixing.parts.localweights import (
    LOCAL_RIDGE,
    local_precision,
    local_ridge,
)
from instahide.attacks.unmixing.state import State
from instahide.progress import tracked

BAND_ROUNDS = 2


def view_band_needs(size: Size) -> float:
    """Bytes: what is left of rows, a band of it, its weights and three more; images."""
    return 8 * size.table + 12 * FLOAT * size.image_count * size.pixels


def view_band_seconds(size: Size) -> float:
    """Processor seconds: two solutions of each of nine bands."""
    return 9 * BAND_ROUNDS * 60 * TOUCH * size.rows * size.pixels


def solve_bands_in_views(state: State, field: Field, views: Views) -> np.ndarray:
    """Solve for the images, each band with weights by row and pixel, and a prior by pixel.

    Returns
    -------
    ndarray of float32, shape (n + 1, d)
    """
    rows = rows_of(views, state.assignment, state.image_count)
    left = state.unmasked - ViewedMixtures(rows, state.images)[:]
    bands, rest = make_bands(field.shape)
    solution = np.zeros_like(state.images)
    for band in tracked([*bands, rest], "last images", "bands"):
        solution += _solve_band(state, rows, left, (field, band))
    return solution


def _solve_band(
    state: State, rows: RowViews, left: np.ndarray, of: tuple[Field, Band]
) -> np.ndarray:
    """Return what images have in a band, (n + 1, d)."""
    field, band = of
    images = band.split_off(field, state.images)
    targets = band.split_off(field, left)
    targets += rows.mix(images)
    if not np.isfinite(band.reach):
        ridge = np.full((len(images), 1), LOCAL_RIDGE, np.float32)
        return solve_canvases(rows, targets, 1 / state.level[:, None], ridge, start=images)
    local = field.shape, band.reach
    for _ in range(BAND_ROUNDS):
        residual = targets - rows.mix(images)
        precision, ordinary = local_precision(residual, state.level, *local)
        known = rows.squared().spread(precision, len(images)).mean(axis=1)
        ridge = local_ridge(images, ordinary / (known + LOCAL_RIDGE), ordinary, local)
        images = solve_canvases(rows, targets, precision, ridge, start=images)
    return images
