"""Encodings other than InstaHide from a private set to a leaderboard."""

import json
import zipfile

import numpy as np
import pytest
import yaml
from smallchallenge import photos
from workflow_project import CONFIG, ROOT, Project

from instahide.attacks.running import save_attack
from instahide.attacks.seen import load_seen
from instahide.challenge.folder import ChallengeFolder
from instahide.challenge.making import make_challenge
from instahide.challenge.manifest import load_manifest
from instahide.challenge.manifestform import check_manifest
from instahide.challenge.private import save_private
from instahide.cli import main
from instahide.config import check_config
from instahide.encodings.catalogue import choose_encoding, told_by
from instahide.encodings.choice import EncodingChoice
from instahide.encodings.perimage import PerImage
from instahide.errors import InstaHideError
from instahide.labelled import LabelledImages
from instahide.randomness.keystream import Key
from instahide.schema import load_schema

KEY = Key.parse("hex:" + "3c" * 32)
OWN = "blocks_of_tests:blocks"
SOURCE = '''
"""An encoding that releases two arrays, neither of them like an image."""
import numpy as np
from instahide.encodings.perimage import PerImage

def blocks(private, public, key, *, size: int = 4, rows_per_image: int = 2):
    def cut(images, stream, rows):
        flat = images.reshape(len(rows), -1)
        order = stream.permutations(rows, size)
        return {"encryption": flat[:, :7].astype("f2"), "order": order.astype("i4")}
    return PerImage(private, key, cut, {"size": size}, rows_per_image)
'''
#: An attack of one's own on it.
ATTACK = """
import numpy as np
from instahide.attacks.protocol import Recovery

def guess(seen, rng):
    assert seen.encoding == "blocks_of_tests:blocks" and seen.about["encoding"]["options"]
    order = seen.released.others["order"]
    grey = seen.released.encryption.astype("f4").mean(axis=1)
    images = np.broadcast_to(grey[:, None, None, None], (len(order), *seen.shape))
    return Recovery(images, None, "O(E)", {"first": int(order[0, 0])})
"""


