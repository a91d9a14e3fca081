"""What noise, rounding, JPEG or clipping of the encryptions does to attacks.

    python benchmarks/noise.py PRIVATE POOL.zarr SAMPLE.zarr --images 20 --seeds 1 2 3

PRIVATE is CIFAR-10's binary archive or a folder with a sub-folder per class; SAMPLE.zarr the
attacker's own photos, others than the pool's. Rows are made, treated in memory
(`instahide.encodings.treatment`) and attacked as they are. Prints a Markdown table of Max_SSIM,
median and range over the seeds; writes each figure to a CSV file, and a figure of the kinds of
noise beside it, with the suffix .png.

A mask's signs are independent of all else and as often + as -. So masked rows are made from
their magnitudes by signs that are drawn anew: rows have the distribution of the challenge's.
"""

import argparse
import csv
from collections.abc import Iterator
from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
from challenges import Made, Photos, make
from matplotlib.figure import Figure
from measuring import quiet, spread

from instahide.attacks.catalogue import NAMED, unmixing
from instahide.attacks.running import run_step, run_steps
from instahide.attacks.seen import strip_labels
from instahide.attacks.unmixing.problem import Problem
from instahide.encodings.instahide.scheme import Scheme
from instahide.encodings.treating import treat
from instahide.encodings.treatment import Treatment
from instahide.figures import save_figure

TREATMENTS = (
    "none", "gaussian=0.05", "gaussian=0.1", "gaussian=0.2", "laplace=0.1", "rounding=8",
    "rounding=4", "jpeg=95", "jpeg=75", "clip=0.5", "clip=0.25",
)  # fmt: skip
#: Attacks by the scheme that they take apart.
ATTACKS = {"cross": ("whitened", "whitened-none", "pool"), "mixup": ("linear", "linear-pool")}
COLUMNS = ("scheme", "treatment", "attack", "seed", "max_ssim")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    for name in ("private", "pool", "sample"):
        parser.add_argument(name, type=Path)
    parser.add_argument("--schemes", nargs="+", choices=ATTACKS, default=list(ATTACKS))
    parser.add_argument("--treatments", nargs="+", default=TREATMENTS)
    parser.add_argument("--attacks", nargs="+", help="default: all that take the scheme")
    parser.add_argument("--k", type=int, default=6)
    parser.add_argument("--images", type=int, default=50)
    parser.add_argument("--rows", type=int, default=50, help="T, for each image")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--untold", action="store_true", help="attackers do not know of noise")
    parser.add_argument("--passes", type=int, default=5, help="at most, of those with a pool")
    parser.add_argument("--out", type=Path, default=Path("noise.csv"))
    options = parser.parse_args()
    photos = Photos(options.private, options.pool, options.sample)
    lines: list[dict] = []
    for seed, scheme in product(options.seeds, options.schemes):
        asked = options.attacks or ATTACKS[scheme]
        named = [name for name in ATTACKS[scheme] if name in asked]
        mixture = Scheme(scheme, options.k, rows_per_image=options.rows)
        made = make(photos, options.images, mixture, seed, knows_pool=True)
        for text in options.treatments:
            treatment = Treatment.of(text)
            noise = None if options.untold else treatment.noise
            seen = treated(made.problem, treatment, noise, seed)
            for name, score in measure(made, seen, named, seed, options.passes):
                line = dict(zip(COLUMNS, (scheme, text, name, seed, score), strict=True))
                lines.append(line)
                print("|".join(map(str, line.values())), flush=True)
                save_lines(lines, options.out)
    print(table(lines))
    save_figure(options.out.with_suffix(".png"), draw(lines))


def measure(
    made: Made, problem: Problem, names: list[str], seed: int, passes: int
) -> Iterator[tuple[str, float]]:
    """Attack the treated rows of a challenge, and yield each attack's Max_SSIM.

    Attacks that begin alike share what they begin with, as in the workflow.
    """
    begun: dict = {}
    for name in names:
        attack = unmixing(**chosen_for(name, passes))
        seen = replace(
            problem,
            label=strip_labels(problem.label, attack.labels),
            labels=attack.labels,
            pool=problem.pool if attack.public == "pool" else None,
        )
        *first, last = attack.steps
        start = (attack.labels, *(step.choice.text for step in first))
        with quiet():
            if start not in begun:
                begun[start] = run_steps(first, seen)[0]
            recovery = run_step(last, seen, (begun[start],), np.random.default_rng(seed))
        yield name, round(made.max_ssim(np.clip(recovery.decryption, -1, 1)), 4)


