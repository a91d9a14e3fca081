"""What helps where images have few rows: means apart from the rows, and negatives turned."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_attacks_field import smooth_images
from test_attacks_retrieval import SIZE, mixtures

from instahide.attacks.unmixing.parts.crossfit import (
    FOLDS,
    FoldedMixtures,
    has_few_rows,
    solve_folds,
)
from instahide.attacks.unmixing.parts.field import learn_field
from instahide.attacks.unmixing.parts.inverted import gains_of_turning, turn_inverted
from instahide.attacks.unmixing.parts.leastsquares import solve_images
from instahide.attacks.unmixing.parts.pairs import KnownPairs
from instahide.attacks.unmixing.parts.reassignment import (
    reassign,
    reassign_evenly,
    residual_gain,
)
from instahide.attacks.unmixing.parts.rounds import fit_images
from instahide.attacks.unmixing.state import State


@pytest.fixture(scope="module")
def field():
    return learn_field(smooth_images(np.random.default_rng(1), 400))


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_images_of_a_fold_are_solved_for_without_its_rows(seed):
    rng = np.random.default_rng(seed)
    state, _ = mixtures(rng, _Any, rows=45)
    design, precision = state.mixtures.design, rng.uniform(0.5, 2, 45).astype(np.float32)
    ridge, prior = np.full(9, 0.3), rng.standard_normal(SIZE).astype(np.float32)
    folds = solve_folds(design, state.unmasked, precision, ridge, prior)
    for fold in range(FOLDS):
        others = np.arange(45) % FOLDS != fold
        expected = solve_images(
            design[others], state.unmasked[others], precision[others], ridge, prior
        )
        np.testing.assert_allclose(folds[fold], expected, atol=2e-4)


class _Any:
    """Stands for a field where rows need no noise."""

    power = 1.0

    @staticmethod
    def sample(rng, rows):
        return rng.standard_normal((rows, SIZE)).astype(np.float32)

    mean = np.zeros(SIZE, np.float32)


def test_folded_mixtures_are_those_of_each_rows_own_fold():
    rng = np.random.default_rng(0)
    state, _ = mixtures(rng, _Any, rows=45)
    folds = rng.standard_normal((FOLDS, 9, SIZE)).astype(np.float32)
    mixed = FoldedMixtures(state.mixtures.design, folds)
    for row in (0, 7, 23, 44):
        expected = state.design()[row] @ folds[row % FOLDS]
        np.testing.assert_allclose(mixed[row : row + 1][0], expected, atol=1e-4)
    np.testing.assert_allclose(mixed[20:45][3], mixed[23:24][0], atol=1e-5)


def test_few_rows_are_known_as_few():
    assert has_few_rows(80, 8)
    assert not has_few_rows(400, 8)
    assert not has_few_rows(10, 8)


def test_prices_keep_the_rows_of_an_image_that_looks_like_another(field):
    rng = np.random.default_rng(4)
    state, parts = mixtures(rng, field, rows=80, noise=0.3)
    images = state.images.copy()
    images[0] = (images[0] + images[1]) / 2
    images[1] = 0.7 * images[0]  # of one class with it, and a poor likeness
    worse = State(images, state.assignment, state.level, state.unmasked)
    level = np.full(80, 0.1, np.float32)
    plain = reassign(field, worse, level, KnownPairs(parts)).assignment.members
    even = reassign_evenly(field, worse, level, KnownPairs(parts)).assignment.members
    uses = [np.bincount(members.ravel(), minlength=8) for members in (plain, even)]
    assert uses[1][1] >= 1.5 * uses[0][1]


def test_a_negative_is_found_and_turned(field):
    rng = np.random.default_rng(2)
    state, parts = mixtures(rng, field)
    right = state.unmasked
    leader = state.assignment.members[:, 0]
    sign = np.where(leader == 3, -1, 1).astype(np.float32)
    state = State(state.images, state.assignment, state.level, right * sign[:, None])
    state = State(fit_images(field, state), state.assignment, state.level, state.unmasked)
    gain = residual_gain(field, state, state.level)
    gains = gains_of_turning(field, state, state.level, gain, parts)
    assert gains[3] > 0 > np.delete(gains, 3).max()
    turned = turn_inverted(field, state, state.level, gain, parts)
    np.testing.assert_array_equal(turned.unmasked, right)


def test_nothing_is_turned_where_all_is_right(field):
    state, parts = mixtures(np.random.default_rng(3), field)
    gain = residual_gain(field, state, state.level)
    assert turn_inverted(field, state, state.level, gain, parts) is None
