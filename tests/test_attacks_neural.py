"""The attack of 2020 and its parts: descent, clusters, sharing out, networks, colours."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from neuralrows import IMAGES, SHAPE, make_public, make_rows, share_right
from scipy.optimize import approx_fprime
from scipy.sparse import csr_matrix
from unmixing import unmix

from instahide.attacks.catalogue import NAMED, unmixing
from instahide.attacks.neural import descent, finish
from instahide.attacks.neural.cliques import assign_by_cliques
from instahide.attacks.neural.clusters import cosines_of
from instahide.attacks.neural.descent import descend, fill_range
from instahide.attacks.neural.growing import grow_clusters, thin_clusters, total_scores
from instahide.attacks.neural.networks import make_pair_network, make_row_network
from instahide.attacks.neural.retrieval import descend_to_images
from instahide.attacks.neural.rows import draw_rows
from instahide.attacks.neural.sharing import share_by_matching, share_greedily
from instahide.attacks.neural.similarity import learnt, load_pair_network, pair_scores
from instahide.attacks.neural.training import train_on_pairs, train_on_rows
from instahide.attacks.unmixing.state import NOBODY, Assignment, mix
from instahide.encodings.instahide.scheme import Scheme
from instahide.errors import InstaHideError


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture(scope="module")
def public():
    return make_public()


@pytest.fixture(scope="module")
def made():
    return make_rows()


def test_a_step_of_the_descent_goes_down_the_slope_of_the_better_sign(rng):
    """The oracle is a slope by differences, and Adam written once more, for one step."""
    design = rng.uniform(0, 0.5, (7, 3))
    seen, start = rng.uniform(0, 1, (7, 1)), rng.standard_normal((3, 1))

    def loss(images):
        mixtures = design @ images[:, None]
        return np.minimum((mixtures - seen) ** 2, (mixtures + seen) ** 2).sum()

    slope = approx_fprime(start[:, 0], loss, 1e-7)
    found = descend(
        csr_matrix(design.astype(np.float32)), seen.astype(np.float32),
        start.astype(np.float32), steps=1, rate=0.01,
    )  # fmt: skip
    np.testing.assert_allclose(found[:, 0], start[:, 0] - 0.01 * np.sign(slope), atol=1e-5)


def test_the_descent_finds_images_from_a_start_nearby(rng, monkeypatch):
    monkeypatch.setattr(descent, "ROW_NUMBERS", 200)  # several parts, the last one smaller
    images = rng.uniform(-1, 1, (4, 50)).astype(np.float32)
    design = csr_matrix(rng.uniform(0, 0.6, (30, 4)).astype(np.float32))
    near = images + 0.05 * rng.standard_normal(images.shape, np.float32)
    found = descend(design, np.abs(design @ images), near, steps=800, rate=0.005)
    assert np.abs(found - images).mean() < 0.01


def test_from_zeros_all_begins_negative():
    one = csr_matrix(np.ones((1, 1), np.float32))
    seen = np.full((1, 2), 0.5, np.float32)
    assert (descend(one, seen, np.zeros((1, 2), np.float32), steps=3, rate=0.01) < 0).all()


@given(st.lists(st.lists(st.floats(-5, 5, width=32), min_size=3, max_size=3), min_size=1))
def test_stretched_images_reach_from_one_end_to_the_other(rows):
    images = np.array(rows, np.float32)
    found = fill_range(images)
    flat = (images.max(axis=1) - images.min(axis=1)) / 2 <= np.float32(1e-3)
    assert np.isfinite(found).all()
    np.testing.assert_allclose(found[~flat].min(axis=1), -1, atol=1e-3)
    np.testing.assert_allclose(found[~flat].max(axis=1), 1, atol=1e-3)
    assert not found[flat].any()


def test_clusters_grow_by_the_best_total_score(rng):
    scores = rng.standard_normal((12, 12))
    scores = (scores + scores.T).astype(np.float32)
    for cluster in grow_clusters(scores, np.arange(12), 5):
        for place in range(1, 5):
            others = np.setdiff1d(np.arange(12), cluster[:place])
            totals = scores[np.ix_(others, cluster[:place])].sum(axis=1)
            assert cluster[place] == others[totals.argmax()]
    assert total_scores(scores, np.array([[3, 4]]))[0] == pytest.approx(scores[3, 4])


def test_thinned_clusters_are_disjoint_where_they_can_be():
    clusters = np.array([[0, 1, 2, 3], [0, 1, 2, 4], [5, 6, 7, 8], [1, 2, 3, 4]])
    worth = np.array([0.5, 0.9, 0.1, 0.8])
    assert thin_clusters(clusters, worth, 2).tolist() == [1, 2]
    assert sorted(thin_clusters(clusters, worth, 4)) == [0, 1, 2, 3]


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 2**31))
def test_a_matching_has_the_greatest_sum_there_is(seed):
    """The oracle tries everything."""
    rng = np.random.default_rng(seed)
    table, places = rng.standard_normal((4, 2)).astype(np.float32), rng.integers(1, 3, 4)
    most = -(-int(places.sum()) // 2)
    taken = share_by_matching(table, places, most)
    assert (taken.sum(axis=1) == places).all()
    assert (taken.sum(axis=0) <= most).all()
    every = (np.array(x, bool).reshape(4, 2) for x in product((0, 1), repeat=8))
    best = max(
        table[x].sum()
        for x in every
        if (x.sum(axis=1) == places).all() and (x.sum(axis=0) <= most).all()
    )
    assert table[taken].sum() == pytest.approx(best, abs=1e-4)


def test_a_matching_without_room_is_refused():
    with pytest.raises(InstaHideError, match="4 rows do not fit into 2 clusters of 1"):
        share_by_matching(np.zeros((4, 2), np.float32), np.ones(4, int), 1)


def test_greedy_clusters_take_their_closest_and_no_row_more_than_it_has_places(rng):
    table, places = rng.standard_normal((30, 5)).astype(np.float32), rng.integers(1, 3, 30)
    taken = share_greedily(table, places, 8)
    assert (taken.sum(axis=1) <= places).all()
    for number in range(5):
        closest = np.argsort(-table[:, number])[:8]
        assert set(np.flatnonzero(taken[:, number])) <= set(closest)
    assert taken[:, 0].sum() == 8


@pytest.mark.parametrize("by", ["greedy", "matching"])
def test_rows_that_share_an_image_come_to_one_cluster(made, rng, by):
    problem, rows = made
    holds = mix(rows.members, rows.weights, IMAGES)
    features = holds + 0.02 * rng.standard_normal(holds.shape, np.float32)
    found = assign_by_cliques(problem, features, rng, by=by)
    assert share_right(found, rows) > (0.9 if by == "matching" else 0.65)
    assert not found.weights[found.members == NOBODY].any()
    # An image stands at a place of its own class.
    classes = np.argsort(-problem.label, axis=1, kind="stable")
    two = (problem.label > 0).all(axis=1)[:, None] & (found.members != NOBODY)
    assert (found.members // 3 == classes)[two].all()
    same = assign_by_cliques(problem, cosines_of(features), rng, by=by, scores=True)
    assert np.array_equal(same.members, found.members)


def test_two_images_of_one_class_are_two(made, rng):
    problem, rows = made
    features = mix(rows.members, rows.weights, IMAGES)
    found = assign_by_cliques(problem, features, rng, by="matching")
    assert (found.members[:, 0] != found.members[:, 1]).all()


def test_other_words_for_sharing_out_and_starts_are_refused(made, rng):
    problem, rows = made
    with pytest.raises(InstaHideError, match="by=best: give greedy or matching"):
        assign_by_cliques(problem, np.ones((len(rows.members), 2)), rng, by="best")
    known = Assignment(rows.members, rows.weights)
    with pytest.raises(InstaHideError, match="start=ones: give zeros or rows"):
        descend_to_images(problem, known, rng, steps=1, start="ones")


def test_a_start_from_unmasked_rows_finds_the_images(made, rng, public):
    problem, rows = made
    state = descend_to_images(
        problem, Assignment(rows.members, rows.weights), rng, steps=200, start="rows"
    )
    design = mix(rows.members, rows.weights, IMAGES)
    best = np.linalg.lstsq(design, state.unmasked, rcond=None)[0]
    alike = [np.corrcoef(a, b)[0, 1] for a, b in zip(best, state.images[:-1], strict=True)]
    assert np.mean(alike) > 0.8
    np.testing.assert_allclose(np.abs(state.unmasked), problem.magnitudes)
    assert (state.level > 0).all()


def test_drawn_rows_are_what_the_scheme_makes(public, rng):
    rows = draw_rows(public, Scheme(), rng, 3000, 50)
    assert (rows.members[:, 0] != rows.members[:, 1]).all()
    assert (rows.weights.sum(axis=1) >= Scheme.c2 - 1e-6).all()
    assert rows.weights.max() <= Scheme.c1 + 1e-6
    assert rows.magnitudes.min() >= 0
    assert rows.magnitudes.max() <= np.abs(public).max()
    again = draw_rows(public, Scheme(), np.random.default_rng(0), 3000, 50)
    assert np.array_equal(again.magnitudes, rows.magnitudes)


def test_rows_with_nobody_hand_in_the_mean(made):
    problem, rows = made
    members, images = rows.members.copy(), np.zeros((IMAGES, 192), np.float32)
    images += np.arange(IMAGES, dtype=np.float32)[:, None] / 10
    members[0], members[1, 0] = NOBODY, NOBODY
    given = finish.hand_in_larger(problem, Assignment(members, rows.weights), images)
    handed = given.decryption[:, 0, 0, 0]
    assert handed[0] == pytest.approx(0.25)
    assert handed[1] == pytest.approx(members[1, 1] / 10)
    assert handed[2] == pytest.approx(members[2, 0] / 10)


def test_options_of_a_learnt_similarity_go_to_the_training():
    steps = unmixing("neural", **NAMED["neural"] | {"similarity": "neural,steps=7"}).steps
    assert [step.choice.text for step in steps] == [
        "rows,steps=7", "neural", "cliques", "adam", "scaled",
    ]  # fmt: skip
    beside = unmixing(similarity="neural-whitened,steps=7")
    assert beside.files(0) == unmixing(similarity="neural,steps=7").files(0)


def test_a_network_learns_which_rows_share_an_image(made, rng, tmp_path):
    pytest.importorskip("torch")
    problem, rows = made
    train_on_rows(problem, rng, path=tmp_path / "weights.pt", steps=60)
    features = learnt(problem, tmp_path / "weights.pt", rng)
    above = np.triu_indices(len(features), 1)
    scores, shared = cosines_of(features)[above], rows.share()[above]
    assert scores[shared].mean() > scores[~shared].mean() + 0.05


def test_an_interrupted_training_ends_where_the_other_does(made, tmp_path, monkeypatch):
    torch = pytest.importorskip("torch")
    problem, _ = made
    monkeypatch.setattr("instahide.attacks.neural.fitting.KEPT_EVERY", 2)
    monkeypatch.setattr("instahide.attacks.neural.training.BATCH_ROWS", 32)
    whole, broken, state = (tmp_path / name for name in ("whole", "broken", "state"))
    train_on_rows(problem, np.random.default_rng(3), path=whole, steps=5)

    def fail(path, kind, network):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("instahide.attacks.neural.training.save_weights", fail)
        with pytest.raises(KeyboardInterrupt):
            train_on_rows(problem, np.random.default_rng(3), path=broken, state=state, steps=5)
    train_on_rows(problem, np.random.default_rng(3), path=broken, state=state, steps=5)
    one, other = (torch.load(path, weights_only=True)["network"] for path in (whole, broken))
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_the_network_of_2020_is_the_published_one_and_can_be_used(made, rng, tmp_path):
    """Depth 28: a first convolution, and twelve blocks of two; width 6: up to 384 channels."""
    torch = pytest.importorskip("torch")
    network = make_pair_network(3)
    convolutions = [x for x in network.modules() if isinstance(x, torch.nn.Conv2d)]
    assert sum(x.kernel_size == (3, 3) for x in convolutions) == 25
    assert convolutions[0].in_channels == 6 and convolutions[-1].out_channels == 384
    with pytest.raises(InstaHideError, match="steps=0: give a whole number"):
        train_on_pairs(made[0], rng, path=tmp_path / "none.pt", steps=0)
    problem = replace(
        made[0], magnitudes=made[0].magnitudes[:12], label=made[0].label[:12], image_count=2
    )
    weights = tmp_path / "weights.pt"
    train_on_pairs(problem, rng, path=weights, steps=1, depth=10, width=1)
    assert len(list(load_pair_network(weights, 3).parameters())) < 60
    scores = pair_scores(problem, weights, rng)
    assert scores.shape == (12, 12)
    assert np.array_equal(scores, scores.T)
    assert np.isfinite(scores).all() and scores.any()
    with pytest.raises(InstaHideError, match="does not hold the weights of this network"):
        learnt(problem, weights, rng)


def test_the_small_network_gives_an_even_number_of_features():
    torch = pytest.importorskip("torch")
    network = make_row_network((8, 6, 1), width=4, blocks=1, maps=2)
    assert network(torch.zeros(5, 1, 8, 6)).shape == (5, 2 * 4 * 3)


@pytest.mark.parametrize("name", ["neural", "neural-v1"])
def test_the_attack_runs_from_end_to_end(made, name, monkeypatch):
    pytest.importorskip("torch")
    monkeypatch.setattr("instahide.attacks.neural.training.BATCH_ROWS", 32)
    monkeypatch.setattr(finish, "COLOUR_STEPS", 5)
    chosen = NAMED[name] | {"similarity": "neural,steps=3", "retrieval": "adam,steps=20"}
    recovery, state, watch = unmix(made[0], unmixing(name, **chosen))
    assert recovery.decryption.shape == (240, *SHAPE)
    assert np.abs(recovery.decryption).max() <= 1
    assert len(state) == 240
    assert watch.stages[0]["name"] == "network"
    assert ("photos_after" in recovery.details) == (name == "neural-v1")
