"""The rounds of `instahide.attacks.unmixing.parts.rounds`, where rows hold images in views.

What a round does is the same: rows are unmasked with their expected mixture, images are solved
for, pairs are chosen anew, and levels are measured. Images are canvases here, solved for by
conjugate gradients, and pairs are chosen among all views.
"""

from dataclasses import dataclass, replace

import numpy as np

from instahide.attacks.unmixing.parts.canvases import (
    RowViews,
    ViewedMixtures,
    Views,
    solve_canvases,
)
from instahide.attacks.unmixing.parts.choosing import Chosen
from instahide.attacks.unmixing.parts.coefficients import (
    WeightPrior,
    expected_level,
)
from instahide.attacks.unmixing.parts.field import Field, batches, cooling, unmask
from instahide.attacks.unmixing.parts.freepairs import equal_weights
from instahide.attacks.unmixing.parts.labels import Parts
from instahide.attacks.unmixing.parts.leastsquares import IMAGE_RIDGE
from instahide.attacks.unmixing.parts.reassignment import residual_gain
from instahide.attacks.unmixing.parts.rounds import (
    PUBLIC_RIDGE,
    UNSURE,
    Round,
    measure_level,
    without_spots,
)
from instahide.attacks.unmixing.parts.signs import whiten_without_mean
from instahide.attacks.unmixing.parts.viewedstate import ViewedState
from instahide.attacks.unmixing.parts.viewpairs import (
    FreeWeights,
    KnownWeights,
    ViewTable,
    choose_views,
)
from instahide.attacks.unmixing.parts.viewregions import turn_regions_in_views
from instahide.attacks.unmixing.state import Assignment

SIGN_STEPS = 30


@dataclass(frozen=True)
class FixedViews:
    """What stays through all rounds.

    Attributes
    ----------
    field : Field
    magnitudes : ndarray of float32, shape (E, d)
    parts : Parts
    spread : float
        See `instahide.attacks.unmixing.parts.coefficients.expected_level`.
    prior : WeightPrior, optional
        Of coefficients that no label tells.
    """

    field: Field
    magnitudes: np.ndarray
    parts: Parts
    spread: float
    prior: WeightPrior | None = None


def start_in_views(
    fixed: FixedViews, views: Views, unmasked: np.ndarray, assignment: Assignment
) -> ViewedState:
    """Start from rows that were unmasked for themselves, once they agree on their signs."""
    private = RowViews(views, assignment.members, assignment.weights)
    signs = agree_in_views(fixed.field, unmasked, private, fixed.parts.image_count)
    level = expected_level(assignment, fixed.spread)
    shape = fixed.parts.image_count + 1, int(np.prod(views.canvas))
    images = np.zeros(shape, np.float32)
    state = ViewedState(images, assignment, level, unmasked * signs[:, None], views)
    blurred = replace(state, level=level + np.float32(UNSURE))
    return replace(state, images=fit_in_views(fixed, blurred))


def agree_in_views(
    field: Field, unmasked: np.ndarray, rows: RowViews, image_count: int
) -> np.ndarray:
    """Return the rows' signs, ±1 float32 of shape (E,).

    As `instahide.attacks.unmixing.parts.signs.agree_on_signs`, rows being laid over images.
    """
    white, along = whiten_without_mean(field, unmasked)
    for some in batches(*white.shape):
        white[some] = field.invert(white[some])
    ones = np.ones((image_count, int(np.prod(rows.views.canvas))), np.float32)
    own = np.einsum("ij,ij,ij->i", white, white, rows.squared().mix(ones))
    vector = np.ones(len(white), np.float32)
    for _ in range(SIGN_STEPS):
        images = rows.spread(white * vector[:, None], image_count)
        vector = np.einsum("ij,ij->i", white, rows.mix(images)) - own * vector
        vector /= max(float(np.linalg.norm(vector)), 1e-12)
    signs = np.where(vector < 0, -1, 1).astype(np.float32)
    return signs if signs @ along >= 0 else -signs


