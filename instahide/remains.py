"""What interrupted runs have left half written, and its removal.

A process that is killed cannot remove the hidden files and folders in which it was writing
(see `instahide.temporaries`). Nothing of another name is ever touched here.
"""

import contextlib
import fcntl
import os
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from instahide.errors import InstaHideError
from instahide.temporaries import HIDDEN, MACHINE

BLOCK = 512  # bytes, in which file systems count


@dataclass(frozen=True)
class Remain:
    """Something with a hidden name of ours.

    Attributes
    ----------
    path : Path
    size : int
        Bytes that it takes on the disk.
    touched : float
        When it was last changed, in seconds since 1970.
    """

    path: Path
    size: int
    touched: float


def find_remains(folder: Path | str) -> list[Remain]:
    """Return what has a hidden name of ours below a folder, in the order of the paths.

    Links are neither followed nor taken for ours: nothing here makes any.

    Raises
    ------
    InstaHideError
        When there is no such folder.
    """
    if not Path(folder).is_dir():
        raise InstaHideError(f"{folder} is not a folder: name one that holds results")
    found = []
    for place, folders, files in os.walk(folder):
        ours = [name for name in folders + files if HIDDEN.fullmatch(name)]
        folders[:] = [name for name in folders if name not in ours]
        found += [path for name in ours if not (path := Path(place, name)).is_symlink()]
    return [_measured(path) for path in sorted(found)]


def clean(remain: Remain, *, untouched: float) -> str:
    """Remove what an interrupted run has left, unless somebody is writing it.

    Whoever writes holds a lock. Locks of other machines may not be seen, so what these made
    stays until it has not been changed for some time. A store that was moved aside for
    another goes back when none has taken its place.

    Parameters
    ----------
    remain : Remain
    untouched : float
        Seconds for which what another machine made must not have been changed.

    Returns
    -------
    str
        What was done: ``removed``, ``left, …`` or ``put back as …``.

    Raises
    ------
    InstaHideError
        When it cannot be removed.
    """
    path, parts = remain.path, HIDDEN.fullmatch(remain.path.name)
    final = path.with_name(parts["name"] or path.name)
    with _lock(path) as held:
        if held is False:
            return "left, it is being written"
        certain = held and parts["machine"] == MACHINE
        if not certain and not time.time() - remain.touched >= untouched:
            return "left, another machine may be writing it"
        try:
            if parts["kind"] == "old" and not os.path.lexists(final):
                os.rename(path, final)
                return f"put back as {final.name}"
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        except OSError as error:
            raise InstaHideError(f"cannot remove {path}: {error.strerror}") from error
    return "removed"


@contextlib.contextmanager
def _lock(path: Path) -> Iterator[bool | None]:
    """Try to lock a file or folder: whether it worked; None where that cannot be told."""
    try:
        file = os.open(path, os.O_RDONLY)
    except OSError:
        yield None
        return
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        held = True
    except OSError as error:
        held = False if isinstance(error, BlockingIOError) else None
    try:
        yield held
    finally:
        os.close(file)


def _measured(path: Path) -> Remain:
    """Return a remain with its size and age, those of all that is in it."""
    inside = path.rglob("*") if path.is_dir() else ()
    known = [entry.lstat() for entry in (path, *inside)]
    size = BLOCK * sum(entry.st_blocks for entry in known)
    return Remain(path, size, max(entry.st_mtime for entry in known))
