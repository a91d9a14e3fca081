"""Random square crops of public photos, the raw material of the pool.

ASSUME: the challenge's README says "random crops of each photo" and no more. A 32×32 image
never has more than 40 key points, so crops are larger (64 to 128 pixels by default) and
shrunk after the filter.
"""

from collections import Counter
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import numpy as np
import zarr

from instahide.errors import InstaHideError
from instahide.files import atomic_folder, save_json
from instahide.parallel import map_threads
from instahide.photos.decoding import PhotoError
from instahide.photos.listing import Photo
from instahide.photos.opening import opened
from instahide.pool.stores import CROP_ARRAYS, create_array, put_names, save_digest
from instahide.randomness.keystream import Key, Stream


@dataclass(frozen=True)
class CropSettings:
    """How photos are cropped.

    Attributes
    ----------
    per_photo : int
        Crops of each photo.
    smallest, largest : int
        Range of the crops' sides in pixels, both included. A photo whose short side lies
        between them gets crops up to that side; a smaller one is skipped.
    channels : {1, 3}
    """

    per_photo: int = 25
    smallest: int = 64
    largest: int = 128
    channels: int = 3

    def __post_init__(self):
        if self.per_photo < 1:
            raise InstaHideError(f"crops_per_photo = {self.per_photo}: use 1 or more")
        if not 1 <= self.smallest <= self.largest <= 4096:
            raise InstaHideError(
                f"crop_size = [{self.smallest}, {self.largest}]: use two sides between 1 and "
                "4096, the smaller one first"
            )


def draw_boxes(
    stream: Stream, name: str, height: int, width: int, settings: CropSettings
) -> np.ndarray:
    """Draw the crop boxes of one photo.

    They depend on the photo's name, not on its place in a list, so adding photos to a
    folder leaves the crops of the others alone.

    Returns
    -------
    ndarray of int32, shape (per_photo, 4)
        Top, left, height, width; each side uniform on its range, then each position.
    """
    index = int.from_bytes(sha256(name.encode()).digest()[:8])
    words = stream.uniforms(index, 3 * settings.per_photo).reshape(-1, 3)
    largest = min(settings.largest, height, width)
    side = settings.smallest + np.floor(words[:, 0] * (largest - settings.smallest + 1))
    top = np.floor(words[:, 1] * (height - side + 1))
    left = np.floor(words[:, 2] * (width - side + 1))
    return np.stack([top, left, side, side], axis=1).astype(np.int32)


def cut(photo: np.ndarray, boxes: np.ndarray, side: int) -> np.ndarray:
    """Cut boxes out of a photo, each in the corner of a black square.

    Parameters
    ----------
    photo : ndarray of uint8, shape (H, W, C)
    boxes : ndarray of int, shape (n, 4)
        Top, left, height, width.
    side : int
        Side of the squares.

    Returns
    -------
    ndarray of uint8, shape (n, side, side, C)
    """
    crops = np.zeros((len(boxes), side, side, photo.shape[2]), dtype=np.uint8)
    for crop, (top, left, height, width) in zip(crops, boxes, strict=True):
        crop[:height, :width] = photo[top : top + height, left : left + width]
    return crops


def save_crops(
    store: Path | str,
    report: Path | str,
    photos: list[Photo],
    key: Key,
    settings: CropSettings,
    *,
    threads: int = 1,
) -> None:
    """Crop photos into a Zarr store, reading and decoding each photo once.

    The store has ``crops`` uint8 (n, S, S, C) with S the largest side, ``boxes`` int32
    (n, 4) and ``photos``, the photos' names; row ``i`` belongs to photo ``i // per_photo``.
    The rows of a photo that could not be used have boxes of side 0. The report says which
    photos those are, and why.
    """
    with atomic_folder(store) as temporary:
        group = zarr.open_group(temporary, mode="w")
        rows = len(photos) * settings.per_photo
        shape = (rows, settings.largest, settings.largest, settings.channels)
        crops = create_array(group, "crops", shape, "uint8", rows=settings.per_photo)
        boxes = create_array(group, "boxes", (rows, 4), "int32", rows=settings.per_photo)
        put_names(group, "photos", [photo.name for photo in photos])
        stream = key.stream("crop")

        def crop_one(place: int) -> str | None:
            here = slice(place * settings.per_photo, (place + 1) * settings.per_photo)
            try:
                drawn, cropped = crop_photo(photos[place], stream, settings)
            except PhotoError as error:
                crops[here], boxes[here] = 0, 0
                return error.reason
            crops[here], boxes[here] = cropped, drawn
            return None

        reasons = map_threads(
            crop_one, range(len(photos)), workers=threads, label="crops", unit="photos"
        )
    save_digest(store, CROP_ARRAYS)
    save_json(report, crop_report(photos, reasons))


def crop_photo(
    photo: Photo, stream: Stream, settings: CropSettings
) -> tuple[np.ndarray, np.ndarray]:
    """Return the boxes and the crops of one photo.

    Raises
    ------
    PhotoError
        When it cannot be used, for one of `decoding.REASONS`.
    """
    with opened(photo, channels=settings.channels, min_side=settings.smallest) as image:
        boxes = draw_boxes(stream, photo.name, *image.shape[:2], settings)
        return boxes, cut(image, boxes, settings.largest)


def crop_report(photos: list[Photo], reasons: list[str | None]) -> dict:
    """Count the photos of a shard, and name the skipped ones with their reason."""
    skipped = {
        photo.name: reason for photo, reason in zip(photos, reasons, strict=True) if reason
    }
    return {
        "photos": len(photos),
        "skipped": len(skipped),
        "reasons": dict(sorted(Counter(skipped.values()).items())),
        "skipped_photos": skipped,
    }
