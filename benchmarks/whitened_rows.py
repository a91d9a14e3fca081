"""Quality of the whitened attack where each private image is in few rows, over seeds.

Makes challenges of each size and seed in memory, attacks them and prints larger and smaller
coefficients' images named rightly, SSIM, squared error and Max_SSIM; then mean and range
over the seeds.

    python benchmarks/whitened_rows.py PRIVATE POOL.zarr SAMPLE.zarr --sizes 100x10 100x50

PRIVATE is a folder with a sub-folder per class, or CIFAR-10's binary archive; SAMPLE.zarr is
the attacker's pool, made from other photos than POOL.zarr.
"""

import argparse
from pathlib import Path

import numpy as np
from challenges import Photos, make
from measuring import quiet
from whitened import make_judge

from instahide.attacks.catalogue import NAMED, STAGES, unmixing
from instahide.attacks.running import run_steps
from instahide.encodings.instahide.scheme import Scheme


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("private", type=Path)
    parser.add_argument("pool", type=Path)
    parser.add_argument("sample", type=Path, help="the attacker's pool")
    parser.add_argument(
        "--sizes", nargs="+", default=["100x10", "100x20", "100x50"], help="images x rows"
    )
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3, 4, 5, 6])
    parser.add_argument("--attack", choices=NAMED, default="whitened")
    for stage in STAGES:
        parser.add_argument(f"--{stage}", help="instead of the attack's own")
    options = parser.parse_args()
    photos = Photos(options.private, options.pool, options.sample)
    given = {stage: getattr(options, stage) for stage in STAGES if getattr(options, stage)}
    attack = unmixing(options.attack, **(NAMED[options.attack] | given))
    print(f"{options.attack}: {attack.trail(len(STAGES) - 1)}")
    for size in options.sizes:
        images, rows = map(int, size.split("x"))
        found = []
        for seed in options.seeds:
            made = make(photos, images, Scheme(rows_per_image=rows), seed, labels=attack.labels)
            names, judge = make_judge(made.plan, made.truth, show=False)
            kept = {}
            with quiet():
                recovery, watch = run_steps(
                    attack.steps, made.problem, observe=kept.__setitem__
                )
            assignment = kept["retrieval"].assignment
            figures = judge("", assignment, recovery.private, recovery.decryption)
            seconds = sum(stage["cpu_seconds"] for stage in watch.stages)
            if not found:
                print(f"\nn = {images}, T = {rows}")
                print("seed  " + "".join(f"{name:>11}" for name in (*names, "seconds")))
            found.append([*figures, seconds])
            print(f"{seed:<6}" + "".join(f"{v:>11.4f}" for v in found[-1]), flush=True)
        for name, summary in (("mean", np.mean), ("least", np.min), ("most", np.max)):
            print(f"{name:<6}" + "".join(f"{v:>11.4f}" for v in summary(found, axis=0)))


if __name__ == "__main__":
    main()
