"""Zarr stores written in aligned chunks, with a digest of their content beside them.

Snakemake sees one modification time in a folder, so every store `x.zarr` comes with
`x.zarr.sha256`, and whatever reads the store takes that file as its input.
"""

import contextlib
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import zarr
from zarr.codecs import ZstdCodec
from zarr.errors import GroupNotFoundError

from instahide.errors import InstaHideError
from instahide.files import save_text, sha256_of_arrays
from instahide.names import shown

CROP_ARRAYS = ("crops", "boxes", "photos")
POOL_ARRAYS = ("patches", "boxes", "photo", "keypoints", "photos")
CHUNK_ROWS = 250
#: What Zarr raises on files of metadata that it did not write.
BAD_METADATA = (
    ValueError, TypeError, KeyError, AttributeError, OverflowError, RuntimeError,
)  # fmt: skip
# A chunk's crops of one photo overlap. Plain Zstandard sees that; Blosc, which compresses
# in small blocks, does not, and makes stores two to five times as large.
# Its checksum tells a chunk with a wrong bit, which would be read without a word.
COMPRESSOR = ZstdCodec(level=3, checksum=True)


def digest_path(store: Path | str) -> Path:
    """Return the path of a store's digest file."""
    return Path(f"{store}.sha256")


def create_array(
    group: zarr.Group, name: str, shape: tuple[int, ...], dtype: str, rows: int = CHUNK_ROWS
) -> zarr.Array:
    """Create an array in chunks of `rows` rows; tasks then write aligned slices of it."""
    chunks = (max(1, min(rows, shape[0])), *shape[1:])
    # By default Zarr leaves out chunks of zeros; then a lost chunk could not be told.
    return group.create_array(
        name,
        shape=shape,
        dtype=dtype,
        chunks=chunks,
        compressors=COMPRESSOR,
        config={"write_empty_chunks": True},
    )


def put_array(group: zarr.Group, name: str, values: np.ndarray) -> None:
    """Create an array that holds `values`."""
    array = create_array(group, name, values.shape, values.dtype.str)
    if values.size:
        array[...] = values


def put_names(group: zarr.Group, name: str, names: list[str]) -> None:
    """Store a list of names as UTF-8 text, a line each (Zarr has no stable type for text).

    Raises
    ------
    InstaHideError
        When a name is empty, has more than one line or is not UTF-8: it would shift those
        after it.
    """
    for one in names:
        if not one or "\n" in one or not _is_utf8(one):
            raise InstaHideError(
                f"'{shown(one)}' cannot be kept in a list of names, one to a line; rename it"
            )
    text = "\n".join(names).encode()
    array = create_array(group, name, (len(text),), "uint8", rows=2**20)
    if text:
        array[:] = np.frombuffer(text, np.uint8)


def get_names(group: zarr.Group, name: str) -> list[str]:
    """Read what `put_names` wrote."""
    text = read_rows(group, name).tobytes().decode()
    return text.split("\n") if text else []


def open_store(path: Path | str, arrays: Iterable[str]) -> zarr.Group:
    """Open a store for reading and check that it holds the named arrays, chunks included.

    Raises
    ------
    InstaHideError
        When it is missing, damaged or something else.
    """
    try:
        group = zarr.open_group(path, mode="r")
        found = {name: group.get(name) for name in arrays}
    except (GroupNotFoundError, FileNotFoundError):
        raise InstaHideError(f"{path} is not a Zarr store") from None
    except BAD_METADATA as error:
        raise InstaHideError(
            f"{path} is damaged ({type(error).__name__} in what describes it): remove it and "
            "make it again"
        ) from error
    for name, array in found.items():
        if not isinstance(array, zarr.Array):
            raise InstaHideError(
                f"{path} lacks the array {name!r}: it is another kind of store"
            )
        if array.size and not _has_all_chunks(array, Path(path, name)):
            raise InstaHideError(
                f"{path} lacks chunks of {name!r}: remove it and make it again"
            )
    return group


def _has_all_chunks(array: zarr.Array, folder: Path) -> bool:
    """Count files first: Zarr lists the names of all chunks that an array claims to have."""
    files = sum(len(names) for _, _, names in os.walk(folder))
    return array.nchunks <= files and array.nchunks_initialized == array.nchunks


@contextlib.contextmanager
def damage_explained(group: zarr.Group) -> Iterator[None]:
    """Turn the error about a damaged chunk of a store into an `InstaHideError`."""
    try:
        yield
    except RuntimeError as error:  # what Zarr's codecs raise
        place = str(group.store_path).removeprefix("file://")
        raise InstaHideError(
            f"{place} has a damaged chunk ({error}): remove it and its .sha256, and make it "
            "again"
        ) from error


def store_digest(group: zarr.Group, arrays: Iterable[str]) -> str:
    """Return the SHA-256 of a store's named arrays, whatever their chunks and compression."""
    with damage_explained(group):
        return sha256_of_arrays({name: group[name] for name in arrays})


def read_rows(group: zarr.Group, name: str, rows: slice = slice(None)) -> np.ndarray:
    """Read rows of a store's array.

    Raises
    ------
    InstaHideError
        When a chunk is damaged; names the store.
    """
    with damage_explained(group):
        return group[name][rows]


def same_store(one: Path | str, other: Path | str, arrays: Iterable[str]) -> bool:
    """Tell whether two stores hold the same arrays, however they are packed."""
    try:
        digests = {store_digest(open_store(path, arrays), arrays) for path in (one, other)}
    except InstaHideError:  # one is damaged, or no such store
        return False
    return len(digests) == 1


def save_digest(store: Path | str, arrays: Iterable[str]) -> None:
    """Write the digest file beside a store."""
    digest = store_digest(zarr.open_group(store, mode="r"), arrays)
    save_text(digest_path(store), digest + "\n")


def row_slices(array: zarr.Array, most_bytes: int = 0) -> Iterator[slice]:
    """Yield slices of rows that coincide with the array's chunks.

    One chunk each, or as many as `most_bytes` allow: Zarr takes a millisecond per call.
    """
    rows = array.chunks[0]
    row_bytes = max(1, array.nbytes // max(1, array.shape[0]))
    step = rows * max(1, most_bytes // (rows * row_bytes))
    for start in range(0, array.shape[0], step):
        yield slice(start, min(start + step, array.shape[0]))


def _is_utf8(text: str) -> bool:
    """Tell whether a text has no surrogates, which stand for bytes that are not UTF-8."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
