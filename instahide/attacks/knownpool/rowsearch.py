"""The public images of single rows: a weighted scan of the pool, and a weighted choice.

As in `instahide.attacks.knownpool.publicsearch`, but nothing is known of private images: they
are the noise, and pixels are weighted by where there is little of it, see
`instahide.attacks.knownpool.sharpening`. With weights w of a row's pixels, candidate p fits
what is left r by

    ⟨w·r, p⟩ / √⟨w, p²⟩,

two products of matrices for all rows and candidates.
"""

from dataclasses import dataclass

import numpy as np

from instahide.attacks.knownpool.decoding import Decoding
from instahide.attacks.knownpool.publicsearch import confidence_of, without_repetition
from instahide.attacks.knownpool.selection import NONE, AtomSelection, select_atoms
from instahide.attacks.knownpool.sharppool import SharpPool

CHOSEN_AT_ONCE = 100


@dataclass(frozen=True)
class Search:
    """How to search the pool for the images of a row.

    Attributes
    ----------
    pool : SharpPool
    slots : int
        Public images of a row.
    shortlist : int
        Candidates of each row.
    threshold : float
        What an image must gain, in units of the energy left per dimension.
    """

    pool: SharpPool
    slots: int
    shortlist: int = 16
    threshold: float = 20.0


def find_in_rows(
    search: Search, rows: np.ndarray, former: Decoding, *, either_sign: bool = False
) -> tuple[Decoding, np.ndarray]:
    """Scan for candidates, and choose among them and the former choice.

    Parameters
    ----------
    rows : ndarray of float32, shape (E, d)
        Without their masks, less the mean of the pool.
    former : Decoding
    either_sign : bool
        Each row may be turned, whichever fits better.

    Returns
    -------
    decoding : Decoding
    turned : ndarray of bool, shape (E,)
        Rows that fit better with the other sign.
    """
    sharpener = search.pool.sharpener
    sharp = sharpener.sharpen(rows)
    left = sharp - explained_by_public(search.pool, former)
    weights = sharpener.weigh(left)
    candidates = scan_rows(search, left, weights, either_sign)
    candidates = without_repetition(np.hstack([former.public, candidates]))
    scale = sharpener.to_colours(np.sqrt(weights))
    sharp *= scale
    chosen = []
    for start in range(0, len(rows), CHOSEN_AT_ONCE):
        some = slice(start, start + CHOSEN_AT_ONCE)
        matrices = products(search.pool, candidates[some], sharp[some], scale[some])
        chosen.append(
            choose_for_rows(search, matrices, candidates[some], rows.shape[1], either_sign)
        )
    public, coefficients, confidence, turned = map(np.concatenate, zip(*chosen, strict=True))
    return Decoding(public, coefficients, confidence), turned


def explained_by_public(pool: SharpPool, decoding: Decoding) -> np.ndarray:
    """Return what public images explain of sharpened rows, float32, shape (E, d)."""
    mixed = np.zeros((len(decoding.public), len(pool.dictionary.gain)), np.float32)
    for slot in range(decoding.public.shape[1]):
        weights = decoding.coefficients[:, slot, None]
        mixed += weights * pool.take(decoding.public[:, slot])
    return mixed


def scan_rows(
    search: Search, left: np.ndarray, weights: np.ndarray, either_sign: bool
) -> np.ndarray:
    """Return the images of the pool that fit each row best, int64, shape (E, shortlist).

    Parameters
    ----------
    left : ndarray of float32, shape (E, d)
        Sharpened.
    weights : ndarray of float32, shape (E, H·W)
    either_sign : bool
        Fits of either sign count.
    """
    pool, sharpener = search.pool, search.pool.sharpener
    weighted = left * sharpener.to_colours(weights)
    count = min(search.shortlist, len(pool))
    scores, places = np.empty((len(left), 0), np.float32), np.empty((len(left), 0), np.int64)
    for here, atoms, energy in pool.chunks():
        fits = weighted @ atoms.T
        fits /= np.sqrt(weights @ energy.T + np.float32(1e-9))
        if either_sign:
            np.abs(fits, out=fits)
        kept = np.argpartition(-fits, min(count, len(here)) - 1, axis=1)[:, :count]
        scores = np.hstack([scores, np.take_along_axis(fits, kept, 1)])
        places = np.hstack([places, here[kept]])
        kept = np.argpartition(-scores, min(count, scores.shape[1]) - 1, axis=1)[:, :count]
        scores, places = (np.take_along_axis(x, kept, 1) for x in (scores, places))
    return places


def products(
    pool: SharpPool, candidates: np.ndarray, rows: np.ndarray, scale: np.ndarray
) -> np.ndarray:
    """Return the weighted inner products of each row's candidates, the row itself the last.

    Parameters
    ----------
    pool : SharpPool
    candidates : ndarray of int64, shape (E, M)
        Places in it; NONE for an atom of zeros.
    rows : ndarray of float32, shape (E, d)
        Sharpened, times `scale`.
    scale : ndarray of float32, shape (E, d)
        Square roots of weights.

    Returns
    -------
    ndarray of float64, shape (E, M + 1, M + 1)
    """
    both = np.empty((len(rows), candidates.shape[1] + 1, rows.shape[1]), np.float32)
    np.multiply(pool.take(candidates), scale[:, None], out=both[:, :-1])
    both[:, -1] = rows
    return (both @ both.transpose(0, 2, 1)).astype(np.float64)


def choose_for_rows(
    search: Search, matrices: np.ndarray, candidates: np.ndarray, size: int, either_sign: bool
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return public images, coefficients, confidence and whether rows are turned."""
    opposite = matrices.copy()
    opposite[:, -1, :-1] *= -1
    opposite[:, :-1, -1] *= -1
    best = select_images(search, matrices, candidates, size)
    turned = np.zeros(len(candidates), bool)
    if either_sign:
        other = select_images(search, opposite, candidates, size)
        turned = other[1].left < best[1].left
        parts = zip(_told(*best, size), _told(*other, size), strict=True)
        return *(np.where(turned[:, None], b, a) for a, b in parts), turned
    return *_told(*best, size), turned


def select_images(
    search: Search, matrices: np.ndarray, candidates: np.ndarray, size: int
) -> tuple[np.ndarray, AtomSelection]:
    """Choose atoms, see `select_atoms`; returns which images they are as well."""
    chosen = select_atoms(matrices, search.slots, threshold=search.threshold, size=size)
    public = np.take_along_axis(candidates, np.maximum(chosen.picks, 0), 1)
    return np.where(chosen.picks == NONE, NONE, public), chosen


def _told(
    public: np.ndarray, chosen: AtomSelection, size: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return public, chosen.coefficients.astype(np.float32), confidence_of(chosen, size)
