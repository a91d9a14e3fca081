"""The batch transform: what it makes, that it is a challenge's rows, and what it refuses.

Most of it needs no PyTorch; what does is in test_training_torch.py.
"""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

import instahide.training
from instahide.challenge.making import make_challenge
from instahide.challenge.private import save_private
from instahide.encodings.catalogue import choose_encoding
from instahide.encodings.choice import EncodingChoice, of_scheme
from instahide.encodings.instahide.scheme import SCHEMES, Scheme
from instahide.encodings.plan import Plan
from instahide.errors import InstaHideError
from instahide.files import load_npz
from instahide.images import to_unit_range
from instahide.randomness.keystream import Key
from instahide.training import arrays as training_arrays
from instahide.training.prediction import lead_by_largest
from instahide.training.rows import EpochSampler, consecutive
from instahide.training.transform import InstaHide

KEY = Key.parse("hex:" + "5a" * 32)
RNG = np.random.default_rng(3)
IMAGES = RNG.integers(0, 256, (16, 3, 8, 8), dtype=np.uint8)
LABELS = np.arange(16) % 4
PUBLIC = RNG.integers(0, 256, (30, 3, 8, 8), dtype=np.uint8)


def transform(**options):
    return InstaHide(**{"num_classes": 4, "public": PUBLIC, "key": KEY} | options)


def first(images):
    """Return images (n, H, W, C) as batches have them."""
    return images.transpose(0, 3, 1, 2)


def options_of(name):
    return {"scheme": name, "public": PUBLIC if name in ("cross", "mixup") else None}


@pytest.mark.parametrize("name", SCHEMES)
def test_the_rows_of_a_set_are_those_of_its_challenge(name, private, files, pool, tmp_path):
    cross = not Scheme(name, k=4).inside
    scheme = Scheme(name, k=4, rows_per_image=3)
    store = files[1] if cross else None
    make_challenge(tmp_path / "challenge", files[0], store, KEY, of_scheme(scheme))
    mix = InstaHide(4, scheme=name, public=pool if cross else None, key=KEY)
    rows = mix.rows(first(private.images), private.classes)
    encryption, label = rows.batch(0, 60)
    released = np.load(tmp_path / "challenge" / "encryption.npy")
    assert encryption.tobytes() == np.ascontiguousarray(first(released)).tobytes()
    assert label.tobytes() == np.load(tmp_path / "challenge" / "label.npy").tobytes()


@settings(max_examples=30, deadline=None)
@given(start=st.integers(0, 70), count=st.integers(1, 40))
def test_any_range_of_rows_is_the_same_as_within_the_whole(start, count):
    mix = transform()
    whole = mix.rows(IMAGES, LABELS).batch(0, 112)
    part = mix.rows(IMAGES, LABELS).batch(start, start + count)
    for one, all_ in zip(part, whole, strict=True):
        assert (one == all_[start : start + count]).all()


def test_a_batch_is_a_challenge_of_the_batch(tmp_path):
    mix = transform()
    made, soft = mix(IMAGES, LABELS)
    private = mix._private(IMAGES, LABELS)
    save_private(tmp_path / "set.npz", private)
    sources = mix.choice.make(private, mix.public, mix._batch_key(private, b"batch"))
    plan = sources.plan(0, 16)
    assert (first(sources.encode(plan, 0)["encryption"]) == made).all()
    # Against plain NumPy: the mixture of the plan, its signs aside.
    public = first(to_unit_range(mix.public.read(plan.public).reshape(-1, 8, 8, 3)))
    members = first(to_unit_range(private.images[plan.members].reshape(-1, 8, 8, 3)))
    stacked = np.concatenate(
        [members.reshape(16, 2, 3, 8, 8), public.reshape(16, 2, 3, 8, 8)], axis=1
    )
    mixture = np.einsum("ek,ekchw->echw", plan.weights, stacked)
    np.testing.assert_allclose(np.abs(made), np.abs(mixture), atol=1e-6)
    np.testing.assert_allclose(soft.sum(axis=1), plan.weights[:, :2].sum(axis=1), rtol=1e-6)
    assert (plan.members[:, 0] != plan.members[:, 1]).all()
    assert plan.weights.max() <= 0.65 and (plan.weights[:, :2].sum(axis=1) >= 0.3).all()


