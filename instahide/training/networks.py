"""Networks that are small enough to be trained on a laptop's processor."""

from typing import Any

from instahide.training.arrays import import_torch


def laptop_network(
    num_classes: int, *, channels: int = 3, width: int = 16, signed: bool = False
):
    """Return a network of about 117,000 parameters for 32×32 images.

    A 4×4 stem with stride 2, then twice: convolution, pool, residual.

    Parameters
    ----------
    num_classes : int
    channels : int
        Of the images.
    width : int
        Channels of the stem; they double twice.
    signed : bool
        Show the network rows as they are released. By default it sees their magnitudes,
        which throws the mask away: the mask then costs nothing, and protects nothing against
        this network.

    Returns
    -------
    torch.nn.Module
        Takes float32 (n, C, H, W) on [-1, 1], H and W multiples of 8; returns logits
        (n, num_classes).
    """
    nn = import_torch().nn

    class Residual(nn.Module):
        def __init__(self, size: int):
            super().__init__()
            self.inner = nn.Sequential(*_layer(nn, size, size), *_layer(nn, size, size))

        def forward(self, x: Any) -> Any:
            return x + self.inner(x)

    class Magnitude(nn.Module):
        def forward(self, x: Any) -> Any:
            return x if signed else x.abs()

    stem = nn.Conv2d(channels, width, 4, stride=2, padding=1, bias=False)
    layers = [Magnitude(), stem, nn.BatchNorm2d(width), nn.ReLU()]
    for size in (width, 2 * width):
        layers += [*_layer(nn, size, 2 * size), nn.MaxPool2d(2), Residual(2 * size)]
    layers += [nn.AdaptiveMaxPool2d(1), nn.Flatten(), nn.Linear(4 * width, num_classes)]
    return nn.Sequential(*layers).to(memory_format=import_torch().channels_last)


def _layer(nn: Any, before: int, after: int) -> list:
    convolution = nn.Conv2d(before, after, 3, padding=1, bias=False)
    return [convolution, nn.BatchNorm2d(after), nn.ReLU()]
