"""Reading `.npy` files that anyone may have made, where the shape is known beforehand.

The header is read as in `instahide.plainarrays`; its type, its shape and the file's size
must be those expected, all before memory is taken.
"""

from math import prod
from typing import BinaryIO

import numpy as np

from instahide.errors import InstaHideError
from instahide.images import to_unit_range
from instahide.plainarrays import MAX_HEADER, NpyHeader, read_exactly, read_npy_header

MAX_PREFIX = 12 + MAX_HEADER  # magic, version and length before it
CHUNK_BYTES = 1 << 16

BYTES = "|u1"
DTYPES = {order + kind for order in "<>" for kind in ("f2", "f4", "f8")} | {BYTES}
WHOLE_NUMBERS = {
    "|i1",
    BYTES,
    *(order + kind + n for order in "<>" for kind in "iu" for n in "248"),
}


def read_handed_in(file: BinaryIO, size: int, name: str, shape: tuple[int, ...]) -> np.ndarray:
    """Read images from a `.npy` file: floating-point numbers on [-1, 1], or bytes.

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
        Numbers too large for float32 become infinite; bytes are mapped from 0 … 255 to
        [-1, 1], as `instahide.images.to_unit_range` does.

    Raises
    ------
    InstaHideError
        When the file is anything else: says what is wrong, and how to mend what people
        often get wrong.
    """
    header = read_npy_header(file, name)
    check_images(header, name)
    if header.shape != shape:
        hint = _shape_hint(header.shape, shape)
        raise InstaHideError(f"{name} has the shape {header.shape}, not {shape}{hint}")
    return read_image_values(file, size, name, header)


def check_images(header: NpyHeader, name: str) -> None:
    """Refuse a type that no images are handed in as."""
    if header.descr not in DTYPES:
        raise InstaHideError(
            f"{name} holds the type {header.descr!r}; convert it to float32 on [-1, 1], or to "
            "uint8 on 0 … 255"
        )


def read_image_values(file: BinaryIO, size: int, name: str, header: NpyHeader) -> np.ndarray:
    """Read the images behind a header that `check_images` has seen and whose shape is fit."""
    dtype = _checked_dtype(header, size, name)
    array = np.empty(header.shape, np.float32)
    flat = array.T.flat if header.fortran else array.reshape(-1)
    step, grey = CHUNK_BYTES // dtype.itemsize, header.descr != BYTES
    for start in range(0, array.size, step):
        count = min(step, array.size - start)
        values = np.frombuffer(read_exactly(file, count * dtype.itemsize, name), dtype)
        if header.descr == BYTES:
            grey = grey or bool(((values > 1) & (values < 255)).any())
            flat[start : start + count] = to_unit_range(values)
            continue
        with np.errstate(over="ignore", invalid="ignore"):  # too large becomes infinite
            flat[start : start + count] = values.astype(np.float32)
    _check_end(file, name)
    if not grey:  # what a mere change of type makes of numbers on [-1, 1] or 0 … 1
        raise InstaHideError(
            f"{name} holds the type {BYTES!r}, and every byte is 0, 1 or 255: images on "
            "[-1, 1] become bytes by numpy.rint((x + 1) * 127.5).astype(numpy.uint8)"
        )
    return array


def read_whole(file: BinaryIO, size: int, name: str, header: NpyHeader) -> np.ndarray:
    """Read whole numbers of any width behind a header whose shape is fit; int64, C order.

    Raises
    ------
    InstaHideError
        When they are none, or the file is damaged.
    """
    if header.descr not in WHOLE_NUMBERS:
        raise InstaHideError(
            f"{name} holds the type {header.descr!r}; convert it to int64, the numbers of "
            "images"
        )
    dtype = _checked_dtype(header, size, name)
    array = np.empty(header.shape, np.int64)
    flat = array.T.flat if header.fortran else array.reshape(-1)
    step = CHUNK_BYTES // dtype.itemsize
    for start in range(0, array.size, step):
        count = min(step, array.size - start)
        values = np.frombuffer(read_exactly(file, count * dtype.itemsize, name), dtype)
        flat[start : start + count] = values.astype(np.int64)
    _check_end(file, name)
    return array


def _checked_dtype(header: NpyHeader, size: int, name: str) -> np.dtype:
    """Return the type of an array, or refuse a file that is too long or too short for it."""
    dtype = np.dtype(header.descr)
    expected = header.length + prod(header.shape) * dtype.itemsize
    if size != expected:
        raise InstaHideError(
            f"{name} has {size} bytes, but an array of shape {header.shape} and type {dtype} "
            f"has {expected}; it is incomplete or damaged, save it again"
        )
    return dtype


def _check_end(file: BinaryIO, name: str) -> None:
    """Refuse what goes on; reading to the end also checks a member's checksum."""
    if file.read(1):
        raise InstaHideError(f"{name} goes on after its array; save it again")


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
