"""Passes of decoding with the pool where rows hold private images in views.

A pass is that of `instahide.attacks.knownpool.passes`: public images are found by what the
private ones leave of a row, private images are solved for, and who is in each row is chosen
anew. What asks only what the images make of a row takes a `ViewedState` as it takes any state;
solving for images and choosing know that the views are of one image.
"""

from dataclasses import replace

import numpy as np

from instahide.attacks.knownpool.decoding import Decoding
from instahide.attacks.knownpool.publicsearch import find_public
from instahide.attacks.knownpool.task import Task, is_settled, remaining_level
from instahide.attacks.knownpool.viewsums import split_views
from instahide.attacks.unmixing.parts.canvases import RowViews, solve_canvases
from instahide.attacks.unmixing.parts.field import batches
from instahide.attacks.unmixing.parts.labels import Parts
from instahide.attacks.unmixing.parts.leastsquares import IMAGE_RIDGE
from instahide.attacks.unmixing.parts.viewedstate import ViewedState
from instahide.attacks.unmixing.parts.viewpairs import KnownWeights, ViewTable, choose_views
from instahide.attacks.unmixing.state import Assignment
from instahide.images import to_bytes, to_unit_range

NEARLY_BYTES = 0.05  # mean distance from 8-bit values; 0.25 where there is no relation
POOL_STEPS = 80  # of conjugate gradients: rows are exact in the end
CLOSER = 0.03  # than rows are known, images are solved for
FINEST_DETAIL = 1e-6  # of the right side, where conjugate gradients stop at last
LEAST_LEFT_OVER = 1e-6  # of the largest variance of what is left


def run_pass_in_views(
    task: Task, state: ViewedState, decoding: Decoding
) -> tuple[ViewedState, Decoding]:
    """Find public images, then the private ones and their views.

    Settled rows keep what they have.
    """
    open_ = np.flatnonzero(~is_settled(state, decoding))
    decoding = find_public(task, state, decoding)
    public = task.dictionary.mix(decoding.public, decoding.coefficients)
    state = replace(state, unmasked=state.unmasked - public)
    state = _fit_and_measure(task, state)
    found = choose_in_views(task, state.take(open_), task.parts.take(open_))
    state = replace(state, assignment=state.assignment.put(open_, found))
    state = _fit_and_measure(task, state)
    return replace(state, unmasked=state.unmasked + public), decoding


def _fit_and_measure(task: Task, state: ViewedState) -> ViewedState:
    """Solve for the private images by the levels of rows, and measure these."""
    state = replace(state, level=remaining_level(task, state))
    state = fit_private_in_views(task, state)
    return replace(state, level=remaining_level(task, state))


def fit_private_in_views(task: Task, state: ViewedState) -> ViewedState:
    """Solve for the private images; the public mean at the end stays.

    ASSUME: they were stored with 8 bits, see `instahide.attacks.knownpool.passes.fit_private`.
    """
    fill, mean = np.float32(state.views.fill), task.dictionary.field.mean
    total = state.assignment.weights.sum(axis=1, keepdims=True)
    tolerance = max(CLOSER * float(np.sqrt(np.median(state.level))), FINEST_DETAIL)
    images = fill + solve_canvases(
        RowViews(state.views, state.assignment.members, state.assignment.weights),
        state.unmasked - (1 - total) * mean - fill * total,
        1 / state.level[:, None],
        np.full((state.image_count, 1), IMAGE_RIDGE, np.float32),
        state.images[-1] - fill,
        start=state.images[:-1] - fill,
        steps=POOL_STEPS,
        tolerance=tolerance,
    )
    images = np.clip(images, -1, 1)
    rounded = to_unit_range(to_bytes(images))
    near = 127.5 * np.abs(images - rounded).mean(axis=1, keepdims=True) < NEARLY_BYTES
    return replace(
        state, images=np.vstack([np.where(near, rounded, images), state.images[-1:]])
    )


def choose_in_views(task: Task, state: ViewedState, parts: Parts) -> Assignment:
    """Choose images, views and weights of rows that are less their public parts.

    Distances are whitened by the spectrum of what is left of these rows.

    Parameters
    ----------
    parts : Parts
        Of these rows.
    """
    field, gain = task.dictionary.field, _gain_of_left(task, state)
    white = state.views.expand(state.images[:-1])
    for at in batches(*white.shape):
        white[at] = field.transform(white[at]) * gain
    background = parts.rest[:, None] * (field.transform(field.mean[None]) * gain)
    rows = field.transform(state.unmasked) * gain - background
    table = ViewTable.of(white, len(state.views))
    found = choose_views(rows, table, parts, KnownWeights(parts, parts.coefficients))
    found = split_views(rows, table, parts, found)
    return Assignment(found.members, found.weights.astype(np.float32))


def _gain_of_left(task: Task, state: ViewedState) -> np.ndarray:
    """Return what whitens what is left of rows in the field's basis, (d,)."""
    field, mixtures = task.dictionary.field, state.mixtures
    spectrum = np.zeros(state.unmasked.shape[1])
    for at in batches(*state.unmasked.shape):
        left = field.transform(state.unmasked[at] - mixtures[at])
        spectrum += np.einsum("ij,ij,i->j", left, left, 1 / state.level[at])
    gain = 1 / np.sqrt(np.maximum(spectrum, LEAST_LEFT_OVER * spectrum.max()))
    return (gain / np.sqrt(np.square(gain).mean())).astype(np.float32)
