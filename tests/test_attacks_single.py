"""The attack `single`: each row for itself, with the pool, without labels."""

import json
from dataclasses import replace

import numpy as np
import pytest
import zarr
from test_attacks_field import smooth_images

from instahide.attacks.catalogue import attack_of, single
from instahide.attacks.knownpool import sharppool
from instahide.attacks.knownpool import single as steps
from instahide.attacks.knownpool.decoding import SURE
from instahide.attacks.knownpool.dictionary import make_dictionary
from instahide.attacks.knownpool.rowmasks import merge_regions, roughness, unmask_locally
from instahide.attacks.knownpool.rowsearch import Search, scan_rows
from instahide.attacks.knownpool.sharpening import flat, steep
from instahide.attacks.knownpool.sharppool import sharpen_pool
from instahide.attacks.needs import Size, memory_of
from instahide.attacks.protocol import Released
from instahide.attacks.recipe import Attack
from instahide.attacks.running import run_steps, save_step
from instahide.attacks.seen import load_seen
from instahide.attacks.unmixing.parts.field import cooling, learn_field
from instahide.attacks.unmixing.problem import make_problem
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

SHAPE, IMAGES, MEMBERS = (16, 16, 3), 60, 300
SCHEME = Scheme(k=4, c2=0.3, rows_per_image=1)


def photos(seed, count):
    return to_bytes(smooth_images(np.random.default_rng(seed), count, SHAPE) - 0.2)


class Challenge:
    """Sixty private images in sixty rows of k = 4, and 300 public images."""

    def __init__(self):
        classes = np.arange(IMAGES) // 20
        self.private = LabelledImages(photos(1, IMAGES), classes, ("cat", "dog", "ship"))
        self.pool = Pool(photos(2, MEMBERS))
        sources = combine(self.private, self.pool, Key.from_seed(3), of_scheme(SCHEME))
        self.plan = sources.plan()
        labels = label_rows(self.plan, self.private)
        self.released = Released(encode_rows(sources, self.plan, 0), labels)
        self.public = to_unit_range(self.pool.patches)
        self.problem = self.see()

    def see(self, scheme=SCHEME, pool="own", labels="none"):
        pool = self.pool if isinstance(pool, str) else pool
        return make_problem(self.released, self.public, scheme, IMAGES, labels, pool=pool)

    @property
    def mixture(self):
        images = to_unit_range(self.private.images).reshape(IMAGES, -1)
        return np.einsum("ek,ekd->ed", self.plan.weights[:, :2], images[self.plan.members])


@pytest.fixture(scope="module")
def challenge():
    return Challenge()


@pytest.fixture(scope="module")
def recovery(challenge):
    return run_steps(single().steps, challenge.problem)[0]


def right(public, plan):
    return (public[:, :, None] == plan.public[:, None, :]).any(axis=2)


def decode(challenge, parts, at_once, monkeypatch):
    """Decode in parts, and return what they find together."""
    monkeypatch.setattr(steps, "DECODED_AT_ONCE", at_once)
    rng = np.random.default_rng(0)
    found = [
        steps.decode_part(challenge.problem, rng, part=(number, parts), starts=1)
        for number in range(parts)
    ]
    return {name: np.concatenate([part[name] for part in found]) for name in found[0]}


def test_public_images_are_found_and_sure_ones_are_right(challenge, recovery):
    found = recovery.arrays["single"]
    hit, sure = right(found["public"], challenge.plan), found["confidence"] > SURE
    assert hit.mean() > 0.8
    assert sure.mean() > 0.6
    assert hit[sure].mean() > 0.98
    np.testing.assert_array_equal(found["row_confidence"], found["confidence"].min(axis=1))
    assert recovery.details["confident_images"] == pytest.approx(sure.mean(), abs=1e-4)
    assert (found["coefficients"] >= 0).all()


def test_the_private_mixture_is_what_is_left(challenge, recovery):
    found, mixture = recovery.arrays["single"], challenge.mixture
    errors = ((found["mixture"] - mixture) ** 2).mean(axis=1)
    assert np.median(errors) < 0.01 * (mixture**2).mean()
    private = challenge.plan.weights[:, :2].sum(axis=1, keepdims=True)
    handed_in = recovery.decryption.reshape(IMAGES, -1)
    assert np.median(((handed_in - mixture / private) ** 2).mean(axis=1)) < 0.01
    # With what was found, it makes the encryptions again.
    atoms = challenge.public.reshape(MEMBERS, -1)[found["public"]]
    model = np.einsum("ek,ekd->ed", found["coefficients"], atoms) + found["mixture"]
    np.testing.assert_allclose(np.abs(model), challenge.problem.magnitudes, atol=1e-5)


def test_it_does_not_matter_how_many_jobs_share_the_rows(challenge, monkeypatch):
    whole = decode(challenge, 1, 16, monkeypatch)
    for parts in (3, 7):  # of four chunks; some have none
        shared = decode(challenge, parts, 16, monkeypatch)
        for name, values in whole.items():
            np.testing.assert_array_equal(shared[name], values, err_msg=name)


