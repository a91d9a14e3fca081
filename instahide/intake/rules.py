"""The rules of an intake: until when, how often, how large, with what limits, which board."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from math import prod
from typing import Any, Literal, get_args

from instahide.errors import InstaHideError
from instahide.memory import in_bytes
from instahide.scoring.submission import MAX_OTHERS

Part = Literal["public", "secret", "all"]
BOARDS: tuple[str, ...] = get_args(Part)
BOARD_WORDS = {"public": "the public half", "secret": "the secret half", "all": "all images"}
ROOM_IN_ZIP = 1 << 21  # bytes, for headers and the table of contents


@dataclass(frozen=True)
class Rules:
    """What holds for everything that is handed in.

    Attributes
    ----------
    deadline : str or None
        Such as ``2026-12-01T00:00:00Z``, in UTC; what arrives later is refused.
    per_day : int or None
        How many files of a team are scored in each day of UTC.
    memory_gb, minutes : float
        What scoring one file may take, beside the program itself.
    board : {"public", "secret", "all"}
        Which private images the board counts.

    Raises
    ------
    InstaHideError
        When one of them is none of these.
    """

    deadline: str | None = None
    per_day: int | None = None
    memory_gb: float = 4.0
    minutes: float = 10.0
    board: Part = "public"

    def __post_init__(self):
        if self.deadline is not None:
            parse_time(self.deadline)
        if self.per_day is not None and self.per_day < 1:
            raise InstaHideError(f"{self.per_day} files a day cannot be: write 1 or more")
        for value, unit in ((self.memory_gb, "GB of memory"), (self.minutes, "minutes")):
            if not 0 < value < 1e6:
                raise InstaHideError(f"{value:g} {unit} are no limit: write more than 0")
        if self.board not in BOARDS:
            raise InstaHideError(f"board {self.board!r}: known are {', '.join(BOARDS)}")

    def kept(self) -> dict[str, Any]:
        """Return what the log remembers of them."""
        return asdict(self)


def rules_of(kept: Mapping[str, Any]) -> Rules:
    """Return the rules that a log remembers, with defaults for what it does not."""
    known = {field.name for field in fields(Rules)}
    return Rules(**{key: value for key, value in kept.items() if key in known})


def parse_time(text: str) -> datetime:
    """Read a time in UTC.

    Raises
    ------
    InstaHideError
        When it is none.

    Examples
    --------
    >>> parse_time("2026-12-01T00:00Z").hour
    0
    """
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        found = None
    if found is None or found.tzinfo is None or found.utcoffset():
        raise InstaHideError(
            f"{text!r} is no time in UTC; write it like 2026-12-01T00:00:00Z, with the Z"
        )
    return found.astimezone(UTC)


def in_utc(seconds: float) -> str:
    """Return seconds since 1970 as the log writes times; sorted as texts they are in order.

    >>> in_utc(0.25)
    '1970-01-01T00:00:00Z'
    """
    return datetime.fromtimestamp(int(seconds), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def too_late(arrived: str, rules: Rules) -> str:
    """Say that something arrived after the deadline, or nothing."""
    if rules.deadline is None or parse_time(arrived) <= parse_time(rules.deadline):
        return ""
    return f"it arrived at {arrived}, after the deadline at {rules.deadline}"


def overdrawn(scored: int, day: str, rules: Rules) -> str:
    """Say that a team has had as many files scored in a day as it may, or nothing."""
    if rules.per_day is None or scored < rules.per_day:
        return ""
    return (
        f"{scored} {'file' if scored == 1 else 'files'} of this team that arrived on {day} "
        f"(UTC) were taken, and {rules.per_day} a day are allowed; hand it in again another "
        "day"
    )


def largest_file(shape: tuple[int, ...]) -> int:
    """Return how many bytes a submission may have: double precision, and the rest of a zip."""
    return prod(shape) * 8 + MAX_OTHERS + ROOM_IN_ZIP


def too_large(size: int, shape: tuple[int, ...]) -> str:
    """Say that a file is larger than any submission, or nothing."""
    if size <= largest_file(shape):
        return ""
    return (
        f"it has {in_bytes(size)}, and a decryption of shape {shape} with its source has "
        f"{in_bytes(largest_file(shape))} at the most"
    )
