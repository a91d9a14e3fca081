"""Reading `.npy` and `.npz` files that anyone may have made, or that were damaged.

NumPy evaluates a header as a Python literal, allocates what its shape asks for, and lets
out whatever the bytes make it stumble over. Here a header must have the one form that a
plain array has, and its shape must agree with the size of the file, all before memory is
taken.
"""

import contextlib
import os
import re
import struct
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import BinaryIO

import numpy as np

from instahide.errors import InstaHideError

MAX_HEADER = 1024  # NumPy writes 118 bytes
PART_BYTES = 1 << 20
MAX_RATIO = 1032  # no deflate stream grows more when it is unpacked
LAST_CHARACTER = 0x10FFFF
#: What zipfile raises on damaged archives, beside its own errors.
ZIP_DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    NotImplementedError,
    OverflowError,
    RuntimeError,
    ValueError,
)

_SHAPE = r"\((?:[0-9]{1,18}, *)*[0-9]{0,18}\)"
_ITEM = rf"'(descr|fortran_order|shape)' *: *('[^'\\]{{1,16}}'|True|False|{_SHAPE})"
_HEADER = re.compile(rf"{{ *{_ITEM} *, *{_ITEM} *, *{_ITEM} *(?:, *)?}} *\n?")
_PLAIN = re.compile(r"[<>|](?:b1|[iu][1248]|f[248]|U[1-9][0-9]{0,4})")


@dataclass(frozen=True)
class NpyHeader:
    """What a `.npy` header claims.

    Attributes
    ----------
    descr : str
        The type as it is written, such as ``<f4``; any text of 1 to 16 characters.
    fortran : bool
        Whether the first axis varies fastest.
    shape : tuple of int
    length : int
        Bytes before the array.
    """

    descr: str
    fortran: bool
    shape: tuple[int, ...]
    length: int

    def plain_dtype(self, name: str) -> np.dtype:
        """Return the type, or refuse one that is neither numbers, truth values nor text."""
        if not _PLAIN.fullmatch(self.descr):
            raise InstaHideError(f"{name} holds the type {self.descr!r}, which is not read")
        return np.dtype(self.descr)


def map_npy(path: Path) -> np.ndarray:
    """Map the array of a `.npy` file into memory.

    Raises
    ------
    InstaHideError
        When the file is anything else.
    OSError
        When it cannot be opened.
    """
    with open(path, "rb") as file:
        header, size = read_npy_header(file, str(path)), os.fstat(file.fileno()).st_size
        dtype = header.plain_dtype(str(path))
        _check_size(header, dtype, size, str(path))
        order = "F" if header.fortran else "C"
        if size == header.length:  # nothing to map
            return np.empty(header.shape, dtype, order)
        return np.memmap(file, dtype, "r", header.length, header.shape, order)


def read_npz(
    path: Path, names: Sequence[str] | None = None, optional: Sequence[str] = ()
) -> dict[str, np.ndarray]:
    """Read the named arrays of a `.npz`, or all of them.

    Those in `optional` are read where they are there.

    Raises
    ------
    InstaHideError
        When the file is anything else, or lacks one of the arrays.
    OSError
        When it cannot be opened.
    """
    with _explained(path), zipfile.ZipFile(path) as archive:
        members = {entry.filename: entry for entry in archive.infolist()}
        if names is None:
            names = [name.removesuffix(".npy") for name in members]
        for name in names:
            if f"{name}.npy" not in members:
                raise InstaHideError(f"{path} lacks the array {name!r}")
        names = [*names, *(name for name in optional if f"{name}.npy" in members)]
        return {name: _read_member(archive, members[f"{name}.npy"], path) for name in names}


