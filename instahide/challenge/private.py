"""The private set, as a file.

How it is selected from photos stands in `instahide.challenge.selection`, apart from here: what
reads a private set does not depend on how photos are decoded, and is not run again when that
changes.
"""

import hashlib
from pathlib import Path
from typing import Literal, get_args

import numpy as np

from instahide.errors import InstaHideError
from instahide.files import load_npz, save_npz, sha256_of_arrays
from instahide.labelled import LabelledImages

#: What a private set was selected with, as far as it can be guessed: who has the images that
#: it was selected from, and the seed, selects the same ones.
Selection = Literal["256 bits", "integer", "unknown"]
RANDOM, INTEGER, UNKNOWN = get_args(Selection)


def save_private(
    path: Path | str, private: LabelledImages, selection: Selection = UNKNOWN
) -> None:
    """Write a private set as `.npz` (mode 0600), with the names of its files where there are.

    Parameters
    ----------
    selection : {"256 bits", "integer", "unknown"}
        What the set was selected with; kept as an array of that name where it is known.
        The seed itself never is.
    """
    arrays = _arrays(private)
    if private.files:
        arrays["files"] = np.array(private.files)
    if selection != UNKNOWN:
        arrays["selection"] = np.array(selection)
    save_npz(path, arrays, secret=True)


def load_selection(path: Path | str) -> Selection:
    """Tell what a private set was selected with; `UNKNOWN` where its file does not say."""
    try:
        found = load_npz(path, ["selection"])["selection"]
    except InstaHideError:  # a damaged file is told when its images are read
        return UNKNOWN
    return next((kind for kind in (RANDOM, INTEGER) if found.tolist() == kind), UNKNOWN)


def load_private(path: Path | str) -> LabelledImages:
    """Read a private set; those made by earlier versions do not name their files.

    Raises
    ------
    InstaHideError
        When the file is no private set.
    """
    arrays = load_npz(path, ["images", "classes", "class_names"], ["files"])
    images, classes, names = (arrays[name] for name in ("images", "classes", "class_names"))
    files = arrays.get("files", np.array([], "U1"))
    if classes.dtype.kind not in "iu" or names.dtype.kind != "U" or names.ndim != 1:
        raise InstaHideError(
            f"{path} is no private set: its classes are {classes.dtype}, and the names of the "
            f"classes {names.dtype} {names.shape}"
        )
    if files.dtype.kind != "U" or files.ndim != 1:
        raise InstaHideError(
            f"{path} is no private set: the names of its files are {files.dtype} {files.shape}"
        )
    named = tuple(names.tolist()), tuple(files.tolist())
    try:
        return LabelledImages(images, classes.astype(np.int64), *named)
    except InstaHideError as error:
        raise InstaHideError(f"{path} is no private set: {error}") from None


def private_digest(private: LabelledImages, version: int = 2) -> str:
    """Return the SHA-256 of a private set's content, which its commitment is made of.

    Hashed are, each after its length in bytes (8 bytes, little-endian): the text
    ``instahide private set 2``; the shape of the images, such as ``100,32,32,3``; the images,
    uint8; the classes, int64, little-endian; the name of each class, UTF-8. Arrays are in C
    order.

    The names of files are not hashed. They are in no encryption and in no label, so a set
    without them makes the same challenge; and the commitments of challenges that were published
    before sets named their files stay what they were.

    Parameters
    ----------
    version : {1, 2}
        Version 1, of challenges made earlier, is `sha256_of_arrays` of ``images``,
        ``classes`` and ``class_names``, the names as UTF-8 text with a newline between each
        two. Sets whose names hold newlines may share it.
    """
    if version == 1:
        names = np.frombuffer("\n".join(private.class_names).encode(), np.uint8)
        return sha256_of_arrays(_arrays(private) | {"class_names": names})
    digest = hashlib.sha256()
    for part in (
        b"instahide private set 2",
        ",".join(map(str, private.images.shape)).encode(),
        np.ascontiguousarray(private.images).data.cast("B"),
        np.ascontiguousarray(private.classes, "<i8").data.cast("B"),
        *(name.encode() for name in private.class_names),
    ):
        digest.update(len(part).to_bytes(8, "little"))
        digest.update(part)
    return digest.hexdigest()


def _arrays(private: LabelledImages) -> dict[str, np.ndarray]:
    return {
        "images": private.images,
        "classes": private.classes,
        "class_names": np.array(private.class_names),
    }
