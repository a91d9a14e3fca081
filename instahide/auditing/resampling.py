"""Pictures of any size become squares of one size."""

import cv2
import numpy as np

#: The sizes that are chosen from.
SIZES = (16, 24, 32, 48, 64)


def to_square(pixels: np.ndarray, size: int, square: str) -> np.ndarray:
    """Bring a picture to a square.

    Parameters
    ----------
    pixels : ndarray of uint8, shape (H, W, C)
    size : int
        Side of the result. What is larger is shrunk by averaging over areas, what is smaller is
        enlarged bilinearly.
    square : {"crop", "pad"}
        Take the square in the middle, or put the whole into the middle of a black square.

    Returns
    -------
    ndarray of uint8, shape (size, size, C)

    Examples
    --------
    >>> wide = np.repeat(np.uint8([9, 0, 0, 9]), 16).reshape(1, 64, 1).repeat(32, axis=0)
    >>> int(to_square(wide, 16, "crop").max())
    0
    >>> to_square(wide, 16, "pad")[8, :, 0].tolist()
    [9, 9, 9, 9, 0, 0, 0, 0, 0, 0, 0, 0, 9, 9, 9, 9]
    """
    height, width, channels = pixels.shape
    if square == "crop":
        side = min(height, width)
        top, left = (height - side) // 2, (width - side) // 2
        return _resized(pixels[top : top + side, left : left + side], size, size)
    side = max(height, width)
    high, wide = (max(1, round(size * one / side)) for one in (height, width))
    top, left = (size - high) // 2, (size - wide) // 2
    padded = np.zeros((size, size, channels), np.uint8)
    padded[top : top + high, left : left + wide] = _resized(pixels, high, wide)
    return padded


def chosen_size(sides: list[int]) -> int:
    """Return the largest of `SIZES` for which no more than half of all pictures are enlarged.

    Parameters
    ----------
    sides : list of int
        The side of each picture that becomes the square's.

    Examples
    --------
    >>> chosen_size([300, 400, 20]), chosen_size([28, 28, 28]), chosen_size([9, 9])
    (64, 24, 16)
    """
    fitting = [size for size in SIZES if 2 * sum(side < size for side in sides) <= len(sides)]
    return max(fitting, default=SIZES[0])


def _resized(pixels: np.ndarray, height: int, width: int) -> np.ndarray:
    shrinks = max(height, width) <= max(pixels.shape[:2])
    way = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    resized = cv2.resize(pixels, (width, height), interpolation=way)
    return resized.reshape(height, width, pixels.shape[2])
