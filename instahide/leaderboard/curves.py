"""Figures of a sweep: what leaks, by what the challenges of the sweep differ in.

A view says which column goes to the right, which upwards, what makes lines and what panels.
Seeds are averaged, and nothing else without being told. What varies is read from the table.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from instahide.errors import InstaHideError
from instahide.figures import save_figure
from instahide.leaderboard.knowledge import (
    LABELS_IN_WORDS,
    PUBLIC_IN_WORDS,
    knowledge_in_words,
)
from instahide.leaderboard.of2020 import is_like_2020
from instahide.leaderboard.points import (
    ENDS,
    IN_WORDS,
    LONG_TITLES,
    OF_TRAINING,
    UPWARDS,
    Points,
    Told,
    as_written,
    check_column,
    several,
    title_of,
)
from instahide.leaderboard.records import Record
from instahide.scoring.metrics import METRICS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

#: Colours that are told apart without red and green (Okabe and Ito, 2008), each with a marker
#: that is told apart without any.
COLOURS_OF_LINES = (
    "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000"
)  # fmt: skip
MARKERS = "os^DvPX"
DASHES = ("-", "--", ":", "-.")
PALE = "#8a8a8a"
MARKS_OF_2020 = ("*", "X", "P", "d")
STYLE_OF_MARKS = {"color": "black", "markerfacecolor": "white", "markersize": 8}
FILE_NAMES = {IN_WORDS: "encoding"}
LETTERS_BESIDE = 48  # of texts below a panel
LOGARITHMIC_FROM = 8  # a ratio of largest and smallest value
MOST_PANELS = 25
PANEL_INCHES = ((5.2, 3.6), (3.6, 2.7), (2.9, 2.1))  # of few panels, more, and many
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


# ---- drawing


def draw_view(
    points: Points, view: View, reported: Sequence[Record] = (), title: str = ""
) -> "Figure":
    """Draw a view: a line for each value of a column, a panel for each of others.

    Parameters
    ----------
    reported : sequence of Record
        Results of 2020, marked where all parameters are those of that challenge.
    title : str
        Stands above.

    Raises
    ------
    InstaHideError
        As `check_view` does.
    """
    shown = check_view(points, view)
    panels = panels_of(shown, view)
    left_out = len(panels) - MOST_PANELS
    kept = dict(sorted(panels.items(), key=lambda item: -len(_xs(item[1])))[:MOST_PANELS])
    panels = {key: lines for key, lines in panels.items() if key in kept}
    rows, columns, places = _layout(list(panels))
    styles = _styles(panels)
    marks = marks_of_2020(shown, view, reported)
    handles = _handles(styles, marks)
    figure, place_of_legend = _figure(len(panels), rows, columns, handles)
    every = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    for axes in every.flat:
        axes.set_visible(False)
    for (key, lines), place in zip(panels.items(), places, strict=True):
        axes = every[place]
        axes.set_visible(True)
        _draw_panel(axes, lines, shown, view, styles)
        _mark_2020(axes, [mark for mark in marks if mark.panel == key])
        axes.set_title(_name_panel(view, key), fontsize=9)
        axes.xaxis.set_tick_params(labelbottom=True)
        axes.set_xlabel(LONG_TITLES.get(view.x, title_of(view.x)), fontsize=8.5)
    _scale(every[0, 0], shown, view)
    if not shown.is_numeric(view.x) and _is_long([as_written(x) for x in shown.values(view.x)]):
        for label in (text for axes in every.flat for text in axes.get_xticklabels()):
            label.set(rotation=30, ha="right", rotation_mode="anchor")
    for axes in every[:, 0]:
        axes.set_ylabel(title_of(view.y), fontsize=8.5)
    figure.legend(handles=handles, frameon=False, fontsize=8, **place_of_legend)
    note = [title, f"{left_out} more panels are left out" if left_out > 0 else ""]
    figure.suptitle(". ".join(filter(None, note)), fontsize=9.5, x=0.01, ha="left")
    return figure


def _xs(lines: Sequence[Line]) -> set[Told]:
    return {x for line in lines for x in line.spots}


def _layout(keys: Sequence[tuple[Told, ...]]) -> tuple[int, int, list[tuple[int, int]]]:
    """Return rows, columns and the place of each panel: a grid of two, else line by line."""
    if keys and len(keys[0]) == 2:
        down, right = (list(dict.fromkeys(key[side] for key in keys)) for side in (0, 1))
        if len(keys) == len(down) * len(right) and max(len(down), len(right)) <= 5:
            return len(down), len(right), [(down.index(a), right.index(b)) for a, b in keys]
    columns = min(len(keys), 2 if len(keys) == 4 else 3 if len(keys) <= 9 else 4)
    places = [divmod(number, columns) for number in range(len(keys))]
    return -(-len(keys) // columns), columns, places


def _name_panel(view: View, key: tuple[Told, ...]) -> str:
    pairs = zip(view.panels, key, strict=True)
    return ", ".join(f"{title_of(name)} = {as_written(value)}" for name, value in pairs)


def _styles(panels: Panels) -> dict[str, dict]:
    """Return how each line is drawn: attacks in colours, baselines thin and grey."""
    lines = {line.name: line.baseline for found in panels.values() for line in found}
    styles = {}
    for number, name in enumerate(name for name, baseline in lines.items() if not baseline):
        place = number % len(COLOURS_OF_LINES)
        styles[name] = {
            "color": COLOURS_OF_LINES[place], "marker": MARKERS[place], "markersize": 5,
            "linestyle": DASHES[number // len(COLOURS_OF_LINES) % len(DASHES)],
            "linewidth": 1.6,
        }  # fmt: skip
    for number, name in enumerate(name for name, baseline in lines.items() if baseline):
        dash = DASHES[(number + 1) % len(DASHES)]
        styles[name] = {"color": PALE, "linestyle": dash, "linewidth": 0.9, "marker": ""}
    return styles


def _draw_panel(
    axes: "Axes", lines: Sequence[Line], points: Points, view: View, styles: dict[str, dict]
) -> None:
    """Draw lines with bands over numbers, points with bars over texts."""
    numeric, order = points.is_numeric(view.x), points.values(view.x)
    place = [line.name for line in lines if not line.baseline]
    for line in lines:
        spots = line.spots.values()
        mean, low, high = (
            np.array([getattr(spot, part) for spot in spots])
            for part in ("mean", "low", "high")
        )
        style, layer = dict(styles[line.name]), 1 if line.baseline else 2
        if numeric:
            xs = np.array(list(line.spots), float)
            if not line.baseline:
                axes.fill_between(xs, low, high, color=style["color"], alpha=0.18, linewidth=0)
            alone = len(xs) == 1 and not style["marker"]
            axes.plot(xs, mean, **(style | {"marker": "_"} if alone else style), zorder=layer)
        elif line.baseline:
            xs = np.array([order.index(x) for x in line.spots], float)
            style.pop("marker")
            axes.hlines(mean, xs - 0.42, xs + 0.42, **style, zorder=layer)
        else:
            aside = (place.index(line.name) - (len(place) - 1) / 2) * 0.7 / len(place)
            xs = np.array([order.index(x) + aside for x in line.spots], float)
            style["linestyle"] = "none"
            ends = np.maximum([mean - low, high - mean], 0)  # a mean is rounded
            axes.errorbar(xs, mean, ends, **style, capsize=2, zorder=layer)
    axes.tick_params(labelsize=8)
    axes.grid(alpha=0.25, linewidth=0.6)
    axes.spines[["top", "right"]].set_visible(False)


@dataclass(frozen=True)
class Mark:
    """A result reported in 2020, where it stands in a figure.

    Attributes
    ----------
    panel : tuple
        Values of the columns that make panels.
    x, y : float
        A text is told by its place on the axis.
    name, marker : str
    """

    panel: tuple[Told, ...]
    x: float
    y: float
    name: str
    marker: str


def marks_of_2020(points: Points, view: View, reported: Sequence[Record]) -> list[Mark]:
    """Return a mark for each reported result where all parameters are those of 2020.

    None where the column x is no parameter, or y is no metric that was reported.
    """
    alike = [line for line in points.lines if is_like_2020(line)]
    if view.x not in points.settings or view.y not in METRICS:
        return []
    order = points.values(view.x)
    places = {(tuple(line[name] for name in view.panels), line[view.x]) for line in alike}
    return [
        Mark(
            panel,
            x if isinstance(x, float) else order.index(x),
            record.metrics[view.y].mean,
            f"reported in 2020 for other images: {record.attack}",
            MARKS_OF_2020[number % len(MARKS_OF_2020)],
        )
        for panel, x in sorted(places, key=str)
        for number, record in enumerate(reported)
        if view.y in record.metrics
    ]


def _mark_2020(axes: "Axes", marks: Sequence[Mark]) -> None:
    for mark in marks:
        axes.plot([mark.x], [mark.y], mark.marker, **STYLE_OF_MARKS, zorder=3)


def _handles(styles: dict[str, dict], marks: Sequence[Mark]) -> "list[Line2D]":
    """Return what a legend shows: lines, then marks."""
    from matplotlib.lines import Line2D

    lines = [Line2D([], [], **style, label=name) for name, style in styles.items()]
    markers = {mark.name: mark.marker for mark in marks}
    about = STYLE_OF_MARKS | {"linestyle": "none"}
    found = [Line2D([], [], marker=m, label=name, **about) for name, m in markers.items()]
    return lines + found


def _figure(
    panels: int, rows: int, columns: int, handles: "Sequence[Line2D]"
) -> "tuple[Figure, dict]":
    """Return a figure with room for its legend: right of one panel, below several."""
    from matplotlib.figure import Figure

    width, height = PANEL_INCHES[min(2, (panels + 2) // 4)]
    entry = 0.62 + 0.067 * max(len(str(handle.get_label())) for handle in handles)
    if panels == 1:
        size, place = (width + entry, height), {"loc": "outside right center"}
    else:
        beside = max(1, min(3, int(columns * width / entry)))
        below = 0.5 + 0.19 * -(-len(handles) // beside)
        size = max(columns * width, entry), rows * height + below
        place = {"loc": "outside lower center", "ncols": beside}
    return Figure(figsize=size, layout="constrained"), place


def _scale(axes: "Axes", points: Points, view: View) -> None:
    """Set ticks, and make axes logarithmic where values span much."""
    xs, ys = points.values(view.x), [line[view.y] for line in points.lines]
    if points.is_numeric(view.x):
        if is_wide(xs):
            axes.set_xscale("log")
        axes.set_xticks(_ticks(xs), [as_written(x) for x in _ticks(xs)])
        axes.minorticks_off()
    else:
        texts = [as_written(x) for x in xs]
        slanted = _is_long(texts)
        axes.set_xticks(range(len(xs)), texts if slanted else map(_broken, texts))
        axes.set_xlim(-0.6, len(xs) - 0.4)
    if "ssim" in view.y or view.y in OF_TRAINING[:2]:
        axes.set_ylim(min(0, 1.1 * min(ys)), 1.03)
    elif is_wide(ys):
        axes.set_yscale("log")
    elif min(ys) >= 0:
        axes.set_ylim(bottom=0)


def _is_long(texts: Sequence[str]) -> bool:
    """Tell whether texts have no room beside each other below a panel, even broken."""
    longest = max(len(line) for text in texts for line in _broken(text).split("\n"))
    return longest * len(texts) > LETTERS_BESIDE


def is_wide(values: Sequence[Told]) -> bool:
    """Tell whether numbers span so much that an axis should be logarithmic.

    Examples
    --------
    >>> is_wide([5.0, 50.0]), is_wide([2.0, 8.0]), is_wide([0.0, 50.0])
    (True, False, False)
    """
    return min(values) > 0 and max(values) >= LOGARITHMIC_FROM * min(values)


def _ticks(xs: Sequence[float]) -> Sequence[float]:
    """Return at most eight of the values, the ends among them."""
    return xs if len(xs) <= 8 else [xs[round(i)] for i in np.linspace(0, len(xs) - 1, 8)]


def _broken(text: str) -> str:
    return text.replace(",", ",\n")


# ---- the figures of a sweep


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


def draw_sweep(points: Points, reported: Sequence[Record]) -> "dict[str, Figure]":
    """Draw all figures of a sweep, by the names of their files."""
    figures, scored = {}, points.measured("max_ssim").with_encodings()
    if not scored:
        raise InstaHideError("the table of this sweep has no scores to draw")
    for name, view in views_of_sweep(scored).items():
        chosen, narrowed = with_several_values(scored, view)
        title = title_of_view(chosen, narrowed, scored.varying())
        figures[name] = draw_view(chosen, narrowed, reported, title)
    return figures


def save_curves(folder: Path | str, points: Points, reported: Sequence[Record]) -> None:
    """Write all figures of a sweep as PNG into a folder."""
    for name, figure in draw_sweep(points, reported).items():
        save_figure(Path(folder) / f"{name}.png", figure)
