"""Views of a sweep: what a figure shows of its table, before anything is drawn.

A view says which column goes to the right, which upwards, what makes lines and what panels.
Seeds are averaged, and nothing else without being told. What varies is read from the table.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product

import numpy as np

from instahide.errors import InstaHideError
from instahide.leaderboard.knowledge import (
    LABELS_IN_WORDS,
    PUBLIC_IN_WORDS,
    knowledge_in_words,
)
from instahide.leaderboard.points import (
    ENDS,
    IN_WORDS,
    OF_TRAINING,
    UPWARDS,
    Points,
    Told,
    as_written,
    check_column,
    several,
    title_of,
)

FILE_NAMES = {IN_WORDS: "encoding"}
TOLD_BY_ATTACK = ("attack", "labels", "knowledge")


@dataclass(frozen=True)
class View:
    """What a figure shows of a sweep.

    Attributes
    ----------
    x, y : str
        Columns: rightwards and upwards.
    colour : str
        The column that makes lines.
    panels : tuple of str
        Columns that make panels.
    averaged : tuple of str
        Columns over which means may be taken, besides the seed.
    """

    x: str
    y: str = "max_ssim"
    colour: str = "attack"
    panels: tuple[str, ...] = ()
    averaged: tuple[str, ...] = ()


@dataclass(frozen=True)
class Spot:
    """A mean over seeds, with its interval where one is known.

    Attributes
    ----------
    mean, low, high : float
    seeds : int
    """

    mean: float
    low: float
    high: float
    seeds: int


@dataclass
class Line:
    """One line of a panel.

    Attributes
    ----------
    name : str
    baseline : bool
    spots : dict of Spot
        By the value of the column x.
    """

    name: str
    baseline: bool
    spots: dict[Told, Spot] = field(default_factory=dict)


#: Values of the columns that make panels -> lines.
Panels = dict[tuple[Told, ...], list[Line]]


def check_view(points: Points, view: View) -> Points:
    """Return the lines that a view shows.

    Raises
    ------
    InstaHideError
        When a column is not there or no number, or something would be averaged unsaid.
    """
    options = {"--x": [view.x], "--y": [view.y], "--color": [view.colour]}
    options |= {"--panel": view.panels, "--average": view.averaged}
    for option, columns in options.items():
        for column in columns:
            check_column(points, column, option)
    if view.y not in UPWARDS and not points.is_numeric(view.y):
        raise InstaHideError(f"--y {view.y}: it holds no numbers")
    shown = points.measured(view.y)
    if not shown:
        raise InstaHideError(f"--y {view.y}: no line that was chosen tells it")
    if view.y in OF_TRAINING and not {view.colour, *view.panels} & set(TOLD_BY_ATTACK):
        shown = once_for_each_training(shown)
    there = shown.of(line for line in shown.lines if line[view.x] is not None)
    if not there:
        raise InstaHideError(f"--x {view.x}: no line that was chosen tells it")
    _check_averages(there, view)
    return there


def once_for_each_training(points: Points) -> Points:
    """Return one line for each point and seed: accuracy does not depend on an attack."""
    return points.of({(line["point"], line["seed"]): line for line in points.lines}.values())


def _check_averages(points: Points, view: View) -> None:
    """Refuse to average what nobody named."""
    named = (view.x, view.colour, *view.panels)
    groups: dict[tuple[Told, ...], list[Mapping[str, Told]]] = {}
    for line in points.lines:
        groups.setdefault(tuple(line[name] for name in (*named, "seed")), []).append(line)
    candidates = [
        *points.varying(),
        *(name for name in TOLD_BY_ATTACK if name in points.columns),
    ]
    unsaid = {
        name: points.values(name)
        for name in candidates
        if name not in (*named, *view.averaged)
        and any(len({line[name] for line in found}) > 1 for found in groups.values())
    }
    if "attack" in (*unsaid, *view.averaged):  # who speaks of attacks speaks of these too
        unsaid = {
            name: values for name, values in unsaid.items() if name not in TOLD_BY_ATTACK[1:]
        }
    if unsaid:
        told = "; ".join(f"{name} = {several(values)}" for name, values in unsaid.items())
        first = next(iter(unsaid))
        raise InstaHideError(
            f"the figure would average over {told}: choose with --where {first}=…, show it "
            f"with --panel {first}, or say --average {first}"
        )


def panels_of(points: Points, view: View) -> Panels:
    """Return the lines of each panel, in the order of their values.

    Parameters
    ----------
    points : Points
        As `check_view` returns them.
    """
    found: dict[tuple[Told, ...], dict[Told, dict[Told, list[Mapping[str, Told]]]]] = {}
    for line in points.lines:
        key = tuple(line[name] for name in view.panels)
        spots = found.setdefault(key, {}).setdefault(line[view.colour], {})
        spots.setdefault(line[view.x], []).append(line)
    panels: Panels = {}
    orders = [points.values(name) for name in view.panels]
    for key in filter(found.__contains__, product(*orders)):
        panels[key] = []
        for value in filter(found[key].__contains__, points.values(view.colour)):
            every = [line for lines in found[key][value].values() for line in lines]
            line = Line(name_of_line(view.colour, every), is_baseline(view.colour, every))
            for x in filter(found[key][value].__contains__, points.values(view.x)):
                line.spots[x] = spot_of(found[key][value][x], view.y)
            panels[key].append(line)
    return panels


def spot_of(lines: Sequence[Mapping[str, Told]], y: str) -> Spot:
    """Return the mean over seeds with their range; of one seed, the score's own interval."""
    by_seed: dict[Told, list[float]] = {}
    for line in lines:
        by_seed.setdefault(line["seed"], []).append(line[y])
    means = [float(np.mean(values)) for values in by_seed.values()]
    middle = float(np.mean(means))
    low, high = min(means), max(means)
    if len(lines) == 1 and f"{y}_low" in ENDS:
        ends = [lines[0].get(f"{y}_{end}") for end in ("low", "high")]
        low, high = (middle if end is None else end for end in ends)
    return Spot(middle, low, high, len(means))


