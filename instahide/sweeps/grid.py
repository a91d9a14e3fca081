"""The points of a sweep: what stands in its base, and every combination of its grids' values.

Nothing here knows what a key means; `instahide.sweeps.expansion` makes challenges of points.
"""

import itertools
import json
import math
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from instahide.errors import InstaHideError
from instahide.schema import in_yaml, suggest

MOST_POINTS = 10_000
SEED_AXIS = "seeds"  # the axis of repetitions
USUAL_SEEDS = (1,)
#: Short names of keys, as papers have them.
ALIASES = {"T": "rows_per_image", "n": "images"}
#: Keys that a sweep has elsewhere -> where.
ELSEWHERE = {
    "seed": "a sweep repeats each point for every one of its seeds: write 'seeds' in the grid",
    "key": "a sweep repeats each point for every one of its seeds: write 'seeds' in the grid",
    "attacks": "write it beside the grid, for all points",
}


@dataclass(frozen=True)
class GridPoint:
    """One combination.

    Attributes
    ----------
    where : str
        What messages call it, such as ``sweeps/rows at k=6, images=20``.
    base : dict
        What all points have, where the grid has nothing else.
    axes : dict
        The values of the grid.
    seed : int
    """

    where: str
    base: Mapping[str, Any]
    axes: Mapping[str, Any]
    seed: Any

    @property
    def settings(self) -> dict[str, Any]:
        """Base and axes together."""
        return {**self.base, **self.axes}


def grid_points(
    where: str,
    base: Mapping[str, Any],
    grids: Mapping[str, Any] | Sequence[Mapping[str, Any]],
    skip: Sequence[Mapping[str, Any]],
    known: Collection[str],
) -> list[GridPoint]:
    """Return all points of a sweep, in the order in which its grids name them.

    Parameters
    ----------
    where : str
        The sweep, for messages.
    base : mapping
        What all points have in common.
    grids : mapping of lists, or a list of such mappings
        Values by key; several grids are joined.
    skip : sequence of mappings
        Points that have all values of one of them are left out.
    known : collection of str
        The keys that there are, `ALIASES` apart.

    Raises
    ------
    InstaHideError
        When a key is unknown or stands there twice, an axis has no values or equal ones, there
        are too many points, none at all, or `skip` names one that is not there.

    Examples
    --------
    >>> found = grid_points("mine", {"k": 4}, {"T": [5, 10]}, [], ["k", "rows_per_image"])
    >>> [point.settings for point in found]
    [{'k': 4, 'rows_per_image': 5}, {'k': 4, 'rows_per_image': 10}]
    """
    shared = _named(f"{where}/base", base, known)
    if SEED_AXIS in shared:
        raise InstaHideError(f"{where}/base: write 'seeds' in the grid")
    many = isinstance(grids, list)
    axes = [
        _axes(f"{where}/grid/{number}" if many else f"{where}/grid", grid, known)
        for number, grid in enumerate(grids if many else [grids])
    ]
    count = sum(math.prod(map(len, grid.values())) for grid in axes)
    if not axes or count > MOST_POINTS:
        raise InstaHideError(
            f"{where}/grid: {count:,} points, and 1 to {MOST_POINTS:,} are allowed: write "
            + ("fewer values" if axes else "lists of values by key")
        )
    found = [point for grid in axes for point in _products(where, shared, grid)]
    return _without(f"{where}/skip", found, skip, known)


def same_value(one: Any, other: Any) -> bool:
    """Tell whether two values of YAML are written alike: 1 is not true, and 1.0 is 1."""
    return canonical(one) == canonical(other)


def canonical(value: Any) -> str:
    """Return JSON that equal values share: keys in order, whole numbers without a point.

    Examples
    --------
    >>> canonical({"b": 1.0, "a": [True, 0.5]})
    '{"a":[true,0.5],"b":1}'
    """
    return json.dumps(_plain(value), sort_keys=True, separators=(",", ":"))


def in_words(values: Mapping[str, Any]) -> str:
    """Name some values in a few words."""
    return ", ".join(f"{key}={in_yaml(value).strip(chr(39))}" for key, value in values.items())


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _named(where: str, given: Mapping[str, Any], known: Collection[str]) -> dict[str, Any]:
    """Return values under their full names; refuse keys that are not there."""
    named = {}
    for written, value in given.items():
        key = ALIASES.get(written, written)
        if written in ELSEWHERE and key not in known:
            raise InstaHideError(f"{where}/{written}: {ELSEWHERE[written]}")
        if key not in known:
            raise InstaHideError(
                f"unknown key {in_yaml(written)} in {where}{suggest(written, sorted(known))}"
            )
        if key in named:
            raise InstaHideError(f"{where}: {written} and {key} are one key: write one")
        named[key] = value
    return named


def _axes(where: str, grid: Mapping[str, Any], known: Collection[str]) -> dict[str, list]:
    """Return the lists of a grid, checked."""
    axes = _named(where, grid, known)
    for key, values in axes.items():
        if not isinstance(values, list) or not values:
            raise InstaHideError(
                f"{where}/{key}: {in_yaml(values)} is no list of values; write one or more, "
                f"as in {key}: [1, 2]"
            )
        texts = [canonical(value) for value in values]
        twice = [text for text, number in Counter(texts).items() if number > 1]
        if twice:
            raise InstaHideError(f"{where}/{key}: {twice[0]} stands there twice; name it once")
    return axes


def _products(where: str, base: dict[str, Any], grid: dict[str, list]) -> Iterator[GridPoint]:
    """Yield every combination of a grid's values."""
    axes = {SEED_AXIS: list(USUAL_SEEDS), **grid} if SEED_AXIS not in grid else grid
    for values in itertools.product(*axes.values()):
        chosen = dict(zip(axes, values, strict=True))
        told = {key: chosen[key] for key in grid}
        seed = chosen.pop(SEED_AXIS)
        name = f"{where} at {in_words(told)}" if told else where
        yield GridPoint(name, base, chosen, seed)


def _without(
    where: str,
    points: list[GridPoint],
    skip: Sequence[Mapping[str, Any]],
    known: Collection[str],
) -> list[GridPoint]:
    """Leave out the points that `skip` names."""
    for number, entry in enumerate(skip):
        place = f"{where}/{number}"
        named = _named(place, entry, known)
        if not named:
            raise InstaHideError(f"{place} names nothing, which is every point: remove it")
        left = [point for point in points if not _fits(point, named)]
        if len(left) == len(points):
            raise InstaHideError(
                f"{place}: no point has {in_words(named)}: remove it, or correct it"
            )
        points = left
    if not points:
        raise InstaHideError(f"{where} leaves no point")
    return points


def _fits(point: GridPoint, named: Mapping[str, Any]) -> bool:
    settings = point.settings | {SEED_AXIS: point.seed}
    return all(same_value(settings.get(key), value) for key, value in named.items())
