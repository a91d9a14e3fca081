"""Features of rows whose images are flipped and shifted: two pictures for each row.

They are kept as pictures so that rows can be laid over each other: a row's whitened squares,
which have no sign, and the row unmasked for itself and whitened, up to a sign of its own. Both
are evened line by line, see `instahide.attacks.unmixing.parts.registration.even_lines`.
"""

import numpy as np

from instahide.attacks.needs import FLOAT, TOUCH, Size
from instahide.attacks.unmixing.parts.alone import unmask_alone
from instahide.attacks.unmixing.parts.field import (
    BATCH_NUMBERS,
    batches,
    learn_field,
    unmask_seconds,
)
from instahide.attacks.unmixing.parts.registration import even_lines
from instahide.attacks.unmixing.parts.rounds import START_STEPS
from instahide.attacks.unmixing.parts.signs import SIGN_FLOOR
from instahide.attacks.unmixing.parts.squares import learn_squares, whiten
from instahide.attacks.unmixing.problem import Problem

SQUARES_FLOOR = 1e-3  # of the mean variance of squares


def in_views_needs(size: Size) -> float:
    """Bytes: both features, the rows unmasked, and batches."""
    return 4 * size.table + 6 * FLOAT * BATCH_NUMBERS


def in_views_seconds(size: Size) -> float:
    """Processor seconds: rows unmasked, and transformed."""
    return unmask_seconds(size, START_STEPS) + 20 * TOUCH * size.rows * size.pixels


def in_views(problem: Problem, rng: np.random.Generator) -> np.ndarray:
    """Make pictures of rows that can be laid over each other: the first stage of `augmented`.

    Returns
    -------
    ndarray of float32, shape (E, 2 * d)
        The whitened squares, and the rows unmasked for themselves, whitened.
    """
    field = learn_field(problem.public)
    squares = learn_squares(field, problem.public, problem.scheme, rng)
    least = SQUARES_FLOOR * squares.power
    features = np.empty((len(problem.magnitudes), 2 * field.mean.size), np.float32)
    unmasked = unmask_alone(problem, field, rng)
    gain = 1 / np.sqrt(field.spectrum + SIGN_FLOOR * field.power)
    for some in batches(*problem.magnitudes.shape):
        plain = whiten(squares, problem.magnitudes[some], power=2, least=least)
        signed = field.transform(unmasked[some] - field.mean) * gain
        pictures = (field.invert(x) for x in (np.tanh(plain), signed))
        features[some] = np.hstack([even_lines(x, problem.shape) for x in pictures])
    return features
