"""Challenges made in memory, with their truth, for benchmarks that measure attacks on them."""

import argparse
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from instahide.attacks.catalogue import NAMED, unmixing
from instahide.attacks.protocol import Released
from instahide.attacks.recipe import Labels
from instahide.attacks.running import run_steps
from instahide.attacks.seen import sample
from instahide.attacks.unmixing.problem import Problem, make_problem
from instahide.attacks.unmixing.untold import estimate
from instahide.challenge.encryption import BATCH_ROWS, encode_rows
from instahide.challenge.selection import read_labelled, select
from instahide.challenge.sources import combine
from instahide.encodings.augmentation import Augmentation
from instahide.encodings.choice import of_scheme
from instahide.encodings.instahide.scheme import Scheme
from instahide.encodings.labels import label_rows
from instahide.encodings.plan import Plan
from instahide.images import to_unit_range
from instahide.labelled import LabelledImages
from instahide.pool.pool import Pool, open_pool
from instahide.randomness.keystream import Key
from instahide.scoring.metrics import challenge_scores
from instahide.scoring.mixed import mixed_images
from instahide.scoring.recoveredset import largest_shift, recovered_set_scores


@dataclass(frozen=True)
class Photos:
    """Where a benchmark's photos are.

    Attributes
    ----------
    private : path
        A folder with a sub-folder per class, or CIFAR-10's binary archive.
    pool : path
        The public images of the challenge, a Zarr store.
    sample : path
        The attacker's own, made from other photos.
    """

    private: Path
    pool: Path
    sample: Path

    @classmethod
    def of(cls, options: argparse.Namespace) -> "Photos":
        """Return what the arguments of `parser_with_photos` name."""
        return cls(options.private, options.pool, options.sample)


def parser_with_photos(text: str, commands: Iterable[str] = ()) -> argparse.ArgumentParser:
    """Return a parser of one of some commands, and of PRIVATE, POOL.zarr and SAMPLE.zarr.

    `text` begins with a paragraph on what the program is for.
    """
    parser = argparse.ArgumentParser(description=text.split("\n\n")[0])
    if commands:
        parser.add_argument("what", choices=tuple(commands))
    for name in ("private", "pool", "sample"):
        parser.add_argument(name, type=Path)
    return parser


def ask_for_size(parser: argparse.ArgumentParser, seeds: Sequence[int]) -> None:
    """Add how many images, how many rows of each, and the seeds."""
    parser.add_argument("--images", type=int, default=100)
    parser.add_argument("--times", type=int, default=50, help="T")
    parser.add_argument("--seeds", type=int, nargs="+", default=seeds)


@dataclass(frozen=True)
class Made:
    """A challenge in memory.

    Attributes
    ----------
    problem : Problem
        What the attacker sees.
    plan : Plan
        The truth.
    truth : LabelledImages
        Private images.
    augmentation : Augmentation or None
    """

    problem: Problem
    plan: Plan
    truth: LabelledImages
    augmentation: Augmentation | None = None

    @property
    def private(self) -> np.ndarray:
        """Private images as float32, shape (n, H, W, C), range [-1, 1]."""
        return to_unit_range(self.truth.images)

    def max_ssim(self, decryption: np.ndarray) -> float:
        """Return Max_SSIM; rows are compared with images as they were mixed."""
        mixed = mixed_images(self.plan, self.truth.images)
        scores = challenge_scores(decryption, self.private, self.plan.members, mixed)
        return float(scores.max_ssim.mean())

    def set_ssim(self, recovered: np.ndarray) -> float:
        """Return the mean SSIM of private images with recovered ones, up to flip and shift."""
        shift = largest_shift(self.augmentation, self.private.shape[1:])
        flip = self.augmentation is not None and self.augmentation.flip
        found = recovered_set_scores(recovered, self.private, shift=shift, flip=flip)
        return float(found.ssim.mean())


def make(
    photos: Photos,
    images: int,
    scheme: Scheme,
    seed: int,
    *,
    labels: Labels = "coefficients",
    knows_pool: bool = False,
    augmentation: Augmentation | None = None,
    pool: Pool | None = None,
) -> Made:
    """Make a challenge of `images` private images, `scheme.rows_per_image` rows for each.

    `pool` stands in for that of `photos`.
    """
    key, pool = Key.from_seed(seed), pool or open_pool(photos.pool)
    height, width, channels = pool.shape
    assert height == width
    source = read_labelled(photos.private, size=height, channels=channels)
    chosen = select(source, images, key.stream("private"))
    told = augmentation.describe() if augmentation else None
    sources = combine(chosen, pool, key, of_scheme(scheme, augmentation=told))
    plan = sources.plan()
    starts = range(0, len(plan), BATCH_ROWS)
    encryption = [encode_rows(sources, plan[i : i + BATCH_ROWS], i) for i in starts]
    released = Released(np.concatenate(encryption), label_rows(plan, chosen))
    public = to_unit_range(sample(open_pool(photos.sample)))
    problem = make_problem(
        released,
        public,
        scheme,
        images,
        labels,
        pool=pool if knows_pool else None,
        augmentation=augmentation,
    )
    return Made(problem, plan, chosen, augmentation)


@dataclass(frozen=True)
class Figures:
    """What an attack on one challenge took, and how good it is.

    Attributes
    ----------
    seconds : tuple of float
        Processor seconds of each stage.
    gigabytes : float
        The most memory of the process, the challenge's making included.
    max_ssim : float
    set_ssim : float
        Of the recovered private images, up to flip and shift.
    """

    seconds: tuple[float, ...]
    gigabytes: float
    max_ssim: float
    set_ssim: float

    @property
    def total(self) -> float:
        """Processor seconds of all stages."""
        return sum(self.seconds)


def measure_attack(
    photos: Photos,
    images: int,
    rows_per_image: int,
    seed: int,
    name: str,
    chosen: Mapping[str, str] | None = None,
    augmentation: Augmentation | None = None,
) -> Figures:
    """Make and attack one challenge; in a process of its own, memory is the attack's own.

    `chosen` are stages other than the attack's own.
    """
    attack = unmixing(name, **NAMED[name] | (chosen or {}))
    pool = attack.public == "pool"
    scheme = Scheme(rows_per_image=rows_per_image)
    made = make(
        photos,
        images,
        scheme,
        seed,
        labels=attack.labels,
        knows_pool=pool,
        augmentation=augmentation,
    )
    problem = made.problem
    if NAMED[name].get("augmentation") == "estimated":
        problem = replace(problem, augmentation=estimate(problem))
    recovery, watch = run_steps(attack.steps, problem)
    return Figures(
        seconds=tuple(stage["cpu_seconds"] for stage in watch.stages),
        gigabytes=watch.stages[-1]["peak_memory_bytes"] / 2**30,
        max_ssim=made.max_ssim(recovery.decryption),
        set_ssim=made.set_ssim(recovery.private),
    )


def in_own_process(function: Callable, *given: object) -> object:
    """Call a function of a module in a new process, so that its peak memory is its own."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as child:
        return child.submit(function, *given).result()
