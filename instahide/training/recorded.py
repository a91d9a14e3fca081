"""Rows of a challenge to train on, so that what is attacked is what a network has seen.

A training may have some of its images recorded: they are the private set of a challenge with
as many rows for each image as there are epochs, and epoch e of the training takes rows e·n to
e·n + n - 1 of it. Nothing is converted: the rows are read from the released files.
"""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from instahide.errors import InstaHideError
from instahide.files import load_npy
from instahide.labelled import LabelledImages
from instahide.training.arrays import channels_first


@dataclass(frozen=True)
class Recorded:
    """The released rows and labels of a challenge.

    Attributes
    ----------
    images : int
        Private images n of the challenge: rows of an epoch.
    encryption : ndarray of float, shape (E, H, W, C)
    label : ndarray of float, shape (E, classes)
    """

    images: int
    encryption: np.ndarray = field(repr=False)
    label: np.ndarray = field(repr=False)

    def check(self, epochs: int) -> None:
        """Refuse a challenge whose rows do not last for all epochs.

        Raises
        ------
        InstaHideError
        """
        rows = len(self.encryption)
        if self.encryption.ndim != 4 or self.label.shape[:1] != (rows,):
            raise InstaHideError(
                f"recorded are rows {self.encryption.shape} with labels {self.label.shape}: "
                "rows (E, H, W, C), each with a label, are expected"
            )
        if rows < epochs * self.images:
            raise InstaHideError(
                f"{rows} rows are recorded, and {epochs} epochs of {self.images} images need "
                f"{epochs * self.images}"
            )

    def epoch(self, epoch: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the rows of an epoch, float32 (n, C, H, W), and their labels, float32."""
        part = slice(epoch * self.images, (epoch + 1) * self.images)
        rows = np.array(self.encryption[part], np.float32)
        return channels_first(rows), np.array(self.label[part], np.float32)


def load_recorded(challenge: Path | str, images: int) -> Recorded:
    """Open the released files of a challenge."""
    folder = Path(challenge)
    return Recorded(images, load_npy(folder / "encryption.npy"), load_npy(folder / "label.npy"))


def without(images: LabelledImages, others: LabelledImages) -> np.ndarray:
    """Return the places of images that are not among others, by all of their pixels.

    Returns
    -------
    ndarray of int64
        Ascending.
    """
    known = set(map(bytes, others.images))
    return np.array(
        [place for place, image in enumerate(images.images) if bytes(image) not in known],
        np.int64,
    )
