"""What theory gives shapes of, measured: the pool attack's cost, and the rows that are needed.

    python benchmarks/theory.py cost PRIVATE POOL.zarr SAMPLE.zarr --out cost.csv
    python benchmarks/theory.py rows PRIVATE POOL.zarr SAMPLE.zarr --out rows.csv

`cost` gives the attack `pool` pools of N patches (those of POOL.zarr, then of SAMPLE.zarr), and
tells the processor seconds of the decoding apart from those of its start, which knows no pool.
`rows` attacks challenges of n images with ever more rows for each, until Max_SSIM is `ENOUGH`,
for k = 2 (two private images and no other) and k = 6. Both write lines of a sweep's CSV, see
docs/theory.md; docs/drawtheory.py draws them. PRIVATE is a folder with a sub-folder per class,
or CIFAR-10's binary archive; SAMPLE.zarr was made from other photos than POOL.zarr.
"""

import argparse
import csv
import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from challenges import Made, Photos, make
from measuring import quiet

from instahide.attacks.catalogue import NAMED, unmixing
from instahide.attacks.running import run_steps
from instahide.encodings.instahide.scheme import Scheme
from instahide.errors import InstaHideError
from instahide.pool.pool import Pool, empty_pool, open_pool

SIZES = (500, 1000, 2000, 4000, 8000, 16000)
COST_IMAGES, COST_ROWS = 10, 50
IMAGES = (10, 20, 50, 100)
ROWS = (1, 2, 3, 4, 5, 6, 8, 10, 12, 15, 20, 30, 50)
ENOUGH = 0.8  # Max_SSIM of images that are recognised at a glance
HEADER = (
    "sweep", "point", "seed", "encoding", "scheme", "k", "c1", "c2", "T", "n", "size",
    "channels", "pool_size", "attack", "baseline", "labels", "knowledge", "max_ssim",
    "cpu_seconds", "option:start_seconds",
)  # fmt: skip


def attack_once(made: Made, name: str) -> tuple[float, float, float]:
    """Return Max_SSIM, processor seconds of all stages, and of those before the last."""
    with quiet():
        recovery, watch = run_steps(unmixing(name, **NAMED[name]).steps, made.problem)
    seconds = [stage["cpu_seconds"] for stage in watch.stages]
    return made.max_ssim(recovery.decryption), sum(seconds), sum(seconds[:-1])


def line(sweep: str, seed: int, name: str, scheme: Scheme, **others: Any) -> dict[str, Any]:
    """Return a line of the CSV."""
    point = f"{sweep}/k{scheme.k}-n{others['n']}-T{scheme.rows_per_image}"
    about = {"sweep": sweep, "point": f"{point}-N{others['pool_size']}", "seed": seed}
    about |= {"encoding": "instahide", "scheme": scheme.name, "k": scheme.k, "c1": scheme.c1}
    about |= {"c2": scheme.c2, "T": scheme.rows_per_image, "size": 32, "channels": 3}
    knowledge = "pool" if NAMED[name].get("public") == "pool" else "sample"
    given = {"attack": name, "baseline": 0, "labels": "coefficients", "knowledge": knowledge}
    return about | given | others


def measure_cost(photos: Photos, seeds: list[int]) -> Iterator[dict[str, Any]]:
    """Yield the cost of the pool attack for each k and size of the pool."""
    stores = open_pool(photos.pool), open_pool(photos.sample)
    every = np.concatenate([store.patches[:] for store in stores])
    for seed, k, size in itertools.product(seeds, (4, 6), SIZES):
        scheme, pool = Scheme(k=k, rows_per_image=COST_ROWS), Pool(every[:size])
        made = make(photos, COST_IMAGES, scheme, seed, knows_pool=True, pool=pool)
        score, cost, start = attack_once(made, "pool")
        told = {"n": COST_IMAGES, "pool_size": size, "max_ssim": score, "cpu_seconds": cost}
        yield line(
            "theory-cost", seed, "pool", scheme, **told, **{"option:start_seconds": start}
        )


def measure_rows(photos: Photos, seeds: list[int]) -> Iterator[dict[str, Any]]:
    """Yield Max_SSIM for each k, n and number of rows, until it is enough."""
    for seed, k, images in itertools.product(seeds, (2, 6), IMAGES):
        for rows in ROWS:
            scheme = Scheme(k=k, rows_per_image=rows)
            pool = empty_pool((32, 32, 3)) if k == 2 else open_pool(photos.pool)
            made = make(photos, images, scheme, seed, pool=pool)
            try:
                score, cost, start = attack_once(made, "whitened")
            except InstaHideError:  # a class with no row to begin with
                continue
            told = {"n": images, "pool_size": len(pool), "max_ssim": score, "cpu_seconds": cost}
            told["option:start_seconds"] = start
            yield line("theory-rows", seed, "whitened", scheme, **told)
            if score >= ENOUGH:
                break


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("what", choices=("cost", "rows"))
    parser.add_argument("private", type=Path)
    parser.add_argument("pool", type=Path)
    parser.add_argument("sample", type=Path)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1])
    parser.add_argument("--out", type=Path, required=True, help="the CSV")
    options = parser.parse_args()
    photos = Photos(options.private, options.pool, options.sample)
    measure = {"cost": measure_cost, "rows": measure_rows}[options.what]
    with options.out.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, HEADER, lineterminator="\n")
        writer.writeheader()
        for found in measure(photos, options.seeds):
            texts = {
                key: f"{value:.6g}" if isinstance(value, float) else value
                for key, value in found.items()
            }
            writer.writerow(texts)
            file.flush()
            print(*(texts[key] for key in ("point", "seed", "max_ssim", "cpu_seconds")))


if __name__ == "__main__":
    main()
