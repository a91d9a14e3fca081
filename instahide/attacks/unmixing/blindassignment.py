"""Who is in which encryption, where no label tells coefficients.

The method is that of `instahide.attacks.unmixing.assignment`, with the weights of a row's two
images as unknowns. Knowing nothing about a row is the same as knowing that both its images
belong to one class that holds all images; so labels of classes and no labels at all are one
case, `strip_labels` makes both, and the number of candidates is all that differs.

Each image's scale is open: twice the image with half the coefficients explains rows equally
well. All images are used equally often with coefficients of one distribution, so an image is
scaled until its mean weight is the scheme's.
"""

from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np

from instahide.attacks.needs import Size
from instahide.attacks.nothing import NothingToGoOn
from instahide.attacks.unmixing.parts.classclusters import cluster_rows
from instahide.attacks.unmixing.parts.clustering import (
    NEIGHBOURS,
    clustering_needs,
    clustering_seconds,
    name_images,
    name_largest,
)
from instahide.attacks.unmixing.parts.coefficients import WeightPrior, weight_prior
from instahide.attacks.unmixing.parts.field import batch_needs
from instahide.attacks.unmixing.parts.freepairs import BOUNDS, FreePairs, equal_scale
from instahide.attacks.unmixing.parts.hardem import hard_em_seconds, run_hard_em
from instahide.attacks.unmixing.parts.labels import Parts, read_classes, rows_of_class
from instahide.attacks.unmixing.parts.leastsquares import normal_needs
from instahide.attacks.unmixing.parts.markov import markov_clusters, similarity_graph
from instahide.attacks.unmixing.parts.pairs import pairs_needs
from instahide.attacks.unmixing.problem import Problem
from instahide.attacks.unmixing.state import NOBODY, Assignment

# ASSUME: two rounds. More of them lose an image now and then, whose rows go to others.
BLIND_EM_ROUNDS = 2


def assign_blindly_needs(size: Size) -> float:
    """Bytes: features; clusters of all rows that hold a class; or products with profiles."""
    clusters = size.table + clustering_needs(size.class_rows, size.pixels)
    fit = max(normal_needs(size) + batch_needs(size, 1), batch_needs(size, 3))
    return max(clusters, size.table + max(fit, pairs_needs(size)))


def assign_blindly_seconds(size: Size) -> float:
    """Processor seconds: clusters of each class's rows, and two rounds."""
    classes = size.image_count / max(size.class_images, 1)
    clusters = classes * clustering_seconds(size.class_rows, size.pixels)
    return clusters + hard_em_seconds(size, BLIND_EM_ROUNDS)


def assign_blindly(
    problem: Problem, features: np.ndarray, rng: np.random.Generator
) -> Assignment:
    """Cluster rows and fit pairs with free weights: a second stage without coefficients.

    Parameters
    ----------
    features : ndarray of float32, shape (E, d)
        Whitened squares of the rows.

    Raises
    ------
    NothingToGoOn
        When rows do not have two private images, have no mask, or are too few.
    """
    parts = read_classes(problem)
    start = cluster_rows(features, parts)
    return fit_free_pairs(features, parts, start, weight_prior(problem.scheme, rng, power=2))


def assign_scattered_needs(size: Size) -> float:
    """Bytes: features as the parts left them, and put together; the graph; then the fit."""
    fit = max(normal_needs(size) + batch_needs(size, 1), batch_needs(size, 3))
    return 2 * size.table + max(150 * NEIGHBOURS * size.class_rows, fit, pairs_needs(size))


def assign_scattered_seconds(size: Size) -> float:
    """Processor seconds: walks on the graph, and two rounds."""
    classes = size.image_count / max(size.class_images, 1)
    return classes * 2e-4 * size.class_rows + hard_em_seconds(size, BLIND_EM_ROUNDS)


def assign_scattered(
    problem: Problem, found: Sequence[Mapping[str, np.ndarray]], rng: np.random.Generator
) -> Assignment:
    """Cluster rows by neighbours that several jobs have searched for, and fit pairs.

    Parameters
    ----------
    found : sequence of mapping
        What `instahide.attacks.unmixing.neighbourhood.find_neighbours` left, part by part.

    Raises
    ------
    NothingToGoOn
        When rows do not have two private images, have no mask, or are too few.
    """
    parts = read_classes(problem)
    features = np.concatenate([part["features"] for part in found])
    members = np.full((len(features), 2), NOBODY)
    for number, image_index in enumerate(parts.roster):
        image_index = image_index[image_index != NOBODY]
        rows, place = rows_of_class(parts, number)
        if not len(image_index):
            continue
        if len(rows) < max(len(image_index), 2):
            raise NothingToGoOn(
                f"{len(rows)} rows are too few to find {len(image_index)} images in"
            )
        nearest, cosines = (
            np.concatenate([part[f"{what}_{number}"] for part in found])
            for what in ("rows", "cosines")
        )
        clusters = markov_clusters(similarity_graph(nearest, cosines))
        names = name_largest(clusters, len(image_index))
        members[rows, place] = name_images(names, image_index)
    return fit_free_pairs(features, parts, members, weight_prior(problem.scheme, rng, power=2))


def fit_free_pairs(
    features: np.ndarray,
    parts: Parts,
    start: np.ndarray,
    prior: WeightPrior,
    *,
    rounds: int = BLIND_EM_ROUNDS,
) -> Assignment:
    """Assign pairs of images to rows by hard EM, weights unknown.

    Parameters
    ----------
    features : ndarray of float32, shape (E, d)
        Whitened squares of the rows.
    parts : Parts
        Only classes are looked at.
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
    count = parts.image_count
    scale = partial(equal_scale, mean=prior.mean, image_count=count)
    begin = Assignment(start, np.full(start.shape, prior.mean, np.float32))
    chooser = FreePairs(parts, prior)
    found = run_hard_em(features, begin, chooser, count, rounds=rounds, scale=scale)
    return Assignment(found.members, np.clip(np.sqrt(found.weights), *BOUNDS))
