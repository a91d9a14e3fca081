"""Which images are recognisable in what an attacker recovered: measured, not felt.

An original counts as recognised when

- the recovered image that shows it best is more like it than like any other of the originals,
  and by a margin: a blur that would pass for half of them shows none of them;
- and it is so much like it that a person sees what is on it (a threshold).

Likeness is the structural similarity (SSIM). Where images were moved and flipped before they
were mixed, nothing tells which way round they were, and the best flip and shift counts, see
`instahide.scoring.recoveredset`; so it does for the other originals.
"""

from dataclasses import dataclass

import numpy as np

from instahide.auditing.result import CameBack
from instahide.auditing.thresholds import LEAST_LEAD, THRESHOLD
from instahide.encodings.augmentation import Augmentation
from instahide.images import to_unit_range
from instahide.scoring.recoveredset import (
    SetScores,
    correlation_maps,
    largest_shift,
    overlap,
    recovered_set_scores,
)
from instahide.ssim import ssim

LIKELIEST = 16  # originals that a recovered image is compared with, the most correlated
GUESSES = 20  # times that images are guessed to tell what chance gives


@dataclass(frozen=True)
class Rule:
    """When a recovered image counts as recognisable.

    Attributes
    ----------
    threshold : float
        Least SSIM with its original.
    margin : float
        Least lead of that over the SSIM with any other original.
    shift : int
        Pixels by which images may be moved before they are compared.
    flip : bool
        Whether they may be flipped.
    """

    threshold: float = THRESHOLD
    margin: float = LEAST_LEAD
    shift: int = 0
    flip: bool = False

    @classmethod
    def of(
        cls,
        augmentation: Augmentation | None,
        shape: tuple[int, ...],
        threshold: float = THRESHOLD,
        margin: float = LEAST_LEAD,
    ) -> "Rule":
        """Return the rule for images of a shape (H, W, C) that were augmented so."""
        flip = augmentation is not None and augmentation.flip
        return cls(threshold, margin, largest_shift(augmentation, shape), flip)


def recognise(recovered: np.ndarray, originals: np.ndarray, rule: Rule) -> CameBack:
    """Look for each original among the recovered images.

    Parameters
    ----------
    recovered : ndarray of float32, shape (m, H, W, C), range [-1, 1]
        In any order.
    originals : ndarray of uint8, shape (n, H, W, C)
    rule : Rule

    Returns
    -------
    CameBack
        For each original the recovered image that shows it best, flipped back where that
        shows it better.

    Examples
    --------
    >>> originals = np.random.default_rng(0).integers(0, 256, (3, 16, 16, 3), dtype=np.uint8)
    >>> found = recognise(to_unit_range(originals[::-1]), originals, Rule())
    >>> found.recognised.tolist(), found.ssim.round(2).tolist()
    ([True, True, True], [1.0, 1.0, 1.0])

    Where all originals are alike, none is recognised:

    >>> alike = np.repeat(originals[:1], 3, axis=0)
    >>> recognise(to_unit_range(alike), alike, Rule()).recognised.any()
    np.False_
    """
    private = to_unit_range(originals)
    best = recovered_set_scores(recovered, private, shift=rule.shift, flip=rule.flip)
    lead = best.ssim - _second(recovered, private, best, rule)
    recognised = (best.ssim >= rule.threshold) & (lead >= rule.margin)
    return CameBack(_shown(recovered, best), best.ssim, recognised)


def chance_of(
    guesses: np.ndarray, originals: np.ndarray, rule: Rule, rng: np.random.Generator
) -> float:
    """Return how many originals are recognised in photos that owe nothing to encryptions.

    Parameters
    ----------
    guesses : ndarray of float32, shape (N, H, W, C), range [-1, 1]
        Photos of the attacker's own; as many as there are originals are drawn, a few times.

    Returns
    -------
    float
        The mean number.
    """
    count = min(len(originals), len(guesses))
    draws = [guesses[rng.choice(len(guesses), count, replace=False)] for _ in range(GUESSES)]
    return float(np.mean([recognise(one, originals, rule).recognised.sum() for one in draws]))


def _second(
    recovered: np.ndarray, private: np.ndarray, best: SetScores, rule: Rule
) -> np.ndarray:
    """Return the SSIM with the likest other original, for each original's recovered image.

    Of the others the most correlated are compared; where there are none, 0.
    """
    found = np.zeros(len(private))
    turned = np.concatenate([private, private[:, :, ::-1]]) if rule.flip else private
    numbers = np.unique(best.shown_by)
    chosen = np.asarray(recovered[numbers], np.float32)
    maps = correlation_maps(turned, chosen, rule.shift)
    for number, image, one in zip(numbers.tolist(), chosen, maps, strict=True):
        likeness, order = _likest(turned, image, one, len(private))
        for original in np.flatnonzero(best.shown_by == number).tolist():
            found[original] = max(likeness[order != original], default=0.0)
    return found


def _likest(
    turned: np.ndarray, image: np.ndarray, maps: np.ndarray, count: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the SSIM of an image with its likest originals, and their numbers.

    Each is looked at as it correlates best, flipped (the second half of `turned`) and moved.
    """
    shift = maps.shape[1] // 2
    peaks = maps.reshape(len(turned), -1).max(axis=1).reshape(-1, count)
    order = np.argsort(-peaks.max(axis=0), kind="stable")[:LIKELIEST]
    likeness = []
    for original in order.tolist():
        chosen = original + count * int(peaks[:, original].argmax())
        y, x = np.unravel_index(maps[chosen].argmax(), maps[chosen].shape)
        dy, dx = int(y) - shift, int(x) - shift
        there, here = overlap(turned[chosen], dy, dx), overlap(image, -dy, -dx)
        likeness.append(float(ssim(there[None], here[None])[0]))
    return np.array(likeness), order


def _shown(recovered: np.ndarray, best: SetScores) -> np.ndarray:
    """Return the best recovered images as uint8 (n, H, W, C), flipped back."""
    chosen = recovered[best.shown_by]
    turned = np.where(best.flipped[:, None, None, None], chosen[:, :, ::-1], chosen)
    return np.clip(np.rint((turned + 1) * 127.5), 0, 255).astype(np.uint8)
