"""Networks that tell whether two rows share a private image.

`laptop` looks at each row alone and gives it a feature vector; two rows' score is the cosine
of theirs, so all pairs cost one product of matrices. `paper` is the network of 2020: a wide
residual network (Zagoruyko and Komodakis 2016) of depth 28 and width 6 that looks at |x| and
|y| of two rows, laid over each other in twice as many channels. It finds what rows have in
common at any depth, but every pair is a pass of its own.
"""

from typing import Any

import numpy as np

from instahide.pytorch import as_planes, import_torch

SQUARE = 2  # sides of squares that the small network looks at as one pixel
WIDTH, BLOCKS = 32, 2  # channels and residual blocks of the small network
MAPS = 8  # features for each of its pixels
PAPER_DEPTH, PAPER_WIDTH = 28, 6
PROTOTYPES = 3  # rows of a cluster that the second network sees at a time, as published


def make_row_network(
    shape: tuple[int, ...], width: int = WIDTH, blocks: int = BLOCKS, maps: int = MAPS
) -> Any:
    """Return the small network, from (n, C, H, W) to features (n, maps · H/2 · W/2).

    Parameters
    ----------
    shape : tuple of int
        (H, W, C); even height and width.
    width, blocks, maps : int
    """
    nn = import_torch().nn
    height, across, channels = shape
    count = maps * (height // SQUARE) * (across // SQUARE)
    layers = [nn.PixelUnshuffle(SQUARE), _convolution(channels * SQUARE**2, width), nn.ReLU()]
    layers += [_residual_block(width) for _ in range(blocks)]
    layers += [nn.Conv2d(width, maps, 1), nn.Flatten(), nn.BatchNorm1d(count)]
    return nn.Sequential(*layers)


def make_prototype_network(
    shape: tuple[int, ...], width: int = WIDTH, blocks: int = BLOCKS, maps: int = MAPS
) -> Any:
    """Return the small network that sets rows beside what prototypes have in common.

    It sees every row alone at first, prototypes and candidates alike; of prototypes the mean
    goes on, through a block more. What comes out are features of unit length, of candidates
    and of prototypes, both (n, maps · H/2 · W/2).

    Parameters
    ----------
    shape, width, blocks, maps
        See `make_row_network`.
    """
    nn = import_torch().nn
    height, across, channels = shape
    count = maps * (height // SQUARE) * (across // SQUARE)
    unit = nn.functional.normalize

    class Prototypes(nn.Module):
        def __init__(self):
            super().__init__()
            first = _convolution(channels * SQUARE**2, width)
            inner = (_residual_block(width) for _ in range(blocks))
            self.rows = nn.Sequential(nn.PixelUnshuffle(SQUARE), first, nn.ReLU(), *inner)
            self.alone = _as_features(width, maps, count)
            self.pooled = nn.Sequential(
                _residual_block(width), _as_features(width, maps, count)
            )

        def candidates(self, planes: Any) -> Any:
            return unit(self.alone(self.rows(planes)))

        def common(self, planes: Any, prototypes: np.ndarray) -> Any:
            seen = self.rows(planes[prototypes.ravel()])
            return unit(self.pooled(seen.unflatten(0, prototypes.shape).mean(1)))

        def forward(self, planes: Any, prototypes: np.ndarray) -> Any:
            seen = self.rows(planes)
            return unit(self.alone(seen)), unit(self.pooled(seen[prototypes].mean(1)))

    return Prototypes()


def _as_features(width: int, maps: int, count: int) -> Any:
    """Return layers from maps to features, each of about unit size."""
    nn = import_torch().nn
    return nn.Sequential(nn.Conv2d(width, maps, 1), nn.Flatten(), nn.BatchNorm1d(count))


def make_pair_network(
    channels: int, depth: int = PAPER_DEPTH, width: int = PAPER_WIDTH, rows: int = 2
) -> Any:
    """Return the wide residual network, from (n, rows · C, H, W) to scores (n, 1).

    Parameters
    ----------
    channels : int
        C of one row.
    depth : int
        6·b + 4 for b blocks of each width.
    width : int
        Times 16, 32 and 64 channels.
    rows : int
        That are laid over each other.
    """
    nn = import_torch().nn
    blocks, widths = (depth - 4) // 6, [16 * width, 32 * width, 64 * width]
    layers, before = [_convolution(rows * channels, 16)], 16
    for number, after in enumerate(widths):
        for block in range(blocks):
            layers.append(_wide_block(before, after, 2 if number and not block else 1))
            before = after
    layers += [nn.BatchNorm2d(before), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten()]
    return nn.Sequential(*layers, nn.Linear(before, 1))


def _convolution(before: int, after: int, stride: int = 1, size: int = 3) -> Any:
    nn = import_torch().nn
    layer = nn.Conv2d(before, after, size, stride, padding=size // 2, bias=False)
    nn.init.kaiming_normal_(layer.weight)
    return layer


def _residual_block(width: int) -> Any:
    """Return a block of two convolutions whose result is added to what goes in."""
    nn = import_torch().nn
    inner = nn.Sequential(
        _convolution(width, width), nn.BatchNorm2d(width), nn.ReLU(), _convolution(width, width)
    )
    return _added(inner, nn.Identity())


def _wide_block(before: int, after: int, stride: int) -> Any:
    """Return a block of the wide residual network, normalised before each convolution."""
    nn = import_torch().nn
    inner = nn.Sequential(
        nn.BatchNorm2d(before), nn.ReLU(), _convolution(before, after, stride),
        nn.BatchNorm2d(after), nn.ReLU(), _convolution(after, after),
    )  # fmt: skip
    same = before == after and stride == 1
    return _added(inner, nn.Identity() if same else _convolution(before, after, stride, 1))


def _added(inner: Any, past: Any) -> Any:
    """Return a module that adds what two modules make of one input."""
    nn = import_torch().nn

    class Added(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner, self.past = inner, past

        def forward(self, x: Any) -> Any:
            return self.past(x) + self.inner(x)

    return Added()


def planes_of(rows: np.ndarray) -> Any:
    """Return rows (n, H, W, C) as a tensor (n, C, H, W), about centred."""
    return 4 * as_planes(rows) - 1