def refine_in_views(fixed: FixedViews, state: ViewedState, round_: Round) -> ViewedState:
    """Run one round."""
    field, rows = fixed.field, state.rows
    private = (state.assignment.weights**2).sum(axis=1)
    level = (state.level + round_.error * private).astype(np.float32)
    images = state.images
    if round_.turn:
        noise = level, field.variance
        images = turn_regions_in_views(images, rows, fixed.magnitudes, noise)
    images = without_spots(images, state.views.canvas, round_.median)
    mean = ViewedMixtures(rows, images)
    unmasked = unmask(field, fixed.magnitudes, mean, level, cooling(round_.steps))
    state = replace(state, unmasked=unmasked)
    state = replace(state, images=fit_in_views(fixed, state))
    state = reassign_in_views(fixed, state, level)
    state = replace(state, level=measure_level(field, state, fixed.spread))
    return replace(state, images=fit_in_views(fixed, state))


def fit_in_views(fixed: FixedViews, state: ViewedState) -> np.ndarray:
    """Solve for all images, (n + 1, canvas), rows weighted by the inverse of their level."""
    views, fill = state.views, np.float32(state.views.fill)
    ridge = np.full((len(state.images), 1), IMAGE_RIDGE, np.float32)
    ridge[-1] = PUBLIC_RIDGE
    margin = (views.margin, views.margin)
    prior = np.pad(fixed.field.mean.reshape(views.shape), (margin, margin, (0, 0)), mode="edge")
    found = solve_canvases(
        state.rows,
        state.unmasked - fill,
        (1 / state.level)[:, None],
        ridge,
        prior.ravel() - fill,
        start=state.images - fill if state.images.any() else None,
    )
    return found + fill


def reassign_in_views(fixed: FixedViews, state: ViewedState, level: np.ndarray) -> ViewedState:
    """Choose each row's images, views and sign by the distance of the unmasked row.

    Parameters
    ----------
    level : ndarray of float32, shape (E,)
        Variance of each row about its mean.
    """
    field, views = fixed.field, state.views
    gain = residual_gain(field, state, level)
    white = views.expand(state.images[:-1])
    for some in batches(*white.shape):
        white[some] = field.transform(white[some]) * gain
    plain = np.full((1, 1), views.plain)
    mean = field.transform(views.show(state.images[-1:], plain)) * gain
    if fixed.prior is not None:  # x - m = Σ λ·(view - m) and noise: weights are free
        white -= mean
    table = ViewTable.of(white, len(views))
    rows = np.empty_like(state.unmasked)
    for some in batches(*rows.shape):
        rows[some] = field.transform(state.unmasked[some]) * gain
    found = [_choose(fixed, s * rows, table, mean, level) for s in (1, -1)]
    turned = (found[1].cost < found[0].cost)[:, None]
    members, weights = (np.where(turned, found[1][i], found[0][i]) for i in (0, 1))
    signs = np.where(turned, -1, 1).astype(np.float32)
    assignment = Assignment(members, scale_in_views(fixed, views, members, weights))
    return replace(state, unmasked=state.unmasked * signs, assignment=assignment)


def _choose(
    fixed: FixedViews, rows: np.ndarray, table: ViewTable, mean: np.ndarray, level: np.ndarray
) -> Chosen:
    """Choose for white rows: less as much of the mean image as is left, or less all of it."""
    parts, prior = fixed.parts, fixed.prior
    if prior is None:
        weigher = KnownWeights(parts, parts.coefficients)
        return choose_views(rows - parts.rest[:, None] * mean, table, parts, weigher)
    weigher = FreeWeights((level / prior.variance).astype(np.float32), prior.mean)
    return choose_views(rows - mean, table, parts, weigher)


def scale_in_views(
    fixed: FixedViews, views: Views, members: np.ndarray, weights: np.ndarray
) -> np.ndarray:
    """Return weights, those that no label tells scaled so that all images weigh the same."""
    if fixed.prior is None:
        return weights.astype(np.float32)
    images, _ = views.split(members)
    return equal_weights(images, weights, fixed.prior.mean, fixed.parts.image_count)
