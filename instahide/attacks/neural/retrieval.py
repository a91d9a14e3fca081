"""The retrieval of the attack of 2020: images by gradient descent, rows and pairs as given.

Magnitudes tell the sign of a pixel only up to one that all images share there, so what comes
out depends on the start. From zeros, as published, every pixel begins negative and stays so: of
an image a about -|a| is left.
"""

from typing import Literal

import numpy as np

from instahide.attacks.needs import FLOAT, TOUCH, Size
from instahide.attacks.neural.recovering import RATE, descend_from_start
from instahide.attacks.unmixing.parts.coefficients import LEAST_LEVEL
from instahide.attacks.unmixing.parts.field import batch_needs, batches, learn_field
from instahide.attacks.unmixing.parts.labels import check_masked
from instahide.attacks.unmixing.problem import Problem
from instahide.attacks.unmixing.state import Assignment, Mixtures, State

STEPS = 1000  # as published


def descend_to_images_needs(size: Size) -> float:
    """Bytes: rows unmasked, twice, and batches; some forms of images."""
    images = 8 * FLOAT * size.image_count * size.pixels
    return 2 * size.table + batch_needs(size, 4) + images


def descend_to_images_seconds(size: Size) -> float:
    """Processor seconds of 1,000 steps: every number of a row is touched some times."""
    return STEPS * TOUCH / 2 * size.rows * size.pixels


def descend_to_images(
    problem: Problem,
    assignment: Assignment,
    rng: np.random.Generator,
    *,
    steps: int = STEPS,
    rate: float = RATE,
    start: Literal["zeros", "rows"] = "zeros",
) -> State:
    """Recover all images at once by Adam: the retrieval `adam` of the attack `neural`.

    Source: Carlini et al. 2020 (arXiv 2011.05315). Public images are noise to it; pairs and
    coefficients stay as they are given.

    Parameters
    ----------
    problem : Problem
    assignment : Assignment
        Places of NOBODY are left out.
    rng : numpy.random.Generator
    steps : int
    rate : float
    start : {"zeros", "rows"}
        Zeros, as published, or images solved for from rows that were unmasked one by one, as
        the retrieval `field` begins.

    Returns
    -------
    State
        Its images are as they come out of the descent, not yet scaled.

    Raises
    ------
    InstaHideError
        When rows do not have two private images, or no mask, or `start` is another word.
    """
    check_masked(problem)
    field, (rows, pixels) = learn_field(problem.public), problem.table_shape
    found = descend_from_start(
        problem, field, assignment, rng, steps=steps, rate=rate, start=start
    )
    images = np.vstack([found, field.mean])
    mixtures = Mixtures(assignment.sparse_design(problem.image_count), images)
    level, unmasked = np.empty(rows, np.float32), np.empty_like(problem.magnitudes)
    for some in batches(rows, pixels):
        mixed = mixtures[some]
        unmasked[some] = np.copysign(problem.magnitudes[some], mixed)
        level[some] = ((unmasked[some] - mixed) ** 2).mean(axis=1) / field.power
    return State(images, assignment, level + np.float32(LEAST_LEVEL), unmasked)
