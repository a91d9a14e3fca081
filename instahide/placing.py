"""How a finished file or folder gets its name, and when it does not.

The workflow's rules replace their own products. Commands run within `keeping`: there nothing
is replaced by other content, unless the user says ``--force``.
"""

import contextlib
import filecmp
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextvars import ContextVar
from pathlib import Path

from instahide.errors import InstaHideError
from instahide.temporaries import HIDDEN, beside, final_path, locked

REMEDY = "name another place, or give --force to replace what has the same name"
MOST_NAMED = 3  # of the things that are in the way

_keep = ContextVar("keep", default=False)


@contextlib.contextmanager
def keeping(keep: bool = True) -> Iterator[None]:
    """Within the block, refuse to replace a finished file or folder by other content."""
    token = _keep.set(keep)
    try:
        yield
    finally:
        _keep.reset(token)


def refuse_existing(path: Path | str) -> None:
    """Refuse, within `keeping`, to begin work for a place that is taken.

    For results that are never the same twice, such as those that tell the time, and for
    folders that are to be filled.

    Raises
    ------
    InstaHideError
        When there is a file, or a folder that holds something; says what.
    """
    path = Path(path)
    if not _keep.get() or not os.path.lexists(path):
        return
    found = content(path) if path.is_dir() else None
    if found != []:
        state = f"holds {_listed(found)}" if found else "exists"
        raise InstaHideError(f"{path} {state}; {REMEDY}")


def content(folder: Path) -> list[str]:
    """Return the names in a folder, but those that an interrupted run has left."""
    names = sorted(path.name for path in folder.iterdir())
    return [name for name in names if not HIDDEN.fullmatch(name)]


def place_file(made: Path, path: Path) -> bool:
    """Give a file its name; False where the same content had it already and stays.

    Raises
    ------
    InstaHideError
        When something else has the name, and `keeping` is in force.
    """
    wanted = _is_wanted(made, path, same_file)
    if wanted:
        os.replace(made, path)
    return wanted


def place_folder(made: Path, path: Path, same: Callable[[Path, Path], bool]) -> None:
    """Give a folder its name; what has it goes out of the way whole, never half removed.

    Raises
    ------
    InstaHideError
        As `place_file`; `same` compares the two folders.
    """
    if not _is_wanted(made, path, same):
        return
    if not path.exists():
        os.replace(made, path)
        return
    replaced = beside(path.parent, path.name, "old")
    with locked(path):
        os.replace(path, replaced)
        os.replace(made, path)
        if replaced.is_symlink():  # the store itself is somewhere else, and stays
            replaced.unlink()
        shutil.rmtree(replaced, ignore_errors=True)


def join_folder(made: Path, path: Path) -> None:
    """Move the files of a folder into another; all are compared before the first is moved.

    Raises
    ------
    InstaHideError
        As `place_file`; then nothing was moved.
    """
    wanted = [n for n in files_below(made) if _is_wanted(made / n, path / n, same_file)]
    for name in wanted:
        for folder in reversed(name.parents[:-1]):
            mode = (made / folder).stat().st_mode & 0o777
            (path / folder).mkdir(mode=mode, exist_ok=True)
        os.replace(made / name, path / name)


def same_file(one: Path, other: Path) -> bool:
    """Tell whether both are files of the same content."""
    return one.is_file() and other.is_file() and filecmp.cmp(one, other, shallow=False)


def same_files(one: Path, other: Path) -> bool:
    """Tell whether two folders hold the same files with the same content."""
    names = files_below(one)
    return names == files_below(other) and all(same_file(one / n, other / n) for n in names)


def files_below(folder: Path) -> list[Path]:
    """Return the files below a folder, relative to it, in the order of their names."""
    found = (path for path in folder.rglob("*") if not path.is_dir())
    return sorted(path.relative_to(folder) for path in found)


def _is_wanted(made: Path, path: Path, same: Callable[[Path, Path], bool]) -> bool:
    """Tell whether what was made is to get its name; not where the same has it already."""
    empty = path.is_dir() and not any(path.iterdir())
    if empty or not os.path.lexists(path) or not _keep.get():
        return True
    if not same(made, path):
        raise InstaHideError(
            f"{final_path(path)} exists, has other content and was left as it is; {REMEDY}"
        )
    return False


def _listed(names: Sequence[str]) -> str:
    """Return a few names, and how many more there are."""
    more = len(names) - MOST_NAMED
    return ", ".join(names[:MOST_NAMED]) + (f" and {more} more" if more > 0 else "")
