"""Rows shared out to clusters: each cluster takes its closest, or all are weighed at once."""

import numpy as np
from scipy.optimize import linprog
from scipy.sparse import csr_matrix

from instahide.errors import InstaHideError


def share_greedily(table: np.ndarray, places: np.ndarray, closest: int) -> np.ndarray:
    """Let each cluster, one after the other, take its closest rows that have a place left.

    Parameters
    ----------
    table : ndarray of float32, shape (rows, clusters)
        How close each row is to each cluster.
    places : ndarray of int64, shape (rows,)
        How many clusters a row may go to.
    closest : int
        How many rows a cluster looks at.

    Returns
    -------
    ndarray of bool, shape (rows, clusters)

    Examples
    --------
    >>> table = np.array([[0.9, 0.8], [0.7, 0.1]], np.float32)
    >>> share_greedily(table, np.array([1, 1]), 1)
    array([[ True, False],
           [False, False]])
    """
    taken = np.zeros(table.shape, bool)
    for number, order in enumerate(np.argsort(-table, axis=0, kind="stable")[:closest].T):
        taken[order[taken[order].sum(axis=1) < places[order]], number] = True
    return taken


def share_by_matching(table: np.ndarray, places: np.ndarray, most: int) -> np.ndarray:
    """Share all rows out so that the sum of their scores is greatest.

    It is a flow of least cost, solved as a linear program: its corners are whole numbers.

    Parameters
    ----------
    table : ndarray of float32, shape (rows, clusters)
    places : ndarray of int64, shape (rows,)
        How many clusters each row goes to; `clusters` at the most.
    most : int
        How many rows a cluster takes at the most.

    Returns
    -------
    ndarray of bool, shape (rows, clusters)

    Raises
    ------
    InstaHideError
        When clusters have not enough room.

    Examples
    --------
    >>> table = np.array([[0.9, 0.8], [0.7, 0.1]], np.float32)
    >>> share_by_matching(table, np.array([1, 1]), 1)
    array([[False,  True],
           [ True, False]])
    """
    rows, clusters = table.shape
    flows, ones = np.arange(rows * clusters), np.ones(rows * clusters)
    row, cluster = np.divmod(flows, clusters)
    found = linprog(
        -table.ravel().astype(np.float64),
        A_ub=csr_matrix((ones, (cluster, flows)), (clusters, len(flows))),
        b_ub=np.full(clusters, most),
        A_eq=csr_matrix((ones, (row, flows)), (rows, len(flows))),
        b_eq=places,
        bounds=(0, 1),
        method="highs-ds",
    )
    if not found.success:
        raise InstaHideError(
            f"{rows} rows do not fit into {clusters} clusters of {most}: choose by=greedy"
        )
    return found.x.reshape(table.shape) > 0.5
