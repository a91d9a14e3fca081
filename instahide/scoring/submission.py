"""Reading submissions, which anyone may have made: a `.npy` file, or a zip around one.

Nothing is trusted and nothing is extracted or unpickled. What a file claims (header,
shape, type, sizes, the archive's directory) is checked against what the challenge needs
before memory is taken, and what it then yields is counted against the claim. Beside the
resulting float32 array, reading takes about a megabyte; of the small form
(`instahide.scoring.smallform`), also the recovered images.
"""

import contextlib
import os
import stat
import unicodedata
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from math import prod
from pathlib import Path, PurePosixPath
from typing import BinaryIO

import numpy as np

from instahide.errors import InstaHideError
from instahide.names import checked_name, shown
from instahide.plainarrays import ZIP_DAMAGE
from instahide.scoring.npyfile import MAX_PREFIX, read_handed_in
from instahide.scoring.smallform import IMAGES, MEMBERS, HandedIn, read_small

MEMBER = "decryption.npy"
MAX_MEMBERS = 1000
MAX_NAME = 300  # characters
MAX_DIRECTORY = 1 << 18  # bytes of a zip's table of contents
MAX_OTHERS = 256 << 20  # bytes that all other members may claim together
MAX_RATIO, SMALL = 200, 1 << 20  # compression that no source code reaches; below: no harm
MAX_DESCRIPTION = 1 << 16
LOCAL_HEADER = 30  # bytes before a member's name and data
ENCRYPTED = 0x41  # flag bits 0 (encrypted) and 6 (strong encryption)


@dataclass(frozen=True)
class Submission:
    """What was handed in; `check_range` of `instahide.scoring.metrics` has not been applied.

    Attributes
    ----------
    decryption : (E, H, W, C) float32 array
        May hold anything that a float32 can, NaN and infinity included.
    description : str or None
        The text that came with it: without control characters, but otherwise as it was.
    members : tuple of str
        The names of all files in the zip; empty for a `.npy`.
    """

    decryption: np.ndarray
    description: str | None = None
    members: tuple[str, ...] = ()


def read_submission(path: Path | str, *, shape: tuple[int, ...]) -> Submission:
    """Read a decryption from a `.npy` file or from a submission's zip.

    A zip holds `decryption.npy` (at its top or in one folder), or without it the small form
    (`images.npy` and `members.npy`, see `instahide.scoring.smallform`). As the 2020 rules ask
    it holds a description and the source too, which stay unread but for the description: the
    first of `description*` and `readme*` that is a `.txt`, `.md`, `.rst` or has no suffix.

    Parameters
    ----------
    path : path
    shape : tuple of int
        What the decryption must have: (E, H, W, C).

    Returns
    -------
    Submission
        float16, float64 and bytes (0 … 255) are converted to float32, Fortran order to C
        order.

    Raises
    ------
    InstaHideError
        When the file is anything else; one sentence that names it and what is wrong.
    """
    path, shape = Path(path), tuple(int(side) for side in shape)
    try:
        if not path.is_file():  # a pipe would keep us waiting
            missing = "is not a file" if path.exists() else "does not exist"
            raise InstaHideError(f"{path} {missing}; hand in a .npy file or a zip")
        with open(path, "rb") as file:
            start = file.read(4)
            size = file.seek(0, os.SEEK_END)
            file.seek(0)
            if start == b"PK\x03\x04":
                return _read_zip(file, str(path), shape)
            if start == b"\x93NUM":
                return Submission(read_handed_in(file, size, str(path), shape))
    except OSError as error:
        raise InstaHideError(f"cannot read {path}: {error.strerror or error}") from error
    raise InstaHideError(
        f"{path} is neither a .npy file nor a zip; save the decryption with numpy.save, "
        f"or zip it as {MEMBER} with its description and source"
    )


def read_beside(path: Path | str, wanted: str, most: int) -> bytes | None:
    """Read a small file that lies beside the arrays in a submission's zip.

    Parameters
    ----------
    path : path
    wanted : str
        Its name, without a folder.
    most : int
        Bytes that it may have.

    Returns
    -------
    bytes or None
        None where the zip has no such file.

    Raises
    ------
    InstaHideError
        When the zip is damaged or dangerous as in `read_submission`, or no zip at all, or
        the file is larger.
    """
    name = str(path)
    try:
        with (
            open(path, "rb") as file,
            _explained(name),
            zipfile.ZipFile(_Cautious(file, name)) as archive,
        ):
            members = _checked_members(archive, name)
            first = _only(members, _first_array(members), name)
            member = str(PurePosixPath(first).with_name(wanted))
            if member not in members:
                return None
            with archive.open(members[member]) as stream:
                content = stream.read(most + 1)
    except OSError as error:
        raise InstaHideError(f"cannot read {name}: {error.strerror or error}") from error
    if len(content) > most:
        raise InstaHideError(f"{wanted} in {name} has more than {most} bytes; shorten it")
    return content


