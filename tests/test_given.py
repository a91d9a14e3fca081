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

from instahide.attacks.accounts import account
from instahide.attacks.given import shared_share, what_is_given
from instahide.attacks.protocol import Knowledge, Recovery, Released
from instahide.attacks.recipe import Attack, Step
from instahide.attacks.running import save_step
from instahide.attacks.seen import Seen, load_seen, see
from instahide.choice import Choice
from instahide.config import check_config
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


def load(folder, sample, **others):
    return load_seen(folder, {}, 2, public=folder / sample, **others)


def own_attack(*functions):
    """An attack of functions of this module, each with a product of its own."""
    names = [f"{__name__}:{function.__name__}" for function in functions]
    products = [f"{number}.npz" for number in range(len(names) - 1)] + ["decryption.npy"]
    return Attack(
        functions[-1].__name__, tuple(
        Step(name, Choice("step", name, name), product)
        for name, product in zip(names, products, strict=True)
    ))  # fmt: skip


def told(folder, sample, attack, pool="pool.zarr", **others):
    """What `attack.json` of an attack of one's own says, and its line on the board."""
    out = folder / "attacks" / attack.__name__
    seen = load(folder, sample, **others)
    save_step(out / "decryption.npy", own_attack(attack), [], seen, pool=folder / pool)
    about = json.loads((out / "attack.json").read_text(encoding="utf-8"))
    digests = {"challenge": "ab" * 32, "decryption": "cd" * 32}
    record = make_record(SCORE, about, who="me", day=date(2026, 1, 1), **digests)
    return about["given"], as_markdown([record], "t").splitlines()[6]


def modest(seen, rng):
    """Tells in its details that it is a baseline which was given nothing."""
    details = {
        "baseline": True,
        "given": {"labels": "none", "public_pool": False},
        "note": "given nothing",
    }
    return Recovery(np.zeros((ROWS, *SHAPE)), None, "O(1)", details)


def forgetful(seen, rng):
    """Makes what it sees forget that it holds the pool and the coefficients."""
    assert seen.pool is not None
    object.__setattr__(seen, "pool", None)
    object.__setattr__(seen, "labels", "none")
    object.__setattr__(seen, "public", seen.public[:0])
    return Recovery(np.zeros((ROWS, *SHAPE)), None, "O(1)")


@pytest.mark.parametrize("attack", [modest, forgetful])
def test_an_attack_that_holds_the_pool_cannot_say_otherwise(folder, attack):
    given, line = told(folder, "pool.zarr", attack, knows_pool=True)
    assert given["public_pool"] and given["labels"] == "coefficients"
    assert line.startswith("| 1 |")  # it has a rank, and is no baseline
    assert "labels, number of images, public distribution, public pool" in line


def test_a_recovery_has_no_word_of_what_was_given():
    with pytest.raises(TypeError, match="given"):
        Recovery(np.zeros(1), None, complexity="O(1)", given=Knowledge())


def test_other_photos_are_other_photos(folder):
    given, line = told(folder, "others.zarr", modest, labels="classes")
    assert given == Knowledge("classes", True, True, False, False).told()
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
        load(folder, "renamed.zarr")
    assert load(folder, "renamed.zarr", knows_pool=True).pool
    (folder / "challenge.json").unlink()
    assert load(folder, "renamed.zarr").given.public_distribution


@pytest.mark.parametrize("about", [{}, {"pool": None}])
def test_manifests_without_a_pool_name_none(folder, about):
    (folder / "challenge.json").write_text(
        json.dumps({"format_version": 1, **about}), encoding="utf-8"
    )
    assert load(folder, "pool.zarr")


@pytest.mark.parametrize("content", ["[]", "{}", '{"format_version": 1, "pool": 5}'])
def test_what_is_no_manifest_is_refused(folder, content):
    (folder / "challenge.json").write_text(content, encoding="utf-8")
    with pytest.raises(InstaHideError, match=r"challenge.json"):
        load(folder, "pool.zarr")


def begin(seen, rng):
    return {"start": np.zeros(1)}


def finish(seen, begun, rng):
    return Recovery(np.zeros((ROWS, *SHAPE)), None, "O(1)")


def test_the_last_of_the_steps_is_told_the_same(folder, patches):
    save_pool(folder / "some.zarr", patches[100:250])
    attack, seen = own_attack(begin, finish), load(folder, "some.zarr")
    first, last = folder / "steps/0.npz", folder / "mine/decryption.npy"
    save_step(first, Attack.of(attack.until(0)), [], seen)
    save_step(last, attack, [first], seen, pool=folder / "pool.zarr")
    about = json.loads((folder / "mine/attack.json").read_text(encoding="utf-8"))
    assert about["given"]["public_pool"]
    assert [step["name"] for step in about["stages"]] == [step.name for step in attack.steps]


@pytest.mark.parametrize(
    "content", ["{}", "[]", '{"stages": 5}', '{"stages": [{}]}', "{", None]
)
def test_damaged_accounts_of_steps_are_named(folder, content):
    attack, first = own_attack(begin, finish), folder / "0.npz"
    seen = load(folder, "others.zarr")
    save_step(first, Attack.of(attack.until(0)), [], seen)
    account(first).unlink()
    if content is not None:
        account(first).write_text(content, encoding="utf-8")
    with pytest.raises(InstaHideError, match=r"0\.npz\.json"):
        save_step(folder / "mine/decryption.npy", attack, [first], seen)


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
    seen = see(released, to_unit_range(patches[150:]), {}, 2)
    assert what_is_given(seen, folder / "pool.zarr") == seen.given
    more = replace(seen, public=to_unit_range(patches[149:]))
    assert what_is_given(more, folder / "pool.zarr").public_pool


def nonsense(seen, rng):
    return Recovery(np.zeros((ROWS, *SHAPE)), None, "O(1)", {"loss": float("nan")})


def strange(seen, rng):
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


def test_what_is_seen_tells_what_it_holds():
    released = Released(np.zeros((ROWS, *SHAPE), np.float32), np.zeros((ROWS, 2), np.float32))
    empty = np.zeros((0, *SHAPE), np.float32)
    assert not Seen(released, empty, {}, 2).given.public_distribution
