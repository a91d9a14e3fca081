"""The challenge's filter for public patches: more than 40 SIFT key points.

Crops with few key points are flat, and a flat image hides nothing it is mixed with.
Key points: Lowe, "Distinctive image features from scale-invariant keypoints" (IJCV 2004),
as in OpenCV with its default settings, on the grey crop before it is shrunk.
"""

import threading
from pathlib import Path

import cv2
import numpy as np
import zarr

from instahide.files import atomic_folder
from instahide.images import shrink
from instahide.parallel import map_threads
from instahide.pool.stores import (
    CROP_ARRAYS,
    POOL_ARRAYS,
    get_names,
    open_store,
    put_array,
    put_names,
    read_rows,
    row_slices,
    save_digest,
)

BATCH_BYTES = 2**23

_local = threading.local()


def count_keypoints(image: np.ndarray) -> int:
    """Count the SIFT key points of a uint8 image (H, W, C), C being 1 or 3 (RGB)."""
    if not hasattr(_local, "sift"):  # detectors are costly to make and not thread-safe
        _local.sift = cv2.SIFT_create()
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY) if image.shape[2] == 3 else image
    return len(_local.sift.detect(np.ascontiguousarray(grey), None))


def filter_crops(
    crops: np.ndarray, boxes: np.ndarray, *, more_than: int, size: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Keep the crops with more than `more_than` key points, shrunk.

    Parameters
    ----------
    crops : ndarray of uint8, shape (n, S, S, C)
        Each crop in the upper left corner of its square.
    boxes : ndarray of int, shape (n, 4)
        Top, left, height, width; rows of height 0 hold nothing.

    Returns
    -------
    patches : ndarray of uint8, shape (m, size, size, C)
    kept : ndarray of int64, shape (m,)
        Places of the patches among the crops.
    keypoints : ndarray of int32, shape (m,)
    """
    patches, kept, counts = [], [], []
    for place, (crop, (_, _, height, width)) in enumerate(zip(crops, boxes, strict=True)):
        image = crop[:height, :width]
        count = count_keypoints(image) if height else -1
        if count > more_than:
            patches.append(shrink(image, size))
            kept.append(place)
            counts.append(count)
    empty = np.empty((0, size, size, crops.shape[3]), dtype=np.uint8)
    return (
        np.stack(patches) if patches else empty,
        np.array(kept, dtype=np.int64),
        np.array(counts, dtype=np.int32),
    )


def save_patches(
    store: Path | str, crops: Path | str, *, more_than: int, size: int, threads: int = 1
) -> None:
    """Filter a store of crops into a store of patches.

    It has ``patches`` uint8 (m, size, size, C), and where each comes from: ``boxes`` int32
    (m, 4), ``photo`` int32 (m,), a place in the list ``photos`` of names, and
    ``keypoints`` int32 (m,).
    """
    cv2.setNumThreads(1)  # the crops are shared among our own threads
    source = open_store(crops, CROP_ARRAYS)
    boxes, names = read_rows(source, "boxes"), get_names(source, "photos")
    per_photo = len(boxes) // max(1, len(names))

    def work(rows: slice) -> tuple[np.ndarray, ...]:
        patches, kept, counts = filter_crops(
            read_rows(source, "crops", rows), boxes[rows], more_than=more_than, size=size
        )
        return patches, kept + rows.start, counts

    parts = map_threads(
        work,
        row_slices(source["crops"], BATCH_BYTES),
        workers=threads,
        label="key points",
        unit="batches",
    )
    channels = source["crops"].shape[3]
    nothing = filter_crops(
        np.empty((0, 1, 1, channels), np.uint8), boxes[:0], more_than=more_than, size=size
    )
    patches, kept, counts = map(np.concatenate, zip(nothing, *parts, strict=True))
    with atomic_folder(store) as temporary:
        group = zarr.open_group(temporary, mode="w")
        put_array(group, "patches", patches)
        put_array(group, "boxes", boxes[kept])
        put_array(group, "photo", (kept // per_photo if len(kept) else kept).astype(np.int32))
        put_array(group, "keypoints", counts)
        put_names(group, "photos", names)
    save_digest(store, POOL_ARRAYS)
