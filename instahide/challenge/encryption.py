"""Writing `encryption.npy`, and what else an encoding releases, batch by batch."""

import io
import os
from pathlib import Path

import numpy as np

from instahide.challenge.sources import Sources
from instahide.encodings.plan import Plan
from instahide.errors import InstaHideError
from instahide.files import atomic
from instahide.parallel import map_threads

BATCH_ROWS = 256


def encode_rows(
    sources: Sources, plan: Plan, start: int, name: str = "encryption"
) -> np.ndarray:
    """Encode a plan whose first row is row `start` of the challenge.

    Parameters
    ----------
    name : str
        Of one of the encoding's arrays.

    Returns
    -------
    ndarray, shape (len(plan), …)
        For InstaHide float32 (len(plan), H, W, C), range [-1, 1].

    Raises
    ------
    InstaHideError
        When the encoding makes something else than it says.
    """
    row = sources.encoding.arrays[name]
    made = sources.encoding.encode(plan, start).get(name)
    dtype, shape = np.dtype(row.dtype), (len(plan), *row.shape)
    if made is None or made.dtype.newbyteorder("<") != dtype or made.shape != shape:
        found = "nothing" if made is None else f"{made.dtype} {made.shape}"
        raise InstaHideError(
            f"the encoding {sources.chosen.name} says that {name!r} is {dtype} {shape}, and "
            f"makes {found}"
        )
    return made


def save_encryption(
    path: Path | str,
    sources: Sources,
    plan: Plan,
    *,
    name: str = "encryption",
    threads: int = 1,
) -> None:
    """Write an array of the encoding batch by batch: memory does not grow with the rows.

    Batches go to their place in the file as they are ready, in any order.

    Parameters
    ----------
    path : path
        Such as `encryption.npy`.
    name : str
        Of the array.
    """
    row = sources.encoding.arrays[name]
    dtype, shape = np.dtype(row.dtype), (len(plan), *row.shape)
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        header, {"descr": row.dtype, "fortran_order": False, "shape": shape}
    )
    offset, row_bytes = header.tell(), dtype.itemsize * int(np.prod(row.shape))
    with atomic(path) as temporary, open(temporary, "r+b", buffering=0) as file:
        write_at(file.fileno(), np.frombuffer(header.getbuffer(), np.uint8), 0)

        def work(start: int) -> None:
            rows = encode_rows(sources, plan[start : start + BATCH_ROWS], start, name)
            rows = np.ascontiguousarray(rows, dtype)
            write_at(file.fileno(), rows, offset + start * row_bytes)

        starts = range(0, len(plan), BATCH_ROWS)
        map_threads(work, starts, workers=threads, label=name, unit="batches")


def write_at(file: int, array: np.ndarray, place: int) -> None:
    """Write an array's bytes at a place of an open file."""
    data = memoryview(array).cast("B")
    while data:  # a nearly full disk may take a part only, and says so the next time
        written = os.pwrite(file, data, place)
        data, place = data[written:], place + written
