"""Commands that keep results in order."""

import argparse
from pathlib import Path

from instahide.commands.options import add_command

HOUR = 3600.0  # seconds


def add_commands(commands) -> None:
    """Add the commands of this topic."""
    add_clean(commands)


def add_clean(commands) -> None:
    """Add `instahide clean`."""
    command = add_command(
        commands, "clean", run_clean, "remove what interrupted runs have left half written"
    )
    command.add_argument(
        "folder",
        type=Path,
        help="a folder, such as results; all below it is looked at",
    )
    command.add_argument("--list", action="store_true", help="only say what there is")
    command.add_argument(
        "--older-than",
        type=float,
        default=24.0,
        metavar="HOURS",
        help="of what other machines made, take what has not been changed for so long "
        "(default %(default)g); what a process of this machine is writing is always left",
    )


def run_clean(options: argparse.Namespace) -> int:
    """Remove remains of interrupted runs, and say which."""
    from instahide.remains import clean, find_remains

    remains, freed = find_remains(options.folder), 0
    for remain in remains:
        untouched = options.older_than * HOUR
        done = "found" if options.list else clean(remain, untouched=untouched)
        freed += remain.size if done in ("found", "removed") else 0
        print(f"{remain.path}, {megabytes(remain.size)}: {done}")
    if not remains:
        print("no interrupted run has left anything")
        return 0
    print(f"{megabytes(freed)} {'could be freed' if options.list else 'freed'}")
    return 0


def megabytes(size: int) -> str:
    """Return a number of bytes in megabytes."""
    return f"{size / 1e6:.1f} MB"
