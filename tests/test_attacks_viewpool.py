"""Decoding with the pool where images are in views: passes, rescues and frames."""

from dataclasses import replace

import numpy as np
import pytest
from test_attacks_field import smooth_images
from test_attacks_views import CROPS, SHAPE, VIEWS, flat, quality, textures

from instahide.attacks.catalogue import NAMED, unmixing
from instahide.attacks.knownpool.decoding import Settings, nothing_found
from instahide.attacks.knownpool.dictionary import make_dictionary
from instahide.attacks.knownpool.task import make_task
from instahide.attacks.knownpool.viewfinish import decode_in_views
from instahide.attacks.knownpool.viewframes import narrow_state, recentre, widen_state
from instahide.attacks.knownpool.viewrevival import lost_images, revive
from instahide.attacks.knownpool.viewsums import choose_sums, split_views
from instahide.attacks.protocol import Released
from instahide.attacks.unmixing.parts.canvases import (
    RowViews,
    ViewedMixtures,
    rows_of,
    views_of,
)
from instahide.attacks.unmixing.parts.labels import parts_of_pairs
from instahide.attacks.unmixing.parts.viewedstate import ViewedState
from instahide.attacks.unmixing.parts.viewpairs import KnownWeights, ViewTable, choose_views
from instahide.attacks.unmixing.problem import make_problem
from instahide.attacks.unmixing.state import Assignment, State
from instahide.challenge.encryption import encode_rows
from instahide.challenge.sources import combine
from instahide.encodings.augmentation import apply_transforms
from instahide.encodings.choice import of_scheme
from instahide.encodings.instahide.scheme import Scheme
from instahide.encodings.labels import label_rows
from instahide.errors import InstaHideError
from instahide.images import to_bytes, to_unit_range
from instahide.labelled import LabelledImages
from instahide.pool.pool import Pool
from instahide.randomness.keystream import Key

BIG, COUNT = (16, 16, 3), 8


@pytest.fixture
def rng():
    return np.random.default_rng(0)


