"""A person's own folder of images becomes images of one size; how, is said in sentences.

Files of any size, depth and colour are taken as they are, none is written to, and whatever
cannot be used is named with the reason. What a folder may hold:

- files in the folder itself, which have no class (`OwnImages.folders` says ``""``), in
  sub-folders, of which the first on the way is the class, or both;
- JPEG, PNG, BMP, TIFF and WebP, known by their first bytes and not by their names, and DICOM
  where pydicom is installed (``instahide[dicom]``).

Links and hidden files are not followed, and archives are not unpacked; they are named too.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, groupby, zip_longest
from pathlib import Path
from typing import Literal

import cv2
import numpy as np

from instahide.auditing.ownfiles import TOP, OwnFile, list_own_files
from instahide.auditing.pictures import Look, Picture, look, read_picture
from instahide.auditing.readingwords import Treated, tell_reading
from instahide.auditing.resampling import chosen_size, to_square
from instahide.errors import InstaHideError
from instahide.labelled import LabelledImages
from instahide.memory import check_memory
from instahide.names import shown
from instahide.photos.decoding import PhotoError
from instahide.progress import Progress, progress_bar
from instahide.randomness.keystream import Key

LEAST, LEAST_SIZE, MOST_SIZE = 2, 16, 1024
SQUARES = ("crop", "pad")


@dataclass(frozen=True)
class Reading:
    """How a folder is to be read.

    Parameters
    ----------
    size : int, optional
        Side of all images in pixels, 16 to 1,024; None chooses one of
        `resampling.SIZES`, at most 64, that enlarges no more than half of the images.
    square : {"crop", "pad"}
        What becomes of images that are not square, see `resampling.to_square`.
    channels : {1, 3}, optional
        Grey or RGB; None: grey where no pixel of any image has a colour.
    most : int, optional
        Take at most so many images, as equally many of each class as possible.

    Raises
    ------
    InstaHideError
        When one of these does not hold.
    """

    size: int | None = None
    square: Literal["crop", "pad"] = "crop"
    channels: int | None = None
    most: int | None = None

    def __post_init__(self) -> None:
        size = self.size
        if size is not None and not LEAST_SIZE <= size <= MOST_SIZE:
            raise InstaHideError(
                f"images of {size} × {size} pixels: ask for {LEAST_SIZE} to {MOST_SIZE}"
            )
        if self.square not in SQUARES:
            raise InstaHideError(
                f"{self.square!r} is no way to make images square: crop or pad them"
            )
        if self.channels not in (None, 1, 3):
            raise InstaHideError(
                f"images have 1 channel (grey) or 3 (RGB), not {self.channels}"
            )
        if self.most is not None and self.most < LEAST:
            raise InstaHideError(f"{self.most} images at most: ask for {LEAST} or more")


@dataclass(frozen=True)
class OwnImages:
    """A person's own images, and how they came to be.

    Attributes
    ----------
    images : LabelledImages
        In the order of classes and files, with the names of their files. The class of files
        in the folder itself is called ``.``.
    reading : tuple of str
        Sentences on what was done to them.
    unreadable : tuple of (str, str)
        What else is in the folder, each name with the reason why it was not used.
    """

    images: LabelledImages
    reading: tuple[str, ...]
    unreadable: tuple[tuple[str, str], ...]

    @property
    def folders(self) -> tuple[str, ...]:
        """The class of each image as a page shows it: ``""`` for the folder itself."""
        names = ("" if name == TOP else name for name in self.images.class_names)
        return tuple(np.array(list(names))[self.images.classes].tolist())


def read_own_images(folder: Path | str, reading: Reading, key: Key) -> OwnImages:
    """Read a person's own images.

    Parameters
    ----------
    folder : path
        May be read-only: nothing is written there.
    reading : Reading
    key : Key
        What is drawn is drawn by it, where `Reading.most` is less than there are.

    Raises
    ------
    InstaHideError
        When the folder is missing, holds fewer than two images that can be read, or they
        need more memory than there is.
    """
    files, unreadable = list_own_files(folder)
    with progress_bar(None if reading.most else len(files), "looking at files", "file") as bar:
        looks, failed = _looked_at(files, reading.most, key, bar)
    _check_enough(len(looks), folder, [*failed, *unreadable])
    size = reading.size or chosen_size([_side(one, reading.square) for one in looks.values()])
    needed = 6 * len(looks) * size**2 + max(one.memory for one in looks.values())
    check_memory(needed, f"reading {len(looks)} images of {size} × {size} pixels")
    with progress_bar(len(looks), "reading images", "image") as bar:
        squares, treated, broken = _read_all(list(looks), size, reading, bar)
    unreadable = sorted({*unreadable, *failed, *broken})
    _check_enough(len(squares), folder, unreadable)
    kept = [file for file in looks if file in treated]
    images = _in_channels(np.stack(squares), reading.channels, list(treated.values()))
    told = tell_reading(
        list(treated.values()), size=size, chosen=reading.size is None, square=reading.square,
        channels=images.shape[3], found=len(files),
        drawn=len(looks) + len(failed) < len(files),
    )  # fmt: skip
    return OwnImages(_labelled(images, kept), told, tuple(unreadable))


def _looked_at(
    files: Sequence[OwnFile], most: int | None, key: Key, bar: Progress
) -> tuple[dict[OwnFile, Look], list[tuple[str, str]]]:
    """Look at files until there are enough; return pictures, in their order, and failures."""
    looks, failed = {}, []
    for file in files if most is None else _in_turn(files, key):
        if most is not None and len(looks) == most:
            break
        try:
            looks[file] = look(file.path)
        except PhotoError as error:
            failed.append((file.name, str(error)))
        bar.update()
    return {file: looks[file] for file in files if file in looks}, failed


def _in_turn(files: Sequence[OwnFile], key: Key) -> Iterator[OwnFile]:
    """Yield one file of each class after another, each class in a random order."""
    stream, orders = key.stream("own images"), []
    for number, (_, group) in enumerate(groupby(files, key=lambda one: one.folder)):
        members = list(group)
        order = stream.permutations([number], len(members))[0]
        orders.append([members[place] for place in order])
    return (file for file in chain.from_iterable(zip_longest(*orders)) if file)


def _side(one: Look, square: str) -> int:
    """Return the side of a picture that becomes the square's."""
    return (min if square == "crop" else max)(one.width, one.height)


