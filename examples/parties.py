"""What the examples of distributed training share: a party's images, and a report."""

import argparse
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from instahide.images import shrink
from instahide.photos.cifar10 import read_cifar10
from instahide.photos.listing import bundled_photos, decode, read_photo
from instahide.photos.samples import random_crop
from instahide.photos.splitting import Split, split_images, split_parties
from instahide.pool.pool import open_pool
from instahide.randomness.keystream import Key
from instahide.training import InstaHide
from instahide.training.accuracy import measure_accuracy
from instahide.training.schedule import Schedule

CLASSES = 10  # of CIFAR-10, and as many bundled photos


class Party(NamedTuple):
    """One party's private images, how it encrypts and how it trains."""

    images: torch.Tensor
    labels: torch.Tensor
    mix: InstaHide
    schedule: Schedule


def read_options(description: str, more: dict[str, int] | None = None) -> argparse.Namespace:
    """Read the arguments of an example; by default it takes seconds and needs no download."""
    parser = argparse.ArgumentParser(description=description.partition("\n")[0])
    parser.add_argument("--archive", type=Path, help="cifar-10-binary.tar.gz; default: bundled")
    parser.add_argument("--public", type=Path, help="pool of public images; default: bundled")
    numbers = {"train": 320, "test": 80, "epochs": 15, "batch": 32, "seed": 0} | (more or {})
    for name, value in numbers.items():
        parser.add_argument(f"--{name}", type=int, default=value, help=f"default {value}")
    parser.add_argument("--bfloat16", action="store_true", help="compute in 16 bits")
    return parser.parse_args()


def join(options: argparse.Namespace, party: int, parties: int) -> Party:
    """Return a party: its part of the images, all of which are read here, and of each batch."""
    images, labels, split, mix = _read(options)
    mine = split_parties(split.train, parties)[party]
    batch, seed = options.batch // parties, options.seed * 100 + party
    schedule = Schedule(options.epochs, batch, seed=seed, bfloat16=options.bfloat16)
    return Party(images[mine], labels[mine], mix, schedule)


def report(network: torch.nn.Module, options: argparse.Namespace) -> None:
    """Print how often a network is right on the images that test, which belong to no party."""
    images, labels, split, mix = _read(options)
    found = measure_accuracy(network.eval(), images[split.test], labels[split.test], mix)
    print(f"accuracy: plain {found.plain:.2%}, encrypted ten times {found.largest_10:.2%}")


def _read(options: argparse.Namespace) -> tuple[torch.Tensor, torch.Tensor, Split, InstaHide]:
    images, labels, public = _bundled()
    if options.archive:
        found = read_cifar10(options.archive)
        images, labels = found.images, found.classes
    images = torch.from_numpy(np.ascontiguousarray(images.transpose(0, 3, 1, 2)))
    key = Key.from_seed(options.seed)
    split = split_images(len(images), train=options.train, test=options.test, key=key)
    mix = InstaHide(CLASSES, public=open_pool(options.public) if options.public else public)
    return images, torch.from_numpy(labels), split, mix


def _bundled() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return crops of ten photos, a class each, and (n, C, H, W) of their other halves."""
    rng, private, public = np.random.default_rng(0), [], []
    for photo in bundled_photos():
        halves = np.array_split(decode(read_photo(photo), channels=3, min_side=128), 2)
        for half, crops in zip(halves, (private, public), strict=True):
            crops += [shrink(random_crop(half, draw), 32) for draw in rng.random((40, 3))]
    return np.stack(private), np.arange(400) // 40, np.stack(public).transpose(0, 3, 1, 2)
