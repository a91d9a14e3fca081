"""PyTorch, an extra that is imported where it is asked for."""

import contextlib
import importlib
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import numpy as np

from instahide.errors import InstaHideError


def import_torch(otherwise: str = "") -> ModuleType:
    """Return PyTorch.

    Parameters
    ----------
    otherwise : str
        What to do without it, for the error.

    Raises
    ------
    InstaHideError
        When it is not installed.
    """
    try:
        return importlib.import_module("torch")
    except ModuleNotFoundError:
        raise InstaHideError(
            "PyTorch is not installed: pip install 'instahide[torch]', or make torch in a clone"
            + (f"; {otherwise}" if otherwise else "")
        ) from None


@contextlib.contextmanager
def steadily(seed: int) -> Iterator[None]:
    """Let PyTorch draw from a seed, in one thread, and leave both as they were.

    Sums of several threads are in no fixed order.
    """
    torch = import_torch()
    threads = torch.get_num_threads()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        torch.set_num_threads(1)
        try:
            yield
        finally:
            torch.set_num_threads(threads)


def as_planes(images: np.ndarray) -> Any:
    """Return pictures (n, H, W, C) as a tensor (n, C, H, W)."""
    return import_torch().from_numpy(np.ascontiguousarray(images.transpose(0, 3, 1, 2)))
