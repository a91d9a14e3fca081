"""A small convolutional network that predicts what of an image is error.

It looks at an image in squares of 2 × 2 pixels, each one pixel of four times as many channels,
and is told how large the errors are, as FFDNet is (Zhang et al. 2018): at a quarter of the cost
it sees twice as far, and one network serves all noise levels. What it returns is taken off.

PyTorch is an extra, and is imported when a network is asked for.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from instahide.progress import tracked
from instahide.pytorch import as_planes, import_torch, steadily
from instahide.ssim import K1, K2, WINDOW, ssim

WIDTH, DEPTH = 48, 5  # channels and convolutions
FACTOR = 2  # sides of the squares that are looked at as one
BATCH = 16  # small, for many steps: a processor is as fast as with large ones
PATCH = 32  # most pixels of a side that is learned from at a time
RATE, WARM = 2e-3, 0.1  # the highest learning rate, and the share of steps that it rises in
FIRST_OUTPUT = 0.1  # scale of the last layer at first: errors are small beside images
SIMILARITY = 1.0  # weight of lost SSIM beside the mean square of errors
HELD_OUT = 256  # pairs that tell whether the network is of use, and are not learned from
DENOISED_AT_ONCE = 50


@dataclass(frozen=True)
class Pairs:
    """Images with errors, and without: what a network learns from.

    Attributes
    ----------
    seen, clean : ndarray of float32, shape (N, H, W, C)
    deviation : ndarray of float32, shape (N,)
        Of the errors, positive.
    """

    seen: np.ndarray
    clean: np.ndarray
    deviation: np.ndarray

    def __getitem__(self, some: slice | np.ndarray) -> "Pairs":
        return Pairs(self.seen[some], self.clean[some], self.deviation[some])

    def __len__(self) -> int:
        """Return the number of pairs."""
        return len(self.seen)


@dataclass(frozen=True)
class Denoiser:
    """A network that has learned, and how much better it makes what it has not seen.

    Attributes
    ----------
    network : torch.nn.Module
    before, after : float
        Mean SSIM of pairs that were held out, without the network and with it.
    """

    network: Any
    before: float
    after: float

    def denoise(self, images: np.ndarray, deviation: np.ndarray) -> np.ndarray:
        """Return images without what the network takes for errors.

        Parameters
        ----------
        images : ndarray of float32, shape (n, H, W, C)
        deviation : ndarray of float32, shape (n,)

        Returns
        -------
        ndarray of float32, shape (n, H, W, C)
        """
        with steadily(0):
            return _denoise(self.network, images, deviation)


def train_denoiser(pairs: Pairs, epochs: int, rng: np.random.Generator) -> Denoiser:
    """Train a network on pairs by Adam: mean square over the errors' variance, and SSIM.

    Parameters
    ----------
    pairs : Pairs
        Some of them, a fifth at the most, are held out.
    epochs : int
        How often each of the others is seen.
    rng : numpy.random.Generator
        The same one makes the same network on the same processor.
    """
    torch = import_torch()
    held_out = min(HELD_OUT, len(pairs) // 5)
    known, learned = pairs[:held_out], pairs[held_out:]
    with steadily(int(rng.integers(2**63))):
        network = _make_network(pairs.seen.shape)
        optimiser = torch.optim.Adam(network.parameters(), RATE)
        batches = [
            some
            for _ in range(epochs)
            for some in np.array_split(rng.permutation(len(learned)), -(-len(learned) // BATCH))
        ]
        for step, some in enumerate(tracked(batches, "denoiser", "steps")):
            optimiser.param_groups[0]["lr"] = RATE * _rate(step / len(batches))
            optimiser.zero_grad()
            _loss(network, _cut(learned[some], rng)).backward()
            optimiser.step()
        after = _denoise(network, known.seen, known.deviation)
    before, after = (
        float(ssim(np.clip(x, -1, 1), known.clean).mean()) for x in (known.seen, after)
    )
    return Denoiser(network, before, after)


def _rate(done: float) -> float:
    """Return the learning rate after a share of steps, relative to the highest.

    >>> _rate(0.05), _rate(0.1), round(_rate(1.0), 6)
    (0.5, 1.0, 0.0)
    """
    rising, falling = done / WARM, 0.5 + 0.5 * np.cos(np.pi * (done - WARM) / (1 - WARM))
    return float(rising if done < WARM else falling)


def _cut(pairs: Pairs, rng: np.random.Generator) -> Pairs:
    """Return a piece of each picture, at one place, half of the times flipped."""
    sides = pairs.seen.shape[1:3]
    top, left = (int(rng.integers(max(side - PATCH, 0) + 1)) for side in sides)
    turn = -1 if rng.random() < 0.5 else 1
    seen, clean = (
        x[:, top : top + PATCH, left : left + PATCH][:, :, ::turn]
        for x in (pairs.seen, pairs.clean)
    )
    return Pairs(seen, clean, pairs.deviation)


def _loss(network: Any, pairs: Pairs) -> Any:
    """Return the mean square of what is left of errors, in their variance, and lost SSIM."""
    found, clean = (
        _apply(network, as_planes(pairs.seen), pairs.deviation),
        as_planes(pairs.clean),
    )
    scale = import_torch().from_numpy(1 / pairs.deviation)[:, None, None, None]
    square = ((found - clean) * scale).square().mean()
    return square + SIMILARITY * (1 - similarity_of_planes(found, clean))


def similarity_of_planes(one: Any, other: Any) -> Any:
    """Return the mean `instahide.ssim.ssim` of tensors (n, C, H, W) on [-1, 1], with slopes."""
    functional, count = import_torch().nn.functional, WINDOW**2

    def average(x: Any) -> Any:
        return functional.avg_pool2d(x, WINDOW, stride=1)

    means = average(one), average(other)
    squares, product = means[0] ** 2 + means[1] ** 2, means[0] * means[1]
    power = (average(one**2 + other**2) - squares) * (count / (count - 1))
    common = (average(one * other) - product) * (count / (count - 1))
    alike, contrast = ((k * 2.0) ** 2 for k in (K1, K2))  # values lie on [-1, 1]
    above = (2 * product + alike) * (2 * common + contrast)
    return (above / ((squares + alike) * (power + contrast))).mean()


def _make_network(shape: tuple[int, ...]) -> Any:
    """Return the network for pictures (N, H, W, C), with He's initial weights."""
    nn = import_torch().nn
    inner = FACTOR**2 * shape[3]
    widths = [inner + 1, *[WIDTH] * (DEPTH - 1), inner]
    layers = []
    for before, after in pairwise(widths):
        layer = nn.Conv2d(before, after, 3, padding=1, padding_mode="replicate")
        nn.init.kaiming_normal_(layer.weight)
        nn.init.zeros_(layer.bias)
        layers += [layer, nn.ReLU()]
    layers[-2].weight.data *= FIRST_OUTPUT
    return nn.Sequential(*layers[:-1])


