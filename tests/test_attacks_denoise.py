"""The network that takes off what least squares leave, and the finish with it."""

import sys
from dataclasses import replace

import numpy as np
import pytest
from test_attacks_field import smooth_images

from instahide.attacks.protocol import Released
from instahide.attacks.unmixing import viewdenoise
from instahide.attacks.unmixing.parts.canvases import ViewedMixtures, rows_of, views_of
from instahide.attacks.unmixing.parts.denoiser import (
    Pairs,
    similarity_of_planes,
    train_denoiser,
)
from instahide.attacks.unmixing.parts.field import learn_field
from instahide.attacks.unmixing.problem import make_problem
from instahide.attacks.unmixing.state import Assignment, State
from instahide.attacks.unmixing.viewdenoise import (
    denoise_in_views,
    deviation_of,
    make_pairs,
    mix_errors,
    shrink_in_bands,
)
from instahide.attacks.unmixing.viewfinish import local_in_views
from instahide.encodings.augmentation import Augmentation
from instahide.encodings.instahide.scheme import Scheme
from instahide.errors import InstaHideError
from instahide.ssim import ssim

SHAPE = (8, 8, 3)
IMAGES = 4
NOISE = np.float32(0.6)


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture(scope="module")
def public():
    return smooth_images(np.random.default_rng(1), 800, SHAPE).astype(np.float32)


@pytest.fixture
def retrieved(rng, public):
    """A problem of four images, and a state near the truth."""
    members = rng.integers(0, 3, (40, 2))
    labels = np.ones((40, 2), np.float32) / 2
    problem = make_problem(
        Released(rng.uniform(-1, 1, (40, *SHAPE)).astype(np.float32), labels),
        public, Scheme(k=4), IMAGES, "classes", augmentation=Augmentation(2, True),
    )  # fmt: skip
    views = views_of(problem)
    images = smooth_images(rng, IMAGES + 1, SHAPE).reshape(IMAGES + 1, -1).astype(np.float32)
    members = views.join(rng.integers(0, IMAGES, (40, 2)), rng.integers(0, len(views), (40, 2)))
    assignment = Assignment(members, np.full((40, 2), 0.35, np.float32))
    rows = ViewedMixtures(rows_of(views, assignment, IMAGES), images)[:]
    rows += 0.1 * rng.standard_normal(rows.shape, np.float32)
    return problem, State(images, assignment, np.full(40, 0.1, np.float32), rows)


@pytest.fixture
def pairs(rng, public):
    """Photos under white noise, which is easily told from them."""
    noisy = public + NOISE * rng.standard_normal(public.shape, np.float32)
    return Pairs(noisy, public, np.full(len(public), NOISE, np.float32))


