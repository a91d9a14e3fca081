"""Two pictures of each row, to lay rows over each other whose images are flipped and shifted.

They are kept as pictures so that rows can be laid over each other: a row's whitened squares,
which have no sign, and the row unmasked for itself and whitened, up to a sign of its own. Both
are evened line by line, see `instahide.attacks.unmixing.parts.registration.even_lines`.
"""

import numpy as np

from instahide.attacks.unmixing.parts.alone import unmask_alone
from instahide.attacks.unmixing.parts.field import batches, learn_field
from instahide.attacks.unmixing.parts.registration import even_lines
from instahide.attacks.unmixing.parts.signs import SIGN_FLOOR
from instahide.attacks.unmixing.parts.squares import learn_squares, whiten
from instahide.attacks.unmixing.problem import Problem

SQUARES_FLOOR = 1e-3  # of the mean variance of squares


def view_features(problem: Problem, rng: np.random.Generator) -> np.ndarray:
    """Make pictures of rows that can be laid over each other.

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