def test_a_row_knows_nothing_of_the_others(challenge, monkeypatch):
    """Only the last bits of sums differ with the rows beside it, hardly a decision."""
    one, other = (decode(challenge, 1, size, monkeypatch) for size in (16, 23))
    assert (one["public"] == other["public"]).mean() > 0.97
    same = (one["public"] == other["public"]).all(axis=1)
    close = np.abs(one["mixture"] - other["mixture"]).max(axis=1) < 1e-3
    assert close[same].mean() > 0.9


def test_labels_are_not_looked_at(challenge, recovery):
    other = replace(challenge.problem, label=np.ones((IMAGES, 1), np.float32) / 3)
    again = run_steps(single().steps, other)[0]
    np.testing.assert_array_equal(again.decryption, recovery.decryption)


@pytest.mark.parametrize("parts", [1, 4, 16])
def test_parts_are_whole_chunks_and_cover_every_row_once(parts):
    chunks = [steps.chunks_of_part(1800, (number, parts)) for number in range(parts)]
    flat_chunks = [chunk for part in chunks for chunk in part]
    np.testing.assert_array_equal(np.concatenate(flat_chunks), np.arange(1800))
    assert [len(chunk) for chunk in flat_chunks] == [500, 500, 500, 300]


def test_what_it_cannot_take_apart_is_refused(challenge):
    rng = np.random.default_rng(0)
    small = Pool(challenge.pool.patches[:, :8])
    for problem, message in (
        (challenge.see(pool=None), "the challenge's pool: public: pool"),
        (challenge.see(replace(SCHEME, k=2)), "k = 2: rows have no public images"),
        (challenge.see(Scheme("inside", k=4)), "scheme inside, k = 4: rows have no public"),
        (challenge.see(Scheme("mixup", k=4)), "scheme mixup: rows have no mask"),
        (challenge.see(pool=small), r"pool's images are \(8, 16, 3\)"),
    ):
        with pytest.raises(InstaHideError, match=message):
            steps.decode_part(problem, rng)
    for starts in (0, 5):
        with pytest.raises(InstaHideError, match=f"starts = {starts}"):
            steps.decode_part(challenge.problem, rng, starts=starts)


def test_its_steps_run_as_jobs_from_files(challenge, tmp_path):
    save_npy(tmp_path / "encryption.npy", challenge.released.encryption)
    save_npy(tmp_path / "label.npy", challenge.released.label)
    store_pool(tmp_path / "pool.zarr", challenge.pool)
    attack = attack_of("single", {})
    about = {"scheme": vars(SCHEME)}
    seen = load_seen(
        tmp_path, about, IMAGES, public=tmp_path / "pool.zarr", labels="none", knows_pool=True
    )
    files = [tmp_path / file for file in attack.files(0)]
    assert len(files) == attack.steps[0].parts == 8
    for part, file in enumerate(files):
        save_step(file, Attack.of(attack.until(0)), [], seen, part=(part, len(files)))
    last = Attack.of(attack.until(1))
    save_step(tmp_path / "attack/decryption.npy", last, files, seen)
    record = json.loads((tmp_path / "attack/attack.json").read_text(encoding="utf-8"))
    assert record["given"]["labels"] == "none" and record["given"]["public_pool"]
    assert [stage["name"] for stage in record["stages"]] == ["rows", "join"]


def test_the_command_writes_the_attacks_folder(challenge, recovery, tmp_path, capsys):
    save_npy(tmp_path / "encryption.npy", challenge.released.encryption)
    save_npy(tmp_path / "label.npy", challenge.released.label)
    store_pool(tmp_path / "pool.zarr", challenge.pool)
    options = ["--pool", str(tmp_path / "pool.zarr"), "--images", str(IMAGES), "--k", "4"]
    with pytest.raises(SystemExit) as end:
        main(["attack", "single", str(tmp_path), *options, "--out", str(tmp_path / "out")])
    assert end.value.code == 0
    assert np.load(tmp_path / "out/decryption.npy").shape == (IMAGES, *SHAPE)
    stored = load_npz(tmp_path / "out/single.npz")
    np.testing.assert_array_equal(stored["public"], recovery.arrays["single"]["public"])
    with pytest.raises(SystemExit) as end:
        main(["attack", "single", str(tmp_path), *options[:-1], "2"])
    assert end.value.code == 2
    assert "k = 2: rows have no public images" in capsys.readouterr().err


def store_pool(path, pool):
    group = zarr.open_group(path, mode="w")
    put_array(group, "patches", pool.patches)
    put_array(group, "boxes", np.zeros((len(pool), 4), np.int32))
    put_array(group, "photo", np.zeros(len(pool), np.int32))
    put_array(group, "keypoints", np.full(len(pool), 41, np.int32))
    put_names(group, "photos", ["a.jpg"])


