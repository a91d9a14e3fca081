"""Images that come out as negatives, told by how well a second image explains their rows.

A row has no sign of its own: x and -x have the same magnitudes. Where an image a weighs most in
its rows and all of them have agreed on the wrong sign, a comes out as about -a, and each round
confirms it: second images are chosen that fit to the turned rows as well as any can, and so
no measure of the fit that takes these choices as they are speaks against it. With the right
sign, though, the right second image explains a part of the row that no image explains with
the wrong one. So both signs are tried afresh: a is solved for from the rows that it leads,
second images being no more than the mean public image, once from the rows as they are and once
from the rows turned; then each row chooses its second image anew, and the smaller sum of
squares wins.
"""

from dataclasses import replace

import numpy as np
from scipy.sparse import csr_matrix

from instahide.attacks.unmixing.parts.field import Field, batches
from instahide.attacks.unmixing.parts.labels import Parts
from instahide.attacks.unmixing.parts.leastsquares import IMAGE_RIDGE
from instahide.attacks.unmixing.state import NOBODY, State

AT_ONCE = 0.5  # of the largest gain: what is turned at once, for turning one changes the others


def turn_inverted(
    field: Field, state: State, level: np.ndarray, gain: np.ndarray, parts: Parts
) -> State | None:
    """Turn the rows of images that are explained better as their negatives.

    Parameters
    ----------
    level : ndarray of float32, shape (E,)
        Variance of each row about its mean.
    gain : ndarray of float32, shape (d,)
        Whitens transformed rows.
    parts : Parts
        What is known of the pairs; two images in each row.

    Returns
    -------
    State or None
        Its images are yet to be solved for; None where there is nothing to turn.
    """
    gains = gains_of_turning(field, state, level, gain, parts)
    if not (gains > 0).any():
        return None
    turned = gains > max(0.0, AT_ONCE * float(gains.max()))
    leader, _ = _leaders(state)
    sign = np.where(turned[leader], -1, 1).astype(np.float32)
    return replace(state, unmasked=state.unmasked * sign[:, None])


def gains_of_turning(
    field: Field, state: State, level: np.ndarray, gain: np.ndarray, parts: Parts
) -> np.ndarray:
    """Return by how much turning all rows that an image leads lowers their cost, (n,)."""
    white = field.transform(state.images) * gain
    images, mean = white[:-1], white[-1]
    leader, place = _leaders(state)
    every, count, precision = np.arange(len(state)), len(images), 1 / level
    weight = state.assignment.weights[every, place]
    other = state.assignment.weights[every, 1 - place]
    sums = _sums_of_rows(field, state, gain, (leader, precision * weight, count))
    known = np.bincount(leader, precision * weight * (1 - weight), count)
    own = np.bincount(leader, precision * weight**2, count) + IMAGE_RIDGE
    pulled = (IMAGE_RIDGE - known)[:, None] * mean
    tried = [((s * sums + pulled) / own[:, None]).astype(np.float32) for s in (1, -1)]
    grams, norms = [a @ white.T for a in tried], (images**2).sum(axis=1)
    gains = np.zeros(count)
    for some in batches(*state.unmasked.shape):
        rows = field.transform(state.unmasked[some]) * gain
        products, who = rows @ white.T, leader[some]
        seconds = parts.roster[parts.classes[every[some], 1 - place[some]]]
        λ, μ = weight[some], other[some]
        ρ = 1 - λ - μ
        costs = []
        for sign, a, gram in zip((1, -1), tried, grams, strict=True):
            cost = λ**2 * (a**2).sum(axis=1)[who] + 2 * λ * ρ * gram[who, -1]
            cost -= 2 * sign * (λ * np.einsum("ij,ij->i", rows, a[who]) + ρ * products[:, -1])
            left = sign * products[:, :-1] - λ[:, None] * gram[who, :-1]
            left -= ρ[:, None] * (images @ mean)
            second = μ[:, None] ** 2 * norms - 2 * μ[:, None] * left
            second = np.take_along_axis(second, np.maximum(seconds, 0), axis=1)
            second[(seconds == NOBODY) | (seconds == who[:, None])] = np.inf
            costs.append(cost + second.min(axis=1))
        gains += np.bincount(who, precision[some] * (costs[0] - costs[1]), count)
    return gains


def _leaders(state: State) -> tuple[np.ndarray, np.ndarray]:
    """Return the image of each row's larger weight, and its place."""
    place = state.assignment.weights.argmax(axis=1)
    return state.assignment.members[np.arange(len(state)), place], place


def _sums_of_rows(
    field: Field, state: State, gain: np.ndarray, entries: tuple[np.ndarray, np.ndarray, int]
) -> np.ndarray:
    """Return the weighted sums of the whitened rows that each image leads, (n, d)."""
    leader, weight, count = entries
    where = np.arange(len(leader)), leader
    chooses = csr_matrix((weight.astype(np.float32), where), (len(leader), count))
    sums = np.zeros((count, state.unmasked.shape[1]), np.float32)
    for some in batches(*state.unmasked.shape):
        sums += chooses[some].T @ (field.transform(state.unmasked[some]) * gain)
    return sums
