from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import nnls
from test_attacks_whitened import SHAPE, nearest, photos
from unmixing import unmix

from instahide.attacks.catalogue import unmixing
from instahide.attacks.protocol import Released
from instahide.attacks.unmixing import insideretrieval as inside
from instahide.attacks.unmixing.insideassignment import fit_places
from instahide.attacks.unmixing.parts.labels import Parts, make_roster, parts_of_places
from instahide.attacks.unmixing.parts.leastsquares import solve_nonnegative
from instahide.attacks.unmixing.parts.places import Places
from instahide.attacks.unmixing.parts.rounds import Round
from instahide.attacks.unmixing.problem import make_problem
from instahide.attacks.unmixing.state import NOBODY, mix
from instahide.challenge.encryption import encode_rows
from instahide.challenge.sources import combine
from instahide.encodings.choice import of_scheme
from instahide.encodings.instahide.scheme import Scheme
from instahide.encodings.labels import label_rows
from instahide.errors import InstaHideError
from instahide.images import to_unit_range
from instahide.labelled import LabelledImages
from instahide.pool.pool import empty_pool
from instahide.randomness.keystream import Key

pytestmark = pytest.mark.slow

CLASSES = np.arange(20) // 4
PLACES = unmixing(
    similarity="whitened,mixtures=2000", assignment="places", retrieval="places", finish="none"
)


def mixtures(rng, rows, size=80, k=3):
    """Exact mixtures of images of five classes: (images in each row, label, mixtures)."""
    images = rng.standard_normal((20, size)).astype(np.float32)
    held = np.array([rng.choice(20, k, replace=False) for _ in range(rows)])
    coefficients = rng.dirichlet(np.full(k, 3), rows).astype(np.float32)
    label = np.zeros((rows, 5), np.float32)
    np.add.at(label, (np.arange(rows)[:, None], CLASSES[held]), coefficients)
    return held, label, np.einsum("ei,eid->ed", coefficients**2, images[held])


def test_only_rows_of_k_classes_are_read():
    label = np.array([[0.2, 0.5, 0.3, 0], [0.4, 0.6, 0, 0]], np.float32)
    rows, parts = parts_of_places(label, 3, 10)
    assert rows.tolist() == [0]
    assert parts.classes.tolist() == [[1, 2, 0]]
    np.testing.assert_allclose(parts.coefficients, [[0.5, 0.3, 0.2]])


@pytest.mark.parametrize(
    ("label", "words"),
    [
        ([[0.5, 0.5, 0], [0.3, 0.3, 0]], "row 1"),
        ([[0, 0, 0]], "row 0"),
        ([[0.3, 0.3, 0.4]], "row 0"),
        ([[1, 0, 0]], "no row"),
    ],
)
def test_labels_of_other_rows_are_refused(label, words):
    with pytest.raises(InstaHideError, match=words):
        parts_of_places(np.array(label, np.float32), 2, 10)


def test_classes_are_counted_by_their_share_of_coefficients():
    label = np.array([[0.55, 0.45, 0], [0.45, 0.35, 0.2]], np.float32)
    _, parts = parts_of_places(label, 3, 10)
    assert (parts.roster != NOBODY).sum(axis=1).tolist() == [5, 4, 1]


def test_places_are_chosen_as_by_trying_all_combinations():
    rng = np.random.default_rng(0)
    images, rows = rng.standard_normal((9, 60)), rng.standard_normal((40, 60))
    names = np.tile(np.arange(9).reshape(3, 3), (40, 1, 1))
    held = np.take_along_axis(names, rng.integers(0, 3, (40, 3, 1)), 2)[:, :, 0]
    weights = rng.dirichlet(np.ones(3), 40).astype(np.float32)
    rows = np.einsum("ei,eid->ed", weights, images[held]) + 0.05 * rows
    empty = np.full((40, 3), NOBODY)
    places, roster = np.tile(np.arange(3), (40, 1)), np.arange(9).reshape(3, 3)
    parts = Parts(places, weights, np.zeros(40, bool), roster)
    found, _, cost = Places(parts).choose(
        rows @ images.T, images @ images.T, np.ones(40), empty
    )
    grid = np.stack(np.meshgrid(*names[0], indexing="ij"), -1).reshape(-1, 3)
    sums = np.einsum("ei,cid->ecd", weights, images[grid])
    distance = ((rows[:, None] - sums) ** 2).sum(-1)
    best = (found == grid[distance.argmin(1)]).all(axis=1)
    assert best.mean() > 0.95
    least = distance.min(axis=1) - (rows**2).sum(axis=1)
    np.testing.assert_allclose(cost[best], least[best], rtol=1e-4)


