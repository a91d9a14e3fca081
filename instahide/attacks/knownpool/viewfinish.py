"""The finish with the known pool where images were flipped and shifted before they were mixed.

Passes are those of `instahide.attacks.knownpool.passes`: public images are found by what the
private ones leave of a row, masks are taken off with both, and private images are solved for.
All that asks only what the private images make of a row is given them in all views, each view
as an image of its own (`SeenInViews.expanded`); solving for images and choosing views know that
the views are of one image.
"""

from dataclasses import asdict, dataclass, replace

import numpy as np

from instahide.attacks.knownpool.decoding import SURE, Decoding, Settings, nothing_found
from instahide.attacks.knownpool.dictionary import make_dictionary
from instahide.attacks.knownpool.publicsearch import find_public
from instahide.attacks.knownpool.task import (
    Task,
    is_settled,
    make_task,
    remaining_level,
    take_masks_off,
)
from instahide.attacks.needs import FLOAT, PRODUCT, TOUCH, Size
from instahide.attacks.protocol import Recovery
from instahide.attacks.unmixing.parts.canvases import RowViews, Views, solve_canvases, views_of
from instahide.attacks.unmixing.parts.field import batches
from instahide.attacks.unmixing.parts.leastsquares import IMAGE_RIDGE
from instahide.attacks.unmixing.parts.viewhandin import hand_in_views
from instahide.attacks.unmixing.parts.viewpairs import KnownWeights, ViewTable, choose_views
from instahide.attacks.unmixing.problem import Problem
from instahide.attacks.unmixing.state import Assignment, State
from instahide.errors import InstaHideError
from instahide.images import to_bytes, to_unit_range
from instahide.progress import tracked

NEARLY_BYTES = 0.05  # mean distance from 8-bit values; 0.25 where there is no relation
POOL_STEPS = 80  # of conjugate gradients: rows are exact in the end
POOL_TOLERANCE = 1e-6
LEAST_CHANGE = 1e-7  # mean squared change of the private images that counts


def decode_in_views_needs(size: Size) -> float:
    """Bytes: images in all views twice, rows in nine forms, costs of a class."""
    views = FLOAT * 162 * size.image_count * size.pixels
    return 2 * views + 9 * size.table + 2 * FLOAT * 162 * size.class_rows * size.class_images


def decode_in_views_seconds(size: Size) -> float:
    """Processor seconds of eight passes: scan of the pool, views, masks off, solutions."""
    table = size.rows * size.pixels
    scan = size.pool * (1024 * PRODUCT * size.rows + 5 * TOUCH * size.pixels)
    views = 4 * PRODUCT * table * 162 * size.class_images
    return 8 * (scan + views + 2e-6 * table)


@dataclass(frozen=True)
class SeenInViews:
    """What stays through all passes.

    Attributes
    ----------
    task : Task
    views : Views
    """

    task: Task
    views: Views

    def expanded(self, state: State) -> State:
        """Return a state whose images are all images in all views."""
        every = self.views.expand(state.images[:-1])
        return replace(state, images=np.vstack([every, state.images[-1:]]))

    def private(self, state: State) -> RowViews:
        """Return the map from private images to rows."""
        return RowViews(self.views, state.assignment.members, state.assignment.weights)


def decode_in_views(
    problem: Problem,
    state: State,
    rng: np.random.Generator,
    *,
    passes: int = 12,
    screen: int | None = 1024,
    shortlist: int = 16,
    threshold: float = 30.0,
) -> Recovery:
    """Decode with the pool at hand: the last stage of `augmented-pool`.

    Parameters
    ----------
    state : State
        As `instahide.attacks.unmixing.viewretrieval.field_in_views` leaves it.
    passes, screen, shortlist, threshold
        See `instahide.attacks.knownpool.decoding.Settings`.

    Raises
    ------
    InstaHideError
        When the pool is not known, has another shape, or rows have no public images.
    """
    if problem.pool is None:
        raise InstaHideError("this stage decodes with the challenge's pool: public: pool")
    if problem.scheme.public_count < 1:
        raise InstaHideError(f"k = {problem.scheme.k}: rows have no public images")
    settings = Settings(
        k=problem.scheme.k,
        passes=passes,
        screen=screen,
        shortlist=shortlist,
        threshold=threshold,
    )
    dictionary = make_dictionary(problem.pool, screen=screen)
    seen = SeenInViews(make_task(problem, state, dictionary, settings), views_of(problem))
    state = replace(state, images=np.vstack([state.images[:-1], dictionary.field.mean]))
    state, decoding, used = run_passes_in_views(seen, state)
    recovery = hand_in_views(problem, state, seen.views, state.images, rng)
    told = {
        "pool_images": len(problem.pool),
        "passes": used,
        "confident_rows": round(float((decoding.row_confidence > SURE).mean()), 4),
        "settled_rows": round(float(is_settled(state, decoding).mean()), 4),
    }
    found = vars(decoding) | {
        "row_confidence": decoding.row_confidence,
        "level": state.level,
    }
    return replace(
        recovery,
        complexity="O(E·d·(N + n·F))",
        details={**recovery.details, **told, **asdict(settings)},
        arrays={**recovery.arrays, "decoding": found},
    )


