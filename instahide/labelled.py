"""Images with a class each: what private sets are made of."""

from dataclasses import dataclass

import numpy as np

from instahide.errors import InstaHideError
from instahide.names import UNFIT


@dataclass(frozen=True, eq=False)
class LabelledImages:
    """Images and their classes, checked when made.

    Parameters
    ----------
    images : ndarray of uint8, shape (n, height, width, channels)
        n > 0; 1 or 3 channels (grey or RGB).
    classes : ndarray of int64, shape (n,)
        Index of each image's class, in [0, len(class_names)).
    class_names : tuple of str
        Unique and not empty. A class may have no image.
    files : tuple of str, optional
        The file that each image was read from, a line of text each, relative to the source.
        Empty where they are not known. They may tell who is to be seen, so they belong to the
        secrets; they are shown and never opened.

    Raises
    ------
    InstaHideError
        When one of these does not hold; names it.
    """

    images: np.ndarray
    classes: np.ndarray
    class_names: tuple[str, ...]
    files: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        images, classes, names = self.images, self.classes, self.class_names
        if images.dtype != np.uint8 or images.ndim != 4 or 0 in images.shape:
            raise InstaHideError(
                "images must be uint8 of shape (n, height, width, channels), not "
                f"{images.dtype} of shape {images.shape}"
            )
        if images.shape[3] not in (1, 3):
            raise InstaHideError(f"images must have 1 or 3 channels, not {images.shape[3]}")
        if classes.dtype != np.int64 or classes.shape != images.shape[:1]:
            raise InstaHideError(
                f"classes must be int64 of shape ({len(images)},), not "
                f"{classes.dtype} of shape {classes.shape}"
            )
        if not isinstance(names, tuple) or not all(isinstance(n, str) and n for n in names):
            raise InstaHideError(f"class names must be a tuple of non-empty texts: {names!r}")
        for name in names:
            if name.encode(errors="ignore").decode() != name:
                raise InstaHideError(f"the class name {name!r} is no UTF-8: rename its folder")
        if len(set(names)) != len(names):
            raise InstaHideError(f"class names must be unique: {', '.join(names)}")
        if classes.min() < 0 or classes.max() >= len(names):
            raise InstaHideError(
                f"classes must lie in [0, {len(names)}), as there are {len(names)} names; "
                f"found {classes.min()} to {classes.max()}"
            )
        self._check_files()

    def at(self, places: np.ndarray) -> "LabelledImages":
        """Return the images at some places, int64, with all classes' names."""
        files = tuple(self.files[place] for place in places) if self.files else ()
        return LabelledImages(
            self.images[places], self.classes[places], self.class_names, files
        )

    def _check_files(self) -> None:
        files = self.files
        if not isinstance(files, tuple) or not all(isinstance(n, str) and n for n in files):
            raise InstaHideError("names of files must be a tuple of non-empty texts")
        if len(files) not in (0, len(self.images)):
            raise InstaHideError(
                f"there are {len(self.images)} images and the names of {len(files)} files: "
                "give one for each image, or none"
            )
        if any(UNFIT.search(name) for name in files):
            raise InstaHideError("the name of a file is not plain UTF-8 text in one line")