class Challenge:
    """Eight private images in two classes, 200 public ones, and the truth as a state."""

    def __init__(self, rows_per_image=30):
        photos = [
            to_bytes(smooth_images(np.random.default_rng(seed), count, BIG) - 0.2)
            for seed, count in ((1, COUNT), (2, 200))
        ]
        self.private = LabelledImages(photos[0], np.arange(COUNT) // 4, ("cat", "dog"))
        pool, scheme = Pool(photos[1]), Scheme(k=4, c2=0.4, rows_per_image=rows_per_image)
        chosen = of_scheme(scheme, augmentation=CROPS.describe())
        sources = combine(self.private, pool, Key.from_seed(3), chosen)
        self.plan = plan = sources.plan()
        released = Released(encode_rows(sources, plan, 0), label_rows(plan, self.private))
        public = to_unit_range(pool.patches)
        self.problem = make_problem(
            released, public, scheme, COUNT, pool=pool, augmentation=CROPS
        )
        self.views = views_of(self.problem)
        shown = apply_transforms(self.private.images[plan.members], plan.transforms, CROPS)
        self.shown = to_unit_range(shown)

    def start(self, rng, error=0.2, wrong=0.1):
        """The truth, with blurred images and some wrong members, as a retrieval leaves it."""
        images, plan = flat(to_unit_range(self.private.images)), self.plan
        noise = smooth_images(rng, COUNT, BIG).reshape(COUNT, -1)
        images = np.clip(images + error * noise.astype(np.float32), -1, 1)
        seen = self.views.number(plan.transforms.flipped, plan.transforms.shifts)
        members, weights = self.views.join(plan.members, seen), plan.weights[:, :2]
        order = np.argsort(-weights, axis=1)
        members, weights = (np.take_along_axis(x, order, 1) for x in (members, weights))
        other = rng.random(len(members)) < wrong
        members[other, 1] = rng.integers(0, COUNT * len(self.views), other.sum())
        assignment = Assignment(members, weights.astype(np.float32))
        mean = self.problem.public.mean(axis=0).reshape(1, -1)
        state = State(
            np.vstack([images, mean]),
            assignment,
            (0.3 * (1 - weights.sum(axis=1)) ** 2).astype(np.float32),
            self.problem.magnitudes,
        )
        mixed = ViewedMixtures(rows_of(self.views, assignment, COUNT), state.images)[:]
        return replace(state, unmasked=np.copysign(self.problem.magnitudes, mixed))


@pytest.fixture(scope="module")
def challenge():
    return Challenge()


def test_a_challenge_is_decoded_exactly(challenge, rng):
    start = challenge.start(rng)
    recovery = decode_in_views(challenge.problem, start, rng)
    private = to_unit_range(challenge.private.images)
    assert quality(recovery, challenge.shown) > 0.99
    np.testing.assert_allclose(recovery.private, private, atol=1e-6)
    found = recovery.arrays["decoding"]["public"][:, None, :]
    assert (challenge.plan.public[:, :, None] == found).any(axis=2).mean() > 0.97
    assert recovery.details["settled_rows"] > 0.9


def test_a_frame_that_is_off_is_found(challenge, rng):
    start = challenge.start(rng, error=0.1, wrong=0.0)
    views, images = challenge.views, start.images.copy()
    # Image 3 is known one pixel further down, its last line missing.
    moved = images[3].reshape(BIG)
    images[3] = np.vstack([np.full((1, *BIG[1:]), views.fill), moved[:-1]]).ravel()
    who, seen = views.split(start.assignment.members)
    flipped, shifts = views.describe(seen)
    shifts[who == 3] += [1, 0]
    members = views.join(who, views.number(flipped, np.clip(shifts, -2, 2)))
    start = replace(
        start, images=images, assignment=Assignment(members, start.assignment.weights)
    )
    recovery = decode_in_views(challenge.problem, start, rng)
    private = to_unit_range(challenge.private.images)
    np.testing.assert_allclose(recovery.private, private, atol=1e-6)


def test_a_lost_image_is_begun_anew(challenge, rng):
    start = challenge.start(rng, error=0.0, wrong=0.0)
    dictionary = make_dictionary(challenge.problem.pool)
    settings = Settings(k=4)
    task = make_task(challenge.problem, start, dictionary, settings)
    plan, none = challenge.plan, nothing_found(len(start), settings)
    decoding = replace(none, public=plan.public, coefficients=plan.weights[:, 2:])
    wide = widen_state(start, challenge.views)
    truth = dictionary.mix(decoding.public, decoding.coefficients) + wide.mixtures[:]
    holds = (plan.members == 5).any(axis=1)
    # All that hold image 5 are given to image 6, and do not settle.
    who, seen = wide.views.split(wide.assignment.members)
    members = wide.views.join(np.where(who == 5, 6, who), seen)
    images = wide.images.copy()
    images[5] = 0
    lost = replace(
        wide,
        images=images,
        assignment=Assignment(members, wide.assignment.weights),
        level=np.where(holds, 0.1, 1e-10).astype(np.float32),
        unmasked=truth,
    )
    assert lost_images(lost, decoding).tolist() == [5]
    found = revive(task, lost, decoding)
    now, _ = found.views.split(found.assignment.members)
    assert (now == 5).any(axis=1)[holds & ~task.parts.same].mean() > 0.6
    kept = lost_images(wide_settled(wide), decoding)
    assert not len(kept)
    assert (revive(task, wide_settled(wide), decoding).images == wide.images).all()


def wide_settled(state):
    return replace(state, level=np.full(len(state), 1e-10, np.float32))


def test_two_images_of_a_class_are_found_by_their_sum(rng):
    images = flat(textures(rng, 3, SHAPE[0]))
    views = replace(VIEWS, fill=0.0)
    who = np.array([rng.choice(3, 2, replace=False) for _ in range(60)])
    members = views.join(who, rng.integers(0, len(views), (60, 2)))
    share = rng.uniform(0.8, 0.95, 60).astype(np.float32)
    weights = 0.7 * np.stack([share, 1 - share], axis=1)
    rows = RowViews(views, members, weights).mix(images)
    parts = parts_of_pairs(np.full((60, 1), 0.7, np.float32), 3)
    table = ViewTable.of(views.expand(images), len(views))
    plain = choose_views(rows, table, parts, KnownWeights(parts, parts.coefficients))
    found = split_views(rows, table, parts, plain)
    assert (found.cost <= plain.cost).all()
    right = (np.sort(found.members, axis=1) == np.sort(members, axis=1)).all(axis=1)
    assert right.mean() > 0.95
    ordered = -np.sort(-found.weights, axis=1)
    np.testing.assert_allclose(ordered[right], weights[right], atol=1e-3)
    alone = choose_sums(rows, table, np.arange(3), np.full(60, 0.7, np.float32))
    assert (np.diff(alone.members // len(views), axis=1) != 0).all()


def test_widening_and_narrowing_leave_a_state_as_it_is(challenge, rng):
    start = challenge.start(rng)
    narrow = narrow_state(widen_state(start, challenge.views), challenge.views)
    assert (narrow.assignment.members == start.assignment.members).all()
    assert (narrow.images == start.images).all()
    assert isinstance(narrow.plain(), State)
    assert not isinstance(narrow.plain(), ViewedState)


def test_images_are_brought_back_to_the_middle_of_their_canvases(challenge, rng):
    truth = widen_state(challenge.start(rng, error=0.0, wrong=0.0), challenge.views)
    images = truth.images.reshape(-1, *truth.views.canvas).copy()
    images[:-1] = np.roll(images[:-1], (1, -1), axis=(1, 2))
    who, seen = truth.views.split(truth.assignment.members)
    flipped, shifts = truth.views.describe(seen)
    members = truth.views.join(who, truth.views.number(flipped, shifts + np.array([1, -1])))
    moved = replace(
        truth,
        images=images.reshape(truth.images.shape),
        assignment=Assignment(members, truth.assignment.weights),
    )
    found = recentre(moved)
    assert (found.assignment.members == truth.assignment.members).all()
    np.testing.assert_array_equal(found.images[:-1], truth.images[:-1])


def test_rows_in_views_are_taken_and_put(challenge, rng):
    state = widen_state(challenge.start(rng), challenge.views)
    some = np.array([3, 5])
    taken = state.take(some)
    np.testing.assert_array_equal(taken.mixtures[:], state.mixtures[some])
    back = state.put(some, replace(taken, level=taken.level + 1))
    assert back.views == state.views
    assert (np.flatnonzero(back.level != state.level) == some).all()


def test_the_attack_is_there_by_name():
    attack = unmixing("augmented-pool", **NAMED["augmented-pool"])
    assert attack.public == "pool"
    assert [step.choice.text for step in attack.steps] == ["views"] * 3 + ["views-pool"]


def test_what_cannot_be_decoded_is_refused(challenge, rng):
    start = challenge.start(rng)
    with pytest.raises(InstaHideError, match="public: pool"):
        decode_in_views(replace(challenge.problem, pool=None), start, rng)
    with pytest.raises(InstaHideError, match="passes = 0"):
        decode_in_views(challenge.problem, start, rng, passes=0)
    with pytest.raises(InstaHideError, match="the start is of 7 rows"):
        decode_in_views(challenge.problem, start.take(np.arange(7)), rng)
