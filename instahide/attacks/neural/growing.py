"""Clusters of rows that grow from a start by the best total score, then thinned.

As the attack of 2020 makes them: from each start the row is added that has the largest sum of
scores with all rows of the cluster so far. An image is found from each of its rows, so of
clusters that overlap one is kept.
"""

import numpy as np

OVERLAP = 0.5  # of its rows that a cluster may have in common with others that are kept
GROWN_NUMBERS = 4_000_000  # scores that are summed at a time


def grow_clusters(scores: np.ndarray, starts: np.ndarray, size: int) -> np.ndarray:
    """Grow a cluster from each start.

    Parameters
    ----------
    scores : ndarray of float32, shape (rows, rows)
        How likely two rows share an image; symmetric.
    starts : ndarray of int64, shape (S,)
    size : int
        Rows of a cluster, `rows` at the most.

    Returns
    -------
    ndarray of int64, shape (S, size)
        The rows in the order in which they were added.

    Examples
    --------
    >>> scores = np.array([[1, 0.1, 0.9], [0.1, 1, 0.2], [0.9, 0.2, 1]], np.float32)
    >>> grow_clusters(scores, np.array([0, 1]), 2)
    array([[0, 2],
           [1, 2]])
    """
    step = max(1, GROWN_NUMBERS // len(scores))
    parts = [_grow(scores, starts[i : i + step], size) for i in range(0, len(starts), step)]
    return np.concatenate(parts)


def _grow(scores: np.ndarray, starts: np.ndarray, size: int) -> np.ndarray:
    number, total = np.arange(len(starts)), scores[starts]
    clusters = np.empty((len(starts), size), np.int64)
    clusters[:, 0] = starts
    total[number, starts] = -np.inf
    for place in range(1, size):
        added = total.argmax(axis=1)
        clusters[:, place] = added
        total += scores[added]
        total[number, added] = -np.inf
    return clusters


def total_scores(scores: np.ndarray, clusters: np.ndarray) -> np.ndarray:
    """Return the mean score of all pairs of each cluster, shape (S,)."""
    pairs = max(clusters.shape[1] * (clusters.shape[1] - 1), 1)
    inner = (scores[rows[:, None], rows] for rows in clusters)
    return np.array([(x.sum() - np.trace(x)) / pairs for x in inner])


def thin_clusters(clusters: np.ndarray, worth: np.ndarray, count: int) -> np.ndarray:
    """Choose clusters that hardly overlap, the best first.

    Parameters
    ----------
    clusters : ndarray of int64, shape (S, size)
    worth : ndarray of float, shape (S,)
    count : int
        How many to choose, S at the most.

    Returns
    -------
    ndarray of int64, shape (count,)
        Where fewer are left that overlap little, those that overlap least follow.

    Examples
    --------
    >>> clusters = np.array([[0, 1], [1, 0], [2, 3]])
    >>> thin_clusters(clusters, np.array([0.9, 0.8, 0.7]), 2)
    array([0, 2])
    """
    holds = np.zeros((len(clusters), clusters.max() + 1), np.float32)
    np.put_along_axis(holds, clusters, 1, axis=1)
    most, chosen = np.zeros(len(clusters)), []
    for _ in range(count):
        crowded = np.maximum(most - OVERLAP, 0)
        crowded[chosen] = np.inf
        best = np.lexsort((-worth, crowded))[0]
        chosen.append(best)
        most = np.maximum(most, holds @ holds[best] / clusters.shape[1])
    return np.array(chosen, np.int64)
