"""Images in views: canvases, registration, frames, and who is in a row in which view."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some
from test_attacks_field import smooth_images
from unmixing import unmix

from instahide.attacks.catalogue import unmixing
from instahide.attacks.protocol import Released
from instahide.attacks.unmixing import retrieval, viewretrieval
from instahide.attacks.unmixing.parts.alignment import align, choose_frames, widen
from instahide.attacks.unmixing.parts.canvases import (
    RowViews,
    ViewedMixtures,
    Views,
    rows_of,
    solve_canvases,
    views_of,
)
from instahide.attacks.unmixing.parts.field import learn_field
from instahide.attacks.unmixing.parts.labels import make_roster, parts_of_pairs
from instahide.attacks.unmixing.parts.regions import slopes
from instahide.attacks.unmixing.parts.registration import even_lines, register
from instahide.attacks.unmixing.parts.rounds import Round
from instahide.attacks.unmixing.parts.viewpairs import (
    FreeWeights,
    KnownWeights,
    ViewTable,
    choose_views,
)
from instahide.attacks.unmixing.parts.viewregions import slopes_in_views
from instahide.attacks.unmixing.parts.viewrounds import agree_in_views
from instahide.attacks.unmixing.problem import make_problem
from instahide.attacks.unmixing.state import NOBODY, Assignment
from instahide.challenge.encryption import encode_rows
from instahide.challenge.sources import combine
from instahide.encodings.augmentation import Augmentation, Transforms, apply_transforms
from instahide.encodings.choice import of_scheme
from instahide.encodings.instahide.scheme import Scheme
from instahide.encodings.labels import label_rows
from instahide.errors import InstaHideError
from instahide.images import to_bytes, to_unit_range
from instahide.labelled import LabelledImages
from instahide.pool.pool import Pool
from instahide.randomness.keystream import Key
from instahide.ssim import ssim

SHAPE = (8, 8, 3)
CROPS = Augmentation(crop_padding=2, flip=True)
VIEWS = Views(SHAPE, reach=2)


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def flat(images):
    return images.reshape(len(images), -1).astype(np.float32)


@settings(max_examples=30, deadline=None)
@given(some.integers(0, 4), some.booleans(), some.integers(0, 50))
def test_views_are_numbered_and_told_back(reach, flip, image):
    views = Views(SHAPE, reach, flip)
    every = np.arange(len(views))
    assert (views.number(*views.describe(every)) == every).all()
    images, seen = views.split(views.join(np.full(len(views), image), every))
    assert (images == image).all()
    assert (seen == every).all()
    assert views.split(np.array([NOBODY]))[0] == NOBODY


@settings(max_examples=30, deadline=None)
@given(some.integers(0, 2**32 - 1), some.sampled_from(["black", "grey"]))
def test_a_view_is_what_training_makes_of_an_image(seed, fill):
    rng, many = np.random.default_rng(seed), 6
    crops = replace(CROPS, fill=fill)
    images = rng.integers(0, 256, (many, 1, *SHAPE), dtype=np.uint8)
    flipped, shifts = rng.random((many, 1)) < 0.5, rng.integers(-2, 3, (many, 1, 2))
    expected = apply_transforms(images, Transforms(flipped, shifts), crops)
    views = replace(
        VIEWS, fill=float(to_unit_range(np.uint8([{"black": 0, "grey": 128}[fill]]))[0])
    )
    members = views.join(np.arange(many)[:, None], views.number(flipped, shifts))
    found = views.show(flat(to_unit_range(images[:, 0])), members)
    np.testing.assert_allclose(found, flat(to_unit_range(expected[:, 0])), atol=1e-6)


@pytest.mark.parametrize("margin", [0, 1, 2])
def test_spreading_is_the_transpose_of_mixing(rng, margin):
    views = replace(VIEWS, margin=margin)
    rows = RowViews(
        views,
        rng.integers(0, 3 * len(views), (20, 2)),
        rng.standard_normal((20, 2)).astype(np.float32),
    )
    images = rng.standard_normal((3, int(np.prod(views.canvas)))).astype(np.float32)
    values = rng.standard_normal((20, 192)).astype(np.float32)
    forth, back = (rows.mix(images) * values).sum(), (images * rows.spread(values, 3)).sum()
    assert forth == pytest.approx(back, rel=1e-4)


def test_canvases_are_solved_as_by_least_squares(rng):
    views = Views((3, 3, 1), reach=1, fill=0.0)
    members = rng.integers(0, 2 * len(views), (40, 2))
    rows = RowViews(views, members, rng.random((40, 2)).astype(np.float32))
    unit = np.eye(18, dtype=np.float32).reshape(18, 2, 9)
    design = np.stack([rows.mix(images).ravel() for images in unit], axis=1)
    targets, trust = rng.standard_normal((40, 9)), rng.random((40, 9)) + 0.5
    root = np.sqrt(trust).ravel()[:, None]
    stacked = np.vstack([design * root, np.sqrt(0.3) * np.eye(18)])
    right = np.concatenate([targets.ravel() * root[:, 0], np.zeros(18)])
    expected = np.linalg.lstsq(stacked, right, rcond=None)[0].reshape(2, 9)
    found = solve_canvases(
        rows,
        targets.astype(np.float32),
        trust.astype(np.float32),
        np.full((2, 1), 0.3, np.float32),
    )
    np.testing.assert_allclose(found, expected, atol=2e-3)


def test_one_view_is_the_plain_mixture(rng):
    views = Views(SHAPE, reach=0, flip=False)
    assignment = Assignment(
        rng.integers(0, 4, (10, 2)), rng.uniform(0.1, 0.4, (10, 2)).astype(np.float32)
    )
    images = rng.standard_normal((5, 192)).astype(np.float32)
    found = ViewedMixtures(rows_of(views, assignment, 4), images)[:]
    np.testing.assert_allclose(found, assignment.design(4) @ images, atol=1e-5)


def textures(rng, count, side):
    """Pictures without any correlation between pixels, as whitened features are."""
    return rng.standard_normal((count, side, side, 3)).astype(np.float32)


def seen_rows(rng, count, noise, views):
    """Rows of two pictures with views of them: features of both kinds, images, views."""
    images = flat(textures(rng, 2, SHAPE[0] + 2 * views.margin))
    who, seen = rng.integers(0, 2, count), rng.integers(0, len(views), count)
    shown = views.show(images, views.join(who, seen)[:, None])
    kinds = [shown + noise * rng.standard_normal(shown.shape) for _ in range(2)]
    kinds[1] *= rng.choice([-1, 1], count)[:, None]
    return np.hstack(kinds).astype(np.float32), who, seen


@pytest.mark.parametrize("reach", [0, 2])
def test_rows_of_one_image_are_registered(rng, reach):
    views = Views(SHAPE, reach, flip=reach > 0, margin=reach, fill=0.0)
    features, who, seen = seen_rows(rng, 24, 0.5, views)
    found = register(features, views)
    same = who[:, None] == who
    np.fill_diagonal(same, False)
    other = ~same & ~np.eye(24, dtype=bool)
    assert found.score[same].min() > found.score[other].max()
    flipped, shifts = views.describe(seen)
    assert (found.flipped == (flipped[:, None] ^ flipped))[same].all()
    expected = shifts[:, None] - shifts
    expected[..., 1] *= np.where(flipped[:, None], -1, 1)
    assert (found.shift == expected)[same].all()


def test_rows_are_laid_over_each_other_and_framed(rng):
    views = replace(VIEWS, margin=2, fill=0.0)
    features, who, seen = seen_rows(rng, 60, 0.5, views)
    found, rows, wide = register(features, views), np.flatnonzero(who == 0), widen(VIEWS, 4)
    laid = align(features[rows, :192], found, rows, wide)
    members, inside = choose_frames(
        wide.join(np.zeros_like(laid), laid)[:, None], np.ones((len(rows), 1)), 1, wide, VIEWS
    )
    assert inside.all()
    right, true = VIEWS.describe(members[:, 0]), views.describe(seen[rows])
    # But for one flip of them all, which nobody can know.
    turned = right[0] ^ true[0]
    assert turned.all() or not turned.any()
    expected = true[1] * np.where(turned[:, None], [1, -1], [1, 1])
    assert (right[1] == expected).all()


def test_a_frame_holds_most_rows_and_tells_which_it_does_not(rng):
    wide, shifts = widen(VIEWS, 4), rng.integers(-1, 4, (200, 2))
    shifts[0] = -4
    seen = wide.number(np.zeros(200, bool), shifts)
    members = wide.join(np.zeros(200, np.int64), seen)[:, None]
    found, inside = choose_frames(members, np.ones((200, 1)), 1, wide, VIEWS)
    assert inside[1:].all()
    assert not inside[0, 0]
    assert (VIEWS.describe(found[1:, 0])[1] == shifts[1:] - 1).all()


def test_lines_are_evened_and_clipped(rng):
    features = flat(rng.standard_normal((5, *SHAPE)))
    features[:, :24] *= 100  # a strip on top
    even = even_lines(features, SHAPE).reshape(5, *SHAPE)
    power = np.square(even).mean(axis=(2, 3))
    assert power.max() / power.min() < 3
    assert np.abs(even).max() <= 2


@pytest.mark.parametrize("free", [False, True])
def test_images_views_and_weights_are_chosen(rng, free):
    images = flat(textures(rng, 6, SHAPE[0]))
    pairs = np.array([rng.choice(6, 2, replace=False) for _ in range(80)])
    weights = -np.sort(-rng.uniform(0.2, 0.6, (80, 2)), axis=1).astype(np.float32)
    members = VIEWS.join(pairs, rng.integers(0, len(VIEWS), (80, 2)))
    views = replace(VIEWS, fill=0.0)
    rows = RowViews(views, members, weights).mix(images)
    rows += 0.02 * rng.standard_normal(rows.shape).astype(np.float32)
    label = np.zeros((80, 3), np.float32)
    np.add.at(label, (np.arange(80)[:, None], pairs // 2), weights)
    parts = replace(parts_of_pairs(label, 6), roster=make_roster(np.array([2, 2, 2])))
    weigher = KnownWeights(parts, parts.coefficients)
    if free:
        weigher = FreeWeights(np.full(80, 0.01, np.float32), 0.4)
    found = choose_views(rows, ViewTable.of(views.expand(images), len(views)), parts, weigher)
    order = np.argsort(-found.weights, axis=1)
    chosen = np.take_along_axis(found.members, order, axis=1)
    right = (np.sort(chosen, axis=1) == np.sort(members, axis=1)).all(axis=1)
    assert right.mean() > 0.9
    ordered = -np.sort(-found.weights, axis=1)
    np.testing.assert_allclose(ordered[right], weights[right], atol=0.08)
    assert found.cost[right].mean() < 0.2


def test_no_row_holds_an_image_twice(rng):
    images = flat(textures(rng, 2, SHAPE[0]))
    views = replace(VIEWS, fill=0.0)
    seen = rng.integers(0, len(views), (30, 2))
    rows = RowViews(views, seen, np.full((30, 2), 0.4, np.float32)).mix(images)
    parts = parts_of_pairs(np.full((30, 1), 0.8, np.float32), 2)
    table = ViewTable.of(views.expand(images), len(views))
    found = choose_views(rows, table, parts, KnownWeights(parts, parts.coefficients))
    assert (np.diff(found.members // len(views), axis=1) != 0).all()


def test_rows_agree_on_their_signs(rng):
    field = learn_field(smooth_images(np.random.default_rng(1), 400))
    images = flat(smooth_images(rng, 5)) * 2
    members = VIEWS.join(rng.integers(0, 5, (200, 2)), rng.integers(0, len(VIEWS), (200, 2)))
    rows = RowViews(replace(VIEWS, fill=0.0), members, np.full((200, 2), 0.4, np.float32))
    signs = rng.choice([-1, 1], 200).astype(np.float32)
    unmasked = (rows.mix(images) + 0.1 * field.sample(rng, 200)) * signs[:, None]
    found = agree_in_views(field, unmasked, rows, 5) * signs
    assert abs(found.mean()) > 0.9


def test_slopes_in_one_view_are_the_plain_ones(rng):
    views = Views(SHAPE, reach=0, flip=False)
    assignment = Assignment(
        np.array([rng.choice(3, 2, replace=False) for _ in range(300)]),
        rng.uniform(0.1, 0.45, (300, 2)).astype(np.float32),
    )
    images = flat(smooth_images(rng, 4))
    magnitudes = np.abs(assignment.design(3) @ images)
    noise = np.full(300, 0.05, np.float32), np.ones(192, np.float32)
    plain = slopes(images, assignment.sparse_design(3), magnitudes, noise)
    found = slopes_in_views(images, rows_of(views, assignment, 3), magnitudes, noise)
    for one, other in zip(plain, found, strict=True):
        np.testing.assert_allclose(other, one, rtol=0.02, atol=0.02 * np.abs(one).max())


BIG = (16, 16, 3)


def challenge(labels="coefficients", augmentation=CROPS):
    """A small challenge; the problem, and each row's images as they were mixed."""
    photos = [
        to_bytes(smooth_images(np.random.default_rng(seed), count, BIG) - 0.2)
        for seed, count in ((1, 12), (2, 300), (4, 1000))
    ]
    private = LabelledImages(photos[0], np.arange(12) // 4, ("cat", "dog", "ship"))
    scheme = Scheme(k=4, c2=0.4, rows_per_image=50)
    chosen = of_scheme(scheme, augmentation=augmentation.describe() if augmentation else None)
    sources = combine(private, Pool(photos[1]), Key.from_seed(3), chosen)
    plan = sources.plan()
    released = Released(encode_rows(sources, plan, 0), label_rows(plan, private))
    public = to_unit_range(photos[2])
    problem = make_problem(released, public, scheme, 12, labels, augmentation=augmentation)
    images = private.images[plan.members]
    if augmentation:
        images = apply_transforms(images, plan.transforms, augmentation)
    return problem, to_unit_range(images)


@pytest.fixture
def few_rounds(monkeypatch):
    rounds = (Round(10, 0.3, turn=False), Round(10, 0.2, 3), Round(12, 0.02))
    monkeypatch.setattr(viewretrieval, "VIEW_ROUNDS", rounds)
    monkeypatch.setattr(retrieval, "FIRST_ROUNDS", rounds[:1])
    monkeypatch.setattr(retrieval, "FIELD_ROUNDS", rounds[1:])


def quality(recovery, shown):
    return np.maximum(*(ssim(recovery.decryption, shown[:, place]) for place in (0, 1))).mean()


@pytest.mark.slow
@pytest.mark.parametrize(("labels", "least"), [("coefficients", 0.7), ("classes", 0.5)])
def test_the_attack_recovers_images_as_they_were_mixed(few_rounds, labels, least):
    problem, shown = challenge(labels)
    stages = dict.fromkeys(("similarity", "assignment", "retrieval", "finish"), "views")
    recovery, _, _ = unmix(problem, unmixing("augmented", **stages, labels=labels))
    assert quality(recovery, shown) > least
    assert set(recovery.arrays["assignment"]) == {"members", "weights", "flipped", "shifts"}
    assert recovery.arrays["assignment"]["members"].max() < 12
    assert recovery.private.shape == (12, *BIG)


@pytest.mark.long
@pytest.mark.slow
def test_without_augmentation_it_is_as_good_as_the_plain_attack(few_rounds):
    problem, shown = challenge(augmentation=None)
    stages = dict.fromkeys(("similarity", "assignment", "retrieval", "finish"), "views")
    assert len(views_of(problem)) == 1
    recovery, _, _ = unmix(problem, unmixing("augmented", **stages))
    plain, _, _ = unmix(problem, unmixing())
    assert quality(recovery, shown) > quality(plain, shown) - 0.03


def test_rows_without_a_mask_are_refused():
    problem, _ = challenge()
    mixup = replace(problem, scheme=replace(problem.scheme, name="mixup"))
    with pytest.raises(InstaHideError, match="masked rows of two private images"):
        viewretrieval.field_in_views(mixup, None, np.random.default_rng(0))


def test_stages_in_views_go_together():
    with pytest.raises(InstaHideError, match="do not go together"):
        unmixing("mine", assignment="views")
    with pytest.raises(InstaHideError, match="choose 'views' for similarity"):
        unmixing("mine", assignment="views", retrieval="views", finish="local")
