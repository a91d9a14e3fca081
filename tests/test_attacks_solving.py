"""Linear decoding with a known seed, on small simulated 2020 challenges."""

from itertools import islice

import numpy as np
import pytest

from instahide.attacks.prng import solving
from instahide.encodings.instahide.mersenne import HistoricalGenerator
from instahide.encodings.instahide.scheme import Scheme
from instahide.randomness import historical

N, K, BLOCKS, SHAPE = 20, 6, 25, (4, 4, 3)
BOUNDS = {"c1": 0.65, "c2": 0.3}


def challenge(public_use, seed=20201110, k=K):
    """Images, the rows of a simulated challenge without masks, and what the seed tells."""
    rng = np.random.default_rng(1)
    pixels = int(np.prod(SHAPE))
    private_images = rng.uniform(-1, 1, (N, pixels))
    pool = 0.2 + rng.uniform(-0.8, 0.8, (500, pixels))
    settings = {"images": N, "k": k, **BOUNDS, "shape": SHAPE}
    generator = HistoricalGenerator(seed, Scheme(k=k), N, 500, SHAPE, public_use)
    plan = generator.plan(0, N * BLOCKS)
    chosen = np.concatenate([private_images[plan.members], pool[plan.public]], axis=1)
    rows = np.einsum("ek,ekd->ed", plan.weights, chosen).astype(np.float32)
    made = islice(historical.blocks(seed, **settings), BLOCKS)
    slots = np.concatenate([block.permutations[1:].T for block in made])
    return private_images, pool, rows, plan.members, slots, plan.weights


def mean_square(difference):
    return float(np.mean(difference**2))


def test_the_mask_is_undone():
    rng = np.random.default_rng(0)
    images = rng.normal(size=(6, *SHAPE)).astype(np.float32)
    mask = rng.choice(np.array([-1, 1], np.int8), images.shape)
    rows = solving.undo_mask(images * mask, mask)
    assert rows.dtype == np.float64
    np.testing.assert_array_equal(rows, images.reshape(6, -1))


def test_design_matrix_adds_coefficients_of_an_image_named_twice():
    made = solving.design_matrix(
        np.array([[0, 2], [1, 1]]), np.array([[0.3, 0.2], [0.1, 0.4]]), 3
    )
    np.testing.assert_allclose(made, [[0.3, 0, 0.2], [0, 0.5, 0]])


def test_weighted_least_squares_agree_with_the_pseudo_inverse():
    _, _, rows, private, _, coefficients = challenge("fresh")
    solved, mean = solving.solve_with_mean(rows, private, coefficients, N)
    public = coefficients[:, 2:]
    design = np.column_stack(
        [solving.design_matrix(private, coefficients[:, :2], N), public.sum(axis=1)]
    )
    scale = 1 / np.sqrt((public**2).sum(axis=1))[:, None]
    expected = np.linalg.lstsq(design * scale, rows * scale, rcond=None)[0]
    np.testing.assert_allclose(np.vstack([solved, mean]), expected, atol=1e-8)


def test_mean_public_image_helps_where_public_use_is_unknown():
    images, pool, rows, private, _, coefficients = challenge("fresh")
    solved, mean = solving.solve_with_mean(rows, private, coefficients, N)
    plain = solving.design_matrix(private, coefficients[:, :2], N)
    without = np.linalg.lstsq(plain, rows, rcond=None)[0]
    assert mean_square(solved - images) < mean_square(without - images) / 3
    assert mean_square(mean - pool.mean(axis=0)) < 0.01


@pytest.mark.parametrize("centre", [0.0, 0.2])
def test_joint_solution_is_the_least_norm_one(centre):
    _, _, rows, private, slots, coefficients = challenge("one-batch")
    solved, power = solving.solve_one_batch(rows, private, slots, coefficients, N, centre)
    block = np.arange(len(rows)) // N
    system = np.hstack(
        [
            solving.design_matrix(private, coefficients[:, :2], N),
            solving.design_matrix(slots + N * block[:, None], coefficients[:, 2:], N * BLOCKS),
        ]
    )
    expected = np.linalg.lstsq(system, rows - centre, rcond=None)[0]
    np.testing.assert_allclose(solved, expected[:N] + centre, atol=1e-5)
    assert power == pytest.approx(mean_square(expected), rel=1e-4)


def test_joint_solution_is_nearly_exact_and_its_power_tells_when_it_holds():
    images, _, rows, private, slots, coefficients = challenge("one-batch")
    solved, power = solving.solve_one_batch(rows, private, slots, coefficients, N)
    alone, _ = solving.solve_with_mean(rows, private, coefficients, N)
    assert mean_square(solved - images) < 0.003
    assert mean_square(solved - images) < mean_square(alone - images) / 5
    assert power < 1
    _, _, rows, private, slots, coefficients = challenge("fresh")
    assert solving.solve_one_batch(rows, private, slots, coefficients, N)[1] > 2


def test_without_public_images_both_are_exact():
    images, _, rows, private, slots, coefficients = challenge("one-batch", k=2)
    solved, mean = solving.solve_with_mean(rows, private, coefficients, N)
    np.testing.assert_allclose(solved, images, atol=1e-5)
    np.testing.assert_allclose(mean, 0, atol=1e-6)
    joint, _ = solving.solve_one_batch(rows, private, slots, coefficients, N)
    np.testing.assert_allclose(joint, images, atol=1e-5)
