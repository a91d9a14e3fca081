"""What is told of an intake: the best file of each team, and what became of every file.

::

    records.json      the record of each team's best file, for the leaderboard
    leaderboard.*     a leaderboard of these alone
    teams.md          for each team all its files: scores on this board, reasons of refusals
    entries.csv       the same as one table

No number in them comes from images that the board does not count.
"""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any

from instahide.files import make_folder, save_text
from instahide.intake.keeping import IntakeFolder
from instahide.intake.log import CHALLENGE, SEEN_HALF, Log, LogEntry
from instahide.intake.metadata import same_team
from instahide.intake.rules import BOARD_WORDS, Part
from instahide.leaderboard.records import Record, make_record, save_record_list
from instahide.leaderboard.tables import escape_markdown, save_leaderboard
from instahide.placing import keeping
from instahide.scoring.metrics import METRICS
from instahide.spreadsheets import harmless

UNKNOWN = "Team not known"
ENTRY_COLUMNS = ("file", "team", "attack", "arrived", "state", "reason", *METRICS, "sha256")


def save_boards(log: Log, folder: IntakeFolder, title: str) -> None:
    """Write all that is told, as the log stands now.

    Raises
    ------
    InstaHideError
        When a file cannot be written.
    """
    with log.transaction(), keeping(False):  # whoever writes last has seen all
        settings, entries, board = log.settings(), log.entries(), log.rules().board
        chosen_by: Part = "public" if settings.get(SEEN_HALF) or board == "public" else "all"
        records = team_records(entries, board, chosen_by, settings[CHALLENGE])
        make_folder(folder.told)
        save_record_list(folder.told / "records.json", records)
        save_leaderboard(folder.told, records, title)
        save_text(folder.told / "teams.md", teams_as_markdown(entries, board, title))
        save_text(folder.told / "entries.csv", entries_as_csv(entries, board))
        if board == "public":
            log.remember(**{SEEN_HALF: True})


def team_records(
    entries: Iterable[LogEntry], board: Part, chosen_by: Part, challenge: str
) -> list[Record]:
    """Return the record of each team's best file, the teams in the order of their first.

    Parameters
    ----------
    board : {"public", "secret", "all"}
        Which images the numbers are of.
    chosen_by : {"public", "secret", "all"}
        Which images decide what is best.
    challenge : str
        SHA-256 of its `encryption.npy`.
    """
    # ASSUME: the best is what the board showed as the best while the challenge ran, also on
    # the final one: the best of many on all images would be chosen by what no team could see.
    records = []
    for own in _by_team(entry for entry in entries if entry.state == "scored").values():
        best = max(own, key=lambda entry: _max_ssim(entry, chosen_by))  # the first of equals
        note = _note(best, own, board)
        records.append(
            make_record(
                best.score[board],
                best.metadata.account | {"details": {"note": note}},
                who=best.metadata.team,
                challenge=challenge,
                decryption=best.score["decryption"],
                day=date.fromisoformat(best.day),
            )
        )
    return records


def _by_team(entries: Iterable[LogEntry]) -> dict[str, list[LogEntry]]:
    """Return entries by team, those of unknown teams under an empty name."""
    found: dict[str, list[LogEntry]] = {}
    for entry in entries:
        team = same_team(entry.metadata.team) if entry.metadata else ""
        found.setdefault(team, []).append(entry)
    return found


def _max_ssim(entry: LogEntry, part: Part) -> float:
    return entry.score[part]["max_ssim"]["mean"]


def _note(best: LogEntry, own: Sequence[LogEntry], board: Part) -> str:
    """Say what the numbers are of, how many files there were, and what the team told."""
    last = own[-1]
    parts = [f"counts {BOARD_WORDS[board]}"]
    if last is not best:
        parts.append(
            f"best of {len(own)}, the last of {last.day} has {_max_ssim(last, board):.3f}"
        )
    told = " ".join(filter(None, (best.metadata.description, best.metadata.url)))
    return ". ".join(filter(None, ["; ".join(parts), told]))


def teams_as_markdown(entries: Sequence[LogEntry], board: Part, title: str) -> str:
    """Return what became of every file, team by team; safe to show whatever files held."""
    lines = [f"# {escape_markdown(title)}", "", f"Scores count {BOARD_WORDS[board]}.", ""]
    for key, own in sorted(_by_team(entries).items()):
        name = own[0].metadata.team if key else UNKNOWN
        lines += [f"## {escape_markdown(name)}", ""]
        lines += [
            "| arrived | file | attack | Max_SSIM | state |",
            "| --- | --- | --- | ---: | --- |",
        ]
        lines += [
            f"| {' | '.join(map(escape_markdown, _line(entry, board)))} |" for entry in own
        ]
        lines.append("")
    return "\n".join(lines)


def _line(entry: LogEntry, board: Part) -> list[str]:
    """Return a line of a team's table."""
    score = f"{_max_ssim(entry, board):.3f}" if entry.score else ""
    state = f"refused: {entry.reason}" if entry.state == "refused" else entry.state
    return [entry.arrived, entry.name, _attack(entry), score, state]


def _attack(entry: LogEntry) -> str:
    return entry.metadata.attack if entry.metadata else ""


def entries_as_csv(entries: Iterable[LogEntry], board: Part) -> str:
    """Return every file as a line of CSV, with its scores on the board."""
    text = io.StringIO()
    writer = csv.DictWriter(text, ENTRY_COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(_row(entry, board) for entry in entries)
    return text.getvalue()


def _row(entry: LogEntry, board: Part) -> dict[str, Any]:
    team = entry.metadata.team if entry.metadata else ""
    texts = {
        "file": entry.name,
        "team": team,
        "attack": _attack(entry),
        "arrived": entry.arrived,
        "state": entry.state,
        "reason": entry.reason,
        "sha256": entry.sha256,
    }
    metrics: Mapping[str, Any] = entry.score[board] if entry.score else {}
    numbers = {metric: metrics[metric]["mean"] for metric in METRICS if metric in metrics}
    return {key: harmless(text) for key, text in texts.items()} | numbers
