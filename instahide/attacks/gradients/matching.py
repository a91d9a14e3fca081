"""Inputs found by matching gradients: what is known of one training step of any network.

Whoever sees the weights and a step's gradient looks for inputs whose gradient has the same
direction (Geiping et al. 2020, Inverting gradients, section 4): Adam on

    1 - cos(g(x), g) + a · total variation of x,

each layer's gradient a part of one long vector, the inputs kept on [-1, 1]. Labels are taken as
known; of a step on one row they are (`instahide.attacks.gradients.lastlayer`).

Geiping et al. hand Adam the slope's signs, and cut its rate by ten after three eighths, five
eighths and seven eighths of the steps. Where the network is smooth (GELU), the slope itself,
with a rate that falls to 0 in a line, needs a fifth of the steps (`Matching.signed`).

Steps are searched through many at a time, each with the weights that the network had before
it: one step of a small network is too little work to keep a processor busy.

Total variation speaks for smooth images. Under a mask a row is nothing of the kind, and an
attacker sets its weight to 0 there.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from instahide.errors import InstaHideError
from instahide.pytorch import as_planes, import_torch

CUTS, CUT = (0.375, 0.625, 0.875), 0.1  # of the rate, after these shares of the steps
START = 0.1  # standard deviation of the inputs that the search begins with


@dataclass(frozen=True)
class Matching:
    """How to search.

    Attributes
    ----------
    steps : int
    rate : float
        Of Adam, at first.
    variation : float
        Weight of total variation; 0 for rows under a mask.
    starts : int
        From how many random inputs; that whose gradient fits best is kept.
    signed : bool
        Adam sees the signs of the slope, as published, or else the slope.
    """

    steps: int = 600
    rate: float = 0.05
    variation: float = 1e-3
    starts: int = 1
    signed: bool = True


@dataclass(frozen=True)
class SeenSteps:
    """What somebody saw of s training steps, each on a batch of b rows.

    Attributes
    ----------
    weights : sequence of ndarray, each of shape (s, ...)
        The parameters before each step, in the network's order.
    gradients : sequence of ndarray, each of shape (s, ...)
        Of the same shapes; see `gradient_of`.
    labels : ndarray of float32, shape (s, b, classes)
    """

    weights: Sequence[np.ndarray]
    gradients: Sequence[np.ndarray]
    labels: np.ndarray


def gradient_of(network: Any, rows: np.ndarray, labels: np.ndarray) -> list[np.ndarray]:
    """Return the gradient of a training step: the loss is the mean cross entropy.

    Parameters
    ----------
    network : torch.nn.Module
    rows : ndarray of float32, shape (batch, H, W, C)
    labels : ndarray of float32, shape (batch, classes)
        Soft ones.

    Returns
    -------
    list of ndarray
        One for each parameter, in order.
    """
    torch = import_torch()
    loss = _loss(network, as_planes(rows), torch.from_numpy(labels))
    return [part.numpy() for part in torch.autograd.grad(loss, tuple(network.parameters()))]


def match_gradient(
    network: Any,
    gradient: Sequence[np.ndarray],
    labels: np.ndarray,
    shape: tuple[int, ...],
    rng: np.random.Generator,
    settings: Matching,
) -> np.ndarray:
    """Search for the rows whose gradient was seen.

    Parameters
    ----------
    network : torch.nn.Module
        With the weights that it had before the step.
    gradient : sequence of ndarray
        See `gradient_of`.
    labels : ndarray of float32, shape (batch, classes)
        Known.
    shape : tuple of int
        (H, W, C).
    rng : numpy.random.Generator
    settings : Matching

    Returns
    -------
    ndarray of float32, shape (batch, H, W, C), range [-1, 1]
        In the order of the labels; rows of equal labels in any order.

    Raises
    ------
    InstaHideError
        When the gradient is not this network's, or holds what is no number.
    """
    weights = [parameter.detach().numpy()[None] for parameter in network.parameters()]
    seen = SeenSteps(weights, [np.asarray(part)[None] for part in gradient], labels[None])
    return match_steps(network, seen, shape, rng, settings)[0]


def match_steps(
    network: Any,
    seen: SeenSteps,
    shape: tuple[int, ...],
    rng: np.random.Generator,
    settings: Matching,
) -> np.ndarray:
    """Search for the rows of many steps at once, each for itself.

    Some sixteen steps at a time take half the time of each alone.

    Parameters
    ----------
    network : torch.nn.Module
        Its own weights do not count. Without layers that look at several rows at once, such as
        batch normalisation in training.
    seen : SeenSteps
    shape : tuple of int
        (H, W, C).
    rng : numpy.random.Generator
    settings : Matching

    Returns
    -------
    ndarray of float32, shape (s, batch, H, W, C), range [-1, 1]
        Each step's as `match_gradient` returns them.

    Raises
    ------
    InstaHideError
        When weights or gradients are not this network's, or hold what is no number.
    """
    _check_parts(network, seen.weights, "weights", len(seen.labels))
    _check_parts(network, seen.gradients, "gradient", len(seen.labels))
    search = _Search(network, seen, settings)
    far = np.full(len(seen.labels), np.inf, np.float32)
    best = np.empty((*seen.labels.shape[:2], *shape), np.float32)
    for _ in range(settings.starts):
        drawn = START * rng.standard_normal(best.shape, np.float32)
        distance, found = search.run(drawn)
        nearer = distance < far
        far[nearer], best[nearer] = distance[nearer], found[nearer]
    return best


def _check_parts(network: Any, parts: Sequence[np.ndarray], what: str, steps: int) -> None:
    """Refuse what has other shapes than a network's parameters, or holds no numbers."""
    shapes = [(steps, *parameter.shape) for parameter in network.parameters()]
    found = [np.shape(part) for part in parts]
    if shapes != found:
        raise InstaHideError(
            f"the {what}'s shapes, each after the number of steps, are {found}, and the "
            f"network's {shapes}"
        )
    if not all(np.isfinite(part).all() for part in parts):
        raise InstaHideError(f"the {what} holds what is no number: that step tells nothing")


