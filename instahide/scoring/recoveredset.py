"""How good a recovered private set is, up to what no attacker can know of it.

Where images are flipped and moved anew for every row, nothing tells which way round an image
was before, or where its middle was: a set that is flipped and moved as a whole explains all
rows as well. So each private image is compared with the recovered images flipped or not, and
moved by a few pixels, where both are defined, and the best counts. (Of a single row this is
known: there images are compared as they were mixed, see `instahide.scoring.score`.)

All flips, moves and recovered images are looked at by their correlation; of the best of these
the SSIM decides.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy import fft

from instahide.encodings.augmentation import Augmentation
from instahide.errors import InstaHideError
from instahide.ssim import WINDOW, ssim

SHORTLIST = 24  # of each private image, that are compared by SSIM
TEMPLATES_AT_ONCE = 256  # of images whose correlations are held at once
LEAST_CONTRAST = 1e-6  # an overlap of one colour correlates with nothing


@dataclass(frozen=True)
class SetScores:
    """For each of n private images the recovered image that shows it best.

    Attributes
    ----------
    ssim : ndarray of float64, shape (n,)
        Over the pixels that both images have.
    shown_by : ndarray of int64, shape (n,)
        Number of the recovered image.
    flipped : ndarray of bool, shape (n,)
        Whether it has to be flipped from left to right,
    shifts : ndarray of int64, shape (n, 2)
        and then moved: pixel (y, x) of the private image is pixel (y + dy, x + dx) of it.
    """

    ssim: np.ndarray
    shown_by: np.ndarray
    flipped: np.ndarray
    shifts: np.ndarray


def recovered_set_scores(
    recovered: np.ndarray, private: np.ndarray, *, shift: int, flip: bool
) -> SetScores:
    """Find for each private image the recovered one that shows it best, up to flip and shift.

    Parameters
    ----------
    recovered : ndarray of float32, shape (m, H, W, C), range [-1, 1]
    private : ndarray of float32, shape (n, H, W, C), range [-1, 1]
    shift : int
        Largest shift in either direction, see `largest_shift`.
    flip : bool
        Whether recovered images may be flipped.

    Raises
    ------
    InstaHideError
        When shapes differ, no image was recovered, or shifts leave too little to compare.

    Examples
    --------
    >>> private = np.random.default_rng(0).uniform(-1, 1, (3, 16, 16, 3)).astype(np.float32)
    >>> moved = np.roll(private[::-1, :, ::-1], 2, axis=1)
    >>> found = recovered_set_scores(moved, private, shift=3, flip=True)
    >>> found.shown_by.tolist(), found.flipped.all(), found.shifts[0].tolist()
    ([2, 1, 0], np.True_, [2, 0])
    """
    if recovered.ndim != 4 or recovered.shape[1:] != private.shape[1:] or not len(recovered):
        raise InstaHideError(
            f"the recovered set is {recovered.shape}, and images of {private.shape[1:]} are "
            "expected"
        )
    if not 0 <= shift <= min(private.shape[1:3]) - WINDOW:
        raise InstaHideError(f"shifts of {shift} pixels leave too little to compare")
    both = [recovered, recovered[:, :, ::-1]] if flip else [recovered]
    turned = np.concatenate(both).astype(np.float32)
    private = private.astype(np.float32)
    maps = correlation_maps(turned, private, shift)
    best = [_best(turned, image, one) for image, one in zip(private, maps, strict=True)]
    similarity, chosen, shifts = zip(*best, strict=True)
    chosen = np.array(chosen)
    return SetScores(
        np.array(similarity),
        chosen % len(recovered),
        chosen >= len(recovered),
        np.array(shifts, np.int64).reshape(-1, 2),
    )


def largest_shift(augmentation: Augmentation | None, shape: tuple[int, ...]) -> int:
    """Return how far a recovered image may lie from the private one.

    Twice the padding and twice the translation, since the frame may be that of any row; but
    no more than half an image.
    """
    if augmentation is None:
        return 0
    side = min(shape[:2])
    moved = 2 * augmentation.crop_padding + round(2 * augmentation.translation * side)
    return max(0, min(moved, side // 2, side - WINDOW))


def _best(
    turned: np.ndarray, image: np.ndarray, maps: np.ndarray
) -> tuple[float, int, tuple[int, int]]:
    """Return the best SSIM of a private image, and which recovered image and shift have it."""
    shift = maps.shape[1] // 2
    order = np.argsort(-maps, axis=None, kind="stable")[:SHORTLIST]
    listed = np.stack(np.unravel_index(order, maps.shape), axis=1)
    found = []
    for number, y, x in listed.tolist():
        dy, dx = y - shift, x - shift
        there, here = overlap(turned[number], dy, dx), overlap(image, -dy, -dx)
        found.append((float(ssim(there[None], here[None])[0]), number, (dy, dx)))
    return max(found, key=lambda entry: entry[0])


def overlap(image: np.ndarray, dy: int, dx: int) -> np.ndarray:
    """Return the part of an image (H, W, C) that one moved by (dy, dx) pixels has too."""
    height, width = image.shape[:2]
    return image[max(dy, 0) : height + min(dy, 0), max(dx, 0) : width + min(dx, 0)]


def correlation_maps(
    others: np.ndarray, images: np.ndarray, shift: int
) -> Iterator[np.ndarray]:
    """Yield for each image its correlations with others at all shifts.

    Parameters
    ----------
    others : ndarray of float32, shape (m, H, W, C)
    images : ndarray of float32, shape (n, H, W, C)
    shift : int
        Largest shift in either direction.

    Yields
    ------
    ndarray of float64, shape (m, 2·shift + 1, 2·shift + 1)
        At [i, dy + shift, dx + shift] that of ``others[i, y + dy, x + dx, c]`` with
        ``image[y, x, c]``, means taken for each channel over the pixels that both have.
    """
    if shift:
        for image in images:
            yield np.concatenate(list(_correlations(others, image, shift)))
    elif len(images):
        there = _contrasts(others)
        for start in range(0, len(images), TEMPLATES_AT_ONCE):
            here = _contrasts(images[start : start + TEMPLATES_AT_ONCE])
            yield from (here @ there.T)[:, :, None, None]


def _contrasts(images: np.ndarray) -> np.ndarray:
    """Return images without the means of their channels, of length 1, float64 (n, d)."""
    wide = images.astype(np.float64)
    wide -= wide.mean(axis=(1, 2), keepdims=True)
    wide = wide.reshape(len(wide), -1)
    power = (wide**2).sum(axis=1, keepdims=True)
    wide /= np.sqrt(np.maximum(power, LEAST_CONTRAST * wide.shape[1]))
    return wide


def _correlations(turned: np.ndarray, image: np.ndarray, shift: int) -> Iterator[np.ndarray]:
    """Yield the correlations of an image with others at all shifts, over what both have.

    Yields
    ------
    ndarray of float64, shape (some, 2·shift + 1, 2·shift + 1)
        At [i, dy + shift, dx + shift] that of ``others[i, y + dy, x + dx, c]`` with
        ``image[y, x, c]``, means taken for each channel over the overlap.
    """
    count, channels = 2 * shift + 1, image.shape[2]
    ones = np.ones((1, *image.shape))
    here = np.asarray(image, np.float64)[None]
    pixels = _products(ones, ones, shift)
    sums_here, squares_here = _products(ones, here, shift), _products(ones, here**2, shift)
    for start in range(0, len(turned), TEMPLATES_AT_ONCE):
        there = turned[start : start + TEMPLATES_AT_ONCE].astype(np.float64)
        sums, squares = _products(there, ones, shift), _products(there**2, ones, shift)
        both = _products(there, here, shift)
        covariance = (both - sums * sums_here / pixels).sum(axis=-1)
        power = (squares - sums**2 / pixels).sum(axis=-1)
        power_here = (squares_here - sums_here**2 / pixels).sum(axis=-1)
        least = LEAST_CONTRAST * channels * pixels[..., 0]
        product = np.maximum(power, least) * np.maximum(power_here, least)
        yield (covariance / np.sqrt(product)).reshape(len(there), count, count)


def _products(there: np.ndarray, here: np.ndarray, shift: int) -> np.ndarray:
    """Return Σ there[y + dy, x + dx]·here[y, x] at all shifts, (…, 2s + 1, 2s + 1, C)."""
    sides = [fft.next_fast_len(side + shift, real=True) for side in there.shape[1:3]]
    spectrum = fft.rfft2(there, sides, axes=(1, 2)) * fft.rfft2(here, sides, axes=(1, 2)).conj()
    found = fft.irfft2(spectrum, sides, axes=(1, 2))
    wanted = np.arange(-shift, shift + 1)
    return found[:, wanted[:, None] % sides[0], wanted % sides[1]]
