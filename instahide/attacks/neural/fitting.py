"""How networks of the neural attack are trained: by Adam, with averaged weights, resumable.

What they learn from is drawn anew at every step, see `instahide.attacks.neural.rows`; so none
of it is seen twice, and a step is all that has to be done again after an interruption.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from instahide.attacks.unmixing.parts.labels import check_masked
from instahide.attacks.unmixing.problem import Problem
from instahide.errors import InstaHideError
from instahide.files import atomic
from instahide.progress import tracked
from instahide.pytorch import import_torch

# Of weights before, in the average that is kept: of small networks, and as published.
SMALL_AVERAGE, PUBLISHED_AVERAGE = 0.99, 0.999
RATE, WARM = 2e-3, 0.05  # the highest learning rate, and the share of steps that it rises in
SCALE = 10.0  # of cosines at first
KEPT_EVERY = 100  # steps after which an interrupted training can go on
LEAST_TRAINING = 100  # photos

#: The mean loss of a batch, from network, scale and shift of scores, problem, random numbers.
Loss = Callable[[Any, Any, Problem, np.random.Generator], Any]


@dataclass(frozen=True)
class Fitting:
    """How long a training lasts.

    Attributes
    ----------
    steps : int
    average : float
        Of weights before, in the average that is kept.
    state : Path or None
        Gets, and goes on from, what an interrupted training has reached.
    """

    steps: int
    average: float
    state: Path | None = None


def balanced_loss(scores: Any, shared: Any) -> Any:
    """Return the mean of both kinds' logistic losses: of pairs that share, and that do not."""
    softplus = import_torch().nn.functional.softplus
    return (softplus(-scores[shared]).mean() + softplus(scores[~shared]).mean()) / 2


def fit_network(
    network: Any, loss: Loss, problem: Problem, rng: np.random.Generator, fitting: Fitting
) -> dict[str, Any]:
    """Train by Adam.

    Parameters
    ----------
    network : torch.nn.Module
    loss : callable
    problem, rng
        For `loss`.
    fitting : Fitting

    Returns
    -------
    dict of str to torch.Tensor
        The average of weights.
    """
    torch, steps = import_torch(), fitting.steps
    device = next(network.parameters()).device
    scale = torch.tensor([SCALE, 0.0], device=device, requires_grad=True)
    optimiser = torch.optim.Adam([*network.parameters(), scale], RATE)
    average = {name: value.clone() for name, value in network.state_dict().items()}
    begin = _go_on(fitting.state, network, optimiser, average, rng)
    for step in tracked(range(begin, steps), "network", "steps"):
        optimiser.param_groups[0]["lr"] = RATE * _rate(step / steps)
        optimiser.zero_grad()
        loss(network, scale, problem, rng).backward()
        optimiser.step()
        # At first the past is worth little.
        now = min(fitting.average, (step + 1) / (step + 10))
        for name, value in network.state_dict().items():
            if value.is_floating_point():
                average[name].lerp_(value, 1 - now)
        if fitting.state and (step + 1) % KEPT_EVERY == 0:
            _keep(fitting.state, step + 1, network, optimiser, average, rng)
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


def check_training(problem: Problem, steps: int) -> None:
    """Refuse a training that cannot be.

    Raises
    ------
    InstaHideError
        When PyTorch is missing, the scheme has no mask or not two private images, photos are
        few, or `steps` is no positive number.
    """
    if type(steps) is not int or steps < 1:
        raise InstaHideError(f"steps={steps}: give a whole number of 1 or more")
    if len(problem.public) < LEAST_TRAINING:
        raise InstaHideError(
            f"{len(problem.public)} photos: the network learns from {LEAST_TRAINING} or more"
        )
    check_masked(problem)
    import_torch("the similarity whitened, and the assignments cliques and em, do without")
