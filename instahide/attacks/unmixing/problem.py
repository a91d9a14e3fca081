"""What the stages of the unmixing family see: rows, labels, and photos of the attacker's own.

It is their view of a challenge (`instahide.attacks.seen`); what the labels say is read in
`instahide.attacks.unmixing.parts.labels`.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from instahide.attacks.protocol import Released
from instahide.attacks.recipe import DP_INSTAHIDE, Labels
from instahide.attacks.seen import Seen, see
from instahide.encodings.augmentation import Augmentation
from instahide.encodings.instahide.scheme import Scheme
from instahide.encodings.treatment import added_noise, read_treatments
from instahide.errors import InstaHideError
from instahide.pool.pool import Pool

#: Variance of noise that is counted on: photos of 8 bits have half of it themselves.
LEAST_TOLD_NOISE = 1e-5


@dataclass(frozen=True)
class Problem:
    """A challenge as the unmixing family sees it: what every stage is given.

    Attributes
    ----------
    magnitudes : ndarray of float32, shape (E, d)
        |encryption|: what a mask leaves of a row. Where the scheme has no mask, nothing is
        taken away, and this is the encryption itself with its signs.
    label : ndarray of float32, shape (E, classes)
        No more of it than `labels` says, see `instahide.attacks.seen.strip_labels`.
    public : ndarray of float32, shape (N, H, W, C), range [-1, 1]
        Images like those of the pool, or its members; N = 0 where there are none.
    scheme : Scheme
        Its mixture, k, c1 and c2 are public. Of DP-InstaHide that of InstaHide which is
        likest: k private images and no mask.
    image_count : int
        Number n of private images.
    labels : {"coefficients", "classes", "none"}
    pool : Pool or None
        The store of public images that the challenge was made with, where the attacker knows
        it; `public` is then a sample of it.
    noise : float or None
        Variance of the noise on each value of a row; None where it is not told.
    augmentation : Augmentation or None
        How images were transformed before they were mixed, each row's anew.
    """

    magnitudes: np.ndarray
    label: np.ndarray
    public: np.ndarray
    scheme: Scheme
    image_count: int
    labels: Labels = "coefficients"
    pool: Pool | None = None
    noise: float | None = 0.0
    augmentation: Augmentation | None = None

    @property
    def told_noise(self) -> float:
        """The noise's variance as attacks count on it: 0 where it is not told, or too small."""
        return self.noise if self.noise and self.noise > LEAST_TOLD_NOISE else 0.0

    @property
    def shape(self) -> tuple[int, ...]:
        """Height, width and channels of an image; their product is d."""
        return self.public.shape[1:]

    @property
    def table_shape(self) -> tuple[int, int]:
        """(E, d)."""
        return self.magnitudes.shape


def view(seen: Seen) -> Problem:
    """Return what an attacker sees as a problem of unmixing.

    Raises
    ------
    InstaHideError
        When the challenge was made by another encoding than InstaHide or DP-InstaHide, its
        rows are no images, or there cannot be as many private images as is said.
    """
    scheme, noise = mixture_of(seen.about)
    told = seen.about.get("augmentation")
    count, _ = seen.table_shape
    if not 1 <= seen.image_count <= count:
        raise InstaHideError(
            f"{seen.image_count} private images: each leads one or more of the encryptions, so "
            f"there are 1 to {count}"
        )
    check_rows(seen.released.encryption, seen.shape)
    rows = seen.released.encryption.reshape(seen.table_shape).astype(np.float32, copy=False)
    return Problem(
        magnitudes=np.abs(rows) if scheme.masked else rows,
        label=seen.label,
        public=seen.public,
        scheme=scheme,
        image_count=seen.image_count,
        labels=seen.labels,
        pool=seen.pool,
        noise=noise,
        augmentation=Augmentation.of(told) if told else None,
    )


def check_rows(rows: np.ndarray, shape: tuple[int, ...]) -> None:
    """Refuse rows that are not shaped like images, or hold what is no number.

    Raises
    ------
    InstaHideError
        Names the shapes, or the first such row.
    """
    if rows.shape[1:] != shape:
        raise InstaHideError(
            f"this attack unmixes rows shaped like images, {shape}, and those of the challenge "
            f"are {rows.shape[1:]}"
        )
    wrong = np.flatnonzero(~np.isfinite(rows.sum(axis=(1, 2, 3), dtype=np.float64)))
    if len(wrong):
        raise InstaHideError(f"row {wrong[0]} of the encryptions holds what is no number")


def mixture_of(about: Mapping[str, Any]) -> tuple[Scheme, float | None]:
    """Return what public parameters tell of mixture and noise, see `Problem`.

    Raises
    ------
    InstaHideError
        When they are those of another encoding, or options are missing or out of range.

    Examples
    --------
    >>> options = {"k": 4, "noise": 0.5, "rows_per_image": 50}
    >>> scheme, noise = mixture_of({"encoding": {"name": DP_INSTAHIDE, "options": options}})
    >>> scheme.k, scheme.name, noise
    (4, 'mixup-inside', 0.5)
    """
    if "scheme" in about:
        return Scheme(**about["scheme"]), added_noise(read_treatments(about.get("treatment")))
    encoding = about["encoding"]
    if encoding["name"] != DP_INSTAHIDE:
        raise InstaHideError(
            "this attack unmixes rows of instahide or dp-instahide, and the challenge was made "
            f"by the encoding {encoding['name']}"
        )
    options = encoding["options"]
    k, scale = options.get("k"), options.get("noise", np.nan)
    known = isinstance(scale, int | float) and not isinstance(scale, bool)
    if type(k) is not int or not known or scale < 0 or scale == np.inf:
        raise InstaHideError(
            f"dp-instahide with k = {k}, noise = {scale}: the one is a whole number, the other "
            "one of 0 or more"
        )
    return Scheme("mixup-inside", k, c1=1.0), None if np.isnan(scale) else 2.0 * scale**2


def make_problem(
    released: Released,
    public: np.ndarray,
    scheme: Scheme,
    image_count: int,
    labels: Labels = "coefficients",
    *,
    pool: Pool | None = None,
    augmentation: Augmentation | None = None,
) -> Problem:
    """Put a problem together, see `instahide.attacks.seen.see`."""
    about = {"scheme": asdict(scheme)}
    about |= {"augmentation": augmentation.describe()} if augmentation else {}
    return view(see(released, public, about, image_count, labels, pool=pool))
