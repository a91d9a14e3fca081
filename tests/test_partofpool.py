"""A share of the pool: which images an attacker is given who knows no more of it."""

import json
from dataclasses import replace

import numpy as np
import pytest
import zarr
from workflow_project import CONFIG

from instahide.attacks.seen import load_seen
from instahide.challenge.making import make_challenge
from instahide.config import check_config
from instahide.encodings.choice import of_scheme
from instahide.encodings.instahide.scheme import Scheme
from instahide.errors import InstaHideError
from instahide.pool.partofpool import part_of_pool
from instahide.pool.pool import Pool, open_pool
from instahide.pool.stores import put_array, put_names
from instahide.randomness.keystream import Key
from instahide.schema import load_schema


def of(pool, share, seed="ab" * 32):
    return part_of_pool(pool, share, seed)


@pytest.mark.parametrize("share", [0.02, 0.3, 0.5, 1.0])
def test_a_part_is_read_like_a_pool_of_its_images(pool, share):
    part = of(pool, share)
    images = part.read(np.arange(len(part)))
    assert len(part) == len(images) == np.ceil(share * len(pool))
    assert part.shape == pool.shape and part.patches.nbytes == images.nbytes
    wanted = np.array([[0, len(part) - 1], [len(part) // 2, 0]])
    np.testing.assert_array_equal(part.read(wanted), images[wanted])
    np.testing.assert_array_equal(part.patches[0:1], images[:1])
    whole = {bytes(image) for image in pool.patches}
    assert len({bytes(image) for image in images} & whole) == len(part)


def test_a_larger_share_holds_the_smaller_and_another_challenge_has_another(pool):
    few, more = (set(map(bytes, of(pool, s).patches[:])) for s in (0.2, 0.6))
    other = set(map(bytes, of(pool, 0.2, "cd" * 32).patches[:]))
    assert few < more and few != other
    np.testing.assert_array_equal(of(pool, 0.2).patches[:], of(pool, 0.2).patches[:])


@pytest.mark.parametrize("share", [0, -1, 1.5, float("nan")])
def test_what_is_no_share_is_refused(pool, share):
    with pytest.raises(InstaHideError, match="no share"):
        of(pool, share)


@pytest.fixture
def challenge(files, tmp_path):
    private, pool = files
    patches = np.random.default_rng(3).integers(0, 256, (250, 8, 8, 3), dtype=np.uint8)
    group = zarr.open_group(pool, mode="w")
    put_array(group, "patches", patches)
    put_array(group, "boxes", np.zeros((250, 4), np.int32))
    put_array(group, "photo", np.zeros(250, np.int32))
    put_array(group, "keypoints", np.full(250, 41, np.int32))
    put_names(group, "photos", ["a.jpg"])
    chosen = of_scheme(Scheme("cross", k=4, rows_per_image=2))
    make_challenge(tmp_path / "mine", private, pool, Key.from_seed(1), chosen)
    return tmp_path / "mine", pool


def test_an_attacker_is_given_the_share_and_it_is_told(challenge):
    folder, pool = challenge
    seen = load_seen(folder, None, 20, public=pool, knows_pool=True, pool_share=0.5)
    assert len(seen.pool) == len(seen.public) == 125
    assert seen.given.public_pool and seen.given.told()["pool_share"] == 0.5
    about = json.loads((folder / "challenge.json").read_text(encoding="utf-8"))
    digest = about["files"]["encryption.npy"]["sha256"]
    expected = part_of_pool(open_pool(pool), 0.5, digest).patches[:]
    np.testing.assert_array_equal(seen.pool.patches[:], expected)


def test_without_the_key_nothing_changes(challenge):
    folder, pool = challenge
    seen = load_seen(folder, None, 20, public=pool, knows_pool=True)
    assert type(seen.pool) is Pool and "pool_share" not in seen.given.told()
    assert seen.given == replace(seen.given, pool_share=1.0)


def test_a_share_of_no_pool_is_refused():
    inner = {"private": "set", "scheme": "inside", "k": 4, "pool_known": 0.5}
    with pytest.raises(InstaHideError, match="inner/pool_known: this challenge has no pool"):
        check_config(CONFIG | {"challenges": {"inner": inner}}, load_schema())
