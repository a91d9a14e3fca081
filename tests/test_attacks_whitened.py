import json
from dataclasses import asdict, replace

import numpy as np
import pytest
from test_attacks_field import smooth_images
from unmixing import unmix

from instahide.attacks import running
from instahide.attacks.catalogue import unmixing
from instahide.attacks.protocol import Released
from instahide.attacks.recipe import Attack
from instahide.attacks.seen import see, strip_labels
from instahide.attacks.unmixing import retrieval
from instahide.attacks.unmixing.parts.coefficients import public_spread
from instahide.attacks.unmixing.parts.rounds import Round
from instahide.attacks.unmixing.problem import make_problem
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
CHOSEN = {"similarity": "whitened,mixtures=3000", "retrieval": "field"}
QUICK = unmixing(**CHOSEN)


@pytest.fixture(autouse=True)
def few_rounds(monkeypatch):
    monkeypatch.setattr(retrieval, "FIRST_ROUNDS", (Round(10, 0.3, turn=False),))
    monkeypatch.setattr(retrieval, "FIELD_ROUNDS", (Round(10, 0.2, 3), Round(12, 0.02)))


def photos(seed, count):
    rng = np.random.default_rng(seed)
    # The mean tells an image from its negative.
    return to_bytes(smooth_images(rng, count, SHAPE) - 0.2)


@pytest.fixture(scope="module")
def challenges():
    """The same twelve private images under a mask and without, and a public sample."""
    private = LabelledImages(photos(1, 12), np.arange(12) // 4, ("cat", "dog", "ship"))
    pool, public, found = Pool(photos(2, 300)), to_unit_range(photos(4, 1000)), {}
    for name in ("cross", "mixup"):
        scheme = Scheme(name, k=4, c2=0.4, rows_per_image=50)
        sources = combine(private, pool, Key.from_seed(3), of_scheme(scheme))
        plan = sources.encoding.plan(0, 600)
        released = Released(encode_rows(sources, plan, 0), label_rows(plan, private))
        found[name] = make_problem(released, public, scheme, 12)
    return found, to_unit_range(private.images)


def nearest(recovered, private):
    """The error of each private image's best match among the recovered ones."""
    differences = ((recovered[:, None] - private[None]) ** 2).mean(axis=(2, 3, 4))
    return differences.min(axis=0) / private.var()


def test_masked_images_are_recovered(challenges):
    found, private = challenges
    recovery, state, watch = unmix(found["cross"], QUICK)
    assert np.median(nearest(recovery.private, private)) < 0.05
    assert recovery.decryption.shape == (600, *SHAPE)
    assert recovery.decryption.dtype == np.float32
    assert np.abs(recovery.decryption).max() <= 1
    assert state.assignment.members.shape == (600, 2)
    names = [stage["name"] for stage in watch.stages]
    assert names == ["similarity", "assignment", "retrieval", "finish"]
    assert watch.stages[0]["choice"] == "whitened,mixtures=3000"


def test_without_masks_images_are_nearly_exact(challenges):
    found, private = challenges
    recovery, _, _ = unmix(found["mixup"], QUICK)
    assert nearest(recovery.private, private).max() < 0.02


def test_what_is_handed_in_is_one_of_the_recovered_images(challenges):
    recovery, state, _ = unmix(challenges[0]["mixup"], QUICK)
    offered = recovery.private[state.assignment.members]
    assert (recovery.decryption[:, None] == offered).all(axis=(2, 3, 4)).any(axis=1).all()


def test_steps_from_files_and_in_memory_give_the_same_bits(challenges, tmp_path):
    problem = challenges[0]["cross"]
    released = Released(problem.magnitudes.reshape(-1, *SHAPE), problem.label)
    seen = see(released, problem.public, {"scheme": asdict(problem.scheme)}, 12)
    recovery, state, _ = unmix(problem, QUICK)
    before = []
    for number, step in enumerate(QUICK.steps):
        out = tmp_path / str(number) / step.product
        running.save_step(out, Attack.of(QUICK.until(number)), before, seen)
        before = [out]
    np.testing.assert_array_equal(np.load(out), recovery.decryption)
    about = json.loads((out.parent / "attack.json").read_text(encoding="utf-8"))
    assert [part["name"] for part in about["stages"]] == [step.name for step in QUICK.steps]
    chosen = [step.choice.text for step in QUICK.steps]
    assert [part["choice"] for part in about["stages"]] == chosen
    assert about["peak_memory_bytes"] >= max(
        part["peak_memory_bytes"] for part in about["stages"]
    )
    saved = np.load(out.parent / "assignment.npz")
    np.testing.assert_array_equal(saved["members"], state.assignment.members)


@pytest.mark.parametrize(
    "choice", [{"finish": "none"}, {"retrieval": "field,rounds=0"},
               {"assignment": "em,rounds=1"}, {"similarity": "plain"},
               {"similarity": "whitened,mixtures=3000,power=1"},
               {"retrieval": "field,start=pixels"}, {"retrieval": "field,public_mean=False"}],
)  # fmt: skip
def test_every_choice_of_stages_runs(challenges, choice):
    recovery, _, watch = unmix(challenges[0]["cross"], unmixing(**(CHOSEN | choice)))
    assert np.isfinite(recovery.decryption).all()
    assert choice.items() <= {part["name"]: part["choice"] for part in watch.stages}.items()


def test_public_samples_of_another_shape_or_too_small_are_refused(challenges):
    problem = challenges[0]["cross"]
    released = Released(problem.magnitudes.reshape(-1, *SHAPE), problem.label)
    for sample, words in (
        (problem.public[:, :8], "make the sample"),
        (problem.public[:20], "has 20 images"),
    ):
        with pytest.raises(InstaHideError, match=words):
            make_problem(released, sample, problem.scheme, 12)


def test_stages_refuse_problems_that_they_cannot_take(challenges):
    problem = challenges[0]["cross"]
    classes = strip_labels(problem.label, "classes")
    with pytest.raises(InstaHideError, match="reads coefficients off the labels"):
        unmix(replace(problem, label=classes, labels="classes"), QUICK)
    with pytest.raises(InstaHideError, match="rows of 4 private images"):
        unmix(replace(problem, scheme=Scheme("inside", k=4)), QUICK)


def test_stripped_labels_keep_no_coefficients():
    label = np.array([[0.2, 0, 0.3], [0, 0.7, 0]], np.float32)
    np.testing.assert_array_equal(strip_labels(label, "coefficients"), label)
    np.testing.assert_array_equal(strip_labels(label, "classes"), [[1, 0, 1], [0, 1, 0]])
    np.testing.assert_array_equal(strip_labels(label, "none"), [[1], [1]])


def test_the_public_spread_of_two_images_is_known_in_closed_form():
    # (a² + b²) / (a + b)² of two |N(0, 1)| depends on their angle only, which is uniform.
    angle = (np.arange(100_000) + 0.5) / 100_000 * np.pi / 2
    exact = (1 / (np.cos(angle) + np.sin(angle)) ** 2).mean()
    rng = np.random.default_rng(6)
    scheme = Scheme(k=4, c1=1.0, c2=0.0)
    assert public_spread(scheme, rng, 200_000) == pytest.approx(exact, rel=0.01)
    assert public_spread(Scheme(k=2, c2=0.3), rng) == 0
