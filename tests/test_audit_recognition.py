import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.metrics import structural_similarity

from instahide.auditing.recognition import Rule, chance_of, recognise
from instahide.encodings.augmentation import Augmentation
from instahide.images import shrink, to_unit_range


def pictures(count, seed=0, size=24, channels=3):
    """Return smooth pictures that differ from one another, uint8."""
    rng = np.random.default_rng(seed)
    small = rng.integers(0, 256, (count, 6, 6, channels), dtype=np.uint8)
    return np.repeat(np.repeat(small, size // 6, axis=1), size // 6, axis=2)


def noisy(images, spread, seed=1):
    noise = np.random.default_rng(seed).normal(0, spread, images.shape)
    return np.clip(to_unit_range(images) + noise, -1, 1).astype(np.float32)


def test_what_came_back_is_found_in_any_order():
    originals = pictures(8)
    order = np.random.default_rng(2).permutation(8)
    found = recognise(noisy(originals, 0.05)[order], originals, Rule())
    assert found.recognised.all() and (found.ssim > 0.8).all()
    assert np.abs(found.images.astype(int) - originals).mean() < 10


def test_likeness_is_that_of_scikit_image():
    originals = pictures(3)
    recovered = noisy(originals, 0.3)
    found = recognise(recovered, originals, Rule())
    expected = [
        structural_similarity(a, b, data_range=2, channel_axis=-1)
        for a, b in zip(recovered, to_unit_range(originals), strict=True)
    ]
    assert found.ssim == pytest.approx(expected, abs=1e-5)


def test_images_that_are_all_alike_are_not_recognised():
    alike = np.repeat(pictures(1), 6, axis=0)
    found = recognise(to_unit_range(alike), alike, Rule())
    assert not found.recognised.any() and found.ssim == pytest.approx(1)


def test_twins_are_not_recognised_and_others_are():
    originals = pictures(5)
    originals[3] = originals[1]
    found = recognise(to_unit_range(originals), originals, Rule())
    assert found.recognised.tolist() == [True, False, True, False, True]


def test_a_blur_that_is_like_all_shows_none():
    originals = pictures(10)
    mean = to_unit_range(originals).mean(axis=0, keepdims=True)
    assert not recognise(mean, originals, Rule(threshold=0.01)).recognised.any()


def test_too_little_likeness_is_not_recognised():
    originals = pictures(6)
    recovered = noisy(originals, 0.9)
    found = recognise(recovered, originals, Rule())
    assert (found.ssim < 0.6).all() and not found.recognised.any()
    assert recognise(recovered, originals, Rule(threshold=0.05)).recognised.any()


def test_images_that_were_moved_and_flipped_are_found():
    originals = pictures(6, size=30)
    moved = np.roll(to_unit_range(originals), (2, -3), axis=(1, 2))[:, :, ::-1]
    rule = Rule.of(Augmentation(crop_padding=2, flip=True), (30, 30, 3))
    assert (rule.shift, rule.flip) == (4, True)
    assert recognise(moved, originals, rule).recognised.all()
    assert not recognise(moved, originals, Rule()).recognised.any()


def test_a_mirrored_original_is_another_one_where_images_are_flipped():
    originals = pictures(4)
    originals[2] = originals[0][:, ::-1]
    found = recognise(to_unit_range(originals), originals, Rule(flip=True))
    assert found.recognised.tolist() == [False, True, False, True]


def test_guesses_are_not_recognised():
    rng = np.random.default_rng(0)
    guesses = to_unit_range(pictures(40, seed=5))
    assert chance_of(guesses, pictures(10), Rule(), rng) == 0
    assert chance_of(to_unit_range(pictures(10)), pictures(10), Rule(), rng) == 10


@settings(max_examples=20, deadline=None)
@given(
    count=st.integers(1, 5),
    recovered=st.integers(1, 6),
    channels=st.sampled_from([1, 3]),
    seed=st.integers(0, 99),
)
def test_any_recovered_set_is_taken(count, recovered, channels, seed):
    originals = pictures(count, seed, channels=channels)
    images = noisy(pictures(recovered, seed + 1, channels=channels), 0.2)
    found = recognise(images, originals, Rule())
    assert found.images.shape == originals.shape and found.images.dtype == np.uint8
    assert found.recognised.shape == found.ssim.shape == (count,)
    assert (found.ssim[found.recognised] >= 0.6).all()


def test_what_is_left_of_an_image_of_every_third_pixel_is_recognised():
    originals = pictures(4, size=24)
    small = np.stack([shrink(image, 12) for image in originals])
    large = np.repeat(np.repeat(small, 2, axis=1), 2, axis=2)
    assert recognise(to_unit_range(large), originals, Rule()).recognised.all()
