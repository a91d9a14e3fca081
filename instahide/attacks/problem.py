"""What every stage of an attack sees: the released rows, labels, and photos of its own."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from instahide.attacks.protocol import Released, load_released
from instahide.challenge.scheme import Scheme
from instahide.errors import InstaHideError
from instahide.images import to_unit_range
from instahide.pool.pool import open_pool

LEAST_PUBLIC = 100

#: How much of the labels an attacker is given.
Labels = Literal["coefficients", "classes", "none"]


@dataclass(frozen=True)
class Problem:
    """A challenge as its attacker sees it.

    Attributes
    ----------
    rows : ndarray of float32, shape (E, d)
        |encryption|; where the scheme has no mask, the encryption itself.
    label : ndarray of float32, shape (E, classes)
        No more of it than `labels` says, see `strip_labels`.
    public : ndarray of float32, shape (N, H, W, C), range [-1, 1]
        Images like those of the pool, none of its members; N = 0 where there are none.
    scheme : Scheme
        Its mixture, k, c1 and c2 are public.
    images : int
        Number n of private images.
    labels : {"coefficients", "classes", "none"}
    """

    rows: np.ndarray
    label: np.ndarray
    public: np.ndarray
    scheme: Scheme
    images: int
    labels: Labels = "coefficients"

    @property
    def shape(self) -> tuple[int, ...]:
        """Height, width and channels of an image; their product is d."""
        return self.public.shape[1:]


def make_problem(
    released: Released,
    public: np.ndarray,
    scheme: Scheme,
    images: int,
    labels: Labels = "coefficients",
) -> Problem:
    """Put together what an attacker sees.

    Raises
    ------
    InstaHideError
        When the public sample has another shape than the encryptions, or only few images.
    """
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
    rows = np.abs(rows) if scheme.masked else rows
    return Problem(rows, strip_labels(released.label, labels), public, scheme, images, labels)


def load_problem(
    challenge: Path | str,
    public_sample: Path | str | None,
    scheme: Scheme,
    images: int,
    labels: Labels = "coefficients",
) -> Problem:
    """Read a challenge's released files and, if any, the attacker's pool of public photos."""
    released = load_released(challenge)
    if public_sample is None:
        public = np.empty((0, *released.encryption.shape[1:]), np.float32)
    else:
        public = to_unit_range(open_pool(public_sample).patches[:])
    return make_problem(released, public, scheme, images, labels)


def strip_labels(label: np.ndarray, labels: Labels) -> np.ndarray:
    """Return what is left of labels: all, 1 for each class that a row holds, or one class.

    Without labels, all images are of one class, shape (E, 1).
    """
    if labels == "coefficients":
        return label
    if labels == "classes":
        return (label > 0).astype(np.float32)
    return np.ones((len(label), 1), np.float32)
