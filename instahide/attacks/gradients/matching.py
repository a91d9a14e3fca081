"""Inputs found by matching gradients: what is known of one training step of any network.

Whoever sees the weights and a step's gradient looks for inputs whose gradient has the same
direction (Geiping et al. 2020, Inverting gradients, section 4): Adam on the signs of

    1 - cos(g(x), g) + a · total variation of x,

each layer's gradient a part of one long vector, the inputs kept on [-1, 1], the rate cut by ten
after three eighths, five eighths and seven eighths of the steps. Labels are taken as known.

Total variation speaks for smooth images. Under a mask a row is nothing of the kind, and an
attacker sets its weight to 0 there.
"""

from collections.abc import Sequence
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
    """

    steps: int = 600
    rate: float = 0.05
    variation: float = 1e-3
    starts: int = 1


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
    torch = import_torch()
    _check_gradient(network, gradient)
    seen = [torch.from_numpy(np.asarray(part, np.float32)) for part in gradient]
    labels, best = torch.from_numpy(labels), (np.inf, None)
    for _ in range(settings.starts):
        drawn = START * rng.standard_normal((len(labels), *shape), np.float32)
        found = _search(network, seen, labels, as_planes(drawn), settings)
        best = min(best, found, key=lambda pair: pair[0])
    return best[1].transpose(0, 2, 3, 1).copy()


def _check_gradient(network: Any, gradient: Sequence[np.ndarray]) -> None:
    """Refuse a gradient that has other shapes than a network's parameters, or no numbers."""
    shapes = [tuple(parameter.shape) for parameter in network.parameters()]
    found = [np.shape(part) for part in gradient]
    if shapes != found:
        raise InstaHideError(f"the gradient's shapes are {found}, and the network's {shapes}")
    if not all(np.isfinite(part).all() for part in gradient):
        raise InstaHideError("the gradient holds what is no number: that step tells nothing")


def _search(
    network: Any, seen: list[Any], labels: Any, rows: Any, settings: Matching
) -> tuple[float, np.ndarray]:
    """Return how far the gradient is from the one seen at the end, and the rows."""
    torch, distance = import_torch(), 2.0
    rows.requires_grad_()
    adam = torch.optim.Adam([rows], settings.rate)
    cuts = [int(share * settings.steps) for share in CUTS]
    schedule = torch.optim.lr_scheduler.MultiStepLR(adam, cuts, CUT)
    for _ in range(settings.steps):
        loss = _loss(network, rows, labels)
        parts = torch.autograd.grad(loss, tuple(network.parameters()), create_graph=True)
        apart = 1 - _cosine(parts, seen)
        goal = apart + settings.variation * _variation(rows) if settings.variation else apart
        (slope,) = torch.autograd.grad(goal, rows)
        rows.grad, distance = slope.sign(), apart.item()
        adam.step()
        schedule.step()
        with torch.no_grad():
            rows.clamp_(-1, 1)
    return distance, rows.detach().numpy()


def _cosine(parts: Sequence[Any], others: Sequence[Any]) -> Any:
    """Return the cosine between two gradients."""
    product, one, other = (
        sum((a * b).sum() for a, b in zip(x, y, strict=True))
        for x, y in ((parts, others), (parts, parts), (others, others))
    )
    return product / (one.sqrt() * other.sqrt() + 1e-20)


def _variation(rows: Any) -> Any:
    """Return the mean absolute difference of neighbours, down and across."""
    down, across = rows[:, :, 1:] - rows[:, :, :-1], rows[..., 1:] - rows[..., :-1]
    return down.abs().mean() + across.abs().mean()


def _loss(network: Any, rows: Any, labels: Any) -> Any:
    """Return the mean cross entropy with soft labels."""
    likely = import_torch().nn.functional.log_softmax(network(rows), dim=1)
    return -(labels * likely).sum(dim=1).mean()