def run_passes_in_views(seen: SeenInViews, state: State) -> tuple[State, Decoding, int]:
    """Run passes until nothing moves, or all rows are settled."""
    task = seen.task
    decoding = nothing_found(len(state), task.settings)
    for number in tracked(range(1, task.settings.passes + 1), "decoding, at most", "passes"):
        before, open_ = state.images, int((~is_settled(state, decoding)).sum())
        if number > 1:
            unmasked = take_masks_off(task, seen.expanded(state), decoding)
            state = replace(state, unmasked=unmasked)
        state, decoding = run_pass_in_views(seen, state, decoding)
        now = int((~is_settled(state, decoding)).sum())
        still = np.square(state.images - before).mean() <= LEAST_CHANGE
        if not now or (still and now >= open_):
            break
    return state, decoding, number


def run_pass_in_views(
    seen: SeenInViews, state: State, decoding: Decoding
) -> tuple[State, Decoding]:
    """Find public images, then the private ones and their views.

    Settled rows keep what they have.
    """
    settled = is_settled(state, decoding)
    decoding = find_public(seen.task, seen.expanded(state), decoding)
    public = seen.task.dictionary.mix(decoding.public, decoding.coefficients)
    state = replace(state, unmasked=state.unmasked - public)
    state = _fit_and_measure(seen, state)
    open_ = np.flatnonzero(~settled)
    found = choose_for(seen, state, open_)
    state = replace(state, assignment=state.assignment.put(open_, found))
    state = _fit_and_measure(seen, state)
    return replace(state, unmasked=state.unmasked + public), decoding


def _fit_and_measure(seen: SeenInViews, state: State) -> State:
    """Solve for the private images by the levels of rows, and measure these."""
    level = remaining_level(seen.task, seen.expanded(state))
    state = fit_private_in_views(seen, replace(state, level=level))
    return replace(state, level=remaining_level(seen.task, seen.expanded(state)))


def fit_private_in_views(seen: SeenInViews, state: State) -> State:
    """Solve for the private images; the public mean at the end stays.

    ASSUME: they were stored with 8 bits, see `instahide.attacks.knownpool.passes.fit_private`.
    """
    fill, mean = np.float32(seen.views.fill), state.images[-1]
    total = state.assignment.weights.sum(axis=1, keepdims=True)
    rows = state.unmasked - (1 - total) * mean - fill * total
    images = fill + solve_canvases(
        seen.private(state),
        rows,
        1 / state.level[:, None],
        np.full((state.image_count, 1), IMAGE_RIDGE, np.float32),
        mean - fill,
        start=state.images[:-1] - fill,
        steps=POOL_STEPS,
        tolerance=POOL_TOLERANCE,
    )
    images = np.clip(images, -1, 1)
    rounded = to_unit_range(to_bytes(images))
    near = 127.5 * np.abs(images - rounded).mean(axis=1, keepdims=True) < NEARLY_BYTES
    return replace(state, images=np.vstack([np.where(near, rounded, images), mean]))


def choose_for(seen: SeenInViews, state: State, rows: np.ndarray) -> Assignment:
    """Choose images, views and weights of some rows, which are less their public parts.

    Distances are whitened by the spectrum of what is left of these rows.
    """
    field, parts = seen.task.dictionary.field, seen.task.parts.take(rows)
    some = seen.expanded(state).take(rows)
    left, spectrum = some.mixtures, np.zeros(some.unmasked.shape[1])
    for at in batches(*some.unmasked.shape):
        rest = field.transform(some.unmasked[at] - left[at])
        spectrum += np.einsum("ij,ij,i->j", rest, rest, 1 / some.level[at])
    gain = (1 / np.sqrt(np.maximum(spectrum, 1e-6 * spectrum.max()))).astype(np.float32)
    gain /= np.sqrt(np.square(gain).mean())
    white = some.images[:-1]
    for at in batches(*white.shape):
        white[at] = field.transform(white[at]) * gain
    background = parts.rest[:, None] * (field.transform(some.images[-1:]) * gain)
    target = field.transform(some.unmasked) * gain - background
    table = ViewTable.of(white, len(seen.views))
    found = choose_views(target, table, parts, KnownWeights(parts, parts.coefficients))
    return Assignment(found.members, found.weights.astype(np.float32))
