"""Finishing: least squares that knows where public images are busy, and what to hand in.

Public mixtures disturb a row where they have edges and texture, and hardly where they are
flat. So the last solve splits rows into bands of detail, measures how busy a row's residual
is around each pixel, and weights by that: each pixel then has weights, and a small matrix,
of its own. No step needs more than a few seconds for 5,000 rows.
"""

from itertools import pairwise

import numpy as np
from scipy.ndimage import gaussian_filter
from scipy.sparse import csr_matrix

from instahide.attacks.needs import FLOAT, Size
from instahide.attacks.protocol import Recovery
from instahide.attacks.unmixing.parts.field import learn_field
from instahide.attacks.unmixing.parts.pixelwise import solve_images
from instahide.attacks.unmixing.problem import Problem
from instahide.attacks.unmixing.state import State
from instahide.progress import tracked
from instahide.ssim import ssim

SCALES = (1.0, 2.0, 4.0)  # of the bands, standard deviations in pixels
REACH = (1.0, 1.5, 3.0)  # over which a band's residual is averaged
TRUST = 0.8  # in the measured level around a pixel; the rest is the row's
RIDGE = 0.01  # relative to a weight of one
PIXELS_AT_ONCE = 512
HALF_SURE = 9.0
LEAST_POWER = 1e-12


def local_needs(size: Size) -> float:
    """Bytes: rows in bands with weights; a small matrix for each of some pixels."""
    matrices = 3 * FLOAT * PIXELS_AT_ONCE * (size.images + 1) ** 2
    return max(7.5 * size.table + matrices, none_needs(size))


def none_needs(size: Size) -> float:
    """Bytes of `hand_in`: photos centred and transformed, then an image for each row."""
    return max(3 * FLOAT * size.public * size.pixels, 2 * size.table)


def local(problem: Problem, state: State, rng: np.random.Generator) -> Recovery:
    """Solve a last time with local weights, and choose: the last stage of `whitened`."""
    return hand_in(problem, state, solve_by_bands(state, problem.shape), rng)


def none(problem: Problem, state: State, rng: np.random.Generator) -> Recovery:
    """Only choose what each row hands in."""
    return hand_in(problem, state, state.images, rng)


def hand_in(
    problem: Problem, state: State, images: np.ndarray, rng: np.random.Generator
) -> Recovery:
    """Choose the image that each row hands in.

    Parameters
    ----------
    images : ndarray of float32, shape (n + 1, d)
        As finished; the last one, the mean public image, is not handed in.
    """
    images = np.clip(images[:-1], -1, 1)
    noise = learn_field(problem.public).sample(rng, len(images))
    quality = predict_quality(images, error_variance(state), noise, problem.shape)
    sure = trust(state.assignment.coefficients, state.level, images.shape[1])
    chosen = choose_images(state.assignment.images, quality[state.assignment.images] * sure)
    private = images.reshape(-1, *problem.shape)
    return Recovery(
        decryption=private[chosen],
        private=private,
        complexity="O(Ed² + d³)",
        details={"predicted_ssim": round(float(quality.mean()), 4)},
    )


def split_bands(images: np.ndarray, shape: tuple[int, ...]) -> list[np.ndarray]:
    """Split images, shape (E, d), into bands that sum to them, the finest first."""
    pictures = images.reshape(-1, *shape)
    smooth = [pictures, *(_blur(pictures, scale) for scale in SCALES)]
    bands = [fine - coarse for fine, coarse in pairwise(smooth)]
    return [band.reshape(len(images), -1) for band in [*bands, smooth[-1]]]


def solve_by_bands(state: State, shape: tuple[int, ...], *, rounds: int = 2) -> np.ndarray:
    """Solve for the images, each band with weights by row and pixel.

    Returns
    -------
    ndarray of float32, shape (n + 1, d)
    """
    design = state.design()
    solution = np.zeros_like(state.images)
    rows, images = split_bands(state.rows, shape), split_bands(state.images, shape)
    bands = list(zip(rows, images, REACH, strict=False))
    for band, start, reach in tracked(bands, "last images", "bands"):
        for _ in range(rounds):
            weights = local_weights(band - design @ start, state.level, shape, reach)
            start = solve_locally(design, band, weights)
        solution += start
    ridge = np.full(design.shape[1], RIDGE)
    return solution + solve_images(design, rows[-1], 1 / state.level, ridge)


