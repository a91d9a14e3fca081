"""The example of docs/attacks.md, through the workflow; and what goes wrong with one's own."""

import json
import re

import numpy as np
import pytest
import yaml
from workflow_project import CONFIG, ROOT, Project

from instahide.attacks.choice import choose_stage
from instahide.attacks.protocol import Knowledge
from instahide.attacks.running import run, save_whole
from instahide.attacks.unmixing.problem import Problem
from instahide.config import check_config
from instahide.encodings.instahide.scheme import Scheme
from instahide.errors import InstaHideError
from instahide.schema import load_schema

OWN = {
    "contrast": {
        "similarity": "examples.own_attack:local_contrast,power=1",
        "retrieval": "field,rounds=1",
    },
    "quick": {"retrieval": "field,rounds=1"},
    "known": {"public": "pool", "retrieval": "field,rounds=1", "finish": "pool,passes=1"},
    "each-row": {"run": "examples.own_attack:each_row_for_itself"},
}


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    config = yaml.safe_load(yaml.safe_dump(CONFIG))
    config["public"]["pool"] |= {"shards": 1, "crops_per_photo": 12, "key_points": -1}
    config["public"]["others"] = config["public"]["pool"] | {"seed": 1}
    config["challenges"] = {
        "challenge": config["challenges"]["challenge"]
        | {"public_sample": "others", "attacks": list(OWN), "rows_per_image": 40}
    }
    config["attacks"] = OWN
    project = Project(tmp_path_factory.mktemp("project"), config)
    (project.root / "examples").mkdir()
    (project.root / "examples/own_attack.py").write_bytes(
        (ROOT / "examples/own_attack.py").read_bytes()
    )
    project.run("--cores", "2", "--", "results/ablation.md", "results/challenge/leaderboard.md")
    return project


def stale(project):
    return project.stale("results/ablation.md", "results/challenge/leaderboard.md")


def test_the_page_shows_the_code_of_the_example():
    code = (ROOT / "examples/own_attack.py").read_text(encoding="utf-8")
    page = (ROOT / "docs/attacks.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    assert len(blocks) == 2
    assert all(block in code for block in blocks)


def test_own_stages_and_attacks_are_run_scored_and_compared(project):
    table = (project.root / "results/ablation.md").read_text(encoding="utf-8")
    assert "similarity `examples.own_attack:local_contrast,power=1`" in table
    board = (project.root / "results/challenge/leaderboard.md").read_text(encoding="utf-8")
    assert all(name in board for name in OWN)
    about = json.loads(
        (project.root / "results/challenge/attacks/contrast/attack.json").read_text(
            encoding="utf-8"
        )
    )
    assert [part["name"] for part in about["stages"]] == [
        "similarity", "assignment", "retrieval", "finish"
    ]  # fmt: skip


def test_what_an_attack_knows_is_in_the_path_of_its_stages_and_on_the_leaderboard(project):
    results = project.root / "results/challenge"
    assert (results / "stages/coefficients+pool/whitened/em/field,rounds=1/state.npz").exists()
    assert (results / "attacks/known/decoding.npz").exists()
    given = json.loads((results / "attacks/known/attack.json").read_text(encoding="utf-8"))[
        "given"
    ]
    assert given["public_pool"]
    for attack in ("quick", "each-row"):
        about = json.loads(
            (results / f"attacks/{attack}/attack.json").read_text(encoding="utf-8")
        )
        assert about["given"] == vars(Knowledge(public_distribution=True))


def test_what_shows_private_images_is_its_owners_whichever_rule_came_first(project):
    results = project.root / "results/challenge"
    secret = {"decryption.npy", "private.npy", "assignment.npz", "decoding.npz", "state.npz"}
    for folder in (results / "attacks", results / "stages"):
        found = [path for path in folder.rglob("*") if path.name in secret]
        assert found
        assert {path.stat().st_mode & 0o777 for path in found} == {0o600}
        assert {path.parent.stat().st_mode & 0o777 for path in found} == {0o700}


def test_an_edit_re_runs_its_stage_and_what_follows(project):
    assert stale(project) == set()
    project.edit("examples/own_attack.py", "A similarity: what", "What")
    assert stale(project) == set()
    project.edit("examples/own_attack.py", "cooling(20)", "cooling(21)")
    assert "similarity" in stale(project)  # one file holds both examples
    project.edit("examples/own_attack.py", "cooling(21)", "cooling(20)")
    project.edit("instahide/attacks/unmixing/finish.py", "TRUST = 0.8", "TRUST = 0.7")
    assert stale(project) == {"finish", "score", "leaderboard", "ablation"}


def problem(rows=6):
    label = np.tile(np.array([[0.5, 0.2]], np.float32), (rows, 1))
    public = np.zeros((100, 2, 2, 3), np.float32)
    return Problem(np.ones((rows, 12), np.float32), label, public, Scheme(), 4)


def nothing(seen, rng):
    return None


def too_few(seen, rng):
    return seen.magnitudes[1:]


@pytest.mark.parametrize(
    ("name", "message"),
    [("nothing", "returned NoneType; ndarray is expected"),
     ("too_few", r"returned shape \(5, 12\); \(6, 12\) is expected")],
)  # fmt: skip
def test_products_that_the_next_stage_cannot_take_are_refused(name, message):
    with pytest.raises(InstaHideError, match=message):
        run(problem(), choose_stage("similarity", f"{__name__}:{name}"), None)


def test_a_whole_attack_that_returns_something_else_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("instahide.attacks.running.load_problem", lambda **_: problem())
    with pytest.raises(InstaHideError, match="Recovery is expected"):
        save_whole(tmp_path / "out", f"{__name__}:nothing", {})
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("attacks", "on", "message"),
    [
        ({"mine": {"similarity": "whitend"}}, [], "attacks/mine: similarity 'whitend'"),
        ({"mine": {"run": "no_such_module:f"}}, [], "attacks/mine: .*no module no_such_module"),
        ({"mine": {"runs": "a:b"}}, [], "unknown key 'runs'"),
        ({"oracle": {}}, [], "attacks/oracle: that name is taken"),
        ({}, ["whitenned"], "'whitenned' is neither .* did you mean 'whitened'"),
        ({}, ["whitened"], "name a pool of them as 'public_sample'"),
    ],
)
def test_mistakes_in_the_configuration_are_named(attacks, on, message):
    config = yaml.safe_load((ROOT / "config/config.yaml").read_text(encoding="utf-8"))
    config["attacks"] = attacks
    config["challenges"]["challenge"]["attacks"] = on
    with pytest.raises(InstaHideError, match=message):
        check_config(config, load_schema())
