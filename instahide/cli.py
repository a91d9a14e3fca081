"""The command line: the workflow's functions for people without Snakemake.

What each command does stands in `instahide.commands`.
"""

import argparse
import io
import os
import sys
from typing import NoReturn

from instahide import __version__
from instahide.commands import (
    attacks,
    audit,
    challenge,
    hosting,
    intake,
    participants,
    running,
    scoring,
    sweeps,
    training,
    upkeep,
)
from instahide.errors import InstaHideError
from instahide.placing import keeping
from instahide.stopping import Stopped, stoppable

TOPICS = (
    running,
    audit,
    challenge,
    attacks,
    scoring,
    intake,
    hosting,
    participants,
    sweeps,
    training,
    upkeep,
)
MOST_SHOWN = 200  # characters of a path in a message


def main(arguments: list[str] | None = None) -> NoReturn:
    """Run a command; exit with 0, with 1 for a negative answer, with 2 for an error."""
    _print_anything()
    options = parse(sys.argv[1:] if arguments is None else arguments)
    try:
        with stoppable(), keeping(not getattr(options, "force", False)):
            sys.exit(options.run(options))
    except InstaHideError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
    except MemoryError as error:
        print(f"error: not enough memory: {str(error) or 'use less data'}", file=sys.stderr)
        sys.exit(2)
    except OSError as error:  # a name that is too long, a folder that may not be read
        print(f"error: {_explain(error)}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print("interrupted; nothing half-written was left", file=sys.stderr)
        sys.exit(130)
    except Stopped:
        print("told to end; nothing half-written was left", file=sys.stderr)
        raise


def parse(arguments: list[str]) -> argparse.Namespace:
    """Read the command line; what follows ``run`` is Snakemake's, but for a call for help."""
    parser = make_parser()
    if arguments[:1] != ["run"] or arguments[1:] in (["-h"], ["--help"]):
        return parser.parse_args(arguments)
    options = parser.parse_args(["run"])
    options.arguments = arguments[1:]
    return options


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of all commands."""
    parser = argparse.ArgumentParser(
        prog="instahide",
        description="InstaHide as a reproducible challenge, with the attacks that measure it. "
        "InstaHide is broken: use it to study attacks, not to protect data.",
    )
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for topic in TOPICS:
        topic.add_commands(commands)
    return parser


def _explain(error: OSError) -> str:
    """Say which path the operating system refused, and why; long ones by their beginning."""
    path, reason = error.filename, error.strerror or str(error)
    if path is None:
        return reason
    path = os.fsdecode(path) if isinstance(path, str | bytes) else str(path)
    return f"{path if len(path) <= MOST_SHOWN else path[:MOST_SHOWN] + '…'}: {reason}"


def _print_anything() -> None:
    """Let a terminal that lacks a character show its number instead of ending in an error."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
