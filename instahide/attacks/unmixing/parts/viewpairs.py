"""Which images are in each row, and in which views, once images are known a little.

A row has thousands of candidates for each place, all views of all images, and so millions of
pairs. But views of two images are nearly orthogonal to each other, so that choosing one place
given the other comes to rest at once: first the larger weight's for itself, then the other
beside it, and both once more.
"""

from dataclasses import dataclass

import numpy as np

from instahide.attacks.unmixing.parts.labels import Parts
from instahide.attacks.unmixing.state import NOBODY

SWEEPS = (0, 1, 0, 1)  # places, in the order in which they are chosen
LEAST_SHARE = 0.02  # of two images of one class, that either has of their sum


@dataclass(frozen=True)
class ViewTable:
    """Images in all views, in a basis where the noise of rows is white.

    Attributes
    ----------
    white : ndarray of float32, shape (n * F, d)
    norms : ndarray of float32, shape (n * F,)
        Squared.
    count : int
        F, views of an image.
    """

    white: np.ndarray
    norms: np.ndarray
    count: int

    @classmethod
    def of(cls, white: np.ndarray, count: int) -> "ViewTable":
        """Return a table of white views."""
        return cls(white, np.einsum("ij,ij->i", white, white), count)

    def class_of(self, images: np.ndarray) -> slice:
        """Return the views of images that follow each other."""
        return slice(images[0] * self.count, (images[-1] + 1) * self.count)

    def mix(self, members: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """Return what a place adds to rows, (E, d); members and weights are (E,)."""
        return np.where(members == NOBODY, 0, weights)[:, None] * self.white[members]


def choose_views(
    rows: np.ndarray, table: ViewTable, parts: Parts, weights: np.ndarray
) -> np.ndarray:
    """Choose two images, and their views, for each row.

    Parameters
    ----------
    rows : ndarray of float32, shape (E, d)
        White rows less their background.
    table : ViewTable
    parts : Parts
    weights : ndarray of float32, shape (E, 2)

    Returns
    -------
    ndarray of int64, shape (E, 2)
        Numbers of the table.
    """
    members = np.full((len(rows), 2), NOBODY)
    for place in SWEEPS:
        other = members[:, 1 - place]
        for number, roster in enumerate(parts.roster):
            images = roster[roster != NOBODY]
            own = np.flatnonzero(parts.classes[:, place] == number)
            if not len(images) or not len(own):
                continue
            left = rows[own] - table.mix(other[own], weights[own, 1 - place])
            costs = _costs(left, table, images, weights[own, place])
            _forbid(costs, other[own] // table.count - images[0], table.count)
            first = images[0] * table.count
            members[own, place] = first + costs.argmin(axis=1)
    return members


def _costs(
    rows: np.ndarray, table: ViewTable, images: np.ndarray, weights: np.ndarray
) -> np.ndarray:
    """Return |row - w·view|² less |row|² for all views of some images."""
    views = table.class_of(images)
    costs = rows @ table.white[views].T
    costs *= -2 * weights[:, None]
    costs += weights[:, None] ** 2 * table.norms[views]
    return costs


def _forbid(costs: np.ndarray, image: np.ndarray, count: int) -> None:
    """Make an image that is in a row already too dear, where it is among those that cost."""
    by_image = costs.reshape(len(costs), -1, count)
    rows = np.flatnonzero((image >= 0) & (image < by_image.shape[1]))
    by_image[rows, image[rows]] = np.inf


def split_sums(
    rows: np.ndarray, table: ViewTable, parts: Parts, members: np.ndarray
) -> np.ndarray:
    """Return the weights of all rows; of two images of one class, those that fit best.

    Only the sum is known of the latter. Arguments as in `choose_views`.
    """
    weights, own = parts.coefficients.copy(), np.flatnonzero(parts.same)
    if not len(own):
        return weights
    total = weights[own].sum(axis=1)
    first, second = (table.white[members[own, place]] for place in (0, 1))
    along = first - second
    left = rows[own] - total[:, None] * second
    norms = np.maximum(np.einsum("ij,ij->i", along, along), 1e-9)
    share = np.einsum("ij,ij->i", left, along) / (total * norms)
    share = np.clip(share, LEAST_SHARE, 1 - LEAST_SHARE)
    weights[own] = np.stack([share * total, (1 - share) * total], axis=1)
    return weights


def misfits(
    rows: np.ndarray, table: ViewTable, members: np.ndarray, weights: np.ndarray
) -> np.ndarray:
    """Return what members leave of each row, squared, (E,)."""
    left = rows.copy()
    for place in range(members.shape[1]):
        left -= table.mix(members[:, place], weights[:, place])
    return np.einsum("ij,ij->i", left, left)
