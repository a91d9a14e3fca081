"""Privacy against utility: what leaks, and what accuracy it costs, in one figure.

To the right stands the accuracy that a network loses which was trained on encryptions, upwards
what the best attack recovers of the images in the same encryptions, a panel for each knowledge
that an attacker may have. The frontier goes along those encodings than which no other both
costs less and leaks less.
"""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from instahide.errors import InstaHideError
from instahide.figures import save_figure
from instahide.files import save_text
from instahide.leaderboard.curves import COLOURS_OF_LINES, MARKERS, PALE
from instahide.leaderboard.knowledge import knowledge_in_words, strength
from instahide.leaderboard.points import (
    OWN_OPTION,
    Points,
    Told,
    as_written,
    name_of_encoding,
    options_in_words,
    title_of,
)
from instahide.leaderboard.spots import Stroke, place_labels
from instahide.leaderboard.sweepviews import Spot, once_for_each_training, spot_of
from instahide.leaderboard.tables import escape_markdown

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LOST_ACCURACY = "accuracy_lost"
PANEL_SIDE = 4.4  # inches
SLACK_OF_POINTS = 1.5  # percentage points left of no loss
HEAD_OF_PLANE = (
    "knowledge", "labels", "setting", "attack", "seeds", "accuracy_lost", "accuracy_lost_low",
    "accuracy_lost_high", "max_ssim", "max_ssim_low", "max_ssim_high", "frontier",
)  # fmt: skip


@dataclass(frozen=True)
class Place:
    """Where an encoding with its settings stands, for one knowledge.

    Attributes
    ----------
    setting, encoding : str
        What it is in words; its scheme or encoding alone.
    attack : str
        The best one, by its mean over seeds.
    lost, leaked : Spot
        Accuracy lost, a share, and Max_SSIM of that attack; each with its range over seeds.
    frontier : bool
        No other place both loses less and leaks less.
    """

    setting: str
    encoding: str
    attack: str
    lost: Spot
    leaked: Spot
    frontier: bool = False


#: What an attacker has, ``(knowledge, labels)`` -> places.
Plane = dict[tuple[str, str], list[Place]]


def plane_of(points: Points) -> Plane:
    """Return the places of all encodings, by what an attacker has.

    An attacker may use what needs no more than he has.

    Raises
    ------
    InstaHideError
        When the table tells no accuracies, or no attack of what was trained.
    """
    if LOST_ACCURACY not in points.columns or not points.measured(LOST_ACCURACY):
        raise InstaHideError(
            f"the table tells no {LOST_ACCURACY}: it is no sweep over trainings"
        )
    told = points.measured(LOST_ACCURACY)
    attacked = [line for line in told.measured("max_ssim").lines if line["baseline"] != 1]
    known = {(str(line["knowledge"]), str(line["labels"])) for line in attacked}
    known = {pair for pair in known if strength(*pair) is not None}
    if not known:
        raise InstaHideError("the table tells no attack on what was trained")
    named = told.varying()
    settings = {line["point"]: setting_in_words(line, named) for line in told.lines}
    planes = {}
    for pair in sorted(known, key=lambda pair: (strength(*pair), pair)):
        usable = [line for line in attacked if _needs_no_more(line, pair)]
        planes[pair] = with_frontier(_places(told, usable, settings))
    return planes


def _places(
    told: Points, attacked: Sequence[Mapping[str, Told]], settings: Mapping[Told, str]
) -> list[Place]:
    """Return a place for each setting, with the attack that is the best on it."""
    by_setting: dict[str, dict[str, list[Mapping[str, Told]]]] = {}
    for line in attacked:
        found = by_setting.setdefault(settings[line["point"]], {})
        found.setdefault(str(line["attack"]), []).append(line)
    lost = once_for_each_training(told).lines
    places = []
    for setting, attacks in by_setting.items():
        leaked = {name: spot_of(lines, "max_ssim") for name, lines in attacks.items()}
        best = max(leaked, key=lambda name: leaked[name].mean)
        own = [line for line in lost if settings[line["point"]] == setting]
        places.append(
            Place(
                setting,
                name_of_encoding(own[0]),
                best,
                spot_of(own, LOST_ACCURACY),
                leaked[best],
            )
        )
    return places


def with_frontier(places: Sequence[Place]) -> list[Place]:
    """Say of places whether they are on the frontier."""
    return [
        Place(p.setting, p.encoding, p.attack, p.lost, p.leaked, not _is_beaten(p, places))
        for p in places
    ]


