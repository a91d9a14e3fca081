"""DP-InstaHide taken apart: means of k private images under Laplace noise."""

import json
import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import laplace, norm
from smallchallenge import save_pool
from test_attacks_field import smooth_images
from unmixing import unmix

from instahide.attacks.catalogue import NAMED, attack_of, unmixing
from instahide.attacks.needs import memory_of, size_of
from instahide.attacks.protocol import Released, load_released
from instahide.attacks.running import run_step, step_rng
from instahide.attacks.seen import see, strip_labels
from instahide.attacks.unmixing.equalassignment import WhitenedRows, see_equal
from instahide.attacks.unmixing.equalretrieval import replace_by_scores, retrieve_equal
from instahide.attacks.unmixing.parts.equalplaces import (
    EqualSeen,
    draw_members,
    draw_start,
    make_places,
)
from instahide.attacks.unmixing.parts.equalrows import noise_of, parts_of_equal, read_equal
from instahide.attacks.unmixing.parts.field import learn_field
from instahide.attacks.unmixing.parts.wiener import solve_wiener, sparse_design
from instahide.attacks.unmixing.problem import mixture_of, view
from instahide.attacks.unmixing.state import NOBODY, Assignment
from instahide.challenge.private import save_private
from instahide.cli import main
from instahide.encodings.dpinstahide import dp_instahide
from instahide.encodings.labels import label_rows
from instahide.errors import InstaHideError
from instahide.images import to_bytes, to_unit_range
from instahide.labelled import LabelledImages
from instahide.pool.pool import empty_pool
from instahide.randomness.keystream import Key
from instahide.scoring.metrics import challenge_scores

SHAPE = (16, 16, 3)
ATTACK = unmixing(**NAMED["whitened-dp"])
UNKNOWN = {"assignment": "equal,noise=unknown", "retrieval": "equal,noise=unknown"}


def photos(seed, count):
    """Smooth images with the grain that photos have."""
    rng = np.random.default_rng(seed)
    grain = 0.05 * rng.standard_normal((count, *SHAPE), np.float32)
    return to_bytes(np.clip(smooth_images(rng, count, SHAPE) - 0.2 + grain, -1, 1))


