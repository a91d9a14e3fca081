"""Which files a person's own folder holds: all are accounted for, no link is followed."""

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from stat import S_ISLNK, S_ISREG

from instahide.errors import InstaHideError
from instahide.names import in_one_line, shown
from instahide.photos.archives import ARCHIVE_SUFFIXES, COMPRESSED_TAR
from instahide.photos.inventory import as_name, path_below

#: The class of files that lie in the folder itself. No sub-folder can have this name.
TOP = "."
END = 1 << 15  # bytes at both ends of a file that `own_inventory` looks at


@dataclass(frozen=True)
class OwnFile:
    """A regular file below a folder.

    Attributes
    ----------
    name : str
        Relative to the folder, with ``/``, in one line: what is not UTF-8 is escaped.
    path : str
        Where it is opened.
    folder : str
        The class: the first sub-folder on its way, or `TOP`.
    """

    name: str
    path: str
    folder: str


def list_own_files(folder: Path | str) -> tuple[list[OwnFile], list[tuple[str, str]]]:
    """List a folder's files, and what in it is left alone.

    Returns
    -------
    files : list of OwnFile
        Sorted by class and name.
    others : list of (str, str)
        Names of links, hidden files and folders, archives, devices and folders that cannot
        be listed, each with the reason.

    Raises
    ------
    InstaHideError
        When there is no such folder, or it cannot be listed.
    """
    folder = Path(folder)
    if not os.path.isdir(folder):
        found = "is not a folder" if os.path.lexists(folder) else "does not exist"
        raise InstaHideError(
            f"{shown(folder)} {found}: name a folder with your images, unpacked, with or "
            "without a sub-folder for each class"
        )
    files, others, pending = [], [], [b""]
    while pending:
        prefix = pending.pop()
        try:
            entries = list(_entries(os.path.join(os.fsencode(folder), prefix)))
        except OSError as error:
            if not prefix:
                raise InstaHideError(
                    f"cannot list the folder {shown(folder)}: {error.strerror}"
                ) from error
            others.append((_told(prefix), f"cannot be listed: {error.strerror}"))
            continue
        for name, is_folder, reason in entries:
            name = prefix + name
            if reason:
                others.append((_told(name + b"/" * is_folder), reason))
            elif is_folder:
                pending.append(name + b"/")
            else:
                files.append(_own_file(folder, name))
    return sorted(files, key=lambda one: (one.folder, one.name)), sorted(others)


def own_inventory(folder: Path | str) -> str:
    """Return a fingerprint of a folder, 64 hexadecimal digits, cheaply.

    Of names, sizes, and both ends of each file, and of what is left alone. Unlike in
    `instahide.photos.inventory` ends enter: scans without compression all have one size, and
    one that was replaced by another must not be missed. A change in the middle of a file that
    keeps its size goes unnoticed, and times don't enter.

    Raises
    ------
    InstaHideError
        When there is no such folder, or it cannot be listed.
    """
    files, others = list_own_files(folder)
    digest = hashlib.sha256()
    for file in files:
        digest.update(f"{file.name}\0".encode() + _ends(file.path) + b"\0")
    for name, reason in others:
        digest.update(f"{name}\0{reason}\0".encode())
    return digest.hexdigest()


def _ends(path: str) -> bytes:
    """Return 32 bytes that tell a file's size and ends; none where it cannot be read."""
    try:
        with open(path, "rb") as file:
            size = os.fstat(file.fileno()).st_size
            first = file.read(END)
            file.seek(max(len(first), size - END))
            return hashlib.sha256(b"%d " % size + first + file.read(END)).digest()
    except OSError:  # reading the folder says why
        return b""


def _own_file(folder: Path, name: bytes) -> OwnFile:
    told = _told(name)
    first, slash, _ = told.partition("/")
    return OwnFile(told, path_below(folder, as_name(name)), first if slash else TOP)


def _entries(path: bytes) -> Iterator[tuple[bytes, bool, str]]:
    """Yield the name of each entry, whether it is a folder, and why it is left alone."""
    with os.scandir(path) as entries:
        for entry in entries:
            is_folder = entry.is_dir(follow_symlinks=False)
            yield entry.name, is_folder, _reason(entry, is_folder)


def _reason(entry: os.DirEntry, is_folder: bool) -> str:
    mode = entry.stat(follow_symlinks=False).st_mode
    if S_ISLNK(mode):
        return "is a link, and links are not followed: copy what it leads to"
    if entry.name.startswith(b"."):
        return "is hidden: its name begins with a dot"
    if is_folder:
        return ""
    if not S_ISREG(mode):
        return "is a pipe or a device"
    name = as_name(entry.name).lower()
    if name.endswith(tuple(ARCHIVE_SUFFIXES)) or COMPRESSED_TAR.fullmatch(name):
        return "is an archive: unpack it"
    return ""


def _told(name: bytes) -> str:
    return in_one_line(as_name(name))
