"""The table of what encryption costs: trainings side by side, over seeds, with intervals.

The paper's figures stand beside ours and are marked as reported.
"""

import csv
import io
import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from instahide.encodings.choice import INSTAHIDE
from instahide.errors import InstaHideError
from instahide.figures import save_figure
from instahide.files import save_text
from instahide.smalljson import read_object
from instahide.training.recipe import UNENCRYPTED

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: How images were predicted: name in `accuracy.json` -> heading
PREDICTED = {
    "plain": "plain",
    "encrypted": "enc×1",
    "encrypted_10": "enc×10",
    "largest_10": "enc×10, largest",
}
SIDEWAYS = 1.02  # between lines of a figure
NORMAL_95 = 1.959964  # standard errors on each side of a 95 % interval
LINE_COLOURS = (
    "#444444", "#b5483a", "#3b6ea5", "#5a8f4d", "#c28a2c", "#7b5ea7", "#2f8f8f", "#a0557a"
)  # fmt: skip


@dataclass(frozen=True)
class RunResult:
    """One trained network.

    Attributes
    ----------
    training, data : str
        Their names in the configuration.
    classes : tuple of str
    encoding, network, input : str
    epochs, images, tested, recorded : int
    seed : int
    accuracy : dict of str to float or None
        By the names of `PREDICTED`.
    processor_seconds : float
    """

    training: str
    data: str
    classes: tuple[str, ...]
    encoding: str
    network: str
    input: str
    epochs: int
    images: int
    tested: int
    recorded: int
    seed: int
    accuracy: dict[str, float | None]
    processor_seconds: float


@dataclass(frozen=True)
class Mean:
    """A mean share over seeds, and half the width of its 95 % interval."""

    share: float
    half: float

    def __str__(self) -> str:
        return f"{100 * self.share:.1f} ± {100 * self.half:.1f}"