def _is_beaten(place: Place, others: Sequence[Place]) -> bool:
    own = place.lost.mean, place.leaked.mean
    found = ((other.lost.mean, other.leaked.mean) for other in others)
    return any(a <= own[0] and b <= own[1] and (a, b) != own for a, b in found)


def _needs_no_more(line: Mapping[str, Told], pair: tuple[str, str]) -> bool:
    own, has = strength(line["knowledge"], line["labels"]), strength(*pair)
    return own is not None and has is not None and own[0] <= has[0] and own[1] <= has[1]


def setting_in_words(line: Mapping[str, Told], named: Sequence[str]) -> str:
    """Return what an encoding is called in the figure.

    Parameters
    ----------
    named : sequence of str
        Settings that vary, which have to be told.

    Examples
    --------
    >>> line = {"encoding": "instahide", "scheme": "cross", "k": 6.0, "T": 30.0}
    >>> setting_in_words(line, ["encoding", "k"])
    'InstaHide cross, k = 6'
    """
    left_out = ("encoding", "scheme", "options", "pool", "pool_size")
    own = {part.partition(" = ")[0] for part in options_in_words(line)}
    words = [
        f"{title_of(name)} = {as_written(line[name])}"
        for name in named
        if name not in left_out
        and name.removeprefix(OWN_OPTION) not in own
        and line[name] is not None
    ]
    return ", ".join([name_of_encoding(line), *words, *options_in_words(line)])


# ---- drawing


def draw_plane(points: Points) -> "Figure":
    """Draw privacy against utility, a panel for each knowledge.

    Raises
    ------
    InstaHideError
        As `plane_of` does.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    planes = plane_of(points)
    floor = [line for line in points.measured("max_ssim").lines if line["attack"] == "random"]
    columns = min(len(planes), 2)
    rows = -(-len(planes) // columns)
    size = max(columns * PANEL_SIDE, 7), rows * PANEL_SIDE * 0.85 + 1.0
    figure = Figure(figsize=size, layout="constrained")
    every = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    kinds = list(dict.fromkeys(p.encoding for places in planes.values() for p in places))
    for axes in every.flat[len(planes) :]:
        axes.set_visible(False)
    for axes, (pair, places) in zip(every.flat, planes.items(), strict=False):
        _draw_places(axes, places, kinds)
        if floor:
            level = float(np.mean([line["max_ssim"] for line in floor]))
            axes.axhline(level, color=PALE, linewidth=0.9, linestyle=":", zorder=1)
            axes.text(
                0.99, level, "any private image", fontsize=7, color="#666666", ha="right",
                va="bottom", transform=axes.get_yaxis_transform(),
            )  # fmt: skip
        has = knowledge_in_words(*pair).replace(", ", ",\n")
        axes.set_title(f"attacker has {has}", fontsize=9)
    _label_plane(figure, every, planes)
    FigureCanvasAgg(figure).draw()  # so that texts know their size
    for axes, places in zip(every.flat, planes.values(), strict=False):
        spots = [(100 * place.lost.mean, place.leaked.mean) for place in places]
        place_labels(axes, spots, [place.setting for place in places], _strokes(places))
    return figure


def frontier_of(places: Sequence[Place]) -> list[tuple[float, float]]:
    """Return the corners of the frontier: percentage points lost, and Max_SSIM."""
    return sorted((100 * p.lost.mean, p.leaked.mean) for p in places if p.frontier)


def _strokes(places: Sequence[Place]) -> list[Stroke]:
    """Return the frontier's steps and all bars, as lines that texts should not cover."""
    strokes: list[Stroke] = []
    for (x, y), (right, below) in pairwise(frontier_of(places)):
        strokes += [((x, y), (right, y)), ((right, y), (right, below))]
    for place in places:
        x, y = 100 * place.lost.mean, place.leaked.mean
        strokes.append(((100 * place.lost.low, y), (100 * place.lost.high, y)))
        strokes.append(((x, place.leaked.low), (x, place.leaked.high)))
    return strokes


