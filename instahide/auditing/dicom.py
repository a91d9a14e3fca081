"""One frame of a DICOM file, as its window shows it, through pydicom: an extra.

Of the elements of a file only those are read that say how its pixels are stored and shown
(`ELEMENTS`): who is to be seen, when and where never gets into this program's memory, and so
into nothing that it writes. Nothing that a file says is repeated in a message.

Formulas are those of DICOM PS3.3, C.11.1 (modality) and C.11.2 (window).
"""

import contextlib
import importlib.util
import logging
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from instahide.photos.decoding import MAX_PIXELS, PhotoError

MAGIC, MAGIC_START = b"DICM", 128
MAGIC_END = MAGIC_START + len(MAGIC)

#: What is read of a file, beside its pixels: none of these tells anything of a patient.
ELEMENTS = (
    "SamplesPerPixel",
    "PhotometricInterpretation",
    "PlanarConfiguration",
    "NumberOfFrames",
    "Rows",
    "Columns",
    "BitsAllocated",
    "BitsStored",
    "HighBit",
    "PixelRepresentation",
    "ModalityLUTSequence",
    "RescaleIntercept",
    "RescaleSlope",
    "VOILUTSequence",
    "VOILUTFunction",
    "WindowCenter",
    "WindowWidth",
    "RedPaletteColorLookupTableDescriptor",
    "GreenPaletteColorLookupTableDescriptor",
    "BluePaletteColorLookupTableDescriptor",
    "RedPaletteColorLookupTableData",
    "GreenPaletteColorLookupTableData",
    "BluePaletteColorLookupTableData",
    "SharedFunctionalGroupsSequence",
    "PerFrameFunctionalGroupsSequence",
)
_GREY = ("MONOCHROME1", "MONOCHROME2")
_COLOUR = ("RGB", "YBR_FULL", "YBR_FULL_422", "YBR_ICT", "YBR_RCT")
_PALETTE = "PALETTE COLOR"
# Where newer files keep what older ones say at the top, for all frames or for each.
_GROUPS = {
    "PixelValueTransformationSequence": ("RescaleIntercept", "RescaleSlope"),
    "FrameVOILUTSequence": ("WindowCenter", "WindowWidth", "VOILUTFunction"),
}


@dataclass(frozen=True)
class DicomFrame:
    """A picture as a DICOM file holds it.

    Attributes
    ----------
    values : ndarray, shape (H, W, C)
        C is 1 or 3; uint8 where they are what is shown.
    ranged : bool
        Whether other values are on [0, 1], as a window or a table of the file's says.
    inverted : bool
        Whether the largest value stands for black.
    notes : tuple of str
        See `instahide.auditing.pictures.Picture`.
    """

    values: np.ndarray
    ranged: bool
    inverted: bool
    notes: tuple[str, ...]


def is_dicom(start: bytes) -> bool:
    """Tell from the first `MAGIC_END` bytes of a file whether it is DICOM."""
    return start[MAGIC_START:MAGIC_END] == MAGIC


def look_at_dicom(path: str) -> tuple[int, int, int]:
    """Return width, height and the bytes of memory that reading one frame takes, about.

    Raises
    ------
    PhotoError
        When pydicom is not installed, the file is damaged or holds no picture, or its pixels
        are compressed in a way that cannot be decoded here.
    """
    with _guarded():
        dataset = _described(path)
        rows, columns = int(dataset.Rows), int(dataset.Columns)
        samples, bits = int(dataset.SamplesPerPixel), int(dataset.BitsAllocated)
    if rows * columns > MAX_PIXELS:
        raise PhotoError("large", f"{columns} × {rows} pixels are more than {MAX_PIXELS}")
    # Values as stored, and twice as float64 while they are windowed; colours are not.
    each = 2 * bits // 8 + (2 * 8 if samples == 1 else 2)
    return columns, rows, rows * columns * max(samples, 1) * each


def read_dicom(path: str) -> DicomFrame:
    """Read a frame: the only one, or the one in the middle.

    Rescaling and tables of the modality are applied, then the table or the (first) window of
    the file's.

    Raises
    ------
    PhotoError
        As for `look_at_dicom`, and when the pixels cannot be decoded.
    """
    with _guarded():
        from pydicom.pixels import pixel_array

        dataset = _described(path)
        frames = int(dataset.get("NumberOfFrames") or 1)
        middle = frames // 2
        _take_groups(dataset, middle)
        with open(path, "rb") as file:
            stored = pixel_array(file, index=middle)
        notes = ("frames",) if frames > 1 else ()
        return _shown(stored, dataset, notes)


def windowed(
    values: np.ndarray, centre: float, width: float, function: str = "LINEAR"
) -> np.ndarray:
    """Map values to [0, 1] by a window (PS3.3, C.11.2.1.2 and C.11.2.1.3), float64.

    Examples
    --------
    >>> windowed(np.array([0, 1023.5, 2047]), 1024, 2048).round(3).tolist()
    [0.0, 0.5, 1.0]
    """
    values = np.asarray(values, np.float64)
    if function == "SIGMOID":
        with np.errstate(over="ignore"):
            return 1 / (1 + np.exp(-4 * (values - centre) / width))
    if function == "LINEAR":
        centre, width = centre - 0.5, width - 1
    if width <= 0:
        return (values > centre).astype(np.float64)
    return np.clip((values - centre) / width + 0.5, 0, 1)


