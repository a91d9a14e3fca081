"""Shortlists: the candidates that are looked at in pairs, where all pairs would be too many.

A place of a row may have a hundred candidates, or a thousand without labels, and so a row ten
thousand pairs, or half a million. Nearly all of them can be left out beforehand, because what a
pair costs is nearly a sum of what its images cost, each for itself.
"""

import numpy as np

from instahide.attacks.unmixing.state import NOBODY

SHORT = 24  # candidates of a place; all of them where they are hardly more
HARDLY_MORE = 1.5


def is_short(most: int) -> bool:
    """Tell whether so many candidates of a place are few enough to take all pairs."""
    return most <= HARDLY_MORE * SHORT


def pick(candidates: np.ndarray, costs: np.ndarray) -> np.ndarray:
    """Return the candidate of least cost of each row, int64, shape (E, 1)."""
    return np.take_along_axis(candidates, costs.argmin(axis=1)[:, None], 1)


def cheapest(candidates: np.ndarray, costs: np.ndarray, count: int = SHORT) -> np.ndarray:
    """Return the candidates of least cost, int64, shape (E, count), in their former order.

    Parameters
    ----------
    candidates : ndarray of int64, shape (E, most)
        Padded with NOBODY, which is taken last.
    costs : ndarray of float32, shape (E, most)
    """
    if candidates.shape[1] <= count:
        return candidates
    costs = np.where(candidates == NOBODY, np.inf, costs)
    places = np.sort(np.argpartition(costs, count - 1, axis=1)[:, :count], axis=1)
    return np.take_along_axis(candidates, places, 1)
