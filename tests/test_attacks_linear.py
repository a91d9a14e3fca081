"""The attacks on rows without masks, whatever the labels tell."""

from dataclasses import replace

import numpy as np
import pytest
from test_attacks_field import smooth_images

from instahide.attacks.catalogue import NAMED, unmixing
from instahide.attacks.knownpool.linearfinish import usual_level
from instahide.attacks.protocol import Released
from instahide.attacks.running import run_steps
from instahide.attacks.unmixing.parts.field import learn_field
from instahide.attacks.unmixing.parts.labels import check_masked
from instahide.attacks.unmixing.parts.lostimages import replace_lost, shared_direction
from instahide.attacks.unmixing.parts.scales import scale_to_sums
from instahide.attacks.unmixing.problem import make_problem
from instahide.attacks.unmixing.state import Assignment, State
from instahide.challenge.encryption import encode_rows
from instahide.challenge.sources import combine
from instahide.encodings.choice import of_scheme
from instahide.encodings.instahide.scheme import Scheme
from instahide.encodings.labels import label_rows
from instahide.errors import InstaHideError
from instahide.images import to_bytes, to_unit_range
from instahide.labelled import LabelledImages
from instahide.pool.pool import Pool
from instahide.randomness.keystream import Key

pytestmark = pytest.mark.slow

SHAPE = (16, 16, 3)


def photos(seed, count):
    return to_bytes(smooth_images(np.random.default_rng(seed), count, SHAPE) - 0.2)


