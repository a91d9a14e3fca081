"""Writing `encryption.npy`, batch by batch, from any encoding that releases one."""

import io
import os
from pathlib import Path

import numpy as np

from instahide.challenge.sources import Sources
from instahide.encodings.plan import Plan
from instahide.files import atomic
from instahide.parallel import map_threads

BATCH_ROWS = 256


def encrypt_rows(sources: Sources, plan: Plan, start: int) -> np.ndarray:
    """Encode a plan whose first row is row `start` of the challenge.

    Returns
    -------
    ndarray of float32, shape (len(plan), …)
        For InstaHide (len(plan), H, W, C), range [-1, 1].
    """
    return sources.encoding.encode(plan, start)["encryption"]


def save_encryption(
    path: Path | str, sources: Sources, plan: Plan, *, threads: int = 1
) -> None:
    """Write `encryption.npy` batch by batch: memory does not grow with the rows.

    Batches go to their place in the file as they are ready, in any order.
    """
    shape = (len(plan), *sources.encoding.arrays["encryption"].shape)
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        header, {"descr": "<f4", "fortran_order": False, "shape": shape}
    )
    offset, row_bytes = header.tell(), 4 * int(np.prod(shape[1:]))
    with atomic(path) as temporary, open(temporary, "r+b", buffering=0) as file:
        write_at(file.fileno(), np.frombuffer(header.getbuffer(), np.uint8), 0)

        def work(start: int) -> None:
            rows = encrypt_rows(sources, plan[start : start + BATCH_ROWS], start)
            write_at(file.fileno(), rows.astype("<f4", copy=False), offset + start * row_bytes)

        starts = range(0, len(plan), BATCH_ROWS)
        map_threads(work, starts, workers=threads, label="encryption", unit="batches")


def write_at(file: int, array: np.ndarray, place: int) -> None:
    """Write an array's bytes at a place of an open file."""
    data = memoryview(array).cast("B")
    while data:  # a nearly full disk may take a part only, and says so the next time
        written = os.pwrite(file, data, place)
        data, place = data[written:], place + written
