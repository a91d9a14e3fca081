"""Labelled images in two parts, those that train a network and those that test it, as a file.

How they are read and split stands in `instahide.photos.splitting`, apart from here: what reads
the file does not depend on how photos are decoded.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from instahide.errors import InstaHideError
from instahide.files import load_npz, save_npz
from instahide.labelled import LabelledImages

PARTS = ("train", "test")
SPLIT_SUFFIX = ".npz"

_ARRAYS = ("images", "classes")


@dataclass(frozen=True)
class SplitImages:
    """Labelled images of the same classes and size, in two parts.

    Attributes
    ----------
    train, test : LabelledImages
    """

    train: LabelledImages
    test: LabelledImages

    def describe(self) -> dict[str, Any]:
        """Return what is known of the parts, as JSON: sizes, classes, equal images.

        ``test_also_in_train`` counts images that test whose every pixel equals that of one
        that trains: a source may hold an image twice.
        """
        known = set(map(bytes, self.train.images))
        return {
            "train": len(self.train.images),
            "test": len(self.test.images),
            "image_shape": list(self.train.images.shape[1:]),
            "classes": list(self.train.class_names),
            "train_by_class": _by_class(self.train),
            "test_by_class": _by_class(self.test),
            "test_also_in_train": sum(bytes(image) in known for image in self.test.images),
        }


def take(images: LabelledImages, places: np.ndarray) -> LabelledImages:
    """Return the images at some places, with all classes' names."""
    return images.at(places)


def save_split(path: Path | str, split: SplitImages) -> None:
    """Write both parts as one `.npz` (mode 0600)."""
    arrays = {"class_names": np.array(split.train.class_names)}
    for name in PARTS:
        part = getattr(split, name)
        arrays |= {f"{name}_images": part.images, f"{name}_classes": part.classes}
        if part.files:
            arrays[f"{name}_files"] = np.array(part.files)
    save_npz(path, arrays, secret=True)


def load_split(path: Path | str) -> SplitImages:
    """Read what `save_split` wrote, now or before it kept the names of files.

    Raises
    ------
    InstaHideError
        When the file is missing, damaged or something else.
    """
    names = ["class_names", *(f"{part}_{what}" for part in PARTS for what in _ARRAYS)]
    arrays = load_npz(path, names, [f"{part}_files" for part in PARTS])
    try:
        classes = _texts(arrays, "class_names")
        parts = [
            LabelledImages(
                *(arrays[f"{part}_{what}"] for what in _ARRAYS),
                classes,
                _texts(arrays, f"{part}_files") if f"{part}_files" in arrays else (),
            )
            for part in PARTS
        ]
    except InstaHideError as error:
        raise InstaHideError(f"{path} holds no images to train and to test: {error}") from None
    return SplitImages(*parts)


def _texts(arrays: dict[str, np.ndarray], name: str) -> tuple[str, ...]:
    texts = arrays[name]
    if texts.dtype.kind != "U" or texts.ndim != 1:
        raise InstaHideError(f"{name} are {texts.dtype} {texts.shape}")
    return tuple(texts.tolist())


def _by_class(images: LabelledImages) -> list[int]:
    return np.bincount(images.classes, minlength=len(images.class_names)).tolist()
