"""Training the networks of similarity: a step before the stage, whose product are weights.

The attacker's own photos stand for private images and for public ones, and are encrypted as the
scheme encrypts; so as many examples as wanted are there, and none is seen twice. The small
network of `instahide.attacks.neural.networks` sees a batch of rows and is judged on all pairs
of it; the one of 2020 sees pairs, of which half share an image.
"""

from pathlib import Path
from typing import Any

import numpy as np

from instahide.attacks.needs import FLOAT, TOUCH, Size
from instahide.attacks.neural.fitting import (
    PUBLISHED_AVERAGE,
    SMALL_AVERAGE,
    Fitting,
    balanced_loss,
    check_training,
    fit_network,
)
from instahide.attacks.neural.networks import make_pair_network, make_row_network, planes_of
from instahide.attacks.neural.rows import draw_rows
from instahide.attacks.neural.weights import save_weights, to_device
from instahide.attacks.unmixing.problem import Problem
from instahide.pytorch import import_torch, steadily

ROW_STEPS, PAIR_STEPS = 1200, 100_000
BATCH_ROWS, BATCH_IMAGES = 256, 64  # one pair of 15 then shares an image
BATCH_PAIRS = 128


def train_on_rows_needs(size: Size) -> float:
    """Bytes: a batch, and what the network has of it between its layers."""
    return 100 * FLOAT * BATCH_ROWS * size.pixels + FLOAT * 8 * size.pixels


def train_on_rows_seconds(size: Size) -> float:
    """Processor seconds of 1,200 steps."""
    return ROW_STEPS * 90 * TOUCH * BATCH_ROWS * size.pixels


def train_on_rows(
    problem: Problem,
    rng: np.random.Generator,
    *,
    path: Path,
    state: Path | None = None,
    steps: int = ROW_STEPS,
) -> None:
    """Train the small network: a step before the similarity `neural`.

    Parameters
    ----------
    problem : Problem
        Of it photos and scheme are looked at; neither rows nor labels.
    rng : numpy.random.Generator
        The same one makes the same weights on the same processor.
    path : Path
        Gets the weights.
    state : Path, optional
        Gets, and goes on from, what an interrupted training has reached.
    steps : int

    Raises
    ------
    InstaHideError
        When PyTorch is missing, the scheme has no mask or not two private images, photos are
        few, or `steps` is no positive number.
    """
    check_training(problem, steps)
    with steadily(int(rng.integers(2**63))):
        network = make_row_network(problem.shape)
        fitting = Fitting(steps, SMALL_AVERAGE, state)
        average = fit_network(network, loss_of_rows, problem, rng, fitting)
        save_weights(path, "rows", average)


def train_on_pairs_needs(size: Size) -> float:
    """Bytes: what the wide network has of a batch between its layers."""
    return 1000 * FLOAT * BATCH_PAIRS * size.pixels


def train_on_pairs_seconds(size: Size) -> float:
    """Processor seconds of 100,000 steps; they are meant for a graphics card."""
    return PAIR_STEPS * 7e-4 * BATCH_PAIRS * size.pixels / 3


def train_on_pairs(
    problem: Problem,
    rng: np.random.Generator,
    *,
    path: Path,
    state: Path | None = None,
    steps: int = PAIR_STEPS,
    depth: int = 28,
    width: int = 6,
) -> None:
    """Train the network of 2020 on pairs: a step before the similarity `neural-pairs`.

    On a graphics card where PyTorch finds one; then weights are the same only nearly.

    Parameters
    ----------
    problem, rng, path, state, steps
        See `train_on_rows`.
    depth, width : int
        See `instahide.attacks.neural.networks.make_pair_network`.

    Raises
    ------
    InstaHideError
        As `train_on_rows`.
    """
    check_training(problem, steps)
    with steadily(int(rng.integers(2**63))):
        network = to_device(make_pair_network(problem.shape[2], depth, width))
        fitting = Fitting(steps, PUBLISHED_AVERAGE, state)
        average = fit_network(network, loss_of_pairs, problem, rng, fitting)
        save_weights(path, "pairs", average, depth=depth, width=width)


def loss_of_rows(network: Any, scale: Any, problem: Problem, rng: np.random.Generator) -> Any:
    """Return how badly cosines tell which pairs of a batch share an image.

    Pairs that do, and pairs that do not, count alike as a whole.
    """
    torch = import_torch()
    functional = torch.nn.functional
    rows = draw_rows(problem.public, problem.scheme, rng, BATCH_ROWS, BATCH_IMAGES)
    unit = functional.normalize(network(planes_of(rows.magnitudes)))
    above = np.triu_indices(len(unit), 1)
    scores = scale[0] * (unit @ unit.T)[above] + scale[1]
    shared = torch.from_numpy(rows.share()[above])
    return balanced_loss(scores, shared)


def loss_of_pairs(network: Any, scale: Any, problem: Problem, rng: np.random.Generator) -> Any:
    """Return how badly the network tells whether pairs share an image; half of them do."""
    torch = import_torch()
    rows = draw_rows(problem.public, problem.scheme, rng, BATCH_ROWS, BATCH_IMAGES)
    share = np.triu(rows.share(), 1)
    chosen = [
        rng.permutation(np.argwhere(kind))[: BATCH_PAIRS // 2]
        for kind in (share, np.triu(~rows.share(), 1))
    ]
    pairs = np.concatenate(chosen)
    planes = planes_of(rows.magnitudes).to(next(network.parameters()).device)
    laid = torch.cat([planes[pairs[:, 0]], planes[pairs[:, 1]]], dim=1)
    shared = torch.from_numpy(share[tuple(pairs.T)]).to(laid.device)
    return balanced_loss(network(laid)[:, 0], shared)
