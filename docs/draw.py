"""Draw the README's pictures and those of the attacks' pages.

``encryptions.png``: encryptions of the default challenge beside their two private images.
``pipeline.svg``: what flows from stage to stage.
``recovered.png``: some encryptions on the way through the attack `pool`.

Run after `snakemake --cores all results/challenge/attacks/pool/score.json`:
python docs/draw.py
"""

import argparse
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch, Rectangle

from instahide.attacks.catalogue import NAMED, unmixing
from instahide.attacks.unmixing.state import State
from instahide.challenge.folder import ChallengeFolder
from instahide.challenge.private import load_private
from instahide.encodings.plan import load_plan
from instahide.figures import gallery, save_figure
from instahide.files import load_npy, load_npz
from instahide.images import to_unit_range

SECRET, PUBLIC, MADE = "#f8dfd9", "#dfe9f4", "#e4f0dc"
LEGEND = {"public material": PUBLIC, "secret": SECRET, "published results": MADE}
WIDTH, HEIGHT = 1.76, 0.78  # of a box
COLUMN, LINE = 2.2, 1.3  # from box to box

#: (column, line) -> name, explanation, colour
BOXES = {
    (0, 0): ("public photos", "folder, archive, URLs", PUBLIC),
    (1, 0): ("crops", "random squares", PUBLIC),
    (2, 0): ("key-point filter", "more than 40, by SIFT", PUBLIC),
    (3, 0): ("public pool", "patches, 32×32", PUBLIC),
    (0, 1): ("private photos", "in classes", SECRET),
    (1, 1): ("private set", "same number per class", SECRET),
    (2, 1): ("plan", "which images, how much", SECRET),
    (3, 1): ("encryption.npy", "and label.npy", MADE),
    (4, 1): ("release.zip", "no secret in it", MADE),
    (2, 2): ("secret truth", "truth.npz, seed", SECRET),
    (3, 2): ("scores", "SSIM, L2", MADE),
    (4, 2): ("attacks", "decryption.npy", MADE),
}
ARROWS = [
    ((0, 0), (1, 0)),
    ((1, 0), (2, 0)),
    ((2, 0), (3, 0)),
    ((3, 0), (2, 1)),
    ((3, 0), (3, 1)),
    ((0, 1), (1, 1)),
    ((1, 1), (2, 1)),
    ((2, 1), (3, 1)),
    ((3, 1), (4, 1)),
    ((2, 1), (2, 2)),
    ((4, 1), (4, 2)),
    ((4, 2), (3, 2)),
    ((2, 2), (3, 2)),
]


def draw_encryptions(folder: ChallengeFolder, per_class: int = 1) -> Figure:
    """Draw, for each class, the first rows that it leads, beside their private images."""
    private, plan = load_private(folder.private), load_plan(folder.truth)
    leading = private.classes[plan.members[:, 0]]
    rows = np.concatenate(
        [
            np.flatnonzero(leading == number)[:per_class]
            for number in range(len(private.class_names))
        ]
    )
    first, second = (private.images[images] for images in plan.members[rows, :2].T)
    columns = {
        "private (λ₀)": first,
        "private (λ₁)": second,
        "encryption": load_npy(folder.encryption)[rows],
    }
    return gallery(columns, blocks=2)


def draw_recovery(folder: ChallengeFolder, attack: str = "pool") -> Figure:
    """Draw, for the first row of each class, what every step of an attack makes of it."""
    out = folder.path / "attacks" / attack
    private, plan = load_private(folder.private), load_plan(folder.truth)
    shape, handed_in = private.images.shape[1:], load_npy(out / "decryption.npy")
    (before,) = unmixing(attack, **NAMED[attack]).files(2)
    state = State.load(folder.path / "steps" / before)
    leading = private.classes[plan.members[:, 0]]
    rows = np.array([np.argmax(leading == number) for number in range(leading.max() + 1)])
    # The recovered image that a row hands in, and the private image it is nearest to.
    truth = to_unit_range(private.images[plan.members[rows, :2]])
    nearest = ((truth - handed_in[rows, None]) ** 2).mean(axis=(2, 3, 4)).argmin(axis=1)
    recovered = state.images[:-1].reshape(-1, *shape)
    pairs = load_npz(out / "assignment.npz", ("members", "weights"))["members"][rows]
    solved = np.asarray(load_npy(out / "private.npy"))[pairs]
    chosen = (solved == handed_in[rows, None]).all(axis=(2, 3, 4)).argmax(axis=1)
    first_guess = recovered[pairs[np.arange(len(rows)), chosen]]
    columns = {
        "encryption": load_npy(folder.encryption)[rows],
        "mask off": np.clip(state.unmasked[rows].reshape(-1, *shape), -1, 1),
        "statistics": np.clip(first_guess, -1, 1),
        "with the pool": handed_in[rows],
        "private": private.images[plan.members[rows, nearest]],
    }
    return gallery(columns, blocks=2)


