"""A part of the pool of public images, for attackers who know no more of it.

The store is not copied: a part is places in it, and its images are read from there.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from instahide.errors import InstaHideError
from instahide.pool.pool import Pool


@dataclass(frozen=True)
class PoolPart(Pool):
    """A pool whose images are some of another's; `patches` are `PatchesAt`."""

    def read(self, places: np.ndarray) -> np.ndarray:
        """Return the images at `places`, uint8, shape (*places.shape, H, W, C)."""
        return self.patches[places]


@dataclass(frozen=True)
class PatchesAt:
    """What stands at some places of a pool, read when it is asked for.

    Attributes
    ----------
    pool : Pool
    places : ndarray of int64, in ascending order
    """

    pool: Pool
    places: np.ndarray

    dtype = np.dtype(np.uint8)

    @property
    def shape(self) -> tuple[int, ...]:
        """(N, H, W, C)."""
        return len(self.places), *self.pool.shape

    @property
    def ndim(self) -> int:
        """Four."""
        return len(self.shape)

    @property
    def nbytes(self) -> int:
        """What all of it takes."""
        return int(np.prod(self.shape, dtype=np.int64))

    def __len__(self) -> int:
        return len(self.places)

    def __getitem__(self, wanted: Any) -> np.ndarray:
        """Return images by a slice or an array of numbers."""
        return self.pool.read(self.places[wanted])


def part_of_pool(pool: Pool, share: float, seed: str) -> PoolPart:
    """Return a random part of a pool: the same for the same seed, a larger share holding it.

    Parameters
    ----------
    pool : Pool
    share : float
        0 < share <= 1, of the images, rounded up.
    seed : str
        Hexadecimal digits, such as a digest of the challenge.

    Raises
    ------
    InstaHideError
        When the share is out of range.
    """
    if not 0 < share <= 1:
        raise InstaHideError(f"pool_known: {share} is no share; use more than 0, 1 at most")
    order = np.random.default_rng(int(seed, 16)).permutation(len(pool))
    count = int(np.ceil(round(share * len(pool), 6)))
    places = np.sort(order[:count])
    return PoolPart(PatchesAt(pool, places))
