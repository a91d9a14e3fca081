"""The public half: which private images the board counts while a challenge runs.

Who may hand in again and again learns from each score. A board that knows nothing of half of
the images teaches nothing about them: every number here follows from the images of one half,
and from which of them stand in which row.
"""

from dataclasses import astuple, dataclass

import numpy as np

from instahide.encodings.plan import Plan
from instahide.errors import InstaHideError
from instahide.images import to_unit_range
from instahide.randomness.keystream import Key
from instahide.scoring.metrics import (
    METRICS,
    Interval,
    RowScores,
    challenge_scores,
    summarise,
)
from instahide.scoring.mixed import Mixed, mixed_images
from instahide.scoring.score import BOOTSTRAP_SEED

PURPOSE = "public half"


@dataclass(frozen=True)
class Halves:
    """The private images of a challenge in two halves.

    Attributes
    ----------
    public, secret : (n₁,), (n₂,) int64 arrays
        Their places in the private set, ascending; each image is in one of them.
    """

    public: np.ndarray
    secret: np.ndarray


def draw_halves(key: Key, images: int) -> Halves:
    """Draw the public half from the challenge's secret seed.

    Who has the seed, as everybody does when a challenge is over, draws the same one.

    Parameters
    ----------
    images : int
        How many private images there are; of an odd number, the public half has one more.

    Raises
    ------
    InstaHideError
        When there are fewer than two.

    Examples
    --------
    >>> halves = draw_halves(Key.from_seed(1), 5)
    >>> len(halves.public), sorted([*halves.public.tolist(), *halves.secret.tolist()])
    (3, [0, 1, 2, 3, 4])
    """
    if images < 2:
        raise InstaHideError("a challenge with fewer than two private images has no halves")
    order = key.stream(PURPOSE).permutations([0], images)[0]
    public, secret = np.split(order, [(images + 1) // 2])
    return Halves(np.sort(public), np.sort(secret))


def score_part(
    decryption: np.ndarray, plan: Plan, images: np.ndarray, part: np.ndarray
) -> dict[str, Interval]:
    """Score a decryption as if no private images existed but those of one part.

    Means are over the rows that hold the most images of the part: where a row mixes two, over
    those of which both are. Such a row is scored as on all images, so that the numbers of a
    half are of the same size as those of the whole. Rows that hold images of both halves
    count for neither: a perfect decryption may show the other image in them.

    Parameters
    ----------
    decryption : (E, H, W, C) float32 array, range [-1, 1]
    plan : Plan
    images : (n, H, W, C) uint8 array
    part : (p,) integer array
        Places of images.

    Returns
    -------
    dict of Interval
        By metric. Intervals are over the images of the part: what else stands in a row does
        not move them.

    Raises
    ------
    InstaHideError
        When no row holds an image of the part.
    """
    inside, rows = np.isin(plan.members, part), rows_of_part(plan, part)
    scores = _row_scores(decryption, plan, images, inside, rows)
    units = np.where(inside, plan.members, -1)[rows]
    return summarise(scores, units, rng=np.random.default_rng(BOOTSTRAP_SEED))


def rows_of_part(plan: Plan, part: np.ndarray) -> np.ndarray:
    """Return the rows, ascending, that hold the most images of a part.

    Raises
    ------
    InstaHideError
        When no row holds any.
    """
    held = np.isin(plan.members, part).sum(axis=1)
    if not held.any():
        raise InstaHideError("no row of this challenge holds an image of one of the halves")
    return np.flatnonzero(held == held.max())


def _row_scores(
    decryption: np.ndarray, plan: Plan, images: np.ndarray, inside: np.ndarray, rows: np.ndarray
) -> RowScores:
    """Score some rows, each by those of its images that are inside.

    Rows with images inside at the same places are scored together.
    """
    private, mixed = to_unit_range(images), mixed_images(plan, images)
    found = np.empty((len(METRICS), len(rows)))
    for pattern in np.unique(inside[rows], axis=0):
        alike = (inside[rows] == pattern).all(axis=1)
        those, columns = rows[alike], np.flatnonzero(pattern)
        found[:, alike] = astuple(
            challenge_scores(
                decryption[those],
                private,
                plan.members[np.ix_(those, columns)],
                _of_columns(mixed, those, columns),
            )
        )
    return RowScores(*found)


def _of_columns(mixed: Mixed | None, rows: np.ndarray, columns: np.ndarray) -> Mixed | None:
    """Return what gives some of the images of some rows as they were mixed."""
    if mixed is None:
        return None
    return lambda part: mixed(rows[part])[:, columns]
