"""Time, memory and quality of the whitened attack on many rows, 50 of each private image.

Makes challenges of E = 50 n rows in memory, each in a process of its own, attacks them, and
prints processor seconds of every stage, the most memory and Max_SSIM; then the exponents of
time and memory between the smallest and the largest.

    python benchmarks/many_rows.py PRIVATE POOL.zarr SAMPLE.zarr --images 100 200 400 1000

PRIVATE is a folder with a sub-folder per class, or CIFAR-10's binary archive; SAMPLE.zarr is
the attacker's pool, made from other photos than POOL.zarr.
"""

import argparse
import os
from pathlib import Path

import numpy as np
from challenges import Figures, Photos, in_own_process, measure_attack

from instahide.attacks.catalogue import NAMED, STAGES

ROWS_PER_IMAGE = 50


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("private", type=Path)
    parser.add_argument("pool", type=Path)
    parser.add_argument("sample", type=Path, help="the attacker's pool")
    parser.add_argument("--images", type=int, nargs="+", default=[100, 200, 400, 1000])
    parser.add_argument("--attack", choices=NAMED, nargs="+", default=["whitened"])
    parser.add_argument("--seed", type=int, default=1, help="of private sets and challenges")
    options = parser.parse_args()
    photos = Photos(options.private, options.pool, options.sample)
    threads = os.environ.get("OPENBLAS_NUM_THREADS", "all")
    print(f"seed {options.seed}, {threads} BLAS threads, load {os.getloadavg()[0]:.1f}")
    for attack in options.attack:
        print(f"\n{attack}")
        print(f"{'n':>6}{'E':>8}" + "".join(f"{s:>12}" for s in (*STAGES, "GiB", "Max_SSIM")))
        found = {}
        for images in options.images:
            given = photos, images, ROWS_PER_IMAGE, options.seed, attack
            found[images] = figures = in_own_process(measure_attack, *given)
            print(f"{images:>6}{images * ROWS_PER_IMAGE:>8}{line(figures)}", flush=True)
        if len(found) > 1:
            print(exponents(found))


def line(figures: Figures) -> str:
    """Return the figures of one challenge in columns."""
    seconds = "".join(f"{value:>12.1f}" for value in figures.seconds)
    return f"{seconds}{figures.gigabytes:>12.2f}{figures.max_ssim:>12.4f}"


def exponents(found: dict[int, Figures]) -> str:
    """Say with what power of E each stage and the memory grow."""
    small, large = min(found), max(found)
    steps = zip(found[large].seconds, found[small].seconds, strict=True)
    ratios = [after / before for after, before in steps]
    ratios += [
        found[large].total / found[small].total,
        found[large].gigabytes / found[small].gigabytes,
    ]
    powers = np.log(ratios) / np.log(large / small)
    names = (*STAGES, "all", "memory")
    told = ", ".join(f"{name} {p:.2f}" for name, p in zip(names, powers, strict=True))
    return f"exponents from n = {small} to {large}: {told}"


if __name__ == "__main__":
    main()
