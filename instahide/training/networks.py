"""Networks: one that is small enough for a laptop's processor, and the paper's."""

from typing import Any

from instahide.pytorch import import_torch


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
        Takes float32 (n, C, H, W) on [-1, 1], H and W of 8 or more; returns logits
        (n, num_classes).
    """
    nn = import_torch().nn

    class Residual(nn.Module):
        def __init__(self, size: int):
            super().__init__()
            self.inner = nn.Sequential(*_layer(nn, size, size), *_layer(nn, size, size))

        def forward(self, x: Any) -> Any:
            return x + self.inner(x)

    stem = nn.Conv2d(channels, width, 4, stride=2, padding=1, bias=False)
    layers = [_shown(nn, signed), stem, nn.BatchNorm2d(width), nn.ReLU()]
    for size in (width, 2 * width):
        layers += [*_layer(nn, size, 2 * size), nn.MaxPool2d(2), Residual(2 * size)]
    layers += [nn.AdaptiveMaxPool2d(1), nn.Flatten(), nn.Linear(4 * width, num_classes)]
    return nn.Sequential(*layers).to(memory_format=import_torch().channels_last)


def resnet18(num_classes: int, *, channels: int = 3, signed: bool = False):
    """Return ResNet-18 as it is used on 32×32 images, of about 11 million parameters.

    A 3×3 stem without a pool, then four stages of two blocks with 64, 128, 256 and 512
    channels (He et al. 2016, Deep residual learning, whose own stem is for larger images).

    Parameters
    ----------
    num_classes, channels, signed
        As for `laptop_network`.

    Returns
    -------
    torch.nn.Module
        Takes float32 (n, C, H, W) on [-1, 1]; returns logits (n, num_classes).
    """
    nn = import_torch().nn

    class Block(nn.Module):
        def __init__(self, before: int, after: int, stride: int):
            super().__init__()
            first = nn.Conv2d(before, after, 3, stride=stride, padding=1, bias=False)
            second = nn.Conv2d(after, after, 3, padding=1, bias=False)
            self.inner = nn.Sequential(
                first, nn.BatchNorm2d(after), nn.ReLU(), second, nn.BatchNorm2d(after)
            )
            self.short = nn.Identity()
            if stride > 1 or before != after:
                short = nn.Conv2d(before, after, 1, stride=stride, bias=False)
                self.short = nn.Sequential(short, nn.BatchNorm2d(after))

        def forward(self, x: Any) -> Any:
            return nn.functional.relu(self.inner(x) + self.short(x))

    layers = [_shown(nn, signed), *_layer(nn, channels, 64)]
    for before, after, stride in ((64, 64, 1), (64, 128, 2), (128, 256, 2), (256, 512, 2)):
        layers += [Block(before, after, stride), Block(after, after, 1)]
    layers += [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(512, num_classes)]
    return nn.Sequential(*layers).to(memory_format=import_torch().channels_last)


def _shown(nn: Any, signed: bool) -> Any:
    """Return what a network sees rows through: as they are, or their magnitudes."""

    class Magnitude(nn.Module):
        def forward(self, x: Any) -> Any:
            return x.abs()

    return nn.Identity() if signed else Magnitude()


def _layer(nn: Any, before: int, after: int) -> list:
    convolution = nn.Conv2d(before, after, 3, padding=1, bias=False)
    return [convolution, nn.BatchNorm2d(after), nn.ReLU()]