def test_rows_are_explained_as_by_scipys_least_squares():
    rng = np.random.default_rng(1)
    images, rows = rng.standard_normal((6, 30)), rng.standard_normal((5, 30))
    allowed = rng.random((5, 6)) < 0.7
    found = solve_nonnegative(rows @ images.T, images @ images.T, allowed, sweeps=200)
    for row, own, weights in zip(rows, allowed, found, strict=True):
        expected = np.zeros(6)
        expected[own] = nnls(images[own].T, row)[0]
        np.testing.assert_allclose(weights, expected, atol=1e-6)


def test_images_of_some_weight_are_assigned_exactly_without_noise():
    rng = np.random.default_rng(2)
    held, label, mixed = mixtures(rng, 900)
    rows, parts = parts_of_places(label, 3, 20)
    parts = replace(parts, roster=make_roster(np.full(5, 4)))
    own = held[rows]
    first = (CLASSES[own] == parts.classes[:, :1]).argmax(axis=1)
    leaders = own[np.arange(len(own)), first]
    leaders[100:] = NOBODY
    found = fit_places(mixed[rows], parts, leaders)
    mine = mix(found.members, found.weights, 20)
    true = mix(own, np.take_along_axis(label[rows], CLASSES[own], 1), 20)
    np.testing.assert_allclose(mine[true > 0.2], true[true > 0.2])
    np.testing.assert_array_equal(found.weights, parts.coefficients)


@pytest.fixture(scope="module")
def challenge():
    """Twenty private images in five classes, rows of three, and photos of the same kind."""
    names = ("cat", "dog", "ship", "frog", "deer")
    private = LabelledImages(photos(1, 20), CLASSES, names)
    scheme = Scheme("inside", k=3, rows_per_image=60)
    sources = combine(private, empty_pool(SHAPE), Key.from_seed(3), of_scheme(scheme))
    plan = sources.encoding.plan(0, 1200)
    released = Released(encode_rows(sources, plan, 0), label_rows(plan, private))
    problem = make_problem(released, to_unit_range(photos(4, 600)), scheme, 20)
    return problem, plan, to_unit_range(private.images)


def test_inside_images_are_recovered_nearly_exactly(challenge, monkeypatch):
    rounds = tuple(Round(10, error) for error in (0.5, 0.2, 0.05, 0.01))
    monkeypatch.setattr(inside, "INSIDE_ROUNDS", rounds)
    problem, plan, private = challenge
    recovery, state, _ = unmix(problem, PLACES)
    assert np.median(nearest(recovery.private, private)) < 1e-3
    assert recovery.decryption.shape == (1200, *SHAPE)
    differences = ((recovery.private[:, None] - private[None]) ** 2).mean(axis=(2, 3, 4))
    names = differences.argmin(axis=1)
    found = mix(names[state.assignment.members], state.assignment.weights, 20)
    true = mix(plan.members, plan.weights, 20)
    assert np.abs(found - true).max(axis=1).mean() < 0.05


def test_cross_labels_are_refused(challenge):
    problem, _, _ = challenge
    with pytest.raises(InstaHideError, match="sums to 0"):
        unmix(replace(problem, label=problem.label / 2), PLACES)
    with pytest.raises(InstaHideError, match="scheme cross, labels coefficients"):
        unmix(replace(problem, scheme=Scheme()), PLACES)
