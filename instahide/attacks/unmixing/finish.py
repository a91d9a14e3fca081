"""Finishing: least squares that knows where public images are busy, and what to hand in.

Public mixtures disturb a row where they have edges and texture, and hardly where they are
flat. So the last solve splits rows into bands of detail and orientations
(`instahide.attacks.unmixing.parts.bands`), measures how busy a row's residual is around each
pixel, and weights by that: each pixel then has weights, and a small matrix, of its own. An
image is drawn to 0 where it has little in a band itself.
"""

import numpy as np

from instahide.attacks.needs import FLOAT, TOUCH, Size
from instahide.attacks.protocol import Recovery
from instahide.attacks.unmixing.parts.bands import make_bands
from instahide.attacks.unmixing.parts.field import Field, learn_field, learning_needs
from instahide.attacks.unmixing.parts.handin import hand_in
from instahide.attacks.unmixing.parts.leastsquares import (
    local_solve_needs,
    local_solve_seconds,
    solve_images,
    solve_locally,
)
from instahide.attacks.unmixing.parts.localweights import (
    LOCAL_RIDGE,
    local_precision,
    local_ridge,
)
from instahide.attacks.unmixing.problem import Problem
from instahide.attacks.unmixing.state import State
from instahide.progress import tracked

SOLUTIONS = 18  # two for each of nine bands


def local_needs(size: Size) -> float:
    """Bytes: rows in bands with weights; those of the solution."""
    return max(7 * size.table + local_solve_needs(size), none_needs(size))


def local_seconds(size: Size) -> float:
    """Processor seconds: two solutions for each band, and what weights rows."""
    bands = 10 * TOUCH * size.rows * size.pixels + local_solve_seconds(size)
    return SOLUTIONS * bands + none_seconds(size)


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
    return hand_in(problem, state, solve_by_bands(state, learn_field(problem.public)), rng)


def none(problem: Problem, state: State, rng: np.random.Generator) -> Recovery:
    """Only choose what each row hands in."""
    return hand_in(problem, state, state.images, rng)


def solve_by_bands(state: State, field: Field, *, rounds: int = 2) -> np.ndarray:
    """Solve for the images, each band with weights by row and pixel, and a prior by pixel.

    Returns
    -------
    ndarray of float32, shape (n + 1, d)
    """
    design = state.mixtures.design
    bands, rest = make_bands(field.shape)
    solution = np.zeros_like(state.images)
    for band in tracked(bands, "last images", "bands"):
        own, images = (band.split_off(field, x) for x in (state.unmasked, state.images))
        for _ in range(rounds):
            images = solve_band(state, own, images, (field.shape, band.reach))
        solution += images
        del own
    coarse = rest.split_off(field, state.unmasked)
    ridge = np.full(design.shape[1], LOCAL_RIDGE)
    return solution + solve_images(design, coarse, 1 / state.level, ridge)


def solve_band(
    state: State, rows: np.ndarray, images: np.ndarray, local: tuple[tuple[int, ...], float]
) -> np.ndarray:
    """Solve once for what images have in a band.

    Parameters
    ----------
    rows : ndarray of float32, shape (E, d)
        What the unmasked rows have in it.
    images : ndarray of float32, shape (n + 1, d)
        What is known so far.
    local : tuple
        Shape of pictures, and reach of the band.

    Returns
    -------
    ndarray of float32, shape (n + 1, d)
    """
    design = state.mixtures.design
    residual = rows - design @ images
    precision, ordinary = local_precision(residual, state.level, *local)
    del residual
    error = ordinary / (design.power(2).T @ precision.mean(axis=1) + LOCAL_RIDGE)
    ridge = local_ridge(images, error, ordinary, local)
    return solve_locally(design, rows, precision, ridge, images)
