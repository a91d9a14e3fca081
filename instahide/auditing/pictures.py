"""One file of a person's own, of any kind that is read, becomes 8-bit pixels; it is only read.

Where `instahide.photos.decoding` refuses what would have to be changed, this changes it and
says so: a person who asks what leaks from his images shall not have to convert them first.
"""

import os
from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np

from instahide.auditing.dicom import MAGIC_END, DicomFrame, is_dicom, look_at_dicom, read_dicom
from instahide.auditing.tiffdamage import check_tiff, unheard
from instahide.photos.decoding import MAX_MEMORY, REASONS, PhotoError, bounded_header
from instahide.photos.headers import png
from instahide.photos.imageheader import Header
from instahide.photos.listing import MAX_PHOTO_BYTES

MIN_SIDE = 8  # pixels; below it there is nothing to recognise


class Look(NamedTuple):
    """What is known of a picture before it is decoded.

    Attributes
    ----------
    width, height : int
        In pixels, maybe turned by a quarter.
    memory : int
        Bytes that decoding takes, about.
    """

    width: int
    height: int
    memory: int


@dataclass(frozen=True)
class Picture:
    """A picture, and what was done to it.

    Attributes
    ----------
    pixels : ndarray of uint8, shape (H, W, C)
        C is 1 (grey) or 3 (RGB).
    notes : frozenset of str
        Of the keys of `instahide.auditing.readingwords.NOTES`.
    """

    pixels: np.ndarray
    notes: frozenset[str] = frozenset()


def look(path: str) -> Look:
    """Look at a file without decoding it.

    Raises
    ------
    PhotoError
        When it is no picture that can be read; says why, and does not name it.
    """
    if is_dicom(_contents(path, MAGIC_END)):
        found = Look(*look_at_dicom(path))
    else:
        header = _header(_contents(path))
        found = Look(header.width, header.height, _memory(header))
    if min(found.width, found.height) < MIN_SIDE:
        raise PhotoError(
            "tiny",
            f"{found.width} × {found.height} pixels are too few: both sides must have at least "
            f"{MIN_SIDE}",
        )
    if found.memory > MAX_MEMORY:
        raise PhotoError(
            "large", f"decoding would take {found.memory} bytes; {REASONS['large']}"
        )
    return found


def read_picture(path: str) -> Picture:
    """Decode a file that `look` let pass.

    Raises
    ------
    PhotoError
        As for `look`, and when its pixels are damaged or of a kind that is not read.
    """
    if is_dicom(_contents(path, MAGIC_END)):
        return _of_dicom(read_dicom(path))
    data = _contents(path)
    return decode_picture(data, _header(data))


def decode_picture(data: bytes, header: Header) -> Picture:
    """Decode a JPEG, PNG, BMP, TIFF or WebP file with a checked header.

    More than 8 bits a sample are scaled by `stretched`. What is transparent is drawn on black.
    Of an animated PNG the still picture is taken, of a TIFF the first page; a JPEG is turned
    upright as its EXIF orientation says.

    Raises
    ------
    PhotoError
        ``unreadable``.
    """
    pixels = _decoded(data, header)
    alpha = pixels[..., 3] if pixels.shape[2] == 4 else None
    colours, notes = pixels[..., : header.channels], set()
    if pixels.dtype != np.uint8:
        colours = stretched(colours)
        notes.add("stretched")
        if header.inverted:  # of 8 bits, OpenCV has turned it already
            colours = 255 - colours
    if header.alpha:
        notes.add("alpha")
    # ASSUME: black, as what lies outside an image that is padded. OpenCV hands out the colours
    # of an 8-bit TIFF multiplied by its alpha, others as they are.
    if alpha is not None and not (header.format == "tiff" and pixels.dtype == np.uint8):
        colours = _on_black(colours, alpha)
    return Picture(np.ascontiguousarray(colours[..., ::-1]), frozenset(notes))


