"""Whether crops, flips and fill are found out from rows, where a challenge does not tell them.

Makes challenges in memory, estimates how their images were augmented, and prints what was
found, whether it is right, and processor seconds; at the end how many are right.

    python benchmarks/untold.py PRIVATE POOL.zarr SAMPLE.zarr --rows 50 10 --seeds 1 2

Augmentations are written, and PRIVATE and SAMPLE.zarr are, as in benchmarks/augmented.py.
"""

import argparse
import itertools
import time
from pathlib import Path

from augmented import augmentation_of
from challenges import Photos, make
from measuring import quiet

from instahide.attacks.unmixing.untold import estimate
from instahide.encodings.augmentation import Augmentation
from instahide.encodings.instahide.scheme import Scheme
from instahide.leaderboard.sweepcolumns import augmentation_in_short

USUAL = ["none", "flip", "2", "4", "6", "8"]
USUAL += [f"crop_padding={padding},flip=True,fill=grey" for padding in (2, 4)]


def in_short(found: Augmentation | None) -> str:
    return augmentation_in_short(found.describe() if found else {})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("private", type=Path)
    parser.add_argument("pool", type=Path)
    parser.add_argument("sample", type=Path, help="the attacker's pool")
    parser.add_argument("--augmentations", nargs="+", default=USUAL)
    parser.add_argument("--labels", nargs="+", default=["coefficients"])
    parser.add_argument("--rows", type=int, nargs="+", default=[50, 10], help="for each image")
    parser.add_argument("--images", type=int, default=100)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2])
    options = parser.parse_args()
    photos, right, tried = Photos(options.private, options.pool, options.sample), 0, 0
    grid = options.labels, options.augmentations, options.rows, options.seeds
    for labels, text, rows, seed in itertools.product(*grid):
        made = make(
            photos,
            options.images,
            Scheme(rows_per_image=rows),
            seed,
            labels=labels,
            augmentation=augmentation_of(text),
        )
        start = time.process_time()
        with quiet():
            found = estimate(made.problem)
        seconds, same = time.process_time() - start, found == made.augmentation
        right, tried = right + same, tried + 1
        told = in_short(made.augmentation), "right" if same else f"found {in_short(found)}"
        print(
            f"{labels}, T = {rows}, seed {seed}, {': '.join(told)} ({seconds:.1f} s)",
            flush=True,
        )
    print(f"{right} of {tried} are right")


if __name__ == "__main__":
    main()
