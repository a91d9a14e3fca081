"""How an audit encrypts and attacks: the choices, their defaults, and who attacks."""

from dataclasses import dataclass
from typing import Literal

from instahide.auditing.recognition import LEAST_LEAD, THRESHOLD
from instahide.auditing.result import Attacker
from instahide.encodings.augmentation import Augmentation
from instahide.errors import InstaHideError

LARGEST_K = 16
#: ASSUME: what training crops by at 32 pixels (torchvision's RandomCrop(32, padding=4)), of
#: larger images as large a share.
CROPPED_SHARE = 4 / 32
# ASSUME: up to so many encryptions of each image, rows are decoded one by one first: labels and
# similarity alone find little in few rows (docs/pool.md has both).
DECODED_BY_ROW = 10

PHOTOS = "knows nothing but photos of the same kind"
POOL = "knows the public images too"
BLIND = "knows neither labels nor coefficients"


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
    def mixes_public(self) -> bool:
        """Whether public images are mixed in; two images are both private."""
        return not self.inside and self.k > 2

    @property
    def scheme(self) -> Literal["cross", "inside"]:
        """The paper's name of the scheme."""
        return "inside" if self.inside else "cross"

    def augmentation(self, size: int) -> Augmentation | None:
        """Return what is done to images of `size` pixels before they are mixed."""
        if not self.augment:
            return None
        return Augmentation(crop_padding=max(1, round(CROPPED_SHARE * size)), flip=True)

    def attackers(self) -> tuple[Attacker, ...]:
        """Return who attacks, by name and by what he knows; the attack is that for many rows.

        Examples
        --------
        >>> [attacker.attack for attacker in AuditSettings(augment=True).attackers()]
        ['augmented', 'augmented-pool', 'augmented-none']
        >>> [attacker.name for attacker in AuditSettings(inside=True).attackers()]
        ['photos']
        """
        places = self.inside and self.k > 2
        photos = "whitened-inside" if places else self._named("whitened")
        found = [Attacker("photos", PHOTOS, photos)]
        if self.mixes_public:
            pool = "augmented-pool" if self.augment else "pool"
            found.append(Attacker("pool", POOL, pool))
        if not places:
            found.append(Attacker("blind", BLIND, self._named("whitened") + "-none"))
        return tuple(found)

    def attack_on(self, attacker: str, rows_per_image: int) -> str:
        """Return the attack that an attacker runs on so many encryptions of each image."""
        if attacker == "pool" and rows_per_image <= DECODED_BY_ROW and not self.augment:
            return "single-labels"
        return next(one.attack for one in self.attackers() if one.name == attacker)

    def _named(self, name: str) -> str:
        return "augmented" if self.augment else name
