"""Results as records, one small JSON file each, and their order on the leaderboard."""

import math
from dataclasses import asdict, dataclass
from datetime import date
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from instahide.attacks.protocol import Knowledge
from instahide.errors import InstaHideError
from instahide.files import save_json
from instahide.schema import check_schema, check_values, load_schema
from instahide.scoring.metrics import METRICS
from instahide.smalljson import read_json

HERE = files("instahide.leaderboard")
MOST_OF_LIST = 1 << 26  # bytes; thousands of records


@dataclass(frozen=True)
class Value:
    """A metric's mean over all rows and, where it was measured, its 95 % interval."""

    mean: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Record:
    """One result.

    Attributes
    ----------
    attack, version, who : str
        Name of the attack, version of its program, whose result it is.
    date : str
        The day it was scored or, where reported, handed in; ``YYYY-MM-DD``.
    challenge : str or None
        SHA-256 of the challenge's `encryption.npy`; None for what was reported.
    decryption : str or None
        SHA-256 of the decryption, see `instahide.scoring.score.decryption_digest`; None for
        what was reported.
    metrics : dict of Value
        By the names of `metrics.METRICS`. A measured record has all five, with
        intervals; a reported one has ``max_ssim`` at least.
    given : Knowledge or None
        What the attacker was given besides the encryptions; None where it is not stated.
    complexity, hardware, note : str
    wall_seconds, cpu_seconds, peak_memory_bytes : float or None
        Measured; None where they were not.
    recovered_set : Value or None
        Mean SSIM of private images with the set that the attack recovered, up to flip and
        shift; None where it was not scored, see `instahide.scoring.recoveredset`.
    reported_cost : str
        The cost as its authors reported it.
    baseline : bool
        A measure for comparison, which may have seen the truth, and no attack.
    reported : bool
        The authors' numbers, not measured here.
    rechecked : bool or None
        Whether the decryption was scored again for this leaderboard, see
        `instahide.leaderboard.recheck`; None where nobody asked. No part of a record's file.
    """

    attack: str
    who: str
    date: str
    metrics: dict[str, Value]
    reported: bool
    version: str = ""
    challenge: str | None = None
    decryption: str | None = None
    given: Knowledge | None = None
    complexity: str = ""
    wall_seconds: float | None = None
    cpu_seconds: float | None = None
    peak_memory_bytes: float | None = None
    hardware: str = ""
    recovered_set: Value | None = None
    reported_cost: str = ""
    baseline: bool = False
    note: str = ""
    rechecked: bool | None = None


def make_record(
    score: dict[str, dict[str, float]],
    attack: dict[str, Any],
    *,
    who: str,
    challenge: str,
    decryption: str,
    day: date,
    recovered_set: dict[str, float] | None = None,
) -> Record:
    """Combine a score and an attack's own account of itself into a measured record.

    Parameters
    ----------
    score : dict
        As `instahide.scoring.score.as_dict` returns it.
    attack : dict
        As `attack.json` has it: see `instahide.attacks.protocol.describe_recovery`. Only
        ``attack``, the name, is needed.
    challenge : str
        SHA-256 of the challenge's `encryption.npy`.
    decryption : str
        SHA-256 of the decryption.
    recovered_set : dict, optional
        ``{"mean": …, "low": …, "high": …}``.

    Raises
    ------
    InstaHideError
        When a value is missing or not allowed.
    """
    told = (
        "attack",
        "version",
        "given",
        "baseline",
        "complexity",
        "wall_seconds",
        "cpu_seconds",
        "peak_memory_bytes",
        "hardware",
    )
    content = {key: attack[key] for key in told if key in attack}
    details = attack.get("details")
    if isinstance(details, dict) and "note" in details:
        content["note"] = details["note"]
    content |= {"who": who, "date": day.isoformat()}
    content |= {"challenge": challenge, "decryption": decryption}
    content |= {"recovered_set": recovered_set} if recovered_set else {}
    return parse_record(content | {"metrics": score, "reported": False}, "the record")


