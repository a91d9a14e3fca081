"""The example of docs/attacks.md, through the workflow; and what goes wrong with one's own."""

import json
import re
import shutil

import numpy as np
import pytest
import yaml
from workflow_project import CONFIG, ROOT, Project

from instahide.attacks.catalogue import own
from instahide.attacks.protocol import Knowledge, Recovery, Released
from instahide.attacks.recipe import Attack, Step
from instahide.attacks.running import run_step, save_step, step_rng
from instahide.attacks.seen import see
from instahide.attacks.unmixing.problem import Problem
from instahide.choice import choose
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
    "several": {
        "labels": "classes",
        "steps": [
            {"run": "several_steps:learn,bits=8", "product": "weights.bin", "minutes": 7},
            {"run": "several_steps:decode", "product": "rows.npy", "parts": 3},
            "several_steps:join",
        ],
    },
}
SEVERAL = '''
"""An attack of three steps: a file that the first writes, three parts, and their sum."""
import numpy as np
from instahide.attacks.protocol import Recovery

def learn(seen, rng, *, path, bits=4):
    path.write_bytes(rng.bytes(bits // 8) + bytes([int(seen.label.max() == 1)]))

def decode(seen, weights, rng, *, part):
    number, parts = part
    assert weights.suffix == ".bin" and len(weights.read_bytes()) == 2
    encryption = seen.released.encryption
    share = np.arange(len(encryption)) % parts == number
    return encryption * share[:, None, None, None]

def join(seen, rows, rng):
    assert len(rows) == 3
    return Recovery(sum(rows), None, "O(E)", {"parts": len(rows)})
'''


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
    (project.root / "several_steps.py").write_text(SEVERAL, encoding="utf-8")
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
    assert (
        results / "steps/unmixing/coefficients+pool/whitened/em/field,rounds=1/state.npz"
    ).exists()
    assert (results / "attacks/known/decoding.npz").exists()
    given = json.loads((results / "attacks/known/attack.json").read_text(encoding="utf-8"))[
        "given"
    ]
    assert given["public_pool"]
    for attack in ("quick", "each-row"):
        about = json.loads(
            (results / f"attacks/{attack}/attack.json").read_text(encoding="utf-8")
        )
        assert about["given"] == Knowledge(public_distribution=True).told()


def test_a_step_that_attacks_on_two_encodings_begin_with_is_run_for_its_own(
    project, tmp_path, monkeypatch
):
    """The attacks of the catalogue alone: `whitened` and `whitened-dp` begin alike."""
    root = tmp_path / "project"
    shutil.copytree(project.root, root)
    monkeypatch.setattr(project, "root", root)
    config = yaml.safe_load((root / "config/config.yaml").read_text(encoding="utf-8"))
    del config["attacks"]
    config["challenges"]["challenge"]["attacks"] = ["whitened"]
    project.configure(config)
    target = "results/challenge/steps/unmixing/coefficients/whitened/features.npy"
    (root / target).unlink()
    project.run("--cores", "1", "--", target)
    assert (root / target).exists()


def test_what_shows_private_images_is_its_owners_whichever_rule_came_first(project):
    results = project.root / "results/challenge"
    secret = {"decryption.npy", "private.npy", "assignment.npz", "decoding.npz", "state.npz"}
    for folder in (results / "attacks", results / "steps"):
        found = [path for path in folder.rglob("*") if path.name in secret]
        assert found
        assert {path.stat().st_mode & 0o777 for path in found} == {0o600}
        assert {path.parent.stat().st_mode & 0o777 for path in found} == {0o700}


def test_an_attack_may_have_steps_that_write_files_and_have_parts(project):
    results = project.root / "results/challenge"
    encryption = np.load(results / "encryption.npy")
    decryption = np.load(results / "attacks/several/decryption.npy")
    np.testing.assert_array_equal(decryption, encryption)
    about = json.loads((results / "attacks/several/attack.json").read_text(encoding="utf-8"))
    assert [step["name"] for step in about["stages"]] == ["learn", "decode", "join"]
    assert about["given"]["labels"] == "classes"
    trail = results / "steps/own/classes/several_steps:learn,bits=8"
    assert (trail / "weights.bin").stat().st_mode & 0o777 == 0o600
    assert len(list(trail.rglob("rows.npy"))) == 3


def test_an_edit_re_runs_its_step_and_what_follows(project):
    assert stale(project) == set()
    project.edit("examples/own_attack.py", "A similarity: what", "What")
    assert stale(project) == set()
    project.edit("examples/own_attack.py", "cooling(20)", "cooling(21)")
    assert "step" in stale(project)  # one file holds both examples
    project.edit("examples/own_attack.py", "cooling(21)", "cooling(20)")
    project.edit("several_steps.py", "% parts", "% (parts + 0)")
    assert "step" in stale(project)
    project.edit("several_steps.py", "% (parts + 0)", "% parts")
    project.edit("instahide/attacks/unmixing/finish.py", "SOLUTIONS = 18", "SOLUTIONS = 19")
    assert stale(project) == {"attack", "score", "leaderboard", "ablation"}


def whole(name):
    return own(name, {"labels": "none", "public": "none", "run": f"{__name__}:{name}"})


