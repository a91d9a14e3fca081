from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.cluster.hierarchy import average, cut_tree
from scipy.ndimage import gaussian_filter
from scipy.optimize import minimize_scalar

from instahide.attacks.unmixing.assignment import fit_pairs
from instahide.attacks.unmixing.parts.clustering import (
    cluster,
    cluster_images,
    cluster_leaders,
    cut_where_large,
)
from instahide.attacks.unmixing.parts.coefficients import simulate_coefficients
from instahide.attacks.unmixing.parts.field import learn_field
from instahide.attacks.unmixing.parts.labels import Parts, make_roster, parts_of_pairs
from instahide.attacks.unmixing.parts.pairs import KnownPairs, pair_costs
from instahide.attacks.unmixing.parts.squares import learn_squares, mix_public, whiten
from instahide.attacks.unmixing.state import NOBODY, Assignment, mix
from instahide.encodings.instahide.scheme import Scheme
from instahide.errors import InstaHideError


def simulate(rng, counts, rows, size, power=1):
    """Rows that are exact mixtures of random images of several classes."""
    classes = np.repeat(np.arange(len(counts)), counts)
    images = rng.standard_normal((len(classes), size)).astype(np.float32)
    pairs = np.array([rng.choice(len(classes), 2, replace=False) for _ in range(rows)])
    coefficients = rng.uniform(0.1, 0.5, (rows, 2)).astype(np.float32)
    label = np.zeros((rows, len(counts)), np.float32)
    np.add.at(label, (np.arange(rows)[:, None], classes[pairs]), coefficients)
    mixed = np.einsum("ei,eid->ed", coefficients**power, images[pairs])
    return pairs, label, mixed


def test_labels_give_classes_and_coefficients_the_larger_first():
    parts = parts_of_pairs(np.array([[0, 0.2, 0.5], [0.6, 0, 0]], np.float32), 4)
    assert parts.classes.tolist() == [[2, 1], [0, 0]]
    np.testing.assert_allclose(parts.coefficients, [[0.5, 0.2], [0.3, 0.3]])
    assert parts.same.tolist() == [False, True]


@pytest.mark.parametrize("label", [[0, 0, 0], [0.1, 0.2, 0.3]])
def test_labels_of_other_than_two_images_are_refused(label):
    with pytest.raises(InstaHideError, match="row 1"):
        parts_of_pairs(np.array([[0.3, 0.3, 0], label], np.float32), 4)


@given(st.lists(st.integers(1, 9), min_size=2, max_size=5), st.integers(1, 4))
@settings(max_examples=20, deadline=None)
def test_classes_are_counted_exactly_where_images_are_used_equally(counts, repeats):
    classes = np.repeat(np.arange(len(counts)), counts)
    pairs = np.concatenate(
        [np.stack([classes, np.roll(classes, shift)], 1) for shift in range(1, 1 + repeats)]
    )
    label = np.zeros((len(pairs), len(counts)), np.float32)
    np.add.at(label, (np.arange(len(pairs))[:, None], pairs), 0.25)
    parts = parts_of_pairs(label, len(classes))
    assert (parts.roster != NOBODY).sum(axis=1).tolist() == counts
    assert parts.image_count == len(classes)


def test_images_are_numbered_class_after_class():
    assert make_roster(np.array([2, 0, 1])).tolist() == [[0, 1], [-1, -1], [2, -1]]


def test_clusters_are_found_and_outliers_left_out():
    rng = np.random.default_rng(0)
    centres = rng.standard_normal((3, 40))
    truth = np.append(np.repeat(np.arange(3), 12), [NOBODY] * 2)
    features = np.vstack(
        [
            centres[truth[:-2]] + 0.3 * rng.standard_normal((36, 40)),
            rng.standard_normal((2, 40)),
        ]
    )
    found = cluster(features.astype(np.float32), 3)
    assert (found[-2:] == NOBODY).all()
    assert len({*zip(truth[:-2].tolist(), found[:-2].tolist(), strict=True)}) == 3


def test_too_few_rows_for_clusters_are_refused():
    for rows, count in ((3, 5), (1, 1), (0, 1)):
        with pytest.raises(InstaHideError, match=f"{rows} rows are too few"):
            cluster(np.eye(rows, 4, dtype=np.float32), count)


@pytest.mark.parametrize("count", [1, 2, 5, 30])
def test_the_tree_is_cut_where_looking_at_every_level_says(count):
    rng = np.random.default_rng(count)
    tree = average(rng.standard_normal((30, 5)) + 3 * rng.integers(0, 3, (30, 1)))
    kept = [
        np.sort(np.bincount(cut_tree(tree, n_clusters=level).ravel()))[-count]
        for level in range(count, 31)
    ]
    assert kept[cut_where_large(tree, count) - count] == max(kept)


def test_a_class_without_images_has_none_to_give():
    found = cluster_images(np.eye(4, dtype=np.float32), np.full(3, NOBODY))
    assert (found == NOBODY).all()


