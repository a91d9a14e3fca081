from dataclasses import replace

import numpy as np
import pytest
import zarr
from test_attacks_field import smooth_images
from unmixing import unmix

from instahide.attacks.catalogue import unmixing
from instahide.attacks.knownpool.decoding import SURE, Settings
from instahide.attacks.knownpool.finish import decode_rows, decode_with_pool
from instahide.attacks.knownpool.task import is_settled
from instahide.attacks.protocol import Released
from instahide.attacks.unmixing import retrieval
from instahide.attacks.unmixing.parts.rounds import Round
from instahide.attacks.unmixing.problem import make_problem
from instahide.attacks.unmixing.state import Assignment
from instahide.challenge.encryption import encode_rows
from instahide.challenge.sources import combine
from instahide.cli import main
from instahide.encodings.choice import of_scheme
from instahide.encodings.instahide.scheme import Scheme
from instahide.encodings.labels import label_rows
from instahide.errors import InstaHideError
from instahide.files import load_npz, save_npy
from instahide.images import to_bytes, to_unit_range
from instahide.labelled import LabelledImages
from instahide.pool.pool import Pool
from instahide.pool.stores import put_array, put_names
from instahide.randomness.keystream import Key

pytestmark = pytest.mark.slow

SHAPE = (16, 16, 3)
SETTINGS = Settings(k=4)
START = unmixing(similarity="whitened,mixtures=3000")


@pytest.fixture(scope="module", autouse=True)
def few_rounds():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(retrieval, "FIRST_ROUNDS", (Round(10, 0.3, turn=False),))
        patch.setattr(retrieval, "FIELD_ROUNDS", (Round(10, 0.2, 3), Round(12, 0.02)))
        yield


def photos(seed, count):
    return to_bytes(smooth_images(np.random.default_rng(seed), count, SHAPE) - 0.2)


