"""Similarities that a network has learnt: how alike two rows are is the cosine of features.

The network of 2020 scores pair after pair; that of `learnt` looks at rows one by one, see
`instahide.attacks.neural.networks`.
"""

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from instahide.attacks.needs import FLOAT, TOUCH, Size
from instahide.attacks.neural.networks import (
    make_pair_network,
    make_row_network,
    planes_of,
)
from instahide.attacks.neural.weights import to_device, weigh_network
from instahide.attacks.unmixing.parts.field import learn_field
from instahide.attacks.unmixing.parts.labels import read_classes
from instahide.attacks.unmixing.parts.neighbours import unit_rows
from instahide.attacks.unmixing.parts.squares import learn_squares, mixtures_for, whiten
from instahide.attacks.unmixing.problem import Problem
from instahide.progress import tracked
from instahide.pytorch import import_torch, steadily

ROWS_AT_ONCE, PAIRS_SCORED = 250, 250
WHITENED_SHARE = 0.5  # of the cosine of both kinds of features
FLOOR = 1e-3  # as of the similarity `whitened`


def learnt_needs(size: Size) -> float:
    """Bytes: features, two thirds of the rows; and what the network has of some rows."""
    return size.table + 40 * FLOAT * ROWS_AT_ONCE * size.pixels


def learnt_seconds(size: Size) -> float:
    """Processor seconds: a third of a step of training for so many rows."""
    return 30 * TOUCH * size.rows * size.pixels


def learnt(problem: Problem, weights: Path, rng: np.random.Generator) -> np.ndarray:
    """Return what the small network makes of each row: the similarity `neural`.

    Parameters
    ----------
    problem : Problem
    weights : Path
        Of `instahide.attacks.neural.training.train_on_rows`.
    rng : numpy.random.Generator
        Nothing is drawn.

    Returns
    -------
    ndarray of float32, shape (E, 2·d/3) for three channels

    Raises
    ------
    InstaHideError
        When PyTorch is missing, or weights are those of another network.
    """
    torch = import_torch()
    with steadily(0):
        network = weigh_network(weights, "rows", partial(make_row_network, problem.shape))
        rows = problem.magnitudes.reshape(-1, *problem.shape)
        starts = tracked(range(0, len(rows), ROWS_AT_ONCE), "features", "batches")
        with torch.no_grad():
            found = [network(planes_of(rows[i : i + ROWS_AT_ONCE])).numpy() for i in starts]
    return np.concatenate(found)


def learnt_and_whitened_needs(size: Size) -> float:
    """Bytes: both kinds of features, and joined; mixtures."""
    return 4 * size.table + 4 * FLOAT * mixtures_for(size.pixels) * size.pixels


def learnt_and_whitened_seconds(size: Size) -> float:
    """Processor seconds of both."""
    mixed = 3 * TOUCH * size.pixels * (size.public + 5 * mixtures_for(size.pixels))
    return learnt_seconds(size) + mixed + 6 * TOUCH * size.pixels * size.rows


def learnt_and_whitened(
    problem: Problem, weights: Path, rng: np.random.Generator
) -> np.ndarray:
    """Return learnt features beside whitened squares: the similarity `neural-whitened`.

    The cosine of two rows is the mean of the cosines of both.

    Parameters
    ----------
    problem, weights
        See `learnt`.
    rng : numpy.random.Generator
        For synthetic mixtures, see `instahide.attacks.unmixing.parts.squares`.

    Returns
    -------
    ndarray of float32, shape (E, anything)

    Raises
    ------
    InstaHideError
        See `learnt`.
    """
    field = learn_field(problem.public)
    squares = learn_squares(field, problem.public, problem.scheme, rng)
    whitened = np.tanh(
        whiten(squares, problem.magnitudes, power=2, least=FLOOR * squares.power)
    )
    shares = np.sqrt([1 - WHITENED_SHARE, WHITENED_SHARE]).astype(np.float32)
    both = learnt(problem, weights, rng), whitened
    return np.hstack([share * unit_rows(x) for share, x in zip(shares, both, strict=True)])


def pair_scores_needs(size: Size) -> float:
    """Bytes: scores of all pairs of rows, and what the network has of some pairs."""
    return FLOAT * size.rows**2 + 150 * FLOAT * PAIRS_SCORED * size.pixels


def pair_scores_seconds(size: Size) -> float:
    """Processor seconds: days, two passes for each pair; it is meant for a graphics card."""
    return size.rows * size.class_rows * 3e-5 * size.pixels


def pair_scores(problem: Problem, weights: Path, rng: np.random.Generator) -> np.ndarray:
    """Return the scores of pairs by the network of 2020: the similarity `neural-pairs`.

    Pairs whose labels name no common class are not looked at; published are all.

    Parameters
    ----------
    problem : Problem
    weights : Path
        Of `instahide.attacks.neural.training.train_on_pairs`.
    rng : numpy.random.Generator
        Nothing is drawn.

    Returns
    -------
    ndarray of float32, shape (E, E)
        Mean of both orders; for the assignment `cliques,scores=True`.

    Raises
    ------
    InstaHideError
        See `learnt`.
    """
    torch, classes = import_torch(), read_classes(problem).classes
    holds = np.zeros((len(classes), problem.label.shape[1]), np.float32)
    np.put_along_axis(holds, classes, 1, axis=1)
    pairs = np.argwhere(np.triu(holds @ holds.T > 0, 1))
    scores = np.zeros((len(classes), len(classes)), np.float32)
    with steadily(0), torch.no_grad():
        network = load_pair_network(weights, problem.shape[2])
        rows = planes_of(problem.magnitudes.reshape(-1, *problem.shape))
        starts = range(0, len(pairs), PAIRS_SCORED)
        for start in tracked(starts, "pairs of rows", "batches"):
            a, b = pairs[start : start + PAIRS_SCORED].T
            scores[a, b] = scores[b, a] = score_pairs(network, rows[a], rows[b])
    return scores


def score_pairs(network: Any, some: Any, others: Any) -> np.ndarray:
    """Return the mean score of pairs of rows, each laid one way and the other, float32 (n,).

    Parameters
    ----------
    network : torch.nn.Module
    some, others : torch.Tensor, shape (n, C, H, W)
    """
    torch, device = import_torch(), next(network.parameters()).device
    laid = (torch.cat(pair, dim=1).to(device) for pair in ((some, others), (others, some)))
    return sum(network(both)[:, 0].cpu().numpy() for both in laid) / 2


def load_pair_network(weights: Path, channels: int) -> Any:
    """Return the network of 2020 with its weights, on a graphics card where there is one."""
    return to_device(weigh_network(weights, "pairs", partial(make_pair_network, channels)))
