"""What an attacker was given: told by who runs the attack, whatever the attack says."""

import json
import logging
from dataclasses import replace
from datetime import date

import numpy as np
import pytest
import yaml
import zarr
from workflow_project import ROOT

from instahide.attacks.choice import choose_stage
from instahide.attacks.given import shared_share, what_is_given
from instahide.attacks.protocol import Knowledge, Recovery, Released
from instahide.attacks.running import save_stage, save_whole
from instahide.attacks.unmixing.problem import Problem, load_problem, make_problem
from instahide.attacks.unmixing.state import Assignment, State, save_state
from instahide.config import check_config
from instahide.encodings.instahide.scheme import Scheme
from instahide.errors import InstaHideError
from instahide.files import save_json, save_npy
from instahide.images import to_unit_range
from instahide.leaderboard.records import make_record
from instahide.leaderboard.tables import as_markdown
from instahide.pool.pool import Pool, open_pool
from instahide.pool.stores import put_array, put_names
from instahide.schema import load_schema

SHAPE, ROWS = (4, 4, 3), 6
METRIC = {"mean": 0.5, "low": 0.4, "high": 0.6}
SCORE = dict.fromkeys(("max_ssim", "mean_ssim", "min_l2", "max_l2", "mean_l2"), METRIC)


def save_pool(path, patches):
    group = zarr.open_group(path, mode="w")
    put_array(group, "patches", patches)
    put_array(group, "boxes", np.zeros((len(patches), 4), np.int32))
    put_array(group, "photo", np.zeros(len(patches), np.int32))
    put_array(group, "keypoints", np.full(len(patches), 41, np.int32))
    put_names(group, "photos", ["a.jpg"])
    return path


@pytest.fixture
def patches():
    return np.random.default_rng(0).integers(0, 256, (300, *SHAPE), dtype=np.uint8)


@pytest.fixture
def folder(tmp_path, patches):
    """A released challenge beside its pool, and other photos."""
    save_pool(tmp_path / "pool.zarr", patches[:150])
    save_pool(tmp_path / "others.zarr", patches[150:])
    rng = np.random.default_rng(1)
    save_npy(tmp_path / "encryption.npy", rng.uniform(-1, 1, (ROWS, *SHAPE)).astype("f4"))
    save_npy(tmp_path / "label.npy", np.tile(np.float32([[0.4, 0.3]]), (ROWS, 1)))
    pool = open_pool(tmp_path / "pool.zarr")
    save_json(tmp_path / "challenge.json", {"format_version": 1, "pool": pool.describe()})
    return tmp_path


def arguments(folder, sample, **others):
    given = {"challenge": folder, "public_sample": folder / sample, "scheme": Scheme()}
    return given | {"image_count": 2} | others


def told(folder, sample, attack, pool="pool.zarr", **others):
    """What `attack.json` of a whole attack of one's own says, and its line on the board."""
    out, problem = folder / "attacks" / attack.__name__, arguments(folder, sample, **others)
    save_whole(out, f"{__name__}:{attack.__name__}", problem, pool=pool and folder / pool)
    about = json.loads((out / "attack.json").read_text(encoding="utf-8"))
    digests = {"challenge": "ab" * 32, "decryption": "cd" * 32}
    record = make_record(SCORE, about, who="me", day=date(2026, 1, 1), **digests)
    return about["given"], as_markdown([record], "t").splitlines()[6]


def modest(problem, rng):
    """Tells in its details that it is a baseline which was given nothing."""
    details = {
        "baseline": True,
        "given": {"labels": "none", "public_pool": False},
        "note": "given nothing",
    }
    return Recovery(np.zeros((ROWS, *SHAPE)), None, "O(1)", details)


def forgetful(problem, rng):
    """Makes its problem forget that it holds the pool and the coefficients."""
    assert problem.pool is not None
    object.__setattr__(problem, "pool", None)
    object.__setattr__(problem, "labels", "none")
    object.__setattr__(problem, "public", problem.public[:0])
    return Recovery(np.zeros((ROWS, *SHAPE)), None, "O(1)")


@pytest.mark.parametrize("attack", [modest, forgetful])
def test_an_attack_that_holds_the_pool_cannot_say_otherwise(folder, attack):
    given, line = told(folder, "pool.zarr", attack, public_pool=True)
    assert given["public_pool"] and given["labels"] == "coefficients"
    assert line.startswith("| 1 |")  # it has a rank, and is no baseline
    assert "labels, number of images, public distribution, public pool" in line


def test_a_recovery_has_no_word_of_what_was_given():
    with pytest.raises(TypeError, match="given"):
        Recovery(np.zeros(1), None, complexity="O(1)", given=Knowledge())


def test_other_photos_are_other_photos(folder):
    given, line = told(folder, "others.zarr", modest, labels="classes")
    assert given == Knowledge("classes", True, True, False, False).__dict__
    assert "| classes, number of images, public distribution |" in line


def test_photos_of_the_pool_under_another_name_are_the_pool(folder, patches, caplog):
    save_pool(folder / "renamed.zarr", patches[:149])
    with caplog.at_level(logging.WARNING):
        given, line = told(folder, "renamed.zarr", modest)
    assert given["public_pool"]
    assert "public pool" in line
    assert "100 % of the attacker's public photos stand in the challenge's pool" in caplog.text


def test_the_whole_pool_under_another_name_is_refused(folder, patches):
    save_pool(folder / "renamed.zarr", patches[:150])
    with pytest.raises(
        InstaHideError, match=r"renamed.zarr is the challenge's own pool.*--pool"
    ):
        load_problem(**arguments(folder, "renamed.zarr"))
    assert load_problem(**arguments(folder, "renamed.zarr", public_pool=True)).pool
    (folder / "challenge.json").unlink()
    assert load_problem(**arguments(folder, "renamed.zarr")).given.public_distribution