@pytest.fixture(scope="module")
def private():
    return LabelledImages(photos(1, 12), np.arange(12) // 4, ("cat", "dog", "ship"))


@pytest.fixture(scope="module")
def public():
    return to_unit_range(photos(2, 500))


@pytest.fixture(scope="module")
def challenge(private, public):
    """A problem of 300 rows, k = 3 and b = 0.2, with its plan."""
    return make(private, public, k=3, noise=0.2, rows_per_image=25)


def make(private, public, **options):
    encoding = dp_instahide(private, empty_pool(SHAPE), Key.from_seed(3), **options)
    plan = encoding.plan(0, encoding.rows)
    released = Released(encoding.encode(plan, 0)["encryption"], label_rows(plan, private))
    about = {"encoding": {"name": "dp-instahide", "options": encoding.describe()}}
    return view(see(released, public, about, len(private.images))), plan


def max_ssim(recovery, plan, private):
    truth = to_unit_range(private.images)
    return challenge_scores(recovery.decryption, truth, plan.members).max_ssim.mean()


def test_the_attack_is_as_good_as_an_oracle_that_knows_the_members(challenge, private):
    problem, plan = challenge
    recovery, state, _ = unmix(problem, ATTACK)
    truth = Assignment(plan.members, plan.weights.astype(np.float32))
    oracle = retrieve_equal(problem, truth, np.random.default_rng(0))
    images = np.clip(oracle.images[:-1], -1, 1).reshape(-1, *SHAPE)
    best = max_ssim(replace(recovery, decryption=images[plan.members[:, 0]]), plan, private)
    assert max_ssim(recovery, plan, private) > best - 0.02 > 0.6
    assert state.assignment.members.shape == (300, 3)
    np.testing.assert_allclose(state.assignment.weights, 1 / 3, rtol=1e-6)
    differences = state.images[:-1, None] - to_unit_range(private.images).reshape(12, -1)
    names = (differences**2).mean(axis=2).argmin(axis=1)
    assert sorted(names) == list(range(12))
    right = np.sort(names[state.assignment.members]) == np.sort(plan.members)
    assert right.mean() > 0.95


def test_the_scale_of_the_noise_need_not_be_known(challenge, private):
    problem, plan = challenge
    field = learn_field(problem.public)
    assert noise_of(problem, field, "known") == 2 * 0.2**2
    assert noise_of(problem, field, "unknown") == pytest.approx(2 * 0.2**2, rel=0.05)
    assert noise_of(replace(problem, noise=None), field, "known") == noise_of(
        problem, field, "unknown"
    )
    known, _, _ = unmix(problem, ATTACK)
    blind, _, _ = unmix(problem, unmixing(**(NAMED["whitened-dp"] | UNKNOWN)))
    assert max_ssim(blind, plan, private) > max_ssim(known, plan, private) - 0.02
    with pytest.raises(InstaHideError, match="noise=loud"):
        unmix(problem, unmixing(**(NAMED["whitened-dp"] | {"assignment": "equal,noise=loud"})))


def test_without_noise_images_are_nearly_exact(private, public):
    problem, plan = make(private, public, k=2, noise=0.0, rows_per_image=12)
    recovery, _, _ = unmix(problem, ATTACK)
    assert max_ssim(recovery, plan, private) > 0.98


def test_classes_of_different_sizes_and_rows_in_any_order_do_no_harm(private, public):
    uneven = replace(private, classes=np.array([0] * 6 + [1] * 4 + [2] * 2))
    problem, plan = make(uneven, public, k=2, noise=0.1, rows_per_image=20)
    order = np.random.default_rng(0).permutation(len(plan))
    mixed = replace(problem, magnitudes=problem.magnitudes[order], label=problem.label[order])
    recovery, _, _ = unmix(mixed, ATTACK)
    score = challenge_scores(
        recovery.decryption, to_unit_range(private.images), plan.members[order]
    )
    assert score.max_ssim.mean() > 0.85


def test_labels_tell_how_many_images_of_each_class_a_row_holds(challenge, private):
    problem, plan = challenge
    parts = read_equal(problem)
    np.testing.assert_array_equal(parts.classes, np.sort(private.classes[plan.members]))
    assert (parts.roster != NOBODY).sum(axis=1).tolist() == [4, 4, 4]


@pytest.mark.parametrize("labels", ["classes", "none"])
def test_labels_without_coefficients_are_refused(challenge, labels):
    problem, _ = challenge
    given = replace(problem, label=strip_labels(problem.label, labels), labels=labels)
    with pytest.raises(InstaHideError, match=f"labels: {labels}: .* with coefficients"):
        unmix(given, ATTACK)


@pytest.mark.parametrize(
    ("label", "count", "message"),
    [
        ([[0.5, 0.5], [0.4, 0.6]], 4, "label of row 1 is none of 2 private images in equal"),
        ([[0.5, 0.0], [0.5, 0.5]], 4, "label of row 0 is none"),
        (
            [[1.0, 0.0], [0.5, 0.5]],
            2,
            "of class 1, 1 of them, and by its share of the labels that has 0 ",
        ),
    ],
)
def test_labels_of_other_rows_are_refused(label, count, message):
    with pytest.raises(InstaHideError, match=message):
        parts_of_equal(np.array(label, np.float32), 2, count)


@pytest.mark.parametrize(
    "options",
    [{}, {"k": 4, "noise": -1}, {"k": True, "noise": 1}, {"k": 4, "noise": "x"}, {"k": 2.0}],
)
def test_options_that_make_no_mixture_are_refused(options):
    with pytest.raises(InstaHideError, match="dp-instahide with k = "):
        mixture_of({"encoding": {"name": "dp-instahide", "options": options}})


def test_other_encodings_are_refused_and_noise_may_be_untold():
    with pytest.raises(InstaHideError, match="made by the encoding mine:f"):
        mixture_of({"encoding": {"name": "mine:f", "options": {}}})
    told = {"name": "dp-instahide", "options": {"k": 3, "rows_per_image": 5}}
    scheme, noise = mixture_of({"encoding": told})
    assert (scheme.k, scheme.inside, scheme.masked, noise) == (3, True, False, None)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda rows: rows[:, :8], r"shaped like images, \(16, 16, 3\)"),
        (lambda rows: np.where(np.arange(len(rows)) == 7, np.nan, rows.T).T, "row 7 of"),
        (lambda rows: np.where(np.arange(len(rows)) == 7, np.inf, rows.T).T, "row 7 of"),
    ],
)
def test_rows_that_are_no_images_are_refused(challenge, spoil, message):
    problem, _ = challenge
    options = {"k": 3, "noise": 0.2, "rows_per_image": 25}
    about = {"encoding": {"name": "dp-instahide", "options": options}}
    about["image_shape"] = SHAPE
    rows = spoil(problem.magnitudes.reshape(-1, *SHAPE))
    seen = see(Released(rows, problem.label), problem.public, about, 12)
    with pytest.raises(InstaHideError, match=message):
        view(seen)


