"""The workflow from photos to the leaderboard, on a small configuration."""

import csv
import json
import re
import shutil
import zipfile

import numpy as np
import pytest
import yaml
from handedin import hand_in, zip_of
from workflow_project import CONFIG, Project

from instahide.scoring.metrics import METRICS

ATTACKS = ("absolute", "mean", "random", "oracle")
SECRET = {"decryption.npy", "private.npy", "rows.csv", "gallery.png"}  # of an attack


@pytest.fixture(scope="module")
def scored(tmp_path_factory):
    config = yaml.safe_load(yaml.safe_dump(CONFIG))
    del config["challenges"]["inner"]
    config["challenges"]["challenge"]["reported"] = True
    # Fewer equations than unknowns have no one solution: give the oracle enough rows.
    config["challenges"]["challenge"]["rows_per_image"] = 10
    project = Project(tmp_path_factory.mktemp("project"), config)
    project.run("--cores", "2", "results/challenge/attacks/mean/gallery.png")
    project.drawn_first = rights(project.root / "results/challenge/attacks")
    project.run("--cores", "2")
    return project


def rights(folder):
    """The rights of all below a folder."""
    return {path: path.stat().st_mode & 0o777 for path in sorted(folder.rglob("*"))}


def read_score(project, attack):
    folder = project.root / "results/challenge/attacks" / attack
    return json.loads((folder / "score.json").read_text(encoding="utf-8"))


def test_every_attack_is_scored(scored):
    for attack in ATTACKS:
        score = read_score(scored, attack)
        assert tuple(score) == METRICS
        for value in score.values():
            assert value["low"] <= value["mean"] <= value["high"]


def test_the_oracle_beats_the_other_baselines(scored):
    found = {attack: read_score(scored, attack)["max_ssim"]["mean"] for attack in ATTACKS}
    assert max(found, key=found.get) == "oracle"


def test_the_leaderboard_ranks_all_results(scored):
    text = (scored.root / "results/challenge/leaderboard.csv").read_text(encoding="utf-8")
    rows = list(csv.DictReader(text.splitlines()))
    assert len(rows) == len(ATTACKS) + 3
    scores = [float(row["max_ssim"]) for row in rows]
    assert scores == sorted(scores, reverse=True)
    assert {row["attack"] for row in rows if not row["rank"]} == set(ATTACKS)


def test_what_shows_the_truth_is_for_the_owner_only(scored):
    for found in (scored.drawn_first, rights(scored.root / "results/challenge/attacks")):
        assert {mode for path, mode in found.items() if path.is_dir()} == {0o700}
        assert {mode for path, mode in found.items() if path.name in SECRET} == {0o600}
    assert {path.name for path in scored.drawn_first} >= {"mean", "gallery.png"}
    with zipfile.ZipFile(scored.root / "results/challenge/release.zip") as archive:
        assert len(archive.namelist()) == 5


def test_the_site_gathers_what_is_public(scored):
    scored.run("--cores", "2", "site")
    site = scored.root / "results/site"
    page = (site / "challenge/participants.html").read_text(encoding="utf-8")
    assert "No licence of the data was named" in page
    names = {path.name for path in site.rglob("*")}
    assert {"index.html", ".nojekyll", "leaderboard.html", "release.zip"} <= names
    assert not names & SECRET
    assert scored.stale("site") == set()


def test_the_organisers_page_is_made(scored):
    page = (scored.root / "results/challenge/check.html").read_text(encoding="utf-8")
    assert "an integer can be guessed" in page
    assert "selected with an integer" in page
    assert "everybody has them" in page


def test_a_record_of_a_submission_joins_the_leaderboard_and_nothing_else_runs(scored):
    assert scored.stale("all") == set()
    source = scored.root / "results/challenge/attacks/oracle/record.json"
    record = json.loads(source.read_text(encoding="utf-8")) | {
        "attack": "theirs",
        "baseline": False,
    }
    folder = scored.root / "results/challenge/submissions"
    folder.mkdir()
    (folder / "theirs.json").write_text(json.dumps(record), encoding="utf-8")
    assert scored.stale("all") == {"leaderboard", "overview"}
    scored.run("--cores", "2")
    overview = (scored.root / "results/index.md").read_text(encoding="utf-8")
    assert "| 1 | [leaderboard](challenge/leaderboard.html)" in overview
    board = scored.root / "results/challenge/leaderboard.md"
    line = next(
        line for line in board.read_text(encoding="utf-8").splitlines() if "theirs" in line
    )
    assert "not rechecked" in line
    assert (
        board.read_text(encoding="utf-8").count("| not rechecked") == 1
    )  # all others are kept


