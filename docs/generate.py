"""Write the pages of reference that follow from the code: `make keys`.

`reference/commands.md` from the parsers of the command line, and the table of
`reference/configuration.md` from the schema of the configuration.
"""

import argparse
import inspect
import itertools
import re
from collections.abc import Iterator
from pathlib import Path

from instahide.cli import make_parser
from instahide.files import save_text
from instahide.schema import insert_table, load_schema, table

REFERENCE = Path(__file__).parent / "reference"
COMMANDS = REFERENCE / "commands.md"
CONFIGURATION = REFERENCE / "configuration.md"
INTRODUCTION = """\
# Command line

<!-- made by docs/generate.py from the commands themselves; `make keys` renews it -->

Every command of `instahide`, with all of its options; `instahide COMMAND --help` prints the
same. A command ends with 0 when it did what was asked, with 1 when the answer is no (a
verification that fails, say), and with 2 and one sentence when something is wrong with what it
was given.
"""
#: What depends on the machine that tells a default.
OF_THE_MACHINE = re.compile(r" \(here [^)]*\)")


def commands_page() -> str:
    """Return the page of all commands, in Markdown."""
    parts = [INTRODUCTION]
    for name, summary, parser in commands_of(make_parser(), ""):
        parts.append(command_section(name, summary, parser))
    return "\n".join(parts)


def commands_of(
    parser: argparse.ArgumentParser, before: str
) -> Iterator[tuple[str, str, argparse.ArgumentParser]]:
    """Yield name, summary and parser of all commands below a parser, in its order."""
    for action in parser._actions:
        if not isinstance(action, argparse._SubParsersAction):
            continue
        summaries = {choice.dest: choice.help or "" for choice in action._choices_actions}
        for name, command in action.choices.items():
            yield before + name, summaries.get(name, ""), command
            yield from commands_of(command, f"{before}{name} ")


def command_section(name: str, summary: str, parser: argparse.ArgumentParser) -> str:
    """Return the section of one command: what it does, and a table of its options."""
    level = "##" if " " not in name else "###"
    description = (parser.description or summary).strip()
    lines = [f"{level} `instahide {name}`", "", inline(description), ""]
    rows = [option_row(parser, action) for action in told(parser)]
    if rows:
        lines += ["| argument | what it says |", "| --- | --- |", *rows, ""]
    return "\n".join(lines)


def told(parser: argparse.ArgumentParser) -> list[argparse.Action]:
    """Return the arguments that help tells of, except help itself and further commands."""
    others = (argparse._HelpAction, argparse._SubParsersAction)
    shown = (a for a in parser._actions if a.help is not argparse.SUPPRESS)
    return [action for action in shown if not isinstance(action, others)]


def option_row(parser: argparse.ArgumentParser, action: argparse.Action) -> str:
    """Return the row of one argument: how it is written, and what it says with its default."""
    formatter = parser._get_formatter()
    text = formatter._expand_help(action) if action.help else ""
    return f"| {written(action)} | {inline(OF_THE_MACHINE.sub('', text))} |"


def written(action: argparse.Action) -> str:
    """Return how an argument is written, as code."""
    value = value_of(action)
    if not action.option_strings:
        return f"`{value}`".replace("|", r"\|")
    names = ", ".join(f"`{name}`" for name in action.option_strings)
    need = " (needed)" if action.required else ""
    return f"{names}{f' `{value}`' if value else ''}{need}".replace("|", r"\|")


def value_of(action: argparse.Action) -> str:
    """Return what stands for an argument's value, empty for a flag."""
    if action.nargs == 0:
        return ""
    if isinstance(action.metavar, tuple):
        return " ".join(action.metavar)
    choices = "{" + ",".join(map(str, action.choices)) + "}" if action.choices else None
    plain = action.dest.upper() if action.option_strings else action.dest
    value = action.metavar or choices or plain
    several = action.nargs in ("*", "+", argparse.REMAINDER) and value != "..."
    return f"{value} …" if several else value


def inline(text: str) -> str:
    """Return a help text as one line of Markdown that shows it as it is."""
    parts = inspect.cleandoc(text).replace("\n", " ").split("`")
    escaped = (re.sub(r"([\\*_<>|\[\]])", r"\\\1", part) for part in parts[::2])
    code = (f"`{part}`" for part in parts[1::2])
    return "".join(a + b for a, b in itertools.zip_longest(escaped, code, fillvalue=""))


def configuration_page(text: str) -> str:
    """Return the page of the configuration with the table of the schema in it."""
    return insert_table(text, table(load_schema()))


def main() -> None:
    """Renew both pages."""
    save_text(COMMANDS, commands_page(), update=True)
    old = CONFIGURATION.read_text(encoding="utf-8")
    save_text(CONFIGURATION, configuration_page(old), update=True)


if __name__ == "__main__":
    main()
