"""The name that somebody meant who asked for a file that nothing makes."""

import difflib
from collections.abc import Iterable

NAMES_SHOWN = 20  # in a sentence


def nearest(target: str, made: Iterable[str]) -> str:
    """Return the end of a sentence about a target that is not among what can be made.

    Parameters
    ----------
    target : str
        A path; its parts are separated by ``/``.
    made : iterable of str
        The paths that there could be.

    Returns
    -------
    str
        The path that is nearest part by part or, where no name is near, those there are.
    """
    found, paths = [], [path.split("/") for path in made]
    for part in target.split("/"):
        names = sorted({path[len(found)] for path in paths if len(path) > len(found)})
        close = [part] if part in names else difflib.get_close_matches(part, names, n=1)
        if names and not close:
            return _choice(found, names)
        found += close
        paths = [path for path in paths if path[: len(found)] == found]
    below = sorted({path[len(found)] for path in paths if len(path) > len(found)})
    if below:
        return _choice(found, below)
    return f"did you mean '{'/'.join(found)}'?" if found else "there is nothing else"


def _choice(folder: list[str], names: list[str]) -> str:
    """Say what is in a folder, and with many names what is in it first."""
    rest = f" and {len(names) - NAMES_SHOWN} more" if len(names) > NAMES_SHOWN else ""
    where = f"in {'/'.join(folder)}/ there are" if folder else "there are"
    return f"{where} {', '.join(names[:NAMES_SHOWN])}{rest}"
