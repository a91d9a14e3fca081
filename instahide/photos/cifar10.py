"""CIFAR-10 from its binary version, read as data and never unpacked.

Layout: https://www.cs.toronto.edu/~kriz/cifar.html. An image takes 3,073 bytes: its
class, then 1,024 red, green and blue values, each row by row.
"""

import gzip
import io
import re
import zlib
from pathlib import Path

import numpy as np

from instahide.errors import InstaHideError
from instahide.labelled import LabelledImages
from instahide.names import UNFIT, shown
from instahide.photos.archives import TAR_DAMAGE, list_archive, list_tar

IMAGE_BYTES = 1 + 3 * 32 * 32
CLASSES = 10
MAX_UNPACKED = 2**28  # bytes; the whole archive has 184 million
MAX_META = 2**12  # bytes read of the class names

_GZIP = b"\x1f\x8b"
_BATCH = re.compile(r"(?:.*/)?(?:data_batch_(\d{1,4})|test_batch)\.bin")
_META = re.compile(r"(?:.*/)?batches\.meta\.txt")


def read_cifar10(path: Path | str, *, test: bool = False) -> LabelledImages:
    """Read the training images of CIFAR-10's binary archive, or its test images.

    Parameters
    ----------
    path : path
        ``cifar-10-binary.tar.gz`` or the plain tar. Single training batches may be missing.
    test : bool
        Read the test batch; else it is left out.

    Returns
    -------
    LabelledImages
        Images uint8 (n, 32, 32, 3), in the order of the batches' numbers. The file of each
        is its batch and its place there, from 0 on: ``data_batch_1.bin:17``.

    Raises
    ------
    InstaHideError
        When the archive is missing, damaged or not CIFAR-10 in the binary layout.
    """
    data = _unpacked(path)
    members = _members(data, path)
    names = _class_names(members.pop("meta", b""), path)
    tests = {"test_batch.bin": members.pop("test")} if "test" in members else {}
    trains = {f"data_batch_{number}.bin": members[number] for number in sorted(members)}
    batches = tests if test else trains
    if not batches:
        wanted = "test_batch.bin" if test else "data_batch_*.bin"
        raise InstaHideError(f"{path} holds no {wanted}: give the binary version, whole")
    parts = {name: _rows(batch, path) for name, batch in batches.items()}
    rows = np.concatenate(list(parts.values()))
    files = tuple(f"{name}:{place}" for name in parts for place in range(len(parts[name])))
    images = rows[:, 1:].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
    classes = rows[:, 0].astype(np.int64)
    return LabelledImages(np.ascontiguousarray(images), classes, names, files)


def is_cifar10(path: Path | str) -> bool:
    """Tell whether an archive is meant as CIFAR-10: it is gzipped, or holds its batches."""
    with open(path, "rb") as file:
        if file.read(2) == _GZIP:
            return True
    return any(_BATCH.fullmatch(member.name) for member in list_archive(path))


def _unpacked(path: Path | str) -> bytes:
    """Return the bytes of the tar, at most `MAX_UNPACKED` of them."""
    try:
        with open(path, "rb") as file:
            packed = file.peek(2)[:2] == _GZIP
            with gzip.open(file) if packed else file as stream:
                data = stream.read(MAX_UNPACKED + 1)
    except (zlib.error, EOFError, OSError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise InstaHideError(f"{path} is not a whole .tar.gz or .tar: {reason}") from error
    if len(data) > MAX_UNPACKED:
        raise InstaHideError(
            f"{path} unpacks to more than {MAX_UNPACKED} bytes: it is not CIFAR-10"
        )
    return data


def _members(data: bytes, path: Path | str) -> dict[int | str, bytes]:
    """Return the wanted members' contents, by batch number, as ``"test"`` or ``"meta"``."""
    found = {}
    try:
        for member in list_tar(io.BytesIO(data), 0, len(data), path):
            batch, meta = _BATCH.fullmatch(member.name), _META.fullmatch(member.name)
            if not (batch or meta):
                continue
            key = "meta" if meta else int(batch[1]) if batch[1] else "test"
            if key in found:
                raise InstaHideError(f"{shown(path)} holds '{shown(member.name)}' twice")
            found[key] = data[member.offset : member.offset + member.size]
    except TAR_DAMAGE as error:
        raise InstaHideError(f"{path} is not a whole .tar.gz or .tar: {error}") from error
    return found


def _rows(batch: bytes, path: Path | str) -> np.ndarray:
    """Return a batch as uint8 (n, 3073), with its classes checked."""
    if not batch or len(batch) % IMAGE_BYTES:
        raise InstaHideError(
            f"{path}: a batch has {len(batch)} bytes, not a multiple of {IMAGE_BYTES}"
        )
    rows = np.frombuffer(batch, np.uint8).reshape(-1, IMAGE_BYTES)
    if rows[:, 0].max() >= CLASSES:
        raise InstaHideError(f"{path}: a batch has the class {rows[:, 0].max()}, not 0 to 9")
    return rows


def _class_names(meta: bytes, path: Path | str) -> tuple[str, ...]:
    """Parse ``batches.meta.txt``: one name a line."""
    text = meta[:MAX_META].decode("ascii", errors="surrogateescape")
    names = tuple(text.split())
    if len(set(names)) != CLASSES or len(names) != CLASSES or UNFIT.search("".join(names)):
        raise InstaHideError(
            f"{shown(path)}: batches.meta.txt must name {CLASSES} different classes in plain "
            "ASCII, one a line"
        )
    return names
