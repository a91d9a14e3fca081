"""Measure what it costs in accuracy that several parties train together.

The examples are run as a user would run them, on this machine: CIFAR-10, 8,000 images that the
seed draws to train, shared out to the parties, 2,000 others to test; InstaHide, cross with
k = 4; the laptop network in bfloat16, one thread for each process. Equal for all: images,
epochs and the batch of all parties together, 128, so that a party of two takes 64 of its own
images a step, and one of four 32.

A way differs from one process by the mean over seeds; its standard error is the larger of what
the seeds show and what counting right predictions on 2,000 images would give.

Run: python benchmarks/distributed.py --archive cifar-10-binary.tar.gz --public pool.zarr
"""

import argparse
import re
import resource
import subprocess
import sys
from pathlib import Path

import numpy as np

EXAMPLES = Path(__file__).parents[1] / "examples"
TRAIN, TEST, BATCH = 8000, 2000, 128
TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
#: name -> the command that trains; the first one is what the others are compared with
WAYS = {
    "one process": [*TORCHRUN, "--nproc-per-node=1", "train_averaging.py"],
    "gradients, 2 parties": [*TORCHRUN, "--nproc-per-node=2", "train_averaging.py"],
    "gradients, 4 parties": [*TORCHRUN, "--nproc-per-node=4", "train_averaging.py"],
    "gathered, 2 parties": [*TORCHRUN, "--nproc-per-node=2", "train_gathering.py"],
    "weights, 2 clients, 10 rounds": [sys.executable, "flower_loopback.py", "--rounds=10"],
    "weights, 2 clients, 40 rounds": [sys.executable, "flower_loopback.py", "--rounds=40"],
}
ACCURACY = re.compile(r"accuracy: plain ([\d.]+)%, encrypted ten times ([\d.]+)%")


def run(options: argparse.Namespace, way: str, seed: int) -> tuple[np.ndarray, float]:
    """Train once; return both accuracies in per cent, and seconds of processor time."""
    command = [*WAYS[way], f"--archive={options.archive.resolve()}", "--bfloat16"]
    sizes = {"train": TRAIN, "test": TEST, "batch": BATCH, "epochs": options.epochs}
    command += [f"--{name}={value}" for name, value in {**sizes, "seed": seed}.items()]
    if options.public:
        command.append(f"--public={options.public.resolve()}")
    before = _seconds()
    done = subprocess.run(command, cwd=EXAMPLES, capture_output=True, encoding="utf-8")
    found = ACCURACY.search(done.stdout)
    if done.returncode or not found:
        sys.exit(f"{way}, seed {seed} failed:\n{done.stdout}{done.stderr}")
    return np.array([float(found[1]), float(found[2])]), _seconds() - before


def _seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def standard_error(differences: np.ndarray, level: np.ndarray) -> np.ndarray:
    """Return the standard error of mean differences (seeds, 2) of accuracies around `level`."""
    seeds = len(differences)
    counted = np.sqrt(2 * level * (100 - level) / TEST / seeds)
    if seeds == 1:
        return counted
    return np.maximum(counted, differences.std(axis=0, ddof=1) / np.sqrt(seeds))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--archive", type=Path, required=True, help="CIFAR-10, binary version")
    parser.add_argument("--public", type=Path, help="a pool; default: bundled photos")
    parser.add_argument("--epochs", type=int, default=10, help="default 10")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2], help="default 0 1 2")
    parser.add_argument("--ways", nargs="+", default=list(WAYS), choices=WAYS)
    options = parser.parse_args()
    first = options.ways[0]
    found: dict[str, list[np.ndarray]] = {way: [] for way in options.ways}
    for seed in options.seeds:
        for way in options.ways:
            accuracy, seconds = run(options, way, seed)
            found[way].append(accuracy)
            told = "plain {:.1f}, encrypted ten times {:.1f} %".format(*accuracy)
            print(f"{way}, seed {seed}: {told}; {seconds:.0f} processor s", flush=True)
    base = np.array(found[first])
    for way, rows in found.items():
        mean, differences = np.mean(rows, axis=0), np.array(rows) - base
        error = standard_error(differences, base.mean(axis=0))
        told = f"{way}: plain {mean[0]:.1f}, encrypted ten times {mean[1]:.1f} %"
        if way != first:
            both = zip(differences.mean(axis=0), error, strict=True)
            more = ", ".join(f"{value:+.1f} ± {spread:.1f}" for value, spread in both)
            told += f"; against {first}: {more}"
        print(told)


if __name__ == "__main__":
    main()
