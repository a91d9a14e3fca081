"""The assignment of the attack of 2020 by one network: clusters, and rows shared out.

A row's score against a cluster is its mean score with the cluster's rows, by the scores that
there are already. In 2020 a second network told it, see `instahide.attacks.neural.prototypes`.
"""

import numpy as np

from instahide.attacks.needs import FLOAT, PRODUCT, Size
from instahide.attacks.neural.clusters import Sharing, share_rows_out
from instahide.attacks.neural.growing import GROWN_NUMBERS
from instahide.attacks.unmixing.problem import Problem
from instahide.attacks.unmixing.state import Assignment


def assign_by_cliques_needs(size: Size) -> float:
    """Bytes: features; those of a class, scores of its rows, and clusters' sums."""
    scores = 3 * FLOAT * size.class_rows**2
    return size.table + FLOAT * size.class_rows * size.pixels + scores + 4 * GROWN_NUMBERS


def assign_by_cliques_seconds(size: Size) -> float:
    """Processor seconds: scores of all pairs in each class, and clusters from every row."""
    classes, rows = size.image_count / max(size.class_images, 1), size.class_rows
    grown = 2e-9 * size.rows / max(2 * size.image_count, 1)
    return classes * rows**2 * (PRODUCT * size.pixels + grown)


def assign_by_cliques(
    problem: Problem,
    features: np.ndarray,
    rng: np.random.Generator,
    *,
    by: Sharing = "greedy",
    scores: bool = False,
) -> Assignment:
    """Cluster rows by the scores of pairs, and share rows out: the assignment of `neural`.

    Source: Carlini et al. 2020 (arXiv 2011.05315).

    Parameters
    ----------
    problem : Problem
    features : ndarray of float32, shape (E, anything)
        The cosine of two rows' features is their score.
    rng : numpy.random.Generator
        Nothing is drawn.
    by : {"greedy", "matching"}
        How rows are shared out: each cluster takes its closest, as published, so that some rows
        are left out, or all rows are weighed at once.
    scores : bool
        `features` are the scores themselves, shape (E, E).

    Returns
    -------
    Assignment
        Places that no cluster has taken hold NOBODY, with a weight of 0.

    Raises
    ------
    InstaHideError
        When rows do not have two private images, labels lack coefficients, or `by` is another
        word.
    NothingToGoOn
        When rows are too few.
    """
    return share_rows_out(
        problem,
        features,
        lambda _, pairs, clusters: score_clusters(pairs, clusters),
        by,
        scores,
    )


def score_clusters(scores: np.ndarray, clusters: np.ndarray) -> np.ndarray:
    """Score all rows against each cluster.

    Parameters
    ----------
    scores : ndarray of float32, shape (rows, rows)
    clusters : ndarray of int64, shape (count, size)

    Returns
    -------
    ndarray of float32, shape (rows, count)
        Mean score with the cluster's rows; of one of them with the others.
    """
    holds = np.zeros((len(scores), len(clusters)), np.float32)
    np.put_along_axis(holds, clusters.T, 1, axis=0)
    own = holds * scores.diagonal()[:, None]
    return (scores @ holds - own) / np.maximum(holds.sum(axis=0) - holds, 1)