def read_npy_header(file: BinaryIO, name: str) -> NpyHeader:
    """Parse a `.npy` header without evaluating it.

    Parameters
    ----------
    file : binary file
        At the start of the `.npy` file or of an archive's member.
    name : str
        What to call it in messages.

    Raises
    ------
    InstaHideError
        When it is no header of a plain array.
    """
    start = read_exactly(file, 8, name)
    wide = start[6:] in (b"\x02\x00", b"\x03\x00")
    if start[:6] != b"\x93NUMPY" or not (wide or start[6:] == b"\x01\x00"):
        raise InstaHideError(f"{name} is not a readable .npy file of version 1, 2 or 3")
    length = int.from_bytes(read_exactly(file, 4 if wide else 2, name), "little")
    if length > MAX_HEADER:
        raise InstaHideError(
            f"{name} claims a header of {length} bytes, more than {MAX_HEADER}; "
            "save a plain array with numpy.save"
        )
    match = _HEADER.fullmatch(read_exactly(file, length, name).decode("latin-1"))
    header = dict(zip(match.groups()[::2], match.groups()[1::2], strict=True)) if match else {}
    shape, fortran = header.get("shape", ""), header.get("fortran_order", "")
    descr = header.get("descr", "").strip("'")
    if not (shape.startswith("(") and fortran in ("True", "False") and descr):
        raise InstaHideError(
            f"{name} has no header of a plain array; objects and records are not read, "
            "save plain numbers with numpy.save"
        )
    sides = tuple(int(side) for side in re.findall("[0-9]+", shape))
    return NpyHeader(descr, fortran == "True", sides, 8 + (4 if wide else 2) + length)


def read_exactly(file: BinaryIO, count: int, name: str) -> bytes:
    """Read `count` bytes, or refuse a file that has fewer."""
    content = file.read(count)
    if len(content) != count:
        raise InstaHideError(f"{name} ends too early; it is incomplete, make it again")
    return content


@contextlib.contextmanager
def _explained(path: Path) -> Iterator[None]:
    """Turn what zipfile raises on a damaged archive into an `InstaHideError`."""
    try:
        yield
    except ZIP_DAMAGE as error:
        reason = re.sub(r"[^ -~]", "?", str(error))[:300] or type(error).__name__
        raise InstaHideError(f"{path} is not a readable .npz file: {reason}") from error


def _read_member(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, path: Path) -> np.ndarray:
    """Read the array of one member."""
    name = f"{entry.filename} in {path}"
    if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise InstaHideError(f"{name} is packed in a way that is not read; make it again")
    if entry.file_size > MAX_RATIO * (entry.compress_size + 1):
        raise InstaHideError(f"{name} claims {entry.file_size} bytes, more than it can hold")
    with archive.open(entry) as stream:
        header = read_npy_header(stream, name)
        dtype = header.plain_dtype(name)
        _check_size(header, dtype, entry.file_size, name)
        flat = np.empty(prod(header.shape), dtype)
        room = memoryview(flat.view(np.uint8))
        for start in range(0, len(room), PART_BYTES):
            part = room[start : start + PART_BYTES]
            part[:] = read_exactly(stream, len(part), name)
        if stream.read(1):  # which also checks the checksum
            raise InstaHideError(f"{name} goes on after its array; make it again")
    _check_text(flat, name)
    return flat.reshape(header.shape, order="F" if header.fortran else "C")


def _check_size(header: NpyHeader, dtype: np.dtype, size: int, name: str) -> None:
    expected = header.length + prod(header.shape) * dtype.itemsize
    if size != expected:
        raise InstaHideError(
            f"{name} is not a readable .npy file: it has {size} bytes, but an array of shape "
            f"{header.shape} and type {dtype} has {expected}; make it again"
        )


def _check_text(flat: np.ndarray, name: str) -> None:
    """Refuse numbers that stand for no character."""
    if flat.dtype.kind != "U" or not flat.size:
        return
    codes = flat.view(np.dtype(np.uint32).newbyteorder(flat.dtype.byteorder))
    if codes.max() > LAST_CHARACTER or ((codes >= 0xD800) & (codes < 0xE000)).any():
        raise InstaHideError(f"{name} holds text that is none; it is damaged, make it again")
