"""Draw the pictures of docs/augmented.md.

``augmented.png``: rows on their way through the attack `augmented`, on a challenge made of the
private set and the pool of the default challenge, with crops and flips.
``protection.png``: what augmentation protects, see `instahide.leaderboard.protection`.

Run after `make challenge` (the first picture takes three minutes):
python docs/drawaugmented.py
"""

import argparse
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
from instahide.leaderboard.protection import save_protection
from instahide.pool.pool import open_pool
from instahide.randomness.keystream import Key

CROPS = Augmentation(crop_padding=4, flip=True)
SHOWN = 8  # rows
STEPS = (1, 4, 16)  # rows that a canvas is made of


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
    count = len(sources.private.images)
    for image in range(0, count, max(1, count // SHOWN)):
        own = np.flatnonzero(images == image)
        own = own[np.argsort(-weights[own])]
        if len(own) < max(STEPS) or len(rows) == SHOWN:
            continue
        row, other = own[:2]
        rows.append(row)
        columns["mask off"].append(unmasked[row])
        columns["another"].append(unmasked[other])
        laid = lay_over(views, unmasked[[other]], seen[[other]])
        columns["laid over"].append(views.show(laid, seen[[row], None])[0])
        for step in STEPS:
            canvas = lay_over(views, unmasked[own[:step]], seen[own[:step]])[0]
            columns["1 row" if step == 1 else f"{step} rows"].append(canvas)
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


def main() -> None:
    """Write both pictures."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--challenge", type=Path, default=Path("results/challenge"))
    parser.add_argument("--pool", type=Path, default=Path("results/public/bundled/pool.zarr"))
    parser.add_argument("--out", type=Path, default=Path(__file__).parent)
    options = parser.parse_args()
    save_protection(options.out / "protection.png")
    folder = ChallengeFolder(options.challenge)
    attack = draw_attack(folder, options.pool, Key.from_seed(0))
    save_figure(options.out / "augmented.png", attack)


if __name__ == "__main__":
    main()
