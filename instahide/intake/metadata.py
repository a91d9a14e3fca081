"""What a team tells of its submission: `submission.yaml` beside `decryption.npy` in the zip.

YAML of strangers is looked at event by event before anything is made of it: there are no
aliases, no levels without end and no key twice, and only plain values.
"""

import unicodedata
import zipfile
from collections import Counter
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml

from instahide.errors import InstaHideError
from instahide.schema import check_schema, check_values, in_yaml, load_schema
from instahide.scoring.submission import read_beside

METADATA = "submission.yaml"
MOST_METADATA = 1 << 14
DEEPEST = 4  # ours has two levels
EXAMPLE = "team: Jane Doe, attack: mine"


@dataclass(frozen=True)
class Metadata:
    """What a team tells of its submission; see `submission.schema.yaml`.

    Attributes
    ----------
    team, attack : str
    version, complexity, description, url : str
        Empty where they are not told.
    given : dict or None
        What the attacker was given, by the names of `instahide.attacks.protocol.Knowledge`;
        None where it is not stated.
    cost : dict
        Of ``wall_seconds``, ``cpu_seconds``, ``peak_memory_bytes`` and ``hardware`` what is
        told.
    """

    team: str
    attack: str
    version: str = ""
    given: dict[str, Any] | None = None
    cost: dict[str, Any] = field(default_factory=dict)
    complexity: str = ""
    description: str = ""
    url: str = ""

    @property
    def account(self) -> dict[str, Any]:
        """What a record takes of it, as `instahide.leaderboard.records.make_record` does."""
        told = {"attack": self.attack, "version": self.version, "complexity": self.complexity}
        told |= {"given": self.given} if self.given else {}
        return {key: value for key, value in (told | self.cost).items() if value != ""}


def read_metadata(path: Path | str, name: str) -> Metadata:
    """Read the metadata of a submission.

    Parameters
    ----------
    path : path
        A zip, which may be anybody's.
    name : str
        What to call it in messages, such as the name that it was handed in under.

    Raises
    ------
    InstaHideError
        When it is no zip, has no such file, or one that is not as it should be; says what
        to do.
    """
    if not zipfile.is_zipfile(path):
        raise InstaHideError(
            f"{name} is no zip; hand in a zip with decryption.npy and {METADATA} in it"
        )
    try:
        content = read_beside(path, METADATA, MOST_METADATA)
    except InstaHideError as error:
        raise InstaHideError(str(error).replace(str(path), name)) from None
    if content is None:
        raise InstaHideError(
            f"{name} has no {METADATA} beside decryption.npy; add one that tells at least "
            f"team and attack ({EXAMPLE})"
        )
    return parse_metadata(content, f"{METADATA} in {name}")


def parse_metadata(content: bytes, name: str) -> Metadata:
    """Turn the bytes of a `submission.yaml` into metadata.

    Raises
    ------
    InstaHideError
        As in `read_metadata`.

    Examples
    --------
    >>> parse_metadata(b"team: A\\nattack: b", "submission.yaml").team
    'A'
    """
    try:
        told = _plain(content.decode("utf-8"))
        told = {} if told is None else told  # an empty file
        check_values(told)
        check_schema(told, _schema())
    except UnicodeDecodeError:
        raise InstaHideError(f"{name} is no UTF-8 text; save it as UTF-8") from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise InstaHideError(f"{name} is no YAML that is read here: {_told(error)}") from None
    except InstaHideError as error:
        raise InstaHideError(f"{name}: {error}") from None
    return Metadata(**told)


def same_team(name: str) -> str:
    """Return what is the same for all ways of writing a team's name.

    >>> same_team(" Jane  DOE") == same_team("jane doe")
    True
    """
    return " ".join(unicodedata.normalize("NFKC", name).casefold().split())


def _plain(text: str) -> Any:
    """Return what a YAML text says, which has neither aliases nor many levels."""
    depth = 0
    for event in yaml.parse(text, yaml.SafeLoader):
        if isinstance(event, yaml.AliasEvent):
            raise InstaHideError("an alias (*) cannot stand here; write the value itself")
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        if depth > DEEPEST:
            raise InstaHideError(f"it is nested more than {DEEPEST} deep")
    _check_keys(yaml.compose(text, yaml.SafeLoader))
    return yaml.safe_load(text)


def _check_keys(node: yaml.Node | None) -> None:
    """Refuse a key that stands there twice, of which YAML would take the last."""
    if isinstance(node, yaml.MappingNode):
        keys = Counter(key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode))
        twice = [key for key, times in keys.items() if times > 1]
        if twice:
            raise InstaHideError(f"the key {in_yaml(twice[0])} stands there twice; keep one")
    if isinstance(node, yaml.CollectionNode):
        for part in node.value:
            for child in part if isinstance(part, tuple) else (part,):
                _check_keys(child)


def _told(error: Exception) -> str:
    """Return in one line what PyYAML says, and where."""
    mark = getattr(error, "problem_mark", None)
    said = getattr(error, "problem", None) or str(error)
    place = f" in line {mark.line + 1}" if mark else ""
    return " ".join("".join(c for c in said if c.isprintable() or c == " ").split()) + place


@cache
def _schema() -> dict[str, Any]:
    return load_schema(Path(str(files("instahide.intake") / "submission.schema.yaml")))