def treated(problem: Problem, treatment: Treatment, noise: float | None, seed: int) -> Problem:
    """Return a problem with treated rows; `noise` is what its attacker is told of them."""
    rows = release(problem.magnitudes.reshape(-1, *problem.shape), treatment, seed,
                   masked=problem.scheme.masked)  # fmt: skip
    rows = rows.reshape(problem.magnitudes.shape)
    magnitudes = np.abs(rows) if problem.scheme.masked else rows
    return replace(problem, magnitudes=magnitudes, noise=noise)


def chosen_for(name: str, passes: int) -> dict[str, str]:
    """Return what an attack chooses; noisy rows are never settled, so passes are limited."""
    chosen = NAMED[name]
    if "pool" in chosen.get("finish", ""):
        chosen = chosen | {"finish": f"{chosen['finish']},passes={passes}"}
    return chosen


def release(rows: np.ndarray, treatment: Treatment, seed: int, *, masked: bool) -> np.ndarray:
    """Return treated rows, under signs of their own where rows are masked.

    Parameters
    ----------
    rows : ndarray of float32, shape (E, H, W, C)
        Magnitudes, where rows are masked.
    """
    rng = np.random.default_rng(seed)
    if masked:
        rows = rows * rng.choice(np.float32([-1, 1]), rows.shape)
    draw = {"gaussian": lambda: rng.standard_normal(rows.shape, np.float32),
            "laplace": lambda: rng.laplace(size=rows.shape)}  # fmt: skip
    return treat(rows, treatment, draw[treatment.kind]() if treatment.kind in draw else None)


def table(lines: list[dict]) -> str:
    """Return Max_SSIM as a Markdown table: a line for each treatment, a column each attack."""
    attacks = list(dict.fromkeys((line["scheme"], line["attack"]) for line in lines))
    text = "| | " + " | ".join(f"{scheme}: {name}" for scheme, name in attacks) + " |\n"
    text += "|---" * (len(attacks) + 1) + "|\n"
    for treatment in dict.fromkeys(line["treatment"] for line in lines):
        cells = [spread(scores_of(lines, treatment, *which), 3) for which in attacks]
        text += f"| {treatment} | " + " | ".join(cells) + " |\n"
    return text


def scores_of(lines: list[dict], treatment: str, scheme: str, attack: str) -> np.ndarray:
    """Return Max_SSIM of all seeds; NaN where nothing was measured."""
    wanted = {"treatment": treatment, "scheme": scheme, "attack": attack}
    found = [line["max_ssim"] for line in lines if wanted.items() <= line.items()]
    return np.array(found or [np.nan])


def save_lines(lines: list[dict], path: Path) -> None:
    """Write all figures as CSV."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(lines)


def draw(lines: list[dict]) -> Figure:
    """Draw Max_SSIM of each attack by treatment, a panel for each scheme; bars are ranges."""
    schemes = list(dict.fromkeys(line["scheme"] for line in lines))
    figure = Figure(figsize=(5 * len(schemes), 3.6), layout="constrained")
    panels = figure.subplots(1, len(schemes), sharey=True, squeeze=False)[0]
    for axes, scheme in zip(panels, schemes, strict=True):
        own = [line for line in lines if line["scheme"] == scheme]
        treatments = list(dict.fromkeys(line["treatment"] for line in own))
        attacks = list(dict.fromkeys(line["attack"] for line in own))
        for number, attack in enumerate(attacks):
            scores = [scores_of(own, each, scheme, attack) for each in treatments]
            middle = np.array([np.median(each) for each in scores])
            low, high = ([side(each) for each in scores] for side in (np.min, np.max))
            places = np.arange(len(treatments)) + 0.15 * (number - (len(attacks) - 1) / 2)
            axes.errorbar(
                places,
                middle,
                [middle - low, high - middle],
                fmt="os^"[number % 3],
                color=("#0072B2", "#D55E00", "#009E73")[number % 3],
                label=attack,
                markersize=5,
            )
        axes.set_xticks(range(len(treatments)), treatments, rotation=60, ha="right")
        axes.set_title(scheme)
        axes.set_ylim(0, 1.02)
        axes.grid(axis="y", color="#dddddd")
        axes.legend(fontsize=8)
    panels[0].set_ylabel("Max_SSIM")
    return figure


if __name__ == "__main__":
    main()
