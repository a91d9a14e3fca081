"""The training loop: epochs of batches, with checkpoints that an ended run goes on from.

All that is random in an epoch (order, flips, crops; with a key the encryptions too) is a
function of seed and epoch, so an interrupted run ends with the network of one that was not.
"""

import hashlib
import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Any

import numpy as np

from instahide.errors import InstaHideError
from instahide.files import atomic
from instahide.progress import Progress, progress_bar
from instahide.pytorch import import_torch
from instahide.training.recorded import Recorded
from instahide.training.schedule import Schedule

FORMAT = 1  # of checkpoints
PARTS_OF_CHECKPOINT = {"format", "schedule", "course", "network", "optimizer", "curve"}


@dataclass(frozen=True)
class Epoch:
    """What is told of an epoch.

    Attributes
    ----------
    loss : float
        Mean of its batches, of the soft labels.
    processor_seconds : float
        Of this process and its threads.
    """

    loss: float
    processor_seconds: float


@dataclass
class Trained:
    """A network and how its training went.

    Attributes
    ----------
    network : torch.nn.Module
    curve : list of Epoch
    """

    network: Any = field(repr=False)
    curve: list[Epoch]


def train(
    network: Any,
    images: Any,
    labels: Any,
    transform: Any,
    schedule: Schedule,
    *,
    recorded: Recorded | None = None,
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
    recorded : Recorded, optional
        Rows of a challenge, of other images, to train on too: those of an epoch are spread
        over its batches.
    checkpoint : path, optional
        Written after every epoch (mode 0600: weights tell of private images). When it is
        there, training goes on from it.

    Raises
    ------
    InstaHideError
        When there are fewer images than a batch has, the loss is no number any more, or the
        checkpoint is damaged or belongs to another schedule or network.
    """
    course = Course(images, labels, transform, schedule, recorded)
    optimizer = _optimizer(network, schedule)
    shown = course.digest(network) if checkpoint else ""
    curve = _resume(checkpoint, network, optimizer, schedule, shown)
    network.train()
    steps, done = course.steps, len(curve)
    with progress_bar(schedule.epochs * steps, "training", "step", start=done * steps) as bar:
        for epoch in range(done, schedule.epochs):
            curve.append(_train_epoch(network, optimizer, course, epoch, bar))
            _save(checkpoint, network, optimizer, schedule, curve, shown)
    network.eval()
    return Trained(network, curve)


@dataclass(frozen=True)
class Course:
    """All that a network is shown, epoch by epoch; the arguments of `train`."""

    images: Any = field(repr=False)
    labels: Any = field(repr=False)
    transform: Any
    schedule: Schedule
    recorded: Recorded | None = None

    def __post_init__(self):
        if self.steps < 1:
            raise InstaHideError(
                f"batch = {self.schedule.batch}, and there are {self._count} images: use a "
                "smaller batch"
            )
        if self.recorded is not None:
            self.recorded.check(self.schedule.epochs)

    @property
    def steps(self) -> int:
        """Batches of an epoch; what is left over is not used."""
        return self._count // self.schedule.batch

    @property
    def _count(self) -> int:
        return len(self.images) + (self.recorded.images if self.recorded else 0)

    def digest(self, network: Any) -> str:
        """Return 16 hexadecimal digits for the images, the transform and a network's layers."""
        digest = hashlib.sha256(f"{network}\0{_described(self.transform)}".encode())
        for part in (self.images, self.labels):
            digest.update(part.cpu().contiguous().numpy().data)
        if self.recorded is not None:
            digest.update(np.ascontiguousarray(self.recorded.encryption[:1]).data)
        return digest.hexdigest()[:16]

    def batches(self, epoch: int) -> Iterator[tuple[Any, Any]]:
        """Yield rows, float32, and soft labels of an epoch's batches."""
        getattr(self.transform, "set_epoch", _nothing)(epoch)
        shares = self._recorded_shares(epoch)
        taken = [len(share[0]) if share else 0 for share in shares]
        sizes = [max(0, self.schedule.batch - count) for count in taken]
        plain = epoch_batches(self.images, self.labels, self.schedule, epoch, sizes)
        for share, batch in zip(shares, plain, strict=True):
            made = [self.transform(*batch)] if len(batch[0]) else []
            made += [share] if share else []
            yield tuple(map(import_torch().cat, zip(*made, strict=True)))

    def _recorded_shares(self, epoch: int) -> list[tuple[Any, Any] | None]:
        """Return the recorded rows of each batch."""
        if self.recorded is None:
            return [None] * self.steps
        rows, soft = (
            import_torch().from_numpy(array).to(self.images.device)
            for array in self.recorded.epoch(epoch)
        )
        count, steps = len(rows), self.steps
        bounds = [min(count, -(-count * step // steps)) for step in range(steps + 1)]
        return [(rows[a:b], soft[a:b]) for a, b in pairwise(bounds)]


class Plain:
    """Training without encryption: images on [-1, 1], and labels as they are.

    Parameters
    ----------
    num_classes : int
    """

    def __init__(self, num_classes: int):
        self.num_classes = num_classes

    def __repr__(self) -> str:
        return f"Plain({self.num_classes})"

    def __call__(self, images: Any, labels: Any) -> tuple[Any, Any]:
        """Return images, float32 on [-1, 1], and labels, float32 (n, num_classes)."""
        functional = import_torch().nn.functional
        return images / 127.5 - 1, functional.one_hot(labels, self.num_classes).float()


def epoch_batches(
    images: Any,
    labels: Any,
    schedule: Schedule,
    epoch: int,
    sizes: Sequence[int] | None = None,
) -> Iterator[tuple[Any, Any]]:
    """Yield batches of an epoch, flipped and cropped; what is left over is not used.

    A function of the schedule's seed, the epoch and the sizes of the batches, by default all
    the schedule's. Order and crops are no secret of the scheme, so they come from PyTorch's
    generator, which this one alone uses.
    """
    if sizes is None:
        sizes = [schedule.batch] * (len(images) // schedule.batch)
    torch = import_torch()
    generator = torch.Generator().manual_seed(schedule.seed * 100_003 + epoch)
    order = torch.randperm(len(images), generator=generator)
    for start, stop in pairwise(accumulate(sizes, initial=0)):
        places = order[start:stop].to(images.device)
        yield augment(images[places], generator, schedule), labels[places]


def augment(images: Any, generator: Any, schedule: Schedule) -> Any:
    """Flip half of the images, and move each by some pixels; what comes in is black.

    Parameters
    ----------
    images : tensor, shape (n, C, H, W)
    generator : torch.Generator
    schedule : Schedule
        Its `flip` and `padding`.
    """
    torch, count = import_torch(), len(images)
    if schedule.flip:
        flipped = (torch.rand(count, generator=generator) < 0.5).to(images.device)
        images = torch.where(flipped[:, None, None, None], images.flip(3), images)
    if not schedule.padding:
        return images
    height, width = images.shape[2:]
    padded = torch.nn.functional.pad(images, (schedule.padding,) * 4)
    down, right = torch.randint(0, 2 * schedule.padding + 1, (2, count), generator=generator)
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
        nesterov=schedule.nesterov,
        weight_decay=schedule.decay,
    )


def _train_epoch(
    network: Any, optimizer: Any, course: Course, epoch: int, bar: Progress
) -> Epoch:
    """Train for an epoch."""
    schedule, begin, losses = course.schedule, time.process_time(), []
    for step, batch in enumerate(course.batches(epoch)):
        rate = schedule.rate_at((epoch + (step + 0.5) / course.steps) / schedule.epochs)
        for group in optimizer.param_groups:
            group["lr"] = rate
        losses.append(training_step(network, optimizer, *batch, schedule.bfloat16))
        bar.update()
    mean = sum(losses) / len(losses)
    if not math.isfinite(mean):
        raise InstaHideError(
            f"the loss is {mean} in epoch {epoch + 1}: the rate ({schedule.rate}) is too high, "
            "or rows or weights are no numbers"
        )
    return Epoch(mean, time.process_time() - begin)


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
    curve: list[Epoch],
    shown: str,
) -> None:
    """Write a checkpoint; what stood there before is replaced when it is whole."""
    if path is None:
        return
    state = {
        "format": FORMAT,
        "schedule": asdict(schedule),
        "course": shown,
        "network": network.state_dict(),
        "optimizer": optimizer.state_dict(),
        "curve": [asdict(epoch) for epoch in curve],
    }
    with atomic(path, secret=True, update=True) as temporary:
        import_torch().save(state, temporary)


def _resume(
    path: Path | str | None, network: Any, optimizer: Any, schedule: Schedule, shown: str
) -> list[Epoch]:
    """Load a checkpoint, where there is one; return the epochs that are done."""
    if path is None or not Path(path).exists():
        return []
    state = _read(Path(path))
    if state["schedule"] != asdict(schedule):
        raise InstaHideError(
            f"{path} is of another schedule: remove it to begin anew, or give the old one"
        )
    if state["course"] != shown:
        raise InstaHideError(
            f"{path} is of other images, another transform or another network: remove it to "
            "begin anew, or give another checkpoint"
        )
    try:
        network.load_state_dict(state["network"])
        optimizer.load_state_dict(state["optimizer"])
        curve = [Epoch(**epoch) for epoch in state["curve"]]
    except (RuntimeError, ValueError, KeyError, TypeError):
        raise InstaHideError(
            f"{path} is of another network: remove it to begin anew, or give the old one"
        ) from None
    return curve


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


def _described(transform: Any) -> str:
    """Return what a transform is, as far as it says: no address, which no other run has."""
    kind = type(transform)
    named = getattr(transform, "__qualname__", None)  # of a function
    return named or (kind.__qualname__ if kind.__repr__ is object.__repr__ else repr(transform))


def _nothing(epoch: int) -> None:
    """Do nothing: a transform need not know of epochs."""
