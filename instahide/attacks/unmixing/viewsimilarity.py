"""Features of rows whose images are flipped and shifted, see `parts.viewfeatures`."""

import numpy as np

from instahide.attacks.needs import FLOAT, TOUCH, Size
from instahide.attacks.unmixing.parts.field import BATCH_NUMBERS, unmask_seconds
from instahide.attacks.unmixing.parts.rounds import START_STEPS
from instahide.attacks.unmixing.parts.viewfeatures import view_features
from instahide.attacks.unmixing.problem import Problem


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
    return view_features(problem, rng)
