"""What makes many rows affordable gives the answers of what it stands for."""

import numpy as np
import pytest
from scipy.sparse import csr_matrix
from test_attacks_field import smooth_images

from instahide.attacks.unmixing.parts import clustering, field, freepairs, neighbours, pairs
from instahide.attacks.unmixing.parts.clustering import cluster
from instahide.attacks.unmixing.parts.field import cooling, learn_field, unmask
from instahide.attacks.unmixing.parts.labels import Parts
from instahide.attacks.unmixing.parts.leastsquares import normal_equations, solve_locally
from instahide.attacks.unmixing.parts.markov import markov_clusters, similarity_graph
from instahide.attacks.unmixing.parts.neighbours import nearest_rows, unit_rows
from instahide.attacks.unmixing.parts.pairs import KnownPairs
from instahide.attacks.unmixing.parts.reassignment import reassign
from instahide.attacks.unmixing.parts.rounds import measure_level
from instahide.attacks.unmixing.parts.shortlists import cheapest, is_short
from instahide.attacks.unmixing.parts.signs import agree_on_signs, whiten_without_mean
from instahide.attacks.unmixing.state import NOBODY, Assignment, State

SHAPE = (8, 8, 3)


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture
def state(rng):
    """A state of 90 rows of 12 images."""
    images = np.vstack([smooth_images(rng, 12).reshape(12, -1), np.zeros((1, 192))])
    members = np.stack([rng.choice(12, 2, replace=False) for _ in range(90)])
    weights = rng.uniform(0.2, 0.4, (90, 2)).astype(np.float32)
    assignment = Assignment(members, weights)
    level = rng.uniform(0.1, 0.3, 90).astype(np.float32)
    rows = assignment.design(12) @ images + 0.1 * rng.standard_normal((90, 192))
    return State(images.astype(np.float32), assignment, level, rows.astype(np.float32))


@pytest.fixture
def photos(rng):
    return learn_field(smooth_images(rng, 300) - 0.2)


def test_a_sparse_design_is_the_dense_one(rng):
    members = rng.integers(-1, 4, (50, 3))  # some are nobody, some are there twice
    assignment = Assignment(members, rng.random((50, 3)).astype(np.float32))
    sparse = assignment.sparse_design(4)
    np.testing.assert_allclose(sparse.toarray(), assignment.design(4), rtol=1e-6)
    assert sparse.has_canonical_format


def test_mixtures_are_what_the_design_makes_of_images(state):
    whole = state.design() @ state.images
    np.testing.assert_allclose(state.mixtures[5:9], whole[5:9], atol=1e-6)
    np.testing.assert_allclose(state.mixtures[np.array([3, 80])], whole[[3, 80]], atol=1e-6)


def test_signs_without_products_of_all_rows_are_those_with_them(photos, state, rng):
    design = state.design()[:, :-1]
    rows = state.unmasked * rng.choice([-1, 1], (90, 1)).astype(np.float32)
    white, along = whiten_without_mean(photos, rows)
    products = (white @ white.T) * (design @ design.T)
    np.fill_diagonal(products, 0)
    vector = np.ones(len(white))
    for _ in range(30):
        vector = products @ vector
        vector /= np.linalg.norm(vector)
    signs = np.where(vector < 0, -1, 1)
    signs *= 1 if signs @ along >= 0 else -1
    assert len(set(signs.tolist())) == 2
    found = agree_on_signs(photos, rows, csr_matrix(design))
    np.testing.assert_array_equal(found, signs)
    np.testing.assert_array_equal(agree_on_signs(photos, rows, design), signs)


