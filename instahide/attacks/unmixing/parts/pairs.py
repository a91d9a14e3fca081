"""Pairs of images whose weights are known, or their sum: the distance of rows from all pairs.

It serves twice: on whitened squares, which are linear in squared coefficients, and once rows
are known without their masks on the rows themselves; then it also finds how two images of one
class share their coefficient.
"""

from dataclasses import dataclass

import numpy as np

from instahide.attacks.needs import FLOAT, Size
from instahide.attacks.unmixing.state import NOBODY


@dataclass(frozen=True)
class PairCosts:
    """Squared distances of rows from all pairs of their candidates.

    Attributes
    ----------
    first, second : ndarray of int64, shape (E, most)
        Candidates, padded with NOBODY.
    cost : ndarray of float32, shape (E, most, most)
        Up to a constant of the row; infinite for what is no pair.
    weight : ndarray of float32, shape (E, most, most)
        Weight of the first image; the second has the rest of `total`.
    total : ndarray of float32, shape (E,)
    """

    first: np.ndarray
    second: np.ndarray
    cost: np.ndarray
    weight: np.ndarray
    total: np.ndarray

    def best(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return images (E, 2), weights (E, 2) and cost (E,) of the nearest pairs."""
        rows = np.arange(len(self.cost))
        place = self.cost.reshape(len(rows), -1).argmin(axis=1)
        left, right = np.divmod(place, self.second.shape[1])
        images = np.stack([self.first[rows, left], self.second[rows, right]], axis=1)
        weight = self.weight[rows, left, right]
        weights = np.stack([weight, self.total - weight], axis=1)
        return images, weights, self.cost[rows, left, right]


def pairs_needs(size: Size) -> float:
    """Bytes of `pair_costs`: nine numbers for each row and pair of its candidates."""
    return 9 * FLOAT * size.rows * size.class_images**2


def pair_costs(
    products: np.ndarray,
    gram: np.ndarray,
    weights: np.ndarray,
    free: np.ndarray,
    first: np.ndarray,
    second: np.ndarray,
) -> PairCosts:
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
    free : ndarray of bool, shape (E,)
        Only the sum of the two weights is known.
    first, second : ndarray of int64, shape (E, most)
    """
    own = gram.diagonal()
    with_a = np.take_along_axis(products, first, 1)[:, :, None]
    with_b = np.take_along_axis(products, second, 1)[:, None, :]
    a, b = own[first][:, :, None], own[second][:, None, :]
    both = gram[first[:, :, None], second[:, None, :]]
    total = weights.sum(axis=1)
    whole = total[:, None, None]
    split = with_a - with_b - whole * (both - b)
    split = np.clip(split / np.maximum(a + b - 2 * both, 1e-9), 0, whole)
    left = np.where(free[:, None, None], split, weights[:, 0, None, None])
    right = whole - left
    cost = left**2 * a + right**2 * b + 2 * left * right * both
    cost -= 2 * (left * with_a + right * with_b)
    cost[first[:, :, None] == second[:, None, :]] = np.inf
    cost[(first == NOBODY)[:, :, None] | (second == NOBODY)[:, None, :]] = np.inf
    return PairCosts(first, second, cost, left, total)
