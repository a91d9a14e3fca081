"""How an audit encrypts: which images are mixed, how often, and what is done to them before.

Apart from who attacks and when an image counts as recognised: an edit of those encrypts nothing
anew.
"""

from dataclasses import dataclass
from typing import Literal

from instahide.encodings.augmentation import Augmentation
from instahide.encodings.choice import EncodingChoice, of_scheme
from instahide.encodings.instahide.scheme import Scheme

#: ASSUME: what training crops by at 32 pixels (torchvision's RandomCrop(32, padding=4)), of
#: larger images as large a share.
CROPPED_SHARE = 4 / 32


@dataclass(frozen=True)
class Mixing:
    """What is mixed, see `instahide.auditing.settings.AuditSettings`.

    Examples
    --------
    >>> Mixing(k=4).scheme, Mixing(k=4).mixes_public, Mixing(k=2).mixes_public
    ('cross', True, False)
    """

    k: int = 4
    inside: bool = False
    augment: bool = False
    seed: int = 0

    @property
    def mixes_public(self) -> bool:
        """Whether public images are mixed in; two images are both private."""
        return not self.inside and self.k > 2

    @property
    def scheme(self) -> Literal["cross", "inside"]:
        """The paper's name of the scheme."""
        return "inside" if self.inside else "cross"

    def encoding(self, rows_per_image: int, size: int) -> EncodingChoice:
        """Return the encoding of images of `size` pixels."""
        scheme = Scheme(name=self.scheme, k=self.k, rows_per_image=rows_per_image)
        return of_scheme(scheme, augmentation=moved_by(self.augment, size))


def moved_by(augment: bool, size: int) -> Augmentation | None:
    """Return what is done to images of `size` pixels before they are mixed."""
    if not augment:
        return None
    return Augmentation(crop_padding=max(1, round(CROPPED_SHARE * size)), flip=True)
