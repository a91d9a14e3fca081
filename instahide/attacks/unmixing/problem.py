"""What the stages of the unmixing family see: rows, labels, and photos of the attacker's own.

It is their view of a challenge (`instahide.attacks.seen`); what the labels say is read in
`instahide.attacks.unmixing.parts.labels`.
"""

from dataclasses import asdict, dataclass

import numpy as np

from instahide.attacks.protocol import Released
from instahide.attacks.recipe import Labels
from instahide.attacks.seen import Seen, see
from instahide.encodings.instahide.scheme import Scheme
from instahide.errors import InstaHideError
from instahide.pool.pool import Pool


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
        When the challenge was made by another encoding than InstaHide, or there cannot be as
        many private images as is said.
    """
    if "scheme" not in seen.about:
        raise InstaHideError(
            "this attack unmixes rows of InstaHide, and the challenge has another encoding"
        )
    scheme, (count, _) = Scheme(**seen.about["scheme"]), seen.table_shape
    if not 1 <= seen.image_count <= count:
        raise InstaHideError(
            f"{seen.image_count} private images: each leads one or more of the encryptions, so "
            f"there are 1 to {count}"
        )
    rows = seen.released.encryption.reshape(seen.table_shape)
    return Problem(
        magnitudes=np.abs(rows) if scheme.masked else rows,
        label=seen.label,
        public=seen.public,
        scheme=scheme,
        image_count=seen.image_count,
        labels=seen.labels,
        pool=seen.pool,
    )


def make_problem(
    released: Released,
    public: np.ndarray,
    scheme: Scheme,
    image_count: int,
    labels: Labels = "coefficients",
    *,
    pool: Pool | None = None,
) -> Problem:
    """Put a problem together, see `instahide.attacks.seen.see`."""
    about = {"scheme": asdict(scheme)}
    return view(see(released, public, about, image_count, labels, pool=pool))
