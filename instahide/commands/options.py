"""What the commands of the command line have in common."""

import argparse
import os
import stat
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from instahide.randomness.keystream import Key


class HelpWithDefaults(argparse.HelpFormatter):
    """Help that tells an option's default, where it has one and its text does not yet."""

    def _get_help_string(self, action: argparse.Action) -> str:
        text, default = action.help or "", action.default
        nothing = default is None or default is False or default is argparse.SUPPRESS
        if nothing or action.required or "default" in text:
            return text
        return f"{text} (default %(default)s)"


def add_command(
    commands, name: str, run: Callable[[argparse.Namespace], int], summary: str
) -> argparse.ArgumentParser:
    """Add a command that `run` carries out; `summary` is a phrase in lower case."""
    command = commands.add_parser(
        name,
        help=summary,
        description=f"{summary[0].upper()}{summary[1:]}.",
        formatter_class=HelpWithDefaults,
    )
    command.set_defaults(run=run)
    return command


def add_image(command: argparse.ArgumentParser) -> None:
    """Add the options that all images of a challenge have in common."""
    command.add_argument("--size", type=int, default=32, help="side in pixels (default 32)")
    command.add_argument(
        "--channels", type=int, choices=(1, 3), default=3, help="3 for colour, 1 for grey"
    )


def add_trusted(command: argparse.ArgumentParser) -> None:
    """Add the option --encoding of what makes a challenge of somebody's own encoding again."""
    command.add_argument(
        "--encoding",
        metavar="MODULE:FUNCTION",
        help="the encoding that challenge.json names, where it is none of the project's: its "
        "code is run (default: refuse)",
    )


def add_threads(command: argparse.ArgumentParser) -> None:
    """Add the option --threads."""
    command.add_argument(
        "--threads",
        type=int,
        default=os.cpu_count() or 1,
        help="default: all cores (here %(default)s)",
    )


def add_force(command: argparse.ArgumentParser) -> None:
    """Add the option --force; the command line lets nothing be replaced without it."""
    command.add_argument(
        "--force",
        action="store_true",
        help="replace what has the same name and other content (default: refuse)",
    )


def tell_who_looks(path: Path) -> None:
    """Say in a line on standard error when a secret file lies where others can look."""
    folder = path.absolute().parent
    if folder.stat().st_mode & (stat.S_IRGRP | stat.S_IROTH):
        print(
            f"note: {path} is secret, so only you can read it; others can see its name in "
            f"{folder}",
            file=sys.stderr,
        )


def add_seed(
    command: argparse.ArgumentParser, default: str = "default: 256 bits of the system's"
) -> None:
    """Add the option --seed."""
    command.add_argument(
        "--seed", help=f"an integer, or 'hex:' and 64 hexadecimal digits ({default})"
    )


def parse_key(seed: str | None, generator: str = "aes256-ctr") -> "Key":
    """Return the key of an option --seed, a new one for `generator` where it is not given."""
    from instahide.encodings.instahide.generators import new_key
    from instahide.randomness.keystream import Key

    return new_key(generator) if seed is None else Key.parse(seed)
