"""What is done to encryptions before they are released: noise, rounding, JPEG, clipping.

InstaHide releases float32 values as they are. Noise on each value is what DP-InstaHide adds
(Borgnia et al., "DP-InstaHide: Provably Defusing Poisoning and Backdoor Attacks with
Differentially Private Data Augmentations", 2021, section 3); the others are what happens to
images that are stored as images, or that somebody hopes will hide what is small or large.

`Treatment` says what is done, and may be read by anybody; `instahide.encodings.treating` does
it. Standard library only: the configuration and manifests are checked with it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from instahide.errors import InstaHideError

Kind = Literal["none", "gaussian", "laplace", "rounding", "jpeg", "jpeg444", "clip"]
#: kind -> (what its amount is, the least and the largest that there are)
KINDS: Mapping[str, tuple[str, float, float]] = {
    "none": ("nothing", 0, 0),
    "gaussian": ("the standard deviation", 0, 10),
    "laplace": ("the scale", 0, 10),
    "rounding": ("the number of bits", 1, 16),
    "jpeg": ("the quality", 1, 100),
    "jpeg444": ("the quality", 1, 100),
    "clip": ("the largest magnitude", 0.01, 1),
}
#: Kinds whose values have no bounds.
NOISES = ("gaussian", "laplace")
MOST_TREATMENTS = 8  # one after the other; each reads every value


@dataclass(frozen=True)
class Treatment:
    """One thing that is done to every row.

    Attributes
    ----------
    kind : {"none", "gaussian", "laplace", "rounding", "jpeg", "jpeg444", "clip"}
        ``jpeg444`` is JPEG that keeps colours at full resolution.
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
            known = ", ".join(KINDS)
            raise InstaHideError(f"treatment {self.kind[:50]!r} is unknown: use {known}")
        what, least, most = KINDS[self.kind]
        if not least <= self.amount <= most:
            raise InstaHideError(
                f"treatment {self.kind}: {what} is {self.amount}; use {least} to {most}"
            )
        if self.kind in ("rounding", "jpeg", "jpeg444") and self.amount != int(self.amount):
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
        kind, given, amount = text.strip().partition("=")
        if kind in KINDS and bool(given) == (kind == "none"):
            raise InstaHideError(f"treatment {text[:50]!r} is not of the form gaussian=0.1")
        try:
            return cls(kind, float(amount or 0))
        except ValueError as error:
            raise InstaHideError(
                f"treatment {text[:50]!r} is not of the form gaussian=0.1"
            ) from error

    @property
    def text(self) -> str:
        """What `of` reads: the same treatment has one text.

        Examples
        --------
        >>> Treatment.of("gaussian=.10").text, Treatment.of("jpeg=75.0").text
        ('gaussian=0.1', 'jpeg=75')
        """
        if self.kind == "none":
            return self.kind
        whole = self.amount == int(self.amount)
        return f"{self.kind}={int(self.amount) if whole else float(self.amount)!r}"

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


def read_treatments(given: Any) -> tuple[Treatment, ...]:
    """Read what is done to rows, one after the other, from a text with commas.

    Parameters
    ----------
    given : str or None
        Such as ``gaussian=0.1,rounding=8``; ``none``, or None, for nothing.

    Returns
    -------
    tuple of Treatment
        In order, without those that do nothing by their name.

    Raises
    ------
    InstaHideError
        When it is of another form, an amount is out of range, or there are too many.

    Examples
    --------
    >>> [treatment.text for treatment in read_treatments("gaussian=.1, rounding=8")]
    ['gaussian=0.1', 'rounding=8']
    >>> read_treatments("none"), read_treatments(None)
    ((), ())
    """
    if given is None:
        return ()
    if not isinstance(given, str):
        raise InstaHideError("a treatment is a text of the form gaussian=0.1,rounding=8")
    texts = given.split(",")
    if len(texts) > MOST_TREATMENTS:
        raise InstaHideError(
            f"{len(texts)} treatments, one after the other: use {MOST_TREATMENTS} at most"
        )
    found = map(Treatment.of, texts)
    return tuple(treatment for treatment in found if treatment.kind != "none")


def treatments_as_text(treatments: Iterable[Treatment]) -> str:
    """Return what `read_treatments` reads; ``none`` where nothing is done."""
    return ",".join(treatment.text for treatment in treatments) or "none"


def added_noise(treatments: Iterable[Treatment]) -> float | None:
    """Return the variance of all noise together; None where some is no noise of one variance.

    ASSUME: what rounding moves to the ends of the range is little.

    Examples
    --------
    >>> added_noise(read_treatments("gaussian=0.3,laplace=0.5"))
    0.59
    >>> added_noise(read_treatments("gaussian=0.3,jpeg=75")) is None
    True
    """
    variances = [treatment.noise for treatment in treatments]
    return None if None in variances else float(sum(variances))


def stay_on_range(treatments: Iterable[Treatment]) -> bool:
    """Tell whether values on [-1, 1] are there after all treatments: noise leaves the range.

    Examples
    --------
    >>> stay_on_range(read_treatments("gaussian=1")), stay_on_range(read_treatments("clip=1"))
    (False, True)
    >>> stay_on_range(read_treatments("gaussian=1,rounding=8"))
    True
    """
    last = "none"
    for treatment in treatments:
        last = treatment.kind
    return last not in NOISES
