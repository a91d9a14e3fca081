"""Images that a row holds flipped and shifted: canvases, and least squares for them.

Training crops and flips an image anew before it is mixed. A row then holds T·a, one of a few
views of a private image a, and what all its rows show together is larger than each of them: a
canvas. A view is a window of the canvas; where it looks beyond, it sees the fill.

Views are numbered: first all shifts of images as they are, then all of flipped ones. A row's
window begins `shift` pixels down and right of the canvas's own middle window, and is flipped
after it is cut out, as torchvision's ``RandomCrop`` and ``RandomHorizontalFlip`` do one after
the other. In an `instahide.attacks.unmixing.state.Assignment` a private image in a view is one
number, see `Views.join`; so whatever is about rows and their members knows nothing of views.
"""

from dataclasses import dataclass, replace

import numba
import numpy as np

from instahide.attacks.needs import reach_told
from instahide.attacks.unmixing.problem import Problem
from instahide.attacks.unmixing.state import NOBODY, Assignment
from instahide.encodings.augmentation import FILLS
from instahide.images import to_unit_range

_compiled = numba.njit(nogil=True, cache=True)
CANVAS_TOLERANCE = 1e-4  # of the right side, where conjugate gradients stop
CANVAS_STEPS = 25


@dataclass(frozen=True)
class Views:
    """The ways in which rows may hold an image.

    Attributes
    ----------
    shape : tuple of int
        (H, W, C) of a row.
    reach : int
        Most pixels that a window is shifted by, down or up, right or left.
    flip : bool
        Whether it may be flipped.
    margin : int
        By how many pixels canvases are larger than rows on each side.
    fill : float
        What a window shows where it looks beyond the canvas.

    Examples
    --------
    >>> views = Views((32, 32, 3), reach=4)
    >>> len(views), views.canvas
    (162, (32, 32, 3))
    >>> views.split(views.join(np.array([7]), np.array([100])))
    (array([7]), array([100]))
    """

    shape: tuple[int, ...]
    reach: int
    flip: bool = True
    margin: int = 0
    fill: float = -1.0

    def __len__(self) -> int:
        """Return the number of views."""
        return (1 + self.flip) * (2 * self.reach + 1) ** 2

    @property
    def canvas(self) -> tuple[int, ...]:
        """(H, W, C) of a canvas."""
        height, width, colours = self.shape
        return height + 2 * self.margin, width + 2 * self.margin, colours

    @property
    def plain(self) -> int:
        """The view of an image as it is."""
        return self.number(np.zeros(1, bool), np.zeros((1, 2), np.int64))[0]

    def number(self, flipped: np.ndarray, shifts: np.ndarray) -> np.ndarray:
        """Return the views of flips, bool (...), and shifts down and right, int (..., 2)."""
        side = 2 * self.reach + 1
        places = shifts + self.reach
        return (flipped * side + places[..., 0]) * side + places[..., 1]

    def describe(self, views: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return flips and shifts of views, the inverse of `number`."""
        side = 2 * self.reach + 1
        rest, right = np.divmod(views, side)
        flipped, down = np.divmod(rest, side)
        return flipped.astype(bool), np.stack([down, right], axis=-1) - self.reach

    def join(self, images: np.ndarray, views: np.ndarray) -> np.ndarray:
        """Return images in views as single numbers; NOBODY stays."""
        return np.where(images == NOBODY, NOBODY, images * len(self) + views)

    def split(self, members: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return images and views of members; of NOBODY, NOBODY and the plain view."""
        images, views = np.divmod(members, len(self))
        nobody = members == NOBODY
        return np.where(nobody, NOBODY, images), np.where(nobody, self.plain, views)

    @property
    def windows(self) -> np.ndarray:
        """Flip and first row and column on the canvas of each view, int64, shape (F, 3)."""
        flipped, shifts = self.describe(np.arange(len(self)))
        return np.column_stack([flipped, shifts + self.margin])

    def expand(self, images: np.ndarray) -> np.ndarray:
        """Return images in all views, one after the other.

        Parameters
        ----------
        images : ndarray of float32, shape (n, canvas height * width * C)

        Returns
        -------
        ndarray of float32, shape (n * F, d)
        """
        members = np.arange(len(images) * len(self))[:, None]
        return self.show(images, members)

    def show(self, images: np.ndarray, members: np.ndarray) -> np.ndarray:
        """Return views of images.

        Parameters
        ----------
        images : ndarray of float32, shape (n, canvas height * width * C)
        members : ndarray of int64, shape (E, 1)
            See `join`.

        Returns
        -------
        ndarray of float32, shape (E, d)
        """
        ones = np.ones(members.shape, np.float32)
        return RowViews(self, members, ones).mix(images - self.fill) + np.float32(self.fill)


def views_of(problem: Problem) -> Views:
    """Return the views in which rows may hold an image, as far as the challenge tells."""
    told = problem.augmentation
    if told is None:
        return Views(problem.shape, reach=0, flip=False)
    fill = float(to_unit_range(np.array(FILLS[told.fill], np.uint8)))
    return Views(problem.shape, reach_told(told), told.flip, fill=fill)


@dataclass(frozen=True)
class RowViews:
    """The linear map from canvases to rows, the fill being 0.

    Attributes
    ----------
    views : Views
    members : ndarray of int64, shape (E, p)
        Images in views, see `Views.join`; NOBODY adds nothing.
    weights : ndarray of float32, shape (E, p)
    """

    views: Views
    members: np.ndarray
    weights: np.ndarray

    def __getitem__(self, rows: slice | np.ndarray) -> "RowViews":
        return replace(self, members=self.members[rows], weights=self.weights[rows])

    def mix(self, images: np.ndarray) -> np.ndarray:
        """Return rows of canvases, float32, shapes (n, canvas) and (E, d)."""
        rows = np.zeros((len(self.members), *self.views.shape), np.float32)
        pictures = np.ascontiguousarray(images, np.float32).reshape(-1, *self.views.canvas)
        _mix(pictures, *self.views.split(self.members), self.weights, self.views.windows, rows)
        return rows.reshape(len(rows), -1)

    def spread(self, rows: np.ndarray, count: int) -> np.ndarray:
        """Return what rows make of canvases by the transposed map, shape (count, canvas)."""
        sums = np.zeros((count, *self.views.canvas), np.float32)
        pictures = np.ascontiguousarray(rows, np.float32).reshape(-1, *self.views.shape)
        _spread(
            pictures, *self.views.split(self.members), self.weights, self.views.windows, sums
        )
        return sums.reshape(count, -1)

    def place(self, place: int) -> "RowViews":
        """Return the map of one place of each row alone."""
        own = slice(place, place + 1)
        return replace(self, members=self.members[:, own], weights=self.weights[:, own])

    def squared(self) -> "RowViews":
        """Return the map with the squares of its weights."""
        return replace(self, weights=self.weights**2)


@dataclass(frozen=True)
class ViewedMixtures:
    """Rows as an assignment mixes images in views: a table that is never there as a whole.

    Attributes
    ----------
    rows : RowViews
    images : ndarray of float32, shape (n, canvas)
    """

    rows: RowViews
    images: np.ndarray

    def __getitem__(self, some: slice | np.ndarray) -> np.ndarray:
        """Return some rows, float32."""
        rows, fill = self.rows[some], np.float32(self.rows.views.fill)
        return rows.mix(self.images - fill) + fill * rows.weights.sum(axis=1, keepdims=True)


def rows_of(views: Views, assignment: Assignment, image_count: int) -> RowViews:
    """Return the map of an assignment, with the mean public image as what is left of 1."""
    weights = np.where(assignment.members == NOBODY, 0, assignment.weights)
    rest = 1 - weights.sum(axis=1, keepdims=True)
    mean = np.full((len(weights), 1), image_count * len(views) + views.plain)
    members = np.hstack([assignment.members, mean])
    return RowViews(views, members, np.hstack([weights, rest]).astype(np.float32))


def solve_canvases(
    rows: RowViews,
    targets: np.ndarray,
    precision: np.ndarray,
    ridge: np.ndarray,
    prior: np.ndarray | float = 0.0,
    start: np.ndarray | None = None,
    *,
    steps: int = CANVAS_STEPS,
    tolerance: float = CANVAS_TOLERANCE,
) -> np.ndarray:
    """Solve for canvases by weighted least squares, by conjugate gradients.

    Parameters
    ----------
    rows : RowViews
    targets : ndarray of float32, shape (E, d)
        Less the fill.
    precision : ndarray of float32, shape (E, 1) or (E, d)
    ridge : ndarray of float32, shape (n, 1) or (n, canvas)
        Added to the diagonal.
    prior : ndarray of float32, shape (canvas,), or float
        What images are drawn to, less the fill.
    start : ndarray of float32, shape (n, canvas), optional
    steps : int
        At the most.
    tolerance : float
        Of the right side, where it stops.

    Returns
    -------
    ndarray of float32, shape (n, canvas)
        Less the fill.
    """
    count, size = len(ridge), int(np.prod(rows.views.canvas))
    ridge = np.asarray(ridge, np.float32)
    right = rows.spread(targets * precision, count) + ridge * prior
    whole = np.broadcast_to(precision, targets.shape)
    scale = 1 / (rows.squared().spread(whole, count) + ridge)

    def apply(images: np.ndarray) -> np.ndarray:
        mixed = rows.mix(images)
        mixed *= precision
        return rows.spread(mixed, count) + ridge * images

    solution = np.zeros((count, size), np.float32) if start is None else start.copy()
    left = right - apply(solution) if start is not None else right.copy()
    towards = scale * left
    direction, now = towards.copy(), float(np.vdot(left, towards))
    enough = tolerance**2 * float(np.vdot(right, scale * right))
    for _ in range(steps):
        if now <= enough:
            break
        applied = apply(direction)
        length = now / float(np.vdot(direction, applied))
        solution += length * direction
        left -= length * applied
        towards = scale * left
        now, before = float(np.vdot(left, towards)), now
        direction *= now / before
        direction += towards
    return solution


@_compiled
def _mix(images, members, views, weights, windows, rows):
    """Add windows of images to rows, times weights."""
    height, width, colours = rows.shape[1:]
    tall, wide = images.shape[1:3]
    for row in range(len(rows)):
        for place in range(members.shape[1]):
            image, weight = members[row, place], weights[row, place]
            if image < 0 or weight == 0:
                continue
            flipped, top, left = windows[views[row, place]]
            for down in range(max(0, -top), min(height, tall - top)):
                for right in range(max(0, -left), min(width, wide - left)):
                    to = width - 1 - right if flipped else right
                    for colour in range(colours):
                        value = images[image, down + top, right + left, colour]
                        rows[row, down, to, colour] += weight * value


@_compiled
def _spread(rows, members, views, weights, windows, sums):
    """Add rows to windows of images, times weights."""
    height, width, colours = rows.shape[1:]
    tall, wide = sums.shape[1:3]
    for row in range(len(rows)):
        for place in range(members.shape[1]):
            image, weight = members[row, place], weights[row, place]
            if image < 0 or weight == 0:
                continue
            flipped, top, left = windows[views[row, place]]
            for down in range(max(0, -top), min(height, tall - top)):
                for right in range(max(0, -left), min(width, wide - left)):
                    to = width - 1 - right if flipped else right
                    for colour in range(colours):
                        value = rows[row, down, to, colour]
                        sums[image, down + top, right + left, colour] += weight * value
