import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage import data
from skimage.metrics import structural_similarity

from instahide.errors import InstaHideError
from instahide.scoring.metrics import (
    METRICS,
    RowScores,
    challenge_scores,
    check_range,
    mean_squared_error,
    ssim,
    summarise,
)

RNG = np.random.default_rng(5)


def scikit_image(a, b, data_range=2):
    options = {"data_range": data_range, "channel_axis": -1}
    return [structural_similarity(x, y, **options) for x, y in zip(a, b, strict=True)]


def contents(kind, shape):
    n, height, width, channels = shape
    if kind == "constant":
        return np.broadcast_to(RNG.uniform(-1, 1, (n, 1, 1, channels)), shape)
    if kind == "noise":
        return RNG.uniform(-1, 1, shape)
    if kind == "saturated":
        return RNG.choice([-1.0, 1.0], shape)
    if kind == "repeating":  # with the window, so that every window rounds alike
        tile = RNG.uniform(-1, 1, (n, 1, 1, 1)) + RNG.normal(0, 0.02, (n, 7, 7, channels))
        return np.clip(np.tile(tile, (1, height // 7 + 1, width // 7 + 1, 1)), -1, 1)[
            :, :height, :width
        ]
    slope = np.linspace(-1, 1, height)[:, np.newaxis, np.newaxis]
    return np.broadcast_to(slope, shape)


KINDS = ["constant", "noise", "saturated", "repeating", "gradient"]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("first", KINDS)
@pytest.mark.parametrize("second", KINDS)
def test_ssim_equals_scikit_image(dtype, first, second):
    shape = (20, 32, 32, 3)
    a, b = contents(first, shape).astype(dtype), contents(second, shape).astype(dtype)
    np.testing.assert_allclose(ssim(a, b), scikit_image(a, b), rtol=0, atol=1e-6)
    # Values that nearly agree, where variances and covariance nearly cancel.
    near = (0.99 * a + 0.01 * b).astype(dtype)
    np.testing.assert_allclose(ssim(a, near), scikit_image(a, near), rtol=0, atol=1e-6)


@settings(max_examples=40, deadline=None)
@given(
    sides=st.tuples(st.integers(7, 40), st.integers(7, 40)),
    channels=st.integers(1, 4),
    dtypes=st.tuples(*[st.sampled_from([np.float16, np.float32, np.float64])] * 2),
    kinds=st.tuples(*[st.sampled_from(KINDS)] * 2),
    data_range=st.sampled_from([1.0, 2.0, 255.0]),
)
def test_ssim_equals_scikit_image_for_all_shapes(sides, channels, dtypes, kinds, data_range):
    a, b = (
        contents(kind, (3, *sides, channels)).astype(dtype)
        for kind, dtype in zip(kinds, dtypes, strict=True)
    )
    expected = scikit_image(a, b, data_range)
    actual = ssim(a, b, data_range=data_range)
    np.testing.assert_allclose(actual, expected, rtol=0, atol=1e-6)


def test_ssim_of_photos_whole_batch_and_views():
    photo = data.astronaut().astype(np.float32) / 127.5 - 1
    a = photo.reshape(16, 32, 16, 32, 3).swapaxes(1, 2).reshape(256, 32, 32, 3)
    b = np.clip(a + RNG.normal(0, 0.3, a.shape), -1, 1).astype(np.float32)
    expected = scikit_image(a, b)
    np.testing.assert_allclose(ssim(a, b), expected, rtol=0, atol=1e-6)
    np.testing.assert_array_equal(ssim(a[::-2], b[::-2]), ssim(a, b)[::-2])
    turned = ssim(a.transpose(0, 2, 1, 3), b.transpose(0, 2, 1, 3))
    np.testing.assert_allclose(turned, expected, rtol=0, atol=1e-6)
    frozen = a.copy()
    frozen.flags.writeable = False
    np.testing.assert_array_equal(ssim(frozen, b), ssim(a, b))
    np.testing.assert_array_equal(ssim(a, a), np.ones(256))
    assert ssim(a[:0], b[:0]).shape == (0,)


@pytest.mark.parametrize(
    ("a", "b", "says"),
    [
        ((2, 6, 9, 3), (2, 6, 9, 3), "at least 7x7"),
        ((2, 9, 6, 3), (2, 9, 6, 3), "at least 7x7"),
        ((2, 8, 8, 3), (3, 8, 8, 3), "equal shape"),
        ((8, 8, 3), (8, 8, 3), "equal shape"),
    ],
)
def test_ssim_refuses(a, b, says):
    with pytest.raises(InstaHideError, match=says):
        ssim(np.zeros(a), np.zeros(b))


def test_mean_squared_error():
    a, b = RNG.uniform(-1, 1, (2, 5, 8, 9, 3)).astype(np.float32)
    expected = [((x.astype(float) - y) ** 2).mean() for x, y in zip(a, b, strict=True)]
    np.testing.assert_allclose(mean_squared_error(a, b), expected, rtol=1e-12)


@pytest.mark.parametrize("columns", [1, 2, 4])
def test_challenge_scores_are_those_of_a_plain_loop(columns):
    private = RNG.uniform(-1, 1, (7, 8, 8, 3)).astype(np.float32)
    pairs = RNG.integers(0, 7, (600, columns))  # more rows than are taken at once
    decryption = RNG.uniform(-1, 1, (600, 8, 8, 3)).astype(np.float32)
    decryption[::3] = private[pairs[::3, 0]]
    scores = challenge_scores(decryption, private, pairs)
    for row in RNG.integers(0, 600, 40):
        truth = private[pairs[row]]
        similar = scikit_image([decryption[row]] * columns, truth)
        squares = ((truth.astype(float) - decryption[row]) ** 2).mean(axis=(1, 2, 3))
        expected = [
            max(similar),
            np.mean(similar),
            min(squares),
            max(squares),
            np.mean(squares),
        ]
        actual = [getattr(scores, name)[row] for name in METRICS]
        np.testing.assert_allclose(actual, expected, atol=1e-6)
    np.testing.assert_array_equal(scores.max_ssim[::3], 1)
    np.testing.assert_array_equal(scores.min_l2[::3], 0)


@pytest.mark.parametrize(
    ("rows", "side", "pairs", "says"),
    [
        (4, 8, np.zeros((5, 2), int), "one row for each of the 4"),
        (4, 8, np.zeros((4, 0), int), "a column"),
        (4, 8, np.zeros(4, int), "one row for each"),
        (4, 9, np.zeros((4, 2), int), "differ in shape"),
        (4, 8, np.zeros((4, 2)), "whole numbers"),
        (4, 8, np.full((4, 2), 3), "image 3, but there are 3"),
        (4, 8, np.full((4, 2), -1), "image -1"),
    ],
)
def test_challenge_scores_refuse(rows, side, pairs, says):
    with pytest.raises(InstaHideError, match=says):
        challenge_scores(np.zeros((rows, side, side, 3)), np.zeros((3, 8, 8, 3)), pairs)


def row_scores(values):
    return RowScores(*[values] * 5)


def test_summarise_is_seeded_and_holds_the_mean():
    pairs, values = RNG.integers(0, 20, (300, 2)), RNG.uniform(size=300)
    first = summarise(row_scores(values), pairs, rng=np.random.default_rng(1))
    again = summarise(row_scores(values), pairs, rng=np.random.default_rng(1))
    other = summarise(row_scores(values), pairs, rng=np.random.default_rng(2))
    assert tuple(first) == METRICS
    assert first == again != other
    interval = first["max_ssim"]
    assert interval.mean == pytest.approx(values.mean())
    assert interval.low < interval.mean < interval.high


@pytest.mark.parametrize("unit", ["image", "row"])
def test_equal_rows_have_no_uncertainty(unit):
    scores, pairs = row_scores(np.full(30, 0.1)), RNG.integers(0, 4, (30, 2))
    interval = summarise(scores, pairs, rng=np.random.default_rng(1), unit=unit)["mean_l2"]
    assert interval.mean == interval.low == interval.high


def test_rows_as_units_give_the_textbook_interval():
    values = RNG.normal(size=4000)
    pairs = RNG.integers(0, 50, (4000, 2))
    interval = summarise(row_scores(values), pairs, rng=np.random.default_rng(1), unit="row")
    half = 1.96 * values.std() / np.sqrt(4000)
    assert interval["max_l2"].high - values.mean() == pytest.approx(half, rel=0.1)
    assert values.mean() - interval["max_l2"].low == pytest.approx(half, rel=0.1)


def test_images_as_units_give_the_interval_of_the_mean_image():
    # A row's value is the mean quality of its two images, so the mean over all rows is
    # the mean over images, whose standard error is known.
    quality = RNG.normal(size=200)
    pairs = np.stack([np.tile(RNG.permutation(200), 30), RNG.permutation(6000) % 200], axis=1)
    values = quality[pairs].mean(axis=1)
    interval = summarise(row_scores(values), pairs, rng=np.random.default_rng(1))["mean_ssim"]
    half = 1.96 * quality.std() / np.sqrt(200)
    assert (interval.high - interval.low) / 2 == pytest.approx(half, rel=0.15)


def test_summarise_refuses_no_rows_and_unknown_units():
    rng = np.random.default_rng(1)
    with pytest.raises(InstaHideError, match="no rows"):
        summarise(row_scores(np.zeros(0)), np.zeros((0, 2), int), rng=rng)
    with pytest.raises(InstaHideError, match="'image' or 'row', not 'rows'"):
        summarise(row_scores(np.zeros(2)), np.zeros((2, 2), int), rng=rng, unit="rows")


IMAGES = np.random.default_rng(6).uniform(-1, 1, (5, 8, 8, 3)).astype(np.float32)


@pytest.mark.parametrize(
    "decryption",
    [
        IMAGES,
        IMAGES * np.float32(1.0000001),
        IMAGES * 0.01,
        np.zeros_like(IMAGES),
        -abs(IMAGES),
    ],
)
def test_check_range_accepts(decryption):
    check_range(decryption)


@pytest.mark.parametrize(
    ("decryption", "says"),
    [
        ((IMAGES + 1) * 127.5, r"0 to 255.*x / 127.5 - 1"),
        (np.rint((IMAGES + 1) * 127.5).astype(np.uint8), r"0 to 255"),
        ((IMAGES + 1) / 2, r"0 to 1.*2 \* x - 1"),
        (abs(IMAGES), "0 to 1"),
        (IMAGES * 2.5, r"from -2.49\S* to 2.49\S*; clip or rescale"),
        (abs(IMAGES) * 1.5, "clip or rescale"),
        (IMAGES[:0], "empty"),
    ],
)
def test_check_range_refuses(decryption, says):
    with pytest.raises(InstaHideError, match=f"^mine.npy .*{says}"):
        check_range(decryption, name="mine.npy")


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_check_range_counts_what_is_not_finite(value):
    decryption = IMAGES.copy()
    decryption[3, 1, :2] = value
    decryption[4, 0, 0, 0] = value
    with pytest.raises(InstaHideError, match=r"holds 7 values .* in row 3"):
        check_range(decryption)
