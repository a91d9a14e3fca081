"""Which images train and which test: seeded, and never the same ones."""

from typing import NamedTuple

import numpy as np

from instahide.errors import InstaHideError
from instahide.randomness.keystream import Key


class Split(NamedTuple):
    """Places of images, each int64 and in ascending order; no place is in both.

    Attributes
    ----------
    train, test : ndarray of int64
    """

    train: np.ndarray
    test: np.ndarray


def split_images(images: int, *, train: int, test: int, key: Key) -> Split:
    """Draw disjoint places to train and to test.

    Parameters
    ----------
    images : int
        How many there are.
    train, test : int
        How many of each to draw.
    key : Key
        The same one gives the same split.

    Raises
    ------
    InstaHideError
        When there are too few images.

    Examples
    --------
    >>> split = split_images(10, train=6, test=4, key=Key.from_seed(0))
    >>> sorted([*split.train, *split.test]) == list(range(10))
    True
    """
    if train < 1 or test < 1 or train + test > images:
        raise InstaHideError(
            f"{train} images to train and {test} to test: draw 1 or more of each, and no more "
            f"than the {images} there are"
        )
    order = key.stream("split").permutations([0], images)[0]
    return Split(np.sort(order[:train]), np.sort(order[train : train + test]))
