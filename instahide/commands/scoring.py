"""Commands that score: submissions, baselines, the leaderboard, the organiser's page."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from instahide.commands.options import add_command, add_force, add_trusted, tell_who_looks
from instahide.errors import InstaHideError

if TYPE_CHECKING:
    from instahide.leaderboard.records import Record


def add_commands(commands) -> None:
    """Add the commands of this topic."""
    for add in (add_score, add_baselines, add_leaderboard, add_check):
        add(commands)


def add_score(commands) -> None:
    """Add `instahide score`."""
    command = add_command(commands, "score", run_score, "score a decryption or a submission")
    command.add_argument("decryption", type=Path, help="a .npy file, or the submission's zip")
    command.add_argument("challenge", type=Path, help="folder of the challenge, with secrets")
    command.add_argument("--private", type=Path, help="private set (default: the secret copy)")
    command.add_argument("--json", action="store_true", help="print JSON instead of a table")
    command.add_argument(
        "--per-row", type=Path, metavar="FILE.csv", help="write the metrics of every row"
    )
    command.add_argument(
        "--assume-range",
        action="store_true",
        help="take the values as they are, though they do not look like [-1, 1]",
    )
    command.add_argument(
        "--record", type=Path, metavar="FILE.json", help="write a record for the leaderboard"
    )
    command.add_argument("--who", help="whose result it is, for the record")
    name = command.add_mutually_exclusive_group()
    name.add_argument("--attack", metavar="NAME", help="the attack's name, for the record")
    name.add_argument(
        "--about", type=Path, metavar="attack.json", help="its account of itself, instead"
    )
    add_force(command)


def run_score(options: argparse.Namespace) -> int:
    """Score a decryption."""
    from instahide.challenge.folder import ChallengeFolder
    from instahide.files import save_text
    from instahide.leaderboard.records import save_record
    from instahide.leaderboard.results import record_of
    from instahide.placing import refuse_existing
    from instahide.scoring.score import as_json, format_table, rows_as_csv, score_file

    about = _about(options)
    if options.record:  # it tells the day
        refuse_existing(options.record)
    folder = ChallengeFolder(options.challenge)
    result = score_file(
        options.decryption,
        folder.truth,
        options.private or folder.private,
        assume_range=options.assume_range,
    )
    if result.hint:
        print(f"hint: {result.hint}", file=sys.stderr)
    print(as_json(result) if options.json else format_table(result))
    if options.per_row:
        save_text(options.per_row, rows_as_csv(result), secret=True)
        tell_who_looks(options.per_row)
    if options.record:
        save_record(options.record, record_of(result, about, folder, options.who))
    return 0


def _about(options: argparse.Namespace) -> dict:
    """Return what the options tell of an attack, for its record."""
    from instahide.smalljson import read_object

    if not options.record:
        return {}
    if not options.who or not (options.attack or options.about):
        raise InstaHideError("--record needs --who, and --attack or --about, to be a record")
    if options.attack:
        return {"attack": options.attack}
    return read_object(options.about)


def add_baselines(commands) -> None:
    """Add `instahide baselines`."""
    command = add_command(
        commands, "baselines", run_baselines, "make and score the baselines of a challenge"
    )
    command.add_argument("challenge", type=Path, help="folder of the challenge, with secrets")
    add_force(command)


def run_baselines(options: argparse.Namespace) -> int:
    """Make and score all baselines."""
    from instahide.attacks.catalogue import NOT_ON_RANGE, baseline
    from instahide.attacks.recipe import baselines_for
    from instahide.attacks.running import save_attack
    from instahide.attacks.seen import load_seen
    from instahide.challenge.folder import ChallengeFolder
    from instahide.challenge.manifest import load_manifest
    from instahide.leaderboard.results import save_results
    from instahide.placing import refuse_existing

    folder = ChallengeFolder(options.challenge)
    about = load_manifest(folder)
    names = baselines_for(about)
    places = {name: folder.path / "attacks" / name for name in names}
    for out in places.values():  # each tells what time it took
        refuse_existing(out)
    for name, out in places.items():
        seen = load_seen(folder.path, None, about["images"], secrets=True)
        save_attack(out, baseline(name), seen)
        save_results(out, folder, assume_range=name in NOT_ON_RANGE)
        print(f"{name}: {out / 'score.json'}")
    return 0


def add_leaderboard(commands) -> None:
    """Add `instahide leaderboard`."""
    command = add_command(
        commands, "leaderboard", run_leaderboard, "rank records by Max_SSIM in a table"
    )
    command.add_argument("records", type=Path, nargs="+", help="record files")
    command.add_argument("--out", type=Path, required=True, help="folder of the three tables")
    command.add_argument(
        "--challenge",
        type=Path,
        metavar="FOLDER",
        help="refuse records of other challenges (default: of none)",
    )
    command.add_argument(
        "--recheck",
        action="store_true",
        help="score again what is kept beside the records; needs --challenge, with secrets",
    )
    command.add_argument("--private", type=Path, help="private set (default: the secret copy)")
    command.add_argument(
        "--reported", action="store_true", help="add the results reported in 2020"
    )
    command.add_argument("--title", default="InstaHide leaderboard", help="of the tables")
    add_force(command)


def run_leaderboard(options: argparse.Namespace) -> int:
    """Write the leaderboard."""
    from instahide.leaderboard.records import reported_records
    from instahide.leaderboard.tables import save_leaderboard

    records = _records(options)
    records += reported_records() if options.reported else []
    save_leaderboard(options.out, records, options.title)
    for suffix in ("md", "csv", "html"):
        print(options.out / f"leaderboard.{suffix}")
    return 0


def _records(options: argparse.Namespace) -> "list[Record]":
    """Read the records, checked as far as the options ask for it."""
    from instahide.challenge.folder import ChallengeFolder
    from instahide.leaderboard.recheck import Truth, load_records
    from instahide.leaderboard.records import load_record

    if options.challenge is None:
        if options.recheck:
            raise InstaHideError("--recheck needs --challenge, the folder with the truth")
        return [load_record(path) for path in options.records]
    folder = ChallengeFolder(options.challenge)
    truth = Truth(folder.truth, options.private or folder.private)
    return load_records(options.records, folder, truth if options.recheck else None)


def add_check(commands) -> None:
    """Add `instahide new-challenge-check`."""
    command = add_command(
        commands, "new-challenge-check", run_check, "look at all that counts before publishing"
    )
    command.add_argument("challenge", type=Path, help="folder of the challenge, with secrets")
    command.add_argument("--public", type=Path, help="pool; the inside schemes need none")
    add_trusted(command)
    command.add_argument("--out", type=Path, metavar="PAGE.html", help="write a page too")
    add_force(command)


def run_check(options: argparse.Namespace) -> int:
    """Say whether a challenge is ready to be published."""
    from instahide.challenge.folder import ChallengeFolder
    from instahide.challenge.manifest import load_manifest
    from instahide.encodings.catalogue import told_by
    from instahide.files import save_text
    from instahide.leaderboard.check import examine, verify_again

    folder = ChallengeFolder(options.challenge)
    chosen = told_by(load_manifest(folder), options.encoding)
    result = examine(folder, verify_again(folder, options.public, chosen))
    print(result.as_text())
    if options.out:
        save_text(options.out, result.as_html(f"Before publishing {folder.path.name}"))
    return 0 if result.ready else 1
