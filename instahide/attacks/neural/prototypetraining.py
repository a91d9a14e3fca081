"""Training the second network, that sets rows beside prototypes: a step before an assignment.

As for the first network, photos of the attacker are encrypted. Of each that stands for a
private image, prototypes are drawn among the rows that hold most of it: so are the rows that a
cluster is surest of. All rows of the batch are candidates, but the prototypes themselves.
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
from instahide.attacks.neural.networks import (
    PROTOTYPES,
    make_pair_network,
    make_prototype_network,
    planes_of,
)
from instahide.attacks.neural.rows import KnownRows, draw_rows
from instahide.attacks.neural.weights import save_weights, to_device
from instahide.attacks.unmixing.problem import Problem
from instahide.attacks.unmixing.state import mix
from instahide.pytorch import import_torch, steadily

PROTOTYPE_STEPS, STACK_STEPS = 1200, 100_000
TAUGHT_ROWS, TAUGHT_IMAGES = 256, 32  # 16 rows hold an image
SURE_ROWS = 5  # of these, those that hold most of it: prototypes are drawn of them
TAUGHT_DRAWS = 2  # of prototypes for each image
TAUGHT_STACKS = 128


def train_on_prototypes_needs(size: Size) -> float:
    """Bytes: a batch, and what the network has of it between its layers."""
    return 120 * FLOAT * TAUGHT_ROWS * size.pixels + FLOAT * 8 * size.pixels


def train_on_prototypes_seconds(size: Size) -> float:
    """Processor seconds of 1,200 steps."""
    return PROTOTYPE_STEPS * 90 * TOUCH * TAUGHT_ROWS * size.pixels


def train_on_prototypes(
    problem: Problem,
    rng: np.random.Generator,
    *,
    path: Path,
    state: Path | None = None,
    steps: int = PROTOTYPE_STEPS,
) -> None:
    """Train the small second network: a step before the assignment `prototypes`.

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
        See `instahide.attacks.neural.fitting.check_training`.
    """
    check_training(problem, steps)
    with steadily(int(rng.integers(2**63))):
        network = make_prototype_network(problem.shape)
        fitting = Fitting(steps, SMALL_AVERAGE, state)
        average = fit_network(network, loss_of_prototypes, problem, rng, fitting)
        save_weights(path, "prototypes", average)


def train_on_stacks_needs(size: Size) -> float:
    """Bytes: what the wide network has of a batch between its layers."""
    return 1000 * FLOAT * TAUGHT_STACKS * size.pixels


def train_on_stacks_seconds(size: Size) -> float:
    """Processor seconds of 100,000 steps; they are meant for a graphics card."""
    return STACK_STEPS * 7e-4 * TAUGHT_STACKS * size.pixels / 3


def train_on_stacks(
    problem: Problem,
    rng: np.random.Generator,
    *,
    path: Path,
    state: Path | None = None,
    steps: int = STACK_STEPS,
    depth: int = 28,
    width: int = 6,
) -> None:
    """Train the second network of 2020: a step before the assignment `prototypes-stacked`.

    It sees three prototypes and a candidate, laid over each other in twelve channels. On a
    graphics card where PyTorch finds one; then weights are the same only nearly.

    Parameters
    ----------
    problem, rng, path, state, steps
        See `train_on_prototypes`.
    depth, width : int
        See `instahide.attacks.neural.networks.make_pair_network`.

    Raises
    ------
    InstaHideError
        As `train_on_prototypes`.
    """
    check_training(problem, steps)
    with steadily(int(rng.integers(2**63))):
        made = make_pair_network(problem.shape[2], depth, width, rows=PROTOTYPES + 1)
        fitting = Fitting(steps, PUBLISHED_AVERAGE, state)
        average = fit_network(to_device(made), loss_of_stacks, problem, rng, fitting)
        save_weights(path, "stacks", average, depth=depth, width=width)


def draw_lessons(
    rows: KnownRows, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draw prototypes of each image of a batch.

    Parameters
    ----------
    rows : KnownRows
    rng : numpy.random.Generator

    Returns
    -------
    prototypes : ndarray of int64, shape (L, 3)
        Rows; images that fewer rows hold have none.
    holds : ndarray of bool, shape (rows, L)
        Which rows hold the image of each.
    fair : ndarray of bool, shape (rows, L)
        Which are not themselves among the prototypes.
    """
    amount, lessons, images = mix(rows.members, rows.weights, len(rows.private)), [], []
    for image in np.flatnonzero((amount > 0).sum(axis=0) >= PROTOTYPES):
        sure = np.argsort(-amount[:, image], kind="stable")[:SURE_ROWS]
        sure = sure[amount[sure, image] > 0]
        lessons += [rng.choice(sure, PROTOTYPES, replace=False) for _ in range(TAUGHT_DRAWS)]
        images += [image] * TAUGHT_DRAWS
    prototypes = np.array(lessons, np.int64).reshape(-1, PROTOTYPES)
    fair = np.ones((len(amount), len(prototypes)), bool)
    np.put_along_axis(fair, prototypes.T, False, axis=0)
    return prototypes, (amount > 0)[:, images], fair


def loss_of_prototypes(
    network: Any, scale: Any, problem: Problem, rng: np.random.Generator
) -> Any:
    """Return how badly cosines tell which rows of a batch hold the image of prototypes."""
    torch = import_torch()
    rows = draw_rows(problem.public, problem.scheme, rng, TAUGHT_ROWS, TAUGHT_IMAGES)
    prototypes, holds, fair = draw_lessons(rows, rng)
    candidates, common = network(planes_of(rows.magnitudes), prototypes)
    scores = scale[0] * (candidates @ common.T) + scale[1]
    fair = torch.from_numpy(fair)
    return balanced_loss(scores[fair], torch.from_numpy(holds)[fair])


def loss_of_stacks(network: Any, scale: Any, problem: Problem, rng: np.random.Generator) -> Any:
    """Return how badly the network tells whether candidates hold the image; half of them do."""
    torch, device = import_torch(), next(network.parameters()).device
    rows = draw_rows(problem.public, problem.scheme, rng, TAUGHT_ROWS, TAUGHT_IMAGES)
    prototypes, holds, fair = draw_lessons(rows, rng)
    chosen = [
        rng.permutation(np.argwhere(kind & fair))[: TAUGHT_STACKS // 2]
        for kind in (holds, ~holds)
    ]
    candidate, lesson = np.concatenate(chosen).T
    stacks = np.column_stack([prototypes[lesson], candidate])
    laid = planes_of(rows.magnitudes)[stacks].flatten(1, 2).to(device)
    right = torch.from_numpy(holds[candidate, lesson]).to(device)
    return balanced_loss(network(laid)[:, 0], right)
