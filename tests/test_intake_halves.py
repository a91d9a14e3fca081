"""The public half: which images it has, and what a board of it can tell."""

from dataclasses import astuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from instahide.encodings.augmentation import Augmentation, Transforms
from instahide.encodings.plan import Plan
from instahide.errors import InstaHideError
from instahide.images import to_unit_range
from instahide.intake.halves import draw_halves, rows_of_part, score_part
from instahide.randomness.keystream import Key
from instahide.scoring.metrics import METRICS, challenge_scores, summarise

SHAPE = (8, 8, 3)


def plan_of(images, rows, columns=2, seed=0):
    rng = np.random.default_rng(seed)
    members = np.array([rng.permutation(images)[:columns] for _ in range(rows)])
    return Plan(members, np.empty((rows, 0), np.int64), np.full((rows, columns), 1 / columns))


def photos(count, seed=1):
    return np.random.default_rng(seed).integers(0, 256, (count, *SHAPE), dtype=np.uint8)


def noise(rows, seed=2):
    return np.random.default_rng(seed).uniform(-1, 1, (rows, *SHAPE)).astype(np.float32)


@given(st.integers(2, 300), st.integers(0, 10**9))
def test_each_image_is_in_one_half(images, seed):
    halves = draw_halves(Key.from_seed(seed), images)
    assert sorted([*halves.public, *halves.secret]) == list(range(images))
    assert len(halves.public) - len(halves.secret) == images % 2


def test_the_seed_tells_the_half_and_nothing_else_does():
    halves = [draw_halves(Key.from_seed(seed), 100).public.tolist() for seed in (1, 1, 2)]
    assert halves[0] == halves[1] != halves[2]
    known = [0, 4, 7, 8, 11, 15, 16, 17, 18, 19]  # for ever: who has the seed draws it again
    assert draw_halves(Key.from_seed(7), 20).public.tolist() == known


def test_one_image_has_no_halves():
    with pytest.raises(InstaHideError, match="fewer than two private images"):
        draw_halves(Key.from_seed(1), 1)


def test_all_images_as_a_part_score_as_ever():
    plan, images, decryption = plan_of(6, 40), photos(6), noise(40)
    found = score_part(decryption, plan, images, np.arange(6))
    rows = challenge_scores(decryption, to_unit_range(images), plan.members)
    assert found == summarise(rows, plan.members, rng=np.random.default_rng(0))


def test_rows_of_which_both_images_are_in_the_half_count():
    plan, images, decryption = plan_of(8, 60), photos(8), noise(60)
    part = np.array([0, 2, 5, 7])
    rows = [row for row, pair in enumerate(plan.members) if set(pair) <= set(part)]
    assert rows_of_part(plan, part).tolist() == rows and 5 < len(rows) < 40
    scores = challenge_scores(decryption[rows], to_unit_range(images), plan.members[rows])
    found = score_part(decryption, plan, images, part)
    for name, values in zip(METRICS, astuple(scores), strict=True):
        assert found[name].mean == pytest.approx(values.mean(), abs=1e-12)
        assert found[name].low <= found[name].mean <= found[name].high


def test_where_no_row_is_all_of_the_half_those_that_hold_the_most_count():
    members = np.array([[0, 1, 2], [0, 3, 4], [1, 4, 5], [3, 4, 5]])
    plan = Plan(members, np.empty((4, 0), np.int64), np.full((4, 3), 1 / 3))
    images, decryption = photos(6), noise(4)
    assert rows_of_part(plan, np.array([0, 1])).tolist() == [0]
    assert rows_of_part(plan, np.array([2, 3])).tolist() == [0, 1, 3]
    found = score_part(decryption, plan, images, np.array([2, 3]))
    pairs = np.array([[2], [3], [3]])
    scores = challenge_scores(decryption[[0, 1, 3]], to_unit_range(images), pairs)
    assert found["max_ssim"].mean == pytest.approx(scores.max_ssim.mean(), abs=1e-12)
    with pytest.raises(InstaHideError, match="no row"):
        rows_of_part(plan, np.array([9]))


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from([1, 2, 3]))
def test_nothing_outside_the_half_moves_a_number_of_it(seed, columns):
    """Other images of the secret half, other partners there, other rows handed in: the same."""
    plan, decryption = plan_of(8, 40, columns, seed), noise(40, seed)
    halves, images = draw_halves(Key.from_seed(seed), 8), photos(8, seed)
    before = score_part(decryption, plan, images, halves.public)
    rng = np.random.default_rng(seed)
    others = images.copy()
    others[halves.secret] = photos(len(halves.secret), seed + 1)
    exchanged = np.arange(8)
    exchanged[halves.secret] = rng.permutation(halves.secret)
    partners = Plan(exchanged[plan.members], plan.public, plan.weights)
    changed = decryption.copy()
    left = np.setdiff1d(np.arange(40), rows_of_part(plan, halves.public))
    changed[left] = -1
    assert score_part(changed, partners, others, halves.public) == before


def test_augmented_rows_are_compared_as_they_were_mixed():
    plan, images = plan_of(6, 30), photos(6)
    augmentation = Augmentation.of({"flip": True})
    flipped = np.random.default_rng(5).integers(0, 2, (30, 2)).astype(bool)
    transforms = Transforms(flipped, np.zeros((30, 2, 2), np.int64))
    moved = Plan(plan.members, plan.public, plan.weights, transforms, augmentation)
    part = np.array([0, 1, 2, 4])
    first = to_unit_range(images)[plan.members[:, 0]]
    first[flipped[:, 0]] = first[flipped[:, 0], :, ::-1]
    assert score_part(first, moved, images, part)["max_ssim"].mean == pytest.approx(1, abs=1e-5)
    assert score_part(first, plan, images, part)["max_ssim"].mean < 0.95