def test_without_pytorch_it_is_refused_before_any_work(retrieved, rng, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    monkeypatch.setattr(viewdenoise, "solve_bands_in_views", None)
    with pytest.raises(InstaHideError, match=r"PyTorch is not installed: .*instahide\[torch\]"):
        denoise_in_views(*retrieved, rng)


@pytest.mark.parametrize("epochs", [0, -1, 1.5, True, "2"])
def test_epochs_that_are_none_are_refused(retrieved, rng, epochs):
    with pytest.raises(InstaHideError, match=r"epochs=.*: give a whole number of 1 or more"):
        denoise_in_views(*retrieved, rng, epochs=epochs)


def test_too_few_photos_are_refused(retrieved, rng):
    problem, state = retrieved
    with pytest.raises(InstaHideError, match="3 photos: the network learns from 20 or more"):
        denoise_in_views(replace(problem, public=problem.public[:3]), state, rng)


def test_errors_are_as_large_as_public_images_and_without_their_mean(rng, public):
    field = learn_field(public)
    errors = mix_errors(public.reshape(len(public), -1), field, 2000, rng)
    assert np.square(errors).mean() == pytest.approx(field.power, rel=0.1)
    assert np.abs(errors.mean(axis=0)).max() < 0.15 * np.sqrt(field.power)


def test_nothing_is_drawn_to_0_where_there_are_no_errors(rng, public):
    images = public[:20].reshape(20, -1)
    found = shrink_in_bands(images, np.full(20, 1e-9), learn_field(public))
    np.testing.assert_allclose(found, images, atol=1e-3)


def test_what_images_have_less_than_errors_is_drawn_to_0(rng, public):
    field = learn_field(public)
    images = np.repeat(rng.uniform(-0.5, 0.5, (200, 1)), 192, axis=1).astype(np.float32)
    seen = images + np.float32(0.3) * field.sample(rng, 200)
    found = shrink_in_bands(seen, np.full(200, 0.09), field)
    assert np.square(found - images).mean() < 0.9 * np.square(seen - images).mean()


def test_pairs_are_photos_with_errors_of_the_variance_that_is_told(rng, public):
    field, variance = learn_field(public), np.array([0.01, 0.04])
    pairs = make_pairs(public, field, variance, rng)
    assert pairs.seen.shape == pairs.clean.shape == public.shape
    assert sorted(pairs.clean.sum(axis=(1, 2, 3))) == sorted(public.sum(axis=(1, 2, 3)))
    told = deviation_of(variance, field)
    assert told[0] * 0.5 < pairs.deviation.min() < pairs.deviation.max() < told[1] * 2
    share = np.square(pairs.seen - pairs.clean).mean() / np.square(pairs.deviation).mean()
    assert 0.4 < share < 1.1


def test_a_network_takes_off_noise(pairs, rng):
    pytest.importorskip("torch")
    denoiser = train_denoiser(pairs, 10, rng)
    assert denoiser.after > denoiser.before
    fresh = np.random.default_rng(7)
    clean = smooth_images(fresh, 50, SHAPE).astype(np.float32)
    noisy = clean + NOISE * fresh.standard_normal(clean.shape, np.float32)
    found = denoiser.denoise(noisy, np.full(50, NOISE, np.float32))
    assert np.square(found - clean).mean() < 0.9 * np.square(noisy - clean).mean()


def test_similarity_of_tensors_is_that_of_images(rng, public):
    torch = pytest.importorskip("torch")
    one, other = (np.clip(x, -1, 1) for x in (public[:9], public[:9] + 0.2 * public[9:18]))
    planes = [torch.from_numpy(x.transpose(0, 3, 1, 2).copy()) for x in (one, other)]
    assert float(similarity_of_planes(*planes)) == pytest.approx(ssim(one, other).mean(), 1e-4)


def test_a_seed_makes_one_network_and_leaves_pytorch_as_it_was(pairs):
    torch = pytest.importorskip("torch")
    before, threads = torch.get_rng_state(), torch.get_num_threads()
    one, other, third = (
        train_denoiser(pairs[:60], 1, np.random.default_rng(seed)).denoise(
            pairs.seen, pairs.deviation
        )
        for seed in (3, 3, 4)
    )
    np.testing.assert_array_equal(one, other)
    assert (one != third).any()
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.get_num_threads() == threads


@pytest.mark.parametrize("shape", [(9, 7, 1), (40, 33, 3)])
def test_pictures_may_be_odd_and_larger_than_what_is_learned_from(rng, shape):
    pytest.importorskip("torch")
    images = rng.uniform(-1, 1, (20, *shape)).astype(np.float32)
    deviation = np.full(20, 0.1, np.float32)
    denoiser = train_denoiser(Pairs(images, images, deviation), 1, rng)
    found = denoiser.denoise(images, deviation)
    assert found.shape == images.shape
    assert np.isfinite(found).all()


def test_the_finish_hands_in_images_that_the_network_has_seen(retrieved):
    pytest.importorskip("torch")
    plain = local_in_views(*retrieved, np.random.default_rng(0))
    found = denoise_in_views(*retrieved, np.random.default_rng(0), epochs=1)
    assert found.decryption.shape == plain.decryption.shape == (40, *SHAPE)
    assert np.abs(found.decryption).max() <= 1
    change = np.abs(found.private - plain.private).mean()
    assert 0 < change < 0.1
    assert set(found.details) == {"predicted_ssim", "photos_before", "photos_after"}
    assert set(found.arrays["assignment"]) == {"members", "weights", "flipped", "shifts"}
