"""Pairs of images whose weights are unknown: the nearest pair of each row.

Without coefficients on the label, a row is close to s·a + t·b with two unknown weights
s, t ≥ 0. For each pair (a, b) the best weights solve two equations; where one of them would
be negative, the other image alone is best. What is known of weights beforehand, their mean μ
and variance τ² over the scheme's draws, enters as a ridge: with noise of variance ν in each
feature,

    |f - s·a - t·b|² + (ν/τ²)·((s - μ)² + (t - μ)²)

is least. Where weights are uncertain, this draws them to their mean and not to zero.
"""

from dataclasses import dataclass, replace

import numpy as np

from instahide.attacks.unmixing.parts.choosing import Chosen, RowsSeen
from instahide.attacks.unmixing.parts.coefficients import WeightPrior
from instahide.attacks.unmixing.parts.field import batches
from instahide.attacks.unmixing.parts.labels import Parts
from instahide.attacks.unmixing.parts.pairs import PAIRS_AT_ONCE, pairs_of
from instahide.attacks.unmixing.parts.shortlists import cheapest, is_short, pick
from instahide.attacks.unmixing.state import NOBODY

LEAST_DETERMINANT = 1e-9
BOUNDS = (0.02, 0.6)  # of first estimates of coefficients, which are rough
MOST_PRIVATE = 0.97  # of two coefficients' sum
LEAST_WEIGHT = 1e-3  # of an image's mean weight, relative to the expected one's


@dataclass(frozen=True)
class FreePairs:
    """Chooses pairs whose coefficients are unknown.

    Attributes
    ----------
    parts : Parts
        Only classes are looked at.
    prior : WeightPrior
        Of the weights that rows are linear in.
    """

    parts: Parts
    prior: WeightPrior

    def take(self, rows: slice) -> "FreePairs":
        """Return the chooser of some rows."""
        return replace(self, parts=self.parts.take(rows))

    def see(self, products: np.ndarray, gram: np.ndarray) -> RowsSeen:
        """Return inner products with images less the mean public one, the background.

        With m the mean public image, x - m = λ₀·(a - m) + λ₁·(b - m) and noise, so that the
        coefficients are free weights.
        """
        along, across = products[:, -1], gram[-1, :-1] - gram[-1, -1]
        between = gram[:-1, :-1] - gram[-1, :-1] - across[:, None]
        return RowsSeen(products[:, :-1] - along[:, None], between, across, along)

    def choose(
        self, products: np.ndarray, gram: np.ndarray, noise: np.ndarray, before: np.ndarray
    ) -> Chosen:
        """Return the nearest pairs and their weights, the larger first."""
        ridge, mean = (noise / self.prior.variance).astype(np.float32), self.prior.mean
        roster, classes = self.parts.roster, self.parts.classes
        most = roster.shape[1]
        pairs = pairs_of(most)
        members = np.concatenate([
            nearest_pairs(
                products[at], gram, ridge[at], mean, *roster[classes[at].T]
            )
            for at in batches(len(products), max(pairs, most), PAIRS_AT_ONCE)
        ])  # fmt: skip
        weights, cost = weigh_pairs(products, gram, ridge, mean, members)
        order = np.argsort(-weights, axis=1, kind="stable")
        ordered = (np.take_along_axis(values, order, 1) for values in (members, weights))
        return Chosen(*ordered, cost)


def nearest_pairs(
    products: np.ndarray,
    gram: np.ndarray,
    ridge: np.ndarray,
    mean: float,
    first: np.ndarray,
    second: np.ndarray,
) -> np.ndarray:
    """Return the nearest pair of candidates of each row, int64, shape (E, 2).

    Parameters
    ----------
    products : ndarray of float32, shape (E, n)
        Inner products of rows and images.
    gram : ndarray of float32, shape (n, n)
        Inner products of images.
    ridge : ndarray of float32, shape (E,)
        ν/τ² of each row.
    mean : float
        μ, the expected weight.
    first, second : ndarray of int64, shape (E, most)
        Candidates, padded with NOBODY.
    """
    given = products, gram, ridge, mean
    if not is_short(first.shape[1]):
        first, second = shorten_free(*given, first, second)
    gain = pair_gains(*given, first, second)
    left, right = np.divmod(gain.reshape(len(gain), -1).argmax(axis=1), second.shape[1])
    at = np.arange(len(gain))
    return np.stack([first[at, left], second[at, right]], axis=1)


