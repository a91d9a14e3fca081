"""Images from whose encryptions everything can be read: coefficients, members, masks.

All images are black, -1 on [-1, 1], but for a group of pixels that belongs to one image alone
and is grey, v ≈ 0. A pixel of image i's group is then, in a mixture Σ λⱼxⱼ with Σ λⱼ = 1, equal
to -1 + λᵢ(1 + v), never positive: its magnitude tells λᵢ, its sign in the row is the mask's.
Pixels of a group disagree only where a row is no mixture under one mask.
"""

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from instahide.errors import InstaHideError

SHAPE = (3, 32, 32)
PIXELS = 3 * 32 * 32
PRIVATE, PROBE_CLASSES = 32, 10
PUBLIC = 96
PROBES = PRIVATE + PUBLIC
OWN = PIXELS // PROBES  # pixels of a group
GREY = 127  # of 255
STEP_OF_WEIGHT = GREY / 127.5  # by how much a whole coefficient changes a pixel
TOLERANCE = 2e-5  # of coefficients; float32 keeps 10⁻⁷

#: Which pixel belongs to which group: spread over positions and channels, and fixed.
PLACES = np.random.default_rng(2020).permutation(PIXELS).reshape(PROBES, OWN)
LABELS_OF_PROBES = np.arange(PRIVATE) % PROBE_CLASSES


def probe_images() -> tuple[np.ndarray, np.ndarray]:
    """Return the private and the public probes, uint8, shapes (32, 3, 32, 32), (96, …)."""
    images = np.zeros((PROBES, PIXELS), np.uint8)
    np.put_along_axis(images, PLACES, GREY, axis=1)
    images = images.reshape(PROBES, *SHAPE)
    return images[:PRIVATE], images[PRIVATE:]


@dataclass(frozen=True)
class Rows:
    """What is read from some released rows.

    Attributes
    ----------
    released : ndarray of float32, shape (E, 3072)
    labels : ndarray of float32, shape (E, 10)
    batches : ndarray of int64, shape (E,)
        Number of the call that made each row.
    """

    released: np.ndarray = field(repr=False)
    labels: np.ndarray = field(repr=False)
    batches: np.ndarray = field(repr=False)

    def __len__(self) -> int:
        return len(self.released)

    def part(self, which: np.ndarray) -> "Rows":
        """Return those rows that `which`, (E,) bool, is true of."""
        return Rows(self.released[which], self.labels[which], self.batches[which])

    @cached_property
    def _by_pixel(self) -> np.ndarray:
        """Coefficients as each pixel of a group tells them, (E, groups, pixels)."""
        return ((1 - np.abs(self.released)) / np.float32(STEP_OF_WEIGHT))[:, PLACES]

    @cached_property
    def weights(self) -> np.ndarray:
        """Coefficients, (E, groups), 0 for images that are not in the row."""
        weights = np.median(self._by_pixel, axis=2)
        return np.where(weights > TOLERANCE, weights, 0)

    @property
    def private(self) -> np.ndarray:
        """Coefficients of private images, (E, 32)."""
        return self.weights[:, :PRIVATE]

    @property
    def public(self) -> np.ndarray:
        """Coefficients of public images, (E, 96)."""
        return self.weights[:, PRIVATE:]

    @cached_property
    def are_mixtures(self) -> np.ndarray:
        """Which rows are a mixture under one mask, (E,) bool."""
        agree = np.ptp(self._by_pixel, axis=2).max(axis=1) < 10 * TOLERANCE
        return agree & (np.abs(self.weights.sum(axis=1) - 1) < 1e-3)

    @cached_property
    def signs(self) -> np.ndarray:
        """Masks, (E, 3072) float32, ±1."""
        return np.where(self.released > 0, np.float32(-1), np.float32(1))


def read_probes(released: list, labels: list) -> Rows:
    """Read the rows of several calls.

    Parameters
    ----------
    released, labels : lists of ndarray
        One of each call, (32, 3, 32, 32) and (32, 10).

    Raises
    ------
    InstaHideError
        When a call has returned something else.
    """
    for rows, label in zip(released, labels, strict=True):
        if rows.shape != (PRIVATE, *SHAPE) or label.shape != (PRIVATE, PROBE_CLASSES):
            raise InstaHideError(
                f"the transform returns {rows.shape} and {label.shape} for a batch of "
                f"{(PRIVATE, *SHAPE)}: rows of this shape and labels "
                f"{(PRIVATE, PROBE_CLASSES)} are expected"
            )
    return Rows(
        np.concatenate(released).reshape(-1, PIXELS).astype(np.float32),
        np.concatenate(labels).astype(np.float32),
        np.repeat(np.arange(len(released)), PRIVATE),
    )
