"""A network that corrects colours pixel by pixel: 3 values, 10 hidden units, 3 values."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from instahide.pytorch import import_torch, steadily

HIDDEN_UNITS = 10  # as published
STEPS, BATCH, RATE = 2000, 4096, 3e-3
HELD_BACK = 5  # one of so many images tells how good it is, and is not learned from


@dataclass(frozen=True)
class Colours:
    """What corrects colours.

    Attributes
    ----------
    network : torch.nn.Module
    channels : int
    before, after : float
        Mean squared error of images that were held out, without it and with it.
    """

    network: Any
    channels: int
    before: float
    after: float

    def __call__(self, images: np.ndarray) -> np.ndarray:
        """Return images, shape (n, d), with other colours, float32 on [-1, 1]."""
        with steadily(0):
            return _apply(self.network, images, self.channels)


def learn_colours(
    seen: np.ndarray, clean: np.ndarray, channels: int, rng: np.random.Generator
) -> Colours:
    """Learn the colours of pixels from those that were recovered, by mean square and Adam.

    Parameters
    ----------
    seen, clean : ndarray of float32, shape (n, d)
        Images as recovered, and as they are.
    channels : int
        The last axis of an image.
    rng : numpy.random.Generator
    """
    torch = import_torch()
    held = max(1, len(seen) // HELD_BACK)
    pixels = [torch.from_numpy(x[held:].reshape(-1, channels).copy()) for x in (seen, clean)]
    with steadily(int(rng.integers(2**63))):
        network = _make_network(channels)
        optimiser = torch.optim.Adam(network.parameters(), RATE)
        for _ in range(STEPS):
            some = rng.integers(0, len(pixels[0]), BATCH)
            optimiser.zero_grad()
            (network(pixels[0][some]) - pixels[1][some]).square().mean().backward()
            optimiser.step()
        after = _apply(network, seen[:held], channels)
    errors = (float(((x - clean[:held]) ** 2).mean()) for x in (seen[:held], after))
    return Colours(network, channels, *errors)


def _make_network(channels: int) -> Any:
    nn = import_torch().nn
    return nn.Sequential(
        nn.Linear(channels, HIDDEN_UNITS), nn.ReLU(), nn.Linear(HIDDEN_UNITS, channels)
    )


def _apply(network: Any, images: np.ndarray, channels: int) -> np.ndarray:
    torch = import_torch()
    with torch.no_grad():
        found = network(torch.from_numpy(images.reshape(-1, channels).copy())).numpy()
    return np.clip(found, -1, 1).reshape(images.shape)
