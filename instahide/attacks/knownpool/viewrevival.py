"""Images that are lost: no row that settles holds them, while others are given their rows.

Where each image is in few rows, one whose first estimate is poor loses its rows to others of
its class, and no pass brings it back. Once rows are decoded for themselves, though, their
private mixtures are known nearly exactly, and two that share an image are alike wherever it
lies: the row to which most others are alike, in some view, shows the lost image.
"""

from dataclasses import dataclass, replace

import numpy as np

from instahide.attacks.knownpool.decoding import Decoding
from instahide.attacks.knownpool.task import Task, is_settled, remaining_level
from instahide.attacks.unmixing.parts.alignment import choose_frames
from instahide.attacks.unmixing.parts.canvases import RowViews, Views
from instahide.attacks.unmixing.parts.viewedstate import ViewedState
from instahide.attacks.unmixing.state import Assignment

LOST = 0.25  # of an image's mean share of rows: fewer of them settle with it
MOST_SEEDS = 24  # rows that are tried for a lost image
ALIKE = 0.2  # correlation of what two rows show of one image, and hardly ever of two


@dataclass(frozen=True)
class Slots:
    """Places of rows in doubt that may hold a lost image.

    Attributes
    ----------
    row : ndarray of int64, shape (s,)
    place : ndarray of int64, shape (s,)
    shown : ndarray of float32, shape (s, d)
        What public images and the other place leave, over the weight, less the public mean.
    weight : ndarray of float32, shape (s,)
    """

    row: np.ndarray
    place: np.ndarray
    shown: np.ndarray
    weight: np.ndarray

    def take(self, some: np.ndarray) -> "Slots":
        """Return some of them."""
        return Slots(*(values[some] for values in vars(self).values()))


def revive(task: Task, state: ViewedState, decoding: Decoding) -> ViewedState:
    """Begin lost images anew from rows in doubt that are alike.

    Returns
    -------
    ViewedState
        The same where no image is lost.
    """
    lost = lost_images(state, decoding)
    for number, roster in enumerate(task.parts.roster):
        images = np.intersect1d(roster, lost)
        if not len(images):
            continue
        slots = open_slots(task, state, decoding, number)
        for image in images:
            found = find_alike(task, state.views, slots)
            if found is None:
                break
            some, seen = found
            state = begin_anew(state, int(image), slots.take(some), seen)
            slots = slots.take(np.setdiff1d(np.arange(len(slots.row)), some))
    public = task.dictionary.mix(decoding.public, decoding.coefficients)
    return replace(state, level=remaining_level(task, state, public))


def lost_images(state: ViewedState, decoding: Decoding) -> np.ndarray:
    """Return the images that few settled rows hold, int64."""
    images, _ = state.views.split(state.assignment.members)
    settled = is_settled(state, decoding)
    uses = np.bincount(images[settled].ravel(), minlength=state.image_count)
    return np.flatnonzero(uses < LOST * uses.mean())


def open_slots(task: Task, state: ViewedState, decoding: Decoding, number: int) -> Slots:
    """Return the places of a class, by number, in rows of two that are not settled."""
    mean = task.dictionary.field.mean
    holds = (task.parts.classes == number) & ~task.parts.same[:, None]
    row, place = np.nonzero(holds & ~is_settled(state, decoding)[:, None])
    some, every = state.take(row), np.arange(len(row))
    weights = task.parts.coefficients[row]
    public = task.dictionary.mix(decoding.public[row], decoding.coefficients[row])
    left = some.unmasked - public - mean
    other = state.views.show(state.images, some.assignment.members[every, 1 - place, None])
    without = left - weights[every, 1 - place, None] * (other - mean)
    fits = np.square(without).sum(axis=1) < np.square(left).sum(axis=1)
    own = weights[every, place]
    return Slots(row, place, np.where(fits[:, None], without, left) / own[:, None], own)


def find_alike(task: Task, views: Views, slots: Slots) -> tuple[np.ndarray, np.ndarray] | None:
    """Return slots that show one image, and their views of it, reaching twice as far.

    None where no two slots are alike.
    """
    whiten, apart = task.dictionary.whiten, _apart(views)
    white = whiten(slots.shown)
    white /= np.maximum(np.linalg.norm(white, axis=1, keepdims=True), 1e-9)
    best, found = 0.0, None
    for seed in np.argsort(-slots.weight, kind="stable")[:MOST_SEEDS]:
        atoms = whiten(apart.expand(slots.shown[seed : seed + 1]))
        atoms /= np.linalg.norm(whiten(slots.shown[seed : seed + 1]))
        fits = white @ atoms.T
        seen, fit = fits.argmax(axis=1), fits.max(axis=1)
        alike = np.flatnonzero(fit > ALIKE)
        score = float((fit[alike] ** 2).sum()) - 1  # but for itself
        if len(alike) > 1 and score > best:
            best, found = score, (alike, seen[alike])
    return found


def begin_anew(state: ViewedState, image: int, slots: Slots, seen: np.ndarray) -> ViewedState:
    """Put an image in place of what slots held, as what they show of it on the mean."""
    views, apart = state.views, _apart(state.views)
    near = replace(apart, reach=apart.reach // 2)
    weights = slots.weight[:, None]
    members, inside = choose_frames(seen[:, None], weights, 1, apart, near)
    slots = slots.take(inside[:, 0])
    seen = views.number(*near.describe(members[inside]))
    placed = RowViews(views, seen[:, None], np.ones((len(seen), 1), np.float32))
    squares = np.square(slots.weight)[:, None]
    mean = state.images[-1] - views.fill
    centre = replace(views, fill=0.0).show(mean[None], np.full((1, 1), views.plain))
    total = placed.spread(squares * (slots.shown + centre), 1)[0]
    told = placed.spread(squares * np.ones_like(slots.shown), 1)[0]
    floor = squares.mean()
    images = state.images.copy()
    images[image] = np.clip((total + floor * mean) / (told + floor) + views.fill, -1, 1)
    joined = state.assignment.members.copy()
    joined[slots.row, slots.place] = views.join(np.full(len(seen), image), seen)
    return replace(
        state, images=images, assignment=Assignment(joined, state.assignment.weights)
    )


def _apart(views: Views) -> Views:
    """Return the views that one row may be of another's; nothing is known beyond it."""
    return replace(views, reach=2 * (views.reach - views.margin), margin=0, fill=0.0)
