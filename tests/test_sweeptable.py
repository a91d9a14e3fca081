"""The table of a sweep, from files: what its cells say, and what it does of damaged ones."""

import csv
import io
import json

import pytest

from instahide.attacks.protocol import Knowledge
from instahide.challenge.manifest import FORMAT_VERSION
from instahide.errors import InstaHideError
from instahide.leaderboard.records import Record, Value, load_record, save_record
from instahide.leaderboard.sweepcolumns import SWEEP_COLUMNS, encoding_cells
from instahide.leaderboard.sweeptable import (
    attack_cells,
    save_sweep_table,
    sweep_csv,
)
from instahide.scoring.metrics import METRICS

SCHEME = {"name": "cross", "k": 6, "c1": 0.65, "c2": 0.3, "rows_per_image": 20}
ARRAY = {"sha256": "0" * 64, "shape": [40, 8, 8, 3], "dtype": "float32", "range": [-1.0, 1.0]}
LABEL = {"sha256": "0" * 64, "shape": [40, 2], "dtype": "float32", "range": [0.0, 1.0]}
MANIFEST = {
    "format_version": FORMAT_VERSION,
    "images": 2,
    "image_shape": [8, 8, 3],
    "classes": ["cat", "dog"],
    "files": {"encryption.npy": ARRAY, "label.npy": LABEL},
    "pool": {"patches": 300, "sha256": "0" * 64},
    "commitment": {"method": "HMAC-SHA256", "seed": "0" * 64, "private": "0" * 64},
    "versions": {"instahide": "1"},
}
CROSS = MANIFEST | {"scheme": SCHEME, "generator": "aes256-ctr"}
NOISY = {"k": 3, "noise": 0.25, "rows_per_image": 20}
DP = MANIFEST | {"encoding": {"name": "dp-instahide", "options": NOISY}, "pool": None}
GIVEN = Knowledge(public_distribution=True, public_pool=True, pool_share=0.25)


def record(**changed):
    given = {"attack": "pool", "who": "me", "date": "2020-01-01", "reported": False}
    metrics = {name: Value(0.123456789, 0.1, 0.2) for name in METRICS}
    given |= {"metrics": metrics, "challenge": "0" * 64, "decryption": "0" * 64}
    return Record(**given | {"given": GIVEN, "cpu_seconds": 12.5} | changed)


def accuracy(encoding, plain, epochs=3, seed=1):
    """What `accuracy.json` of a run tells."""
    schedule = {"epochs": epochs, "seed": seed}
    training = {"encoding": encoding, "network": {"text": "laptop"}, "schedule": schedule}
    shares = {"plain": plain, "encrypted_10": None if encoding is None else plain / 2}
    return {
        "training": training, "accuracy": shares, "data": "mine", "image_shape": [8, 8, 3]
    }  # fmt: skip


@pytest.fixture
def results(tmp_path):
    def save(path, content):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(json.dumps(content), encoding="utf-8")

    save("sweeps/a/challenge.json", CROSS)
    save("sweeps/b/challenge.json", DP)
    save("training/sweeps/c/seen/challenge.json", DP)
    dp = {"name": "dp-instahide", "options": NOISY}
    save("training/sweeps/c/1/accuracy.json", accuracy(dp, 0.5))
    save("training/sweeps/d/1/accuracy.json", accuracy(None, 0.75))
    save("training/sweeps/e/2/accuracy.json", accuracy(None, 0.9, seed=2))
    for folder in ("sweeps/a", "sweeps/b", "training/sweeps/c/seen"):
        (tmp_path / folder / "attacks/pool").mkdir(parents=True)
        save_record(tmp_path / folder / "attacks/pool/record.json", record())
    return tmp_path


def point(challenge=None, training=None, seed=1, attacks=("pool",), pool=None, known=1):
    return {
        "challenge": challenge, "training": training, "seed": seed, "attacks": list(attacks),
        "pool": pool, "pool_known": known,
    }  # fmt: skip


def table(results, *points, truth=()):
    save_sweep_table(results / "out.csv", "mine", points, truth, results)
    text = (results / "out.csv").read_text(encoding="utf-8")
    return list(csv.DictReader(io.StringIO(text)))


def test_a_challenge_is_told_with_its_interval_and_what_was_given(results):
    (line,) = table(results, point("sweeps/a", pool="bundled", known=0.25))
    assert (line["point"], line["k"], line["T"], line["n"]) == ("sweeps/a", "6", "20", "2")
    assert (line["pool"], line["pool_size"], line["pool_known"]) == ("bundled", "300", "0.25")
    ends = [line[f"max_ssim{end}"] for end in ("", "_low", "_high")]
    assert ends == ["0.123457", "0.1", "0.2"]
    assert (line["knowledge"], line["labels"], line["baseline"]) == (
        "pool",
        "coefficients",
        "0",
    )
    assert line["cpu_seconds"] == "12.5" and line["set_ssim"] == line["accuracy"] == ""


