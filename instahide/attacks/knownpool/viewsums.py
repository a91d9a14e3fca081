"""Two images of one class, of whose weights only the sum is known: which, in which views.

The split matters for the choice: where one image has nine tenths of the sum, halves fit no pair
well. With r a row, L the sum, and one image B in its view given, the best weight of A is

    s = ⟨r − L·B, A − B⟩ / |A − B|²,    0 ≤ s ≤ L,

and what it leaves follows from inner products. So one place is chosen given the other, as in
`instahide.attacks.unmixing.parts.viewpairs`, each time with the best split of every candidate.
"""

import numpy as np

from instahide.attacks.unmixing.parts.choosing import Chosen
from instahide.attacks.unmixing.parts.labels import Parts
from instahide.attacks.unmixing.parts.viewpairs import ViewTable
from instahide.attacks.unmixing.state import NOBODY

SUM_SWEEPS = 4  # choices of one place beside the other
LEAST_ALONG = 1e-9


def split_views(rows: np.ndarray, table: ViewTable, parts: Parts, found: Chosen) -> Chosen:
    """Choose anew for rows of one class, where that leaves less than what was found.

    Parameters
    ----------
    rows : ndarray of float32, shape (E, d)
        White rows less their background.
    table : ViewTable
    parts : Parts
    found : Chosen
        Of all rows; its cost is what members leave, squared.

    Returns
    -------
    Chosen
    """
    members, weights, cost = (values.copy() for values in found)
    for number, roster in enumerate(parts.roster):
        images = roster[roster != NOBODY]
        own = np.flatnonzero(parts.same & (parts.classes[:, 0] == number))
        if len(images) < 2 or not len(own):
            continue
        total = parts.coefficients[own].sum(axis=1)
        other = choose_sums(rows[own], table, images, total)
        better = other.cost < cost[own]
        for values, new in zip((members, weights, cost), other, strict=True):
            values[own[better]] = new[better]
    return Chosen(members, weights, cost)


def choose_sums(
    rows: np.ndarray, table: ViewTable, images: np.ndarray, total: np.ndarray
) -> Chosen:
    """Choose two of some images that follow each other, and split the sum of their weights.

    Parameters
    ----------
    rows : ndarray of float32, shape (R, d)
        White rows less their background.
    images : ndarray of int64, shape (n,)
        Two or more.
    total : ndarray of float32, shape (R,)
    """
    views = table.class_of(images)
    white, norms, every = table.white[views], table.norms[views], np.arange(len(rows))
    along = rows @ white.T
    share = np.clip(along / np.maximum(norms, LEAST_ALONG), 0, total[:, None])
    first = (share**2 * norms - 2 * share * along).argmin(axis=1)
    for _ in range(SUM_SWEEPS):
        other, whole = first, total[:, None]
        both, own = white[other] @ white.T, along[every, other][:, None]
        size = norms[other][:, None]
        apart = np.maximum(norms + size - 2 * both, LEAST_ALONG)
        slope = along - own - whole * (both - size)
        share = np.clip(slope / apart, 0, whole)
        cost = share**2 * apart - 2 * share * slope  # and what is the row's own
        cost.reshape(len(rows), -1, table.count)[every, other // table.count] = np.inf
        first = cost.argmin(axis=1)
    weight = share[every, first]
    members = views.start + np.stack([first, other], axis=1)
    weights = np.stack([weight, total - weight], axis=1).astype(np.float32)
    left = table.left_of(rows, members, weights)
    return Chosen(members, weights, np.einsum("ij,ij->i", left, left))
