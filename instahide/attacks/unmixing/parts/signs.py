"""One sign for each row that was unmasked for itself.

|x| says nothing of a row's sign. The mean public image tells it in nine rows of ten, but
where a private image is brighter than the mean, its rows go wrong together and the image is
lost. Rows that share an image tell each other: without the mean image, the inner product of
two rows x and z is about Σ λ·λ'·|a|² over the images a that they share, with the sign of both
rows. The leading eigenvector of these products, each weighted by the coefficients that the
assignment says are shared, has the signs of all rows; the mean image decides about the one
that is left.

The matrix of these products is E × E, and is never made. With D the coefficients and W the
rows, it is the sum over images a of D_a·W·Wᵀ·D_a (D_a diagonal, with the coefficients of a), so
that it is applied to a vector v by two products with sparse D: U = Dᵀ·(v∘W), an image each,
and then ⟨W, D·U⟩ row by row.
"""

import numpy as np
from scipy.sparse import csr_matrix, diags_array

from instahide.attacks.unmixing.parts.field import Field, batches

SIGN_FLOOR = 0.1  # of the spectrum: fine detail is unsure in rows unmasked for themselves


def agree_on_signs(
    field: Field, unmasked: np.ndarray, design: np.ndarray | csr_matrix, *, steps: int = 30
) -> np.ndarray:
    """Return the rows' signs, ±1 float32 of shape (E,).

    Parameters
    ----------
    field : Field
    unmasked : ndarray of float32, shape (E, d)
        Each row up to its sign.
    design : ndarray or csr_matrix of float32, shape (E, n)
        Coefficients of the private images.
    steps : int
        Of the power iteration.
    """
    white, along = whiten_without_mean(field, unmasked)
    design = csr_matrix(design)
    own = design.multiply(design).sum(axis=1).A1 * np.einsum("ij,ij->i", white, white)
    vector = np.ones(len(unmasked), np.float32)
    for _ in range(steps):
        vector = _apply_products(white, design, vector) - own * vector
        vector /= max(float(np.linalg.norm(vector)), 1e-12)
    signs = np.where(vector < 0, -1, 1).astype(np.float32)
    return signs if signs @ along >= 0 else -signs


def whiten_without_mean(field: Field, unmasked: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return whitened rows, (E, d), without the mean image, and how much of it they had."""
    gain = 1 / np.sqrt(field.spectrum + SIGN_FLOOR * field.power)
    mean = field.transform(field.mean[None])[0] * gain
    mean /= max(float(np.linalg.norm(mean)), 1e-12)
    white, along = np.empty_like(unmasked), np.empty(len(unmasked), np.float32)
    for some in batches(*unmasked.shape):
        rows = field.transform(unmasked[some]) * gain
        along[some] = rows @ mean
        white[some] = rows - along[some, None] * mean
    return white, along


def _apply_products(white: np.ndarray, design: csr_matrix, vector: np.ndarray) -> np.ndarray:
    """Apply the products of all rows, those with themselves too, to a vector (E,)."""
    images = (diags_array(vector) @ design).T.astype(np.float32) @ white
    applied = np.empty_like(vector)
    for some in batches(*white.shape):
        applied[some] = np.einsum("ij,ij->i", white[some], design[some] @ images)
    return applied
