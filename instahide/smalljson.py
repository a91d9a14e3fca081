"""Reading small JSON files that anybody may have written."""

import json
import math
from pathlib import Path
from typing import Any

from instahide.errors import InstaHideError
from instahide.files import check_file

MAX_TEXT_BYTES = 1 << 16
MAX_NESTED = 100  # of objects and lists in one another; ours have five


def read_json(path: Path | str, most: int = MAX_TEXT_BYTES) -> Any:
    """Read a JSON file of at most `most` bytes.

    Raises
    ------
    InstaHideError
        When the file is missing, large or no JSON; NaN, infinity and what rounds to it are
        none, and neither are texts that are not Unicode or objects nested without end.
    """
    check_file(path)
    try:
        with open(path, "rb") as file:
            content = file.read(most + 1)
    except OSError as error:
        raise InstaHideError(f"cannot read {path}: {error.strerror or error}") from None
    return parse_json(content, path, most)


def parse_json(content: bytes, path: Path | str, most: int = MAX_TEXT_BYTES) -> Any:
    """Parse the bytes of such a file, which messages call `path`.

    Raises
    ------
    InstaHideError
        As in `read_json`.
    """
    if len(content) > most:
        raise InstaHideError(f"{path} has more than {most} bytes; shorten it")
    try:
        found = json.loads(content, parse_constant=_refuse, parse_float=_finite)
        _check(found, MAX_NESTED)
    except (ValueError, RecursionError) as error:
        raise InstaHideError(f"{path} is no JSON: {error}") from None
    return found


def read_object(path: Path | str, most: int = MAX_TEXT_BYTES) -> dict[str, Any]:
    """Read a JSON file that holds an object.

    Raises
    ------
    InstaHideError
        As in `read_json`, or when it holds something else.
    """
    found = read_json(path, most)
    if not isinstance(found, dict):
        raise InstaHideError(f"{path} holds {type(found).__name__}; an object is expected")
    return found


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no number")


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError(f"{text[:20]} is too large for a number")
    return number


def _check(found: Any, depth: int) -> None:
    """Refuse what is nested too deeply, and lone surrogates, which no file can hold."""
    if isinstance(found, str):
        found.encode()
    elif isinstance(found, dict | list):
        if not depth:
            raise ValueError(f"it is nested more than {MAX_NESTED} times")
        parts = [*found, *found.values()] if isinstance(found, dict) else found
        for part in parts:
            _check(part, depth - 1)
