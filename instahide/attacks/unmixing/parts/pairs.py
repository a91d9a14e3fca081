"""Pairs of images whose weights are known, or their sum: the nearest pair of each row."""

from dataclasses import dataclass, replace

import numpy as np

from instahide.attacks.needs import FLOAT, Size
from instahide.attacks.unmixing.parts.choosing import Chosen, RowsSeen
from instahide.attacks.unmixing.parts.labels import Parts
from instahide.attacks.unmixing.state import NOBODY


@dataclass(frozen=True)
class KnownPairs:
    """Chooses pairs whose coefficients are on the labels.

    Attributes
    ----------
    parts : Parts
    power : {1, 2}
        Rows are linear in coefficients to this power.
    """

    parts: Parts
    power: int = 1

    def take(self, rows: slice) -> "KnownPairs":
        """Return the chooser of some rows."""
        return replace(self, parts=self.parts.take(rows))

    def see(self, products: np.ndarray, gram: np.ndarray) -> RowsSeen:
        """Return inner products; the background is as much of the mean image as is left."""
        rest = self.parts.rest
        across = rest[:, None] * gram[-1, :-1]
        return RowsSeen(products[:, :-1], gram[:-1, :-1], across, rest * products[:, -1])

    def choose(
        self, products: np.ndarray, gram: np.ndarray, noise: np.ndarray, before: np.ndarray
    ) -> Chosen:
        """Return the nearest pairs; at power 1 also the split between images of one class."""
        weights, split = (
            self.parts.coefficients**self.power,
            self.parts.same & (self.power == 1),
        )
        first, second = self.parts.candidates.transpose(1, 0, 2)
        costs, left = pair_costs(products, gram, weights, split, first, second)
        rows = np.arange(len(costs))
        a, b = np.divmod(costs.reshape(len(rows), -1).argmin(axis=1), second.shape[1])
        weight = left[rows, a, b]
        return Chosen(
            np.stack([first[rows, a], second[rows, b]], axis=1),
            np.stack([weight, weights.sum(axis=1) - weight], axis=1),
            costs[rows, a, b],
        )


def pairs_needs(size: Size) -> float:
    """Bytes of `pair_costs`: nine numbers for each row and pair of its candidates."""
    return 9 * FLOAT * size.rows * size.class_images**2


def pair_costs(
    products: np.ndarray,
    gram: np.ndarray,
    weights: np.ndarray,
    split: np.ndarray,
    first: np.ndarray,
    second: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Compare each row with the weighted sums of all pairs of its candidates.

    Where only the sum L of the two weights is known, the best split of each pair (a, b) is
    taken: the minimum of |f - t·a - (L - t)·b|² is at t = ⟨f - L·b, a - b⟩ / |a - b|².

    Parameters
    ----------
    products : ndarray of float32, shape (E, n)
        Inner products of rows and images.
    gram : ndarray of float32, shape (n, n)
        Inner products of images.
    weights : ndarray of float32, shape (E, 2)
    split : ndarray of bool, shape (E,)
        Only the sum of the two weights is known.
    first, second : ndarray of int64, shape (E, most)
        Candidates, padded with NOBODY.

    Returns
    -------
    costs : ndarray of float32, shape (E, most, most)
        Squared distances up to a constant of the row; infinite for what is no pair.
    left : ndarray of float32, shape (E, most, most)
        Weight of the first image; the second has the rest of the sum.
    """
    own = gram.diagonal()
    with_a = np.take_along_axis(products, first, 1)[:, :, None]
    with_b = np.take_along_axis(products, second, 1)[:, None, :]
    a, b = own[first][:, :, None], own[second][:, None, :]
    both = gram[first[:, :, None], second[:, None, :]]
    whole = weights.sum(axis=1)[:, None, None]
    best = with_a - with_b - whole * (both - b)
    best = np.clip(best / np.maximum(a + b - 2 * both, 1e-9), 0, whole)
    left = np.where(split[:, None, None], best, weights[:, 0, None, None])
    right = whole - left
    costs = left**2 * a + right**2 * b + 2 * left * right * both
    costs -= 2 * (left * with_a + right * with_b)
    costs[first[:, :, None] == second[:, None, :]] = np.inf
    costs[(first == NOBODY)[:, :, None] | (second == NOBODY)[:, None, :]] = np.inf
    return costs, left
