"""What an organiser says of a challenge to those who take part, beyond what its files tell."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from instahide.errors import InstaHideError

LICENCE_UNNAMED = (
    "No licence of the data was named. Ask the organiser before you publish or pass on any of "
    "it."
)


@dataclass(frozen=True)
class Notice:
    """What stands on the page besides the challenge itself.

    Attributes
    ----------
    title : str
        What the challenge is called.
    licence : str
        Of the released data, in words; `LICENCE_UNNAMED` where none is named.
    deadline : str
        Such as ``2026-12-31T23:59:59Z``, in UTC; empty where there is none.
    per_day : int
        Files of a team that are scored in each day of UTC; 0 where any number is.
    public_half : bool
        Whether the board may count a half of the private images while the challenge runs.

    Raises
    ------
    InstaHideError
        When the deadline is no time in UTC, or the number a day is below 0.
    """

    title: str = "An InstaHide challenge"
    licence: str = LICENCE_UNNAMED
    deadline: str = ""
    per_day: int = 0
    public_half: bool = False

    def __post_init__(self):
        if self.deadline:
            _parse(self.deadline)
        if self.per_day < 0:
            raise InstaHideError(f"{self.per_day} files a day cannot be: 0 is any number")

    @property
    def rules(self) -> list[str]:
        """What holds for what is handed in, in sentences."""
        rules = [f"Hand in until {_parse(self.deadline)}."] if self.deadline else []
        if self.per_day:
            files = "one file is" if self.per_day == 1 else f"{self.per_day} files are"
            rules.append(f"Of each team {files} scored in a day (of UTC).")
        if self.public_half:
            rules.append(
                "While the challenge runs, the board may count only one half of the private "
                "images, and nobody is told which; the final board counts all of them."
            )
        return rules


def notice_of(name: str, licence: str = "", **rules: Any) -> Notice:
    """Return the notice of a challenge whose folder has this name.

    Parameters
    ----------
    licence : str
        Empty where none is named.
    rules
        As `Notice` takes them.
    """
    return Notice(challenge_title(name), licence or LICENCE_UNNAMED, **rules)


def challenge_title(name: str) -> str:
    """Return what a challenge is called whose folder has this name.

    >>> challenge_title("challenge"), challenge_title("spring-2027")
    ('The InstaHide challenge', 'The InstaHide challenge “spring-2027”')
    """
    return "The InstaHide challenge" + ("" if name == "challenge" else f" “{name}”")


def _parse(deadline: str) -> str:
    """Return a time in UTC as people write it."""
    try:
        time = datetime.fromisoformat(deadline)
    except ValueError:
        time = None
    if time is None or time.utcoffset() != UTC.utcoffset(None):
        raise InstaHideError(
            f"the deadline {deadline!r} is no time in UTC: write it as in 2026-12-31T23:59:59Z"
        )
    return f"{time:%Y-%m-%d, %H:%M:%S} UTC"
