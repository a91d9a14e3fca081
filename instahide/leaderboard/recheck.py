"""Records that others hand on: of this very challenge, and with the numbers that it gives.

A record tells the SHA-256 of the encryptions and of the decryption that it is of. The first
tells records of other challenges. The second tells whether a decryption that is kept is the
one; then it is scored again, and the record's numbers must be what comes out. Kept are, beside
a record,

- ``record.json``: the ``decryption.npy`` in its folder, as attacks leave it,
- any other name: the same name as ``.npy`` or ``.zip``, so ``theirs.zip`` of ``theirs.json``.

Where none is, the numbers are taken as they are and said to be not rechecked. Who it was, what
it was given and what it cost cannot be checked.
"""

import logging
import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from instahide.challenge.folder import ChallengeFolder
from instahide.challenge.manifest import load_manifest
from instahide.errors import InstaHideError
from instahide.leaderboard.records import (
    Record,
    encryption_digest,
    load_record,
    load_record_list,
)
from instahide.scoring.score import TITLES, Score, score_file

OURS, KEPT = "record.json", "decryption.npy"
KEPT_SUFFIXES = (".npy", ".zip")
SCORE_TOLERANCE = 1e-5  # other machines round in other places; the tables show three digits

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Truth:
    """What decryptions are scored against.

    Attributes
    ----------
    pairs, private : Path
        `truth.npz` and the private set of the challenge.
    """

    pairs: Path
    private: Path


def load_records(
    paths: Iterable[Path | str], challenge: ChallengeFolder, truth: Truth | None = None
) -> list[Record]:
    """Read records of a challenge; with its truth, score again what is kept.

    Returns
    -------
    list of Record
        In the order of the paths; where the truth is given, `rechecked` is set.

    Raises
    ------
    InstaHideError
        When a file is no record, or is a record of another challenge or of other numbers;
        names every one, a line each.
    """
    digest = encryption_digest(load_manifest(challenge))
    found = {Path(path): load_record(path) for path in paths}
    wrong = [
        fault
        for path, record in found.items()
        if (fault := foreign(path, record, challenge, digest))
    ]
    if truth is not None:
        kept = {path: kept_beside(path) for path in found}
        wrong += filter(None, (_differs(path, found[path], kept[path], truth) for path in kept))
        found = {path: replace(found[path], rechecked=bool(kept[path])) for path in found}
        _tell_unchecked([path for path in kept if not kept[path]])
    if wrong:
        raise InstaHideError("\n".join(wrong))
    return list(found.values())


def taken_in(challenge: ChallengeFolder) -> list[Path]:
    """Return the list of records that an intake wrote, where there is one."""
    path = challenge.path / "submissions" / "intake" / "records.json"
    return [path] if path.exists() else []


def load_taken_in(paths: Iterable[Path | str], challenge: ChallengeFolder) -> list[Record]:
    """Read lists of records of a challenge, as an intake writes them, which has scored them.

    Raises
    ------
    InstaHideError
        When a file is no list of records, or one is of another challenge.
    """
    digest = encryption_digest(load_manifest(challenge))
    found = [(Path(path), record) for path in paths for record in load_record_list(path)]
    wrong = [
        fault for path, record in found if (fault := foreign(path, record, challenge, digest))
    ]
    if wrong:
        raise InstaHideError("\n".join(wrong))
    return [replace(record, rechecked=True) for _, record in found]


def foreign(path: Path, record: Record, challenge: ChallengeFolder, digest: str) -> str:
    """Say why a record is none of this challenge, or nothing.

    Parameters
    ----------
    digest : str
        SHA-256 of the challenge's `encryption.npy`.
    """
    if record.reported:
        return (
            f"{path} is 'reported', not measured: beside what is measured on a challenge only "
            "the results of 2020 that come with the package are shown; score the decryption"
        )
    if record.challenge != digest:
        return (
            f"{path} is a record of another challenge (its encryption.npy begins with "
            f"{record.challenge[:8]}, that of {challenge.path} with {digest[:8]}): take it "
            "away, or score its decryption on this one"
        )
    return ""


def kept_beside(path: Path) -> list[Path]:
    """Return the files beside a record that hold its decryption."""
    if path.name == OURS:
        places = [path.with_name(KEPT)]
    else:
        places = [path.with_suffix(suffix) for suffix in KEPT_SUFFIXES]
    return [place for place in places if place.exists()]


def _differs(path: Path, record: Record, kept: list[Path], truth: Truth) -> str:
    """Score again what is kept of a record, and say what differs, or nothing."""
    for place in kept:
        try:
            score = score_file(place, truth.pairs, truth.private, assume_range=True)
        except InstaHideError as error:
            return f"{path} cannot be scored again: {error}"
        if score.decryption == record.decryption:
            return _other_numbers(path, record, score)
    if not kept:
        return ""
    names = " or ".join(place.name for place in kept)
    return (
        f"{path} is of another decryption than {names} beside it: score that again, or keep "
        "the right one there"
    )


def _other_numbers(path: Path, record: Record, score: Score) -> str:
    """Name the first number of a record that scoring does not give, or nothing."""
    compared = [
        (TITLES[name], record.metrics[name], interval)
        for name, interval in score.summary.items()
    ]
    if record.recovered_set and score.recovered_set:  # not kept beside every decryption
        compared.append(("SSIM of the set", record.recovered_set, score.recovered_set))
    for title, value, interval in compared:
        for part, number in vars(interval).items():
            told = getattr(value, part)
            if not _alike(told, number):
                what = title if part == "mean" else f"{part} end of {title}"
                return (
                    f"{path} says that the {what} is {told:.6g}, and its decryption scores "
                    f"{number:.6g}: score it again"
                )
    return ""


def _alike(told: float | None, number: float) -> bool:
    """Tell whether a record's number is what scoring gives."""
    tolerance = {"rel_tol": SCORE_TOLERANCE, "abs_tol": SCORE_TOLERANCE}
    return told is not None and math.isclose(told, number, **tolerance)


def _tell_unchecked(paths: list[Path]) -> None:
    for path in paths:
        _log.warning("%s: not rechecked, for its decryption is not kept beside it", path)
