"""A user's own labelled images: a folder or archive with one sub-folder for each class."""

import logging
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from instahide.errors import InstaHideError
from instahide.images import shrink
from instahide.labelled import LabelledImages
from instahide.names import shown
from instahide.photos.decoding import REASONS, PhotoError
from instahide.photos.inventory import as_name
from instahide.photos.listing import Photo, list_photos
from instahide.photos.opening import opened
from instahide.progress import progress_bar

MAX_SKIPPED_SHARE = 0.10  # of a user's own images; above it, something else is wrong

_log = logging.getLogger(__name__)


def read_class_folders(
    path: Path | str, *, size: int, channels: int, within: str = ""
) -> LabelledImages:
    """Read a user's own images: one sub-folder per class.

    Images are cropped to the square in their middle and shrunk by area averaging. Those
    that cannot be used are skipped, and a warning is logged that counts them by reason.

    Parameters
    ----------
    path : path
        A folder, or an archive that `photos.list_photos` reads.
    size : int
        Height and width of the result; smaller images are skipped, not enlarged.
    channels : {1, 3}
        Grey or RGB, as in `decoding.decode`.
    within : str
        Read a folder at the top only, such as ``"test"``: the class folders are in it.

    Returns
    -------
    LabelledImages
        Classes in the order of their names, images in the order of theirs, which are told.

    Raises
    ------
    InstaHideError
        When an image lies outside the class folders, a class folder holds none, or more
        than `MAX_SKIPPED_SHARE` of the images cannot be used.
    """
    photos = _photos_within(list_photos(path), within, path)
    place = Path(path, within) if within and os.path.isdir(path) else path
    class_names = _class_names(photos, place)
    class_index = {name: index for index, name in enumerate(class_names)}
    images, classes, files, skipped = [], [], [], []
    with progress_bar(len(photos), "reading labelled images", "image") as bar:
        for photo in photos:
            try:
                with opened(photo, channels=channels, min_side=size) as image:
                    images.append(_shrunk(image, size))
            except PhotoError as error:
                skipped.append((photo.name, error))
            else:
                classes.append(class_index[_class_of(photo)])
                files.append(photo.name)
            bar.update()
    _report_skipped(skipped, len(photos), path)
    return LabelledImages(
        np.stack(images), np.array(classes, np.int64), class_names, tuple(files)
    )


def _photos_within(photos: Sequence[Photo], within: str, path: Path | str) -> Sequence[Photo]:
    """Return the photos of one folder at the top, with names as if it were the source."""
    if not within:
        return photos
    start = f"{within}/"
    found = [
        replace(photo, name=photo.name.removeprefix(start))
        for photo in photos
        if photo.name.startswith(start)
    ]
    if not found:
        raise InstaHideError(
            f"{shown(path)} holds no photos in a folder {within!r} at its top: put class "
            "folders there, or let the images that test be drawn"
        )
    return found


def _class_names(photos: Sequence[Photo], path: Path | str) -> tuple[str, ...]:
    """Return the sorted names of the class folders, none of which may be empty."""
    for photo in photos:
        if "/" not in photo.name:
            raise InstaHideError(
                f"{shown(path)} holds {shown(photo.name)} itself; put each image into a folder "
                "of its class"
            )
    names = {_class_of(photo) for photo in photos}
    if os.path.isdir(path):
        for entry in os.scandir(os.fsencode(path)):
            name = as_name(entry.name)
            if entry.is_dir() and not name.startswith(".") and name not in names:
                raise InstaHideError(
                    f"{shown(path)}: the class folder {shown(name)} holds no images; "
                    "add some or delete it"
                )
    return tuple(sorted(names))


def _class_of(photo: Photo) -> str:
    return photo.name.partition("/")[0]


def _shrunk(image: np.ndarray, size: int) -> np.ndarray:
    """Crop the middle square of (H, W, channels) and shrink it to (size, size, channels)."""
    height, width = image.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    return shrink(image[top : top + side, left : left + side], size)


def _report_skipped(
    skipped: Sequence[tuple[str, PhotoError]], total: int, path: Path | str
) -> None:
    """Log how many images were skipped and why; refuse too many."""
    if not skipped:
        return
    reasons = Counter(error.reason for _, error in skipped)
    counts = ", ".join(f"{count} {reason}" for reason, count in sorted(reasons.items()))
    commonest = max(reasons, key=reasons.get)
    name, error = next(one for one in skipped if one[1].reason == commonest)
    summary = (
        f"{shown(path)}: skipped {len(skipped)} of {total} images ({counts}); "
        f"{shown(name)}: {error}"
    )
    if len(skipped) > MAX_SKIPPED_SHARE * total:
        raise InstaHideError(
            f"{summary}. At most {MAX_SKIPPED_SHARE:.0%} may be unusable. The commonest reason "
            f"is {commonest}: {REASONS[commonest]}; or remove these images"
        )
    _log.warning(summary)
