"""Names of files, as strangers give them: what is refused, and how it is shown.

Standard library only, since the workflow asks for it whenever it is parsed.
"""

import re
from pathlib import Path

from instahide.errors import InstaHideError

LONGEST_SHOWN = 200  # characters
ARRAY_NAME = re.compile("[a-z][a-z0-9_]{0,31}")  # of what an encoding releases

# Control characters, line separators, and what stands for bytes that are not UTF-8.
UNFIT = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_ABSOLUTE = re.compile(r"[/\\]|[A-Za-z]:[/\\]")


def shown(name: Path | str) -> str:
    r"""Return a name as a message can show it: in one line, and not too long.

    >>> shown("a\nb\udcff.jpg")
    'a\\x0ab\\xff.jpg'
    """
    text = in_one_line(name)
    if len(text) <= LONGEST_SHOWN:
        return text
    return f"{text[: LONGEST_SHOWN // 2]}…{text[-LONGEST_SHOWN // 2 :]}"


def in_one_line(name: Path | str) -> str:
    """Return a name whole, with what is no plain text in one line escaped, see `shown`."""
    return UNFIT.sub(_escape, str(name))


def checked_name(name: str, path: Path | str) -> str:
    """Return a member's name without a leading ``./``, or refuse a hostile one.

    Parameters
    ----------
    name : str
        Of a file in a folder or an archive, relative to it.
    path : path
        The folder or archive.

    Raises
    ------
    InstaHideError
        When the name leads out of the folder, holds control characters or line ends, or is
        not UTF-8: lists of names are text, one to a line.
    """
    parts = re.split(r"[/\\]", name)
    if _ABSOLUTE.match(name) or ".." in parts:
        raise InstaHideError(
            f"{shown(path)} holds the name '{shown(name)}', which leads out of the archive; "
            "don't trust it"
        )
    if UNFIT.search(name):
        raise InstaHideError(
            f"{shown(path)} holds the name '{shown(name)}', which is not plain UTF-8 text in "
            "one line; rename it"
        )
    return "/".join(part for part in parts if part not in ("", "."))


def _escape(match: re.Match) -> str:
    code = ord(match[0])
    if 0xDC80 <= code <= 0xDCFF:  # a byte that Python could not decode
        code -= 0xDC00
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"