def challenge(k, labels, name="mixup"):
    """Twelve private images, 600 rows; their problem, plan and private images."""
    private = LabelledImages(photos(1, 12), np.arange(12) // 4, ("cat", "dog", "ship"))
    pool, scheme = Pool(photos(2, 400)), Scheme(name, k=k, c2=0.4, rows_per_image=50)
    sources = combine(private, pool, Key.from_seed(3), of_scheme(scheme))
    plan = sources.encoding.plan(0, 600)
    released = Released(encode_rows(sources, plan, 0), label_rows(plan, private))
    public = to_unit_range(photos(4, 500))
    problem = make_problem(released, public, scheme, 12, labels, pool=pool)
    return problem, plan, to_unit_range(private.images)


def errors(recovered, private):
    return ((recovered[:, None] - private[None]) ** 2).mean(axis=(2, 3, 4)).min(axis=0)


def attack(name, problem):
    return run_steps(unmixing(**NAMED[name]).steps, problem)[0]


@pytest.mark.parametrize(
    ("name", "labels"),
    [("linear", "coefficients"), ("linear-classes", "classes"), ("linear-none", "none")],
)
def test_mixtures_of_two_are_solved_exactly_whatever_labels_tell(name, labels):
    problem, plan, private = challenge(2, labels)
    recovery = attack(name, problem)
    assert errors(recovery.private, private).max() < 1e-6
    mixed = private[plan.members]
    handed = ((recovery.decryption[:, None] - mixed) ** 2).mean(axis=(2, 3, 4)).min(axis=1)
    assert handed.max() < 1e-6


@pytest.mark.parametrize("labels", ["classes", "none"])
def test_with_the_pool_all_is_exact_without_coefficients(labels):
    problem, plan, private = challenge(4, labels)
    recovery = attack("linear-pool", problem)
    assert (errors(recovery.private, private) == 0).all()
    decoding, found = recovery.arrays["decoding"], recovery.arrays["assignment"]
    hit = (plan.public[:, :, None] == decoding["public"][:, None, :]).any(axis=2)
    assert hit.mean() > 0.99
    # Closed form: with all images known, each row's coefficients are least squares of its own.
    everything = np.concatenate([
        private.reshape(12, -1), to_unit_range(problem.pool.patches).reshape(400, -1)
    ])  # fmt: skip
    nearest = ((recovery.private[:, None] - private[None]) ** 2).mean(axis=(2, 3, 4)).argmin(1)
    for row in np.flatnonzero(hit.all(axis=1))[:20]:
        named = [*nearest[found["members"][row]], *(12 + decoding["public"][row])]
        exact = np.linalg.lstsq(everything[named].T, problem.magnitudes[row], rcond=None)[0]
        told = [*found["weights"][row], *decoding["coefficients"][row]]
        np.testing.assert_allclose(told, exact, atol=2e-3)


def test_photos_alone_come_near():
    problem, _, private = challenge(4, "none")
    recovery = attack("linear-none", replace(problem, pool=None))
    assert np.median(errors(recovery.private, private)) < 0.02 * private.var()


def test_masked_rows_and_unknown_pools_are_refused():
    masked, _, _ = challenge(4, "coefficients", "cross")
    for name in ("linear", "linear-classes", "linear-none", "linear-pool"):
        with pytest.raises(InstaHideError, match=r"without a mask .*; use the attack whit"):
            attack(name, masked)
    unmasked, _, _ = challenge(4, "coefficients")
    inside = replace(unmasked, scheme=Scheme("mixup-inside", k=4))
    with pytest.raises(InstaHideError, match="no attack here takes more without a mask"):
        attack("linear", inside)
    with pytest.raises(InstaHideError, match=r"masked rows .* use the attack linear"):
        check_masked(unmasked)
    with pytest.raises(InstaHideError, match="public: pool"):
        attack("linear-pool", replace(unmasked, pool=None))
    with pytest.raises(InstaHideError, match="no public images"):
        attack("linear-pool", challenge(2, "none")[0])


@pytest.mark.parametrize("count", [3, 5, 8])
def test_scales_follow_from_the_sums(count):
    rng = np.random.default_rng(count)
    members = np.array([(a, b) for a in range(count) for b in range(a)] * 2)
    true = rng.uniform(0.1, 0.6, members.shape).astype(np.float32)
    wrong = rng.uniform(0.7, 1.4, count).astype(np.float32)
    # One row's pair is wrong, and little is made of it.
    sums, precision = true.sum(axis=1), np.ones(len(members))
    sums[0], precision[0] = 0, 1e-9
    found = scale_to_sums(members, true * wrong[members], sums, precision, count)
    np.testing.assert_allclose(found, true, atol=1e-3)


def test_rows_that_hardly_hold_a_wrong_image_do_not_settle_its_scale():
    rng = np.random.default_rng(1)
    members = np.array([(a, b) for a in range(6) for b in range(a)] * 8)
    true = rng.uniform(0.1, 0.6, members.shape).astype(np.float32)
    held = (members == 0).any(axis=1)
    few = np.flatnonzero(held)[:3]
    true[few] = np.where(members[few] == 0, 1e-4, true[few])
    wrong = np.where(members == 0, 1.2, 1).astype(np.float32)
    share = np.where(members == 0, true, 0).sum(axis=1)
    # What is left of image 0's rows is its own error; sums are known but for a little.
    level = (1e-10 + 1e-2 * share**2).astype(np.float32)
    sums = true.sum(axis=1) + 1e-3 * held * rng.standard_normal(len(true))
    state = State(np.zeros((7, 1), np.float32), Assignment(members, true), level, None)
    usual = usual_level(state)
    assert (usual >= level).all() and (usual[few] > 100 * level[few]).all()
    np.testing.assert_array_equal(usual[~held], level[~held])

    def off(level):
        found = scale_to_sums(members, true * wrong, sums, 1 / level, 6)
        ratio = (found / true)[members == 0]
        return abs(np.median(ratio) - 1)

    assert off(usual) < 0.01 < off(level)


def test_the_shared_direction_is_the_first_singular_vector():
    rng = np.random.default_rng(0)
    rows = np.outer(rng.uniform(1, 2, 40), rng.standard_normal(30))
    rows = (rows + 0.1 * rng.standard_normal(rows.shape)).astype(np.float32)
    left, values, _ = np.linalg.svd(rows, full_matrices=False)
    found, first = shared_direction(rows), values[0] * left[:, 0]
    np.testing.assert_allclose(found, np.abs(first), rtol=1e-3)
    assert (found > 0).all()


def test_a_lost_image_takes_the_place_of_a_double():
    rng = np.random.default_rng(5)
    private = to_unit_range(photos(1, 6)).reshape(6, -1)
    field = learn_field(to_unit_range(photos(4, 500)))
    pairs = np.array([(a, b) for a in range(6) for b in range(a)] * 20)
    weights = rng.uniform(0.2, 0.5, pairs.shape).astype(np.float32)
    rest = 1 - weights.sum(axis=1, keepdims=True)
    rows = (weights[:, :, None] * private[pairs]).sum(axis=1) + rest * field.mean
    images = np.vstack([private, field.mean])
    images[5] = images[0]  # a double, and image 5 is lost
    # What rows are explained with in its place is given no weight.
    lost = Assignment(np.where(pairs == 5, 0, pairs), np.where(pairs == 5, 0, weights))
    level = np.full(len(rows), 0.01, np.float32)
    state = State(images, lost, level, rows.astype(np.float32))
    found = replace_lost(field, state, level)
    changed = np.flatnonzero((found.images != images).any(axis=1))
    assert len(changed) == 1 and changed[0] in (0, 5)
    here, wanted = found.images[changed[0]] - field.mean, private[5] - field.mean
    cosine = here @ wanted / np.linalg.norm(here) / np.linalg.norm(wanted)
    assert cosine > 0.9
    whole = replace(state, images=np.vstack([private, field.mean]),
                    assignment=Assignment(pairs, weights))  # fmt: skip
    assert replace_lost(field, whole, level) is whole
    # In all its rows, at thrice the contrast with a third of the coefficient: not lost.
    third = np.where(pairs == 5, 1 / 3, 1).astype(np.float32)
    thrice = whole.images.copy()
    thrice[5] += 2 * (thrice[5] - field.mean)
    scaled = replace(whole, images=thrice, assignment=Assignment(pairs, weights * third))
    assert replace_lost(field, scaled, level) is scaled
