"""Who is in which inside-dataset encryption: all k images of a row are private ones.

A label then holds the coefficients of all that a row mixes, and they sum to 1. Where it names
k classes, each image's class and coefficient are known exactly, and there is no noise in the
model at all. At k = 4 and ten balanced classes that is half of the rows, more than enough to
find the images with. In the rest, images of one class share a coefficient of which only the
sum is known, and how many there are is not said; they are explained once the images are
known, by non-negative least squares.
"""

from dataclasses import replace

import numpy as np

from instahide.attacks.needs import PRODUCT, Size
from instahide.attacks.unmixing.parts.clustering import (
    cluster_leaders,
    clustering_needs,
    clustering_seconds,
)
from instahide.attacks.unmixing.parts.hardem import hard_em_seconds, run_hard_em
from instahide.attacks.unmixing.parts.labels import Parts, read_inside
from instahide.attacks.unmixing.parts.places import Places
from instahide.attacks.unmixing.problem import Problem
from instahide.attacks.unmixing.state import NOBODY, Assignment, nobody

INSIDE_EM_ROUNDS = 4
INSIDE_RIDGE = 0.05  # there are no public images, and so hardly any noise


def assign_inside_needs(size: Size) -> float:
    """Bytes: features of some rows and what is left of them, and their clusters."""
    clusters = clustering_needs(size.class_rows, size.pixels)
    return size.table + max(clusters, 2 * size.table)


def assign_inside_seconds(size: Size) -> float:
    """Processor seconds: clusters of each class's rows, and rounds over four places."""
    classes = size.image_count / max(size.class_images, 1)
    clusters = classes * clustering_seconds(size.class_rows, size.pixels)
    places = 16 * PRODUCT * size.rows * size.image_count**2
    return clusters + hard_em_seconds(size, INSIDE_EM_ROUNDS) + INSIDE_EM_ROUNDS * places


def assign_inside(
    problem: Problem, features: np.ndarray, rng: np.random.Generator
) -> Assignment:
    """Cluster rows and fit all k places: a second stage for inside-dataset rows.

    Returns
    -------
    Assignment
        Of k images; rows whose labels name fewer classes are empty: NOBODY, with
        weights of zero.

    Raises
    ------
    InstaHideError
        When labels are none of k private images, or rows are too few.
    """
    rows, parts = read_inside(problem)
    own = features[rows]
    found = fit_places(own, parts, cluster_leaders(own, parts))
    return nobody(len(features), problem.scheme.k).put(rows, found)


def fit_places(
    features: np.ndarray, parts: Parts, leaders: np.ndarray, *, rounds: int = INSIDE_EM_ROUNDS
) -> Assignment:
    """Assign images to rows by hard EM.

    Parameters
    ----------
    features : ndarray of float32, shape (R, d)
        Whitened squares of the rows.
    leaders : ndarray of int64, shape (R,)
        The image with the largest coefficient, or NOBODY.

    Returns
    -------
    Assignment
        Of k images each, in the order of `parts`.
    """
    members = np.full(parts.classes.shape, NOBODY)
    members[:, 0] = leaders
    start, chooser = Assignment(members, parts.coefficients**2), Places(parts, 2)
    found = run_hard_em(
        features,
        start,
        chooser,
        parts.image_count,
        rounds=rounds,
        shown="places",
        ridge=INSIDE_RIDGE,
    )
    return replace(found, weights=parts.coefficients)
