"""The files of an intake: what lies in `submissions/`, and the copy that is kept of each.

::

    submissions/         what was handed in; left as it is
        log.sqlite       the log (mode 0600)
        kept/            each file once, as {sha256}.zip or .npy (0600, folder 0700)
        intake/          what is told of it: records.json, entries.csv, teams.md

Whoever scores holds a lock on a file of its own in `kept/`, which the system takes from a
process that is killed.
"""

import contextlib
import fcntl
import hashlib
import os
import secrets
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from instahide.files import SECRET_FILE, close_folder, explained
from instahide.temporaries import temporary_file

SUFFIXES = (".zip", ".npy")
RECORD_SUFFIX = ".json"  # of the record of what the organiser has scored by hand
COPY_BYTES = 1 << 20


@dataclass(frozen=True)
class IntakeFolder:
    """The paths of an intake; `path` is the folder `submissions` of a challenge."""

    path: Path

    @property
    def log(self) -> Path:
        """`log.sqlite`."""
        return self.path / "log.sqlite"

    @property
    def told(self) -> Path:
        """`intake`, the folder of what is told."""
        return self.path / "intake"

    def kept(self, sha256: str, name: str) -> Path:
        """Return where the copy of a file is."""
        return self.path / "kept" / f"{sha256}{Path(name).suffix}"

    def presence(self, owner: str) -> Path:
        """Return the file that is locked by one who scores."""
        return self.path / "kept" / f"{owner}.lock"

    def handed_in(self) -> list[Path]:
        """Return what was handed in, without what has a record beside it."""
        found = [path for path in self.path.glob("*") if path.suffix in SUFFIXES]
        return sorted(path for path in found if not path.with_suffix(RECORD_SUFFIX).exists())


@dataclass(frozen=True)
class Appearance:
    """How a file looks from outside: enough to tell that it is the same and complete.

    Attributes
    ----------
    name : str
    size, number, changed : int
        Bytes, inode, and the nanoseconds since 1970 at which its inode last changed.
    """

    name: str
    size: int
    number: int
    changed: int


def look_at(path: Path) -> Appearance | None:
    """Return how a file looks; None where there is no plain file (any more)."""
    try:
        found = path.lstat()
    except OSError:
        return None
    if not stat.S_ISREG(found.st_mode):
        return None
    return Appearance(path.name, found.st_size, found.st_ino, found.st_ctime_ns)


def keep(path: Path, folder: IntakeFolder) -> str:
    """Copy a file to where its content is kept, and return the SHA-256 of the copy.

    Raises
    ------
    InstaHideError
        When the copy cannot be written.
    OSError
        When the file cannot be read.
    """
    place = folder.path / "kept"
    with explained(place):
        close_folder(place)
    # A link or a pipe that has taken its place meanwhile is not followed.
    source = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    with (
        open(source, "rb") as file,
        explained(place / path.name),
        temporary_file(place, "incoming", SECRET_FILE) as temporary,
    ):
        sha256 = _copy(file, temporary)
        os.replace(temporary, folder.kept(sha256, path.name))
    return sha256


def _copy(file, place: Path) -> str:
    digest = hashlib.sha256()
    with open(place, "wb") as copy:
        while part := file.read(COPY_BYTES):
            digest.update(part)
            copy.write(part)
        copy.flush()
        os.fsync(copy.fileno())
    return digest.hexdigest()


@contextlib.contextmanager
def present(folder: IntakeFolder) -> Iterator[str]:
    """Within the block, be known as one who scores; yield a name that nobody else has."""
    owner = secrets.token_hex(8)
    path = folder.presence(owner)
    with explained(path):
        close_folder(path.parent)
        lock = os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, SECRET_FILE)
        fcntl.flock(lock, fcntl.LOCK_EX)
    try:
        yield owner
    finally:
        path.unlink(missing_ok=True)
        os.close(lock)


def is_present(folder: IntakeFolder, owner: str) -> bool:
    """Tell whether a process that was known by this name still runs."""
    path = folder.presence(owner)
    try:
        lock = os.open(path, os.O_RDWR)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    else:
        path.unlink(missing_ok=True)
        return False
    finally:
        os.close(lock)
