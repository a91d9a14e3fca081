from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import nnls
from test_attacks_assignment import simulate
from test_attacks_field import smooth_images
from test_attacks_whitened import challenges, few_rounds, nearest
from unmixing import unmix

from instahide.attacks.catalogue import unmixing
from instahide.attacks.protocol import Released
from instahide.attacks.recipe import Attack
from instahide.attacks.running import run_steps, save_step
from instahide.attacks.seen import see, strip_labels
from instahide.attacks.unmixing import blindretrieval as blind
from instahide.attacks.unmixing.blindassignment import (
    assign_scattered,
    cluster_rows,
    fit_free_pairs,
)
from instahide.attacks.unmixing.neighbourhood import find_neighbours
from instahide.attacks.unmixing.parts.coefficients import WeightPrior, weight_prior
from instahide.attacks.unmixing.parts.field import learn_field
from instahide.attacks.unmixing.parts.freepairs import FreePairs, equal_scale, nearest_pairs
from instahide.attacks.unmixing.parts.labels import Parts, make_roster, parts_of_pairs
from instahide.attacks.unmixing.parts.rounds import Round
from instahide.attacks.unmixing.parts.signs import agree_on_signs
from instahide.attacks.unmixing.similarity import whitened
from instahide.attacks.unmixing.state import NOBODY, Assignment
from instahide.encodings.instahide.scheme import Scheme
from instahide.errors import InstaHideError

pytestmark = pytest.mark.slow

__all__ = ["challenges", "few_rounds"]  # fixtures


def brute_force(row, images, ridge, mean):
    """The nearest pair by scipy's NNLS, the prior as two rows more."""
    best = (np.inf, None, None)
    for a in range(len(images)):
        for b in range(a + 1, len(images)):
            system = np.vstack([images[[a, b]].T, np.sqrt(ridge) * np.eye(2)])
            target = np.append(row, np.full(2, np.sqrt(ridge) * mean))
            weights, norm = nnls(system, target)
            if norm**2 < best[0]:
                best = (norm**2, (a, b), weights)
    return best


@pytest.mark.parametrize("ridge", [0.0, 2.0])
def test_free_pairs_are_those_of_least_squares_over_all_pairs(ridge):
    rng = np.random.default_rng(0)
    rows, images = rng.standard_normal((30, 12)), rng.standard_normal((5, 12))
    one = np.zeros((30, 2), int)
    parts = Parts(one, np.zeros((30, 2)), np.ones(30, bool), np.arange(5)[None])
    found = FreePairs(parts, WeightPrior(0.2, 1.0)).choose(
        rows @ images.T, images @ images.T, np.full(30, ridge), one
    )
    for row, pair, weights, cost in zip(rows, *found, strict=True):
        least, best, expected = brute_force(row, images, ridge, 0.2)
        assert cost + row @ row == pytest.approx(least, abs=1e-6)
        order = np.argsort(pair)
        if expected.min() > 0:  # where one image is enough, the other is arbitrary
            assert tuple(pair[order]) == best
            np.testing.assert_allclose(weights[order], expected, atol=1e-5)


def test_free_pairs_respect_padding_and_never_pair_an_image_with_itself():
    products, gram = np.array([[9.0, 1.0, 5.0]]), np.eye(3)
    first, second = np.array([[0, NOBODY]]), np.array([[0, 1]])
    found = nearest_pairs(products, gram, np.zeros(1), 0.0, first, second)
    assert found.tolist() == [[0, 1]]


def test_the_prior_is_that_of_the_scheme():
    rng = np.random.default_rng(1)
    # Two images alone: λ is uniform on no simple scale, but its mean is one half.
    prior = weight_prior(Scheme(k=2, c1=1.0, c2=0.0), rng, power=1, draws=50_000)
    assert prior.mean == pytest.approx(0.5, abs=0.01)
    assert 0 < prior.variance < 1 / 12


def test_no_labels_are_one_class_of_all():
    parts = parts_of_pairs(strip_labels(np.ones((3, 2), np.float32), "none"), 5)
    assert parts.classes.tolist() == [[0, 0]] * 3
    assert parts.same.all()
    assert parts.candidates[0].tolist() == [[0, 1, 2, 3, 4]] * 2


@pytest.mark.parametrize("labels", ["classes", "none"])
def test_pairs_and_weights_are_found_without_coefficients(labels):
    rng = np.random.default_rng(2)
    pairs, label, mixed = simulate(rng, [3, 5], 600, 200, power=2)
    label = strip_labels(label, labels)
    roster = make_roster(np.array([3, 5] if labels == "classes" else [8]))
    parts = replace(parts_of_pairs(label, 8), roster=roster)
    start = cluster_rows(mixed, parts)
    found = fit_free_pairs(mixed, parts, start, WeightPrior(0.1, 0.01), rounds=6)
    together = np.zeros((8, 8))
    np.add.at(together, (found.members[:, :, None], pairs[:, None, :]), 1)
    names = together.argmax(axis=1)[found.members]
    assert (np.sort(names) == np.sort(pairs)).all(axis=1).mean() > 0.95


