"""Hard EM in the space of features: who is in each row, and what each image looks like there.

Features are linear in the images of a row: f ≈ Σ wᵢ·Q[zᵢ] + a common part. So the two take
turns, least squares for the profiles Q given who is in each row, then a choice of who is in
each row given Q (`instahide.attacks.unmixing.parts.choosing`).
"""

from collections.abc import Callable

import numpy as np

from instahide.attacks.needs import PRODUCT, TOUCH, Size
from instahide.attacks.unmixing.parts.choosing import SEEN_NUMBERS, Chooser
from instahide.attacks.unmixing.parts.field import batches
from instahide.attacks.unmixing.parts.leastsquares import ridge_fit
from instahide.attacks.unmixing.parts.pairs import pairs_seconds
from instahide.attacks.unmixing.state import NOBODY, Assignment, Mixtures, sparse_mix
from instahide.progress import tracked

#: New weights of all rows, from members and weights.
Scale = Callable[[np.ndarray, np.ndarray], np.ndarray]
PROFILE_RIDGE = 0.5  # where public images are noise


def hard_em_seconds(size: Size, rounds: int) -> float:
    """Processor seconds of some rounds."""
    fit = 4 * TOUCH * size.rows + 2 * PRODUCT * size.image_count**2
    return rounds * (fit * size.pixels + pairs_seconds(size))


def run_hard_em(
    features: np.ndarray,
    start: Assignment,
    chooser: Chooser,
    image_count: int,
    *,
    rounds: int,
    public: tuple[np.ndarray, np.ndarray] | None = None,
    shown: str = "pairs",
    scale: Scale | None = None,
    ridge: float = PROFILE_RIDGE,
) -> Assignment:
    """Assign images to rows.

    Parameters
    ----------
    features : ndarray of float32, shape (E, d)
        Whitened squares of the rows, or whitened rows.
    start : Assignment
        Rows without anybody take no part in the first fit.
    chooser : Chooser
        See `instahide.attacks.unmixing.parts.choosing`.
    image_count : int
        Number n of private images.
    rounds : int
    public : tuple of ndarray, optional
        The weight of each row's public part, and the row's precision, float32 (E,) each. By
        default nothing is known of the former, and all rows are equally precise.
    shown : str
        What the progress says that is being fitted.
    scale : callable, optional
        Gives the weights of all rows another scale, from members and weights.
    ridge : float
        Draws profiles to zero, as a share of the normal matrix's mean diagonal.

    Returns
    -------
    Assignment
        With the weights that features have.
    """
    weight, precision = public or np.repeat(
        np.array([[0], [1]], np.float32), len(features), axis=1
    )
    common = np.stack([weight, np.ones_like(weight)], axis=1)
    members, weights = start.members, start.weights
    rows, before = (members != NOBODY).any(axis=1), np.full_like(members, NOBODY)
    for _ in tracked(range(rounds), shown, "rounds"):
        design = sparse_mix(members, weights, image_count, common)
        fitted = ridge_fit(design, features, precision * rows, ridge)
        profiles = fitted[:image_count]
        misfit = _misfit(features, Mixtures(design, fitted), rows)
        noise = np.full(len(features), misfit, np.float32)
        # The last two profiles are common to all rows: the public part, and a constant.
        across = fitted[-2:] @ profiles.T
        gram, parts = profiles @ profiles.T, []
        for some in batches(*features.shape, SEEN_NUMBERS):
            products = features[some] @ profiles.T - common[some] @ across
            here = chooser.take(some)
            parts.append(here.choose(products, gram, noise[some], before[some])[:2])
        members, weights = map(np.concatenate, zip(*parts, strict=True))
        if scale:
            weights = scale(members, weights)
        rows, before = np.ones_like(rows), members
    return Assignment(members, weights)


def _misfit(features: np.ndarray, fit: Mixtures, rows: np.ndarray) -> float:
    """Return the mean squared difference over some rows, bool (E,)."""
    total = 0.0
    for some in batches(*features.shape):
        left = features[some] - fit[some]
        total += float((left * left).sum(axis=1)[rows[some]].sum())
    return total / (rows.sum() * features.shape[1])
