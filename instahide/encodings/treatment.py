"""What may be done to encryptions before they are released: noise, rounding, JPEG, clipping.

InstaHide releases float32 values as they are. Noise on each value is what DP-InstaHide adds
(Borgnia et al., "DP-InstaHide: Provably Defusing Poisoning and Backdoor Attacks with
Differentially Private Data Augmentations", 2021, section 3); the others are what happens to
images that are stored as images, or that somebody hopes will hide what is small or large.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np

from instahide.errors import InstaHideError
from instahide.images import to_bytes, to_unit_range

Kind = Literal["none", "gaussian", "laplace", "rounding", "jpeg", "clip"]
#: kind -> (what its amount is, the least and the largest that there are)
KINDS: Mapping[str, tuple[str, float, float]] = {
    "none": ("nothing", 0, 0),
    "gaussian": ("the standard deviation", 0, 10),
    "laplace": ("the scale", 0, 10),
    "rounding": ("the number of bits", 1, 16),
    "jpeg": ("the quality", 1, 100),
    "clip": ("the largest magnitude", 0, 1),
}


@dataclass(frozen=True)
class Treatment:
    """One thing that is done to every row.

    Attributes
    ----------
    kind : {"none", "gaussian", "laplace", "rounding", "jpeg", "clip"}
    amount : float
        The noise's standard deviation, or the scale b of Laplace noise (its variance is
        2·b²); bits of each value; JPEG's quality; the magnitude that no value exceeds.

    Raises
    ------
    InstaHideError
        When there is no such kind, or the amount is out of range.
    """

    kind: Kind = "none"
    amount: float = 0.0

    def __post_init__(self):
        if self.kind not in KINDS:
            raise InstaHideError(f"treatment {self.kind!r} is none of {', '.join(KINDS)}")
        what, least, most = KINDS[self.kind]
        if not least <= self.amount <= most:
            raise InstaHideError(
                f"treatment {self.kind}: {what} is {self.amount}; use {least} to {most}"
            )
        if self.kind in ("rounding", "jpeg") and self.amount != int(self.amount):
            raise InstaHideError(
                f"treatment {self.kind}: {what} is {self.amount}; use a whole number"
            )

    @classmethod
    def of(cls, text: str) -> "Treatment":
        """Read ``kind=amount``, such as ``gaussian=0.1``, or ``none``.

        Raises
        ------
        InstaHideError
            When it is of another form.

        Examples
        --------
        >>> Treatment.of("jpeg=75")
        Treatment(kind='jpeg', amount=75.0)
        """
        kind, _, amount = text.partition("=")
        try:
            return cls(kind, float(amount or 0))
        except ValueError as error:
            raise InstaHideError(
                f"treatment {text!r} is not of the form gaussian=0.1"
            ) from error

    @property
    def noise(self) -> float | None:
        """Variance of noise that does not depend on what it is added to; None of others.

        Rounding to b bits is as good as uniform noise on steps of 2/(2ᵇ - 1).

        Examples
        --------
        >>> Treatment("laplace", 0.5).noise
        0.5
        """
        if self.kind == "rounding":
            return (2 / (2**self.amount - 1)) ** 2 / 12
        variances = {"none": 0.0, "gaussian": self.amount**2, "laplace": 2 * self.amount**2}
        return variances.get(self.kind)


def treat(rows: np.ndarray, treatment: Treatment, rng: np.random.Generator) -> np.ndarray:
    """Return rows as they are released after a treatment.

    Parameters
    ----------
    rows : ndarray of float32, shape (E, H, W, C), range [-1, 1]
        Encryptions.
    treatment : Treatment
    rng : numpy.random.Generator
        Of the noise.

    Returns
    -------
    ndarray of float32, shape (E, H, W, C)
        Noise leaves [-1, 1]: what is beyond is released too, as by DP-InstaHide.

    Raises
    ------
    InstaHideError
        When JPEG cannot hold images of so many channels.

    Examples
    --------
    >>> rows = np.float32([-0.9, 0.2, 0.7]).reshape(1, 1, 3, 1)
    >>> treat(rows, Treatment("clip", 0.5), np.random.default_rng(0)).ravel().tolist()
    [-0.5, 0.20000000298023224, 0.5]
    """
    amount = treatment.amount
    if treatment.kind == "gaussian":
        return rows + np.float32(amount) * rng.standard_normal(rows.shape, np.float32)
    if treatment.kind == "laplace":
        return rows + rng.laplace(0.0, amount, rows.shape).astype(np.float32)
    if treatment.kind == "rounding":
        steps = (2**amount - 1) / 2
        return (np.round((rows + 1) * steps) / steps - 1).astype(np.float32)
    if treatment.kind == "jpeg":
        return through_jpeg(rows, int(amount))
    if treatment.kind == "clip":
        return np.clip(rows, -np.float32(amount), np.float32(amount))
    return rows


def through_jpeg(rows: np.ndarray, quality: int) -> np.ndarray:
    """Return rows as 8-bit JPEG files bring them back, float32, shape and range as given.

    ASSUME: OpenCV's defaults: of images in colour, colours have half the resolution.

    Raises
    ------
    InstaHideError
        When rows have neither one channel nor three.
    """
    if rows.shape[-1] not in (1, 3):
        raise InstaHideError(f"JPEG holds 1 or 3 channels, and rows have {rows.shape[-1]}")
    images, found = to_bytes(rows), np.empty(rows.shape, np.uint8)
    colour = rows.shape[-1] == 3
    for number, image in enumerate(images):
        given = np.ascontiguousarray(image[..., ::-1])
        _, file = cv2.imencode(".jpg", given, [cv2.IMWRITE_JPEG_QUALITY, quality])
        back = cv2.imdecode(file, cv2.IMREAD_COLOR if colour else cv2.IMREAD_GRAYSCALE)
        found[number] = back.reshape(image.shape)[..., ::-1]
    return to_unit_range(found)