class Challenge:
    """Twelve private images, 400 public ones, 600 rows of k = 4, and a start."""

    def __init__(self, name="cross"):
        self.private = LabelledImages(photos(1, 12), np.arange(12) // 4, ("cat", "dog", "ship"))
        self.pool = Pool(photos(2, 400))
        scheme = Scheme(name, k=4, c2=0.4, rows_per_image=50)
        sources = combine(self.private, self.pool, Key.from_seed(3), of_scheme(scheme))
        self.plan = sources.encoding.plan(0, 600)
        labels = label_rows(self.plan, self.private)
        self.released = Released(encode_rows(sources, self.plan, 0), labels)
        public = to_unit_range(self.pool.patches)
        self.problem = make_problem(self.released, public, scheme, 12, pool=self.pool)
        self.start = unmix(self.problem, START)[1]

    def decode(self, pool=None, settings=SETTINGS, start=None):
        problem = replace(self.problem, pool=pool or self.pool)
        state, decoding, _ = decode_rows(problem, start or self.start, settings)
        return state.images[:-1].reshape(-1, *SHAPE), decoding, state


@pytest.fixture(scope="module")
def challenge():
    return Challenge()


@pytest.fixture(scope="module")
def decoded(challenge):
    return challenge.decode()


def hits(public, plan):
    return (public[:, :, None] == plan.public[:, None, :]).any(axis=2)


def errors(recovered, private):
    differences = (recovered[:, None] - to_unit_range(private.images)[None]) ** 2
    return differences.mean(axis=(2, 3, 4)).min(axis=1)


def test_everything_is_recovered_exactly(challenge, decoded):
    private, decoding, _ = decoded
    assert (errors(private, challenge.private) == 0).all()
    assert hits(decoding.public, challenge.plan).mean() > 0.99
    sure = decoding.row_confidence > SURE
    assert sure.mean() > 0.98
    order, true = np.argsort(decoding.public), np.argsort(challenge.plan.public)
    found = np.take_along_axis(decoding.coefficients, order, 1)
    truth = np.take_along_axis(challenge.plan.weights[:, 2:], true, 1)
    right = sure & hits(decoding.public, challenge.plan).all(axis=1)
    np.testing.assert_allclose(found[right], truth[right], atol=1e-3)


def test_as_a_stage_it_hands_in(challenge, decoded):
    _, decoding, state = decoded
    rng = np.random.default_rng(0)
    recovery = decode_with_pool(challenge.problem, challenge.start, rng)
    assert (errors(recovery.decryption, challenge.private) == 0).all()
    assert recovery.details["pool_images"] == 400
    assert recovery.details["settled_rows"] == pytest.approx(
        is_settled(state, decoding).mean(), abs=1e-4
    )
    np.testing.assert_array_equal(recovery.arrays["decoding"]["public"], decoding.public)
    with pytest.raises(InstaHideError, match="public: pool"):
        decode_with_pool(replace(challenge.problem, pool=None), challenge.start, rng)


def test_the_model_explains_the_encryptions(challenge, decoded):
    _, decoding, state = decoded
    atoms = to_unit_range(challenge.pool.patches).reshape(400, -1)[decoding.public]
    model = np.einsum("ek,ekd->ed", decoding.coefficients, atoms)
    pairs = state.assignment
    private = state.images[pairs.members]
    model += np.einsum("ek,ekd->ed", pairs.weights, private)
    size = np.abs(challenge.released.encryption.reshape(600, -1))
    settled = is_settled(state, decoding)
    np.testing.assert_allclose(np.abs(model)[settled], size[settled], atol=1e-3)


def test_two_runs_give_the_same_bits(challenge, decoded):
    again = challenge.decode()
    np.testing.assert_array_equal(again[0], decoded[0])
    np.testing.assert_array_equal(again[1].public, decoded[1].public)
    np.testing.assert_array_equal(again[1].coefficients, decoded[1].coefficients)
    np.testing.assert_array_equal(again[1].confidence, decoded[1].confidence)


def test_half_a_pool_helps_and_knows_what_it_does_not_know(challenge):
    known = np.sort(np.random.default_rng(6).permutation(400)[:200])
    half = Pool(challenge.pool.patches[known])
    private, decoding, state = challenge.decode(half, replace(SETTINGS, passes=5))
    public = np.where(decoding.public >= 0, known[decoding.public], -1)
    right = hits(public, challenge.plan)
    there = np.isin(challenge.plan.public, known)
    sure = decoding.confidence > SURE
    assert right[sure].mean() > 0.97
    assert decoding.confidence[~right].mean() < 0.3
    # A row with a missing image is never complete.
    assert not is_settled(state, decoding)[~there.all(axis=1)].any()
    start = np.clip(challenge.start.images[:-1], -1, 1).reshape(-1, *SHAPE)
    after = errors(private, challenge.private).mean()
    assert after < errors(start, challenge.private).mean() / 2


def test_rows_with_a_wrong_pair_are_tried_again(challenge):
    pairs = challenge.start.assignment.members.copy()
    pairs[:12] = (pairs[:12] // 4) * 4 + (pairs[:12] + 1) % 4  # others of the same classes
    wrong = Assignment(pairs, challenge.start.assignment.weights)
    private, _, state = challenge.decode(start=replace(challenge.start, assignment=wrong))
    assert (errors(private, challenge.private) == 0).all()
    images = to_unit_range(challenge.private.images)
    mine = ((private[:, None] - images[None]) ** 2).mean(axis=(2, 3, 4)).argmin(axis=1)
    found = np.sort(mine[state.assignment.members[:12]], axis=1)
    assert (found == np.sort(challenge.plan.members[:12], axis=1)).all(axis=1).mean() > 0.9


def test_rows_without_masks_are_decoded_too():
    mixup = Challenge("mixup")
    private, decoding, _ = mixup.decode(settings=Settings(k=4, masked=False))
    assert (errors(private, mixup.private) == 0).all()
    assert hits(decoding.public, mixup.plan).mean() > 0.99


def test_what_does_not_fit_is_refused(challenge):
    small = Pool(challenge.pool.patches[:, :8])
    with pytest.raises(InstaHideError, match="pool's images are"):
        challenge.decode(small)
    with pytest.raises(InstaHideError, match="no public images"):
        challenge.decode(settings=Settings(k=2))
    with pytest.raises(InstaHideError, match="screen = 0"):
        challenge.decode(settings=replace(SETTINGS, screen=0))
    short = replace(challenge.start, unmasked=challenge.start.unmasked[:10])
    with pytest.raises(InstaHideError, match="10 rows"):
        challenge.decode(start=short)


def test_the_command_writes_the_attacks_folder(challenge, tmp_path, capsys):
    folder = tmp_path / "challenge"
    save_npy(folder / "encryption.npy", challenge.released.encryption)
    save_npy(folder / "label.npy", challenge.released.label)
    group = zarr.open_group(tmp_path / "pool.zarr", mode="w")
    put_array(group, "patches", challenge.pool.patches)
    put_array(group, "boxes", np.zeros((400, 4), np.int32))
    put_array(group, "photo", np.zeros(400, np.int32))
    put_array(group, "keypoints", np.full(400, 41, np.int32))
    put_names(group, "photos", ["a.jpg"])
    options = ["--pool", str(tmp_path / "pool.zarr"), "--images", "12", "--k", "4"]
    with pytest.raises(SystemExit) as end:
        main(["attack", "pool", str(folder), *options, "--c2", "0.4"])
    assert end.value.code == 0
    out = folder / "attacks" / "pool"
    assert (np.load(out / "private.npy").shape) == (12, *SHAPE)
    names = ("public", "coefficients", "confidence", "row_confidence", "level")
    stored = load_npz(out / "decoding.npz", names)
    assert hits(stored["public"], challenge.plan).mean() > 0.99
    assert stored["row_confidence"].shape == (600,)
