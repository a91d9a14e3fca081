"""The training loop: epochs of batches, with checkpoints that an ended run goes on from.

All that is random in an epoch (order, flips, crops; with a key the encryptions too) is a
function of seed and epoch, so an interrupted run ends with the network of one that was not.
"""

import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from instahide.errors import InstaHideError
from instahide.files import atomic
from instahide.progress import progress_bar
from instahide.training.arrays import import_torch

FORMAT = 1  # of checkpoints
PARTS_OF_CHECKPOINT = {"format", "schedule", "network", "optimizer", "curve"}
PADDING = 3  # of the crops, in pixels


@dataclass(frozen=True)
class Schedule:
    """How a network is trained: SGD with Nesterov momentum, a rate that rises, then falls.

    Attributes
    ----------
    epochs, batch : int
        Passes over the images; images of a batch.
    rate : float
        The peak.
    rise : float
        Share of the steps in which the rate rises, linearly; then it falls to 0.
    momentum, decay : float
        Decay of the weights.
    seed : int
        Of the network's first weights, the order of images, flips and crops.
    bfloat16 : bool
        Compute in 16 bits where PyTorch thinks it safe.
    """

    epochs: int = 10
    batch: int = 128
    rate: float = 0.15
    rise: float = 0.2
    momentum: float = 0.9
    decay: float = 5e-4
    seed: int = 0
    bfloat16: bool = False

    def __post_init__(self):
        if self.epochs < 1 or self.batch < 1:
            raise InstaHideError(
                f"epochs = {self.epochs}, batch = {self.batch}: use 1 or more of each"
            )
        if not (0 < self.rate < math.inf and 0 <= self.rise < 1):
            raise InstaHideError(
                f"rate = {self.rate}, rise = {self.rise}: the rate is more than 0, and rises "
                "for a share of 0 to 1 of the steps"
            )

    def rate_at(self, share: float) -> float:
        """Return the rate after a share of all steps.

        Examples
        --------
        >>> Schedule(rate=1.0, rise=0.2).rate_at(0.1), Schedule(rate=1.0, rise=0.2).rate_at(0.6)
        (0.5, 0.5)
        """
        if share < self.rise:
            return self.rate * share / self.rise
        return self.rate * (1 - share) / (1 - self.rise)


@dataclass
class Trained:
    """A network and how its training went.

    Attributes
    ----------
    network : torch.nn.Module
    curve : list of float
        Mean loss of each epoch.
    """

    network: Any = field(repr=False)
    curve: list[float]


def train(
    network: Any,
    images: Any,
    labels: Any,
    transform: Any,
    schedule: Schedule,
    *,
    checkpoint: Path | str | None = None,
) -> Trained:
    """Train a network on encryptions of images, drawn afresh in every epoch.

    Parameters
    ----------
    network : torch.nn.Module
        Takes rows, returns logits; changed in place.
    images : tensor of uint8, shape (n, C, H, W)
    labels : tensor of int64, shape (n,)
    transform : callable
        `InstaHide`, or `Plain` for training without encryption.
    schedule : Schedule
    checkpoint : path, optional
        Written after every epoch (mode 0600: weights tell of private images). When it is
        there, training goes on from it.

    Raises
    ------
    InstaHideError
        When there are fewer images than a batch has, the loss is no number any more, or the
        checkpoint is damaged or belongs to another schedule or network.
    """
    if len(images) < schedule.batch:
        raise InstaHideError(
            f"batch = {schedule.batch}, and there are {len(images)} images: use a smaller batch"
        )
    optimizer = _optimizer(network, schedule)
    done = _resume(checkpoint, network, optimizer, schedule)
    curve = list(done)
    network.train()
    with progress_bar(schedule.epochs, "training", "epoch", start=len(curve)) as bar:
        for epoch in range(len(curve), schedule.epochs):
            getattr(transform, "set_epoch", _nothing)(epoch)
            batches = epoch_batches(images, labels, schedule, epoch)
            curve.append(
                _epoch(network, optimizer, transform, batches, schedule, epoch, images)
            )
            _save(checkpoint, network, optimizer, schedule, curve)
            bar.update()
    network.eval()
    return Trained(network, curve)


class Plain:
    """Training without encryption: images on [-1, 1], and labels as they are.

    Parameters
    ----------
    num_classes : int
    """

    def __init__(self, num_classes: int):
        self.num_classes = num_classes

    def __call__(self, images: Any, labels: Any) -> tuple[Any, Any]:
        """Return images, float32 on [-1, 1], and labels, float32 (n, num_classes)."""
        functional = import_torch().nn.functional
        return images / 127.5 - 1, functional.one_hot(labels, self.num_classes).float()


