"""Threads inside one job: dask's threaded scheduler with progress on standard error."""

import threading
from collections.abc import Callable, Iterable
from typing import TypeVar

import dask

from instahide.progress import progress_bar

Item = TypeVar("Item")
Result = TypeVar("Result")


def map_threads(
    function: Callable[[Item], Result],
    items: Iterable[Item],
    *,
    workers: int,
    label: str,
    unit: str,
) -> list[Result]:
    """Apply a function to each item in `workers` threads; results in the items' order.

    The functions meant here release the interpreter's lock (OpenCV, Numba, Zarr's codecs)
    or write their own slice of a store. The first error stops the others.
    """
    items, lock = list(items), threading.Lock()
    with progress_bar(len(items), label, unit) as bar:

        def step(item: Item) -> Result:
            result = function(item)
            with lock:
                bar.update(1)
            return result

        tasks = [dask.delayed(step, pure=False)(item) for item in items]
        return list(dask.compute(*tasks, scheduler="threads", num_workers=workers))
