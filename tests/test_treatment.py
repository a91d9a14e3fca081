"""What may be done to encryptions before they are released."""

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

from instahide.encodings.treating import treat_rows
from instahide.encodings.treatment import (
    KINDS,
    Treatment,
    added_noise,
    read_treatments,
    treatments_as_text,
)
from instahide.errors import InstaHideError
from instahide.images import to_bytes, to_unit_range
from instahide.randomness.keystream import Key

ROWS = np.random.default_rng(0).uniform(-1, 1, (4, 32, 32, 3)).astype(np.float32)


def treated(text, rows=ROWS, seed=1):
    return treat_rows(rows, read_treatments(text), Key.from_seed(seed), np.arange(len(rows)))


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
    st.floats(0.01, 1),
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


def test_jpeg_halves_the_resolution_of_colours_unless_it_is_told_not_to():
    fine = np.zeros((1, 16, 16, 3), np.float32)
    fine[..., ::2, 0] = fine[..., 1::2, 2] = 0.8  # red and blue, line by line
    errors = [((treated(text, fine) - fine) ** 2).mean() for text in ("jpeg=95", "jpeg444=95")]
    assert errors[1] < 0.1 * errors[0]
    grey = ROWS[..., :1]
    np.testing.assert_array_equal(treated("jpeg=80", grey), treated("jpeg444=80", grey))


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
    [("blur=1", "unknown: use"), ("gaussian=-1", "use 0 to"), ("jpeg=0", "use 1 to 100"),
     ("rounding=2.5", "whole number"), ("clip=much", "not of the form"),
     ("gaussian=nan", "use 0 to"), ("jpeg=101", "use 1 to 100"), ("clip=0", "use 0.01 to"),
     ("gaussian", "not of the form"), ("none=0", "not of the form"), ("", "unknown: use"),
     ("gaussian=0.1;jpeg=5", "not of the form"), ("gaussian=0.1,", "unknown: use"),
     (",".join(["clip=1"] * 9), "8 at most"), (0.1, "a text")],
)  # fmt: skip
def test_mistakes_are_told(text, words):
    with pytest.raises(InstaHideError, match=words):
        read_treatments(text)


AMOUNTS = {
    "gaussian": st.floats(0, 10),
    "laplace": st.floats(0, 10),
    "clip": st.floats(0.01, 1),
    "rounding": st.integers(1, 16),
    "jpeg": st.integers(1, 100),
    "jpeg444": st.integers(1, 100),
}
ONE = st.sampled_from(sorted(AMOUNTS)).flatmap(
    lambda kind: AMOUNTS[kind].map(lambda amount: Treatment(kind, float(amount)))
)


@given(st.lists(ONE, max_size=8))
def test_what_is_written_is_read_again(treatments):
    text = treatments_as_text(treatments)
    assert read_treatments(text) == tuple(treatments)
    assert treatments_as_text(read_treatments(text)) == text


@given(
    st.text(max_size=30) | st.lists(st.sampled_from([*KINDS, "=", ",", "1", " "])).map("".join)
)
def test_any_text_is_read_or_refused_in_a_sentence(text):
    try:
        assert all(one.kind != "none" for one in read_treatments(text))
    except InstaHideError as error:
        assert str(error)


@pytest.mark.parametrize("text", ["gaussian=0.1", "laplace=0.2,rounding=4", "jpeg=60"])
@pytest.mark.parametrize("side", [8, 700])  # the latter in several parts
def test_a_row_does_not_depend_on_those_around_it(text, side):
    rows = np.random.default_rng(0).uniform(-1, 1, (4, side, side, 3)).astype(np.float32)
    key, asked = Key.from_seed(3), read_treatments(text)
    whole = treat_rows(rows, asked, key, np.arange(10, 14))
    for number in (3, 1):
        alone = treat_rows(rows[number : number + 1], asked, key, [10 + number])
        np.testing.assert_array_equal(alone[0], whole[number])


def test_treatments_follow_each_other_with_noise_of_their_own():
    one = treated("gaussian=0.1") - ROWS
    both = treated("gaussian=0.1,gaussian=0.1") - ROWS
    expected = np.clip(ROWS + one, -0.5, 0.5)
    np.testing.assert_allclose(treated("gaussian=0.1,clip=0.5"), expected, atol=1e-6)
    assert abs(np.corrcoef(one.ravel(), (both - one).ravel())[0, 1]) < 0.03
    assert np.abs(treated("gaussian=0.5,clip=0.3")).max() <= np.float32(0.3)
    assert len(np.unique(treated("gaussian=1,rounding=2"))) == 4
    assert added_noise(read_treatments("gaussian=0.1,laplace=0.1")) == pytest.approx(0.03)
    assert added_noise(()) == 0 and added_noise(read_treatments("clip=0.5")) is None


def test_another_key_or_row_has_other_noise():
    zeros = np.zeros((2, 8, 8, 3), np.float32)
    noise = treated("gaussian=1", zeros, seed=1)
    assert (noise[0] != noise[1]).mean() > 0.99
    assert (noise != treated("gaussian=1", zeros, seed=2)).mean() > 0.99


def test_noise_is_that_of_the_key_stream():
    """The layout is fixed for ever: a published challenge is verified with it."""
    expected = Key.from_seed(1).stream("treatment 1").normals([4], 12).reshape(1, 2, 2, 3)
    rows = np.full((1, 2, 2, 3), 0.25, np.float32)
    asked = read_treatments("clip=1,gaussian=0.5")
    found = treat_rows(rows, asked, Key.from_seed(1), np.array([4]))
    np.testing.assert_array_equal(found, (0.25 + 0.5 * expected).astype(np.float32))
