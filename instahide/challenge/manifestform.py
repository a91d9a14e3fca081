"""The form of `challenge.json`: anybody may have written one, so nothing in it is believed.

Every key has a check and a phrase that says what is expected, see `KEYS`. What passes can be
used without another thought: numbers are whole and finite, shapes agree with each other, names
can be printed.
"""

import contextlib
import math
import re
import reprlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from instahide.choice import TARGET
from instahide.encodings.augmentation import Augmentation
from instahide.encodings.choice import INSTAHIDE
from instahide.encodings.instahide.scheme import SCHEMES, Scheme
from instahide.encodings.treatment import read_treatments
from instahide.errors import InstaHideError
from instahide.names import ARRAY_NAME
from instahide.smalljson import read_json

FORMATS = (1, 2)
MOST_BYTES = 2**24  # ImageNet-21k's class names take half a megabyte
MOST = 2**53  # whole numbers beyond it are no counts
WIDEST = 2**16  # pixels
GREATEST = 1.8e308  # of what an array may hold
MOST_OPTIONS = 100
FLOATS = ("float16", "float32", "float64")
WHOLE = tuple(f"{kind}{bits}" for kind in ("int", "uint") for bits in (8, 16, 32, 64))
ARRAY_FILE = re.compile(rf"{ARRAY_NAME.pattern}\.npy")
ENCODING_NAME = re.compile(rf"[a-z0-9-]{{1,64}}|(?={TARGET.pattern}$)[\w.:]{{1,200}}")


def read_manifest(path: Path, needed: Sequence[str]) -> dict[str, Any]:
    """Read `challenge.json` and check its form, see `check_manifest`.

    Raises
    ------
    InstaHideError
        When the file is missing, no regular file, large or no JSON, or no manifest.
    """
    with contextlib.suppress(OSError):  # of which reading tells
        if not path.is_symlink() and not path.exists():
            raise InstaHideError(f"{path} does not exist: is this a challenge?")
    manifest = read_json(path, MOST_BYTES)
    check_manifest(manifest, path, needed)
    return manifest


def check_manifest(manifest: Any, path: Path, needed: Sequence[str]) -> None:
    """Check the form of a manifest.

    Parameters
    ----------
    manifest : object
        Anything that JSON can hold.
    path : path
        To name the file in messages.
    needed : sequence of str
        Keys that must be there; what else is there is checked as well.

    Raises
    ------
    InstaHideError
        When it is of a later format; when a key is missing or unknown, or a value is not
        what it should be; when values contradict each other. Says which.
    """
    found = manifest.get("format_version") if isinstance(manifest, dict) else None
    if not is_whole(found) or found not in FORMATS:
        raise InstaHideError(
            f"{path} has format version {in_short(found)}, and this program reads the versions "
            f"{' and '.join(map(str, FORMATS))}"
        )
    others = OF_INSTAHIDE if "encoding" in manifest else ()
    missing = [key for key in needed if key not in manifest and key not in others]
    if missing:
        raise InstaHideError(f"{path} lacks {', '.join(missing)}: it is incomplete")
    for key, value in manifest.items():
        if key not in KEYS:
            raise InstaHideError(f"{path} has a key {in_short(key)}, which no manifest has")
        if key in OF_INSTAHIDE and "encoding" in manifest:
            raise InstaHideError(f"{path} has both 'encoding' and {key!r}, a key of InstaHide")
        fits, expected = KEYS[key]
        if not fits(value):
            raise InstaHideError(f"{path}: {key} is {in_short(value)}; expected is {expected}")
    if "scheme" in manifest:
        _check_scheme(manifest["scheme"], path)
    if "augmentation" in manifest:
        _check_augmentation(manifest, path)
    if "treatment" in manifest:
        _check_treatment(manifest, path)
    _check_agreement(manifest, path)


def in_short(value: Any) -> str:
    """Return a value as a message may show it: short, printable, and not nested."""
    if isinstance(value, dict | list):
        return f"{'an object' if isinstance(value, dict) else 'a list'} of {len(value)}"
    return reprlib.repr(value)


