"""The assignment of the attack of 2020 by two networks: rows set beside prototypes of clusters.

Prototypes of a cluster are rows that surely hold its image. The second network sees three of
them and another row, the candidate, and tells whether it holds what the three have in common;
so it can know more of the image than a network that sees one row, or two. Draws of prototypes
are averaged. Clusters grow by the scores of the first network, as for `cliques`.
"""

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from instahide.attacks.needs import FLOAT, PRODUCT, TOUCH, Size
from instahide.attacks.neural.clusters import Sharing, share_rows_out
from instahide.attacks.neural.growing import GROWN_NUMBERS
from instahide.attacks.neural.networks import (
    PROTOTYPES,
    make_pair_network,
    make_prototype_network,
    planes_of,
)
from instahide.attacks.neural.weights import to_device, weigh_network
from instahide.attacks.unmixing.problem import Problem
from instahide.attacks.unmixing.state import Assignment
from instahide.errors import InstaHideError
from instahide.pytorch import import_torch, steadily

SUREST = 0.4  # times T rows of a cluster that prototypes are drawn of, as published: 20
DRAWS = 10  # of prototypes for each cluster, as published
CANDIDATES_AT_ONCE = 250  # rows


def assign_by_prototypes_needs(size: Size) -> float:
    """Bytes: features twice; those of a class, scores of its rows, and clusters' sums."""
    scores = 3 * FLOAT * size.class_rows**2 + 4 * GROWN_NUMBERS
    drawn = FLOAT * DRAWS * size.class_images * (size.class_rows + 8 * size.pixels)
    return 2 * size.table + FLOAT * size.class_rows * size.pixels + scores + drawn


def assign_by_prototypes_seconds(size: Size) -> float:
    """Processor seconds: features of all rows and of prototypes, scores, and clusters."""
    classes, rows = size.image_count / max(size.class_images, 1), size.class_rows
    grown = 2e-9 * size.rows / max(2 * size.image_count, 1)
    seen = 30 * TOUCH * (size.rows + 2 * DRAWS * size.image_count) * size.pixels
    return seen + classes * rows**2 * (PRODUCT * size.pixels + grown)


def assign_by_prototypes(
    problem: Problem,
    features: np.ndarray,
    weights: Path,
    rng: np.random.Generator,
    *,
    by: Sharing = "greedy",
    draws: int = DRAWS,
    scores: bool = False,
) -> Assignment:
    """Cluster rows, and share them out by a small second network: `prototypes`.

    The network makes features of what three prototypes have in common, and of each candidate;
    their score is the cosine. So a draw of prototypes costs no more than a row.

    Parameters
    ----------
    problem : Problem
    features : ndarray of float32, shape (E, anything)
        The cosine of two rows' features is their score.
    weights : Path
        Of `instahide.attacks.neural.prototypetraining.train_on_prototypes`.
    rng : numpy.random.Generator
        For draws of prototypes.
    by : {"greedy", "matching"}
        See `instahide.attacks.neural.cliques.assign_by_cliques`.
    draws : int
        Of prototypes for each cluster.
    scores : bool
        `features` are the scores themselves, shape (E, E).

    Returns
    -------
    Assignment
        Places that no cluster has taken hold NOBODY, with a weight of 0.

    Raises
    ------
    InstaHideError
        When PyTorch is missing, rows do not have two private images, labels lack coefficients,
        `by` is another word, or weights are those of another network.
    NothingToGoOn
        When rows are too few.
    """
    torch = import_torch()
    with steadily(0), torch.no_grad():
        make = partial(make_prototype_network, problem.shape)
        network = weigh_network(weights, "prototypes", make)
        planes = planes_of(problem.magnitudes.reshape(-1, *problem.shape))
        starts = range(0, len(planes), CANDIDATES_AT_ONCE)
        candidates = torch.cat(
            [network.candidates(planes[i : i + CANDIDATES_AT_ONCE]) for i in starts]
        )

        def closeness(rows: np.ndarray, pairs: np.ndarray, clusters: np.ndarray) -> np.ndarray:
            drawn = draw_prototypes(pairs, clusters, draws, rng)
            common = torch.cat([network.common(planes, rows[of_one]) for of_one in drawn])
            found = (candidates[rows] @ common.T).numpy()
            return mean_of_others(found.reshape(len(rows), *drawn.shape[:2]), drawn)

        return share_rows_out(problem, features, closeness, by, scores)


