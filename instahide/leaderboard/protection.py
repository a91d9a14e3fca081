"""What augmentation protects: measured once, drawn for reports and the documentation.

``protection.csv`` beside this module holds what `benchmarks/augmented.py` measured, on images
and photos that are not in the repository.
"""

import csv
from collections import defaultdict
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from instahide.errors import InstaHideError
from instahide.figures import save_figure

MEASURED = Path(__file__).with_name("protection.csv")
#: Augmentations as the benchmark names them, their titles, and colours of their lines.
AUGMENTATIONS = {
    "none": ("none", "#3b6ea5"),
    "flip": ("flips", "#4b9a8a"),
    "2": ("crops by 2 pixels, flips", "#7aa84b"),
    "4": ("crops by 4 pixels, flips", "#c29a2c"),
    "8": ("crops by 8 pixels, flips", "#c2632c"),
    "turned": ("turned by up to 90°, flips", "#8a4b9a"),
}
TICKS = (5, 10, 20, 50)

#: Augmentation and whether the pool is known -> rows for each image -> Max_SSIM of each seed.
Found = dict[tuple[str, bool], dict[int, list[float]]]


def read_protection(path: Path | str = MEASURED) -> Found:
    """Read what the benchmark wrote.

    Raises
    ------
    InstaHideError
        When the file is missing or is no such table.
    """
    found: Found = defaultdict(lambda: defaultdict(list))
    try:
        with open(path, newline="", encoding="utf-8") as file:
            for line in csv.DictReader(file):
                key = line["augmentation"], "pool" in line["attack"]
                found[key][int(line["rows"])].append(float(line["max_ssim"]))
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise InstaHideError(
            f"{path} is no table of benchmarks/augmented.py: {error}"
        ) from None
    return found


def draw_protection(found: Found) -> Figure:
    """Draw Max_SSIM by rows for each image, a line for each augmentation.

    On the left the pool of public images is unknown to the attacker, on the right known.
    """
    figure = Figure(figsize=(7.2, 3.6), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True)
    for axes, known in ((left, False), (right, True)):
        for name, (title, colour) in AUGMENTATIONS.items():
            values = found.get((name, known), {})
            rows = sorted(values)
            means = [np.mean(values[count]) for count in rows]
            axes.plot(rows, means, "o-", color=colour, label=title, markersize=4)
        _label(axes, "the pool is known" if known else "the pool is not known")
    left.set_ylabel("Max_SSIM")
    lines = left.get_legend_handles_labels()
    place = {"loc": "outside lower center", "ncols": 3}
    figure.legend(*lines, **place, fontsize=8, frameon=False)
    return figure


def save_protection(path: Path | str) -> None:
    """Draw what was measured, to a PNG."""
    save_figure(Path(path), draw_protection(read_protection()))


def _label(axes: Axes, title: str) -> None:
    axes.set(xscale="log", xlim=(4.5, 56), ylim=(0, 1.02), xlabel="rows for each image (T)")
    axes.set_xticks(TICKS, map(str, TICKS))
    axes.minorticks_off()
    axes.grid(alpha=0.3)
    axes.set_title(title, fontsize=10)
