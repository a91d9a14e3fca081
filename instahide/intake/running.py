"""Taking in what lies in a challenge's `submissions/`: once, or again and again.

Whatever happens in between, the next run goes on: a file is entered once, is copied before it
is entered, and what nobody is scoring any more waits again.
"""

import logging
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from instahide.challenge.folder import ChallengeFolder, load_seed
from instahide.challenge.manifest import load_manifest
from instahide.challenge.private import load_private
from instahide.encodings.plan import load_plan
from instahide.errors import InstaHideError
from instahide.intake.boards import save_boards
from instahide.intake.halves import draw_halves, rows_of_part
from instahide.intake.keeping import (
    Appearance,
    IntakeFolder,
    is_present,
    keep,
    look_at,
    present,
)
from instahide.intake.limited import FaultError, LimitError, Limits, call_limited
from instahide.intake.log import Log, LogEntry, opened_log
from instahide.intake.metadata import read_metadata
from instahide.intake.onefile import score_one
from instahide.intake.rules import Rules, in_utc, too_large, too_late
from instahide.leaderboard.records import encryption_digest
from instahide.names import in_one_line, shown

FAULT = "scoring it failed by no fault of yours; ask the organiser, who was told why"

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Intake:
    """An intake that is ready to work.

    Attributes
    ----------
    challenge : ChallengeFolder
        With its secrets.
    folder : IntakeFolder
    shape : tuple of int
        Of a decryption.
    digest : str
        SHA-256 of the challenge's `encryption.npy`.
    """

    challenge: ChallengeFolder
    folder: IntakeFolder
    shape: tuple[int, ...]
    digest: str

    @property
    def title(self) -> str:
        """What the boards are called."""
        return f"Submissions to {self.challenge.path.absolute().name}"


def open_intake(challenge: ChallengeFolder | Path | str) -> Intake:
    """Look whether everything is there that scoring needs.

    Raises
    ------
    InstaHideError
        When the challenge's manifest, truth, private set or seed is missing or damaged.
    """
    if not isinstance(challenge, ChallengeFolder):
        challenge = ChallengeFolder(Path(challenge))
    if not challenge.truth.exists():
        raise InstaHideError(
            f"{challenge.truth} does not exist: only who has the truth can take in submissions"
        )
    plan, images = load_plan(challenge.truth), load_private(challenge.private).images
    plan.check_images(len(images))
    halves = draw_halves(load_seed(challenge.seed), len(images))
    for half in (halves.public, halves.secret):
        rows_of_part(plan, half)
    return Intake(
        challenge,
        IntakeFolder(challenge.path / "submissions"),
        (len(plan), *images.shape[1:]),
        encryption_digest(load_manifest(challenge)),
    )


def take_in(
    intake: Intake, rules: Rules | None = None, paths: Iterable[Path] | None = None
) -> list[LogEntry]:
    """Enter what was handed in, score what waits, and write the boards.

    Parameters
    ----------
    rules : Rules, optional
        By default those of the last time, which the log remembers.
    paths : iterable of Path, optional
        What to look at; by default all that lies in the folder.

    Returns
    -------
    list of LogEntry
        What was scored or refused meanwhile, in the order of arrival.

    Raises
    ------
    InstaHideError
        When the log or a copy cannot be written. What is wrong with a file is its reason.
    """
    with opened_log(intake.folder.log, intake.digest) as log:
        rules = rules or log.rules()
        log.remember(**rules.kept())
        before = {entry.id for entry in log.entries("scored", "refused")}
        with present(intake.folder) as owner:
            for path in intake.folder.handed_in() if paths is None else paths:
                _enter(log, intake, path)
            _give_back_abandoned(log, intake.folder)
            try:
                _score_waiting(log, intake, rules, owner)
            finally:
                log.give_back(owner)
        finished = log.entries("scored", "refused")
        save_boards(log, intake.folder, intake.title)
    return [entry for entry in finished if entry.id not in before]


