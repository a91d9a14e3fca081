import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from instahide.encodings.instahide.plan import draw_coefficients, draw_plan, draw_public
from instahide.encodings.instahide.scheme import Scheme
from instahide.encodings.plan import load_plan, save_plan
from instahide.files import SECRET_FILE
from instahide.randomness.keystream import Key

KEY = Key.from_seed(11)


@given(
    scheme=st.sampled_from([Scheme("cross", k=6), Scheme("inside", k=4), Scheme("mixup", k=3)]),
    images=st.integers(8, 21),
    start=st.integers(0, 100),
    length=st.integers(0, 60),
)
@settings(max_examples=40, deadline=None)
def test_any_slice_is_that_of_the_whole(scheme, images, start, length):
    whole = draw_plan(KEY, scheme, images=images, pool=30, stop=160)
    part = draw_plan(KEY, scheme, images=images, pool=30, start=start, stop=start + length)
    for name in ("members", "public", "weights"):
        expected = getattr(whole, name)[start : start + length]
        assert np.array_equal(getattr(part, name), expected)


@pytest.mark.parametrize(
    "scheme", [Scheme("cross"), Scheme("inside", k=4), Scheme("inside", k=8)]
)
def test_in_each_block_every_image_takes_every_place_once_and_never_meets_itself(scheme):
    plan = draw_plan(KEY, scheme, images=40, pool=100)
    blocks = plan.members.reshape(scheme.rows_per_image, 40, scheme.private_count)
    assert np.array_equal(
        np.sort(blocks, axis=1), np.broadcast_to(np.arange(40)[:, None], blocks.shape)
    )
    assert (np.diff(np.sort(plan.members, axis=1), axis=1) > 0).all()


def test_partners_are_uniform():
    plan = draw_plan(KEY, Scheme(rows_per_image=3000), images=5, pool=100)
    partners = plan.members[plan.members[:, 0] == 2, 1]
    counts = np.bincount(partners, minlength=5)[[0, 1, 3, 4]]
    assert stats.chisquare(counts).pvalue > 1e-3


def test_public_images_differ_in_a_row_and_are_uniform():
    chosen = draw_public(KEY.stream("public"), np.arange(6_000), 7, 4)
    assert (np.diff(np.sort(chosen, axis=1), axis=1) > 0).all()
    sets = np.sort(chosen, axis=1) @ 7 ** np.arange(4)
    counts = np.unique(sets, return_counts=True)[1]
    assert len(counts) == 35  # 7 choose 4
    assert stats.chisquare(counts).pvalue > 1e-3


def test_coefficients_respect_the_bounds_and_follow_the_conditioned_distribution():
    scheme = Scheme()
    ours = draw_coefficients(KEY.stream("coefficient"), np.arange(4_000), scheme)
    assert scheme.accepts(ours).all()
    assert np.allclose(ours.sum(axis=1), 1, atol=1e-12)
    normals = np.abs(np.random.default_rng(0).standard_normal((40_000, 6)))
    oracle = normals / normals.sum(axis=1, keepdims=True)
    oracle = oracle[scheme.accepts(oracle)]
    for place in (0, 5):
        assert stats.ks_2samp(ours[:, place], oracle[:, place]).pvalue > 1e-3


def test_plans_survive_a_file_that_only_the_owner_reads(tmp_path):
    plan = draw_plan(KEY, Scheme(), images=10, pool=20, stop=30)
    path = tmp_path / "secret" / "truth.npz"
    save_plan(path, plan)
    again = load_plan(path)
    assert all(np.array_equal(getattr(plan, name), getattr(again, name)) for name in vars(plan))
    assert path.stat().st_mode & 0o777 == SECRET_FILE
    assert path.parent.stat().st_mode & 0o777 == 0o700
    first = path.read_bytes()
    save_plan(path, plan)
    assert path.read_bytes() == first
