"""Reading `.npy` files that anyone may have made.

NumPy reads a header of any claimed length and evaluates it as a Python literal, then
allocates what the shape asks for. Here the length is bounded, the header must have the
one form that a plain array of floating-point numbers has, and its shape and the file's
size must be those expected, all before memory is taken.
"""

import re
from math import prod
from typing import BinaryIO

import numpy as np

from instahide.errors import InstaHideError

MAX_HEADER = 1024  # NumPy writes 118 bytes
MAX_PREFIX = 12 + MAX_HEADER  # magic, version and length before it
CHUNK = 1 << 16

DTYPES = {order + kind for order in "<>" for kind in ("f2", "f4", "f8")}
_SHAPE = r"\((?:[0-9]{1,18}, *)*[0-9]{0,18}\)"
_ITEM = rf"'(descr|fortran_order|shape)' *: *('[^'\\]{{1,16}}'|True|False|{_SHAPE})"
_HEADER = re.compile(rf"{{ *{_ITEM} *, *{_ITEM} *, *{_ITEM} *(?:, *)?}} *\n?")


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
    dtype, fortran, found, header = _read_header(file, name)
    if found != shape:
        raise InstaHideError(
            f"{name} has the shape {found}, not {shape}{_shape_hint(found, shape)}"
        )
    expected = header + prod(shape) * dtype.itemsize
    if size != expected:
        raise InstaHideError(
            f"{name} has {size} bytes, but an array of shape {shape} and type {dtype} "
            f"has {expected}; it is incomplete or damaged, save it again"
        )
    array = np.empty(shape, np.float32)
    flat = array.T.flat if fortran else array.reshape(-1)
    step = CHUNK // dtype.itemsize
    for start in range(0, array.size, step):
        count = min(step, array.size - start)
        values = np.frombuffer(_read_exactly(file, count * dtype.itemsize, name), dtype)
        with np.errstate(over="ignore", invalid="ignore"):  # too large becomes infinite
            flat[start : start + count] = values.astype(np.float32)
    if file.read(1):
        raise InstaHideError(f"{name} goes on after its array; save it again")
    return array


def _read_header(file: BinaryIO, name: str) -> tuple[np.dtype, bool, tuple[int, ...], int]:
    """Parse a `.npy` header without evaluating it: dtype, Fortran order, shape, length."""
    start = _read_exactly(file, 8, name)
    wide = start[6:] in (b"\x02\x00", b"\x03\x00")
    if start[:6] != b"\x93NUMPY" or not (wide or start[6:] == b"\x01\x00"):
        raise InstaHideError(f"{name} is not a .npy file of version 1, 2 or 3")
    length = int.from_bytes(_read_exactly(file, 4 if wide else 2, name), "little")
    if length > MAX_HEADER:
        raise InstaHideError(
            f"{name} claims a header of {length} bytes, more than {MAX_HEADER}; "
            "save a plain floating-point array with numpy.save"
        )
    match = _HEADER.fullmatch(_read_exactly(file, length, name).decode("latin-1"))
    header = dict(zip(match.groups()[::2], match.groups()[1::2], strict=True)) if match else {}
    shape, fortran = header.get("shape", ""), header.get("fortran_order", "")
    descr = header.get("descr", "").strip("'")
    if not (shape.startswith("(") and fortran in ("True", "False") and descr):
        raise InstaHideError(
            f"{name} has no header of a plain array; objects and records are not read, "
            "save a floating-point array with numpy.save"
        )
    if descr not in DTYPES:
        raise InstaHideError(
            f"{name} holds the type {descr!r}; convert it to float32 on [-1, 1]"
        )
    sides = tuple(int(side) for side in re.findall("[0-9]+", shape))
    return np.dtype(descr), fortran == "True", sides, len(start) + (4 if wide else 2) + length


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


def _read_exactly(file: BinaryIO, count: int, name: str) -> bytes:
    content = file.read(count)
    if len(content) != count:
        raise InstaHideError(f"{name} ends too early; it is incomplete, hand it in again")
    return content
