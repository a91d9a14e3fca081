"""Means of rows from images that the rows themselves had no part in.

A row that is unmasked with the images of the last round as its mean is drawn to what it told
these images itself: its wrong signs come back as what is expected of it. With fifty rows for
each image one row tells next to nothing; with ten it is a tenth of the image. So the rows are
dealt into folds, and the mean of each fold's rows is made of images that were solved for
without them. Taking a fold out of the normal equations costs one more small solve.
"""

from dataclasses import dataclass

import numpy as np
from scipy.linalg import solve
from scipy.sparse import csr_matrix

from instahide.attacks.unmixing.parts.leastsquares import normal_equations

FOLDS = 10
#: Where images have more rows than that, the folds bring nothing (measured at 50).
FEW_ROWS = 30


@dataclass(frozen=True)
class FoldedMixtures:
    """The expected mixtures of rows, fold by fold: row e is of fold e modulo their number.

    Attributes
    ----------
    design : csr_matrix of float32, shape (E, n + 1)
    images : ndarray of float32, shape (folds, n + 1, d)
        As the rows of all other folds tell them.
    """

    design: csr_matrix
    images: np.ndarray

    def __getitem__(self, rows: slice) -> np.ndarray:
        """Return the mixtures of some rows, float32, shape (rows, d)."""
        numbers = np.arange(self.design.shape[0])[rows]
        mixed = np.empty((len(numbers), self.images.shape[2]), np.float32)
        for fold, images in enumerate(self.images):
            own = numbers % len(self.images) == fold
            mixed[own] = self.design[numbers[own]] @ images
        return mixed


def has_few_rows(rows: int, images: int) -> bool:
    """Tell whether images have so few rows that a row's own part in them matters."""
    return FOLDS < rows < FEW_ROWS * images


def solve_folds(
    design: csr_matrix,
    rows: np.ndarray,
    precision: np.ndarray,
    ridge: np.ndarray,
    prior: np.ndarray,
) -> np.ndarray:
    """Solve for the images once without each fold of the rows.

    Parameters
    ----------
    design, rows, precision, ridge, prior
        As in `instahide.attacks.unmixing.parts.leastsquares.solve_images`.

    Returns
    -------
    ndarray of float32, shape (FOLDS, n + 1, d)
    """
    normal, right = normal_equations(design, rows, precision)
    normal[np.diag_indices(len(normal))] += ridge
    right += ridge[:, None] * prior
    found = np.empty((FOLDS, *right.shape), np.float32)
    for fold in range(FOLDS):
        own = slice(fold, None, FOLDS)
        less, fewer = normal_equations(design[own], rows[own], precision[own])
        found[fold] = solve(normal - less, right - fewer, assume_a="pos", overwrite_b=True)
    return found
