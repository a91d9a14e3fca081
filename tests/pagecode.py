"""Run the code of a page of the documentation as its reader would, from top to bottom."""

import contextlib
import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
BLOCK = re.compile(r"^```(console|python)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
ANYTHING = "…"


def blocks_of(page):
    """Return (language, text) of each block of code in a page."""
    return BLOCK.findall((ROOT / "docs" / page).read_text(encoding="utf-8"))


def commands_of(block):
    """Yield each command of a console block with what the page says that it prints."""
    for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
        command, _, rest = re.sub(r"\\\n", "\0", part).partition("\n")
        yield command.replace("\0", "\\\n"), rest


def matches(told, printed):
    """Say whether a text is what a page tells, where … stands for anything."""
    pattern = re.escape(" ".join(told.split())).replace(re.escape(ANYTHING), ".*")
    return re.fullmatch(pattern, " ".join(printed.split())) is not None


def run_command(command, folder):
    """Run a command of a page in a folder; returns what it prints to stdout."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    done = subprocess.run(
        ["bash", "-ec", command],
        cwd=folder,
        env=os.environ | {"PATH": path, "PYTHONPATH": str(ROOT), "MPLBACKEND": "Agg"},
        capture_output=True,
        encoding="utf-8",
    )
    assert done.returncode == 0, f"{command}\n{done.stderr}"
    return done.stdout


def run_page(page, folder):
    """Run all code of a page in a folder; returns the names that its Python has defined."""
    names = {"__name__": "page"}
    with contextlib.chdir(folder):
        for language, text in blocks_of(page):
            if language == "python":
                exec(compile(text, page, "exec"), names)
                continue
            for command, told in commands_of(text):
                printed = run_command(command, folder)
                assert matches(told, printed), f"{command}\nprints\n{printed}\nnot\n{told}"
    return names
