"""What somebody has who installs the package and has no checkout."""

import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
import yaml
from workflow_project import CONFIG

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The unpacked wheel, built as pip builds it, from nothing that stands around."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "instahide", source / "instahide", ignore=ignored)
    for name in ("workflow", "config", "profiles"):
        shutil.copytree(ROOT / name, source / name, ignore=ignored)
    for name in ("pyproject.toml", "setup.py", "README.md", "Snakefile", "LICENSE"):
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

    carried = {path for path in files(installed) if path.parts[1] == "_workflow"}
    assert files(installed) - carried == files(ROOT)
    assert Path("instahide/py.typed") in files(installed)
    for folder in ("workflow", "config", "profiles"):
        for path in (ROOT / folder).rglob("*"):
            if path.is_file() and "__pycache__" not in path.parts:
                assert Path("instahide/_workflow", path.relative_to(ROOT)) in carried


def test_the_source_distribution_holds_the_workflow_too(installed):
    source, workflow = installed.parent / "source", installed / "instahide/_workflow"
    command = [sys.executable, "setup.py", "--quiet", "sdist", "--dist-dir", source / "dist"]
    subprocess.run(command, cwd=source, check=True, capture_output=True)
    with tarfile.open(*source.glob("dist/*.tar.gz")) as archive:
        held = {name.partition("/")[2] for name in archive.getnames()}
    files = {path for path in workflow.rglob("*") if path.is_file()}
    files = {str(p.relative_to(workflow)) for p in files if "__pycache__" not in p.parts}
    assert "Snakefile" in files
    assert files <= held


def run(installed, folder, *arguments):
    """Run the installed command in a folder, far from any checkout."""
    return subprocess.run(
        [sys.executable, "-m", "instahide", *arguments],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(installed)},
        capture_output=True,
        encoding="utf-8",
    )


def test_without_a_configuration_the_default_challenge_is_planned(installed, tmp_path):
    done = run(installed, tmp_path, "run", "-n", "results/challenge/encryption.npy")
    assert done.returncode == 0, done.stderr
    assert "encrypt" in done.stdout + done.stderr
    assert not (tmp_path / "results").exists()


def test_profiles_and_configurations_of_the_package_are_lent(installed, tmp_path):
    asked = ["run", "-n", "--configfile", "config/prng-2020.yaml", "--"]
    done = run(installed, tmp_path, *asked, "results/prng-2020/label.npy")
    assert done.returncode == 0, done.stderr
    profile = ["--profile", "profiles/slurm", "-n", "results/challenge/label.npy"]
    done = run(installed, tmp_path, "run", *profile)
    assert done.returncode == 0, done.stderr
    own = tmp_path / "config/mine.yaml"
    own.parent.mkdir()
    own.write_text("challenges: {}", encoding="utf-8")
    done = run(installed, tmp_path, "run", "-n", "--configfile", "config/mine.yaml")
    assert "configuration:" in done.stdout + done.stderr


OWN = """
from instahide.encodings.perimage import PerImage

def halved(private, public, key, *, rows_per_image: int = 2):
    return PerImage(private, key, lambda images, stream, rows: images / 2, {}, rows_per_image)
"""


@pytest.mark.workflow
@pytest.mark.slow
def test_the_workflow_runs_in_a_folder_with_nothing_but_a_configuration(installed, tmp_path):
    config = {"image": CONFIG["image"], "public": {}, "private": CONFIG["private"]}
    config["challenges"] = {"mine": {"private": "set", "encoding": "own_of_tests:halved"}}
    (tmp_path / "config").mkdir()
    text = yaml.safe_dump(config)
    (tmp_path / "config/config.yaml").write_text(text, encoding="utf-8")
    (tmp_path / "own_of_tests.py").write_text(OWN, encoding="utf-8")
    asked = ["run", "--cores", "2", "results/mine/leaderboard.md", "results/mine/check.html"]
    done = run(installed, tmp_path, *asked)
    assert done.returncode == 0, done.stderr
    board = (tmp_path / "results/mine/leaderboard.md").read_text(encoding="utf-8")
    assert "mean" in board
    again = run(installed, tmp_path, *asked, "-n")
    assert "Nothing to be done" in again.stdout + again.stderr


def test_its_command_prints_the_table_of_keys_anywhere(installed, tmp_path):
    done = run(installed, tmp_path, "keys")
    assert done.returncode == 0, done.stderr
    page = ROOT / "docs/reference/configuration.md"
    assert done.stdout in page.read_text(encoding="utf-8")
    assert "| `challenges.*.k` | `6` |" in done.stdout
