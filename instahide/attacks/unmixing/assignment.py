"""Who is in which encryption: clusters within classes, then EM over pairs.

A label tells which classes a row holds and how much of each, so only the image within the
class is unknown. Rows with a large coefficient of a class are clustered by the similarity
of their whitened squares; a cluster is an image. From there, in the space of whitened
squares, every row is close to a weighted sum

    f ≈ λ₀²·Q[z₀] + λ₁²·Q[z₁] + (1 - λ₀ - λ₁)²·Q_public + Q_constant,

which hard EM fits: the best pair (z₀, z₁) of the row's classes, then least squares for Q.
"""

from dataclasses import replace

import numpy as np

from instahide.attacks.needs import Size
from instahide.attacks.unmixing.parts.clustering import (
    ROWS_PER_IMAGE,
    cluster_leaders,
    clustering_needs,
    clustering_seconds,
    led_rows,
)
from instahide.attacks.unmixing.parts.field import batch_needs
from instahide.attacks.unmixing.parts.hardem import (
    PROFILE_RIDGE,
    hard_em_seconds,
    run_hard_em,
)
from instahide.attacks.unmixing.parts.labels import Parts, check_unmasked, read_pairs
from instahide.attacks.unmixing.parts.leastsquares import normal_needs
from instahide.attacks.unmixing.parts.pairs import KnownPairs, pairs_needs
from instahide.attacks.unmixing.problem import Problem
from instahide.attacks.unmixing.state import NOBODY, Assignment


def em_needs(size: Size) -> float:
    """Bytes: features; clusters of a class; or profiles, and products with them."""
    led = led_rows(size.class_images, ROWS_PER_IMAGE)
    clusters = clustering_needs(min(led, size.rows), size.pixels)
    fit = max(normal_needs(size) + batch_needs(size, 1), batch_needs(size, 3))
    return size.table + max(clusters, fit, pairs_needs(size))


def em_seconds(size: Size) -> float:
    """Processor seconds: clusters of each class, and rounds."""
    some = min(led_rows(size.class_images, ROWS_PER_IMAGE), size.rows)
    classes = size.image_count / max(size.class_images, 1)
    return classes * clustering_seconds(some, size.pixels) + hard_em_seconds(size, 6)


def em(
    problem: Problem,
    features: np.ndarray,
    rng: np.random.Generator,
    *,
    rounds: int = 6,
    ridge: float = PROFILE_RIDGE,
    unmasked: bool = False,
) -> Assignment:
    """Cluster within classes, then EM over pairs: the second stage of `whitened`.

    Parameters
    ----------
    features : ndarray of float32, shape (E, d)
        Whitened squares of the rows; where there is no mask, whitened rows.
    rounds : int
        Of EM; 1 leaves clusters and one choice of pairs.
    ridge : float
        See `fit_pairs`.
    unmasked : bool
        Refuse rows under a mask, as the attack `linear` does.

    Raises
    ------
    InstaHideError
        When rows do not have two private images, or are too few.
    """
    if unmasked:
        check_unmasked(problem)
    parts = read_pairs(problem)
    leaders = cluster_leaders(features, parts, ROWS_PER_IMAGE)
    power = 2 if problem.scheme.masked else 1
    return fit_pairs(features, parts, leaders, power=power, rounds=rounds, ridge=ridge)


def fit_pairs(
    features: np.ndarray,
    parts: Parts,
    leaders: np.ndarray,
    *,
    power: int = 2,
    rounds: int = 6,
    ridge: float = PROFILE_RIDGE,
) -> Assignment:
    """Assign pairs of images to rows by hard EM.

    Parameters
    ----------
    features : ndarray of float32, shape (E, d)
        Whitened squares of the rows; where there is no mask, whitened rows.
    parts : Parts
    leaders : ndarray of int64, shape (E,)
        The image with the larger coefficient, or NOBODY.
    power : {2, 1}
        Features are linear in coefficients to this power.
    rounds : int
    ridge : float
        See `instahide.attacks.unmixing.parts.hardem.run_hard_em`.
    """
    members = np.stack([leaders, np.full(len(leaders), NOBODY)], axis=1)
    found = run_hard_em(
        features,
        Assignment(members, parts.coefficients**power),
        KnownPairs(parts, power),
        parts.image_count,
        rounds=rounds,
        ridge=ridge,
        public=(parts.rest**power, 1 / (0.1 + parts.rest**2)),
    )
    return found if power == 1 else replace(found, weights=parts.coefficients)
