"""The score of an attack, kept in the attack's folder.

::

    score.json    the five metrics with intervals     record.json   its line on the leaderboard
    rows.csv      the metrics of every row, and which private images it mixes
"""

import logging
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from instahide.challenge.folder import ChallengeFolder
from instahide.challenge.manifest import load_manifest
from instahide.files import save_text
from instahide.leaderboard.records import (
    Record,
    encryption_digest,
    make_record,
    save_record,
)
from instahide.scoring.score import Score, as_dict, as_json, rows_as_csv, score_file
from instahide.smalljson import read_object

_log = logging.getLogger(__name__)


def save_results(
    attack: Path, folder: ChallengeFolder, *, assume_range: bool = False, who: str = "instahide"
) -> None:
    """Score the `decryption.npy` of an attack's folder and write the result beside it.

    Only their owner may read the rows, which tell the images that each encryption mixes.

    Raises
    ------
    InstaHideError
        As in `instahide.scoring.score.score_file`, or when `attack.json` is damaged.
    """
    result = score_file(
        attack / "decryption.npy", folder.truth, folder.private, assume_range=assume_range
    )
    path = attack / "attack.json"
    about = read_object(path) if path.exists() else {"attack": attack.name}
    record = record_of(result, about, folder, who)
    if result.hint:
        _log.warning("%s: %s", attack, result.hint)
    save_text(attack / "score.json", as_json(result) + "\n")
    save_text(attack / "rows.csv", rows_as_csv(result), secret=True)
    save_record(attack / "record.json", record)


def record_of(
    result: Score, about: dict[str, Any], folder: ChallengeFolder, who: str
) -> Record:
    """Return today's record of a score.

    Parameters
    ----------
    about : dict
        The content of `attack.json`, or the attack's name alone: ``{"attack": name}``.
    """
    return make_record(
        as_dict(result),
        about,
        who=who,
        challenge=encryption_digest(load_manifest(folder)),
        decryption=result.decryption,
        day=datetime.now(UTC).date(),
        recovered_set=result.recovered_set and asdict(result.recovered_set),
    )
