"""Images that are transformed before they are mixed."""

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import affine_transform

from instahide.challenge.manifestform import check_manifest
from instahide.challenge.verification import compare_plans
from instahide.encodings.augmentation import (
    FILLS,
    Augmentation,
    Transforms,
    apply_transforms,
    draw_transforms,
    source_pixels,
)
from instahide.encodings.instahide.encoding import instahide
from instahide.encodings.instahide.mixing import encrypt
from instahide.encodings.plan import Plan, as_mixed, load_plan, public_as_mixed, save_plan
from instahide.errors import InstaHideError
from instahide.files import load_npz, save_npz
from instahide.labelled import LabelledImages
from instahide.randomness.keystream import Key

KEY = Key.from_seed(15)
CROPS = Augmentation(crop_padding=4, flip=True)
FUSION = Augmentation(rotation=90, translation=0.5, crop=24, flip=True)
ALL = Augmentation(2, True, "grey", 30, 0.25, 24, True)
SHAPE = (32, 32, 3)


def images_of(*shape, seed=0):
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


class Public:
    """Public images in memory."""

    def __init__(self, images):
        self.images, self.shape = images, images.shape[1:]

    def __len__(self):
        return len(self.images)

    def read(self, places):
        return self.images[places]


def encoding_of(augmentation=CROPS, name="cross", k=4, **options):
    classes = np.arange(10) % 2
    private = LabelledImages(images_of(10, *SHAPE), classes, ("a", "b"))
    count = 0 if "inside" in name else 20
    public = Public(images_of(count, *SHAPE, seed=1))
    scheme = {"name": name, "k": k, "rows_per_image": 3}
    return instahide(private, public, KEY, scheme=scheme, augmentation=augmentation, **options)


def crop_and_flip(image, shift, flipped, padding, fill):
    """Do what torchvision's RandomCrop(size, padding) and hflip do."""
    height, width = image.shape[:2]
    edges = ((padding, padding), (padding, padding), (0, 0))
    padded = np.pad(image, edges, constant_values=fill)
    dy, dx = shift + padding
    cropped = padded[dy : dy + height, dx : dx + width]
    return cropped[:, ::-1] if flipped else cropped


@pytest.mark.parametrize("fill", FILLS)
@pytest.mark.parametrize("shape", [(32, 32, 3), (9, 14, 1)])
def test_crops_and_flips_are_those_of_torchvision(shape, fill):
    some = Augmentation(crop_padding=4, flip=True, fill=fill)
    drawn = draw_transforms(KEY, some, np.arange(50), 3, shape)
    images = images_of(50, 3, *shape)
    made = apply_transforms(images, drawn, some)
    for place in np.ndindex(50, 3):
        expected = crop_and_flip(
            images[place], drawn.shifts[place], drawn.flipped[place], 4, FILLS[fill]
        )
        np.testing.assert_array_equal(made[place], expected)


@pytest.mark.parametrize("some", [FUSION, ALL, Augmentation(rotation=180, fill="grey")])
def test_what_is_resampled_is_what_scipy_resamples(some):
    drawn = draw_transforms(KEY, some, np.arange(20), 2, SHAPE)
    images, fill = images_of(20, 2, *SHAPE), FILLS[some.fill]
    made = apply_transforms(images, drawn, some)
    for place in np.ndindex(20, 2):
        matrix, offset = np.eye(2), np.zeros(2)
        if drawn.angles is not None:
            angle = np.deg2rad(drawn.angles[place])
            matrix = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
        moves = 0 if drawn.moves is None else drawn.moves[place]
        corner = 0 if drawn.corners is None else drawn.corners[place]
        grown = some.crop / 32 if some.crop else 1
        # original = matrix (grown (out + 1/2) - 1/2 + corner - moves - middle) + middle
        offset = matrix @ (grown / 2 - 0.5 + corner - moves - np.full(2, 15.5)) + 15.5
        turned = np.stack(
            [
                affine_transform(
                    images[place][..., channel].astype(float), matrix * grown, offset,
                    order=1, mode="grid-constant", cval=fill,
                )
                for channel in range(3)
            ],
            axis=2,
        )  # fmt: skip
        expected = crop_and_flip(
            turned, drawn.shifts[place], drawn.flipped[place], some.crop_padding, fill
        )
        assert np.abs(made[place] - expected).max() < 0.51


def test_quarter_turns_and_whole_moves_are_exact():
    image = images_of(1, 1, 8, 8, 1)
    none = np.zeros((1, 1, 2), np.int64)
    turned = Transforms(np.array([[False]]), none, np.array([[90.0]]))
    made = apply_transforms(image, turned, Augmentation(rotation=90))[0, 0]
    np.testing.assert_array_equal(made, np.rot90(image[0, 0], 1))
    moved = Transforms(np.array([[False]]), none, None, np.array([[[2, -3]]]))
    made = apply_transforms(image, moved, Augmentation(translation=0.5))[0, 0, :, :, 0]
    np.testing.assert_array_equal(made[2:, :-3], image[0, 0, :-2, 3:, 0])
    assert not made[:2].any() and not made[:, -3:].any()