def shorten_free(
    products: np.ndarray,
    gram: np.ndarray,
    ridge: np.ndarray,
    mean: float,
    first: np.ndarray,
    second: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Return shortlists of both places: what pairs best with the best of the other place.

    The first image is chosen alone, then the second beside it. Arguments as in
    `nearest_pairs`.
    """
    given = products, gram, ridge, mean
    own = gram.diagonal()[first] + ridge[:, None]
    alone = np.take_along_axis(products, first, 1) + ridge[:, None] * mean
    alone = np.where(first == NOBODY, -np.inf, np.maximum(alone, 0) ** 2 / own)
    best = pick(first, -alone)
    other = pick(second, -pair_gains(*given, best, second)[:, 0])
    beside_other = pair_gains(*given, first, other)[:, :, 0]
    best = pick(first, -beside_other)
    beside_best = pair_gains(*given, best, second)[:, 0]
    return cheapest(first, -beside_other), cheapest(second, -beside_best)


def pair_gains(
    products: np.ndarray,
    gram: np.ndarray,
    ridge: np.ndarray,
    mean: float,
    first: np.ndarray,
    second: np.ndarray,
) -> np.ndarray:
    """Return by how much each pair of candidates explains a row, (E, most, others).

    Infinitely little for what is no pair; arguments as in `nearest_pairs`.
    """
    own, pull = gram.diagonal(), ridge[:, None]
    with_a = (np.take_along_axis(products, first, 1) + pull * mean)[:, :, None]
    with_b = (np.take_along_axis(products, second, 1) + pull * mean)[:, None, :]
    a, b = (own[first] + pull)[:, :, None], (own[second] + pull)[:, None, :]
    both = gram[first[:, :, None], second[:, None, :]]
    s, t = b * with_a - both * with_b, a * with_b - both * with_a
    gain = (s * with_a + t * with_b) / np.maximum(a * b - both * both, LEAST_DETERMINANT)
    alone = np.maximum(np.maximum(with_a, 0) ** 2 / a, np.maximum(with_b, 0) ** 2 / b)
    gain = np.where((s > 0) & (t > 0), gain, alone)
    gain[first[:, :, None] == second[:, None, :]] = -np.inf
    gain[(first == NOBODY)[:, :, None] | (second == NOBODY)[:, None, :]] = -np.inf
    return gain


def weigh_pairs(
    products: np.ndarray, gram: np.ndarray, ridge: np.ndarray, mean: float, members: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the best weights of given pairs, both (E, 2), and their cost (E,).

    Weights are not negative; the cost is the squared distance with the prior's term, up to
    |f|² of the row. Other arguments as in `nearest_pairs`.
    """
    with_both = np.take_along_axis(products, members, 1) + ridge[:, None] * mean
    own = gram.diagonal()[members] + ridge[:, None]
    both = gram[members[:, 0], members[:, 1]]
    joint = own[:, ::-1] * with_both - both[:, None] * with_both[:, ::-1]
    joint /= np.maximum(own.prod(axis=1) - both**2, LEAST_DETERMINANT)[:, None]
    alone = np.maximum(with_both, 0) / own
    gain = alone * with_both
    alone[np.arange(len(alone)), gain.argmin(axis=1)] = 0
    inside = (joint > 0).all(axis=1)[:, None]
    weights = np.where(inside, joint, alone)
    cost = 2 * ridge * mean**2 - (weights * with_both).sum(axis=1)
    return weights.astype(np.float32), cost


def equal_scale(
    members: np.ndarray, weights: np.ndarray, mean: float, image_count: int
) -> np.ndarray:
    """Scale the weights (E, 2) of each image to the expected mean; float32 (E, 2)."""
    uses = np.bincount(members.ravel(), minlength=image_count)
    total = np.bincount(members.ravel(), weights.ravel(), minlength=image_count)
    found = total / np.maximum(uses, 1)
    factor = mean / np.maximum(found, LEAST_WEIGHT * mean)
    return (weights * factor[members]).astype(np.float32)


def equal_weights(
    members: np.ndarray, weights: np.ndarray, mean: float, image_count: int
) -> np.ndarray:
    """Scale coefficients as `equal_scale` does, and leave something for public images."""
    weights = equal_scale(members, weights, mean, image_count)
    total = np.maximum(weights.sum(axis=1, keepdims=True), MOST_PRIVATE)
    weights *= np.minimum(1, MOST_PRIVATE / total)
    return weights
