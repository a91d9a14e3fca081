"""What an attacker sees of a challenge: what is released, and what else he has."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from instahide.attacks.protocol import Knowledge, Released, load_released
from instahide.attacks.recipe import Labels
from instahide.challenge.folder import ChallengeFolder
from instahide.challenge.manifestform import COMPLETE, read_manifest
from instahide.encodings.choice import INSTAHIDE
from instahide.encodings.treatment import read_treatments, stay_on_range
from instahide.errors import InstaHideError
from instahide.images import to_unit_range
from instahide.memory import check_memory
from instahide.pool.partofpool import part_of_pool
from instahide.pool.pool import Pool, open_pool

FLOAT_BYTES = 4
LEAST_PUBLIC = 100
MOST_PUBLIC = 10_000  # to learn from; more bring nothing and cost memory
PUBLIC_BYTES = 2**30  # of them as float32: of larger photos fewer do
FEW_PUBLIC = 300  # but so many in any case


@dataclass(frozen=True)
class Seen:
    """A challenge as its attacker sees it.

    Attributes
    ----------
    released : Released
        Its labels hold no more than `labels` says, see `strip_labels`.
    public : ndarray of float32, shape (N, H, W, C), range [-1, 1]
        Images like those of the pool, or its members; N = 0 where there are none.
    about : mapping
        Public parameters, as ``challenge.json`` tells them, such as ``scheme``.
    image_count : int
        Number n of private images.
    labels : {"coefficients", "classes", "none"}
    pool : Pool or None
        The store of public images that the challenge was made with, where the attacker knows
        it; `public` is then a sample of it.
    secrets : ChallengeFolder or None
        The folder with the truth; for baselines only.
    pool_share : float
        How much of the challenge's pool `pool` is.
    """

    released: Released
    public: np.ndarray
    about: Mapping[str, Any]
    image_count: int
    labels: Labels = "coefficients"
    pool: Pool | None = None
    secrets: ChallengeFolder | None = field(default=None, repr=False)
    pool_share: float = 1.0

    @property
    def encoding(self) -> str:
        """The name of the encoding that the challenge was made by."""
        return self.about["encoding"]["name"] if "encoding" in self.about else INSTAHIDE

    @property
    def shape(self) -> tuple[int, ...]:
        """Height, width and channels of an image."""
        return self.public.shape[1:]

    @property
    def label(self) -> np.ndarray:
        """What is given of the labels, float32 (E, classes)."""
        return self.released.label

    @property
    def table_shape(self) -> tuple[int, int]:
        """(E, d): rows, and pixels and channels of each."""
        rows = len(self.released.encryption)
        return rows, self.released.encryption.size // rows

    @property
    def given(self) -> Knowledge:
        """What the attacker is given, as the leaderboard prints it."""
        return Knowledge(
            labels=self.labels,
            public_distribution=len(self.public) > 0,
            public_pool=self.pool is not None,
            pool_share=self.pool_share,
        )


def see(
    released: Released,
    public: np.ndarray | None,
    about: Mapping[str, Any],
    image_count: int,
    labels: Labels = "coefficients",
    *,
    pool: Pool | None = None,
    pool_share: float = 1.0,
    secrets: ChallengeFolder | None = None,
) -> Seen:
    """Put together what an attacker sees.

    Parameters
    ----------
    released : Released
        Its labels are stripped here.
    public : ndarray of float32, shape (N, H, W, C), or None
        None for no photos.

    Raises
    ------
    InstaHideError
        When the public photos have another shape than images of the challenge, or are only
        few.
    """
    shape = tuple(about.get("image_shape", released.encryption.shape[1:]))
    public = np.empty((0, *shape), np.float32) if public is None else public
    if public.shape[1:] != shape:
        raise InstaHideError(
            f"the public sample's images are {public.shape[1:]} and the encryptions "
            f"{shape}; make the sample at the challenge's size"
        )
    if 0 < len(public) < LEAST_PUBLIC:
        raise InstaHideError(
            f"the public sample has {len(public)} images; covariances need hundreds, better "
            "thousands"
        )
    stripped = replace(released, label=strip_labels(released.label, labels))
    return Seen(stripped, public, about, image_count, labels, pool, secrets, pool_share)


def load_seen(
    challenge: Path | str,
    about: Mapping[str, Any] | None,
    image_count: int,
    *,
    public: Path | str | None = None,
    labels: Labels = "coefficients",
    knows_pool: bool = False,
    pool_share: float = 1.0,
    secrets: bool = False,
) -> Seen:
    """Read a challenge's released files and, if any, the attacker's public photos.

    Parameters
    ----------
    challenge : path
        A folder with `encryption.npy` and `label.npy`.
    about : mapping or None
        Public parameters, such as ``{"scheme": {…}}``, see `public_parameters`; None for those
        that `challenge.json` tells.
    image_count : int
        Number n of private images.
    public : path or None
        A pool of public photos.
    knows_pool : bool
        Whether it is the pool of the challenge, and known to be.
    pool_share : float
        How much of that pool is shown; which images, the challenge's digest decides.
    secrets : bool
        Whether the truth is shown too.

    Raises
    ------
    InstaHideError
        When a file is missing or does not fit, or the photos are the challenge's own pool and
        are not said to be.
    """
    folder = ChallengeFolder(Path(challenge))
    if about is None:
        about = public_parameters(read_manifest(folder.manifest, COMPLETE))
    bounded = stay_on_range(read_treatments(about.get("treatment")))
    released = load_released(challenge, about.get("arrays"), bounded=bounded)
    pool, photos = None, None
    if public is not None:
        pool = open_pool(public)
        if pool_share != 1:
            told = read_manifest(folder.manifest, ("files",))["files"]
            pool = part_of_pool(pool, pool_share, told["encryption.npy"]["sha256"])
        held = sample_size(pool) * int(np.prod(pool.shape))
        needed = FLOAT_BYTES * released.encryption.size + (FLOAT_BYTES + 1) * held
        check_memory(needed, f"reading {challenge} and {public}")
        if not knows_pool and _is_own_pool(folder, pool):
            raise InstaHideError(
                f"{public} is the challenge's own pool, by its digest in challenge.json: give "
                "other photos, or say that the attack knows the pool (public: pool in the "
                "configuration, --pool of the command `instahide attack pool`)"
            )
        photos = to_unit_range(sample(pool))
    known = {"pool": pool if knows_pool else None, "secrets": folder if secrets else None}
    known |= {"pool_share": pool_share} if knows_pool else {}
    return see(released, photos, about, image_count, labels, **known)


def public_parameters(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a checked `challenge.json` tells an attacker.

    Returns
    -------
    dict
        ``scheme`` and ``generator`` of InstaHide, ``augmentation`` where images are
        transformed before they are mixed, and ``treatment`` where rows are treated; of
        another encoding ``encoding``, its name and options, and ``arrays``, the names of what
        it releases; ``image_shape``.
    """
    keys = ("scheme", "generator", "public_use", "augmentation", "treatment", "encoding")
    keys += ("image_shape",)
    told = {key: manifest[key] for key in keys if key in manifest}
    if "encoding" in told:
        files = (file.removesuffix(".npy") for file in manifest["files"])
        told["arrays"] = [name for name in files if name != "label"]
    return told


