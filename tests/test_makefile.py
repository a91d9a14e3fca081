"""What the Makefile promises, with a stand-in for Snakemake."""

import os
import shutil
import stat
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SNAKEMAKE = """#!/bin/sh
echo "$@" >> calls
while [ $# -gt 0 ]; do
  if [ "$1" = --report ]; then echo page > "$2"; fi
  shift
done
"""


@pytest.fixture
def project(tmp_path):
    """The Makefile beside an environment that is ready, and results."""
    for name in ("Makefile", "requirements.lock", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path)
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    (tmp_path / "results").mkdir()
    script = tmp_path / ".venv" / "bin" / "snakemake"
    script.write_text(SNAKEMAKE, encoding="utf-8")
    script.chmod(0o755)
    (tmp_path / ".venv" / "ready").touch()
    return tmp_path


def make(folder, *arguments):
    environment = os.environ | {"MAKEFLAGS": ""}
    command = ["make", "--old-file=requirements.lock", "--old-file=pyproject.toml", *arguments]
    done = subprocess.run(
        command, cwd=folder, capture_output=True, env=environment, encoding="utf-8"
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return (folder / "calls").read_text(encoding="utf-8").splitlines()


@pytest.mark.parametrize(
    ("arguments", "page", "configuration"),
    [
        ((), "report.html", ""),
        (("CONFIG=config/mine.yaml",), "report-mine.html", "--configfile config/mine.yaml"),
    ],
)
def test_reports_of_every_configuration_are_for_their_maker(
    project, arguments, page, configuration
):
    beside = project / "results" / page.replace("report", "workflow")
    beside.write_text("old", encoding="utf-8")
    beside.chmod(0o644)
    calls = make(project, "report", *arguments)
    assert len(calls) == 2
    assert [configuration in call for call in calls] == [True, True]
    assert calls[0].endswith(f"-- all results/{page}")  # made by the workflow
    assert beside.read_text(encoding="utf-8") == "page\n"
    assert stat.S_IMODE(beside.stat().st_mode) == 0o600
    assert [path.name for path in (project / "results").iterdir()] == [beside.name]
