"""Who is in which row of Mixup, whatever the labels tell.

Without a mask a row is linear in its images, y = λ₀·a + λ₁·b + public images. Whitened, photos
are nearly orthogonal to each other, so that rows which share an image are alike by the product
of its two coefficients, with an error of about 1/√d. Coefficients on labels are not looked at
(`instahide.attacks.unmixing.assignment` does): rows are clustered, and weights are unknowns
too, as in `instahide.attacks.unmixing.blindassignment`, but of rows in
place of their squares.
"""

from functools import partial

import numpy as np

from instahide.attacks.needs import Size
from instahide.attacks.unmixing.parts.classclusters import cluster_rows
from instahide.attacks.unmixing.parts.clustering import clustering_needs, clustering_seconds
from instahide.attacks.unmixing.parts.coefficients import weight_prior
from instahide.attacks.unmixing.parts.field import batch_needs
from instahide.attacks.unmixing.parts.freepairs import BOUNDS, FreePairs, equal_scale
from instahide.attacks.unmixing.parts.hardem import hard_em_seconds, run_hard_em
from instahide.attacks.unmixing.parts.labels import read_unmasked
from instahide.attacks.unmixing.parts.leastsquares import normal_needs
from instahide.attacks.unmixing.parts.pairs import pairs_needs
from instahide.attacks.unmixing.problem import Problem
from instahide.attacks.unmixing.state import Assignment

LINEAR_EM_ROUNDS = 6


def assign_linearly_needs(size: Size) -> float:
    """Bytes: clusters of all rows that hold a class; or products with profiles."""
    clusters = clustering_needs(size.class_rows, size.pixels)
    fit = max(normal_needs(size) + batch_needs(size, 1), batch_needs(size, 3))
    return size.table + max(clusters, fit, pairs_needs(size))


def assign_linearly_seconds(size: Size) -> float:
    """Processor seconds: clusters of each class's rows, and rounds."""
    classes = size.image_count / max(size.class_images, 1)
    clusters = classes * clustering_seconds(size.class_rows, size.pixels)
    return clusters + hard_em_seconds(size, LINEAR_EM_ROUNDS)


def assign_linearly(
    problem: Problem, features: np.ndarray, rng: np.random.Generator
) -> Assignment:
    """Assign pairs of images to rows without masks: the second stage of `linear-none`.

    Parameters
    ----------
    features : ndarray of float32, shape (E, d)
        Whitened rows.

    Returns
    -------
    Assignment
        Where labels lack coefficients, with rough ones, the larger first.

    Raises
    ------
    InstaHideError
        When rows have a mask, or not two private images.
    NothingToGoOn
        When rows are too few.
    """
    parts = read_unmasked(problem)
    prior, count = weight_prior(problem.scheme, rng, power=1), parts.image_count
    members = cluster_rows(features, parts)
    found = run_hard_em(
        features,
        Assignment(members, np.full(members.shape, prior.mean, np.float32)),
        FreePairs(parts, prior),
        count,
        rounds=LINEAR_EM_ROUNDS,
        scale=partial(equal_scale, mean=prior.mean, image_count=count),
    )
    return Assignment(found.members, np.clip(found.weights, *BOUNDS))
