"""Texts beside points, none over another text, a point, or the edge."""

from collections.abc import Sequence
from itertools import product
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes

DISTANCES = (7, 14, 24, 36, 52, 70)  # in points, from a mark to its text
DIRECTIONS = 16
MARK_HALF = 5.0  # pixels around a mark that texts leave free, at 100 dots an inch
STROKE_HALF = 2.0
LEADER_FROM = 20  # points; further texts have a line to their mark
LETTERS_SIZE = 7

#: From one point to another.
Stroke = tuple[tuple[float, float], tuple[float, float]]
#: Left, bottom, right, top, in pixels.
Box = tuple[float, float, float, float]


def place_labels(
    axes: "Axes",
    spots: Sequence[tuple[float, float]],
    texts: Sequence[str],
    strokes: Sequence[Stroke] = (),
) -> None:
    """Write texts beside their spots, each where it covers least.

    Parameters
    ----------
    axes : Axes
        Drawn once already, so that its place in the figure is settled.
    spots : sequence of (x, y)
        In the units of the axes.
    texts : sequence of str
    strokes : sequence of pairs of (x, y)
        Lines along an axis that texts should not cover either, in the units of the axes.
    """
    renderer = axes.figure.canvas.get_renderer()
    scale = axes.figure.dpi / 72
    marks = axes.transData.transform(np.array(spots, float).reshape(-1, 2))
    edge = axes.get_window_extent(renderer).extents
    half = MARK_HALF * axes.figure.dpi / 100
    taken = [(x - half, y - half, x + half, y + half) for x, y in marks]
    ends = axes.transData.transform(np.array(strokes, float).reshape(-1, 2)).reshape(-1, 4)
    taken += [tuple(_thick(stroke, STROKE_HALF * half / MARK_HALF)) for stroke in ends]
    # Who has least room chooses first.
    for number in sorted(range(len(texts)), key=lambda i: -_neighbours(marks, i)):
        note = axes.annotate(
            texts[number], spots[number], (0, 0), textcoords="offset points", va="center",
            ha="center", fontsize=LETTERS_SIZE, zorder=4,
        )  # fmt: skip
        note.set_in_layout(False)
        extent = note.get_window_extent(renderer)
        size = extent.width / scale, extent.height / scale
        offset, box = _best(marks[number], size, scale, taken, tuple(edge))
        note.set_position(offset)
        if np.hypot(*_nearest(offset, size)) > LEADER_FROM:
            _draw_leader(axes, spots[number], offset, size)
        taken.append(box)


def _thick(ends: np.ndarray, half: float) -> np.ndarray:
    """Return the box of a line along an axis, so many pixels thick on both sides."""
    x, y = np.sort(ends[::2]), np.sort(ends[1::2])
    return np.array([x[0] - half, y[0] - half, x[1] + half, y[1] + half])


def _neighbours(marks: np.ndarray, number: int) -> float:
    distances = np.hypot(*(marks - marks[number]).T)
    return float((1 / (1 + distances)).sum())


def _best(
    mark: np.ndarray, size: tuple[float, float], scale: float, taken: Sequence[Box], edge: Box
) -> tuple[tuple[float, float], Box]:
    """Return the offset in points, and the box in pixels, that covers least, then nearest."""
    found = []
    for far, turn in product(DISTANCES, range(DIRECTIONS)):
        angle = 2 * np.pi * turn / DIRECTIONS
        way = np.array([np.cos(angle), np.sin(angle)])
        # So that not the text's middle but its border is so far away.
        offset = way * far + np.array(size) / 2 * np.sign(np.round(way, 6))
        centre, half = mark + offset * scale, np.array(size) * scale / 2
        box = (*(centre - half), *(centre + half))
        cost = sum(covered(box, other) for other in taken) + 4 * outside(box, edge)
        found.append((round(cost, 3), far, turn, tuple(offset), box))
    _, _, _, offset, box = min(found)
    return offset, box


def covered(box: Box, other: Box) -> float:
    """Return the area that two boxes share.

    Examples
    --------
    >>> covered((0, 0, 2, 2), (1, 1, 3, 3)), covered((0, 0, 1, 1), (1, 0, 2, 1))
    (1, 0)
    """
    width = min(box[2], other[2]) - max(box[0], other[0])
    height = min(box[3], other[3]) - max(box[1], other[1])
    return max(width, 0) * max(height, 0)


def outside(box: Box, edge: Box) -> float:
    """Return the area of a box that lies beyond an edge.

    Examples
    --------
    >>> outside((0, 0, 2, 2), (1, 0, 5, 5))
    2
    """
    return (box[2] - box[0]) * (box[3] - box[1]) - covered(box, edge)


def _nearest(offset: tuple[float, float], size: tuple[float, float]) -> np.ndarray:
    """Return the point of a text's border that is nearest to its mark, in points."""
    half = np.array(size) / 2
    return np.clip(0.0, np.array(offset) - half, np.array(offset) + half)


def _draw_leader(
    axes: "Axes",
    spot: tuple[float, float],
    offset: tuple[float, float],
    size: tuple[float, float],
) -> None:
    line = axes.annotate(
        "", spot, tuple(_nearest(offset, size)), textcoords="offset points",
        arrowprops={"arrowstyle": "-", "color": "#999999", "linewidth": 0.6}, zorder=1,
    )  # fmt: skip
    line.set_in_layout(False)
