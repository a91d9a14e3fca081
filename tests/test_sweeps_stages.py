"""Sweeps as stages: they run, share, grow and go on; their table says what was measured."""

import copy
import csv
import json
import os
import re
import signal
import subprocess
import time

import pytest
from workflow_project import CONFIG, Project

SWEEP = {
    "base": {"private": "set", "public": "pool", "n": 10, "k": 4},
    "grid": {"T": [2, 3], "seeds": [1]},
    "attacks": ["mean", "absolute"],
}
TABLE = "results/sweeps/mine.csv"
ENOUGH_SECONDS = 120


def swept(**changed):
    config = {key: copy.deepcopy(CONFIG[key]) for key in ("image", "public", "private")}
    return config | {"sweeps": {"mine": copy.deepcopy(SWEEP) | changed}}


def planned(project, *targets):
    """Return how many jobs of each rule would run."""
    done = project.run("--dry-run", *targets)
    counts = re.findall(r"^([a-z_]+) +(\d+)$", done.stdout + done.stderr, re.MULTILINE)
    return {rule: int(number) for rule, number in counts if rule not in ("all", "total")}


def read_table(project, table=TABLE):
    with open(project.root / table, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    project = Project(tmp_path_factory.mktemp("swept"), swept())
    project.run("--cores", "2")
    return project


@pytest.fixture(autouse=True)
def as_it_was(request):
    yield
    if "project" in request.fixturenames:
        request.getfixturevalue("project").configure(swept())


def test_the_table_has_a_line_for_each_point_and_attack(project):
    lines = read_table(project)
    assert [(line["T"], line["attack"]) for line in lines] == [
        ("2", "mean"), ("2", "absolute"), ("3", "mean"), ("3", "absolute")
    ]  # fmt: skip
    first, second = lines[0], lines[1]
    told = ("sweep", "seed", "encoding", "scheme", "k", "c1", "c2", "n", "size", "channels",
            "pool", "pool_known", "augmentation", "generator", "options")  # fmt: skip
    assert [first[key] for key in told] == [
        "mine", "1", "instahide", "cross", "4", "0.65", "0.3", "10", "16", "3",
        "pool", "1", "", "aes256-ctr", "",
    ]  # fmt: skip
    assert (first["baseline"], first["knowledge"], first["labels"]) == ("1", "truth", "none")
    assert second["knowledge"] == "none"
    folder = project.root / "results" / first["point"]
    score = json.loads((folder / "attacks/mean/score.json").read_text(encoding="utf-8"))
    assert float(first["max_ssim"]) == pytest.approx(score["max_ssim"]["mean"], rel=1e-5)
    low, high = float(first["max_ssim_low"]), float(first["max_ssim_high"])
    assert low <= float(first["max_ssim"]) <= high
    about = json.loads((folder / "challenge.json").read_text(encoding="utf-8"))
    assert int(first["pool_size"]) == about["pool"]["patches"]


def test_points_have_neither_galleries_nor_boards_unless_they_are_asked_for(project):
    found = {path.name for path in (project.root / "results").rglob("*")}
    assert not found & {"gallery.png", "leaderboard.html", "release.zip", "ssim.png"}
    point = read_table(project)[0]["point"]
    rules = planned(project, f"results/{point}/leaderboard.md",
                    f"results/{point}/attacks/mean/gallery.png")  # fmt: skip
    assert rules == {"gallery": 1, "leaderboard": 1}


def test_what_is_made_is_not_made_again(project):
    assert planned(project) == {}
    # An axis of which the points have had the only value by default, and another order.
    same = {"seeds": [1], "c1": [0.65], "augmentation": [None], "T": [2, 3], "size": [16]}
    project.configure(swept(grid=same))
    assert planned(project) == {}


def test_a_sweep_that_grows_makes_what_is_new(project):
    point = dict.fromkeys(["seed", "plan", "encrypt", "label", "manifest"], 1)
    project.configure(swept(grid={"T": [2, 3, 4], "seeds": [1]}))
    assert planned(project, TABLE) == point | {"attack": 2, "score": 2, "sweep_table": 1}
    project.configure(swept(attacks=["mean", "absolute", "oracle"]))
    assert planned(project, TABLE) == {"attack": 2, "score": 2, "sweep_table": 1}
    project.configure(swept(grid={"T": [2, 3], "seeds": [1], "c1": [0.65, 0.8]}))
    twice = dict.fromkeys(point, 2)
    assert planned(project, TABLE) == twice | {"attack": 4, "score": 4, "sweep_table": 1}
    project.configure(swept() | {"sweeps": {"other": SWEEP}})
    assert planned(project, TABLE.replace("mine", "other")) == {"sweep_table": 1}


def test_another_size_shares_the_crops(project):
    project.configure(swept(grid={"T": [2], "size": [16, 24], "seeds": [1]}))
    rules = planned(project)
    assert "crops" not in rules and "photos" not in rules
    assert rules["key_points"] == 2 and rules["pool"] == rules["private"] == 1


def test_nothing_old_is_deleted(project):
    before = project.all_digests("sweeps")
    project.configure(swept(grid={"T": [3], "seeds": [1]}))
    project.run("--cores", "2", TABLE)
    after = project.all_digests("sweeps")
    changed = {name for name in before if after.get(name) != before[name]}
    assert changed == {"mine.csv"}
    assert {line["T"] for line in read_table(project)} == {"3"}
    project.configure(swept())
    project.run("--cores", "2", TABLE)
    assert project.all_digests("sweeps") == before


def test_a_mistyped_sweep_is_answered_with_the_nearest(project):
    done = project.run("--dry-run", "results/sweeps/mien.csv", check=False)
    assert done.returncode and "results/sweeps/mine.csv" in done.stdout + done.stderr


@pytest.mark.long
def test_an_interrupted_sweep_goes_on(tmp_path):
    config = swept(grid={"T": [2, 3, 4, 5], "seeds": [1]}, attacks=["mean"])
    project = Project(tmp_path, config)
    run = subprocess.Popen(
        project.command("--cores", "2", TABLE), cwd=project.root, env=project.environment(),
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    end = time.monotonic() + ENOUGH_SECONDS
    while not list(tmp_path.glob("results/sweeps/*/attacks/mean/record.json")):
        assert run.poll() is None and time.monotonic() < end
        time.sleep(0.05)
    os.killpg(run.pid, signal.SIGKILL)
    run.wait()
    assert not (tmp_path / TABLE).exists()
    time.sleep(0.5)
    done = [path.parents[2] for path in tmp_path.glob("results/sweeps/*/*/mean/record.json")]
    kept = {path: path.stat().st_mtime_ns for folder in done for path in folder.glob("*.npy")}
    project.run("--unlock")
    project.run("--cores", "2", "--rerun-incomplete", TABLE)
    assert len(read_table(project)) == 4
    assert kept and all(path.stat().st_mtime_ns == kept[path] for path in kept)
