"""What every stage of an attack sees: the released rows, labels, and photos of its own.

It makes and strips; what the labels say is read in `instahide.attacks.unmixing.parts.labels`.
"""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from instahide.attacks.needs import FLOAT
from instahide.attacks.protocol import Knowledge, Released, load_released
from instahide.challenge.folder import ChallengeFolder
from instahide.challenge.manifestform import read_manifest
from instahide.encodings.instahide.scheme import Scheme
from instahide.errors import InstaHideError
from instahide.images import to_unit_range
from instahide.memory import check_memory
from instahide.pool.pool import Pool, open_pool

LEAST_PUBLIC = 100
MOST_PUBLIC = 10_000  # to learn from; more bring nothing and cost memory

#: How much of the labels an attacker is given.
Labels = Literal["coefficients", "classes", "none"]


@dataclass(frozen=True)
class Problem:
    """A challenge as its attacker sees it: what every stage is given.

    Attributes
    ----------
    magnitudes : ndarray of float32, shape (E, d)
        |encryption|: what a mask leaves of a row. Where the scheme has no mask, nothing is
        taken away, and this is the encryption itself with its signs.
    label : ndarray of float32, shape (E, classes)
        No more of it than `labels` says, see `strip_labels`.
    public : ndarray of float32, shape (N, H, W, C), range [-1, 1]
        Images like those of the pool, or its members; N = 0 where there are none.
    scheme : Scheme
        Its mixture, k, c1 and c2 are public.
    image_count : int
        Number n of private images.
    labels : {"coefficients", "classes", "none"}
    pool : Pool or None
        The store of public images that the challenge was made with, where the attacker knows
        it; `public` is then a sample of it.
    """

    magnitudes: np.ndarray
    label: np.ndarray
    public: np.ndarray
    scheme: Scheme
    image_count: int
    labels: Labels = "coefficients"
    pool: Pool | None = None

    @property
    def given(self) -> Knowledge:
        """What the attacker is given, as the leaderboard prints it."""
        return Knowledge(
            labels=self.labels,
            public_distribution=len(self.public) > 0,
            public_pool=self.pool is not None,
        )

    @property
    def shape(self) -> tuple[int, ...]:
        """Height, width and channels of an image; their product is d."""
        return self.public.shape[1:]


def make_problem(
    released: Released,
    public: np.ndarray,
    scheme: Scheme,
    image_count: int,
    labels: Labels = "coefficients",
    *,
    pool: Pool | None = None,
) -> Problem:
    """Put together what an attacker sees.

    Raises
    ------
    InstaHideError
        When the public sample has another shape than the encryptions, or only few images;
        when there cannot be as many private images as is said.
    """
    if not 1 <= image_count <= len(released.encryption):
        raise InstaHideError(
            f"{image_count} private images: each leads one or more of the encryptions, so "
            f"there are 1 to {len(released.encryption)}"
        )
    if public.shape[1:] != released.encryption.shape[1:]:
        raise InstaHideError(
            f"the public sample's images are {public.shape[1:]} and the encryptions "
            f"{released.encryption.shape[1:]}; make the sample at the challenge's size"
        )
    if 0 < len(public) < LEAST_PUBLIC:
        raise InstaHideError(
            f"the public sample has {len(public)} images; covariances need hundreds, better "
            "thousands"
        )
    rows = released.encryption.reshape(len(released.encryption), -1)
    magnitudes = np.abs(rows) if scheme.masked else rows
    label = strip_labels(released.label, labels)
    return Problem(magnitudes, label, public, scheme, image_count, labels, pool)


def load_problem(
    challenge: Path | str,
    public_sample: Path | str | None,
    scheme: Scheme,
    image_count: int,
    labels: Labels = "coefficients",
    *,
    public_pool: bool = False,
) -> Problem:
    """Read a challenge's released files and, if any, the attacker's public photos.

    Parameters
    ----------
    challenge : path
        A folder with `encryption.npy` and `label.npy`.
    public_sample : path or None
        A pool of public photos.
    image_count : int
        Number n of private images.
    public_pool : bool
        Whether it is the pool of the challenge, and known to be.

    Raises
    ------
    InstaHideError
        When a file is missing or does not fit, or the photos are the challenge's own pool and
        are not said to be.
    """
    released = load_released(challenge)
    if public_sample is None:
        public = np.empty((0, *released.encryption.shape[1:]), np.float32)
        return make_problem(released, public, scheme, image_count, labels)
    pool = open_pool(public_sample)
    photos = min(MOST_PUBLIC, len(pool)) * int(np.prod(pool.shape))
    needed = FLOAT * released.encryption.size + (FLOAT + 1) * photos
    check_memory(needed, f"reading {challenge} and {public_sample}")
    if not public_pool and _is_own_pool(challenge, pool):
        raise InstaHideError(
            f"{public_sample} is the challenge's own pool, by its digest in challenge.json: "
            "give other photos, or say that the attack knows the pool (public: pool in the "
            "configuration, --pool of the command `instahide attack pool`)"
        )
    public, known = to_unit_range(sample(pool)), pool if public_pool else None
    return make_problem(released, public, scheme, image_count, labels, pool=known)


def _is_own_pool(challenge: Path | str, pool: Pool) -> bool:
    """Tell whether `challenge.json`, where there is one, names the digest of this pool."""
    path = ChallengeFolder(Path(challenge)).manifest
    told = read_manifest(path, needed=()).get("pool") if os.path.lexists(path) else None
    # A digest takes a reading of the whole pool, and differs where numbers do.
    return bool(told) and told["patches"] == len(pool) and told["sha256"] == pool.digest


def sample(pool: Pool, most: int = MOST_PUBLIC) -> np.ndarray:
    """Return at most `most` images, evenly from all of a pool, uint8 (N, H, W, C)."""
    image_index = np.linspace(0, len(pool) - 1, min(most, len(pool))).astype(np.int64)
    return pool.read(image_index)


def strip_labels(label: np.ndarray, labels: Labels) -> np.ndarray:
    """Return what is left of labels: all, 1 for each class that a row holds, or one class.

    Without labels, all images are of one class, shape (E, 1).
    """
    if labels == "coefficients":
        return label
    if labels == "classes":
        return (label > 0).astype(np.float32)
    return np.ones((len(label), 1), np.float32)