def read_run(path: Path | str) -> RunResult:
    """Read an `accuracy.json` at {training}/{seed}/.

    Raises
    ------
    InstaHideError
        When it is missing or damaged.
    """
    path = Path(path)
    found = read_object(path)
    try:
        training, schedule = found["training"], found["training"]["schedule"]
        shares = {
            name: None if found["accuracy"][name] is None else float(found["accuracy"][name])
            for name in PREDICTED
        }
        return RunResult(
            path.parents[1].name,
            str(found["data"]),
            tuple(map(str, found["classes"])),
            encoding_in_words(training["encoding"]),
            str(training["network"]["text"]),
            str(training["input"]),
            int(schedule["epochs"]),
            int(found["images"]),
            int(found["accuracy"]["images"]),
            int(found["recorded"]),
            int(schedule["seed"]),
            shares,
            float(found["processor_seconds"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise InstaHideError(f"{path} lacks what the table needs ({error})") from None


def encoding_in_words(encoding: dict[str, Any] | None) -> str:
    """Name an encoding in a few words.

    Examples
    --------
    >>> encoding_in_words({"name": "dp-instahide", "options": {"k": 4, "noise": 0.2}})
    'dp-instahide, k = 4, noise = 0.2'
    """
    if encoding is None:
        return UNENCRYPTED
    name, options = encoding["name"], dict(encoding["options"])
    if name == INSTAHIDE:
        scheme = options["scheme"]
        return f"{scheme['name']}, k = {scheme['k']}"
    told = [f"{key} = {value}" for key, value in options.items() if key != "rows_per_image"]
    return ", ".join([name, *told])


def mean_over(runs: Sequence[RunResult], predicted: str) -> Mean | None:
    """Return the mean share of some seeds' runs with its 95 % interval; None without one.

    The interval counts both that another seed would train another network (the spread between
    seeds) and that other images would test it (binomial; seeds share the images that test, so
    more seeds do not make this part smaller). With one seed the first part is unknown, and
    left out.
    """
    shares = [run.accuracy[predicted] for run in runs]
    if not shares or None in shares:
        return None
    share = float(np.mean(shares))
    images = share * (1 - share) / runs[0].tested
    seeds = float(np.var(shares, ddof=1)) / len(shares) if len(shares) > 1 else 0.0
    return Mean(share, NORMAL_95 * math.sqrt(images + seeds))


def grouped(runs: Iterable[RunResult]) -> list[list[RunResult]]:
    """Return the runs of each training together, in the order in which trainings come."""
    groups: dict[str, list[RunResult]] = {}
    for run in runs:
        groups.setdefault(run.training, []).append(run)
    return list(groups.values())


def cost_of(runs: Sequence[RunResult], groups: Sequence[Sequence[RunResult]]) -> float | None:
    """Return what plain prediction loses against the training without encryption.

    None where there is none that is otherwise alike, and for that itself.
    """

    def alike(run: RunResult) -> tuple:
        return run.network, run.data, run.images, run.tested, run.epochs

    for others in groups:
        same = others[0].encoding == UNENCRYPTED and alike(others[0]) == alike(runs[0])
        if same and others is not runs:
            return mean_over(others, "plain").share - mean_over(runs, "plain").share
    return None


def load_reported() -> dict[str, Any]:
    """Return what the paper reports, by encoding, and where it is from."""
    text = resources.files(__package__).joinpath("reported.json").read_text(encoding="utf-8")
    return json.loads(text)


def reported_for(run: RunResult) -> float | None:
    """Return what the paper reports for an encoding, on CIFAR-10 only."""
    reported = load_reported()
    return reported["accuracy"].get(run.encoding) if same_classes(run, reported) else None


def same_classes(run: RunResult, reported: dict[str, Any]) -> bool:
    """Tell whether a run's classes are those that the paper reports on."""
    return set(run.classes) == set(reported["classes"])


def _several(groups: Sequence[Sequence[RunResult]]) -> list[str]:
    """Return what has to be named as trainings differ in it: data, network, or neither."""
    return [
        name
        for name in ("data", "network")
        if len({getattr(run, name) for runs in groups for run in runs}) > 1
    ]


def markdown_table(groups: Sequence[Sequence[RunResult]]) -> str:
    """Return the table as Markdown, with what its figures mean below it."""
    reported = load_reported()
    named = _several(groups)
    head = ["training", *named, "encoding", "input", "epochs", "seeds", *PREDICTED.values()]
    head += ["below none", "seconds", "paper reports"]
    lines = [head, ["---"] * len(head)]
    for runs in groups:
        first = runs[0]
        means = [mean_over(runs, name) for name in PREDICTED]
        seconds = f"{np.mean([run.processor_seconds for run in runs]):.0f}"
        paper, below = reported_for(first), cost_of(runs, groups)
        lines.append(
            [first.training, *(getattr(first, name) for name in named)]
            + [first.encoding, first.input, str(first.epochs), str(len(runs))]
            + ["" if mean is None else str(mean) for mean in means]
            + [
                "" if below is None else f"{100 * below:.1f}",
                seconds,
                "" if paper is None else f"{100 * paper:.1f}",
            ]
        )
    table = "\n".join("| " + " | ".join(line) + " |" for line in lines)
    return f"# What encryption costs in accuracy\n\n{table}\n\n{_notes(groups, reported)}"


def _notes(groups: Sequence[Sequence[RunResult]], reported: dict[str, Any]) -> str:
    sizes = {(r.data, r.network, r.images, r.tested) for runs in groups for r in runs}
    what = "; ".join(
        f"{network} on {data}, {images} images to train, {tested} to test"
        for data, network, images, tested in sorted(sizes)
    )
    parts = [
        f"Networks and data: {what}.",
        "Right predictions in per cent: mean over the seeds, and half of a 95 % interval, "
        "which counts the images that test and, with more than one, the spread of seeds.",
        "plain: the image itself is shown; enc×1: one encryption of it; enc×10: mean "
        "prediction of ten; largest: in each of the ten it has the largest private weight.",
        "input: the network sees magnitudes of rows (abs), or rows as they are (signed).",
        "below none: points of plain that are missing to the training without encryption that "
        "has the same network, images and epochs.",
        "seconds: processor time of a training, mean over the seeds.",
        f"paper reports: {reported['source']}; {reported['note']}.",
    ]
    recorded = max(run.recorded for runs in groups for run in runs)
    if recorded:
        parts.append(
            f"Up to {recorded} of the images are recorded: their encryptions are the challenge "
            "results/training/{training}/seen."
        )
    return "\n".join(f"- {part}" for part in parts) + "\n"


def csv_table(groups: Sequence[Sequence[RunResult]]) -> str:
    """Return the table as CSV, shares from 0 to 1; the paper's rows have no seeds."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    shares = [f"{name}{end}" for name in PREDICTED for end in ("", "_half_95")]
    about = [
        "training",
        "data",
        "encoding",
        "network",
        "input",
        "epochs",
        "images",
        "tested",
        "seeds",
    ]
    writer.writerow([*about, *shares, "below_none", "processor_seconds", "reported"])
    for runs in groups:
        first, row = runs[0], []
        for mean in (mean_over(runs, name) for name in PREDICTED):
            row += ["", ""] if mean is None else [f"{mean.share:.4f}", f"{mean.half:.4f}"]
        seconds = np.mean([run.processor_seconds for run in runs])
        told, below = [getattr(first, name) for name in about[:-1]], cost_of(runs, groups)
        row += ["" if below is None else f"{below:.4f}", f"{seconds:.1f}", "no"]
        writer.writerow([*told, len(runs), *row])
    for encoding, share in load_reported()["accuracy"].items():
        row = [f"{share:.3f}", *[""] * (len(shares) - 1)]
        told = ["reported", "CIFAR-10", encoding, "resnet18", "", 200, 50_000, 10_000, ""]
        writer.writerow([*told, *row, "", "", "yes"])
    return text.getvalue()


def draw_accuracy(groups: Sequence[Sequence[RunResult]]) -> "Figure":
    """Draw accuracy over epochs, a line for each encoding; the paper's as dashes at the right.

    Left: of plain images; right: of ten encryptions of each, in which it is the largest.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 4.6), layout="constrained")
    axes = figure.subplots(1, 2, sharey=True)
    named, lines = _several(groups), {}
    for runs in groups:
        first = runs[0]
        more = [getattr(first, name) for name in named] + ["signed"] * _unusual(first)
        label = f"{first.encoding} ({', '.join(more)})" if more else first.encoding
        lines.setdefault(label, []).append(runs)
    for number, (label, found) in enumerate(lines.items()):
        colour = LINE_COLOURS[number % len(LINE_COLOURS)]
        found = sorted(found, key=lambda runs: runs[0].epochs)
        shift = SIDEWAYS ** (number - (len(lines) - 1) / 2)  # or points hide each other
        for place, name in zip(axes, ("plain", "largest_10"), strict=True):
            means = [mean_over(runs, name) for runs in found]
            if None in means:
                continue
            place.errorbar(
                [runs[0].epochs * shift for runs in found],
                [100 * mean.share for mean in means],
                yerr=[100 * mean.half for mean in means],
                label=label, color=colour, marker="o", markersize=4, capsize=3,
            )  # fmt: skip
        paper = reported_for(found[0][0])
        if paper is not None:
            axes[0].axhline(100 * paper, color=colour, linestyle=":", linewidth=1, zorder=0)
    axes[0].set(title="plain images", ylabel="right predictions, per cent", ylim=(0, 100))
    axes[1].set(title="ten encryptions, the image the largest")
    epochs = sorted({run.epochs for runs in groups for run in runs})
    for place in axes:
        place.set(xlabel="epochs", xscale="log", xlim=(epochs[0] / 1.3, epochs[-1] * 1.3))
        place.set_xticks(epochs, list(map(str, epochs)))
        place.minorticks_off()
        place.spines[["top", "right"]].set_visible(False)
    figure.legend(
        *axes[0].get_legend_handles_labels(),
        loc="outside lower center",
        ncols=4,
        frameon=False,
        fontsize=8,
        title="dotted: reported by the paper, for ResNet-18 and 200 epochs",
        title_fontsize=8,
    )
    return figure


def save_table(markdown: Path | str, paths: Iterable[Path | str]) -> None:
    """Write the table as Markdown, and as CSV and a figure (PNG) beside it."""
    markdown = Path(markdown)
    groups = grouped(map(read_run, paths))
    save_figure(markdown.with_suffix(".png"), draw_accuracy(groups))
    save_text(markdown.with_suffix(".csv"), csv_table(groups))
    save_text(markdown, markdown_table(groups))


def _unusual(run: RunResult) -> bool:
    """Tell whether a network sees signs that a mask has flipped."""
    return run.input == "signed" and run.encoding.startswith(("cross", "inside"))