def test_records_of_another_challenge_or_edited_by_hand_stop_the_leaderboard(scored):
    results = scored.root / "results/challenge"
    record = json.loads((results / "attacks/oracle/record.json").read_text(encoding="utf-8"))
    record |= {"attack": "theirs", "baseline": False}
    edited = record["metrics"] | {"max_ssim": {"mean": 0.99, "low": 0.9, "high": 1.0}}
    folder = results / "submissions"
    folder.mkdir(exist_ok=True)
    (folder / "foreign.json").write_text(
        json.dumps(record | {"challenge": "ab" * 32}), encoding="utf-8"
    )
    (folder / "edited.json").write_text(
        json.dumps(record | {"metrics": edited}), encoding="utf-8"
    )
    shutil.copy(results / "attacks/oracle/decryption.npy", folder / "edited.npy")
    done = scored.run("--cores", "2", check=False)
    shutil.rmtree(folder)
    assert done.returncode != 0
    said = (results / "logs/leaderboard.log").read_text(encoding="utf-8")
    assert "submissions/foreign.json is a record of another challenge" in said
    assert "submissions/edited.json says that the Max_SSIM is 0.99" in said
    scored.run("--cores", "2")  # for what follows


def test_a_zip_that_is_handed_in_is_scored_and_joins_the_leaderboard(scored):
    results = scored.root / "results/challenge"
    assert scored.stale("all") == set()
    decryption = np.load(results / "attacks/oracle/decryption.npy")
    hand_in(results, "theirs.zip", zip_of(decryption, "team: Jane\nattack: their own"))
    hand_in(results, "broken.zip", b"no zip")
    hand_in(results, "\nodd.zip", b"no zip either")
    assert scored.stale("all") == {"intake", "leaderboard", "overview"}
    scored.run("--cores", "2")
    assert scored.stale("all") == set()
    board = (results / "leaderboard.md").read_text(encoding="utf-8").splitlines()
    (line,) = (line for line in board if "their own" in line)
    assert "| Jane |" in line and "counts the public half" in line
    assert "not rechecked" not in line
    page = (results / "submissions/intake/teams.md").read_text(encoding="utf-8")
    assert "broken.zip is no zip" in page and "odd.zip" in page
    overview = (scored.root / "results/index.md").read_text(encoding="utf-8")
    assert "| 1 | [leaderboard](challenge/leaderboard.html)" in overview
    with_rules = {"public_half": False, "per_day": 5, "deadline": "2999-01-01T00:00:00Z"}
    config = yaml.safe_load((scored.root / "config/config.yaml").read_text(encoding="utf-8"))
    config["challenges"]["challenge"]["intake"] = with_rules
    before = (scored.root / "config/config.yaml").read_text(encoding="utf-8")
    scored.configure(config)
    told = {"participants", "release", "verify", "check"}  # the page tells the rules
    assert scored.stale("all") == {"intake", "leaderboard", "overview"} | told
    scored.run("--cores", "2")
    page = (results / "participants.html").read_text(encoding="utf-8")
    assert "Hand in until 2999-01-01, 00:00:00 UTC." in page
    with_rules["public_half"] = True
    scored.configure(config)  # which board there is does not touch what was released
    assert scored.stale("all") == {"intake", "leaderboard", "overview"}
    with_rules["public_half"] = False
    scored.configure(config)
    board = (results / "leaderboard.md").read_text(encoding="utf-8")
    assert "counts all images" in board
    oracle, theirs = (
        re.search(rf"\| {name} \| [^|]* \| (0\.\d+)", board)[1]
        for name in ("oracle", "their own")
    )
    assert oracle == theirs
    (results / "submissions/theirs.zip").unlink()  # it is kept
    scored.run("--cores", "2")
    assert "their own" in (results / "leaderboard.md").read_text(encoding="utf-8")
    (scored.root / "config/config.yaml").write_text(before, encoding="utf-8")
    shutil.rmtree(results / "submissions")
    scored.run("--cores", "2")  # for what follows


def test_the_report_is_one_page_with_everything(scored):
    scored.run("--report", "report.html")
    assert (scored.root / "report.html").stat().st_mode & 0o777 == 0o600
    page = (scored.root / "report.html").read_text(encoding="utf-8")
    for picture in (*(f"attacks/{attack}/gallery.png" for attack in ATTACKS), "ssim.png"):
        assert f"results/challenge/{picture}" in page
    for caption in ("Baselines, shaded, have no", "Pixels on [-1, 1]", "the red\\nline"):
        assert caption in page


def test_results_of_2020_stand_on_other_challenges_only_where_asked_for(scored):
    board = scored.root / "results/challenge/leaderboard.csv"
    asked = board.read_text(encoding="utf-8")
    scored.edit("config/config.yaml", "reported: true", "reported: false")
    assert "leaderboard" in scored.stale("results/challenge/leaderboard.csv")
    scored.run("--cores", "2", "results/challenge/leaderboard.csv")
    left = board.read_text(encoding="utf-8").splitlines()
    assert len(left) == len(asked.splitlines()) - 3
    assert "Carlini" in asked and not any("Carlini" in line for line in left)


def test_unknown_attacks_are_named_before_anything_runs(scored, tmp_path):
    config = yaml.safe_load(yaml.safe_dump(CONFIG))
    config["challenges"]["challenge"]["attacks"] = ["orakel"]
    done = Project(tmp_path, config).run("--dry-run", check=False)
    assert done.returncode != 0
    assert "the attack 'orakel' is neither built in nor among" in done.stdout