def test_attacks_with_stages_for_equal_parts_are_on_dp_instahide():
    assert attack_of("whitened-dp", NAMED).encodings == ("dp-instahide",)
    assert unmixing(retrieval="equal,rounds=1").encodings == ("dp-instahide",)
    assert attack_of("whitened", NAMED).encodings == ("instahide",)


def test_places_that_hold_nobody_are_refused(challenge):
    problem, plan = challenge
    empty = Assignment(np.full_like(plan.members, NOBODY), plan.weights.astype(np.float32))
    with pytest.raises(InstaHideError, match="hold nobody"):
        retrieve_equal(problem, empty, np.random.default_rng(0))


def test_wieners_filter_is_the_posterior_mean():
    rng = np.random.default_rng(4)
    members = np.array([[0, 1], [1, 2], [2, 0], [0, 2], [1, 0]])
    design = sparse_design(Assignment(members, np.full((5, 2), 0.5, np.float32)), 3)
    rows = rng.standard_normal((5, 2)).astype(np.float32)
    prior, noise = np.array([2.0, 0.1], np.float32), np.array([0.5, 3.0], np.float32)
    images, error = solve_wiener(design, rows, prior, noise)
    dense = design.toarray().astype(float)
    for j in range(2):
        precision = dense.T @ dense / noise[j] + np.eye(3) / prior[j]
        covariance = np.linalg.inv(precision)
        expected = covariance @ dense.T @ rows[:, j] / noise[j]
        np.testing.assert_allclose(images[:, j], expected, rtol=1e-4)
        assert error[j] == pytest.approx(np.trace(covariance) / 3, rel=1e-4)


def test_what_a_row_adds_to_its_own_members_is_what_solving_without_it_shows():
    rng, count, k = np.random.default_rng(5), 40, 2
    members = np.stack([rng.permutation(count) for _ in range(20)], axis=1)
    members = np.concatenate([members[:, [i, i + 1]] for i in range(0, 20, 2)])
    features = rng.standard_normal((len(members), 30)).astype(np.float32)
    noise = np.full(30, 0.7, np.float32)
    seen = see_equal(WhitenedRows(features, noise, count), members, 0.0)
    weights = np.full(members.shape, 1 / k, np.float32)
    found = []
    for row in range(40):
        rest = np.delete(np.arange(len(members)), row)
        design = sparse_design(Assignment(members[rest], weights[rest]), count)
        images, wrong = solve_wiener(design, features[rest], np.ones(30, "f4"), noise)
        without = features[row] @ (images / (noise + wrong / k)).T
        found.append((seen.products[row] - without)[members[row]].mean())
    assert np.mean(found) == pytest.approx(seen.own[:40].mean(), rel=0.1)


