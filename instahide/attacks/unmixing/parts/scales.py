"""Pairs and coefficients of rows without masks, and each image's scale."""

from dataclasses import replace

import numpy as np

from instahide.attacks.unmixing.parts.field import Field
from instahide.attacks.unmixing.parts.freepairs import FreePairs, equal_weights
from instahide.attacks.unmixing.parts.lostimages import replace_lost
from instahide.attacks.unmixing.parts.reassignment import reassign
from instahide.attacks.unmixing.state import Assignment, State

SCALE_RIDGE = 1e-6  # draws scales to 1, as a share of an image's own equations
LEAST_DIAGONAL = 1e-12
LEAST_SCALE = 0.2


def choose_pairs(
    field: Field,
    state: State,
    level: np.ndarray,
    chooser: FreePairs,
    sums: np.ndarray | None = None,
) -> State:
    """Choose each row's pair and coefficients, and give each image its scale.

    A lost image is looked for before.

    Parameters
    ----------
    sums : ndarray, shape (E,), optional
        What the two coefficients of each row sum to; unknown by default.
    """
    state = replace_lost(field, state, level)
    state = reassign(field, state, level, chooser, signed=True)
    members, weights = state.assignment.members, state.assignment.weights
    if sums is None:
        weights = equal_weights(members, weights, chooser.prior.mean, state.image_count)
    else:
        weights = scale_to_sums(members, weights, sums, 1 / level, state.image_count)
    return replace(state, assignment=Assignment(members, weights))


def scale_to_sums(
    members: np.ndarray,
    weights: np.ndarray,
    sums: np.ndarray,
    precision: np.ndarray,
    image_count: int,
) -> np.ndarray:
    """Scale the weights of each image so that rows sum to what is known, float32 (E, 2).

    The scales are the least squares solution of one equation for each row.

    Parameters
    ----------
    members : ndarray of int64, shape (E, 2)
    weights : ndarray of float32, shape (E, 2)
    sums : ndarray, shape (E,)
    precision : ndarray, shape (E,)
        Of each row's equation: few rows with a wrong pair are not to spoil the others.
    image_count : int

    Examples
    --------
    >>> members, wrong = np.array([[0, 1], [1, 2], [2, 0]]), np.float32([2, 1, 0.5])
    >>> true = np.float32([[0.5, 0.25], [0.25, 0.5], [0.5, 0.5]])
    >>> found = scale_to_sums(members, true * wrong[members], true.sum(axis=1), np.ones(3), 3)
    >>> np.abs(found - true).max() < 1e-4
    np.True_
    """
    design = np.zeros((len(members), image_count))
    np.add.at(design, (np.arange(len(members))[:, None], members), weights)
    weighted = design.T * (precision / precision.mean())
    normal = weighted @ design
    diagonal = normal[np.diag_indices(image_count)]
    normal[np.diag_indices(image_count)] += SCALE_RIDGE * diagonal + LEAST_DIAGONAL
    scales = 1 + np.linalg.solve(normal, weighted @ (sums - design.sum(axis=1)))
    scales = np.clip(scales, LEAST_SCALE, 1 / LEAST_SCALE)
    return (weights * scales[members]).astype(np.float32)