@pytest.mark.parametrize("some", [CROPS, FUSION, ALL])
def test_sources_make_the_images(some):
    drawn = draw_transforms(KEY, some, np.arange(5), 2, SHAPE)
    images = images_of(5, 2, *SHAPE)
    index, share = source_pixels(drawn, some, SHAPE)
    np.testing.assert_allclose(share.sum(axis=-1), 1, atol=1e-12)
    fill = np.full((5, 2, 1, 3), FILLS[some.fill])
    padded = np.concatenate([images.reshape(5, 2, -1, 3), fill], axis=2)
    flat = index.reshape(5, 2, -1)
    taken = np.take_along_axis(padded, flat[..., None], axis=2).reshape(*index.shape, 3)
    expected = (share[..., None] * taken).sum(axis=-2)
    assert np.abs(expected - apply_transforms(images, drawn, some)).max() < 0.5 + 1e-9


@given(
    flipped=st.booleans(),
    shift=st.tuples(*[st.integers(-3, 3)] * 2),
    sides=st.tuples(*[st.integers(4, 9)] * 2),
)
@settings(max_examples=60, deadline=None)
def test_what_stays_in_sight_comes_back_by_the_opposite(flipped, shift, sides):
    some = Augmentation(crop_padding=3, flip=True)
    image = images_of(1, 1, *sides, 3)

    def moved(image, flipped, dy, dx):
        one = Transforms(np.array([[flipped]]), np.array([[[dy, dx]]]))
        return apply_transforms(image, one, some)

    dy, dx = shift
    there = moved(image, flipped, dy, dx)
    back = moved(there, flipped, -dy, dx if flipped else -dx)
    seen = moved(moved(np.full_like(image, 255), False, dy, dx), False, -dy, -dx)
    np.testing.assert_array_equal(back[seen > 0], image[seen > 0])
    assert (seen > 0).any()


@pytest.mark.parametrize("some", [CROPS, FUSION, ALL])
def test_a_row_does_not_depend_on_those_around_it(some):
    whole = draw_transforms(KEY, some, np.arange(40), 6, SHAPE)
    odd = draw_transforms(KEY, some, np.array([31, 7]), 6, SHAPE)
    fewer = draw_transforms(KEY, some, np.arange(40), 2, SHAPE)
    for name, array in whole.arrays().items():
        np.testing.assert_array_equal(odd.arrays()[name], array[[31, 7]])
        np.testing.assert_array_equal(fewer.arrays()[name], array[:, :2])
    assert len(whole[3:8]) == 5


def test_draws_are_uniform():
    drawn = draw_transforms(KEY, ALL, np.arange(20_000), 2, SHAPE)
    assert abs(drawn.flipped.mean() - 0.5) < 0.01
    for name, least, most in (("shifts", -2, 2), ("corners", 0, 8)):
        values, counts = np.unique(getattr(drawn, name), return_counts=True)
        np.testing.assert_array_equal(values, np.arange(least, most + 1))
        assert np.abs(counts / counts.mean() - 1).max() < 0.05
    assert np.abs(drawn.moves).max() == 8
    assert 29.9 < np.abs(drawn.angles).max() < 30 and abs(drawn.angles.mean()) < 0.3
    pairs = np.corrcoef(drawn.flipped[:, 0], drawn.flipped[:, 1])
    assert abs(pairs[0, 1]) < 0.03


@pytest.mark.parametrize("name", ["cross", "inside", "mixup", "mixup-inside"])
@pytest.mark.parametrize("some", [CROPS, replace(FUSION, fill="grey")])
def test_all_schemes_mix_the_transformed_images(name, some):
    made = encoding_of(some, name)
    plan = made.plan(0, made.rows)
    masks = made.generator.mask(0, made.rows) if made.scheme.masked else None
    bits = 1 if masks is None else 2.0 * np.unpackbits(masks, axis=1, bitorder="little") - 1
    private = apply_transforms(made.private.images[plan.members], plan.transforms, some)
    images = np.concatenate([private, made.public.read(plan.public)], axis=1)
    mixed = np.einsum("em,emd->ed", plan.weights, images.reshape(*images.shape[:2], -1))
    expected = bits * (mixed / 127.5 - 1)
    found = made.encode(plan, 0)["encryption"].reshape(made.rows, -1)
    np.testing.assert_allclose(found, expected, atol=1e-6)
    part = made.encode(made.plan(7, 12), 7)["encryption"]
    np.testing.assert_array_equal(part.reshape(5, -1), found[7:12])


