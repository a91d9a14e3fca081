"""Spots: pixels where an image has settled for the wrong one of two solutions.

A spot of the wrong sign makes the image's rows choose the wrong sign there, and these rows
make the spot. Once a row's other parts Q are known, the way out needs no signs: with
x = λ·a + Q, what is seen is

    y² − Q² = λ²·a² + 2·λ·Q·a,

linear in the two unknowns a² and a of the pixel. Least squares over the image's rows gives a,
and it is taken where it explains |x| better than the value there was.
"""

from dataclasses import dataclass, replace

import numpy as np
from scipy.sparse import csc_matrix

from instahide.attacks.unmixing.state import State

BETTER = 0.5  # a new value must leave less than this share of the misfit


@dataclass(frozen=True)
class Uses:
    """The rows of one image.

    Attributes
    ----------
    weight : ndarray of float32, shape (u, 1)
        λ: how much of the image is in each.
    precision : ndarray of float32, shape (u, 1)
        Inverse level of each.
    others : ndarray of float32, shape (u, d)
        Q: all other parts.
    magnitudes : ndarray of float32, shape (u, d)
        y.
    """

    weight: np.ndarray
    precision: np.ndarray
    others: np.ndarray
    magnitudes: np.ndarray

    def misfit(self, image: np.ndarray) -> np.ndarray:
        """Return the weighted squared error of |x| at each pixel, shape (d,)."""
        error = np.abs(self.weight * image + self.others) - self.magnitudes
        return (self.precision * error**2).sum(axis=0)

    def solve(self) -> np.ndarray:
        """Solve for a² and a, and return a, float32, shape (d,)."""
        square, twice = self.weight**2, 2 * self.weight * self.others
        seen = self.magnitudes**2 - self.others**2
        aa = float((self.precision * square**2).sum())
        ab = (self.precision * square * twice).sum(axis=0)
        bb = (self.precision * twice**2).sum(axis=0)
        right_a = (self.precision * square * seen).sum(axis=0)
        right_b = (self.precision * twice * seen).sum(axis=0)
        determinant = aa * bb - ab**2
        return (aa * right_b - ab * right_a) / np.maximum(determinant, 1e-6 * aa * bb + 1e-12)


def mend_spots(state: State, public: np.ndarray, magnitudes: np.ndarray) -> State:
    """Return the state with spots mended, and the signs of the rows there.

    Parameters
    ----------
    state : State
        Its unmasked rows are less their public parts.
    public : ndarray of float32, shape (E, d)
        The public parts, less their mean.
    magnitudes : ndarray of float32, shape (E, d)
        |encryption|.
    """
    design, images = state.mixtures.design, state.images.copy()
    columns, model = csc_matrix(design), design @ images
    model += public
    touched = np.zeros(model.shape, bool)
    for number in range(state.image_count):
        here = slice(*columns.indptr[number : number + 2])
        rows, weight = columns.indices[here], columns.data[here, None]
        if not len(rows):
            continue
        others = model[rows] - weight * state.images[number]
        uses = Uses(weight, 1 / state.level[rows, None], others, magnitudes[rows])
        new = np.clip(uses.solve(), -1, 1)
        better = uses.misfit(new) < BETTER * uses.misfit(images[number])
        images[number] = np.where(better, new, images[number])
        touched[rows] |= better
    signed = np.copysign(magnitudes, design @ images + public) - public
    return replace(state, images=images, unmasked=np.where(touched, signed, state.unmasked))
