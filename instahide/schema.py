"""Content checked against a schema written in YAML: strictly, its mistakes made readable.

JSON Schema takes 4.0 for an integer and NaN for a number, and here neither passes. Content
is hostile until `check_values` has seen it: with aliases a few lines of YAML are billions
of values, or a list that holds itself.
"""

import difflib
import math
import reprlib
from collections import Counter
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError, best_match
from jsonschema.validators import extend

from instahide.errors import InstaHideError

MAX_VALUES = 200_000  # more than a sweep over 5,000 challenges has
MAX_DEPTH = 20
MAX_TEXT = 4000  # characters; a path has fewer
MAX_DIGITS = 80  # of a seed, the longest number there is; see `Key.parse`


def load_schema(path: Path | None = None) -> dict:
    """Read a schema written in YAML, by default that of the configuration."""
    text = (path or files("instahide") / "config.schema.yaml").read_text(encoding="utf-8")
    return yaml.safe_load(text)


def check_schema(content: Any, schema: dict) -> None:
    """Check what `check_values` has let through.

    Raises
    ------
    InstaHideError
        When it is not what the schema describes; says where, and what would do.
    """
    error = best_match(_Strict(schema).iter_errors(content))
    if error is not None:
        raise InstaHideError(explain(error))


def check_values(content: Any) -> None:
    """Refuse what no schema here allows and what would keep a validator busy for ever.

    Raises
    ------
    InstaHideError
        When there are too many values or levels, keys that are no text, or values that are
        no plain text, number or truth value; says where.
    """
    open_, seen = [((), content)], 0
    while open_:
        where, value = open_.pop()
        seen += 1
        if seen > MAX_VALUES:
            raise InstaHideError(
                f"there are more than {MAX_VALUES:,} values in it, those included that "
                "aliases repeat: write fewer, or split it"
            )
        problem = _problem(value, len(where))
        if problem:
            raise InstaHideError(f"{_place(where)}: {problem}")
        if isinstance(value, dict | list):
            parts = value.items() if isinstance(value, dict) else enumerate(value)
            open_.extend(((*where, key), part) for key, part in parts)


def fill_defaults(value: Any, schema: dict, root: dict) -> Any:
    """Return a copy of `value` with the schema's defaults for missing keys.

    A section without content, which YAML reads as null, is an empty one.
    """
    schema = resolve(schema, root)
    if value is None and schema.get("type") == "object":
        value = {}
    if not isinstance(value, dict):
        return value
    known = schema.get("properties", {})
    others = schema.get("additionalProperties")
    filled = {
        key: fill_defaults(item, known.get(key, others or {}), root)
        for key, item in value.items()
    }
    for key, part in known.items():
        part = resolve(part, root)
        if key not in filled and "default" in part:
            filled[key] = part["default"]
    return filled


def resolve(schema: Any, root: dict) -> dict:
    """Follow a reference into the schema's own definitions."""
    if isinstance(schema, dict) and "$ref" in schema:
        return root["$defs"][schema["$ref"].removeprefix("#/$defs/")]
    return schema if isinstance(schema, dict) else {}


def explain(error: ValidationError) -> str:
    """Say in one sentence which key is wrong and what to do."""
    where, value = _place(error.absolute_path), error.instance
    if error.validator == "additionalProperties":
        known = list(error.schema["properties"])
        unknown = [key for key in value if key not in known]
        return "; ".join(
            f"unknown key {in_yaml(key)} in {where}{suggest(key, known)}" for key in unknown[:3]
        )
    if error.validator == "required":
        missing = [key for key in error.validator_value if key not in value]
        return f"{where} lacks {', '.join(missing)}"
    if value is None:
        return f"{where} has no value: write one, or leave the key out"
    if error.validator == "type" and isinstance(value, float) and value.is_integer():
        return f"{where}: {value} is no integer; write {int(value)}"
    if error.validator == "type" and isinstance(value, str) and _as_float(value) is not None:
        return f"{where}: {in_yaml(value)} is a text; write {_as_float(value)}"
    if error.validator in ("oneOf", "not", "pattern") and "description" in error.schema:
        return f"{where}: {in_yaml(value)} is not allowed{_described(error)}"
    message = error.message.replace(repr(value), in_yaml(value), 1)
    return f"{where}: {message}{_described(error)}"


def suggest(word: str, known: list[str]) -> str:
    """Return the end of a sentence about an unknown word: the nearest one, or all."""
    close = difflib.get_close_matches(word, known, n=1)
    return f"; did you mean {close[0]!r}?" if close else f"; known are {', '.join(known)}"


