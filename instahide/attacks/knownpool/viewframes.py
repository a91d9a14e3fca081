"""Frames of images: where an image ends on a canvas that is larger than it.

How rows lie over each other is told by what they show; where the image ends, only by its edge.
A frame that is one pixel off cuts a line of the image away, and rows that lie outermost have no
view. So rows are decoded on canvases that are a little larger, in views that reach as much
further. What lies beyond the image comes out as the fill there, and no row lies further from
the frame than images are shifted: the frame that agrees best with both is the image's.
"""

from dataclasses import replace

import numpy as np

from instahide.attacks.unmixing.parts.canvases import RowViews, Views
from instahide.attacks.unmixing.parts.viewedstate import ViewedState
from instahide.attacks.unmixing.state import Assignment, State

FRAME_REACH = 2  # pixels


def widen_views(views: Views) -> Views:
    """Return views that reach further, of canvases as much larger on each side."""
    return replace(views, reach=views.reach + FRAME_REACH, margin=views.margin + FRAME_REACH)


def widen_state(state: State, views: Views) -> ViewedState:
    """Return a state whose images lie in the middle of larger canvases, amid the fill.

    Parameters
    ----------
    views : Views
        Of the state; without a margin.
    """
    wide = widen_views(views)
    images, seen = views.split(state.assignment.members)
    members = wide.join(images, wide.number(*views.describe(seen)))
    around = ((0, 0), (FRAME_REACH, FRAME_REACH), (FRAME_REACH, FRAME_REACH), (0, 0))
    pictures = state.images.reshape(-1, *views.shape)
    canvases = np.pad(pictures, around, constant_values=np.float32(views.fill))
    return ViewedState(
        canvases.reshape(len(canvases), -1),
        Assignment(members, state.assignment.weights),
        state.level,
        state.unmasked,
        wide,
    )


def narrow_state(state: ViewedState, views: Views) -> ViewedState:
    """Cut each image out of its canvas by its frame; rows outside it get the nearest view.

    Parameters
    ----------
    views : Views
        Without a margin, `state` being on what `widen_views` makes of them.
    """
    wide, shape = state.views, state.views.canvas
    frames = np.vstack([choose_frames_by_edges(state, views), np.zeros((1, 2), np.int64)])
    images, seen = wide.split(state.assignment.members)
    flipped, shifts = wide.describe(seen)
    moved = np.clip(shifts - frames[images], -views.reach, views.reach)
    cut = [
        _cut(canvas, frame, views.shape)
        for canvas, frame in zip(state.images.reshape(-1, *shape), frames, strict=True)
    ]
    members = views.join(images, views.number(flipped, moved))
    return ViewedState(
        np.stack(cut).reshape(len(cut), -1),
        Assignment(members, state.assignment.weights),
        state.level,
        state.unmasked,
        views,
    )


def recentre(state: ViewedState) -> ViewedState:
    """Return a state on canvases as large, each image's frame in the middle of its own.

    What lies outside the frame is the fill again, and rows outside it get the nearest view.
    """
    wide = state.views
    views = replace(wide, reach=wide.reach - FRAME_REACH, margin=wide.margin - FRAME_REACH)
    return widen_state(narrow_state(state, views), views)


def choose_frames_by_edges(state: ViewedState, views: Views) -> np.ndarray:
    """Return how far each image's frame lies off the middle of its canvas, int64 (n, 2).

    The frame wins that leaves least outside: of the image, squared, as far as rows tell of
    it; and of rows, each as a line of pixels that differ as much as the image's pixels do.
    """
    wide, count = state.views, state.image_count
    rows = RowViews(wide, state.assignment.members, state.assignment.weights).squared()
    told = rows.spread(np.ones_like(state.unmasked), count)
    canvases = state.images[:-1]
    energy = (told * np.square(canvases - wide.fill)).reshape(count, *wide.canvas).sum(axis=3)
    line = views.shape[0] * views.shape[2] * canvases.var()
    steps = np.arange(-FRAME_REACH, FRAME_REACH + 1)
    frames = np.stack(np.meshgrid(steps, steps, indexing="ij"), axis=-1).reshape(-1, 2)
    frames = frames[np.argsort(np.abs(frames).sum(axis=1), kind="stable")]  # the middle first
    costs = np.stack([_outside(energy, frame, views.shape) for frame in frames], axis=1)
    images, seen = wide.split(state.assignment.members)
    _, shifts = wide.describe(seen)
    for number, frame in enumerate(frames):
        out = (np.abs(shifts - frame) > views.reach).any(axis=-1)
        squares = np.where(out, state.assignment.weights**2, 0)
        costs[:, number] += line * np.bincount(images.ravel(), squares.ravel(), count)
    return frames[costs.argmin(axis=1)]


def _cut(canvas: np.ndarray, frame: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Return what a frame shows of a canvas."""
    top, left = frame + FRAME_REACH
    return canvas[top : top + shape[0], left : left + shape[1]]


def _outside(energy: np.ndarray, frame: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Return the energy of each canvas, (n, H, W), that a frame leaves out, (n,)."""
    inside = [_cut(canvas, frame, shape).sum(dtype=np.float64) for canvas in energy]
    return energy.sum(axis=(1, 2), dtype=np.float64) - inside