@pytest.mark.parametrize("about", [{}, {"pool": None}])
def test_manifests_without_a_pool_name_none(folder, about):
    (folder / "challenge.json").write_text(
        json.dumps({"format_version": 1, **about}), encoding="utf-8"
    )
    assert load_problem(**arguments(folder, "pool.zarr"))


@pytest.mark.parametrize("content", ["[]", "{}", '{"format_version": 1, "pool": 5}'])
def test_what_is_no_manifest_is_refused(folder, content):
    (folder / "challenge.json").write_text(content, encoding="utf-8")
    with pytest.raises(InstaHideError, match=r"challenge.json"):
        load_problem(**arguments(folder, "pool.zarr"))


def finish(problem, state, rng):
    """The last stage of an attack of one's own."""
    return Recovery(np.zeros((ROWS, *SHAPE)), None, "O(1)")


def test_the_last_of_the_stages_is_told_the_same(folder, patches):
    save_pool(folder / "some.zarr", patches[100:250])
    pairs = Assignment(np.zeros((ROWS, 2), int), np.full((ROWS, 2), 0.3, np.float32))
    empty, level = np.zeros((ROWS, 48), np.float32), np.ones(ROWS, np.float32)
    save_state(folder / "state.npz", State(empty[:3], pairs, level, empty))
    save_json(folder / "state.json", {"stages": []})
    choice, out = choose_stage("finish", f"{__name__}:finish"), folder / "mine/decryption.npy"
    problem = arguments(folder, "some.zarr")
    save_stage(out, folder / "state.npz", choice, problem, pool=folder / "pool.zarr")
    assert json.loads((folder / "mine/attack.json").read_text(encoding="utf-8"))["given"][
        "public_pool"
    ]


@pytest.mark.parametrize(
    "content", ["{}", "[]", '{"stages": 5}', '{"stages": [{}]}', "{", None]
)
def test_damaged_accounts_of_stages_are_named(folder, content):
    save_state(
        folder / "state.npz",
        State(
            np.zeros((3, 48), np.float32),
            Assignment(np.zeros((ROWS, 2), int), np.zeros((ROWS, 2), np.float32)),
            np.ones(ROWS, np.float32),
            np.zeros((ROWS, 48), np.float32),
        ),
    )
    if content is not None:
        (folder / "state.json").write_text(content, encoding="utf-8")
    choice = choose_stage("finish", f"{__name__}:finish")
    with pytest.raises(InstaHideError, match=r"state\.json"):
        save_stage(
            folder / "mine/decryption.npy",
            folder / "state.npz",
            choice,
            arguments(folder, "others.zarr"),
        )


def test_shares_are_counted_byte_for_byte_and_images_of_one_colour_are_not(patches):
    pool = Pool(patches[:100])
    assert shared_share(patches[80:120], pool) == 0.5
    assert shared_share(patches[100:], pool) == 0
    white = np.full((100, *SHAPE), 255, np.uint8)
    assert shared_share(np.concatenate([white, patches[99:101]]), Pool(np.append(
        patches[:100], white, axis=0))) == 0.5  # fmt: skip
    assert shared_share(white, Pool(white)) == 0
    nearly = patches[:100].copy()
    nearly[:, 0, 0, 0] ^= 1
    assert shared_share(nearly, pool) == 0


def test_a_photo_in_common_is_no_pool_in_common(folder, patches):
    save_pool(folder / "pool.zarr", patches[:151])
    released = Released(np.zeros((ROWS, *SHAPE), np.float32), np.zeros((ROWS, 2), np.float32))
    problem = make_problem(released, to_unit_range(patches[150:]), Scheme(), 2)
    assert what_is_given(problem, folder / "pool.zarr") == problem.given
    more = replace(problem, public=to_unit_range(patches[149:]))
    assert what_is_given(more, folder / "pool.zarr").public_pool


def nonsense(problem, rng):
    return Recovery(np.zeros((ROWS, *SHAPE)), None, "O(1)", {"loss": float("nan")})


def strange(problem, rng):
    return Recovery(np.zeros((ROWS, *SHAPE)), None, "O(1)", {"loss": np.float32(1)})


@pytest.mark.parametrize("attack", [nonsense, strange])
def test_details_that_are_no_json_are_refused_before_anything_is_written(folder, attack):
    with pytest.raises(
        InstaHideError, match=f"what {attack.__name__} tells of itself is no JSON"
    ):
        told(folder, "others.zarr", attack)
    assert not (folder / "attacks").exists()


@pytest.mark.parametrize("sample", ["bundled", "again"])
def test_the_configuration_refuses_the_challenges_own_pool(sample):
    config = yaml.safe_load((ROOT / "config/config.yaml").read_text(encoding="utf-8"))
    config["public"]["again"] = dict(config["public"]["bundled"])
    config["challenges"]["challenge"]["public_sample"] = sample
    schema = load_schema()
    with pytest.raises(InstaHideError, match="public_sample names the challenge's own pool"):
        check_config(config, schema)
    config["public"]["again"]["seed"] = 7
    config["challenges"]["challenge"]["public_sample"] = "again"
    assert check_config(config, schema)


def test_problems_tell_what_they_hold():
    empty = np.zeros((0, *SHAPE), np.float32)
    rows = np.zeros((ROWS, 48), np.float32)
    assert not Problem(rows, rows, empty, Scheme(), 2).given.public_distribution
