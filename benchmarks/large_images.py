"""Time, memory and quality of the attacks `whitened` and `pool` on larger images.

Splits photos into private images, photos of the challenge's pool and photos of the attacker's,
makes pools of each size, and attacks challenges of it, each in a process of its own. Prints
processor seconds of every stage, the most memory and Max_SSIM.

    python benchmarks/large_images.py PHOTOS WORK --cases 64x20x50 64x100x50 128x50x50

PHOTOS is a folder of photos; WORK is an empty folder, or what this made of the same photos
before. A case is side, private images and rows for each of them. Photos smaller than the side
are enlarged.
"""

import argparse
import os
import shutil
import subprocess
import sys
from pathlib import Path

from challenges import Photos, in_own_process, measure_attack
from many_rows import line
from PIL import Image

from instahide.attacks.catalogue import STAGES

#: side -> smallest and largest side of crops, and how many of them are tried for each photo
CROPS = {64: (96, 150, 25), 128: (128, 160, 10), 224: (128, 160, 10)}
CLASSES = 5
#: What memory can be measured with.
SHORT = {"whitened": {"retrieval": "field,rounds=1"}}
SHORT["pool"] = SHORT["whitened"] | {"finish": "pool,passes=2"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("photos", type=Path)
    parser.add_argument("work", type=Path)
    parser.add_argument(
        "--cases", nargs="+", default=["64x20x50", "64x100x50", "128x50x50", "224x20x50"]
    )
    parser.add_argument("--attack", choices=("whitened", "pool"), nargs="+", default=None)
    parser.add_argument("--channels", type=int, choices=(1, 3), default=3)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--short", action="store_true", help="one round, two passes: for memory, not quality"
    )
    options = parser.parse_args()
    split_photos(options.photos, options.work)
    print(f"{options.channels} channels, load {os.getloadavg()[0]:.1f}")
    heads = "".join(f"{name:>12}" for name in (*STAGES, "GiB", "Max_SSIM"))
    print(f"{'attack':<10}{'side':>5}{'n':>5}{'E':>7}{heads}")
    for case in options.cases:
        side, images, rows = map(int, case.split("x"))
        photos = prepare(options.work, side, options.channels)
        for attack in options.attack or ("whitened", "pool"):
            short = SHORT[attack] if options.short else {}
            given = photos, images, rows, options.seed, attack, short
            figures = in_own_process(measure_attack, *given)
            cells = f"{attack:<10}{side:>5}{images:>5}{images * rows:>7}{line(figures)}"
            print(cells, flush=True)


def split_photos(photos: Path, work: Path) -> None:
    """Share out photos: a tenth private, in classes by their order; the others in two."""
    files = sorted(path for path in photos.iterdir() if path.is_file())
    for number, path in enumerate(files):
        if number % 10:
            folder = work / ("pool" if number % 2 else "sample")
        else:
            folder = work / "private" / f"class{number * CLASSES // len(files)}"
        folder.mkdir(parents=True, exist_ok=True)
        if not (folder / path.name).exists():
            shutil.copyfile(path, folder / path.name)


def prepare(work: Path, side: int, channels: int) -> Photos:
    """Make the pools of a size, if they are not there."""
    least, most, crops = CROPS[side]
    stores = [work / f"{name}{side}-{channels}.zarr" for name in ("pool", "sample")]
    for name, store in zip(("pool", "sample"), stores, strict=True):
        if not store.exists():
            given = ["--size", side, "--crop-size", least, most, "--crops-per-photo", crops]
            given += ["--channels", channels, "--most-skipped", 0.5, "--out", store]
            command = [sys.executable, "-m", "instahide", "pool", work / name, *given]
            subprocess.run(list(map(str, command)), check=True, capture_output=True)
    private = work / f"private{side}"
    if not private.exists():
        for path in (work / "private").glob("*/*"):
            enlarge(path, private / path.parent.name / f"{path.stem}.png", side)
    return Photos(private, *stores)


def enlarge(source: Path, target: Path, side: int) -> None:
    """Copy a photo; one whose shorter side is less than `side` is enlarged to it."""
    target.parent.mkdir(parents=True, exist_ok=True)
    photo = Image.open(source).convert("RGB")
    factor = max(1, side / min(photo.size))
    photo.resize([max(side, round(factor * length)) for length in photo.size]).save(target)


if __name__ == "__main__":
    main()
