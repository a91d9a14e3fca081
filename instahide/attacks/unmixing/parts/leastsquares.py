"""Least squares of four kinds, all for many pixels or rows at once.

`ridge_fit` and `solve_images` have one matrix for all pixels, `solve_locally` a matrix for each
pixel, and `solve_nonnegative` solves for the weights of rows, none of them negative.
"""

import numpy as np
from scipy.linalg import solve
from scipy.sparse import csr_matrix

IMAGE_RIDGE = 0.5  # precision of a private image's prior, in that of a public image
PIXELS_AT_ONCE = 512
LEAST_ENERGY = 1e-9


def ridge_fit(
    design: np.ndarray, targets: np.ndarray, precision: np.ndarray, ridge: float
) -> np.ndarray:
    """Solve targets = design · X by weighted least squares; two columns have next to no ridge.

    Parameters
    ----------
    design : ndarray of float32, shape (E, n + 2)
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
    weighted = design * precision[:, None]
    normal = (weighted.T @ design).astype(np.float64)
    scale = normal.diagonal()[:-2].mean()
    penalty = np.full(len(normal), ridge * scale)
    penalty[-2:] = 1e-3 * ridge * scale  # only against collinearity
    normal[np.diag_indices(len(normal))] += penalty
    return solve(normal, weighted.T @ targets, assume_a="pos").astype(np.float32)


def solve_images(
    design: np.ndarray,
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
    design : ndarray of float32, shape (E, n + 1)
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
    weighted = design * precision[:, None]
    normal = (weighted.T @ design).astype(np.float64)
    normal[np.diag_indices(len(normal))] += ridge
    solver = np.linalg.solve(normal, np.hstack([weighted.T, np.diag(ridge)]))
    solver = solver.astype(np.float32)
    count = len(rows)
    return solver[:, :count] @ rows + solver[:, count:].sum(axis=1)[:, None] * prior


def solve_locally(
    design: np.ndarray, rows: np.ndarray, precision: np.ndarray, ridge: float
) -> np.ndarray:
    """Solve weighted least squares where every row and pixel has a precision of its own.

    Parameters
    ----------
    design : ndarray of float32, shape (E, n)
        With few entries in a row.
    rows, precision : ndarray of float32, shape (E, d)
    ridge : float
        Added to the diagonal of every pixel's matrix.

    Returns
    -------
    ndarray of float32, shape (n, d)
    """
    count, size = design.shape[1], rows.shape[1]
    sparse = csr_matrix(design)
    right = sparse.T @ (precision * rows)
    outer = _outer_products(sparse)
    solution = np.empty((count, size), np.float32)
    for start in range(0, size, PIXELS_AT_ONCE):
        some = slice(start, start + PIXELS_AT_ONCE)
        normal = (outer @ precision[:, some]).T.reshape(-1, count, count)
        normal = normal + ridge * np.eye(count, dtype=np.float32)
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
