"""The last part of the seed search: all rows of the seeds that the sieve left.

Inside compiled code, `numpy.random` is Numba's generator: NumPy's legacy one, with a
state of its own for each thread.
"""
# ruff: noqa: NPY002 - the legacy generator is what is replayed, and its state is no global

import numpy as np
from numba import njit

REPLAY_TOLERANCE = 2e-6  # of a sum or a gap; each label may be off by half as much

replayed = njit(nogil=True, cache=True, error_model="numpy")


@replayed
def keep_fitting(seeds, n, k, c1, c2, sums, gaps):
    """Move the seeds that fit to the front of `seeds`, in order; return how many.

    Parameters
    ----------
    seeds : ndarray of uint32
    n, k : int
        Rows of the first block, images mixed in each.
    c1, c2, sums, gaps
        See `seedkernel.scan`; at most n sums and gaps.
    """
    total = 0
    for seed in seeds:
        if _fits(seed, n, k, c1, c2, sums, gaps):
            seeds[total] = seed
            total += 1
    return total


@replayed
def _fits(seed, n, k, c1, c2, sums, gaps):
    """Return whether the seed's first rows show these sums and gaps, redraws included."""
    np.random.seed(np.uint32(seed))
    row = np.empty(k)
    waiting = np.zeros(len(sums), np.uint8)
    for j in range(len(sums)):
        _draw_row(row)
        if _out_of_bounds(row, c1, c2):
            waiting[j] = 1
        elif not _shows(row, sums[j], gaps[j]):
            return False
    if waiting.any():
        for _ in range((n - len(sums)) * k):
            np.random.standard_normal()
    for j in np.flatnonzero(waiting):
        _draw_row(row)
        while _out_of_bounds(row, c1, c2):
            _draw_row(row)
        if not _shows(row, sums[j], gaps[j]):
            return False
    return True


@replayed
def _draw_row(row):
    """Fill `row` with coefficients: |normals| divided by their sum."""
    for i in range(len(row)):
        row[i] = abs(np.random.standard_normal())
    row /= row.sum()


@replayed
def _out_of_bounds(row, c1, c2):
    return row.max() > c1 or row[0] + row[1] < c2


@replayed
def _shows(row, shown, gap):
    if abs(row[0] + row[1] - shown) > REPLAY_TOLERANCE:
        return False
    return gap < 0 or abs(abs(row[0] - row[1]) - gap) <= REPLAY_TOLERANCE
