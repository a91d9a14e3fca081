"""What somebody has who installs the package and has no checkout."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The unpacked wheel, built as pip builds it, from nothing that stands around."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "instahide", source / "instahide", ignore=ignored)
    for name in ("pyproject.toml", "README.md"):
        shutil.copy(ROOT / name, source)
    options = ["--no-deps", "--no-build-isolation", "--no-index", "--wheel-dir", folder]
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", *options, source]
    subprocess.run(pip, check=True, cwd=folder)
    with zipfile.ZipFile(*folder.glob("*.whl")) as wheel:
        wheel.extractall(folder / "installed")
    return folder / "installed"


def test_the_wheel_holds_all_of_the_package(installed):
    def files(root):
        return {
            path.relative_to(root)
            for path in (root / "instahide").rglob("*")
            if path.is_file() and "__pycache__" not in path.parts
        }

    assert files(installed) == files(ROOT)


def test_its_command_prints_the_table_of_keys_anywhere(installed, tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "instahide", "keys"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(installed)},
        capture_output=True,
        encoding="utf-8",
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout in (ROOT / "README.md").read_text(encoding="utf-8")
    assert "| `challenges.*.k` | `6` |" in done.stdout
