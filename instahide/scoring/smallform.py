"""The small form of a submission: the recovered images, and which of them each row hands in.

A decryption has an image for each row, and most rows of an attack hand in one of n recovered
images. So ``images.npy`` and ``members.npy`` say the same in a hundredth of the bytes:

- ``images.npy``: (n, H, W, C), uint8 on 0 … 255 or floating-point on [-1, 1];
- ``members.npy``: (E, m) or (E,) whole numbers, the recovered images that each row mixes as
  the attack found them, numbered from 0 in the order of ``images.npy``.

A row is scored by one image, here as everywhere: a decryption cannot hand in two, see
docs/scoring.md. It is the first of its members, so ``images[members[:, 0]]`` is what is scored;
the others are kept with the file, and change nothing. (Scoring whichever is nearer would give
this form what no decryption can have.)
"""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np

from instahide.errors import InstaHideError
from instahide.plainarrays import NpyHeader, read_npy_header
from instahide.scoring.npyfile import (
    MAX_PREFIX,
    check_images,
    read_image_values,
    read_whole,
)

IMAGES, MEMBERS = "images.npy", "members.npy"
#: ASSUME: no scheme mixes more private images in a row; the paper has k up to 6.
MOST_MEMBERS = 64


@dataclass(frozen=True)
class HandedIn:
    """A file of a submission, in a zip or unpacked.

    Attributes
    ----------
    name : str
        What to call it in messages.
    size : int
        How many bytes it has, or claims to have.
    opened : callable
        Opens it for reading; a context manager.
    """

    name: str
    size: int
    opened: Callable[[], AbstractContextManager[BinaryIO]]


def read_small(files: Mapping[str, HandedIn], shape: tuple[int, ...]) -> np.ndarray:
    """Return the decryption that a small form stands for.

    Claims are checked as in `instahide.scoring.npyfile`, before memory is taken; beside the
    result, reading takes the recovered images once more, of which there are no more than rows.

    Parameters
    ----------
    files : mapping
        `IMAGES` and `MEMBERS`, whatever folder they are in.
    shape : tuple of int
        What the decryption must have: (E, H, W, C).

    Returns
    -------
    (E, H, W, C) float32 array

    Raises
    ------
    InstaHideError
        When a file is anything else: says which, and what is wrong.
    """
    members = _read_members(files[MEMBERS], shape[0])
    images = _read_recovered(files[IMAGES], shape)
    first = members[:, 0]
    wrong = np.flatnonzero((members < 0).any(axis=1) | (members >= len(images)).any(axis=1))
    if len(wrong):
        row = wrong[0]
        raise InstaHideError(
            f"{files[MEMBERS].name} names the images {members[row].tolist()} in row {row}; "
            f"{IMAGES} holds {len(images)}, which are numbered from 0"
        )
    return images[first]


def _read_members(file: HandedIn, rows: int) -> np.ndarray:
    """Return the members of each row, int64 (rows, m)."""
    _check_claim(file, rows * MOST_MEMBERS * 8, f"{rows} rows of {MOST_MEMBERS} images")
    with file.opened() as stream:
        header = read_npy_header(stream, file.name)
        shape = header.shape
        if shape[:1] != (rows,) or len(shape) > 2 or not 1 <= (*shape, 1)[1] <= MOST_MEMBERS:
            raise InstaHideError(
                f"{file.name} has the shape {shape}; give each of the {rows} encryptions its "
                f"images, as in ({rows}, 2), the one that it hands in first"
            )
        members = read_whole(stream, file.size, file.name, header)
    return members.reshape(rows, -1)


def _read_recovered(file: HandedIn, shape: tuple[int, ...]) -> np.ndarray:
    """Return the recovered images, float32 (n, H, W, C), n from 1 to the number of rows."""
    largest = 8 * int(np.prod(shape, dtype=object))
    _check_claim(file, largest, f"{shape[0]} images of shape {shape[1:]}")
    with file.opened() as stream:
        header = read_npy_header(stream, file.name)
        check_images(header, file.name)
        _check_recovered(header, file.name, shape)
        return read_image_values(stream, file.size, file.name, header)


def _check_recovered(header: NpyHeader, name: str, shape: tuple[int, ...]) -> None:
    found = header.shape
    if len(found) != 4 or found[1:] != shape[1:]:
        expected = ", ".join(map(str, shape[1:]))
        raise InstaHideError(
            f"{name} has the shape {found}; the recovered images are expected, "
            f"(n, {expected}), channels last"
        )
    if not 1 <= found[0] <= shape[0]:
        raise InstaHideError(
            f"{name} holds {found[0]} images; 1 to {shape[0]} are taken, as many as there are "
            "encryptions"
        )


def _check_claim(file: HandedIn, largest: int, what: str) -> None:
    """Refuse a file that claims more than any array that would be taken."""
    if file.size > largest + MAX_PREFIX:
        raise InstaHideError(
            f"{file.name} claims {file.size} bytes, but {what} have {largest + MAX_PREFIX} at "
            "the most"
        )