def stretched(values: np.ndarray) -> np.ndarray:
    """Scale numbers so that their smallest becomes 0 and their largest 255, uint8.

    A camera's 12 bits in a container of 16 would be almost black if the container's range
    counted. Where all are equal, all become 0.

    Examples
    --------
    >>> stretched(np.array([[1000, 2000, 3000]], np.uint16)).tolist()
    [[0, 128, 255]]

    Raises
    ------
    PhotoError
        ``unreadable`` where a number is not finite.
    """
    low, high = float(values.min()), float(values.max())
    if not np.isfinite([low, high, high - low]).all():
        raise PhotoError("unreadable", "some of its samples are no finite numbers")
    if low == high:
        return np.zeros(values.shape, np.uint8)
    scaled = values.astype(np.float64)
    scaled -= low
    scaled *= 255 / (high - low)
    return np.rint(scaled).astype(np.uint8)


def _contents(path: str, most: int = MAX_PHOTO_BYTES + 1) -> bytes:
    """Return the first bytes of a file, or refuse one that is longer than a photo may be."""
    try:
        with open(path, "rb", opener=_opener) as file:
            data = file.read(most)
    except OSError as error:
        raise PhotoError("unreadable", f"cannot be opened: {error.strerror}") from error
    if len(data) > MAX_PHOTO_BYTES:
        raise PhotoError("large", f"has more than {MAX_PHOTO_BYTES} bytes")
    return data


def _opener(path: str, flags: int) -> int:
    """Open without following a link or waiting for a pipe that has taken the file's place."""
    return os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK)


def _header(data: bytes) -> Header:
    if not data:
        raise PhotoError("unreadable", "is empty: it has no bytes")
    try:
        return bounded_header(data, 1)
    except PhotoError as error:
        if str(error).startswith("not a "):
            raise PhotoError(
                "unreadable", "not a JPEG, PNG, BMP, TIFF, WebP or DICOM image"
            ) from None
        raise


def _memory(header: Header) -> int:
    """Return the bytes that decoding and scaling take, with alpha and all bits."""
    samples = header.pixels * (header.channels if not header.alpha else 4)
    if header.depth <= 8:
        return header.memory + 3 * samples
    return header.memory + samples * (2 * header.depth // 8 + 8 + 2)


def _decoded(data: bytes, header: Header) -> np.ndarray:
    """Return what OpenCV makes of a file, (H, W, channels), in its order of colours."""
    if header.format == "tiff":
        check_tiff(data)
    if header.format == "png":
        data = png.essential(data, (b"tRNS",))
    # Only JPEGs are turned upright: of others OpenCV would drop the alpha channel meanwhile.
    flag = cv2.IMREAD_ANYCOLOR if header.format == "jpeg" else cv2.IMREAD_UNCHANGED
    with unheard():
        try:
            pixels = cv2.imdecode(np.frombuffer(data, np.uint8), flag)
        except cv2.error:
            pixels = None
    if pixels is None:
        raise PhotoError(
            "unreadable",
            f"the {header.format.upper()} file cannot be decoded, or is of a kind that is not "
            "read: save it as PNG",
        )
    pixels = pixels.reshape(*pixels.shape[:2], -1)
    _check_shape(pixels, header)
    return pixels


def _check_shape(pixels: np.ndarray, header: Header) -> None:
    """Refuse pixels that are not what the header says, by which all sizes were judged."""
    sides = {(header.height, header.width)}
    if header.format in ("jpeg", "tiff"):  # may have been turned
        sides.add((header.width, header.height))
    stored = {header.channels, 4} if header.alpha else {header.channels}
    if pixels.shape[:2] not in sides or pixels.shape[2] not in stored:
        raise PhotoError("unreadable", "its pixels are not what its header says")


def _on_black(colours: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    most = np.iinfo(alpha.dtype).max if alpha.dtype.kind == "u" else 1.0
    share = alpha[..., None] / most
    return np.rint(colours * np.clip(share, 0, 1)).astype(np.uint8)


def _of_dicom(frame: DicomFrame) -> Picture:
    values, notes = frame.values, set(frame.notes)
    if values.dtype == np.uint8:
        pixels = values
    elif frame.ranged:
        pixels = np.rint(values * 255).astype(np.uint8)
    else:
        pixels = stretched(values)
        notes.add("unwindowed")
    return Picture(255 - pixels if frame.inverted else pixels, frozenset(notes))
