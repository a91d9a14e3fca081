"""Where public photos come from: folders, archives as distributed, or bundled ones.

A listing says for each photo in which file it lies and where, so that any job can read
its own slice of a million photos: one seek and one read each, nothing unpacked.
"""

import csv
import os
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from importlib import resources
from itertools import islice, pairwise
from pathlib import Path
from typing import BinaryIO

from instahide.errors import InstaHideError
from instahide.files import atomic
from instahide.names import checked_name, shown
from instahide.photos import archives
from instahide.photos.decoding import REASONS, PhotoError, decode
from instahide.photos.inventory import as_name, file_size, path_below, walk_files

__all__ = [
    "Photo",
    "PhotoError",
    "bundled_photos",
    "decode",
    "list_photos",
    "load_index",
    "read_photo",
    "save_index",
]

PHOTO_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp")
MAX_PHOTO_BYTES = 2**28  # of one photo: 256 MiB
HASHED_BYTES = 2**20  # bytes inflated at once

# Names say what is to be seen; the files are those of the installed packages.
_FROM_SCIKIT_IMAGE = {
    "astronaut.png": "astronaut.png",
    "cat.png": "chelsea.png",
    "coffee.png": "coffee.png",
    "galaxies.jpg": "hubble_deep_field.jpg",
    "motorcycle_left.png": "motorcycle_left.png",
    "motorcycle_right.png": "motorcycle_right.png",
    "retina.jpg": "retina.jpg",
    "rocket.jpg": "rocket.jpg",
    "tissue.png": "ihc.png",
}
_FROM_MATPLOTLIB = {"hopper.jpg": "grace_hopper.jpg"}


@dataclass(frozen=True, slots=True)
class Photo:
    """A photo's name and where its bytes lie.

    Parameters
    ----------
    name : str
        Relative, with ``/``, the same wherever the source stands: the key of all seeds
        and orders.
    container : str
        Path of the file that holds it: the photo itself, a tar or a zip.
    offset, size : int
        Its first byte in the container, and its number of bytes when read.
    packed : int
        Length of its raw deflate stream in a zip; 0 where the bytes stand as they are.
    """

    name: str
    container: str
    offset: int
    size: int
    packed: int = 0


def list_photos(source: Path | str) -> list[Photo]:
    """List the photos of a source, sorted by name.

    Parameters
    ----------
    source : path
        A folder tree (in which archives may lie), an uncompressed tar of photos, a tar
        of such tars (ImageNet's training archive), or a zip. Photos are known by their
        suffix; hidden files and links are left out. A tar at ``a/b.tar`` gives photos
        named ``a/b/…``.

    Raises
    ------
    InstaHideError
        When there is no photo, two have the same name, a photo or an archive has a name
        that `checked_name` refuses, an archive is compressed as a whole, damaged or hostile,
        or the source is missing.
    """
    photos = sorted(_photos_of(Path(source)), key=lambda photo: photo.name)
    if not photos:
        raise InstaHideError(
            f"{shown(source)} holds no photos ({', '.join(PHOTO_SUFFIXES)}; links and hidden "
            "files are not followed)"
        )
    for one, other in pairwise(photos):
        if one.name == other.name:
            raise InstaHideError(
                f"{shown(source)} holds two photos named '{shown(one.name)}'; rename one"
            )
    return photos


def read_photo(photo: Photo) -> bytes | bytearray:
    """Read a photo's file contents, still encoded.

    Raises
    ------
    PhotoError
        ``truncated`` when its container ends too early; ``unreadable`` when it cannot be
        read or is damaged; ``large`` when it has more than `MAX_PHOTO_BYTES`.
    """
    if max(photo.size, photo.packed) > MAX_PHOTO_BYTES:
        raise PhotoError(
            "large", f"has {photo.size} bytes, more than {MAX_PHOTO_BYTES}; {REASONS['large']}"
        )
    place = shown(photo.container)
    try:
        with open(photo.container, "rb") as file:
            file.seek(photo.offset)
            if photo.packed:
                return _inflated(file, photo.packed, photo.size)
            data = file.read(photo.size)
    except OSError as error:
        raise PhotoError("unreadable", f"{place}: {error.strerror}") from error
    if len(data) < photo.size:
        raise PhotoError("truncated", f"{place} ends inside it")
    return data


