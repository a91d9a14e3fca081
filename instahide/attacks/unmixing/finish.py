"""Finishing: least squares that knows where public images are busy, and what to hand in.

Public mixtures disturb a row where they have edges and texture, and hardly where they are
flat. So the last solve splits rows into bands of detail, measures how busy a row's residual
is around each pixel, and weights by that: each pixel then has weights, and a small matrix,
of its own. No step needs more than a few seconds for 5,000 rows.
"""

from collections.abc import Iterator

import numpy as np
from scipy.ndimage import gaussian_filter

from instahide.attacks.needs import FLOAT, TOUCH, Size
from instahide.attacks.protocol import Recovery
from instahide.attacks.unmixing.parts.field import learning_needs
from instahide.attacks.unmixing.parts.handin import hand_in
from instahide.attacks.unmixing.parts.leastsquares import (
    local_solve_needs,
    local_solve_seconds,
    solve_images,
    solve_locally,
)
from instahide.attacks.unmixing.problem import Problem
from instahide.attacks.unmixing.state import State
from instahide.progress import tracked

SCALES = (1.0, 2.0, 4.0)  # of the bands, standard deviations in pixels
BAND_REACH = (1.0, 1.5, 3.0)  # over which a band's residual is averaged
TRUST = 0.8  # in the measured level around a pixel; the rest is the row's
LOCAL_RIDGE = 0.01  # relative to a precision of one
LEAST_POWER = 1e-12


def local_needs(size: Size) -> float:
    """Bytes: rows in bands with weights; those of the solution."""
    return max(7 * size.table + local_solve_needs(size), none_needs(size))


def local_seconds(size: Size) -> float:
    """Processor seconds: two solutions for each band, and what weights rows."""
    bands = 10 * TOUCH * size.rows * size.pixels + local_solve_seconds(size)
    return 2 * len(BAND_REACH) * bands + none_seconds(size)


def none_needs(size: Size) -> float:
    """Bytes of `hand_in`: some photos; images under noise, then an image for each row."""
    images = FLOAT * size.image_count * size.pixels
    return max(learning_needs(size), 12 * images, 2 * images + size.table)


def none_seconds(size: Size) -> float:
    """Processor seconds of `hand_in`: photos, the quality of images, an image for each row."""
    photos, images = 3 * TOUCH * size.public, 2e-7 * size.image_count
    return size.pixels * (photos + images + TOUCH * size.rows)


def local(problem: Problem, state: State, rng: np.random.Generator) -> Recovery:
    """Solve a last time with local weights, and choose: the last stage of `whitened`."""
    return hand_in(problem, state, solve_by_bands(state, problem.shape), rng)


def none(problem: Problem, state: State, rng: np.random.Generator) -> Recovery:
    """Only choose what each row hands in."""
    return hand_in(problem, state, state.images, rng)


def split_bands(images: np.ndarray, shape: tuple[int, ...]) -> Iterator[np.ndarray]:
    """Split images, shape (E, d), into bands that sum to them, the finest first.

    One band is there at a time.
    """
    pictures = fine = images.reshape(-1, *shape)
    for scale in SCALES:
        coarse = _blur(pictures, scale)
        yield (fine - coarse).reshape(len(images), -1)
        fine = coarse
    yield fine.reshape(len(images), -1)


def solve_by_bands(state: State, shape: tuple[int, ...], *, rounds: int = 2) -> np.ndarray:
    """Solve for the images, each band with weights by row and pixel.

    Returns
    -------
    ndarray of float32, shape (n + 1, d)
    """
    design = state.mixtures.design
    solution = np.zeros_like(state.images)
    bands = zip(*(split_bands(x, shape) for x in (state.unmasked, state.images)), strict=True)
    for reach in tracked(BAND_REACH, "last images", "bands"):
        band, start = next(bands)
        for _ in range(rounds):
            residual = band - design @ start
            precision = local_precision(residual, state.level, shape, reach)
            del residual
            start = solve_locally(design, band, precision, LOCAL_RIDGE, start)
        solution += start
        del band
    ridge = np.full(design.shape[1], LOCAL_RIDGE)
    coarse, _ = next(bands)
    return solution + solve_images(design, coarse, 1 / state.level, ridge)


def local_precision(
    residual: np.ndarray, level: np.ndarray, shape: tuple[int, ...], reach: float
) -> np.ndarray:
    """Return the inverse of the residual's square, averaged around each pixel.

    Parameters
    ----------
    residual : ndarray of float32, shape (E, d)
    level : ndarray of float32, shape (E,)
    reach : float
        Standard deviation of the average, in pixels.

    Returns
    -------
    ndarray of float32, shape (E, d)
        About 1 where a residual is ordinary.
    """
    power = (residual**2).reshape(-1, *shape).mean(axis=3, keepdims=True)
    power = _blur(power, reach)
    ordinary = max(float(power.mean()), LEAST_POWER)
    row = (level / level.mean() * ordinary)[:, None, None, None]
    precision = ordinary / (TRUST * power + (1 - TRUST) * row)
    return np.broadcast_to(precision, (len(residual), *shape)).reshape(residual.shape)


def _blur(pictures: np.ndarray, scale: float) -> np.ndarray:
    return gaussian_filter(pictures, (0, scale, scale, 0), mode="reflect")
