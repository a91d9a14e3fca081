"""Pairs of images whose weights are known, or their sum: the nearest pair of each row."""

from dataclasses import dataclass, replace

import numpy as np

from instahide.attacks.needs import FLOAT, PRODUCT, Size
from instahide.attacks.unmixing.parts.choosing import SEEN_NUMBERS, Chosen, RowsSeen
from instahide.attacks.unmixing.parts.field import batches
from instahide.attacks.unmixing.parts.labels import Parts
from instahide.attacks.unmixing.parts.shortlists import SHORT, cheapest, is_short, pick
from instahide.attacks.unmixing.state import NOBODY

PAIRS_AT_ONCE = 300_000  # that are compared: what is at work stays in the processor's cache


@dataclass(frozen=True)
class KnownPairs:
    """Chooses pairs whose coefficients are on the labels.

    Attributes
    ----------
    parts : Parts
    power : {1, 2}
        Rows are linear in coefficients to this power.
    prices : ndarray of float32, shape (n,), optional
        What an image costs a row, for each unit of its weight.
    """

    parts: Parts
    power: int = 1
    prices: np.ndarray | None = None

    def take(self, rows: slice) -> "KnownPairs":
        """Return the chooser of some rows."""
        return replace(self, parts=self.parts.take(rows))

    def see(self, products: np.ndarray, gram: np.ndarray) -> RowsSeen:
        """Return inner products; the background is as much of the mean image as is left."""
        rest = self.parts.rest
        across = rest[:, None] * gram[-1, :-1]
        if self.prices is not None:  # the squared distance has -2·w·⟨x - b, a⟩
            across += self.prices / 2
        return RowsSeen(products[:, :-1], gram[:-1, :-1], across, rest * products[:, -1])

    def choose(
        self, products: np.ndarray, gram: np.ndarray, noise: np.ndarray, before: np.ndarray
    ) -> Chosen:
        """Return the nearest pairs; at power 1 also the split between images of one class."""
        weights, split = (
            self.parts.coefficients**self.power,
            self.parts.same & (self.power == 1),
        )
        roster, classes = self.parts.roster, self.parts.classes
        most = roster.shape[1]
        pairs = pairs_of(most)
        found = [
            cheapest_pairs(
                products[some], gram, weights[some], split[some], *roster[classes[some].T]
            )
            for some in batches(len(products), max(pairs, most), PAIRS_AT_ONCE)
        ]
        members, left, costs = map(np.concatenate, zip(*found, strict=True))
        return Chosen(members, np.stack([left, weights.sum(axis=1) - left], axis=1), costs)


def pairs_needs(size: Size) -> float:
    """Bytes: inner products of some rows and images, four times; and of fewer all pairs."""
    some = min(max(1, SEEN_NUMBERS // size.pixels), size.rows)
    pairs = min(PAIRS_AT_ONCE, size.rows * pairs_of(size.class_images))
    return 4 * FLOAT * some * size.image_count + 14 * FLOAT * pairs


def pairs_seconds(size: Size) -> float:
    """Processor seconds of a choice for all rows: inner products, and pairs."""
    products = PRODUCT * size.pixels * size.image_count
    pairs = 2e-8 * (pairs_of(size.class_images) + 4 * size.class_images)
    return size.rows * (products + pairs)


def pairs_of(most: int) -> int:
    """Return how many pairs are compared for a row, of `most` candidates for each place."""
    return most**2 if is_short(most) else SHORT**2


def cheapest_pairs(
    products: np.ndarray,
    gram: np.ndarray,
    weights: np.ndarray,
    split: np.ndarray,
    first: np.ndarray,
    second: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the nearest pairs, int64 (E, 2), the first's weight and the cost, float32 (E,).

    Parameters
    ----------
    products, gram, weights, split, first, second
        As in `pair_costs`.
    """
    if not is_short(first.shape[1]):
        first, second = shorten_known(products, gram, weights, split, first, second)
    costs, left = pair_costs(products, gram, weights, split, first, second)
    rows = np.arange(len(costs))
    a, b = np.divmod(costs.reshape(len(rows), -1).argmin(axis=1), second.shape[1])
    members = np.stack([first[rows, a], second[rows, b]], axis=1)
    return members, left[rows, a, b], costs[rows, a, b]


def shorten_known(
    products: np.ndarray,
    gram: np.ndarray,
    weights: np.ndarray,
    split: np.ndarray,
    first: np.ndarray,
    second: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Return shortlists of both places: what pairs best with the best of the other place.

    The first image is chosen beside the mean of all images, then the second beside it.
    """
    given = products, gram, weights, split
    best = pick(first, single_costs(products, gram, weights, first))
    other = pick(second, pair_costs(*given, best, second)[0][:, 0])
    beside_other = pair_costs(*given, first, other)[0][:, :, 0]
    best = pick(first, beside_other)
    beside_best = pair_costs(*given, best, second)[0][:, 0]
    return cheapest(first, beside_other), cheapest(second, beside_best)


def single_costs(
    products: np.ndarray, gram: np.ndarray, weights: np.ndarray, first: np.ndarray
) -> np.ndarray:
    """Return what candidates of the first place cost beside the mean of all images."""
    own, other = weights[:, :1], weights[:, 1:]
    mean = gram.sum(axis=1) / len(gram)
    cost = own * gram.diagonal()[first] - 2 * np.take_along_axis(products, first, 1)
    cost = own * (cost + 2 * other * mean[first])
    return np.where(first == NOBODY, np.inf, cost)


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
    first, second : ndarray of int64, shapes (E, most) and (E, others)
        Candidates, padded with NOBODY.

    Returns
    -------
    costs : ndarray of float32, shape (E, most, others)
        Squared distances up to a constant of the row; infinite for what is no pair.
    left : ndarray of float32, shape (E, most, others)
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
