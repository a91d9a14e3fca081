"""Labelled images are read, and split into those that train a network and those that test it.

Either the images that test are drawn from all, by a seed, or the source keeps them apart
itself, as CIFAR-10 does. No image is in both parts.
"""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from instahide.errors import InstaHideError
from instahide.files import save_json
from instahide.labelled import LabelledImages
from instahide.names import shown
from instahide.photos.cifar10 import is_cifar10, read_cifar10
from instahide.photos.labelled import read_class_folders
from instahide.photos.split import PARTS, SplitImages, save_split, take
from instahide.randomness.keystream import Key

GIVEN = "given"
TESTED_SHARE = 5  # one of so many images tests where nobody says how many

_log = logging.getLogger(__name__)


class Split(NamedTuple):
    """Places of images, each int64 and in ascending order; no place is in both.

    Attributes
    ----------
    train, test : ndarray of int64
    """

    train: np.ndarray
    test: np.ndarray


def split_images(images: int, *, train: int, test: int, key: Key) -> Split:
    """Draw disjoint places to train and to test.

    Parameters
    ----------
    images : int
        How many there are.
    train, test : int
        How many of each to draw.
    key : Key
        The same one gives the same split.

    Raises
    ------
    InstaHideError
        When there are too few images.

    Examples
    --------
    >>> split = split_images(10, train=6, test=4, key=Key.from_seed(0))
    >>> sorted([*split.train, *split.test]) == list(range(10))
    True
    """
    if train < 1 or test < 1 or train + test > images:
        raise InstaHideError(
            f"{train} images to train and {test} to test: draw 1 or more of each, and no more "
            f"than the {images} there are"
        )
    order = key.stream("split").permutations([0], images)[0]
    return Split(np.sort(order[:train]), np.sort(order[train : train + test]))


def split_parties(places: np.ndarray, parties: int) -> list[np.ndarray]:
    """Share places out to parties: equally many to each, none to two.

    Every so many-th place goes to the same party, so classes are spread evenly however images
    are sorted. What is left over goes to nobody: parties that train in step need as many
    batches as each other.

    Parameters
    ----------
    places : ndarray of int64, shape (n,)
    parties : int

    Raises
    ------
    InstaHideError
        When there are more parties than places.

    Examples
    --------
    >>> [part.tolist() for part in split_parties(np.arange(7), 3)]
    [[0, 3], [1, 4], [2, 5]]
    """
    if not 1 <= parties <= len(places):
        raise InstaHideError(
            f"{len(places)} images for {parties} parties: each takes one or more"
        )
    size = len(places) // parties
    return [places[party : size * parties : parties] for party in range(parties)]


def read_split(
    source: Path | str, shape: Sequence[int], how: str, counts: Sequence[int | None], key: Key
) -> SplitImages:
    """Read labelled images and split them.

    Parameters
    ----------
    source : path
        CIFAR-10's binary archive, or a folder or an uncompressed archive with one sub-folder
        for each class.
    shape : (size, channels)
        Side of the images in pixels, and 1 (grey) or 3 (RGB).
    how : {"drawn", "given"}
        Draw the images that test from all, or take those that the source keeps apart:
        CIFAR-10's test batch, or the class folders in ``test`` beside those in ``train``.
    counts : (train, test)
        How many images of each to draw. None: of the images that test, all that are given,
        or a fifth of all; of those that train, all that are left.
    key : Key
        The same one gives the same split.

    Raises
    ------
    InstaHideError
        When the source is missing, damaged or has too few images, or the two parts have
        other classes.
    """
    if not Path(source).exists():
        raise InstaHideError(f"{shown(source)} does not exist; name a folder of class folders")
    if how == GIVEN:
        return _given(source, shape, counts, key)
    whole = read_images(source, shape)
    if set(PARTS) <= set(whole.class_names):
        raise InstaHideError(
            f"{shown(source)} has the folders 'train' and 'test' where class folders are "
            "expected: write split: given"
        )
    total, (train, test) = len(whole.images), counts
    test = total // TESTED_SHARE if test is None and train is None else test
    test = total - train if test is None else test
    train = total - test if train is None else train
    split = split_images(total, train=train, test=test, key=key)
    return SplitImages(take(whole, split.train), take(whole, split.test))


def make_split(
    out: Path | str,
    about: Path | str,
    source: Path | str,
    *,
    shape: Sequence[int],
    how: str,
    counts: Sequence[int | None],
    seed: int,
) -> None:
    """Read labelled images and split them; write both parts, and what is known of them.

    Images that are in both parts, pixel by pixel, are counted and warned of.
    """
    split = read_split(source, shape, how, counts, Key.from_seed(seed))
    known = split.describe()
    if known["test_also_in_train"]:
        _log.warning(
            "%s: %d of %d images that test are among those that train, pixel by pixel: the "
            "source holds them twice, and accuracies come out too high",
            shown(source), known["test_also_in_train"], known["test"],
        )  # fmt: skip
    save_json(about, known)
    save_split(out, split)


def read_images(source: Path | str, shape: Sequence[int], part: str = "") -> LabelledImages:
    """Read labelled images, whoever made them.

    Parameters
    ----------
    source, shape
        As for `read_split`.
    part : {"", "train", "test"}
        A part that the source keeps apart; all, but for CIFAR-10's test batch, without one.
    """
    size, channels = shape
    if Path(source).is_dir() or not is_cifar10(source):
        return read_class_folders(source, size=size, channels=channels, within=part)
    if (size, channels) != (32, 3):
        raise InstaHideError(
            f"{shown(source)} holds 32×32 colour images, and image size {size} with "
            f"{channels} channel(s) is asked for: set size: 32 and channels: 3"
        )
    return read_cifar10(source, test=part == "test")


def _given(
    source: Path | str, shape: Sequence[int], counts: Sequence[int | None], key: Key
) -> SplitImages:
    parts = []
    for name, count in zip(PARTS, counts, strict=True):
        part = read_images(source, shape, name)
        if count is not None:
            parts.append(take(part, _draw(len(part.images), count, name, key)))
        else:
            parts.append(part)
    if parts[0].class_names != parts[1].class_names:
        differ = sorted(set(parts[0].class_names) ^ set(parts[1].class_names))
        raise InstaHideError(
            f"{shown(source)}: the class {shown(differ[0])} is in one of 'train' and 'test' "
            "only: both need the same classes"
        )
    return SplitImages(*parts)


def _draw(images: int, count: int, part: str, key: Key) -> np.ndarray:
    if not 1 <= count <= images:
        raise InstaHideError(f"{count} images of {part!r}, which has {images}: ask for fewer")
    return np.sort(key.stream(f"split {part}").permutations([0], images)[0][:count])
