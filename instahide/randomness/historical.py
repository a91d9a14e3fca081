"""The generator of the 2020 challenge, bit for bit.

One 32-bit seed feeds two Mersenne Twisters (MT19937) that start in the same state. The
*normal stream* is NumPy's legacy `RandomState`: it draws the coefficients. The *word
stream* stands for PyTorch's CPU generator, whose `manual_seed` initialises MT19937 just
as NumPy's legacy seeding does: its 32-bit outputs make the permutations and the masks.

A challenge is a sequence of blocks of n rows, n the number of private images. Each
block uses every private image once in first and once in second place, and each block
continues both streams.

This generator is here to reproduce and to attack what happened. Do not protect anything
with it: its seed is found in minutes (`instahide.attacks.prng.seedsearch`).
"""

import operator
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.random import RandomState

from instahide.errors import InstaHideError

NAME = "mt19937-2020"
SCHEMES_2020 = ("cross", "mixup")
SEEDS = 2**32
LOADER_WORDS = 2  # PyTorch's data loader draws its 64-bit base seed before the sampler


@dataclass(frozen=True)
class Block:
    """What the two streams decide about n consecutive rows.

    Attributes
    ----------
    order : ndarray of int64, shape (n,)
        The sampler's permutation of the private images.
    permutations : ndarray of int64, shape (k - 1, n)
        The further permutations p₁ … p₍k₋₁₎; p₁ picks the second private image, the
        others index the block's public images.
    coefficients : ndarray of float64, shape (n, k)
        Non-negative, each row sums to 1; columns 0 and 1 belong to the private images.
    mask : ndarray of int8, shape (n, H, W, C)
        The signs, -1 or 1.
    """

    order: np.ndarray
    permutations: np.ndarray
    coefficients: np.ndarray
    mask: np.ndarray

    @property
    def private(self) -> np.ndarray:
        """Indices of the two private images of each row, (n, 2) int32; they may be equal."""
        pair = self.order, self.order[self.permutations[0]]
        return np.stack(pair, axis=1).astype(np.int32)


def stream(seed: int) -> RandomState:
    """Return a Mersenne Twister seeded as NumPy's `RandomState` and `torch.manual_seed` do.

    Raises
    ------
    InstaHideError
        When `seed` is not an integer from 0 to 2³² - 1.
    """
    return RandomState(check_seed(seed))


def check_seed(seed: int) -> int:
    """Return a seed that fits 32 bits.

    Raises
    ------
    InstaHideError
        When it is not an integer from 0 to 2³² - 1; does not repeat it, for it may be a
        secret.
    """
    try:
        number = operator.index(seed)
    except TypeError:
        number = -1
    if not 0 <= number < SEEDS:
        raise InstaHideError(
            f"the seed does not fit the generator {NAME}: give an integer from 0 to {SEEDS - 1}"
        )
    return number


def check_scheme(name: str) -> None:
    """Refuse schemes that the generator of 2020 has no draws for.

    Raises
    ------
    InstaHideError
        When all images of the scheme's mixtures are private.
    """
    if name not in SCHEMES_2020:
        raise InstaHideError(
            f"the generator {NAME} made mixtures of two private images with public ones, not "
            f"those of the scheme {name!r}: use {' or '.join(SCHEMES_2020)}, or another "
            "generator"
        )


def outputs(words: RandomState, count: int) -> np.ndarray:
    """Return the next `count` 32-bit outputs of a Mersenne Twister, (count,) uint32."""
    # A draw from the full range takes each output as it is.
    return words.randint(0, SEEDS, size=count, dtype=np.uint32)


def coefficients(normals: RandomState, rows: int, k: int, c1: float, c2: float) -> np.ndarray:
    """Draw the coefficients of one block in the historical order.

    All rows are drawn in one call; then, row by row, a row that fails a bound is drawn
    again until it holds.

    Parameters
    ----------
    normals : RandomState
        The normal stream; it is advanced.
    rows, k : int
        Rows of the block, images mixed in each (at least 2).
    c1, c2 : float
        No coefficient exceeds `c1`; the first two sum to `c2` at least (0: no bound).

    Returns
    -------
    ndarray of float64, shape (rows, k)
        Non-negative; each row sums to 1.

    Raises
    ------
    InstaHideError
        When no row of k coefficients can keep both bounds.
    """
    check_bounds(k, c1, c2)
    drawn = _normalised(normals.normal(0, 1, (rows, k)))
    for row in np.flatnonzero(~_accepted(drawn, c1, c2)):
        while not _accepted(drawn[row : row + 1], c1, c2)[0]:
            drawn[row] = _normalised(normals.normal(0, 1, (1, k)))
    return drawn


