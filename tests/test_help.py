"""What `--help` of every command tells."""

import argparse

import pytest

from instahide.cli import make_parser

#: Left out, they do nothing.
NOTHING = (
    "leaderboard challenge", "score record", "score who", "score attack", "score about",
    "score per_row", "keys into", "encrypt public", "verify public", "seed-search state",
    "new-challenge-check public", "new-challenge-check out", "attack prng state",
    "attack prng seed",
)  # fmt: skip


def options(parser, command="instahide"):
    """Yield all options of all commands with their parsers."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, other in action.choices.items():
                yield from options(other, f"{command} {name}")
        elif not isinstance(action, argparse._HelpAction | argparse._VersionAction):
            yield command, parser, action


ALL = [found for found in options(make_parser()) if not found[2].required]


@pytest.mark.parametrize(
    ("command", "parser", "action"),
    ALL,
    ids=[f"{command} {action.dest}" for command, _, action in ALL],
)
def test_help_tells_every_default(command, parser, action, monkeypatch):
    monkeypatch.setenv("COLUMNS", "1000")
    told = parser._get_formatter()._format_action(action)
    default = action.default
    if default is None:
        assert "default" in told or f"{command} {action.dest}".endswith(NOTHING)
    elif default is not False:
        values = default if isinstance(default, tuple) else [default]
        text = " ".join(f"{x:.15g}" if isinstance(x, float) else str(x) for x in values)
        ways = f"default {text}", f"here {text}", f"{text} (default)"
        assert any(way in told for way in ways)


def test_every_option_says_what_it_is():
    assert [action.dest for _, _, action in options(make_parser()) if not action.help] == []
