"""From a known seed to the private images of a 2020 challenge: linear algebra alone.

The seed gives masks, coefficients and pairs, so that a row without its mask is a linear
equation in images: λ₀·x_a + λ₁·x_b + Σ λᵢ·(public images). Every pixel and channel has
the same equations, so one small matrix is factorised for all of them.

- `solve_with_mean` needs nothing about the public images but that they scatter around a
  mean image: weighted least squares with that mean as one more unknown.
- `solve_one_batch` takes all public images of a block as unknowns: with T blocks of n
  rows there are n + T·n unknown images for T·n equations, and of all solutions the one
  of least norm is nearly the truth.
"""

import numpy as np
from scipy.linalg import cho_factor, cho_solve

# ASSUME: float32 rounding of the encryptions, squared, over the mean square of an image.
# It keeps a block whose public images cannot be told apart from dividing by zero.
ROUNDING = 1e-14
LEAST_SPREAD = 1e-9  # a row that is all but private is not weighted beyond 1/this


def undo_mask(encryption: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Return encryptions without their masks, as rows of a matrix.

    Parameters
    ----------
    encryption : ndarray of float32, shape (E, H, W, C)
    mask : ndarray of int8, shape (E, H, W, C)
        -1 or 1.

    Returns
    -------
    ndarray of float64, shape (E, H * W * C)
    """
    return np.multiply(encryption, mask, dtype=np.float64).reshape(len(encryption), -1)


def solve_with_mean(
    mixed: np.ndarray, private: np.ndarray, coefficients: np.ndarray, images: int
) -> tuple[np.ndarray, np.ndarray]:
    """Solve for the private images and the mean public image by weighted least squares.

    A row's public part is λ̄·m plus noise of a variance in proportion to Σ λᵢ² over its
    public images, λ̄ their sum; the row is weighted by the inverse.

    Parameters
    ----------
    mixed : ndarray of float64, shape (E, d)
        Rows without their masks.
    private : ndarray of int, shape (E, 2)
        Indices of the private images of each row.
    coefficients : ndarray of float64, shape (E, k)
        Columns 0 and 1 belong to the private images.
    images : int
        Number n of private images.

    Returns
    -------
    images : ndarray of float64, shape (n, d)
    mean : ndarray of float64, shape (d,)
        The mean public image; zeros when k = 2.
    """
    public = coefficients[:, 2:]
    design = np.hstack(
        [design_matrix(private, coefficients[:, :2], images), public.sum(axis=1)[:, None]]
    )
    weights = 1 / np.maximum((public**2).sum(axis=1), LEAST_SPREAD)
    weights /= weights.mean()
    weighted = design * weights[:, None]
    # The ridge matters to unknowns that no row holds, such as the mean at k = 2.
    normal = weighted.T @ design + ROUNDING * np.eye(images + 1)
    solved = cho_solve(cho_factor(normal), weighted.T @ mixed)
    return solved[:images], solved[images]


def solve_one_batch(
    mixed: np.ndarray,
    private: np.ndarray,
    slots: np.ndarray,
    coefficients: np.ndarray,
    images: int,
    centre: np.ndarray | float = 0.0,
) -> tuple[np.ndarray, float]:
    """Solve for private images jointly with every block's batch of n public images.

    Of all images that fulfil the equations P_t·X + Q_t·B_t = Y_t of the blocks t, take
    those of least norm. Eliminating the batches B_t leaves n equations,
    (I + Σ P_tᵀ·K_t·P_t)·X = Σ P_tᵀ·K_t·Y_t with K_t = (Q_t·Q_tᵀ)⁻¹.

    Parameters
    ----------
    mixed : ndarray of float64, shape (E, d), E = T · n
        Rows without their masks, block after block.
    private : ndarray of int, shape (E, 2)
        Indices of the private images of each row.
    slots : ndarray of int, shape (E, k - 2)
        Indices of the public images of each row in its block's batch, 0 … n - 1.
    coefficients : ndarray of float64, shape (E, k)
    images : int
        Number n of private images, of rows of a block and of images of a batch.
    centre : ndarray of shape (d,), or float
        The norm is measured from this image. Coefficients sum to 1, so that shifting
        all images shifts the rows as much.

    Returns
    -------
    images : ndarray of float64, shape (n, d)
    power : float
        Mean square of all solved pixels from `centre`. Pixels lie in [-1, 1], so a
        power well above 1 means that the blocks do not share batches after all.
    """
    normal = np.eye(images)
    right = np.zeros((images, mixed.shape[1]))
    square = 0.0
    for start in range(0, len(mixed), images):
        rows = slice(start, start + images)
        first = design_matrix(private[rows], coefficients[rows, :2], images)
        batch = design_matrix(slots[rows], coefficients[rows, 2:], images)
        inverse = cho_factor(batch @ batch.T + ROUNDING * np.eye(len(batch)))
        target = mixed[rows] - centre
        solved = cho_solve(inverse, target)
        normal += first.T @ cho_solve(inverse, first)
        right += first.T @ solved
        square += np.einsum("ij,ij->", target, solved)
    solution = cho_solve(cho_factor(normal), right)
    square -= np.einsum("ij,ij->", right, solution)  # the least norm, without its images
    power = square / ((images + len(mixed)) * mixed.shape[1])
    return solution + centre, float(power)


def design_matrix(indices: np.ndarray, coefficients: np.ndarray, images: int) -> np.ndarray:
    """Return the (rows, images) float64 matrix that mixes `images` images into rows.

    `indices` and `coefficients` are (rows, j); an image named twice in a row counts with
    the sum of its coefficients.
    """
    matrix = np.zeros((len(indices), images))
    np.add.at(matrix, (np.arange(len(indices))[:, None], indices), coefficients)
    return matrix
