"""Calls of anybody's transform on the probes: often, seeded, in workers, by epochs."""

import contextlib
import functools
import multiprocessing
import random
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from instahide.errors import InstaHideError
from instahide.pytorch import import_torch
from instahide.training.arrays import as_array
from instahide.training.probes import LABELS_OF_PROBES, PRIVATE, Rows, probe_images, read_probes

Inputs = Literal["uint8", "unit", "signed"]
INPUTS: tuple[Inputs, ...] = ("uint8", "unit", "signed")
WORKERS, OF_WORKER = 2, 2  # processes; calls of each in an epoch
EPOCHS = 2


@dataclass(frozen=True)
class Trial:
    """A transform and how it is called.

    Attributes
    ----------
    transform : callable
        ``(images, labels)`` to (encryptions, soft labels).
    inputs : {"uint8", "unit", "signed"}
        Bytes, or floats on [0, 1] or [-1, 1].
    torch : bool
        Tensors, and workers of a DataLoader; else arrays, and processes of our own.
    """

    transform: Callable[[Any, Any], tuple[Any, Any]]
    inputs: Inputs = "uint8"
    torch: bool = True

    def call(self, number: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the rows and labels of a batch: the private probes in an order of its own."""
        order = np.random.default_rng(number).permutation(PRIVATE)
        images, labels = convert(probe_images()[0][order], self.inputs), LABELS_OF_PROBES[order]
        if self.torch:
            torch = import_torch()
            images, labels = torch.from_numpy(images), torch.from_numpy(labels)
        made = self.transform(images, labels)
        if not isinstance(made, tuple | list) or len(made) != 2:
            raise InstaHideError(
                f"the transform returns {type(made).__name__}: give (encryptions, labels)"
            )
        rows, soft = map(as_array, made)
        return rows, soft


def convert(images: np.ndarray, inputs: Inputs) -> np.ndarray:
    """Return uint8 images as an implementation wants them.

    Examples
    --------
    >>> convert(np.array([0, 255], np.uint8), "signed").tolist()
    [-1.0, 1.0]
    """
    if inputs not in INPUTS:
        raise InstaHideError(f"inputs = {inputs!r}: use one of {', '.join(INPUTS)}")
    if inputs == "uint8":
        return images
    divided = images.astype(np.float32) / 255 if inputs == "unit" else images / 127.5 - 1
    return divided.astype(np.float32)


def call_often(trial: Trial, batches: int) -> Rows:
    """Return the rows of `batches` calls in this process."""
    return read_probes(*zip(*(trial.call(number) for number in range(batches)), strict=True))


def call_seeded(trial: Trial) -> Rows:
    """Return the rows of two calls, the ordinary generators seeded alike before each.

    Different batches are given, so that what repeats is the randomness.
    """
    found = []
    with generators_kept(trial.torch):
        for number in (0, 1):
            seed_generators(trial.torch)
            found.append(trial.call(1000 + number))
    return read_probes(*zip(*found, strict=True))


def call_in_workers(trial: Trial) -> Rows:
    """Return the rows of two epochs of two workers, two calls of each, all on other batches."""
    found = []
    for epoch in range(EPOCHS):
        getattr(trial.transform, "set_epoch", _nothing)(epoch)
        first = 2000 + WORKERS * OF_WORKER * epoch
        numbers = range(first, first + WORKERS * OF_WORKER)
        run = _by_loader if trial.torch else _by_processes
        found += run(trial, list(numbers))
    return read_probes(*zip(*found, strict=True))


def _by_loader(trial: Trial, numbers: list[int]) -> list[tuple[np.ndarray, np.ndarray]]:
    """Call within a DataLoader's workers: PyTorch seeds some generators there, not all."""
    torch = import_torch()
    loader = torch.utils.data.DataLoader(
        numbers,
        batch_size=1,
        num_workers=WORKERS,
        collate_fn=functools.partial(_collated, trial),
        multiprocessing_context="fork",
    )
    return list(loader)


def _collated(trial: Trial, numbers: list[int]) -> tuple[np.ndarray, np.ndarray]:
    return trial.call(numbers[0])


def _by_processes(trial: Trial, numbers: list[int]) -> list[tuple[np.ndarray, np.ndarray]]:
    """Call within forked processes, every second number in each."""
    context, running = multiprocessing.get_context("fork"), []
    for worker in range(WORKERS):
        ours, theirs = context.Pipe(duplex=False)
        part = numbers[worker::WORKERS]
        process = context.Process(target=_work, args=(trial, part, theirs), daemon=True)
        process.start()
        theirs.close()
        running.append((process, ours))
    found = []
    for process, connection in running:
        try:
            found += connection.recv()
        except EOFError:
            raise InstaHideError("the transform fails in a worker: see its error") from None
        process.join()
    return found


def _work(trial: Trial, numbers: list[int], connection: Any) -> None:
    connection.send([trial.call(number) for number in numbers])


def seed_generators(torch: bool) -> None:
    """Seed the ordinary generators of Python, NumPy and PyTorch."""
    random.seed(0)
    np.random.seed(0)  # noqa: NPY002  what is looked for
    if torch:
        import_torch().manual_seed(0)


@contextlib.contextmanager
def generators_kept(torch: bool) -> Iterator[None]:
    """Leave the ordinary generators as they were."""
    python, legacy = random.getstate(), np.random.get_state()  # noqa: NPY002
    state = import_torch().get_rng_state() if torch else None
    try:
        yield
    finally:
        random.setstate(python)
        np.random.set_state(legacy)  # noqa: NPY002
        if torch:
            import_torch().set_rng_state(state)


def has_torch() -> bool:
    """Tell whether PyTorch is installed."""
    try:
        import_torch()
    except InstaHideError:
        return False
    return "torch" in sys.modules


def _nothing(epoch: int) -> None:
    """Do nothing: a transform need not know of epochs."""
