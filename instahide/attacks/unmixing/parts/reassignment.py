"""Choosing anew who is in each row, once rows are known without their masks."""

from dataclasses import replace

import numpy as np

from instahide.attacks.unmixing.parts.choosing import SEEN_NUMBERS, Chooser, choose_signs
from instahide.attacks.unmixing.parts.field import Field, batches
from instahide.attacks.unmixing.parts.pairs import KnownPairs
from instahide.attacks.unmixing.state import Assignment, State

PRICE = 200.0
PRICINGS = 4
LEAST_USE = 0.1  # of an image, relative to the mean share: prices stay finite
SIGNS = np.array([-1, 1], np.float32)


def reassign(
    field: Field, state: State, level: np.ndarray, chooser: Chooser, *, signed: bool = False
) -> State:
    """Choose each row's images, weights and sign by the distance of the unmasked row.

    Distances are whitened by the residuals' own mean spectrum, relative to `level`.

    Parameters
    ----------
    level : ndarray of float32, shape (E,)
        Variance of each row about its mean.
    chooser : Chooser
    signed : bool
        Rows have their true sign (there is no mask).
    """
    gain = residual_gain(field, state, level)
    images = field.transform(state.images) * gain
    gram, before = images @ images.T, state.assignment.members
    parts = []
    for some in batches(*state.unmasked.shape, SEEN_NUMBERS):
        products = np.empty((some.stop - some.start, len(images)), np.float32)
        for few in batches(len(products), images.shape[1]):
            rows = state.unmasked[some][few]
            products[few] = (field.transform(rows) * gain) @ images.T
        here = chooser.take(some)
        seen = here.see(products, gram)
        found, turned = choose_signs(
            seen, here.choose, level[some], before[some], signed=signed
        )
        parts.append((found.members, found.weights.astype(np.float32), turned))
    members, weights, turned = map(np.concatenate, zip(*parts, strict=True))
    unmasked = state.unmasked if signed else state.unmasked * np.where(turned, *SIGNS)
    return replace(state, unmasked=unmasked, assignment=Assignment(members, weights))


def reassign_evenly(
    field: Field, state: State, level: np.ndarray, chooser: KnownPairs
) -> State:
    """Choose as `reassign` does, at prices that rise where an image is chosen too often.

    All images are used equally often. Where each is in few rows, one whose first estimate is
    poor loses its rows to others that look alike, becomes poorer, and is lost. Prices, in
    the variance of a row's noise, keep its rows: after each choice an image gets dearer by
    `PRICE` times the logarithm of its share, relative to the mean share of all.

    Parameters
    ----------
    level : ndarray of float32, shape (E,)
        Variance of each row about its mean.
    chooser : KnownPairs
        Its prices are set here.
    """
    count = state.image_count
    prices, unit = np.zeros(count, np.float32), PRICE * float(np.median(level))
    for _ in range(PRICINGS):
        found = reassign(field, state, level, replace(chooser, prices=prices)).assignment
        used = np.bincount(found.members.ravel(), found.weights.ravel(), minlength=count)
        share = np.maximum(used / used.mean(), LEAST_USE)
        prices = prices + (unit * np.log(share)).astype(np.float32)
    return reassign(field, state, level, replace(chooser, prices=prices))


def residual_gain(field: Field, state: State, level: np.ndarray) -> np.ndarray:
    """Return what gives the noise of transformed rows the variance `level` throughout, (d,)."""
    mixtures, spectrum = state.mixtures, np.zeros(state.unmasked.shape[1])
    for some in batches(*state.unmasked.shape):
        left = field.transform(state.unmasked[some] - mixtures[some])
        spectrum += np.einsum("ij,ij,i->j", left, left, 1 / level[some])
    spectrum = (spectrum / len(level)).astype(np.float32)
    return 1 / np.sqrt(np.maximum(spectrum, 1e-9 * spectrum.max()))
