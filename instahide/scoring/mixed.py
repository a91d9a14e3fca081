"""The truth that a row is compared with: its private images as they were mixed into it."""

from collections.abc import Callable

import numpy as np

from instahide.encodings.plan import Plan, as_mixed
from instahide.images import to_unit_range

ROWS_AT_ONCE = 256  # bounds the memory taken beside the inputs to a few megabytes
#: Rows, a slice or an index array of R, to their private images as they were mixed, float32
#: (R, m, H, W, C) on [-1, 1].
Mixed = Callable[[slice | np.ndarray], np.ndarray]


def mixed_images(plan: Plan, images: np.ndarray) -> Mixed | None:
    """Return what gives the images of any rows as they were mixed.

    Parameters
    ----------
    images : ndarray of uint8, shape (n, H, W, C)
        The private set.

    Returns
    -------
    callable or None
        None where images are mixed as they are, so that a row's are ``private[pairs]``.
    """
    if plan.transforms is None:
        return None
    return lambda rows: to_unit_range(as_mixed(plan[rows], images))
