import subprocess
import sys
from pathlib import Path

import pytest

from instahide import codehash
from instahide.codehash import code_digest, reachable

ROOT = Path(__file__).parents[1]
BASE = '''"""Text."""

import os


def f(x):
    """Say what it does."""
    # why
    return x + 1
'''


@pytest.fixture
def digest(tmp_path):
    def of(text):
        path = tmp_path / "script.py"
        path.write_text(text, encoding="utf-8")
        codehash.read_module.cache_clear()
        return code_digest(path)

    return of


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("# why", "# another reason"),
        ("Say what it does.", "Say it in other words."),
        ('"""Text."""\n', ""),
        ("return x + 1", "return (x +\n        1)"),
        ("\n\n\ndef", "\n\n\n\n\ndef"),
    ],
)
def test_comments_docstrings_and_layout_mean_nothing(digest, old, new):
    assert digest(BASE.replace(old, new)) == digest(BASE)


@pytest.mark.parametrize(("old", "new"), [("x + 1", "x + 2"), ("os", "re"), ("f(x)", "f(x=1)")])
def test_code_means_something(digest, old, new):
    assert digest(BASE.replace(old, new)) != digest(BASE)


def test_modules_count_however_deep_they_are_imported(digest):
    names = {path.name for path in reachable(ROOT / "workflow/scripts/label.py")}
    assert {"label.py", "labels.py", "plan.py", "plainarrays.py", "jobs.py"} <= names
    assert "verification.py" not in names
    assert digest("import instahide.images") != digest("import instahide.files")


def test_libraries_count():
    script = ROOT / "workflow/scripts/label.py"
    assert (
        code_digest(script) != code_digest(script, ["numpy"]) != code_digest(script, ["scipy"])
    )


def test_it_is_the_same_in_every_process_and_imports_nothing_heavy():
    script = str(ROOT / "workflow/scripts/samples.py")
    program = (
        "import sys; from instahide.codehash import code_digest;"
        f"print(code_digest({script!r}), 'numpy' in sys.modules)"
    )
    runs = {
        subprocess.run(
            [sys.executable, "-c", program], capture_output=True, encoding="utf-8", check=True
        ).stdout
        for _ in range(3)
    }
    assert len(runs) == 1
    assert runs.pop().endswith("False\n")


def test_every_script_can_be_hashed():
    scripts = sorted((ROOT / "workflow/scripts").glob("*.py"))
    assert len({code_digest(script) for script in scripts}) == len(scripts) > 10
