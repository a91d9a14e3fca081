"""Rows of k images with known weights: the image of each place in turn, in sweeps."""

from dataclasses import replace

import numpy as np

from instahide.attacks.unmixing.parts.field import Field
from instahide.attacks.unmixing.parts.labels import InsideParts
from instahide.attacks.unmixing.parts.rounds import whiten_by_residuals
from instahide.attacks.unmixing.state import NOBODY, Assignment, State, mix

SWEEPS = 4  # over the places of a row


def choose_places(
    products: np.ndarray,
    gram: np.ndarray,
    weights: np.ndarray,
    candidates: np.ndarray,
    start: np.ndarray,
    sweeps: int = SWEEPS,
) -> np.ndarray:
    """Choose the image of each place in turn, the others as they are.

    Parameters
    ----------
    products : ndarray of float32, shape (R, n)
        Inner products of rows and images.
    gram : ndarray of float32, shape (n, n)
        Inner products of images.
    weights : ndarray of float32, shape (R, k)
    candidates : ndarray of int64, shape (R, k, most)
        Padded with NOBODY.
    start : ndarray of int64, shape (R, k)
        Images, or NOBODY where a place is empty as yet.
    sweeps : int
        Over all places.

    Returns
    -------
    ndarray of int64, shape (R, k)
    """
    images, at = start.copy(), np.arange(len(start))
    for _ in range(sweeps):
        for place in range(images.shape[1]):
            names, weight = candidates[:, place], weights[:, [place]]
            others = images.copy()
            others[:, place] = NOBODY
            rest = products - mix(others, weights, len(gram)) @ gram
            cost = weight * gram.diagonal()[names] - 2 * np.take_along_axis(rest, names, 1)
            cost[names == NOBODY] = np.inf
            images[:, place] = names[at, cost.argmin(axis=1)]
    return images


def reassign_places(
    field: Field, state: State, level: np.ndarray, *, parts: InsideParts, members: np.ndarray
) -> State:
    """Choose each row's images and sign by the distance of the unmasked row.

    Parameters
    ----------
    level : ndarray of float32, shape (R,)
        Variance of each row about its mean.
    """
    rows, images = whiten_by_residuals(field, state, level)
    images = images[:-1]
    products, gram = rows @ images.T, images @ images.T
    weights, names = parts.coefficients, members[parts.classes]
    choices = []
    for sign in (1, -1):
        found = choose_places(sign * products, gram, weights, names, state.assignment.images)
        design = mix(found, weights, len(gram))
        cost = ((design @ gram - 2 * sign * products) * design).sum(axis=1)
        choices.append((found, cost))
    turned = (choices[1][1] < choices[0][1])[:, None]
    return replace(
        state,
        rows=np.where(turned, -state.rows, state.rows),
        assignment=Assignment(np.where(turned, choices[1][0], choices[0][0]), weights),
    )
