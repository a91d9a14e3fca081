"""What InstaHide's authors tried: averages, a search of the pool, a learnt mask."""

import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from skimage.metrics import structural_similarity
from test_attacks_field import smooth_images

from instahide.attacks.authors.averaging import average_groups, average_rows, stretch
from instahide.attacks.authors.learntmask import (
    learn_masks,
    make_unmasker,
    synthetic_mixtures,
    train_unmasker,
    turned_error,
    unmask_learnt,
)
from instahide.attacks.authors.poolsearch import most_alike, search_public, take_off
from instahide.attacks.catalogue import attack_of
from instahide.attacks.needs import Size, memory_of, seconds_of
from instahide.attacks.protocol import Released
from instahide.attacks.running import recover
from instahide.attacks.seen import see
from instahide.attacks.unmixing.problem import make_problem
from instahide.encodings.instahide.scheme import Scheme
from instahide.errors import InstaHideError
from instahide.images import to_bytes, to_unit_range
from instahide.pool.pool import Pool

SHAPE, ROWS = (16, 16, 3), 40
NAMES = ("averaging", "publicsearch", "learnt-mask")
LARGE = Size(5000, 3072, 100, 10, 1000, public=10_000, pool=17_000)


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def photos(seed, count):
    return to_bytes(smooth_images(np.random.default_rng(seed), count, SHAPE) - 0.2)


def seen_of(rows, label, **others):
    about = {"scheme": vars(Scheme(k=4))}
    return see(Released(rows, label), others.pop("public", None), about, 5, **others)


@pytest.fixture
def mixed(rng):
    """Rows of four public images each, and nothing else; the first with half of the weight."""
    pool, members = Pool(photos(1, 300)), rng.permutation(300)[: 2 * ROWS].reshape(ROWS, 2)
    images = to_unit_range(pool.patches)[members]
    rows = 0.7 * images[:, 0] + 0.3 * images[:, 1]
    mask = rng.choice(np.float32([-1, 1]), rows.shape)
    return pool, members, (rows * mask).astype(np.float32)


def problem_of(rows, pool, scheme=None):
    label, public = np.ones((len(rows), 1), np.float32), to_unit_range(pool.patches)
    return make_problem(
        Released(rows, label), public, scheme or Scheme(k=4), 5, "none", pool=pool
    )


@pytest.mark.parametrize("name", NAMES)
def test_each_says_what_it_needs_and_more_of_more(name):
    step = attack_of(name, {}).steps[0]
    more = Size(10_000, 3072, 100, 10, 2000, public=10_000, pool=34_000)
    for estimate in (memory_of, seconds_of):
        assert 0 < estimate(step.choice, LARGE) < estimate(step.choice, more)


@given(st.lists(st.integers(-3, 3), min_size=1, max_size=20))
def test_a_mean_of_groups_is_that_of_numpy(group):
    rows = np.random.default_rng(len(group)).standard_normal((len(group), 4)).astype(np.float32)
    found = average_groups(rows, np.array(group))
    for number, mine in enumerate(group):
        expected = rows[np.array(group) == mine].mean(axis=0)
        np.testing.assert_allclose(found[number], expected, atol=1e-6)


def test_averaging_gives_an_image_for_each_class(rng):
    rows = rng.uniform(-1, 1, (ROWS, *SHAPE)).astype(np.float32)
    label = np.zeros((ROWS, 3), np.float32)
    label[np.arange(ROWS), np.arange(ROWS) % 3] = 0.5
    label[:, 1] += 0.1
    recovery, _ = recover(attack_of("averaging", {}), seen_of(rows, label))
    assert recovery.decryption.shape == rows.shape
    assert len(np.unique(recovery.decryption, axis=0)) == 3
    np.testing.assert_array_equal(recovery.decryption[0], recovery.decryption[3])
    plain = average_rows(seen_of(rows, label), rng, stretched=False).decryption
    np.testing.assert_allclose(plain[0], np.abs(rows[::3]).mean(axis=0), atol=1e-6)


def test_signed_averages_vanish_and_magnitudes_do_not(rng):
    image = smooth_images(rng, 1, SHAPE)[0]
    rows = (image * rng.choice([-1, 1], (400, *SHAPE))).astype(np.float32)
    seen = seen_of(rows, np.ones((400, 1), np.float32))
    signed = average_rows(seen, rng, of="signed", stretched=False).decryption[0]
    kept = average_rows(seen, rng, stretched=False).decryption[0]
    assert np.square(signed).mean() < 0.01 * np.square(image).mean()
    np.testing.assert_allclose(kept, np.clip(np.abs(image), 0, 1), atol=1e-5)


def test_averaging_of_another_word_is_refused(rng):
    seen = seen_of(np.zeros((4, *SHAPE), np.float32), np.ones((4, 1), np.float32))
    with pytest.raises(InstaHideError, match="averaging of 'both': choose magnitudes"):
        average_rows(seen, rng, of="both")


def test_stretching_keeps_order_and_sets_contrast(rng):
    images = rng.uniform(0, 0.01, (5, 30)).astype(np.float32)
    found = stretch(images)
    np.testing.assert_allclose(found.std(axis=1), 0.5, rtol=1e-3)
    np.testing.assert_array_equal(found.argsort(axis=1), images.argsort(axis=1))


def test_an_image_that_makes_up_a_row_is_found_in_the_pool(mixed):
    pool, members, rows = mixed
    found = search_public(problem_of(rows, pool), np.random.default_rng(0))
    best = found.arrays["publicsearch"]["public"]
    assert best.shape == (ROWS, 2)
    assert (best[:, 0] == members[:, 0]).mean() > 0.8
    assert (np.diff(found.arrays["publicsearch"]["score"], axis=1) <= 0).all()
    assert np.abs(found.decryption).max() <= 1


