"""Least squares of four kinds, all for many pixels or rows at once.

`ridge_fit` and `solve_images` have one matrix for all pixels, `solve_locally` a matrix for each
pixel, and `solve_nonnegative` solves for the weights of rows, none of them negative.
"""

from dataclasses import dataclass

import numpy as np
from scipy.linalg import solve
from scipy.sparse import csr_matrix

from instahide.attacks.needs import FLOAT, PRODUCT, Size
from instahide.attacks.unmixing.parts.field import BATCH_NUMBERS, batches

IMAGE_RIDGE = 0.5  # precision of a private image's prior, in that of a public image
SUMMED_NUMBERS = 12_000_000  # of rows that are summed at a time
PIXELS_AT_ONCE = 256
STEP_TOLERANCE = 1e-6  # of the right side, where conjugate gradients stop
MOST_STEPS = 30
LEAST_ENERGY = 1e-9


def ridge_fit(
    design: np.ndarray | csr_matrix,
    targets: np.ndarray,
    precision: np.ndarray,
    ridge: float,
) -> np.ndarray:
    """Solve targets = design · X by weighted least squares; two columns have next to no ridge.

    Parameters
    ----------
    design : ndarray or csr_matrix of float32, shape (E, n + 2)
        The last two columns are common to all rows.
    targets : ndarray of float32, shape (E, d)
    precision : ndarray of float32, shape (E,)
        Inverse variance of each row's noise, up to a factor.
    ridge : float
        As a share of the mean diagonal of the normal matrix.

    Returns
    -------
    ndarray of float32, shape (n + 2, d)
    """
    normal, right = normal_equations(design, targets, precision)
    scale = normal.diagonal()[:-2].mean()
    penalty = np.full(len(normal), ridge * scale)
    penalty[-2:] = 1e-3 * ridge * scale  # only against collinearity
    normal[np.diag_indices(len(normal))] += penalty
    return solve(normal, right, assume_a="pos", overwrite_b=True).astype(np.float32)


def solve_images(
    design: np.ndarray | csr_matrix,
    rows: np.ndarray,
    precision: np.ndarray,
    ridge: np.ndarray,
    prior: np.ndarray | float = 0.0,
) -> np.ndarray:
    """Solve rows = design · images by weighted least squares, images drawn to `prior`.

    Where the noise of a row has the variance v·C and an image the prior variance κ·C with
    the same covariance C over pixels, this is the posterior mean with precision 1/v and
    ridge 1/κ: C drops out, and all pixels share one matrix.

    Parameters
    ----------
    design : ndarray or csr_matrix of float32, shape (E, n + 1)
    rows : ndarray of float32, shape (E, d)
    precision : ndarray of float32, shape (E,)
        1/v.
    ridge : ndarray of float, shape (n + 1,)
        1/κ.
    prior : ndarray of float32, shape (d,), or float

    Returns
    -------
    ndarray of float32, shape (n + 1, d)
    """
    normal, right = normal_equations(design, rows, precision)
    normal[np.diag_indices(len(normal))] += ridge
    right += ridge[:, None] * prior
    return solve(normal, right, assume_a="pos", overwrite_b=True).astype(np.float32)


