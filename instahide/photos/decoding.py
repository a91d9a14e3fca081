"""From the bytes of a photo to its pixels, or to the reason why not."""

from collections.abc import Iterator

import cv2
import numpy as np

from instahide.errors import InstaHideError
from instahide.photos.headers import png
from instahide.photos.imageheader import Header, Truncated, Unreadable, read_header

MAX_PIXELS = 2**27  # 134 million: above any camera, below what would exhaust a node
MAX_MEMORY = 6 * MAX_PIXELS  # bytes while decoding: two copies of so many coloured pixels
MAX_WORK = 16 * MAX_PIXELS  # pixels of all scans: the progressive JPEGs of cameras have 10

#: Why photos are skipped, and what to do about it.
REASONS = {
    "unreadable": "mend or remove",
    "truncated": "copy or download again",
    "large": "make smaller, or where the pixels are not too many save as baseline JPEG",
    "tiny": "bring larger ones, or ask for smaller images",
    "depth": "convert to 8 bits per sample",
    "alpha": "save without transparency",
    "animated": "save one picture of it",
    "grey": "make all images grey with `channels: 1` (on the command line --channels 1), or "
    "convert to RGB",
}

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
        A JPEG, PNG, BMP, TIFF or WebP file. Of a TIFF with several pages the first is
        taken, of an animated PNG the still picture.
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
        As for `checked_header`; and ``unreadable`` when the pixels cannot be decoded, or
        are not what the header says.
    """
    return decode_pixels(data, checked_header(data, channels, min_side), channels)


def checked_header(data: bytes, channels: int, min_side: int) -> Header:
    """Return the header of a photo that may be decoded; takes little memory and time.

    Raises
    ------
    PhotoError
        ``unreadable``: not an image, a damaged one, or one with two meanings;
        ``truncated``: its end is missing; ``large``: more than `MAX_PIXELS`, or decoding
        would take more than `MAX_MEMORY` bytes or go over more than `MAX_WORK` pixels;
        ``tiny``: a side shorter than `min_side`; ``depth``: more than 8 bits per sample;
        ``alpha``: a transparency channel; ``animated``: an animated WebP; ``grey``: a
        single channel where three are asked for.
    """
    if channels not in (1, 3):
        raise InstaHideError(f"images have 1 channel (grey) or 3 (RGB), not {channels}")
    header = bounded_header(data, min_side)
    for reason, fact in _faults(header, channels):
        raise PhotoError(reason, f"{fact}; {REASONS[reason]}")
    return header


def bounded_header(data: bytes, min_side: int) -> Header:
    """Return the header of a photo whose decoding has bounds, of any depth and with any alpha.

    Raises
    ------
    PhotoError
        ``unreadable``, ``truncated``, ``large``, ``tiny`` or ``animated``, as for
        `checked_header`.
    """
    try:
        header = read_header(data)
    except Truncated as error:
        raise PhotoError("truncated", str(error)) from None
    except Unreadable as error:
        raise PhotoError("unreadable", str(error)) from None
    for reason, fact in _excesses(header, min_side):
        raise PhotoError(reason, f"{fact}; {REASONS[reason]}")
    return header


def decode_pixels(data: bytes, header: Header, channels: int) -> np.ndarray:
    """Decode a photo with a checked header, see `decode`; takes `header.memory` bytes."""
    # Only JPEGs are turned upright: for the others OpenCV would drop the alpha channel
    # unseen while doing so.
    flag = cv2.IMREAD_ANYCOLOR if header.format == "jpeg" else cv2.IMREAD_UNCHANGED
    if header.format == "png":
        data = png.essential(data)
    try:
        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), flag)
    except cv2.error as error:
        if getattr(error, "code", None) == cv2.Error.StsNoMem:  # then it must not be skipped
            raise InstaHideError(
                f"no memory to decode {_size(header)}: {header.memory} bytes are needed"
            ) from None
        pixels = None
    if pixels is None:
        raise PhotoError("unreadable", f"the {header.format} image cannot be decoded")
    _check_claim(pixels, header)
    return _converted(pixels, channels)


def _excesses(header: Header, min_side: int) -> Iterator[tuple[str, str]]:
    """Yield the reasons not to decode at all, each with what is the matter."""
    if header.animated:
        yield "animated", "is an animation"
    if header.pixels > MAX_PIXELS:
        yield "large", f"{_size(header)} are more than {MAX_PIXELS}"
    if header.memory > MAX_MEMORY:
        yield "large", f"{_size(header)} take {header.memory} bytes, more than {MAX_MEMORY}"
    if header.work > MAX_WORK:
        yield "large", f"its scans have {header.work} pixels together, more than {MAX_WORK}"
    if min(header.width, header.height) < min_side:
        yield "tiny", f"{_size(header)}, and both sides must have at least {min_side}"


def _faults(header: Header, channels: int) -> Iterator[tuple[str, str]]:
    """Yield the reasons to refuse what could be decoded, each with what is the matter."""
    if header.depth > 8:
        yield "depth", f"has {header.depth} bits per sample"
    if header.alpha:
        yield "alpha", "has a transparency channel"
    if header.channels < channels:
        yield "grey", "is grey, and colour is needed"


def _size(header: Header) -> str:
    return f"{header.width} x {header.height} pixels"


def _check_claim(pixels: np.ndarray, header: Header) -> None:
    """Refuse pixels that are not what the header says: all sizes were judged by it."""
    height, width, stored = pixels.shape if pixels.ndim == 3 else (*pixels.shape, 1)
    sides = [(header.height, header.width)]
    if header.format in ("jpeg", "tiff"):  # may have been turned
        sides.append((header.width, header.height))
    if (height, width) not in sides or stored != header.channels or pixels.dtype != np.uint8:
        raise PhotoError(
            "unreadable",
            f"decodes to {width} x {height} pixels of {stored} channels, {pixels.dtype}, and "
            f"its header says {_size(header)} of {header.channels}",
        )


def _converted(pixels: np.ndarray, channels: int) -> np.ndarray:
    """Bring OpenCV's (H, W) or BGR to (H, W, channels)."""
    if channels == 3:
        return cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB)
    grey = pixels if pixels.ndim == 2 else cv2.cvtColor(pixels, cv2.COLOR_BGR2GRAY)
    return grey.reshape(*grey.shape[:2], 1)