def test_the_pool_is_searched_in_chunks_as_at_once(mixed, monkeypatch):
    pool, _, rows = mixed
    flat = np.abs(rows).reshape(ROWS, -1)
    whole = most_alike(flat, pool, 5, "correlation", "magnitudes")
    monkeypatch.setattr("instahide.attacks.authors.poolsearch.POOL_AT_ONCE", 7)
    parts = most_alike(flat, pool, 5, "correlation", "magnitudes")
    np.testing.assert_array_equal(whole[0], parts[0])
    np.testing.assert_allclose(whole[1], parts[1], atol=1e-6)


def test_ssim_of_unmasked_rows_is_scikit_images_of_either_sign(mixed):
    pool, _, rows = mixed
    flat = rows[:2].reshape(2, -1)
    public, score = most_alike(flat, pool, 300, "ssim", "unmasked")
    images = to_unit_range(pool.patches)
    for row, places, scores in zip(rows[:2], public, score, strict=True):
        for place, value in list(zip(places, scores, strict=True))[::60]:
            both = (
                structural_similarity(images[place], turned, data_range=2.0, channel_axis=-1)
                for turned in (row, -row)
            )
            assert value == pytest.approx(max(both), abs=1e-5)


def test_nothing_is_left_of_a_row_that_is_its_images(mixed):
    pool, members, _ = mixed
    images = to_unit_range(pool.patches)[members].reshape(ROWS, 2, -1)
    left = take_off(0.7 * images[:, 0] - 0.2 * images[:, 1], members, pool, "unmasked")
    np.testing.assert_allclose(left, 0, atol=1e-5)


@pytest.mark.parametrize("option", [{"measure": "psnr"}, {"compared": "signs"}])
def test_another_search_is_refused(mixed, rng, option):
    with pytest.raises(InstaHideError, match=r"publicsearch by '.*': choose "):
        search_public(problem_of(mixed[2], mixed[0]), rng, **option)


def test_a_search_without_the_pool_is_refused(mixed, rng):
    pool, _, rows = mixed
    label, public = np.ones((ROWS, 1), np.float32), to_unit_range(pool.patches)
    problem = make_problem(Released(rows, label), public, Scheme(k=4), 5, "none")
    with pytest.raises(InstaHideError, match="with the challenge's pool"):
        search_public(problem, rng)


@pytest.fixture
def unmasking(rng):
    """A problem of small rows, and photos to learn from."""
    public = smooth_images(rng, 300, SHAPE).astype(np.float32)
    rows = 0.6 * public[:20] + 0.4 * public[20:40]
    rows = rows * rng.choice(np.float32([-1, 1]), rows.shape)
    return make_problem(
        Released(rows.astype(np.float32), np.ones((20, 1), np.float32)),
        public, Scheme(k=4, c2=0.4), 5, "none",
    )  # fmt: skip


def test_mixtures_to_learn_from_are_as_large_as_rows(unmasking, rng):
    made = next(synthetic_mixtures(unmasking, rng))
    assert made.shape == (32, *SHAPE)
    assert np.abs(made).max() <= np.abs(unmasking.public).max()
    share = made.var() / unmasking.public.var()
    assert 1 / 4 < share < 1


def test_a_network_learns_to_take_masks_off(unmasking):
    torch = pytest.importorskip("torch")
    found = {}
    for steps in (1, 80):
        network = train_unmasker(unmasking, np.random.default_rng(0), steps)
        true = next(synthetic_mixtures(unmasking, np.random.default_rng(9)))
        rows = torch.from_numpy(unmask_learnt(network, np.abs(true)))
        found[steps] = turned_error(rows, torch.from_numpy(true)).item()
    assert found[80] < 0.8 * found[1]


def test_the_sign_of_a_row_does_not_matter(rng):
    torch = pytest.importorskip("torch")
    rows = torch.from_numpy(rng.standard_normal((3, 3, 4, 4)))
    turned = rows * torch.tensor([1.0, -1, 1])[:, None, None, None]
    assert turned_error(turned, rows).item() == 0
    assert turned_error(0 * rows, rows).item() == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("shape", [(9, 7, 1), (32, 33, 3)])
def test_a_network_takes_rows_of_any_shape(rng, shape):
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    magnitudes = np.abs(rng.standard_normal((3, *shape))).astype(np.float32)
    found = unmask_learnt(make_unmasker(shape[2]), magnitudes)
    assert found.shape == magnitudes.shape
    assert (np.abs(found) <= magnitudes).all()


def test_learnt_masks_are_handed_in_and_the_same_again(unmasking):
    pytest.importorskip("torch")
    attack = attack_of("learnt-mask", {})
    step = attack.steps[0].choice
    one, other = (learn_masks(unmasking, np.random.default_rng(3), steps=2) for _ in range(2))
    np.testing.assert_array_equal(one.decryption, other.decryption)
    assert one.decryption.shape == (20, *SHAPE)
    assert step.target.endswith("learntmask:learn_masks")


@pytest.mark.parametrize("steps", [0, 1.5, True])
def test_steps_that_are_none_are_refused(unmasking, rng, steps):
    pytest.importorskip("torch")
    with pytest.raises(InstaHideError, match=r"steps=.*: give a whole number"):
        learn_masks(unmasking, rng, steps=steps)


def test_without_pytorch_no_mask_is_learnt(unmasking, rng, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(InstaHideError, match=r"PyTorch is not installed: .*whitened unmasks"):
        learn_masks(unmasking, rng)
