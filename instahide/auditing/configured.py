"""Audits as the configuration has them: what is encrypted, and how the folder is read.

Nothing heavier than NumPy is imported: it runs whenever the workflow is parsed.
"""

from collections.abc import Mapping
from typing import Any

from instahide.auditing.settings import AuditSettings, usual_curve
from instahide.schema import check_schema, check_values, fill_defaults, load_schema

FOLDERS = ("images", "public")  # keys of an audit
#: Keys of an audit that are `AuditSettings`'.
SETTING_KEYS = ("k", "rows_per_image", "inside", "augment", "seed")


def settings_of(given: Mapping[str, Any]) -> AuditSettings:
    """Return how a configured audit encrypts.

    Parameters
    ----------
    given : mapping
        An entry of `audits`, its defaults filled in.

    Raises
    ------
    InstaHideError
        When no audit can be made so.

    Examples
    --------
    >>> given = {"k": 4, "rows_per_image": 4, "inside": False, "augment": False, "seed": 0}
    >>> settings_of(given).all_rows, settings_of(given | {"curve": []}).all_rows
    ((2, 4), (4,))
    """
    curve = given.get("curve", usual_curve(given["rows_per_image"]))
    return AuditSettings(curve=tuple(curve), **{key: given[key] for key in SETTING_KEYS})


def checked_audit(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the keys of an audit but for its folders, checked as in a configuration.

    Raises
    ------
    InstaHideError
        When a key is unknown or a value is not allowed.

    Examples
    --------
    >>> checked_audit({"curve": (2, 5)})["k"]
    4
    """
    schema = load_schema()
    part = schema["properties"]["audits"]["additionalProperties"]
    keys = {key: one for key, one in part["properties"].items() if key not in FOLDERS}
    part = {**part, "properties": keys, "required": []}
    told = {key: list(one) if isinstance(one, tuple) else one for key, one in given.items()}
    told = {key: one for key, one in told.items() if one is not None}
    check_values(told)
    filled = fill_defaults(told, part, schema)
    check_schema(filled, part)
    return filled


def reading_of(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return how its folder is read, as `instahide.auditing.reading.Reading` takes it."""
    told = {key: given.get(key) for key in ("size", "square", "channels")}
    return told | {"most": given.get("at_most")}