class _Search:
    """Adam on the inputs of several steps."""

    def __init__(self, network: Any, seen: SeenSteps, settings: Matching):
        self.settings = settings
        self.weights, self.seen = (
            tuple(import_torch().from_numpy(np.array(part, np.float32)) for part in parts)
            for parts in (seen.weights, seen.gradients)
        )
        self.labels = import_torch().from_numpy(np.array(seen.labels, np.float32))
        self.gradients = _gradients_of(network)

    def run(self, drawn: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return how far each step's gradient is from the one seen at the end, and the rows."""
        torch, (steps, batch) = import_torch(), drawn.shape[:2]
        rows = as_planes(drawn.reshape(-1, *drawn.shape[2:])).unflatten(0, (steps, batch))
        rows.requires_grad_()
        adam, schedule = self._optimiser(rows)
        for _ in range(self.settings.steps):
            rows.grad = self._direction(rows)
            adam.step()
            schedule.step()
            with torch.no_grad():
                rows.clamp_(-1, 1)
        with torch.no_grad():
            apart = 1 - _cosines(self.gradients(self.weights, rows, self.labels), self.seen)
        return apart.numpy(), rows.detach().permute(0, 1, 3, 4, 2).numpy()

    def _optimiser(self, rows: Any) -> tuple[Any, Any]:
        """Return Adam, and how its rate falls."""
        optim, settings = import_torch().optim, self.settings
        adam = optim.Adam([rows], settings.rate)
        if settings.signed:
            cuts = [int(share * settings.steps) for share in CUTS]
            return adam, optim.lr_scheduler.MultiStepLR(adam, cuts, CUT)
        return adam, optim.lr_scheduler.LambdaLR(adam, lambda step: 1 - step / settings.steps)

    def _direction(self, rows: Any) -> Any:
        """Return the slope of the goal, or its signs."""
        parts = self.gradients(self.weights, rows, self.labels)
        goals = 1 - _cosines(parts, self.seen)
        if self.settings.variation:
            goals = goals + self.settings.variation * _variations(rows)
        (slope,) = import_torch().autograd.grad(goals.sum(), rows)
        if self.settings.signed:
            return slope.sign()
        # Of one size all along: Adam would remember the steep slopes of the beginning.
        size = slope.square().flatten(1).mean(dim=1).sqrt()
        return slope / (size + 1e-30).view(-1, 1, 1, 1, 1)


def _gradients_of(network: Any) -> Callable:
    """Return the gradients of several steps, as a function of weights, rows and labels."""
    func, names = import_torch().func, [name for name, _ in network.named_parameters()]

    def loss(weights: tuple, rows: Any, labels: Any) -> Any:
        given = dict(zip(names, weights, strict=True))
        return _loss(lambda x: func.functional_call(network, given, (x,)), rows, labels)

    return func.vmap(func.grad(loss))


def _cosines(parts: Sequence[Any], others: Sequence[Any]) -> Any:
    """Return the cosine between each step's two gradients."""
    product, one, other = (
        sum((a * b).flatten(1).sum(dim=1) for a, b in zip(x, y, strict=True))
        for x, y in ((parts, others), (parts, parts), (others, others))
    )
    return product / (one.sqrt() * other.sqrt() + 1e-20)


def _variations(rows: Any) -> Any:
    """Return each step's mean absolute difference of neighbours, down and across."""
    down, across = rows[..., 1:, :] - rows[..., :-1, :], rows[..., 1:] - rows[..., :-1]
    return down.abs().flatten(1).mean(dim=1) + across.abs().flatten(1).mean(dim=1)


def _loss(network: Callable, rows: Any, labels: Any) -> Any:
    """Return the mean cross entropy with soft labels."""
    likely = import_torch().nn.functional.log_softmax(network(rows), dim=1)
    return -(labels * likely).sum(dim=1).mean()