def seen(rows=6):
    label = np.tile(np.array([[0.5, 0.2]], np.float32), (rows, 1))
    return see(Released(np.ones((rows, 2, 2, 3), np.float32), label), None, {}, 4)


def problem(rows=6):
    label = np.tile(np.array([[0.5, 0.2]], np.float32), (rows, 1))
    public = np.zeros((100, 2, 2, 3), np.float32)
    return Problem(np.ones((rows, 12), np.float32), label, public, Scheme(), 4)


def nothing(seen, rng):
    return None


def too_few(seen, rng):
    return seen.magnitudes[1:]


def no_words(seen, rng):
    return {"time": object()}


@pytest.mark.parametrize(
    ("name", "product", "message"),
    [
        ("nothing", "features.npy", "returned NoneType; ndarray is expected"),
        ("too_few", "features.npy", r"returned 5 rows; 6 are expected"),
        ("too_few", "told.npz", "returned ndarray; dict is expected"),
        ("nothing", "decryption.npy", "returned NoneType; Recovery is expected"),
    ],
)
def test_products_that_the_next_step_cannot_take_are_refused(name, product, message):
    choice = choose("step", f"{__name__}:{name}", {})
    step = Step(name, choice, product, by_row=product == "features.npy")
    with pytest.raises(InstaHideError, match=message):
        run_step(step, problem(), (), step_rng(0, 0))


def draw(seen, rng):
    return {"drawn": rng.random(3)}


def with_private(seen, rng):
    images = seen.released.encryption
    return Recovery(images, images[:4], "O(1)", arrays={"more": {"a": images[:1]}})


def without_private(seen, rng):
    return Recovery(seen.released.encryption, None, "O(1)")


def test_parts_have_random_numbers_of_their_own(tmp_path):
    attack = own("mine", {"labels": "none", "public": "none", "steps": [
        {"run": f"{__name__}:draw", "product": "drawn.npz", "parts": 2}, f"{__name__}:nothing",
    ]})  # fmt: skip
    for part in (0, 1):
        out = tmp_path / f"{part}/drawn.npz"
        save_step(out, Attack.of(attack.until(0)), [], seen(), part=(part, 2))
    drawn = [np.load(tmp_path / f"{part}/drawn.npz")["drawn"] for part in (0, 1)]
    assert (drawn[0] != drawn[1]).all()


def test_what_an_earlier_run_left_does_not_stay_beside_the_new_one(tmp_path):
    out = tmp_path / "out/decryption.npy"
    save_step(out, whole("with_private"), [], seen())
    assert {"private.npy", "more.npz"} <= {path.name for path in out.parent.iterdir()}
    save_step(out, whole("without_private"), [], seen())
    assert {path.name for path in out.parent.iterdir()} == {"decryption.npy", "attack.json"}


def test_what_cannot_be_written_leaves_nothing(tmp_path):
    attack = own("mine", {"labels": "none", "public": "none", "steps": [
        {"run": f"{__name__}:no_words", "product": "words.json"}, f"{__name__}:nothing",
    ]})  # fmt: skip
    first = Attack.of(attack.until(0))
    with pytest.raises(InstaHideError, match="no_words returned what is no JSON"):
        save_step(tmp_path / "words.json", first, [], seen())
    with pytest.raises(InstaHideError, match="Recovery is expected"):
        save_step(tmp_path / "out/decryption.npy", whole("nothing"), [], seen())
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("attacks", "on", "message"),
    [
        ({"mine": {"similarity": "whitend"}}, [], "attacks/mine: similarity 'whitend'"),
        ({"mine": {"run": "no_such_module:f"}}, [], "attacks/mine: .*no module no_such_module"),
        ({"mine": {"runs": "a:b"}}, [], "unknown key 'runs'"),
        ({"mine": {"run": "json:dumps", "steps": ["json:dumps"]}}, [], "both 'run' and"),
        ({"mine": {"steps": []}}, [], "attacks/mine"),
        ({"mine": {"steps": [{"product": "a.npy"}]}}, [], "attacks/mine/steps/0"),
        ({"mine": {"steps": ["json:loads", "json:loads", "json:loads"]}}, [], "same name"),
        (
            {
                "one": {"steps": [{"run": "json:loads", "parts": 2}, "json:dumps"]},
                "two": {"steps": ["json:loads", "json:dumps"]},
            },
            [],
            "attacks/two and attacks/one begin alike",
        ),
        ({"mine": {"steps": [{"run": "json:loads", "parts": 0}]}}, [], "parts"),
        ({"mine": {"steps": [{"run": "json:loads", "product": "../a"}]}}, [], "product"),
        ({"oracle": {}}, [], "attacks/oracle: that name is taken"),
        ({"neural": {"run": "mine.py:f"}}, [], "attacks/neural: that is an attack of this pro"),
        ({}, ["whitenned"], "'whitenned' is neither .* did you mean 'whitened'"),
        ({}, ["whitened"], "name a pool of them as 'public_sample'"),
    ],
)
def test_mistakes_in_the_configuration_are_named(attacks, on, message):
    config = yaml.safe_load((ROOT / "config/config.yaml").read_text(encoding="utf-8"))
    config["attacks"] = attacks
    config["challenges"]["challenge"]["attacks"] = on
    config["challenges"]["challenge"].pop("public_sample")
    with pytest.raises(InstaHideError, match=message):
        check_config(config, load_schema())
