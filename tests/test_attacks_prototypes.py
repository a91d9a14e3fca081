"""The second network of the attack of 2020: prototypes of clusters, and candidates."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from neuralrows import IMAGES, SCHEME, SHAPE, make_public, make_rows, share_right
from unmixing import unmix

from instahide.attacks.catalogue import NAMED, unmixing
from instahide.attacks.neural import prototypetraining
from instahide.attacks.neural.networks import make_pair_network, make_prototype_network
from instahide.attacks.neural.prototypes import (
    assign_by_prototypes,
    assign_by_stacks,
    draw_prototypes,
    mean_of_others,
)
from instahide.attacks.neural.prototypetraining import (
    draw_lessons,
    train_on_prototypes,
    train_on_stacks,
)
from instahide.attacks.neural.rows import draw_rows
from instahide.attacks.neural.weights import weigh_network
from instahide.attacks.unmixing.state import NOBODY, mix
from instahide.errors import InstaHideError
from instahide.pytorch import steadily


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture(scope="module")
def made():
    return make_rows()


def test_options_go_to_the_training_or_to_the_assignment():
    text = "prototypes,steps=7,by=matching"
    attack = unmixing(similarity="neural,steps=5", assignment=text)
    assert [step.choice.text for step in attack.steps] == [
        "rows,steps=5", "neural", "prototypes,steps=7", "prototypes,by=matching", "field",
        "local",
    ]  # fmt: skip
    (weights,) = attack.files(2)
    assert unmixing(assignment="prototypes,steps=7").files(1) == [weights]
    assert attack.left_before(3) == [*attack.files(1), weights]
    assert len({step.product for step in attack.steps}) == len(attack.steps)


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 2**31), st.integers(1, 3))
def test_a_row_is_not_judged_by_itself(seed, draws):
    """The oracle goes through all draws; among four rows some are prototypes of every one."""
    rng = np.random.default_rng(seed)
    scores = rng.random((4, 2, draws)).astype(np.float32)
    drawn = np.array([[rng.permutation(4)[:3] for _ in range(draws)] for _ in range(2)])
    found = mean_of_others(scores, drawn)
    for row in range(4):
        for cluster in range(2):
            others = [x for x in range(draws) if row not in drawn[cluster, x]]
            expected = scores[row, cluster, others or slice(None)].mean()
            assert found[row, cluster] == pytest.approx(expected, rel=1e-5)


def test_prototypes_are_those_that_their_cluster_is_surest_of(rng):
    scores = rng.random((40, 40)).astype(np.float32)
    scores += scores.T
    clusters = np.array([np.arange(20), np.arange(40)[:19:-1]])
    drawn = draw_prototypes(scores, clusters, 30, rng)
    assert drawn.shape == (2, 30, 3)
    assert all(len(set(three)) == 3 for three in drawn.reshape(-1, 3))
    for cluster, of_one in zip(clusters, drawn, strict=True):
        totals = {row: scores[row, cluster].sum() for row in cluster}
        assert set(of_one.ravel()) == set(sorted(cluster, key=totals.get)[-8:])  # of 20


def test_clusters_of_two_rows_have_prototypes_too(rng):
    drawn = draw_prototypes(np.ones((4, 4)), np.array([[0, 1], [2, 3]]), 5, rng)
    assert drawn.shape == (2, 5, 3)
    assert set(drawn[1].ravel()) <= {2, 3}


def test_lessons_are_of_rows_that_hold_most_of_an_image(rng):
    rows = draw_rows(make_public(), SCHEME, rng, 100, 12)
    prototypes, holds, fair = draw_lessons(rows, rng)
    amount = mix(rows.members, rows.weights, 12)
    assert len(prototypes) == 2 * 12
    for number, three in enumerate(prototypes):
        image = number // 2
        assert (holds[:, number] == (amount[:, image] > 0)).all()
        assert np.sort(amount[:, image])[-5] <= amount[three, image].min()
        assert set(np.flatnonzero(~fair[:, number])) == set(three)


def test_images_that_hardly_any_row_holds_teach_nothing(rng):
    rows = draw_rows(make_public(), SCHEME, rng, 6, 40)
    prototypes, holds, fair = draw_lessons(rows, rng)
    often = (mix(rows.members, rows.weights, 40) > 0).sum(axis=0) >= 3
    assert len(prototypes) == holds.shape[1] == fair.shape[1] == 2 * often.sum()


def test_it_does_not_matter_which_prototype_comes_first():
    torch = pytest.importorskip("torch")
    with steadily(0), torch.no_grad():
        network = make_prototype_network(SHAPE).eval()
        planes = torch.rand(6, 3, 8, 8)
        one, other = (network.common(planes, np.array([x])) for x in ([0, 2, 5], [5, 0, 2]))
        candidates, both = network(planes, np.array([[0, 2, 5]]))
        torch.testing.assert_close(one, other)
        torch.testing.assert_close(one, both)
        torch.testing.assert_close(network.candidates(planes), candidates)
        torch.testing.assert_close(candidates.norm(dim=1), torch.ones(6))


def test_the_second_network_learns_to_share_rows_out(made, rng, tmp_path):
    """Clusters are right, and all that the network has to tell is who belongs to them."""
    pytest.importorskip("torch")
    problem, rows = made
    weights = tmp_path / "prototypes.pt"
    train_on_prototypes(problem, rng, path=weights, steps=60)
    features = mix(rows.members, rows.weights, IMAGES)
    found = assign_by_prototypes(problem, features, weights, rng, by="matching")
    by_chance = 1 / 3  # of three images of a class
    assert share_right(found, rows) > by_chance + 0.15


def test_the_second_network_of_2020_can_be_used(made, rng, tmp_path):
    torch = pytest.importorskip("torch")
    network = make_pair_network(3, rows=4)
    convolutions = [x for x in network.modules() if isinstance(x, torch.nn.Conv2d)]
    assert sum(x.kernel_size == (3, 3) for x in convolutions) == 25
    assert convolutions[0].in_channels == 12 and convolutions[-1].out_channels == 384
    problem = replace(made[0], magnitudes=made[0].magnitudes[:24], label=made[0].label[:24])
    weights, features = tmp_path / "stacks.pt", mix(made[1].members, made[1].weights, IMAGES)
    train_on_stacks(problem, rng, path=weights, steps=1, depth=10, width=1)
    found = assign_by_stacks(problem, features[:24], weights, rng, by="matching", draws=2)
    assert (found.members != NOBODY).all()
    scores = features[:24] @ features[:24].T
    assign_by_stacks(problem, scores, weights, rng, draws=1, scores=True)
    with pytest.raises(InstaHideError, match="does not hold the weights of this network"):
        assign_by_prototypes(problem, features[:24], weights, rng)


@pytest.mark.parametrize("kept", [0, 10, 5000])
def test_weights_cut_short_are_told(kept, tmp_path, made, rng):
    pytest.importorskip("torch")
    path = tmp_path / "weights.pt"
    train_on_prototypes(made[0], rng, path=path, steps=1)
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(InstaHideError, match=r"weights\.pt is damaged, or holds no weights"):
        weigh_network(path, "prototypes", lambda: None)


def test_the_attack_runs_with_both_networks(made, monkeypatch):
    pytest.importorskip("torch")
    monkeypatch.setattr("instahide.attacks.neural.training.BATCH_ROWS", 32)
    monkeypatch.setattr(prototypetraining, "TAUGHT_ROWS", 64)
    chosen = {"similarity": "neural,steps=3", "assignment": "prototypes,steps=3"}
    attack = unmixing("both", **NAMED["neural"] | chosen | {"retrieval": "adam,steps=20"})
    recovery, _, watch = unmix(made[0], attack)
    assert recovery.decryption.shape == (240, *SHAPE)
    told = [stage.get("sha256") for stage in watch.stages if stage["name"] == "network"]
    assert len(set(told)) == 2 and None not in told


@pytest.mark.parametrize("draws", [0, -1, 2.0, True])
def test_draws_are_one_or_more(draws, rng):
    with pytest.raises(InstaHideError, match=r"draws=.*: give a whole number of 1 or more"):
        draw_prototypes(np.eye(6, dtype=np.float32), np.arange(6)[None], draws, rng)
