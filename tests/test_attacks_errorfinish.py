"""The finish that a network learned from the attack's own errors on made challenges."""

from dataclasses import replace

import numpy as np
import pytest
from test_attacks_field import smooth_images

from instahide.attacks.neural.errorfinish import (
    denoise_images,
    finish_learnt,
    finished_images,
    learn_errors,
    make_lesson,
)
from instahide.attacks.neural.rows import draw_rows
from instahide.attacks.protocol import Released
from instahide.attacks.unmixing.assignment import em
from instahide.attacks.unmixing.problem import make_problem
from instahide.attacks.unmixing.retrieval import field
from instahide.attacks.unmixing.similarity import whitened
from instahide.attacks.unmixing.state import mix
from instahide.encodings.instahide.scheme import Scheme
from instahide.errors import InstaHideError

SHAPE = (16, 16, 3)
IMAGES, ROWS = 10, 12
SCHEME = Scheme(k=4, rows_per_image=ROWS)


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture(scope="module")
def attacked():
    """A challenge of ten images of two classes, and the state of its retrieval."""
    rng = np.random.default_rng(1)
    public = smooth_images(rng, 300, SHAPE).astype(np.float32)
    rows = draw_rows(public, SCHEME, rng, IMAGES * ROWS, IMAGES)
    label = mix(rows.members // 5, rows.weights, 2)
    problem = make_problem(Released(rows.magnitudes, label), public, SCHEME, IMAGES)
    return problem, field(problem, em(problem, whitened(problem, rng), rng), rng)


def test_a_lesson_pairs_images_with_themselves(attacked, rng):
    problem, _ = attacked
    pairs = make_lesson(problem, rng)
    assert 0 < len(pairs) <= IMAGES
    assert pairs.seen.shape == pairs.clean.shape == (len(pairs), *SHAPE)
    photos = problem.public.reshape(len(problem.public), -1)
    for seen, clean in zip(pairs.seen, pairs.clean, strict=True):
        turned = np.stack([clean, clean[:, ::-1]]).reshape(2, -1)
        assert min(np.abs(photos - one).max(axis=1).min() for one in turned) == 0
        assert np.corrcoef(seen.ravel(), clean.ravel())[0, 1] > 0.8
    assert (pairs.deviation > 0).all()


def test_a_lesson_looks_at_sizes_only(attacked):
    problem, _ = attacked
    other = replace(problem, magnitudes=problem.magnitudes * 0, label=problem.label[:, ::-1])
    one, two = (make_lesson(x, np.random.default_rng(5)) for x in (problem, other))
    np.testing.assert_array_equal(one.seen, two.seen)


def test_what_cannot_be_is_refused_before_any_work(attacked, rng, monkeypatch):
    problem, state = attacked
    for wrong in ({"lessons": 0}, {"epochs": 1.5}):
        with pytest.raises(InstaHideError, match="whole number of 1 or more"):
            finish_learnt(problem, state, rng, **wrong)
    monkeypatch.setattr("instahide.pytorch.importlib.import_module", _missing)
    with pytest.raises(InstaHideError, match="PyTorch is not installed"):
        finish_learnt(problem, state, rng)


def _missing(name):
    raise ModuleNotFoundError(name)


def test_few_photos_are_refused(attacked, rng):
    pytest.importorskip("torch")
    problem, state = attacked
    with pytest.raises(InstaHideError, match="19 photos: lessons of 10 private images"):
        finish_learnt(replace(problem, public=problem.public[:19]), state, rng)


def test_lessons_of_which_nothing_comes_back_are_refused(attacked, rng, monkeypatch):
    pytest.importorskip("torch")
    monkeypatch.setattr("instahide.attacks.neural.errorfinish.LEAST_ALIKE", 2.0)
    with pytest.raises(InstaHideError, match="0 images of the lessons came back"):
        learn_errors(attacked[0], rng, 1, 1)


def test_the_network_helps_on_a_challenge_it_has_not_seen(attacked, rng):
    pytest.importorskip("torch")
    problem, state = attacked
    images = finished_images(problem, state)
    denoiser = learn_errors(problem, rng, 4, 30)
    clean = denoise_images(denoiser, problem, state, images)
    assert clean.shape == images.shape and not np.array_equal(clean, images)
    assert denoiser.after > denoiser.before


def test_a_seed_makes_one_recovery(attacked):
    pytest.importorskip("torch")
    problem, state = attacked
    one, two = (
        finish_learnt(problem, state, np.random.default_rng(3), lessons=2, epochs=1)
        for _ in range(2)
    )
    np.testing.assert_array_equal(one.decryption, two.decryption)
    assert one.details.keys() >= {"predicted_ssim", "photos_before", "photos_after"}