def epoch_batches(
    images: Any, labels: Any, schedule: Schedule, epoch: int
) -> Iterator[tuple[Any, Any]]:
    """Yield the batches of an epoch, flipped and cropped; what is left over is not used.

    A function of the schedule's seed and the epoch. Order and crops are no secret of the
    scheme, so they come from PyTorch's generator, which this one alone uses.
    """
    torch = import_torch()
    generator = torch.Generator().manual_seed(schedule.seed * 100_003 + epoch)
    order = torch.randperm(len(images), generator=generator)
    for first in range(0, len(images) - schedule.batch + 1, schedule.batch):
        places = order[first : first + schedule.batch]
        yield augment(images[places], generator), labels[places]


def augment(images: Any, generator: Any) -> Any:
    """Flip half of the images, and move each by up to 3 pixels; what comes in is black.

    Parameters
    ----------
    images : tensor, shape (n, C, H, W)
    generator : torch.Generator
    """
    torch, count = import_torch(), len(images)
    flipped = torch.rand(count, generator=generator) < 0.5
    images = torch.where(flipped.to(images.device)[:, None, None, None], images.flip(3), images)
    height, width = images.shape[2:]
    padded = torch.nn.functional.pad(images, (PADDING,) * 4)
    down, right = torch.randint(0, 2 * PADDING + 1, (2, count), generator=generator)
    rows = (down[:, None] + torch.arange(height)).to(images.device)
    columns = (right[:, None] + torch.arange(width)).to(images.device)
    every = torch.arange(count, device=images.device)[:, None, None]
    moved = padded.permute(0, 2, 3, 1)[every, rows[:, :, None], columns[:, None, :]]
    return moved.permute(0, 3, 1, 2)


def _optimizer(network: Any, schedule: Schedule) -> Any:
    return import_torch().optim.SGD(
        network.parameters(),
        lr=schedule.rate,
        momentum=schedule.momentum,
        nesterov=schedule.momentum > 0,
        weight_decay=schedule.decay,
    )


def _epoch(
    network: Any,
    optimizer: Any,
    transform: Any,
    batches: Iterator[tuple[Any, Any]],
    schedule: Schedule,
    epoch: int,
    images: Any,
) -> float:
    """Train for an epoch; return the mean loss."""
    steps, losses = len(images) // schedule.batch, []
    for step, batch in enumerate(batches):
        rate = schedule.rate_at((epoch + (step + 0.5) / steps) / schedule.epochs)
        for group in optimizer.param_groups:
            group["lr"] = rate
        losses.append(training_step(network, optimizer, *transform(*batch), schedule.bfloat16))
    mean = sum(losses) / len(losses)
    if not math.isfinite(mean):
        raise InstaHideError(
            f"the loss is {mean} in epoch {epoch + 1}: lower the rate ({schedule.rate})"
        )
    return mean


def training_step(
    network: Any, optimizer: Any, rows: Any, soft: Any, bfloat16: bool = False
) -> float:
    """Take one step on a batch of rows and soft labels; return its loss."""
    torch = import_torch()
    rows = rows.contiguous(memory_format=torch.channels_last)
    with torch.autocast(rows.device.type, torch.bfloat16, enabled=bfloat16):
        logits = network(rows)
    loss = torch.nn.functional.cross_entropy(logits.float(), soft)
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    optimizer.step()
    return float(loss.detach())


def _save(
    path: Path | str | None,
    network: Any,
    optimizer: Any,
    schedule: Schedule,
    curve: list[float],
) -> None:
    """Write a checkpoint; what stood there before is replaced when it is whole."""
    if path is None:
        return
    state = {
        "format": FORMAT,
        "schedule": asdict(schedule),
        "network": network.state_dict(),
        "optimizer": optimizer.state_dict(),
        "curve": curve,
    }
    with atomic(path, secret=True, update=True) as temporary:
        import_torch().save(state, temporary)


def _resume(
    path: Path | str | None, network: Any, optimizer: Any, schedule: Schedule
) -> list[float]:
    """Load a checkpoint, where there is one; return the losses of the epochs that are done."""
    if path is None or not Path(path).exists():
        return []
    state = _read(Path(path))
    if state["schedule"] != asdict(schedule):
        raise InstaHideError(
            f"{path} is of another schedule: remove it to begin anew, or give the old one"
        )
    try:
        network.load_state_dict(state["network"])
        optimizer.load_state_dict(state["optimizer"])
    except (RuntimeError, ValueError, KeyError, TypeError):
        raise InstaHideError(
            f"{path} is of another network: remove it to begin anew, or give the old one"
        ) from None
    return state["curve"]


def _read(path: Path) -> dict[str, Any]:
    """Read a checkpoint; `weights_only`, so that no code of the file runs."""
    try:
        state = import_torch().load(path, map_location="cpu", weights_only=True)
    except Exception:  # zip, pickle and storage each have errors of their own
        state = None
    if (
        not isinstance(state, dict)
        or state.keys() != PARTS_OF_CHECKPOINT
        or state["format"] != FORMAT
    ):
        raise InstaHideError(f"{path} is no whole checkpoint: remove it to begin anew")
    return state


def _nothing(epoch: int) -> None:
    """Do nothing: a transform need not know of epochs."""
