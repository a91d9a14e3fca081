"""Choosing who is in each row, whatever is known of the weights.

A row, or the row turned, is a background and a weighted sum of images, ±x = b + Σ wᵢ·aᵢ, and
noise. A `Chooser` names the images of each row and their weights so that the noise is least.
There are three:

- `instahide.attacks.unmixing.parts.pairs.KnownPairs`: two images whose weights are known, or
  their sum;
- `instahide.attacks.unmixing.parts.freepairs.FreePairs`: two images, weights unknown;
- `instahide.attacks.unmixing.parts.places.Places`: k images whose weights are known.

They serve twice: on features whose signs are all positive, in
`instahide.attacks.unmixing.parts.hardem`, and on unmasked rows, each right but for one sign, in
`instahide.attacks.unmixing.parts.reassignment`.
"""

from collections.abc import Callable
from typing import NamedTuple, Protocol

import numpy as np

SEEN_NUMBERS = 30_000_000  # of rows whose images are chosen at a time


class Chosen(NamedTuple):
    """Who is in each row.

    Attributes
    ----------
    members : ndarray of int64, shape (E, p)
    weights : ndarray of float32, shape (E, p)
    cost : ndarray of float32, shape (E,)
        Squared distance of the row from their sum, up to a constant of the row.
    """

    members: np.ndarray
    weights: np.ndarray
    cost: np.ndarray


class RowsSeen(NamedTuple):
    """Inner products of rows x, images aᵢ and the rows' backgrounds b.

    Attributes
    ----------
    products : ndarray of float32, shape (E, n)
        ⟨x, aᵢ⟩.
    gram : ndarray of float32, shape (n, n)
        ⟨aᵢ, aⱼ⟩.
    across : ndarray of float32, shape (E, n) or (n,), or 0
        ⟨b, aᵢ⟩.
    along : ndarray of float32, shape (E,), or 0
        ⟨x, b⟩.
    """

    products: np.ndarray
    gram: np.ndarray
    across: np.ndarray | float = 0.0
    along: np.ndarray | float = 0.0


#: `Chooser.choose`, or a function like it.
Choose = Callable[[np.ndarray, np.ndarray, np.ndarray, np.ndarray], Chosen]


class Chooser(Protocol):
    """Chooses the images of rows of one kind."""

    def take(self, rows: slice) -> "Chooser":
        """Return the chooser of some rows."""

    def see(self, products: np.ndarray, gram: np.ndarray) -> RowsSeen:
        """Return the inner products of rows, images and backgrounds.

        Parameters
        ----------
        products : ndarray of float32, shape (E, n + 1)
            Inner products of unmasked rows with private images and the mean public one.
        gram : ndarray of float32, shape (n + 1, n + 1)
            Inner products of the images.
        """

    def choose(
        self, products: np.ndarray, gram: np.ndarray, noise: np.ndarray, before: np.ndarray
    ) -> Chosen:
        """Return who is in each row.

        Parameters
        ----------
        products : ndarray of float32, shape (E, n)
            Inner products of images with rows, less those with their backgrounds.
        gram : ndarray of float32, shape (n, n)
            Inner products of images.
        noise : ndarray of float32, shape (E,)
            Variance of each row's noise; not everybody looks at it.
        before : ndarray of int64, shape (E, p)
            Who was chosen the last time, or NOBODY; not everybody looks at it.
        """


def choose_signs(
    seen: RowsSeen,
    choose: Choose,
    noise: np.ndarray,
    before: np.ndarray,
    *,
    signed: bool = False,
) -> tuple[Chosen, np.ndarray]:
    """Choose for the rows as they are and for the rows turned, and keep what is nearer.

    Parameters
    ----------
    noise, before
        See `Chooser.choose`.
    signed : bool
        Rows have their true sign: none is turned.

    Returns
    -------
    Chosen
    turned : ndarray of bool, shape (E, 1)
    """
    plus = choose(seen.products - seen.across, seen.gram, noise, before)
    if signed:
        return plus, np.zeros((len(seen.products), 1), bool)
    minus = choose(-seen.products - seen.across, seen.gram, noise, before)
    # |± x - b|² differ by ∓ 2·⟨x, b⟩.
    turned = minus.cost + 2 * seen.along < plus.cost - 2 * seen.along
    nearer = (
        np.where(turned[:, None], *both) for both in zip(minus[:2], plus[:2], strict=True)
    )
    return Chosen(*nearer, np.where(turned, minus.cost, plus.cost)), turned[:, None]
