"""Who is in which encryption, where no label tells coefficients.

The method is that of `instahide.attacks.unmixing.assignment`, with the weights of a row's two
images as unknowns. Knowing nothing about a row is the same as knowing that both its images
belong to one class that holds all images; so labels of classes and no labels at all are one
case, `strip_labels` makes both, and the number of candidates is all that differs.

Each image's scale is open: twice the image with half the coefficients explains rows equally
well. All images are used equally often with coefficients of one distribution, so an image is
scaled until its mean weight is the scheme's.
"""

import numpy as np

from instahide.attacks.needs import Size
from instahide.attacks.unmixing.parts.clustering import cluster_images, clustering_needs
from instahide.attacks.unmixing.parts.coefficients import WeightPrior, weight_prior
from instahide.attacks.unmixing.parts.freepairs import equal_scale, free_pairs
from instahide.attacks.unmixing.parts.labels import Parts, candidates, read_classes
from instahide.attacks.unmixing.parts.leastsquares import ridge_fit
from instahide.attacks.unmixing.problem import Problem
from instahide.attacks.unmixing.state import NOBODY, Assignment, mix
from instahide.progress import tracked

# ASSUME: two rounds. More of them lose an image now and then, whose rows go to others.
ROUNDS = 2
RIDGE = 0.05
BOUNDS = (0.02, 0.6)  # of first estimates of coefficients, which are rough


def free_needs(size: Size) -> float:
    """Bytes: features and what is left of them; clusters of all rows that hold a class."""
    clusters = clustering_needs(size.class_rows, size.pixels)
    return size.table + max(clusters, 2 * size.table)


def free(problem: Problem, features: np.ndarray, rng: np.random.Generator) -> Assignment:
    """Cluster rows and fit pairs with free weights: a second stage without coefficients.

    Parameters
    ----------
    features : ndarray of float32, shape (E, d)
        Whitened squares of the rows.

    Raises
    ------
    InstaHideError
        When rows do not have two private images, have no mask, or are too few.
    """
    parts, members = read_classes(problem)
    start = cluster_rows(features, parts, members)
    prior = weight_prior(problem.scheme, rng, power=2)
    return fit_free_pairs(features, parts, members, start, prior)


def cluster_rows(features: np.ndarray, parts: Parts, members: np.ndarray) -> np.ndarray:
    """Cluster, per class, all rows that hold it.

    Which of a row's images weighs more is unknown, so rows are clustered with every class
    that they hold. Rows led by an image of another class make smaller clusters than the
    images of this class, and are left out.

    Returns
    -------
    ndarray of int64, shape (E, 2)
        An image of each of the row's two classes, or NOBODY; the second is always NOBODY
        where both classes are the same.
    """
    found = np.full((len(features), 2), NOBODY)
    for number, images in tracked(list(enumerate(members)), "clusters", "classes"):
        holds = parts.classes == number
        rows = np.flatnonzero(holds.any(axis=1))
        place = holds[rows].argmax(axis=1)
        found[rows, place] = cluster_images(features[rows], images)
    return found


def fit_free_pairs(
    features: np.ndarray,
    parts: Parts,
    members: np.ndarray,
    start: np.ndarray,
    prior: WeightPrior,
    *,
    rounds: int = ROUNDS,
) -> Assignment:
    """Assign pairs of images to rows by hard EM, weights unknown.

    Parameters
    ----------
    features : ndarray of float32, shape (E, d)
        Whitened squares of the rows.
    parts : Parts
        Only the classes are used.
    members : ndarray of int64, shape (classes, most)
    start : ndarray of int64, shape (E, 2)
        Images, or NOBODY.
    prior : WeightPrior
        Of squared coefficients.
    rounds : int

    Returns
    -------
    Assignment
        With rough coefficients, the larger first.
    """
    count = int(members.max()) + 1
    images, weights = start, np.full(start.shape, prior.mean, np.float32)
    rows = (start != NOBODY).any(axis=1)
    for _ in tracked(range(rounds), "pairs", "rounds"):
        # The last two columns are exempt from the ridge: nothing, and a constant.
        common = np.tile(np.array([0, 1], np.float32), (rows.sum(), 1))
        design = np.hstack([mix(images[rows], weights[rows], count), common])
        fitted = ridge_fit(design, features[rows], np.ones(rows.sum(), np.float32), RIDGE)
        profiles, constant = fitted[:count], fitted[-1]
        residual = features[rows] - design @ fitted
        ridge = np.full(len(features), (residual**2).mean() / prior.variance, np.float32)
        products = features @ profiles.T - constant @ profiles.T
        found = free_pairs(
            products, profiles @ profiles.T, ridge, prior.mean, *candidates(parts, members)
        )
        images, weights = found.images, equal_scale(found.images, found.weights, prior, count)
        rows = np.ones(len(features), bool)
    return Assignment(images, np.clip(np.sqrt(weights), *BOUNDS))
