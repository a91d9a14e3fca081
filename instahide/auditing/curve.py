"""The curve over encryptions of each image, drawn as SVG in the page's own colours."""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

from instahide.auditing.result import Point

WIDTH, HEIGHT = 420, 260
LEFT, RIGHT, TOP, BOTTOM = 40, 88, 14, 44  # margins; names of attackers stand on the right
LINE = 17  # height of a name


@dataclass(frozen=True)
class Tick:
    """A mark of an axis: where it is, and what stands there."""

    place: float
    text: str


@dataclass(frozen=True)
class AttackerLine:
    """An attacker's line.

    Attributes
    ----------
    number : int
        The attacker's, from 1.
    points : tuple of (float, float)
        Places of its dots.
    label : (float, float)
        Where its name begins.
    """

    number: int
    points: tuple[tuple[float, float], ...]
    label: tuple[float, float]

    @property
    def path(self) -> str:
        """Its points as an SVG polyline has them."""
        return " ".join(f"{x:.1f},{y:.1f}" for x, y in self.points)


@dataclass(frozen=True)
class Curve:
    """What the drawing is made of, in its own units."""

    across: tuple[Tick, ...]
    up: tuple[Tick, ...]
    lines: tuple[AttackerLine, ...]
    size: tuple[int, int] = (WIDTH, HEIGHT)
    inside: tuple[int, int, int, int] = (LEFT, TOP, WIDTH - RIGHT, HEIGHT - BOTTOM)


def draw_curve(points: Sequence[Point], names: Sequence[str], total: int) -> Curve | None:
    """Return the curve of images recognised by encryptions of each image.

    Parameters
    ----------
    points : sequence of Point
        In any order.
    names : sequence of str
        Attackers, in the order in which they are numbered.
    total : int
        Number of images.

    Returns
    -------
    Curve or None
        None where there are not two numbers of encryptions to compare.
    """
    rows = sorted({one.rows_per_image for one in points})
    if len(rows) < 2:
        return None
    places = {
        count: LEFT + _along(count, rows[0], rows[-1]) * (WIDTH - LEFT - RIGHT)
        for count in rows
    }
    drawn = []
    for number, name in enumerate(names, start=1):
        own = sorted(
            (one.rows_per_image, one.recognised) for one in points if one.attacker == name
        )
        if own:
            drawn.append((number, [(places[count], _height(n, total)) for count, n in own]))
    heights = _apart([line[-1][1] for _, line in drawn])
    return Curve(
        tuple(Tick(places[count], f"{count:,}") for count in rows),
        tuple(Tick(_height(count, total), f"{count:,}") for count in counts_up(total)),
        tuple(
            AttackerLine(number, tuple(line), (line[-1][0] + 10, height))
            for (number, line), height in zip(drawn, heights, strict=True)
        ),
    )


def counts_up(total: int) -> list[int]:
    """Return counts for an axis from 0 to `total`, three to six.

    >>> counts_up(50), counts_up(5), counts_up(1), counts_up(437)
    ([0, 10, 20, 30, 40, 50], [0, 1, 2, 3, 4, 5], [0, 1], [0, 100, 200, 300, 437])
    """
    steps = (base * 10**power for power in range(9) for base in (1, 2, 5))
    step = next(one for one in steps if total / one <= 5)
    marks = list(range(0, total + 1, step))
    if total - marks[-1] < step / 2 and len(marks) > 1:
        marks.pop()
    return marks + [total] * (marks[-1] != total)


def _along(count: int, fewest: int, most: int) -> float:
    """Return a place from 0 to 1: encryptions multiply rather than add up."""
    return math.log(count / fewest) / math.log(most / fewest)


def _height(count: int, total: int) -> float:
    return TOP + (1 - count / total) * (HEIGHT - TOP - BOTTOM)


def _apart(heights: Sequence[float]) -> list[float]:
    """Move names that would lie over each other apart, keeping their order and their frame."""
    order = sorted(range(len(heights)), key=lambda one: heights[one])
    moved = list(heights)
    for above, below in itertools.pairwise(order):
        moved[below] = max(moved[below], moved[above] + LINE)
    lowest = HEIGHT - BOTTOM
    for one in reversed(order):
        moved[one] = min(moved[one], lowest)
        lowest = moved[one] - LINE
    return moved
