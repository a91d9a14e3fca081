"""The pool of public images: patches, and where each comes from."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import zarr

from instahide.errors import InstaHideError
from instahide.files import sha256_of_arrays
from instahide.pool.stores import (
    POOL_ARRAYS,
    damage_explained,
    open_store,
    read_rows,
    store_digest,
)

#: A pool up to this size is read into memory at once, a larger one row by row.
MEMORY_BYTES = 2**30


@dataclass(frozen=True)
class Pool:
    """Public images, in memory or in a Zarr store.

    Attributes
    ----------
    patches : ndarray or zarr.Array of uint8, shape (N, H, W, C)
    group : zarr.Group, optional
        The store that they come from.
    """

    patches: np.ndarray | zarr.Array
    group: zarr.Group | None = None

    def __len__(self) -> int:
        return self.patches.shape[0]

    @property
    def shape(self) -> tuple[int, ...]:
        """(H, W, C)."""
        return tuple(self.patches.shape[1:])

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the content, origins included; reads all of it once."""
        if self.group is None:
            return sha256_of_arrays({"patches": self.patches})
        return store_digest(self.group, POOL_ARRAYS)

    def describe(self) -> dict[str, int | str]:
        """Return what a challenge's manifest says of the pool."""
        return {"patches": len(self), "sha256": self.digest}

    def read(self, places: np.ndarray) -> np.ndarray:
        """Return the images at `places`, uint8, shape (*places.shape, H, W, C)."""
        if isinstance(self._source, np.ndarray):
            return self._source[places]
        wanted, back = np.unique(places, return_inverse=True)
        with damage_explained(self.group):
            return self._source.oindex[wanted][back.reshape(places.shape)]

    @cached_property
    def _source(self) -> np.ndarray | zarr.Array:
        if isinstance(self.patches, np.ndarray) or self.patches.nbytes > MEMORY_BYTES:
            return self.patches
        return read_rows(self.group, "patches")


def empty_pool(shape: tuple[int, ...]) -> Pool:
    """Return the pool of schemes without public images; `shape` is (H, W, C)."""
    return Pool(np.empty((0, *shape), dtype=np.uint8))


def open_pool(path: Path | str) -> Pool:
    """Open a pool for reading.

    Raises
    ------
    InstaHideError
        When it is missing, is no pool or lacks chunks.
    """
    group = open_store(path, POOL_ARRAYS)
    patches = group["patches"]
    if patches.dtype != np.uint8 or patches.ndim != 4:
        raise InstaHideError(
            f"{path} is no pool: its patches are {patches.dtype} {patches.shape}, and uint8 of "
            "shape (N, H, W, C) is expected"
        )
    return Pool(patches, group)
