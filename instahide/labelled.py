"""Images with a class each: what private sets are made of."""

from dataclasses import dataclass

import numpy as np

from instahide.errors import InstaHideError


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

    Raises
    ------
    InstaHideError
        When one of these does not hold; names it.
    """

    images: np.ndarray
    classes: np.ndarray
    class_names: tuple[str, ...]

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
