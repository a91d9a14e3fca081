"""The assignment of the attack of 2020: clusters that grow by scores, and rows shared out.

Published are 2,000 clusters of 50 among all rows, thinned to 100, after which a second network
scores every row against three prototypes of every cluster. Here clusters grow class by class,
for labels name the classes of a row; and a row's score against a cluster is its mean score with
the cluster's rows, by the scores there are already. Both are cheaper, and neither needs a
second network.
"""

from typing import Literal

import numpy as np

from instahide.attacks.needs import FLOAT, PRODUCT, Size
from instahide.attacks.neural.growing import (
    GROWN_NUMBERS,
    grow_clusters,
    thin_clusters,
    total_scores,
)
from instahide.attacks.neural.sharing import share_by_matching, share_greedily
from instahide.attacks.nothing import NothingToGoOn
from instahide.attacks.unmixing.parts.labels import read_pairs
from instahide.attacks.unmixing.parts.neighbours import unit_rows
from instahide.attacks.unmixing.problem import Problem
from instahide.attacks.unmixing.state import NOBODY, Assignment
from instahide.errors import InstaHideError
from instahide.progress import tracked

CLOSEST = 1.6  # times T rows that a cluster takes, as published: 80 of the 100 that hold it


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
    by: Literal["greedy", "matching"] = "greedy",
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
    if by not in ("greedy", "matching"):
        raise InstaHideError(f"by={by}: give greedy or matching")
    parts, members = read_pairs(problem), np.full((len(features), 2), NOBODY)
    for number, image_index in tracked(list(enumerate(parts.roster)), "cliques", "classes"):
        image_index = image_index[image_index != NOBODY]
        rows = np.flatnonzero((parts.classes == number).any(axis=1))
        if not len(image_index):
            continue
        if len(rows) < max(len(image_index), 2):
            raise NothingToGoOn(
                f"{len(rows)} rows are too few to find {len(image_index)} images in"
            )
        pairs = features[np.ix_(rows, rows)] if scores else cosines_of(features[rows])
        clusters = find_clusters(pairs, len(image_index), problem.scheme.rows_per_image)
        table = score_clusters(pairs, clusters)
        places = np.minimum(1 + parts.same[rows], len(image_index))
        taken = _share(table, places, problem.scheme.rows_per_image, by)
        put_images(members, rows, image_index, taken, parts.classes[rows] == number)
    weights = np.where(members == NOBODY, 0, parts.coefficients)
    return Assignment(members, weights.astype(np.float32))


def cosines_of(features: np.ndarray) -> np.ndarray:
    """Return the cosines of all pairs of rows, float32 (rows, rows)."""
    unit = unit_rows(features)
    return unit @ unit.T


def find_clusters(scores: np.ndarray, count: int, size: int) -> np.ndarray:
    """Find clusters that stand for images, int64, shape (count, size).

    Parameters
    ----------
    scores : ndarray of float32, shape (rows, rows)
    count : int
        Of clusters.
    size : int
        Rows of a cluster; fewer where there are fewer.
    """
    clusters = grow_clusters(scores, np.arange(len(scores)), min(size, len(scores)))
    return clusters[thin_clusters(clusters, total_scores(scores, clusters), count)]


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


def _share(table: np.ndarray, places: np.ndarray, rows_per_image: int, by: str) -> np.ndarray:
    """Share rows out to clusters, bool (rows, clusters)."""
    if by == "greedy":
        return share_greedily(table, places, int(CLOSEST * rows_per_image))
    # All images are used equally often.
    return share_by_matching(table, places, -(-int(places.sum()) // table.shape[1]))


def put_images(
    members: np.ndarray,
    rows: np.ndarray,
    image_index: np.ndarray,
    taken: np.ndarray,
    places: np.ndarray,
) -> None:
    """Write into `members`, (E, 2), the images that some rows have been given.

    Parameters
    ----------
    rows : ndarray of int64, shape (R,)
    image_index : ndarray of int64, shape (clusters,)
    taken : ndarray of bool, shape (R, clusters)
    places : ndarray of bool, shape (R, 2)
        Which places of a row are of this class.
    """
    row, cluster = np.nonzero(taken)
    first = np.r_[True, row[1:] != row[:-1]] if len(row) else np.empty(0, bool)
    place = np.where(first, places[row].argmax(axis=1), 1)
    members[rows[row], place] = image_index[cluster]