def local_weights(
    residual: np.ndarray, level: np.ndarray, shape: tuple[int, ...], reach: float
) -> np.ndarray:
    """Weigh by the inverse of the residual's square, averaged around each pixel.

    Parameters
    ----------
    residual : ndarray of float32, shape (E, d)
    level : ndarray of float32, shape (E,)
    reach : float
        Standard deviation of the average, in pixels.

    Returns
    -------
    ndarray of float32, shape (E, d)
        About 1 where a residual is ordinary.
    """
    power = (residual**2).reshape(-1, *shape).mean(axis=3, keepdims=True)
    power = _blur(power, reach)
    ordinary = max(float(power.mean()), LEAST_POWER)
    row = (level / level.mean() * ordinary)[:, None, None, None]
    weights = ordinary / (TRUST * power + (1 - TRUST) * row)
    return np.broadcast_to(weights, (len(residual), *shape)).reshape(residual.shape)


def solve_locally(design: np.ndarray, rows: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Solve weighted least squares where every row and pixel has a weight of its own.

    Parameters
    ----------
    design : ndarray of float32, shape (E, n)
        With few entries in a row.
    rows, weights : ndarray of float32, shape (E, d)

    Returns
    -------
    ndarray of float32, shape (n, d)
    """
    count, size = design.shape[1], rows.shape[1]
    sparse = csr_matrix(design)
    right = sparse.T @ (weights * rows)
    outer = _outer_products(sparse)
    solution = np.empty((count, size), np.float32)
    for start in range(0, size, PIXELS_AT_ONCE):
        some = slice(start, start + PIXELS_AT_ONCE)
        normal = (outer @ weights[:, some]).T.reshape(-1, count, count)
        normal = normal + RIDGE * np.eye(count, dtype=np.float32)
        solution[:, some] = np.linalg.solve(normal, right.T[some, :, None])[:, :, 0].T
    return solution


def _outer_products(design: csr_matrix) -> csr_matrix:
    """Return the (n², E) matrix whose column e is the outer product of row e with itself."""
    rows, count = design.shape
    widths = np.diff(design.indptr)
    most = int(widths.max())
    places = np.minimum(design.indptr[:-1, None] + np.arange(most), design.nnz - 1)
    there = np.arange(most) < widths[:, None]
    index, value = design.indices[places], np.where(there, design.data[places], 0)
    keys = index[:, :, None].astype(np.int64) * count + index[:, None, :]
    products = value[:, :, None] * value[:, None, :]
    columns = np.repeat(np.arange(rows), most**2)
    return csr_matrix((products.ravel(), (keys.ravel(), columns)), (count**2, rows))


def error_variance(state: State) -> np.ndarray:
    """Return the variance of the images' errors, in a public image's, shape (n,).

    From the normal matrix of the weighted least squares; wrong pairs and signs come on top.
    """
    design = state.design().astype(np.float64)
    normal = design.T @ (design / state.level[:, None]) + np.eye(design.shape[1])
    return np.linalg.inv(normal).diagonal()[:-1]


def predict_quality(
    images: np.ndarray, variance: np.ndarray, noise: np.ndarray, shape: tuple[int, ...]
) -> np.ndarray:
    """Predict each image's SSIM with the truth: its SSIM with itself under more noise.

    Flat images suffer most.

    Parameters
    ----------
    images : ndarray of float32, shape (n, d)
    variance : ndarray of float, shape (n,)
        Of the images' errors, in units of the noise's.
    noise : ndarray of float32, shape (n, d)
        A sample of the field of public images.

    Returns
    -------
    ndarray of float64, shape (n,)
    """
    noisy = images + np.sqrt(variance).astype(np.float32)[:, None] * noise
    clean, noisy = (np.clip(x, -1, 1).reshape(-1, *shape) for x in (images, noisy))
    return ssim(clean, noisy)


def trust(coefficients: np.ndarray, level: np.ndarray, size: int) -> np.ndarray:
    """Return how sure the assignment of an image to a row is, (E, 2), range 0 … 1.

    What tells an image is its energy in the whitened row, d·λ²/v.
    ASSUME: half as good as certain at an energy of 9; between 3 and 30 it matters little.
    """
    energy = size * coefficients**2 / level[:, None]
    return energy / (energy + HALF_SURE)


def choose_images(images: np.ndarray, worth: np.ndarray) -> np.ndarray:
    """Return the image of greater worth for each row; both arguments (E, 2)."""
    return np.take_along_axis(images, worth.argmax(axis=1)[:, None], 1)[:, 0]


def _blur(pictures: np.ndarray, scale: float) -> np.ndarray:
    return gaussian_filter(pictures, (0, scale, scale, 0), mode="reflect")