def _apply(network: Any, images: Any, deviation: np.ndarray) -> Any:
    """Return images, a tensor (n, C, H, W), less what the network predicts of errors."""
    torch = import_torch()
    functional, (height, width) = torch.nn.functional, images.shape[2:]
    scale = torch.from_numpy(deviation)[:, None, None, None]
    whole = functional.pad(images, (0, -width % FACTOR, 0, -height % FACTOR), mode="replicate")
    squares = functional.pixel_unshuffle(whole, FACTOR)
    told = scale.expand(-1, 1, *squares.shape[2:])
    # ASSUME: twice and ten times, so that both are of about one size in the challenge of 2020.
    errors = network(torch.cat([2 * squares, 10 * told], dim=1))
    errors = functional.pixel_shuffle(errors, FACTOR)[:, :, :height, :width]
    return images - scale * errors


def _denoise(network: Any, images: np.ndarray, deviation: np.ndarray) -> np.ndarray:
    found = np.empty_like(images)
    with import_torch().no_grad():
        for start in range(0, len(images), DENOISED_AT_ONCE):
            some = slice(start, start + DENOISED_AT_ONCE)
            clean = _apply(network, as_planes(images[some]), deviation[some])
            found[some] = clean.numpy().transpose(0, 2, 3, 1)
    return found
