"""Which rows share an image, and how one lies over the other: correlations in all views.

Two rows that hold the same image, each in a view of its own, look alike where one is shifted
and perhaps flipped over the other. How much alike is seen for all shifts at once in the product
of their Fourier transforms. The score of two rows is the largest over flips and shifts of

    [z₊(f)² + z(g)²] / 2 + log(prior of the shift),

where f are features without a sign, such as whitened squares, g such as have the row's own
unknown sign, such as rows unmasked for themselves, and z is the correlation over what both
show, divided by its standard deviation were they strangers.
"""

from dataclasses import dataclass

import numpy as np
from scipy.fft import irfft2, next_fast_len, rfft2

from instahide.attacks.unmixing.parts.canvases import Views

SPECTRA_NUMBERS = 20_000_000  # of pairs' correlations that are looked at together


@dataclass(frozen=True)
class Registered:
    """How rows of one kind lie over each other.

    Attributes
    ----------
    score : ndarray of float32, shape (R, R)
        Symmetric; the diagonal is 0.
    flipped : ndarray of bool, shape (R, R)
        Row j lies flipped over row i.
    shift : ndarray of int8, shape (R, R, 2)
        d, down and right: what row i shows at x, row j, flipped or not, shows at x + d.
    """

    score: np.ndarray
    flipped: np.ndarray
    shift: np.ndarray


def even_lines(features: np.ndarray, shape: tuple[int, ...], most: float = 2.0) -> np.ndarray:
    """Return features whose lines, across and down, have an rms of 1, clipped at `most`.

    Padding is a strip that is black in two rows alike, and would make strangers similar.

    Parameters
    ----------
    features : ndarray of float32, shape (E, d)
    shape : tuple of int
        (H, W, C).
    """
    pictures = features.reshape(-1, *shape).copy()
    for _ in range(2):
        for axis in (2, 1):
            power = np.square(pictures).mean(axis=(axis, 3), keepdims=True)
            pictures /= np.sqrt(power + 1e-6)
    return np.clip(pictures, -most, most).reshape(features.shape)


def register(features: np.ndarray, views: Views, *, evenly: bool = False) -> Registered:
    """Register all pairs of rows.

    Parameters
    ----------
    features : ndarray of float32, shape (R, 2 * d)
        Those without a sign, and then those with one.
    views : Views
        Of rows over an image; over each other they are shifted by twice as much.
    evenly : bool
        All shifts are as likely, as nobody knows how far windows were moved.
    """
    rows, reach = len(features), 2 * views.reach
    spectra = _spectra(features, views, reach)
    scale, prior = _weights(views, reach)
    weight = scale, np.zeros_like(prior) if evenly else prior
    score = np.zeros((rows, rows), np.float32)
    flipped, shift = np.zeros((rows, rows), bool), np.zeros((rows, rows, 2), np.int8)
    for row in range(rows - 1):
        others = slice(row + 1, rows)
        found = _correlate(spectra, row, others, views, reach)
        best, which = _choose(found, *weight)
        turned, down, right = np.unravel_index(which, found.shape[2:])
        delta = np.stack([down, right], axis=1) - reach
        score[row, others] = score[others, row] = best
        flipped[row, others] = flipped[others, row] = turned
        shift[row, others] = delta
        # Seen from the other row: back, and where that is flipped, from the other side.
        back = -delta
        back[:, 1] *= np.where(turned, -1, 1)
        shift[others, row] = back
    return Registered(score, flipped, shift)


def _spectra(features: np.ndarray, views: Views, reach: int) -> np.ndarray:
    """Return Fourier transforms, complex64, shape (2 flips, 2 kinds, R, C, N, N // 2 + 1)."""
    height, width, _ = views.shape
    size = next_fast_len(height + reach, real=True), next_fast_len(width + reach, real=True)
    pictures = features.reshape(len(features), 2, *views.shape).transpose(1, 0, 4, 2, 3)
    both = [pictures, pictures[..., ::-1]][: 1 + views.flip]
    return np.stack([rfft2(np.ascontiguousarray(x, np.float32), s=size) for x in both])


def _correlate(
    spectra: np.ndarray, row: int, others: slice, views: Views, reach: int
) -> np.ndarray:
    """Return correlations of a row with others, (kinds, others, flips, shifts, shifts)."""
    size = views.shape[0] + reach, views.shape[1] + reach
    size = tuple(next_fast_len(side, real=True) for side in size)
    own = spectra[0, :, row].conj()
    cross = np.einsum("kcuv,fkjcuv->kjfuv", own, spectra[:, :, others])
    found = irfft2(cross, s=size, overwrite_x=True)
    steps = np.arange(-reach, reach + 1)
    return found[..., steps[:, None], steps]


def _weights(views: Views, reach: int) -> tuple[np.ndarray, np.ndarray]:
    """Return 1 / √(numbers that both rows show) and the log prior of each shift."""
    steps = np.abs(np.arange(-reach, reach + 1))
    height, width, colours = views.shape
    shown = (height - steps)[:, None] * (width - steps) * colours
    ways = np.minimum(2 * views.reach + 1 - steps, 2 * views.reach + 1).astype(float)
    prior = np.log(ways[:, None] * ways / ways.sum() ** 2)
    return (1 / np.sqrt(shown)).astype(np.float32), prior.astype(np.float32)


def _choose(
    found: np.ndarray, scale: np.ndarray, prior: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the score of the best view of each pair, and which it is."""
    found *= scale
    np.maximum(found[0], 0, out=found[0])
    found *= found
    total = (found[0] + found[1]) / 2 + prior
    flat = total.reshape(len(total), -1)
    which = flat.argmax(axis=1)
    return flat[np.arange(len(flat)), which], which
