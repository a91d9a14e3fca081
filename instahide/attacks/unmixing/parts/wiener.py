"""Wiener's filter: least squares for images whose prior variance and noise are known.

In the basis of `instahide.attacks.unmixing.parts.field` both are diagonal, so every feature j
has normal equations of its own, (AᵀA + νⱼ/κⱼ)·x = Aᵀf, with the noise's variance ν and the
images' κ. One eigendecomposition of AᵀA solves them all.
"""

import numpy as np
from scipy.linalg import eigh
from scipy.sparse import csr_matrix

from instahide.attacks.unmixing.state import Assignment


def sparse_design(assignment: Assignment, image_count: int) -> csr_matrix:
    """Return the (E, n) float32 matrix that mixes n images; every place is assigned."""
    members, weights = assignment.members, assignment.weights
    rows = np.repeat(np.arange(len(members)), members.shape[1])
    entries = weights.ravel(), (rows, members.ravel())
    return csr_matrix(entries, (len(members), image_count), dtype=np.float32)


def solve_wiener(
    design: csr_matrix, rows: np.ndarray, prior: np.ndarray, noise: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the posterior means of images, and the mean variance of their errors.

    Parameters
    ----------
    design : csr_matrix of float32, shape (E, n)
    rows : ndarray of float32, shape (E, d)
        Features of the rows, linear in those of images, whose prior mean is 0.
    prior : ndarray of float32, shape (d,)
        κ, variance of each feature over images; positive.
    noise : ndarray of float32, shape (d,)
        ν, variance of each feature's noise; positive.

    Returns
    -------
    images : ndarray of float32, shape (n, d)
    error : ndarray of float32, shape (d,)
        Averaged over images.
    """
    normal = (design.T @ design).toarray().astype(np.float64)
    values, vectors = eigh(normal)
    values, vectors = np.maximum(values, 0).astype(np.float32), vectors.astype(np.float32)
    gains = prior / (values[:, None] * prior + noise)
    images = vectors @ (gains * (vectors.T @ (design.T @ rows)))
    return images, gains.mean(axis=0) * noise
