"""What every encoding promises, and what the single ones are."""

import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from instahide.encodings.dpinstahide import dp_instahide, draw_laplace
from instahide.encodings.instahide.encoding import instahide
from instahide.encodings.instahide.scheme import Scheme
from instahide.encodings.labels import label_rows
from instahide.encodings.perimage import PerImage
from instahide.encodings.plan import Plan, load_plan, save_plan
from instahide.errors import InstaHideError
from instahide.images import to_unit_range
from instahide.labelled import LabelledImages
from instahide.pool.pool import Pool, empty_pool
from instahide.randomness.keystream import Key

sys.path.insert(0, str(Path(__file__).parents[1]))
from examples.own_encoding import shuffled_blocks

KEY = Key.from_seed(7)
RNG = np.random.default_rng(1)
PRIVATE = LabelledImages(
    RNG.integers(0, 256, (20, 8, 8, 3), dtype=np.uint8), np.arange(20) // 5, tuple("abcd")
)
PUBLIC = Pool(RNG.integers(0, 256, (50, 8, 8, 3), dtype=np.uint8))

NONE = empty_pool(PUBLIC.shape)


def make_all(key=KEY):
    return {
        "cross": instahide(PRIVATE, PUBLIC, key, scheme={"rows_per_image": 3}),
        "inside": instahide(PRIVATE, NONE, key, scheme=Scheme("inside", 4, rows_per_image=3)),
        "dp": dp_instahide(PRIVATE, NONE, key, k=3, rows_per_image=3),
        "own": shuffled_blocks(PRIVATE, PUBLIC, key, block=2, rows_per_image=3),
    }


ENCODINGS = make_all()
WHOLE = {name: encoding.encode(encoding.plan(0, 60), 0) for name, encoding in ENCODINGS.items()}


@pytest.mark.parametrize("name", ENCODINGS)
@settings(max_examples=25, deadline=None)
@given(rows=st.tuples(st.integers(0, 59), st.integers(1, 60)).filter(lambda r: r[0] < r[1]))
def test_a_row_is_the_same_whatever_is_asked_for_with_it(name, rows):
    encoding, (start, stop) = ENCODINGS[name], rows
    plan, whole = encoding.plan(start, stop), encoding.plan(0, 60)
    for field in vars(plan):
        np.testing.assert_array_equal(getattr(plan, field), getattr(whole[start:stop], field))
    for array, values in encoding.encode(plan, start).items():
        np.testing.assert_array_equal(values, WHOLE[name][array][start:stop])


@pytest.mark.parametrize("name", ENCODINGS)
def test_arrays_labels_and_parameters_are_what_the_encoding_says(name):
    encoding = ENCODINGS[name]
    assert encoding.rows == 60
    for array, row in encoding.arrays.items():
        found = WHOLE[name][array]
        assert (found.dtype.newbyteorder("<").str, found.shape) == (row.dtype, (60, *row.shape))
    plan = encoding.plan(0, 60)
    label = label_rows(plan, PRIVATE)
    private = plan.weights[:, : plan.members.shape[1]].sum(axis=1)
    np.testing.assert_allclose(label.sum(axis=1), private, rtol=1e-6)
    assert (np.sort(plan.members, axis=1)[:, 1:] != np.sort(plan.members, axis=1)[:, :-1]).all()


MAKERS = {"cross": instahide, "inside": instahide, "dp": dp_instahide, "own": shuffled_blocks}


@pytest.mark.parametrize("name", MAKERS)
def test_public_parameters_and_the_key_make_an_encoding_again(name):
    pool = PUBLIC if name == "cross" else NONE
    again = MAKERS[name](PRIVATE, pool, KEY, **ENCODINGS[name].describe())
    np.testing.assert_array_equal(
        again.encode(again.plan(5, 9), 5)["encryption"], WHOLE[name]["encryption"][5:9]
    )
    other = MAKERS[name](PRIVATE, pool, Key.from_seed(8), **ENCODINGS[name].describe())
    found = other.encode(other.plan(5, 9), 5)["encryption"]
    assert (found != WHOLE[name]["encryption"][5:9]).mean() > 0.4


def test_the_noise_of_dp_instahide_is_laplace_and_its_mixture_exact():
    drawn = draw_laplace(KEY, np.arange(300), 1000)
    assert stats.kstest(drawn.ravel(), stats.laplace.cdf).pvalue > 1e-3
    quiet = dp_instahide(PRIVATE, NONE, KEY, k=3, noise=0, rows_per_image=3)
    loud = dp_instahide(PRIVATE, NONE, KEY, k=3, noise=0.3, rows_per_image=3)
    plan = quiet.plan(0, 60)
    mixture = to_unit_range(PRIVATE.images)[plan.members].mean(axis=1)
    clean = quiet.encode(plan, 0)["encryption"]
    np.testing.assert_allclose(clean, mixture, atol=1e-6)
    noise = loud.encode(plan, 0)["encryption"] - clean
    drawn = 0.3 * draw_laplace(KEY, np.arange(60), 192)
    np.testing.assert_allclose(noise.reshape(60, -1), drawn, atol=1e-6)


@pytest.mark.parametrize(
    ("options", "words"),
    [({"k": 1}, "k = 1"), ({"k": 11}, "k = 11"), ({"noise": -1}, "noise = -1"),
     ({"noise": float("nan")}, "noise = nan"), ({"rows_per_image": 0}, "use 1 or more")],
)  # fmt: skip
def test_dp_instahide_refuses_what_it_cannot_be(options, words):
    with pytest.raises(InstaHideError, match=words):
        dp_instahide(PRIVATE, NONE, KEY, **options)


def test_an_encoding_of_ones_own_keeps_what_it_shuffles():
    plan = ENCODINGS["own"].plan(0, 60)
    images = np.sort(to_unit_range(PRIVATE.images[plan.members[:, 0]]).reshape(60, -1))
    np.testing.assert_array_equal(np.sort(WHOLE["own"]["encryption"].reshape(60, -1)), images)


def test_an_encoding_may_release_several_arrays_of_any_shape():
    def both(images, stream, rows):
        return {"mean": images.mean(axis=(1, 2, 3)), "order": stream.permutations(rows, 4)}

    encoding = PerImage(PRIVATE, KEY, both, {})
    assert {name: row.shape for name, row in encoding.arrays.items()} == {
        "mean": (), "order": (4,)
    }  # fmt: skip
    assert encoding.arrays["order"].dtype == "<i8"


def test_a_transform_that_loses_rows_is_told():
    encoding = PerImage(PRIVATE, KEY, lambda images, stream, rows: images[:1], {})
    with pytest.raises(InstaHideError, match="an array with 3 rows is expected"):
        encoding.encode(encoding.plan(0, 3), 0)


def test_a_plan_is_read_as_it_was_written(tmp_path):
    plan = ENCODINGS["cross"].plan(0, 60)
    save_plan(tmp_path / "truth.npz", plan)
    found = load_plan(tmp_path / "truth.npz")
    for field in vars(plan):
        np.testing.assert_array_equal(getattr(found, field), getattr(plan, field))
    with pytest.raises(InstaHideError, match="differ in number"):
        Plan(plan.members, plan.public[:, 1:], plan.weights)
