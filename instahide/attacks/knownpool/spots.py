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

from instahide.attacks.unmixing.state import State

BETTER = 0.5  # a new value must leave less than this share of the misfit


@dataclass(frozen=True)
class Uses:
    """The rows of one image.

    Attributes
    ----------
    coefficient : ndarray of float32, shape (u, 1)
    weight : ndarray of float32, shape (u, 1)
    others : ndarray of float32, shape (u, d)
        Q: all other parts.
    size : ndarray of float32, shape (u, d)
        y.
    """

    coefficient: np.ndarray
    weight: np.ndarray
    others: np.ndarray
    size: np.ndarray

    def misfit(self, image: np.ndarray) -> np.ndarray:
        """Return the weighted squared error of |x| at each pixel, shape (d,)."""
        error = np.abs(self.coefficient * image + self.others) - self.size
        return (self.weight * error**2).sum(axis=0)

    def solve(self) -> np.ndarray:
        """Solve for a² and a, and return a, float32, shape (d,)."""
        square, twice = self.coefficient**2, 2 * self.coefficient * self.others
        seen = self.size**2 - self.others**2
        aa = float((self.weight * square**2).sum())
        ab = (self.weight * square * twice).sum(axis=0)
        bb = (self.weight * twice**2).sum(axis=0)
        right_a = (self.weight * square * seen).sum(axis=0)
        right_b = (self.weight * twice * seen).sum(axis=0)
        determinant = aa * bb - ab**2
        return (aa * right_b - ab * right_a) / np.maximum(determinant, 1e-6 * aa * bb + 1e-12)


def mend_spots(state: State, public: np.ndarray, magnitude: np.ndarray) -> State:
    """Return the state with spots mended, and the signs of the rows there.

    Parameters
    ----------
    state : State
        Rows less their public parts.
    public : ndarray of float32, shape (E, d)
        The public parts, less their mean.
    magnitude : ndarray of float32, shape (E, d)
        |encryption|.
    """
    design, images = state.design(), state.images.copy()
    model = design @ images + public
    touched = np.zeros(model.shape, bool)
    for number in range(state.image_count):
        rows = np.flatnonzero(design[:, number])
        if not len(rows):
            continue
        coefficient = design[rows, number, None]
        others = model[rows] - coefficient * state.images[number]
        uses = Uses(coefficient, 1 / state.level[rows, None], others, magnitude[rows])
        new = np.clip(uses.solve(), -1, 1)
        better = uses.misfit(new) < BETTER * uses.misfit(images[number])
        images[number] = np.where(better, new, images[number])
        touched[rows] |= better
    signed = np.copysign(magnitude, design @ images + public) - public
    return replace(state, images=images, unmasked=np.where(touched, signed, state.unmasked))