def _read_all(
    files: Sequence[OwnFile], size: int, reading: Reading, bar: Progress
) -> tuple[list[np.ndarray], dict[OwnFile, Treated], list[tuple[str, str]]]:
    """Decode pictures one after another; return squares of 1 or 3 channels, and failures."""
    squares, treated, broken = [], {}, []
    for file in files:
        try:
            picture = read_picture(file.path)
        except PhotoError as error:
            broken.append((file.name, str(error)))
        else:
            treated[file] = _told(picture)
            pixels = _as_asked(picture.pixels, reading.channels)
            squares.append(to_square(pixels, size, reading.square))
        bar.update()
    return squares, treated, broken


def _told(picture: Picture) -> Treated:
    pixels = picture.pixels
    grey = pixels.shape[2] == 1 or bool(
        (pixels[..., 0] == pixels[..., 1]).all() and (pixels[..., 1] == pixels[..., 2]).all()
    )
    height, width = pixels.shape[:2]
    return Treated(width, height, grey, picture.notes)


def _as_asked(pixels: np.ndarray, channels: int | None) -> np.ndarray:
    """Return a picture in three channels, or in one where that is asked for."""
    if channels == 1:
        grey = pixels if pixels.shape[2] == 1 else cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
        return grey.reshape(*pixels.shape[:2], 1)
    return pixels if pixels.shape[2] == 3 else np.repeat(pixels, 3, axis=2)


def _in_channels(
    images: np.ndarray, channels: int | None, treated: Sequence[Treated]
) -> np.ndarray:
    """Take one channel where nobody asked for three and none has a colour."""
    if channels is None and all(one.grey for one in treated):
        return np.ascontiguousarray(images[..., :1])
    return images


def _labelled(images: np.ndarray, files: Sequence[OwnFile]) -> LabelledImages:
    names = tuple(sorted({file.folder for file in files}))
    classes = np.array([names.index(file.folder) for file in files], np.int64)
    return LabelledImages(images, classes, names, tuple(file.name for file in files))


def _check_enough(images: int, folder: Path | str, others: Sequence[tuple[str, str]]) -> None:
    if images >= LEAST:
        return
    found = {0: "no image", 1: "one image"}[images]
    why = f" ({shown(others[0][0])} {others[0][1]})" if others else ""
    raise InstaHideError(
        f"{shown(folder)} holds {found} that can be read{why}: put {LEAST} or more JPEG, PNG, "
        "BMP, TIFF, WebP or DICOM images there"
    )
