"""Training the networks of similarity: a step before the stage, whose product are weights.

The attacker's own photos stand for private images and for public ones, and are encrypted as the
scheme encrypts; so as many examples as wanted are there, and none is seen twice. The small
network of `instahide.attacks.neural.networks` sees a batch of rows and is judged on all pairs
of it; the one of 2020 sees pairs, of which half share an image.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from instahide.attacks.needs import FLOAT, TOUCH, Size
from instahide.attacks.neural.networks import make_pair_network, make_row_network, planes_of
from instahide.attacks.neural.rows import draw_rows
from instahide.attacks.unmixing.parts.labels import check_masked
from instahide.attacks.unmixing.problem import Problem
from instahide.errors import InstaHideError
from instahide.files import atomic
from instahide.progress import tracked
from instahide.pytorch import import_torch, steadily

ROW_STEPS, PAIR_STEPS = 1200, 100_000
BATCH_ROWS, BATCH_IMAGES = 256, 64  # one pair of 15 then shares an image
BATCH_PAIRS = 128
RATE, WARM = 2e-3, 0.05  # the highest learning rate, and the share of steps that it rises in
ROW_AVERAGE, PAIR_AVERAGE = 0.99, 0.999  # of weights before; .999 is published
SCALE = 10.0  # of cosines at first
KEPT_EVERY = 100  # steps after which an interrupted training can go on
LEAST_TRAINING = 100  # photos

#: The mean loss of a batch, from network, scale and shift of scores, problem, random numbers.
Loss = Callable[[Any, Any, Problem, np.random.Generator], Any]


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
    _check(problem, steps)
    with steadily(int(rng.integers(2**63))):
        network = make_row_network(problem.shape)
        average = _train(network, loss_of_rows, problem, rng, (steps, ROW_AVERAGE), state)
        _save(path, {"network": average, "kind": "rows"})


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
    _check(problem, steps)
    torch = import_torch()
    with steadily(int(rng.integers(2**63))):
        network = make_pair_network(problem.shape[2], depth, width)
        network.to("cuda" if torch.cuda.is_available() else "cpu")
        average = _train(network, loss_of_pairs, problem, rng, (steps, PAIR_AVERAGE), state)
        _save(path, {"network": average, "kind": "pairs", "depth": depth, "width": width})


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
    return _balanced(scores, shared)


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
    return _balanced(network(laid)[:, 0], shared)


def _balanced(scores: Any, shared: Any) -> Any:
    """Return the mean of both kinds' logistic losses."""
    softplus = import_torch().nn.functional.softplus
    return (softplus(-scores[shared]).mean() + softplus(scores[~shared]).mean()) / 2


def _train(
    network: Any,
    loss: Loss,
    problem: Problem,
    rng: np.random.Generator,
    how: tuple[int, float],
    state: Path | None,
) -> dict[str, Any]:
    """Train by Adam; return the average of weights. `how` are steps, and its decay."""
    torch, (steps, decay) = import_torch(), how
    device = next(network.parameters()).device
    scale = torch.tensor([SCALE, 0.0], device=device, requires_grad=True)
    optimiser = torch.optim.Adam([*network.parameters(), scale], RATE)
    average = {name: value.clone() for name, value in network.state_dict().items()}
    begin = _go_on(state, network, optimiser, average, rng)
    for step in tracked(range(begin, steps), "network", "steps"):
        optimiser.param_groups[0]["lr"] = RATE * _rate(step / steps)
        optimiser.zero_grad()
        loss(network, scale, problem, rng).backward()
        optimiser.step()
        now = min(decay, (step + 1) / (step + 10))  # at first the past is worth little
        for name, value in network.state_dict().items():
            if value.is_floating_point():
                average[name].lerp_(value, 1 - now)
        if state and (step + 1) % KEPT_EVERY == 0:
            _keep(state, step + 1, network, optimiser, average, rng)
    return average


def _rate(done: float) -> float:
    """Return the learning rate after a share of steps, relative to the highest."""
    return float(min(done / WARM, 1) * (0.5 + 0.5 * np.cos(np.pi * done)))


def _keep(
    state: Path,
    step: int,
    network: Any,
    optimiser: Any,
    average: dict[str, Any],
    rng: np.random.Generator,
) -> None:
    """Write what `_go_on` reads."""
    content = {
        "step": step,
        "network": network.state_dict(),
        "optimiser": optimiser.state_dict(),
        "scale": optimiser.param_groups[0]["params"][-1].detach(),
        "average": average,
        "random": json.dumps(rng.bit_generator.state),
    }
    with atomic(state, secret=True) as path:
        import_torch().save(content, path)


def _go_on(
    state: Path | None,
    network: Any,
    optimiser: Any,
    average: dict[str, Any],
    rng: np.random.Generator,
) -> int:
    """Take up what an interrupted training has left, if any; return the steps it has done."""
    if state is None or not state.exists():
        return 0
    torch = import_torch()
    content = torch.load(state, weights_only=True)
    network.load_state_dict(content["network"])
    optimiser.load_state_dict(content["optimiser"])
    average.update(content["average"])
    rng.bit_generator.state = json.loads(content["random"])
    with torch.no_grad():
        optimiser.param_groups[0]["params"][-1].copy_(content["scale"])
    return content["step"]


def _save(path: Path, content: dict[str, Any]) -> None:
    import_torch().save(content, path)


def _check(problem: Problem, steps: int) -> None:
    """Refuse a training that cannot be."""
    if type(steps) is not int or steps < 1:
        raise InstaHideError(f"steps={steps}: give a whole number of 1 or more")
    if len(problem.public) < LEAST_TRAINING:
        raise InstaHideError(
            f"{len(problem.public)} photos: the network learns from {LEAST_TRAINING} or more"
        )
    check_masked(problem)
    import_torch("the similarity whitened does without")
