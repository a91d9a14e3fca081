"""Clusters of a sparse graph by Markov clustering.

A random walk on the graph of neighbours seldom leaves a cluster. Two steps of the walk
(expansion) and a sharpening of its odds (inflation) take turns until every row ends in the
attractor of its cluster (S. van Dongen, "Graph clustering by flow simulation", 2000). Odds that
are next to nothing are dropped in every turn, so that memory is that of a few neighbours for
each row, and time grows with the number of rows alone.
"""

import numpy as np
from scipy.sparse import csr_matrix, diags_array, vstack
from scipy.sparse.csgraph import connected_components

INFLATION = 2.0
TURNS = 30
LEAST_ODDS = 1e-3
LEAST_SELF = 1e-12  # of a row that is like no other
STILL = 1e-3  # mean change of a row's odds
WALKED_AT_ONCE = 2000  # rows whose two steps are taken at a time


def similarity_graph(rows: np.ndarray, cosines: np.ndarray) -> csr_matrix:
    """Return the graph of neighbours, symmetric, each row its own neighbour too.

    Neighbours of each other count twice; cosines below 0 do not count.

    Parameters
    ----------
    rows : ndarray of int64, shape (E, neighbours)
    cosines : ndarray of float32, shape (E, neighbours)
    """
    count = len(rows)
    starts = np.arange(count + 1) * rows.shape[1]
    graph = csr_matrix((np.maximum(cosines, 0).ravel(), rows.ravel(), starts), (count, count))
    graph = graph + graph.T
    own = graph.max(axis=1).toarray().ravel()
    return csr_matrix(graph + diags_array(np.maximum(own, LEAST_SELF)))


def markov_clusters(graph: csr_matrix) -> np.ndarray:
    """Return the number of each row's cluster, int64, shape (E,).

    Parameters
    ----------
    graph : csr_matrix of float32, shape (E, E)
        Similarities, none negative.
    """
    odds = _normalised(graph)
    for _ in range(TURNS):
        starts = range(0, odds.shape[0], WALKED_AT_ONCE)
        turned = vstack([_turn(odds, slice(i, i + WALKED_AT_ONCE)) for i in starts], "csr")
        moved, odds = abs(turned - odds).sum() / odds.shape[0], turned
        if moved < STILL:
            break
    attractors = np.asarray(odds.argmax(axis=1)).ravel()
    rows = np.arange(len(attractors))
    ends = csr_matrix((np.ones(len(rows)), (rows, attractors)), odds.shape)
    return connected_components(ends, directed=False)[1].astype(np.int64)


def _turn(odds: csr_matrix, some: slice) -> csr_matrix:
    """Take two steps from some rows, and sharpen their odds."""
    walked = csr_matrix(odds[some] @ odds)
    walked.data **= INFLATION
    walked = _normalised(walked)
    walked.data[walked.data < LEAST_ODDS] = 0
    walked.eliminate_zeros()
    return _normalised(walked)


def _normalised(graph: csr_matrix) -> csr_matrix:
    """Return the graph with rows that sum to 1."""
    sums = np.asarray(graph.sum(axis=1)).ravel()
    return csr_matrix(diags_array(1 / np.maximum(sums, 1e-30)) @ graph, dtype=np.float32)
