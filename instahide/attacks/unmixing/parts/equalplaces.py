"""Rows of k images in equal parts: drawing the image of each place, at some heat.

What a place costs with an image is, up to a constant, minus the logarithm of its likelihood,
the other places as they are. Drawing with probabilities exp(-cost/heat) and cooling down gets
past what a search for the best runs into: two images that share one's rows.

Two corrections keep the draws fair. An image was solved for with the row's own noise in it,
and seems to explain the row for that alone: its own part is taken off. And the plan uses all
images equally often, in every block of n rows.
"""

from dataclasses import dataclass

import numpy as np

from instahide.attacks.unmixing.parts.labels import Parts
from instahide.attacks.unmixing.state import NOBODY, mix

TWICE = 1e6  # what it costs to have an image twice in a row
BALANCINGS = 5
BALANCE_STEP = 0.7
SOFTEST = 0.1  # of a use: counts of drawn images differ from what is expected
COOLEST = 0.3  # heat that uses are balanced at


@dataclass(frozen=True)
class EqualPlaces:
    """Where images may be, and how often.

    Attributes
    ----------
    parts : Parts
        Of E rows with k places each.
    block : ndarray of int64, shape (E,)
        Rows of one block use all images alike.
    target : ndarray of float64, shape (blocks, n)
        How often a block uses each image.
    """

    parts: Parts
    block: np.ndarray
    target: np.ndarray

    def candidates(self, place: int) -> np.ndarray:
        """Return the images that may be at a place of each row, int64 (E, most), padded."""
        return self.parts.roster[self.parts.classes[:, place]]

    def count(self, members: np.ndarray) -> np.ndarray:
        """Count how often each block uses each image, (blocks, n); members (E,) or (E, p)."""
        return self._sum(members.reshape(len(members), -1), 1.0)

    def _sum(self, members: np.ndarray, share: np.ndarray | float) -> np.ndarray:
        cells = self.block[:, None] * self.target.shape[1] + np.maximum(members, 0)
        share = np.broadcast_to(share, members.shape)
        total = np.bincount(cells.ravel(), share.ravel(), self.target.size)
        return total.reshape(self.target.shape)

    def balance(
        self, cost: np.ndarray, place: int, left: np.ndarray, heat: float
    ) -> np.ndarray:
        """Return costs of a place's candidates under which images are used as often as is left.

        Sinkhorn's scaling: images that would be drawn too often get dearer.
        """
        candidates = self.candidates(place)
        bias = np.zeros(self.target.shape)
        for _ in range(BALANCINGS):
            scores = bias[self.block[:, None], candidates] - cost / heat
            scores -= scores.max(axis=1, keepdims=True)
            share = np.exp(scores)
            share /= share.sum(axis=1, keepdims=True)
            expected = self._sum(candidates, share)
            bias += BALANCE_STEP * np.log((left + SOFTEST) / (expected + SOFTEST))
        return cost - heat * bias[self.block[:, None], candidates]


@dataclass(frozen=True)
class EqualSeen:
    """What rows and images are to each other, in whitened features.

    Attributes
    ----------
    products : ndarray of float32, shape (E, n)
        Inner products of rows and images.
    gram : ndarray of float32, shape (n, n)
    own : ndarray of float32, shape (E,)
        How much of a product with one of the row's members is the row's own noise.
    members : ndarray of int64, shape (E, k)
        Those that the images were solved with.
    """

    products: np.ndarray
    gram: np.ndarray
    own: np.ndarray
    members: np.ndarray


def make_places(parts: Parts, image_count: int) -> EqualPlaces:
    """Return places of rows whose blocks of n use all images of a class alike.

    ASSUME: the rows are in the order of the plan, as a challenge releases them.
    """
    block = np.arange(len(parts.classes)) // image_count
    size = (parts.roster != NOBODY).sum(axis=1)
    target = np.zeros((block[-1] + 1, image_count))
    for name, image_index in enumerate(parts.roster):
        uses = np.bincount(block, (parts.classes == name).sum(axis=1))
        some = image_index[: size[name]]
        target[:, some] = uses[:, None] / max(size[name], 1)
    return EqualPlaces(parts, block, target)


def draw_start(places: EqualPlaces, rng: np.random.Generator) -> np.ndarray:
    """Draw any images of each row's classes, int64 (E, k)."""
    members = np.empty_like(places.parts.classes)
    for place in range(members.shape[1]):
        candidates = places.candidates(place)
        lots = np.where(candidates == NOBODY, -1, rng.random(candidates.shape))
        members[:, place] = candidates[np.arange(len(members)), lots.argmax(axis=1)]
    return members


def draw_members(
    places: EqualPlaces, seen: EqualSeen, heat: float, rng: np.random.Generator
) -> np.ndarray:
    """Draw the image of each place in turn, the others as they are; heat 0 takes the best.

    Returns
    -------
    ndarray of int64, shape (E, k)
    """
    members, rows = seen.members.copy(), np.arange(len(seen.members))
    for place in rng.permutation(members.shape[1]):
        candidates = places.candidates(place)
        others = np.delete(members, place, axis=1)
        cost = cost_of_place(seen, candidates, others)
        cost[candidates == NOBODY] = np.inf
        left = np.maximum(places.target - places.count(others), 0)
        cost = places.balance(cost, place, left, max(heat, COOLEST))
        cost -= heat * rng.gumbel(size=cost.shape)
        members[:, place] = candidates[rows, cost.argmin(axis=1)]
    return members


def cost_of_place(seen: EqualSeen, candidates: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Return what each candidate for one place costs beside the others, (E, most) float64.

    Parameters
    ----------
    candidates : ndarray of int64, shape (E, most)
    others : ndarray of int64, shape (E, k - 1)
    """
    weight = 1 / seen.members.shape[1]
    weights = np.full(others.shape, weight, np.float32)
    rest = seen.products - mix(others, weights, len(seen.gram)) @ seen.gram
    cost = 0.5 * weight * seen.gram.diagonal()[candidates].astype(np.float64)
    cost -= np.take_along_axis(rest, candidates, 1)
    for place in range(seen.members.shape[1]):
        cost += np.where(candidates == seen.members[:, [place]], seen.own[:, None], 0)
    for place in range(others.shape[1]):
        cost += np.where(candidates == others[:, [place]], TWICE, 0)
    return weight * cost