@pytest.mark.parametrize("name", SCHEMES)
def test_every_scheme_keeps_shape_range_and_sums_of_labels(name):
    made, soft = transform(**options_of(name))(IMAGES, LABELS)
    assert made.dtype == soft.dtype == np.float32
    assert made.shape == IMAGES.shape and np.abs(made).max() <= 1
    if name in ("inside", "mixup-inside"):
        np.testing.assert_allclose(soft.sum(axis=1), 1, rtol=1e-5)
    else:
        assert (soft.sum(axis=1) < 1).all() and (soft.sum(axis=1) >= 0.3 - 1e-6).all()


def test_other_encodings_of_images_serve_too():
    noisy = choose_encoding("dp-instahide,k=3,noise=0.1")
    made, soft = InstaHide(4, scheme=noisy, key=KEY)(IMAGES, LABELS)
    assert made.shape == IMAGES.shape
    np.testing.assert_allclose(soft.sum(axis=1), 1, rtol=1e-5)


def test_what_yields_no_images_is_refused():
    flat = EncodingChoice("flat", "test_training_transform:flat_rows", {})
    with pytest.raises(InstaHideError, match="releases rows of the shape"):
        InstaHide(4, scheme=flat)(IMAGES, LABELS)


def flat_rows(private, public, key, *, rows_per_image=1):
    from instahide.encodings.perimage import PerImage

    return PerImage(private, key, lambda images, *_: images.reshape(len(images), -1), {})


def test_floats_that_were_bytes_give_the_same_rows():
    whole, _ = transform()(IMAGES, LABELS)
    part, _ = transform()((IMAGES / 255).astype(np.float32), LABELS)
    assert (whole == part).all()


def test_with_a_key_a_batch_comes_again_and_another_epoch_or_batch_does_not():
    mix = transform()
    once, again = mix(IMAGES, LABELS)[0], mix(IMAGES, LABELS)[0]
    assert (once == again).all()
    mix.set_epoch(1)
    later = mix(IMAGES, LABELS)[0]
    mix.set_epoch(0)
    assert (mix(IMAGES, LABELS)[0] == once).all()
    other = mix(IMAGES[::-1], LABELS[::-1])[0]
    for rows in (later, other, transform(k=5)(IMAGES, LABELS)[0]):
        assert not any((row == once).all(axis=(1, 2, 3)).any() for row in rows)
        assert abs(agreement(rows, once) - 0.5) < 0.06


def agreement(one, two):
    """Return the share of equal signs: half of them for independent masks."""
    return float((np.sign(one) == np.sign(two)).mean())


def test_with_other_public_images_a_key_gives_other_masks():
    """Else two rows under one mask would tell where their signs agree."""
    other = PUBLIC.copy()
    other[0] = 255 - other[0]
    found = [transform(public=public, key=5)(IMAGES, LABELS)[0] for public in (PUBLIC, other)]
    signs = [np.sign(rows) for rows in found]
    assert 0.4 < np.mean(signs[0] == signs[1]) < 0.6


def test_without_a_key_nothing_comes_again_whatever_is_seeded():
    mix = transform(key=None)
    np.random.seed(0)  # noqa: NPY002  what other implementations draw from
    once = mix(IMAGES, LABELS)[0]
    np.random.seed(0)  # noqa: NPY002
    assert abs(agreement(mix(IMAGES, LABELS)[0], once) - 0.5) < 0.06


def test_the_key_may_be_written_as_everywhere():
    assert transform(key=7).key == Key.from_seed(7)
    assert transform(key="hex:" + "5a" * 32).key == KEY
    assert "5a5a" not in repr(transform())


def test_leads_get_the_largest_private_weight_and_no_public_one():
    weights = np.array([[0.1, 0.3, 0.6], [0.5, 0.2, 0.3]])
    plan = Plan(np.array([[0, 1], [1, 0]]), np.array([[5], [6]]), weights)
    swapped = lead_by_largest(plan)
    assert swapped.weights.tolist() == [[0.3, 0.1, 0.6], [0.5, 0.2, 0.3]]
    assert (plan.weights == weights).all()


def test_an_epoch_is_a_range_of_rows():
    sampler = EpochSampler(5)
    sampler.set_epoch(2)
    assert list(sampler) == [10, 11, 12, 13, 14] and len(sampler) == 5


@given(st.lists(st.integers(0, 9), max_size=12))
def test_ranges_hold_the_rows_in_their_order(rows):
    assert [row for part in consecutive(rows) for row in range(*part)] == rows


