"""Pairs of images whose weights are unknown: the nearest pair of each row.

Without coefficients on the label, a row is close to s·a + t·b with two unknown weights
s, t ≥ 0. For each pair (a, b) the best weights solve two equations; where one of them would
be negative, the other image alone is best. What is known of weights beforehand, their mean μ
and variance τ² over the scheme's draws, enters as a ridge: with noise of variance ν in each
feature,

    |f - s·a - t·b|² + (ν/τ²)·((s - μ)² + (t - μ)²)

is least. Where weights are uncertain, this draws them to their mean and not to zero.
"""

from dataclasses import dataclass

import numpy as np

from instahide.attacks.unmixing.similarity import draw_coefficients
from instahide.attacks.unmixing.state import NOBODY
from instahide.encodings.instahide.scheme import Scheme

AT_ONCE = 500_000  # pairs that are compared at a time
LEAST = 1e-9


@dataclass(frozen=True)
class WeightPrior:
    """Mean and variance of a weight over the private images of all rows."""

    mean: float
    variance: float


def weight_prior(
    scheme: Scheme, rng: np.random.Generator, *, power: int, draws: int = 20_000
) -> WeightPrior:
    """Return mean and variance of λ to a power, over the two private images of rows.

    Parameters
    ----------
    power : {1, 2}
    """
    drawn = draw_coefficients(rng, draws, scheme.k, scheme.c1)
    weights = drawn[scheme.accepts(drawn), :2] ** power
    return WeightPrior(float(weights.mean()), float(weights.var()))


@dataclass(frozen=True)
class FreePairs:
    """The nearest pair of each row.

    Attributes
    ----------
    images : ndarray of int64, shape (E, 2)
        The one of larger weight first.
    weights : ndarray of float32, shape (E, 2)
        Not negative.
    cost : ndarray of float32, shape (E,)
        Squared distance with the prior's term, up to |f|² of the row.
    """

    images: np.ndarray
    weights: np.ndarray
    cost: np.ndarray


def free_pairs(
    products: np.ndarray,
    gram: np.ndarray,
    ridge: np.ndarray,
    mean: float,
    first: np.ndarray,
    second: np.ndarray,
) -> FreePairs:
    """Find each row's nearest pair of candidates, and its weights.

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
    step = max(1, AT_ONCE // (first.shape[1] * second.shape[1]))
    places = [slice(start, start + step) for start in range(0, len(products), step)]
    images = np.concatenate(
        [nearest(products[at], gram, ridge[at], mean, first[at], second[at]) for at in places]
    )
    weights, cost = weigh(products, gram, ridge, mean, images)
    order = np.argsort(-weights, axis=1, kind="stable")
    images, weights = (np.take_along_axis(x, order, 1) for x in (images, weights))
    return FreePairs(images, weights, cost)


def nearest(products, gram, ridge, mean, first, second) -> np.ndarray:
    """Return the nearest pairs of some rows, (rows, 2); arguments as in `free_pairs`."""
    own, pull = gram.diagonal(), ridge[:, None]
    with_a = (np.take_along_axis(products, first, 1) + pull * mean)[:, :, None]
    with_b = (np.take_along_axis(products, second, 1) + pull * mean)[:, None, :]
    a, b = (own[first] + pull)[:, :, None], (own[second] + pull)[:, None, :]
    both = gram[first[:, :, None], second[:, None, :]]
    s, t = b * with_a - both * with_b, a * with_b - both * with_a
    gain = (s * with_a + t * with_b) / np.maximum(a * b - both * both, LEAST)
    alone = np.maximum(np.maximum(with_a, 0) ** 2 / a, np.maximum(with_b, 0) ** 2 / b)
    gain = np.where((s > 0) & (t > 0), gain, alone)
    gain[first[:, :, None] == second[:, None, :]] = -np.inf
    gain[(first == NOBODY)[:, :, None] | (second == NOBODY)[:, None, :]] = -np.inf
    left, right = np.divmod(gain.reshape(len(gain), -1).argmax(axis=1), second.shape[1])
    at = np.arange(len(gain))
    return np.stack([first[at, left], second[at, right]], axis=1)


def weigh(products, gram, ridge, mean, images) -> tuple[np.ndarray, np.ndarray]:
    """Return the best weights (E, 2) of given pairs (E, 2), and their cost (E,)."""
    with_both = np.take_along_axis(products, images, 1) + ridge[:, None] * mean
    own = gram.diagonal()[images] + ridge[:, None]
    both = gram[images[:, 0], images[:, 1]]
    joint = own[:, ::-1] * with_both - both[:, None] * with_both[:, ::-1]
    joint /= np.maximum(own.prod(axis=1) - both**2, LEAST)[:, None]
    alone = np.maximum(with_both, 0) / own
    gain = alone * with_both
    alone[np.arange(len(alone)), gain.argmin(axis=1)] = 0
    inside = (joint > 0).all(axis=1)[:, None]
    weights = np.where(inside, joint, alone)
    cost = 2 * ridge * mean**2 - (weights * with_both).sum(axis=1)
    return weights.astype(np.float32), cost
