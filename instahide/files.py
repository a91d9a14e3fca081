"""Writing files so that nothing half-written ever has its final name, and digests of them.

Every artifact is first written beside its place, under a hidden name (see
`instahide.temporaries`), then flushed to disk and renamed: an interruption, a full disk or an
error leaves what was there before. `instahide.placing` says what may be replaced.
"""

import contextlib
import hashlib
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from instahide.errors import InstaHideError
from instahide.placing import join_folder, place_file, place_folder, same_files
from instahide.plainarrays import map_npy, read_npz
from instahide.temporaries import final_path, temporary_file, temporary_folder

SECRET_FILE, SECRET_FOLDER = 0o600, 0o700
DIGEST_BYTES = 2**24


@contextlib.contextmanager
def atomic(path: Path | str, *, secret: bool = False, update: bool = False) -> Iterator[Path]:
    """Yield a temporary path beside `path`; rename it to `path` when the block succeeds.

    Parameters
    ----------
    path : path
        The final name of a file. Its folder is made where it is missing.
    secret : bool
        Give the file mode 0600, and a folder made for it 0700. A folder that is there
        keeps its mode.
    update : bool
        Replace what is there even within `keeping`: a state of our own, or a text of
        which a part is renewed.

    Raises
    ------
    InstaHideError
        When the file cannot be written (no room, no permission), or, within `keeping`,
        one with other content has its name; names the file.
    """
    path = Path(path)
    mode = SECRET_FILE if secret else 0o666  # less the umask, as for any new file
    with explained(path):
        if path.exists() and not path.is_file():
            raise InstaHideError(f"{path} is a folder or a device: name a file")
        make_folder(path.parent, secret=secret)
        with temporary_file(path.parent, path.name, mode) as temporary:
            yield temporary
            _flush(temporary)
            if update:
                os.replace(temporary, path)
            elif not place_file(temporary, path) and secret:
                path.chmod(SECRET_FILE)


@contextlib.contextmanager
def atomic_folder(
    path: Path | str, *, same: Callable[[Path, Path], bool] = same_files
) -> Iterator[Path]:
    """Like `atomic` for a folder; a Zarr store that stood at `path` is replaced whole.

    Parameters
    ----------
    same : callable, optional
        Tells whether two such folders have the same content; by default that of all files.

    Raises
    ------
    InstaHideError
        When the folder cannot be written, another folder with content, which may be
        somebody's only copy, stands in its place, or, within `keeping`, a store with other
        content; names it.
    """
    path = Path(path)
    with explained(path):
        check_replaceable(path)
        make_folder(path.parent)
        with temporary_folder(path.parent, path.name) as temporary:
            yield temporary
            place_folder(temporary, path, same)


def check_replaceable(path: Path) -> None:
    """Refuse what `atomic_folder` would not replace, before the work begins.

    Raises
    ------
    InstaHideError
        When there is something at `path` that is neither a Zarr store nor an empty folder.
    """
    store = (path / "zarr.json").is_file()
    if path.exists() and not store and not (path.is_dir() and not any(path.iterdir())):
        raise InstaHideError(f"{path} exists and is no store of ours: name another place")


@contextlib.contextmanager
def filled_folder(path: Path | str) -> Iterator[Path]:
    """Like `atomic_folder` for a folder in which other files may lie: they are left alone.

    Where there is no such folder, all files get their names at once. Else every file is
    compared with what has its name before the first one is moved.

    Raises
    ------
    InstaHideError
        When the folder cannot be written, or, within `keeping`, a file with other content
        has one of the names; names it.
    """
    path = Path(path)
    with explained(path):
        make_folder(path.parent)
        # Inside a folder that is there: the one above it may be somebody else's.
        place = (path, "") if path.is_dir() else (path.parent, path.name)
        with temporary_folder(*place) as temporary:
            yield temporary
            if path.is_dir():
                join_folder(temporary, path)
            else:
                os.replace(temporary, path)


@contextlib.contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turn an operating system's error about `path` into an `InstaHideError`."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        raise InstaHideError(
            f"cannot write {final_path(path)}: {reason}; nothing was left there. "
            "Check the free space and the permissions of its folder"
        ) from error


