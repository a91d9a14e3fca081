"""Who is mixed with whom, and how much: how InstaHide draws its plan.

A challenge of n private images has blocks of n rows. In each block every private image
leads one row and follows in one other (in k - 1 others for the inside schemes), as in
the challenge of 2020, but no image is ever mixed with itself. Public images are drawn
afresh for every row, without repetition inside it.
"""

import numpy as np

from instahide.encodings.instahide.scheme import Scheme
from instahide.encodings.plan import Plan
from instahide.randomness.keystream import Key, Stream


def draw_plan(
    key: Key, scheme: Scheme, *, images: int, pool: int, start: int = 0, stop: int | None = None
) -> Plan:
    """Draw rows `start` … `stop` - 1 of the endless plan that a key determines.

    Parameters
    ----------
    images, pool : int
        Number of private images, and of public images in the pool.
    start, stop : int
        Range of rows; by default the challenge's ``images * scheme.rows_per_image`` rows.

    Raises
    ------
    InstaHideError
        When there are too few private or public images.
    """
    scheme.check_images(images, pool)
    stop = images * scheme.rows_per_image if stop is None else stop
    rows = np.arange(start, stop)
    blocks, places = np.divmod(rows, images)
    first = start // images
    wanted = np.arange(first, blocks[-1] + 1) if len(rows) else np.arange(0)
    orders = draw_orders(key, wanted, images, scheme.private_count)
    return Plan(
        members=orders[blocks - first, :, places],
        public=draw_public(key.stream("public"), rows, pool, scheme.public_count),
        weights=draw_coefficients(key.stream("coefficient"), rows, scheme),
    )


def draw_orders(key: Key, blocks: np.ndarray, images: int, count: int) -> np.ndarray:
    """Draw, for each block, `count` orders of the private images that never coincide.

    Each order is redrawn until it differs everywhere from those before it; the second
    one is therefore a uniformly random derangement of the first.

    Returns
    -------
    ndarray of int64, shape (len(blocks), count, images)
    """
    orders = np.empty((len(blocks), count, images), dtype=np.int64)
    step = images + images % 2  # a stream is entered at even words only
    for place in range(count):
        stream, attempt = key.stream(f"private {place}"), 0
        open_ = np.arange(len(blocks))
        while len(open_):
            drawn = stream.permutations(blocks[open_], images, first=attempt * step)
            orders[open_, place] = drawn
            met = (orders[open_, :place] == drawn[:, None]).any(axis=(1, 2))
            open_, attempt = open_[met], attempt + 1
    return orders


def draw_public(stream: Stream, rows: np.ndarray, pool: int, count: int) -> np.ndarray:
    """Draw `count` different public images for each row, each set being equally likely.

    Floyd's method (Bentley and Floyd, CACM 30(9), 1987): exactly `count` words a row.

    Returns
    -------
    ndarray of int64, shape (len(rows), count)
    """
    chosen = np.empty((len(rows), count), dtype=np.int64)
    for place in range(count):
        last = pool - count + place
        drawn = stream.integers(rows, 1, last + 1, first=2 * place)[:, 0]
        repeated = (chosen[:, :place] == drawn[:, None]).any(axis=1)
        chosen[:, place] = np.where(repeated, last, drawn)
    return chosen


def draw_coefficients(stream: Stream, rows: np.ndarray, scheme: Scheme) -> np.ndarray:
    """Draw |N(0, 1)| divided by their sum, anew for rows that break a bound.

    Returns
    -------
    ndarray of float64, shape (len(rows), k)
    """
    coefficients = np.empty((len(rows), scheme.k))
    step = scheme.k + scheme.k % 2
    open_, attempt = np.arange(len(rows)), 0
    while len(open_):
        normals = np.abs(stream.normals(rows[open_], scheme.k, first=attempt * step))
        drawn = normals / _ordered_sum(normals)[:, None]
        coefficients[open_] = drawn
        open_, attempt = open_[~scheme.accepts(drawn)], attempt + 1
    return coefficients


def _ordered_sum(values: np.ndarray) -> np.ndarray:
    """Sum rows from left to right: `numpy.sum` may choose another order elsewhere."""
    total = np.zeros(len(values))
    for column in values.T:
        total = total + column
    return total