def test_options_of_other_encodings_have_columns(results):
    first, second = table(results, point("sweeps/a"), point("sweeps/b"))
    assert (second["encoding"], second["options"]) == ("dp-instahide", "noise=0.25")
    assert (second["k"], second["T"], second["option:noise"]) == ("3", "20", "0.25")
    assert first["option:noise"] == second["scheme"] == second["pool_known"] == ""


def test_columns_stand_in_the_agreed_order():
    header = sweep_csv([{"option:b": 1, "option:a": 2}]).splitlines()[0].split(",")
    assert tuple(header) == (*SWEEP_COLUMNS, "option:a", "option:b")
    assert SWEEP_COLUMNS[:11] == (
        "sweep", "point", "seed", "encoding", "scheme", "k", "c1", "c2", "T", "n", "size"
    )  # fmt: skip


def test_accuracy_is_lost_against_the_plain_training_that_is_alike(results):
    points = [
        point("training/sweeps/c/seen", "sweeps/c"),
        point(None, "sweeps/d", attacks=[]),
        point(None, "sweeps/e", seed=2, attacks=[]),
    ]
    lost, plain, other = table(results, *points)
    assert (lost["accuracy"], lost["accuracy_encrypted_10"]) == ("0.5", "0.25")
    assert (
        lost["accuracy_lost"] == "0.25" and lost["epochs"] == "3" and lost["attack"] == "pool"
    )
    assert (plain["point"], plain["encoding"]) == ("training/sweeps/d", "none")
    assert (plain["attack"], plain["max_ssim"], plain["accuracy_lost"]) == ("", "", "0")
    assert (other["training"], other["accuracy_lost"]) == ("sweeps/e", "0")
    (alone,) = table(results, points[0])
    assert alone["accuracy_lost"] == ""


def test_a_plain_training_with_another_schedule_is_not_alike(results):
    other = accuracy(None, 0.75)
    other["training"]["schedule"]["rate"] = 0.3
    path = results / "training/sweeps/d/1/accuracy.json"
    path.write_text(json.dumps(other), encoding="utf-8")
    points = [
        point("training/sweeps/c/seen", "sweeps/c"), point(None, "sweeps/d", attacks=[])
    ]  # fmt: skip
    lost, plain = table(results, *points)
    assert (lost["accuracy_lost"], plain["accuracy_lost"]) == ("", "0")


@pytest.mark.parametrize(
    ("given", "truth", "knowledge"),
    [
        (Knowledge(public_distribution=True), (), "sample"),
        (Knowledge(), (), "none"),
        (Knowledge(labels="none", images=False), ("pool",), "truth"),
    ],
)
def test_what_an_attacker_knows_is_told_in_one_word(given, truth, knowledge):
    assert attack_cells(record(given=given), "pool" in truth)["knowledge"] == knowledge


@pytest.mark.parametrize(
    ("told", "text"),
    [
        (None, ""),
        ({"crop_padding": 4, "flip": False}, "crop_padding=4"),
        ({"flip": True, "fill": "grey", "rotation": 15.0}, "flip,fill=grey,rotation=15"),
    ],
)
def test_augmentations_are_told_in_short(told, text):
    scheme = {"name": "cross", "k": 6, "c1": 0.65, "c2": 0.3, "rows_per_image": 50}
    options = {"scheme": scheme, "generator": "aes256-ctr", "augmentation": told}
    assert encoding_cells("instahide", options).get("augmentation", "") == text


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", "[" * 5000, '{"training": 5}'])
@pytest.mark.parametrize(
    "file",
    [
        "training/sweeps/c/seen/challenge.json",
        "training/sweeps/c/seen/attacks/pool/record.json",
        "training/sweeps/c/1/accuracy.json",
    ],
)
def test_a_damaged_file_is_named_and_nothing_is_written(results, file, content):
    (results / file).write_text(content, encoding="utf-8")
    with pytest.raises(InstaHideError, match=file.rpartition("/")[2]):
        table(results, point("training/sweeps/c/seen", "sweeps/c"))
    assert not (results / "out.csv").exists()


def test_a_record_keeps_the_share_of_the_pool_and_no_other_record_has_one(tmp_path):
    save_record(tmp_path / "record.json", record())
    assert load_record(tmp_path / "record.json").given == GIVEN
    assert "pool_share" not in Knowledge(public_pool=True).told()
