"""What the unmixing family does with noise on the rows whose variance is told."""

from dataclasses import replace

import numpy as np
import pytest
from test_attacks_field import SHAPE, smooth_images

from instahide.attacks.protocol import Released
from instahide.attacks.seen import see
from instahide.attacks.unmixing.parts.coefficients import (
    expected_level,
    mixture_power,
    simulate_coefficients,
)
from instahide.attacks.unmixing.parts.field import cooling, learn_field, noise_level, unmask
from instahide.attacks.unmixing.parts.rounds import Fixed, measure_level
from instahide.attacks.unmixing.parts.squares import learn_squares, mix_public, whiten
from instahide.attacks.unmixing.problem import view
from instahide.attacks.unmixing.retrieval import field as retrieve
from instahide.attacks.unmixing.similarity import whitened
from instahide.attacks.unmixing.state import Assignment, State
from instahide.encodings.instahide.scheme import Scheme

SIGMA = 0.2


@pytest.fixture
def field():
    return learn_field(smooth_images(np.random.default_rng(0), 400))


def problem_of(name="cross", treatment="gaussian=0.2", k=4, rows=60):
    """Rows of public mixtures under noise; labels are of no use."""
    rng, scheme = np.random.default_rng(1), Scheme(name, k)
    public = smooth_images(rng, 300)
    drawn = simulate_coefficients(scheme, rng, rows)
    made = mix_public(public, drawn, rng).reshape(rows, *SHAPE)
    made += np.float32(SIGMA) * rng.standard_normal(made.shape, np.float32)
    label = np.zeros((rows, 2), np.float32)
    label[:, 0], label[::2, 1] = 0.3, 0.2
    about = {"scheme": vars(scheme)} | ({"treatment": treatment} if treatment else {})
    return view(see(Released(made, label), public, about, 6))


def test_unmasking_that_knows_of_white_noise_is_closer(field):
    rng = np.random.default_rng(2)
    mean = smooth_images(rng, 200).reshape(200, -1)
    rows = mean + 0.5 * field.sample(rng, 200)
    rows += np.float32(0.3) * rng.standard_normal(rows.shape, np.float32)
    noise = noise_level(field, 0.3**2)
    level = np.full(200, 0.25 + noise, np.float32)
    given = field, np.abs(rows), mean, level, cooling(20)
    error = [((unmask(*given, noise=told) - rows) ** 2).mean() for told in (0, noise)]
    assert error[1] < 0.95 * error[0]


def test_rows_are_unmasked_each_with_its_share_of_noise(field):
    rng = np.random.default_rng(3)
    rows, mean = np.abs(rng.standard_normal((2, 40, 192)).astype(np.float32))
    level = np.linspace(0.1, 1, 40, dtype=np.float32)
    whole = unmask(field, rows, mean, level, cooling(5), noise=0.2)
    for row in (0, 7, 39):
        one = slice(row, row + 1)
        alone = unmask(field, rows[one], mean[one], level[one], cooling(5), noise=0.2)
        np.testing.assert_allclose(alone[0], whole[row], atol=1e-4)
    assert (np.abs(whole) <= rows).all()


def test_squares_are_learnt_with_the_noise():
    scheme, rng = Scheme(k=4), np.random.default_rng(4)
    public = smooth_images(rng, 400)
    given = public, scheme, np.random.default_rng(5)
    squares = learn_squares(learn_field(public), *given, mixtures=4000, noise=SIGMA**2)
    fresh = mix_public(public, simulate_coefficients(scheme, rng, 4000), rng)
    fresh += np.float32(SIGMA) * rng.standard_normal(fresh.shape, np.float32)
    white = whiten(squares, np.abs(fresh), power=2, least=0)
    np.testing.assert_allclose(white.mean(0), 0, atol=0.15)
    np.testing.assert_allclose(white.var(0), 1, atol=0.35)


@pytest.mark.parametrize("name", ["cross", "mixup"])
def test_features_of_noisy_rows_are_as_loud_in_fine_details_as_in_others(name):
    told, untold = problem_of(name), problem_of(name, treatment=None)
    assert told.noise == pytest.approx(SIGMA**2) and untold.noise == 0
    spread = []
    for problem in (told, untold):
        rng = np.random.default_rng(6)
        features = whitened(problem, rng, squash=False)
        spread.append(np.log(features.var(axis=0)).std())
    assert spread[0] < 0.5 * spread[1]


def test_rows_of_private_images_only_are_whitened_as_ever():
    """The stages for DP-InstaHide weigh the noise themselves."""
    told, untold = (problem_of("mixup-inside", text) for text in ("gaussian=0.2", None))
    found = [whitened(problem, np.random.default_rng(7)) for problem in (told, untold)]
    np.testing.assert_array_equal(*found)


def test_without_noise_nothing_is_drawn_or_changed():
    plain = problem_of(treatment=None)
    others = None, 5.2e-6  # as under JPEG, and as rounded to 8 bits
    expected = whitened(plain, np.random.default_rng(8))
    for noise in others:
        found = whitened(replace(plain, noise=noise), np.random.default_rng(8))
        np.testing.assert_array_equal(found, expected)


def test_levels_have_the_noise_in_them(field):
    assignment = Assignment(np.array([[0, 1]] * 30), np.full((30, 2), 0.25, np.float32))
    fixed = Fixed(field, np.zeros((30, 192), np.float32), None, 0.4, noise=0.5)
    expected = expected_level(assignment, 0.4)
    np.testing.assert_allclose(fixed.expected_level(assignment), expected + 0.5, rtol=1e-6)
    rng = np.random.default_rng(9)
    images = np.zeros((3, 192), np.float32)
    rows = 0.3 * field.sample(rng, 30)
    rows += np.sqrt(0.5 * field.power) * rng.standard_normal(rows.shape)
    state = State(images, assignment, expected, rows.astype(np.float32))
    level = measure_level(field, state, 0.4, noise=0.5)
    assert np.median(level) == pytest.approx(0.6, rel=0.1)


def test_the_power_of_a_mixture_is_that_of_its_coefficients():
    assert mixture_power(Scheme("mixup", k=2, c1=0.51), np.random.default_rng(0)) == (
        pytest.approx(0.5, abs=0.002)
    )
    assert mixture_power(Scheme(k=6), np.random.default_rng(0)) < 0.3


def test_the_retrieval_of_noisy_rows_ends_in_numbers():
    problem = problem_of()
    members = np.stack([np.arange(60) % 3, 3 + np.arange(60) % 3], axis=1)
    start = Assignment(members, problem.label[:, [0, 1]])
    state = retrieve(problem, start, np.random.default_rng(0), rounds=1)
    assert np.isfinite(state.images).all() and (state.level > 0).all()
