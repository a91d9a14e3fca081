"""A stratified random selection of labelled images: how a private set is chosen."""

import os
from pathlib import Path

import numpy as np

from instahide.challenge.private import INTEGER, RANDOM, save_private
from instahide.errors import InstaHideError
from instahide.labelled import LabelledImages
from instahide.names import shown
from instahide.photos.split import SPLIT_SUFFIX, load_split
from instahide.photos.splitting import read_images
from instahide.randomness.keystream import Key, Stream


def read_labelled(source: Path | str, *, size: int, channels: int) -> LabelledImages:
    """Read labelled images from class folders, CIFAR-10's binary archive or a split.

    Parameters
    ----------
    source : path
        A folder with one sub-folder per class, an uncompressed archive of such a folder,
        CIFAR-10's archive, or what `photos.split.save_split` wrote: of that the images that
        train.

    Raises
    ------
    InstaHideError
        When the source is missing, damaged or of another size or number of channels.
    """
    source = Path(source)
    if not os.path.exists(source):  # of a path that is too long, `exists` makes an error
        raise InstaHideError(f"{shown(source)} does not exist; name a folder of class folders")
    if source.suffix == SPLIT_SUFFIX and source.is_file():
        return load_split(source).train
    return read_images(source, (size, channels))


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
    return source.at(np.concatenate(chosen))


def select_private(
    path: Path | str, source: Path | str, key: Key, *, count: int, size: int, channels: int
) -> None:
    """Read labelled images, select a private set and write it."""
    images = read_labelled(source, size=size, channels=channels)
    chosen = select(images, count, key.stream("private"))
    save_private(path, chosen, INTEGER if key.guessable else RANDOM)