def _shown(stored: np.ndarray, dataset: Any, notes: tuple[str, ...]) -> DicomFrame:
    """Return stored values of any kind as they are to be shown."""
    kind = str(dataset.PhotometricInterpretation)
    if kind == _PALETTE:
        from pydicom.pixels import apply_color_lut

        colours = apply_color_lut(stored, dataset)
        if colours.dtype == np.uint16:
            colours = (colours >> 8).astype(np.uint8)
        return DicomFrame(colours[..., :3], True, False, notes)
    if kind in _COLOUR and stored.ndim == 3 and stored.shape[2] == 3:
        return DicomFrame(stored, False, False, notes)
    if kind not in _GREY or stored.ndim != 2:
        raise PhotoError("unreadable", "the colours of the DICOM file are not of a known kind")
    values, note = _grey(stored, dataset)
    return DicomFrame(values[..., None], bool(note), kind == _GREY[0], notes + note)


def _grey(stored: np.ndarray, dataset: Any) -> tuple[np.ndarray, tuple[str, ...]]:
    """Return values, on [0, 1] where the file says of which range, and a note of that."""
    from pydicom.pixels import apply_modality_lut, apply_voi

    values = apply_modality_lut(stored, dataset)
    if dataset.get("VOILUTSequence"):
        bits = int(dataset.VOILUTSequence[0].LUTDescriptor[2])
        if values.dtype.kind == "f":
            values = np.rint(values).astype(np.int64)
        return np.clip(apply_voi(values, dataset) / (2**bits - 1), 0, 1), ("window",)
    window = _window(dataset)
    if window is None:
        shown = stored.dtype == np.uint8 and int(dataset.BitsStored) == 8
        same = shown and np.array_equal(values, stored)  # rescaled by 1 and 0, say
        return (stored if same else values.astype(np.float64)), ()
    return windowed(values, *window), ("window",)


def _window(dataset: Any) -> tuple[float, float, str] | None:
    """Return the first window of a file, if it states one that can be used."""
    centre, width = (_first(dataset.get(name)) for name in ("WindowCenter", "WindowWidth"))
    function = str(dataset.get("VOILUTFunction") or "LINEAR").upper()
    if centre is None or width is None or function not in ("LINEAR", "LINEAR_EXACT", "SIGMOID"):
        return None
    least = 1 if function == "LINEAR" else np.finfo(np.float64).tiny
    usable = np.isfinite([centre, width]).all() and width >= least
    return (centre, width, function) if usable else None


def _first(value: Any) -> float | None:
    if value is None or value == "":
        return None
    several = hasattr(value, "__len__") and not isinstance(value, str)
    if several and not len(value):
        return None
    return float(value[0] if several else value)


def _take_groups(dataset: Any, frame: int) -> None:
    """Bring what is said of a frame, or of all, in functional groups to where it stood."""
    shared = dataset.get("SharedFunctionalGroupsSequence") or []
    each = dataset.get("PerFrameFunctionalGroupsSequence") or []
    for group in (*shared[:1], *each[frame : frame + 1]):
        for name, elements in _GROUPS.items():
            for element in elements if group.get(name) else ():
                if element in group.get(name)[0]:
                    setattr(dataset, element, group.get(name)[0].get(element))


def _described(path: str) -> Any:
    """Return the elements of a file that say how its pixels are stored and shown."""
    from pydicom import dcmread
    from pydicom.filereader import read_file_meta_info

    syntax = read_file_meta_info(path).get("TransferSyntaxUID")
    if syntax is None:
        raise PhotoError("unreadable", "the DICOM file does not say how its pixels are stored")
    if syntax.is_private or not syntax.is_transfer_syntax:
        raise PhotoError("unreadable", "the DICOM file is stored in a way that is not known")
    if syntax.is_deflated:  # it is inflated whole, to any size, before anything is known
        raise PhotoError("unreadable", "the DICOM file is deflated: save it uncompressed")
    dataset = dcmread(path, stop_before_pixels=True, specific_tags=list(ELEMENTS))
    if not dataset.get("Rows") or not dataset.get("Columns"):
        raise PhotoError("unreadable", "the DICOM file holds no picture")
    _check_decoder(syntax)
    return dataset


def _check_decoder(syntax: Any) -> None:
    from pydicom.pixels import get_decoder

    try:
        decodes = not syntax.is_compressed or get_decoder(syntax).is_available
    except NotImplementedError:
        decodes = False
    if not decodes:
        raise PhotoError(
            "unreadable",
            f"its pixels are compressed ({syntax.name}), and no decoder for that is installed: "
            "save it uncompressed, or pip install 'pylibjpeg[all]'",
        )


@contextlib.contextmanager
def _guarded() -> Iterator[None]:
    """Turn all that pydicom raises into a `PhotoError`, and keep quiet what it warns of.

    Its messages may hold what stands in a file. And a file may be anything: whatever pydicom
    stumbles over in it, an error of any kind, means that this file is not read.
    """
    if importlib.util.find_spec("pydicom") is None:
        raise PhotoError(
            "unreadable", "is DICOM, which pydicom reads: pip install 'instahide[dicom]'"
        )
    log = logging.getLogger("pydicom")
    level = log.level
    log.setLevel(logging.CRITICAL + 1)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except (PhotoError, MemoryError):
        raise
    except Exception:
        raise PhotoError("unreadable", "the DICOM file is damaged, or not whole") from None
    finally:
        log.setLevel(level)
