"""What a source of photos consists of, cheaply: names and sizes, no contents, no times.

Standard library only, since the workflow asks for it whenever it is parsed.
"""

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

from instahide.errors import InstaHideError


def inventory(source: Path | str) -> str:
    """Return a fingerprint of a source: 64 hexadecimal digits.

    Of a folder, the SHA-256 digest of the relative names and sizes of its files (those
    that `walk_files` finds); of a file, that of its name and size. Times don't enter, so
    a copy or a `touch` changes nothing. A change that keeps every size goes unnoticed:
    contents are not read.

    Raises
    ------
    InstaHideError
        When the source is missing or cannot be listed.
    """
    source = Path(source)
    if source.is_dir():
        entries = sorted(walk_files(source))
    else:
        entries = [(source.name, size_of(source))]
    digest = hashlib.sha256()
    for name, size in entries:
        digest.update(f"{size} {name}\0".encode(errors="surrogateescape"))
    return digest.hexdigest()


def size_of(path: Path | str) -> int:
    """Return the size of a regular file in bytes, or raise an `InstaHideError`."""
    if not os.path.isfile(path):
        problem = "is not a regular file" if os.path.exists(path) else "does not exist"
        raise InstaHideError(f"{path} {problem}; give a folder or an archive of photos")
    return os.stat(path).st_size


def walk_files(folder: Path | str) -> Iterator[tuple[str, int]]:
    """Yield the relative name (with ``/``) and size of each file below a folder, unordered.

    Hidden files and folders are left out, and so is every symbolic link below `folder`
    (which may be one itself): a link leads out of the tree, into a loop, or to a file
    that is listed already.

    Raises
    ------
    InstaHideError
        When a folder cannot be listed.
    """
    pending = [""]
    while pending:
        prefix = pending.pop()
        for name, entry in _entries(folder, prefix):
            if entry.is_dir(follow_symlinks=False):
                pending.append(name + "/")
            elif entry.is_file(follow_symlinks=False):
                yield name, entry.stat(follow_symlinks=False).st_size


def _entries(folder: Path | str, prefix: str) -> Iterator[tuple[str, os.DirEntry]]:
    """Yield the visible entries of one sub-folder with their names relative to `folder`."""
    path = os.path.join(folder, prefix)
    try:
        with os.scandir(path) as entries:
            for entry in entries:
                if not entry.name.startswith("."):
                    yield prefix + entry.name, entry
    except OSError as error:
        raise InstaHideError(f"cannot list the folder {path}: {error.strerror}") from error