def _read_zip(file: BinaryIO, name: str, shape: tuple[int, ...]) -> Submission:
    with _explained(name), zipfile.ZipFile(_Cautious(file, name)) as archive:
        members = _checked_members(archive, name)
        files = {
            member: HandedIn(
                f"{member} in {name}", entry.file_size, partial(archive.open, entry)
            )
            for member, entry in members.items()
        }
        array = read_arrays(files, name, shape)
        return Submission(array, _read_description(archive, members, name), tuple(members))


def read_unpacked(folder: Path | str, *, shape: tuple[int, ...]) -> Submission:
    """Read a submission whose zip somebody else has unpacked, such as a platform.

    Links are not followed, and only regular files count; the rest is as in
    `read_submission`, but for the description, which is left out.

    Raises
    ------
    InstaHideError
        As `read_submission`.
    """
    files = {}
    for path in _regular_files(Path(folder)):
        name = str(path.relative_to(folder))
        files[name] = HandedIn(shown(name), path.lstat().st_size, partial(open, path, "rb"))
    if len(files) == 1 and next(iter(files)).lower().endswith(".zip"):
        raise InstaHideError("the zip holds another zip; zip the files themselves")
    return Submission(read_arrays(files, "the submission", shape), None, tuple(files))


def _regular_files(folder: Path) -> list[Path]:
    """Return the regular files below a folder, by their names; refuse a great number."""
    found: list[Path] = []
    for place, _, names in os.walk(folder):
        here = (Path(place, name) for name in names)
        found += [path for path in here if stat.S_ISREG(path.lstat().st_mode)]
        if len(found) > MAX_MEMBERS:
            raise InstaHideError(
                f"the submission has more than {MAX_MEMBERS} files; leave out what is not "
                "needed"
            )
    return sorted(found)


def read_arrays(files: Mapping[str, HandedIn], name: str, shape: tuple[int, ...]) -> np.ndarray:
    """Return the decryption that a submission's files hold, in either form.

    Parameters
    ----------
    files : mapping
        All of its files by their paths.
    name : str
        What to call it in messages.
    shape : tuple of int
        (E, H, W, C).
    """
    if not _named(files, MEMBER) and (small := _small_form(files)):
        return read_small({part: files[_only(files, part, name)] for part in small}, shape)
    file = files[_only(files, MEMBER, name)]
    largest = prod(shape) * 8 + MAX_PREFIX
    if file.size > largest:
        raise InstaHideError(
            f"{file.name} claims {file.size} bytes, but an array of shape {shape} has "
            f"{largest} at the most"
        )
    with file.opened() as stream:
        return read_handed_in(stream, file.size, file.name, shape)


@contextlib.contextmanager
def _explained(name: str) -> Iterator[None]:
    try:
        yield
    except ZIP_DAMAGE as error:
        reason = _printable(str(error))[:MAX_NAME] or type(error).__name__
        raise InstaHideError(f"{name} is a damaged zip ({reason}); make it again") from error


class _Cautious:
    """A file that refuses to be read in large pieces.

    zipfile reads an archive's whole table of contents at once, as large as the archive
    says, and makes objects many times that size from it.
    """

    def __init__(self, file: BinaryIO, name: str) -> None:
        self._file, self._name = file, name
        self.seek, self.tell, self.seekable = file.seek, file.tell, file.seekable

    def read(self, count: int = -1) -> bytes:
        """Read `count` bytes, or all the rest when it is negative."""
        bound = MAX_DIRECTORY + 1
        content = self._file.read(min(count, bound) if count >= 0 else bound)
        if len(content) == bound:
            raise InstaHideError(
                f"{self._name} has a table of contents of more than {MAX_DIRECTORY} bytes; "
                f"zip only {MEMBER}, the description and the source"
            )
        return content


