"""Threads inside one job: dask's threaded scheduler with progress on standard error."""

import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import dask

from instahide.errors import InstaHideError
from instahide.progress import progress_bar

Item = TypeVar("Item")
Outcome = TypeVar("Result")


def map_threads(
    function: Callable[[Item], Outcome],
    items: Iterable[Item],
    *,
    workers: int,
    label: str,
    unit: str,
) -> list[Outcome]:
    """Apply a function to each item in `workers` threads; results in the items' order.

    The functions meant here release the interpreter's lock (OpenCV, Numba, Zarr's codecs)
    or write their own slice of a store. The first error stops the others; those at work are
    waited for.

    Raises
    ------
    InstaHideError
        When `workers` is less than 1.
    """
    if workers < 1:
        raise InstaHideError(f"threads is {workers}: give 1 or more")
    items, lock = list(items), threading.Lock()
    with progress_bar(len(items), label, unit) as bar:

        def step(item: Item) -> Outcome:
            result = function(item)
            with lock:
                bar.update(1)
            return result

        tasks = [dask.delayed(step, pure=False)(item) for item in items]
        # Dask's own threads would go on after an error, and write into what is removed then.
        with ThreadPoolExecutor(workers) as pool:
            return list(dask.compute(*tasks, scheduler="threads", pool=pool))