def watch(
    intake: Intake, rules: Rules | None, seconds: float, tell: Callable[[list[LogEntry]], None]
) -> None:
    """Take in again and again, until the process is told to end.

    A file is taken when it has not changed between two looks, so that one that is still
    being uploaded is left alone.

    Parameters
    ----------
    seconds : float
        Between two looks.
    tell : callable
        Is called with what was scored or refused, where there was something.
    """
    before: set[Appearance] = set()
    done: set[Appearance] = set()
    while True:
        seen = {path: look_at(path) for path in intake.folder.handed_in()}
        ready = [path for path, look in seen.items() if look in before and look not in done]
        if finished := take_in(intake, rules, ready):
            tell(finished)
        done |= {seen[path] for path in ready}
        before = set(filter(None, seen.values()))
        time.sleep(seconds)


def _enter(log: Log, intake: Intake, path: Path) -> None:
    """Keep a copy of a file and enter it, unless it was entered before."""
    look = look_at(path)
    if look is None:
        _log.warning("%s is no plain file and was left alone", shown(path))
        return
    # ASSUME: a file arrives when its inode is last changed. Unlike its date of modification,
    # who uploads it cannot set that back; and unlike the time of the first look, it is the
    # same however seldom somebody looks.
    arrived, name = in_utc(look.changed / 1e9), in_one_line(look.name)
    if fault := too_large(look.size, intake.shape):
        if number := log.add(name, "", look.size, arrived):
            log.refuse(number, "large", fault, _now())
        return
    try:
        sha256 = keep(path, intake.folder)
    except OSError as error:
        _log.warning("%s cannot be read: %s", shown(path), error.strerror or error)
        return
    log.add(name, sha256, look.size, arrived)


def _give_back_abandoned(log: Log, folder: IntakeFolder) -> None:
    """Let wait again what was being scored by a process that is no more."""
    for owner in log.owners():
        if not is_present(folder, owner) and (count := log.give_back(owner)):
            _log.warning("%d that an interrupted run was scoring: again", count)


def _score_waiting(log: Log, intake: Intake, rules: Rules, owner: str) -> None:
    """Score or refuse what waits, as long as there is something that can be."""
    tried = True
    while tried:
        tried = any(_finish(log, intake, e, rules, owner) for e in log.entries("waiting"))


def _finish(log: Log, intake: Intake, entry: LogEntry, rules: Rules, owner: str) -> bool:
    """Score or refuse an entry; False where it goes on waiting."""
    kept = intake.folder.kept(entry.sha256, entry.name)
    if not kept.is_file():
        _log.warning("%s: its copy %s is missing; put it back", shown(entry.name), kept)
        return False
    try:
        log.tell(entry.id, read_metadata(kept, shown(entry.name)))
    except InstaHideError as error:
        log.refuse(entry.id, "content", str(error), _now())
        return True
    if fault := too_late(entry.arrived, rules):
        log.refuse(entry.id, "late", fault, _now())
        return True
    if log.claim(entry.id, rules, owner, _now()):
        _score(log, intake, entry, kept, rules)
    return log.entry(entry.id).state in ("scored", "refused")


def _score(log: Log, intake: Intake, entry: LogEntry, kept: Path, rules: Rules) -> None:
    """Score what was claimed, in a process of its own, and enter what came of it."""
    limits = Limits(int(rules.memory_gb * 2**30), rules.minutes * 60)
    given = (str(kept), str(intake.challenge.path), shown(entry.name))
    try:
        score = call_limited(score_one, *given, limits=limits)
    except LimitError as error:
        log.refuse(entry.id, "limit", str(error), _now())
    except FaultError as error:
        _log.warning("%s: %s", shown(entry.name), error)
        log.refuse(entry.id, "fault", FAULT, _now())
    except InstaHideError as error:
        log.refuse(entry.id, "content", str(error), _now())
    else:
        log.finish(entry.id, score, _now())


def _now() -> str:
    return in_utc(datetime.now(UTC).timestamp())
