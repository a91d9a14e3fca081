"""Reading `.npy` files that anyone may have made, where the shape is known beforehand.

The header is read as in `instahide.plainarrays`; its type, its shape and the file's size
must be those expected, all before memory is taken.
"""

from math import prod
from typing import BinaryIO

import numpy as np

from instahide.errors import InstaHideError
from instahide.plainarrays import MAX_HEADER, read_exactly, read_npy_header

MAX_PREFIX = 12 + MAX_HEADER  # magic, version and length before it
CHUNK_BYTES = 1 << 16

DTYPES = {order + kind for order in "<>" for kind in ("f2", "f4", "f8")}


def read_floats(file: BinaryIO, size: int, name: str, shape: tuple[int, ...]) -> np.ndarray:
    """Read an array of floating-point numbers from a `.npy` file.

    Parameters
    ----------
    file : binary file
        At the start of the file or of an archive's member.
    size : int
        How many bytes it has, or claims to have.
    name : str
        What to call it in messages.
    shape : tuple of int
        What the array must have.

    Returns
    -------
    float32 array of that shape, in C order
        Numbers too large for float32 become infinite.

    Raises
    ------
    InstaHideError
        When the file is anything else: says what is wrong, and how to mend what people
        often get wrong.
    """
    header = read_npy_header(file, name)
    if header.descr not in DTYPES:
        raise InstaHideError(
            f"{name} holds the type {header.descr!r}; convert it to float32 on [-1, 1]"
        )
    if header.shape != shape:
        hint = _shape_hint(header.shape, shape)
        raise InstaHideError(f"{name} has the shape {header.shape}, not {shape}{hint}")
    dtype = np.dtype(header.descr)
    expected = header.length + prod(shape) * dtype.itemsize
    if size != expected:
        raise InstaHideError(
            f"{name} has {size} bytes, but an array of shape {shape} and type {dtype} "
            f"has {expected}; it is incomplete or damaged, save it again"
        )
    array = np.empty(shape, np.float32)
    flat = array.T.flat if header.fortran else array.reshape(-1)
    step = CHUNK_BYTES // dtype.itemsize
    for start in range(0, array.size, step):
        count = min(step, array.size - start)
        values = np.frombuffer(read_exactly(file, count * dtype.itemsize, name), dtype)
        with np.errstate(over="ignore", invalid="ignore"):  # too large becomes infinite
            flat[start : start + count] = values.astype(np.float32)
    if file.read(1):
        raise InstaHideError(f"{name} goes on after its array; save it again")
    return array


def _shape_hint(found: tuple[int, ...], shape: tuple[int, ...]) -> str:
    """Guess what went wrong with a shape."""
    if len(found) == len(shape) == 4 and found == (shape[0], shape[3], *shape[1:3]):
        return ": channels last are expected, use numpy.transpose(decryption, (0, 2, 3, 1))"
    if sorted(found) == sorted(shape):
        return ": the axes are in another order (rows, height, width, channels are expected)"
    if found[1:] == shape[1:]:
        return f": one image is expected for each of the {shape[0]} encryptions, in their order"
    if prod(found) == prod(shape):
        return ": it has as many values, so reshape it"
    return ""
