"""Quality of attacks on images that are augmented before they are mixed, over seeds.

Makes challenges of each augmentation, number of rows and seed in memory, attacks them and
prints Max_SSIM (rows are compared with images as they were mixed), the SSIM of the recovered
private set up to flip and shift, processor seconds and memory; then mean and range.

    python benchmarks/augmented.py PRIVATE POOL.zarr SAMPLE.zarr --rows 50 --seeds 1 2 3
    python benchmarks/augmented.py … --augmentations none flip 2 4 8 turned --rows 5 10 20 50 \
        --attacks whitened augmented augmented-pool --csv protection.csv

An augmentation is ``none``, ``flip``, pixels of padding such as ``4`` (with flips),
``turned`` (up to 90 degrees, with flips), ``fusion`` (Luo et al. 2021: turned by up to 90
degrees, moved by up to half the image, crops of 24 pixels grown to 32, flips), or options such
as ``crop_padding=4,fill=grey``. PRIVATE is a folder with a sub-folder per class, or CIFAR-10's
binary archive; SAMPLE.zarr is the attacker's pool, made from other photos than POOL.zarr.
"""

import argparse
import csv
import itertools
from pathlib import Path

import numpy as np
from challenges import Photos, in_own_process, measure_attack
from measuring import quiet

from instahide.attacks.catalogue import NAMED
from instahide.choice import choose
from instahide.encodings.augmentation import Augmentation

PRESETS = {
    "none": None,
    "flip": Augmentation(flip=True),
    "turned": Augmentation(flip=True, rotation=90),
    "fusion": Augmentation(flip=True, rotation=90, translation=0.5, crop=24),
}
HEADER = ("attack", "augmentation", "images", "rows", "seed", "max_ssim", "set_ssim")
HEADER += ("seconds", "gigabytes")
COLUMNS = ("Max_SSIM", "the set", "seconds", "GiB")


def augmentation_of(text: str) -> Augmentation | None:
    """Read an augmentation, see the module."""
    if text in PRESETS:
        return PRESETS[text]
    if text.isdecimal():
        return Augmentation(crop_padding=int(text), flip=True)
    return Augmentation(**choose("augmentation", f"own,{text}", {"own": ""}).options)


def add_line(path: Path, values: list) -> None:
    """Add a line to a CSV file, with a header where it is new."""
    new = not path.exists()
    with path.open("a", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerows([HEADER] * new + [values])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("private", type=Path)
    parser.add_argument("pool", type=Path)
    parser.add_argument("sample", type=Path, help="the attacker's pool")
    parser.add_argument("--augmentations", nargs="+", default=["4"])
    parser.add_argument("--attacks", nargs="+", choices=NAMED, default=["augmented"])
    parser.add_argument("--rows", type=int, nargs="+", default=[50], help="for each image")
    parser.add_argument("--images", type=int, default=100)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--finish", help="instead of the attacks' own, such as views-denoise")
    parser.add_argument("--csv", type=Path, help="where to add all results, line by line")
    options = parser.parse_args()
    photos = Photos(options.private, options.pool, options.sample)
    chosen = {"finish": options.finish} if options.finish else None
    for name, text, rows in itertools.product(
        options.attacks, options.augmentations, options.rows
    ):
        print(f"\n{name}, augmentation {text}, n = {options.images}, T = {rows}")
        print("seed  " + "".join(f"{column:>10}" for column in COLUMNS))
        found = []
        for seed in options.seeds:
            given = options.images, rows, seed, name, chosen, augmentation_of(text)
            with quiet():
                figures = in_own_process(measure_attack, photos, *given)
            values = figures.max_ssim, figures.set_ssim, figures.total, figures.gigabytes
            found.append(values)
            print(f"{seed:<6}" + "".join(f"{value:>10.4g}" for value in values), flush=True)
            if options.csv:
                add_line(options.csv, [name, text, options.images, rows, seed, *values])
        for label, summary in (("mean", np.mean), ("least", np.min), ("most", np.max)):
            values = summary(found, axis=0)
            print(f"{label:<6}" + "".join(f"{value:>10.4g}" for value in values))


if __name__ == "__main__":
    main()
