"""The attack `single-labels`: private mixtures of very few rows, taken apart by labels."""

import itertools

import numpy as np
import pytest
from test_attacks_field import smooth_images
from test_attacks_single import store_pool

from instahide.attacks.catalogue import attack_of
from instahide.attacks.knownpool.apart import (
    NEVER,
    likeness,
    merge_likeliest,
    name_groups,
    sharing_likelihood,
    start_from_mixtures,
)
from instahide.attacks.needs import Size, memory_of
from instahide.attacks.protocol import Released
from instahide.attacks.running import run_steps
from instahide.attacks.unmixing.parts.field import learn_field
from instahide.attacks.unmixing.problem import make_problem
from instahide.challenge.encryption import encode_rows
from instahide.challenge.sources import combine
from instahide.cli import main
from instahide.encodings.choice import of_scheme
from instahide.encodings.instahide.scheme import Scheme
from instahide.encodings.labels import label_rows
from instahide.errors import InstaHideError
from instahide.files import save_npy
from instahide.images import to_bytes, to_unit_range
from instahide.labelled import LabelledImages
from instahide.pool.pool import Pool
from instahide.randomness.keystream import Key

SHAPE, IMAGES, MEMBERS = (16, 16, 3), 12, 200
SCHEME = Scheme(k=4, c2=0.4, rows_per_image=5)


class Challenge:
    """Twelve private images, five rows led by each, and what is found of single rows."""

    def __init__(self):
        images = smooth_images(np.random.default_rng(1), IMAGES + MEMBERS, SHAPE) - 0.2
        private, public = np.split(to_bytes(images), [IMAGES])
        classes = np.arange(IMAGES) // 4
        self.private = LabelledImages(private, classes, ("cat", "dog", "ship"))
        self.pool = Pool(public)
        sources = combine(self.private, self.pool, Key.from_seed(3), of_scheme(SCHEME))
        self.plan = sources.plan()
        labels = label_rows(self.plan, self.private)
        self.released = Released(encode_rows(sources, self.plan, 0), labels)
        self.images = to_unit_range(private).reshape(IMAGES, -1)
        self.problem = self.see()

    def see(self, labels="coefficients"):
        public = to_unit_range(self.pool.patches)
        return make_problem(self.released, public, SCHEME, IMAGES, labels, pool=self.pool)

    def found(self):
        """What a perfect first step would find."""
        weights = self.plan.weights.astype(np.float32)
        mixture = np.einsum("ek,ekd->ed", weights[:, :2], self.images[self.plan.members])
        return {
            "public": self.plan.public,
            "coefficients": weights[:, 2:],
            "confidence": np.ones_like(weights[:, 2:]),
            "mixture": mixture.astype(np.float32),
        }


@pytest.fixture(scope="module")
def challenge():
    return Challenge()


def errors(recovered, challenge):
    recovered = recovered.reshape(len(recovered), 1, -1)
    return ((recovered - challenge.images) ** 2).mean(axis=2)


def test_mixtures_come_apart(challenge):
    rng = np.random.default_rng(0)
    state = start_from_mixtures(challenge.problem, [challenge.found()], rng)
    distance = errors(state.images[:-1], challenge)
    named = np.sort(distance.argmin(axis=1)[state.assignment.members], axis=1)
    pairs = (named == np.sort(challenge.plan.members, axis=1)).all(axis=1)
    assert pairs.mean() > 0.85
    assert np.median(distance.min(axis=0)) < 0.01 * (challenge.images**2).mean()
    # The rows are whole again: public parts are back, signs are those of the truth.
    size = np.abs(challenge.released.encryption.reshape(60, -1))
    np.testing.assert_allclose(np.abs(state.unmasked), size, atol=1e-4)


def test_all_steps_recover_most_images_exactly(challenge):
    recovery, watch = run_steps(attack_of("single-labels", {}).steps, challenge.problem)
    assert [stage["name"] for stage in watch.stages] == ["rows", "apart", "finish"]
    best = errors(recovery.private, challenge).min(axis=0)
    assert (best < 1e-6).mean() > 0.7


def test_what_labels_do_not_say_is_refused(challenge):
    rng = np.random.default_rng(0)
    with pytest.raises(InstaHideError, match="reads coefficients off the labels"):
        start_from_mixtures(challenge.see("classes"), [challenge.found()], rng)


def test_rows_that_share_an_image_are_alike(challenge):
    rows = challenge.found()["mixture"]
    field = learn_field(to_unit_range(challenge.pool.patches))
    alike = likeness(field, rows)
    np.testing.assert_allclose(np.diag(alike), 1, rtol=1e-4)
    members = challenge.plan.members
    shares = (members[:, None, :, None] == members[None, :, None, :]).any(axis=(2, 3))
    off = ~np.eye(60, dtype=bool)
    assert np.median(alike[shares & off]) > 5 * np.median(np.abs(alike[~shares]))


def test_evidence_is_for_alike_slots_and_never_within_a_row():
    rng = np.random.default_rng(2)
    alike = 0.02 * rng.standard_normal((40, 40)).astype(np.float32)
    alike[0, 1] = alike[1, 0] = 0.5
    row, share = np.array([0, 1, 2, 2]), np.full(4, 0.7, np.float32)
    ratio = sharing_likelihood(alike, row, share)
    np.testing.assert_array_equal(ratio, ratio.T)
    assert ratio[0, 1] > 100 and ratio[2, 3] == NEVER
    assert -10 < ratio[0, 2] < 0  # one failed row cannot deny for ever


def test_groups_are_merged_by_what_all_members_say():
    true = np.array([0, 0, 0, 1, 1, 2, 2, 2])
    rng = np.random.default_rng(3)
    noise = rng.normal(0, 0.5, (8, 8))
    evidence = np.where(true[:, None] == true, 3.0, -3.0) + noise + noise.T
    names = merge_likeliest(evidence, 3, most=3)
    for one, other in itertools.combinations(range(8), 2):
        assert (names[one] == names[other]) == (true[one] == true[other])
    assert np.bincount(merge_likeliest(np.ones((6, 6)), 1, most=2)).tolist() == [2, 2, 2]
    apart = np.full((3, 3), NEVER)
    assert len(set(merge_likeliest(apart, 1, most=3))) == 3


def test_the_largest_groups_are_images_and_the_rest_fill_up():
    names = np.array([0, 0, 0, 1, 2, 2])
    np.testing.assert_array_equal(name_groups(names, np.array([7, 9])), [7, 7, 7, 9, 9, 9])
    np.testing.assert_array_equal(name_groups(np.array([0, 0]), np.array([4, 5])), [4, 4])


def test_every_step_says_what_it_needs():
    size = Size(1000, 3072, 100, 10, 200, public=8589, pool=8589)
    for step in attack_of("single-labels", {}).steps:
        assert 2**20 < memory_of(step.choice, size) < 2**31


def test_the_command_is_there(challenge, tmp_path, capsys):
    save_npy(tmp_path / "encryption.npy", challenge.released.encryption)
    save_npy(tmp_path / "label.npy", np.full((60, 3), 0.2, np.float32))
    store_pool(tmp_path / "pool.zarr", challenge.pool)
    options = ["--pool", str(tmp_path / "pool.zarr"), "--images", "12", "--k", "2"]
    with pytest.raises(SystemExit) as end:
        main(["attack", "single-labels", str(tmp_path), *options])
    assert end.value.code == 2
    assert "k = 2: rows have no public images" in capsys.readouterr().err