@pytest.fixture
def private(tmp_path):
    path = tmp_path / "set.npz"
    save_private(path, LabelledImages(photos(1, 12), np.arange(12) // 4, ("a", "b", "c")))
    return path


@pytest.fixture
def own(tmp_path, monkeypatch):
    (tmp_path / "blocks_of_tests.py").write_text(SOURCE, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    return OWN


def run(*arguments):
    with pytest.raises(SystemExit) as ended:
        main([str(part) for part in arguments])
    return ended.value.code


def test_dp_instahide_from_the_command_line(private, tmp_path):
    out = tmp_path / "dp"
    chosen = "dp-instahide,k=3,noise=0.5,rows_per_image=20"
    made = ["encrypt", "--private", private, "--out", out, "--encoding", chosen]
    assert run(*made, "--seed", KEY.text) == 0
    manifest = json.loads((out / "challenge.json").read_text(encoding="utf-8"))
    assert manifest["encoding"] == {
        "name": "dp-instahide", "options": {"k": 3, "noise": 0.5, "rows_per_image": 20}
    }  # fmt: skip
    assert "scheme" not in manifest
    encryption = np.load(out / "encryption.npy")
    assert encryption.shape == (240, 8, 8, 3) and np.abs(encryption).max() > 1
    assert run("verify", out) == 0
    assert run("baselines", out) == 0
    assert sorted(path.name for path in (out / "attacks").iterdir()) == ["mean", "random"]
    assert run("new-challenge-check", out, "--out", tmp_path / "page.html") == 0
    assert "noise 0.5" in (tmp_path / "page.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("attack", ["prng", "whitened"])
def test_attacks_on_instahide_are_refused_on_other_encodings(attack, private, tmp_path, capsys):
    chosen = choose_encoding("dp-instahide,rows_per_image=20")
    make_challenge(tmp_path / "dp", private, None, KEY, chosen)
    photos = ["--public-sample", tmp_path / "none"] if attack == "whitened" else []
    given = ["attack", attack, tmp_path / "dp", *photos, "--out", tmp_path / "out"]
    assert run(*given) == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert "is on instahide, and the challenge was made by the encoding dp-inst" in error
    assert not (tmp_path / "out").exists()


def test_an_encoding_of_ones_own_with_arrays_of_other_forms(own, private, tmp_path, capsys):
    out = tmp_path / "own"
    made = ["encrypt", "--private", private, "--out", out, "--seed", KEY.text]
    assert run(*made, "--encoding", f"{own},size=5") == 0
    assert np.load(out / "encryption.npy").dtype == np.float16
    assert np.load(out / "order.npy").shape == (24, 5)
    manifest = load_manifest(ChallengeFolder(out))
    assert list(manifest["files"]) == ["encryption.npy", "order.npy", "label.npy"]
    with zipfile.ZipFile(out / "release.zip") as archive:
        assert "challenge/order.npy" in archive.namelist()
    assert run("verify", out, "--encoding", own) == 0
    capsys.readouterr()
    assert run("verify", out) == 2  # its code is not run on the manifest's word
    assert f"if you trust it, and have it here, say --encoding {own}" in capsys.readouterr().err
    order = np.load(out / "order.npy")
    order[3, 0] += 1
    np.save(out / "order.npy", order)
    assert run("verify", out, "--encoding", own) == 1
    assert "order.npy" in capsys.readouterr().out


def test_baselines_and_scores_know_nothing_of_the_encoding(own, private, tmp_path):
    out = tmp_path / "own"
    make_challenge(out, private, None, KEY, choose_encoding(own))
    assert run("baselines", out) == 0
    score = json.loads((out / "attacks/mean/score.json").read_text(encoding="utf-8"))
    assert 0 < score["max_ssim"]["mean"] < 1
    with pytest.raises(InstaHideError, match="is on instahide"):
        from instahide.attacks.catalogue import baseline

        save_attack(tmp_path / "x", baseline("oracle"), load_seen(out, None, 12, secrets=True))


def test_a_manifest_cannot_have_code_run(tmp_path, monkeypatch):
    (tmp_path / "evil_of_tests.py").write_text("raise SystemExit('run')", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    told = {"encoding": {"name": "evil_of_tests:f", "options": {}}}
    with pytest.raises(InstaHideError, match="if you trust it"):
        told_by(told)
    with pytest.raises(InstaHideError, match="and not by 'other:f'"):
        told_by(told, "other:f")


@pytest.mark.parametrize(
    "told",
    [
        {"name": "instahide", "options": {}},
        {"name": "dp-instahide"},
        {"name": "../x", "options": {}},
        {"name": "a:b", "options": {"../x": 1}},
        {"name": "a:b", "options": {"x": [1]}},
        {"name": "a:b", "options": {"x": float("inf")}},
        {"name": 5, "options": {}},
        "dp-instahide",
    ],
)
def test_what_is_no_encoding_is_refused_in_a_manifest(told):
    with pytest.raises(
        InstaHideError, match=r"encoding is .*; expected is an object with a name"
    ):
        check_manifest({"format_version": 2, "encoding": told}, "challenge.json", ())


def test_a_manifest_of_two_encodings_is_refused():
    told = {"encoding": {"name": "dp-instahide", "options": {}}, "generator": "aes256-ctr"}
    with pytest.raises(InstaHideError, match="both 'encoding' and 'generator'"):
        check_manifest({"format_version": 2, **told}, "challenge.json", ())


def returns(made, told=None):
    def make(private, public, key, *, rows_per_image: int = 1):
        return PerImage(private, key, lambda *_: made, told or {}, rows_per_image)

    return make


def test_an_encoding_that_nobody_could_make_again_is_refused(private, monkeypatch):
    from instahide.challenge.private import load_private
    from instahide.pool.pool import empty_pool

    made = returns({"encryption": np.zeros(1)}, {"size": 4})
    monkeypatch.setattr("instahide.encodings.choice.load_function", lambda _: made)
    with pytest.raises(InstaHideError, match="describes itself by 'size', which is no keyword"):
        EncodingChoice("a:b", "a:b").make(load_private(private), empty_pool((8, 8, 3)), KEY)


@pytest.mark.parametrize(
    ("made", "message"),
    [
        ({"rows": np.zeros(1)}, "call one of its arrays 'encryption'"),
        ({"encryption": np.zeros(1), "label": np.zeros(1)}, "releases 'label'"),
        ({"encryption": np.zeros(1), "../x": np.zeros(1)}, "name arrays by small letters"),
        ({"encryption": np.array(["a"])}, "release numbers"),
        ({"encryption": np.zeros((1, 0))}, "one or more in each row"),
    ],
)
def test_arrays_that_cannot_be_released_are_refused(made, message, private, monkeypatch):
    from instahide.challenge.private import load_private
    from instahide.pool.pool import empty_pool

    monkeypatch.setattr("instahide.encodings.choice.load_function", lambda _: returns(made))
    with pytest.raises(InstaHideError, match=message):
        EncodingChoice("a:b", "a:b").make(load_private(private), empty_pool((8, 8, 3)), KEY)


def test_unknown_options_are_named(private, tmp_path):
    with pytest.raises(InstaHideError, match="dp-instahide has no option 'b'; it has k, noise"):
        make_challenge(tmp_path / "x", private, None, KEY, choose_encoding("dp-instahide,b=1"))
    with pytest.raises(InstaHideError, match="value of an option does not suit"):
        make_challenge(tmp_path / "x", private, None, KEY, choose_encoding("dp-instahide,k=a"))
    assert not (tmp_path / "x").exists()


def challenge(**given):
    config = yaml.safe_load((ROOT / "config/config.yaml").read_text(encoding="utf-8"))
    for key in (
        "scheme",
        "k",
        "c1",
        "c2",
        "rows_per_image",
        "public",
        "public_sample",
        "attacks",
    ):
        config["challenges"]["challenge"].pop(key, None)
    config["challenges"]["challenge"] |= given
    return config


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"encoding": "dp-instahyde"}, "'dp-instahyde' is none of instahide, dp-instahide"),
        ({"encoding": "dp-instahide,b=1"}, "has no option 'b'"),
        ({"encoding": "nowhere_at_all:f"}, "there is no module nowhere_at_all"),
        ({"encoding": "dp-instahide", "k": 4}, "challenges/challenge/k is a key of InstaHide"),
        ({"encoding": "dp-instahide", "attacks": ["oracle"]}, "'oracle' is on instahide"),
        (
            {"encoding": "dp-instahide", "arrays": ["label"]},
            "'label' is there anyway",
        ),
        ({"encoding": "dp-instahide", "arrays": ["../x"]}, "arrays"),
        ({"encoding": 5}, "encoding"),
        ({"scheme": "inside", "k": 4, "arrays": ["more"]}, "releases 'encryption' only"),
    ],
)
def test_mistakes_in_the_configuration_are_named(given, message):
    with pytest.raises(InstaHideError, match=message):
        check_config(challenge(**given), load_schema())


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    config = yaml.safe_load(yaml.safe_dump(CONFIG))
    config["public"]["pool"]["crops_per_photo"] = 80  # an attack learns from hundreds
    config["attacks"] = {"guess": {"run": "guess_of_tests:guess"}}
    config["challenges"] = {
        "dp": {
            "private": "set",
            "encoding": "dp-instahide,k=3,rows_per_image=2",
            "public_sample": "pool",
            "attacks": ["mean", "random", "whitened-dp"],
        },
        "own": {
            "private": "set",
            "encoding": OWN,
            "arrays": ["order"],
            "attacks": ["mean", "random", "guess"],
        },
        "blocks": {"private": "set", "encoding": "examples.own_encoding:shuffled_blocks"},
    }
    project = Project(tmp_path_factory.mktemp("project"), config)
    (project.root / "blocks_of_tests.py").write_text(SOURCE, encoding="utf-8")
    (project.root / "guess_of_tests.py").write_text(ATTACK, encoding="utf-8")
    (project.root / "examples").mkdir()
    example = ROOT / "examples/own_encoding.py"
    (project.root / "examples/own_encoding.py").write_bytes(example.read_bytes())
    project.run("--cores", "2")
    return project


def test_the_workflow_makes_verifies_scores_and_ranks_any_encoding(project):
    for name in ("dp", "own", "blocks"):
        results = project.root / "results" / name
        assert "verified" in (results / "verification.txt").read_text(encoding="utf-8")
        assert "mean" in (results / "leaderboard.md").read_text(encoding="utf-8")
        assert (results / "check.html").exists()
    leaderboard = project.root / "results/dp/leaderboard.md"
    assert "whitened-dp" in leaderboard.read_text(encoding="utf-8")
    about = json.loads(
        (project.root / "results/own/attacks/guess/attack.json").read_text(encoding="utf-8")
    )
    order = np.load(project.root / "results/own/order.npy")
    assert about["details"]["first"] == order[0, 0]


def test_an_edit_of_one_encoding_re_runs_its_challenges_only(project):
    assert project.stale() == set()
    project.edit("blocks_of_tests.py", 'astype("i4")', 'astype("i4") + 0')
    jobs = project.stale()
    assert {"plan", "encrypt", "encode", "manifest"} <= jobs
    assert project.stale("results/dp/leaderboard.md") == set()
    project.edit("blocks_of_tests.py", 'astype("i4") + 0', 'astype("i4")')
    project.edit(
        "instahide/encodings/catalogue.py", '"dp-instahide":', '"dp-too": "", "dp-instahide":'
    )
    assert project.stale() == set()