def _checked_members(archive: zipfile.ZipFile, name: str) -> dict[str, zipfile.ZipInfo]:
    """Return the files of an archive by name, or refuse one that is dangerous to unpack.

    Nothing is unpacked here, but whoever runs the source in it will do so.
    """
    entries = archive.infolist()
    if len(entries) > MAX_MEMBERS:
        raise InstaHideError(
            f"{name} has {len(entries)} members, more than {MAX_MEMBERS}; "
            "leave out what is not needed"
        )
    members: dict[str, zipfile.ZipInfo] = {}
    for entry in entries:
        if len(entry.orig_filename) > MAX_NAME:
            raise InstaHideError(
                f"{name} has a member with a name longer than {MAX_NAME} characters; shorten it"
            )
        member = checked_name(entry.orig_filename, name)
        if not entry.filename or not (member or entry.is_dir()):
            raise InstaHideError(f"{name} has a member without a name; make the zip again")
        if member in members:
            raise InstaHideError(f"{name} has the member {member!r} more than once")
        members[member] = entry
    arrays = _arrays(members)  # whose sizes their shapes decide
    for member, entry in members.items():
        if fault := _fault(entry, member in arrays):
            raise InstaHideError(f"{name} has the member {member!r}, {fault}")
    _check_places(entries, archive.start_dir, name)
    claimed = sum(entry.file_size for m, entry in members.items() if m not in arrays)
    if claimed > MAX_OTHERS:
        raise InstaHideError(
            f"{name} would unpack to {claimed} bytes beside {MEMBER}, more than {MAX_OTHERS}; "
            "leave out what is not needed"
        )
    return {member: entry for member, entry in members.items() if not entry.is_dir()}


def _fault(entry: zipfile.ZipInfo, scored: bool) -> str:
    """Say what is wrong with one member, or nothing; `scored` where it is what counts."""
    if stat.S_IFMT(entry.external_attr >> 16) not in (0, stat.S_IFREG, stat.S_IFDIR):
        return "which is a link or a device; zip only files"
    if entry.flag_bits & ENCRYPTED:
        return "which is encrypted; zip without a password"
    if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        return "whose compression is not supported; make an ordinary zip (deflate)"
    # A constant decryption may be packed 1,000 times; its size is checked by its shape.
    grows = entry.file_size > max(SMALL, MAX_RATIO * entry.compress_size)
    if grows and not scored:
        return f"which grows more than {MAX_RATIO} times when unpacked; leave it out"
    return ""


def _check_places(entries: list[zipfile.ZipInfo], end: int, name: str) -> None:
    """Refuse members that share bytes: a small archive could hold one bomb many times."""
    ordered = sorted(entries, key=lambda entry: entry.header_offset)
    limits = [entry.header_offset for entry in ordered[1:]] + [end]
    for entry, limit in zip(ordered, limits, strict=True):
        least = LOCAL_HEADER + len(entry.orig_filename) + entry.compress_size
        if entry.header_offset < 0 or entry.header_offset + least > limit:
            raise InstaHideError(f"{name} has members that overlap; make the zip again")


def _named(members: Iterable[str], name: str) -> list[str]:
    """Return the members that are called `name`, in whatever folder."""
    return [member for member in members if PurePosixPath(member).name == name]


def _small_form(members: Iterable[str]) -> tuple[str, ...]:
    """Return the names that make the small form; none where one of them is not there."""
    both = _named(members, IMAGES) and _named(members, MEMBERS)
    return (IMAGES, MEMBERS) if both else ()


def _arrays(members: Iterable[str]) -> set[str]:
    """Return the members that are read as arrays: decryptions, or else the small form."""
    names = (MEMBER,) if _named(members, MEMBER) else _small_form(members)
    return {member for name in names for member in _named(members, name)}


def _first_array(members: Iterable[str]) -> str:
    """Return the name of the array that other files lie beside."""
    small = () if _named(members, MEMBER) else _small_form(members)
    return next(iter(small), MEMBER)


def _only(files: Iterable[str], wanted: str, name: str) -> str:
    """Return the one file that is called `wanted`, or refuse."""
    found = _named(files, wanted)
    if len(found) != 1:
        instead = "" if found else f", or {IMAGES} and {MEMBERS}"
        raise InstaHideError(
            f"{name} holds {len(found) or 'no'} files named {wanted}; put exactly one into "
            f"it{instead}"
        )
    return found[0]


def _read_description(
    archive: zipfile.ZipFile, members: dict[str, zipfile.ZipInfo], name: str
) -> str | None:
    """Read the description, the one nearest to the top where there are several."""
    found = []
    for member in members:
        path = PurePosixPath(member.lower())
        titled = path.name.startswith(("description", "readme"))
        if titled and path.suffix in ("", ".txt", ".md", ".rst"):
            found.append((len(path.parts), path.name, member))
    if not found:
        return None
    member = min(found)[-1]
    with archive.open(members[member]) as stream:
        content = stream.read(MAX_DESCRIPTION + 1)
    if len(content) > MAX_DESCRIPTION:
        raise InstaHideError(
            f"{name} has a description {member!r} of more than {MAX_DESCRIPTION} bytes; "
            "shorten it"
        )
    text = content.decode("utf-8", errors="replace").replace("\r\n", "\n")
    return _printable(text, keep="\n\t")


def _printable(text: str, keep: str = "") -> str:
    """Leave out what could steer a terminal: control, format and unassigned characters."""
    return "".join(c for c in text if c in keep or unicodedata.category(c)[0] != "C")