def test_pair_costs_are_squared_distances():
    rng = np.random.default_rng(1)
    rows, images = rng.standard_normal((4, 9)), rng.standard_normal((5, 9))
    weights = rng.uniform(0.1, 1, (4, 2))
    first, second = np.tile([0, 1], (4, 1)), np.tile([2, 3, 4], (4, 1))
    costs, _ = pair_costs(
        rows @ images.T, images @ images.T, weights, np.zeros(4, bool), first, second
    )
    sums = (
        weights[:, :1, None, None] * images[:2, None] + weights[:, 1:, None, None] * images[2:]
    )
    expected = ((rows[:, None, None] - sums) ** 2).sum(-1) - (rows**2).sum(1)[:, None, None]
    np.testing.assert_allclose(costs, expected)


def test_the_split_of_a_shared_coefficient_is_the_best_one():
    rng = np.random.default_rng(2)
    images = rng.standard_normal((2, 9))
    row = 0.37 * images[0] + 0.2 * images[1] + 0.1 * rng.standard_normal(9)
    one, roster = np.zeros((1, 2), int), np.array([[0, 1]])
    parts = Parts(one, np.full((1, 2), 0.285), np.array([True]), roster)
    pair, weights, cost = KnownPairs(parts).choose(
        row[None] @ images.T, images @ images.T, np.ones(1), one
    )
    best = minimize_scalar(
        lambda t: ((row - t * images[0] - (0.57 - t) * images[1]) ** 2).sum(),
        bounds=(0, 0.57),
        method="bounded",
        options={"xatol": 1e-9},
    )
    order = np.argsort(pair)  # a pair of one class has no order
    weights = np.take_along_axis(weights, order, 1)
    np.testing.assert_allclose(weights, [[best.x, 0.57 - best.x]], atol=1e-6)
    np.testing.assert_allclose(cost + row @ row, best.fun)


def test_an_image_is_not_paired_with_itself_nor_with_padding():
    costs, _ = pair_costs(
        np.zeros((1, 2)), np.eye(2), np.ones((1, 2)), np.array([False]),
        np.array([[0, NOBODY]]), np.array([[0, 1]]),
    )  # fmt: skip
    assert np.isfinite(costs).tolist() == [[[False, True], [False, False]]]


@pytest.mark.parametrize("power", [1, 2])
def test_unbalanced_classes_are_assigned_exactly_without_noise(power):
    rng = np.random.default_rng(3)
    pairs, label, mixed = simulate(rng, [3, 6, 2], 900, 150, power)
    parts = replace(parts_of_pairs(label, 11), roster=make_roster(np.array([3, 6, 2])))
    found = fit_pairs(mixed, parts, cluster_leaders(mixed, parts, 16), power=power)
    names = np.zeros((11, 11))
    np.add.at(names, (found.members[:, :, None], pairs[:, None, :]), 1)
    found_pairs = names.argmax(1)[found.members]
    two = ~parts.same
    assert (np.sort(found_pairs[two]) == np.sort(pairs[two])).all()
    if power == 1:
        assert (np.sort(found_pairs) == np.sort(pairs)).mean() > 0.99


def test_the_design_holds_coefficients_and_what_is_left_of_one():
    assignment = Assignment(np.array([[2, 0]]), np.array([[0.5, 0.2]], np.float32))
    np.testing.assert_allclose(assignment.design(3), [[0.2, 0, 0.5, 0.3]], rtol=1e-6)
    assert mix(np.array([[1, NOBODY]]), np.ones((1, 2)), 2).tolist() == [[0, 1]]


def test_whitened_squares_of_public_mixtures_are_alike_and_hardly_correlated():
    rng = np.random.default_rng(4)
    smooth = gaussian_filter(rng.standard_normal((400, 8, 8, 1)), (0, 1.5, 1.5, 0))
    public, scheme = np.tanh(4 * smooth).astype(np.float32), Scheme(k=3)
    field = learn_squares(learn_field(public), public, scheme, rng, mixtures=6000)
    fresh = mix_public(public, simulate_coefficients(scheme, rng, 6000), rng)
    white = whiten(field, fresh, power=2, least=0)
    np.testing.assert_allclose(white.mean(0), 0, atol=0.1)
    np.testing.assert_allclose(white.var(0), 1, atol=0.2)
    assert _mean_correlation(white) < 0.3 * _mean_correlation(fresh**2)


def _mean_correlation(rows):
    correlation = np.abs(np.corrcoef(rows.T))
    return correlation[~np.eye(len(correlation), dtype=bool)].mean()


def test_coefficients_of_mixtures_keep_their_bound():
    scheme = Scheme(k=4, c1=0.5)
    drawn = simulate_coefficients(scheme, np.random.default_rng(5), 500)
    np.testing.assert_allclose(drawn.sum(1), 1, rtol=1e-5)
    assert drawn.shape == (500, 4)
    assert drawn.max() <= 0.5
    assert drawn.min() >= 0
