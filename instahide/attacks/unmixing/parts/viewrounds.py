"""The rounds of `instahide.attacks.unmixing.parts.rounds`, where rows hold images in views.

What a round does is the same: rows are unmasked with their expected mixture, images are solved
for, pairs are chosen anew, and levels are measured. Images are canvases here, solved for by
conjugate gradients, and pairs are chosen among all views.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from instahide.attacks.unmixing.parts.canvases import (
    RowViews,
    ViewedMixtures,
    Views,
    rows_of,
    solve_canvases,
)
from instahide.attacks.unmixing.parts.choosing import Chosen
from instahide.attacks.unmixing.parts.coefficients import (
    LEAST_LEVEL,
    WeightPrior,
    expected_level,
)
from instahide.attacks.unmixing.parts.field import Field, batches, cooling, unmask
from instahide.attacks.unmixing.parts.freepairs import equal_weights
from instahide.attacks.unmixing.parts.labels import Parts
from instahide.attacks.unmixing.parts.leastsquares import IMAGE_RIDGE
from instahide.attacks.unmixing.parts.rounds import (
    LEVEL_FLOOR,
    PUBLIC_RIDGE,
    UNSURE,
    Observer,
    Round,
    ignore,
    without_spots,
)
from instahide.attacks.unmixing.parts.signs import whiten_without_mean
from instahide.attacks.unmixing.parts.viewpairs import (
    FreeWeights,
    KnownWeights,
    ViewTable,
    choose_views,
)
from instahide.attacks.unmixing.parts.viewregions import turn_regions_in_views
from instahide.attacks.unmixing.state import Assignment, State
from instahide.progress import tracked

SIGN_STEPS = 30
LEAST_RESIDUAL = 1e-9  # of the largest variance of what is left


@dataclass(frozen=True)
class FixedViews:
    """What stays through all rounds.

    Attributes
    ----------
    field : Field
    magnitudes : ndarray of float32, shape (E, d)
    parts : Parts
    views : Views
    spread : float
        See `instahide.attacks.unmixing.parts.coefficients.expected_level`.
    prior : WeightPrior, optional
        Of coefficients that no label tells.
    """

    field: Field
    magnitudes: np.ndarray
    parts: Parts
    views: Views
    spread: float
    prior: WeightPrior | None = None

    def rows(self, assignment: Assignment) -> RowViews:
        """Return the map from images, the mean public one too, to rows."""
        return rows_of(self.views, assignment, self.parts.image_count)

    def mixtures(self, state: State) -> ViewedMixtures:
        """Return what the images make of the rows."""
        return ViewedMixtures(self.rows(state.assignment), state.images)


def start_in_views(fixed: FixedViews, unmasked: np.ndarray, assignment: Assignment) -> State:
    """Start from rows that were unmasked for themselves, once they agree on their signs."""
    private = RowViews(fixed.views, assignment.members, assignment.weights)
    signs = agree_in_views(fixed.field, unmasked, private, fixed.parts.image_count)
    level = expected_level(assignment, fixed.spread)
    shape = fixed.parts.image_count + 1, int(np.prod(fixed.views.canvas))
    images = np.zeros(shape, np.float32)
    state = State(images, assignment, level, unmasked * signs[:, None])
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


def run_rounds_in_views(
    fixed: FixedViews, state: State, rounds: Iterable[Round], observe: Observer = ignore
) -> State:
    """Run rounds; `observe` sees the state before them and after each."""
    observe("first images", state)
    for number, round_ in enumerate(tracked(list(rounds), "images and pairs", "rounds")):
        state = refine_in_views(fixed, state, round_)
        observe(f"round {number + 1}", state)
    return state


def refine_in_views(fixed: FixedViews, state: State, round_: Round) -> State:
    """Run one round."""
    field, rows = fixed.field, fixed.rows(state.assignment)
    private = (state.assignment.weights**2).sum(axis=1)
    level = (state.level + round_.error * private).astype(np.float32)
    images = state.images
    if round_.turn:
        noise = level, field.variance
        images = turn_regions_in_views(images, rows, fixed.magnitudes, noise)
    images = without_spots(images, fixed.views.canvas, round_.median)
    mean = ViewedMixtures(rows, images)
    unmasked = unmask(field, fixed.magnitudes, mean, level, cooling(round_.steps))
    state = replace(state, unmasked=unmasked)
    state = replace(state, images=fit_in_views(fixed, state))
    state = reassign_in_views(fixed, state, level)
    state = replace(state, level=measure_in_views(fixed, state))
    return replace(state, images=fit_in_views(fixed, state))


def fit_in_views(fixed: FixedViews, state: State) -> np.ndarray:
    """Solve for all images, (n + 1, canvas), rows weighted by the inverse of their level."""
    views, fill = fixed.views, np.float32(fixed.views.fill)
    ridge = np.full((len(state.images), 1), IMAGE_RIDGE, np.float32)
    ridge[-1] = PUBLIC_RIDGE
    margin = (views.margin, views.margin)
    prior = np.pad(fixed.field.mean.reshape(views.shape), (margin, margin, (0, 0)), mode="edge")
    found = solve_canvases(
        fixed.rows(state.assignment),
        state.unmasked - fill,
        (1 / state.level)[:, None],
        ridge,
        prior.ravel() - fill,
        start=state.images - fill if state.images.any() else None,
    )
    return found + fill


def reassign_in_views(fixed: FixedViews, state: State, level: np.ndarray) -> State:
    """Choose each row's images, views and sign by the distance of the unmasked row.

    Parameters
    ----------
    level : ndarray of float32, shape (E,)
        Variance of each row about its mean.
    """
    field, views = fixed.field, fixed.views
    gain = gain_in_views(fixed, state, level)
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
    assignment = Assignment(members, scale_in_views(fixed, members, weights))
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


def scale_in_views(fixed: FixedViews, members: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return weights, those that no label tells scaled so that all images weigh the same."""
    if fixed.prior is None:
        return weights.astype(np.float32)
    images, _ = fixed.views.split(members)
    return equal_weights(images, weights, fixed.prior.mean, fixed.parts.image_count)


def gain_in_views(fixed: FixedViews, state: State, level: np.ndarray) -> np.ndarray:
    """Return what gives the noise of transformed rows the variance `level` throughout, (d,)."""
    mixtures, spectrum = fixed.mixtures(state), np.zeros(state.unmasked.shape[1])
    for some in batches(*state.unmasked.shape):
        left = fixed.field.transform(state.unmasked[some] - mixtures[some])
        spectrum += np.einsum("ij,ij,i->j", left, left, 1 / level[some])
    spectrum = (spectrum / len(level)).astype(np.float32)
    return 1 / np.sqrt(np.maximum(spectrum, LEAST_RESIDUAL * spectrum.max()))


def measure_in_views(fixed: FixedViews, state: State) -> np.ndarray:
    """Measure each row's level from what is left of it, as `measure_level` does, (E,)."""
    field, mixtures = fixed.field, fixed.mixtures(state)
    measured = np.empty(len(state), np.float32)
    for some in batches(*state.unmasked.shape):
        left = field.transform(state.unmasked[some] - mixtures[some])
        left *= left
        measured[some] = left @ (1 / (field.spectrum + LEVEL_FLOOR * field.power))
    measured /= state.unmasked.shape[1]
    expected = expected_level(state.assignment, fixed.spread)
    measured *= np.median(expected) / max(float(np.median(measured)), LEAST_LEVEL)
    return (0.8 * measured + 0.2 * expected + LEAST_LEVEL).astype(np.float32)