def test_normal_equations_are_those_of_the_dense_design(state, rng):
    design, precision = state.design(), rng.random(90).astype(np.float32)
    normal, right = normal_equations(csr_matrix(design), state.unmasked, precision)
    weighted = design * precision[:, None]
    np.testing.assert_allclose(normal, weighted.T @ design, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(right, weighted.T @ state.unmasked, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("size", [7, 300])  # fewer pixels than are solved at once, and more
def test_conjugate_gradients_solve_each_pixel(rng, size):
    design = np.zeros((200, 20), np.float32)
    for row in design:
        row[rng.choice(19, 2, replace=False)] = rng.uniform(0.1, 0.5, 2)
    design[:, -1] = 1 - design.sum(axis=1)
    rows = rng.standard_normal((200, size)).astype(np.float32)
    precision = np.exp(rng.standard_normal((200, size))).astype(np.float32)
    ridge = (0.01 + rng.random((20, size))).astype(np.float32)
    start = rng.standard_normal((20, size)).astype(np.float32)
    for given, first in ((0.05, None), (ridge, None), (ridge, start), (ridge[:, :1], None)):
        found = solve_locally(design, rows, precision, given, first)
        whole = np.broadcast_to(given, (20, size))
        for pixel in range(size):
            weighted = design * precision[:, [pixel]]
            normal = (weighted.T @ design).astype(np.float64) + np.diag(whole[:, pixel])
            expected = np.linalg.solve(normal, weighted.T @ rows[:, pixel])
            np.testing.assert_allclose(found[:, pixel], expected, atol=1e-4)


def test_an_image_in_no_row_is_no_trouble_to_conjugate_gradients(rng):
    design = np.array([[0.5, 0, 0.5], [0.2, 0, 0.8]], np.float32)
    rows, ones = rng.standard_normal((2, 5)).astype(np.float32), np.ones((2, 5), np.float32)
    found = solve_locally(design, rows, ones, 0.1)
    assert np.isfinite(found).all()
    np.testing.assert_array_equal(found[1], 0)


def test_unmasking_by_mixtures_and_in_batches_changes_nothing(photos, state, monkeypatch):
    magnitudes, mean = np.abs(state.unmasked), state.design() @ state.images
    whole = unmask(photos, magnitudes, mean, state.level, cooling(5))
    monkeypatch.setattr(field, "UNMASKED_NUMBERS", 500)
    found = unmask(photos, magnitudes, state.mixtures, state.level, cooling(5))
    np.testing.assert_allclose(found, whole, atol=1e-4)


@pytest.mark.parametrize("signed", [True, False])
def test_rows_are_assigned_anew_in_batches_as_all_at_once(photos, state, monkeypatch, signed):
    roster = np.arange(12).reshape(2, 6)
    classes = state.assignment.members // 6
    parts = Parts(classes, state.assignment.weights, classes[:, 0] == classes[:, 1], roster)
    again = reassign, photos, state, state.level, KnownPairs(parts)
    whole = again[0](*again[1:], signed=signed)
    level = measure_level(photos, state, 0.3)
    monkeypatch.setattr("instahide.attacks.unmixing.parts.reassignment.SEEN_NUMBERS", 192 * 7)
    monkeypatch.setattr(field, "BATCH_NUMBERS", 192 * 3)
    found = again[0](*again[1:], signed=signed)
    np.testing.assert_array_equal(found.assignment.members, whole.assignment.members)
    np.testing.assert_allclose(found.assignment.weights, whole.assignment.weights, atol=1e-4)
    np.testing.assert_array_equal(found.unmasked, whole.unmasked)
    np.testing.assert_allclose(measure_level(photos, state, 0.3), level, rtol=1e-4)


def test_the_cheapest_candidates_are_listed_and_padding_last():
    candidates = np.array([[4, 5, 6, NOBODY], [1, 2, NOBODY, NOBODY]])
    costs = np.array([[3, 1, 2, -9], [5, 1, 0, 0]], np.float32)
    assert cheapest(candidates, costs, 2).tolist() == [[5, 6], [1, 2]]
    assert cheapest(candidates, costs, 4) is candidates


def rows_of_pairs(rng, same):
    """Noisy rows of two of 120 images, in two classes, and what tells them."""
    images = rng.standard_normal((120, 40)).astype(np.float32)
    first = rng.integers(0, 60, 400)
    second = (first + rng.integers(1, 60, 400)) % 60 + (0 if same else 60)
    weights = np.sort(rng.uniform(0.15, 0.45, (400, 2)))[:, ::-1].astype(np.float32)
    rows = weights[:, :1] * images[first] + weights[:, 1:] * images[second]
    rows += 0.15 * rng.standard_normal(rows.shape).astype(np.float32)
    roster = np.arange(120).reshape(2, 60)
    classes = np.stack([first, second], axis=1) // 60
    known = np.where(same, weights.mean(axis=1, keepdims=True), weights)
    parts = Parts(classes, known, np.full(400, same), roster)
    return rows @ images.T, images @ images.T, parts


@pytest.mark.parametrize("kind", [pairs, freepairs])
@pytest.mark.parametrize("same", [False, True])
def test_shortlists_find_the_pair_that_all_pairs_give(rng, monkeypatch, kind, same):
    products, gram, parts = rows_of_pairs(rng, same)
    chooser = KnownPairs(parts)
    if kind is freepairs:
        prior = freepairs.WeightPrior(0.3, 0.01)
        chooser = freepairs.FreePairs(parts, prior)
    noise, before = np.full(400, 0.02, np.float32), np.zeros((400, 2), int)
    assert not is_short(60)
    short = chooser.choose(products, gram, noise, before)
    monkeypatch.setattr(kind, "is_short", lambda most: True)
    every = chooser.choose(products, gram, noise, before)
    agree = (np.sort(short.members, axis=1) == np.sort(every.members, axis=1)).all(axis=1)
    assert agree.mean() > 0.99
    assert (short.cost > every.cost - 1e-4).all()  # none is better than the best


@pytest.mark.parametrize("parts", [1, 3, 200])
def test_neighbours_are_the_largest_cosines(rng, monkeypatch, parts):
    monkeypatch.setattr(neighbours, "BLOCK_ROWS", 13)
    monkeypatch.setattr(neighbours, "BLOCK_OTHERS", 9)
    unit = unit_rows(rng.standard_normal((70, 6)).astype(np.float32))
    found = [nearest_rows(unit, 12, (number, parts)) for number in range(parts)]
    rows, cosines = (np.concatenate(values) for values in zip(*found, strict=True))
    whole = unit @ unit.T
    np.fill_diagonal(whole, -np.inf)
    np.testing.assert_array_equal(rows, np.argsort(-whole, axis=1)[:, :12])
    np.testing.assert_allclose(cosines, np.take_along_axis(whole, rows, 1), atol=1e-6)


def test_there_are_no_more_neighbours_than_other_rows(rng):
    rows, _ = nearest_rows(unit_rows(rng.standard_normal((4, 6)).astype(np.float32)), 30)
    assert np.sort(rows, axis=1).tolist() == [[1, 2, 3], [0, 2, 3], [0, 1, 3], [0, 1, 2]]


def test_markov_clusters_are_the_planted_ones(rng):
    truth = np.repeat(np.arange(15), 20)
    centres = rng.standard_normal((15, 60))
    features = centres[truth] + 0.8 * rng.standard_normal((300, 60))
    unit = unit_rows(features.astype(np.float32))
    found = markov_clusters(similarity_graph(*nearest_rows(unit, 12)))
    pairs_found = {*zip(truth.tolist(), found.tolist(), strict=True)}
    assert len(pairs_found) == 15 == len(set(found.tolist()))


def test_parts_of_a_graph_that_do_not_touch_are_clusters():
    blocks = np.kron(np.eye(4), np.ones((3, 3)))
    found = markov_clusters(csr_matrix(blocks.astype(np.float32)))
    assert len(set(found[::3].tolist())) == 4
    np.testing.assert_array_equal(found, np.repeat(found[::3], 3))


def test_many_rows_are_clustered_by_their_neighbours(rng, monkeypatch):
    monkeypatch.setattr(clustering, "MOST_LINKED", 100)
    truth = np.append(np.repeat(np.arange(6), 40), [NOBODY] * 3)
    centres = np.vstack([rng.standard_normal((6, 50)), 3 * rng.standard_normal((3, 50))])
    centres = centres[np.append(truth[:-3], [6, 7, 8])]
    features = centres + 0.5 * rng.standard_normal(centres.shape)
    found = cluster(features.astype(np.float32), 6)
    kept = found != NOBODY
    assert kept[:-3].mean() > 0.9
    both = {*zip(truth[kept].tolist(), found[kept].tolist(), strict=True)}
    assert len({name for _, name in both}) == 6 == len({image for image, _ in both} - {NOBODY})