def test_scores_are_the_derivative_of_the_blurred_density():
    grid = np.linspace(-1.5, 1.5, 13, dtype=np.float32)[:, None]
    points = np.linspace(-6, 6, 40_001)

    def log_density(r):
        return np.log((laplace.pdf(points, scale=0.3) * norm.pdf(r - points, scale=0.2)).sum())

    expected = [
        -(log_density(r + 1e-4) - log_density(r - 1e-4)) / 2e-4
        for r in grid[:, 0].astype(float)
    ]
    scores = grid.copy()
    information = replace_by_scores(scores, 0.3, 0.2)
    np.testing.assert_allclose(scores[:, 0] * information, expected, atol=2e-3)
    assert information == pytest.approx(np.mean(np.square(expected)), rel=1e-3)


def test_draws_use_all_images_about_equally_often_in_each_block(challenge):
    problem, plan = challenge
    places, rng = make_places(read_equal(problem), 12), np.random.default_rng(0)
    np.testing.assert_allclose(places.target.sum(axis=1), 12 * 3)
    np.testing.assert_allclose(places.target, places.count(plan.members))
    start = draw_start(places, rng)
    products = np.zeros((300, 12), np.float32)
    products[:, ::4] = 12  # the first image of each class seems to be in all rows
    seen = EqualSeen(products, np.zeros((12, 12), np.float32), np.zeros(300, "f4"), start)
    drawn = draw_members(places, seen, 1.0, rng)
    for _ in range(3):
        drawn = draw_members(places, replace(seen, members=drawn), 1.0, rng)
    uses = places.count(drawn)
    assert uses[:, ::4].mean() < 3.7  # of 3; they would be in nearly all of 9 rows of 12
    ordered = np.sort(drawn, axis=1)
    assert (ordered[:, 1:] != ordered[:, :-1]).all()  # no image twice in a row


def test_what_stages_need_is_what_they_say(private, public):
    problem, _ = make(private, public, k=3, noise=0.2, rows_per_image=100)
    before, size = (), size_of(problem)
    for number, step in enumerate(ATTACK.steps):
        tracemalloc.start()
        before = (run_step(step, problem, before, step_rng(number, 0)),)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        if step.name in ("assignment", "retrieval"):
            assert 0.8 * peak < memory_of(step.choice, size) < 3 * peak, step.name


def run(*arguments):
    with pytest.raises(SystemExit) as ended:
        main([str(part) for part in arguments])
    return ended.value.code


def test_from_the_command_line_it_scores_far_above_the_mean(private, tmp_path, capsys):
    save_private(tmp_path / "set.npz", private)
    others, out = save_pool(tmp_path / "others.zarr", photos(2, 500)), tmp_path / "dp"
    chosen = "dp-instahide,k=3,noise=0.3,rows_per_image=20"
    made = ["encrypt", "--private", tmp_path / "set.npz", "--encoding", chosen, "--out", out]
    assert run(*made, "--seed", 5) == 0
    assert np.abs(load_released(out, ["encryption"]).encryption).max() > 1.01
    assert run("attack", "whitened-dp", out, "--public-sample", others) == 0
    assert run("baselines", out) == 0
    capsys.readouterr()
    assert run("score", out / "attacks/whitened-dp/decryption.npy", out, "--json") == 0
    score = json.loads(capsys.readouterr().out)["max_ssim"]["mean"]
    mean = json.loads((out / "attacks/mean/score.json").read_text(encoding="utf-8"))
    assert score > mean["max_ssim"]["mean"] + 0.2
    told = json.loads((out / "attacks/whitened-dp/attack.json").read_text(encoding="utf-8"))
    assert told["given"]["labels"] == "coefficients" and not told["given"]["public_pool"]
