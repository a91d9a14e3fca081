"""Figures of a sweep: what leaks, by what the challenges of the sweep differ in."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from instahide.errors import InstaHideError
from instahide.figures import save_figure
from instahide.leaderboard.of2020 import is_like_2020
from instahide.leaderboard.points import (
    LONG_TITLES,
    OF_TRAINING,
    Points,
    Told,
    as_written,
    title_of,
)
from instahide.leaderboard.records import Record
from instahide.leaderboard.sweepviews import (
    Line,
    Panels,
    View,
    check_view,
    panels_of,
    title_of_view,
    views_of_sweep,
    with_several_values,
)
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
LETTERS_BESIDE = 48  # of texts below a panel
LOGARITHMIC_FROM = 8  # a ratio of largest and smallest value
MOST_PANELS = 25
PANEL_INCHES = ((5.2, 3.6), (3.6, 2.7), (2.9, 2.1))  # of few panels, more, and many


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
