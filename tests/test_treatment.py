"""What may be done to encryptions before they are released."""

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

from instahide.encodings.treatment import Treatment, treat
from instahide.errors import InstaHideError
from instahide.images import to_bytes, to_unit_range

ROWS = np.random.default_rng(0).uniform(-1, 1, (4, 32, 32, 3)).astype(np.float32)


def treated(text, rows=ROWS, seed=1):
    return treat(rows, Treatment.of(text), np.random.default_rng(seed))


@pytest.mark.parametrize("text", ["gaussian=0.1", "laplace=0.1", "rounding=4"])
def test_noise_has_the_variance_that_it_tells(text):
    left = treated(text) - ROWS
    assert abs(left.mean()) < 0.01
    assert left.var() == pytest.approx(Treatment.of(text).noise, rel=0.06)


def test_laplace_has_heavier_tails_than_gaussian():
    for text, expected in (("gaussian=0.1", 3.0), ("laplace=0.1", 6.0)):
        left = (treated(text) - ROWS).astype(np.float64)
        assert (left**4).mean() / left.var() ** 2 == pytest.approx(expected, rel=0.25)


def test_eight_bits_are_those_of_images():
    np.testing.assert_allclose(treated("rounding=8"), to_unit_range(to_bytes(ROWS)), atol=1e-6)


@given(
    arrays(np.float32, (2, 2, 3), elements=st.floats(-1, 1, width=32)),
    st.integers(1, 16),
    st.floats(0, 1),
)
def test_rounding_and_clipping_stay_on_the_range_and_change_nothing_twice(rows, bits, most):
    rounded = treated(f"rounding={bits}", rows[None])
    assert np.abs(rounded).max() <= 1 + 1e-6
    assert np.abs(rounded - rows).max() <= 1 / (2**bits - 1) + 1e-6
    np.testing.assert_allclose(treated(f"rounding={bits}", rounded), rounded, atol=1e-6)
    clipped = treated(f"clip={most}", rows[None])
    assert np.abs(clipped).max() <= np.float32(most)
    kept = np.abs(rows[None]) <= np.float32(most)
    np.testing.assert_array_equal(clipped[kept], rows[None][kept])


def test_jpeg_is_about_what_another_library_makes():
    smooth = np.sin(np.arange(32) / 5)[:, None, None] * np.ones((32, 32, 3)) * [0.9, 0.5, 0.1]
    rows = smooth[None].astype(np.float32)
    found = to_bytes(treated("jpeg=75", rows))[0].astype(int)
    file = io.BytesIO()
    Image.fromarray(to_bytes(rows)[0]).save(file, "jpeg", quality=75)
    other = np.asarray(Image.open(file)).astype(int)
    assert np.abs(found - other).mean() < 2


def test_jpeg_takes_grey_images_and_loses_more_at_lower_quality():
    grey = ROWS[..., :1]
    errors = [((treated(f"jpeg={q}", grey) - grey) ** 2).mean() for q in (95, 50, 10)]
    assert errors == sorted(errors) and errors[0] < errors[-1]
    with pytest.raises(InstaHideError, match="1 or 3 channels"):
        treated("jpeg=50", np.zeros((1, 8, 8, 4), np.float32))


def test_the_same_seed_gives_the_same_bits_and_nothing_is_written_to_what_is_given():
    before = ROWS.copy()
    for text in ("none", "gaussian=0.1", "laplace=0.1", "clip=0.2", "jpeg=60", "rounding=5"):
        np.testing.assert_array_equal(treated(text), treated(text))
        assert treated(text).dtype == np.float32
    np.testing.assert_array_equal(ROWS, before)


@pytest.mark.parametrize(
    ("text", "words"),
    [("blur=1", "none of"), ("gaussian=-1", "use 0 to"), ("jpeg=0", "use 1 to 100"),
     ("rounding=2.5", "whole number"), ("clip=much", "not of the form"),
     ("gaussian=nan", "use 0 to")],
)  # fmt: skip
def test_mistakes_are_told(text, words):
    with pytest.raises(InstaHideError, match=words):
        Treatment.of(text)