def test_the_transform_is_offered_by_its_room():
    assert instahide.training.InstaHide is InstaHide
    with pytest.raises(AttributeError):
        instahide.training.nothing  # noqa: B018


BAD = [
    ({}, (IMAGES[:1], LABELS[:1]), "at least 2 private images"),
    ({"scheme": "inside", "public": None}, (IMAGES[:7], LABELS[:7]), "at least 8"),
    ({}, (IMAGES, LABELS + 1), "labels go from 1 to 4, and num_classes = 4"),
    ({}, (IMAGES, -LABELS), "labels go from -3"),
    ({}, (IMAGES, LABELS[:5]), "give 16 whole numbers"),
    ({}, (IMAGES, LABELS / 2), "whole numbers"),
    ({}, (IMAGES[:, :, :4], LABELS), "differ|the shape"),
    ({}, (IMAGES[0], LABELS), r"images are \(n, C, H, W\)"),
    ({}, (first(IMAGES.transpose(0, 2, 3, 1))[:, :2], LABELS), "1 or 3 channels"),
    ({}, (IMAGES.astype(int), LABELS), "int64: give uint8"),
    ({}, (IMAGES / 127.5 - 1, LABELS), r"lie on \[0, 1\]"),
    ({}, (np.full(IMAGES.shape, np.nan), LABELS), "from nan to nan"),
]


@pytest.mark.parametrize(("options", "batch", "message"), BAD)
def test_bad_batches_end_in_a_sentence(options, batch, message):
    with pytest.raises(InstaHideError, match=message):
        transform(**options)(*batch)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"k": 4, "c1": 0.25}, "c1 = 0.25 cannot be met"),
        ({"k": 40}, "takes 2 to 32"),
        ({"c2": 1.5}, "c2 = 1.5 cannot be met"),
        ({"public": None}, "give public="),
        ({"public": PUBLIC[:0]}, "array of public images"),
        ({"public": PUBLIC[:1]}, "the pool is too small"),
        ({"public": PUBLIC.astype(float)}, "the array of public images holds"),
        ({"scheme": "crosss"}, "'crosss' is none of"),
        ({"scheme": choose_encoding("dp-instahide"), "public": None}, "^$"),
        ({"scheme": choose_encoding("dp-instahide"), "k": 4}, "its own options"),
        ({"num_classes": 0}, "num_classes = 0"),
        ({"num_classes": 2.5}, "num_classes = 2.5"),
        ({"key": -1}, "neither a non-negative integer"),
    ],
)
def test_bad_options_end_in_a_sentence(options, message):
    if message == "^$":  # nothing is wrong with it
        transform(**options)(IMAGES, LABELS)
        return
    with pytest.raises(InstaHideError, match=message):
        transform(**options)(IMAGES, LABELS)


@settings(max_examples=60, deadline=None)
@given(
    images=arrays(
        st.sampled_from([np.uint8, np.float32, np.int16, bool]),
        array_shapes(min_dims=1, max_dims=5, max_side=5, min_side=0),
    ),
    labels=arrays(
        st.sampled_from([np.int64, np.uint8, np.float32]), array_shapes(max_dims=2, max_side=5)
    ),
)
def test_whatever_comes_in_either_rows_or_a_sentence_comes_out(images, labels):
    try:
        made, soft = transform(scheme="mixup-inside", k=2, public=None)(images, labels)
    except InstaHideError:
        return
    assert made.shape == images.shape and soft.shape == (len(images), 4)
    assert np.isfinite(made).all()


def test_without_pytorch_one_sentence_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "torch", None)
    with pytest.raises(
        InstaHideError, match=r"pip install 'instahide\[torch\]', or make torch"
    ):
        training_arrays.import_torch()
    with pytest.raises(InstaHideError, match="make torch"):
        transform().collate([])


def test_a_challenge_of_a_file_has_the_plan_that_the_rows_have(private, files, pool, tmp_path):
    scheme = Scheme("cross", k=4, rows_per_image=2)
    make_challenge(tmp_path / "c", files[0], files[1], KEY, of_scheme(scheme))
    truth = load_npz(tmp_path / "c" / "secret" / "truth.npz", ["pairs"])["pairs"]
    rows = InstaHide(4, public=pool, key=KEY).rows(first(private.images), private.classes)
    assert (rows.encoding.plan(0, 40).members == truth).all()
