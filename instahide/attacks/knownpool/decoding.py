"""How to decode with the pool, and what is known of the public images of rows."""

from dataclasses import dataclass

import numpy as np

from instahide.attacks.knownpool.selection import NONE
from instahide.attacks.unmixing.state import replace_rows
from instahide.errors import InstaHideError

SURE = 0.5  # confidence of what is called confident


@dataclass(frozen=True)
class Settings:
    """How to decode.

    Attributes
    ----------
    k : int
        Images in a mixture, two of them private.
    masked : bool
        False for mixup.
    passes : int
        At most.
    shortlist : int
        Candidates of each row and scan.
    threshold : float
        What a public image must gain, in units of the energy left per dimension.
    screen : int or None
        Basis elements in scans, see `dictionary.make_dictionary`.
    steps : int
        Of annealing.
    """

    k: int = 6
    masked: bool = True
    passes: int = 12
    shortlist: int = 16
    threshold: float = 30.0
    screen: int | None = 1024
    steps: int = 12


@dataclass(frozen=True)
class Decoding:
    """The public images of each row.

    Attributes
    ----------
    public : ndarray of int64, shape (E, k - 2)
        Places in the pool; NONE where none was found.
    coefficients : ndarray of float32, shape (E, k - 2)
        0 where none was found.
    confidence : ndarray of float32, shape (E, k - 2), range [0, 1)
        Of each decision.
    """

    public: np.ndarray
    coefficients: np.ndarray
    confidence: np.ndarray

    def take(self, rows: np.ndarray) -> "Decoding":
        """Return some rows."""
        return Decoding(self.public[rows], self.coefficients[rows], self.confidence[rows])

    def put(self, rows: np.ndarray, new: "Decoding") -> "Decoding":
        """Return all rows, some of them replaced."""
        return Decoding(
            replace_rows(self.public, rows, new.public),
            replace_rows(self.coefficients, rows, new.coefficients),
            replace_rows(self.confidence, rows, new.confidence),
        )

    @property
    def row_confidence(self) -> np.ndarray:
        """A row is as sure as the least sure of its decisions, (E,)."""
        return self.confidence.min(axis=1)


def nothing_found(rows: int, settings: Settings) -> Decoding:
    """Return the decoding that finds nothing."""
    shape = (rows, settings.k - 2)
    zeros = np.zeros(shape, np.float32)
    return Decoding(np.full(shape, NONE), zeros, zeros)


def check_settings(settings: Settings) -> None:
    """Refuse settings by which nothing can be decoded.

    Raises
    ------
    InstaHideError
        When rows have no public images, or there is nothing to be done.
    """
    if settings.k < 3:
        raise InstaHideError(f"k = {settings.k}: rows have no public images to be decoded")
    if settings.passes < 1:
        raise InstaHideError(f"passes = {settings.passes}: use 1 or more")
    if settings.screen is not None and settings.screen < 1:
        raise InstaHideError(f"screen = {settings.screen}: use 1 or more basis elements")
