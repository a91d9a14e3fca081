"""How time and memory of the whitened attack grow with rows and with private images.

Challenges are made from a private source and a pool, each in a process of its own, so that
its peak memory is its own. Prints, for each number of private images n and of rows E, processor
seconds of every stage, peak memory and Max_SSIM, and the exponents of growth.

    python benchmarks/whitened_growth.py PRIVATE POOL.zarr SAMPLE.zarr

PRIVATE is a folder with a sub-folder per class, or CIFAR-10's binary archive; SAMPLE.zarr is
the attacker's pool, made from other photos than POOL.zarr.
"""

import argparse
import os
from pathlib import Path

import numpy as np
from challenges import Photos, in_own_process, measure_attack

from instahide.attacks.catalogue import STAGES

#: (private images, rows for each)
SIZES = ((100, 25), (100, 50), (100, 100), (50, 50), (200, 50))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("private", type=Path)
    parser.add_argument("pool", type=Path)
    parser.add_argument("sample", type=Path, help="the attacker's pool")
    parser.add_argument("--seed", type=int, default=1, help="of private sets and challenges")
    options = parser.parse_args()
    threads = os.environ.get("OPENBLAS_NUM_THREADS", "all")
    print(f"seed {options.seed}, {threads} BLAS threads, load {os.getloadavg()[0]:.1f}")
    print(f"{'n':>5}{'E':>8}" + "".join(f"{s:>12}" for s in (*STAGES, "MB", "Max_SSIM")))
    photos = Photos(options.private, options.pool, options.sample)
    found = {}
    for images, rows in SIZES:
        given = photos, images, rows, options.seed, "whitened"
        measured = in_own_process(measure_attack, *given)
        figures = [*measured.seconds, 1e-6 * 2**30 * measured.gigabytes, measured.max_ssim]
        found[images, rows] = figures
        cells = "".join(f"{value:>12.1f}" for value in figures[:-1])
        print(f"{images:>5}{images * rows:>8}{cells}{figures[-1]:>12.4f}", flush=True)
    print("\nexponents: between the smallest and the largest")
    for name, small, large in (
        ("rows, n = 100", (100, 25), (100, 100)),
        ("images and rows, E = 50 n", (50, 50), (200, 50)),
    ):
        ratios = np.array(found[large]) / np.array(found[small])
        seconds = sum(found[large][:4]) / sum(found[small][:4])
        print(
            f"{name:<28} time {np.log(seconds) / np.log(4):.2f}, "
            f"memory {np.log(ratios[4]) / np.log(4):.2f}"
        )


if __name__ == "__main__":
    main()
