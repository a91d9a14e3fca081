"""Measure what a million photos cost before the first of them is decoded.

A thousand tar archives of a thousand photos each, as ImageNet's training archive holds them,
but empty: only their headers are there. They go through the listing, the index and its shards;
a plan of CIFAR-10's size is drawn from the pool that they would give; and Snakemake builds
the graph of all jobs in a dry run. Each step runs in a process of its own, whose processor
time and largest memory are printed.

Run: python benchmarks/scale.py [--photos 1000000] [--shards 100 1000]
"""

import argparse
import os
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[1]
CLASSES = 1000
PATCHES_PER_PHOTO = 17.5  # of 25 crops, on ImageNet photos (benchmarks/crops.py)


def write_archives(folder: Path, photos: int) -> None:
    """Write tar archives of empty photos, one a class."""
    folder.mkdir()
    for label in range(CLASSES):
        with tarfile.open(folder / f"n{label:08d}.tar", "w") as archive:
            for number in range(photos // CLASSES):
                archive.addfile(tarfile.TarInfo(f"n{label:08d}_{number}.JPEG"))


def write_tree(folder: Path, photos: int) -> None:
    """Write empty photos into folders, one a class."""
    for label in range(CLASSES):
        (folder / f"n{label:08d}").mkdir(parents=True)
        for number in range(photos // CLASSES):
            (folder / f"n{label:08d}" / f"{number}.JPEG").touch()


LIST = """
from instahide.encodings.choice import of_scheme
from instahide.photos.listing import list_photos, save_index
save_index({index!r}, list_photos({source!r}))
"""
SHARD = """
from instahide.photos.listing import load_index
print(len(load_index({index!r}, 7, {shards})))
"""
INVENTORY = """
from instahide.photos.inventory import inventory
inventory({tree!r})
"""
PLAN = """
import numpy as np
from instahide.encodings.instahide.scheme import Scheme
from instahide.challenge.sources import combine
from instahide.labelled import LabelledImages
from instahide.pool.pool import Pool
from instahide.randomness.keystream import Key

names = tuple(map(str, range(10)))
private = LabelledImages(np.zeros((50_000, 32, 32, 3), np.uint8), np.arange(50_000) % 10, names)
pool = Pool(np.broadcast_to(np.uint8(0), ({patches}, 32, 32, 3)))
scheme = Scheme("cross", k=6, rows_per_image=50)
print(len(combine(private, pool, Key.from_seed(0), of_scheme(scheme)).plan()))
"""


def measured(what: str, command: list[str], folder: Path) -> None:
    """Run a command and print its processor time and its largest memory."""
    environment = os.environ | {"PYTHONPATH": str(ROOT), "XDG_CACHE_HOME": str(folder)}
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE}
    process = subprocess.Popen(command, cwd=folder, env=environment, **quiet)
    complaint = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit(f"{what} failed: {complaint.decode()}")
    seconds = usage.ru_utime + usage.ru_stime
    print(f"{what:<44} {seconds:>8.1f} s {usage.ru_maxrss / 1e3:>8.0f} MB", flush=True)


def configuration(source: Path, shards: int) -> dict:
    """Return the workflow's configuration for a pool of many shards."""
    return {
        "image": {"size": 32, "channels": 3},
        "public": {"photos": {"source": {"path": str(source)}, "shards": shards}},
        "private": {"set": {"source": {"bundled": True}}},
        "challenges": {"challenge": {"private": "set", "public": "photos"}},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--photos", type=int, default=1_000_000)
    parser.add_argument("--shards", type=int, nargs="+", default=[10, 100, 1000])
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        archives, tree, index = folder / "archives", folder / "tree", folder / "photos.csv"
        write_archives(archives, options.photos)
        write_tree(tree, options.photos)
        values = {
            "source": str(archives),
            "tree": str(tree),
            "index": str(index),
            "patches": int(options.photos * PATCHES_PER_PHOTO),
            "shards": max(options.shards),
        }
        print(
            f"{options.photos} photos; {os.cpu_count()} processors, "
            f"load {os.getloadavg()[0]:.1f}"
        )
        for what, script in {
            "list the photos in archives": LIST,
            "take stock of them as single files": INVENTORY,
            f"read one shard of {max(options.shards)} off the index": SHARD,
            "plan 2,500,000 rows": PLAN,
        }.items():
            measured(what, [sys.executable, "-c", script.format(**values)], folder)
        for shards in options.shards:
            file = folder / f"{shards}.yaml"
            file.write_text(yaml.safe_dump(configuration(archives, shards)), encoding="utf-8")
            command = [sys.executable, "-m", "snakemake", "--snakefile", f"{ROOT}/Snakefile"]
            command += ["--dry-run", "--quiet", "all", "--configfile", str(file), "--"]
            target = "results/challenge/verification.txt"
            measured(f"Snakemake's graph, {shards} shards", [*command, target], folder)


if __name__ == "__main__":
    main()
