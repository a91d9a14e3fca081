"""Each row's nearest others by their cosine, without a matrix of all pairs of rows."""

import numpy as np

BLOCK_ROWS = 1000
BLOCK_OTHERS = 8000


def unit_rows(features: np.ndarray) -> np.ndarray:
    """Return the rows with length 1, float32."""
    return features / np.maximum(np.linalg.norm(features, axis=1, keepdims=True), 1e-12)


def nearest_rows(
    unit: np.ndarray, count: int, part: tuple[int, int] = (0, 1)
) -> tuple[np.ndarray, np.ndarray]:
    """Return the nearest other rows of each row, the nearest first.

    Blocks of rows are multiplied with blocks of others, and the best of each are kept: E²·d
    operations, and memory for two blocks.

    Parameters
    ----------
    unit : ndarray of float32, shape (E, d)
        Rows of length 1.
    count : int
        Neighbours of each row; no more than E - 1 are returned.
    part : tuple of int
        Number and count of the parts that rows are shared out to; all rows by default.

    Returns
    -------
    rows : ndarray of int64, shape (some, count)
    cosines : ndarray of float32, shape (some, count)
    """
    number, parts = part
    first, last = (len(unit) * edge // parts for edge in (number, number + 1))
    count = min(count, len(unit) - 1)
    starts = range(first, last, BLOCK_ROWS)
    found = [_nearest(unit, slice(i, min(i + BLOCK_ROWS, last)), count) for i in starts]
    if not found:
        return np.empty((0, count), np.int64), np.empty((0, count), np.float32)
    rows, cosines = map(np.concatenate, zip(*found, strict=True))
    return rows, cosines


def _nearest(unit: np.ndarray, some: slice, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the nearest others of some rows."""
    height = some.stop - some.start
    rows, best = np.empty((height, 0), np.int64), np.empty((height, 0), np.float32)
    for start in range(0, len(unit), BLOCK_OTHERS):
        others = np.arange(start, min(start + BLOCK_OTHERS, len(unit)))
        cosines = unit[some] @ unit[others[0] : others[-1] + 1].T
        own = np.arange(max(some.start, others[0]), min(some.stop, others[-1] + 1))
        cosines[own - some.start, own - start] = -np.inf
        kept = _largest(cosines, count)
        rows = np.hstack([rows, others[kept]])
        best = np.hstack([best, np.take_along_axis(cosines, kept, 1)])
        kept = _largest(best, count)
        rows, best = (np.take_along_axis(values, kept, 1) for values in (rows, best))
    order = np.argsort(-best, axis=1, kind="stable")
    return np.take_along_axis(rows, order, 1), np.take_along_axis(best, order, 1)


def _largest(values: np.ndarray, count: int) -> np.ndarray:
    """Return the places of the largest values of each row, in their order."""
    if values.shape[1] <= count:
        return np.broadcast_to(np.arange(values.shape[1]), values.shape)
    return np.sort(np.argpartition(-values, count - 1, axis=1)[:, :count], axis=1)
