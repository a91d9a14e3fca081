from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from scipy.stats import foldnorm
from test_attacks_field import SHAPE, smooth_images

from instahide.attacks.unmixing.finish import local_precision, local_ridge, solve_by_bands
from instahide.attacks.unmixing.parts.bands import local_power, make_bands
from instahide.attacks.unmixing.parts.coefficients import expected_level
from instahide.attacks.unmixing.parts.field import learn_field
from instahide.attacks.unmixing.parts.handin import (
    error_variance,
    predict_quality,
    trust,
)
from instahide.attacks.unmixing.parts.labels import make_roster, parts_of_pairs
from instahide.attacks.unmixing.parts.leastsquares import solve_images, solve_locally
from instahide.attacks.unmixing.parts.pairs import KnownPairs
from instahide.attacks.unmixing.parts.pixelwise import (
    first_images,
    improve,
    log_likelihood,
    propagate,
    spectral_start,
    synchronise,
)
from instahide.attacks.unmixing.parts.reassignment import reassign
from instahide.attacks.unmixing.parts.rounds import (
    Fixed,
    Round,
    measure_level,
    refine,
    start_from_images,
    start_from_rows,
    without_spots,
)
from instahide.attacks.unmixing.state import Assignment, State

SIZE = int(np.prod(SHAPE))


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture
def field():
    return learn_field(smooth_images(np.random.default_rng(1), 400))