def test_memory_grows_with_rows_only_by_what_is_kept_of_them():
    size = Size(5000, 3072, 100, 10, 1000, public=8589, pool=8589)
    for step in single().steps:
        more = memory_of(step.choice, replace(size, rows=50_000)) - memory_of(step.choice, size)
        assert more <= 3 * 4 * 3072 * 45_000


def test_the_scan_is_a_weighted_matched_filter(challenge, monkeypatch):
    dictionary = make_dictionary(challenge.pool)
    pool = sharpen_pool(dictionary, steep(dictionary.field))
    left = pool.sharpener.sharpen(challenge.problem.magnitudes[:5])
    weights = pool.sharpener.weigh(left)
    np.testing.assert_allclose(weights.mean(axis=1), 1, rtol=1e-5)
    assert (weights > 0).all()
    wide = np.repeat(weights, 3, axis=1)
    atoms = pool.take(np.arange(MEMBERS))
    scores = (left * wide) @ atoms.T / np.sqrt(wide @ (atoms**2).T)
    monkeypatch.setattr(sharppool, "ATOM_NUMBERS", 70 * atoms.shape[1])  # the last is smaller
    search = Search(pool, 2, shortlist=6)
    for either_sign, expected in ((False, scores), (True, np.abs(scores))):
        found = np.sort(scan_rows(search, left, weights, either_sign), axis=1)
        best = np.sort(np.argsort(-expected, axis=1)[:, :6], axis=1)
        np.testing.assert_array_equal(found, best)


def test_a_pool_that_is_not_held_gives_the_same_images(challenge, monkeypatch):
    dictionary = make_dictionary(challenge.pool)
    held = sharpen_pool(dictionary, flat(dictionary.field))
    monkeypatch.setattr(sharppool, "HELD_BYTES", 0)
    made = sharpen_pool(dictionary, flat(dictionary.field))
    assert isinstance(held.held, np.ndarray) and made.held is None
    some = np.array([[5, -1, 299], [0, 5, 7]])
    np.testing.assert_allclose(made.take(some), held.take(some), atol=1e-5)
    assert (held.take(some)[0, 1] == 0).all()
    for one, other in zip(made.chunks(), held.chunks(), strict=True):
        np.testing.assert_array_equal(one[0], other[0])
        np.testing.assert_allclose(one[1], other[1], atol=1e-5)
        np.testing.assert_allclose(one[2], other[2], rtol=1e-4, atol=1e-6)


@pytest.fixture(scope="module")
def rows():
    """Smooth rows, and a field that knows such rows."""
    images = smooth_images(np.random.default_rng(5), 340, SHAPE).reshape(340, -1)
    return learn_field(images[40:].reshape(-1, *SHAPE)), images[:40]


def test_signs_are_settled_locally(rows):
    field, rows = rows
    level, mean = np.ones(40, np.float32), np.broadcast_to(field.mean, rows.shape)
    near = mean + 0.7 * (rows - mean)
    schedule = cooling(40, (20, 0.002), (4, 0.02))
    estimate = unmask_locally(field, np.abs(rows), near, level / 10, schedule)
    assert (np.abs(estimate) <= np.abs(rows) + 1e-6).all()
    assert ((estimate > 0) == (rows > 0)).mean() > 0.97


def test_regions_are_taken_from_whoever_is_less_rough(rows):
    field, rows = rows
    sharpener, mean = steep(field), np.zeros_like(rows)
    ours, theirs = (rows.reshape(-1, *SHAPE).copy() for _ in range(2))
    ours[:, 1:4, 1:5] *= -1
    theirs[:, 10:14, 10:14] *= -1
    ours, theirs = (turned.reshape(rows.shape) for turned in (ours, theirs))
    merged = merge_regions(sharpener, ours, theirs, mean)
    np.testing.assert_array_equal(np.abs(merged), np.abs(rows))
    assert (merged == rows).all(axis=1).mean() > 0.8  # the good half of each
    before, after = (roughness(sharpener, x).sum(axis=1) for x in (ours, merged))
    assert (after <= before).all()
    np.testing.assert_array_equal(merge_regions(sharpener, rows, rows, mean), rows)


def test_it_is_named_in_the_configuration_of_a_challenge_with_a_pool():
    from test_config import SCHEMA, check_config, config

    named = check_config(config(challenges__challenge__attacks=["single"]), SCHEMA)
    assert named["challenges"]["challenge"]["attacks"] == ["single"]
    inside = {"private": "bundled", "scheme": "inside", "k": 4, "attacks": ["single"]}
    with pytest.raises(InstaHideError, match="'single' knows the pool, and this challenge has"):
        check_config(config(challenges__challenge=inside), SCHEMA)
    with pytest.raises(InstaHideError, match="attacks/single: that name is taken"):
        check_config(config(attacks={"single": {}}), SCHEMA)
