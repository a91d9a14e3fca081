"""How an audit encrypts and measures: the choices and their defaults.

Who attacks follows from them (`instahide.auditing.attackers`).
"""

from dataclasses import dataclass
from typing import Literal

from instahide.auditing.mixing import Mixing, moved_by
from instahide.auditing.thresholds import LEAST_LEAD, THRESHOLD
from instahide.encodings.augmentation import Augmentation
from instahide.errors import InstaHideError

LARGEST_K = 16
FEWER_ROWS = (2, 5)  # numbers of encryptions that are usually tried besides


@dataclass(frozen=True)
class AuditSettings:
    """How the images are encrypted, and when they count as recognised.

    Attributes
    ----------
    k : int
        Images in a mixture. The paper recommends 4 or 6.
    rows_per_image : int
        Encryptions of each image, T: one for each epoch of a training.
    inside : bool
        Whether all images of a mixture are private; otherwise two, and k - 2 public ones.
    augment : bool
        Whether images are cropped and flipped anew for each encryption.
    curve : tuple of int
        Numbers of encryptions of each image that are tried besides.
    seed : int
        Of everything that is drawn. The same images, settings and seed give the same page.
    threshold, margin : float
        See `instahide.auditing.recognition`.

    Raises
    ------
    InstaHideError
        When a value is out of range, or no attack here is on such encryptions.

    Examples
    --------
    >>> AuditSettings(rows_per_image=10, curve=(2, 5, 10)).all_rows
    (2, 5, 10)
    """

    k: int = 4
    rows_per_image: int = 10
    inside: bool = False
    augment: bool = False
    curve: tuple[int, ...] = ()
    seed: int = 0
    threshold: float = THRESHOLD
    margin: float = LEAST_LEAD

    def __post_init__(self):
        if not 2 <= self.k <= LARGEST_K:
            raise InstaHideError(f"k = {self.k}: mix 2 to {LARGEST_K} images")
        if min(self.all_rows) < 1:
            raise InstaHideError(
                f"{min(self.all_rows)} encryptions of each image: make 1 or more"
            )
        if not 0 < self.threshold <= 1 or not 0 <= self.margin < 1:
            raise InstaHideError(
                f"threshold {self.threshold} and margin {self.margin}: the former lies above "
                "0, both lie below 1"
            )
        if self.inside and self.augment and self.k > 2:
            raise InstaHideError(
                "no attack of this project is on augmented mixtures of more than two private "
                "images, so that an audit would find nothing and prove nothing: audit them "
                "without augmentation, which tells what is at stake"
            )

    @property
    def all_rows(self) -> tuple[int, ...]:
        """Numbers of encryptions of each image, in ascending order."""
        return tuple(sorted({*self.curve, self.rows_per_image}))

    @property
    def mixing(self) -> Mixing:
        """What of this decides the encryptions, but for their number."""
        return Mixing(self.k, self.inside, self.augment, self.seed)

    @property
    def mixes_public(self) -> bool:
        """Whether public images are mixed in; two images are both private."""
        return self.mixing.mixes_public

    @property
    def scheme(self) -> Literal["cross", "inside"]:
        """The paper's name of the scheme."""
        return self.mixing.scheme

    def augmentation(self, size: int) -> Augmentation | None:
        """Return what is done to images of `size` pixels before they are mixed."""
        return moved_by(self.augment, size)


def usual_curve(rows_per_image: int) -> tuple[int, ...]:
    """Return what is tried besides where nobody says: fewer encryptions of each image.

    Examples
    --------
    >>> usual_curve(4)
    (2,)
    """
    return tuple(one for one in FEWER_ROWS if one < rows_per_image)