def is_whole(value: Any, least: int = 0, most: int = MOST) -> bool:
    """Tell whether a value is a whole number in a range; 1.0 and true are none."""
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= most


def is_number(value: Any) -> bool:
    """Tell whether a value is a finite number of an ordinary size."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return number and abs(value) <= MOST and math.isfinite(value)


def is_text(value: Any) -> bool:
    """Tell whether a value is a text that can be written: half a surrogate pair cannot."""
    if not isinstance(value, str):
        return False
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def is_digest(value: Any) -> bool:
    """Tell whether a value is 64 hexadecimal digits."""
    return isinstance(value, str) and re.fullmatch("[0-9a-f]{64}", value) is not None


def is_object(value: Any, **keys: Callable[[Any], bool]) -> bool:
    """Tell whether a value is an object of just these keys, each with a value that fits."""
    if not isinstance(value, dict) or value.keys() != keys.keys():
        return False
    return all(fits(value[key]) for key, fits in keys.items())


def is_list(value: Any, fits: Callable[[Any], bool], length: int | None = None) -> bool:
    """Tell whether a value is a list, of a length, of what fits."""
    if not isinstance(value, list) or length not in (None, len(value)):
        return False
    return all(map(fits, value))


def _is_side(value: Any) -> bool:
    return is_whole(value, 1, WIDEST)


def _is_scheme(value: Any) -> bool:
    return is_object(
        value,
        name=lambda name: isinstance(name, str) and name in SCHEMES,
        k=is_whole,
        c1=is_number,
        c2=is_number,
        rows_per_image=lambda rows: is_whole(rows, 1),
    )


def _is_classes(value: Any) -> bool:
    named = is_list(value, lambda name: is_text(name) and name != "")
    return named and 0 < len(value) == len(set(value))


def _is_end(value: Any) -> bool:
    """Tell whether a value is a number that an array may hold, however large."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return number and abs(value) <= GREATEST


def _is_file(value: Any) -> bool:
    return is_object(
        value,
        sha256=is_digest,
        shape=lambda shape: is_list(shape, lambda side: is_whole(side, 1)),
        dtype=lambda dtype: isinstance(dtype, str) and dtype in ("bool", *FLOATS, *WHOLE),
        range=lambda ends: is_list(ends, _is_end, 2),
    )


def _is_files(value: Any) -> bool:
    if not isinstance(value, dict) or not {"encryption.npy", "label.npy"} <= value.keys():
        return False
    named = all(ARRAY_FILE.fullmatch(name) for name in value)
    return named and all(map(_is_file, value.values()))


def _is_option(value: Any) -> bool:
    return isinstance(value, bool) or is_number(value) or is_text(value)


def _is_encoding(value: Any) -> bool:
    return is_object(
        value,
        name=lambda name: (
            isinstance(name, str) and ENCODING_NAME.fullmatch(name) and name != INSTAHIDE
        ),
        options=lambda options: (
            isinstance(options, dict)
            and len(options) <= MOST_OPTIONS
            and all(map(str.isidentifier, options))
            and all(map(_is_option, options.values()))
        ),
    )


def _is_pool(value: Any) -> bool:
    return value is None or is_object(value, patches=is_whole, sha256=is_digest)


def _is_commitment(value: Any) -> bool:
    method = "HMAC-SHA256"
    return is_object(
        value, method=lambda name: name == method, seed=is_digest, private=is_digest
    )


def _is_versions(value: Any) -> bool:
    return isinstance(value, dict) and all(map(is_text, [*value, *value.values()]))


