"""The walls of the house: which rules an edit re-runs, and which it does not."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
# Prints the digests of all scripts as they are, and after each edit, which is then undone.
PROGRAM = """
import json, sys
from pathlib import Path
from instahide import codehash

def digests():
    codehash.read_module.cache_clear()
    scripts = sorted(Path("workflow/scripts").glob("*.py"))
    return {script.stem: codehash.code_digest(script) for script in scripts}

found = [digests()]
for file in json.load(sys.stdin):
    path = Path("instahide", file)
    text = path.read_text(encoding="utf-8")
    path.write_text(text + "\\nEDITED = True\\n", encoding="utf-8")
    found.append(digests())
    path.write_text(text, encoding="utf-8")
print(json.dumps(found))
"""
OF_CHALLENGE = {"plan", "encrypt", "label", "manifest", "release", "seed"}
OF_RESULTS = {"score", "gallery", "ssim", "step", "audit_encrypt", "audit_attack"}
OF_PHOTOS = {"crops", "data", "photos", "pool", "private", "samples", "check"} | {
    "audit_images",
    "audit_page",
    "audit_photos",
}
#: A module that is edited, and the scripts whose rules run again.
EDITS = {
    "photos/headers/jpeg.py": OF_PHOTOS,
    "photos/archives.py": OF_PHOTOS,
    "auditing/reading.py": {"audit_images", "audit_page"},
    "auditing/dicom.py": {"audit_images", "audit_page"},
    "auditing/publicpools.py": {"audit_photos"},
    "auditing/mixing.py": {"audit_attack", "audit_encrypt", "audit_page"},
    "auditing/attackers.py": set(),
    "auditing/looking.py": {"audit_attack"},
    "auditing/recognition.py": {"audit_attack", "audit_page"},
    "auditing/settings.py": {"audit_page"},
    "auditing/page.py": {"audit_page"},
    "auditing/words.py": {"audit_page"},
    "config.py": set(),
    "attacks/catalogue.py": set(),
    "attacks/seen.py": {"audit_attack", "audit_page", "step"},
    "pool/partofpool.py": {"audit_attack", "audit_page", "step"},
    "encodings/catalogue.py": set(),
    "encodings/dpinstahide.py": set(),
    "encodings/perimage.py": set(),
    "encodings/treating.py": set(),  # of the rules with an encoding, whose digest has it
    "encodings/labels.py": {
        "accuracy",
        "audit_encrypt",
        "check",
        "label",
        "site",
        "train",
        "verify",
    },
    "training/configured.py": set(),
    "training/recipe.py": {"accuracy", "sweep_table", "train", "training_table"},
    "training/loop.py": {"accuracy", "train"},
    "training/accuracy.py": {"accuracy", "train"},
    "leaderboard/sweeptable.py": {"sweep_table"},
    "sweeps/expansion.py": set(),
    "leaderboard/tables.py": {
        "intake",
        "leaderboard",
        "overview",
        "plane",
        "results_page",
        "site",
    },
    "intake/running.py": {"intake"},
    "intake/onefile.py": {"intake"},
    "intake/keeping.py": {"intake"},
    "commands/intake.py": set(),
    "leaderboard/htmlpage.py": {
        "audit_page",
        "check",
        "intake",
        "leaderboard",
        "overview",
        "participants",
        "plane",
        "results_page",
        "site",
    },
    "participants/site.py": {"site"},
    "participants/words.py": {"participants"},
    "leaderboard/points.py": {"plane", "sweep_figures"},
    "leaderboard/curves.py": {"plane", "sweep_figures"},
    "leaderboard/sweepviews.py": {"plane", "sweep_figures"},
    "leaderboard/plane.py": {"plane"},
    "scoring/metrics.py": {
        "check",
        "intake",
        "leaderboard",
        "overview",
        "plane",
        "results_page",
        "score",
        "site",
        "sweep_figures",
        "sweep_table",
    },
}


@pytest.fixture(scope="module")
def changed(tmp_path_factory):
    """The scripts whose digests each edit changes."""
    root = tmp_path_factory.mktemp("walls")
    for name in ("instahide", "workflow"):
        shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns("__pycache__"))
    edits = json.dumps(list(EDITS))
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], input=edits, cwd=root, env={"PYTHONPATH": str(root)},
        capture_output=True, text=True, encoding="utf-8", check=True,
    )  # fmt: skip
    before, *after = json.loads(done.stdout)
    return {
        name: {script for script in before if before[script] != found[script]}
        for name, found in zip(EDITS, after, strict=True)
    }


@pytest.mark.parametrize("name", EDITS)
def test_an_edit_re_runs_what_it_must_and_nothing_else(changed, name):
    assert changed[name] == EDITS[name]


def test_no_edit_of_photos_or_pages_touches_challenges_and_results(changed):
    for name in ("photos/headers/jpeg.py", "photos/archives.py", "leaderboard/tables.py"):
        assert not changed[name] & (OF_CHALLENGE | OF_RESULTS)
