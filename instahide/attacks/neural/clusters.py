"""Rows clustered class by class, and shared out by how close they are to each cluster.

Published are 2,000 clusters of 50 among all rows, thinned to 100. Here clusters grow within
the rows of each class, for labels name the classes of a row. What tells how close a row is to
a cluster differs between the assignments `cliques` and `prototypes`.
"""

from collections.abc import Callable
from typing import Literal

import numpy as np

from instahide.attacks.neural.growing import grow_clusters, thin_clusters, total_scores
from instahide.attacks.neural.sharing import share_by_matching, share_greedily
from instahide.attacks.nothing import NothingToGoOn
from instahide.attacks.unmixing.parts.labels import read_pairs
from instahide.attacks.unmixing.parts.neighbours import unit_rows
from instahide.attacks.unmixing.problem import Problem
from instahide.attacks.unmixing.state import NOBODY, Assignment
from instahide.errors import InstaHideError
from instahide.progress import tracked

CLOSEST = 1.6  # times T rows that a cluster takes, as published: 80 of the 100 that hold it
#: How rows are shared out.
Sharing = Literal["greedy", "matching"]
#: How close each of a class's rows is to each of its clusters, float32 (rows, clusters); of the
#: rows' numbers, the scores of all pairs of them, and the clusters of places among them.
Closeness = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]


def share_rows_out(
    problem: Problem, features: np.ndarray, closeness: Closeness, by: Sharing, scores: bool
) -> Assignment:
    """Cluster the rows of each class, and share them out to the clusters.

    Parameters
    ----------
    problem : Problem
    features : ndarray of float32, shape (E, anything)
        The cosine of two rows' features is their score.
    closeness : callable
    by : {"greedy", "matching"}
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
    for number, image_index in tracked(list(enumerate(parts.roster)), "clusters", "classes"):
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
        table = closeness(rows, pairs, clusters)
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


def _share(
    table: np.ndarray, places: np.ndarray, rows_per_image: int, by: Sharing
) -> np.ndarray:
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