def normal_equations(
    design: np.ndarray | csr_matrix, rows: np.ndarray, precision: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return DᵀPD and DᵀP·rows, float64, shapes (n, n) and (n, d); see `solve_images`.

    Rows are summed in batches of float32, and the batches in float64.
    """
    design = csr_matrix(design)
    weighted = csr_matrix(design.multiply(precision[:, None]), dtype=np.float32)
    right = np.zeros((design.shape[1], rows.shape[1]))
    for some in batches(*rows.shape, SUMMED_NUMBERS):
        right += weighted[some].T @ rows[some]
    return (weighted.astype(np.float64).T @ design).toarray(), right


def normal_needs(size: Size) -> float:
    """Bytes of `solve_images` and `ridge_fit`: right sides in float64, and one matrix."""
    images = size.image_count + 2
    return 28 * images * size.pixels + 20 * images**2


def local_solve_needs(size: Size) -> float:
    """Bytes of `solve_locally`: precisions of some pixels, and a batch; images twice."""
    images, some = size.image_count + 1, min(PIXELS_AT_ONCE, size.pixels)
    pixels = 2 * FLOAT * some * (size.rows + 5 * images)
    return pixels + 2 * FLOAT * images * size.pixels + 20 * images**2


def local_solve_seconds(size: Size) -> float:
    """Processor seconds of `solve_locally`: eight products with the design and its like."""
    return size.pixels * (2e-8 * size.rows + 8 * PRODUCT * size.image_count**2)


def solve_locally(
    design: np.ndarray | csr_matrix,
    rows: np.ndarray,
    precision: np.ndarray,
    ridge: float | np.ndarray,
    start: np.ndarray | None = None,
) -> np.ndarray:
    """Solve weighted least squares where every row and pixel has a precision of its own.

    Each pixel has a matrix of its own, and none is made: conjugate gradients need only what
    matrices make of vectors, two products with the sparse design, and find all pixels at
    once. What they have in common is solved beforehand: the inverse of their mean matrix,
    scaled to each pixel's own diagonal, leaves four to six steps to go.

    Parameters
    ----------
    design : ndarray or csr_matrix of float32, shape (E, n)
        With few entries in a row.
    rows, precision : ndarray of float32, shape (E, d)
        The precision may be a view that repeats values.
    ridge : float, or ndarray that broadcasts to (n, d)
        Added to the diagonal of every pixel's matrix; positive.
    start : ndarray of float32, shape (n, d), optional
        Where to begin; at 0 by default.

    Returns
    -------
    ndarray of float32, shape (n, d)
    """
    design = csr_matrix(design, dtype=np.float32)
    blocks = [(some, design[some]) for some in batches(*rows.shape, BATCH_NUMBERS)]
    solution = np.zeros((design.shape[1], rows.shape[1]), np.float32)
    if start is not None:
        solution[:] = start
    ridge = np.broadcast_to(np.asarray(ridge, np.float32), solution.shape)
    inverse = _invert_mean(design, precision.mean(axis=1), ridge.mean(axis=1))
    for first in range(0, rows.shape[1], PIXELS_AT_ONCE):
        some = slice(first, first + PIXELS_AT_ONCE)
        pixels = _Pixels(blocks, np.ascontiguousarray(precision[:, some]), ridge[:, some])
        right, diagonal = pixels.sums(rows[:, some])
        scale = 1 / np.sqrt(diagonal)
        solution[:, some] = _conjugate_gradients(
            pixels, right, scale, inverse, solution[:, some]
        )
    return solution


@dataclass(frozen=True)
class _Pixels:
    """The normal matrices of P pixels, DᵀPD and a ridge, as far as they are needed.

    Attributes
    ----------
    blocks : list of tuple
        Some rows, and the design of these.
    precision : ndarray of float32, shape (E, P)
    ridge : ndarray of float32, shape (n, P)
    """

    blocks: list[tuple[slice, csr_matrix]]
    precision: np.ndarray
    ridge: np.ndarray

    def apply(self, images: np.ndarray) -> np.ndarray:
        """Return what each pixel's matrix makes of its column, shape (n, P)."""
        applied = self.ridge * images
        for some, design in self.blocks:
            mixed = design @ images
            mixed *= self.precision[some]
            applied += design.T @ mixed
        return applied

    def sums(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return right sides and the matrices' diagonals, both of shape (n, P)."""
        right, diagonal = np.zeros_like(self.ridge), self.ridge.copy()
        for some, design in self.blocks:
            right += design.T @ (self.precision[some] * rows[some])
            diagonal += design.power(2).T @ self.precision[some]
        return right, diagonal


def _invert_mean(design: csr_matrix, precision: np.ndarray, ridge: np.ndarray) -> np.ndarray:
    """Return the inverse of a normal matrix that is scaled to a diagonal of ones, float32."""
    normal = (design.multiply(precision[:, None]).T @ design).toarray().astype(np.float64)
    normal[np.diag_indices(len(normal))] += ridge
    scale = 1 / np.sqrt(normal.diagonal())
    normal = scale[:, None] * normal * scale
    return solve(normal, np.eye(len(normal)), assume_a="pos").astype(np.float32)


def _conjugate_gradients(
    pixels: _Pixels,
    right: np.ndarray,
    scale: np.ndarray,
    inverse: np.ndarray,
    start: np.ndarray,
) -> np.ndarray:
    """Solve for each pixel's column of (n, P), with the preconditioner S·`inverse`·S."""
    solution, left = start.copy(), right - pixels.apply(start)
    towards = scale * (inverse @ (scale * left))
    direction, now = towards.copy(), _dots(left, towards)
    enough = STEP_TOLERANCE**2 * _dots(scale * right, scale * right)
    for _ in range(MOST_STEPS):
        if (now <= enough).all():
            break
        applied = pixels.apply(direction)
        length = now / np.maximum(_dots(direction, applied), LEAST_ENERGY**2)
        solution += length * direction
        left -= length * applied
        towards = scale * (inverse @ (scale * left))
        now, before = _dots(left, towards), now
        direction *= now / np.maximum(before, LEAST_ENERGY**2)
        direction += towards
    return solution


def _dots(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Return the inner products of columns, shape (P,)."""
    return np.einsum("ij,ij->j", left, right)


def solve_nonnegative(
    products: np.ndarray, gram: np.ndarray, allowed: np.ndarray, *, sweeps: int = 30
) -> np.ndarray:
    """Solve non-negative least squares for all rows at once, by coordinate descent.

    Parameters
    ----------
    products : ndarray of float32, shape (R, n)
        Inner products of rows and images.
    gram : ndarray of float32, shape (n, n)
    allowed : ndarray of bool, shape (R, n)
        Images that a row may hold.

    Returns
    -------
    ndarray of float32, shape (R, n)
        Weights.
    """
    weights = np.zeros_like(products)
    rest = products.copy()
    for _ in range(sweeps):
        for image, own in enumerate(gram.diagonal()):
            new = np.maximum(weights[:, image] + rest[:, image] / max(own, LEAST_ENERGY), 0)
            new *= allowed[:, image]
            rest -= (new - weights[:, image])[:, None] * gram[image]
            weights[:, image] = new
    return weights
