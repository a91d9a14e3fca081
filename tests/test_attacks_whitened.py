from dataclasses import replace

import numpy as np
import pytest
from test_attacks_field import smooth_images

from instahide.attacks.protocol import Released
from instahide.attacks.retrieval import Round
from instahide.attacks.whitened import Settings, choose_start, expected_spread, recover
from instahide.challenge.encryption import encrypt_rows
from instahide.challenge.labels import label_rows
from instahide.challenge.scheme import Scheme
from instahide.challenge.sources import combine
from instahide.errors import InstaHideError
from instahide.images import to_bytes, to_unit_range
from instahide.photos.labelled import LabelledImages
from instahide.pool.pool import Pool
from instahide.randomness.keystream import Key

SHAPE = (16, 16, 3)
QUICK = Settings(
    k=4, mixtures=3000, propagations=1, rounds=(Round(10, 0.2, 3), Round(12, 0.02))
)


def photos(seed, count):
    rng = np.random.default_rng(seed)
    # The mean tells an image from its negative.
    return to_bytes(smooth_images(rng, count, SHAPE) - 0.2)


@pytest.fixture(scope="module")
def challenges():
    """The same twelve private images under a mask and without, and a public sample."""
    private = LabelledImages(photos(1, 12), np.arange(12) // 4, ("cat", "dog", "ship"))
    pool, found = Pool(photos(2, 300)), {}
    for name in ("cross", "mixup"):
        scheme = Scheme(name, k=4, c2=0.4, rows_per_image=50)
        sources = combine(private, pool, Key.from_seed(3), scheme, "aes256-ctr")
        plan = sources.generator.plan(0, 600)
        released = Released(
            encrypt_rows(sources, plan, 0), label_rows(plan, private.classes, 3)
        )
        found[name] = released, plan
    return found, to_unit_range(private.images), to_unit_range(photos(4, 1000))


def attack(challenges, name, settings=QUICK):
    found, private, public = challenges
    settings = replace(settings, masked=name == "cross", rounds=settings.rounds)
    if name == "mixup":
        settings = replace(settings, rounds=())
    rng = np.random.default_rng(5)
    return recover(found[name][0], public, images=12, rng=rng, settings=settings), private


def nearest(recovered, private):
    """The error of each private image's best match among the recovered ones."""
    differences = ((recovered[:, None] - private[None]) ** 2).mean(axis=(2, 3, 4))
    return differences.min(axis=0) / private.var()


def test_masked_images_are_recovered(challenges):
    (recovery, assignment, watch), private = attack(challenges, "cross")
    assert np.median(nearest(recovery.private, private)) < 0.05
    assert recovery.decryption.shape == (600, *SHAPE)
    assert recovery.decryption.dtype == np.float32
    assert np.abs(recovery.decryption).max() <= 1
    assert assignment.images.shape == (600, 2)
    names = [stage["name"] for stage in watch.stages]
    assert names == ["similarity", "assignment", "retrieval", "finish"]
    assert recovery.given.public_distribution
    assert not recovery.given.public_pool


def test_without_masks_images_are_nearly_exact(challenges):
    (recovery, _, _), private = attack(challenges, "mixup")
    assert nearest(recovery.private, private).max() < 0.02


def test_what_is_handed_in_is_one_of_the_recovered_images(challenges):
    (recovery, assignment, _), _ = attack(challenges, "mixup")
    offered = recovery.private[assignment.images]
    assert (recovery.decryption[:, None] == offered).all(axis=(2, 3, 4)).any(axis=1).all()


def test_two_runs_give_the_same_bits(challenges):
    (one, _, _), _ = attack(challenges, "cross")
    (other, _, _), _ = attack(challenges, "cross")
    np.testing.assert_array_equal(one.decryption, other.decryption)


@pytest.mark.parametrize(
    "choice", [{"finish": "none"}, {"retrieval": "pixelwise"}, {"assignment": "clusters"},
               {"similarity": "squares"}, {"start": "rows"}],
)  # fmt: skip
def test_every_choice_of_stages_runs(challenges, choice):
    (recovery, _, _), _ = attack(challenges, "cross", replace(QUICK, **choice))
    assert np.isfinite(recovery.decryption).all()
    assert recovery.details.items() >= choice.items()


def test_public_samples_of_another_shape_or_too_small_are_refused(challenges):
    found, _, public = challenges
    for sample, words in ((public[:, :8], "make the sample"), (public[:20], "has 20 images")):
        with pytest.raises(InstaHideError, match=words):
            recover(
                found["cross"][0], sample, images=12, rng=np.random.default_rng(0),
                settings=QUICK,
            )  # fmt: skip


def test_the_public_spread_of_two_images_is_known_in_closed_form():
    # (a² + b²) / (a + b)² of two |N(0, 1)| depends on their angle only, which is uniform.
    angle = (np.arange(100_000) + 0.5) / 100_000 * np.pi / 2
    exact = (1 / (np.cos(angle) + np.sin(angle)) ** 2).mean()
    settings = Settings(k=4, largest=1.0, least=0.0)
    rng = np.random.default_rng(6)
    assert expected_spread(rng, settings, 200_000) == pytest.approx(exact, rel=0.01)
    assert expected_spread(rng, Settings(k=2)) == 0


def test_few_rows_per_image_are_unmasked_first():
    assert choose_start(Settings(), 1000, 100) == "rows"
    assert choose_start(Settings(), 5000, 100) == "pixels"
    assert choose_start(Settings(start="pixels"), 1000, 100) == "pixels"
