"""Challenges whose rows are treated before they are released, from configuration to attacks."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
from smallchallenge import make_small
from test_augmentation import encoding_of
from test_config import SCHEMA, config

from instahide.attacks.seen import load_seen, public_parameters
from instahide.attacks.unmixing.problem import mixture_of, view
from instahide.challenge.folder import ChallengeFolder
from instahide.challenge.making import make_challenge
from instahide.challenge.manifest import load_manifest
from instahide.challenge.verification import verify_files
from instahide.cli import main
from instahide.config import check_config
from instahide.config import encoding_of as configured
from instahide.encodings.catalogue import told_by
from instahide.encodings.choice import of_scheme
from instahide.errors import InstaHideError
from instahide.hosting.croissant import Publication, describe_release
from instahide.leaderboard.ablation import describe_settings
from instahide.leaderboard.sweepcolumns import manifest_cells
from instahide.notebook import evaluate, new_challenge
from instahide.participants.words import what_it_is
from instahide.randomness.keystream import Key
from instahide.training.configured import recorded_challenges, training_of
from instahide.training.transform import InstaHide

SCHEME = {"name": "cross", "k": 4, "c2": 0.4, "rows_per_image": 10}
NOISY = "gaussian=0.1,laplace=0.05"


def run(*arguments):
    with pytest.raises(SystemExit) as exit_:
        main([str(argument) for argument in arguments])
    return exit_.value.code


@pytest.fixture(scope="module")
def sources(tmp_path_factory):
    place = tmp_path_factory.mktemp("small")
    make_small(place)
    return place


def make(sources, name, treatment):
    chosen = of_scheme(SCHEME, treatment=treatment)
    given = (sources / "set.npz", sources / "pool.zarr", Key.from_seed(1), chosen)
    return make_challenge(sources / name, *given, threads=2)


@pytest.fixture(scope="module")
def made(sources):
    """The challenge of `make_small`, with noise: 120 rows of 8 × 8."""
    return make(sources, "noisy", NOISY)


def test_only_the_rows_differ_and_by_the_noise_that_is_told(made, sources):
    plain = ChallengeFolder(sources / "challenge")
    for path in ("label.npy", "secret/truth.npz", "secret/seed"):
        assert (made.path / path).read_bytes() == (plain.path / path).read_bytes()
    noise = np.load(made.encryption) - np.load(plain.encryption)
    with pytest.raises(InstaHideError, match=r"on \[-1, 1\].* tells of noise"):
        load_seen(made.path, {"scheme": SCHEME}, 12)
    told = load_seen(made.path, None, 12)
    assert told.about["treatment"] == NOISY
    problem = view(replace(told, public=np.zeros((0, 8, 8, 3), np.float32)))
    assert problem.noise == pytest.approx(0.015)
    assert noise.var() == pytest.approx(problem.noise, rel=0.05) and abs(noise.mean()) < 0.005


def test_it_is_verified_from_its_seed_and_another_noise_is_noticed(made, sources, tmp_path):
    folder = ChallengeFolder(shutil.copytree(made.path, tmp_path / "copy"))
    given = folder, sources / "set.npz", sources / "pool.zarr"
    chosen = told_by(load_manifest(folder))
    assert verify_files(*given, Key.from_seed(1), chosen).passed
    other = verify_files(*given, Key.from_seed(1), of_scheme(SCHEME, treatment="gaussian=0.1"))
    assert {check.name for check in other.checks if not check.passed} == {
        "encryption.npy", "challenge.json",
    }  # fmt: skip
    rows = np.load(folder.encryption)
    rows[7, 0, 0, 0] += 0.01
    np.save(folder.encryption, rows)
    result = verify_files(*given, Key.from_seed(1), chosen)
    assert result.first.name == "encryption.npy" and "7" in result.first.verdict


def test_without_a_treatment_nothing_is_told_and_nothing_differs(sources):
    assert of_scheme(SCHEME, treatment="none") == of_scheme(SCHEME)
    same = make(sources, "same", "none")
    for path in ("encryption.npy", "challenge.json"):
        found = (same.path / path).read_bytes()
        assert found == (sources / "challenge" / path).read_bytes()
    told = public_parameters(load_manifest(same))
    assert "treatment" not in told and mixture_of(told)[1] == 0


@pytest.mark.parametrize("name", ["cross", "inside", "mixup", "mixup-inside"])
def test_rows_of_every_scheme_are_treated_alone_or_together(name):
    plain, treated = (encoding_of(None, name, treatment=text) for text in (None, "laplace=0.3"))
    plan = plain.plan(0, 30)
    whole = treated.encode(plan, 0)["encryption"]
    assert (whole - plain.encode(plan, 0)["encryption"]).var() == pytest.approx(0.18, rel=0.1)
    np.testing.assert_array_equal(treated.encode(plan[11:13], 11)["encryption"], whole[11:13])
    assert treated.describe()["treatment"] == "laplace=0.3"


def test_what_encodings_cannot_do_is_refused():
    with pytest.raises(InstaHideError, match="released as they were"):
        encoding_of(None, treatment="gaussian=0.1", generator="mt19937-2020")
    with pytest.raises(InstaHideError, match="standard deviation is -1"):
        encoding_of(None, treatment="gaussian=-1")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"treatment": "gaussian=-1"}, "standard deviation is -1"),
        ({"treatment": "jpeg=101"}, "use 1 to 100"),
        ({"treatment": "blur=3"}, "unknown: use none, gaussian"),
        ({"treatment": 0.1}, "treatment"),
        ({"treatment": "gaussian=0.1", "generator": "mt19937-2020"}, "released as they were"),
        ({"treatment": "gaussian=0.1", "encoding": "dp-instahide"}, "is a key of InstaHide"),
    ],
)
def test_wrong_configurations_are_refused(changes, said):
    named = {f"challenges__challenge__{key}": value for key, value in changes.items()}
    with pytest.raises(InstaHideError, match=said):
        check_config(config(named), SCHEMA)


def test_a_configuration_makes_the_same_choice():
    key = "challenges__challenge__treatment"
    filled = check_config(config({key: "gaussian=.10, rounding=8"}), SCHEMA)["challenges"]
    assert configured(filled["challenge"]).options["treatment"] == "gaussian=0.1,rounding=8"
    for text in ({}, {key: "none"}):
        usual = check_config(config(text), SCHEMA)["challenges"]["challenge"]
        assert "treatment" not in configured(usual).options


def test_the_command_line_makes_verifies_and_attacks(sources, tmp_path, capsys):
    given = ("--private", sources / "set.npz", "--public", sources / "pool.zarr",
             "--k", "4", "--rows-per-image", "4", "--seed", "1")  # fmt: skip
    out = tmp_path / "a"
    assert run("encrypt", *given, "--out", out, "--treatment", "gaussian=.2,jpeg=95") == 0
    assert load_manifest(ChallengeFolder(out))["treatment"] == "gaussian=0.2,jpeg=95"
    assert run("verify", out, "--public", sources / "pool.zarr") == 0
    assert run("baselines", out) == 0
    for wrong in ("gaussian=-1", "jpeg=101", "blur"):
        assert run("encrypt", *given, "--out", tmp_path / "b", "--treatment", wrong) == 2
        assert "treatment" in capsys.readouterr().err
    other = ("--encoding", "dp-instahide", "--treatment", "clip=1")
    assert run("encrypt", *given[:2], "--out", tmp_path / "b", *other) == 2
    assert "--treatment is InstaHide's" in capsys.readouterr().err
    assert not (tmp_path / "b").exists()


def test_a_notebook_makes_and_attacks(sources, tmp_path):
    challenge = new_challenge(
        tmp_path / "own", sources / "set.npz", sources / "pool.zarr",
        treatment="clip=0.5", k=4, c2=0.4, rows_per_image=3, seed=2,
    )  # fmt: skip
    assert np.abs(challenge.encryption).max() == 0.5
    assert evaluate("oracle", challenge).score is not None


@pytest.mark.parametrize("wrong", ["blur=1", "gaussian=-1", 5, None, ["gaussian=1"]])
def test_a_manifest_of_anybody_is_checked(made, tmp_path, wrong):
    folder = ChallengeFolder(tmp_path)
    told = json.loads(made.manifest.read_text(encoding="utf-8")) | {"treatment": wrong}
    folder.manifest.write_text(json.dumps(told), encoding="utf-8")
    with pytest.raises(InstaHideError, match="treatment"):
        load_manifest(folder)


def test_all_that_states_parameters_states_it(made):
    manifest = load_manifest(made)
    assert any("scale 0.05" in sentence for sentence in what_it_is(manifest))
    assert manifest_cells(manifest)["treatment"] == NOISY
    assert f"treated: {NOISY}" in describe_settings(manifest)
    page = (
        (made.path / "participants.html")
        if (made.path / "participants.html").exists()
        else None
    )
    assert page is None or "normal noise" in page.read_text(encoding="utf-8")
    told = Publication("T", "https://a.org", "MIT", "me", "2026-01-01")
    assert NOISY in describe_release(made.path, told)["description"]


def test_trainings_are_on_treated_rows():
    named = {"data": "own", "scheme": "inside", "k": 4, "c1": 0.65, "c2": 0.3, "record": 3,
             "preset": "smoke", "encoding": "instahide", "schedule": {}, "treatment": NOISY,
             "key": 1, "attacks": []}  # fmt: skip
    choice = training_of(named).encoding
    assert choice.options["treatment"] == NOISY
    seen = recorded_challenges({"mine": named})[1]["training/mine/seen"]
    assert seen["treatment"] == NOISY
    images = np.random.default_rng(0).integers(0, 256, (8, 3, 8, 8), dtype=np.uint8)
    plain, noisy = (
        InstaHide(2, key=1, scheme=of_scheme(SCHEME | {"name": "inside"}, treatment=text))
        for text in (None, "gaussian=9")
    )
    labels = np.arange(8) % 2
    assert np.abs(plain(images, labels)[0]).max() <= 1 < noisy(images, labels)[0].std()
