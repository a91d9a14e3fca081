"""Draw the pictures of docs/augmented.md.

``augmented.png``: rows on their way through the attack `augmented`, on a challenge made of the
private set and the pool of the default challenge, with crops and flips.
``protection.png``: what augmentation protects, as `benchmarks/augmented.py` measured it; the
numbers are in ``protection.csv``.

Run after `make challenge` (the first picture takes three minutes):
python docs/drawaugmented.py
"""

import argparse
import csv
from collections import defaultdict
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from instahide.attacks.catalogue import NAMED, unmixing
from instahide.attacks.protocol import Recovery, Released
from instahide.attacks.running import run_steps
from instahide.attacks.seen import sample
from instahide.attacks.unmixing.parts.canvases import RowViews, Views
from instahide.attacks.unmixing.problem import make_problem
from instahide.attacks.unmixing.state import State
from instahide.challenge.encryption import encode_rows
from instahide.challenge.folder import ChallengeFolder
from instahide.challenge.sources import Sources, load_sources
from instahide.encodings.augmentation import Augmentation
from instahide.encodings.choice import of_scheme
from instahide.encodings.instahide.scheme import Scheme
from instahide.encodings.labels import label_rows
from instahide.encodings.plan import as_mixed
from instahide.figures import gallery, save_figure
from instahide.images import to_unit_range
from instahide.pool.pool import open_pool
from instahide.randomness.keystream import Key

CROPS = Augmentation(crop_padding=4, flip=True)
SHOWN = 8  # rows
STEPS = (1, 4, 16)  # rows that a canvas is made of
NAMES = {
    "none": "none",
    "flip": "flips",
    "2": "crops by 2 pixels, flips",
    "4": "crops by 4 pixels, flips",
    "8": "crops by 8 pixels, flips",
    "turned": "turned by up to 90°, flips",
}
COLOURS = ("#3b6ea5", "#4b9a8a", "#7aa84b", "#c29a2c", "#c2632c", "#8a4b9a")


def draw_attack(folder: ChallengeFolder, pool: Path, key: Key) -> Figure:
    """Make a challenge with crops and flips, attack it, and draw some rows on their way."""
    chosen = of_scheme(Scheme(), augmentation=CROPS.describe())
    sources = load_sources(folder.private, pool, key, chosen)
    plan = sources.plan()
    released = Released(encode_rows(sources, plan, 0), label_rows(plan, sources.private))
    public, count = to_unit_range(sample(open_pool(pool))), len(sources.private.images)
    problem = make_problem(released, public, Scheme(), count, augmentation=CROPS)
    made = {}
    recovery, _ = run_steps(
        unmixing("augmented", **NAMED["augmented"]).steps,
        problem,
        observe=made.__setitem__,
    )
    return gallery(columns_of(sources, released, made["retrieval"], recovery), blocks=1)


def columns_of(
    sources: Sources, released: Released, state: State, recovery: Recovery
) -> dict[str, np.ndarray]:
    """Return what is known of some rows after each step, column by column."""
    plan, shape = sources.plan(), sources.private.images.shape[1:]
    views = Views(shape, CROPS.crop_padding, CROPS.flip)
    place = state.assignment.weights.argmax(axis=1)
    every = np.arange(len(state))
    members = state.assignment.members[every, place]
    images, seen = views.split(members)
    weights = state.assignment.weights[every, place]
    unmasked = np.clip(state.unmasked, -1, 1)
    rows, columns = [], defaultdict(list)
    for image in range(len(sources.private.images)):
        own = np.flatnonzero(images == image)
        own = own[np.argsort(-weights[own])]
        if len(own) < max(STEPS) or len(rows) == SHOWN:
            continue
        row, other = own[:2]
        rows.append(row)
        columns["a row, its mask off"].append(unmasked[row])
        columns["another"].append(unmasked[other])
        laid = lay_over(views, unmasked[[other]], seen[[other]])
        columns["laid over it"].append(views.show(laid, seen[[row], None])[0])
        for step in STEPS:
            canvas = lay_over(views, unmasked[own[:step]], seen[own[:step]])[0]
            columns[f"canvas of {step}"].append(canvas)
    rows = np.array(rows)
    truths = to_unit_range(as_mixed(plan[rows], sources.private.images))
    handed_in = recovery.decryption[rows]
    nearest = ((truths - handed_in[:, None]) ** 2).mean(axis=(2, 3, 4)).argmin(axis=1)
    start = {"encryption": released.encryption[rows]}
    middle = {name: np.stack(column).reshape(-1, *shape) for name, column in columns.items()}
    end = {"recovered": handed_in, "as mixed": truths[np.arange(len(rows)), nearest]}
    return start | middle | end


def lay_over(views: Views, rows: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """Return the mean of rows, (E, d), laid over an image, (1, d); black where none is."""
    placed = RowViews(views, seen[:, None], np.ones((len(rows), 1), np.float32))
    cover = placed.spread(np.ones_like(rows), 1)
    return np.where(cover > 0, placed.spread(rows, 1) / np.maximum(cover, 1), -1)


def draw_protection(path: Path) -> Figure:
    """Draw Max_SSIM by rows for each image, a line for each augmentation."""
    found = defaultdict(dict)
    with path.open(encoding="utf-8") as file:
        for line in csv.DictReader(file):
            knows = "pool" in line["attack"]
            place = found[line["augmentation"], knows]
            place.setdefault(int(line["rows"]), []).append(float(line["max_ssim"]))
    figure = Figure(figsize=(7.2, 3.6), layout="constrained")
    both = figure.subplots(1, 2, sharey=True)
    for axes, knows in zip(both, (False, True), strict=True):
        for (name, title), colour in zip(NAMES.items(), COLOURS, strict=True):
            values = found.get((name, knows), {})
            if values:
                rows = sorted(values)
                means = [np.mean(values[count]) for count in rows]
                axes.plot(rows, means, "o-", color=colour, label=title, markersize=4)
        axes.set(xscale="log", ylim=(0, 1), xlabel="rows for each image (T)")
        axes.set_xticks([5, 10, 20, 50], ["5", "10", "20", "50"])
        axes.minorticks_off()
        axes.grid(alpha=0.3)
        axes.set_title("the pool is known" if knows else "the pool is not known", fontsize=10)
    both[0].set_ylabel("Max_SSIM")
    handles, labels = both[0].get_legend_handles_labels()
    figure.legend(
        handles, labels, loc="outside lower center", ncols=3, fontsize=8, frameon=False
    )
    return figure


def main() -> None:
    """Write both pictures."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--challenge", type=Path, default=Path("results/challenge"))
    parser.add_argument("--pool", type=Path, default=Path("results/public/bundled/pool.zarr"))
    parser.add_argument("--out", type=Path, default=Path(__file__).parent)
    options = parser.parse_args()
    save_figure(
        options.out / "protection.png",
        draw_protection(Path(__file__).parent / "protection.csv"),
    )
    folder = ChallengeFolder(options.challenge)
    attack = draw_attack(folder, options.pool, Key.from_seed(0))
    save_figure(options.out / "augmented.png", attack)


if __name__ == "__main__":
    main()