def make_folder(path: Path, *, secret: bool = False) -> None:
    """Make a folder and those above it, where they are missing.

    With `secret`, only its owner may look into one that is made. A folder that was there
    keeps its mode: it may be anybody's.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    path.mkdir(mode=SECRET_FOLDER if secret else 0o777, exist_ok=True)


def close_folder(path: Path) -> None:
    """Make a folder, or take one that was there, and let only its owner look inside.

    For folders that are ours by their name, such as a challenge's `secret`, which Snakemake
    makes before a job begins. Never for one whose name a user chose.
    """
    make_folder(path, secret=True)
    path.chmod(SECRET_FOLDER)


def check_file(path: Path | str, kind: str = "file") -> None:
    """Refuse what is there and is neither a regular file nor a link to one.

    A pipe would keep its reader waiting for ever, and a device may have no end.

    Parameters
    ----------
    kind : str
        What is expected, such as ``.npy file``.

    Raises
    ------
    InstaHideError
        When something else stands there, or a link leads nowhere.
    """
    if os.path.lexists(path) and not os.path.isfile(path):
        found = "a folder" if os.path.isdir(path) else "a pipe, a device or a broken link"
        raise InstaHideError(f"{path} is not a readable {kind}: it is {found}")


def sha256_of_file(path: Path | str) -> str:
    """Return the SHA-256 digest of a file's bytes as 64 hexadecimal digits."""
    check_file(path)
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sha256_of_arrays(arrays: Mapping[str, Any]) -> str:
    """Return a SHA-256 digest of named arrays: names, dtypes, shapes and contents.

    Independent of how the arrays are stored (compression, chunks, order of the names),
    so it says whether two data sets are equal, whatever wrote them.

    Parameters
    ----------
    arrays : mapping of str to array
        Numeric NumPy or Zarr arrays; read a slice at a time.
    """
    digest = hashlib.sha256()
    for name in sorted(arrays):
        if not name.isidentifier():  # a ':' or ';' in it could stand for another array
            raise ValueError(f"{name!r} is no name of an array: use letters, digits and _")
        array = arrays[name]
        dtype = np.dtype(array.dtype).newbyteorder("<")
        digest.update(f"{name}:{dtype.str}:{tuple(array.shape)};".encode())
        step = max(1, DIGEST_BYTES // max(1, dtype.itemsize * int(np.prod(array.shape[1:]))))
        for start in range(0, array.shape[0], step):
            digest.update(np.ascontiguousarray(array[start : start + step], dtype).data)
    return digest.hexdigest()


def save_json(
    path: Path | str, content: Any, *, secret: bool = False, update: bool = False
) -> None:
    """Write `content` as indented JSON in UTF-8 with a final newline, see `atomic`."""
    text = json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    save_text(path, text, secret=secret, update=update)


def save_text(
    path: Path | str, content: str, *, secret: bool = False, update: bool = False
) -> None:
    """Write `content` as UTF-8, see `atomic`."""
    with atomic(path, secret=secret, update=update) as temporary:
        temporary.write_text(content, encoding="utf-8")


def save_npy(path: Path | str, array: np.ndarray, *, secret: bool = False) -> None:
    """Write one array as `.npy`, atomically."""
    with atomic(path, secret=secret) as temporary, open(temporary, "wb") as file:
        np.save(file, array, allow_pickle=False)


def save_npz(
    path: Path | str, arrays: Mapping[str, np.ndarray], *, secret: bool = False
) -> None:
    """Write named arrays as a compressed `.npz`, atomically; equal arrays give equal bytes."""
    with atomic(path, secret=secret) as temporary, open(temporary, "wb") as file:
        np.savez_compressed(file, allow_pickle=False, **arrays)


def load_npy(path: Path | str) -> np.ndarray:
    """Map the array of a `.npy` file into memory, whoever made it.

    Raises
    ------
    InstaHideError
        When the file is missing or damaged, or holds no plain array.
    """
    check_file(path, ".npy file")
    with _readable(path, "a readable .npy file"):
        return map_npy(Path(path))


def load_npz(
    path: Path | str, names: Sequence[str] | None = None, optional: Sequence[str] = ()
) -> dict[str, np.ndarray]:
    """Read the named arrays of a `.npz`, or all of them, whoever made it.

    Those in `optional` are read where they are there.

    Raises
    ------
    InstaHideError
        When the file is missing or damaged, or lacks one of the arrays.
    """
    check_file(path, ".npz file")
    with _readable(path, "a readable .npz file"):
        return read_npz(Path(path), names, optional)


@contextlib.contextmanager
def _readable(path: Path | str, expected: str) -> Iterator[None]:
    """Turn an operating system's error about a file to be read into an `InstaHideError`."""
    try:
        yield
    except FileNotFoundError:
        raise InstaHideError(f"{path} does not exist") from None
    except OSError as error:
        raise InstaHideError(f"{path} is not {expected}: {error.strerror or error}") from error


def _flush(path: Path) -> None:
    """Force a file's content to disk, so that a later rename cannot outlive it."""
    with open(path, "rb") as file:
        os.fsync(file.fileno())