def _draw_places(axes: "Axes", places: Sequence[Place], kinds: Sequence[str]) -> None:
    for place in places:
        number = kinds.index(place.encoding) % len(MARKERS)
        x, y = 100 * place.lost.mean, place.leaked.mean
        across = [[x - 100 * place.lost.low], [100 * place.lost.high - x]]
        along = [[y - place.leaked.low], [place.leaked.high - y]]
        axes.errorbar(
            [x], [y], xerr=np.maximum(across, 0), yerr=np.maximum(along, 0),
            color=COLOURS_OF_LINES[number], marker=MARKERS[number], markersize=6,
            elinewidth=1, capsize=2, zorder=3,
            markerfacecolor=COLOURS_OF_LINES[number] if place.frontier else "white",
        )  # fmt: skip
    # Nothing is encrypted: nothing is lost, and the images are there.
    axes.plot([0], [1], marker="*", color="black", markersize=10, linestyle="none", zorder=2)
    corners = zip(*frontier_of(places), strict=True)
    axes.step(*corners, where="post", color="#444444", linewidth=1.1, zorder=2)
    axes.axvline(0, color="#bbbbbb", linewidth=0.8, zorder=0)
    axes.grid(alpha=0.25, linewidth=0.6)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=8, labelbottom=True, labelleft=True)


def _label_plane(figure: "Figure", every: np.ndarray, planes: Plane) -> None:
    places = [place for found in planes.values() for place in found]
    most = max(100 * place.lost.high for place in places)
    least = min(0.0, *(100 * place.lost.low for place in places))
    room = 0.12 * (most - least) + SLACK_OF_POINTS
    lowest = min(0.0, *(place.leaked.low for place in places))
    every[0, 0].set(xlim=(least - room / 2, most + room), ylim=(lowest, 1.06))
    for axes in every.flat:
        axes.set_xlabel(
            "accuracy lost, percentage points → the network gets worse", fontsize=8.5
        )
        axes.set_ylabel("Max_SSIM of the best attack → more leaks", fontsize=8.5)
    counted = {spot.seeds for place in places for spot in (place.lost, place.leaked)}
    seeds = f"bars: range over {max(counted)} seeds" if max(counted) > 1 else "one seed"
    figure.suptitle(
        "What leaks, and what it costs: up = more of the images leaks, right = the network "
        "gets worse\n"
        f"Line and filled marks: nothing measured both costs less and leaks less. ★ plain "
        f"training: the images themselves. {seeds[0].upper()}{seeds[1:]}.",
        fontsize=8.5, x=0.01, ha="left",
    )  # fmt: skip


# ---- tables


def plane_as_csv(planes: Plane) -> str:
    """Return the places as CSV; shares from 0 to 1, ranges over seeds."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(HEAD_OF_PLANE)
    for (knowledge, labels), places in planes.items():
        for place in places:
            ends = [
                f"{value:.6g}"
                for spot in (place.lost, place.leaked)
                for value in (spot.mean, spot.low, spot.high)
            ]
            told = [knowledge, labels, place.setting, place.attack, place.leaked.seeds]
            writer.writerow([*told, *ends, int(place.frontier)])
    return text.getvalue()


def plane_as_markdown(planes: Plane) -> str:
    """Return the places as Markdown, a table for each knowledge."""
    parts = ["# What leaks, and what it costs"]
    for pair, places in planes.items():
        rows = [
            f"| {escape_markdown(place.setting)} | {_range(place.lost, 100, '.1f')} | "
            f"{escape_markdown(place.attack)} | {_range(place.leaked, 1, '.3f')} | "
            f"{'yes' if place.frontier else ''} |"
            for place in sorted(places, key=lambda place: place.lost.mean)
        ]
        head = "| encoding | accuracy lost, points | best attack | Max_SSIM | frontier |"
        table = "\n".join([head, "| --- | --- | --- | --- | --- |", *rows])
        parts.append(f"## Attacker has {knowledge_in_words(*pair)}\n\n{table}")
    parts.append(
        "Accuracy lost is against a network trained on the same images without encryption. "
        "Both are means over seeds, with their range; of one seed Max_SSIM has its own 95 % "
        "interval. An attacker may use any attack that needs no more than he has. On the "
        "frontier is what no other encoding beats in both. An encoding is missing where no "
        "attack that was run needs no more."
    )
    return "\n\n".join(parts) + "\n"


def _range(spot: Spot, times: float, form: str) -> str:
    mean, low, high = (format(times * v, form) for v in (spot.mean, spot.low, spot.high))
    return mean if low == high else f"{mean} ({low} – {high})"


def save_plane(picture: Path | str, points: Points) -> None:
    """Write the figure, and its places as Markdown and CSV beside it."""
    picture, planes = Path(picture), plane_of(points)
    save_figure(picture, draw_plane(points))
    save_text(picture.with_suffix(".csv"), plane_as_csv(planes))
    save_text(picture.with_suffix(".md"), plane_as_markdown(planes))