def in_yaml(value: Any) -> str:
    """Return a value as it is written, shortened where it is long."""
    if isinstance(value, int) and abs(value) >= 10**MAX_DIGITS:
        return f"a number of about {value.bit_length() * math.log10(2):,.0f} digits"
    short = reprlib.Repr()
    short.maxstring = short.maxother = short.maxlong = 100
    return short.repr(value)


def table(schema: dict) -> str:
    """Return a Markdown table of every key, for docs/reference/configuration.md."""
    rows = ["| key | default | meaning |", "| --- | --- | --- |"]
    for key, part in _keys(schema, schema, ""):
        default = _as_yaml(part["default"]) if "default" in part else ""
        rows.append(f"| `{key}` | {default} | {part.get('description', '')} |")
    return "\n".join(rows) + "\n"


def insert_table(text: str, rows: str) -> str:
    """Return a text with the table between its two marks replaced.

    Raises
    ------
    InstaHideError
        When the text lacks a mark.
    """
    before, start, rest = text.partition("<!-- keys -->\n")
    _, end, after = rest.partition("<!-- /keys -->")
    if not end:
        raise InstaHideError("the text lacks the marks <!-- keys --> and <!-- /keys -->")
    return before + start + rows + end + after


def _is_integer(checker: Any, value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(checker: Any, value: Any) -> bool:
    return _is_integer(checker, value) or (isinstance(value, float) and math.isfinite(value))


def _unique_values(
    validator: Any, unique: bool, value: Any, schema: dict
) -> Iterator[ValidationError]:
    """Like `uniqueItems` for texts and integers, in linear time."""
    if not unique or not isinstance(value, list):
        return
    counts = Counter(item for item in value if type(item) in (str, int))
    twice = [item for item, number in counts.items() if number > 1]
    if twice:
        yield ValidationError(f"{in_yaml(twice[0])} stands there twice; name it once")


_Strict = extend(
    Draft202012Validator,
    {"uniqueItems": _unique_values},
    type_checker=Draft202012Validator.TYPE_CHECKER.redefine_many(
        {"integer": _is_integer, "number": _is_number}
    ),
)


def _problem(value: Any, depth: int) -> str:
    """Say what is wrong with a value whatever stands there; nothing if it may do."""
    if isinstance(value, dict | list):
        return f"nested more than {MAX_DEPTH} deep" if depth >= MAX_DEPTH else _in_keys(value)
    if isinstance(value, str):
        return _in_text(value)
    if isinstance(value, float) and not math.isfinite(value):
        return f"{value} is no number to reckon with; write another"
    if isinstance(value, int) and abs(value) >= 10**MAX_DIGITS:
        return f"{in_yaml(value)}; the largest there is, for seeds, has {MAX_DIGITS} nines"
    if value is None or isinstance(value, bool | int | float):
        return ""
    return f"a {type(value).__name__} cannot stand here; if text is meant, put it in quotes"


def _in_keys(value: dict | list) -> str:
    for key in value if isinstance(value, dict) else ():
        if not isinstance(key, str):
            kind = type(key).__name__
            return f"the key {in_yaml(key)} is read as {kind}, not as text; put it in quotes"
        if _in_text(key):
            return f"in the key {in_yaml(key)}, {_in_text(key)}"
    return ""


def _in_text(value: str) -> str:
    if len(value) > MAX_TEXT:
        return f"a text of {len(value):,} characters; write {MAX_TEXT:,} at most"
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        return f"{in_yaml(value)} is no Unicode text"
    return f"{in_yaml(value)} holds a null character" if "\0" in value else ""


def _as_float(text: str) -> float | None:
    """Return the number that YAML 1.1 does not see, such as 1e-3, or None."""
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _place(path: Any) -> str:
    return "/".join(map(str, path)) or "the top level"


def _described(error: ValidationError) -> str:
    text = error.schema.get("description", "")
    return f"; {text.rstrip('.')}" if text else ""


def _keys(schema: dict, root: dict, prefix: str) -> Iterator[tuple[str, dict]]:
    """Yield all keys of a schema, `*` standing for a name that users choose."""
    schema = resolve(schema, root)
    for key, part in schema.get("properties", {}).items():
        yield prefix + key, resolve(part, root)
        yield from _keys(part, root, f"{prefix}{key}.")
    named = schema.get("additionalProperties")
    if isinstance(named, dict):
        yield from _keys(named, root, f"{prefix}*.")


def _as_yaml(value: Any) -> str:
    text = yaml.safe_dump(value, default_flow_style=True)
    return f"`{text.strip().removesuffix('...').strip()}`"