def bundled_photos() -> list[Photo]:
    """List ten real colour photos that come with scikit-image and matplotlib.

    The stem of each name says what is to be seen. Nothing is downloaded.

    Raises
    ------
    InstaHideError
        When an installation lacks one of them; names the package.
    """
    import matplotlib  # slow to import, and only its folder is asked for

    folders = (
        ("scikit-image", resources.files("skimage") / "data", _FROM_SCIKIT_IMAGE),
        ("matplotlib", Path(matplotlib.get_data_path(), "sample_data"), _FROM_MATPLOTLIB),
    )
    photos = []
    for package, folder, names in folders:
        for name, file in names.items():
            path = str(folder / file)
            if not os.path.isfile(path):
                raise InstaHideError(
                    f"{path} is missing: install {package} again, or give a folder of photos"
                )
            photos.append(Photo(name, path, 0, file_size(path)))
    return sorted(photos, key=lambda photo: photo.name)


def save_index(path: Path | str, photos: Sequence[Photo]) -> None:
    """Write a listing as CSV with a header, atomically; equal listings give equal bytes."""
    with (
        atomic(path) as temporary,
        open(temporary, "w", **_TEXT) as file,
    ):
        writer = csv.writer(file, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\n")
        writer.writerow(_COLUMNS)
        for photo in photos:
            container = as_name(os.fsencode(photo.container))
            writer.writerow((photo.name, container, photo.offset, photo.size, photo.packed))


def load_index(path: Path | str, shard: int = 0, shards: int = 1) -> list[Photo]:
    """Read what `save_index` wrote, or one shard of it.

    Parameters
    ----------
    shard, shards : int
        The photos are shared out in contiguous slices of about equal size. Memory grows
        with the slice, not with the index: a job needs little of millions of photos.

    Raises
    ------
    InstaHideError
        When the file is missing or is no such listing; names the line.
    """
    if shards == 1:
        return list(_read_index(path))
    photos = sum(1 for _ in _read_index(path))
    start, stop = shard * photos // shards, (shard + 1) * photos // shards
    return list(islice(_read_index(path), start, stop))


def _read_index(path: Path | str) -> Iterator[Photo]:
    """Yield the photos of an index."""
    try:
        with open(path, **_TEXT) as file:
            yield from _parsed(csv.reader(file, strict=True), path)
    except FileNotFoundError:
        raise InstaHideError(f"{path} does not exist") from None
    except (OSError, csv.Error) as error:
        raise InstaHideError(f"{path} is not a readable index of photos: {error}") from error


_TEXT = {"encoding": "utf-8", "errors": "surrogateescape", "newline": ""}  # paths are bytes
_COLUMNS = [field.name for field in fields(Photo)]


def _parsed(rows: Iterator[list[str]], path: Path | str) -> Iterator[Photo]:
    """Turn the rows of an index into photos."""
    if next(rows, None) != _COLUMNS:
        raise InstaHideError(f"{path} is not an index of photos: its header is not {_COLUMNS}")
    for number, row in enumerate(rows, start=1):
        try:
            name, container, *place = row
            offset, size, packed = map(int, place)
        except ValueError:
            raise InstaHideError(f"{path}, photo {number}: not a photo but {row}") from None
        if min(offset, size, packed) < 0:
            raise InstaHideError(f"{path}, photo {number}: negative offset or size")
        yield Photo(name, path_below("", container), offset, size, packed)


def _photos_of(source: Path) -> Iterator[Photo]:
    """Yield a source's photos in any order."""
    if not os.path.isdir(source):  # of a path that is too long, `Path.is_dir` makes an error
        file_size(source)  # refuses what is missing
        yield from _photos_in_archive(source, prefix="")
        return
    for name, size in walk_files(source):
        stem, suffix = os.path.splitext(name)
        suffix, path = suffix.lower(), path_below(source, name)
        if suffix in PHOTO_SUFFIXES:
            yield Photo(checked_name(name, source), path, 0, size)
        elif suffix in archives.ARCHIVE_SUFFIXES:
            checked_name(name, source)  # its photos are named after it
            yield from _photos_in_archive(path, prefix=stem + "/")
        elif archives.COMPRESSED_TAR.fullmatch(name):
            archives.refuse_compressed(path)


def _photos_in_archive(path: Path | str, prefix: str) -> Iterator[Photo]:
    container = str(path)
    for member in archives.list_archive(path):
        if member.name.lower().endswith(PHOTO_SUFFIXES):
            yield Photo(
                prefix + member.name, container, member.offset, member.size, member.packed
            )


def _inflated(file: BinaryIO, packed: int, size: int) -> bytearray:
    """Undo a zip member's compression, making no more than the bytes it claims."""
    stream = zlib.decompressobj(-zlib.MAX_WBITS)  # raw deflate, without a zlib header
    content = bytearray()
    try:
        while len(content) < size and (chunk := file.read(min(packed, HASHED_BYTES))):
            content += stream.decompress(chunk, size - len(content))
            packed -= len(chunk)
    except zlib.error as error:
        raise PhotoError("unreadable", f"is damaged in its zip archive: {error}") from error
    if len(content) < size:
        raise PhotoError("truncated", "is shorter than its zip archive says")
    return content
