"""One frame for all rows of an image: where each of them lies over it.

Registration tells how rows lie over each other. The rows of a cluster are laid over one of
them, and then each over the mean of the others, on a canvas that holds all. Where the image
itself ends on that canvas nobody sees at first; but windows are shifted against it by no more
than so many pixels, so its frame is where the windows of most rows are.
"""

import numpy as np

from instahide.attacks.unmixing.parts.canvases import RowViews, Views
from instahide.attacks.unmixing.parts.registration import Registered
from instahide.attacks.unmixing.state import NOBODY

ALIGNMENTS = 2
LEAST_NORM = 0.3  # of the largest squared norm: windows of little content win by chance


def widen(views: Views, reach: int) -> Views:
    """Return views of another reach, on canvases that hold all of them."""
    return Views(views.shape, reach, views.flip, margin=reach, fill=0.0)


def align(features: np.ndarray, found: Registered, rows: np.ndarray, wide: Views) -> np.ndarray:
    """Lay the rows of a cluster over each other.

    Parameters
    ----------
    features : ndarray of float32, shape (R, d)
        Of the rows of the cluster, without a sign.
    found : Registered
        Of more rows.
    rows : ndarray of int64, shape (R,)
        Which of them are the cluster.
    wide : Views
        Of twice the reach of rows.

    Returns
    -------
    ndarray of int64, shape (R,)
        The view that each row is, of an image whose frame is that of any of the rows.
    """
    first = rows[found.score[np.ix_(rows, rows)].sum(axis=1).argmax()]
    seen = wide.number(found.flipped[first, rows], -found.shift[first, rows].astype(np.int64))
    for _ in range(ALIGNMENTS if len(rows) > 1 else 0):
        before, seen = seen, _align_each(features, seen, wide)
        if (before == seen).all():
            break
    return seen


def _align_each(features: np.ndarray, seen: np.ndarray, wide: Views) -> np.ndarray:
    """Lay each row over the mean of the others."""
    count, ones = len(seen), np.ones(features.shape, np.float32)
    placed = RowViews(wide, seen[:, None], np.ones((count, 1), np.float32))
    total, cover = placed.spread(features, 1), placed.spread(ones, 1)
    new = np.empty_like(seen)
    for row in range(count):
        own = placed[row : row + 1]
        others = total - own.spread(features[row : row + 1], 1)
        covered = cover - own.spread(ones[:1], 1)
        windows = wide.expand(others / np.sqrt(covered + 1))
        norms = np.einsum("ij,ij->i", windows, windows)
        norms += LEAST_NORM * norms.max()
        new[row] = (windows @ features[row] / np.sqrt(norms)).argmax()
    return new


def choose_frames(
    members: np.ndarray, weights: np.ndarray, image_count: int, wide: Views, views: Views
) -> tuple[np.ndarray, np.ndarray]:
    """Move each image's frame to where the windows of most rows are.

    Parameters
    ----------
    members : ndarray of int64, shape (E, p)
        Images in wide views, or NOBODY.
    weights : ndarray of float32, shape (E, p)
        What each counts.
    views : Views
        Of less reach.

    Returns
    -------
    members : ndarray of int64, shape (E, p)
        In `views` of the frames; outside them, the nearest.
    inside : ndarray of bool, shape (E, p)
        Whether a row is inside its image's frame.
    """
    images, seen = wide.split(members)
    flipped, shifts = wide.describe(seen)
    known = members != NOBODY
    counts = np.zeros((image_count, 2 * wide.reach + 1, 2 * wide.reach + 1))
    places = shifts[known] + wide.reach
    np.add.at(counts, (images[known], places[:, 0], places[:, 1]), weights[known])
    moved = shifts - _fullest(counts, 2 * views.reach + 1)[np.where(known, images, 0)]
    inside = (np.abs(moved) <= views.reach).all(axis=-1) & known
    moved = np.clip(moved, -views.reach, views.reach)
    return views.join(images, views.number(flipped, moved)), inside


def _fullest(counts: np.ndarray, side: int) -> np.ndarray:
    """Return how far the fullest square of each table lies off its middle, (n, 2).

    Of squares that are equally full, the one nearest to the centre of all is taken.
    """
    count, whole, _ = counts.shape
    sums = np.pad(counts.cumsum(axis=1).cumsum(axis=2), ((0, 0), (1, 0), (1, 0)))
    full = sums[:, side:, side:] - sums[:, :-side, side:]
    full += sums[:, :-side, :-side] - sums[:, side:, :-side]
    steps, places = np.arange(full.shape[1]) + (side - 1) / 2, np.arange(whole)
    total = np.maximum(counts.sum(axis=(1, 2)), 1e-9)
    down = counts.sum(axis=2) @ places / total
    right = counts.sum(axis=1) @ places / total
    away = np.abs(steps[None] - down[:, None])[:, :, None]
    away = away + np.abs(steps[None] - right[:, None])[:, None]
    full -= 1e-6 * total[:, None, None] * away
    found = np.divmod(full.reshape(count, -1).argmax(axis=1), full.shape[2])
    return np.stack(found, axis=1) - (whole - side) // 2
