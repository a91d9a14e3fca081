import json

import numpy as np
import pytest

from instahide.attacks.baselines import (
    absolute,
    draw_mask,
    mean_image,
    oracle,
    random_image,
)
from instahide.attacks.catalogue import baseline
from instahide.attacks.recipe import BASELINES
from instahide.attacks.running import save_attack
from instahide.attacks.seen import load_seen
from instahide.challenge.folder import ChallengeFolder
from instahide.challenge.making import make_challenge
from instahide.challenge.manifest import load_manifest
from instahide.challenge.private import save_private
from instahide.challenge.sources import combine
from instahide.encodings.choice import of_scheme
from instahide.encodings.instahide.mixing import encrypt
from instahide.encodings.instahide.scheme import Scheme
from instahide.encodings.plan import load_plan
from instahide.images import to_unit_range
from instahide.labelled import LabelledImages
from instahide.randomness.keystream import Key

RNG = np.random.default_rng(4)


@pytest.fixture
def inside(private, tmp_path):
    """A challenge without public images, which linear algebra solves exactly."""
    save_private(tmp_path / "set.npz", private)
    scheme = Scheme("inside", k=4, rows_per_image=4)
    key = Key.from_seed(3)
    make_challenge(tmp_path / "c", tmp_path / "set.npz", None, key, of_scheme(scheme))
    return ChallengeFolder(tmp_path / "c")


def save(folder, name, out):
    about = load_manifest(folder)
    seen = load_seen(folder.path, about, about["images"], secrets=name != "absolute")
    save_attack(out, baseline(name), seen)


def test_the_oracle_solves_a_challenge_without_public_images(inside, private):
    save(inside, "oracle", inside.path / "oracle")
    solved = np.load(inside.path / "oracle" / "private.npy")
    np.testing.assert_allclose(solved, to_unit_range(private.images), atol=1e-4)
    decryption = np.load(inside.path / "oracle" / "decryption.npy")
    plan = load_plan(inside.truth)
    leading = plan.members[np.arange(len(plan)), plan.weights.argmax(axis=1)]
    np.testing.assert_allclose(decryption, to_unit_range(private.images)[leading], atol=1e-4)


def test_masks_of_the_manifest_undo_the_encryption(inside):
    signs = draw_mask(inside, Key.from_seed(3))
    plan = load_plan(inside.truth)
    private = to_unit_range(np.load(inside.private)["images"])
    mixed = np.einsum("ek,ek...->e...", plan.weights, private[plan.members])
    np.testing.assert_allclose(np.load(inside.encryption) * signs, mixed, atol=1e-6)


def test_mixup_has_no_masks(private, tmp_path):
    save_private(tmp_path / "set.npz", private)
    scheme, key = Scheme("mixup-inside", k=3, rows_per_image=1), Key.from_seed(3)
    make_challenge(tmp_path / "c", tmp_path / "set.npz", None, key, of_scheme(scheme))
    assert (draw_mask(ChallengeFolder(tmp_path / "c"), key) == 1).all()


def test_the_oracle_of_a_cross_challenge_finds_images_behind_scattered_public_ones(pool):
    images = RNG.integers(0, 256, (10, 8, 8, 3), dtype=np.uint8)
    private = LabelledImages(images, np.zeros(10, np.int64), ("all",))
    made = combine(private, pool, Key.from_seed(5), of_scheme(Scheme(rows_per_image=60)))
    plan = made.plan()
    plain = encrypt(plan, images, pool.read(plan.public), None)
    recovery = oracle(plain, np.ones(plain.shape, np.int8), plan, 10)
    error = np.mean((recovery.private - to_unit_range(images)) ** 2)
    assert error < 0.05 < np.mean(to_unit_range(images) ** 2)
    assert np.abs(recovery.decryption).max() <= 1


def test_simple_baselines():
    encryption = RNG.uniform(-1, 1, (6, 8, 8, 3)).astype(np.float32)
    private = RNG.uniform(-1, 1, (4, 8, 8, 3)).astype(np.float32)
    np.testing.assert_array_equal(absolute(encryption).decryption, np.abs(encryption))
    mean = mean_image(private, 6).decryption
    assert mean.shape == encryption.shape
    np.testing.assert_allclose(mean[3], private.mean(axis=0), atol=1e-6)
    drawn = random_image(private, 200, np.random.default_rng(1)).decryption
    assert {image.tobytes() for image in drawn} == {image.tobytes() for image in private}


def test_no_constant_image_has_a_smaller_error_than_the_mean(inside, private):
    save(inside, "mean", inside.path / "mean")
    mean = np.load(inside.path / "mean" / "decryption.npy")[0]
    truth = to_unit_range(private.images)[load_plan(inside.truth).members]
    other = np.clip(mean + RNG.normal(0, 0.05, mean.shape), -1, 1)
    assert np.mean((truth - mean) ** 2) < np.mean((truth - other) ** 2)


@pytest.mark.parametrize("name", BASELINES)
def test_folders_are_their_owners_and_say_what_they_were_given(inside, name):
    out = inside.path / "attacks" / name
    save(inside, name, out)
    assert out.stat().st_mode & 0o777 == 0o700
    about = json.loads((out / "attack.json").read_text(encoding="utf-8"))
    assert about["attack"] == name
    assert about["baseline"] is True
    assert ("truth" in about["details"]["note"]) == (name != "absolute")
