"""The ranges that images live in: 0 … 255 in stores, [-1, 1] where there is arithmetic."""

import cv2
import numpy as np


def to_unit_range(images: np.ndarray) -> np.ndarray:
    """Map uint8 images to float32 on [-1, 1]: x / 127.5 - 1, rounded once."""
    return (np.arange(256) / 127.5 - 1).astype(np.float32)[images]


def to_bytes(images: np.ndarray) -> np.ndarray:
    """Map images on [-1, 1] to uint8, clipping what lies outside; undoes `to_unit_range`."""
    return np.rint(np.clip((images + 1.0) * 127.5, 0, 255)).astype(np.uint8)


def shrink(image: np.ndarray, size: int) -> np.ndarray:
    """Shrink a uint8 image (H, W, C) to (size, size, C) by averaging over areas."""
    small = cv2.resize(image, (size, size), interpolation=cv2.INTER_AREA)
    return small.reshape(size, size, image.shape[2])