def test_public_images_are_transformed_where_it_is_said():
    made = encoding_of(replace(CROPS, public=True))
    plan = made.plan(0, 30)
    public = made.public.read(plan.public)
    expected = apply_transforms(public, plan.transforms.of_places(2), CROPS)
    np.testing.assert_array_equal(public_as_mixed(plan, public), expected)
    assert (expected != public).any()
    alone = encoding_of().plan(0, 30)
    np.testing.assert_array_equal(as_mixed(plan, made.private.images),
                                  as_mixed(alone, made.private.images))  # fmt: skip
    whole = Plan(plan.members, plan.public, plan.weights)
    mixed = encrypt(plan, made.private.images, public, None)
    assert (mixed != encrypt(alone, made.private.images, public, None)).any()
    assert (mixed != encrypt(whole, made.private.images, public, None)).any()


def test_without_the_key_nothing_is_told():
    made = encoding_of(None)
    assert "augmentation" not in made.describe() and made.plan(0, 3).transforms is None
    assert encoding_of().describe()["augmentation"] == CROPS.describe()


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({}, "leave the key out"),
        ({"fill": "grey"}, "leave the key out"),
        ({"crop_padding": -1}, "crop_padding is -1"),
        ({"crop_padding": True}, "crop_padding is True"),
        ({"crop_padding": 4.0}, "crop_padding is 4.0"),
        ({"flip": 1}, "true or false"),
        ({"flip": True, "fill": "white"}, "black or grey"),
        ({"flip": True, "fill": ["black"]}, "black or grey"),
        ({"rotation": 181}, "0 to 180"),
        ({"rotation": float("nan")}, "0 to 180"),
        ({"translation": 1}, "0 to 0.99"),
        ({"crop": 24.5}, "whole number of pixels"),
        ({"crop_pading": 4}, "no key 'crop_pading'"),
        ([1], "is an object"),
        (None, "is an object"),
        ({1: 2}, "is an object"),
    ],
)
def test_wrong_augmentations_are_refused(wrong, said):
    with pytest.raises(InstaHideError, match=said):
        Augmentation.of(wrong)


def test_what_does_not_suit_the_challenge_is_refused():
    for some, said in (({"crop_padding": 32}, "out of sight"), ({"crop": 33}, "be grown")):
        with pytest.raises(InstaHideError, match=said):
            encoding_of(some)
    with pytest.raises(InstaHideError, match="those of the challenge of 2020"):
        encoding_of(generator="mt19937-2020")
    with pytest.raises(InstaHideError, match="mixes no public images"):
        encoding_of({"flip": True, "public": True}, "inside")


@pytest.mark.parametrize("some", [CROPS, FUSION, ALL])
def test_a_truth_keeps_the_transforms(tmp_path, some):
    plan = encoding_of(some).plan(0, 30)
    save_plan(tmp_path / "truth.npz", plan)
    found = load_plan(tmp_path / "truth.npz")
    assert compare_plans(found, plan) == "identical" and found.augmentation == some
    assert compare_plans(found, encoding_of(None).plan(0, 30)).startswith("augmentation: ")
    other = replace(plan, transforms=replace(plan.transforms, flipped=~plan.transforms.flipped))
    assert compare_plans(found, other).startswith("flipped: 30 of 30 rows differ")
    assert set(vars(encoding_of(None).plan(0, 3))) == set(vars(plan))


def test_a_truth_without_transforms_has_the_arrays_of_before(tmp_path):
    save_plan(tmp_path / "truth.npz", encoding_of(None).plan(0, 30))
    assert set(load_npz(tmp_path / "truth.npz")) == {"pairs", "public", "coefficients"}


@pytest.mark.parametrize(
    "changes",
    [
        {"augmentation": np.array("{")},
        {"augmentation": np.array("[" * 10_000)},
        {"augmentation": np.array("{}")},
        {"augmentation": np.array('{"flip": true}')},
        {"augmentation": np.array(['{"flip": true}'])},
        {"augmentation": np.zeros(3)},
        {"flipped": None},
        {"flipped": np.zeros((30, 2))},
        {"flipped": np.zeros((30, 3), bool)},
        {"shifts": np.full((30, 2, 2), 5)},
        {"shifts": np.zeros((30, 2, 3), int)},
        {"angles": np.zeros((30, 2))},
    ],
)
def test_wrong_truths_are_refused(tmp_path, changes):
    save_plan(tmp_path / "truth.npz", encoding_of().plan(0, 30))
    arrays = load_npz(tmp_path / "truth.npz") | changes
    arrays = {name: array for name, array in arrays.items() if array is not None}
    save_npz(tmp_path / "truth.npz", arrays)
    with pytest.raises(InstaHideError, match="no truth of a challenge"):
        load_plan(tmp_path / "truth.npz")


@pytest.mark.parametrize("told", [7, None, {}, {"flip": 1}, {"crop_padding": 4, "more": 1},
                                  {"crop_padding": 32}])  # fmt: skip
def test_wrong_manifests_are_refused(tmp_path, told):
    manifest = {"format_version": 2, "image_shape": [32, 32, 3]}
    good = json.loads(json.dumps(manifest | {"augmentation": CROPS.describe()}))
    check_manifest(good, tmp_path, ())
    with pytest.raises(InstaHideError, match="augmentation"):
        check_manifest(manifest | {"augmentation": told}, tmp_path, ())
