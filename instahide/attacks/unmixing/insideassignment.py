"""Who is in which inside-dataset encryption: all k images of a row are private ones.

A label then holds the coefficients of all that a row mixes, and they sum to 1. Where it names
k classes, each image's class and coefficient are known exactly, and there is no noise in the
model at all. At k = 4 and ten balanced classes that is half of the rows, more than enough to
find the images with. In the rest, images of one class share a coefficient of which only the
sum is known, and how many there are is not said; they are explained once the images are
known, by non-negative least squares.
"""

import numpy as np

from instahide.attacks.needs import Size
from instahide.attacks.unmixing.parts.clustering import cluster_images, clustering_needs
from instahide.attacks.unmixing.parts.labels import InsideParts, read_inside
from instahide.attacks.unmixing.parts.leastsquares import ridge_fit
from instahide.attacks.unmixing.parts.places import choose_places
from instahide.attacks.unmixing.problem import Problem
from instahide.attacks.unmixing.state import NOBODY, Assignment, mix
from instahide.progress import tracked

ROUNDS = 4
RIDGE = 0.05


def places_needs(size: Size) -> float:
    """Bytes: features of some rows and what is left of them, and their clusters."""
    clusters = clustering_needs(size.class_rows, size.pixels)
    return size.table + max(clusters, 2 * size.table)


def places(problem: Problem, features: np.ndarray, rng: np.random.Generator) -> Assignment:
    """Cluster rows and fit all k places: a second stage for inside-dataset rows.

    Returns
    -------
    Assignment
        Of k images; rows whose labels name fewer classes are empty: NOBODY, with
        coefficients of zero.

    Raises
    ------
    InstaHideError
        When labels are none of k private images, or rows are too few.
    """
    parts, members = read_inside(problem)
    start = cluster_leaders(features[parts.rows], parts, members)
    found = fit_places(features[parts.rows], parts, members, start)
    images = np.full((len(features), problem.scheme.k), NOBODY)
    coefficients = np.zeros(images.shape, np.float32)
    images[parts.rows], coefficients[parts.rows] = found.images, found.coefficients
    return Assignment(images, coefficients)


def cluster_leaders(
    features: np.ndarray, parts: InsideParts, members: np.ndarray
) -> np.ndarray:
    """Cluster rows by the image of their largest coefficient, class by class.

    Returns
    -------
    ndarray of int64, shape (R,)
        Images, or NOBODY.
    """
    found = np.full(len(features), NOBODY)
    for number, images in tracked(list(enumerate(members)), "clusters", "classes"):
        rows = np.flatnonzero(parts.classes[:, 0] == number)
        found[rows] = cluster_images(features[rows], images)
    return found


def fit_places(
    features: np.ndarray,
    parts: InsideParts,
    members: np.ndarray,
    start: np.ndarray,
    *,
    rounds: int = ROUNDS,
) -> Assignment:
    """Assign images to rows by hard EM.

    Parameters
    ----------
    features : ndarray of float32, shape (R, d)
        Whitened squares of the rows.
    start : ndarray of int64, shape (R,)
        The image with the largest coefficient, or NOBODY.

    Returns
    -------
    Assignment
        Of k images each, in the order of `parts`.
    """
    count, squares = int(members.max()) + 1, parts.coefficients**2
    images = np.full(parts.classes.shape, NOBODY)
    images[:, 0] = start
    rows = start != NOBODY
    for step in tracked(range(rounds), "places", "rounds"):
        common = np.tile(np.array([0, 1], np.float32), (rows.sum(), 1))
        design = np.hstack([mix(images[rows], squares[rows], count), common])
        fitted = ridge_fit(design, features[rows], np.ones(rows.sum(), np.float32), RIDGE)
        profiles = fitted[:count]
        images = choose_places(
            features @ profiles.T - fitted[-1] @ profiles.T,
            profiles @ profiles.T,
            squares,
            members[parts.classes],
            images if step else np.full_like(images, NOBODY),
        )
        rows = np.ones(len(rows), bool)
    return Assignment(images, parts.coefficients)