def parse_record(content: Any, name: str) -> Record:
    """Turn the content of a record's file into a record.

    Parameters
    ----------
    name : str
        What to call it in messages, such as the file's name.

    Raises
    ------
    InstaHideError
        When a key is unknown or missing, or a value is not allowed; says which. Also when a
        measured record does not tell what it is of.
    """
    try:
        check_values(content)
        check_schema(content, _schema())
    except InstaHideError as error:
        raise InstaHideError(f"{name} is not a leaderboard's record: {error}") from None
    metrics = {
        key: Value(**content["metrics"][key]) for key in METRICS if key in content["metrics"]
    }
    _check_metrics(metrics, content["reported"], name)
    if not content["reported"] and not (content.get("challenge") and content.get("decryption")):
        raise InstaHideError(
            f"{name} does not tell the digests of its challenge and its decryption, so nobody "
            "can say what it is of: score the decryption again with instahide score --record"
        )
    try:
        date.fromisoformat(content["date"])
    except ValueError as wrong:
        raise InstaHideError(f"{name}: date {content['date']!r}: {wrong}") from None
    given, of_set = content.get("given"), content.get("recovered_set")
    _check_set(of_set, name)
    parsed = {
        "metrics": metrics,
        "given": given and Knowledge(**given),
        "recovered_set": of_set and Value(**of_set),
    }
    return Record(**content | parsed)


def load_record(path: Path | str) -> Record:
    """Read a record.

    Raises
    ------
    InstaHideError
        When the file is missing, no JSON or no record.
    """
    return parse_record(read_json(path), str(path))


def load_record_list(path: Path | str) -> list[Record]:
    """Read a file with a list of records.

    Raises
    ------
    InstaHideError
        When the file is missing, no JSON or no list of records.
    """
    found = read_json(path, MOST_OF_LIST)
    if not isinstance(found, list):
        raise InstaHideError(f"{path} holds {type(found).__name__}; a list is expected")
    return [parse_record(content, f"{path}, record {n}") for n, content in enumerate(found, 1)]


def save_record_list(path: Path | str, records: list[Record]) -> None:
    """Write a file with a list of records."""
    save_json(path, [_content(record) for record in records])


def save_record(path: Path | str, record: Record) -> None:
    """Write a record, leaving out what is not known."""
    save_json(path, _content(record))


def _content(record: Record) -> dict[str, Any]:
    """Return what a record's file has of it: what is known."""
    content = asdict(record)
    del content["rechecked"]
    content["metrics"] = {name: _told(value) for name, value in content["metrics"].items()}
    if record.given:
        content["given"] = record.given.told()
    if content["recovered_set"]:
        content["recovered_set"] = _told(content["recovered_set"])
    return {key: item for key, item in content.items() if item not in (None, "")}


def _told(value: dict[str, float | None]) -> dict[str, float]:
    """Leave out what a value does not tell."""
    return {key: number for key, number in value.items() if number is not None}


def reported_records() -> list[Record]:
    """Return the results reported in 2020, which come with the package."""
    paths = (item for item in (HERE / "reported").iterdir() if item.name.endswith(".json"))
    return [load_record(Path(str(path))) for path in sorted(paths, key=lambda path: path.name)]


def encryption_digest(manifest: dict[str, Any]) -> str:
    """Return the SHA-256 of `encryption.npy` that a manifest tells.

    Raises
    ------
    InstaHideError
        When it tells none.
    """
    try:
        return str(manifest["files"]["encryption.npy"]["sha256"])
    except (KeyError, TypeError):
        raise InstaHideError("challenge.json lacks the digest of encryption.npy") from None


def rank(records: list[Record]) -> list[Record]:
    """Order records by Max_SSIM, the best first; equal ones stay in their order."""
    return sorted(records, key=lambda record: -record.metrics["max_ssim"].mean)


@cache
def _schema() -> dict[str, Any]:
    return load_schema(Path(str(HERE / "record.schema.yaml")))


def _check_set(value: dict[str, float] | None, name: str) -> None:
    """Refuse a figure of a recovered set without its interval, or with a turned one."""
    if value and not value.get("low", math.inf) <= value.get("high", -math.inf):
        raise InstaHideError(f"{name}: recovered_set needs an interval, from low to high")


def _check_metrics(metrics: dict[str, Value], reported: bool, name: str) -> None:
    """Refuse what the schema cannot: turned intervals, measured records without some."""
    for metric, value in metrics.items():
        if value.low is not None and value.low > value.high:
            raise InstaHideError(f"{name}: the interval of {metric} ends before it begins")
    complete = len(metrics) == len(METRICS)
    if not reported and not (complete and all(v.low is not None for v in metrics.values())):
        raise InstaHideError(
            f"{name}: a measured record needs {', '.join(METRICS)}, each with mean, low and "
            "high; without them it is 'reported'"
        )
