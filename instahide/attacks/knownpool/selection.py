"""Choosing a few atoms for many rows at once, by least squares with exchanges.

For each row there is a short list of M candidate atoms, and the few of them are wanted whose
non-negative combination comes nearest to the row. Everything happens on the small matrices of
inner products

    A = [[G, c], [cᵀ, e]],    G = inner products of atoms, c = with the row, e = of the row,

by the sweep operator (Goodnight, "A tutorial on the SWEEP operator", The American
Statistician, 1979). Sweeping A on an atom brings that atom into the regression: after it, the
last column holds the coefficients of the atoms that are in, and the covariances of the others
with what is left of the row; the corner holds the energy left. Sweeping back takes it out
again, so an atom chosen early is exchanged as soon as the others know better.
"""

from dataclasses import dataclass

import numpy as np

NONE = -1
LEAST_OWN = 1e-4  # of an atom's energy, that the atoms already in must leave


@dataclass(frozen=True)
class AtomSelection:
    """The atoms chosen for B rows, in K slots.

    Attributes
    ----------
    picks : ndarray of int64, shape (B, K)
        Places in the row's list, or NONE.
    coefficients : ndarray of float64, shape (B, K)
        Zero where there is no pick.
    gain : ndarray of float64, shape (B, K)
        By how much more energy would be left without the pick.
    margin : ndarray of float64, shape (B, K)
        By how much more with the best other atom of the list in its place.
    left : ndarray of float64, shape (B,)
        Energy left.
    """

    picks: np.ndarray
    coefficients: np.ndarray
    gain: np.ndarray
    margin: np.ndarray
    left: np.ndarray


def sweep(matrices: np.ndarray, rows: np.ndarray, pivots: np.ndarray) -> None:
    """Bring one atom into each regression, in place.

    Parameters
    ----------
    matrices : ndarray of float64, shape (B, M + 1, M + 1)
    rows : ndarray of int64, shape (b,)
        Distinct places along the first axis.
    pivots : ndarray of int64, shape (b,)
        The atom of each of those rows.
    """
    _exchange(matrices, rows, pivots, 1.0)


def sweep_back(matrices: np.ndarray, rows: np.ndarray, pivots: np.ndarray) -> None:
    """Take one atom out of each regression, in place; undoes `sweep`."""
    _exchange(matrices, rows, pivots, -1.0)


def _exchange(
    matrices: np.ndarray, rows: np.ndarray, pivots: np.ndarray, direction: float
) -> None:
    if not len(rows):
        return
    here = np.arange(len(rows))
    column = matrices[rows, :, pivots]
    pivot = column[here, pivots]
    column[here, pivots] = 0
    scaled = column / pivot[:, None]
    matrices[rows] -= scaled[:, :, None] * column[:, None, :]
    # In its own row and column an atom that goes in changes sign on its way back.
    scaled *= direction
    scaled[here, pivots] = -1 / pivot
    matrices[rows, :, pivots] = scaled
    matrices[rows, pivots, :] = scaled


def select_atoms(
    matrices: np.ndarray, slots: int, *, threshold: float, size: int, rounds: int = 3
) -> AtomSelection:
    """Choose atoms for each row: the best for each slot in turn, a few rounds.

    Parameters
    ----------
    matrices : ndarray of float64, shape (B, M + 1, M + 1)
        Inner products, the row's own last; overwritten. An atom of zeros is never chosen.
    slots : int
        K, the most atoms of a row.
    threshold : float
        An atom must gain this many times the energy left per dimension.
    size : int
        Number of dimensions of a row.
    rounds : int
        Of exchanges, the first choice included.
    """
    count = matrices.shape[1] - 1
    rows, own = np.arange(len(matrices)), _diagonal(matrices).copy()
    picks = np.full((len(matrices), slots), NONE)
    for _ in range(rounds):
        for slot in range(slots):
            _remove(matrices, picks, slot, picks[:, slot] != NONE)
            gains = gains_of_others(matrices, own)
            best = gains.argmax(axis=1)
            enough = threshold * matrices[:, count, count] / size
            better = gains[rows, best] > np.maximum(enough, 0)
            sweep(matrices, rows[better], best[better])
            picks[better, slot] = best[better]
    for slot in range(slots):  # an exchange elsewhere may have turned one negative
        _remove(
            matrices,
            picks,
            slot,
            (picks[:, slot] != NONE) & (_weights(matrices, picks)[:, slot] <= 0),
        )
    gain, margin = _measure(matrices, own, picks)
    left = np.maximum(matrices[:, count, count], 0)
    return AtomSelection(picks, _weights(matrices, picks), gain, margin, left)


def gains_of_others(matrices: np.ndarray, own: np.ndarray) -> np.ndarray:
    """Return the energy that each atom would take from what is left, (B, M).

    Zero for atoms that are in, would get a negative coefficient, or are too nearly a
    combination of those that are in.

    Parameters
    ----------
    own : ndarray of float64, shape (B, M)
        The atoms' energies.
    """
    with_row, remaining = matrices[:, :-1, -1], _diagonal(matrices)
    free = (remaining > LEAST_OWN * own) & (with_row > 0)
    return np.where(free, with_row**2 / np.where(free, remaining, 1), 0)


def _measure(
    matrices: np.ndarray, own: np.ndarray, picks: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return gain and margin of the picks, each (B, K)."""
    gain, margin = np.zeros(picks.shape), np.zeros(picks.shape)
    for slot in range(picks.shape[1]):
        rows = np.flatnonzero(picks[:, slot] != NONE)
        chosen, here = picks[rows, slot], np.arange(len(rows))
        sweep_back(matrices, rows, chosen)
        gains = gains_of_others(matrices[rows], own[rows])
        gain[rows, slot] = mine = gains[here, chosen]
        gains[here, chosen] = 0
        margin[rows, slot] = mine - gains.max(axis=1)
        sweep(matrices, rows, chosen)
    return gain, margin


def _remove(matrices: np.ndarray, picks: np.ndarray, slot: int, which: np.ndarray) -> None:
    rows = np.flatnonzero(which)
    sweep_back(matrices, rows, picks[rows, slot])
    picks[rows, slot] = NONE


def _weights(matrices: np.ndarray, picks: np.ndarray) -> np.ndarray:
    rows = np.arange(len(matrices))[:, None]
    return np.where(picks != NONE, matrices[rows, picks, -1], 0)


def _diagonal(matrices: np.ndarray) -> np.ndarray:
    return np.diagonal(matrices, axis1=1, axis2=2)[:, :-1]