def draw_pipeline() -> Figure:
    """Draw the stages and what they hand on."""
    width, height = 4 * COLUMN + WIDTH, 2 * LINE + HEIGHT
    figure = Figure(figsize=(width + 0.6, height + 0.9))
    figure.patch.set_alpha(0)
    axes = figure.add_axes((0, 0, 1, 1), xlim=(-0.3, width + 0.3), ylim=(height + 0.6, -0.3))
    axes.axis("off")
    paper = {"boxstyle": "round,pad=0,rounding_size=0.15", "fc": "white", "ec": "none"}
    axes.add_patch(FancyBboxPatch((-0.3, -0.3), width + 0.6, height + 0.9, **paper))
    for place, content in BOXES.items():
        draw_box(axes, place, *content)
    for start, end in ARROWS:
        draw_arrow(axes, start, end)
    draw_legend(axes, height + 0.3)
    return figure


def draw_box(axes: Axes, place: tuple[int, int], name: str, text: str, colour: str) -> None:
    """Draw a stage's product."""
    left, top = place[0] * COLUMN, place[1] * LINE
    style = {"boxstyle": "round,pad=0,rounding_size=0.1", "fc": colour, "ec": "#555555"}
    axes.add_patch(FancyBboxPatch((left, top), WIDTH, HEIGHT, lw=0.8, **style))
    centre = {"ha": "center", "va": "center", "color": "#222222"}
    axes.text(left + WIDTH / 2, top + 0.3, name, fontsize=10.5, weight="bold", **centre)
    axes.text(left + WIDTH / 2, top + 0.56, text, fontsize=8, **centre)


def draw_arrow(axes: Axes, start: tuple[int, int], end: tuple[int, int]) -> None:
    """Draw an arrow from a box's edge to the next one's."""
    way = np.sign(np.subtract(end, start))
    sides = np.array([WIDTH, HEIGHT])
    # Downwards and to the left, arrows leave below and arrive above.
    reach = way * sides / 2 if not way.all() else np.array([way[0] * WIDTH / 4, sides[1] / 2])
    centres = [np.multiply(place, (COLUMN, LINE)) + sides / 2 for place in (start, end)]
    axes.add_patch(
        FancyArrowPatch(
            centres[0] + reach,
            centres[1] - reach,
            arrowstyle="-|>",
            mutation_scale=12,
            shrinkA=2,
            shrinkB=2,
            color="#555555",
        )
    )


def draw_legend(axes: Axes, top: float) -> None:
    """Draw what the colours mean."""
    for number, (text, colour) in enumerate(LEGEND.items()):
        left = number * COLUMN
        axes.add_patch(
            Rectangle((left, top - 0.09), 0.26, 0.18, fc=colour, ec="#555555", lw=0.6)
        )
        axes.text(left + 0.36, top, text, fontsize=8, va="center", color="#222222")


def main() -> None:
    """Write all pictures."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--challenge", type=Path, default=Path("results/challenge"))
    parser.add_argument("--out", type=Path, default=Path(__file__).parent)
    options = parser.parse_args()
    folder = ChallengeFolder(options.challenge)
    save_figure(options.out / "encryptions.png", draw_encryptions(folder))
    save_figure(options.out / "recovered.png", draw_recovery(folder))
    save_figure(options.out / "pipeline.svg", draw_pipeline())


if __name__ == "__main__":
    main()
