"""Structural similarity for whole batches, equal to scikit-image's for single images."""

import numba
import numpy as np

from instahide.errors import InstaHideError

WINDOW = 7  # scikit-image's default window; smaller images have no SSIM
K1, K2 = 0.01, 0.03  # stabilising constants of Wang et al. (2004), eq. 13


def ssim(a: np.ndarray, b: np.ndarray, *, data_range: float = 2.0) -> np.ndarray:
    """Return the structural similarity of every pair of images of two batches.

    Equal to ``skimage.metrics.structural_similarity(a[i], b[i], data_range=data_range,
    channel_axis=-1)`` with its defaults: a uniform 7 x 7 window, the sample covariance,
    K1 = .01, K2 = .03, the mean over all windows inside the image and over the channels.
    As there, the precision is that of `a`: float32 where `a` is float32 or float16, where
    each intermediate result is rounded at the same places, otherwise float64.

    Parameters
    ----------
    a, b : (n, H, W, C) arrays
        Two batches of images; both sides at least 7 pixels.
    data_range : float
        The distance between the smallest and the largest possible value.

    Returns
    -------
    (n,) float64 array
        Between -1 and 1; 1 for equal images.

    Raises
    ------
    InstaHideError
        When the batches differ in shape, or the images are too small.

    References
    ----------
    Z. Wang, A. C. Bovik, H. R. Sheikh, E. P. Simoncelli, "Image quality assessment: from
    error visibility to structural similarity", IEEE Trans. Image Processing 13 (2004).
    """
    check_batches(a, b)
    n, height, width, channels = a.shape
    if min(height, width) < WINDOW:
        raise InstaHideError(
            f"SSIM needs images of at least {WINDOW}x{WINDOW} pixels, not {height}x{width}"
        )
    precision = np.float32 if a.dtype in (np.float16, np.float32) else np.float64
    lines = (n, height * width * channels)
    samples = WINDOW**2
    constants = [(K1 * data_range) ** 2, (K2 * data_range) ** 2, samples / (samples - 1)]
    return _ssim_of_lines(
        np.ascontiguousarray(a, precision).reshape(lines),
        np.ascontiguousarray(b, precision).reshape(lines),
        width * channels,
        channels,
        np.array(constants, precision),
    )


def check_batches(a: np.ndarray, b: np.ndarray) -> None:
    """Refuse what are not two batches of images of equal shape."""
    if a.ndim != 4 or a.shape != b.shape:
        raise InstaHideError(
            f"two batches of images (n, H, W, C) of equal shape are needed, "
            f"not {a.shape} and {b.shape}"
        )


# The kernel sees an image as one line of H * W * C values, and so does every inner loop,
# which lets the compiler vectorise it: an average down columns differs from one along rows
# by the distance of the neighbours only. Windows that run over the end of a row come out
# as well and are left out at the end. Sums are float64, but what scikit-image stores in
# the images' precision is stored so here too: in patterns that repeat with the window,
# differences in rounding would not average out.


@numba.njit(nogil=True, cache=True)
def _ssim_of_lines(a, b, row, channels, constants):
    """Return the SSIM of images (n, H * row), row = W * C; constants: C1, C2, N / (N - 1)."""
    n, size = a.shape
    windows, lines = row - (WINDOW - 1) * channels, size // row - (WINDOW - 1)
    product, down = np.empty(size, a.dtype), np.empty(lines * row, a.dtype)
    means = np.empty((5, (lines - 1) * row + windows), a.dtype)
    ua, ub, uaa, ubb, uab = means[0], means[1], means[2], means[3], means[4]
    similarity, totals, scores = np.empty_like(ua), np.empty(windows), np.empty(n)
    for i in range(n):
        _average(a[i], row, channels, down, ua)
        _average(b[i], row, channels, down, ub)
        _average_product(a[i], a[i], row, channels, product, down, uaa)
        _average_product(b[i], b[i], row, channels, product, down, ubb)
        _average_product(a[i], b[i], row, channels, product, down, uab)
        _compare(ua, ub, uaa, ubb, uab, constants, similarity)
        totals[:] = 0
        for line in range(lines):
            _add(similarity[line * row :], totals)
        scores[i] = totals.sum() / (lines * windows)
    return scores


@numba.njit(nogil=True, cache=True)
def _average(values, row, channels, down, means):
    """Average over 7 x 7 windows, rounding after either axis; `down` is scratch."""
    _average_seven(values, row, down)
    _average_seven(down, channels, means)


@numba.njit(nogil=True, cache=True)
def _average_product(a, b, row, channels, product, down, means):
    """Average the product of two images; `product` and `down` are scratch."""
    for j in range(len(product)):
        product[j] = a[j] * b[j]
    _average(product, row, channels, down, means)


@numba.njit(nogil=True, cache=True)
def _average_seven(values, step, means):
    """Average seven values that lie `step` apart; as an inner loop that is far slower."""
    v1, v2, v3 = values[step:], values[2 * step :], values[3 * step :]
    v4, v5, v6 = values[4 * step :], values[5 * step :], values[6 * step :]
    for j in range(len(means)):
        total = np.float64(values[j]) + v1[j] + v2[j] + v3[j] + v4[j] + v5[j] + v6[j]
        means[j] = total * (1 / WINDOW)


@numba.njit(nogil=True, cache=True)
def _add(values, totals):
    for j in range(len(totals)):
        totals[j] += values[j]


@numba.njit(nogil=True, cache=True, error_model="numpy")
def _compare(ua, ub, uaa, ubb, uab, constants, similarity):
    """Apply Wang et al. (2004), eq. 13, to the means of a, b, aa, bb and ab."""
    c1, c2, unbiased = constants
    for j in range(len(similarity)):
        squares, product = ua[j] * ua[j] + ub[j] * ub[j], ua[j] * ub[j]
        va = unbiased * (uaa[j] - ua[j] * ua[j])
        vb = unbiased * (ubb[j] - ub[j] * ub[j])
        vab = unbiased * (uab[j] - product)
        above = (product + product + c1) * (vab + vab + c2)
        similarity[j] = above / ((squares + c1) * (va + vb + c2))
