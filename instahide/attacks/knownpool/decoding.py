"""What is known of the public images of rows, and taking rows out of it and back in."""

from dataclasses import dataclass

import numpy as np

from instahide.attacks.knownpool.selection import NONE
from instahide.attacks.unmixing.state import Assignment, State


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

    @property
    def row_confidence(self) -> np.ndarray:
        """A row is as sure as the least sure of its decisions, (E,)."""
        return self.confidence.min(axis=1)


def nothing_found(rows: int, settings: Settings) -> Decoding:
    """Return the decoding that finds nothing."""
    shape = (rows, settings.k - 2)
    zeros = np.zeros(shape, np.float32)
    return Decoding(np.full(shape, NONE), zeros, zeros)


def take(decoding: Decoding, rows: np.ndarray) -> Decoding:
    """Return some rows of a decoding."""
    return Decoding(
        decoding.public[rows], decoding.coefficients[rows], decoding.confidence[rows]
    )


def take_state(state: State, rows: np.ndarray) -> State:
    """Return some rows of a state."""
    pairs = state.assignment
    pairs = Assignment(pairs.images[rows], pairs.coefficients[rows])
    return State(state.images, pairs, state.level[rows], state.rows[rows])


def put(decoding: Decoding, rows: np.ndarray, new: Decoding) -> Decoding:
    """Return a decoding with some rows replaced."""
    return Decoding(
        replace_rows(decoding.public, rows, new.public),
        replace_rows(decoding.coefficients, rows, new.coefficients),
        replace_rows(decoding.confidence, rows, new.confidence),
    )


def put_state(state: State, rows: np.ndarray, new: State) -> State:
    """Return a state with some rows replaced; the images stay."""
    old, now = state.assignment, new.assignment
    pairs = Assignment(
        replace_rows(old.images, rows, now.images),
        replace_rows(old.coefficients, rows, now.coefficients),
    )
    return State(
        state.images,
        pairs,
        replace_rows(state.level, rows, new.level),
        replace_rows(state.rows, rows, new.rows),
    )


def replace_rows(values: np.ndarray, rows: np.ndarray, new: np.ndarray) -> np.ndarray:
    """Return a copy of `values` with some rows replaced."""
    values = values.copy()
    values[rows] = new
    return values