def _is_own_pool(folder: ChallengeFolder, pool: Pool) -> bool:
    """Tell whether `challenge.json`, where there is one, names the digest of this pool."""
    path = folder.manifest
    told = read_manifest(path, needed=()).get("pool") if os.path.lexists(path) else None
    # A digest takes a reading of the whole pool, and differs where numbers do.
    return bool(told) and told["patches"] == len(pool) and told["sha256"] == pool.digest


def sample(pool: Pool) -> np.ndarray:
    """Return some images to learn from, evenly from all of a pool, uint8 (N, H, W, C)."""
    image_index = np.linspace(0, len(pool) - 1, sample_size(pool)).astype(np.int64)
    return pool.read(image_index)


def sample_size(pool: Pool) -> int:
    """Return how many images of a pool to learn from: all, unless they are many or large."""
    fitting = PUBLIC_BYTES // (FLOAT_BYTES * int(np.prod(pool.shape)))
    return min(len(pool), MOST_PUBLIC, max(fitting, FEW_PUBLIC))


def strip_labels(label: np.ndarray, labels: Labels) -> np.ndarray:
    """Return what is left of labels: all, 1 for each class that a row holds, or one class.

    Without labels, all images are of one class, shape (E, 1).
    """
    if labels == "coefficients":
        return label
    if labels == "classes":
        return (label > 0).astype(np.float32)
    return np.ones((len(label), 1), np.float32)
