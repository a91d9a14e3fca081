"""Rows of k images with known weights: the image of each place in turn, in sweeps."""

from dataclasses import dataclass, replace

import numpy as np

from instahide.attacks.unmixing.parts.choosing import Chosen, RowsSeen
from instahide.attacks.unmixing.parts.labels import Parts
from instahide.attacks.unmixing.state import NOBODY, mix

SWEEPS = 4  # over the places of a row


@dataclass(frozen=True)
class Places:
    """Chooses k images whose coefficients are on the labels.

    Attributes
    ----------
    parts : Parts
    power : {1, 2}
        Rows are linear in coefficients to this power.
    """

    parts: Parts
    power: int = 1

    def take(self, rows: slice) -> "Places":
        """Return the chooser of some rows."""
        return replace(self, parts=self.parts.take(rows))

    def see(self, products: np.ndarray, gram: np.ndarray) -> RowsSeen:
        """Return inner products; there is no background, as there are no public images."""
        return RowsSeen(products[:, :-1], gram[:-1, :-1])

    def choose(
        self, products: np.ndarray, gram: np.ndarray, noise: np.ndarray, before: np.ndarray
    ) -> Chosen:
        """Choose the image of each place in turn, the others as they are."""
        weights, candidates = self.parts.coefficients**self.power, self.parts.candidates
        members, rows = before.copy(), np.arange(len(before))
        for place in [*range(members.shape[1])] * SWEEPS:
            some, weight = candidates[:, place], weights[:, [place]]
            others = members.copy()
            others[:, place] = NOBODY
            rest = products - mix(others, weights, len(gram)) @ gram
            cost = weight * gram.diagonal()[some] - 2 * np.take_along_axis(rest, some, 1)
            cost[some == NOBODY] = np.inf
            members[:, place] = some[rows, cost.argmin(axis=1)]
        design = mix(members, weights, len(gram))
        cost = ((design @ gram - 2 * products) * design).sum(axis=1)
        return Chosen(members, weights, cost)