def test_images_are_scaled_to_the_expected_mean_weight():
    images = np.array([[0, 1], [1, 2], [2, 0]])
    weights = np.array([[1, 2], [4, 3], [5, 3]], np.float32)
    scaled = equal_scale(images, weights, 0.5, 3)
    for image in range(3):
        assert scaled[images == image].mean() == pytest.approx(0.5)


def test_rows_agree_on_their_signs():
    rng = np.random.default_rng(3)
    field = learn_field(smooth_images(rng, 300) - 0.3)
    images = smooth_images(rng, 6).reshape(6, -1)
    design = np.zeros((200, 6), np.float32)
    pairs = np.array([rng.choice(6, 2, replace=False) for _ in range(200)])
    np.put_along_axis(design, pairs, rng.uniform(0.2, 0.4, (200, 2)), axis=1)
    rest = 1 - design.sum(axis=1, keepdims=True)
    rows = design @ images + rest * field.mean + 0.1 * field.sample(rng, 200)
    signs = np.where(rng.random(200) < 0.3, -1, 1).astype(np.float32)
    found = agree_on_signs(field, rows * signs[:, None], design)
    assert (found == signs).mean() > 0.95


def knowing(problem, labels):
    return replace(problem, label=strip_labels(problem.label, labels), labels=labels)


FREE = unmixing(similarity="whitened,mixtures=3000", assignment="free", retrieval="free")


@pytest.mark.parametrize("labels", ["classes", "none"])
def test_images_are_recovered_without_coefficients(challenges, labels, monkeypatch):
    monkeypatch.setattr(
        blind, "BLIND_ROUNDS", (Round(10, 0.3), Round(10, 0.1), Round(12, 0.02))
    )
    found, private = challenges
    problem = knowing(found["cross"], labels)
    recovery, state, _ = unmix(problem, FREE)
    assert np.median(nearest(recovery.private, private)) < 0.15
    assert state.assignment.weights.sum(axis=1).max() <= 1


@pytest.mark.parametrize("labels", ["classes", "none"])
def test_jobs_that_share_the_search_for_neighbours_come_to_the_same(challenges, labels):
    problem = knowing(challenges[0]["cross"], labels)
    features = whitened(problem, np.random.default_rng(1), mixtures=2000)
    found = []
    for count in (1, 3):
        shares = [
            find_neighbours(problem, features, np.random.default_rng(0), part=(number, count))
            for number in range(count)
        ]
        found.append(assign_scattered(problem, shares, np.random.default_rng(0)))
    np.testing.assert_array_equal(found[0].members, found[1].members)
    np.testing.assert_array_equal(found[0].weights, found[1].weights)
    assert (found[0].members != NOBODY).all()


def test_a_scattered_attack_runs_from_end_to_end(challenges, monkeypatch):
    monkeypatch.setattr(blind, "BLIND_ROUNDS", (Round(10, 0.3), Round(12, 0.05)))
    problem = knowing(challenges[0]["cross"], "none")
    attack = unmixing(assignment="scattered", retrieval="free", labels="none")
    names = [(step.name, step.parts > 1) for step in attack.steps]
    assert names[1:3] == [("neighbours", True), ("assignment", False)]
    recovery, _ = run_steps(attack.steps, problem)
    assert np.median(nearest(recovery.private, challenges[1])) < 0.3


def test_parts_are_found_again_in_their_files(challenges, tmp_path):
    problem = knowing(challenges[0]["cross"], "none")
    about = {"scheme": vars(problem.scheme)}
    released = Released(problem.magnitudes.reshape(-1, *problem.shape), problem.label)
    seen = see(released, problem.public, about, problem.image_count, "none")
    attack = unmixing(assignment="scattered", retrieval="free", labels="none")
    files = []
    for number, step in enumerate(attack.steps[:3]):
        given = files
        files = [tmp_path / f"{number}-{part}" / step.product for part in range(step.parts)]
        for part, file in enumerate(files):
            file.parent.mkdir()
            share = (part, step.parts) if step.parts > 1 else None
            save_step(file, Attack.of(attack.until(number)), given, seen, part=share)
    found = Assignment.load(files[0])
    assert len(found) == len(problem.label)
    assert (found.members != NOBODY).all()


def test_coefficients_on_the_labels_change_nothing(challenges, monkeypatch):
    monkeypatch.setattr(blind, "BLIND_ROUNDS", (Round(6, 0.3),))
    problem = challenges[0]["cross"]
    one, two = (unmix(given, FREE)[0] for given in (problem, knowing(problem, "classes")))
    np.testing.assert_array_equal(one.decryption, two.decryption)


def test_rows_without_masks_are_refused(challenges):
    with pytest.raises(InstaHideError, match="scheme mixup: without coefficients"):
        unmix(challenges[0]["mixup"], FREE)