def mixtures(rng, field, images=8, rows=400, noise=0.1, offset=0.2):
    """A challenge in small: (true state, what the labels say)."""
    private = smooth_images(rng, images).reshape(images, SIZE) + offset
    pairs = np.array([rng.choice(images, 2, replace=False) for _ in range(rows)])
    coefficients = rng.uniform(0.2, 0.45, (rows, 2)).astype(np.float32)
    coefficients = -np.sort(-coefficients, axis=1)
    assignment = Assignment(pairs, coefficients)
    truth = np.vstack([private, field.mean]).astype(np.float32)
    level = np.full(rows, noise**2 + 1e-6, np.float32)
    signed = assignment.design(images) @ truth + noise * field.sample(rng, rows)
    label = np.zeros((rows, 2), np.float32)
    np.add.at(label, (np.arange(rows)[:, None], pairs * 2 // images), coefficients)
    roster = make_roster(np.array([images // 2, images // 2]))
    parts = replace(parts_of_pairs(label, images), roster=roster)
    return State(truth, assignment, level, signed), parts


def error(images, truth):
    """Mean squared error relative to the truth's power, up to one sign."""
    power = (truth**2).mean()
    return min(((images - truth) ** 2).mean(), ((images + truth) ** 2).mean()) / power


def test_images_are_solved_as_by_least_squares_with_prior_rows(rng):
    design, rows = rng.random((30, 4)), rng.standard_normal((30, 5))
    weights, ridge = rng.random(30), rng.random(4)
    prior = rng.standard_normal(5)
    root = np.sqrt(weights)[:, None]
    stacked = np.vstack([design * root, np.diag(np.sqrt(ridge))])
    target = np.vstack([rows * root, np.sqrt(ridge)[:, None] * prior])
    expected = np.linalg.lstsq(stacked, target, rcond=None)[0]
    found = solve_images(design, rows, weights, ridge, prior)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_the_spectral_start_has_most_signs_right(rng, field):
    state, _ = mixtures(rng, field, noise=0.02)
    magnitudes = np.abs(state.unmasked)
    start = rng.standard_normal((8, SIZE)).astype(np.float32)
    found = spectral_start(state.assignment, magnitudes, start)[:8]
    truth = state.images[:8]
    cosine = (
        (found * truth).sum(0) / np.linalg.norm(found, axis=0) / np.linalg.norm(truth, axis=0)
    )
    assert np.median(np.abs(cosine)) > 0.9


def test_em_stays_at_the_truth_without_noise(rng, field):
    state, _ = mixtures(rng, field, noise=0)
    variance = np.full(400, 1e-4, np.float32), field.variance
    found = improve(
        state.design(), np.abs(state.unmasked), variance, state.images, np.full(9, 1e-6), 3
    )
    assert error(found[:8], state.images[:8]) < 1e-3


def test_the_likelihood_is_that_of_folded_normals(rng, field):
    state, _ = mixtures(rng, field, images=4, rows=20)
    magnitudes, design = np.abs(state.unmasked), state.design()
    level, pixel = np.full(20, 0.3, np.float32), np.full(SIZE, 0.5, np.float32)
    other = state.images + 0.2 * rng.standard_normal(state.images.shape).astype(np.float32)

    def oracle(images):
        sigma = np.sqrt(0.15)
        return foldnorm.logpdf(magnitudes / sigma, np.abs(design @ images) / sigma).sum(0)

    found = [
        log_likelihood(design, magnitudes, (level, pixel), x) for x in (state.images, other)
    ]
    np.testing.assert_allclose(
        found[0] - found[1], oracle(state.images) - oracle(other), rtol=1e-3, atol=1e-3
    )


def test_random_signs_of_pixels_are_synchronised(rng):
    images = smooth_images(rng, 30).reshape(30, SIZE) + 0.5
    found = synchronise(images * rng.choice([-1, 1], SIZE), SHAPE)
    assert error(found, images) < 1e-12


def test_neighbours_rescue_a_pixel(rng, field):
    state, _ = mixtures(rng, field, noise=0.05)
    variance = state.level + 0.01, field.variance
    spoilt = state.images.copy()
    spoilt[:, [50, 100]] = rng.standard_normal((9, 2))
    args = state.design(), np.abs(state.unmasked), variance
    found = propagate(*args, spoilt, np.full(9, 1e-3), SHAPE)
    assert (log_likelihood(*args, found) >= log_likelihood(*args, spoilt)).all()
    kept = np.abs((found * state.images).sum(0)) / np.linalg.norm(found, axis=0)
    kept /= np.linalg.norm(state.images, axis=0)
    assert kept[[50, 100]].min() > 0.9


def test_the_first_images_have_the_right_sign(rng, field):
    state, _ = mixtures(rng, field, noise=0.05)
    field = learn_field(smooth_images(rng, 400) + 0.3)
    rest = state.design()[:, 8:]
    rows = state.unmasked + rest * (field.mean - state.images[8])
    start = rng.standard_normal((8, SIZE), np.float32)
    found = first_images(Fixed(field, np.abs(rows), None, 0.05), state.assignment, start)
    assert ((found[:8] - state.images[:8]) ** 2).mean() < 0.3 * (state.images[:8] ** 2).mean()


def test_a_spot_is_filtered_away_and_the_public_image_left_alone():
    images = np.zeros((3, SIZE), np.float32)
    images[:, 100] = 1
    found = without_spots(images, SHAPE, 3)
    assert np.abs(found[:2]).max() < 0.005  # they are filtered in 8 bits
    assert found[2, 100] == 1
    assert without_spots(images, SHAPE, 1) is images


def test_reassignment_finds_pairs_splits_and_signs(rng, field):
    state, parts = mixtures(rng, field, noise=0.02)
    turned = rng.choice([-1, 1], 400).astype(np.float32)
    wrong = Assignment(parts.candidates[:, :, 0], parts.coefficients)
    start = State(state.images, wrong, state.level, state.unmasked * turned[:, None])
    found = reassign(field, start, state.level, KnownPairs(parts))
    right = (np.sort(found.assignment.members) == np.sort(state.assignment.members)).all(1)
    assert right.mean() > 0.97
    np.testing.assert_array_equal(found.unmasked[right], state.unmasked[right])
    split = np.abs(found.design() - state.design()).max(1)
    assert np.median(split[right & parts.same]) < 0.03


def test_a_round_repairs_images_assignments_and_masks(rng, field):
    state, parts = mixtures(rng, field)
    images = state.images + 0.3 * rng.standard_normal(state.images.shape).astype(np.float32)
    pairs = state.assignment.members.copy()
    spoilt = rng.choice(400, 40, replace=False)
    pairs[spoilt, 1] = parts.candidates[spoilt, 1, rng.integers(0, 4, 40)]
    start = State(
        images, Assignment(pairs, parts.coefficients), state.level, np.abs(state.unmasked)
    )
    again = partial(reassign, chooser=KnownPairs(parts))
    fixed = Fixed(field, np.abs(state.unmasked), again, spread=0.1)
    found = refine(fixed, start, Round(12, 0.1, median=3))
    assert error(found.images[:8], state.images[:8]) < 0.2 * error(images, state.images)
    right = (np.sort(found.assignment.members) == np.sort(state.assignment.members)).all(1)
    assert right.mean() > 0.95


def test_rows_unmasked_one_by_one_are_a_start(rng):
    field = learn_field(smooth_images(rng, 400) - 0.4)  # the mean tells a row's sign
    state, _ = mixtures(rng, field, offset=-0.4)
    magnitudes = np.abs(state.unmasked)
    found = start_from_rows(Fixed(field, magnitudes, None, 0.1), state.assignment, 8)
    assert (np.abs(found.unmasked) <= magnitudes).all()
    closeness = [abs(np.corrcoef(*pair)[0, 1]) for pair in zip(
        found.images[:8], state.images[:8], strict=True
    )]  # fmt: skip
    assert np.median(closeness) > 0.7


def test_rows_take_the_signs_of_the_images_they_start_from(rng, field):
    state, _ = mixtures(rng, field, noise=0)
    fixed = Fixed(field, np.abs(state.unmasked), None, 0.1)
    found = start_from_images(fixed, state.images, state.assignment)
    np.testing.assert_allclose(found.unmasked, state.unmasked, atol=1e-6)


def test_levels_tell_noisy_rows_from_others(rng, field):
    state, _ = mixtures(rng, field)
    noisy = state.unmasked.copy()
    noisy[:50] += 0.5 * field.sample(rng, 50)
    level = measure_level(field, State(state.images, state.assignment, state.level, noisy), 0.1)
    assert np.median(level[:50]) > 5 * np.median(level[50:])


def test_the_expected_level_grows_with_the_public_share():
    assignment = Assignment(
        np.zeros((2, 2), int), np.array([[0.3, 0.2], [0.1, 0.2]], np.float32)
    )
    level = expected_level(assignment, 0.4)
    np.testing.assert_allclose(level, [0.1, 0.196], rtol=2e-3)


def test_bands_sum_to_the_images(rng, field):
    images = rng.standard_normal((3, SIZE)).astype(np.float32)
    bands, rest = make_bands(SHAPE)
    found = sum(band.split_off(field, images) for band in (*bands, rest))
    np.testing.assert_allclose(found, images, atol=1e-4)


def test_bands_of_detail_are_differences_of_blurs(rng, field):
    images = rng.standard_normal((3, *SHAPE)).astype(np.float32)
    fine, _ = make_bands(SHAPE)
    found = sum(band.split_off(field, images.reshape(3, -1)) for band in fine[:3])
    blurred = gaussian_filter(images, (0, 1, 1, 0), mode="reflect", truncate=8)
    np.testing.assert_allclose(found.reshape(images.shape), images - blurred, atol=2e-2)


def test_upright_and_lying_lines_fall_into_bands_of_their_own(field):
    lines = np.zeros(SHAPE, np.float32)
    lines[:, ::2] = 1
    lying = lines.transpose(1, 0, 2)
    fine, _ = make_bands(SHAPE)
    pair = np.stack([lines, lying]).reshape(2, -1)
    power = [(band.split_off(field, pair) ** 2).sum(axis=1) for band in fine[:2]]
    assert power[0][0] > 100 * power[1][0]
    assert power[1][1] > 100 * power[0][1]


def test_images_are_drawn_to_nothing_where_they_have_little(rng):
    images = rng.standard_normal((3, *SHAPE)).astype(np.float32)
    images[0, :, : SHAPE[1] // 2] *= 0.01
    ridge = local_ridge(images.reshape(3, -1), np.zeros(3), 0.1, (SHAPE, 1.0))
    ridge = ridge.reshape(3, *SHAPE)
    assert ridge[0, :, 0].min() > 5 * ridge[0, :, -1].max()
    assert ridge[2].max() < 0.1  # the mean public image is not
    power = local_power(images[1:2].reshape(1, -1), SHAPE, 1.0)
    np.testing.assert_allclose(ridge[1, :, :, :1], 0.1 / power[0], rtol=1e-4)


def test_local_solutions_are_those_of_each_pixel(rng):
    design = np.zeros((40, 5), np.float32)
    for row in design:
        row[rng.choice(5, 3, replace=False)] = rng.random(3)
    rows, weights = rng.standard_normal((2, 40, 7)).astype(np.float32)
    weights = np.exp(weights)
    found = solve_locally(design, rows, weights, 0.01)
    for pixel in range(7):
        normal = design.T @ (weights[:, [pixel]] * design) + 0.01 * np.eye(5)
        right = design.T @ (weights[:, pixel] * rows[:, pixel])
        np.testing.assert_allclose(
            found[:, pixel], np.linalg.solve(normal, right), rtol=2e-3, atol=1e-4
        )


def test_busy_places_weigh_less(rng):
    residual = 0.01 * rng.standard_normal((4, *SHAPE)).astype(np.float32)
    residual[0, :4] *= 30
    level = np.ones(4, np.float32)
    weights, _ = local_precision(residual.reshape(4, -1), level, SHAPE, 1.0)
    weights = weights.reshape(4, *SHAPE)
    assert weights[0, :3].max() < 0.2 * weights[0, 6:].min()


def test_solving_by_bands_is_no_worse_without_noise(rng, field):
    state, _ = mixtures(rng, field, noise=0)
    assert error(solve_by_bands(state, field)[:8], state.images[:8]) < 2e-3


def test_predicted_errors_are_those_that_noise_makes(rng, field):
    state, _ = mixtures(rng, field)
    predicted = error_variance(state) * field.power
    found = solve_images(
        state.design(), state.unmasked, 1 / state.level, np.ones(9), field.mean
    )
    actual = ((found - state.images)[:8] ** 2).mean()
    assert actual == pytest.approx(predicted.mean(), rel=0.5)


def test_flat_images_are_predicted_to_suffer_most(rng, field):
    images = np.stack([np.zeros(SIZE), rng.choice([-0.9, 0.9], SIZE)]).astype(np.float32)
    quality = predict_quality(images, np.full(2, 0.01), field.sample(rng, 2), SHAPE)
    assert quality[0] < quality[1] <= 1


def test_trust_grows_with_the_coefficient_and_falls_with_noise():
    sure = trust(np.array([[0.4, 0.02], [0.4, 0.02]]), np.array([0.01, 0.1]), 3072)
    assert (np.diff(sure, axis=1) < 0).all()
    assert (np.diff(sure, axis=0) < 0).all()
    assert ((sure > 0) & (sure < 1)).all()
