"""Images that no cluster stood for, found again in what all others leave of the rows.

Where two clusters are of one image, another image has none. Its rows are then explained badly,
and all in the same way: what is left of them has the lost image in common, and little else.
So it is the first singular vector of what is left, whitened. It takes the place of the image
that is hardly used, or that is another one's double.
"""

from dataclasses import replace

import numpy as np

from instahide.attacks.unmixing.parts.field import Field
from instahide.attacks.unmixing.parts.reassignment import residual_gain
from instahide.attacks.unmixing.state import State

LEAST_USED = 0.75  # of the mean; all images are used equally
DOUBLE = 0.9  # cosine of two whitened images
POWER_STEPS = 20


def replace_lost(field: Field, state: State, level: np.ndarray) -> State:
    """Put a lost image in the place of a useless one, if there is one; pairs stay.

    Parameters
    ----------
    level : ndarray of float32, shape (E,)
        Variance of each row about its mean.
    """
    with np.errstate(divide="ignore"):
        gain = residual_gain(field, state, level)
    if not np.isfinite(gain).all():  # nothing is left of any row: nothing is lost
        return state
    images = field.transform(state.images[:-1] - state.images[-1]) * gain
    useless = find_useless(images, state)
    if useless is None:
        return state
    left = state.unmasked - state.mixtures[:]
    white = field.transform(left) * (gain / np.sqrt(level)[:, None])
    along = shared_direction(white) / np.sqrt(level)
    found = along @ left
    length = float(np.linalg.norm((field.transform(found[None]) * gain)[0]))
    usual = float(np.median(np.linalg.norm(images, axis=1)))
    changed = state.images.copy()
    changed[useless] = changed[-1] + found * np.float32(usual / max(length, 1e-12))
    return replace(state, images=changed)


def find_useless(images: np.ndarray, state: State) -> int | None:
    """Return the image that is used least, if it is hardly used or another one's double.

    Hardly used is an image of few rows. That its coefficients are small is not enough: one that
    was found a moment ago may be in all its rows at the wrong scale.

    Parameters
    ----------
    images : ndarray of float32, shape (n, d)
        Whitened, less the mean public one.
    """
    given = state.assignment
    used, rows = (
        np.bincount(given.members.ravel(), values.ravel(), minlength=len(images))
        for values in (given.weights, given.weights > 0)
    )
    unit = images / np.maximum(np.linalg.norm(images, axis=1, keepdims=True), 1e-12)
    doubles = np.triu(unit @ unit.T, 1) > DOUBLE
    pairs = np.argwhere(doubles)
    suspects = [min(pair, key=lambda image: used[image]) for pair in pairs]
    few = (used < LEAST_USED * used.mean()) & (rows < LEAST_USED * rows.mean())
    suspects += list(np.flatnonzero(few))
    return int(min(suspects, key=lambda image: used[image])) if suspects else None


def shared_direction(rows: np.ndarray) -> np.ndarray:
    """Return the products of rows with their first singular vector, float32 (E,).

    Its sign is such that large products are positive: coefficients are.

    Examples
    --------
    >>> shared_direction(np.float32([[0, 3], [0, 4], [0.1, 0]])).round(2).tolist()
    [3.0, 4.0, 0.0]
    """
    along = np.linalg.norm(rows, axis=1)
    for _ in range(POWER_STEPS):
        vector = along @ rows
        along = rows @ (vector / max(float(np.linalg.norm(vector)), 1e-12))
    return np.where((along**3).sum() < 0, -along, along).astype(np.float32)
