from dataclasses import replace

import numpy as np
import pytest
from scipy.fft import dctn, idctn

from instahide.attacks.unmixing.parts.field import cooling, learn_field, unmask

SHAPE = (8, 8, 3)


def smooth_images(rng, count, shape=SHAPE):
    """Random images with the falling spectrum and the alike colours of photos."""
    height, width = shape[:2]
    frequency = np.hypot(np.arange(height)[:, None], np.arange(width))[..., None]
    grey, colour = rng.standard_normal((2, count, *shape))
    values = (grey[..., :1] + 0.3 * colour) / (1 + frequency**1.5)
    scale = 0.5 * np.sqrt(height * width / ((1 + frequency**1.5) ** -2).sum())
    return (scale * idctn(values, axes=(1, 2), norm="ortho")).astype(np.float32)


@pytest.fixture
def field():
    return learn_field(smooth_images(np.random.default_rng(0), 400))


def test_the_transform_is_scipys_cosine_transform_of_rotated_colours(field):
    images = np.random.default_rng(1).standard_normal((5, *SHAPE)).astype(np.float32)
    values = field.transform(images.reshape(5, -1)).reshape(5, *SHAPE)
    cosine = dctn(images, axes=(1, 2), norm="ortho")
    # Colours are rotated among themselves, which keeps their length.
    np.testing.assert_allclose((values**2).sum(3), (cosine**2).sum(3), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("shape", [SHAPE, (5, 9, 1)])
def test_matrices_and_fast_transforms_are_the_same(shape):
    rng = np.random.default_rng(3)
    field = learn_field(rng.standard_normal((40, *shape)).astype(np.float32))
    fast = replace(field, matrices=None)
    rows = rng.standard_normal((7, field.mean.size)).astype(np.float32)
    np.testing.assert_allclose(field.transform(rows), fast.transform(rows), atol=1e-5)
    np.testing.assert_allclose(field.invert(rows), fast.invert(rows), atol=1e-5)
    np.testing.assert_allclose(fast.invert(fast.transform(rows)), rows, atol=1e-5)


def test_large_pictures_have_no_matrices():
    field = learn_field(np.zeros((2, 40, 60, 3), np.float32))
    assert field.matrices is None


def test_the_transform_can_be_undone(field):
    rows = np.random.default_rng(2).standard_normal((5, 192)).astype(np.float32)
    np.testing.assert_allclose(field.invert(field.transform(rows)), rows, atol=1e-5)


def test_the_spectrum_is_the_variance_of_samples(field):
    sample = field.sample(np.random.default_rng(3), 4000)
    np.testing.assert_allclose(
        field.transform(sample).var(axis=0), field.spectrum, rtol=0.3, atol=1e-6
    )
    assert sample.var() == pytest.approx(field.power, rel=0.05)


def test_it_does_not_matter_whether_public_images_are_mirrored():
    images = smooth_images(np.random.default_rng(4), 50)
    one, other = learn_field(images), learn_field(images[:, :, ::-1])
    np.testing.assert_allclose(one.mean, other.mean, atol=1e-6)
    np.testing.assert_allclose(one.spectrum, other.spectrum, rtol=1e-3, atol=1e-7)


def test_cooling_goes_from_hot_to_cold():
    schedule = cooling(5, smooth=(50, 0.5), heat=(4, 0.2))
    np.testing.assert_allclose(schedule[[0, -1]], [[50, 4], [0.5, 0.2]])
    assert (np.diff(schedule, axis=0) < 0).all()


def test_neighbours_settle_signs_that_a_pixel_alone_cannot(field):
    rng = np.random.default_rng(5)
    mean = smooth_images(rng, 200).reshape(200, -1)
    rows = mean + field.sample(rng, 200)
    size, level = np.abs(rows), np.ones(200, np.float32)
    alone = size * np.tanh(size * mean / field.variance)  # Bayes' rule for one pixel
    together = unmask(field, size, mean, level, cooling(20))
    assert ((together - rows) ** 2).mean() < 0.5 * ((alone - rows) ** 2).mean()


def test_a_known_mean_settles_every_sign(field):
    rng = np.random.default_rng(6)
    mean = smooth_images(rng, 20).reshape(20, -1)
    rows = mean + 0.05 * field.sample(rng, 20)
    level = np.full(20, 0.05**2, np.float32)
    found = unmask(field, np.abs(rows), mean, level, cooling(20))
    assert ((found - rows) ** 2).mean() < 1e-4


def test_estimates_never_exceed_the_magnitudes(field):
    rows = np.abs(np.random.default_rng(7).standard_normal((30, 192)).astype(np.float32))
    found = unmask(field, rows, np.zeros_like(rows), np.ones(30, np.float32), cooling(3))
    assert (np.abs(found) <= rows).all()
