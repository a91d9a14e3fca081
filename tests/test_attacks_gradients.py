"""Rows recovered from gradients of training steps."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_attacks_field import smooth_images

from instahide.attacks.gradients.dense import input_from_gradient
from instahide.attacks.gradients.lastlayer import label_from_gradient
from instahide.attacks.gradients.matching import (
    Matching,
    SeenSteps,
    gradient_of,
    match_gradient,
    match_steps,
)
from instahide.errors import InstaHideError

SHAPE, CLASSES = (8, 8, 3), 5


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture
def torch():
    return pytest.importorskip("torch")


@pytest.fixture
def network(torch):
    torch.manual_seed(1)
    nn = torch.nn
    return nn.Sequential(
        nn.Conv2d(3, 12, 3, padding=1), nn.GELU(), nn.Flatten(), nn.Linear(768, CLASSES)
    )


def masked(rng, count):
    images = smooth_images(rng, count, SHAPE).astype(np.float32)
    return images * rng.choice(np.float32([-1, 1]), images.shape)


@given(st.integers(1, 6), st.integers(1, 9), st.integers(0, 2**32 - 1))
def test_a_dense_layers_gradient_is_its_input(units, size, seed):
    rng = np.random.default_rng(seed)
    x, delta = rng.standard_normal(size), rng.standard_normal(units)
    delta[rng.integers(units)] = 1.0
    found = input_from_gradient(np.outer(delta, x), delta)
    np.testing.assert_allclose(found, x, rtol=1e-5, atol=1e-6)


def test_many_steps_at_once_are_as_each(rng):
    x, delta = rng.standard_normal((7, 4)), rng.standard_normal((7, 3))
    gradients = np.einsum("su,sd->sud", delta, x)
    np.testing.assert_allclose(input_from_gradient(gradients, delta), x, rtol=1e-5, atol=1e-6)


def test_a_batch_gives_a_mixture_of_its_rows(rng):
    x, delta = rng.standard_normal((2, 4)), rng.standard_normal((2, 3))
    found = input_from_gradient(delta.T @ x, delta.sum(axis=0))
    weights = delta @ delta.sum(axis=0) / np.square(delta.sum(axis=0)).sum()
    np.testing.assert_allclose(found, weights @ x, rtol=1e-4, atol=1e-5)
    assert weights.sum() == pytest.approx(1)


def test_no_gradient_tells_nothing():
    with pytest.raises(InstaHideError, match="a bias has no gradient"):
        input_from_gradient(np.zeros((3, 4)), np.zeros(3))


def test_gradients_that_do_not_fit_are_refused():
    with pytest.raises(InstaHideError, match=r"is \(3, 4\) and that of the bias \(4,\)"):
        input_from_gradient(np.ones((3, 4)), np.ones(4))


def test_a_real_step_of_a_dense_network_gives_its_row(torch, rng):
    row, label = masked(rng, 1), np.eye(CLASSES, dtype=np.float32)[:1] * 0.6
    nn = torch.nn
    network = nn.Sequential(nn.Flatten(), nn.Linear(192, 16), nn.ReLU(), nn.Linear(16, CLASSES))
    weight, bias, *_ = gradient_of(network, row, label)
    planes = input_from_gradient(weight, bias).reshape(3, 8, 8)
    np.testing.assert_allclose(planes.transpose(1, 2, 0), row[0], atol=1e-5)


@given(
    st.lists(st.sampled_from([0.0, 0.01, 0.3, 0.62]), min_size=2, max_size=9),
    st.integers(1, 6),
    st.integers(0, 2**32 - 1),
)
def test_the_last_layers_gradient_is_its_label(values, units, seed):
    rng, label = np.random.default_rng(seed), np.array([*values, 0.0])
    label[rng.integers(len(values))] = 0.2
    weight, bias = rng.standard_normal((len(label), units)), rng.standard_normal(len(label))
    inside = rng.standard_normal(units)
    outputs = np.exp(weight @ inside + bias)
    delta = label.sum() * outputs / outputs.sum() - label
    found = label_from_gradient((np.outer(delta, inside), delta), (weight, bias))
    np.testing.assert_allclose(found, label, atol=1e-4)


def test_a_real_step_gives_its_label(network, rng):
    label = np.float32([[0.4, 0, 0.3, 0, 0]])
    gradient = gradient_of(network, masked(rng, 1), label)
    layer = tuple(part.detach().numpy() for part in tuple(network.parameters())[-2:])
    found = label_from_gradient(tuple(gradient[-2:]), layer)
    np.testing.assert_allclose(found, label[0], atol=1e-5)
    assert (found[[1, 3, 4]] == 0).all()


def test_steps_at_other_weights_are_searched_through_together(torch, network, rng):
    rows, labels = masked(rng, 4), np.zeros((4, CLASSES), np.float32)
    labels[np.arange(4), [0, 1, 2, 0]] = 0.3
    labels[:, 4] = [0.1, 0.2, 0.3, 0.4]
    rows, labels = rows.reshape(2, 2, *SHAPE), labels.reshape(2, 2, CLASSES)
    weights, gradients = [], []
    for row, label in zip(rows, labels, strict=True):
        weights.append([part.detach().numpy().copy() for part in network.parameters()])
        gradients.append(gradient_of(network, row, label))
        with torch.no_grad():
            for parameter in network.parameters():
                parameter.add_(0.05 * torch.randn(parameter.shape))
    weights, gradients = (
        [np.stack(parts) for parts in zip(*steps, strict=True)]
        for steps in (weights, gradients)
    )
    settings = Matching(100, 0.1, variation=0.0, signed=False)
    found = match_steps(network, SeenSteps(weights, gradients, labels), SHAPE, rng, settings)
    assert found.shape == rows.shape
    for row, truth in zip(found.reshape(4, -1), rows.reshape(4, -1), strict=True):
        assert np.square(row - truth).sum() < 0.05 * np.square(truth).sum()


def test_matching_gives_a_masked_row_with_its_signs(network, rng):
    row, label = masked(rng, 1), np.float32([[0.4, 0, 0.3, 0, 0]])
    gradient = gradient_of(network, row, label)
    settings = Matching(steps=300, variation=0.0)
    found = match_gradient(network, gradient, label, SHAPE, rng, settings)
    assert np.square(found - row).sum() < 0.05 * np.square(row).sum()
    assert ((found > 0) == (row > 0)).mean() > 0.9
    assert np.abs(found).max() <= 1


def test_total_variation_smooths_what_is_found(network, rng):
    row, label = masked(rng, 1), np.float32([[1, 0, 0, 0, 0]])
    gradient = gradient_of(network, row, label)
    rough, smooth = (
        match_gradient(network, gradient, label, SHAPE, rng, Matching(60, variation=variation))
        for variation in (0.0, 10.0)
    )
    differences = [np.abs(np.diff(found, axis=1)).mean() for found in (rough, smooth)]
    assert differences[1] < 0.2 * differences[0]


def test_of_several_starts_the_nearest_gradient_is_kept(network, rng):
    row, label = masked(rng, 1), np.float32([[1, 0, 0, 0, 0]])
    gradient = gradient_of(network, row, label)

    def distance(starts):
        settings = Matching(20, variation=0.0, starts=starts)
        found = match_gradient(
            network, gradient, label, SHAPE, np.random.default_rng(0), settings
        )
        other = gradient_of(network, found, label)
        one, two = (np.concatenate([part.ravel() for part in g]) for g in (gradient, other))
        return 1 - one @ two / np.linalg.norm(one) / np.linalg.norm(two)

    assert distance(4) <= distance(1) + 1e-3


def test_a_gradient_of_another_network_is_refused(network, rng):
    with pytest.raises(InstaHideError, match=r"are \[\(1, 3\)\], and the network's \[\(1, 12"):
        match_gradient(
            network, [np.ones(3)], np.ones((1, CLASSES), np.float32), SHAPE, rng, Matching(1)
        )


def test_a_gradient_without_numbers_is_refused(network, rng):
    label = np.float32([[1, 0, 0, 0, 0]])
    gradient = [part * np.nan for part in gradient_of(network, masked(rng, 1), label)]
    with pytest.raises(InstaHideError, match="what is no number"):
        match_gradient(network, gradient, label, SHAPE, rng, Matching(1))
