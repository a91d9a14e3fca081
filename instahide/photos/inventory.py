"""What a source of photos consists of, cheaply: names and sizes, no contents, no times.

Standard library only, since the workflow asks for it whenever it is parsed.
"""

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

from instahide.errors import InstaHideError
from instahide.names import shown


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
    if os.path.isdir(source):
        entries = sorted(walk_files(source))
    else:
        entries = [(Path(source).name, file_size(source))]
    digest = hashlib.sha256()
    for name, size in entries:
        digest.update(f"{size} {name}\0".encode(errors="surrogateescape"))
    return digest.hexdigest()


def file_size(path: Path | str) -> int:
    """Return the size of a regular file in bytes, or raise an `InstaHideError`."""
    if not os.path.isfile(path):
        problem = "is not a regular file" if os.path.exists(path) else "does not exist"
        raise InstaHideError(f"{shown(path)} {problem}; give a folder or an archive of photos")
    return os.stat(path).st_size


def walk_files(folder: Path | str) -> Iterator[tuple[str, int]]:
    """Yield the relative name (with ``/``) and size of each file below a folder, unordered.

    Hidden files and folders are left out, and so is every symbolic link below `folder`
    (which may be one itself): a link leads out of the tree, into a loop, or to a file
    that is listed already. Names are read as UTF-8 whatever the locale, since seeds depend
    on them; see `path_below`.

    Raises
    ------
    InstaHideError
        When a folder or a file of it cannot be looked at.
    """
    pending = [b""]
    while pending:
        prefix = pending.pop()
        path = os.path.join(os.fsencode(folder), prefix)
        try:
            with os.scandir(path) as entries:
                for entry in entries:
                    name = prefix + entry.name
                    if entry.name.startswith(b"."):
                        continue
                    if entry.is_dir(follow_symlinks=False):
                        pending.append(name + b"/")
                    elif entry.is_file(follow_symlinks=False):
                        yield as_name(name), entry.stat(follow_symlinks=False).st_size
        except OSError as error:
            raise InstaHideError(
                f"cannot list the folder {shown(as_name(path))}: {error.strerror}"
            ) from error


def path_below(folder: Path | str, name: str) -> str:
    """Return the path of a file that `walk_files` named."""
    return os.path.join(folder, os.fsdecode(name.encode(errors="surrogateescape")))


def as_name(name: bytes) -> str:
    """Return a name as text, with surrogates for what is not UTF-8."""
    return name.decode(errors="surrogateescape")
