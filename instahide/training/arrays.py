"""Batches as PyTorch has them, (n, C, H, W), and as encodings have them, (n, H, W, C) uint8.

PyTorch is an extra: NumPy's arrays are taken as well, and PyTorch is not imported for them.
"""

from typing import Any

import numpy as np

from instahide.errors import InstaHideError
from instahide.pytorch import import_torch

ON_UNIT = "float images lie on [0, 1]: leave out normalisation, encryptions lie on [-1, 1]"


def is_tensor(batch: Any) -> bool:
    """Tell whether something is a tensor of PyTorch, without importing it."""
    return type(batch).__module__.partition(".")[0] == "torch" or hasattr(batch, "detach")


def as_array(batch: Any) -> np.ndarray:
    """Return a tensor's values, or an array as it is; memory is shared where it can be."""
    if not is_tensor(batch):
        return np.asarray(batch)
    batch = batch.detach().cpu()
    return (batch.float() if batch.is_floating_point() else batch).numpy()


def as_pixels(images: Any, what: str = "the batch") -> np.ndarray:
    """Return images as encodings take them.

    Parameters
    ----------
    images : tensor or ndarray, shape (n, C, H, W)
        uint8, or floating on [0, 1], which is rounded to 8 bits: an encryption is a function
        of 8-bit images. What was uint8 before comes back as it was.
    what : str
        For messages.

    Returns
    -------
    ndarray of uint8, shape (n, H, W, C), in C order

    Raises
    ------
    InstaHideError
        When they are something else; NaN is none of [0, 1].

    Examples
    --------
    >>> as_pixels(np.array([[[[0.0, 1.0]]]])).tolist()
    [[[[0], [255]]]]
    """
    array = as_array(images)
    if array.ndim != 4 or 0 in array.shape or array.shape[1] not in (1, 3):
        raise InstaHideError(
            f"{what} has the shape {tuple(array.shape)}: images are (n, C, H, W), with 1 or 3 "
            "channels"
        )
    if array.dtype.kind == "f":
        # Written so that NaN, which no comparison holds for, is refused too.
        if not (array.min() >= 0 and array.max() <= 1):
            raise InstaHideError(
                f"{what} holds values from {array.min():.3g} to {array.max():.3g}: {ON_UNIT}"
            )
        array = np.rint(array * 255).astype(np.uint8)
    if array.dtype != np.uint8:
        raise InstaHideError(f"{what} is {array.dtype}: give uint8, or floats on [0, 1]")
    return np.ascontiguousarray(array.transpose(0, 2, 3, 1))


def as_classes(labels: Any, images: int, num_classes: int) -> np.ndarray:
    """Return labels as int64, shape (images,).

    Raises
    ------
    InstaHideError
        When they are no whole numbers, not one for each image, or out of range.
    """
    array = as_array(labels)
    if array.dtype.kind not in "iu" or array.shape != (images,):
        raise InstaHideError(
            f"the labels are {array.dtype} {tuple(array.shape)}: give {images} whole numbers, "
            "the class of each image"
        )
    if array.size and not 0 <= int(array.min()) <= int(array.max()) < num_classes:
        raise InstaHideError(
            f"labels go from {array.min()} to {array.max()}, and num_classes = {num_classes}: "
            "they lie from 0 to num_classes - 1"
        )
    return array.astype(np.int64)


def channels_first(encrypted: np.ndarray) -> np.ndarray:
    """Return rows (n, H, W, C) as (n, C, H, W), without copying.

    As a tensor it has the memory format `channels_last`, which convolutions like.
    """
    return encrypted.transpose(0, 3, 1, 2)


def like(array: np.ndarray, batch: Any) -> Any:
    """Return an array as what `batch` is: a tensor on its device, or an array."""
    if not is_tensor(batch):
        return array
    return import_torch().from_numpy(array).to(batch.device)
