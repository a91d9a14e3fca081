"""The private set: a stratified random selection of labelled images."""

import hashlib
import os
from pathlib import Path
from typing import Literal, get_args

import numpy as np

from instahide.errors import InstaHideError
from instahide.files import load_npz, save_npz, sha256_of_arrays
from instahide.labelled import LabelledImages
from instahide.names import shown
from instahide.photos.cifar10 import is_cifar10, read_cifar10
from instahide.photos.labelled import read_class_folders
from instahide.randomness.keystream import Key, Stream

#: What a private set was selected with, as far as it can be guessed: who has the images that
#: it was selected from, and the seed, selects the same ones.
Selection = Literal["256 bits", "integer", "unknown"]
RANDOM, INTEGER, UNKNOWN = get_args(Selection)


def read_labelled(source: Path | str, *, size: int, channels: int) -> LabelledImages:
    """Read labelled images from class folders or from CIFAR-10's binary archive.

    Parameters
    ----------
    source : path
        A folder with one sub-folder per class, an uncompressed archive of such a folder, or
        CIFAR-10's archive.

    Raises
    ------
    InstaHideError
        When the source is missing, damaged or of another size or number of channels.
    """
    source = Path(source)
    if not os.path.exists(source):  # of a path that is too long, `exists` makes an error
        raise InstaHideError(f"{shown(source)} does not exist; name a folder of class folders")
    if source.is_dir() or not is_cifar10(source):
        return read_class_folders(source, size=size, channels=channels)
    images = read_cifar10(source)
    if images.images.shape[1:] != (size, size, channels):
        raise InstaHideError(
            f"{source} holds 32×32 colour images, and image size {size} with {channels} "
            "channel(s) is asked for"
        )
    return images


def select(source: LabelledImages, count: int, stream: Stream) -> LabelledImages:
    """Select `count` images, as equally many of each class as possible, in class order.

    Where `count` is no multiple of the number of classes, the first classes get one more.

    Raises
    ------
    InstaHideError
        When a class has too few images; names it.
    """
    classes = len(source.class_names)
    if count < 1:
        raise InstaHideError(f"{count} private images: ask for 1 or more")
    chosen = []
    for number, name in enumerate(source.class_names):
        wanted = count // classes + (number < count % classes)
        members = np.flatnonzero(source.classes == number)
        if len(members) < wanted:
            raise InstaHideError(
                f"class {name!r} has {len(members)} images and {wanted} are needed; bring more "
                "or ask for fewer private images"
            )
        order = stream.permutations(number, len(members))[0]
        chosen.append(members[order[:wanted]])
    places = np.concatenate(chosen)
    return LabelledImages(source.images[places], source.classes[places], source.class_names)


def save_private(
    path: Path | str, private: LabelledImages, selection: Selection = UNKNOWN
) -> None:
    """Write a private set as `.npz` (mode 0600).

    Parameters
    ----------
    selection : {"256 bits", "integer", "unknown"}
        What the set was selected with; kept as an array of that name where it is known.
        The seed itself never is.
    """
    arrays = _arrays(private)
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
    """Read a private set.

    Raises
    ------
    InstaHideError
        When the file is no private set.
    """
    images, classes, names = load_npz(path, ["images", "classes", "class_names"]).values()
    if classes.dtype.kind not in "iu" or names.dtype.kind != "U" or names.ndim != 1:
        raise InstaHideError(
            f"{path} is no private set: its classes are {classes.dtype}, and the names of the "
            f"classes {names.dtype} {names.shape}"
        )
    try:
        return LabelledImages(images, classes.astype(np.int64), tuple(names.tolist()))
    except InstaHideError as error:
        raise InstaHideError(f"{path} is no private set: {error}") from None


def private_digest(private: LabelledImages, version: int = 2) -> str:
    """Return the SHA-256 of a private set's content, which its commitment is made of.

    Hashed are, each after its length in bytes (8 bytes, little-endian): the text
    ``instahide private set 2``; the shape of the images, such as ``100,32,32,3``; the images,
    uint8; the classes, int64, little-endian; the name of each class, UTF-8. Arrays are in C
    order.

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


def select_private(
    path: Path | str, source: Path | str, key: Key, *, count: int, size: int, channels: int
) -> None:
    """Read labelled images, select a private set and write it."""
    images = read_labelled(source, size=size, channels=channels)
    chosen = select(images, count, key.stream("private"))
    save_private(path, chosen, INTEGER if key.guessable else RANDOM)


def _arrays(private: LabelledImages) -> dict[str, np.ndarray]:
    return {
        "images": private.images,
        "classes": private.classes,
        "class_names": np.array(private.class_names),
    }