def assign_by_stacks_needs(size: Size) -> float:
    """Bytes: features; scores of a class's rows, of draws, and what the network has of some."""
    scores = 3 * FLOAT * size.class_rows**2 + 4 * GROWN_NUMBERS
    drawn = FLOAT * DRAWS * size.class_images * size.class_rows
    return 2 * size.table + scores + drawn + 150 * FLOAT * CANDIDATES_AT_ONCE * size.pixels


def assign_by_stacks_seconds(size: Size) -> float:
    """Processor seconds: days, a pass for each draw; it is meant for a graphics card."""
    return 2 * size.rows * size.class_images * DRAWS * 3e-5 * size.pixels


def assign_by_stacks(
    problem: Problem,
    features: np.ndarray,
    weights: Path,
    rng: np.random.Generator,
    *,
    by: Sharing = "greedy",
    draws: int = DRAWS,
    scores: bool = False,
) -> Assignment:
    """Cluster rows, and share them out by the second network of 2020: `prototypes-stacked`.

    Rows are set beside the clusters of their own classes; published are all.
    Source: Carlini et al. 2020 (arXiv 2011.05315).

    Parameters
    ----------
    problem, features, rng, by, draws, scores
        See `assign_by_prototypes`.
    weights : Path
        Of `instahide.attacks.neural.prototypetraining.train_on_stacks`.

    Returns
    -------
    Assignment

    Raises
    ------
    InstaHideError
        See `assign_by_prototypes`.
    """
    torch = import_torch()
    with steadily(0), torch.no_grad():
        make = partial(make_pair_network, problem.shape[2], rows=PROTOTYPES + 1)
        network = to_device(weigh_network(weights, "stacks", make))
        planes = planes_of(problem.magnitudes.reshape(-1, *problem.shape))

        def closeness(rows: np.ndarray, pairs: np.ndarray, clusters: np.ndarray) -> np.ndarray:
            drawn, own = draw_prototypes(pairs, clusters, draws, rng), planes[rows]
            found = [[_scores_of_stack(network, own[x], own) for x in y] for y in drawn]
            return mean_of_others(np.moveaxis(np.array(found), 2, 0), drawn)

        return share_rows_out(problem, features, closeness, by, scores)


def _scores_of_stack(network: Any, prototypes: Any, candidates: Any) -> np.ndarray:
    """Return the scores of candidates (n, C, H, W) against prototypes (3, C, H, W), (n,)."""
    torch, device = import_torch(), next(network.parameters()).device
    above, found = prototypes.flatten(0, 1)[None], []
    for start in range(0, len(candidates), CANDIDATES_AT_ONCE):
        some = candidates[start : start + CANDIDATES_AT_ONCE]
        laid = torch.cat([above.expand(len(some), -1, -1, -1), some], dim=1)
        found.append(network(laid.to(device))[:, 0].cpu().numpy())
    return np.concatenate(found)


def draw_prototypes(
    scores: np.ndarray, clusters: np.ndarray, draws: int, rng: np.random.Generator
) -> np.ndarray:
    """Draw prototypes of each cluster, int64, shape (count, draws, 3).

    Parameters
    ----------
    scores : ndarray of float32, shape (rows, rows)
    clusters : ndarray of int64, shape (count, size)
    draws : int
    rng : numpy.random.Generator
        Of the rows whose total score with their cluster is best.

    Raises
    ------
    InstaHideError
        When `draws` is no positive number.
    """
    if type(draws) is not int or draws < 1:
        raise InstaHideError(f"draws={draws}: give a whole number of 1 or more")
    best, drawn = max(int(SUREST * clusters.shape[1]), PROTOTYPES), []
    for cluster in clusters:
        total = scores[np.ix_(cluster, cluster)].sum(axis=1)
        surest = cluster[np.argsort(-total, kind="stable")[:best]]
        few = len(surest) < PROTOTYPES
        drawn.append([rng.choice(surest, PROTOTYPES, replace=few) for _ in range(draws)])
    return np.array(drawn)


def mean_of_others(scores: np.ndarray, drawn: np.ndarray) -> np.ndarray:
    """Return the mean score over the draws that a row is not itself a prototype of.

    Parameters
    ----------
    scores : ndarray of float32, shape (rows, count, draws)
    drawn : ndarray of int64, shape (count, draws, 3)

    Returns
    -------
    ndarray of float32, shape (rows, count)
        Over all draws, where a row is of all.
    """
    counted, (count, draws, _) = np.ones(scores.shape, np.float32), drawn.shape
    places = np.arange(count)[:, None, None], np.arange(draws)[None, :, None]
    counted[drawn, places[0], places[1]] = 0
    counted[counted.sum(axis=2) == 0] = 1
    return (scores * counted).sum(axis=2) / counted.sum(axis=2)