def check_bounds(k: int, c1: float, c2: float) -> None:
    """Refuse bounds that would be redrawn for ever.

    Raises
    ------
    InstaHideError
        When k < 2, c1 ≤ 1/k, or c2 cannot be reached.
    """
    if k < 2:
        raise InstaHideError(f"k = {k} mixes fewer than two images: give k of at least 2")
    if not (1 / k < c1 and c2 < min(2 * c1, 1)):
        raise InstaHideError(
            f"no {k} coefficients keep the bounds c1 = {c1} and c2 = {c2}: "
            f"c1 must exceed 1/k and c2 stay below 1 and 2·c1"
        )


def randperm(words: np.ndarray, n: int) -> np.ndarray:
    """Return PyTorch's `randperm(n)` made from its n - 1 outputs, (n,) int64.

    Parameters
    ----------
    words : ndarray of uint32, shape (n - 1,)
        Output i swaps place i with place i + (output mod (n - i)).
    n : int
    """
    permutation = list(range(n))
    for i, word in enumerate(words.tolist()):
        j = i + word % (n - i)
        permutation[i], permutation[j] = permutation[j], permutation[i]
    return np.array(permutation, dtype=np.int64)


def mask(words: np.ndarray, n: int, channels: int, height: int, width: int) -> np.ndarray:
    """Return the masks whose bits are the lowest bits of the outputs.

    Parameters
    ----------
    words : ndarray of uint32, shape (n * channels * height * width,)
        In PyTorch's layout: image, channel, row, column.

    Returns
    -------
    ndarray of int8, shape (n, height, width, channels)
        Signs, -1 for an even and 1 for an odd output.
    """
    signs = (words & 1).astype(np.int8) * 2 - 1
    planes = signs.reshape(n, channels, height, width)
    return np.ascontiguousarray(planes.transpose(0, 2, 3, 1))


def blocks(
    seed: int, *, images: int, k: int, c1: float, c2: float, shape: tuple[int, int, int]
) -> Iterator[Block]:
    """Yield the blocks of a challenge, without end; both streams run on between them.

    Parameters
    ----------
    seed : int
        From 0 to 2³² - 1.
    images : int
        Number n of private images, and so of rows in a block.
    k, c1, c2
        See `coefficients`.
    shape : tuple of int
        Height, width and channels of an image.

    Raises
    ------
    InstaHideError
        For a seed out of range or bounds that no coefficients keep.
    """
    normals, words = stream(seed), stream(seed)
    height, width, channels = shape
    while True:
        outputs(words, LOADER_WORDS)
        order, *others = (randperm(outputs(words, images - 1), images) for _ in range(k))
        signs = outputs(words, images * height * width * channels)
        yield Block(
            order=order,
            permutations=np.array(others),
            coefficients=coefficients(normals, images, k, c1, c2),
            mask=mask(signs, images, channels, height, width),
        )


def masks(
    seed: int, *, images: int, k: int, shape: tuple[int, int, int], count: int
) -> Iterator[np.ndarray]:
    """Yield the masks of the first `count` blocks, each (n, H, W, C) int8.

    The word stream alone decides them, so no bounds on coefficients are needed.
    """
    words = stream(seed)
    height, width, channels = shape
    for _ in range(count):
        outputs(words, LOADER_WORDS + k * (images - 1))
        signs = outputs(words, images * height * width * channels)
        yield mask(signs, images, channels, height, width)


def _normalised(normals: np.ndarray) -> np.ndarray:
    """Return |normals| divided by their sum, row by row."""
    sizes = np.abs(normals)
    return sizes / sizes.sum(axis=1, keepdims=True)


def _accepted(drawn: np.ndarray, c1: float, c2: float) -> np.ndarray:
    """Return, for each row, whether it keeps both bounds."""
    return (drawn.max(axis=1) <= c1) & (drawn[:, 0] + drawn[:, 1] >= c2)
