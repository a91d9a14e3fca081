"""The command that runs the workflow, also where there is no checkout of it."""

import argparse
import importlib.util
import os
import sys
from pathlib import Path

from instahide.commands.options import add_command
from instahide.errors import InstaHideError

PACKAGE_FOLDER = Path(__file__).parents[1]
CONFIG = Path("config", "config.yaml")
#: Folders of the workflow whose files can be named as if they lay in the current folder.
LENT = ("config", "profiles")
#: Options that say how much runs at once; without any, all cores of this machine.
AMOUNTS = (
    "--cores",
    "-c",
    "--jobs",
    "-j",
    "--profile",
    "--workflow-profile",
    "--executor",
)


def add_commands(commands) -> None:
    """Add the commands of this topic."""
    command = add_command(
        commands, "run", run_workflow, "run the workflow in this folder, by Snakemake"
    )
    command.usage = "instahide run [TARGET ...] [options of snakemake]"
    command.epilog = (
        "Targets are files such as results/challenge/leaderboard.html; without any, all that "
        "is configured is made. config/config.yaml of this folder is the configuration; "
        "without one, a small challenge is made of photos that come with the package."
    )
    command.add_argument(
        "arguments", nargs=argparse.REMAINDER, metavar="...", help="as snakemake takes them"
    )


def run_workflow(options: argparse.Namespace) -> int:
    """Become Snakemake with the project's workflow.

    Raises
    ------
    InstaHideError
        When Snakemake is not installed, or the workflow does not lie beside the package.
    """
    if importlib.util.find_spec("snakemake") is None:
        raise InstaHideError("Snakemake is not installed: pip install snakemake")
    command = snakemake_command(options.arguments, workflow_folder())
    # Snakemake starts its jobs with the Python it finds first.
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    sys.stdout.flush()
    os.execve(command[0], command, os.environ | {"PATH": path})


def workflow_folder() -> Path:
    """Return the folder of the Snakefile: in the package as installed, or around it.

    Raises
    ------
    InstaHideError
        When it is in neither.
    """
    for folder in (PACKAGE_FOLDER / "_workflow", PACKAGE_FOLDER.parent):
        if (folder / "Snakefile").is_file():
            return folder
    raise InstaHideError(
        f"there is no Snakefile in {PACKAGE_FOLDER / '_workflow'} or "
        f"{PACKAGE_FOLDER.parent}: install the package anew"
    )


def snakemake_command(arguments: list[str], folder: Path) -> list[str]:
    """Return the command line that runs the workflow in the current folder.

    Parameters
    ----------
    arguments : list of str
        Of Snakemake, as the user gives them.
    folder : path
        Where the Snakefile is.
    """
    names = [argument.partition("=")[0] for argument in arguments]
    configured = "--configfile" in names or "--configfiles" in names or CONFIG.exists()
    # Before another option: --configfile takes all names that follow.
    given = [] if configured else ["--configfile", str(folder / CONFIG)]
    given += ["--snakefile", str(folder / "Snakefile")]
    given += [] if set(AMOUNTS) & set(names) else ["--cores", "all"]
    return [
        sys.executable,
        "-m",
        "snakemake",
        *given,
        *(lent(text, folder) for text in arguments),
    ]


def lent(argument: str, folder: Path) -> str:
    """Return an argument with the workflow's own file where the current folder lacks it.

    Examples
    --------
    >>> lent("results/a.md", Path("/home"))
    'results/a.md'
    """
    option, equals, value = argument.rpartition("=")
    name = Path(value)
    known = name.parts[:1] and name.parts[0] in LENT and (folder / name).exists()
    return f"{option}{equals}{folder / name}" if known and not name.exists() else argument
