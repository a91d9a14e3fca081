"""The hidden names under which everything is written before it has its own.

``.NAME.instahide-new-MMMMNNNNNNNN`` stands beside NAME; MMMM tells the machine, the rest is
random. A store that is about to be replaced is called ``.NAME.instahide-old-…`` for a moment.
Whoever writes holds a lock on it, which the system takes from a process that is killed. So
`instahide.remains` can tell what an interrupted run has left from what is being written.
"""

import contextlib
import fcntl
import hashlib
import os
import re
import secrets
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

HIDDEN = re.compile(
    r"\.(?P<name>.*)\.instahide-(?P<kind>new|old)-(?P<machine>[0-9a-f]{4})[0-9a-f]{8}",
    re.DOTALL,
)
TRIES, PAUSE = 20, 0.05  # to remove a folder; seconds
MACHINE = hashlib.sha256(os.uname().nodename.encode(errors="replace")).hexdigest()[:4]


def beside(folder: Path, name: str, kind: Literal["new", "old"] = "new") -> Path:
    """Return an unused hidden name for what is to be, or was, called `name` in a folder."""
    return folder / f".{name}.instahide-{kind}-{MACHINE}{secrets.token_hex(4)}"


def final_path(path: Path) -> Path:
    """Return a path as messages name it: with final names instead of hidden ones."""
    hidden = [HIDDEN.fullmatch(part) for part in path.parts]
    return Path(*(m["name"] if m else p for m, p in zip(hidden, path.parts, strict=True)))


@contextlib.contextmanager
def temporary_file(folder: Path, name: str, mode: int) -> Iterator[Path]:
    """Make an empty file that is to be called `name`; if it is not in the end, remove it.

    Parameters
    ----------
    mode : int
        Rights of the file, less the umask.
    """
    temporary = beside(folder, name)
    file = os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, mode)
    try:
        with _held(file):
            yield temporary
    finally:
        temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def temporary_folder(folder: Path, name: str = "") -> Iterator[Path]:
    """Make a folder that is to be called `name`, or be merged; if it is not, remove it."""
    temporary = beside(folder, name)
    temporary.mkdir()
    try:
        with locked(temporary):
            yield temporary
    finally:
        _remove(temporary)


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold a lock on a file or folder, under whatever name it has meanwhile."""
    with _held(os.open(path, os.O_RDONLY)):
        yield


def _remove(folder: Path) -> None:
    """Remove a folder if it is there; again, where a thread still writes into it.

    Zarr writes in a thread of its own, which goes on when an error ends the one that waits.
    """
    for _ in range(TRIES):
        if not folder.exists():
            return
        shutil.rmtree(folder, ignore_errors=True)
        time.sleep(PAUSE)


@contextlib.contextmanager
def _held(file: int) -> Iterator[None]:
    """Hold a lock on an open file, and close it at the end."""
    try:
        with contextlib.suppress(OSError):  # some network file systems have no locks
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(file)
