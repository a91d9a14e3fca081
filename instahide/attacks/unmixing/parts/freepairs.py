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

from instahide.attacks.unmixing.parts.coefficients import WeightPrior
from instahide.attacks.unmixing.parts.field import Field
from instahide.attacks.unmixing.parts.labels import Parts, candidates
from instahide.attacks.unmixing.parts.rounds import whiten_by_residuals
from instahide.attacks.unmixing.state import NOBODY, Assignment, State

AT_ONCE = 500_000  # pairs that are compared at a time
LEAST = 1e-9
LEAST_WEIGHT = 1e-3  # of an image's mean weight, relative to the expected one's
MOST = 0.97  # of two coefficients' sum


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


def equal_scale(
    images: np.ndarray, weights: np.ndarray, prior: WeightPrior, count: int
) -> np.ndarray:
    """Scale the weights of each image, (E, 2), to the expected mean."""
    uses = np.bincount(images.ravel(), minlength=count)
    total = np.bincount(images.ravel(), weights.ravel(), minlength=count)
    mean = total / np.maximum(uses, 1)
    factor = prior.mean / np.maximum(mean, LEAST_WEIGHT * prior.mean)
    return (weights * factor[images]).astype(np.float32)


def reassign_freely(
    field: Field,
    state: State,
    level: np.ndarray,
    *,
    parts: Parts,
    members: np.ndarray,
    prior: WeightPrior,
) -> State:
    """Choose each row's pair, both coefficients and sign by the distance of the unmasked row.

    With m the mean public image, x - m = λ₀·(a - m) + λ₁·(b - m) and noise, so that the
    coefficients are free weights again.

    Parameters
    ----------
    level : ndarray of float32, shape (E,)
        Variance of each row about its mean.
    prior : WeightPrior
        Of coefficients.
    """
    rows, images = whiten_by_residuals(field, state, level)
    mean, images = images[-1], images[:-1] - images[-1]
    products, across, gram = rows @ images.T, mean @ images.T, images @ images.T
    ridge = (level / prior.variance).astype(np.float32)
    along = rows @ mean
    plus, minus = (
        free_pairs(
            sign * products - across, gram, ridge, prior.mean, *candidates(parts, members)
        )
        for sign in (1, -1)
    )
    # |± x - m|² differ by ∓ 2·⟨x, m⟩.
    turned = (minus.cost + 2 * along < plus.cost - 2 * along)[:, None]
    pairs = np.where(turned, minus.images, plus.images)
    weights = np.where(turned, minus.weights, plus.weights)
    weights = equal_scale(pairs, weights, prior, state.count)
    weights *= np.minimum(1, MOST / np.maximum(weights.sum(axis=1, keepdims=True), MOST))
    return replace(
        state,
        rows=np.where(turned, -state.rows, state.rows),
        assignment=Assignment(pairs, weights),
    )
