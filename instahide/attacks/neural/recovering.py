"""All images from rows whose pairs are known: a start, and gradient descent from there."""

import numpy as np

from instahide.attacks.neural.descent import descend
from instahide.attacks.unmixing.parts.coefficients import public_spread
from instahide.attacks.unmixing.parts.field import Field
from instahide.attacks.unmixing.parts.rounds import Fixed, start_from_rows
from instahide.attacks.unmixing.problem import Problem
from instahide.attacks.unmixing.state import Assignment, sparse_mix
from instahide.errors import InstaHideError

RATE = 0.01  # as published


def descend_from_start(
    problem: Problem,
    field: Field,
    assignment: Assignment,
    rng: np.random.Generator,
    *,
    steps: int,
    rate: float = RATE,
    start: str,
) -> np.ndarray:
    """Recover all images at once, float32, shape (n, d); options as in the retrieval `adam`.

    Public images are noise, and have no part in the mixtures.
    """
    none = np.empty((len(assignment), 0), np.float32)
    design = sparse_mix(assignment.members, assignment.weights, problem.image_count, none)
    first = first_guess(problem, field, assignment, rng, start)
    return descend(design, problem.magnitudes, first, steps=steps, rate=rate)


def first_guess(
    problem: Problem, field: Field, assignment: Assignment, rng: np.random.Generator, start: str
) -> np.ndarray:
    """Return the images to start from, float32, shape (n, d); `start` as in the retrieval.

    Raises
    ------
    InstaHideError
        When there is no start of this name.
    """
    if start == "zeros":
        return np.zeros((problem.image_count, problem.table_shape[1]), np.float32)
    if start != "rows":
        raise InstaHideError(f"start={start}: give zeros or rows")
    fixed = Fixed(
        field=field,
        magnitudes=problem.magnitudes,
        reassign=lambda field, state, level: state,
        spread=public_spread(problem.scheme, rng),
    )
    return start_from_rows(fixed, assignment, problem.image_count).images[:-1].copy()
