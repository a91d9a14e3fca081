"""What the attack through the generator of 2020 recovers once it has the seed.

    python benchmarks/prng_attack.py PRIVATE POOL [--seeds 1 2 3]

PRIVATE is a folder of class folders or CIFAR-10's archive, POOL a store that
`instahide pool` made. For each seed a private set of 100 images is selected and a
challenge of 5,000 encryptions is made, once with public images in one batch per block,
once with fresh ones. The attack gets encryptions, labels and the seed; finding the seed
is what `benchmarks/seed_search.py` measures. Times are wall-clock.
"""

import argparse
import os
import time
from pathlib import Path

import numpy as np
from measuring import spread

from instahide.attacks.prng.attack import Setting, recover_with_seed
from instahide.attacks.protocol import Released
from instahide.challenge.encryption import BATCH_ROWS, encode_rows
from instahide.challenge.selection import read_labelled, select
from instahide.challenge.sources import combine
from instahide.encodings.choice import of_scheme
from instahide.encodings.instahide.mersenne import PUBLIC_USES
from instahide.encodings.instahide.scheme import Scheme
from instahide.encodings.labels import label_rows
from instahide.images import to_unit_range
from instahide.pool.pool import open_pool
from instahide.randomness import historical
from instahide.randomness.keystream import Key
from instahide.scoring import score

COLUMNS = ("Max_SSIM", "Mean_SSIM", "Min_L2", "Mean_L2", "image SSIM", "image MSE", "seconds")


def make(source, pool, seed, public_use):
    key = Key.from_seed(seed)
    private = select(source, 100, key.stream("private"))
    sources = combine(private, pool, key, of_scheme(Scheme(), historical.NAME, public_use))
    plan = sources.plan()
    starts = range(0, len(plan), BATCH_ROWS)
    rows = [encode_rows(sources, plan[i : i + BATCH_ROWS], i) for i in starts]
    label = label_rows(plan, private)
    return Released(np.concatenate(rows), label), to_unit_range(private.images), plan.members


def measure(released, truth, pairs, seed, public_use):
    begun = time.perf_counter()
    recovery = recover_with_seed(released, seed, Setting())
    seconds = time.perf_counter() - begun
    if recovery.details["public_use"] != public_use:
        raise SystemExit(f"seed {seed}: taken for {recovery.details['public_use']}")
    rng = np.random.default_rng(seed)
    rows = score(recovery.decryption, pairs, truth, rng=rng).summary
    own = np.arange(len(truth))[:, None].repeat(2, axis=1)
    images = score(recovery.private, own, truth, rng=rng).summary
    of_rows = [rows[name].mean for name in ("max_ssim", "mean_ssim", "min_l2", "mean_l2")]
    return [*of_rows, images["max_ssim"].mean, images["mean_l2"].mean, seconds]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("private", type=Path)
    parser.add_argument("pool", type=Path)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    options = parser.parse_args()
    source, pool = read_labelled(options.private, size=32, channels=3), open_pool(options.pool)
    print(f"{len(source.images)} private images to select from, {len(pool)} public images")
    load = f"{os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}"
    print(f"seeds {options.seeds}; median (range); {load}")
    for public_use in PUBLIC_USES:
        found = np.array(
            [
                measure(*make(source, pool, seed, public_use), seed, public_use)
                for seed in options.seeds
            ]
        )
        print(f"\n{public_use}")
        for name, values in zip(COLUMNS, found.T, strict=True):
            print(f"  {name:11} {spread(values, 1 if name == 'seconds' else 5)}")


if __name__ == "__main__":
    main()
