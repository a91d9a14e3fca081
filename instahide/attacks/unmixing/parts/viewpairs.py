"""Which images are in each row, and in which views, once images are known a little.

A row has thousands of candidates for each place, all views of all images, and so millions of
pairs. But views of two images are nearly orthogonal to each other, so that choosing one place
given the other comes to rest at once: first one place for itself, then the other beside it, and
both once more. Weights are known, or their sum is (`KnownWeights`), or nothing is
(`FreeWeights`, as `instahide.attacks.unmixing.parts.freepairs` explains).
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from instahide.attacks.unmixing.parts.choosing import Chosen
from instahide.attacks.unmixing.parts.labels import Parts
from instahide.attacks.unmixing.state import NOBODY

PLACE_SWEEPS = (0, 1, 0, 1)  # places, in the order in which they are chosen
LEAST_PART = 0.02  # of two images of one class, that either has of their sum
LEAST_VIEW = 1e-9


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

    def left_of(self, rows: np.ndarray, members: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """Return what all places leave of rows; members and weights are (E, p)."""
        left = rows.copy()
        for place in range(members.shape[1]):
            left -= self.mix(members[:, place], weights[:, place])
        return left


class Weigher(Protocol):
    """What is known of the weights of rows."""

    def costs(
        self, products: np.ndarray, norms: np.ndarray, rows: np.ndarray, place: int
    ) -> np.ndarray:
        """Return what views cost, (R, views), up to a constant of each row.

        Parameters
        ----------
        products : ndarray of float32, shape (R, views)
            Inner products with rows; may be written to.
        norms : ndarray of float32, shape (views,)
        rows : ndarray of int64, shape (R,)
        place : int
        """

    def weigh(
        self, products: np.ndarray, norms: np.ndarray, rows: np.ndarray, place: int
    ) -> np.ndarray:
        """Return the weight of one view in each row, all of shape (R,)."""

    def settle(self, rows: np.ndarray, table: ViewTable, members: np.ndarray) -> np.ndarray:
        """Return the weights of all rows given who is in them, (E, 2)."""

    def penalty(self, weights: np.ndarray) -> np.ndarray | float:
        """Return what weights cost beside what they leave, (E,)."""


@dataclass(frozen=True)
class KnownWeights:
    """Weights that are on the labels, or at least their sum.

    Attributes
    ----------
    parts : Parts
    weights : ndarray of float32, shape (E, 2)
    split : bool
        Whether to split the sums of two images of one class; in equal halves otherwise.
    """

    parts: Parts
    weights: np.ndarray
    split: bool = True

    def costs(self, products, norms, rows, place):
        """Return |w·view|² - 2·w·⟨row, view⟩."""
        weights = self.weights[rows, place, None]
        products *= -2 * weights
        products += weights**2 * norms
        return products

    def weigh(self, products, norms, rows, place):
        """Return the known weights."""
        return self.weights[rows, place]

    def settle(self, rows, table, members):
        """Return the known weights; of images of one class those that fit their sum best."""
        weights, own = self.weights.copy(), np.flatnonzero(self.parts.same)
        if not self.split or not len(own):
            return weights
        total = weights[own].sum(axis=1)
        first, second = (table.white[members[own, place]] for place in (0, 1))
        along = first - second
        left = rows[own] - total[:, None] * second
        norms = np.maximum(np.einsum("ij,ij->i", along, along), LEAST_VIEW)
        share = np.einsum("ij,ij->i", left, along) / (total * norms)
        share = np.clip(share, LEAST_PART, 1 - LEAST_PART)
        weights[own] = np.stack([share * total, (1 - share) * total], axis=1)
        return weights

    def penalty(self, weights):
        """Return 0: what is known costs nothing."""
        return 0.0


@dataclass(frozen=True)
class FreeWeights:
    """Weights of which only the mean and the variance over all rows are known.

    Attributes
    ----------
    ridge : ndarray of float32, shape (E,)
        ν/τ² of each row, see `instahide.attacks.unmixing.parts.freepairs`.
    mean : float
        μ.
    """

    ridge: np.ndarray
    mean: float

    def costs(self, products, norms, rows, place):
        """Return minus what the best weight explains."""
        ridge = self.ridge[rows, None]
        products += ridge * self.mean
        np.maximum(products, 0, out=products)
        products *= products
        products /= -(norms + ridge)
        return products

    def weigh(self, products, norms, rows, place):
        """Return the best weights."""
        ridge = self.ridge[rows]
        return np.maximum(products + ridge * self.mean, 0) / (norms + ridge)

    def settle(self, rows, table, members):
        """Return the best weights of both places together, none of them negative."""
        first, second = (table.white[members[:, place]] for place in (0, 1))
        along = np.stack([np.einsum("ij,ij->i", rows, view) for view in (first, second)], 1)
        along += self.ridge[:, None] * self.mean
        own = table.norms[members] + self.ridge[:, None]
        both = np.einsum("ij,ij->i", first, second)
        joint = own[:, ::-1] * along - both[:, None] * along[:, ::-1]
        joint /= np.maximum(own.prod(axis=1) - both**2, LEAST_VIEW)[:, None]
        alone = np.maximum(along, 0) / own
        alone[np.arange(len(alone)), (alone * along).argmin(axis=1)] = 0
        return np.where((joint > 0).all(axis=1)[:, None], joint, alone).astype(np.float32)

    def penalty(self, weights):
        """Return the ridge's."""
        return self.ridge * ((weights - self.mean) ** 2).sum(axis=1)


def choose_views(rows: np.ndarray, table: ViewTable, parts: Parts, weigher: Weigher) -> Chosen:
    """Choose two images, and their views, for each row.

    Parameters
    ----------
    rows : ndarray of float32, shape (E, d)
        White rows less their background.
    table : ViewTable
    parts : Parts
        Only classes are looked at.
    weigher : Weigher

    Returns
    -------
    Chosen
        Members are numbers of the table; the cost is what they leave, squared.
    """
    members = np.full((len(rows), 2), NOBODY)
    weights = np.zeros((len(rows), 2), np.float32)
    for place in PLACE_SWEEPS:
        for number, roster in enumerate(parts.roster):
            images = roster[roster != NOBODY]
            own = np.flatnonzero(parts.classes[:, place] == number)
            if len(images) and len(own):
                beside = members[own, 1 - place], weights[own, 1 - place]
                found = _choose_place(rows[own], table, images, beside, (weigher, own, place))
                members[own, place], weights[own, place] = found
    weights = weigher.settle(rows, table, members)
    left = table.left_of(rows, members, weights)
    cost = np.einsum("ij,ij->i", left, left) + weigher.penalty(weights)
    return Chosen(members, weights, cost)


def _choose_place(
    rows: np.ndarray,
    table: ViewTable,
    images: np.ndarray,
    beside: tuple[np.ndarray, np.ndarray],
    by: tuple[Weigher, np.ndarray, int],
) -> tuple[np.ndarray, np.ndarray]:
    """Return the best view of some images in each row, and its weight."""
    (weigher, numbers, place), views = by, table.class_of(images)
    left = rows - table.mix(*beside)
    costs = weigher.costs(left @ table.white[views].T, table.norms[views], numbers, place)
    # An image that is in the row already is out of the question.
    by_image = costs.reshape(len(costs), -1, table.count)
    there = beside[0] // table.count - images[0]
    again = np.flatnonzero((there >= 0) & (there < by_image.shape[1]))
    by_image[again, there[again]] = np.inf
    found = views.start + costs.argmin(axis=1)
    along = np.einsum("ij,ij->i", left, table.white[found])
    return found, weigher.weigh(along, table.norms[found], numbers, place)
