"""Measure what encrypting a batch costs beside a training step, and how fast batches come.

Random images of 32×32×3, batch 128, 20,000 public ones, the laptop network, one thread. The
step is forward, backward and update on rows that are there; the transform is InstaHide, cross
with k = 4, of a uint8 batch, with a key and without. A DataLoader with 0, 1 and 2 workers gives
encrypted batches of a whole epoch of 10,000 images, to a loop that only counts them.

With ``--archive cifar-10-binary.tar.gz`` networks are trained instead, on 8,000 images that the
seed draws, and tested on 2,000 others: without encryption, mixup, inside and cross.

Run: python benchmarks/training.py [--archive FILE --epochs 10 --seeds 0 1]
"""

import argparse
import time
from pathlib import Path

import numpy as np
import torch
from measuring import conditions, make_parser, quiet, spread, take_turns

from instahide.photos.cifar10 import read_cifar10
from instahide.photos.splitting import split_images
from instahide.pool.pool import open_pool
from instahide.randomness.keystream import Key
from instahide.training.accuracy import Accuracy, measure_accuracy
from instahide.training.loop import Plain, train, training_step
from instahide.training.networks import laptop_network
from instahide.training.schedule import Schedule
from instahide.training.transform import InstaHide

BATCH, IMAGES, PUBLIC = 128, 10_000, 20_000
TRAIN, TEST = 8000, 2000
#: name -> scheme and k, or none
ROWS = {"none": None, "mixup 4": ("mixup", 4), "inside 4": ("inside", 4),
        "cross 4": ("cross", 4), "cross 6": ("cross", 6)}  # fmt: skip


def random_images(count: int, seed: int) -> torch.Tensor:
    images = np.random.default_rng(seed).integers(0, 256, (count, 3, 32, 32), dtype=np.uint8)
    return torch.from_numpy(images)


def compare_cost(turns: int) -> None:
    """Print what the transform costs beside a step."""
    images, labels = random_images(BATCH, 0), torch.arange(BATCH) % 10
    public = random_images(PUBLIC, 1)
    network = laptop_network(10)
    optimizer = torch.optim.SGD(network.parameters(), lr=0.01)
    keyless = InstaHide(10, public=public)
    keyed = InstaHide(10, public=public, key=0)
    inside = InstaHide(10, scheme="inside")
    rows, soft = keyless(images, labels)
    times = take_turns(
        {
            "step": lambda: training_step(network, optimizer, rows, soft),
            "step in bfloat16": lambda: training_step(network, optimizer, rows, soft, True),
            "transform": lambda: keyless(images, labels),
            "transform with a key": lambda: keyed(images, labels),
            "transform inside": lambda: inside(images, labels),
        },
        turns,
    )
    for name, time_ in times.items():
        print(f"{name}: {spread(1e3 * time_.processor)} ms of processor time")
    share = times["transform"].processor / np.median(times["step"].processor)
    print(f"the transform is {spread(100 * share, 1)} % of a step")


def count_images(workers: int) -> float:
    """Return images a second that a DataLoader gives, encrypted."""
    data = torch.utils.data.TensorDataset(random_images(IMAGES, 2), torch.arange(IMAGES) % 10)
    mix = InstaHide(10, public=random_images(PUBLIC, 1))
    loader = torch.utils.data.DataLoader(
        data, BATCH, shuffle=True, drop_last=True, num_workers=workers, collate_fn=mix.collate
    )
    begin = time.perf_counter()
    count = sum(len(rows) for rows, _ in loader)
    return count / (time.perf_counter() - begin)


def train_row(options: argparse.Namespace, data: tuple, name: str, seed: int) -> Accuracy:
    """Train one network; return its accuracy on images that it has not seen."""
    images, labels, public = data
    split = split_images(len(images), train=TRAIN, test=TEST, key=Key.from_seed(seed))
    torch.manual_seed(seed)
    scheme = ROWS[name]
    mix = scheme and InstaHide(
        10, scheme=scheme[0], k=scheme[1], public=None if scheme[0] == "inside" else public
    )
    schedule = Schedule(epochs=options.epochs, seed=seed, bfloat16=options.bfloat16)
    # Magnitudes are for rows under a mask: without one they would only lose what is dark.
    masked = bool(scheme) and scheme[0] in ("inside", "cross")
    network = laptop_network(10, signed=options.signed or not masked)
    train(network, images[split.train], labels[split.train], mix or Plain(10), schedule)
    return measure_accuracy(network, images[split.test], labels[split.test], mix)


def compare_accuracy(options: argparse.Namespace) -> None:
    """Print the accuracies of networks trained with and without encryption."""
    found = read_cifar10(options.archive)
    images = torch.from_numpy(np.ascontiguousarray(found.images.transpose(0, 3, 1, 2)))
    public = random_images(PUBLIC, 1) if options.public is None else open_pool(options.public)
    data = images, torch.from_numpy(found.classes), public
    for name in options.rows:
        for seed in options.seeds:
            begin = time.process_time()
            with quiet():
                accuracy = train_row(options, data, name, seed)
            shares = (accuracy.plain, accuracy.encrypted, accuracy.encrypted_10)
            told = ", ".join(
                "-" if share is None else f"{100 * share:.1f}"
                for share in (*shares, accuracy.largest_10)
            )
            seconds = time.process_time() - begin
            print(
                f"{name}, seed {seed}, {options.epochs} epochs: plain, enc×1, enc×10, with the "
                f"largest: {told} % (± {100 * accuracy.error_of(accuracy.plain):.1f}); "
                f"{seconds:.0f} s of processor time",
                flush=True,
            )


def main() -> None:
    parser = make_parser(__doc__, turns=15)
    parser.add_argument("--archive", type=Path, help="CIFAR-10's binary version: train too")
    parser.add_argument("--public", type=Path, help="a pool; default: random noise")
    parser.add_argument("--epochs", type=int, default=10, help="default 10")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0], help="default 0")
    parser.add_argument("--rows", nargs="+", default=list(ROWS), choices=ROWS)
    parser.add_argument("--signed", action="store_true", help="show networks the masked signs")
    parser.add_argument("--bfloat16", action="store_true", help="compute in 16 bits")
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.archive:
        compare_accuracy(options)
        return
    print(conditions(options.turns))
    compare_cost(options.turns)
    for workers in (0, 1, 2):
        print(f"{workers} workers: {count_images(workers):.0f} images a second")


if __name__ == "__main__":
    main()
