"""The generator of 2020 as a challenge's source of randomness.

It can only run forward, block after block, so `HistoricalGenerator` keeps the blocks it
has made last. A row that mixes an image with itself is possible, as it was in 2020.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.random import RandomState

from instahide.encodings.instahide.scheme import Scheme
from instahide.encodings.plan import Plan
from instahide.errors import InstaHideError
from instahide.randomness import historical
from instahide.randomness.historical import Block
from instahide.randomness.lookback import Lookback

PUBLIC_STREAM = 1  # second word of the seed of the stream that picks public images
KEPT_BYTES = 2**27  # of packed masks; more than many threads' batches lie apart

PublicUse = Literal["one-batch", "fresh"]
PUBLIC_USES: tuple[PublicUse, ...] = ("one-batch", "fresh")


@dataclass(frozen=True)
class HistoricalGenerator:
    """Rows of a challenge made by `randomness.historical`, see `generators.Generator`.

    Attributes
    ----------
    seed : int
        From 0 to 2³² - 1.
    scheme : Scheme
        ``cross``, or ``mixup``: the same rows without their masks.
    images, pool : int
        Number of private images, and of public images in the pool.
    shape : tuple of int
        (H, W, C).
    public_use : {"one-batch", "fresh"}
        `one-batch`: each block takes `images` different public images, which its
        permutations p₂ … p₍k₋₁₎ index. `fresh`: each row takes k - 2 of its own.

    Raises
    ------
    InstaHideError
        For a seed, scheme, pool or use of the pool that does not suit this generator.
    """

    seed: int = field(repr=False)
    scheme: Scheme
    images: int
    pool: int
    shape: tuple[int, int, int]
    public_use: PublicUse = "one-batch"
    name: str = historical.NAME
    _parts: Lookback["_Part"] = field(init=False, repr=False, compare=False)

    def __post_init__(self):
        historical.check_seed(self.seed)
        historical.check_scheme(self.scheme.name)
        _check_pool(self.pool, self.images, self.scheme.public_count, self.public_use)
        packed = self.images * -(-int(np.prod(self.shape)) // 8)
        object.__setattr__(self, "_parts", Lookback(self._draw, max(2, KEPT_BYTES // packed)))

    @property
    def options(self) -> dict[str, str]:
        """What the manifest has to tell besides the name."""
        return {"public_use": self.public_use}

    def plan(self, start: int, stop: int) -> Plan:
        """Return rows `start` … `stop` - 1 of the plan."""
        return Plan(
            members=self._rows(lambda part: part.members, start, stop),
            public=self._rows(lambda part: part.public, start, stop),
            weights=self._rows(lambda part: part.weights, start, stop),
        )

    def mask(self, start: int, stop: int) -> np.ndarray:
        """Return the packed mask bits of a range of rows."""
        return self._rows(lambda part: part.mask, start, stop)

    def _rows(self, pick: Callable[["_Part"], np.ndarray], start: int, stop: int) -> np.ndarray:
        first, last = start // self.images, max(start, stop - 1) // self.images
        joined = np.concatenate([pick(self._parts[i]) for i in range(first, last + 1)])
        return joined[start - first * self.images : stop - first * self.images]

    def _draw(self) -> Iterator["_Part"]:
        """Yield the challenge block by block, from its first on."""
        scheme = self.scheme
        # ASSUME: which public images a block takes is unknown. They come from a third
        # Mersenne Twister, so that the two documented streams stay as they were.
        picks = RandomState([self.seed, PUBLIC_STREAM])
        pick = _one_batch if self.public_use == "one-batch" else _fresh
        for block in historical.blocks(
            self.seed,
            images=self.images,
            k=scheme.k,
            c1=scheme.c1,
            c2=scheme.c2,
            shape=self.shape,
        ):
            bits = block.mask.reshape(self.images, -1) > 0
            yield _Part(
                members=block.private.astype(np.int64),
                public=pick(picks, block, self.pool, scheme.public_count),
                weights=block.coefficients,
                mask=np.packbits(bits, axis=1, bitorder="little"),
            )


@dataclass(frozen=True)
class _Part:
    """The n rows of one block, see `Plan`, and their packed masks."""

    members: np.ndarray
    public: np.ndarray
    weights: np.ndarray
    mask: np.ndarray


def _one_batch(picks: RandomState, block: Block, pool: int, wanted: int) -> np.ndarray:
    """Pick a batch of n public images and index it by p₂ …, (n, wanted) int64."""
    if not wanted:
        return np.empty((len(block.order), 0), np.int64)
    batch = picks.permutation(pool)[: len(block.order)]
    return batch[block.permutations[1:]].T.astype(np.int64)


def _fresh(picks: RandomState, block: Block, pool: int, wanted: int) -> np.ndarray:
    """Pick `wanted` different public images for each row, (n, wanted) int64."""
    rows = len(block.order)
    if not wanted:
        return np.empty((rows, 0), np.int64)
    public = picks.randint(0, pool, (rows, wanted))
    while (twice := _repeats(public)).any():
        public[twice] = picks.randint(0, pool, (twice.sum(), wanted))
    return public.astype(np.int64)


def _repeats(public: np.ndarray) -> np.ndarray:
    """Return, for each row, whether some index stands in it twice."""
    return (np.diff(np.sort(public, axis=1), axis=1) == 0).any(axis=1)


def _check_pool(pool: int, images: int, wanted: int, public_use: str) -> None:
    """Refuse an unknown use of the pool, or a pool too small for it."""
    if public_use not in PUBLIC_USES:
        raise InstaHideError(
            f"public_use is {public_use!r}: write {' or '.join(map(repr, PUBLIC_USES))}"
        )
    needed = images if public_use == "one-batch" and wanted else wanted
    if pool < needed:
        raise InstaHideError(
            f"the public pool has {pool} images, but public_use {public_use!r} "
            f"needs {needed} at least: make a larger pool"
        )