def is_baseline(colour: str, lines: Sequence[Mapping[str, Told]]) -> bool:
    """Tell whether a line is that of a baseline."""
    return colour == "attack" and all(line["baseline"] == 1 for line in lines)


def name_of_line(colour: str, lines: Sequence[Mapping[str, Told]]) -> str:
    """Name a line for a legend: an attack with what it is given, in words."""
    value = lines[0][colour]
    if colour == "knowledge":
        return PUBLIC_IN_WORDS.get(str(value), "no attack")
    if colour == "labels":
        return LABELS_IN_WORDS.get(str(value), "no attack")
    if colour != "attack":
        return f"{title_of(colour)} = {as_written(value)}"
    if value is None:
        return "no attack"
    if is_baseline(colour, lines):
        return f"{value} (baseline)"
    known = {knowledge_in_words(line["knowledge"], line["labels"]) for line in lines}
    return f"{value}: {known.pop()}" if len(known) == 1 else str(value)


def views_of_sweep(points: Points) -> dict[str, View]:
    """Return the views of a sweep, one for each setting that varies, by the names of files.

    Each shows Max_SSIM; what else varies makes panels.
    """
    varying = points.measured("max_ssim").varying() or [
        "encoding" if "encoding" in points.columns else "sweep"
    ]
    return {
        f"max_ssim-by-{FILE_NAMES.get(name, name.replace(':', '-'))}": View(
            name, panels=tuple(other for other in varying if other != name)
        )
        for name in varying
    }


def with_several_values(points: Points, view: View) -> tuple[Points, View]:
    """Leave out the panels in which x has one value, where others have more.

    What is then the same in all panels is no longer among those that make them.
    """

    def panel(line: Mapping[str, Told]) -> tuple[Told, ...]:
        return tuple(line[name] for name in view.panels)

    values: dict[tuple[Told, ...], set[Told]] = {}
    for line in points.lines:
        values.setdefault(panel(line), set()).add(line[view.x])
    kept = {key for key, found in values.items() if len(found - {None}) > 1} or set(values)
    chosen = points.of(line for line in points.lines if panel(line) in kept)
    panels = tuple(name for name in view.panels if len(chosen.values(name)) > 1)
    return chosen, View(view.x, view.y, view.colour, panels, view.averaged)


def fixed_in_words(points: Points, view: View, varying: Sequence[str]) -> str:
    """Return the settings that a figure's points share, though the sweep varies them."""
    same = [name for name in ("k", "T", "n", *varying) if name in points.columns]
    told = {
        name: points.values(name)[0]
        for name in dict.fromkeys(same)
        if name not in (view.x, *view.panels) and len(points.values(name)) == 1
    }
    return ", ".join(
        f"{title_of(name)} = {as_written(value)}"
        for name, value in told.items()
        if value is not None
    )


def intervals_in_words(points: Points, view: View) -> str:
    """Say what bands, or bars, are."""
    panels = panels_of(points, view)
    shape = "bands" if points.is_numeric(view.x) else "bars"
    seeds = {
        s.seeds for lines in panels.values() for line in lines for s in line.spots.values()
    }
    if seeds == {1}:
        return f"{shape}: 95 % interval of the score, one seed"
    several_seeds = sorted(seeds - {1})
    over = " to ".join(dict.fromkeys(str(s) for s in (several_seeds[0], several_seeds[-1])))
    one = "; 95 % interval of the score where there is one seed" if 1 in seeds else ""
    return f"{shape}: range over {over} seeds{one}"


def title_of_view(points: Points, view: View, varying: Sequence[str]) -> str:
    """Return what stands above a figure: what is fixed, what is averaged, what bands are.

    Parameters
    ----------
    varying : sequence of str
        Settings that vary in the whole table; here they may be fixed.
    """
    shown = check_view(points, view)
    means = [f"{title_of(name)} = {several(shown.values(name))}" for name in view.averaged]
    told = [
        fixed_in_words(shown, view, varying),
        f"means over {', '.join(means)}" if means else "",
        intervals_in_words(shown, view),
    ]
    return "; ".join(filter(None, told))
