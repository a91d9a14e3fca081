"""From the bytes of a photo to its pixels, or to the reason why not."""

import cv2
import numpy as np

from instahide.errors import InstaHideError
from instahide.photos import imageheader

MAX_PIXELS = 2**27  # 134 million: above any camera, below what would exhaust a node
REASONS = ("unreadable", "truncated", "grey", "alpha", "tiny")

# OpenCV reports on standard error what is raised here as a `PhotoError`.
cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)


class PhotoError(InstaHideError):
    """A photo that cannot be used; stages skip and count such photos by `reason`.

    Parameters
    ----------
    reason : str
        One of `REASONS`.
    message : str
        The sentence to show; it does not name the photo, since pixels have no name.
    """

    def __init__(self, reason: str, message: str):
        super().__init__(reason, message)
        self.reason = reason

    def __str__(self) -> str:
        return self.args[1]


def decode(data: bytes, *, channels: int, min_side: int) -> np.ndarray:
    """Decode a photo.

    Parameters
    ----------
    data : bytes
        A JPEG, PNG, BMP, TIFF or WebP file.
    channels : {1, 3}
        3 for RGB; 1 for grey, to which colour photos are converted (Rec. 601 luma).
    min_side : int
        The least height and width in pixels.

    Returns
    -------
    ndarray of uint8, shape (H, W, channels)
        RGB order. A JPEG is turned upright as its EXIF orientation says; a CMYK JPEG is
        converted by OpenCV.

    Raises
    ------
    PhotoError
        ``unreadable``: not an image, a damaged one, more than 8 bits per sample, or more
        than `MAX_PIXELS`; ``truncated``: its end is missing; ``grey``: a single channel
        where three are asked for; ``alpha``: a transparency channel; ``tiny``: a side
        shorter than `min_side`.
    """
    if channels not in (1, 3):
        raise InstaHideError(f"images have 1 channel (grey) or 3 (RGB), not {channels}")
    header = _checked_header(data, min_side)
    # Only JPEGs are turned upright: for the others OpenCV would drop the alpha channel
    # unseen while doing so.
    flag = cv2.IMREAD_ANYCOLOR if header.format == "jpeg" else cv2.IMREAD_UNCHANGED
    try:
        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), flag)
    except cv2.error:
        pixels = None
    if pixels is None:
        raise PhotoError("unreadable", f"the {header.format} image cannot be decoded")
    return _converted(pixels, channels)


def _checked_header(data: bytes, min_side: int) -> imageheader.Header:
    """Return the header of an image whose size is acceptable."""
    try:
        header = imageheader.read_header(data)
    except imageheader.Truncated as error:
        raise PhotoError("truncated", str(error)) from None
    except imageheader.Unreadable as error:
        raise PhotoError("unreadable", str(error)) from None
    size = f"{header.width} x {header.height} pixels"
    if header.width * header.height > MAX_PIXELS:
        raise PhotoError("unreadable", f"{size} are more than {MAX_PIXELS}")
    if min(header.width, header.height) < min_side:
        raise PhotoError("tiny", f"{size}; both sides must have at least {min_side}")
    return header


def _converted(pixels: np.ndarray, channels: int) -> np.ndarray:
    """Bring OpenCV's (H, W), BGR or BGRA to (H, W, channels), or refuse it."""
    if pixels.dtype != np.uint8:
        raise PhotoError("unreadable", "more than 8 bits per sample")
    stored = 1 if pixels.ndim == 2 else pixels.shape[2]
    if stored not in (1, 3):
        raise PhotoError("alpha", "has a transparency channel")
    if channels == 3:
        if stored == 1:
            raise PhotoError("grey", "is grey, colour is needed")
        return cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB)
    grey = pixels if stored == 1 else cv2.cvtColor(pixels, cv2.COLOR_BGR2GRAY)
    return grey.reshape(*grey.shape[:2], 1)
