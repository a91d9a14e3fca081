"""The command that takes in submissions."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from instahide.commands.options import add_command
from instahide.errors import InstaHideError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from instahide.intake.log import LogEntry
    from instahide.intake.rules import Rules
    from instahide.intake.running import Intake

NOTHING = ("none", "0")  # what takes a rule back


def add_commands(commands) -> None:
    """Add the commands of this topic."""
    command = add_command(
        commands, "intake", run_intake, "score what lies in a challenge's submissions/"
    )
    command.add_argument("challenge", type=Path, help="folder of the challenge, with secrets")
    command.add_argument(
        "--watch",
        type=float,
        nargs="?",
        const=10.0,
        metavar="SECONDS",
        help="go on until it is stopped, looking every so many seconds (10 without a number; "
        "default: look once)",
    )
    command.add_argument(
        "--final",
        nargs="?",
        const="all",
        choices=("all", "secret"),
        help="the board counts all private images, or those of the secret half (default: the "
        "public half, as is right while a challenge runs)",
    )
    kept = "default: as the last time, at first"
    command.add_argument(
        "--deadline",
        metavar="TIME",
        help=f"refuse what arrives later, such as 2026-12-01T00:00:00Z ({kept} none)",
    )
    command.add_argument(
        "--per-day",
        metavar="FILES",
        help=f"of each team, in a day of UTC ({kept} none, any number)",
    )
    command.add_argument(
        "--memory", metavar="SIZE", help=f"that scoring a file may take ({kept} 4G)"
    )
    command.add_argument(
        "--minutes", type=float, help=f"that scoring a file may take ({kept} 10)"
    )


def run_intake(options: argparse.Namespace) -> int:
    """Take in what was handed in, once or until told to end."""
    from instahide.intake.running import open_intake, take_in, watch
    from instahide.stopping import Stopped

    if options.watch is not None and not 0.1 <= options.watch <= 86_400:
        raise InstaHideError("--watch looks every 0.1 to 86400 seconds")
    intake = open_intake(options.challenge)
    rules = _rules(options, intake)
    if options.watch is None:
        tell_finished(take_in(intake, rules), rules.board)
        print(f"{intake.folder.told / 'leaderboard.md'}")
        return 0
    print(f"looking into {intake.folder.path} every {options.watch:g} seconds", flush=True)
    try:
        watch(intake, rules, options.watch, lambda found: tell_finished(found, rules.board))
    except (KeyboardInterrupt, Stopped):
        print("told to end; what was being scored waits for the next time", file=sys.stderr)
    return 0


def _rules(options: argparse.Namespace, intake: "Intake") -> "Rules":
    """Return the rules that the log remembers, with those that the options give."""
    from dataclasses import replace

    from instahide.intake.log import opened_log
    from instahide.memory import parse_size

    given = {"board": options.final or "public"}
    if options.deadline is not None:
        given["deadline"] = None if options.deadline in NOTHING else options.deadline
    if options.per_day is not None:
        given["per_day"] = None if options.per_day in NOTHING else _count(options.per_day)
    if options.memory is not None:
        given["memory_gb"] = parse_size(options.memory) / 2**30
    if options.minutes is not None:
        given["minutes"] = options.minutes
    with opened_log(intake.folder.log, intake.digest) as log:
        return replace(log.rules(), **given)


def _count(text: str) -> int:
    if not text.isascii() or not text.isdecimal() or len(text) > 6:
        raise InstaHideError(f"--per-day {text!r} is no number of files")
    return int(text)


def tell_finished(finished: "Sequence[LogEntry]", board: str) -> None:
    """Print a line for each file that was scored or refused."""
    for entry in finished:
        if entry.score:
            print(f"{entry.name}: Max_SSIM {entry.score[board]['max_ssim']['mean']:.4f}")
        else:
            print(f"{entry.name}: refused, {entry.reason}")
    scored = sum(entry.state == "scored" for entry in finished)
    print(f"{scored} scored, {len(finished) - scored} refused", flush=True)
