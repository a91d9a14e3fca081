"""One sign for each row that was unmasked for itself.

|x| says nothing of a row's sign. The mean public image tells it in nine rows of ten, but
where a private image is brighter than the mean, its rows go wrong together and the image is
lost. Rows that share an image tell each other: without the mean image, the inner product of
two rows x and z is about Σ λ·λ'·|a|² over the images a that they share, with the sign of both
rows. The leading eigenvector of these products, each weighted by the coefficients that the
assignment says are shared, has the signs of all rows; the mean image decides about the one
that is left.
"""

import numpy as np

from instahide.attacks.unmixing.parts.field import Field

SIGN_FLOOR = 0.1  # of the spectrum: fine detail is unsure in rows unmasked for themselves


def agree_on_signs(
    field: Field, unmasked: np.ndarray, design: np.ndarray, *, steps: int = 30
) -> np.ndarray:
    """Return the rows' signs, ±1 float32 of shape (E,).

    Parameters
    ----------
    field : Field
    unmasked : ndarray of float32, shape (E, d)
        Each row up to its sign.
    design : ndarray of float32, shape (E, n)
        Coefficients of the private images.
    steps : int
        Of the power iteration.
    """
    gain = 1 / np.sqrt(field.spectrum + SIGN_FLOOR * field.power)
    white = field.transform(unmasked) * gain
    mean = field.transform(field.mean[None])[0] * gain
    mean /= max(float(np.linalg.norm(mean)), 1e-12)
    along = white @ mean
    white -= along[:, None] * mean
    products = white @ white.T
    products *= design @ design.T
    np.fill_diagonal(products, 0)
    vector = np.ones(len(unmasked), np.float32)
    for _ in range(steps):
        vector = products @ vector
        vector /= max(float(np.linalg.norm(vector)), 1e-12)
    signs = np.where(vector < 0, -1, 1).astype(np.float32)
    return signs if signs @ along >= 0 else -signs