#: key -> (what tells whether a value fits, and what is expected)
KEYS: dict[str, tuple[Callable[[Any], bool], str]] = {
    "format_version": (is_whole, "a whole number"),
    "scheme": (
        _is_scheme,
        f"an object with a name ({', '.join(SCHEMES)}), the whole numbers k and "
        "rows_per_image (1 or more), and the numbers c1 and c2",
    ),
    "generator": (is_text, "a name"),
    "public_use": (is_text, "a name"),
    "augmentation": (
        lambda value: isinstance(value, dict),
        "an object that says how images are transformed before they are mixed",
    ),
    "treatment": (is_text, "a text that says what was done to rows, such as gaussian=0.1"),
    "encoding": (
        _is_encoding,
        "an object with a name, such as dp-instahide or module:function, and options of "
        "numbers, words and truth values",
    ),
    "images": (lambda value: is_whole(value, 1), "a whole number of 1 or more"),
    "image_shape": (
        lambda value: is_list(value, _is_side, 3),
        "a list of three whole numbers: height, width, channels",
    ),
    "classes": (_is_classes, "a list of different names"),
    "files": (
        _is_files,
        "an object that gives sha256, shape, dtype and range of encryption.npy, label.npy and "
        "any more arrays",
    ),
    "pool": (_is_pool, "null, or an object with patches (a number) and sha256"),
    "commitment": (
        _is_commitment,
        "an object with the method HMAC-SHA256, and seed and private of 64 hexadecimal digits",
    ),
    "versions": (_is_versions, "an object of names and versions"),
}
#: Keys of InstaHide; other encodings have `encoding` instead.
OF_INSTAHIDE = ("scheme", "generator", "public_use", "augmentation", "treatment")
#: Keys of every manifest; the generator of 2020 adds `public_use`.
OPTIONAL = ("public_use", "augmentation", "treatment", "encoding")
COMPLETE = tuple(key for key in KEYS if key not in OPTIONAL)


def _check_scheme(scheme: dict[str, Any], path: Path) -> None:
    try:
        Scheme(**scheme)
    except InstaHideError as error:
        raise InstaHideError(f"{path}: {error}") from None


def _check_augmentation(manifest: dict[str, Any], path: Path) -> None:
    """Refuse an augmentation that is none, or not of images of this shape."""
    try:
        augmentation = Augmentation.of(manifest["augmentation"])
        if "image_shape" in manifest:
            augmentation.check_shape(tuple(manifest["image_shape"]))
    except InstaHideError as error:
        raise InstaHideError(f"{path}: {error}") from None


def _check_treatment(manifest: dict[str, Any], path: Path) -> None:
    """Refuse treatments that are none."""
    try:
        read_treatments(manifest["treatment"])
    except InstaHideError as error:
        raise InstaHideError(f"{path}: {error}") from None


def _check_agreement(manifest: dict[str, Any], path: Path) -> None:
    """Refuse a manifest whose files have other shapes than the rest of it says."""
    if not {"images", "image_shape", "classes", "files"} <= manifest.keys():
        return
    files = manifest["files"]
    rows = files["label.npy"]["shape"][0]
    if "scheme" in manifest:
        rows = manifest["images"] * manifest["scheme"]["rows_per_image"]
        if len(files) > 2:
            raise InstaHideError(f"{path} has more files than InstaHide releases")
        _check_file(files, "encryption.npy", [rows, *manifest["image_shape"]], path)
    _check_file(files, "label.npy", [rows, len(manifest["classes"])], path)
    for name, file in files.items():
        if file["shape"][:1] != [rows]:
            raise InstaHideError(
                f"{path} contradicts itself: {name} has not as many rows as label.npy"
            )


def _check_file(
    files: dict[str, dict[str, Any]], name: str, shape: list[int], path: Path
) -> None:
    """Refuse an array that is said to have another shape, or another dtype than float32."""
    told = files[name]["shape"]
    if told != shape:
        raise InstaHideError(
            f"{path} contradicts itself: {name} is said to have the shape "
            f"{reprlib.repr(told)}, and images, encoding and classes make {shape}"
        )
    if files[name]["dtype"] != "float32":
        raise InstaHideError(
            f"{path} contradicts itself: {name} is said to be {files[name]['dtype']}; float32 "
            "is expected"
        )
